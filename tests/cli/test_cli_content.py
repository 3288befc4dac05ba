"""`ota-proxy manifest` and `page`: what they write is theirs again the next time, and a file of somebody else's stays."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from tests.support.apps import files, packed
from tests.support.command_line import Run

BASE = ("--base-url", "https://ota.example.com/ota")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "App.ipa"
    path.write_bytes(packed(files()))
    return path


@pytest.mark.parametrize(("command", "name"), [("manifest", "App.plist"), ("page", "index.html")])
def test_a_file_is_written_once_and_a_foreign_one_only_by_force(
    command: str, name: str, package: Path, tmp_path: Path, run: Run
) -> None:
    target = tmp_path / name
    words = (command, str(package), *BASE, "-o", str(tmp_path if command == "manifest" else target))
    assert f"{target}: written" in run(*words).err
    assert f"{target}: unchanged" in run(*words).err
    assert run(command, str(package), *BASE).out == target.read_text(encoding="utf-8")

    target.write_text("<p>by hand: Made by ota-proxy</p>\n", encoding="utf-8")
    refused = run(*words)
    assert refused.code == 2
    assert "not made by ota-proxy and would be lost" in refused.complaint
    assert "--force" in refused.complaint
    assert target.read_text(encoding="utf-8").startswith("<p>by hand")
    assert run(*words, "--force").code == 0
    assert run(*words).code == 0


def test_the_mark_does_not_keep_a_manifest_from_being_read(package: Path, run: Run) -> None:
    text = run("manifest", str(package), *BASE).out
    assert text.splitlines()[1] == "<!-- Made by ota-proxy -->"
    assert plistlib.loads(text.encode())["items"][0]["assets"][0]["url"] == "https://ota.example.com/ota/App.ipa"
