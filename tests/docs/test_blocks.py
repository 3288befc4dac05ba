"""Every command and every configuration in README and docs is run or read by what would run or read it for a person."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from ota_proxy.cli.parser import parser
from tests.docs.blocks import LANGUAGES, ROOT, Block, blocks, pages
from tests.docs.sandbox import Sandbox, live

pytestmark = pytest.mark.embedded
PAGES = [page for page in pages() if blocks(page)]
READERS: Mapping[str, Callable[[str], Any]] = {
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
    "json": json.loads,
    "xml": ET.fromstring,
    "ini": lambda text: configparser.ConfigParser().read_string(text),
}
"""What a block that is no file of the page must at least be."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is_and_a_reason_where_it_is_not_run(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, block.place
        assert not block.not_run or len(block.not_run) > 10, block.place


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_of_a_text_is_one_the_program_knows(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands in running text, too: `ota-proxy explain "…"`."""
    named = re.findall(r"`ota-proxy ([a-z]+)", page.read_text(encoding="utf-8"))
    for command in set(named):
        with pytest.raises(SystemExit) as end:
            parser().parse_args([command, "--help"])
        assert end.value.code == 0, f"{name_of(page)} names ota-proxy {command}"
    capsys.readouterr()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_blocks_of_a_page_work_in_their_order(page: Path, tmp_path: Path) -> None:
    with live() as server:
        sandbox = Sandbox(tmp_path, ROOT, server)
        for block in blocks(page):
            _work(block, sandbox)


def _work(block: Block, sandbox: Sandbox) -> None:
    if block.not_run:
        return
    if block.file.startswith("examples/"):
        written = (ROOT / block.file).read_text(encoding="utf-8")
        assert block.text.partition("\n")[2] == written, f"{block.place} differs from {block.file}"
        return  # tests/plugin runs the examples
    if block.file:
        sandbox.write(block.file, block.text)
    if block.language in READERS:
        READERS[block.language](block.text)
    if block.file == "ota-proxy.toml":
        sandbox.run("ota-proxy config show", block.place)
    if block.language == "sh":
        sandbox.run(block.text, block.place)
    if block.language == "yaml":
        _commands(block.text)
    if block.language == "python":
        assert block.file, f"{block.place}: a test needs a file's name in its first line"
        sandbox.run(f"pytest -q {block.file}", block.place)


def _commands(text: str) -> None:
    """Hold every call of ours in a CI file against the command line's grammar."""
    for line in re.findall(r"ota-proxy ((?:render|verify|check|lint|doctor)\b[^\n]*)", text):
        parser().parse_args([word.strip("'\"") for word in line.split() if word not in ("|", ">")])
