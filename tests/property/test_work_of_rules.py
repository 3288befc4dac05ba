"""Judging and linting cost work in proportion to what they read: counted in calls, at once and twice the size, on no clock."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ota_proxy import limits
from ota_proxy.apps.install_link import read_link
from ota_proxy.apps.manifest import parse_manifest
from ota_proxy.cli.main import main
from ota_proxy.facts.install import InstallFacts
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts, Finding
from tests.support.facts import BASE, healthy, page, with_data

METADATA = {"bundle-identifier": "a", "bundle-version": "1", "kind": "software", "title": "tt"}


def calls(do: Callable[[], object]) -> int:
    """Count the calls of Python and C functions."""
    found = itertools.count()

    def hear(_frame: object, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            next(found)

    sys.setprofile(hear)
    try:
        do()
    finally:
        sys.setprofile(None)
    return next(found)


def asset(url: str, kind: str = "software-package") -> dict[str, str]:
    return {"kind": kind, "url": url}


def assets(count: int, url: Callable[[int], str], kind: str = "software-package") -> InstallFacts:
    return with_data({"items": [{"assets": [asset(url(n), kind) for n in range(count)], "metadata": METADATA}]})


def items(count: int) -> InstallFacts:
    return with_data(
        {"items": [{"assets": [asset(f"https://h{n}.example.com/a.ipa")], "metadata": METADATA} for n in range(count)]}
    )


def links(count: int) -> InstallFacts:
    made = (f"itms-services://?action=download-manifest&url=http%3A%2F%2Fh{n}%2F" for n in range(count))
    return healthy(page=page([read_link(one, "html-attribute") for one in made]), start="page")


def packages(count: int) -> InstallFacts:
    some = assets(count, lambda n: f"{BASE}/{n}.ipa")
    return replace(some, packages=tuple(replace(some.packages[0], url=f"{BASE}/{n}.ipa") for n in range(count)))


SHAPES: dict[str, Callable[[int], InstallFacts]] = {
    "items": items,
    "links": links,
    "packages": lambda count: packages(count // 8),
    "icons": lambda count: assets(count, lambda n: f"{BASE}/{n}.png", "display-image"),
    "private addresses": lambda count: assets(count, lambda n: f"https://10.0.{n // 250}.{n % 250}/a.ipa"),
    "plain http": lambda count: assets(count, lambda n: f"http://h{n}.example.com/a.ipa"),
    "relative": lambda count: assets(count, lambda n: f"{n}.ipa"),
    "kinds": lambda count: assets(count, lambda n: f"{BASE}/{n}", "\u202ex\n::y"),
    "long URLs": lambda count: assets(count // 8, lambda n: f"{BASE}/{n}" + "a" * 5_000),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_rules_take_twice_the_work_for_twice_the_manifest(shape: Callable[[int], InstallFacts]) -> None:
    evaluate(Facts(install=shape(8), server="nginx"), BASE, "c")  # what is cached is no work
    once, twice = (Facts(install=shape(count), server="nginx") for count in (80, 160))
    assert calls(lambda: evaluate(twice, BASE, "c")) < 2.5 * calls(lambda: evaluate(once, BASE, "c"))


@pytest.mark.parametrize("where", ["items", "assets"])
def test_a_manifest_has_a_bounded_number_of_items_and_assets(where: str) -> None:
    many = [asset(f"{BASE}/a.ipa")] * (limits.ASSETS + 1)
    data = {"items": [{"assets": many}] if where == "assets" else [{"assets": [one]} for one in many]}
    assert "more than 1000" in parse_manifest(_written(data)).unsafe
    few = {"items": [{"assets": many[1:]}]}
    assert len(parse_manifest(_written(few)).assets) == limits.ASSETS


def _written(data: Mapping[str, object]) -> bytes:
    import plistlib  # noqa: PLC0415 - one place needs it

    return plistlib.dumps(data)


def test_a_rule_at_work_when_the_time_is_over_lists_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    yielded = itertools.count()
    left = itertools.count()

    def endless(_facts: Facts) -> object:
        for number in itertools.count():
            next(yielded)
            yield Finding(f"https://a.example/{number}", "x")

    monkeypatch.setattr("ota_proxy.rules.registry.checks_of", lambda _door: {"OTA301": endless})
    found = evaluate(Facts(), BASE, "c", lambda: next(left) < 5)
    assert len(found) == next(yielded) == 6
    assert "time for this target was over after 5 places" in found[-1].message


LINES: dict[str, Callable[[int], str]] = {
    "entries": lambda count: _static(f'<mimeMap fileExtension=".{n}" mimeType="a/b" />' for n in range(count)),
    "one entry again and again": lambda count: _static(['<mimeMap fileExtension=".a" mimeType="a/b" />'] * count),
    "invisible": lambda count: _static(['<mimeMap fileExtension=".a" mimeType="a\u202e\u200bb" />'] * count),
    "one long value": lambda count: _static([f'<mimeMap fileExtension=".a" mimeType="{"a b " * 12 * count}" />']),
    "unknown elements": lambda count: _web("<bogus a='1' />" * count),
    "comments": lambda count: _web("<!-- ota-proxy: ignore OTA620 x -->" * count),
    "rules": lambda count: _web(
        "<rewrite><rules>"
        + "".join(f'<rule name="{n}"><match url="a" /><action type="Rewrite" url="b" /></rule>' for n in range(count))
        + "</rules></rewrite>"
    ),
    "headers": lambda count: _web(
        "<httpProtocol><customHeaders>"
        + "".join(f'<add name="X-{n}" value="1" />' for n in range(count))
        + "</customHeaders></httpProtocol>"
    ),
}


def _web(inside: str) -> str:
    return f"<configuration><system.webServer>{inside}</system.webServer></configuration>"


def _static(entries: Iterable[str]) -> str:
    return _web(f"<staticContent>{''.join(entries)}</staticContent>")


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_lint_takes_twice_the_work_for_twice_the_line(
    tmp_path: Path, line: Callable[[int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it stands in one line, which every finding shows: it is cut before anything cleans it."""
    work = []
    for count in (20, 200, 400):
        (tmp_path / "web.config").write_text(line(count), encoding="utf-8")
        work.append(calls(lambda: main(["lint", str(tmp_path / "web.config"), "--format", "json"])))
        capsys.readouterr()
    assert work[2] < 2.5 * work[1]
