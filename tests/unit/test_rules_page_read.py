"""OTA114 and its neighbours: what a page without an install link is told, and what is said where the page itself was not read."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from ota_proxy.device.open_page import page_facts
from ota_proxy.device.session import Session, WalkOptions
from ota_proxy.facts.install import InstallFacts, LinkFacts, PageFacts, Visit
from ota_proxy.rules.catalogue import causes, remedies
from ota_proxy.rules.rule import Facts, Outcome
from ota_proxy.rules.support.stages import unread
from tests.support.facts import BASE, healthy, outcomes, page, redirected, respond, visit

URL = f"{BASE}/ota/"
HTML = {"Content-Type": "text/html; charset=utf-8"}


def shown(body: bytes, status: int = 200, **headers: str) -> Visit:
    return visit(
        URL, respond(status, {**HTML, **{name.replace("_", "-"): value for name, value in headers.items()}}, body)
    )


def read(seen: Visit) -> PageFacts:
    """Read an answer as the walk does, without asking anybody."""
    import asyncio  # noqa: PLC0415 - next to its only use

    return asyncio.run(page_facts(Session(WalkOptions(in_app=False, closed=True)), seen))


def without_link(seen: Visit) -> InstallFacts:
    return healthy(page=read(seen), link=None, manifest=None, packages=(), images=())


def said(facts: InstallFacts, rule: str = "OTA114") -> Outcome:
    return next(one for one in outcomes(facts) if one.rule.id == rule)


@pytest.mark.parametrize(
    ("body", "words", "remedy"),
    [
        (b"<p>Hello", "The page has no install link", "ota-proxy link"),
        (b"<script src=app.js></script>", "its scripts may make one", "ota-proxy[browser]"),
        (
            b"<script>go('itms-services://?action=download-manifest&url=' + u)</script>",
            "made by a script",
            "ota-proxy[browser]",
        ),
        (b"<!-- <a href='itms-services://?action=download-manifest&url=x'> -->", "is commented out", "can be tapped"),
        (b"<p>itms-services://?action=download-manifest&url=x", "is there as text only", "can be tapped"),
        (b'<p>Hello <a href="itms-services://?action=download-manifest&amp;url=https%3A%2F%2Fo', "is cut off", "whole"),
        (b"", "is empty", "Fill the page"),
    ],
)
def test_a_page_without_a_link_is_told_why_it_has_none(body: bytes, words: str, remedy: str) -> None:
    found = said(without_link(shown(body)))
    assert (found.status, words in found.message, remedy in found.remedy) == ("failed", True, True)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (shown(b"<p>who are you", 401, WWW_Authenticate="Basic"), "asks for a login"),
        (shown(b"<form><input type=password></form>"), "asks for a login"),
        (
            redirected(shown(b"<div id=root></div>"), "https://login.microsoftonline.com/x/oauth2/authorize"),
            "asks for a login",
        ),
        (shown(b"slow down", 429), "limits how often"),
        (shown(b"\x8b\x01", Content_Encoding="br"), "brotli"),
        (shown(b"\x28\xb5", Content_Encoding="zstd"), "zstd"),
        (shown(gzip.compress(b"\0" * (5 << 20), mtime=0), Content_Encoding="gzip"), "unpacks to more than"),
        (shown(b"<a href='x'>", Content_Encoding="gzip"), "not what its Content-Encoding"),
        (replace(shown(b"", 301, Location="http://ota.example.com/"), stopped="left-https"), "leaves https"),
    ],
)
def test_a_page_that_was_not_read_gets_no_verdict_with_the_true_reason(seen: Visit, reason: str) -> None:
    found = said(without_link(seen))
    assert (found.status, reason in found.message) == ("no-verdict", True), found.message


def test_the_reason_of_a_target_without_a_verdict_is_the_page_s_own() -> None:
    behind, packed = shown(b"<p>who are you", 401), shown(b"\x8b\x01", Content_Encoding="br")
    assert "asks for a login" in unread([Facts(install=without_link(behind))])
    assert "brotli" in unread([Facts(install=without_link(packed))])


@pytest.mark.parametrize(("status", "words"), [(404, "is not there"), (403, "is refused"), (500, "is not delivered")])
def test_an_error_instead_of_a_page_is_not_answered_with_put_a_link_on_it(status: int, words: str) -> None:
    found = said(without_link(shown(b"no", status)))
    assert (found.status, words in found.message, "Put a link" in found.remedy) == ("failed", True, False)


def test_an_address_that_leads_to_another_app_is_named() -> None:
    seen = replace(shown(b"", 302, Location="itms-apps://apps.apple.com/app/id1"), stopped="other-scheme")
    found = said(without_link(seen))
    assert "itms-apps://" in found.message
    assert "Put a link" not in found.remedy


def test_a_body_that_is_not_what_its_encoding_says_is_an_error_of_the_page() -> None:
    found = said(without_link(shown(b"<p>plain", Content_Encoding="gzip")), "OTA110")
    assert (found.status, "Content-Encoding" in found.remedy) == ("failed", True)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_that_is_compressed_once_more_than_it_says_is_an_error_of_the_page(encoding: str) -> None:
    body = gzip.compress(b"<p>Hello", mtime=0)
    facts = without_link(shown(gzip.compress(body, mtime=0) if encoding == "gzip" else body, Content_Encoding=encoding))
    assert (said(facts, "OTA110").status, said(facts).status) == ("failed", "no-verdict")
    assert "gzip-compressed" in said(facts, "OTA110").message


@pytest.mark.parametrize(
    "body",
    [
        '<meta charset="utf-8">',
        '<a href="itms-services://?action=download-manifest&amp;url=https%3A%2F%2Fota.example.com%2Fa.plist">Größe</a>',
    ],
)
def test_a_page_in_utf_16_is_read(body: str) -> None:
    link = '<a href="itms-services://?action=download-manifest&amp;url=https%3A%2F%2Fota.example.com%2Fa.plist">x</a>'
    seen = read(
        visit(URL, respond(200, {"Content-Type": "text/html; charset=utf-16le"}, (body + link).encode("utf-16-le")))
    )
    assert [one.manifest_url for one in seen.links] == ["https://ota.example.com/a.plist"]


@pytest.mark.parametrize("cause", ["angular", "filter", "editor", "invisible", "scheme"])
def test_each_cause_of_a_malformed_link_has_a_remedy_of_its_own(cause: str) -> None:
    link = LinkFacts("unsafe:itms-services://", "html-attribute", ("malformed",), "it is spoilt", cause=cause)
    found = said(healthy(page=page([link]), link=link), "OTA105")
    assert found.remedy == causes()["OTA105"][cause] != remedies()["OTA105"]["any"]


def test_every_cause_is_of_a_rule_and_says_what_to_do() -> None:
    assert set(causes()) <= set(remedies())
    texts = [text for rule in causes().values() for text in rule.values()]
    assert all(text == text.strip() and len(text) > 20 for text in texts)
    assert all(len(set(rule.values())) == len(rule) for rule in causes().values())
