"""How one server is found and started as a process of this machine: a recipe each, loaded by the server's name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.process.binaries import Binary
from ota_proxy.harness.process.launch import Command

_DEADLINE = 15.0
"""Seconds for each question."""
RECIPES = {
    "nginx": "ota_proxy.harness.process.nginx_process",
    "apache": "ota_proxy.harness.process.apache_process",
}
"""Server → the module that starts it."""


class Recipe(Protocol):
    """What such a module has."""

    def find(self) -> Binary:
        """Return the server as it is installed here; NoVerdictError where it is not, or cannot be read."""

    def modules(self, binary: Binary) -> frozenset[str] | None:
        """Return the modules in use, without `mod_`, `ngx_` and `_module`; None if the configuration does not load.

        It is asked of servers that are looked for on this machine.
        """

    def around(self, scenario: Scenario, binary: Binary, directory: Path) -> Mapping[str, str]:
        """Return path → text of the enclosing configuration: the main file, and what it reads beside the site's own file.

        `directory` is the run's: nothing lies outside it, and no root is needed. A scenario's own files take the place of these.
        """

    def command(self, scenario: Scenario, binary: Binary, directory: Path) -> Command:
        """Return how the server `server` is tested and started in the foreground, and by what one sees that it is up."""


def recipe(server: str) -> Recipe:
    """Return the recipe of a server; NoVerdictError for one that cannot be started as a process."""
    if server not in RECIPES:
        raise NoVerdictError(f"{server} does not run on this machine", hint="take another --engine")
    return cast("Recipe", import_module(RECIPES[server]))


def printed(*command: str) -> str | None:
    """Return what a command prints; None if it fails or is too slow."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_DEADLINE, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def literal(path: str) -> str:
    """Return a path that means itself where nginx and Apache look for patterns (glob(7), apr_fnmatch)."""
    return re.sub(r"([*?\[])", r"[\1]", path)
