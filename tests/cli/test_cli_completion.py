"""Completions complete in the shells themselves, and the man page satisfies groff and mandoc; all of it says what the command line says."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_powershell

from ota_proxy.cli.completion import rendered
from ota_proxy.cli.flags.help import WHAT
from ota_proxy.cli.parser import COMMANDS, parser
from ota_proxy.cli.shells.tree import Command, read
from tests.support.command_line import Run
from tests.support.shells import bash, fish, needs, zsh
from tests.support.source_tree import imported_by

FORMATS = ["text", "json", "sarif", "junit", "github", "gitlab", "html"]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with every completion, and one file to complete."""
    folder = tmp_path_factory.mktemp("scripts")
    for what in WHAT:
        (folder / what).write_text(rendered(what), encoding="utf-8")
    (folder / "here").mkdir()
    (folder / "here" / "App one.ipa").touch()
    (folder / "here" / "inside").mkdir()
    return folder


# -- the tree ---------------------------------------------------------------------------------------------------------


def parsers(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and everything below it."""
    yield top
    for action in top._actions:  # noqa: SLF001 - argparse has no other way to its commands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for inner in action.choices.values():
                yield from parsers(inner)


def everything() -> list[Command]:
    return list(read(parser()).walk())


def test_the_tree_has_every_command_and_flag() -> None:
    wanted = [sorted(one._option_string_actions) for one in parsers(parser())]  # noqa: SLF001 - likewise
    assert [sorted(name for flag in one.flags for name in flag.names) for one in everything()] == wanted
    assert [one.path[0] for one in everything() if len(one.path) == 1] == list(COMMANDS)


@pytest.mark.parametrize("what", WHAT)
def test_every_command_and_long_flag_is_in_every_form(what: str) -> None:
    text = rendered(what).replace("\\-", "-")
    for command in everything():
        assert " ".join(command.path) in text or command.path[-1] in text
        for flag in command.flags:
            for name in flag.names:
                bare = name.lstrip("-") if what == "fish" else name
                assert bare in text or name == "--help" or (what == "man" and name in ("-h", "--version"))


@pytest.mark.parametrize("what", WHAT)
def test_the_command_prints_it(what: str, run: Run) -> None:
    said = run("completion", what)
    assert (said.code, said.out, said.err) == (0, rendered(what), "")


def test_a_build_makes_all_of_them_with_the_standard_library_alone() -> None:
    program = "from ota_proxy.cli.completion import rendered\nfrom ota_proxy.cli.flags.help import WHAT\nfor what in WHAT: rendered(what)"
    assert imported_by(program) - imported_by("") - set(sys.stdlib_module_names) == {"ota_proxy"}


def test_another_shell_is_refused_with_what_there_is(run: Run) -> None:
    said = run("completion", "bsh")
    assert said.code == 2
    assert "did you mean 'bash'?" in said.complaint


# -- bash -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ver"], ["verify"]),
        (["config", ""], ["show", "schema"]),
        (["config", "schema", ""], ["site", "report", "line"]),
        (["render", ""], ["nginx", "apache", "iis"]),
        (["render", "nginx", ""], []),
        (["verify", "--form"], ["--format"]),
        (["verify", "--format", ""], FORMATS),
        (["verify", "--format", "="], FORMATS),
        (["verify", "--format", "=", "s"], ["sarif"]),
        (["verify", "--domain", "render", "ap"], ["apache"]),
        (["verify", "--scope", ""], ["site", "full"]),
        (["verify", "nginx", "--eng"], ["--engine"]),
        (["render", "--root", ""], ["inside"]),
        (["manifest", "App"], ["App one.ipa"]),
        (["explain", "OTA40"], [f"OTA40{digit}" for digit in range(1, 10)]),
        (["-"], ["-h", "--help", "--version"]),
        (["nothing", "--f"], []),
    ],
    ids=str,
)
def test_bash_completes(words: list[str], offered: list[str], scripts: Path) -> None:
    assert bash(scripts / "bash", ["ota-proxy", *words], scripts / "here") == offered


# -- zsh and fish -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("ota-proxy verif", "ota-proxy verify "),
        ("ota-proxy config sc", "ota-proxy config schema "),
        ("ota-proxy verify --format sa", "--format sarif "),
        ("ota-proxy up ap", "up apache "),
        ("ota-proxy manifest A", "manifest App\\ one.ipa"),
    ],
)
def test_zsh_completes(typed: str, wanted: str, scripts: Path) -> None:
    screen = zsh(scripts / "zsh", typed, wanted, scripts / "here")
    assert wanted in screen, screen


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ver", ["verify"]),
        ("config ", ["schema", "show"]),
        ("config schema ", ["line", "report", "site"]),
        ("render ", ["apache", "iis", "nginx"]),
        ("verify --form", ["--format"]),
        ("verify --format ", sorted(FORMATS)),
        ("verify --format=s", ["--format=sarif"]),
        ("verify nginx --scope ", ["full", "site"]),
        ("manifest A", ["App one.ipa"]),
        ("render nginx --root ", ["inside/"]),
        ("rules --door check ver", []),
    ],
    ids=str,
)
def test_fish_completes(typed: str, offered: list[str], scripts: Path) -> None:
    assert sorted(fish(scripts / "fish", f"ota-proxy {typed}", scripts / "here")) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_reads_its_script_without_complaint(shell: str, scripts: Path) -> None:
    needs(shell)
    done = subprocess.run([shell, "-n", str(scripts / shell)], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# -- PowerShell -------------------------------------------------------------------------------------------------------


def test_powershell_parses_its_script_and_has_the_grammar(scripts: Path) -> None:
    text = (scripts / "powershell").read_bytes()
    root = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language())).parse(text).root_node
    assert not root.has_error
    for command in everything():
        assert f"'{' '.join(command.path)}' = @{{" in text.decode()
    assert "'--format' = @('text', 'json', 'sarif', 'junit', 'github', 'gitlab', 'html')" in text.decode()


def test_a_quote_in_a_word_does_not_end_it() -> None:
    from ota_proxy.cli.shells import fish, powershell, zsh  # noqa: PLC0415 - the names are the shells' above

    assert zsh._quoted("a'b") == "'a'\\''b'"  # noqa: SLF001 - the quoting is what is tested
    assert fish._quoted("a'b\\") == "'a\\'b\\\\'"  # noqa: SLF001 - likewise
    assert powershell._quoted("a'b") == "'a''b'"  # noqa: SLF001 - likewise


# -- the man page -----------------------------------------------------------------------------------------------------


def test_groff_reads_the_man_page_without_a_warning(scripts: Path) -> None:
    needs("groff")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(scripts / "man")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_man_shows_the_page_without_a_warning(scripts: Path) -> None:
    needs("man")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    done = subprocess.run(
        ["man", "--warnings", "-l", str(scripts / "man")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    page = done.stdout
    for command in COMMANDS:
        assert re.search(rf"^ +ota-proxy {command} ", page, re.MULTILINE), command
    for part in ("NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "--fail-on", "NO_COLOR"):
        assert part in page


def test_mandoc_finds_nothing_but_the_date_that_is_left_out_on_purpose(scripts: Path) -> None:
    needs("mandoc")
    done = subprocess.run(
        ["mandoc", "-T", "lint", str(scripts / "man")], capture_output=True, text=True, timeout=60, check=False
    )
    told = [line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line]
    assert told == []


def test_an_example_in_the_man_page_can_be_copied(scripts: Path) -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed: apt install man-db")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "100"}
    page = subprocess.run(
        ["man", "-l", str(scripts / "man")], capture_output=True, text=True, env=environment, timeout=60, check=True
    ).stdout
    assert "ota-proxy verify nginx --engine embedded  no Docker, no root" in page
