"""What a page says and to whom, its frames and its AMP links, IPv6, and refusals that repeat: exactly the rules that must report it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from ota_proxy.facts.app import AppFacts, Bundle, Profile, ProfileKind
from ota_proxy.facts.install import (
    FamilyFacts,
    FrameFacts,
    InAppFacts,
    InstallFacts,
    LinkFacts,
    ManifestFacts,
    PageFacts,
    Visit,
)
from tests.support.facts import (
    BASE,
    HOST,
    LINK,
    MANIFEST_URL,
    answered,
    certificate,
    failing,
    healthy,
    manifest,
    outcomes,
    package,
    page,
    redirected,
    reported,
    respond,
    statuses,
    tls,
    visit,
)

AGENT = {"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0"}
HELP = frozenset({"trust", "restart", "developer-mode"})
GOOD_LINK = LinkFacts(LINK, "html-attribute", manifest_url=MANIFEST_URL, target="_top")


def of_page(kind: ProfileKind | None = None, *, host: str = HOST, **changes: object) -> InstallFacts:
    """The healthy walk over a changed page, with a package of a kind of build."""
    app = (
        AppFacts(app=Bundle("Payload/Demo.app", signed=True, profile=Profile(kind), profile_state="read"))
        if kind
        else None
    )
    shown: PageFacts = replace(page(), **changes)  # type: ignore[arg-type]
    return healthy(page=shown, host=host, packages=(replace(package(), app=app),))


def view(name: str, *, guidance: bool = False, status: int = 200, scripts: bool = False) -> InAppFacts:
    answer = respond(status, {"Content-Type": "text/html"}, b"<html>Install")
    return InAppFacts(name, visit(f"{BASE}/ota/", answer, agent="browser", headers=AGENT), guidance, scripts)


def only(facts: InstallFacts, *rules: str) -> dict[str, str]:
    found = statuses(facts)
    return {rule: found[rule] for rule in rules}


# -- OTA108 --------------------------------------------------------------------------------------------------------------


def test_a_page_that_guides_every_app_s_browser_to_safari_passes() -> None:
    facts = of_page(in_app=(view("WeChat", guidance=True), view("LINE", guidance=True)))
    assert only(facts, "OTA108") == {"OTA108": "passed"}


def test_the_apps_whose_browsers_get_no_guidance_are_named_with_what_they_sent() -> None:
    facts = of_page(in_app=(view("WeChat"), view("LINE", guidance=True), view("Instagram")))
    (found,) = [one for one in outcomes(facts) if one.rule.id == "OTA108"]
    assert found.status == "failed"
    assert "WeChat, Instagram" in found.message
    assert "MicroMessenger" in found.evidence


def test_a_page_that_guides_nobody_says_so_in_one_word() -> None:
    (found,) = [one for one in outcomes(of_page(in_app=(view("WeChat"), view("LINE")))) if one.rule.id == "OTA108"]
    assert "every browser inside another app" in found.message


def test_an_app_s_browser_that_is_refused_the_page_is_a_finding_with_the_answer() -> None:
    (found,) = [one for one in outcomes(of_page(in_app=(view("WeChat", status=403),))) if one.rule.id == "OTA108"]
    assert (found.status, "403" in found.message) == ("failed", True)


def test_guidance_that_a_script_s_file_may_give_is_no_verdict() -> None:
    assert only(of_page(in_app=(view("WeChat", scripts=True),)), "OTA108") == {"OTA108": "no-verdict"}


def test_a_page_that_was_not_asked_for_as_other_apps_is_no_verdict() -> None:
    assert only(of_page(), "OTA108") == {"OTA108": "no-verdict"}


def test_apps_that_got_no_answer_are_no_verdict() -> None:
    silent = InAppFacts("WeChat", failing(f"{BASE}/ota/", "timeout"))
    assert only(of_page(in_app=(silent,)), "OTA108") == {"OTA108": "no-verdict"}


def test_a_page_without_a_link_has_nothing_to_guide_to() -> None:
    facts = healthy(link=None, page=page([]))
    assert only(facts, "OTA108", "OTA111", "OTA113") == dict.fromkeys(("OTA108", "OTA111", "OTA113"), "not-applicable")


# -- OTA111, OTA113 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"), [("in-house", "failed"), ("ad-hoc", "passed"), ("app-store", "passed"), (None, "no-verdict")]
)
def test_an_in_house_build_on_a_page_that_search_engines_may_list_is_reported(
    kind: ProfileKind | None, status: str
) -> None:
    assert only(of_page(kind, topics=HELP), "OTA111") == {"OTA111": status}


def test_a_robots_meta_or_header_makes_the_page_private_enough() -> None:
    assert only(of_page("in-house", topics=HELP, noindex=True), "OTA111") == {"OTA111": "passed"}
    for value in ("noindex", "none", "nofollow, NoIndex"):
        shown = answered(page().visit, x_robots_tag=value)
        assert only(of_page("in-house", topics=HELP, visit=shown), "OTA111") == {"OTA111": "passed"}
    shown = answered(page().visit, x_robots_tag="nofollow")
    assert only(of_page("in-house", topics=HELP, visit=shown), "OTA111") == {"OTA111": "failed"}


@pytest.mark.parametrize("host", ["10.0.0.7", "ota.internal", "buildhost"])
def test_a_private_network_is_open_to_nobody_else(host: str) -> None:
    assert only(of_page("in-house", topics=HELP, host=host), "OTA111") == {"OTA111": "not-applicable"}


@pytest.mark.parametrize(
    ("kind", "topics", "lacks"),
    [
        ("in-house", frozenset[str](), "trusting the developer in Settings and the restart"),
        ("in-house", frozenset({"trust"}), "the restart"),
        ("in-house", frozenset({"trust", "restart"}), ""),
        ("ad-hoc", frozenset({"trust", "restart"}), "Developer Mode"),
        ("ad-hoc", frozenset({"developer-mode"}), ""),
        ("app-store", frozenset[str](), ""),
    ],
)
def test_the_step_that_the_page_does_not_speak_of_is_named(
    kind: ProfileKind, topics: frozenset[str], lacks: str
) -> None:
    (found,) = [one for one in outcomes(of_page(kind, topics=topics, noindex=True)) if one.rule.id == "OTA113"]
    assert (found.status, found.severity) == ("failed" if lacks else "passed", "note")
    assert lacks in found.message


def test_help_that_a_script_s_file_may_give_and_a_build_that_was_not_read_are_no_verdicts() -> None:
    assert only(of_page("in-house", outside_scripts=True), "OTA113") == {"OTA113": "no-verdict"}
    assert only(of_page(None), "OTA113") == {"OTA113": "no-verdict"}


# -- OTA107, OTA112, OTA114: where the link stands -----------------------------------------------------------------------


def test_a_link_in_a_frame_of_the_page_is_framed_whatever_the_headers_say() -> None:
    frame = FrameFacts(f"{BASE}/ota/frame", (replace(GOOD_LINK, target=""),))
    facts = healthy(page=replace(page([]), frames=(frame,)))
    assert reported(facts) == {"OTA107"}
    (found,) = [one for one in outcomes(facts) if one.rule.id == "OTA107"]
    assert "/ota/frame" in found.evidence


def test_a_framed_link_that_leaves_its_frames_is_fine() -> None:
    frame = FrameFacts(f"{BASE}/ota/frame", (GOOD_LINK,))
    assert reported(healthy(page=replace(page([]), frames=(frame,)))) == set()


def test_what_is_wrong_with_a_framed_link_is_reported_too() -> None:
    frame = FrameFacts(f"{BASE}/ota/frame", (replace(GOOD_LINK, problems=("double-escaped",)),))
    assert reported(healthy(page=replace(page([]), frames=(frame,)))) == {"OTA103"}


@pytest.mark.parametrize(
    ("amp", "target", "context", "status"),
    [
        ("amp", "_top", "html-attribute", "passed"),
        ("amp", "_BLANK", "html-attribute", "passed"),
        ("amp", "", "html-attribute", "passed"),
        ("amp", "_parent", "html-attribute", "failed"),
        ("amp", "install", "html-attribute", "failed"),
        ("amp", "", "script", "failed"),
        ("amp4email", "_top", "html-attribute", "failed"),
        ("", "_parent", "html-attribute", "not-applicable"),
    ],
)
def test_an_amp_page_s_link_is_what_its_validator_allows(
    amp: str, target: str, context: Literal["html-attribute", "script"], status: str
) -> None:
    link = replace(GOOD_LINK, target=target, context=context)
    assert only(healthy(page=replace(page([link]), amp=amp)), "OTA112") == {"OTA112": status}


# -- OTA221 --------------------------------------------------------------------------------------------------------------


def families(six: Visit | None, four: Visit | None = None) -> InstallFacts:
    good = four or manifest().visit
    seen = (FamilyFacts("ipv4", "93.184.216.34", good), FamilyFacts("ipv6", "2606:2800::1", six))
    return healthy(manifest=replace(manifest(), by_family=seen))


@pytest.mark.parametrize(
    ("six", "words"),
    [
        (failing(MANIFEST_URL, "timeout", "no connection"), "no connection"),
        (failing(MANIFEST_URL, "tls", "no TLS"), "no TLS"),
        (visit(MANIFEST_URL, respond(404)), "404"),
        (visit(MANIFEST_URL, respond(200, {"Content-Type": "text/html"}, b"<html>Welcome")), "200"),
    ],
    ids=["silent", "another certificate", "another site's 404", "a welcome page"],
)
def test_an_ipv6_address_that_does_not_answer_as_ipv4_does_is_reported(six: Visit, words: str) -> None:
    facts = families(six)
    assert reported(facts) == {"OTA221"}
    (found,) = [one for one in outcomes(facts) if one.rule.id == "OTA221"]
    assert words in found.message
    assert "2606:2800::1" in found.message


def test_two_families_that_answer_alike_pass() -> None:
    assert only(families(manifest().visit), "OTA221") == {"OTA221": "passed"}


def test_what_could_not_be_compared_is_no_verdict_and_one_family_is_not_applicable() -> None:
    broken = visit(MANIFEST_URL, respond(500))
    assert only(families(None), "OTA221") == {"OTA221": "no-verdict"}
    assert only(families(broken, broken), "OTA221") == {"OTA221": "no-verdict"}
    assert only(healthy(), "OTA221") == {"OTA221": "not-applicable"}


# -- OTA304: who is refused, and whether again ---------------------------------------------------------------------------


def refused(base: Visit, status: int = 403) -> Visit:
    return answered(base, status, b"")


def unread(**changes: object) -> InstallFacts:
    base: ManifestFacts = replace(manifest(), data=None, items=(), assets=(), h1=None, compressed=None)
    changed: ManifestFacts = replace(base, **changes)  # type: ignore[arg-type]
    return healthy(manifest=changed, packages=(), images=())


GOOD = manifest()
assert GOOD.browser is not None
assert GOOD.mdm is not None


def test_an_installer_that_is_refused_twice_where_a_browser_is_not_is_blocked() -> None:
    facts = unread(visit=refused(GOOD.visit), again=(GOOD.browser, refused(GOOD.visit), GOOD.mdm))
    assert reported(facts) == {"OTA304"}
    (found,) = [one for one in outcomes(facts) if one.rule.id == "OTA304"]
    assert "a second time" in found.message


def test_older_installers_alone_can_be_blocked() -> None:
    download = visit(MANIFEST_URL, respond(403), agent="package", headers={"User-Agent": "itunesstored/1.0 iOS/9.1"})
    facts = healthy(manifest=replace(GOOD, download=download))
    assert reported(facts) == {"OTA304"}


def test_a_refusal_that_later_hits_the_browser_too_is_a_limit_on_requests_and_not_a_filter() -> None:
    assert GOOD.browser is not None
    again = (refused(GOOD.browser, 429), refused(GOOD.visit, 429))
    facts = unread(visit=refused(GOOD.visit), again=again)
    assert reported(facts) == {"OTA301"}
    (found,) = [one for one in outcomes(facts) if one.rule.id == "OTA301" and one.status == "failed"]
    assert "limits how often" in found.message


def test_an_installer_that_is_let_in_the_second_time_is_not_called_blocked() -> None:
    facts = unread(visit=refused(GOOD.visit), again=(GOOD.browser, GOOD.visit, GOOD.mdm))
    assert reported(facts) == {"OTA301"}
    (found,) = [one for one in outcomes(facts) if one.rule.id == "OTA301" and one.status == "failed"]
    assert "asked again as the same installer it came" in found.message


def test_a_manifest_in_a_compression_that_we_do_not_undo_is_no_verdict_and_no_finding() -> None:
    body = respond(
        200, {"Content-Type": "text/xml", "Cache-Control": "no-store", "Content-Encoding": "br"}, b"\x8b\x01"
    )
    seen = visit(MANIFEST_URL, body)
    facts = unread(visit=seen, browser=seen, mdm=seen, undecoded="brotli")
    assert reported(facts) == set()
    found = only(facts, "OTA301", "OTA302", "OTA307", "OTA308")
    assert set(found.values()) == {"no-verdict"}


def test_a_server_that_takes_the_connection_and_shows_no_page_is_a_finding() -> None:
    for kind in ("reset", "timeout", "protocol"):
        facts = healthy(page=replace(page(), visit=failing(f"{BASE}/", kind), links=()), link=None, manifest=None)
        assert "OTA114" in reported(facts), kind


def test_a_page_behind_a_handshake_that_fails_for_no_visible_reason_is_the_transport_s() -> None:
    silent = replace(page(), visit=failing(f"{BASE}/", "tls", "it wants a certificate of the device"), links=())
    found = reported(healthy(page=silent, link=None, manifest=None, packages=(), images=()))
    assert found == {"OTA206"}


def test_a_page_that_redirects_for_ever_is_reported_once() -> None:
    looping = replace(redirected(page().visit, f"{BASE}/ota/"), stopped="loop")
    shown = replace(page(), visit=replace(looping, hops=looping.hops[:1]), links=())
    assert reported(healthy(page=shown, link=None, manifest=None, packages=(), images=())) == {"OTA204"}


def test_a_page_behind_a_certificate_that_is_too_weak_is_reported_by_that_alone() -> None:
    silent = replace(page(), visit=failing(f"{BASE}/", "tls", "EE certificate key too weak"), links=())
    weak = tls(chain=(certificate(key_kind="rsa", key_bits=1024),))
    found = reported(healthy(page=silent, tls=weak, link=None, manifest=None, packages=(), images=()))
    assert found == {"OTA211"}
