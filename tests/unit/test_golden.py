"""The golden files are rewritten only where somebody reads the difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import golden


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("OTA_PROXY_UPDATE_GOLDEN", raising=False)
    (tmp_path / "x.conf").write_text("old\n", encoding="utf-8")
    return tmp_path


def test_a_difference_fails_and_changes_nothing(folder: Path) -> None:
    with pytest.raises(AssertionError, match=r"accept with OTA_PROXY_UPDATE_GOLDEN=1"):
        golden.assert_golden("x.conf", "new\n")
    assert (folder / "x.conf").read_text(encoding="utf-8") == "old\n"


def test_a_golden_file_is_rewritten_where_that_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTA_PROXY_UPDATE_GOLDEN", "1")
    golden.assert_golden("x.conf", "new\n")
    assert (folder / "x.conf").read_text(encoding="utf-8") == "new\n"


def test_continuous_integration_rewrites_no_golden_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTA_PROXY_UPDATE_GOLDEN", "1")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RuntimeError, match=r"CI is set"):
        golden.assert_golden("x.conf", "old\n")
    assert (folder / "x.conf").read_text(encoding="utf-8") == "old\n"
