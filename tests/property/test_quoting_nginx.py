"""2,000 hostile sites: nginx refuses each by name, or an independent reader finds the directives of its harmless twin and no other."""

from __future__ import annotations

import tempfile
from collections import Counter
from typing import Any

import crossplane
from crossplane import analyzer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.nginx.quote import quote
from ota_proxy.servers.nginx.render import render
from ota_proxy.servers.rendered import Scope
from ota_proxy.site import Site
from tests.property.hostile import Raw, hostile_sites, hostile_text, outcome, plain_twin, put_back

Tree = list[tuple[str, tuple[str, ...], "Tree | None"]]

_SERVER = analyzer.NGX_HTTP_MAIN_CONF | analyzer.NGX_HTTP_SRV_CONF
_YOUNGER: dict[str, list[int]] = {  # than crossplane 0.5.8: 1.25.1, 1.19.4 and 1.29.3 (nginx CHANGES)
    "http2": [_SERVER | analyzer.NGX_CONF_FLAG],
    "ssl_reject_handshake": [_SERVER | analyzer.NGX_CONF_FLAG],
    "add_header_inherit": [_SERVER | analyzer.NGX_HTTP_LOC_CONF | analyzer.NGX_CONF_TAKE1],
}
_AROUND = {"snippet": ("http {\nserver {\n", "}\n}\n"), "site": ("http {\n", "}\n"), "full": ("", "")}


def read(config: str, scope: Scope = "site") -> Tree:
    """Return directives, arguments and blocks as crossplane reads them; it must know each directive, in its context, with its arguments."""
    analyzer.DIRECTIVES.update(_YOUNGER)
    before, after = _AROUND[scope]
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(before + config + after)
        file.flush()
        payload = crossplane.parse(file.name, single=True)
    assert payload["status"] == "ok", payload["errors"]
    return _tree(payload["config"][0]["parsed"])


def _tree(block: list[dict[str, Any]], inside: str = "") -> Tree:
    # strict by hand: crossplane's own strict mode takes the keys of a map for directives
    assert inside in ("map", "geo") or all(directive["directive"] in analyzer.DIRECTIVES for directive in block)
    # crossplane takes the backslash from \" and leaves \\ as it stands; nginx takes it from both
    return [
        (
            directive["directive"],
            tuple(arg.replace("\\\\", "\\") for arg in directive["args"]),
            _tree(directive["block"], directive["directive"]) if "block" in directive else None,
        )
        for directive in block
    ]


def _put_back(tree: Tree, tokens: dict[str, str]) -> Tree:
    return [
        (put_back(name, tokens), tuple(put_back(arg, tokens) for arg in args), block and _put_back(block, tokens))
        for name, args, block in tree
    ]


def _attempt(site: Site, version: str, scope: Scope, command: str) -> UsageError | str:
    try:
        return render(site, resolve("nginx", version), scope, command).files[0].text
    except UsageError as error:
        return error


def _judge(site: Site, version: str, scope: Scope, command: str) -> str:
    config = _attempt(site, version, scope, command)
    if isinstance(config, UsageError):
        assert config.place, "a refusal names the key"
        assert config.hint, "a refusal shows a way out"
        assert "nginx" in config.message
        return "refused by nginx"
    twin, tokens = plain_twin(site)
    expected = render(twin, resolve("nginx", version), scope, "harmless").files[0].text
    assert read(config, scope) == _put_back(read(expected, scope), tokens)
    return "rendered"


def test_a_hostile_site_is_refused_or_read_as_exactly_its_own_directives() -> None:
    ends: Counter[str] = Counter()

    @settings(max_examples=2000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
    @given(
        raw=hostile_sites(),
        version=st.sampled_from(("debian11", "debian12", "latest")),
        scope=st.sampled_from(("snippet", "site", "full")),
        command=hostile_text,
    )
    def attack(raw: Raw, version: str, scope: Scope, command: str) -> None:
        site = outcome(raw)
        ends["refused by validation" if site is None else _judge(site, version, scope, command)] += 1

    attack()
    assert all(ends[end] > 50 for end in ("refused by validation", "refused by nginx", "rendered")), ends


@settings(max_examples=500, deadline=None, print_blob=True)
@given(hostile_text)
def test_a_quoted_value_is_one_argument_and_the_same_text(text: str) -> None:
    try:
        token = quote(text, ("headers", "X"))
    except UsageError:
        assert "$" in text or any(char < " " or char == "\x7f" for char in text)
        return
    if text.isascii() and text.isprintable():
        assert read(f"add_header X {token};\n") == [("http", (), [("add_header", ("X", text), None)])]
