"""Rendered files reach the disk whole or not at all, and never over somebody else's work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.files.output import UNFINISHED, difference, plan, write, write_bytes
from ota_proxy.servers.rendered import MARK, Rendered, RenderedFile, made_by_us, with_mark


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


@pytest.mark.parametrize(
    "text",
    [
        f"# {MARK} 0.1.0; edit the site\nserver {{}}\n",
        f"\ufeff# {MARK} 0.1.0\r\n#Requires -Version 5.1\r\n",
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {MARK} 0.1.0; edit\n  the site -->\n<configuration/>\n',
        with_mark('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist>\n<plist/>\n'),
        with_mark("<!doctype html>\n<title>App</title>"),
    ],
)
def test_the_mark_that_opens_the_comment_on_the_first_line_makes_a_file_ours(text: str) -> None:
    assert made_by_us(text)


@pytest.mark.parametrize(
    "text",
    [
        f"# our own notes\n# {MARK} 0.1.0\n",
        f"# not {MARK}\nserver {{}}\n",
        f"server {{}} # {MARK}\n",
        f"\n# {MARK}\n",
        f"{MARK}\n",
        f"# {MARK}er\n",
        f'<?xml version="1.0"?>\n<configuration>\n<!-- {MARK} -->\n</configuration>\n',
        f"<!doctype html>\n<p><!-- {MARK} -->\n",
        "",
    ],
)
def test_the_same_words_elsewhere_do_not(text: str) -> None:
    assert not made_by_us(text)


def test_temporaries_of_killed_runs_go_and_those_of_others_stay(tmp_path: Path) -> None:
    for name in (f".a.0{UNFINISHED}", f".a.0{UNFINISHED}.before"):
        (tmp_path / name).touch()
    (tmp_path / f".b.0{UNFINISHED}").touch()
    (tmp_path / f".a.1{UNFINISHED}").symlink_to(tmp_path / "elsewhere")
    with (tmp_path / f".a.2{UNFINISHED}").open("w", encoding="utf-8") as living:
        import fcntl  # noqa: PLC0415 - not everywhere

        fcntl.flock(living, fcntl.LOCK_EX)
        write(plan(rendered("a"), tmp_path))
        left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [f".a.1{UNFINISHED}", f".a.2{UNFINISHED}", f".b.0{UNFINISHED}", "a"]


def test_a_set_of_which_one_cannot_be_put_in_place_changes_nothing(tmp_path: Path) -> None:
    write(plan(rendered("a", "b", "c", text="old\n"), tmp_path))
    changes = plan(rendered("a", "b", "c", "d", text="new\n"), tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "in the way").touch()
    with pytest.raises(UsageError, match="cannot put the file in place: Is a directory"):
        write(changes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "d"]
    assert {(tmp_path / name).read_text(encoding="utf-8").splitlines()[-1] for name in "abc"} == {"old"}


def test_a_folder_made_for_files_that_could_not_be_written_goes_again(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write here"):
        write(plan(rendered("x" * 300, "y"), tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group_stay_like_the_mode(tmp_path: Path) -> None:
    target = tmp_path / "site.conf"
    target.write_text(f"# {MARK}\n", encoding="utf-8")
    os.chown(target, 1234, 4321)
    target.chmod(0o2640)
    write(plan(rendered("x"), target))
    now = target.stat()
    assert (now.st_uid, now.st_gid, now.st_mode & 0o7777) == (1234, 4321, 0o2640)
    assert "one" in target.read_text(encoding="utf-8")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_an_owner_that_cannot_be_kept_refuses_the_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "site.conf"
    target.write_text(f"# {MARK}\n", encoding="utf-8")
    os.chown(target, 77, 88)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)  # as for everybody but root
    with pytest.raises(UsageError, match="belongs to user 77 and group 88") as refused:
        write_bytes(target, b"new")
    assert "nothing was changed" in refused.value.hint
    assert target.read_text(encoding="utf-8") == f"# {MARK}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["site.conf"]


_WRITER = """\
import sys
from pathlib import Path
from ota_proxy.files.output import plan, write
from tests.unit.test_output import rendered
sys.stdout.write("ready\\n")
sys.stdout.flush()
number = 0
while True:
    number += 1
    write(plan(rendered("a", "b", "c", text=f"{number}\\n" * 20000), Path(sys.argv[1])))
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_set_is_replaced_as_a_set_also_by_a_run_that_is_ended_at_any_moment(
    tmp_path: Path, sent: signal.Signals
) -> None:
    moments = random.Random(20)  # noqa: S311 - moments, no secrets
    for _ in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(moments.random() / 5)
            os.killpg(writer.pid, sent)
        _settled(tmp_path)
    write(plan(rendered("a", "b", "c", text="last\n"), tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def _settled(folder: Path) -> None:
    """Wait until all files are of one run: the process that renames outlives its writer by some milliseconds."""
    until = time.monotonic() + 30
    while True:
        seen = {path.read_bytes() for name in "abc" if (path := folder / name).is_file()}
        count = sum((folder / name).is_file() for name in "abc")
        if (count, len(seen)) in ((3, 1), (0, 0)):
            return
        assert time.monotonic() < until, {path.name: path.read_bytes()[:60] for path in folder.iterdir()}
        time.sleep(0.01)
