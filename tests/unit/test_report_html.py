"""The HTML page: everything the report says, nothing from anywhere else, nothing that a server wrote as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.report import html
from ota_proxy.report.report import Report, TargetReport, no_verdict
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from ota_proxy.servers.text import Span
from tests.support.facts import BASE, MANIFEST_URL, healthy, respond, visit, with_manifest_answer, with_tls
from tests.support.html_pages import Page, check_harmless, page
from tests.support.report_targets import BROKEN, HEALTHY, target

HOSTILE = "</pre></details><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>\"'&\x1b[2J\u202e"


@pytest.mark.parametrize("facts", [HEALTHY, BROKEN, Facts(install=with_tls(trust="self-signed"))], ids=str)
def test_nothing_is_loaded_from_anywhere_and_nothing_runs(facts: Facts) -> None:
    text = html.render(Report((target(facts), no_verdict("https://x.example/", "", "nobody answers"))))
    check_harmless(Page(text))
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|https?:", style)
    assert "default-src 'none'" in text


def test_the_page_shows_the_verdict_the_alert_text_the_finding_and_its_remedy() -> None:
    report = target(BROKEN)
    text = page(report).text
    finding = next(one for one in report.findings if one.rule.id == "OTA301")
    for words in ("No: an install fails", finding.sees, finding.message, finding.remedy, "OTA301", "HTTP/2 404"):
        assert words in text


def test_the_page_lists_every_request_with_its_headers() -> None:
    report = target(HEALTHY)
    seen = page(report)
    assert HEALTHY.install is not None
    exchanges = HEALTHY.install.exchanges()
    assert f"{len(exchanges)} in " in seen.text
    assert sum(one.get("class") == "url" for _, one in seen.elements) == len(exchanges)
    for exchange in exchanges:
        assert exchange.url in seen.text
    assert "max-age=63072000" in seen.text


def test_further_walks_of_a_page_are_in_the_timeline_and_shared_requests_once() -> None:
    first = healthy()
    other = replace(first, missing=visit(f"{BASE}/other/missing", respond(404)))
    report = replace(target(Facts(install=first)), further=(Facts(install=other),))
    text = page(report).text
    assert "/other/missing" in text
    assert f"{len(first.exchanges()) + 1} in " in text


def test_a_target_without_verdict_says_why_and_is_not_called_good() -> None:
    text = page(no_verdict("https://localhost:1/", "", "nothing listens at 127.0.0.1:1")).text
    assert "No verdict" in text
    assert "nothing listens at 127.0.0.1:1" in text
    assert "Yes" not in text


def test_several_targets_have_a_list_that_leads_to_each() -> None:
    seen = page(target(HEALTHY), target(BROKEN, "https://second.example/"))
    ids = {one["id"] for _, one in seen.elements if "id" in one}
    links = [one["href"] for _, one in seen.elements if "href" in one]
    assert links == ["#target-1", "#target-2"]
    assert {(link or "").removeprefix("#") for link in links} <= ids


def test_cookies_and_tokens_are_not_passed_on() -> None:
    answer = respond(
        404, {"Set-Cookie": "session=topsecretvalue; Path=/", "Location": f"{BASE}/?token=verysecretvalue"}
    )
    text = page(target(Facts(install=healthy(missing=visit(f"{BASE}/x?sig=alsosecretvalue", answer))))).text
    assert "session" in text
    for secret in ("topsecretvalue", "verysecretvalue", "alsosecretvalue"):
        assert secret not in text


def test_the_configuration_line_is_marked() -> None:
    report = target(BROKEN, config={"/etc/nginx/site.conf": "one\ntwo <b>\nthree"})
    outcomes = tuple(replace(one, span=Span("/etc/nginx/site.conf", 2)) for one in report.findings)
    text = html.render(Report((replace(report, outcomes=outcomes),)))
    assert "<mark>   2 two &lt;b&gt;</mark>" in text


def hostile(text: str) -> TargetReport:
    answer = respond(404, {"Server": text, "Content-Type": text}, text.encode("utf-8", "replace"))
    install = replace(
        with_manifest_answer(404, b"", content_type=text), missing=visit(f"{MANIFEST_URL}/{text}", answer), host=text
    )
    facts = Facts(install=install)
    base = TargetReport(text, text, text, text, None, evaluate(facts, text, "c"), facts, notes=(text,), log=text)
    outcomes = tuple(
        replace(one, subject=text, message=text, evidence=text, sees=text, remedy=text, span=Span(text))
        for one in base.outcomes
    )
    return replace(base, outcomes=outcomes, reason=text)


def test_hostile_text_is_shown_and_never_markup() -> None:
    text = html.render(Report((hostile(HOSTILE), no_verdict(HOSTILE, HOSTILE, HOSTILE))))
    check_harmless(Page(text))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@given(st.text(st.one_of(st.sampled_from("<>&\"'/!-=\x00\x1b`;"), st.characters()), max_size=40))
@settings(max_examples=40, deadline=None)
def test_no_text_ever_becomes_an_element(text: str) -> None:
    check_harmless(page(hostile(text)))


def test_a_verify_report_without_a_device_has_no_timeline() -> None:
    report: Any = replace(target(HEALTHY), facts=None)
    assert "Every request" not in page(report).text
