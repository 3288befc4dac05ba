"""2,000 hostile sites: nginx refuses each by name, or an independent reader finds the directives of its harmless twin and no other."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.nginx.quote import quote
from ota_proxy.servers.nginx.render import render
from ota_proxy.servers.rendered import Scope
from ota_proxy.site import Site
from tests.property.hostile import Raw, hostile_sites, hostile_text, outcome, plain_twin, put_back
from tests.support.nginx_tree import Tree, read


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
