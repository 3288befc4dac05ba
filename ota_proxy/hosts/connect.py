"""One connection to a host through testinfra: a handshake first, then scripts for its POSIX shell, each with a deadline.

testinfra's own `run` has no time-out, and a container that is not there answers like a file that is not there; both are
mended here, so that the code above only ever sees an answer or a reason.
"""

from __future__ import annotations

import queue
import re
import secrets
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ota_proxy.errors import NoVerdictError, UsageError

BACKENDS = ("local", "docker", "podman", "kubectl", "ssh", "ansible")
"""The testinfra backends whose hosts have a POSIX shell; `winrm` has none."""

_GRACE = 3.0
"""Seconds a worker thread gets beyond the deadline that the host's own `timeout` enforces, for the way there and back."""

_MOST = 8_000_000
"""Characters kept of one answer."""

_PATH = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/apache2/bin LC_ALL=C; export PATH LC_ALL; "
_CONTAINER = re.compile(r"(?:[A-Za-z0-9_.-]+@)?[A-Za-z0-9][A-Za-z0-9_.-]*")


class UnreadableError(Exception):
    """A fact could not be read; the message is the reason, one clause without a full stop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script gave back: exit status and both streams, decoded as UTF-8 with replacement."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line of the error stream, or of the output, or the status in words."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with status {self.status} and said nothing"


class Runner(Protocol):
    """Something that runs a POSIX shell script on a host."""

    def run(self, script: str, *args: str) -> Answer:
        """Run `script` with `args` as `$1`, `$2`, …; UnreadableError when no answer came in time."""


@dataclass
class Connection:
    """A host that has shaken hands. `deadline` is in seconds and holds for every single call."""

    spec: str
    deadline: float
    call: Callable[[str], Any]
    """testinfra's `host.run`."""
    broken: str = ""
    """Why no further call is tried: set when the host stopped answering."""

    def run(self, script: str, *args: str) -> Answer:
        """Run `script` on the host; arguments travel quoted, never as part of the script."""
        if self.broken:
            raise UnreadableError(self.broken)
        answer = self._within(wrap(script, args, self.deadline))
        if answer.status in (124, 137):  # `timeout` ended it: GNU with TERM 124, with KILL 137
            raise UnreadableError(f"it was not done within {self.deadline:g} s")
        return answer

    def _within(self, command: str) -> Answer:
        """Wait for the answer of a daemon thread: one that never comes back does not hold up the interpreter's exit."""
        box: queue.Queue[Answer | Exception] = queue.Queue()
        threading.Thread(target=_fill, args=(box, self.call, command), daemon=True, name=self.spec).start()
        try:
            got = box.get(timeout=self.deadline + _GRACE)
        except queue.Empty:
            self.broken = f"{self.spec} stopped answering ({self.deadline:g} s)"
            raise UnreadableError(self.broken) from None
        if isinstance(got, Exception):
            raise UnreadableError(f"{self.spec}: {got}") from got
        return got


def _fill(box: queue.Queue[Answer | Exception], call: Callable[[str], Any], command: str) -> None:
    try:
        result = call(command)
        # The bytes, because testinfra would start a Python on the host to learn how to decode them.
        out, err = (
            bytes(stream[:_MOST]).decode("utf-8", "replace") for stream in (result.stdout_bytes, result.stderr_bytes)
        )
        box.put(Answer(int(result.rc), out, err))
    except Exception as error:  # noqa: BLE001 - handed over to the waiting thread, which raises it
        box.put(error)


def wrap(script: str, args: tuple[str, ...], deadline: float) -> str:
    """Return one shell command that runs `script` with `args`, ended by the host's own `timeout` where it has one."""
    inner = shlex.join(["sh", "-c", _PATH + script, "ota-proxy", *args])
    seconds = max(1, round(deadline))
    return (
        f"if command -v timeout >/dev/null 2>&1; then timeout -s KILL {seconds} {inner} </dev/null; "
        f"else {inner} </dev/null; fi"
    )


def connect(spec: str, *, deadline: float) -> Connection:
    """Open a testinfra host specification (`local://`, `docker://NAME`) and shake hands with a random token.

    `deadline` is in seconds, for every call on the connection. UsageError for a specification that cannot be read,
    NoVerdictError when the host does not answer.
    """
    _checked(spec)
    import testinfra  # noqa: PLC0415 - costs 50 ms, wanted only where a host is read

    try:
        host = testinfra.get_host(spec)
    except (ImportError, RuntimeError, ValueError) as error:
        raise NoVerdictError(
            f"cannot be reached: {error}", place=spec, hint="install what testinfra needs for this backend"
        ) from error
    connection = Connection(spec, deadline, host.run)
    _shake(connection)
    return connection


def _checked(spec: str) -> None:
    """Refuse what testinfra would guess about, and names that docker or ssh would take for an option."""
    backend, found, rest = spec.partition("://")
    if not found or backend not in BACKENDS:
        raise UsageError(
            f"'{spec}' is not a host specification",
            place="HOSTSPEC",
            hint="write one of " + ", ".join(f"{b}://" for b in BACKENDS),
        )
    if not spec.isprintable() or rest.startswith("-") or "@-" in rest:
        raise UsageError(f"'{spec}' has a name that starts with '-' or holds control characters", place="HOSTSPEC")
    if backend in ("docker", "podman") and not _CONTAINER.fullmatch(rest.partition("?")[0]):
        raise UsageError(f"'{spec}' does not name a container", place="HOSTSPEC", hint=f"write {backend}://NAME")


def _shake(connection: Connection) -> None:
    token = secrets.token_hex(8)
    try:
        answer = connection.run('echo "$1"', token)
    except UnreadableError as error:
        raise NoVerdictError(f"the host does not answer: {error}", place=connection.spec) from error
    if answer.status != 0 or answer.out.strip() != token:
        raise NoVerdictError(
            f"the host does not answer: {answer.complaint}",
            place=connection.spec,
            hint="check its name and that it runs",
        )
