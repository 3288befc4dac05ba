"""Whatever a server sends, no control character reaches the terminal, and nothing written in one finding can pose as another line."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from itertools import pairwise

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.facts.host import ConfigTest, HostFacts
from ota_proxy.facts.install import Exchange, InstallFacts, Response, Visit
from ota_proxy.printable import printable
from ota_proxy.report import json as json_report
from ota_proxy.report import text
from ota_proxy.report.paint import Paint
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from ota_proxy.rules.support.evidence import redact, safe
from tests.support.facts import BASE, healthy, manifest, package
from tests.support.report_targets import SCHEMA

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
NASTY = st.text(
    st.one_of(
        st.sampled_from("\x1b\x9b\r\n\t\x00\x07\x08\x7f\u202e\u2066\u200b\u2028\x85\udc80\\[]m;%&?=…"),
        st.characters(),
    ),
    max_size=60,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "content-type",
                "location",
                "cache-control",
                "server",
                "content-range",
                "etag",
                "age",
                "content-encoding",
                "strict-transport-security",
            )
        ),
        NASTY,
    ),
    max_size=5,
)


def answer(status: int, headers: list[tuple[str, str]], body: bytes) -> Response:
    return Response(status, tuple(headers), "2", body, len(body), reason="\x1b[2J")


RESPONSES = st.builds(answer, st.sampled_from((200, 206, 301, 401, 404, 416, 500)), HEADERS, st.binary(max_size=80))


def hostile(response: Response, url: str) -> InstallFacts:
    asked = Exchange(1, "x", "manifest", "GET", url, (("Range", "bytes=20-39"),), response=response)
    seen = Visit("x", (asked,))
    bad = replace(package(), url=url, get=seen, ranged=seen, head=seen)
    return healthy(
        target=url,
        manifest=replace(manifest(), visit=seen, unknown_host=seen),
        packages=(bad, package()),
        missing=seen,
        folder=seen,
    )


def harmless(output: str) -> bool:
    return all(char in "\n " or unicodedata.category(char)[0] not in "CZ" for char in output)


@settings(deadline=None)  # validating against the schema is slow on a busy machine
@given(RESPONSES, NASTY, NASTY)
def test_no_hostile_text_reaches_the_terminal_raw(response: Response, path: str, log: str) -> None:
    facts = Facts(install=hostile(response, f"{BASE}/{path}"), server="nginx")
    target = TargetReport(
        path, "nginx", path, "docker", None, evaluate(facts, path, "c"), facts, (log,), log, {log: log}, log
    )
    assert harmless(text.render(Report((target,)), paint=Paint()))
    assert text.render(Report((target,)), paint=Paint(ascii_only=True)).isascii()
    VALIDATOR.validate(json.loads(json_report.render(Report((target,)))))


@given(NASTY, NASTY, st.integers(0, 5))
def test_no_hostile_configuration_reaches_the_terminal_raw(output: str, line: str, number: int) -> None:
    test = ConfigTest("nginx -t", passed=False, output=output, file="/x.conf", line=number)
    outcomes = evaluate(Facts(host=HostFacts(line, config_test=test)), "x", "a")
    target = TargetReport("x", "nginx", "", "", None, outcomes, config={"/x.conf": line})
    assert harmless(text.render(Report((target,)), paint=Paint()))


@given(NASTY)
def test_making_text_safe_twice_changes_nothing(value: str) -> None:
    assert safe(safe(value)) == safe(value)
    assert "\n" not in printable(value)


@given(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=40),
    st.sampled_from(("token", "Signature", "key", "password", "access_token")),
)
def test_the_value_of_a_secret_key_is_cut_to_four_characters(secret: str, key: str) -> None:
    assert redact(f"GET https://x/a.ipa?a=1&{key}={secret}&b=2") == f"GET https://x/a.ipa?a=1&{key}={secret[:4]}…&b=2"


@given(st.text("0123456789abcdef", min_size=40, max_size=40))
def test_a_long_random_path_segment_is_cut(token: str) -> None:
    kinds = [char.isdigit() for char in token]
    changes = sum(one != other for one, other in pairwise(kinds))
    cut = redact(f"https://x/{token}/app.ipa")
    assert (cut == f"https://x/{token[:4]}…/app.ipa") == (changes >= 3)


def test_names_and_versions_are_no_secrets() -> None:
    for name in (
        "/builds/my-long-application-name-2.10.3-release.ipa",
        "/com.example.application/Demo_Application_Build_1042.ipa",
    ):
        assert redact(f"{BASE}{name}") == f"{BASE}{name}"


def test_a_person_in_a_url_is_left_out() -> None:
    assert redact("https://user:pass@x/app.ipa") == "https://…@x/app.ipa"
