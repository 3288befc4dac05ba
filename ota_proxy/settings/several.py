"""Several sites: `[[sites]]` in one file, or a folder of site files; each becomes a layer of values of its own.

Keys above `[[sites]]` are for every site that does not have them; `[options]` are those of the command, and stand once. What the sites
cannot have beside each other on one server is refused: one name twice on a port, or a port with two meanings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

from ota_proxy.errors import UsageError
from ota_proxy.settings.flags import Layer, leaves
from ota_proxy.settings.sources import Key, Loaded, dotted
from ota_proxy.site import Site

SITES: Key = ("sites",)
_OWN = ("domains", "public_url")
"""Keys that two sites cannot have in common."""
_ABOUT_ONE = (*_OWN, "locations", "certificates")
"""Keys that no flag or variable can give to several sites at once."""


@dataclass(frozen=True, slots=True)
class Member:
    """One site as it was written: its file, what --site names, its place (`sites.toml:12`), and its values."""

    file: Path | None
    chosen: Path | None
    place: str
    layer: Layer


def files_of(folder: Path) -> list[Path]:
    """Return the site files of a folder by name: every `*.toml` but hidden ones and pyproject.toml."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and path.is_file())
    except OSError as error:
        hint = "give another one with --site"
        raise UsageError(f"cannot read the folder: {error.strerror}", place=short(folder), hint=hint) from None
    return [path for path in found if not path.name.startswith(".") and path.name != "pyproject.toml"]


def of_folder(folder: Path, layers: Mapping[Path, Layer]) -> tuple[Member, ...]:
    """Return the sites of all files of a folder; a file that has [options] only is for all of them."""
    with_options = [path for path, layer in layers.items() if any(key[0] == "options" for key, _, _ in layer)]
    if len(with_options) > 1:
        raise UsageError(
            f"[options] stands in {short(with_options[0])} too, and they are for the whole command",
            place=short(with_options[1]),
            hint="keep one of them",
        )
    options = [row for path in with_options for row in layers[path] if row[0][0] == "options"]
    found: list[Member] = []
    for path, layer in layers.items():
        own = [row for row in layer if row[0][0] != "options"]
        if own or not any(layer is layers[one] for one in with_options):
            found += (replace(one, chosen=folder, layer=options + one.layer) for one in of_file(path, own))
    if not found:
        hint = "put a site file into it, such as ota.example.com.toml"
        raise UsageError("there is no site file in this folder", place=short(folder), hint=hint)
    return tuple(found)


def of_file(file: Path, layer: Layer) -> tuple[Member, ...]:
    """Return the sites of one file: those of [[sites]], or the one that the file itself is."""
    given = next((row for row in layer if row[0][0] == SITES[0]), None)
    if given is None:
        return (Member(file, file, short(file), layer),)
    key, tables, source = given
    if (
        key != SITES
        or not isinstance(tables, list)
        or not tables
        or not all(isinstance(table, dict) for table in tables)
    ):
        raise UsageError("sites must be an array of tables", place=str(source), hint="write [[sites]] before each site")
    above = [row for row in layer if row[0][0] != SITES[0]]
    for key, _, there in above:
        if key[0] in _OWN:
            hint = "write it below the [[sites]] that it is for"
            raise UsageError(f"{key[0]} stands above [[sites]], and is a site's own", place=str(there), hint=hint)
    inside = [row for row in layer if row[0][0] == SITES[0]]
    return tuple(_table(file, table, index, above, inside) for index, table in enumerate(tables))


def _table(file: Path, table: Mapping[str, object], index: int, above: Layer, inside: Layer) -> Member:
    place: Key = (*SITES, index)
    lines = {key[2:]: replace(source, above=place) for key, _, source in inside if key[:2] == place}
    whole = lines[()]
    if "options" in table:
        raise UsageError(
            "options stands inside [[sites]], and they are for the whole command",
            place=str(lines.get(("options",), whole)),
            hint="write [options] before the first [[sites]]",
        )
    own = [(key, value, lines.get(key, whole)) for key, value in leaves(table)]
    deeper = [(key, None, source) for key, source in lines.items() if len(key) > 1]
    return Member(file, file, str(whole), [*above, *own, *deeper])


def refuse_words_about_one(layer: Layer) -> None:
    """Raise UsageError for a flag or variable that says something of one site, if there are several."""
    for key, _, source in layer:
        if key[0] in _ABOUT_ONE:
            text = f"there are several sites, and {key[0]} would be the same for all of them"
            raise UsageError(text, place=str(source), hint="write it into the site that it is for")


def one_only(places: Sequence[str]) -> UsageError:
    """Return the error for a command that takes one site and got several."""
    return UsageError(
        f"this takes one site, and there are {len(places)}: {', '.join(places)}",
        place="--site",
        hint="give one of them a file of its own, and name it with --site FILE",
    )


def short(path: Path) -> str:
    """Write a path as seen from the working folder, where it is below it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


# -- what cannot stand beside each other -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Port:
    """A port of a site, what is spoken there, and the key that says so."""

    number: int
    kind: Literal["TLS", "plain http", "http behind a proxy"]
    key: Key


def check_conflicts(sites: Sequence[Loaded]) -> None:
    """Raise UsageError at the later of two sites that cannot share a server; it names the place in the other one too."""
    for first, second in combinations(sites, 2):
        for mine, other in _shared(first.site, second.site):
            _check_port(first, second, mine, other)


def _shared(first: Site, second: Site) -> Iterator[tuple[_Port, _Port]]:
    own = {port.number: port for port in _ports(first)}
    if first.listen.hosts and second.listen.hosts and not set(first.listen.hosts) & set(second.listen.hosts):
        return
    for port in _ports(second):
        if port.number in own:
            yield own[port.number], port


def _ports(site: Site) -> Iterator[_Port]:
    if not site.tls.offloaded:
        yield _Port(site.https_port, "TLS", ("listen", "https") if site.listen.https else ("public_url",))
    if site.listen.http:
        yield _Port(site.listen.http, "http behind a proxy" if site.tls.offloaded else "plain http", ("listen", "http"))


def _check_port(first: Loaded, second: Loaded, one: _Port, other: _Port) -> None:
    number = other.number
    if one.kind != other.kind:
        raise _conflict(
            first, second, (one.key, other.key), f"port {number} is {other.kind} here, and {one.kind} there"
        )
    if set(first.site.listen.hosts) != set(second.site.listen.hosts):
        key: Key = ("listen", "addresses")
        text = (
            f"both sites listen on port {number}, and not on the same addresses: "
            "a server looks for a name only among the sites of the address that was called"
        )
        raise _conflict(first, second, (key, key), text)
    twice = next((name for name in second.site.domains if name in first.site.domains), None)
    if twice is not None:
        keys: tuple[Key, Key] = (_domain(first.site, twice), _domain(second.site, twice))
        raise _conflict(first, second, keys, f"{twice} is a name of two sites on port {number}")
    for key, what in _ONE_A_PORT.items():
        if key in _OF_TLS and other.kind != "TLS":
            continue
        mine, theirs = _value(first.site, key), _value(second.site, key)
        if mine != theirs:
            text = f"the sites of port {number} want different {what}, {_word(theirs)} here and {_word(mine)} there"
            raise _conflict(first, second, (key, key), f"{text}; a port has one, that of its catch-all")


_ONE_A_PORT: Mapping[Key, str] = {
    ("unknown_hosts",): "answers for unknown hosts",
    ("tls", "profile"): "TLS profiles",
    ("http2",): "protocols",
    ("http3",): "protocols beside TCP",
    ("listen", "proxy_protocol"): "beginnings of a connection",
}
"""What the catch-all of a port decides for all sites there."""
_OF_TLS = {("tls", "profile"), ("http2",), ("http3",)}


def _value(site: Site, key: Key) -> object:
    value: object = site
    for step in key:
        value = getattr(value, str(step))
    return value


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _domain(site: Site, name: str) -> Key:
    return ("domains", site.domains.index(name))


def _conflict(first: Loaded, second: Loaded, keys: tuple[Key, Key], text: str) -> UsageError:
    return UsageError(f"{text} ({_place(first, keys[0])})", place=_place(second, keys[1]), hint=_HINT)


_HINT = "make the two agree, or give one of the sites a port of its own (public_url, listen)"


def _place(site: Loaded, key: Key) -> str:
    """Say where a key of a site stands, or where the site stands that has the default for it."""
    source = site.source(key)
    if source.kind in ("flag", "environment", "file"):
        return site.place(key)
    return f"{site.source(('domains',))}: {dotted(key)} of {site.site.domain}"
