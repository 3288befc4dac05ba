"""Cmdlets of PowerShell itself that change nothing: pipelines, paths, JSON, messages."""

from __future__ import annotations

import json
from typing import Any

from tests.powershell_model.commands import Call, cmdlet, each
from tests.powershell_model.core_objects import new_object
from tests.powershell_model.machine import parent
from tests.powershell_model.values import PsError, PsObject, PsTable, text, truth


@cmdlet("ForEach-Object")
def _each(call: Call) -> list[Any]:
    return [output for one in call.flowing or [] for output in each(call, one)]


@cmdlet("Where-Object")
def _where(call: Call) -> list[Any]:
    return [one for one in call.flowing or [] if truth(each(call, one))]


@cmdlet("Join-Path")
def _join(call: Call) -> list[Any]:
    return [text(call.get("Path")).rstrip("\\") + "\\" + text(call.get("ChildPath")).lstrip("\\")]


@cmdlet("Split-Path")
def _split(call: Call) -> list[Any]:
    path = text(call.get("Path") or call.get("LiteralPath"))
    if not path:
        raise PsError("Cannot bind argument to parameter 'Path' because it is an empty string.")
    return [parent(path)]


@cmdlet("Write-Verbose")
def _nothing(_call: Call) -> list[Any]:
    return []


@cmdlet("Set-StrictMode")
def _strict(call: Call) -> list[Any]:
    call.scope.strict = True
    return []


@cmdlet("Write-Warning")
def _warn(call: Call) -> list[Any]:
    call.run.machine.warnings.append(text(call.get("Message")))
    return []


@cmdlet("New-Object")
def _new(call: Call) -> list[Any]:
    return [new_object(text(call.get("TypeName")))]


@cmdlet("Get-Command")
def _command(call: Call) -> list[Any]:
    from tests.powershell_model.commands import CMDLETS  # noqa: PLC0415 - full only when all cmdlets have registered

    if text(call.get("Name")).lower() not in CMDLETS:
        raise PsError(f"The term '{call.get('Name')}' is not recognized.")
    return [call.get("Name")]


@cmdlet("ConvertTo-Json")
def _to_json(call: Call) -> list[Any]:
    (value,) = call.flowing or [None]
    return [json.dumps(_plain(value, call.get("Depth", 2)))]


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401 - PowerShell values
    """Beyond its depth ConvertTo-Json writes text such as System.Collections.Hashtable: then a record would be lost."""
    if isinstance(value, PsTable | list) and depth < 0:
        raise AssertionError("ConvertTo-Json -Depth is too small for what is written")
    if isinstance(value, PsTable):
        return {key: _plain(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, depth - 1) for one in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    raise AssertionError(f"ConvertTo-Json of a {type(value).__name__}")


@cmdlet("ConvertFrom-Json")
def _from_json(call: Call) -> list[Any]:
    source = "\n".join(map(text, call.flowing or []))
    try:
        return [json.loads(source, object_pairs_hook=PsObject)]
    except ValueError as error:
        raise PsError(f"Conversion from JSON failed: {error}") from None
