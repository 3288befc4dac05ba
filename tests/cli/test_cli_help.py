"""The help of every command teaches: an example that works, lines that fit into a terminal."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from ota_proxy.cli.parser import COMMANDS, parser
from ota_proxy.late import late
from tests.support.command_line import Run

PAGES: list[tuple[str, ...]] = [(), *((name,) for name in COMMANDS), ("config", "show"), ("config", "schema")]


def examples(text: str) -> Iterator[list[str]]:
    """Yield the words of every example: what stands after two or more blanks says what it does, `> FILE` is the shell's."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("  ota-proxy "):
            told = re.split(r" {2,}(?!--)", line.strip())[0].partition(" > ")[0]
            yield shlex.split(told)[1:]


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_every_page_has_an_example_that_the_command_line_understands(page: tuple[str, ...], run: Run) -> None:
    said = run(*page, "--help")
    assert said.code == 0
    found = list(examples(said.out))
    assert found
    assert any(words[: len(page)] == list(page) for words in found)
    for words in found:
        assert callable(late(parser().parse_args(words).run))


@pytest.mark.parametrize("columns", ["80", "100", "200"])
@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_every_page_fits_into_the_terminal(
    page: tuple[str, ...], columns: str, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    wide = [line for line in run(*page, "--help").out.splitlines() if len(line) > int(columns)]
    assert wide == []


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_every_flag_says_what_it_does(page: tuple[str, ...]) -> None:
    command: argparse.ArgumentParser = parser()
    for name in page:
        (subs,) = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - argparse has no other way to its commands
        command = subs.choices[name]
    silent = [
        action.dest
        for action in command._actions  # noqa: SLF001 - likewise
        if not action.help and not action.choices
    ]
    assert silent == []


def test_the_first_page_names_every_command_and_the_exit_codes(run: Run) -> None:
    text = run("--help").out
    assert all(re.search(rf"^    {name} +\w", text, re.MULTILINE) for name in COMMANDS)
    assert all(f"{code} " in text.partition("Exit codes:")[2] for code in (0, 1, 2, 3, 70, 130))


def test_the_version_is_one_line(run: Run) -> None:
    assert re.fullmatch(r"ota-proxy \d+\.\d+\.\d+\S*\n", run("--version").out)
