"""Rendered files on the disk: compare, show the difference, write all or nothing; the only part of rendering that touches files."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.errors import UsageError
from ota_proxy.render.header import MARK
from ota_proxy.render.result import Rendered

_HEAD = 2000  # bytes in which the mark must stand


@dataclass(frozen=True, slots=True)
class Change:
    """One file as it should be and as it is; `old` is None where there is none yet."""

    path: Path
    new: str
    old: str | None

    @property
    def needed(self) -> bool:
        """The file is missing or differs."""
        return self.old != self.new

    @property
    def ours(self) -> bool:
        """Writing would destroy nothing that ota-proxy did not make."""
        return self.old is None or MARK in self.old[:_HEAD]


def plan(rendered: Rendered, target: Path, *, folder: bool = False) -> tuple[Change, ...]:
    """Lay rendered files over `target`: a file when there is one of them, else (or with `folder`, or one that exists) a folder.

    A symbolic link stands for the file it leads to. UsageError where something there cannot be read.
    """
    one_file = len(rendered.files) == 1 and not folder and not _is_folder(target)
    paths = [target] if one_file else [target / file.name for file in rendered.files]
    if not one_file and target.exists() and not _is_folder(target):
        raise UsageError(f"{_count(rendered)} a folder, and this is a file", place=str(target), hint="give -o a folder")
    return tuple(Change(path, file.text, _read(path)) for path, file in zip(paths, rendered.files, strict=True))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # a name that no file can have; reading it says so


def _count(rendered: Rendered) -> str:
    return f"{len(rendered.files)} files need" if len(rendered.files) > 1 else "a name with a slash at its end needs"


def difference(changes: tuple[Change, ...]) -> str:
    """Return a unified diff from what is there to what should be; empty where nothing would change."""
    texts = []
    for change in changes:
        old, new = (change.old or "").splitlines(keepends=True), change.new.splitlines(keepends=True)
        before = str(change.path) if change.old is not None else os.devnull
        lines = difflib.unified_diff(old, new, before, str(change.path))
        texts += [line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines]
    return "".join(texts)


def write(changes: tuple[Change, ...], *, force: bool = False) -> tuple[Path, ...]:
    """Write what differs, each file by an atomic rename after all of them are safely on the disk; return what was written.

    UsageError, and nothing written, for a file that ota-proxy did not make (unless `force`) and for a place that cannot be written.
    """
    wanted = [change for change in changes if change.needed]
    strange = next((change for change in wanted if not change.ours), None)
    if strange and not force:
        raise UsageError(
            "this file was not made by ota-proxy and would be lost",
            place=str(strange.path),
            hint="move it away, or overwrite it with --force",
        )
    with contextlib.ExitStack() as staged:
        temporary = [(staged.enter_context(_staged(change)), _real(change.path)) for change in wanted]
        for source, final in temporary:
            _rename(source, final)
    return tuple(change.path for change in wanted)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _read(path: Path) -> str | None:
    try:
        if path.exists() and not path.is_file():
            raise UsageError("this is not a regular file", place=str(path), hint="leave -o out to print instead")
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        hint = "choose another place with -o"
        raise UsageError(f"cannot read what is there: {error.strerror}", place=str(path), hint=hint) from None


@contextlib.contextmanager
def _staged(change: Change) -> Iterator[Path]:
    final = _real(change.path)
    there = final.parent.exists()
    try:
        if not there and final.parent.parent.is_dir():
            final.parent.mkdir()
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", dir=final.parent)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and not there
        hint = f"make the folder first: mkdir -p {final.parent}" if missing else "choose a place you may write to"
        raise UsageError(f"cannot write here: {error.strerror}", place=str(change.path), hint=hint) from None
    source = Path(name)
    try:
        _fill(handle, change.new, final)
        yield source
    finally:
        source.unlink(missing_ok=True)


def _fill(handle: int, text: str, final: Path) -> None:
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), final.stat().st_mode & 0o7777 if final.exists() else 0o644)
    except OSError as error:
        raise UsageError(f"cannot write here: {error.strerror}", place=str(final), hint="nothing was changed") from None


def _rename(source: Path, final: Path) -> None:
    try:
        source.replace(final)
    except OSError as error:
        hint = "nothing was changed here; choose another place with -o"
        raise UsageError(f"cannot put the file in place: {error.strerror}", place=str(final), hint=hint) from None


def check_writable(path: Path) -> None:
    """Raise UsageError where `write_bytes` would, before the work whose result goes there is begun; nothing is written."""
    with _staged(Change(path, "", _read(path))):
        pass


def write_bytes(path: Path, body: bytes) -> Path:
    """Write one file of content by an atomic rename and return its path; UsageError where it cannot be written."""
    change = Change(path, body.decode("utf-8"), _read(path))
    with _staged(change) as source:
        _rename(source, _real(path))
    return path
