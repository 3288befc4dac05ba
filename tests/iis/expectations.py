"""Compares what a case expects with what was seen; each function returns what is wrong, in words, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.iis.wire import Seen, covers, resolved

Wrong = list[str]
LOGGED = frozenset({
    "method", "url", "status", "substatus", "rewritten_url", "served", "proxied_to", "upstream_headers", "rule",
})  # fmt: skip
"""Every line of the access log has these, null where they do not apply."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the placeholders of expectations stand for."""

    files: Mapping[str, bytes]
    ports: Mapping[str, int]
    upstream: str


def wrong(expected: Mapping[str, Any], seen: Seen, setting: Setting) -> Wrong:
    """Return everything in which an observation differs from a step's expectations."""
    found = [] if "tls" in expected or "closes" in expected else _always(seen)
    for key, want in expected.items():
        found += _CHECKS[key](_filled(want, setting), seen, setting)
    return found


def _always(seen: Seen) -> Wrong:
    """What holds for every answered request: the access log speaks of the request that was sent."""
    if seen.tls_failed or seen.closed:
        return ["no answer"]
    if seen.log is None:
        return []
    absent = sorted(LOGGED - seen.log.keys())
    if absent:
        return [f"log without {absent}"]
    known: dict[str, Any] = {"method": seen.request.method, "url": seen.request.target, "status": seen.status}
    return [
        f"log {key}: {seen.log.get(key)!r}, not {want!r}" for key, want in known.items() if seen.log.get(key) != want
    ]


def _filled(want: Any, setting: Setting) -> Any:  # noqa: ANN401 - any TOML value
    if isinstance(want, dict):
        return {key: _filled(value, setting) for key, value in want.items()}
    if not isinstance(want, str):
        return want
    places = {"@UPSTREAM@": setting.upstream, "@UPSTREAM_HOST@": setting.upstream.partition("://")[2]}
    places |= {f"{{{name}}}": str(port) for name, port in setting.ports.items()}
    for place, value in places.items():
        want = want.replace(place, value)
    return want


def _logged(seen: Seen, key: str) -> Any:  # noqa: ANN401 - any JSON value
    return seen.log.get(key) if seen.log is not None else "no line in the access log"


def _answer(want: Any, seen: Seen, _: Setting) -> Wrong:  # noqa: ANN401 - any TOML value
    sub = _logged(seen, "substatus")
    choices = [want] if isinstance(want, str) else want
    if any(one == str(seen.status) or one == f"{seen.status}.{sub}" for one in choices):
        return []
    return [f"answered {seen.status}.{sub}, not {' or '.join(choices)}"]


def _serves(want: str, seen: Seen, setting: Setting) -> Wrong:
    """200 with a file's own content."""
    found = _answer("200", seen, setting) + _same("served", _logged(seen, "served"), want)
    return (
        found if found or seen.text == setting.files.get(want) else [f"body is not that of {want}: {seen.text[:80]!r}"]
    )


def _same(what: str, got: Any, want: Any) -> Wrong:  # noqa: ANN401 - any value
    return [] if got == want else [f"{what}: {got!r}, not {want!r}"]


def _value(what: str, got: str | None, want: Any) -> Wrong:  # noqa: ANN401 - any TOML value
    """Hold a text or its absence against a text, `true`, `false`, `{like}` or `{tokens}`."""
    if isinstance(want, bool):
        return [] if (got is not None) == want else [f"{what}: {got!r}, {'missing' if want else 'should be absent'}"]
    if isinstance(want, str):
        return _same(what, got, want)
    if got is None:
        return [] if want.get("or_absent") else [f"{what}: absent"]
    if "like" in want:
        return [] if re.search(want["like"], got) else [f"{what}: {got!r} is not like {want['like']!r}"]
    tokens = {token.strip() for token in got.split(want.get("by", ","))}
    return _same(what, tokens, set(want["tokens"]))


def _headers(want: Mapping[str, Any], seen: Seen, _: Setting) -> Wrong:
    return [line for name, one in want.items() for line in _value(name, seen.headers.get(name.lower()), one)]


def _upstream(want: Mapping[str, Any], seen: Seen, _: Setting) -> Wrong:
    """What the application got, and that the access log tells the same of it."""
    if seen.upstream is None:
        return ["the application was not asked"]
    found: Wrong = []
    logged = _logged(seen, "upstream_headers")
    for name, one in want.items():
        found += _value(f"upstream {name}", seen.upstream.get(name), one)
        found += _same(f"log upstream_headers {name}", (logged or {}).get(name), seen.upstream.get(name))
    return found


def _location(want: Any, seen: Seen, _: Setting) -> Wrong:  # noqa: ANN401 - any TOML value
    got = seen.headers.get("location")
    return _value("Location", got and resolved(seen.request, got), want)


def _body(want: str, seen: Seen, _: Setting) -> Wrong:
    return _same("body", seen.text, want.encode())


def _contains(want: Any, seen: Seen, _: Setting) -> Wrong:  # noqa: ANN401 - any TOML value
    words = [want] if isinstance(want, str) else want
    return [f"body without {word!r}: {seen.text[:300]!r}" for word in words if word.encode() not in seen.text]


def _log_field(key: str) -> Callable[[Any, Seen, Setting], Wrong]:
    """Compare a field of the access log; `false` is null."""

    def check(want: Any, seen: Seen, _: Setting) -> Wrong:  # noqa: ANN401 - any TOML value
        got = _logged(seen, key)
        if want is False:
            return _same(key, got, None)
        return _value(key, None if got is None else str(got), want)

    return check


def _hresult(want: str, seen: Seen, _: Setting) -> Wrong:
    return _same("hresult", str(_logged(seen, "hresult")).lower(), want)


def _closes(want: bool, seen: Seen, _: Setting) -> Wrong:
    return _same("closed without an answer", seen.closed, want)


def _tls(want: str, seen: Seen, _: Setting) -> Wrong:
    return _same("handshake", "fails" if seen.tls_failed or seen.closed else "works", want)


def _certificate(want: str, seen: Seen, _: Setting) -> Wrong:
    return [] if covers(seen.names, want) else [f"certificate for {seen.names}, not {want}"]


_CHECKS: dict[str, Callable[[Any, Seen, Setting], Wrong]] = {
    "answer": _answer,
    "serves": _serves,
    "served": _log_field("served"),
    "headers": _headers,
    "location": _location,
    "body": _body,
    "contains": _contains,
    "reason": lambda want, seen, _: _same("reason", seen.reason, want),
    "rewritten": _log_field("rewritten_url"),
    "rule": _log_field("rule"),
    "proxied": _log_field("proxied_to"),
    "upstream": _upstream,
    "hresult": _hresult,
    "closes": _closes,
    "tls": _tls,
    "certificate": _certificate,
}
