"""Files on the disk: compare, show the difference, write all or nothing."""

from __future__ import annotations

import contextlib
import difflib
import errno
import json
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.errors import UsageError
from ota_proxy.files import replace_set
from ota_proxy.servers.rendered import Rendered, made_by_us

UNFINISHED = ".ota-proxy-tmp"
"""End of the name of a file that is not yet in its place; its writer holds a lock on it, so one without a lock is a dead run's."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file as it should be and as it is; `old` is None if there is none yet."""

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
        return self.old is None or made_by_us(self.old)


def plan(rendered: Rendered, target: Path, *, folder: bool = False) -> tuple[Change, ...]:
    """Lay rendered files over `target`: a file when there is one of them, else (or with `folder`, or one that exists) a folder.

    A symbolic link stands for the file it leads to. UsageError where something there cannot be read.
    """
    one_file = len(rendered.files) == 1 and not folder and not _is_folder(target)
    paths = [target] if one_file else [target / file.name for file in rendered.files]
    if not one_file and target.exists() and not _is_folder(target):
        raise UsageError(f"{_count(rendered)} a folder, and this is a file", place=str(target), hint="give -o a folder")
    return tuple(change(path, file.text) for path, file in zip(paths, rendered.files, strict=True))


def left_over(changes: Sequence[Change]) -> tuple[Path, ...]:
    """Return the configuration files that ota-proxy made beside these, or in folders beside theirs, and that are none of them."""
    known = {one.path.resolve() for one in changes}
    folders = {one.path.parent for one in changes} | {one.path.parent.parent for one in changes if _nested(changes)}
    found = {path for folder in folders for pattern in _OURS for path in folder.glob(pattern) if path.is_file()}
    return tuple(sorted(path for path in found if path.resolve() not in known and made_by_us(_read(path) or "")))


_OURS = ("*.conf", "*/web.config")


def _nested(changes: Sequence[Change]) -> bool:
    return len({one.path.parent for one in changes}) > 1


def change(path: Path, text: str) -> Change:
    """Lay a text over the file at `path`; UsageError where that cannot be read."""
    return Change(path, text, _read(path))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # a name that no file can have; reading it says so


def _count(rendered: Rendered) -> str:
    return f"{len(rendered.files)} files need" if len(rendered.files) > 1 else "a name with a slash at its end needs"


def difference(changes: tuple[Change, ...]) -> str:
    """Return a unified diff from what is there to what should be; empty if nothing would change."""
    texts = []
    for one in changes:
        old, new = (one.old or "").splitlines(keepends=True), one.new.splitlines(keepends=True)
        before = str(one.path) if one.old is not None else os.devnull
        lines = difflib.unified_diff(old, new, before, str(one.path))
        texts += [line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines]
    return "".join(texts)


def write(changes: Sequence[Change], *, force: bool = False) -> tuple[Path, ...]:
    """Write what differs, after all of it is safely on the disk: every file or none, also when this process is killed meanwhile.

    Mode, owner and group of a file stay. Returns what was written.
    UsageError, and nothing written, for a file that ota-proxy did not make (unless `force`) and for a place that cannot be written.
    """
    wanted = [one for one in changes if one.needed]
    strange = next((one for one in wanted if not one.ours), None)
    if strange and not force:
        raise UsageError(
            "this file was not made by ota-proxy and would be lost",
            place=str(strange.path),
            hint="move it away, or overwrite it with --force",
        )
    with contextlib.ExitStack() as staged:
        pairs = [(staged.enter_context(_staged(one.path, one.new.encode())), _real(one.path)) for one in wanted]
        _put_in_place(pairs)
    return tuple(one.path for one in wanted)


def _put_in_place(pairs: list[tuple[Path, Path]]) -> None:
    """Rename one file, or a set of them by a process of its own, which nobody stops between two of them by killing us."""
    failed = replace_set.replace([(str(one), str(other)) for one, other in pairs]) if len(pairs) < 2 else _apart(pairs)
    if failed is not None:
        number, place = failed
        hint = "nothing was changed; choose another place with -o"
        raise UsageError(f"cannot put the file in place: {os.strerror(number)}", place=place, hint=hint)


def _apart(pairs: list[tuple[Path, Path]]) -> tuple[int, str] | None:
    sources = [str(source) for source, _ in pairs]
    command = [sys.executable, "-I", "-S", str(Path(replace_set.__file__)), *sources]
    work = json.dumps([(str(source), str(final)) for source, final in pairs]) + "\n"
    done = subprocess.run(command, input=work.encode(), capture_output=True, start_new_session=True, check=False)
    try:
        failed = json.loads(done.stdout)
    except ValueError:
        return errno.EIO, str(pairs[0][1])
    return (int(failed[0]), str(failed[1])) if failed else None


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
def _staged(path: Path, body: bytes) -> Iterator[Path]:
    """Write `body` beside the file at `path` and yield where; what is still there afterwards is removed."""
    final = _real(path)
    made = _folder(final, path)
    source = final.with_name(f".{final.name[:100]}.{secrets.token_hex(6)}{UNFINISHED}")
    try:
        with _locked(source, path) as handle:
            _remove_unfinished(final)
            _fill(handle, body, final)
            yield source
    finally:
        source.unlink(missing_ok=True)
        if made:
            with contextlib.suppress(OSError):  # it stays when something was put into it
                final.parent.rmdir()


def _folder(final: Path, path: Path) -> bool:
    """Make the folder where only it is missing; say whether that was so."""
    if final.parent.exists() or not final.parent.parent.is_dir():
        return False
    try:
        final.parent.mkdir()
    except OSError as error:
        raise _cannot_write(error, path, "choose a place you may write to") from None
    return True


@contextlib.contextmanager
def _locked(source: Path, path: Path) -> Iterator[int]:
    """Yield a new file that nobody else takes for a dead run's while it is open."""
    try:
        handle = os.open(source, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and not source.parent.exists()
        hint = f"make the folder first: mkdir -p {source.parent}" if missing else "choose a place you may write to"
        raise _cannot_write(error, path, hint) from None
    try:
        _lock(handle)
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Take the lock of an unfinished file; False if its writer lives, or nobody can tell."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none: what killed runs left is not recognised there
    except ImportError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_unfinished(final: Path) -> None:
    """Remove what killed runs left beside a file."""
    with contextlib.suppress(OSError):
        start = f".{final.name[:100]}."
        for path in final.parent.iterdir():
            if path.name.startswith(start) and path.name.endswith((UNFINISHED, UNFINISHED + replace_set.BEFORE)):
                _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode) and _lock(handle):
                path.unlink()
        finally:
            os.close(handle)


def _fill(handle: int, body: bytes, final: Path) -> None:
    try:
        view = memoryview(body)
        while view:
            view = view[os.write(handle, view) :]
        _inherit(handle, final)
        os.fsync(handle)
    except OSError as error:
        raise _cannot_write(error, final, "nothing was changed") from None


def _inherit(handle: int, final: Path) -> None:
    """Give the new file mode, owner, group and extended attributes (access lists, labels) of the one it replaces."""
    if not hasattr(os, "fchmod"):
        return  # Windows has none of these
    if not final.exists():
        os.fchmod(handle, 0o644)
        return
    was, own = final.stat(), os.fstat(handle)
    if (was.st_uid, was.st_gid) != (own.st_uid, own.st_gid):
        _keep_owner(handle, was, final)
    for name in os.listxattr(final) if hasattr(os, "listxattr") else ():
        with contextlib.suppress(OSError):  # not every file system takes what another had
            os.setxattr(handle, name, os.getxattr(final, name))
    os.fchmod(handle, stat.S_IMODE(was.st_mode))


def _keep_owner(handle: int, was: os.stat_result, final: Path) -> None:
    try:
        os.fchown(handle, was.st_uid, was.st_gid)
    except PermissionError:
        raise UsageError(
            f"the file belongs to user {was.st_uid} and group {was.st_gid}, and writing it would change that",
            place=str(final),
            hint="write it as that user or as root; nothing was changed",
        ) from None


def _cannot_write(error: OSError, path: Path, hint: str) -> UsageError:
    return UsageError(f"cannot write here: {error.strerror}", place=str(path), hint=hint)


def check_writable(path: Path) -> None:
    """Raise UsageError where `write_bytes` would, before the work whose result goes there is begun; nothing is written."""
    _read(path)
    with _staged(path, b""):
        pass


def write_bytes(path: Path, body: bytes) -> Path:
    """Write one file of content by an atomic rename and return its path; UsageError where it cannot be written."""
    _read(path)
    with _staged(path, body) as source:
        _put_in_place([(source, _real(path))])
    return path
