"""A container of ours from creation to removal, and the files that go into it."""

from __future__ import annotations

import contextlib
import io
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker.daemon import Blueprint, Daemon
from ota_proxy.harness.docker.lifeline import Lifeline
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
