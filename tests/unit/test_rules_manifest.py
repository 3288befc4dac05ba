"""One thing broken in a healthy walk, and exactly the rules that must report it: delivery and content of the manifest."""

from __future__ import annotations

import gzip
import plistlib
from dataclasses import replace
from typing import Any

import pytest

from ota_proxy.device.fetch_manifest import read_manifest
from ota_proxy.facts.install import Asset, InstallFacts, NetError
from ota_proxy.rules.catalogue import causes
from ota_proxy.site import Site
from tests.support.facts import (
    BASE,
    HOST,
    ICON_URL,
    MANIFEST_URL,
    PACKAGE_URL,
    answered,
    failing,
    healthy,
    manifest,
    manifest_data,
    outcomes,
    package,
    redirected,
    reported,
    statuses,
    with_data,
    with_manifest,
    with_manifest_answer,
)
from tests.support.manifest_answers import cached, type_

HTML = b"<!doctype html><html><title>App</title><div id=root></div></html>"
LOGIN = b"<!doctype html><form><input name=user><input type='password'></form>"


SITE = Site.model_validate(
    {
        "domains": [HOST],
        "locations": [{"path": "/", "upstream": "http://backend.example.com:8080"}],
        "certificates": [{"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}],
    }
)


def html(body: bytes, status: int = 200) -> InstallFacts:
    return with_manifest_answer(status, body, content_type="text/html")


def login_redirect() -> InstallFacts:
    base = html(HTML)
    assert base.manifest is not None
    seen = redirected(base.manifest.visit, f"{BASE}/accounts/login?next=/ota/app.plist")
    return replace(base, manifest=replace(base.manifest, visit=seen, browser=seen, mdm=None))


def only_installer(status: int, body: bytes = b"", **headers: str) -> InstallFacts:
    seen = answered(manifest().visit, status, body, **headers)
    return healthy(manifest=replace(manifest(), visit=seen, data=None, assets=(), items=()), packages=(), images=())


DELIVERY = {
    "404": (with_manifest_answer(404, b"", content_type=""), {"OTA301"}),
    "404 with a web page": (html(HTML, 404), {"OTA301"}),
    "500": (with_manifest_answer(500, b""), {"OTA301"}),
    "429 to everybody is a rate limit, not a filter": (with_manifest_answer(429, b"", retry_after="60"), {"OTA301"}),
    "404 with a property list installs": (with_manifest(visit=answered(manifest().visit, 404)), set()),
    "no answer from a server that speaks TLS": (
        with_manifest(
            visit=failing(MANIFEST_URL, "timeout"), browser=failing(MANIFEST_URL, "timeout"), mdm=None, data=None
        ),
        {"OTA301"},
    ),
    "the page of a single-page application is 302, and not 314 or 307": (html(HTML), {"OTA302"}),
    "a page with a password field is 303, not 302": (html(LOGIN), {"OTA303"}),
    "401": (with_manifest_answer(401, b"", www_authenticate="Basic"), {"OTA303"}),
    "a redirect to a login is 303, and not 302 or 305": (login_redirect(), {"OTA303"}),
    "403 to the installer alone is 304, not 301": (only_installer(403, HTML, cf_mitigated="challenge"), {"OTA304"}),
    "a challenge page with 200 to the installer alone is 304, not 302": (only_installer(200, HTML), {"OTA304"}),
    "403 to the MDM agent alone": (with_manifest(mdm=answered(manifest().visit, 403, b"")), {"OTA304"}),
    "403 to everybody is 301": (with_manifest_answer(403, b""), {"OTA301"}),
    "a redirect on the manifest": (
        with_manifest(visit=redirected(manifest().visit, f"{BASE}/files/app-1.2.plist")),
        {"OTA305"},
    ),
    "a redirect to another host is 306, not also 305": (
        with_manifest(visit=redirected(manifest().visit, "https://cdn.example.org/app-1.2.plist")),
        {"OTA306"},
    ),
    "not a property list": (with_manifest_answer(200, b"<plist><dict><key>a & b</key>"), {"OTA307"}),
    "an empty answer": (with_manifest_answer(200, b""), {"OTA307"}),
    "entities are 318, not 307": (
        healthy(
            manifest=replace(manifest(), unsafe="entity declarations", data=None, assets=()), packages=(), images=()
        ),
        {"OTA318"},
    ),
    "text/plain": (type_("text/plain"), {"OTA314"}),
    "no type": (type_(""), {"OTA314"}),
    "application/xml with a charset is right": (type_("application/xml; charset=utf-8"), set()),
    "no Cache-Control lets caches guess": (cached(cache_control=""), {"OTA315"}),
    "an hour in caches": (cached(cache_control="public, max-age=3600"), {"OTA315"}),
    "no-cache is right": (cached(cache_control="no-cache"), set()),
    "max-age=0 alone may be served while the server is away": (cached(cache_control="max-age=0"), {"OTA315"}),
    "max-age=0 with must-revalidate is right": (cached(cache_control="max-age=0, must-revalidate"), set()),
    "an Age says that a cache answered": (cached(age="12"), {"OTA315"}),
}


def data(item: dict[str, Any] | None = None, *, assets: list[Any] | None = None, drop: str = "") -> InstallFacts:
    content = manifest_data()
    first = content["items"][0] | (item or {})
    if assets is not None:
        first["assets"] = assets
    first.pop(drop, None)
    return with_data({"items": [first]})


SOFTWARE = {"kind": "software-package", "url": PACKAGE_URL}


def metadata(**changes: Any) -> InstallFacts:  # noqa: ANN401 - values of a property list
    return with_data(manifest_data(**changes))


CONTENT = {
    "no items": (with_manifest(data={"version": 1}, items=(), assets=()), {"OTA308"}),
    "items misspelt": (with_manifest(data={"item": []}, items=(), assets=()), {"OTA309"}),
    "items empty is 310": (with_data({"items": []}), {"OTA310"}),
    "items is not an array": (with_manifest(data={"items": "x"}), {"OTA309"}),
    "no metadata": (data(drop="metadata"), {"OTA308"}),
    "no assets": (data(drop="assets"), {"OTA308"}),
    "no title": (metadata(title=None), {"OTA308"}),
    "no bundle-identifier": (metadata(bundle_identifier=None), {"OTA308"}),
    "bundle-identifier misspelt is 309 and not also 308": (
        metadata(bundle_identifier=None, bundle_idenfitier="com.example.demo"),
        {"OTA309"},
    ),
    "bundle-id for bundle-identifier": (metadata(bundle_identifier=None, bundle_id="com.example.demo"), {"OTA309"}),
    "no bundle-version is fine": (metadata(bundle_version=None), set()),
    "no kind is fine": (metadata(kind=None), set()),
    "an unknown key is nobody's business": (metadata(bundle_short_version="1"), set()),
    "a kind that is not software": (metadata(kind="app"), {"OTA309"}),
    "a blank title": (metadata(title="  "), {"OTA309"}),
    "a title of one character": (metadata(title="X"), {"OTA309"}),
    "an empty bundle-identifier": (metadata(bundle_identifier=""), {"OTA309"}),
    "a blank in a url": (data(assets=[{**SOFTWARE, "url": f"https://{HOST}/My App.ipa"}]), {"OTA309"}),
    "a line's end around a url": (data(assets=[{**SOFTWARE, "url": f"\n{PACKAGE_URL}\n"}]), {"OTA309"}),
    "an accent in a url": (data(assets=[{**SOFTWARE, "url": f"https://{HOST}/café.ipa"}]), {"OTA309"}),
    "a lone % in a url": (data(assets=[{**SOFTWARE, "url": f"https://{HOST}/100%.ipa"}]), {"OTA309"}),
    "every character that a URL may have": (
        data(assets=[{**SOFTWARE, "url": f"https://u:p@{HOST}:443/a-b._~%C3%A9/!$&'()*+,;=:@?x=[/?]#f"}]),
        set(),
    ),
    "a build for another platform": (metadata(platform_identifier="com.apple.platform.macosx"), {"OTA309"}),
    "`kid` for `kind` is 309, not 308 or 310": (
        data(assets=[{"kid": "software-package", "url": PACKAGE_URL}]),
        {"OTA309"},
    ),
    "a misspelt kind is 309, not 310": (data(assets=[{"kind": "software-pakcage", "url": PACKAGE_URL}]), {"OTA309"}),
    "no software-package": (data(assets=[{"kind": "display-image", "url": ICON_URL}]), {"OTA310"}),
    "no asset at all": (data(assets=[]), {"OTA310"}),
    "a package without url is 308, not 310": (data(assets=[{"kind": "software-package"}]), {"OTA308"}),
    "a relative url": (data(assets=[{**SOFTWARE, "url": "app.ipa"}]), {"OTA311"}),
    "an http url": (data(assets=[{**SOFTWARE, "url": f"http://{HOST}/app.ipa"}]), {"OTA312"}),
    "a url of another scheme": (data(assets=[{**SOFTWARE, "url": "file:///srv/app.ipa"}]), {"OTA312"}),
    "a private address": (data(assets=[{**SOFTWARE, "url": "https://10.0.0.7/app.ipa"}]), {"OTA313"}),
    "a private address over http is 313, not 312": (
        data(assets=[{**SOFTWARE, "url": "http://10.0.0.7/a.ipa"}]),
        {"OTA313"},
    ),
    "a name without a dot": (data(assets=[{**SOFTWARE, "url": "https://backend/app.ipa"}]), {"OTA313"}),
    "a private network on purpose is not internal": (
        replace(data(assets=[{**SOFTWARE, "url": "https://10.0.0.7/app.ipa"}]), private_allowed=True),
        set(),
    ),
    "the same host at another port where nothing answers": (
        replace(
            data(assets=[{**SOFTWARE, "url": f"https://{HOST}:8443/a.ipa"}]),
            packages=(
                replace(
                    package(url=f"https://{HOST}:8443/a.ipa"),
                    head=failing(f"https://{HOST}:8443/a.ipa", "timeout"),
                    get=failing(f"https://{HOST}:8443/a.ipa", "timeout"),
                ),
            ),
        ),
        {"OTA313"},
    ),
    "several hashes without chunk size": (data(assets=[{**SOFTWARE, "sha256s": ["a", "b"]}]), {"OTA316"}),
    "several hashes with chunk size": (
        data(assets=[{**SOFTWARE, "sha256s": ["a", "b"], "sha256-size": 10485760}]),
        set(),
    ),
    "one hash needs no chunk size": (data(assets=[{**SOFTWARE, "sha256s": ["a"]}]), set()),
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(*case, id=f"{group}: {name}")
        for group, cases in (
            ("manifest", DELIVERY),
            ("content", CONTENT),
        )
        for name, case in cases.items()
    ],
)
def test_exactly_the_expected_rules_report(facts: InstallFacts, expected: set[str]) -> None:
    assert reported(facts) == expected


def test_the_upstream_s_name_in_a_manifest_is_internal_where_the_site_is_known() -> None:
    facts = data(assets=[{**SOFTWARE, "url": "http://backend.example.com:8080/app.ipa"}])
    assert reported(facts, site=SITE) == {"OTA313"}
    assert reported(facts) == {"OTA312"}


def test_a_manifest_that_cannot_be_read_leaves_the_package_without_a_verdict() -> None:
    found = statuses(with_manifest_answer(404, b""))
    assert found["OTA301"] == "failed"
    assert found["OTA309"] == found["OTA315"] == found["OTA401"] == found["OTA409"] == "no-verdict"


def test_an_image_s_address_is_a_warning_where_the_package_s_is_an_error() -> None:
    facts = data(assets=[SOFTWARE, {"kind": "display-image", "url": "icon.png"}])
    (found,) = [outcome for outcome in outcomes(facts) if outcome.status == "failed"]
    assert (found.rule.id, found.severity) == ("OTA311", "warning")


def test_a_url_that_newer_systems_mend_is_a_warning() -> None:
    facts = data(assets=[{**SOFTWARE, "url": f"https://{HOST}/My App.ipa"}])
    (found,) = [one for one in outcomes(facts) if one.status == "failed"]
    assert (found.severity, "systems before iOS 17" in found.message) == ("warning", True)


def test_a_login_for_the_password_says_what_is_disputed() -> None:
    (found,) = [o for o in outcomes(with_manifest_answer(401, b"", www_authenticate="Basic")) if o.status == "failed"]
    assert "others report that this fails" in found.message
    assert "www-authenticate: Basic" in found.evidence


def test_hashes_are_read_from_the_asset_s_facts() -> None:
    base = manifest()
    asset = Asset("software-package", PACKAGE_URL, ("a", "b"), "md5", 0)
    assert reported(healthy(manifest=replace(base, assets=(asset,)))) == {"OTA316"}


def test_a_manifest_that_was_cut_short_on_its_way_says_so_before_anything_about_its_text() -> None:
    walk = with_manifest_answer(200, b"<plist")
    assert walk.manifest is not None
    last = walk.manifest.visit.last
    assert last.response is not None
    slow = replace(last.response, complete=False, broken=NetError("timeout", "the answer was not complete after 120 s"))
    visit = replace(walk.manifest.visit, hops=(replace(last, response=slow),))
    (found,) = [
        one for one in outcomes(replace(walk, manifest=replace(walk.manifest, visit=visit))) if one.rule.id == "OTA307"
    ]
    assert found.message == ("The manifest did not arrive whole, 6 bytes did: the answer was not complete after 120 s")


@pytest.mark.parametrize(
    ("status", "headers", "cause"),
    [
        (403, {}, "refused"),
        (451, {}, "refused"),
        (403, {"cf_mitigated": "challenge"}, "challenge"),
        (429, {}, "limit"),
        (503, {"retry_after": "9"}, "limit"),
        (500, {}, "failing"),
        (502, {}, "failing"),
        (302, {"location": ""}, "redirect"),
    ],
)
def test_each_reason_for_no_manifest_has_a_remedy_of_its_own(status: int, headers: dict[str, str], cause: str) -> None:
    found = next(one for one in outcomes(with_manifest_answer(status, b"", **headers)) if one.rule.id == "OTA301")
    assert (found.status, found.remedy) == ("failed", causes()["OTA301"][cause])


def test_a_manifest_that_is_not_there_is_put_there() -> None:
    found = next(one for one in outcomes(with_manifest_answer(404, b"")) if one.rule.id == "OTA301")
    assert "mind upper and lower case" in found.remedy


def test_html_in_front_of_a_manifest_is_told_from_another_page() -> None:
    body = b"<br />\n<b>Warning</b>: x\n" + plistlib.dumps(manifest_data())
    found = next(one for one in outcomes(html(body)) if one.rule.id == "OTA302")
    assert (found.message, found.remedy) == ("The manifest has HTML in front of it", causes()["OTA302"]["ahead"])


@pytest.mark.parametrize("whole", [True, False])
def test_a_compressed_manifest_is_judged_by_what_is_in_it(whole: bool) -> None:
    body = gzip.compress(b"{}" if whole else plistlib.dumps(manifest_data()), mtime=0)
    answer = with_manifest_answer(200, body if whole else body[:-30], content_encoding="gzip")
    assert answer.manifest is not None
    facts = replace(answer, manifest=read_manifest(answer.manifest.url, answer.manifest.visit))
    found = next(one for one in outcomes(facts) if one.rule.id == "OTA307")
    assert found.status == "failed"
    assert ("is JSON" if whole else "its compressed body ends early") in found.message
