"""Runs one script file as at a prompt, in a scope of its own: parameters, strict mode, $PSScriptRoot, -WhatIf."""

from __future__ import annotations

from typing import Any

from tests.powershell_model.commands import PSCmdlet, bind
from tests.powershell_model.machine import Machine
from tests.powershell_model.statements import parameters_of
from tests.powershell_model.syntax import Function, ReturnSignal, Run, Scope, execute, global_scope, parse, parts
from tests.powershell_model.values import PsTable


def run_script(
    machine: Machine, source: str, *, folder: str = "C:\\ota", what_if: bool = False, **given: object
) -> list[Any]:
    """Run a script as a new session and return what it puts out; PsError where it ends with an error."""
    machine.new_session()
    run, root = Run(machine), parse(source.removeprefix("\ufeff"))
    scope = Scope(global_scope(), PsTable([("PSScriptRoot", folder)]), kind="script")
    if what_if:
        scope.variables["WhatIfPreference"] = True
    block = next((child for child in parts(root) if child.type == "param_block"), None)
    named: dict[str, Any] = {key.lower(): value for key, value in given.items()}
    bind(run, Function("script", parameters_of(block), None, advanced=True), named, [], scope)
    scope.variables["PSCmdlet"] = PSCmdlet(run, scope)
    try:
        return execute(run, root, scope)
    except ReturnSignal as signal:
        return signal.outputs
