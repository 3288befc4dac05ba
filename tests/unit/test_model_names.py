"""Which names of a site are shown which certificates."""

from __future__ import annotations

from typing import Any

import pytest

from ota_proxy.site.names import host_of, shown, taken
from tests.support.sites import refusal, site


def pair(name: str, *domains: str) -> dict[str, Any]:
    return {"cert": f"/etc/ssl/{name}.pem", "key": f"/etc/ssl/{name}.key", "domains": domains}


def hosts(domains: list[str], *pairs: dict[str, Any]) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
    made = site(domains=domains, certificates=pairs)
    return [(host.domains, host.certificates) for host in made.virtual_hosts]


A, B, C, WILD = "a.example.com", "b.example.com", "c.example.org", "*.example.com"


@pytest.mark.parametrize(
    ("domains", "pairs", "expected"),
    [
        ([A, B], [pair("x")], [((A, B), (0,))]),
        ([A, B], [pair("x"), pair("y")], [((A, B), (0, 1))]),
        ([A, B], [pair("x", A), pair("y", B)], [((A,), (0,)), ((B,), (1,))]),
        ([A, B, C], [pair("x", B), pair("y", A, C)], [((A, C), (1,)), ((B,), (0,))]),
        ([A, B], [pair("x", A), pair("y")], [((A,), (0,)), ((B,), (1,))]),
        ([A, B, C], [pair("x", WILD), pair("y", C)], [((A, B), (0,)), ((C,), (1,))]),
        ([A, WILD], [pair("x", A), pair("y", WILD)], [((A,), (0,)), ((WILD,), (1,))]),
        ([A, B], [pair("x", A, B), pair("y", A, B)], [((A, B), (0, 1))]),
        ([A, B], [pair("x", A), pair("y", A), pair("z", B)], [((A,), (0, 1)), ((B,), (2,))]),
        ([A, B], [pair("x", "A.Example.COM."), pair("y", B)], [((A,), (0,)), ((B,), (1,))]),
        (["bücher.example.com", B], [pair("x", "BÜCHER.example.com"), pair("y", B)], [(("xn--bcher-kva.example.com",), (0,)), ((B,), (1,))]),
    ],
)  # fmt: skip
def test_every_set_of_certificates_has_its_names(
    domains: list[str], pairs: list[dict[str, Any]], expected: list[tuple[tuple[str, ...], tuple[int, ...]]]
) -> None:
    assert hosts(domains, *pairs) == expected


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([pair("x", A)], "b.example.com has no certificate"),
        ([pair("x", A, B), pair("y", C)], "c.example.org is not among the site's domains"),
        ([pair("x", "*.a.example.com", A, B)], "*.a.example.com is not among the site's domains"),
        ([pair("x"), pair("y"), pair("z")], "a.example.com would have 3 certificates"),
        ([pair("x", A, B), pair("y", A), pair("z", A, B)], "a.example.com would have 3 certificates"),
        ([pair("x", A, B), pair("y")], "every name of this certificate has another one already"),
        ([pair("x", A, B), pair("y", WILD)], "every name of this certificate has another one already"),
    ],
)
def test_names_that_do_not_add_up_are_refused(pairs: list[dict[str, Any]], words: str) -> None:
    assert words in refusal(domains=[A, B], certificates=pairs)


def test_an_offloaded_site_is_one_virtual_host_without_certificates() -> None:
    raw = {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["10.0.0.1"], "domains": [A, B]}
    assert [(host.domains, host.certificates) for host in site(**raw).virtual_hosts] == [((A, B), ())]


def test_a_name_is_answered_by_itself_before_a_wildcard() -> None:
    made = site(domains=[A, WILD], certificates=[pair("x", A), pair("y", WILD)]).virtual_hosts
    assert [host_of(made, name) for name in (A, B, C)] == [made[0], made[1], None]
    assert [shown(made, index) for index in (0, 1)] == [(A,), (WILD,)]
    assert [taken(made, host) for host in made] == [(), (A,)]
