"""Hostile values on IIS: refused, or read back exactly by an XML parser and a PowerShell reader that share nothing with the renderer."""

from __future__ import annotations

import ipaddress
import re
import shlex
import xml.etree.ElementTree as ET

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.iis.quote import address_pattern, octet_range, ps_string, regex, xml_attribute, xml_comment
from ota_proxy.servers.iis.render import render
from ota_proxy.servers.rendered import Rendered, comment_text
from ota_proxy.site import Site
from tests.property.hostile import Raw, hostile_sites, outcome, plain_twin, put_back
from tests.support.powershell import read

Read = list[tuple[str, list[tuple[str, str]]]]

_many = settings(
    max_examples=2000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
_versions = st.sampled_from(("2016", "2019", "2022", "2025"))


def _render(site: Site, version: str, *, rewrite: bool) -> Rendered:
    return render(site, resolve("iis", version), "site", "ota-proxy render iis", rewrite_module=rewrite)


def _elements(text: str) -> Read:
    return [(element.tag, sorted(element.attrib.items())) for element in ET.fromstring(text).iter()]  # noqa: S314 - our own text


def _on_windows(path: str) -> str:
    drive = "%SystemDrive%" if path.startswith("/") else ""
    return drive + re.sub(r"[\\/]+", r"\\", path if len(path) == 3 else path.rstrip("/\\"))


def _windows_tokens(tokens: dict[str, str]) -> dict[str, str]:
    return {
        _on_windows(token) if token.startswith("/") else token: _on_windows(text) if token.startswith("/") else text
        for token, text in tokens.items()
    }


_ascii = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1).map(str.strip).filter(bool)
_names = st.text(min_size=1, max_size=12)
_folders = st.one_of(st.builds("/srv/{}".format, _names), st.builds("C:\\{}\\x".format, _names))
_allowed = st.fixed_dictionaries(
    {
        "domains": st.just(["ota.example.com"]),
        "locations": st.builds(
            lambda root, other: [{"path": "/", "root": root}, {"path": "/b/", "root": other}], _folders, _folders
        ),
        "certificates": st.builds(lambda cert, key: [{"cert": cert, "key": key}], _folders, _folders),
        "headers": st.dictionaries(st.sampled_from(("X-Own", "X-Powered-By", "Server-Timing")), _ascii),
        "redirect": st.fixed_dictionaries({"acme_root": _folders}),
    }
)


@_many
@given(hostile_sites(), _versions, st.booleans())
def test_a_hostile_site_is_refused_or_read_back_exactly(raw: Raw, version: str, rewrite: bool) -> None:
    _refused_or_read_back(raw, version, rewrite=rewrite)


@_many
@given(_allowed, _versions, st.booleans())
def test_free_text_that_validation_lets_through_is_refused_or_read_back_exactly(
    raw: Raw, version: str, rewrite: bool
) -> None:
    _refused_or_read_back(raw, version, rewrite=rewrite)


def _refused_or_read_back(raw: Raw, version: str, *, rewrite: bool) -> None:
    site = outcome(raw)
    if site is None:
        return
    try:
        rendered = _render(site, version, rewrite=rewrite)
    except UsageError as error:
        place = error.place
        assert place, "a refusal names the key"
        return
    twin, words = plain_twin(site)
    tokens = _windows_tokens(words)
    plain = _render(twin, version, rewrite=rewrite)
    wanted = [
        (tag, [(name, put_back(value, tokens)) for name, value in values])
        for tag, values in _elements(plain.files[0].text)
    ]
    assert _elements(rendered.files[0].text) == wanted
    for file, other in zip(rendered.files[1:], plain.files[1:], strict=True):
        code, strings = read(file.text.removeprefix("\ufeff"))
        plain_code, plain_strings = read(other.text)
        assert code == plain_code
        assert strings == [put_back(text, tokens) for text in plain_strings]
        assert file.text.isascii() or file.text.startswith("\ufeff"), "Windows PowerShell reads other files as ANSI"


@_many
@given(st.text())
def test_a_powershell_string_is_read_back_as_it_was(text: str) -> None:
    assert read(f"x {ps_string(text)} -y # it's over") == ("x <string> -y ", [text])


@_many
@given(st.text())
def test_an_xml_attribute_is_read_back_as_it_was_or_refused(text: str) -> None:
    try:
        quoted = xml_attribute(text)
    except UsageError:
        assert re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", text)
        return
    element = ET.fromstring(f"<x a={quoted} b='1'/>")  # noqa: S314 - our own text
    assert element.attrib == {"a": text, "b": "1"}
    assert quoted.isascii()


@given(st.text(), st.text(max_size=3))
def test_a_quoted_pattern_matches_its_text_and_nothing_longer(text: str, more: str) -> None:
    assert re.fullmatch(regex(text), text)
    assert bool(re.fullmatch(regex(text), text + more)) == (more == "")


@_many
@given(st.lists(st.text(alphabet="-ab 'x\"$>\\", min_size=1)))
def test_the_command_in_an_xml_comment_means_the_same_to_a_shell(words: list[str]) -> None:
    line = comment_text("ota-proxy " + shlex.join(words) + " end")
    comment = xml_comment("Command: " + line)
    assert "--" not in comment
    assert shlex.split(comment) == ["Command:", *shlex.split(line)]


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_an_octet_range_matches_its_numbers_only(first: int, last: int, number: int) -> None:
    low, high = sorted((first, last))
    assert bool(re.fullmatch(octet_range(low, high), str(number))) == (low <= number <= high)


@_many
@given(st.ip_addresses(v=4), st.integers(1, 32), st.ip_addresses(v=4), st.integers(0, 32))
def test_the_pattern_of_networks_matches_their_addresses_only(
    base: ipaddress.IPv4Address, prefix: int, other: ipaddress.IPv4Address, near: int
) -> None:
    network = ipaddress.ip_network((base, prefix), strict=False)
    pattern = re.compile(address_pattern([str(network), "192.0.2.7"], ("trusted_proxies",)))
    neighbour = ipaddress.IPv4Address(int(base) ^ (1 << near) & 0xFFFFFFFF)
    for address in (base, other, neighbour, network[0], network[-1]):
        wanted = address in network or str(address) == "192.0.2.7"
        assert bool(pattern.search(str(address))) == wanted
