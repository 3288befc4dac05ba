"""A run's folder below the temporary one: it goes with the run, whatever ends that, and a dead run's can be told from a living one's."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import weakref
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness import remover
from ota_proxy.harness.owner import Owner, me

PREFIX = "ota-proxy-"
OWNER = ".ota-proxy-run"
"""File that names the process whose folder it is; without it, a folder of that name is somebody else's business."""


class RunFolder:
    """A fresh folder, readable by everybody. It goes at the end of the context, with this object or with the process, unless told to `stay`."""

    def __init__(self, prefix: str = PREFIX) -> None:
        try:
            self.path = Path(tempfile.gettempdir()).resolve() / f"{prefix}{secrets.token_hex(5)}"
            self._remover = _employ(self.path)
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
            _dismiss(self._remover)
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


def _employ(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process that removes the folder when we are gone, before there is a folder."""
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(remover.__file__)), str(folder)],
        stdin=subprocess.PIPE,
        stdout=nowhere,
        stderr=nowhere,
        start_new_session=True,
        cwd="/",
    )


def _remove(folder: Path, process: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        _dismiss(process)
    elif process.stdin:
        process.stdin.close()  # what was still being written goes in a moment


def _dismiss(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.write(remover.DONE)
            process.stdin.close()
    process.wait()
