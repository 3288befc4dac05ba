"""Properties and methods of PowerShell's and .NET's own values, as far as the scripts use them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.powershell_model.syntax import Run, UnsupportedError
from tests.powershell_model.values import VOID, ArrayList, PsError, PsObject, PsTable, Thing, TypeName, text


class NoteProperty(Thing):
    """One property as PSObject.Properties lists it."""

    def __init__(self, name: str, value: Any) -> None:  # noqa: ANN401 - a PowerShell value
        self.rows = {"name": name, "value": value}

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """Name or Value."""
        return self.rows[name.lower()]


class _PsObjectView(Thing):
    def __init__(self, holder: PsObject) -> None:
        self.holder = holder

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        if name.lower() != "properties":
            return super().member(name)
        return [NoteProperty(key, value) for key, value in self.holder.items()]


def properties(value: Any, name: str) -> Any:  # noqa: ANN401 - PowerShell values; one line a type
    """Return a property; PsError where strict mode finds none."""
    lower = name.lower()
    if isinstance(value, Thing):
        return value.member(name)
    if lower == "count" and isinstance(value, list | PsTable) and not isinstance(value, PsObject):
        return len(value)
    if lower == "length" and isinstance(value, list | str):
        return len(value)
    if isinstance(value, PsObject) and lower == "psobject":
        return _PsObjectView(value)
    if isinstance(value, PsTable) and name in value:
        return value[name]
    if isinstance(value, PsTable) and lower == "keys" and not isinstance(value, PsObject):
        return list(value)
    raise PsError(f"The property '{name}' cannot be found on {type(value).__name__}.")


def method(run: Run, value: Any, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401 - PowerShell values
    """Call a method; UnsupportedError for one that is not modelled."""
    if isinstance(value, TypeName):
        return _static(run, value.name, name, arguments)
    if isinstance(value, Thing):
        return value.call(name, arguments)
    for kind, table in ((str, _TEXT), (ArrayList, _LISTS), (PsTable, _TABLES)):
        if isinstance(value, kind) and name.lower() in table:
            return table[name.lower()](value, *arguments)
    raise UnsupportedError(f"the method {name} of a {type(value).__name__}")


def _add(value: ArrayList, one: Any) -> int:  # noqa: ANN401 - a PowerShell value
    value.append(one)
    return len(value) - 1


def _remove_range(value: ArrayList, start: int, count: int) -> Any:  # noqa: ANN401 - VOID
    if start + count > len(value) or count < 0:
        raise PsError("Offset and length were out of bounds for the array.")
    del value[start : start + count]
    return VOID


def _done(change: Callable[[ArrayList], None]) -> Callable[[ArrayList], Any]:
    def call(value: ArrayList) -> Any:  # noqa: ANN401 - VOID
        change(value)
        return VOID

    return call


_LISTS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "removerange": _remove_range,
    "clear": _done(ArrayList.clear),
    "reverse": _done(ArrayList.reverse),
}
_TABLES: dict[str, Callable[..., Any]] = {"containskey": lambda table, key: text(key) in table}
_TEXT: dict[str, Callable[..., Any]] = {
    "contains": lambda value, part: text(part) in value,
    "toupperinvariant": str.upper,
    "lastindexof": lambda value, part: value.rfind(text(part)),
    "substring": lambda value, start, count=None: value[start:] if count is None else value[start : start + count],
}


def _static(run: Run, kind: str, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401 - PowerShell values
    machine = run.machine
    table: dict[str, Callable[..., Any]] = {
        "environment.expandenvironmentvariables": machine.expand,
        "io.file.readalltext": machine.read_text,
        "io.file.writealltext": machine.write_text,
        "io.directory.createdirectory": machine.make_folder,
        "enum.toobject": lambda _kind, number: number,
        "math.max": max,
        "array.reverse": list.reverse,
        "management.automation.wildcardpattern.escape": lambda pattern: re.sub(r"[\[\]*?`]", r"`\g<0>", text(pattern)),
    }
    key = f"{kind}.{name}".lower()
    if key not in table:
        raise UnsupportedError(f"[{kind}]::{name}")
    if key.startswith(("io.file.w", "io.directory")):
        machine.called(f"[{kind}]::{name}")
    result = table[key](*arguments)
    return VOID if key in ("io.file.writealltext", "array.reverse") else result


def new_object(name: str) -> Any:  # noqa: ANN401 - a PowerShell value
    """Return what New-Object makes."""
    if name.lower() == "system.collections.arraylist":
        return ArrayList()
    raise UnsupportedError(f"New-Object {name}")
