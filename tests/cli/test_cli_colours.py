"""Every command that paints obeys the variables and the terminal; data has no colours anywhere."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ota_proxy.report.paint import paint_for
from tests.support.command_line import environment, on_a_terminal

COLOUR = "\x1b["
PAINTED = [
    ("check", "https://127.0.0.1:1/app.plist"),
    ("explain", "OTA406"),
    ("rules", "--door", "check"),
    ("doctor",),
]
PLAIN = [
    ("render", "nginx"),
    ("config", "show"),
    ("config", "schema", "report"),
    ("completion", "bash"),
    ("rules", "--format", "json"),
    ("check", "https://127.0.0.1:1/app.plist", "--format", "github"),
    ("check", "https://127.0.0.1:1/app.plist", "--format", "sarif"),
]
_VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM")


def clean(env: dict[str, str]) -> dict[str, str]:
    """Return the environment with these of the colour variables and no other."""
    return {name: value for name, value in environment().items() if name not in _VARIABLES} | {"TERM": "xterm", **env}


def painted(words: tuple[str, ...], folder: Path, **env: str) -> str:
    """Return what a command writes to a terminal, stdout and stderr."""
    command = [sys.executable, "-m", "ota_proxy", *words]
    return on_a_terminal(
        lambda terminal: subprocess.run(
            command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env=clean(env),
            timeout=120,
            check=False,
        )
    )


def piped(words: tuple[str, ...], folder: Path, **env: str) -> str:
    """Return what a command writes into pipes."""
    command = [sys.executable, "-m", "ota_proxy", *words]
    done = subprocess.run(command, capture_output=True, cwd=folder, env=clean(env), timeout=120, check=False)
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("words", PAINTED, ids=" ".join)
def test_a_command_paints_on_a_terminal_unless_it_is_told_not_to(words: tuple[str, ...], tmp_path: Path) -> None:
    assert COLOUR in painted(words, tmp_path)
    for off in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CLICOLOR": "0"}):
        assert COLOUR not in painted(words, tmp_path, **off), off


@pytest.mark.parametrize("words", PAINTED, ids=" ".join)
def test_a_command_does_not_paint_into_a_pipe_unless_it_is_forced_to(words: tuple[str, ...], tmp_path: Path) -> None:
    bare, forced = piped(words, tmp_path), piped(words, tmp_path, FORCE_COLOR="1")
    assert COLOUR not in bare
    assert COLOUR in forced
    assert lasting(re.sub(r"\x1b\[[\d;]*m", "", forced)) == lasting(bare)


def lasting(text: str) -> str:
    """Return text without times and free space; explain has colours instead of backticks."""
    return re.sub(r"\d+\.\d s\]|[\d,]+ MiB|`", "", text)


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_data_has_no_colours_even_when_they_are_forced(words: tuple[str, ...], tmp_path: Path) -> None:
    assert COLOUR not in piped(words, tmp_path, FORCE_COLOR="1", CLICOLOR_FORCE="1")


def test_a_report_in_a_file_has_no_colours_even_when_they_are_forced(tmp_path: Path) -> None:
    piped((*PAINTED[0], "-o", "report.txt"), tmp_path, FORCE_COLOR="1")
    assert COLOUR not in (tmp_path / "report.txt").read_text(encoding="utf-8")


class _Stream(io.StringIO):
    encoding = "utf-8"

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("env", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": ""}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "0"}, False, False),
        ({"CLICOLOR": "1"}, False, False),
        ({"CLICOLOR": "0"}, True, False),
        ({"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
    ids=str,
)
def test_the_variables_weigh_as_their_conventions_say(
    env: dict[str, str],
    terminal: bool,
    colour: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert paint_for(_Stream(terminal=terminal)).colour is colour
    assert not paint_for(None).colour
