"""Lays an element of a file over what the files above it say; reports each thing that IIS would refuse and goes on without it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from ota_proxy.errors import did_you_mean
from ota_proxy.servers.iis import violations
from ota_proxy.servers.iis.node import Lock, Node, Setting
from ota_proxy.servers.iis.schema import model
from ota_proxy.servers.iis.schema.values import parse, spelling
from ota_proxy.servers.iis.syntax import Attribute, Element
from ota_proxy.servers.iis.violations import Violation
from ota_proxy.servers.text import Span

_LOCK_ATTRIBUTES = ("lockAttributes", "lockAllAttributesExcept", "lockElements", "lockAllElementsExcept", "lockItem")
_OUTSIDE = ("configSource", "configProtectionProvider")
"""Attributes of a section whose content stands elsewhere, or is encrypted."""


@dataclass(frozen=True, slots=True)
class Source:
    """The file that an element comes from: its level (0 is applicationHost.config), the section, and where to report."""

    level: int
    section: str
    report: Callable[[Violation], None]
    doubt: Callable[[Span, str], None]
    has: Callable[[str], bool]
    """Whether the Windows version has a feature of the capability table."""


def outside(element: Element) -> Attribute | None:
    """Return the attribute that says a section's content is not in this file."""
    return next((one for one in element.attributes if one.name in _OUTSIDE), None)


def merge(node: Node, element: Element, source: Source) -> Node:
    """Return the node with the element laid over it; a refused part is reported and left out."""
    if any(lock.item for lock in _above(node, source)):
        source.report(violations.lock_violation(element.span, source.section, f"{element.name} is locked above"))
        return node
    settings = {**node.settings, **_settings(node, element, source)}
    locks = node.locks + _locks(element, source)
    laid = Node(node.shape, node.name, element.span, settings, node.children, node.members, locks)
    _required(laid, element, source)
    return _inside(laid, element, source) if element.children else laid


def _above(node: Node, source: Source) -> list[Lock]:
    return [lock for lock in node.locks if lock.level < source.level] if node.locks else []


# -- attributes ----------------------------------------------------------------------------------------------------------


def _settings(node: Node, element: Element, source: Source) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    above = _above(node, source)
    for attribute in element.attributes:
        spec = node.shape.attributes.get(attribute.name)
        if spec is None:
            _unknown_attribute(node.shape, attribute, source)
        elif any(lock.attribute(attribute.name) for lock in above):
            hint = f"{attribute.name} is locked above, to any value"
            source.report(violations.lock_violation(attribute.span, source.section, hint))
        elif (value := read_value(spec, attribute, source)) is not None:
            found[attribute.name] = Setting(value, attribute.span)
    return found


def _unknown_attribute(shape: model.Element, attribute: Attribute, source: Source) -> None:
    name = attribute.name
    generic = name in _LOCK_ATTRIBUTES or name in _OUTSIDE or name == "xmlns" or name.startswith("xmlns:")
    if not generic and not shape.any_attribute:
        hint = did_you_mean(name, shape.attributes)
        source.report(violations.unknown_attribute(name, attribute.span, source.section, hint))


def read_value(spec: model.Attribute, attribute: Attribute, source: Source) -> model.Value | None:
    """Return the typed value; None, and a report, if it is not one."""
    try:
        value = parse(spec, attribute.value)
    except ValueError as error:
        source.report(violations.invalid_value(spec.name, str(error), attribute.span, source.section))
        return None
    if spec.members and (wanted := spelling(spec, attribute.value)):
        source.doubt(
            attribute.span, f"{spec.name} is spelt '{wanted}' in the schema: whether IIS folds case is not documented"
        )
    return value


def _required(node: Node, element: Element, source: Source) -> None:
    for name in node.shape.required:
        if name not in node.settings and element.value(name) is None:
            source.report(violations.missing_attribute(name, element.span, source.section))


def _locks(element: Element, source: Source) -> tuple[Lock, ...]:
    texts = {
        one.name: one.value
        for one in element.attributes
        if one.name.startswith("lock") and one.name in _LOCK_ATTRIBUTES
    }
    if not texts:
        return ()
    attributes, elements = _names(texts.get("lockAttributes")), _names(texts.get("lockElements"))
    return (
        Lock(
            level=source.level,
            attributes=attributes or frozenset(),
            attributes_except=_names(texts.get("lockAllAttributesExcept")),
            elements=elements or frozenset(),
            elements_except=_names(texts.get("lockAllElementsExcept")),
            item=texts.get("lockItem", "").lower() == "true",
        ),
    )


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(one.strip() for one in text.split(",") if one.strip())


# -- elements and collections --------------------------------------------------------------------------------------------


def _inside(node: Node, element: Element, source: Source) -> Node:
    children = dict(node.children)
    entries = _Entries(node, source)
    above = _above(node, source)
    for child in element.children:
        if any(lock.element(child.name) for lock in above):
            hint = f"{child.name} is locked above"
            source.report(violations.lock_violation(child.span, source.section, hint))
        elif (shape := node.shape.elements.get(child.name)) and (not shape.needs or source.has(shape.needs)):
            children[child.name] = merge(children.get(child.name) or Node(shape, child.name), child, source)
        elif not entries.take(child):
            _unknown_element(node.shape, child, source)
    return replace(node, children=children, members=entries.merged())


def _unknown_element(shape: model.Element, child: Element, source: Source) -> None:
    if child.name in shape.elements:
        hint = f"{child.name} came with a later Windows than the one asked for"
    else:
        collection = shape.collection
        known = [*shape.elements, *((*collection.add, collection.remove, collection.clear) if collection else ())]
        hint = did_you_mean(child.name, filter(None, known))
    source.report(violations.unknown_element(child.name, child.span, source.section, hint))


class _Entries:
    """The working copy of a collection while an element is laid over it; linear in the number of directives."""

    def __init__(self, node: Node, source: Source) -> None:
        self._source, self._collection = source, node.shape.collection
        self._inherited: dict[Hashable, Node] = dict(node.members)
        self._own: dict[Hashable, Node] = {}
        self._aliases: dict[Hashable, Hashable] | None = None
        self._removable: model.Element | None = None

    def merged(self) -> dict[Hashable, Node]:
        """Return the entries in effective order."""
        if self._collection is None or self._collection.append:
            return {**self._inherited, **self._own}
        return {**self._own, **self._inherited}

    def take(self, child: Element) -> bool:
        """Apply a directive; False if the element is none."""
        collection = self._collection
        if collection is None:
            return False
        if child.name in collection.add:
            self._add(child, collection.add[child.name], collection)
        elif child.name == collection.clear:
            self._clear(child)
        elif child.name == collection.remove:
            self._remove(child, next(iter(collection.add.values())))
        else:
            return False
        return True

    def _add(self, child: Element, shape: model.Element, collection: model.Collection) -> None:
        entry = merge(Node(shape, child.name), child, self._source)
        keys = _keys(entry)
        if any(
            one.name not in entry.settings and (one.required or child.value(one.name) is not None)
            for one in entry.shape.keys
        ):
            return  # the key is missing or wrong, which is reported: it can neither clash nor be found
        if not collection.duplicates:
            for names, values in keys:
                other = self._find((names, values))
                if other is not None:
                    self._report_duplicate(child, entry, names, other)
                    return
        primary: Hashable = keys[0] if keys and not collection.duplicates else object()
        self._own[primary] = entry
        if len(keys) > 1 and self._aliases is not None:
            self._aliases.update(dict.fromkeys(keys[1:], primary))

    def _report_duplicate(self, child: Element, entry: Node, names: tuple[str, ...], other: Node) -> None:
        values = [(name, _written(entry, name)) for name in names]
        first = other.span
        at = f"line {first.line}" if first.file == child.span.file else f"{first.file}, line {first.line}"
        hint = f"it is there already: {at if first.line else first.file}"
        self._source.report(violations.duplicate_entry(child.name, values, child.span, self._source.section, hint))

    def _find(self, key: Hashable) -> Node | None:
        primary = self._primary(key)
        return self._own.get(primary) or self._inherited.get(primary)

    def _primary(self, key: Hashable) -> Hashable:
        """Return the key an entry is stored under; a second unique key (a site's id) leads to the first."""
        if self._aliases is None:
            everyone = (*self._inherited.items(), *self._own.items())
            self._aliases = {alias: primary for primary, entry in everyone for alias in _keys(entry)[1:]}
        return self._aliases.get(key, key)

    def _clear(self, child: Element) -> None:
        for attribute in child.attributes:
            self._source.report(violations.unknown_attribute(attribute.name, attribute.span, self._source.section))
        locked = next((one for one in self._inherited.values() if self._locked(one)), None)
        if locked is not None:
            hint = f"the entry of {locked.span.file} is locked and cannot be cleared"
            self._source.report(violations.lock_violation(child.span, self._source.section, hint))
            return
        self._inherited, self._own, self._aliases = {}, {}, None

    def _remove(self, child: Element, shape: model.Element) -> None:
        if self._removable is None:
            specs = {
                one.name: replace(one, required=one.required and one.key != "") for one in shape.attributes.values()
            }
            self._removable = replace(shape, attributes=specs)
        bare = replace(child, children=()) if child.children else child
        wanted = merge(Node(self._removable, child.name), bare, self._source)
        for key in _keys(wanted)[:1]:
            primary = self._primary(key)
            entry = self._inherited.get(primary)
            if entry is not None and self._locked(entry):
                hint = f"the entry of {entry.span.file} is locked"
                self._source.report(violations.lock_violation(child.span, self._source.section, hint))
                continue
            self._inherited.pop(primary, None)
            self._own.pop(primary, None)

    def _locked(self, entry: Node) -> bool:
        return any(lock.item and lock.level < self._source.level for lock in entry.locks)


def _keys(entry: Node) -> list[tuple[tuple[str, ...], tuple[Hashable, ...]]]:
    """Return what tells an entry apart: each unique key by itself, and all combined keys together."""
    unique: list[tuple[tuple[str, ...], tuple[Hashable, ...]]] = [
        ((one.name,), (_folded(entry, one),)) for one in entry.shape.keys if one.key == "unique"
    ]
    combined = [one for one in entry.shape.keys if one.key == "combined"]
    if combined:
        unique.append((tuple(one.name for one in combined), tuple(_folded(entry, one) for one in combined)))
    return unique


def _folded(entry: Node, spec: model.Attribute) -> Hashable:
    value = entry.get(spec.name)
    return value.lower() if isinstance(value, str) and not spec.case_sensitive else value


def _written(entry: Node, name: str) -> str:
    value = entry.get(name)
    return str(value).lower() if isinstance(value, bool) else str(value)
