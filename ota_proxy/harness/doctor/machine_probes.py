"""Looks at what an installation needs from its Python, its packages and its machine. Sizes are in bytes."""

from __future__ import annotations

import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from ota_proxy import __version__
from ota_proxy.browser import find as browsers
from ota_proxy.harness.doctor.probe import Probe, Status
from ota_proxy.harness.process.relocation import LONGEST_SOCKET
from ota_proxy.resources import folder

SECONDS = 10
"""How long a program may take to tell its version."""
FILES = 65535
"""Open files that a whole configuration asks for (`worker_rlimit_nofile`, servers/nginx/notes.py)."""
ROOM = 200 * 1024 * 1024
"""Free space that a run with a package of usual size needs."""
_SOCKET = len("/ota-proxy-xxxxxxxx/mocks/upstream-00.sock")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*['\"]([\w-]+)['\"])?")
_EXTRAS = {"qr": "finds the QR code in an image of a landing page"}
"""What extras are for; `embedded` is an engine."""
_TOOLS = {
    "compose": (
        "the compose files of ota-proxy",
        "apt install docker-compose, or Docker's own plugin `docker compose`",
    ),
    "dotnet": ("holding rewrite rules of IIS against .NET's own engine", "install a .NET SDK: https://dot.net"),
}
_VERSION = {"compose": ["docker", "compose", "version", "--short"], "dotnet": ["dotnet", "--version"]}
_QUIET = {"DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1", "DOTNET_SKIP_FIRST_TIME_EXPERIENCE": "1"}


def python() -> Probe:
    """Look at the interpreter and the TLS library that the simulated device uses."""
    found = f"{platform.python_version()} with {ssl.OPENSSL_VERSION}, {sys.executable}"
    if ssl.HAS_TLSv1_3 and ssl.HAS_ALPN:
        return Probe("installation", "python", "ok", found, needed=True)
    lacks = "TLS 1.3" if not ssl.HAS_TLSv1_3 else "ALPN"
    remedy = "use a Python that is built with OpenSSL 1.1.1 or newer"
    return Probe("installation", "python", "limited", f"{found}; it lacks {lacks}", "the simulated device", remedy)


def own_files() -> Probe:
    """Look for the folders that came with the program."""
    missing = [name for name in ("templates", "compose", "rules") if not _has(name)]
    if not missing:
        return Probe("installation", "ota-proxy", "ok", f"{__version__}, {Path(__file__).parents[2]}", needed=True)
    text = f"{__version__} lacks its folder {', '.join(missing)}"
    return Probe("installation", "ota-proxy", "missing", text, remedy=_again(), needed=True)


def _has(name: str) -> bool:
    try:
        return bool(folder(name))
    except FileNotFoundError:
        return False


def _again() -> str:
    return "python -m pip install --force-reinstall ota-proxy"


def packages() -> Iterator[Probe]:
    """Look for the Python packages that are needed, and for those of each extra."""
    try:
        wanted = [
            (match[1], match[2] or "") for text in requires("ota-proxy") or () if (match := _REQUIREMENT.match(text))
        ]
    except PackageNotFoundError:
        yield Probe("installation", "packages", "limited", "ota-proxy runs from a folder and is not installed")
        return
    names = [name for name, extra in wanted if not extra]
    lacking = [name for name in names if not _installed(name)]
    found = f"{', '.join(lacking)} missing" if lacking else f"all {len(names)} that are needed"
    status: Status = "missing" if lacking else "ok"
    yield Probe("installation", "packages", status, found, remedy=_again() if lacking else "", needed=True)
    for extra in dict.fromkeys(extra for _, extra in wanted if extra and extra != "embedded"):
        yield _extra(extra, [name for name, of in wanted if of == extra])


def _extra(extra: str, names: list[str]) -> Probe:
    purpose = _EXTRAS.get(extra, "")
    lacking = [name for name in names if not _installed(name)]
    if lacking:
        remedy = f"python -m pip install 'ota-proxy[{extra}]'"
        return Probe(
            "installation", f"extra {extra}", "missing", f"{', '.join(lacking)} not installed", purpose, remedy
        )
    found = ", ".join(f"{name} {_installed(name)}" for name in names)
    return Probe("installation", f"extra {extra}", "ok", found, purpose)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def temporary() -> Probe:
    """Look at the folder in which local servers live and files are put together."""
    purpose, remedy = "files of a run, removed at its end", "name another folder in TMPDIR"
    try:
        place = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        return Probe("machine", "temporary", "missing", str(error), purpose, remedy, needed=True)
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK | os.X_OK):
        return Probe("machine", "temporary", "missing", f"{place} cannot be written", purpose, remedy, needed=True)
    found = f"{place}, {free // 1024**2:,} MiB free"
    if free < ROOM:
        return Probe("machine", "temporary", "limited", found, purpose, f"make room, or {remedy}")
    if len(os.fsencode(place)) + _SOCKET > LONGEST_SOCKET:
        return Probe("machine", "temporary", "limited", f"{found}; too long for sockets in it", purpose, remedy)
    return Probe("machine", "temporary", "ok", found, purpose)


def open_files() -> Probe:
    """Look at how many files a process may have open."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return Probe("machine", "open files", "ok", "this system has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = [("without limit" if value == resource.RLIM_INFINITY else f"{value:,}") for value in (soft, hard)]
    found = f"{limits[0]} now, {limits[1]} at most"
    if hard == resource.RLIM_INFINITY or hard >= FILES:
        return Probe("machine", "open files", "ok", found, "many phones or targets at once")
    remedy = (
        f"raise it for this user: `* hard nofile {FILES}` in /etc/security/limits.conf, or LimitNOFILE= of a service"
    )
    return Probe("machine", "open files", "limited", found, f"a whole configuration asks for {FILES:,}", remedy)


def tool(name: str) -> Probe:
    """Look for a program that some people or tests use, and ask it for its version."""
    purpose, remedy = _TOOLS[name]
    path = shutil.which("docker" if name == "compose" else name)
    told = _ask(_VERSION[name]) if path else ""
    old = shutil.which("docker-compose") if name == "compose" and not told else None
    if old:
        return Probe("tools", name, "ok", old, purpose)
    if not told:
        return Probe("tools", name, "missing", "not found", purpose, remedy)
    return Probe("tools", name, "ok", f"{told}, {path}", purpose)


def browser() -> Probe:
    """Look for what opens pages that are built by scripts; it is not asked for its version, for that would start it."""
    purpose, why = "check --browser: opens pages that are built by scripts", browsers.missing()
    if why:
        found, _, remedy = why.partition(": ")
        return Probe("tools", "browser", "missing", found, purpose, remedy)
    return Probe("tools", "browser", "ok", browsers.chromium() or "Playwright's own", purpose)


def tools() -> tuple[str, ...]:
    """Return the names that `tool` knows."""
    return tuple(_TOOLS)


def _ask(command: list[str]) -> str:
    """Return the first line of what a program says of itself; empty if it fails or is too slow."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_QUIET},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip().partition("\n")[0] if done.returncode == 0 else ""
