"""Finds a server's master and workers in /proc: no `ps`, which minimal images lack."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ota_proxy.hosts.connect import Runner, UnreadableError

NAMES = {"nginx": ("nginx",), "apache": ("apache2", "httpd")}
"""Process names, which are also the names of the binaries."""

_VALUE = r" ?(/.*?)(?= -[A-Za-z]|\s*$)"
"""A title has blanks between its words, and in them: a path ends where the next flag or nothing follows."""
_CONFIG = {"nginx": re.compile(f" -c{_VALUE}"), "apache": re.compile(f" -f{_VALUE}")}
_FOLDER = {"nginx": re.compile(f" -p{_VALUE}"), "apache": re.compile(f" -d{_VALUE}")}

# Prints `pid parent uid title` for every process named in $@ that shares our PID namespace: a host also sees the
# processes of its containers, which are other servers.
LIST = r"""
own=$(readlink /proc/self/ns/pid)
for dir in /proc/[0-9]*; do
  read -r name 2>/dev/null <"$dir/comm" || continue
  case " $* " in *" $name "*) ;; *) continue ;; esac
  space=$(readlink "$dir/ns/pid" 2>/dev/null)
  [ -z "$space" ] || [ "$space" = "$own" ] || continue
  parent= uid=
  while read -r key value rest; do
    case $key in PPid:) parent=$value ;; Uid:) uid=$value ;; esac
  done 2>/dev/null <"$dir/status"
  printf '%s %s %s %s\n' "${dir#/proc/}" "$parent" "$uid" "$(tr '\000\n' '  ' 2>/dev/null <"$dir/cmdline")"
done
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its numbers and its title, the command line as /proc shows it."""

    pid: int
    parent: int
    uid: int
    title: str

    def config(self, server: str) -> str:
        """Return the absolute configuration path it was started with, or an empty string."""
        found = _CONFIG[server].search(self.title)
        return found[1] if found else ""

    def folder(self, server: str) -> str:
        """Return the absolute prefix (nginx -p) or server root (Apache -d) it was started with, or an empty string."""
        found = _FOLDER[server].search(self.title)
        return found[1] if found else ""


def processes(runner: Runner, server: str) -> tuple[Process, ...]:
    """Return every process of the server on the host; UnreadableError where /proc cannot be read."""
    answer = runner.run(LIST, *NAMES[server])
    if answer.status != 0:
        raise UnreadableError(f"/proc cannot be read: {answer.complaint}")
    return parse(answer.out)


def parse(text: str) -> tuple[Process, ...]:
    """Read the output of `LIST`; lines of processes that ended meanwhile are left out."""
    found = (re.fullmatch(r"(\d+) (\d+) (\d+) (.*)", line) for line in text.splitlines())
    return tuple(Process(int(m[1]), int(m[2]), int(m[3]), m[4].strip()) for m in found if m)


def master(running: Sequence[Process], server: str, config: str = "") -> Process:
    """Choose the one master: started with `config`, else the one without a configuration of its own.

    UnreadableError when none runs, or when several do and nothing tells which is meant.
    """
    ids = {process.pid for process in running}
    masters = [process for process in running if process.parent not in ids]
    named = [process for process in masters if config and process.config(server) == config]
    plain = [process for process in masters if not process.config(server)]
    chosen = named or plain or ([] if config else masters)
    if not chosen:
        suffix = f" with {config}" if config else ""
        raise UnreadableError(f"no {server} runs there{suffix}")
    if len(chosen) > 1:
        raise UnreadableError(
            f"{len(chosen)} {server} servers run there; give the configuration path of the one you mean"
        )
    return chosen[0]


def workers(running: Sequence[Process], chosen: Process) -> tuple[Process, ...]:
    """Return the processes that answer requests: the master's children, or the master itself where it has none."""
    children = tuple(process for process in running if process.parent == chosen.pid)
    titled = tuple(process for process in children if "worker process" in process.title)
    return titled or children or (chosen,)
