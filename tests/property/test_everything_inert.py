"""Every text of every report format, of the lines of `--targets` and of stderr: none reaches a terminal, a CI service or a browser as a command."""

from __future__ import annotations

import contextlib
import io
import json
import plistlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ota_proxy.cli.main import main
from ota_proxy.cli.streams import ReaderGoneError, emit, tell
from ota_proxy.errors import NoVerdictError, UsageError
from ota_proxy.facts.tls import AtsRow
from ota_proxy.harness.progress import Steps, Timed
from ota_proxy.printable import as_document, as_html, as_json, markup, printable, shown
from ota_proxy.report import github
from ota_proxy.report.formats import FORMATS, render
from ota_proxy.report.json import dumped, failed_line, line_of
from ota_proxy.report.paint import Paint
from ota_proxy.report.report import Report, TargetReport, no_verdict
from ota_proxy.report.text import render as render_text
from ota_proxy.rules.rule import Facts
from tests.property.poison import ATTACKS, commands, poisoned, unseen
from tests.support.facts import healthy
from tests.support.html_pages import Page, check_harmless
from tests.support.report_readers import Text
from tests.support.report_samples import outcome

ROOT = Path("/srv/project")
CASES = [pytest.param(attack, id=ascii(attack)[1:25]) for attack in ATTACKS]


def whole() -> TargetReport:
    """Return a report that shows everything a report can: findings of each severity, suppressed, unknown, log, matrix, timeline."""
    told: dict[str, Any] = dict.fromkeys(
        ("target", "subject", "message", "evidence", "remedy", "sees", "suppressed"), "x"
    )
    counted = {**told, "suppressed": ""}
    found = (
        *(outcome(rule, **counted) for rule in ("OTA406", "OTA406", "OTA315", "OTA511", "OTA301")),
        *(outcome(rule, **counted, file="/srv/project/a.conf", line=2, column=3) for rule in ("OTA406", "OTA202")),
        outcome("OTA201", **told),
        outcome("OTA302", "no-verdict", message="x"),
        outcome("OTA107", "not-applicable", message="x"),
    )
    facts = Facts(install=healthy())
    matrix = {
        "ota.example.com:443": (
            AtsRow("x", "", forward_secrecy=True, certificate_rules=True, passed=False, reason="x"),
        )
    }
    return TargetReport(
        *("x", "nginx", "1.26", "docker", "L0", found, facts),
        notes=("x",), log="x\nx", config={"/srv/project/a.conf": "x\nx\nx"}, further=(facts,), ats=matrix,
    )  # fmt: skip


def report(attack: str) -> Report:
    bad = poisoned(whole(), attack)
    lines = dict.fromkeys(bad.config, f"{attack}\n{attack}\n{attack}")
    return Report((replace(bad, config=lines, server=attack), no_verdict(attack, attack, attack)))


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        yield value
    for inner in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(inner)


def test_the_poison_reaches_every_part_of_a_report() -> None:
    bad = poisoned(whole(), "POISON")
    html = render(Report((bad,)), "html", root=ROOT)
    for place in ("<pre>", "<summary>", "<dt>", "<h3>", '<p class="remedy">', '<span class="url">'):
        assert any("POISON" in part[:300] for part in html.split(place)[1:]), place
    assert html.count("POISON") > 100


@pytest.mark.parametrize("attack", CASES)
@pytest.mark.parametrize("name", FORMATS)
def test_no_text_of_a_format_is_a_command_or_unseen(name: str, attack: str) -> None:
    rendered = render(report(attack), name, root=ROOT)
    assert unseen(rendered) == []
    assert commands(rendered) == []
    if name in ("json", "sarif", "gitlab"):
        assert all(not unseen(text) for text in texts(json.loads(rendered)))
    elif name == "junit":
        assert {one.tag for one in ET.fromstring(rendered).iter()} <= {  # noqa: S314 - our own output
            *("testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped"),
            "system-out",
        }
    elif name == "html":
        check_harmless(Page(rendered))


@pytest.mark.parametrize("attack", CASES)
def test_the_painted_text_and_the_summary_are_inert_too(attack: str) -> None:
    plain = render_text(report(attack), paint=Paint(ascii_only=True))
    assert (unseen(plain), commands(plain), plain.isascii()) == ([], [], True)
    summary = github.summary(report(attack), ROOT)
    assert (unseen(summary), commands(summary)) == ([], [])
    assert set(Text(summary).tags) <= {"br"}


@pytest.mark.parametrize("attack", CASES)
def test_a_line_of_many_targets_is_one_line_of_json_and_no_command(attack: str) -> None:
    for line in (line_of(report(attack).targets[0], "error", 1.0), failed_line(attack, 2, attack)):
        text = dumped(line)
        assert (unseen(text), commands(text), "\n" in text) == ([], [], False)
        assert json.loads(text)["schema"] == "ota-proxy/line/1"


@pytest.mark.parametrize("attack", CASES)
def test_what_is_told_on_stderr_is_no_command(attack: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell(f"note: {attack}\n")
    tell(attack)
    tell("\n")
    steps = Steps(Timed(tell), attack)
    steps(attack, attack)
    steps.ended(attack, attack, attack)
    for error in (UsageError(attack, place=attack, hint=attack), NoVerdictError(attack)):
        tell(f"ota-proxy: error: {error}\n")
    said = capsys.readouterr().err
    assert (unseen(said), commands(said)) == ([], [])


_NOT_IN_ARGUMENTS = {0: None, 0xD800: None}
"""No system passes a zero byte, and none that speaks UTF-8 a first half of a character."""
ARGUMENTS = (
    ("check", "{}"),
    ("check", "https://{}/"),
    ("check", "https://ota.example.com/", "--resolve", "{}"),
    ("check", "https://ota.example.com/", "--ca", "{}"),
    ("check", "--targets", "{}"),
    ("check", "https://ota.example.com/", "--udid", "{}"),
    ("check", "https://ota.example.com/", "--{}"),
    ("render", "{}"),
    ("render", "nginx", "--domain", "{}"),
    ("render", "nginx", "--root", "{}"),
    ("render", "nginx", "--server-version", "{}"),
    ("render", "nginx", "--site", "{}"),
    ("render", "nginx", "--set", "{}=1"),
    ("lint", "{}"),
    ("link", "{}"),
    ("manifest", "{}", "--base-url", "{}"),
    ("explain", "{}"),
    ("up", "iis", "--site-root", ".", "--domain", "{}"),
    ("config", "show", "--domain", "{}"),
    ("completion", "{}"),
    ("{}",),
)


@pytest.mark.parametrize("attack", CASES)
@pytest.mark.parametrize("words", ARGUMENTS, ids=" ".join)
def test_our_own_mistakes_about_arguments_are_no_commands(
    words: tuple[str, ...],
    attack: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main([word.replace("{}", attack.translate(_NOT_IN_ARGUMENTS)) for word in words])
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    assert code in (0, 1, 2, 3), said.err
    assert (unseen(said.err), commands(said.err)) == ([], [])
    assert (unseen(said.out), commands(said.out)) == ([], [])


@pytest.mark.parametrize("attack", CASES)
def test_json_and_markup_give_their_readers_every_character_back(attack: str) -> None:
    given = attack.encode("utf-8", "replace").decode()
    for text in (
        as_json({given: [given]}),
        as_json({given: [given]}, indent=2),
        as_json({given: [given]}, ascii_only=True),
    ):
        assert json.loads(text) == {given: [given]}
        assert (unseen(text), commands(text)) == ([], [])
    seen = printable(given)
    assert Text(as_html(seen)).text == seen
    element = ET.Element("a", b=seen)
    element.text = f"\n{seen}"
    read = ET.fromstring(markup(ET.tostring(element, encoding="unicode")))  # noqa: S314 - our own output
    assert (read.text, read.attrib["b"]) == (f"\n{seen}", seen)


def test_half_characters_leave_as_bytes_or_as_an_escape(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    emit("\udc80\n")
    emit("\ud800\n")
    assert capfdbinary.readouterr().out == b"\x80\n\\ud800\n"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("the name ota.example.com", True),
        ("日本語 é 🍏 ❤\ufe0f 👩 Привет שלום مرحبا", True),
        ("a\tb\xa0c", False),
        ("1\ufe0f", False),
        ("see :: and # # and ## heading", True),
    ],
)
def test_text_of_people_stays_as_it_is(text: str, *, same: bool) -> None:
    assert (shown(text) == text) is same


EMOJI = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "1\ufe0f\u20e3",
    "\u2764\ufe0f\u200d\U0001f525",
    "\U0001f9d1\U0001f3fd\u200d\U0001f4bb",
)
FLAG = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize("emoji", [*EMOJI, FLAG], ids=ascii)
def test_whole_emoji_are_shown_as_they_are(emoji: str) -> None:
    for text in (emoji, f"a{emoji}b", emoji * 2):
        assert printable(text) == text
        assert json.loads(as_json(text)) == text
        assert text in as_json(text)
        assert as_document(text) == text
    assert printable(f"{emoji}\u202e\u200d") == f"{emoji}\\u202e\\u200d"


@pytest.mark.parametrize(
    "text",
    ["a\u200db", "\U0001f468\u200d\u200d\U0001f469", "\U0001f468\u200dx", "x\ufe0f", "#\ufe0f", "\U0001f468\ufe0f\ufe0f", FLAG[:-1], "\U0001f3f4\U000e0068\U000e0069\U000e007f", "\U0001fa7f\u200d\U0001fa7f"],
    ids=ascii,
)  # fmt: skip
def test_pieces_of_emoji_hide_nothing(text: str) -> None:
    assert printable(text) != text
    assert "\\" in printable(text)


@pytest.mark.parametrize("attack", CASES)
@pytest.mark.parametrize("command", ["manifest", "page"])
def test_names_of_an_app_command_nobody(
    command: str, attack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What no XML can hold is refused with a sentence; everything else is there for who reads the document, and harmless in a log."""
    info = {"CFBundleIdentifier": "a.b", "CFBundleName": attack, "CFBundleShortVersionString": attack}
    with zipfile.ZipFile(tmp_path / "a.ipa", "w") as archive:
        raw = plistlib.dumps({"CFBundleIdentifier": "a.b"}, fmt=plistlib.FMT_BINARY)
        with contextlib.suppress(UnicodeEncodeError):  # half a character cannot be written
            raw = plistlib.dumps(info, fmt=plistlib.FMT_BINARY)
        archive.writestr("Payload/App.app/Info.plist", raw)
    code = main([command, str(tmp_path / "a.ipa"), "--base-url", "https://ota.example.com/ota"])
    said = capsys.readouterr()
    assert code in (0, 2)
    assert (code == 2) == ("which no manifest can hold" in said.err)
    for text in (re.sub(r"(?m)^\t+", "", said.out), said.err):  # a property list is indented by tabs
        assert (unseen(text), commands(text)) == ([], [])
    if code == 0 and command == "manifest" and b"CFBundleName" in raw:
        title = plistlib.loads(said.out.encode())["items"][0]["metadata"]["title"]
        assert title == re.sub("\r\n?", "\n", attack)


@pytest.mark.parametrize("attack", CASES)
@pytest.mark.parametrize("form", ["text", "json"])
def test_explain_repeats_no_command(
    form: str, attack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = f"{attack} 2026/11/01 10:00:00 [error] 1#1: {attack} open() failed (2: No such file) GET /a.ipa 404\n" * 3
    data = io.TextIOWrapper(io.BytesIO(log.encode("utf-8", "replace")))
    monkeypatch.setattr("sys.stdin", data)
    for words in (["-"], [f"cannot connect {attack}"]):
        assert main(["explain", "--format", form, *words]) in (0, 2)
        said = capsys.readouterr()
        for text in (said.out, said.err):
            assert (unseen(text), commands(text)) == ([], [])


def test_who_reads_no_further_gets_no_bug_of_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_text: str) -> None:
        raise ReaderGoneError

    monkeypatch.setattr("ota_proxy.cli.app_files.emit", gone)
    assert main(["link", "https://a.example/", "--for", "qr"]) == 0
