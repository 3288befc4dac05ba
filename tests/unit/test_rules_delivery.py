"""One thing broken in a healthy walk, and exactly the rules that must report it: link, transport, TLS, certificate, what answers give away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ota_proxy.facts.install import InstallFacts, LinkFacts, NetError, PlainHttpFacts, Response, Visit
from tests.support.facts import (
    BASE,
    HOST,
    INTERMEDIATE,
    LINK,
    MANIFEST_URL,
    NOW,
    answered,
    certificate,
    failing,
    healthy,
    manifest,
    manifest_data,
    outcomes,
    package,
    page,
    redirected,
    reported,
    respond,
    statuses,
    tls,
    visit,
    with_data,
    with_manifest,
    with_tls,
)

PLAIN = f"http://{HOST}/ota/app-1.2.plist?probe=%2Fx"


def link(*problems: str, context: str = "html-attribute", target: str = "", url: str = MANIFEST_URL) -> InstallFacts:
    shown = LinkFacts(LINK, context, tuple(problems), manifest_url=url, target=target)  # type: ignore[arg-type]
    return healthy(link=shown, page=page([shown]))


def plain(response: Response | None, *more: Visit, stopped: str = "", **probe: object) -> InstallFacts:
    hops = [visit(PLAIN, response, **probe).last, *(step.last for step in more)]
    return healthy(plain=PlainHttpFacts(Visit("plain", tuple(hops), stopped), open=True))


def to(url: str, status: int = 308) -> Response:
    return respond(status, {"Location": url}, secure=False)


def page_answer(**headers: str) -> InstallFacts:
    base = page()
    return healthy(page=replace(base, visit=answered(base.visit, None, None, **headers)))


def set_aside(old: Visit, *lines: str) -> Visit:
    assert old.last.response is not None
    return replace(old, hops=(replace(old.last, response=replace(old.last.response, illegal=lines)),))


def also(old: Visit, name: str, value: str) -> Visit:
    assert old.last.response is not None
    headers = (*old.last.response.headers, (name, value))
    return replace(old, hops=(replace(old.last, response=replace(old.last.response, headers=headers)),))


def lost(seen: Visit, why: str, location: str) -> Visit:
    return replace(answered(seen, 302, b"", location=location), stopped=why)


CDN = package(url="https://cdn.example.org/app-1.2.ipa")
FRAMABLE = {"content_security_policy": ""}

LINKS = {
    "a healthy walk has nothing to report": (healthy(), set()),
    "a link whose url is not encoded": (link("not-encoded"), {"OTA101"}),
    "a raw & that also leaves no url is 101 only": (link("not-encoded", "malformed"), {"OTA101"}),
    "&amp; in a script is 102 only, although the url is lost by it": (
        link("amp-outside-html", "malformed", context="script"),
        {"OTA102"},
    ),
    "a link escaped twice": (link("double-escaped", "malformed"), {"OTA103"}),
    "a link without its slashes": (link("slashes-lost", "malformed"), {"OTA104"}),
    "a link with a wrong action": (link("malformed"), {"OTA105"}),
    "an http manifest in a link is 106, and still hurts beside a double escape": (
        link("double-escaped", "not-https", url=f"http://{HOST}/ota/app.plist"),
        {"OTA103", "OTA106"},
    ),
    "a page that may be framed": (page_answer(**FRAMABLE), {"OTA107"}),
    "a page that anyone may frame by its policy": (
        page_answer(content_security_policy="frame-ancestors *"),
        {"OTA107"},
    ),
    "X-Frame-Options forbids framing as well": (
        page_answer(content_security_policy="", x_frame_options="SAMEORIGIN"),
        set(),
    ),
    "a page that links the package and no manifest is 109, not also 114": (
        healthy(link=None, page=replace(page([]), package_links=("app.ipa",))),
        {"OTA109"},
    ),
    "a package link beside an install link is fine": (healthy(page=replace(page(), package_links=("app.ipa",))), set()),
    "a page that comes as octet-stream": (page_answer(content_type="application/octet-stream"), {"OTA110"}),
    "a page without a type": (page_answer(content_type=""), {"OTA110"}),
    "a page without a link": (healthy(link=None, page=page([])), {"OTA114"}),
    "a page whose scripts would make the link": (
        healthy(link=None, page=replace(page([]), scripts=True)),
        {"OTA114"},
    ),
    "a page that is not there": (
        healthy(link=None, page=replace(page([]), visit=answered(page().visit, 404))),
        {"OTA114"},
    ),
}

TRANSPORT = {
    "a closed port 80 is fine": (healthy(plain=PlainHttpFacts(failing(PLAIN, "refused"), open=False)), set()),
    "port 80 serves the manifest": (plain(respond(200, secure=False)), {"OTA201"}),
    "port 80 answers 404": (plain(respond(404, secure=False)), {"OTA201"}),
    "port 80 redirects to another http address": (
        plain(to(f"http://{HOST}/x"), visit(f"http://{HOST}/x", respond(200, secure=False))),
        {"OTA201"},
    ),
    "the redirect drops the query": (plain(to(MANIFEST_URL)), {"OTA202"}),
    "the redirect decodes %2F": (plain(to(f"{MANIFEST_URL}?probe=/x")), {"OTA202"}),
    "Redirect without a slash glues the path to the host": (
        plain(to(f"https://{HOST}ota/app-1.2.plist?probe=%2Fx")),
        {"OTA202"},
    ),
    "a canonical host with the path kept is fine": (
        plain(to("https://www.example.com/ota/app-1.2.plist?probe=%2Fx")),
        set(),
    ),
    "301 is as good as 308": (plain(to(f"{MANIFEST_URL}?probe=%2Fx", 301)), set()),
    "a temporary redirect": (plain(to(f"{MANIFEST_URL}?probe=%2Fx", 302)), {"OTA203"}),
    "two hops to https": (
        plain(
            to(f"http://www.{HOST}/ota/app-1.2.plist?probe=%2Fx"),
            visit(f"http://www.{HOST}/", to(f"{MANIFEST_URL}?probe=%2Fx")),
        ),
        {"OTA203"},
    ),
    "the manifest redirects to itself is 204, not 305 or 301": (
        with_manifest(visit=lost(manifest().visit, "loop", MANIFEST_URL), data=None),
        {"OTA204"},
    ),
    "plain http redirects to itself is 204, not 201": (plain(to(PLAIN), stopped="loop"), {"OTA204"}),
    "the manifest is redirected to http": (
        with_manifest(visit=lost(manifest().visit, "left-https", "http://x/"), data=None),
        {"OTA205"},
    ),
    "the package is redirected to http": (
        healthy(packages=(replace(package(), get=lost(package().get, "left-https", "http://x/")),)),
        {"OTA205"},
    ),
    "nothing listens for TLS": (
        healthy(
            tls=tls(reachable=False, error=NetError("refused", "connection refused"), versions=(), suites={}, chain=()),
            page=None,
            link=None,
            missing=None,
            folder=None,
            manifest=replace(
                manifest(),
                visit=failing(MANIFEST_URL, "refused"),
                browser=None,
                mdm=None,
                h1=None,
                unknown_host=None,
                compressed=None,
                data=None,
            ),
            packages=(),
            images=(),
        ),
        {"OTA206"},
    ),
    "the server refuses the name in the handshake": (
        with_tls(versions=(), suites={}, chain=(), error=NetError("tls", "unrecognized name")),
        {"OTA206"},
    ),
    "no TLS at the host of the package": (
        healthy(
            others=(tls(host="cdn.example.com", reachable=False, error=NetError("timeout", "no answer"), chain=()),)
        ),
        {"OTA206"},
    ),
    "an answer without HSTS, be it a 404": (
        healthy(missing=visit(f"{BASE}/x", respond(404, {"Strict-Transport-Security": ""}))),
        {"OTA219"},
    ),
    "HSTS for a year only": (page_answer(strict_transport_security="max-age=31536000"), {"OTA219"}),
    "HSTS without an age": (page_answer(strict_transport_security="includeSubDomains"), {"OTA219", "OTA220"}),
    "HSTS over http": (plain(respond(308, {"Location": f"{MANIFEST_URL}?probe=%2Fx"})), {"OTA219"}),
    "HSTS of another host is its owner's, and a note": (
        healthy(packages=(replace(CDN, second=answered(CDN.second, strict_transport_security="")),)),
        {"OTA219"},
    ),
    "HSTS with preload is a note": (
        page_answer(strict_transport_security="max-age=63072000; includeSubDomains; preload"),
        {"OTA220"},
    ),
    "Connection over h2": (page_answer(connection="keep-alive"), {"OTA222"}),
    "a header that HTTP/2 set aside": (
        with_manifest(mdm=set_aside(manifest().visit, "upgrade: h2c")),
        {"OTA222"},
    ),
    "an unknown host name gets the manifest": (with_manifest(unknown_host=manifest().visit), {"OTA223"}),
    "an unknown host name may get a page without OTA content": (
        with_manifest(
            unknown_host=visit(MANIFEST_URL, respond(200, {"Content-Type": "text/html"}, b"<html>hello</html>"))
        ),
        set(),
    ),
}

CBC = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"
RSA = "TLS_RSA_WITH_AES_128_GCM_SHA256"
GOOD = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"


def leaf(**changes: object) -> InstallFacts:
    return with_tls(chain=(certificate(**changes), INTERMEDIATE))


def old(*suites: str, versions: tuple[str, ...] = ("TLSv1.2",), secret: bool | None = True) -> InstallFacts:
    return with_tls(versions=versions, suites={"TLSv1.2": suites}, extended_master_secret=secret)


DAY = timedelta(days=1)
CERTIFICATES = {
    "a self-signed certificate": (with_tls(trust="self-signed", private_root=None), {"OTA207"}),
    "a complete chain to an unknown root is 207 only": (with_tls(trust="unknown-root", private_root=None), {"OTA207"}),
    "an expired certificate is 208 only": (leaf(not_before=NOW - 90 * DAY, not_after=NOW - DAY), {"OTA208"}),
    "an expired intermediate is 208 only, also where the chain is trusted": (
        with_tls(chain=(certificate(), replace(INTERMEDIATE, not_after=NOW - DAY))),
        {"OTA208"},
    ),
    "an expired certificate that is on no path is nothing": (
        with_tls(
            chain=(certificate(), INTERMEDIATE, replace(INTERMEDIATE, subject="CN=Old", not_after=NOW - DAY)),
            path=(certificate(), INTERMEDIATE),
        ),
        set(),
    ),
    "SHA-1 on no path": (
        with_tls(chain=(certificate(), replace(INTERMEDIATE, signature_hash="sha1")), path=(certificate(),)),
        set(),
    ),
    "an issuer near its end": (
        with_tls(chain=(certificate(), replace(INTERMEDIATE, not_after=NOW + 5 * DAY))),
        {"OTA213"},
    ),
    "a certificate that cannot be read": (
        with_tls(chain=(), path=(), trust="unreadable", name_matches=None),
        {"OTA207"},
    ),
    "a certificate of tomorrow": (leaf(not_before=NOW + DAY, not_after=NOW + 80 * DAY), {"OTA208"}),
    "an expired intermediate where the chain is not trusted": (
        with_tls(trust="unknown-root", chain=(certificate(), replace(INTERMEDIATE, not_after=NOW - DAY))),
        {"OTA207", "OTA208"},
    ),
    "another name in the certificate": (
        with_tls(chain=(certificate(dns_names=("other.example.com",)), INTERMEDIATE), name_matches=False),
        {"OTA209"},
    ),
    "no name at all is 211, not 209": (
        with_tls(chain=(certificate(dns_names=(), has_san=False), INTERMEDIATE), name_matches=False),
        {"OTA211"},
    ),
    "an intermediate that is not served is 210 only": (
        with_tls(chain=(certificate(),), trust="missing-intermediate", private_root=None),
        {"OTA210"},
    ),
    "a small RSA key": (leaf(key_kind="rsa", key_bits=1024), {"OTA211"}),
    "SHA-1": (leaf(signature_hash="sha1"), {"OTA211"}),
    "SHA-1 on the intermediate": (
        with_tls(chain=(certificate(), replace(INTERMEDIATE, signature_hash="sha1"))),
        {"OTA211"},
    ),
    "no serverAuth": (leaf(server_auth=False), {"OTA211"}),
    "826 days from a private CA": (leaf(not_after=NOW + 796 * DAY), {"OTA212"}),
    "825 days from a private CA are fine": (leaf(not_after=NOW + 795 * DAY - timedelta(seconds=1)), set()),
    "398 days from a public CA after March 2026": (
        with_tls(
            chain=(certificate(not_after=NOW + 368 * DAY - timedelta(seconds=1)), INTERMEDIATE), private_root=False
        ),
        {"OTA212"},
    ),
    "ten days left": (leaf(not_before=NOW - 80 * DAY, not_after=NOW + 10 * DAY), {"OTA213"}),
    "three of six days left is fine": (leaf(not_before=NOW - 3 * DAY, not_after=NOW + 3 * DAY), set()),
    "nothing newer than TLS 1.1": (
        with_tls(versions=("TLSv1", "TLSv1.1"), suites={"TLSv1": (CBC,), "TLSv1.1": (CBC,)}),
        {"OTA214", "OTA215"},
    ),
    "TLS 1.0 beside the new ones": (with_tls(versions=("TLSv1", "TLSv1.2", "TLSv1.3")), {"OTA215"}),
    "no ECDHE suite is 216 and 218, and weak besides": (old(RSA), {"OTA216", "OTA217", "OTA218"}),
    "CBC with ECDHE is 217 and 218, not 216": (old(CBC), {"OTA217", "OTA218"}),
    "a weak suite beside good ones": (
        with_tls(suites={"TLSv1.2": (GOOD, RSA), "TLSv1.3": ("TLS_AES_128_GCM_SHA256",)}),
        {"OTA217"},
    ),
    "TLS 1.2 without Extended Master Secret": (old(GOOD, secret=False), {"OTA218"}),
    "TLS 1.2 with GCM and Extended Master Secret is ready": (old(GOOD), set()),
}

SERVER = {
    "two Content-Type headers are 604, not 314": (
        with_manifest(visit=also(manifest().visit, "content-type", "application/octet-stream")),
        {"OTA604"},
    ),
    "the server's version in a header": (page_answer(server="nginx/1.22.1"), {"OTA612"}),
    "the server's version in its error page": (
        healthy(missing=visit(f"{BASE}/x", respond(404, body=b"<html><hr><center>nginx/1.22.1</center></html>"))),
        {"OTA612"},
    ),
    "a listing of the builds": (
        healthy(
            folder=visit(f"{BASE}/ota/", respond(200, body=b"<html><head><title>Index of /ota/</title></head></html>"))
        ),
        {"OTA613"},
    ),
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [pytest.param(*case, id=name) for name, case in {**LINKS, **TRANSPORT, **CERTIFICATES, **SERVER}.items()],
)
def test_exactly_the_expected_rules_report(facts: InstallFacts, expected: set[str]) -> None:
    assert reported(facts) == expected


def test_a_name_that_does_not_resolve_here_gives_no_verdict_on_anything() -> None:
    dead = failing(MANIFEST_URL, "dns", "no such name")
    facts = InstallFacts(
        target=MANIFEST_URL,
        start="manifest",
        now=NOW,
        host=HOST,
        tls=tls(reachable=False, error=NetError("dns", "no such name"), versions=(), suites={}, chain=()),
        manifest=replace(
            manifest(), visit=dead, browser=None, mdm=None, h1=None, unknown_host=None, compressed=None, data=None
        ),
    )
    found = statuses(facts)
    assert "failed" not in found.values()
    assert found["OTA206"] == found["OTA301"] == found["OTA401"] == found["OTA219"] == "no-verdict"


def test_the_certificate_at_an_internal_address_of_the_manifest_is_nobodys_business() -> None:
    data = manifest_data()
    data["items"][0]["assets"][0]["url"] = "https://10.0.0.7/app-1.2.ipa"
    strange = tls(host="10.0.0.7", trust="unknown-root", name_matches=False, versions=("TLSv1", "TLSv1.2"))
    assert reported(replace(with_data(data), others=(strange,))) == {"OTA313"}
    assert "OTA207" in reported(replace(with_data(data), others=(strange,), private_allowed=True))


def test_a_handshake_that_fails_for_no_visible_reason_is_still_reported() -> None:
    facts = with_manifest(visit=failing(MANIFEST_URL, "tls", "handshake failure"), browser=None, mdm=None, data=None)
    assert reported(facts) == {"OTA206"}


def test_a_redirect_that_a_private_ca_needs_says_what_the_device_needs() -> None:
    (found,) = [o for o in outcomes(with_tls(trust="unknown-root")) if o.status == "failed"]
    assert "Certificate Trust Settings" in found.remedy


def test_a_redirected_manifest_over_http_is_not_counted_twice() -> None:
    seen = redirected(
        replace(manifest().visit, hops=(replace(manifest().visit.last, url=f"http://{HOST}/a.plist"),)), MANIFEST_URL
    )
    facts = with_manifest(url=f"http://{HOST}/a.plist", visit=seen)
    assert reported(facts) == {"OTA106"}
