"""Any URL prefix: refused with its key, or one argument and one pattern that mean exactly this prefix, on all three servers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from urllib.parse import quote

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.base import server_named
from ota_proxy.servers.rendered import Rendered
from ota_proxy.site import Site
from tests.property import apache_reader
from tests.property.hostile import hostile_text, outcome
from tests.support.nginx_tree import Tree, read

_SIGNS = st.text(alphabet=" ._~@+,=:!-'()&;$*aZ09é日🍏ü", min_size=1, max_size=8)
_steps = st.lists(st.one_of(_SIGNS, _SIGNS, hostile_text, st.builds(quote, _SIGNS)), min_size=1, max_size=2)
_prefixes = st.builds(lambda steps: "/" + "/".join(steps) + "/", _steps)
_many = settings(
    max_examples=150,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def _site(prefix: str) -> Site | None:
    return outcome(
        {
            "domains": ["ota.example.com"],
            "certificates": [{"cert": "/c", "key": "/k"}],
            "locations": [
                {"path": f"/files{prefix}", "root": "/srv/x"},
                {"path": f"/app{prefix}", "upstream": "http://127.0.0.1:8080"},
            ],
        }
    )


def _rendered(server: str, prefix: str) -> tuple[Site, str]:
    site = _site(prefix)
    assume(site is not None)
    assert site is not None
    refused, rendered = _attempt(server, site)
    event("refused by the server's grammar" if refused else "rendered")
    if refused:
        assert (refused.key[0], refused.key[2], bool(refused.hint)) == ("locations", "path", True)
    assume(rendered is not None)
    assert rendered is not None
    return site, rendered.files[0].text


def _attempt(server: str, site: Site) -> tuple[UsageError | None, Rendered | None]:
    try:
        return None, server_named(server).render(site, resolve(server, "latest"), "site", "test")
    except UsageError as error:
        return error, None


def _inside(tree: Tree, name: str) -> list[tuple[tuple[str, ...], Tree]]:
    found = []
    for directive, arguments, block in tree:
        found += [(arguments, block or [])] if directive == name else []
        found += _inside(block, name) if block else []
    return found


@_many
@given(_prefixes)
def test_nginx_matches_the_prefix_and_sends_to_it_encoded(prefix: str) -> None:
    site, text = _rendered("nginx", prefix)
    places = dict(_inside(read(text), "location"))
    for location in site.locations:
        bare = places["=", location.path.rstrip("/")]
        assert ("return", ("308", f"{location.url_path}$is_args$args"), None) in bare
        block = places["^~", location.path]
        if location.root:
            assert ("alias", ("/srv/x/",), None) in block
            (hidden,) = (arguments[1] for arguments, _ in _inside(block, "location") if arguments[0] == "~")
            assert re.search(hidden, location.path + ".secret")
            assert re.search(hidden, location.path + "a/.git/config")
            assert not re.search(hidden, location.path + "app.ipa")


@_many
@given(_prefixes)
def test_apache_matches_the_prefix_and_hands_it_on_encoded(prefix: str) -> None:
    site, text = _rendered("apache", prefix)
    directives = apache_reader.read(text)
    files, app = site.locations
    assert ("Alias", (files.path, "/srv/x/")) in {(one.name, one.arguments) for one in directives}
    sections = {argument for one in directives for argument in one.sections}
    assert any(app.path in section for section in sections)
    targets = {}
    for one in directives:
        if one.name == "RedirectMatch":
            targets[one.arguments[2].replace("\\$", "$")] = re.compile(one.arguments[1])
    for location in site.locations:
        pattern = targets[f"https://ota.example.com{location.path}"]
        assert pattern.search(location.path.rstrip("/"))
        assert not pattern.search(location.path)
        assert not pattern.search(location.path.rstrip("/") + "x")
    passed = [one.arguments for one in directives if one.name in {"ProxyPass", "ProxyPassMatch"}]
    if app.path == app.url_path:
        assert passed == [(app.path, f"http://127.0.0.1:8080{app.path}", "nocanon")]
        return
    ((pattern_text, url, _),) = passed
    assert url == f"http://127.0.0.1:8080{app.url_path}$1"
    for spelled in (app.path, app.url_path, quote(app.path), quote(app.path, safe="/$&'()*;")):
        match = re.search(pattern_text, spelled + "x%2Fy?z")
        assert match
        assert match[1] == "x%2Fy?z"
    assert not re.search(pattern_text, "/x" + app.path)


@_many
@given(_prefixes)
def test_iis_matches_the_prefix_decoded_and_as_it_was_sent(prefix: str) -> None:
    site, text = _rendered("iis", prefix)
    root = ET.fromstring(text)  # noqa: S314 - our own text
    _, app = site.locations
    assert app.path.strip("/") in {element.get("path") for element in root.iter("location")}
    (rule,) = (one for one in root.iter("rule") if one.get("name") == f"ota-proxy application {app.path}")
    pattern = next(iter(rule.iter("match"))).get("url", "")
    assert re.search(pattern, app.path[1:] + "x")
    assert not re.search(pattern, "x" + app.path[1:])
    raw = {one.get("pattern", "") for one in root.iter("add") if one.get("input") == "{UNENCODED_URL}"}
    for spelled in (app.url_path, quote(app.path, safe="/$&'()*;"), app.url_path.lower()):
        assert any(re.search(one, spelled + "x", re.IGNORECASE) for one in raw if "app" in one)
