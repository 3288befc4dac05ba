"""One check for a live answer and for what a configuration would answer, of any server: here of one that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from ota_proxy.facts.install import InstallFacts
from ota_proxy.rules.registry import Door, evaluate
from ota_proxy.rules.rule import Facts, Outcome
from ota_proxy.servers.effective import Answer, Header, Problem, Proxied, Reason, Redirect, Refusal, Request, Unknown
from ota_proxy.servers.text import Span
from tests.support.manifest_answers import cached, type_

START = Span("any.conf", 1)
YEARS = "max-age=63072000"


def line(number: int) -> Reason:
    return Reason("", Span("any.conf", number, 5, number * 10, number * 10 + 4, number, 9))


GOOD = (
    Header("cache-control", "no-cache", line(2)),
    Header("strict-transport-security", YEARS, line(3)),
)
HEALTHY = Answer(Request("/"), 200, GOOD)
MOVED = Answer(Request("/"), 301)
TYPES = {".plist": "text/xml", ".ipa": "application/octet-stream"}


@dataclass(frozen=True)
class Any:
    """A configuration of no particular server: what it answers is given, with a media type for each extension."""

    answer: Answer = HEALTHY
    plain: Answer = MOVED
    names: tuple[str, ...] = ("/ota/app.plist", "/ota/app.ipa")
    unreadable: tuple[str, ...] = ()
    unread: str = ""
    unseen: str = ""
    unjudged: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    proxied: tuple[Proxied, ...] = ()
    start: Span = START

    def files(self, extension: str) -> tuple[str, ...]:
        return tuple(name for name in self.names if name.endswith(extension))

    def folders(self) -> tuple[str, ...]:
        return ("/", "/ota")

    def hosting(self, extensions: tuple[str, ...]) -> tuple[str, ...]:
        del extensions
        return self.folders()

    def text(self, span: Span) -> str:
        return f"line {span.line}" if span.line else "a default"

    def ask(self, request: Request) -> Answer:
        if request.scheme == "http":
            location = Redirect(f"https://{request.host}{request.target}", line(4))
            return replace(self.plain, request=request, redirects=self.plain.redirects or (location,))
        extension = f".{request.path.rpartition('.')[2]}"
        typed = any(one.name == "content-type" for one in self.answer.headers) or extension not in TYPES
        kind = () if typed else (Header("content-type", TYPES[extension], line(1)),)
        return replace(self.answer, request=request, headers=(*kind, *self.answer.headers))


def having(
    *headers: Header, refused: tuple[Refusal, ...] = (), listing: Reason | None = None, page: Reason | None = None
) -> Any:
    """Return a configuration with these headers in place of those of their names."""
    names = {one.name for one in headers}
    kept = tuple(one for one in GOOD if one.name not in names)
    return Any(Answer(Request("/"), 200, (*kept, *headers), refused=refused, listing=listing, page=page))


def failed(facts: Facts, door: Door = "l") -> list[Outcome]:
    return [one for one in evaluate(facts, "any.conf", door) if one.status == "failed"]


def lint(files: Any) -> list[tuple[str, int, int]]:
    return [(one.rule.id, one.line, one.span.end) for one in failed(Facts(files=files))]


def test_a_configuration_that_answers_well_has_no_finding() -> None:
    assert lint(Any()) == []
    assert {one.rule.id for one in evaluate(Facts(files=Any()), "x", "l") if one.status == "passed"} >= {
        "OTA315",
        "OTA219",
    }


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (having(Header("content-type", "text/html; charset=utf-8", line(7))), [("OTA314", 7, 74), ("OTA411", 7, 74)]),
        (having(Header("cache-control", "public, max-age=60", line(8))), [("OTA315", 8, 84)]),
        (having(Header("strict-transport-security", "max-age=60", line(9))), [("OTA219", 9, 94)]),
        (having(Header("strict-transport-security", f"{YEARS}; preload", line(9))), [("OTA220", 9, 94)]),
        (having(Header("content-encoding", "br", line(6))), [("OTA605", 6, 64), ("OTA605", 6, 64)]),
        (having(Header("server", "any/1.2", line(5))), [("OTA612", 5, 54)]),
        (having(refused=(Refusal("client-certificate", line(5)),)), [("OTA225", 5, 54)]),
        (having(refused=(Refusal("method", line(5)),)), [("OTA606", 5, 54)]),
        (having(refused=(Refusal("name", line(5)),)), [("OTA611", 5, 54)]),
        (having(listing=line(5)), [("OTA613", 5, 54)]),
        (having(page=line(5)), [("OTA610", 5, 54)]),
        (
            Any(plain=Answer(Request("/"), 301, redirects=(Redirect("https://x.example/", line(4)),))),
            [("OTA202", 4, 44)],
        ),
        (Any(proxied=(Proxied("location /", line(5), frozenset({"host"}), True),)), [("OTA607", 5, 54)]),
        (Any(problems=(Problem("ineffective", line(5)),)), [("OTA618", 5, 54)]),
    ],
)
def test_a_finding_points_at_the_line_that_decides(files: Any, found: list[tuple[str, int, int]]) -> None:
    assert lint(files) == found


def test_what_stands_nowhere_points_at_the_beginning_and_is_unknown_where_a_file_was_not_seen() -> None:
    silent = Any(Answer(Request("/"), 200, (Header("cache-control", "no-store", line(2)),)))
    (found,) = failed(Facts(files=silent))
    assert (found.rule.id, found.span, found.evidence) == ("OTA219", START, "a default")
    outcomes = {
        one.rule.id: one for one in evaluate(Facts(files=replace(silent, unseen="b.conf was not given")), "x", "l")
    }
    assert (outcomes["OTA219"].status, outcomes["OTA219"].message) == ("no-verdict", "b.conf was not given")


def test_what_cannot_be_told_is_no_verdict_with_its_reason() -> None:
    unknown = Any(
        Answer(Request("/"), 200, unknown=(Unknown("strict-transport-security", Reason("a variable decides")),))
    )
    outcomes = {one.rule.id: one for one in evaluate(Facts(files=unknown), "x", "l")}
    assert (outcomes["OTA219"].status, outcomes["OTA219"].message) == ("no-verdict", "a variable decides")


@pytest.mark.parametrize(
    ("walk", "files", "rule"),
    [
        (type_("text/html"), having(Header("content-type", "text/html", line(7))), "OTA314"),
        (
            cached(cache_control="public, max-age=60"),
            having(Header("cache-control", "public, max-age=60", line(8))),
            "OTA315",
        ),
    ],
)
def test_both_worlds_are_judged_alike(walk: InstallFacts, files: Any, rule: str) -> None:
    live = [one for one in failed(Facts(install=walk), "c") if one.rule.id == rule]
    told = [one for one in failed(Facts(files=files)) if one.rule.id == rule]
    both = [one for one in failed(Facts(install=walk, files=files)) if one.rule.id == rule]
    assert {one.message for one in (*live, *told)} == {live[0].message}
    assert [one.span.line for one in both] == [one.span.line for one in (*told, *live)]
