from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ota_proxy.site.values import parse_upstream, refuse_control
from tests.support.sites import CERT, proxied, refusal, site

TEXT_FIELDS: dict[str, Any] = {
    "domain": lambda text: {"domains": [f"ota{text}.example.com"]},
    "alias": lambda text: {"domains": ["ota.example.com", f"*.a{text}.example"]},
    "public_url": lambda text: {"public_url": f"https://ota{text}.example.com"},
    "root": lambda text: {"locations": [{"path": "/", "root": f"/srv/{text}"}]},
    "location": lambda text: {"locations": [{"path": f"/a{text}/", "root": "/srv"}]},
    "upstream host": lambda text: proxied(f"http://a{text}b:80"),
    "upstream socket": lambda text: proxied(f"unix:/run/a{text}.sock"),
    "upstream_ca": lambda text: proxied("https://a:1", upstream_ca=f"/ca{text}.pem"),
    "upstream_name": lambda text: proxied("https://a:1", upstream_name=f"a{text}.example"),
    "cert": lambda text: {"certificates": [{**CERT, "cert": f"/c{text}.pem"}]},
    "key": lambda text: {"certificates": [{**CERT, "key": f"/k{text}.pem"}]},
    "acme_root": lambda text: {"redirect": {"acme_root": f"/acme{text}"}},
    "access log": lambda text: {"log": {"access": f"/log{text}"}},
    "error log": lambda text: {"log": {"error": f"/log{text}"}},
    "header name": lambda text: {"headers": {f"X-A{text}B": "1"}},
    "header value": lambda text: {"headers": {"X-A": f"a{text}b"}},
    "media type": lambda text: {"media_types": {".x": f"a/b{text}c"}},
    "extension": lambda text: {"media_types": {f".a{text}b": "a/b"}},
    "allow": lambda text: {"access": {"allow": [f"fe80::1%{text}"]}},
    "deny": lambda text: {"access": {"deny": [f"10.0.0.1{text}"]}},
    "trusted proxy": lambda text: {"trusted_proxies": [f"fe80::1%a{text}"]},
    "address": lambda text: {"listen": {"addresses": [f"fe80::1%a{text}"]}},
}
CONTROLS = ("\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff", "\uffff", "\ud800")


@pytest.mark.parametrize("char", CONTROLS, ids=lambda char: f"U+{ord(char):04X}")
@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_no_field_carries_a_control_character(field: str, char: str) -> None:
    assert refusal(**TEXT_FIELDS[field](char))


@pytest.mark.parametrize("char", CONTROLS, ids=lambda char: f"U+{ord(char):04X}")
def test_a_control_character_is_named_by_its_code_point(char: str) -> None:
    with pytest.raises(ValueError, match=rf"^the path has the character U\+{ord(char):04X}, which no server"):
        refuse_control(f"a{char}b", "the path")


@pytest.mark.parametrize("field", [name for name in TEXT_FIELDS if name not in ("header value", "location")])
def test_a_semicolon_is_refused_but_in_a_header_value_and_in_a_prefix_which_are_quoted(field: str) -> None:
    assert refusal(**TEXT_FIELDS[field](";"))


@pytest.mark.parametrize(
    "field", [name for name in TEXT_FIELDS if name not in ("header value", "domain", "alias", "public_url")]
)
def test_every_text_field_of_the_table_takes_harmless_text(field: str) -> None:
    harmless = {"allow": "", "deny": "", "trusted proxy": "", "address": ""}
    changes = TEXT_FIELDS[field](harmless.get(field, "x"))
    if field in ("allow", "trusted proxy", "address"):
        assert "zone" in refusal(**changes), "a zone is refused, whatever it says"
    else:
        assert site(**changes)


@given(st.text(max_size=30))
def test_an_accepted_network_is_an_address_and_nothing_else(text: str) -> None:
    try:
        seen = site(access={"allow": [text]}).access.allow[0]
    except ValidationError:
        return
    assert set(seen) <= set("0123456789abcdef:./")


@given(st.text(alphabet="abc019.:[]%/;@#?\\ -_", max_size=30))
def test_an_accepted_upstream_is_made_of_host_characters_only(text: str) -> None:
    try:
        seen = parse_upstream("http://" + text)
    except ValueError:
        return
    assert set(seen.host) <= set("abcdef0123456789.:-")
    assert 1 <= seen.port <= 65535
