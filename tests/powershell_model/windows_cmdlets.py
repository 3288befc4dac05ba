"""Cmdlets that read or change the machine: files, folders, registry, certificates, cipher suites. Changes honour -WhatIf as documented."""

from __future__ import annotations

from typing import Any

from tests.powershell_model.commands import Call, cmdlet
from tests.powershell_model.iis_values import Rows
from tests.powershell_model.machine import Machine, parent
from tests.powershell_model.syntax import UnsupportedError
from tests.powershell_model.values import PsError, Thing, number, text

_STORE = "cert:\\localmachine\\my\\"


def _path(call: Call) -> str:
    return text(call.get("LiteralPath") or call.get("Path"))


def _is_registry(path: str) -> bool:
    return path.lower().startswith("hklm:\\")


class RegistryKey(Thing):
    """Microsoft.Win32.RegistryKey: live, as an opened key is."""

    def __init__(self, machine: Machine, path: str) -> None:
        self.machine, self.path = machine, path

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """ValueCount, SubKeyCount."""
        if name.lower() == "valuecount":
            return len(self.machine.registry[self.path])
        if name.lower() == "subkeycount":
            return sum(key.lower().startswith(self.path.lower() + "\\") for key in self.machine.registry)
        return super().member(name)

    def call(self, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401 - a PowerShell value
        """GetValue(name): null where there is none."""
        if name.lower() != "getvalue":
            return super().call(name, arguments)
        rows = {key.lower(): value for key, value in self.machine.registry[self.path].items()}
        return rows.get(text(arguments[0]).lower())


@cmdlet("Test-Path")
def _test(call: Call) -> list[Any]:
    machine, path = call.run.machine, _path(call)
    if not path:
        raise PsError("Cannot bind argument to parameter 'LiteralPath' because it is an empty string.")
    if path.lower().startswith(_STORE):
        return [path[len(_STORE) :].upper() in machine.certificates]
    if _is_registry(path):
        return [machine.registry_key(path) is not None]
    folder = machine.folder_key(path) is not None
    return [
        folder if text(call.get("PathType")).lower() == "container" else folder or machine.file_key(path) is not None
    ]


@cmdlet("Get-Content")
def _content(call: Call) -> list[Any]:
    source = call.run.machine.read_text(_path(call))
    lines = [source] if call.get("Raw") else source.removeprefix("\ufeff").splitlines()
    count = call.get("TotalCount")
    return lines if count is None else lines[: number(count)]


@cmdlet("Set-Content")
def _set_content(call: Call) -> list[Any]:
    if not call.planning:
        call.run.machine.write_text(_path(call), "\r\n".join(map(text, call.flowing or [])) + "\r\n")
    return []


@cmdlet("New-Item")
def _new(call: Call) -> list[Any]:
    machine, path = call.run.machine, _path(call)
    if call.planning:
        return []
    if _is_registry(path):
        _make_key(machine, path)
    elif text(call.get("ItemType")).lower() == "directory":
        machine.make_folder(path)
    else:
        raise UnsupportedError(f"New-Item {path}")
    return [path]


def _make_key(machine: Machine, path: str) -> None:
    if machine.registry_key(path) is None:
        if machine.registry_key(parent(path)) is None:
            _make_key(machine, parent(path))
        machine.registry[path] = {}
        machine.wrote(path)


@cmdlet("Get-Item")
def _get(call: Call) -> list[Any]:
    key = call.run.machine.registry_key(_path(call))
    if key is None:
        raise PsError(f"Cannot find path '{_path(call)}' because it does not exist.")
    return [RegistryKey(call.run.machine, key)]


@cmdlet("New-ItemProperty")
@cmdlet("Set-ItemProperty")
def _set_value(call: Call) -> list[Any]:
    machine, key = call.run.machine, call.run.machine.registry_key(_path(call))
    if key is None:
        raise PsError(f"Cannot find path '{_path(call)}' because it does not exist.")
    if not call.planning:
        machine.registry[key][text(call.get("Name"))] = number(call.get("Value"))
        machine.wrote(f"{key} {call.get('Name')}")
    return []


@cmdlet("Remove-ItemProperty")
def _remove_value(call: Call) -> list[Any]:
    machine, key = call.run.machine, call.run.machine.registry_key(_path(call))
    if key is None or text(call.get("Name")) not in machine.registry[key]:
        raise PsError(f"Property {call.get('Name')} does not exist at path {_path(call)}.")
    if not call.planning:
        del machine.registry[key][text(call.get("Name"))]
        machine.wrote(f"{key} {call.get('Name')}")
    return []


@cmdlet("Get-ChildItem")
def _children(call: Call) -> list[Any]:
    return list(call.run.machine.inside(_path(call)))


@cmdlet("Remove-Item")
def _remove(call: Call) -> list[Any]:
    machine, path = call.run.machine, _path(call)
    if call.planning:
        return []
    if path.lower().startswith(_STORE):
        machine.certificates.remove(path[len(_STORE) :].upper())
    elif _is_registry(path):
        _remove_key(machine, path)
    elif (file := machine.file_key(path)) is not None:
        del machine.files[file]
    elif (folder := machine.folder_key(path)) is not None and not machine.inside(path):
        machine.folders.remove(folder)
    else:
        raise PsError(f"Cannot remove '{path}': it is not there, or not empty and -Recurse was not specified.")
    machine.wrote(f"removed {path}")
    return []


def _remove_key(machine: Machine, path: str) -> None:
    key = machine.registry_key(path)
    if key is None or any(other.lower().startswith(path.lower() + "\\") for other in machine.registry):
        raise PsError(f"The key '{path}' is not there, or has children and -Recurse was not specified.")
    del machine.registry[key]


@cmdlet("Get-PfxData")
def _pfx(call: Call) -> list[Any]:
    path = text(call.get("FilePath"))
    if path not in call.run.machine.pfx:
        raise PsError(f"Cannot find the file {path}.")
    return [Rows({"EndEntityCertificates": [Rows({"Thumbprint": call.run.machine.pfx[path]})]})]


@cmdlet("Import-PfxCertificate")
def _import(call: Call) -> list[Any]:
    machine = call.run.machine
    if not call.planning:
        machine.certificates.add(machine.pfx[text(call.get("FilePath"))])
        machine.wrote("certificate")
    return []


@cmdlet("Get-TlsCipherSuite")
def _suites(call: Call) -> list[Any]:
    return [Rows({"Name": name}) for name in call.run.machine.cipher_suites]


@cmdlet("Enable-TlsCipherSuite")
def _enable(call: Call) -> list[Any]:
    machine, name = call.run.machine, text(call.get("Name"))
    if name not in machine.known_suites:
        raise PsError(f"{name} is not a valid cipher suite.")
    if not call.planning:
        if name in machine.cipher_suites:
            machine.cipher_suites.remove(name)
        position = call.get("Position")
        machine.cipher_suites.insert(len(machine.cipher_suites) if position is None else number(position), name)
        machine.wrote(f"cipher suite {name}")
    return []


@cmdlet("Disable-TlsCipherSuite")
def _disable(call: Call) -> list[Any]:
    machine, name = call.run.machine, text(call.get("Name"))
    if name not in machine.cipher_suites:
        raise PsError(f"{name} is not enabled.")
    if not call.planning:
        machine.cipher_suites.remove(name)
        machine.wrote(f"cipher suite {name}")
    return []
