"""The IISAdministration cmdlets as documented: they work on the model's applicationHost.config and know no -WhatIf unless it is documented."""

from __future__ import annotations

from typing import Any

from tests.powershell_model.commands import Call, cmdlet
from tests.powershell_model.iis_config import ConfigCollection, ConfigElement
from tests.powershell_model.iis_values import Rows, certificate_key
from tests.powershell_model.values import PsError, text, truth


def _element(call: Call) -> ConfigElement:
    given = call.get("ConfigElement")
    value = (call.flowing or [None])[-1] if given is None else given
    if not isinstance(value, ConfigElement):
        raise PsError("Cannot bind argument to parameter 'ConfigElement' because it is null.")
    return value


def _collection(call: Call) -> ConfigCollection:
    given = call.get("ConfigCollection")
    value = (call.flowing or [None])[-1] if given is None else given
    if not isinstance(value, ConfigCollection):
        raise PsError("Cannot bind argument to parameter 'ConfigCollection'.")
    return value


@cmdlet("Get-IISConfigSection")
def _section(call: Call) -> list[Any]:
    server, path = call.run.machine.server, call.get("SectionPath")
    if path is None:
        return [server.section(one) for one in server.schema]
    return [server.section(text(path), text(call.get("Location")))]


@cmdlet("Get-IISConfigElement")
def _child(call: Call) -> list[Any]:
    return [_element(call).child(text(call.get("ChildElementName")))]


@cmdlet("Get-IISConfigCollection")
def _get_collection(call: Call) -> list[Any]:
    element, name = _element(call), text(call.get("CollectionName"))
    return [(element.child(name) if name else element).collection()]


@cmdlet("Get-IISConfigCollectionElement")
def _entries(call: Call) -> list[Any]:
    return list(_collection(call).matching(call.get("ConfigAttribute") or {}))


@cmdlet("Get-IISConfigAttributeValue")
def _value(call: Call) -> list[Any]:
    return [_element(call).attribute(text(call.get("AttributeName"))).value]


@cmdlet("Set-IISConfigAttributeValue")
def _set(call: Call) -> list[Any]:
    element, name = _element(call), text(call.get("AttributeName"))
    if call.get("AttributeValue") is None:
        raise PsError("Cannot bind argument to parameter 'AttributeValue' because it is null.")
    element.attribute(name).set(call.get("AttributeValue"))
    call.run.machine.wrote(f"{element.place} {name}")
    return []


@cmdlet("Remove-IISConfigAttribute")
def _remove_attribute(call: Call) -> list[Any]:
    element, attribute = _element(call), _element(call).attribute(text(call.get("AttributeName")))
    own = element.find()
    if own is not None:
        own.attrib.pop(attribute.name, None)
    call.run.machine.wrote(f"{element.place} {attribute.name}")
    return []


@cmdlet("Remove-IISConfigElement")
def _remove_element(call: Call) -> list[Any]:
    element = _element(call)
    if not call.planning:
        element.remove()
        call.run.machine.wrote(f"{element.place} {element.tag}")
    return []


@cmdlet("New-IISConfigCollectionElement")
def _add(call: Call) -> list[Any]:
    collection = _collection(call)
    collection.add(call.get("ConfigAttribute") or {})
    call.run.machine.wrote(f"{collection.owner.place} {collection.schema.tag}")
    return []


@cmdlet("Remove-IISConfigCollectionElement")
def _drop(call: Call) -> list[Any]:
    collection = _collection(call)
    if not call.planning:
        for entry in collection.matching(call.get("ConfigAttribute") or {}):
            collection.drop(entry)
        call.run.machine.wrote(f"{collection.owner.place} {collection.schema.tag}")
    return []


@cmdlet("Start-IISCommitDelay")
def _start(call: Call) -> list[Any]:
    call.run.machine.server.begin()
    return []


@cmdlet("Stop-IISCommitDelay")
def _stop(call: Call) -> list[Any]:
    commit = call.get("Commit")
    if call.run.machine.server.end(commit=True if commit is None else truth(commit)):
        call.run.machine.wrote("applicationHost.config")
    return []


@cmdlet("Get-IISServerManager")
def _manager(call: Call) -> list[Any]:
    machine = call.run.machine

    def remove(path: str) -> None:
        machine.server.remove_location(path)
        machine.wrote(f"location {path}")

    config = Rows({}, {"GetLocationPaths": machine.server.locations, "RemoveLocationPath": remove})
    return [Rows({}, {"GetApplicationHostConfiguration": lambda: config})]


def _bindings(call: Call) -> ConfigCollection:
    sites = call.run.machine.server.section("system.applicationHost/sites").collection()
    found = sites.matching({"name": call.get("Name")})
    if not found:
        raise PsError(f"The site '{call.get('Name')}' does not exist.")
    return found[0].child("bindings").collection()


@cmdlet("New-IISSiteBinding")
def _bind(call: Call) -> list[Any]:
    machine, information = call.run.machine, text(call.get("BindingInformation"))
    thumbprint = text(call.get("CertificateThumbPrint")).upper()
    store = text(call.get("CertStoreLocation")).rpartition("\\")[2]
    if thumbprint and (store.lower() not in ("my", "webhosting") or thumbprint not in machine.certificates):
        raise PsError(f"Certificate {thumbprint} was not found in '{call.get('CertStoreLocation')}'.")
    row = {"protocol": call.get("Protocol", "http"), "bindingInformation": information}
    flags = call.get("SslFlag")
    _bindings(call).add(row | ({"sslFlags": flags} if flags else {}))
    if thumbprint:
        machine.server.bound[certificate_key(information)] = (thumbprint, store)
    machine.wrote(f"binding {information}")
    return []


@cmdlet("Remove-IISSiteBinding")
def _unbind(call: Call) -> list[Any]:
    machine, information, collection = call.run.machine, text(call.get("BindingInformation")), _bindings(call)
    if call.planning:
        return []
    wanted = {"bindingInformation": information} | ({"protocol": call.get("Protocol")} if call.get("Protocol") else {})
    found = collection.matching(wanted)
    if not found:
        raise PsError(f"The binding '{information}' does not exist.")
    collection.drop(found[0])
    if not call.get("RemoveConfigOnly"):
        machine.server.bound.pop(certificate_key(information), None)
    machine.wrote(f"binding {information}")
    return []
