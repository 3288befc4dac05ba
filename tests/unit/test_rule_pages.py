"""The rule pages: held against the catalogue, and every snippet against the server it is for."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_powershell

from ota_proxy.rules.catalogue import catalogue, file_name, page
from ota_proxy.rules.rule import Rule
from ota_proxy.rules.symptoms import COMMANDS, NEVER_RENDERED
from tests.support import rule_pages
from tests.support.apache_host import MISSING as NO_APACHE
from tests.support.rule_pages import Block, blocks, section

RULES = list(catalogue().values())
HEADINGS = ["On the phone", "Why", "How it is found", "Wrong and right", "Source"]
_LONGEST = 112


def by_name(block: Block) -> str:
    return block.name


@pytest.fixture(scope="module")
def ssl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rule_pages.certificates(tmp_path_factory.mktemp("certificates"))


def test_every_rule_has_its_page_and_no_page_is_left_over() -> None:
    assert rule_pages.files() == {file_name(rule) for rule in catalogue()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_page_begins_with_its_title_and_repeats_nothing_of_the_catalogue(rule: Rule) -> None:
    assert page(rule.id).startswith("# ")
    assert not re.search(r"(?m)^(?:id|name|severity|sees|doors): |^---$", page(rule.id))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_page_has_a_title_and_the_same_sections_in_the_same_order(rule: Rule) -> None:
    body = page(rule.id)
    assert re.match(r"# \S.*[^.]\n", body)
    assert re.findall(r"(?m)^##+ (.*)$", body) == HEADINGS
    assert all(section(rule.id, title).strip() for title in HEADINGS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_how_it_is_found_names_the_doors_of_the_catalogue_and_no_other(rule: Rule) -> None:
    said = re.findall(r"(?m)^- ([a-z, ]+): ", section(rule.id, "How it is found"))
    expected = {command for door, command in COMMANDS.items() if door in rule.doors}
    expected |= {"render"} if NEVER_RENDERED in rule.doors else set()
    named = [command for line in said for command in line.split(", ")]
    assert sorted(named) == sorted(expected)


def test_titles_tell_rules_apart() -> None:
    titles = [page(rule).partition("\n")[0] for rule in catalogue()]
    assert len(set(titles)) == len(titles)


def test_rules_that_pages_refer_to_exist() -> None:
    for rule in catalogue():
        assert set(re.findall(r"OTA\d{3}", page(rule))) <= set(catalogue()), rule


def test_lines_are_readable() -> None:
    long = [
        line
        for rule in catalogue()
        for line in page(rule).splitlines()
        if len(line) > _LONGEST and "itms-services" not in line
    ]
    assert long == []


def test_every_block_has_a_known_language_and_says_right_or_wrong() -> None:
    assert {block.language for block in blocks()} <= set(rule_pages.LANGUAGES)
    assert [block.name for block in blocks(*rule_pages.CHECKED) if not block.verdict] == []


def test_a_rule_that_servers_can_break_shows_the_right_lines_for_all_three() -> None:
    for rule in RULES:
        text = section(rule.id, "Wrong and right")
        right = {block.language for block in blocks() if block.rule == rule.id and block.verdict == "right"}
        if rule.stage == "server" and not rule.name.startswith("iis-"):
            assert right & {"nginx"}, rule.id
            assert right & {"apache"} or "Apache" in text, rule.id
            assert right & {"xml", "powershell"} or "IIS" in text or "Windows" in text, rule.id
        elif not right & {"nginx", "apache", "xml", "powershell"}:
            assert "o server" in text, f"{rule.id} shows no server's lines and does not say that none is to blame"


@pytest.mark.skipif(not rule_pages.nginx_version(), reason="no nginx on this machine")
@pytest.mark.parametrize("block", blocks("nginx"), ids=by_name)
def test_nginx_says_of_every_snippet_what_the_page_says(block: Block, ssl: Path, tmp_path: Path) -> None:
    accepted, words = rule_pages.nginx_says(block, ssl, tmp_path)
    meant = (block.verdict != "refused") == (rule_pages.nginx_version() >= block.since)
    assert accepted == meant, f"{words}\n{block.text}"


@pytest.mark.skipif(bool(NO_APACHE), reason=NO_APACHE)
@pytest.mark.parametrize("block", blocks("apache"), ids=by_name)
def test_apache_says_of_every_snippet_what_the_page_says(block: Block, ssl: Path, tmp_path: Path) -> None:
    accepted, words = rule_pages.apache_says(block, ssl, tmp_path)
    assert accepted == (block.verdict != "refused"), f"{words}\n{block.text}"


@pytest.mark.parametrize("block", blocks("xml"), ids=by_name)
def test_xml_parses_unless_the_page_says_it_does_not(block: Block) -> None:
    accepted, words = rule_pages.xml_says(block)
    assert accepted == (block.verdict != "refused"), f"{words}\n{block.text}"


@pytest.mark.parametrize("block", [block for block in blocks("xml") if "plist" in block.words], ids=by_name)
def test_a_whole_property_list_can_be_loaded(block: Block) -> None:
    assert plistlib.loads(block.text.encode())


@pytest.mark.parametrize("block", blocks("powershell"), ids=by_name)
def test_powershell_parses(block: Block) -> None:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    assert not parser.parse(block.text.encode()).root_node.has_error, block.text
