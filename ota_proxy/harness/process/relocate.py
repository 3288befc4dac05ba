"""Moves a site to free loopback ports and into a temporary folder; names, public URL and policy stay as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ota_proxy.addresses import is_address
from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.listening import LOOPBACK
from ota_proxy.harness.process.home import Home, Ports
from ota_proxy.site import Location, Site

_DRIVE = re.compile("[A-Za-z]:")


class Relocation:
    """The moves of one engine; remembers which ports the front of an offloaded site got."""

    def __init__(self, home: Home, ports: Ports) -> None:
        self._home, self._ports = home, ports
        self._fronts: dict[int, tuple[int, int]] = {}
        self.applications: dict[str, str] = {}
        """Where applications were, and where they are now: `127.0.0.1:8080` to `127.0.0.1:40001`."""
        self._server = ""

    def adapt(self, site: Site, server: str) -> Site:
        """Return the site on free ports of 127.0.0.1 with every path inside the folder, in a form that `server` can verify."""
        self._server = server
        data = site.model_dump()
        offloaded = site.tls.offloaded
        plain = site.listen.http is not False
        if (
            server != "iis" or offloaded
        ):  # what is rendered for IIS depends on its ports, and the emulator replaces them itself
            data["listen"] |= {
                "addresses": (f"{LOOPBACK}/32",),
                "http": self._ports.take() if plain else False,
                "https": None if offloaded else self._ports.take(),
            }
        if offloaded:
            data["trusted_proxies"] = (f"{LOOPBACK}/32",)
            self._fronts[data["listen"]["http"]] = (self._ports.take(), self._ports.take())
        if site.access.allow:
            data["access"]["allow"] = (*site.access.allow, f"{LOOPBACK}/32")
        self._move(data, site, server)
        return Site.model_validate(data)

    def _move(self, data: dict[str, Any], site: Site, server: str) -> None:
        moved = self.moved
        targets: dict[str, str] = {}
        data["locations"] = [self._location(location, targets, server) for location in site.locations]
        data["certificates"] = [
            pair.model_dump() | {"cert": moved(pair.cert), "key": moved(pair.key)} for pair in site.certificates
        ]
        data["redirect"]["acme_root"] = moved(site.redirect.acme_root)
        for part, key in (("auth", "htpasswd"), ("client_certificates", "ca"), ("error_pages", "folder")):
            data[part][key] = moved(data[part][key]) if data[part][key] else None
        for key in ("access", "error"):
            path = data["log"][key]
            data["log"][key] = str(self._home.path / "log" / Path(path).name) if path else path

    def _location(self, location: Location, targets: dict[str, str], server: str) -> dict[str, Any]:
        data = location.model_dump()
        if location.root is not None:
            return data | {"root": self.moved(location.root)}
        target = location.target
        if target is None or location.upstream is None:
            return data
        if location.upstream not in targets:
            unix = self._home.socket_path(len(targets)) if target.scheme == "unix" else ""
            host = target.host if server == "iis" and not is_address(target.host) else LOOPBACK
            targets[location.upstream] = f"unix:{unix}" if unix else f"{target.scheme}://{host}:{self._ports.take()}"
        data["upstream"] = targets[location.upstream]
        self.applications[location.upstream.partition("://")[2]] = targets[location.upstream].partition("://")[2]
        if target.scheme == "https":
            data["upstream_ca"] = self.moved(location.upstream_ca or "/upstream-ca.pem")
            data["upstream_name"] = _upstream_name(location.upstream_name, target.host, server)
        return data

    def moved(self, path: str) -> str:
        """Return where a path of the site is in this run's folder."""
        if _DRIVE.match(path) and self._server == "iis":
            path = f"/{path[0].upper()}{path[2:]}".replace("\\", "/")
        if not path.startswith("/"):
            raise NoVerdictError(f"the path {path} has no place on this machine", hint="take --engine docker for it")
        return str(self._home.path / "site" / path.lstrip("/"))

    def front_ports(self, site: Site) -> tuple[int, int]:
        """Return the TLS port and the plain port of the front of an adapted, offloaded site."""
        ports = self._fronts.get(site.listen.http)
        if ports is None:
            raise NoVerdictError("the site was not adapted to this engine", hint="run what adapt() returned")
        return ports


def _upstream_name(given: str | None, host: str, server: str) -> str | None:
    """Return the name to verify where an application moved from `host` to loopback.

    nginx compares names only, so a host that is a name stays that; Apache and IIS compare with what they connect to.
    """
    if server in ("apache", "iis"):
        return None if given == host else given
    return given or (None if is_address(host) else host)
