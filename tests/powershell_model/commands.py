"""Commands: finds the function or cmdlet, binds its parameters and runs it. What nobody documented or modelled fails by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.powershell_model.expressions import converted
from tests.powershell_model.syntax import (
    Function,
    Node,
    ReturnSignal,
    Run,
    Scope,
    UnsupportedError,
    evaluate,
    execute,
    parts,
    words,
)
from tests.powershell_model.values import PsError, PsTable, Thing, truth
from tests.support.powershell_cmdlets import COMMON, Documented, documented

Bound = dict[str, Any]


@dataclass
class Call:
    """One call of a cmdlet: its parameters by lower-case name, and what came down the pipeline (None: not in a pipeline)."""

    run: Run
    scope: Scope
    bound: Bound
    flowing: list[Any] | None

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - PowerShell values
        """Return a parameter's value."""
        return self.bound.get(name.lower(), default)

    @property
    def planning(self) -> bool:
        """Say whether a cmdlet that asks (ShouldProcess) is to change nothing."""
        own = self.bound.get("whatif")
        return truth(self.scope.find("WhatIfPreference") if own is None else own)


Cmdlet = Callable[[Call], list[Any]]
CMDLETS: dict[str, Cmdlet] = {}


def cmdlet(name: str) -> Callable[[Cmdlet], Cmdlet]:
    """Register what a cmdlet does in the model; its parameters stand in the list of documented cmdlets."""

    def keep(function: Cmdlet) -> Cmdlet:
        CMDLETS[name.lower()] = function
        return function

    return keep


class PSCmdlet(Thing):
    """$PSCmdlet of an advanced function: asks before a change, and says no under -WhatIf."""

    def __init__(self, run: Run, scope: Scope) -> None:
        self.run, self.scope = run, scope

    def call(self, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401 - a PowerShell value
        """ShouldProcess(target, action)."""
        if name.lower() != "shouldprocess":
            return super().call(name, arguments)
        planning = truth(self.scope.find("WhatIfPreference"))
        (self.run.machine.planned if planning else self.run.machine.done).append(": ".join(map(str, arguments)))
        return not planning


def run_command(run: Run, node: Node, scope: Scope, flowing: list[Any] | None) -> list[Any]:
    """Run one command of a pipeline and return what it puts out."""
    name_node, *rest = parts(node)
    if name_node.type != "command_name":
        raise UnsupportedError(f"{name_node.type} in line {node.line}")
    name = words(name_node)
    named, positional = _arguments(run, rest[0] if rest else None, scope, _switches(scope, name))
    if function := scope.function(name):
        return _call_function(run, function, named, positional, scope)
    return _call_cmdlet(run, name, named, positional, scope, flowing)


def _switches(scope: Scope, name: str) -> frozenset[str]:
    if function := scope.function(name):
        own = {one.name.lower() for one in function.parameters if one.type == "switch"}
        return frozenset(own | {"whatif", "confirm", "verbose"})
    known = documented(name)
    return frozenset() if known is None else known.switches


def _arguments(  # noqa: C901 - one branch for each kind of word in a command
    run: Run, node: Node | None, scope: Scope, switches: frozenset[str]
) -> tuple[Bound, list[Any]]:
    named: Bound = {}
    positional: list[Any] = []
    waiting = ""
    for child in node.children if node else ():
        if child.type == "command_argument_sep":
            if waiting in switches and words(child) == ":":
                named.pop(waiting, None)
            elif waiting in switches and named.get(waiting):
                waiting = ""
        elif child.type == "command_parameter":
            waiting = words(child)[1:].lower()
            if waiting in named:
                raise PsError(f"Cannot bind parameter because parameter '{waiting}' is specified more than once.")
            if waiting in switches:
                named[waiting] = True
        elif child.type == "variable" and words(child).startswith("@"):
            named |= {key.lower(): value for key, value in scope.find(words(child)[1:]).items()}
        elif waiting:
            named[waiting] = evaluate(run, child, scope)
            waiting = ""
        else:
            positional.append(evaluate(run, child, scope))
    if waiting and waiting not in switches:
        raise PsError(f"Missing an argument for parameter '{waiting}'.")
    return named, positional


def _call_function(run: Run, function: Function, named: Bound, positional: list[Any], caller: Scope) -> list[Any]:
    scope = Scope(function.called_in(caller))
    common = {key: named.pop(key) for key in ("whatif", "confirm", "verbose") if function.advanced and key in named}
    if "whatif" in common:
        scope.variables["WhatIfPreference"] = truth(common["whatif"])
    if function.advanced:
        scope.variables["PSCmdlet"] = PSCmdlet(run, scope)
    bind(run, function, named, positional, scope)
    if function.body is None:
        return []
    try:
        return execute(run, function.body, scope)
    except ReturnSignal as signal:
        return signal.outputs


def bind(run: Run, function: Function, named: Bound, positional: list[Any], scope: Scope) -> None:
    """Set the parameters as variables; PsError for one that the function does not have."""
    left = list(positional)
    for one in function.parameters:
        if one.name.lower() in named:
            value = named.pop(one.name.lower())
        elif left and one.type != "switch":
            value = left.pop(0)
        else:
            value = evaluate(run, one.default, scope) if one.default else None
        scope.variables[one.name] = converted(one.type, value)
    if named or left:
        raise PsError(f"{function.name}: A parameter cannot be found that matches '{[*named, *left][0]}'.")


def _call_cmdlet(  # noqa: PLR0913, PLR0917 - what a call is
    run: Run, name: str, named: Bound, positional: list[Any], scope: Scope, flowing: list[Any] | None
) -> list[Any]:
    known = documented(name)
    if known is None or name.lower() not in CMDLETS:
        raise UnsupportedError(f"the command {name}")
    for parameter in named:
        if parameter not in known.parameters and parameter not in COMMON:
            raise UnsupportedError(f"{name} has no documented parameter -{parameter}")
    _positions(known, named, positional)
    run.machine.called(name)
    call = Call(run, scope, named, flowing)
    try:
        return CMDLETS[name.lower()](call)
    except PsError:
        if str(named.get("erroraction", "")).lower() == "silentlycontinue":
            return []
        if str(scope.find("ErrorActionPreference")).lower() != "stop":
            raise UnsupportedError(f"an error of {name} where $ErrorActionPreference is not Stop") from None
        raise


def _positions(known: Documented, named: Bound, positional: list[Any]) -> None:
    free = [one for one in known.positional if one not in named]
    if len(positional) > len(free):
        raise PsError(f"{known.name}: A positional parameter cannot be found that accepts argument '{positional[-1]}'.")
    named.update(zip(free, positional, strict=False))


def each(call: Call, value: Any, *also: tuple[str, Any]) -> list[Any]:  # noqa: ANN401 - PowerShell values
    """Run a script block of a cmdlet with $_ set."""
    scope = Scope(call.scope, PsTable([("_", value), *also]))
    block: Node = call.get("process") or call.get("filterscript")
    return execute(call.run, block, scope)
