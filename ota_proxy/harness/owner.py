"""Who owns what a run leaves while it lives: a process, told from a later one with the same number and from those of other machines."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


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
    """Return the start time of a process in clock ticks since boot (proc(5), field 22 of stat); empty where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
