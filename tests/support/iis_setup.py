"""Runs the scripts of a rendered variant on the model of a Windows Server (tests/powershell_model)."""

from __future__ import annotations

from typing import Any

from tests.powershell_model import Machine, run_script
from tests.powershell_model.servers import PFX, machine
from tests.support import iis_sites as iis

NAMES = [name for name in iis.NAMES if not name.startswith("snippet")]


def server(name: str, **more: str | bool) -> Machine:
    chosen: dict[str, Any] = {"windows": _windows(name), "rewrite": _rewrite(name)} | more
    return machine(iis.beside(iis.variant(name)), **chosen)


def _windows(name: str) -> str:
    return name.split("-")[1]


def _rewrite(name: str) -> str:
    return "" if name.endswith("no-rewrite") else "2.1"


def setup(on: Machine, name: str, **given: object) -> None:
    tls: dict[str, object] = {} if name.startswith("offloaded") else {"PfxPath": PFX, "Schannel": True}
    run_script(on, iis.script(iis.variant(name), "setup.ps1"), **(tls | given))  # type: ignore[arg-type] # parameters of the script


def undo(on: Machine, name: str, *, what_if: bool = False) -> None:
    run_script(on, iis.script(iis.variant(name), "undo.ps1"), what_if=what_if)
