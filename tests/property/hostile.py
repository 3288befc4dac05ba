"""Hostile sites: raw values for `Site.model_validate`, plain but for a few places that try to break out of a server's grammar.

`outcome` validates one; `plain_twin` gives the harmless site of the same shape, to compare what a server reads from both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from ota_proxy.site import Site

Raw = dict[str, Any]

_ATTACKS = (
    '"; return 200 "x',
    "'; deny all; #",
    "\\",
    "\\\\",
    '\\"',
    'a\\" b',
    "$",
    "$host",
    "${uri}",
    "%{HTTP_HOST}",
    "%2e%2e%2f",
    "%",
    "%SystemRoot%",
    "${DOCUMENT_ROOT}",
    "{",
    "}",
    "} server {",
    "a b",
    " ",
    "\n",
    "\r\nX-Evil: 1",
    "\x00",
    "\t",
    "]]>",
    "-->",
    "<!--",
    "<x a='1'/>",
    "&amp;",
    "&",
    '"/><evil/>',
    "</VirtualHost>",
    "#",
    "# comment",
    ";",
    "|",
    "|/bin/sh",
    "`id`",
    "@(1)",
    "~",
    "^",
    "*",
    "?",
    "[a]",
    "=",
    ",",
    "'",
    '"',
    "é",
    "日本",
    "🍏",
    "\u202e",
    "\u2028",
    "\ufeff",
    "\x7f",
    "\\n",
    "\\t",
    "\\r\\n",
    "off",
    "on",
    "none",
    "include",
    "default",
    "data:",
    "syslog:server=evil",
    "..",
    "x\\",
    "a%b",
    "{R:1}",
    "{{ 7*7 }}",
    "{% raw %}",
    "A" * 300,
)
_SPECIAL = st.text(alphabet="\"'\\$%{}[]()<>;#&|`~^*?=,:@!+ .-_/aZ09\n\té日🍏", min_size=1, max_size=12)
_ANY = st.text(min_size=1, max_size=12)
_QUOTABLE = st.text(alphabet="\"'\\$%{}[]()<>#&|`~^*?=,:@!+ .-_aZ09", min_size=1, max_size=12)
hostile_text = st.one_of(_QUOTABLE, _QUOTABLE, st.sampled_from(_ATTACKS), _SPECIAL, _ANY)

_words = st.sampled_from(("ota", "builds", "team-1", "ipa_files", "v2.1"))
_plain_path = st.builds("/srv/{}".format, _words)
_plain_prefix = st.builds("/{}/".format, _words)
_hosts = st.sampled_from(("127.0.0.1", "app.example.net", "[::1]"))
_plain_upstream = st.one_of(
    st.builds("http://{}:{}".format, _hosts, st.integers(1, 65535)),
    st.builds("https://{}".format, st.sampled_from(("app.example.net", "builds.example.org"))),
    st.builds("unix:/run/{}.sock".format, _words),
)


def _in_text(shape: str) -> st.SearchStrategy[str]:
    """Put hostile text into a shape that gets past the first look, or leave it bare."""
    return st.one_of(st.builds(shape.format, hostile_text), hostile_text)


_rooted = st.builds("/srv/{}{}".format, hostile_text, st.sampled_from(("", "/x")))
_hostile_path = st.one_of(
    _rooted, _rooted, _rooted, _rooted, st.one_of(hostile_text, st.builds("C:\\{}".format, hostile_text))
)
_hostile_prefix = _in_text("/{}/")
_hostile_network = st.one_of(hostile_text, st.builds("10.0.0.0/{}".format, hostile_text))
_hostile_upstream = st.one_of(
    _in_text("http://{}:80"),
    _in_text("https://{}"),
    st.builds("http://app.example.net/{}".format, hostile_text),
    st.builds("unix:/run/{}.sock".format, hostile_text),
)


def _set(*keys: str) -> Callable[[Raw, Any], None]:
    def change(raw: Raw, value: object) -> None:
        place: Any = raw
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value

    return change


def _certificate(key: str) -> Callable[[Raw, Any], None]:
    def change(raw: Raw, value: object) -> None:
        for pair in raw["certificates"]:
            pair[key] = value

    return change


def _domain(raw: Raw, name: str) -> None:
    raw["domains"].insert(0, name)


def _header(raw: Raw, pair: tuple[str, str]) -> None:
    raw.setdefault("headers", {})[pair[0]] = pair[1]


def _media_type(raw: Raw, pair: tuple[str, str]) -> None:
    raw.setdefault("media_types", {})[pair[0]] = pair[1]


_Slot = tuple[Callable[[Raw, Any], None], st.SearchStrategy[Any]]

_BOUND: tuple[_Slot, ...] = (  # validation holds these to a safe alphabet: nearly everything hostile is refused
    (_domain, _in_text("{}.example.com")),
    (lambda raw, name: raw["domains"].append(name), _in_text("*.{}.example.com")),
    (_set("public_url"), _in_text("https://{}:8443")),
    (lambda raw, path: raw["locations"].append({"path": path, "root": "/srv/own"}), _in_text("/{}/")),
    (lambda raw, url: raw["locations"].append({"path": "/app/", "upstream": url}), _hostile_upstream),
    (_header, st.tuples(hostile_text, st.just("1"))),
    (_media_type, st.tuples(hostile_text, st.just("text/plain"))),
    (_media_type, st.tuples(st.just(".own"), _in_text("application/{}"))),
    (lambda raw, net: raw.setdefault("access", {}).setdefault("allow", []).append(net), _hostile_network),
    (lambda raw, net: raw.setdefault("access", {}).setdefault("deny", []).append(net), _hostile_network),
    (lambda raw, net: raw.setdefault("trusted_proxies", []).append(net), _hostile_network),
    (lambda raw, net: raw.setdefault("listen", {}).setdefault("addresses", []).append(net), _hostile_network),
)
_FREE: tuple[_Slot, ...] = (  # these reach the server's own quoting
    (lambda raw, path: raw["locations"].append({"path": "/own/", "root": path}), _hostile_path),
    (lambda raw, path: raw["locations"].append({"path": "/sock/", "upstream": f"unix:{path}"}), _hostile_path),
    (
        lambda raw, path: raw["locations"].append(
            {"path": "/safe/", "upstream": "https://app.example.net", "upstream_ca": path}
        ),
        _hostile_path,
    ),
    (_certificate("cert"), _hostile_path),
    (_certificate("key"), _hostile_path),
    (_set("redirect", "acme_root"), _hostile_path),
    (_set("log", "access"), _hostile_path),
    (_set("log", "error"), _hostile_path),
    (_header, st.tuples(st.just("X-Own"), hostile_text)),
    (_header, st.tuples(st.just("X-Other"), st.builds("a {} b".format, hostile_text))),
)


@st.composite
def _plain(draw: st.DrawFn) -> Raw:
    prefixes = draw(st.lists(_plain_prefix, min_size=1, max_size=2, unique=True))
    static = {"path": draw(st.sampled_from(("/", prefixes[0]))), "root": draw(_plain_path)}
    raw: Raw = {
        "domains": ["ota.example.com"],
        "locations": [static],
        "certificates": [{"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}],
        "http2": draw(st.booleans()),
        "unknown_hosts": draw(st.sampled_from(("refuse", "ignore"))),
    }
    if len(prefixes) == 2:
        raw["locations"].append({"path": prefixes[1], "upstream": draw(_plain_upstream)})
    if draw(st.booleans()):
        raw["trusted_proxies"] = ["10.0.0.0/8"]
    if raw.get("trusted_proxies") and draw(st.booleans()):
        raw |= {"tls": {"offloaded": True}, "certificates": []}
    return raw


@st.composite
def hostile_sites(draw: st.DrawFn) -> Raw:
    """Draw a plain site in which one to three places are hostile; the result goes to `outcome`."""
    raw = draw(_plain())
    slots = _FREE if draw(st.integers(0, 3)) else _BOUND
    for number in draw(st.lists(st.integers(0, len(slots) - 1), min_size=1, max_size=3, unique=True)):
        change, values = slots[number]
        change(raw, draw(values))
    return raw


def outcome(raw: Raw) -> Site | None:
    """Validate; None where the site is refused."""
    try:
        return Site.model_validate(raw)
    except ValidationError:
        return None


def plain_twin(site: Site) -> tuple[Site, dict[str, str]]:
    """Return the site with every free text (paths, sockets, header values, media types) replaced by a harmless token, and token → text.

    Equal texts get equal tokens. What validation already binds to a safe alphabet (domains, prefixes, extensions, networks) stays.
    Reading a server's file made from the twin and putting the texts back must give what is read from the file of the site itself.
    """
    tokens: dict[str, str] = {}

    def token(text: str, shape: str) -> str:
        known = next((name for name, value in tokens.items() if value == text and name.startswith(shape[:2])), None)
        name = known or shape.format(f"plainword{len(tokens)}x")
        tokens[name] = text
        return name

    raw = site.model_dump(mode="json", exclude_none=True)
    for place in _paths(raw):
        for key in ("root", "upstream_ca", "cert", "key", "acme_root", "access", "error"):
            if isinstance(place.get(key), str) and place[key] != "/":
                place[key] = token(place[key], "/{}")
        if str(place.get("upstream", "")).startswith("unix:"):
            place["upstream"] = "unix:" + token(place["upstream"].removeprefix("unix:"), "/{}")
    raw["headers"] = {name: token(value, "h-{}") for name, value in raw["headers"].items()}
    raw["media_types"] = {name: token(value, "x-t/{}") for name, value in raw["media_types"].items()}
    return Site.model_validate(raw), tokens


def put_back(text: str, tokens: dict[str, str]) -> str:
    """Replace every token of `plain_twin` in `text` by what it stands for."""
    for name, value in tokens.items():
        text = text.replace(name, value)
    return text


def _paths(raw: Raw) -> list[Raw]:
    return [*raw["locations"], *raw["certificates"], raw["redirect"], raw["log"]]
