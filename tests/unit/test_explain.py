"""`explain` and `rules` as people use them: ids, names, sentences, mistakes; what they say is checked today is what the registry has."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest

from ota_proxy.cli.flags.help import DOORS as FLAG_DOORS
from ota_proxy.cli.main import main
from ota_proxy.cli.parser import COMMANDS
from ota_proxy.commands.rules import DOORS
from ota_proxy.report.answer import as_text
from ota_proxy.report.paint import Paint
from ota_proxy.rules import catalogue as pages
from ota_proxy.rules.catalogue import catalogue, remedies
from ota_proxy.rules.registry import registered, unchecked
from ota_proxy.rules.symptoms import COMMANDS as BEHIND
from ota_proxy.rules.symptoms import by_letter, checked_by, planned

Said = pytest.CaptureFixture[str]


def told(words: list[str], capsys: Said) -> str:
    assert main(["explain", *words]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(words: list[str], capsys: Said) -> str:
    assert main(["explain", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize(
    "words", [["OTA406"], ["ota406"], ["OTA-406"], ["406"], ["package-no-range"], ["Package", "No", "Range"]]
)
def test_a_rule_is_found_by_id_or_name_in_any_case(words: list[str], capsys: Said) -> None:
    said = told(words, capsys)
    assert said.startswith("OTA406 package-no-range (error)\n")
    assert "proxy_force_ranges on;" in said
    assert "max_ranges 0;" in said


@pytest.mark.parametrize("rule", catalogue(), ids=str)
def test_every_page_reads_well_at_80_columns_without_colour(rule: str, capsys: Said) -> None:
    said = told([rule], capsys)
    prose = [line for line in said.splitlines() if not line.startswith("    ")]
    assert [line for line in prose if len(line) > 80 and "ota-proxy" not in line and "HOST" not in line] == []
    assert "```" not in said
    assert "\x1b" not in said
    assert "\n\n\n" not in said
    assert all(line == line.rstrip() for line in said.splitlines())


def test_colour_changes_no_word() -> None:
    body = pages.page("OTA406")
    painted = as_text(body, Paint(80, colour=True))
    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == as_text(body, Paint(80)).replace("`", "")


def test_code_keeps_its_lines() -> None:
    text = as_text("Before.\n```nginx wrong\nlocation / {\n    deny all;\n}\n```\nAfter `this`.", Paint(80))
    assert text == "  Before.\n\n  nginx, wrong\n    location / {\n        deny all;\n    }\n\n  After `this`."


def test_a_block_is_named_in_the_words_of_people() -> None:
    named = {
        "nginx right since=1.25.1": "nginx, right, from 1.25.1 on",
        "apache wrong server": "Apache, wrong, at server level",
        "xml right iis": "IIS, right",
        "xml wrong plist": "property list, wrong",
        "console": "console",
    }
    for info, label in named.items():
        assert as_text(f"```{info}\nx\n```", Paint(80)).split("\n") == [f"  {label}", "    x"]


def test_a_sentence_fans_out_to_its_rules_in_order_the_first_ones_with_a_command(capsys: Said) -> None:
    said = told(["cannot connect to server"], capsys)
    ids = re.findall(r"(?m)^ *\d+\.  (OTA\d{3})", said)
    symptom = by_letter("C")
    assert symptom is not None
    assert ids == list(symptom.rules[: len(ids)])
    assert set(re.findall(r"OTA\d{3}", said)) >= {rule.id for rule in catalogue().values() if "C" in rule.sees}
    assert {"OTA106", "OTA207", "OTA208", "OTA209", "OTA210"} <= set(re.findall(r"OTA\d{3}", said))
    commands = re.findall(r"(?m)^      (?:ota-proxy|curl|openssl|nginx|grep|unzip|ls) .*$", said)
    assert len(commands) == len(ids)
    assert said.count("tell it by: ") == len(ids)
    assert "`ota-proxy check https://HOST/PATH/app.plist` tells these apart" in said


def test_an_answer_fits_80_columns_and_has_no_colour_where_nobody_looks(capsys: Said) -> None:
    said = told(["installation hangs on waiting"], capsys)
    assert "\x1b" not in said
    prose = [line for line in said.splitlines() if not re.match(r" {6}(?:ota-proxy|curl|openssl|nginx|unzip) ", line)]
    assert [line for line in prose if len(line) > 80] == []


def test_the_words_of_a_sentence_need_no_quotes(capsys: Said) -> None:
    assert told(["invalid", "manifest"], capsys) == told(["invalid manifest"], capsys)


def test_a_letter_of_the_catalogue_is_a_symptom(capsys: Said) -> None:
    assert told(["w"], capsys).startswith("The icon stays on Waiting")


def test_a_page_says_which_commands_look_for_the_rule(capsys: Said) -> None:
    for rule in (catalogue()["OTA406"], catalogue()["OTA625"]):
        second = told([rule.id], capsys).splitlines()[1]
        now = checked_by(rule, COMMANDS)
        assert ", ".join(now) in second
        assert ("not looked for by any command yet" in second) == (not now)
        assert all(command in second for command in planned(rule) if now)


@pytest.mark.parametrize(
    ("word", "near"), [("ota4o6", "OTA406"), ("OTA999", "ota-proxy rules"), ("ota-9", "ota-proxy rules")]
)
def test_the_id_of_no_rule_is_refused_with_what_is_nearest(word: str, near: str, capsys: Said) -> None:
    said = refused([word], capsys)
    assert near in said
    assert "hint: " in said


@pytest.mark.parametrize("words", [[""], [" "], ["", ""]])
def test_nothing_at_all_is_refused(words: list[str], capsys: Said) -> None:
    assert "nothing was asked" in refused(words, capsys)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["packge-no-range"], "OTA406"),
        (["gzip"], "OTA409"),
        (["NSPOSIXErrorDomain", "100"], "OTA222"),
        (["NSURLErrorDomain", "-1202"], "OTA207"),
        (["-9807"], "OTA207"),
        (["DeviceManagement.error 2604"], "OTA301"),
        (["ASDErrorDomain 852"], "OTA106"),
        (["ASDErrorDomain 752"], "OTA309"),
        (["SZExtractorErrorDomain 3"], "OTA412"),
        (["500.19 duplicate … mimeMap"], "OTA620"),
        (["404.3"], "OTA601"),
        (["404.7"], "OTA611"),
        (["404.11"], "OTA611"),
        (["HTTP", "405"], "OTA403"),
    ],
    ids=str,
)
def test_words_names_and_codes_are_answered(words: list[str], first: str, capsys: Said) -> None:
    assert re.findall(r"(?m)^ *1\.  (OTA\d{3})", told(words, capsys)) == [first]


def test_a_number_that_is_a_rule_and_a_status_says_so(capsys: Said) -> None:
    assert "ota-proxy explain HTTP 404" in told(["404"], capsys)
    assert told(["502"], capsys).startswith("OTA502 ")
    assert re.findall(r"(?m)^ *1\.  (OTA\d{3})", told(["500"], capsys)) == ["OTA301"]


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["the", "moon", "is", "blue"], ["?"], ["\x1b[31mred"], ["\u202e\0"], ["🦆"]]
)
def test_words_that_say_nothing_are_answered_with_a_way_out(words: list[str], capsys: Said) -> None:
    said = told(words, capsys)
    assert "Nothing" in said
    assert "ota-proxy check https://HOST/" in said
    assert "ota-proxy rules" in said
    assert "\x1b" not in said


def test_words_that_hardly_fit_are_answered_with_care(capsys: Said) -> None:
    said = told(["I have a question about my order"], capsys)
    assert said.startswith("Nothing fits these words well.")


def test_what_is_known_and_no_rule_is_behind_is_said(capsys: Said) -> None:
    assert told(["ASDErrorDomain 855"], capsys).startswith("Known: ASDErrorDomain 855")


@pytest.mark.parametrize("words", [["OTA406"], ["cannot connect to server"], ["frobnicate"]], ids=" ".join)
def test_the_json_says_what_the_text_says(words: list[str], capsys: Said) -> None:
    text = told(words, capsys)
    document = json.loads(told([*words, "--format", "json"], capsys))
    assert document["schema"] == "ota-proxy/explain/1"
    assert document["fits"] == ("Nothing" not in text)
    named = set(re.findall(r"OTA\d{3}", text))
    assert {row["id"] for row in document["rules"]} <= named
    for row in document["rules"]:
        assert row["name"] == catalogue()[row["id"]].name
        assert row["confirm"]
        assert row["look"]


def hand_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Let the command read bytes from its standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def test_a_log_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    log = b"first line\nError Domain=NSURLErrorDomain Code=-1202 \x1b[31mno\x1b[0m\nlast\n"
    hand_in(monkeypatch, log)
    said = told(["-"], capsys)
    assert said.startswith("3 lines. Most likely first:")
    assert "1.  OTA207 cert-untrusted" in said
    assert "line 2: Error Domain=NSURLErrorDomain Code=-1202 \\x1b[31mno" in said
    assert "\x1b" not in said
    hand_in(monkeypatch, log)
    document = json.loads(told(["-", "--format", "json"], capsys))
    assert (document["kind"], document["lines_read"], document["whole"]) == ("log", 3, True)
    assert document["rules"][0]["id"] == "OTA207"
    assert document["rules"][0]["lines"][0]["line"] == 2


def test_a_complaint_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    hand_in(monkeypatch, b"cannot connect to server\n")
    assert told(["-"], capsys) == told(["cannot connect to server"], capsys)


def test_a_log_that_says_nothing_is_answered(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    for data in (b"", b"all is well\n" * 100):
        hand_in(monkeypatch, data)
        assert "none of them is in the catalogue" in told(["-"], capsys)


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"\x1f\x8b\x08\0\0\0", "zcat"), (b"PK\x03\x04", "unpack"), (bytes(range(32)) * 99, "not text")],
    ids=repr,
)
def test_what_is_no_log_is_refused(data: bytes, word: str, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    hand_in(monkeypatch, data)
    assert word in refused(["-"], capsys)


def test_explain_loads_nothing_heavy() -> None:
    program = "import sys; from ota_proxy.cli.main import main; main(['explain', 'cannot connect']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert {"docker", "jinja2", "testinfra", "trustme"} & set(done.stderr.split()) == set()


def test_the_list_says_of_every_rule_who_looks_for_it(capsys: Said) -> None:
    assert main(["rules"]) == 0
    said = capsys.readouterr().out
    rows = re.findall(r"(?m)^(OTA\d{3})  (\S+) +(error|warning|note) +(.*)$", said)
    assert [row[0] for row in rows] == list(catalogue())
    for id_, name, severity, commands in rows:
        rule = catalogue()[id_]
        assert (name, severity) == (rule.name, rule.severity)
        assert commands == (", ".join(checked_by(rule, COMMANDS)) or "-")
    count = sum(commands != "-" for *_, commands in rows)
    assert f"{len(rows)} rules, {count} of them checked by the commands" in said


@pytest.mark.parametrize("door", ["v", "verify"])
def test_the_list_of_one_door_has_its_rules_only(door: str, capsys: Said) -> None:
    assert main(["rules", "--door", door, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "ota-proxy/rules/1"
    assert [row["id"] for row in document["rules"]] == [rule.id for rule in catalogue().values() if "v" in rule.doors]
    without = {row["id"] for row in document["rules"] if "verify" not in row["checked_by"]}
    assert without == {rule.id for rule in unchecked("v")}


def test_the_flag_knows_the_doors_that_there_are() -> None:
    assert DOORS == FLAG_DOORS


def test_an_unknown_door_is_refused_with_what_there_is(capsys: Said) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["rules", "--door", "verfy"])
    assert stopped.value.code == 2
    assert "verify" in capsys.readouterr().err


def test_a_rule_is_not_said_to_be_checked_by_a_command_that_does_not_exist() -> None:
    rule = catalogue()["OTA406"]
    assert checked_by(rule, ()) == ()
    assert checked_by(rule, ("verify",)) == ("verify",)
    assert checked_by(rule, ("audit",)) == ()


def test_pages_remedies_and_checks_belong_to_the_catalogue() -> None:
    assert set(registered()) <= set(catalogue())
    assert set(remedies()) <= set(catalogue())
    assert [rule for rule in catalogue() if not pages.page(rule).startswith("# ")] == []


def test_a_rule_with_a_check_has_a_remedy() -> None:
    worded = {
        rule for rule, check in registered().items() if "remedy" in check.__code__.co_names + check.__code__.co_varnames
    }
    missing = set(registered()) - set(remedies()) - worded
    assert missing == set(), f"no remedy for {sorted(missing)}"


def test_every_door_of_the_catalogue_has_its_command() -> None:
    assert {door for rule in catalogue().values() for door in rule.doors} == {*BEHIND, "r"}
