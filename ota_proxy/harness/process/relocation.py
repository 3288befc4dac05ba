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
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ota_proxy.addresses import is_address
from ota_proxy.errors import NoVerdictError, UsageError
from ota_proxy.harness.engine import FILE_AGE, TestFile
from ota_proxy.harness.listening import LOOPBACK
from ota_proxy.harness.run_directory import OWNER, RunDirectory, unusable
from ota_proxy.policy import server_values
from ota_proxy.servers.apache import quote as apache_quote
from ota_proxy.servers.nginx import quote as nginx_quote
from ota_proxy.site import Location, Site
from ota_proxy.site.values import FilePath

_FILE_PATH: TypeAdapter[str] = TypeAdapter(FilePath)

TEMP = "tmp"
"""Folder for what a server buffers."""
LONGEST_SOCKET = 100
"""Bytes of a unix socket's path that every system takes (Linux has 107, macOS 103)."""


class Home:
    """A fresh temporary folder. It goes with this object, or with the process, unless it was told to `stay`.

    NoVerdictError where there is no room for it, or where the workers of a server that root starts could not enter it.
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

    def layout(self) -> dict[str, str]:
        """Return where things are here, by the names of the capability table's layouts."""
        etc, log, run = (str(self.path / name) for name in ("etc", "log", "run"))
        user = worker()[0] if os.geteuid() == 0 else _own_user()
        return {
            "ca_bundle": f"{etc}/ca-certificates.crt",
            "nginx_conf": f"{etc}/nginx",
            "nginx_site": f"{etc}/nginx/conf.d/ota-proxy.conf",
            "nginx_user": user,
            "nginx_pid": f"{run}/nginx.pid",
            "nginx_log": log,
            "apache_root": f"{etc}/apache2",
            "apache_conf": f"{etc}/apache2/apache2.conf",
            "apache_site": f"{etc}/apache2/sites-enabled/ota-proxy.conf",
            "apache_user": user,
            "apache_pid": f"{run}/apache2.pid",
            "apache_log": log,
            "apache_mime": f"{etc}/mime.types",
        }

    def clear(self) -> None:
        """Make the folders of a new run; what an earlier one left is removed."""
        self.empty()
        try:
            for name in ("etc", "log", "run", TEMP, "side"):
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
            raise NoVerdictError(f"the path {path} has no place on this machine", hint="use --engine docker for it")
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
