"""What several sites cannot have beside each other on one server: one name twice on a port, or a port with two meanings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from ota_proxy.errors import UsageError
from ota_proxy.settings.load import Loaded
from ota_proxy.settings.sources import Key, dotted
from ota_proxy.site import Site


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
