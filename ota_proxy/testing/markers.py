"""The plugin's markers: what they take, and what a wrong one meant. Light: every collection looks at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ota_proxy.errors import did_you_mean

SERVERS = ("nginx", "apache", "iis")
if TYPE_CHECKING:
    from ota_proxy.harness.authority import Flaw

FLAWS: tuple[Flaw, ...] = (
    "expired",
    "not-yet-valid",
    "wrong-host",
    "missing-intermediate",
    "unknown-ca",
    "too-long",
    "self-signed",
    "wrong-order",
    "no-san",
    "no-server-auth",
    "expiring",
    "expired-intermediate",
    "expired-cross-sign",
)
"""What `harness.authority` can make wrong and servers take (they refuse a weak key); written out because that module is heavy."""
SITE_KEYS = ("site", "domain", "root", "upstream", "cert", "key", "public_url", "tls_profile", "trusted_proxy", "set")
"""The site flags of `ota-proxy verify`, as keywords; a text, or a list of texts where the flag may be repeated."""
LINES = (
    'ota_server("nginx", "apache", "iis"): run the test once on each of these servers (default: nginx)',
    f"ota_tls(flaw): give the server a certificate with one flaw: {', '.join(FLAWS)}",
    "ota_config(path, domain=…, root=…, cert=…, key=…): start the server with your own configuration, a file or folder relative to the test's; keywords are the site flags of `ota-proxy verify`",
)
"""What `pytest --markers` shows."""


def servers(item: pytest.Item | pytest.Function) -> tuple[str, ...]:
    """Return the servers that the nearest marker names; none if there is no marker. Wrong names are left out here."""
    mark = item.get_closest_marker("ota_server")
    return tuple(dict.fromkeys(name for name in mark.args if name in SERVERS)) if mark else ()


def flaw(item: pytest.Item) -> Flaw | None:
    """Return what is wrong with the certificate of a test's server; None for nothing."""
    mark = item.get_closest_marker("ota_tls")
    return next(known for known in FLAWS if known == mark.args[0]) if mark else None


def own_config(item: pytest.Item) -> Path | None:
    """Return the configuration that a test's marker names, absolute; None without a marker."""
    mark = item.get_closest_marker("ota_config")
    return item.path.parent / mark.args[0] if mark and mark.args else None


def site_keywords(item: pytest.Item) -> dict[str, Any]:
    """Return the keywords of the nearest ota_config marker."""
    mark = item.get_closest_marker("ota_config")
    return dict(mark.kwargs) if mark else {}


def check_definition(definition: pytest.Function | pytest.Item) -> None:
    """Raise CollectError for a wrong marker: in a worker of xdist a UsageError would look like a crash."""
    for mark in definition.iter_markers():
        for mistake in mistakes(mark):
            raise pytest.Collector.CollectError(f"{definition.nodeid}: {mistake}")


def check(items: Iterable[pytest.Item]) -> None:
    """Raise UsageError for the first marker of ours that says what we do not know; each mark is looked at once."""
    seen: set[int] = set()
    for item in items:
        for mark in item.iter_markers():
            if mark.name.startswith("ota_") and id(mark) not in seen:
                seen.add(id(mark))
                for mistake in mistakes(mark):
                    raise pytest.UsageError(f"{item.nodeid}: {mistake}")


def mistakes(mark: pytest.Mark) -> Iterator[str]:
    """Yield what is wrong with a mark, as sentences."""
    if mark.name == "ota_server":
        yield from _words(mark, SERVERS, at_most=len(SERVERS))
    elif mark.name == "ota_tls":
        yield from _words(mark, FLAWS, at_most=1)
    elif mark.name == "ota_config":
        yield from _config(mark)


def _words(mark: pytest.Mark, known: tuple[str, ...], *, at_most: int) -> Iterator[str]:
    if mark.kwargs:
        yield f"{mark.name} takes no keyword {next(iter(mark.kwargs))!r}"
    if not 1 <= len(mark.args) <= at_most:
        wanted = "exactly one of" if at_most == 1 else "at least one, and each once, of"
        yield f"{mark.name} needs {wanted} {', '.join(known)}"
    for word in mark.args:
        if word not in known:
            yield f"{mark.name} does not know {word!r} ({meant(word, known)})"


def _config(mark: pytest.Mark) -> Iterator[str]:
    if len(mark.args) > 1 or not all(isinstance(path, (str, Path)) for path in mark.args):
        yield "ota_config takes one path: the main file, a site file, or the folder of the whole configuration"
    if not mark.args and not mark.kwargs:
        yield 'ota_config needs a path, for instance ota_config("nginx.conf", domain="ota.example.com")'
    yield from wrong_keywords(mark.kwargs)


def wrong_keywords(keywords: Iterable[str], place: str = "ota_config") -> Iterator[str]:
    """Yield a sentence for every keyword that is not a site flag."""
    for name in keywords:
        if name not in SITE_KEYS:
            yield f"{place} does not know the keyword {name!r} ({meant(name, SITE_KEYS)})"


def meant(word: object, known: tuple[str, ...]) -> str:
    """Return `did you mean 'x'?`, or the words there are."""
    return did_you_mean(str(word), known) or f"known: {', '.join(known)}"
