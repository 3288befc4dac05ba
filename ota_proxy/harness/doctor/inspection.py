"""Looks at everything at once; what does not answer in time is missing, and nothing waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ota_proxy.harness.doctor import engine_probes, machine_probes
from ota_proxy.harness.doctor.probe import Group, Probe
from ota_proxy.servers.base import started

SECONDS = 20.0
"""How long everything together may take; a program that is asked for its version has less."""

Look = Callable[[], Probe | Iterable[Probe]]
Named = tuple[Group, str, Look]


def everything() -> list[Named]:
    """Return what there is to look at: group, name, and how."""
    tools: list[Named] = [("tools", name, partial(machine_probes.tool, name)) for name in machine_probes.tools()]
    local: list[Named] = [("engines", f"local {name}", partial(engine_probes.local, name)) for name in started("local")]
    return [
        ("engines", "docker", engine_probes.docker),
        *local,
        ("engines", "embedded nginx", engine_probes.embedded),
        ("engines", "emulator", engine_probes.emulator),
        ("installation", "ota-proxy", machine_probes.own_files),
        ("installation", "python", machine_probes.python),
        ("installation", "packages", machine_probes.packages),
        ("machine", "temporary", machine_probes.temporary),
        ("machine", "open files", machine_probes.open_files),
        ("tools", "browser", machine_probes.browser),
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
            found.append(Probe(group, name, "missing", text, remedy="check whether it hangs, and run this again"))
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
