r"""Where the folders of an IIS rendering are on this machine: `%SystemDrive%\srv\ota` is /srv/ota, our own folders are in the run's."""

from __future__ import annotations

from pathlib import Path

from ota_proxy.servers.iis.plan import Plan

_DRIVE, _OWN = "%SystemDrive%", r"%SystemDrive%\inetpub\ota-proxy"


class Places:
    """The folders of one run."""

    def __init__(self, home: Path, plan: Plan) -> None:
        self._home, self._plan = home, plan

    def folder(self, windows: str) -> str:
        """Return the folder of a Windows path that the renderer wrote."""
        inside = windows.removeprefix(_OWN)
        if inside != windows:
            return str(self._home / "inetpub" / inside.strip("\\").replace("\\", "/"))
        return windows.removeprefix(_DRIVE).replace("\\", "/")

    def site(self, name: str) -> Path:
        """Return the root folder of one of the plan's IIS sites."""
        return Path(self.folder(self._plan.root if name == self._plan.name else self._plan.folder(name)))

    def apphost(self, name: str) -> Path:
        """Return the file with the server's part of the configuration for a site."""
        return self._home / "config" / name / "applicationHost.config"
