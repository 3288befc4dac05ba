"""Moves a site to free loopback ports and into the directory in which a local server lives; names, public URL and policy stay as they are.

The directory holds configuration, logs, run files and content, readable by the server's workers, gone afterwards. A disk without room is no
verdict, never a fault of the configuration.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import shutil
import socket
import time
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ota_proxy.addresses import is_address
from ota_proxy.errors import NoVerdictError, UsageError
from ota_proxy.harness.engine import FILE_AGE, Moved, Placement, TestFile
from ota_proxy.harness.listening import LOOPBACK
from ota_proxy.harness.run_directory import OWNER, RunDirectory, unusable
from ota_proxy.policy import server_values
from ota_proxy.policy.capabilities import Capabilities, Layout
from ota_proxy.servers.apache import quote as apache_quote
from ota_proxy.servers.base import server_named
from ota_proxy.servers.nginx import quote as nginx_quote
from ota_proxy.site import Location, Site
from ota_proxy.site.values import FilePath

_FILE_PATH: TypeAdapter[str] = TypeAdapter(FilePath)

TEMP = "tmp"
"""Folder for what a server buffers."""
LONGEST_SOCKET = 100
"""Bytes of a unix socket's path that every system takes (Linux has 107, macOS 103)."""


class ServerDirectory:
    """The run directory of a server: a fresh temporary folder. It goes with this object, or with the process, unless it was told to `stay`.

    NoVerdictError if there is no room for it, or where the workers of a server that root starts could not enter it.
    """

    def __init__(self) -> None:
        self._folder = RunDirectory()
        self.path = self._folder.path
        if os.geteuid() == 0:
            _reachable(self.path)

    def nameable(self) -> None:
        """Raise NoVerdictError where the grammars of the servers cannot hold this folder's path; nginx plays a part beside Apache too."""
        try:
            _FILE_PATH.validate_python(str(self.path))
            nginx_quote.quote_path(str(self.path), ("TMPDIR",))
            apache_quote.path(str(self.path), ("TMPDIR",))
        except (ValidationError, UsageError):
            raise NoVerdictError(
                f"a server's configuration cannot name the temporary folder {str(self.path.parent)!r}",
                hint="set TMPDIR to a folder with a plain name",
            ) from None

    def layout(self, server: str, modules: Path | None = None) -> Layout:
        """Return where a server's things are here; `modules` is the folder of those that it loads."""
        etc, run = self.path / "etc", self.path / "run"
        folder = etc / server
        main = next(iter(server_named(server).main_names), "")
        return Layout(
            ca_bundle=f"{etc}/ca-certificates.crt",
            folder=str(folder),
            main=f"{folder}/{main}",
            site=f"{folder}/sites/ota-proxy.conf",
            mime_types=f"{folder}/mime.types",
            modules=str(modules or ""),
            user=worker()[0] if os.geteuid() == 0 else _own_user(),
            pid=f"{run}/{server}.pid",
            log=str(self.path / "log"),
        )

    def clear(self) -> None:
        """Make the folders of a new run; what an earlier one left is removed."""
        self.empty()
        try:
            for name in ("etc", "log", "run", TEMP, "mocks"):
                (self.path / name).mkdir(mode=0o755)
        except OSError as error:
            raise unusable(error) from None

    def empty(self) -> None:
        """Remove everything inside."""
        for path in self.path.iterdir():
            if path.name == OWNER:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def write(self, files: Iterable[TestFile]) -> None:
        """Write files; NoVerdictError for a path outside this folder: we write nowhere else."""
        for file in files:
            path = Path(file.path)
            if not path.is_relative_to(self.path):
                raise NoVerdictError(
                    f"the path {file.path} is outside the folder of this run", hint="use --engine docker for it"
                )
            try:
                _write(path, file)
            except OSError as error:
                raise unusable(error) from None

    def socket_path(self, number: int) -> str:
        """Return the path of a unix socket; NoVerdictError where the temporary folder's own path is too long for one."""
        path = str(self.path / f"{number}.sock")
        if len(os.fsencode(path)) > LONGEST_SOCKET:
            raise NoVerdictError(
                f"the path {path} is too long for a unix socket", hint="set TMPDIR to a shorter folder"
            )
        return path

    def stay(self) -> None:
        """Leave the folder on disk, for `--keep`."""
        self._folder.stay()


def _write(path: Path, file: TestFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(file.data)
        os.fchmod(stream.fileno(), file.mode)
    os.utime(path, (time.time() - FILE_AGE,) * 2)


def _own_user() -> str:
    """Return a name that can stand for user and group in a file that an ordinary account starts: read, checked and then ignored."""
    own = pwd.getpwuid(os.geteuid()).pw_name
    for name in (own, *server_values.worker_users()):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(name)
            return grp.getgrnam(name).gr_name
    return own


def worker() -> tuple[str, str]:
    """Return user and group for the workers of a server that root starts; an ordinary account's workers are its own."""
    for user in server_values.worker_users():
        with contextlib.suppress(KeyError):
            return user, grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    raise NoVerdictError(
        "root needs an ordinary user for the server's workers, and there is none of "
        + ", ".join(server_values.worker_users())
    )


def _reachable(path: Path) -> None:
    closed = next((parent for parent in path.parents if not parent.stat().st_mode & 0o001), None)
    if closed:
        raise NoVerdictError(
            f"the server's workers cannot enter {closed}", hint="set TMPDIR to a folder open to all users"
        )


class Ports:
    """Free loopback ports, held until they are released: bound without listening, so that nobody else is given them."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        weakref.finalize(self, _close, self._held)

    def take(self) -> int:
        """Return a port that is free on 127.0.0.1."""
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        self._held.append(held)
        port: int = held.getsockname()[1]
        return port

    def release(self) -> None:
        """Let go of all of them."""
        _close(self._held)


def _close(held: list[socket.socket]) -> None:
    while held:
        held.pop().close()


_DRIVE = re.compile("[A-Za-z]:")


class Relocation:
    """The move of the sites of one trial of a server."""

    def __init__(self, directory: ServerDirectory, ports: Ports, server: str) -> None:
        self._directory, self._ports, self._server = directory, ports, server_named(server)
        self._tls_proxy: tuple[int, int] | None = None
        self._applications: dict[str, str] = {}

    def placed(self, caps: Capabilities, sites: Sequence[Site]) -> Placement:
        """Return the sites as they will run: all of them on the ports that were found for the first."""
        first, *others = (self._adapted(site) for site in sites)
        tls_proxy = self._tls_proxy
        alike = [site.model_copy(update={"listen": first.listen}) for site in others]
        return Placement(caps, (first, *alike), Moved(tls_proxy, dict(self._applications)))

    def _adapted(self, site: Site) -> Site:
        data = site.model_dump()
        offloaded = site.tls.offloaded
        plain = site.listen.http is not False
        if offloaded or not self._server.played:
            # what is rendered for a server that is played depends on its ports, and the emulator replaces them itself
            data["listen"] |= {
                "addresses": (f"{LOOPBACK}/32",),
                "http": self._ports.take() if plain else False,
                "https": None if offloaded else self._ports.take(),
            }
        if offloaded:
            data["trusted_proxies"] = (f"{LOOPBACK}/32",)
            self._tls_proxy = self._tls_proxy or (self._ports.take(), self._ports.take())
        if site.access.allow:
            data["access"]["allow"] = (*site.access.allow, f"{LOOPBACK}/32")
        self._move(data, site)
        return Site.model_validate(data)

    def _move(self, data: dict[str, Any], site: Site) -> None:
        moved = self._moved
        targets: dict[str, str] = {}
        data["locations"] = [self._location(location, targets) for location in site.locations]
        data["certificates"] = [
            pair.model_dump() | {"cert": moved(pair.cert), "key": moved(pair.key)} for pair in site.certificates
        ]
        data["redirect"]["acme_root"] = moved(site.redirect.acme_root)
        for part, key in (("auth", "htpasswd"), ("client_certificates", "ca"), ("error_pages", "folder")):
            data[part][key] = moved(data[part][key]) if data[part][key] else None
        for key in ("access", "error"):
            path = data["log"][key]
            data["log"][key] = str(self._directory.path / "log" / Path(path).name) if path else path

    def _location(self, location: Location, targets: dict[str, str]) -> dict[str, Any]:
        data = location.model_dump()
        if location.root is not None:
            return data | {"root": self._moved(location.root)}
        target = location.target
        if target is None or location.upstream is None:
            return data
        if location.upstream not in targets:
            unix = self._directory.socket_path(len(targets)) if target.scheme == "unix" else ""
            named = self._server.played and not is_address(target.host)
            host = target.host if named else LOOPBACK
            targets[location.upstream] = f"unix:{unix}" if unix else f"{target.scheme}://{host}:{self._ports.take()}"
        data["upstream"] = targets[location.upstream]
        self._applications[location.upstream.partition("://")[2]] = targets[location.upstream].partition("://")[2]
        if target.scheme == "https":
            data["upstream_ca"] = self._moved(location.upstream_ca or "/upstream-ca.pem")
            data["upstream_name"] = self._upstream_name(location.upstream_name, target.host)
        return data

    def _moved(self, path: str) -> str:
        return inside(self._directory.path, path, windows=self._server.played)

    def _upstream_name(self, given: str | None, host: str) -> str | None:
        """Return the name to verify where an application moved from `host` to loopback: a host that is a name stays that where it can."""
        if self._server.verifies_any_name:
            return given or (None if is_address(host) else host)
        return None if given == host else given


def inside(directory: Path, path: str, *, windows: bool = False) -> str:
    """Return where a path of the site is in a run's directory; `windows` has drives."""
    if windows and _DRIVE.match(path):
        path = f"/{path[0].upper()}{path[2:]}".replace("\\", "/")
    if not path.startswith("/"):
        raise NoVerdictError(f"the path {path} has no place on this machine", hint="use --engine docker for it")
    return str(directory / "site" / path.lstrip("/"))
