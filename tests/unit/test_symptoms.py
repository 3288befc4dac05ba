"""Sentences as people write them, and the rules behind them; the data of symptoms.toml held against the catalogue."""

from __future__ import annotations

import shlex

import pytest

from ota_proxy.cli.parser import COMMANDS
from ota_proxy.cli.parser import parser as command_line
from ota_proxy.rules.catalogue import alert_text, catalogue
from ota_proxy.rules.complaints.diagnosis import diagnose
from ota_proxy.rules.rule import Rule
from ota_proxy.rules.symptoms import Symptom, _data, by_letter, checked_by, confirmation, symptoms

LETTERS = "NCVHUWITX"
SAID = [
    ("Tapping the link does nothing", "N"),
    ("taping teh link does nothng", "N"),
    ("I tap install and nothing happens", "N"),
    ("the install buton has no efect", "N"),
    ("Safari cannot open the page because the address is invalid", "N"),
    ("clicking the itms-services link is not doing anything", "N"),
    ("Cannot connect to server", "C"),
    ("Cannot connect to ota.example.com", "C"),
    ("canot conect to server", "C"),
    ("could not connect to https://builds.corp.example/", "C"),
    ("connection to server failed", "C"),
    ("Unable to download app", "U"),
    ("unable to downlod app", "U"),
    ('"MyApp" could not be installed at this time. Please try again later', "U"),
    ('Unable to Install "Example"', "U"),
    ("install fails directly after the prompt", "U"),
    ("unable to download item try again", "U"),
    ("the icon appears but the installation hangs", "W"),
    ("stuck at waiting...", "W"),
    ("stuk on waitng", "W"),
    ("app stays grey on Waiting", "W"),
    ("icon became a cloud", "W"),
    ("download restarts all the time and never finishes", "W"),
    ("This app cannot be installed because its integrity could not be verified.", "I"),
    ("integrty could not be verifed", "I"),
    ("valid provisioning profile was not found", "I"),
    ("Untrusted Enterprise Developer", "T"),
    ("untrusted enterprize develloper", "T"),
    ("it wants me to turn on developer mode", "T"),
    ("Cannot install applications because the certificate for ota.example.com is not valid", "V"),
    ("invalid certificate", "V"),
    ("certifcate is not trusted", "V"),
    ("self signed cert", "V"),
    ("the dialog shows the wrong host name", "H"),
    ("prompt names strange domain", "H"),
    ("app opens then closes right away", "X"),
    ("app crashes at launch", "X"),
    ("App is no longer available", "X"),
    ("invalid manifest", "The manifest is invalid"),
    ("manifst invalid", "The manifest is invalid"),
    ("Could not validate manifest.", "The manifest is invalid"),
    ("installs but won't open", "The app installs, but does not open"),
    ("installs but wont opne", "The app installs, but does not open"),
    ("installed but does not start", "The app installs, but does not open"),
    ("blank page in WeChat", "A blank page in a chat app"),
    ("white page in facebook app", "A blank page in a chat app"),
    ("empty page inside instagram", "A blank page in a chat app"),
    ("page downloads instead of showing", "The page is downloaded, or has no style"),
    ("safari just downloads the ipa file", "Safari saves the .ipa as a file"),
    ("it asks for a password", "Somebody asks for a password"),
    ("old version still installs", "The old version keeps arriving"),
    ("works on wifi not on cellular", "It works in one network and not in another"),
    ("only some iphones can install", "It works on some phones only"),
    ("too many redirects", "Too many redirects"),
    ("HTTP Error 500.19 - Internal Server Error", "IIS answers 500.19"),
    ("404.3 for plist on IIS", "IIS answers 404 for a file that is there"),
]
"""What somebody writes, with typos, and the letter or title it must lead to."""
NOTHING_WE_KNOW = [
    "the moon is blue",
    "how do I cook rice",
    "frobnicate",
    "xyzzy plugh",
    "my dog ate the phone",
    "the",
    "",
    "???",
]


ABROAD = [
    ("Verbindung zu „ota.example.com“ nicht möglich", "C"),
    ("Connexion à « ota.example.com » impossible", "C"),
    ("No se puede conectar con ota.example.com", "C"),
    ("无法连接到“ota.example.com”", "C"),
    ("“ota.example.com”に接続できません", "C"),
    ("Не удается подключиться к ota.example.com", "C"),
    ("무결성을 확인할 수 없어 설치할 수 없습니다", "I"),
    ("Cette app ne peut pas être installée car son intégrité n'a pas pu être vérifiée.", "I"),
    ("Nicht vertrauenswürdiger Unternehmensentwickler", "T"),
    ("未受信任的企业级开发者", "T"),
    ("Desarrollador empresarial no de confianza", "T"),
    ("无法安装应用程序，因为“ota.example.com”的证书无效", "V"),
    ("“ota.example.com”の証明書が無効なため、Appをインストールできません", "V"),
    ("点击安装没有反应", "N"),
    ("图标一直显示等待中", "W"),
    ("起動するとすぐ落ちる", "X"),
]
"""What phones say in other languages."""


@pytest.mark.parametrize(("said", "meant"), SAID + ABROAD, ids=[said for said, _ in SAID + ABROAD])
def test_a_complaint_leads_to_its_symptom(said: str, meant: str) -> None:
    found = diagnose(said).symptoms
    assert found, said
    assert meant in (found[0].letter, found[0].title), [one.title for one in found]


@pytest.mark.parametrize("said", NOTHING_WE_KNOW)
def test_a_complaint_that_says_nothing_we_know_names_no_symptom_and_fits_nothing(said: str) -> None:
    answer = diagnose(said)
    assert answer.symptoms == ()
    assert not answer.fits


def test_the_alert_text_of_every_letter_leads_to_that_letter() -> None:
    for letter in LETTERS:
        assert diagnose(alert_text(letter, "ota.example.com")).symptoms[0].letter == letter


def test_every_phrase_of_the_data_leads_to_its_own_symptom() -> None:
    for one in symptoms():
        for phrase in one.phrases:
            assert diagnose(phrase).symptoms[0] == one, phrase


def test_an_alert_text_alone_has_every_rule_of_its_symptom_in_the_order_of_the_data() -> None:
    answer = diagnose("Cannot connect to ota.example.com")
    assert [guess.rule for guess in answer.guesses] == list(answer.symptoms[0].rules)


def test_a_connection_that_fails_may_be_a_certificate_or_plain_http() -> None:
    symptom = by_letter("C")
    assert symptom is not None
    assert {"OTA106", "OTA207", "OTA208", "OTA209", "OTA210"} <= set(symptom.rules)
    assert symptom.rules.index("OTA207") < symptom.rules.index("OTA610")


def test_a_letter_has_exactly_the_rules_that_the_catalogue_gives_it() -> None:
    for letter in LETTERS:
        symptom = by_letter(letter.lower())
        assert symptom is not None
        own = set(symptom.rules) - set(symptom.beyond)
        assert sorted(own) == [rule.id for rule in catalogue().values() if letter in rule.sees], letter
        assert set(symptom.beyond) <= set(symptom.rules)
    assert by_letter("-") is None


def test_every_letter_of_the_catalogue_has_a_symptom_and_no_other_has() -> None:
    used = {letter for rule in catalogue().values() for letter in rule.sees}
    assert used == set(LETTERS) == {one.letter for one in symptoms() if one.letter}


@pytest.mark.parametrize("symptom", symptoms(), ids=lambda one: one.title)
def test_a_symptom_names_each_rule_once_and_says_why_in_this_order(symptom: Symptom) -> None:
    assert set(symptom.rules) <= set(catalogue())
    assert len(set(symptom.rules)) == len(symptom.rules) > 0
    assert symptom.reason
    assert not symptom.reason.endswith(".")


def test_the_likeliest_causes_of_a_connection_that_fails_come_before_the_rare_ones() -> None:
    symptom = by_letter("C")
    assert symptom is not None
    place = symptom.rules.index
    assert place("OTA301") < place("OTA304") < place("OTA218")


def test_what_lint_confirms_on_iis_only_has_a_command_for_other_servers_too() -> None:
    told = confirmation(catalogue()["OTA601"], COMMANDS)
    assert told.startswith("ota-proxy lint web.config   (IIS; else curl -sSI ")
    assert confirmation(catalogue()["OTA620"], COMMANDS) == "ota-proxy lint web.config"


def test_every_rule_has_one_row_of_commands_that_would_confirm_it() -> None:
    named = [rule for row in _data()["confirm"] for rule in row["rules"]]
    assert sorted(named) == list(catalogue())


@pytest.mark.parametrize("rule", catalogue().values(), ids=lambda rule: rule.id)
def test_a_confirmation_is_ours_only_where_the_command_exists_and_looks_for_the_rule(rule: Rule) -> None:
    command = confirmation(rule, COMMANDS)
    ours = command.startswith("ota-proxy ")
    assert ours == (_data_of(rule.id)["command"].split()[1] in checked_by(rule, COMMANDS))
    assert not confirmation(rule, ()).startswith("ota-proxy ")
    if ours:
        words = shlex.split(command.partition("   (")[0])[1:]
        assert command_line().parse_args(words).command == words[0]


def _data_of(rule_id: str) -> dict[str, str]:
    (row,) = (row for row in _data()["confirm"] if rule_id in row["rules"])
    return dict(row)
