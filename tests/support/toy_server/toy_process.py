"""The toy as a process of this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.listening import ports
from ota_proxy.harness.process.binaries import Binary
from ota_proxy.harness.process.launch import Command

PROGRAM = Path(__file__).with_name("program.py")


def find() -> Binary:
    """Return the program, which is always here."""
    return Binary("toy", PROGRAM, "7.0", "openssl-3.0.0", "")


def around(scenario: Scenario, binary: Binary, directory: Path) -> Mapping[str, str]:  # noqa: ARG001 - as every recipe is asked
    """Return a main file that includes the site's."""
    layout = scenario.caps.layout
    return {layout.main: f'include "{layout.site}"\n'}


def command(scenario: Scenario, binary: Binary, directory: Path) -> Command:  # noqa: ARG001 - as every recipe is asked
    """Return how it is tested and started."""
    base = [sys.executable, "-I", str(binary.path), scenario.caps.layout.main]
    return Command("server", [*base, "--test"], base, tuple(ports(scenario.site)))
