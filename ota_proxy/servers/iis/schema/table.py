"""Reads the schema tables of this folder, once.

Notation: a text is an attribute, a table an element, a table named `+add` the entries of a collection, `_like` takes over a
fragment. `_` holds words: of a section `Deny`, `AppHostOnly`, `MachineToApplication`, `module:NAME`, `separate`; of a collection
`remove`, `clear` (or `remove:NAME`), `prepend`, `duplicates`, `defaults:ELEMENT`; of an element `needs:FEATURE`. An attribute is
`TYPE=DEFAULT` and words: `required`, `key`, `combined`, `case`, `of:MEMBERS`, `range:`, `outside:`, `span:`, or a validator.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

from ota_proxy.servers.iis.schema.model import Attribute, Collection, Definition, Element, Section, Type, Value
from ota_proxy.servers.iis.schema.values import parse

_FILES = ("webserver", "security", "rewrite", "arr", "applicationhost")
_WORD = re.compile(r'([A-Za-z0-9]+)(?:[=:](?:"([^"]*)"|(\S+)))?')
_VALIDATORS = {
    "nonEmpty": "nonEmptyString",
    "trimmed": "requireTrimmedString",
    "pool": "applicationPoolName",
    "site": "siteName",
    "application": "applicationPath",
    "directory": "virtualDirectoryPath",
}
_RANGES = {"range": "integerRange", "outside": "integerRange", "span": "timeSpanRange"}
_EMPTY: Mapping[str, Value] = {"bool": False, "uint": 0, "int": 0, "int64": 0, "timeSpan": timedelta(0)}

Raw = dict[str, Any]


@cache
def sections() -> Mapping[str, Section]:
    """Return every section we describe by its full path."""
    found: dict[str, Section] = {}
    for file in _FILES:
        raw = _load(file)
        fragments = raw.pop("fragment", {})
        found.update({name: _section(name, body, fragments) for name, body in raw.items()})
    return found


@cache
def known() -> Mapping[str, Any]:
    """Return `known.toml`: names that are not ours to judge."""
    return _load("known")


def module_names() -> frozenset[str]:
    """Return the modules that some section or the defaults of IIS 10 name."""
    listed = {one["name"] for one in _load("defaults")["system.webServer/globalModules"]["add"]}
    return frozenset(
        {one.module for one in sections().values() if one.module} | set(known()["modules"].values()) | listed
    )


def _load(name: str) -> Raw:
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def _words(text: str) -> dict[str, str]:
    return {match[1]: match[2] or match[3] or "" for match in _WORD.finditer(text)}


def _section(name: str, body: Raw, fragments: Raw) -> Section:
    words = _words(body.get("_", ""))
    definition = next((one for one in get_args(Definition) if one in words), "Everywhere")
    return Section(
        name=name,
        shape=_element(name.rpartition("/")[2], body, fragments),
        allow="Deny" not in words,
        definition=cast("Definition", definition),
        module=words.get("module", ""),
        separate="separate" in words,
    )


def _whole(body: Raw, fragments: Raw) -> Raw:
    """Return a table with the fragment it is like, its own keys winning."""
    if "_like" not in body:
        return body
    return {**_whole(fragments[body["_like"]], fragments), **{key: body[key] for key in body if key != "_like"}}


def _element(name: str, body: Raw, fragments: Raw) -> Element:
    whole = _whole(body, fragments)
    parts = {key: value for key, value in whole.items() if not key.startswith(("_", "+"))}
    return Element(
        name=name,
        attributes={key: attribute(key, value) for key, value in parts.items() if isinstance(value, str)},
        elements={key: _element(key, value, fragments) for key, value in parts.items() if isinstance(value, dict)},
        collection=_collection(whole, fragments),
        needs=_words(whole.get("_", "")).get("needs", ""),
    )


def _collection(whole: Raw, fragments: Raw) -> Collection | None:
    adds = {key[1:]: value for key, value in whole.items() if key.startswith("+")}
    if not adds:
        return None
    words = _words(" ".join(value.get("_", "") for value in adds.values()))
    return Collection(
        add={key: _element(key, value, fragments) for key, value in adds.items()},
        remove=words["remove"] or "remove" if "remove" in words else "",
        clear=words["clear"] or "clear" if "clear" in words else "",
        append="prepend" not in words,
        duplicates="duplicates" in words,
        defaults=words.get("defaults", ""),
    )


def attribute(name: str, text: str) -> Attribute:
    """Return the attribute that `TYPE=DEFAULT words` describes."""
    words = _words(text)
    kind, default = next(iter(words.items()))
    members = tuple(words["of"].split(",")) if "of" in words else ()
    ranged = next((word for word in _RANGES if word in words), "")
    plain = next((_VALIDATORS[word] for word in words if word in _VALIDATORS), "")
    bare = Attribute(
        name=name,
        type=cast("Type", kind),
        default=_EMPTY.get(kind, members[0] if kind == "enum" else ""),
        required="required" in words,
        key="unique" if "key" in words else "combined" if "combined" in words else "",
        case_sensitive="case" in words,
        members=members,
    )
    typed = replace(bare, default=parse(bare, default)) if default else bare
    return replace(
        typed,
        validation=_RANGES.get(ranged, plain),
        parameter=tuple(map(int, words[ranged].split(","))) if ranged else (),
        excluded=ranged == "outside",
    )
