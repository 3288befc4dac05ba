"""A container of ours from creation to removal, the files that go into it, and the wire on which it hangs: it cannot outlive us.

Its shell (PID 1) reads our end of stdin and stops when that ends, whatever ended us. Over the same wire it is told to go on (`go`, `keep`)
and tells how far it is: testing, tested, up, silent, ended.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import struct
import tarfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker.daemon import Blueprint, Daemon
from ota_proxy.harness.engine import FILE_AGE, TestFile


class Box:
    """A started container whose PID 1 waits for `go`. NoVerdictError when it cannot be started; nothing is left then."""

    def __init__(self, daemon: Daemon, blueprint: Blueprint) -> None:
        self._daemon = daemon
        self.name = blueprint.name
        self.id = daemon.create(blueprint)
        try:
            self.line = Lifeline(daemon.attach(self.id))
            daemon.start(self.id)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """End and remove it; where Docker does not answer, the closed lifeline still ends it."""
        with contextlib.suppress(NoVerdictError):
            self._daemon.remove(self.id)
        if hasattr(self, "line"):
            self.line.close()

    def leave(self) -> None:
        """Let go without ending it."""
        self.line.tell("keep")
        self.line.wait_for("kept", seconds=5)
        self.line.close()


@contextlib.contextmanager
def box(daemon: Daemon, blueprint: Blueprint, *, keep: bool = False) -> Iterator[Box]:
    """Start a container for the time of the context; `keep` leaves it once its server is up."""
    made = Box(daemon, blueprint)
    try:
        yield made
    finally:
        if keep and made.line.is_up:
            made.leave()
        else:
            made.remove()


def archive(files: Iterable[TestFile], texts: Mapping[str, str] | None = None) -> bytes:
    """Pack files with absolute paths for the root folder, owned by root; folders are made by whoever unpacks, mode 0755."""
    packed = io.BytesIO()
    plain = (TestFile(path, text.encode("utf-8", "surrogateescape")) for path, text in (texts or {}).items())
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in (*files, *plain):
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(file.data), file.mode, int(time.time()) - FILE_AGE
            tar.addfile(entry, io.BytesIO(file.data))
    return packed.getvalue()


MARK = "ota-proxy-says"
OPEN_FILES = (1024, 524_288)
"""Soft and hard limit of open files, as systemd gives them to a service (systemd.exec, LimitNOFILE). The shell lowers them itself:
a daemon without CAP_SYS_RESOURCE cannot start a container whose hard limit is above its own."""
_SAID = re.compile(rf"^{MARK} (\w+) ?(\d*)\n", re.MULTILINE)
_HEADER = struct.Struct(">BxxxL")  # Docker Engine API, "attach to a container": stream, three zeros, length


@dataclass(frozen=True, slots=True)
class Job:
    """What PID 1 does after `go`: make `folders`, run `prepare`, `test` and `serve`, wait for TCP `ports` and unix `sockets`.

    `logs` are files whose end is shown when the server has ended.
    """

    serve: str
    test: str = "true"
    prepare: str = "true"
    folders: Sequence[str] = ()
    ports: Sequence[int] = ()
    sockets: Sequence[str] = ()
    logs: Sequence[str] = ()
    patience: int = 15
    """Seconds until a server that listens nowhere is called silent."""


def script(job: Job) -> str:
    """Return the shell program of PID 1, for dash and busybox alike.

    Listening is read from /proc/net: connecting from outside proves nothing, Docker's own proxy always accepts.
    """
    folders = f"mkdir -p {' '.join(map(quote, job.folders))}" if job.folders else "true"
    ports = " && ".join(f"listens {port:04X}" for port in job.ports) or "true"
    sockets = " && ".join(f"[ -S {quote(path)} ]" for path in job.sockets) or "true"
    logs = " ".join(map(quote, job.logs))
    soft, hard = OPEN_FILES
    return f"""exec 3<&0 2>&1 </dev/null
ulimit -S -n {soft}
ulimit -H -n {hard} 2>/dev/null
say() {{ printf '\\n{MARK} %s\\n' "$*"; }}
listens() {{ cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "^ *[0-9]*: [0-9A-F]*:$1 [0-9A-F:]* 0A "; }}
up() {{ {ports} && {sockets}; }}
read -r word <&3 && [ "$word" = go ] || exit 0
{folders} && {job.prepare} || exit 0
say testing
{job.test}
rc=$?
say tested $rc
[ $rc = 0 ] || exit 0
{{ exec 3<&-; {job.serve}; }} &
server=$!
{{ read -r word <&3 && [ "$word" = keep ] && say kept || kill -KILL $server 2>/dev/null; }} &
tries=0
until up; do
    kill -0 $server 2>/dev/null && [ $tries -lt {job.patience * 20} ] || break
    tries=$((tries + 1))
    sleep 0.05
done
if ! kill -0 $server 2>/dev/null; then :; elif up; then say up; else say silent; fi
wait $server
rc=$?
for log in {logs}; do
    [ -f "$log" ] && tail -n 200 "$log"
done
say ended $rc
"""


class Lifeline:
    """Our end: a thread collects what the container writes; closing it, or our death, ends the container."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(None)
        self._text = ""
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._collect, name="ota-proxy lifeline", daemon=True)
        self._reader.start()

    def tell(self, word: str) -> None:
        """Send `go` or `keep`; nothing happens when the container has ended."""
        with contextlib.suppress(OSError):
            self._connection.sendall(f"{word}\n".encode())

    def wait_for(self, *words: str, seconds: float) -> str:
        """Return the first of `words` that was said; empty when the container ended or the time was over without one."""
        until = time.monotonic() + seconds
        with self._news:
            while True:
                said = [word for word, _ in self.said() if word in words]
                if said or self._ended or not self._news.wait(until - time.monotonic()):
                    return said[0] if said else ""

    def said(self) -> list[tuple[str, int]]:
        """Return what PID 1 has said so far: words with a number (0 if there is none)."""
        return [(word, int(number or 0)) for word, number in _SAID.findall(self._text)]

    def number(self, word: str) -> int | None:
        """Return the number that was said with a word, None when it was not said."""
        return next((number for said, number in self.said() if said == word), None)

    def output(self) -> str:
        """Return what test and server have written so far."""
        return _without_marks(self._text)

    def section(self, after: str, before: str) -> str:
        """Return what was written between two words."""
        start = re.search(rf"^{MARK} {after}\b.*\n", self._text, re.MULTILINE)
        end = re.search(rf"^{MARK} {before}\b", self._text, re.MULTILINE)
        part = self._text[start.end() if start else 0 : end.start() if end else None]
        return _without_marks(part)

    @property
    def is_up(self) -> bool:
        """The server listened, or did not in time but runs; and has not ended since."""
        words = {word for word, _ in self.said()}
        return bool(words & {"up", "silent"}) and "ended" not in words and not self._ended

    @property
    def ended(self) -> bool:
        """The container has ended, or the daemon has hung up."""
        return self._ended

    def close(self) -> None:
        """Let go: the container ends within a moment unless it was told to keep."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._connection.close()

    def _collect(self) -> None:
        frame = self._exactly(_HEADER.size)
        while frame:
            _, size = _HEADER.unpack(frame)
            text = self._exactly(size).decode("utf-8", "replace")
            with self._news:
                self._text += text
                self._news.notify_all()
            frame = self._exactly(_HEADER.size)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._connection.recv(min(size - len(data), 65536))
            except OSError:
                return b""
            if not more:
                return b""
            data += more
        return data


def _without_marks(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line and not line.startswith(MARK))
