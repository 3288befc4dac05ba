r"""Reads a machine's own schema folder (`%windir%\System32\inetsrv\config\schema`), for sections that our table does not describe.

The language is explained in the comment that opens IIS_schema.xml. Several files may describe one section: they add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast, get_args

from ota_proxy.errors import UsageError
from ota_proxy.numbers import whole
from ota_proxy.reading import read_file
from ota_proxy.servers.iis import syntax as document
from ota_proxy.servers.iis.schema.model import Attribute, Collection, Element, Section, Type, Value
from ota_proxy.servers.iis.schema.values import VALIDATORS, parse
from ota_proxy.servers.iis.violations import Violation

_EMPTY: Mapping[str, Value] = {"bool": False, "uint": 0, "int": 0, "int64": 0, "timeSpan": timedelta(0)}
_DEEPEST = 40


def sections(folder: Path) -> Mapping[str, Section]:
    """Return the sections of every `*.xml` in the folder; UsageError for a folder without any, or a file that is not a schema."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".xml")
        texts = [(path, read_file(path)) for path in paths]
    except OSError as error:
        raise UsageError(
            f"the schema folder cannot be read: {error.strerror}", place=f"--iis-schema {folder}"
        ) from None
    found: dict[str, Section] = {}
    for path, data in texts:
        for section in _file(path, data):
            other = found.get(section.name)
            found[section.name] = replace(section, shape=_added(other.shape, section.shape)) if other else section
    if not found:
        hint = r"copy %windir%\System32\inetsrv\config\schema of the server"
        raise UsageError("no section schema in this folder", place=f"--iis-schema {folder}", hint=hint)
    return found


def _file(path: Path, data: bytes) -> list[Section]:
    try:
        root = document.read(data, str(path)).root
        return [_section(child) for child in root.children if child.name == "sectionSchema"]
    except Violation as error:
        raise UsageError(
            f"this is not a schema: {error.hint or error.message}", place=f"{path}:{error.span.line}"
        ) from None
    except ValueError as error:
        raise UsageError(f"this is not a schema: {error}", place=str(path)) from None


def _section(element: document.Element) -> Section:
    name = _needed(element, "name")
    return Section(name, _element(element, name.rpartition("/")[2], 0))


def _needed(element: document.Element, name: str) -> str:
    value = element.value(name)
    if not value:
        raise ValueError(f"line {element.span.line}: {element.name} without {name}")
    return value


def _element(element: document.Element, name: str, depth: int) -> Element:
    if depth > _DEEPEST:
        raise ValueError(f"line {element.span.line}: elements nest deeper than {_DEEPEST}")
    shape = Element(
        name=name,
        attributes={
            one.name: one for one in (_attribute(child) for child in element.children if child.name == "attribute")
        },
        elements={
            inner: _element(child, inner, depth + 1)
            for child in element.children
            if child.name == "element" and (inner := _needed(child, "name"))
        },
        any_attribute=element.value("allowUnrecognizedAttributes") == "true",
    )
    collections = [_collection(child, depth + 1) for child in element.children if child.name == "collection"]
    for one in collections:
        shape = replace(shape, collection=_both(shape.collection, one))
    return shape


def _collection(element: document.Element, depth: int) -> Collection:
    names = [name.strip() for name in (element.value("addElement") or "").split(",") if name.strip()]
    return Collection(
        add={name: _element(element, name, depth) for name in names},
        remove=element.value("removeElement") or "",
        clear=element.value("clearElement") or "",
        append=element.value("mergeAppend") != "false",
        duplicates=element.value("allowDuplicates") == "true",
        defaults=element.value("defaultElement") or "",
    )


def _attribute(element: document.Element) -> Attribute:
    name, kind = _needed(element, "name"), _needed(element, "type")
    if kind not in get_args(Type):
        raise ValueError(f"line {element.span.line}: the type {kind} is not known")
    validation = element.value("validationType") or ""
    numbers = (element.value("validationParameter") or "").split(",")
    ranged = validation in {"integerRange", "timeSpanRange"} and all(numbers[:2])
    bare = Attribute(
        name=name,
        type=cast("Type", kind),
        default=_EMPTY.get(kind, ""),
        required=element.value("required") == "true",
        key="unique"
        if element.value("isUniqueKey") == "true"
        else "combined"
        if element.value("isCombinedKey") == "true"
        else "",
        case_sensitive=element.value("caseSensitive") == "true",
        members=tuple(_needed(child, "name") for child in element.children if child.name in {"enum", "flag"}),
        infinite=element.value("allowInfinite") == "true",
        time_format={"seconds": "seconds", "minutes": "minutes"}.get(element.value("timeSpanFormat") or "", "string"),  # type: ignore[arg-type]  # mypy widens the literals of a dict
    )
    default = element.value("defaultValue") or ""
    typed = replace(bare, default=parse(bare, default)) if default else bare
    return replace(
        typed,
        validation=validation if validation in VALIDATORS and (ranged or "Range" not in validation) else "",
        parameter=tuple(number for one in numbers if (number := whole(one.strip())) is not None) if ranged else (),
        excluded="exclude" in numbers,
    )


def _added(first: Element, second: Element) -> Element:
    """Two descriptions of one element add up (rscaext.xml, webfarm.xml and arr_schema.xml)."""
    elements = dict(first.elements)
    for name, one in second.elements.items():
        elements[name] = _added(elements[name], one) if name in elements else one
    return replace(
        first,
        attributes={**first.attributes, **second.attributes},
        elements=elements,
        collection=_both(first.collection, second.collection),
        any_attribute=first.any_attribute or second.any_attribute,
    )


def _both(first: Collection | None, second: Collection | None) -> Collection | None:
    if first is None or second is None:
        return first or second
    add = dict(first.add)
    for name, one in second.add.items():
        add[name] = _added(add[name], one) if name in add else one
    return Collection(
        add=add,
        remove=first.remove or second.remove,
        clear=first.clear or second.clear,
        append=first.append and second.append,
        duplicates=first.duplicates or second.duplicates,
        defaults=first.defaults or second.defaults,
    )
