"""Script modules: Import-Module of a .psm1 file and Export-ModuleMember. A module has a session of its own, and exports what it says.

Source: about_Modules, about_Scopes ("the privacy of a module behaves like a scope") and the pages of the two cmdlets.
"""

from __future__ import annotations

import re
from typing import Any

from tests.powershell_model.commands import Call, cmdlet
from tests.powershell_model.machine import parent
from tests.powershell_model.syntax import Run, Scope, UnsupportedError, execute, global_scope, parse
from tests.powershell_model.values import PsError, PsTable, listed, text, truth

_INSTALLED = ("IISAdministration",)


@cmdlet("Get-Module")
def _installed(call: Call) -> list[Any]:
    return [name for name in _INSTALLED if name == call.get("Name")]


@cmdlet("Import-Module")
def _import(call: Call) -> list[Any]:
    """Run a script module once, or again with -Force, and put what it exports where -Scope says: by default into the caller's session."""
    name = _literal(text(call.get("Name")))
    if name in _INSTALLED:
        return []  # its cmdlets are the model's own
    machine = call.run.machine
    if not name.lower().endswith(".psm1") or machine.file_key(name) is None:
        raise PsError(
            f"The specified module '{name}' was not loaded because no valid module file was found in any module directory."
        )
    loaded = call.run.modules.get(name.lower())
    if loaded is None or truth(call.get("Force")):
        loaded = call.run.modules[name.lower()] = _run_module(call.run, call.scope, name)
    target = call.scope if text(call.get("Scope")).lower() == "local" else call.scope.session
    exported = loaded.functions if loaded.exported is None else loaded.exported
    target.functions |= {one: loaded.functions[one] for one in exported}
    return []


def _literal(pattern: str) -> str:
    """Return the path that a pattern with escaped characters means; PsError for a real pattern (-Name takes wildcards)."""
    if re.search(r"(?<!`)[\[\]*?]", pattern):
        raise PsError(f"Cannot perform operation because the wildcard path {pattern} did not resolve to a file.")
    return re.sub("`(.)", r"\1", pattern)


def _run_module(run: Run, caller: Scope, path: str) -> Scope:
    above = next((scope for scope in caller.chain() if scope.kind == "global"), None) or global_scope()
    scope = Scope(above, PsTable([("PSScriptRoot", parent(path))]), kind="module")
    execute(run, parse(run.machine.read_text(path).removeprefix("\ufeff")), scope)
    return scope


@cmdlet("Export-ModuleMember")
def _export(call: Call) -> list[Any]:
    if call.scope.kind != "module":
        raise PsError("The Export-ModuleMember cmdlet can only be called from inside a module.")
    names = [text(one).lower() for one in listed(call.get("Function"))]
    if missing := [name for name in names if name not in call.scope.functions]:
        raise UnsupportedError(f"Export-ModuleMember of {missing}, which this module does not define")
    call.scope.exported = [*(call.scope.exported or []), *names]
    return []
