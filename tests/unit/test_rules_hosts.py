"""Every host that a walk meets: the site's own is judged, somebody else's gets notes; and who else, or where nobody, gets to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ota_proxy.facts.install import InstallFacts, LinkFacts, NetError, PlainHttpFacts, Visit
from ota_proxy.policy.public_suffixes import registrable, same_site
from ota_proxy.rules.rule import Outcome
from tests.support.facts import (
    BASE,
    LINK,
    MANIFEST_URL,
    NOW,
    answered,
    certificate,
    exchange,
    failing,
    healthy,
    manifest,
    outcomes,
    package,
    page,
    reported,
    respond,
    tls,
    visit,
    with_manifest,
    with_package,
)

OWN, THEIRS = "files.example.com", "bucket.storage.test"


def found(install: InstallFacts, rule: str) -> list[Outcome]:
    return [one for one in outcomes(install) if one.rule.id == rule and one.status == "failed"]


def moved(old: Visit, host: str, address: str = "198.18.0.7:443") -> Visit:
    """The visit with a redirect to the same file at another host."""
    last = old.last
    url = last.url.replace("ota.example.com", host)
    way = replace(last, response=respond(302, {"Location": url}))
    return replace(old, hops=(way, replace(last, url=url, address=address)))


def at(host: str, address: str = "198.18.0.7:443", **more: object) -> InstallFacts:
    """The healthy walk whose package a redirect leads to another host."""
    base = package()
    names = ("head", "get", "ranged", "tail", "second", "compressed", "compressed_head", "h1")
    visits = {name: moved(getattr(base, name), host, address) for name in names}
    return replace(healthy(packages=(replace(base, **visits, resumed=None, conditional=None),)), **more)  # type: ignore[arg-type]


def plain_at(host: str, status: int = 200) -> PlainHttpFacts:
    seen = visit(f"http://{host}/App.ipa?x=1", respond(status, secure=False))
    return PlainHttpFacts(replace(seen, hops=(replace(seen.last, address="198.18.0.7:80"),)), open=True)


def without_hsts(install: InstallFacts) -> InstallFacts:
    (one,) = install.packages
    return replace(install, packages=(replace(one, get=answered(one.get, strict_transport_security="")),))


# -- whose host it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("ota.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("d111.cloudfront.net", "d111.cloudfront.net"),
        ("me.github.io", "me.github.io"),
        ("deep.me.github.io", "me.github.io"),
        ("co.uk", "co.uk"),
        ("OTA.Example.COM.", "example.com"),
        ("xn--mnchen-3ya.example.de", "example.de"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("intranet", "intranet"),
        ("one.example.test", "example.test"),
    ],
)
def test_a_host_belongs_to_its_registrable_domain(host: str, domain: str) -> None:
    assert registrable(host) == domain


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ota.example.com", "cdn.example.com", True),
        ("a.cloudfront.net", "b.cloudfront.net", False),
        ("a.co.uk", "b.co.uk", False),
        ("192.0.2.7", "192.0.2.8", False),
        ("example.com", "example.com.", True),
    ],
)
def test_two_hosts_are_of_one_site_by_that_domain(one: str, other: str, *, same: bool) -> None:
    assert same_site(one, other) is same


# -- what is judged there ----------------------------------------------------------------------------------------------


def test_a_redirect_target_is_judged_by_its_certificate() -> None:
    late = tls(host=THEIRS, chain=(certificate(dns_names=(THEIRS,), not_after=NOW - timedelta(days=2)),))
    (one,) = found(at(THEIRS, others=(late,)), "OTA208")
    assert one.subject == f"{THEIRS}:443"
    assert one.severity == "error"


@pytest.mark.parametrize(("host", "severity"), [(OWN, "warning"), (THEIRS, "note")])
def test_missing_hsts_is_a_note_at_somebody_elses_host(host: str, severity: str) -> None:
    (one,) = found(without_hsts(at(host)), "OTA219")
    assert one.severity == severity
    assert host in one.message


@pytest.mark.parametrize(("host", "severity"), [(OWN, "error"), (THEIRS, "note")])
@pytest.mark.parametrize("status", [200, 404])
def test_a_plain_port_is_judged_at_every_host(host: str, severity: str, status: int) -> None:
    (one,) = found(at(host, plains=(plain_at(host, status),)), "OTA201")
    assert one.severity == severity


@pytest.mark.parametrize(("host", "severity"), [(OWN, "warning"), (THEIRS, "note")])
def test_a_package_under_an_unknown_host_name_is_judged_where_it_lies(host: str, severity: str) -> None:
    walk = at(host)
    (one,) = walk.packages
    (outcome,) = found(replace(walk, packages=(replace(one, unknown_sni=one.get),)), "OTA223")
    assert (outcome.severity, outcome.message) == (
        severity,
        "The package is also served under a name that is not yours",
    )


def test_one_address_makes_one_site() -> None:
    (one,) = found(without_hsts(at(THEIRS, "93.184.216.34")), "OTA219")
    assert one.severity == "warning"


def test_an_address_has_no_hsts() -> None:
    def there(old: Visit) -> Visit:
        hops = [replace(hop, url=hop.url.replace("ota.example.com", "192.0.2.7")) for hop in old.hops]
        return replace(old, hops=tuple(hops))

    bare = respond(200, {"Strict-Transport-Security": "", "Content-Type": "text/html"})
    walk = InstallFacts(f"{BASE}/", "page", NOW, host="192.0.2.7", page=replace(page(), visit=there(visit(BASE, bare))))
    assert "OTA219" not in reported(walk)


# -- unknown hosts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["unknown_host", "unknown_sni"])
def test_an_unknown_host_must_not_get_manifest_or_package(way: str) -> None:
    assert reported(with_manifest(**{way: manifest().visit})) == {"OTA223"}
    assert reported(with_package(**{way: package().get})) == {"OTA223"}


def test_both_ways_of_an_unknown_host_to_one_file_are_one_finding() -> None:
    visits = {"unknown_host": manifest().visit, "unknown_sni": manifest().visit}
    (one,) = found(with_manifest(**visits), "OTA223")
    assert "as Host under your own SNI and as SNI and Host" in one.evidence


@pytest.mark.parametrize("status", [301, 302, 403, 404, 421])
def test_what_an_unknown_host_gets_without_the_file_is_fine(status: int) -> None:
    walk = with_manifest(unknown_host=visit(MANIFEST_URL, respond(status)), unknown_sni=failing(MANIFEST_URL, "tls"))
    assert reported(walk) == set()


# -- client certificates -----------------------------------------------------------------------------------------------

ASKING = {
    "nginx": (400, b"<html><head><title>400 No required SSL certificate was sent</title></head>"),
    "nginx, another": (400, b"<center><h1>400 Bad Request</h1></center><center>The SSL certificate error</center>"),
    "Apache": (403, b"<p>You don't have permission.<br />Reason: Cannot perform Post-Handshake Authentication.<br />"),
    "IIS": (403, b"<h2>HTTP Error 403.7 - Forbidden</h2>"),
    "IIS, in German": ((403), b"<h2>HTTP-Fehler 403.7 - Forbidden</h2><h3>Zugriff verweigert</h3>"),
    "an application": (401, b'{"error": "client certificate required"}'),
}


@pytest.mark.parametrize(("status", "body"), ASKING.values(), ids=ASKING)
def test_a_page_that_asks_for_a_client_certificate_is_that_and_nothing_else(status: int, body: bytes) -> None:
    seen = answered(manifest().visit, status, body)
    nobody = {"browser": None, "mdm": None, "h1": None, "compressed": None, "data": None, "items": (), "assets": ()}
    assert reported(replace(with_manifest(visit=seen, **nobody), packages=(), images=())) == {"OTA225"}
    lost = {name: answered(package().get, status, body) for name in ("get", "ranged", "tail", "second", "h1")}
    assert reported(with_package(**lost, resumed=None, conditional=None, unpacked=None)) == {"OTA225"}
    shown = replace(page([]), visit=answered(page().visit, status, body))
    assert reported(healthy(page=shown, link=None)) == {"OTA225"}


def test_words_of_certificates_on_a_page_that_came_are_no_refusal() -> None:
    shown = replace(page(), visit=answered(page().visit, 200, b"<p>No client certificate required here.</p>"))
    assert reported(healthy(page=shown)) == set()


def test_a_refusal_in_the_handshake_is_not_also_unreachable_or_untrusted() -> None:
    seen = failing(MANIFEST_URL, "client-certificate")
    nobody = {"browser": None, "mdm": None, "h1": None, "compressed": None, "unknown_host": None, "data": None}
    walk = replace(
        with_manifest(visit=seen, **nobody), page=None, link=None, packages=(), images=(), missing=None, folder=None
    )
    assert reported(walk) == {"OTA225"}


# -- hosts that only we know -------------------------------------------------------------------------------------------


def linked(url: str, **more: object) -> InstallFacts:
    shown = LinkFacts(LINK, "html-attribute", manifest_url=url)
    seen = replace(manifest(), url=url, visit=failing(url, "dns"), data=None, items=(), assets=(), browser=None)
    walk = healthy(link=shown, page=page([shown]), manifest=replace(seen, mdm=None, h1=None, compressed=None), tls=None)
    return replace(walk, packages=(), images=(), host="", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "severity"),
    [
        ("localhost", "error"),
        ("app.localhost", "error"),
        ("127.0.0.1", "error"),
        ("127.1", "error"),
        ("2130706433", "error"),
        ("0x7f.1", "error"),
        ("0.0.0.0", "error"),  # noqa: S104 - the address itself, nothing listens
        ("[::1]", "error"),
        ("[::ffff:127.0.0.1]", "error"),
        ("169.254.10.2", "warning"),
        ("[fe80::1]", "warning"),
        ("10.0.0.5", "warning"),
        ("172.16.3.4", "warning"),
        ("192.168.1.20", "warning"),
        ("100.64.0.1", "warning"),
        ("[fd00::5]", "warning"),
        ("buildserver", "warning"),
        ("ota.local", "warning"),
        ("builds.corp.internal", "warning"),
    ],
)
def test_a_host_that_no_phone_elsewhere_reaches_is_told(host: str, severity: str) -> None:
    (one,) = found(linked(f"https://{host}/app.plist"), "OTA226")
    assert one.severity == severity


@pytest.mark.parametrize("host", ["ota.example.com", "93.184.216.34", "[2606:4700::1111]", "xn--mnchen-3ya.de"])
def test_a_host_of_the_internet_is_not(host: str) -> None:
    assert found(linked(f"https://{host}/app.plist"), "OTA226") == []


def test_what_was_named_or_allowed_on_purpose_is_no_finding() -> None:
    url = "https://buildserver/app.plist"
    assert found(linked(url, private_allowed=True), "OTA226") == []
    assert found(linked(url, resolved_hosts=frozenset({"buildserver"})), "OTA226") == []


def test_a_name_that_leads_inside_from_here_is_a_warning() -> None:
    seen = replace(manifest().visit, hops=(replace(manifest().visit.last, address="10.1.2.3:443"),))
    (one,) = found(with_manifest(visit=seen), "OTA226")
    assert (one.severity, "10.1.2.3" in one.message) == ("warning", True)
    unasked = NetError("unreachable", "not asked", "127.0.0.1")
    away = Visit("manifest", (replace(exchange(MANIFEST_URL, None, error=unasked), address=""),))
    (one,) = found(with_manifest(visit=away, data=None), "OTA226")
    assert (one.severity, "127.0.0.1" in one.message) == ("warning", True)


# -- the message of 209 ------------------------------------------------------------------------------------------------


def test_a_name_that_looks_like_the_host_is_told_apart_from_it() -> None:
    leaf = certificate(dns_names=("192.0.2.7", "*.example.com"))
    (one,) = found(healthy(tls=tls(host="192.0.2.7", name_matches=False, chain=(leaf,))), "OTA209")
    said = "The certificate is not for 192.0.2.7; it names 192.0.2.7 as a host name and not as an IP address, *.example.com"
    assert one.message == said
    many = certificate(dns_names=tuple(f"h{number}.example.com" for number in range(9)))
    (one,) = found(healthy(tls=tls(name_matches=False, chain=(many,))), "OTA209")
    assert one.message.endswith("h4.example.com and 4 more")
    assert "h8.example.com" in one.evidence
