"""Runs commands in this process, in an empty folder and without anybody's OTA_PROXY_* variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ota_proxy.cli.main import main
from tests.support.command_line import Run, Said


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTA_PROXY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> Said:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as end:  # argparse ends the program itself
            code = end.code if isinstance(end.code, int) else 0
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return command
