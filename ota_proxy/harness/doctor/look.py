"""Looks at everything at once; what does not answer in time is missing, and nothing waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ota_proxy.harness.doctor import engines, machine
from ota_proxy.harness.doctor.model import Group, Probe

SECONDS = 20.0
"""How long everything together may take; a program that is asked for its version has less."""

Look = Callable[[], Probe | Iterable[Probe]]
Named = tuple[Group, str, Look]


def everything() -> list[Named]:
    """Return what there is to look at: group, name, and how."""
    tools: list[Named] = [("tools", name, partial(machine.tool, name)) for name in machine.tools()]
    return [
        ("engines", "docker", engines.docker),
        ("engines", "local nginx", partial(engines.local, "nginx")),
        ("engines", "local apache", partial(engines.local, "apache")),
        ("engines", "embedded nginx", engines.embedded),
        ("engines", "emulator", engines.emulator),
        ("installation", "ota-proxy", machine.own_files),
        ("installation", "python", machine.python),
        ("installation", "packages", machine.packages),
        ("machine", "temporary", machine.temporary),
        ("machine", "open files", machine.open_files),
        ("tools", "browser", machine.browser),
        *tools,
    ]


def look(looks: Sequence[Named] | None = None, seconds: float = SECONDS) -> list[Probe]:
    """Return what was found, in the order of `looks`. A bug in one of them is raised here."""
    started = [(group, name, _start(one)) for group, name, one in (everything() if looks is None else looks)]
    end = time.monotonic() + seconds
    found: list[Probe] = []
    for group, name, answer in started:
        try:
            result = answer.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            text = f"no answer within {seconds:g} s"
            found.append(Probe(group, name, "missing", text, remedy="look whether it hangs, and run this again"))
            continue
        if isinstance(result, BaseException):
            raise result
        found += result
    return found


def _start(one: Look) -> queue.SimpleQueue[list[Probe] | BaseException]:
    """Look in a thread that dies with the program: a daemon that hangs may take a minute to time out."""
    answer: queue.SimpleQueue[list[Probe] | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            result = one()
            answer.put([result] if isinstance(result, Probe) else list(result))
        except BaseException as error:  # noqa: BLE001 - raised again where it can be told
            answer.put(error)

    threading.Thread(target=run, daemon=True).start()
    return answer
