# ruff: noqa: ANN401 - the makers of facts pass further fields on
"""OTA110 for what a page is shown with, OTA115 for iPads, and what a browser found: exactly the rules that must report it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ota_proxy.facts.install import InstallFacts, LinkFacts, PartFacts, TabletFacts, ViewFacts
from ota_proxy.report.view import views_told
from ota_proxy.rules.rule import Facts, Outcome
from tests.support.facts import BASE, LINK, MANIFEST_URL, healthy, outcomes, page, respond, visit

HTML = {"Content-Type": "text/html"}
AGENT = {"User-Agent": "Mozilla/5.0 (Macintosh)"}
BUILT = LinkFacts(LINK, "browser", manifest_url=MANIFEST_URL)


def tablet(status: int = 200, **more: Any) -> TabletFacts:
    return TabletFacts(visit(f"{BASE}/ota/", respond(status, HTML, b"<p>"), agent="browser", headers=AGENT), **more)


def view(device: str, *links: LinkFacts, problem: str = "") -> ViewFacts:
    return ViewFacts(device, "Chromium 1", links, ("Install",), problem=problem)


def of(**changes: Any) -> InstallFacts:
    return healthy(page=replace(page(), **changes))


def said(rule: str, facts: InstallFacts) -> Outcome:
    return next(one for one in outcomes(facts) if one.rule.id == rule)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"tablet": tablet(links=1)}, "passed"),
        ({"tablet": tablet()}, "failed"),
        ({"tablet": tablet(403)}, "failed"),
        ({"tablet": tablet(made="itms-services://")}, "no-verdict"),
        ({"tablet": tablet(made="itms-services://"), "views": (view("iPad", BUILT),)}, "passed"),
        ({"tablet": tablet(made="itms-services://"), "views": (view("iPad"),)}, "failed"),
        ({"tablet": None}, "no-verdict"),
        ({"tablet": replace(tablet(), visit=visit(f"{BASE}/ota/", None))}, "no-verdict"),
        ({"tablet": tablet(), "links": (BUILT,), "views": (view("iPhone", BUILT), view("iPad", BUILT))}, "passed"),
        ({"tablet": tablet(), "links": (BUILT,), "views": (view("iPhone", BUILT), view("iPad"))}, "failed"),
        (
            {"tablet": tablet(), "links": (BUILT,), "views": (view("iPhone", BUILT), view("iPad", problem="x"))},
            "no-verdict",
        ),
    ],
)
def test_an_ipad_has_to_get_a_link_where_an_iphone_gets_one(changes: dict[str, Any], status: str) -> None:
    found = said("OTA115", of(**changes))
    assert found.status == status
    assert status != "failed" or (found.severity == "warning" and "Macintosh" in found.evidence)


def part(kind: Any, body: bytes, **headers: str) -> PartFacts:
    url = f"{BASE}/ota/x"
    return PartFacts(
        kind, url, visit(url, respond(200, {name.replace("_", "-"): text for name, text in headers.items()}, body))
    )


@pytest.mark.parametrize(
    ("shown", "severity"),
    [
        (part("stylesheet", b"p{}", Content_Type="text/css; charset=utf-8"), ""),
        (part("stylesheet", b"p{}", Content_Type="text/plain"), "error"),
        (part("stylesheet", b"p{}"), "error"),
        (part("stylesheet", b"<html>", Content_Type="text/html"), "error"),
        (part("image", b"\x89PNG", Content_Type="image/png"), ""),
        (part("image", b"\x89PNG", Content_Type="application/octet-stream"), "note"),
        (part("image", b"<svg xmlns='x'>", Content_Type="text/plain"), "error"),
        (part("image", b"<svg xmlns='x'>", Content_Type="image/svg+xml"), ""),
        (PartFacts("stylesheet", f"{BASE}/x", visit(f"{BASE}/x", respond(404, HTML))), ""),
        (PartFacts("image", f"{BASE}/x", visit(f"{BASE}/x", None)), ""),
    ],
)
def test_stylesheets_count_by_their_type_and_images_by_their_bytes(shown: PartFacts, severity: str) -> None:
    found = said("OTA110", of(parts=(shown,)))
    assert (found.status, found.severity if severity else "") == ("failed" if severity else "passed", severity)


def test_a_link_that_only_a_browser_was_sent_to_is_a_link_of_the_page() -> None:
    facts = of(links=(BUILT,), views=(view("iPhone", BUILT),))
    assert said("OTA114", facts).status == "passed"
    broken = replace(BUILT, problems=("not-encoded",), detail="x")
    assert "when the page's scripts ran" in said("OTA101", of(links=(broken,))).evidence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"views": (view("iPhone"), view("iPad"))},
            "none when Chromium 1 ran its scripts as iPhone and iPad and 2 things",
        ),
        (
            {"views": (view("iPhone", LinkFacts("x", "browser", ("malformed",), "no host")),)},
            "that its script makes is not valid: no host",
        ),
        (
            {"made": "itms-services://?action=", "not_run": "no browser"},
            "made by a script, and scripts were not run (no browser)",
        ),
        ({"scripts": True, "not_run": "no browser"}, "may make one, but scripts were not run (no browser)"),
    ],
)
def test_a_page_without_a_link_says_what_was_run(changes: dict[str, Any], words: str) -> None:
    found = said("OTA114", healthy(page=replace(page([]), **changes), link=None, manifest=None, packages=()))
    assert (found.status, words in found.message) == ("failed", True), found.message


def test_the_report_tells_what_the_browser_did_and_what_it_could_not() -> None:
    seen = replace(view("iPhone", BUILT), requests=3, refused=("GET http://10.0.0.1/: private",))
    told = views_told(Facts(install=of(views=(seen, ViewFacts("iPad", "", problem="it did not start")))))
    assert told == (
        "opened in Chromium 1 as iPhone: 1 install link, 1 tap, 3 requests",
        "the page was not opened in a browser: it did not start",
        "the page did not get 1 of its requests: GET http://10.0.0.1/: private",
    )


def test_what_a_page_says_is_harmless_in_the_report_and_root_is_told_of_the_sandbox() -> None:
    seen = replace(view("iPhone", problem="\x1b[31mgone\u202e"), sandboxed=False)
    told = views_told(Facts(install=of(views=(seen,))))
    assert "\x1b" not in told[0]
    assert "without its sandbox" in told[1]
