"""Asks real shells what they would complete: a command line as typed so far in, the offered words or the screen out."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

_BASH = """\
source "$1"; shift
complete -p ota-proxy | grep -q -- '-F _ota_proxy' || exit 9
compopt() { :; }  # bash lets nobody call it outside of a completion of its own
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_ota_proxy
printf '%s\\n' "${COMPREPLY[@]}"
"""
_ESCAPES = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]|\x1b[=>]")


def needs(shell: str) -> None:
    """Skip where the shell is not installed."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: apt install {shell}")


def bash(script: Path, words: list[str], folder: Path) -> list[str]:
    """Return what bash offers for the last of the words; `=` is a word of its own, as in bash."""
    needs("bash")
    done = subprocess.run(
        ["bash", "--norc", "-c", _BASH, "bash", str(script), *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=30,
        check=True,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def fish(script: Path, typed: str, folder: Path) -> list[str]:
    """Return what fish offers, without descriptions."""
    needs("fish")
    place = folder.parent
    home = {"HOME": str(place), "XDG_CONFIG_HOME": str(place / "config"), "XDG_DATA_HOME": str(place / "data")}
    done = subprocess.run(
        ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", str(script), typed],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "LC_ALL": "C.UTF-8", **home},
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def zsh(script: Path, typed: str, wanted: str, folder: Path, seconds: float = 30) -> str:
    """Type a command line and a tab into zsh; return the screen when `wanted` is on it, or whatever is there in the end."""
    needs("zsh")
    ours, theirs = pty.openpty()
    home = {"HOME": str(folder), "PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=home, cwd=folder, start_new_session=True
    ) as shell:
        os.close(theirs)
        begin = f"PS1='> '; autoload -Uz compinit; compinit -u -D; source {script}; echo LOA''DED\n"
        try:
            os.write(ours, begin.encode())
            screen = _until(ours, "LOADED\r\n", seconds)
            os.write(ours, f"{typed}\t".encode())
            return screen + _until(ours, wanted, seconds)
        finally:
            shell.kill()
            os.close(ours)


def _until(terminal: int, wanted: str, seconds: float) -> str:
    screen, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            screen += os.read(terminal, 65536)
            if wanted in _ESCAPES.sub("", screen.decode("utf-8", "replace")):
                break
    return _ESCAPES.sub("", screen.decode("utf-8", "replace"))
