# ruff: noqa: ANN401 - builders pass changed fields of many dataclasses on to replace()
"""Exit 0 means that manifest and package were read: every kind of walk that did not get there is an error, or has no verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import pytest

from ota_proxy.commands.judge import judge
from ota_proxy.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_NO_VERDICT
from ota_proxy.facts.install import InstallFacts, LinkFacts, ManifestFacts, PackageFacts, Visit
from ota_proxy.report.report import Report, TargetReport, exit_code
from ota_proxy.report.text import render
from ota_proxy.report.view import stages
from ota_proxy.rules.registry import Door
from ota_proxy.rules.rule import Facts
from ota_proxy.rules.support.predicates import ManifestState, PackageState, manifest_state, package_state
from tests.support.facts import (
    BASE,
    LINK,
    MANIFEST_URL,
    PACKAGE_URL,
    answered,
    failing,
    healthy,
    manifest,
    manifest_data,
    package,
    page,
    redirected,
    tls,
    with_data,
)

AWAY = "https://gone.invalid/"
LOGIN = b'<!doctype html><title>x</title><form><input type="password"></form>'
HTML = b"<!doctype html><title>all is well</title>"
Start = Literal["page", "link", "manifest", "package"]


def judged(*walks: InstallFacts, door: Door = "c") -> TargetReport:
    facts = [Facts(install=one) for one in walks]
    return judge(TargetReport(BASE, "", "", "", None, facts=facts[0], further=tuple(facts[1:])), door)


def code(*walks: InstallFacts) -> int:
    return exit_code(Report((judged(*walks),)))


def from_(start: Start, walk: InstallFacts) -> InstallFacts:
    """The same walk begun elsewhere: what was not on its way is not in it."""
    shown = walk.page if start == "page" else None
    link = walk.link if start in ("page", "link") else None
    return replace(walk, start=start, page=shown, link=link, manifest=walk.manifest if start != "package" else None)


# -- the manifest ----------------------------------------------------------------------------------------------------


def unread(visit: Visit, **more: Any) -> ManifestFacts:
    """The manifest as no agent could read it."""
    fields = {"browser": None, "mdm": None, "download": None, "h1": None, "compressed": None, "unknown_host": None}
    return replace(manifest(), visit=visit, **{**fields, "data": None, "items": (), "assets": (), **more})


def error(kind: Any) -> Visit:
    return failing(MANIFEST_URL, kind)


SEEN = manifest().visit
MANIFESTS: dict[ManifestState, tuple[ManifestFacts, ...]] = {
    "http-link": (unread(failing("http://x.example/a.plist", "protocol"), url="http://x.example/a.plist"),),
    "loop": (unread(replace(answered(SEEN, 302), stopped="loop")), unread(replace(SEEN, stopped="too-many"))),
    "left-https": (unread(replace(answered(SEEN, 302), stopped="left-https")),),
    "no-answer": (unread(error("timeout")), unread(error("reset")), unread(error("protocol"))),
    "tls": tuple(unread(error(kind)) for kind in ("dns", "refused", "unreachable", "tls")),
    "barred": (unread(error("client-certificate")),),
    "blocked": (unread(answered(SEEN, 403, HTML), browser=manifest().browser),),
    "login": (unread(answered(SEEN, 401)), unread(answered(SEEN, 200, LOGIN))),
    "not-found": (
        *(unread(answered(SEEN, status, HTML)) for status in (300, 400, 403, 404, 410, 429, 500, 503)),
        unread(replace(answered(SEEN, 302), stopped="bad-location")),
        unread(replace(answered(SEEN, 302), stopped="other-scheme")),
    ),
    "unsafe": (unread(SEEN, unsafe="it declares entities"),),
    "undecoded": (unread(SEEN, undecoded="brotli"),),
    "html": (unread(answered(SEEN, 200, HTML)),),
    "malformed": (unread(answered(SEEN, 200, b"{}")), unread(answered(SEEN, 200, b""))),
}


def test_every_state_of_a_manifest_is_among_the_kinds() -> None:
    assert {*MANIFESTS, "ok"} == set(get_args(ManifestState))
    assert all(manifest_state(one) == state for state, kinds in MANIFESTS.items() for one in kinds)


@pytest.mark.parametrize("start", ["page", "link", "manifest"])
@pytest.mark.parametrize(
    "seen", [pytest.param(one, id=f"{state}-{n}") for state, kinds in MANIFESTS.items() for n, one in enumerate(kinds)]
)
def test_a_manifest_that_was_not_read_is_never_clean(seen: ManifestFacts, start: Start) -> None:
    walk = from_(start, healthy(manifest=seen, packages=(), images=()))
    assert code(walk) in (EXIT_FINDINGS, EXIT_NO_VERDICT)
    assert code(from_(start, healthy()), walk) in (EXIT_FINDINGS, EXIT_NO_VERDICT)  # one of several apps


# -- the package -----------------------------------------------------------------------------------------------------


def lost(visit: Visit, **more: Any) -> PackageFacts:
    """The package as it came to nobody, whatever it was asked with."""
    whole = package()
    again = {name: replace(visit, step=name) for name in ("ranged", "tail", "second", "compressed", "h1")}
    return replace(whole, **{"get": visit, **again, "resumed": None, "conditional": None, "unpacked": None, **more})


GOT = package().get
PACKAGES: dict[PackageState, tuple[PackageFacts, ...]] = {
    "loop": (lost(replace(answered(GOT, 302), stopped="loop")), lost(replace(GOT, stopped="too-many"))),
    "left-https": (lost(replace(answered(GOT, 302), stopped="left-https")),),
    "barred": (lost(failing(PACKAGE_URL, "client-certificate")),),
    "no-answer": tuple(
        lost(failing(PACKAGE_URL, kind), head=failing(PACKAGE_URL, kind))
        for kind in ("dns", "refused", "unreachable", "timeout", "reset", "tls", "protocol", "too-large")
    ),
    "refused": (lost(answered(GOT, 401)), lost(answered(GOT, 403)), lost(answered(GOT, 200, LOGIN))),
    "not-found": (
        *(lost(answered(GOT, status, b"")) for status in (300, 400, 402, 404, 410, 429, 500, 503)),
        lost(replace(answered(GOT, 302), stopped="bad-location")),
    ),
    "not-zip": (lost(answered(GOT, 200, HTML)), lost(answered(GOT, 200, b""))),
}


def test_every_state_of_a_package_is_among_the_kinds() -> None:
    assert {*PACKAGES, "ok"} == set(get_args(PackageState))
    assert all(package_state(one) == state for state, kinds in PACKAGES.items() for one in kinds)


@pytest.mark.parametrize("start", ["page", "link", "manifest", "package"])
@pytest.mark.parametrize(
    "seen", [pytest.param(one, id=f"{state}-{n}") for state, kinds in PACKAGES.items() for n, one in enumerate(kinds)]
)
def test_a_package_that_was_not_read_is_never_clean(seen: PackageFacts, start: Start) -> None:
    assert code(from_(start, healthy(packages=(seen,)))) in (EXIT_FINDINGS, EXIT_NO_VERDICT)
    assert code(from_(start, healthy(packages=(package(), seen)))) in (EXIT_FINDINGS, EXIT_NO_VERDICT)


@pytest.mark.parametrize("start", ["page", "link", "manifest", "package"])
@pytest.mark.parametrize("why", ["it has no end record", "the directory is longer than is read", "no such method"])
def test_an_archive_whose_directory_was_not_read_has_no_verdict(start: Start, why: str) -> None:
    report = judged(from_(start, healthy(packages=(replace(package(), app_unread=why),))))
    assert exit_code(Report((report,))) == EXIT_NO_VERDICT
    assert why in report.why
    assert f"no verdict: the package app-1.2.ipa was not read: {why}" in render(Report((report,)))


# -- the way there ---------------------------------------------------------------------------------------------------

NOWHERE = healthy(link=None, manifest=None, packages=(), images=())
PAGE = page().visit
WAYS: dict[str, InstallFacts] = {
    "a page that redirects to a host that does not resolve": replace(
        NOWHERE,
        page=replace(
            page([]),
            visit=replace(failing(AWAY, "dns"), hops=(*redirected(PAGE, AWAY).hops[:1], *failing(AWAY, "dns").hops)),
        ),
    ),
    **{
        f"a page that is not reached: {kind}": replace(NOWHERE, page=replace(page([]), visit=failing(f"{BASE}/", kind)))
        for kind in ("dns", "refused", "unreachable", "timeout", "reset", "tls", "client-certificate", "protocol")
    },
    **{
        f"a page that is answered {status}": replace(NOWHERE, page=replace(page([]), visit=answered(PAGE, status)))
        for status in (204, 301, 400, 401, 403, 404, 429, 500, 503)
    },
    **{
        f"a page that stops: {why}": replace(
            NOWHERE, page=replace(page([]), visit=replace(answered(PAGE, 302), stopped=why))
        )
        for why in ("loop", "too-many", "left-https", "bad-location", "other-scheme")
    },
    "a page without a link": replace(NOWHERE, page=page([])),
    "a page behind a login": replace(NOWHERE, page=replace(page([]), password=True)),
    "a page in an encoding that was not undone": replace(NOWHERE, page=replace(page([]), unread="it is brotli")),
    "a link without a manifest that anybody could ask for": replace(
        NOWHERE,
        start="link",
        page=None,
        link=LinkFacts(LINK, "given", ("malformed",), manifest_url="/app.plist"),
    ),
    "a link that nothing is wrong with and that leads nowhere": replace(
        NOWHERE, start="link", page=None, link=LinkFacts(LINK, "qr", manifest_url="")
    ),
    "a manifest whose packages were not asked for": healthy(packages=()),
    "a manifest with more packages than were asked for": with_data(
        {
            "items": [
                {**item, "assets": [*item["assets"], {"kind": "software-package", "url": f"{BASE}/two.ipa"}]}
                for item in manifest_data()["items"]
            ]
        }
    ),
    "a page with more installs than were walked": healthy(unwalked=3),
    "a handshake that cannot be done, with a TLS that nobody saw": healthy(
        tls=None, manifest=unread(error("tls")), packages=(), images=(), missing=None, folder=None
    ),
}


@pytest.mark.parametrize("walk", WAYS.values(), ids=WAYS)
def test_a_walk_that_did_not_get_there_is_never_clean(walk: InstallFacts) -> None:
    assert code(walk) in (EXIT_FINDINGS, EXIT_NO_VERDICT)


def test_a_stage_that_the_walk_did_not_get_through_is_not_marked_as_passed() -> None:
    gone = healthy(packages=(lost(failing(PACKAGE_URL, "dns"), head=failing(PACKAGE_URL, "dns")),))
    assert dict(stages(judged(gone)))["package"] == "unknown"
    assert dict(stages(judged(healthy())))["package"] == "good"


def test_where_no_error_explains_it_the_report_says_what_was_not_read() -> None:
    report = judged(healthy(unwalked=3))
    assert exit_code(Report((report,))) == EXIT_NO_VERDICT
    assert report.why.startswith("3 further installs of the page were not walked")


@pytest.mark.parametrize("start", ["page", "link", "manifest", "package"])
def test_a_walk_that_read_everything_is_clean_from_wherever_it_starts(start: Start) -> None:
    assert code(from_(start, healthy())) == EXIT_CLEAN
    assert judged(from_(start, healthy())).why == ""


def test_an_error_explains_and_a_warning_does_not() -> None:
    lonely = healthy(packages=(lost(failing(PACKAGE_URL, "dns"), head=failing(PACKAGE_URL, "dns")),))
    assert code(lonely) == EXIT_NO_VERDICT
    assert code(replace(lonely, tls=tls(versions=("TLSv1.1", "TLSv1.2", "TLSv1.3")))) == EXIT_NO_VERDICT
    assert code(replace(lonely, tls=tls(name_matches=False))) == EXIT_FINDINGS
