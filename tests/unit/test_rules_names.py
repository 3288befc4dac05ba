"""OTA611: a file that is refused although it lies on the server, told from one that is missing or behind a login."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ota_proxy.commands.judge import judge
from ota_proxy.facts.install import InstallFacts, PackageFacts
from ota_proxy.report.report import TargetReport
from ota_proxy.rules.rule import Facts, Outcome
from ota_proxy.site import Site
from tests.support.facts import BASE, answered, healthy, manifest, package, with_manifest_answer, with_package
from tests.support.sites import site

PLUS = f"{BASE}/ota/App+Debug.ipa"
SITE: Site = site()
STEPS = ("head", "get", "ranged", "tail", "resumed", "conditional", "second", "compressed", "compressed_head", "h1")


def refused(status: int, url: str = PLUS, body: bytes = b"") -> PackageFacts:
    base = package(url=url)
    steps: dict[str, Any] = {step: answered(getattr(base, step), status, body) for step in STEPS}
    return replace(base, **steps)


def further(found: PackageFacts) -> InstallFacts:
    return healthy(page=None, start="manifest", packages=(found,))


def verified(*walks: InstallFacts, known: Site | None = SITE) -> tuple[Outcome, ...]:
    facts = Facts(install=walks[0], named=walks, site=known)
    return judge(TargetReport("target", "", "", "", None, facts=facts), "v").outcomes


def failing(outcomes: tuple[Outcome, ...]) -> set[str]:
    return {one.rule.id for one in outcomes if one.status == "failed"}


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_name_that_is_refused_beside_others_is_611_and_neither_missing_nor_in_need_of_a_login(status: int) -> None:
    outcomes = verified(healthy(), further(refused(status)))
    assert failing(outcomes) == {"OTA611"}
    (found,) = [one for one in outcomes if one.status == "failed"]
    assert found.subject == PLUS
    assert f"App+Debug.ipa lies on the server and is answered with {status}" in found.message
    assert (found.rule.stage, found.sees[:17]) == ("package", "Unable to Install")
    states = {one.rule.id: one.status for one in outcomes}
    assert states["OTA401"] != "failed"
    assert states["OTA402"] != "failed"


def test_a_manifest_that_is_denied_beside_its_page_is_611() -> None:
    assert failing(verified(with_manifest_answer(403, b"<html>forbidden</html>", content_type="text/html"))) == {
        "OTA611"
    }


@pytest.mark.parametrize(
    ("walks", "expected"),
    [
        ((healthy(), further(refused(401))), {"OTA402"}),
        ((healthy(), further(refused(500))), {"OTA401"}),
        ((healthy(), further(refused(404, f"{BASE}/other/App+Debug.ipa"))), {"OTA401"}),
        ((with_package(head=answered(package().head, 405)),), {"OTA403"}),
    ],
    ids=["a login", "an error of the server", "a folder of which nothing comes", "HEAD only"],
)
def test_other_refusals_keep_their_own_rules(walks: tuple[InstallFacts, ...], expected: set[str]) -> None:
    assert failing(verified(*walks)) == expected


def test_a_filter_by_user_agent_is_no_rule_about_names() -> None:
    base = manifest()
    blocked = replace(base, visit=answered(base.visit, 403, b"no"), mdm=None, h1=None, compressed=None, data=None)
    assert failing(verified(healthy(manifest=blocked, packages=(), images=()))) == {"OTA304"}


def test_where_it_is_not_known_what_lies_on_the_server_nothing_is_said() -> None:
    outcomes = verified(healthy(), further(refused(404)), known=None)
    assert failing(outcomes) == {"OTA401"}
    assert {one.rule.id: one.status for one in outcomes}["OTA611"] == "not-applicable"
