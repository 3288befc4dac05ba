"""Rendered files reach the disk whole or not at all, and never over somebody else's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.render.header import MARK
from ota_proxy.render.output import difference, plan, write
from ota_proxy.render.result import Rendered, RenderedFile


def rendered(*names: str, text: str = "one\n") -> Rendered:
    return Rendered("nginx", "site", tuple(RenderedFile(name, f"# {MARK}\n{text}") for name in names), ())


def test_one_file_is_written_once_and_then_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "site.conf"
    assert write(plan(rendered("a.conf"), target)) == (target,)
    assert write(plan(rendered("a.conf"), target)) == ()
    assert [path.name for path in tmp_path.iterdir()] == ["site.conf"]


def test_one_file_goes_into_a_folder_under_its_own_name(tmp_path: Path) -> None:
    write(plan(rendered("a.conf"), tmp_path))
    assert (tmp_path / "a.conf").is_file()


def test_a_file_that_is_not_ours_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("precious\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not made by ota-proxy"):
        write(plan(rendered("a", "b"), tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]
    write(plan(rendered("a", "b"), tmp_path), force=True)
    assert MARK in (tmp_path / "b").read_text(encoding="utf-8")


def test_a_symbolic_link_keeps_its_place_and_the_file_its_mode(tmp_path: Path) -> None:
    real = tmp_path / "available"
    real.write_text(f"# {MARK}\n", encoding="utf-8")
    real.chmod(0o640)
    link = tmp_path / "enabled"
    link.symlink_to(real)
    write(plan(rendered("x"), link))
    assert link.is_symlink()
    assert "one" in real.read_text(encoding="utf-8")
    assert real.stat().st_mode & 0o777 == 0o640


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make the folder first"):
        write(plan(rendered("x"), tmp_path / "no" / "such" / "folder.conf"))
    with pytest.raises(UsageError, match="not a regular file"):
        plan(rendered("x"), Path("/dev/null"))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="need a folder"):
        plan(rendered("x", "y"), tmp_path / "file")


def test_the_difference_is_a_unified_diff_also_without_a_last_newline(tmp_path: Path) -> None:
    target = tmp_path / "site.conf"
    target.write_text(f"# {MARK}\nzero", encoding="utf-8")
    text = difference(plan(rendered("x"), target))
    assert "-zero\n\\ No newline at end of file\n+one\n" in text
    write(plan(rendered("x"), target))
    assert difference(plan(rendered("x"), target)) == ""
