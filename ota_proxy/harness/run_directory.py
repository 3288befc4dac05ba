"""A run's directory below the temporary one: it goes with the run, whatever ends that, and a dead run's can be told from a living one's.

The owner of a run is a process, told from a later one with the same number and from those of other machines.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import weakref
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness import remover


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: `machine` tells hosts and pid namespaces apart, `begun` tells it from a later process with the same pid."""

    machine: str
    pid: int
    begun: str

    @property
    def alive(self) -> bool:
        """The process still runs, as far as this process can see."""
        return _exists(self.pid) and _begun(self.pid) == self.begun


def me() -> Owner:
    """Return this process."""
    return Owner(_machine(), os.getpid(), _begun(os.getpid()))


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115  # no file: the link's text is the answer
    except OSError:
        return platform.node()


def _exists(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _begun(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot (proc(5), field 22 of stat); empty if there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


PREFIX = "ota-proxy-"
OWNER = ".ota-proxy-run"
"""File that names the process whose folder it is; without it, a folder of that name is somebody else's business."""


class RunDirectory:
    """A fresh folder, readable by everybody. It goes at the end of the context, with this object or with the process, unless told to `stay`."""

    def __init__(self, prefix: str = PREFIX) -> None:
        try:
            self.path = Path(tempfile.gettempdir()).resolve() / f"{prefix}{secrets.token_hex(5)}"
            self._remover = employ(remover.__file__, str(self.path))
            self._end = weakref.finalize(self, _remove, self.path, self._remover)
            self.path.mkdir(mode=0o700)
            (self.path / OWNER).write_text(json.dumps(asdict(me())), encoding="utf-8")
            self.path.chmod(0o755)
        except OSError as error:
            raise unusable(error) from None

    def __enter__(self) -> Path:
        """Return the folder's path."""
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove it."""
        self._end()

    def stay(self) -> None:
        """Leave the folder on disk, for `--keep`; `clean` leaves it alone too."""
        if self._end.detach():
            dismiss(self._remover, remover.DONE)
            (self.path / OWNER).unlink(missing_ok=True)


def unusable(error: OSError) -> NoVerdictError:
    """Return what to say of a temporary folder that cannot be written to."""
    return NoVerdictError(
        f"the temporary folder cannot be used: {error.strerror or error}",
        place=str(error.filename or tempfile.gettempdir()),
        hint="free some room there, or set TMPDIR to another folder",
    )


def clean() -> int:
    """Remove the folders of runs that have died; return how many."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed += not folder.exists()
    return removed


def _is_abandoned(folder: Path) -> bool:
    """Say whether a folder names an owner of this machine that is no more; what cannot be read is nobody's to remove."""
    try:
        if folder.is_symlink():
            return False
        owner = Owner(**json.loads((folder / OWNER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return False
    return owner.machine == me().machine and not owner.alive


def employ(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a program of ours that outlives us, whatever ends us, and then tidies up; it waits until its stdin ends."""
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-I", "-S", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=nowhere,
        stderr=nowhere,
        start_new_session=True,
        cwd="/",
    )


def dismiss(process: subprocess.Popen[bytes], word: bytes) -> None:
    """Tell such a program that there is nothing left to tidy up: it hears `word`, and has five seconds to go."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        process.communicate(word, timeout=5)


def _remove(folder: Path, process: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        dismiss(process, remover.DONE)
    elif process.stdin:
        process.stdin.close()  # what was still being written goes in a moment
