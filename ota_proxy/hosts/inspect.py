"""Reads a host's facts: one `HostFacts`, in which everything that could not be read has its reason.

The running master process decides what is looked at (its binary, its libraries, its configuration), not the package. It is found in /proc:
no `ps`, which minimal images lack.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ota_proxy.errors import UsageError
from ota_proxy.facts.host import ConfigTest, HostFacts, KeyFile, Socket
from ota_proxy.hosts import readers as answers
from ota_proxy.hosts.connect import Answer, Runner, UnreadableError, connect
from ota_proxy.servers.base import Program, server_named

Fact = TypeVar("Fact")

# The first of $@ that can be run: an absolute path as it is (not every shell's `command -v` looks at it), else a name.
FIND = """
for name in "$@"; do
  case $name in /*) [ -x "$name" ] && echo "$name" && exit 0 ;; *) command -v "$name" && exit 0 ;; esac
done
echo "none of $* can be run" >&2; exit 1
"""
RUN = '"$@" 2>&1'
READ = 'cat -- "$@"'
DUMP = '"$@"'
SOCKETS = """
if listed=$(ss -Hltn 2>/dev/null); then printf 'ss\\n%s\\n' "$listed"
else echo proc; cat /proc/net/tcp || exit 1; cat /proc/net/tcp6 2>/dev/null; exit 0; fi
"""
# `tr` first: busybox' grep reads lines as C strings and would stop at the first NUL.
STRINGS = r"""
for file in "$@"; do
  [ -r "$file" ] || continue
  tr '\000' '\n' <"$file" | grep -aoE '(OpenSSL|LibreSSL|AWS-LC) [0-9]+\.[0-9]+\.[0-9]+[a-z]*( +[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4})?' | head -n 50
  exit 0
done
echo "$1 cannot be read" >&2; exit 1
"""
USER = 'getent passwd "$1" 2>/dev/null || grep -E "^[^:]*:[^:]*:$1:" /etc/passwd'

_DENIED = re.compile(r"^.*\(13(?:: |\))Permission denied.*$", re.MULTILINE)
_SERVER_ROOT = re.compile(r'^ServerRoot: "(.*)"$', re.MULTILINE)


def inspect(  # noqa: PLR0913 - each optional argument narrows what is looked at
    spec: str,
    server: str,
    *,
    deadline: float = 15.0,
    config: str = "",
    key_paths: Sequence[str] = (),
    roots: Sequence[str] = (),
) -> HostFacts:
    """Read the facts of the nginx or Apache on a host (`local://`, `docker://NAME`, …).

    `deadline` is in seconds, for each call. `config` is the main configuration file where it is not the server's own.
    `key_paths` and `roots` (document roots) are looked at instead of those that the configuration names.
    UsageError for another server or an unreadable specification, NoVerdictError when the host does not answer.
    """
    if server_named(server).program is None:
        raise UsageError(f"the facts of a {server} host cannot be read through a shell", hint="nginx and apache can")
    return read(connect(spec, deadline=deadline), spec, server, config, answers.Named(tuple(key_paths), tuple(roots)))


def identity(spec: str, server: str, *, deadline: float = 15.0) -> HostFacts:
    """Read only which version runs there and with which TLS library; errors as of `inspect`."""
    reader = _Reader(connect(spec, deadline=deadline), server, "", answers.Named((), ()))
    return reader.identity(spec)


def read(runner: Runner, spec: str, server: str, config: str = "", given: answers.Named | None = None) -> HostFacts:
    """Read the facts through any runner; see `inspect`."""
    return _Reader(runner, server, config, given or answers.Named((), ())).facts(spec)


def _program(server: str) -> Program:
    program = server_named(server).program
    if program is None:
        raise KeyError(server)
    return program


class _Reader:
    """Reads each fact on its own, so that one that cannot be read costs no other."""

    def __init__(self, runner: Runner, server: str, config: str, given: answers.Named) -> None:
        self.runner, self.server, self.config, self.given = runner, server, config, given
        self.program = _program(server)
        self.unread: dict[str, str] = {}
        self.running: tuple[Process, ...] = ()
        self.master: Process | None = None
        self.idle = ""
        """Why no running server can be looked at."""

    def identity(self, spec: str) -> HostFacts:
        self._find_master()
        library = self._try(
            "tls_library", self._tls_library
        )  # None if no server runs, and then it says no version either
        version = self._try("version", self._version) if library else None
        return HostFacts(spec=spec, server=self.server, version=version, tls_library=library, unread=self.unread)

    def facts(self, spec: str) -> HostFacts:
        self._find_master()
        return HostFacts(
            spec=spec,
            server=self.server,
            version=self._try("version", self._version),
            tls_library=self._try("tls_library", self._tls_library),
            config_test=self._try("config_test", self._config_test),
            listening=self._try("listening", self._listening),
            worker_user=self._try("worker_user", self._worker_user),
            keys=self._try("keys", self._keys),
            unread=self.unread,
        )

    def _try(self, name: str, fact: Callable[[], Fact]) -> Fact | None:
        try:
            return fact()
        except UnreadableError as reason:
            self.unread[name] = str(reason)
            return None

    def _find_master(self) -> None:
        try:
            self.running = processes(self.runner, self.server)
            self.master = master(self.running, self.server, self.config)
        except UnreadableError as reason:
            self.idle = str(reason)

    def _needed(self) -> Process:
        if self.master is None:
            raise UnreadableError(self.idle)
        return self.master

    def _good(self, answer: Answer) -> str:
        if answer.status != 0:
            raise UnreadableError(answer.complaint)
        return answer.out

    def _version(self) -> str:
        output = self.runner.run(RUN, self._binary(*self.program.names), "-v").out
        number = answers.version(output)
        if number is None:
            raise UnreadableError(f"no version in what the server says: {output.strip()[:200]}")
        return number

    def _binary(self, *names: str) -> str:
        """Return the binary that runs, also when its file was replaced since; where we may not run it, one on the PATH."""
        running = [f"/proc/{self.master.pid}/exe"] if self.master else []
        return self._good(self.runner.run(FIND, *running, *names)).strip()

    def _tls_library(self) -> str:
        """Look into the library that the master has mapped, or into a master that carries its own."""
        base = f"/proc/{self._needed().pid}"
        mapped = answers.mapped_library(self._good(self.runner.run(READ, f"{base}/maps")))
        places = [f"{base}/map_files/{mapped.area}"] if mapped else [f"{base}/exe"]
        if mapped and not mapped.replaced:
            places.append(f"{base}/root{mapped.path}")
        answer = self.runner.run(STRINGS, *places)
        if answer.status != 0 and mapped and mapped.replaced:
            raise UnreadableError(
                f"{mapped.path} was replaced since the server started, and the old one cannot be read"
            )
        found = answers.library(self._good(answer))
        if found is None:
            raise UnreadableError("the running server has no TLS library loaded")
        return found

    def _command(self) -> list[str]:
        """Return the server's control command with the options that lead to the configuration in use."""
        named = self._control()
        folder = self.master.folder(self.server) if self.master else ""
        config = self.config or (self.master.config(self.server) if self.master else "")
        flags = self.program.folder_flag, self.program.config_flag
        return [named, *[flags[0], folder] * bool(folder), *[flags[1], config] * bool(config)]

    def _control(self) -> str:
        control = self.program.control
        return self._good(self.runner.run(FIND, *control)).strip() if control else self._binary(*self.program.names)

    def _config_test(self) -> ConfigTest:
        command = [*self._command(), "-t"]
        answer = self.runner.run(RUN, *command)
        shown = " ".join([posixpath.basename(command[0]).replace("exe", self.server), *command[1:]])
        if answer.status in (126, 127):
            raise UnreadableError(answer.complaint)
        if answer.status != 0 and (denied := _DENIED.search(answer.out)):
            raise UnreadableError(f"the test needs more rights: {denied[0].strip()}")
        return answers.config_test(shown, answer.status, answer.out)

    def _listening(self) -> tuple[Socket, ...]:
        kind, _, rows = self._good(self.runner.run(SOCKETS)).partition("\n")
        return answers.sockets_of_ss(rows) if kind == "ss" else answers.sockets_of_proc(rows)

    def _worker_user(self) -> str:
        uid = workers(self.running, self._needed())[0].uid
        return self.runner.run(USER, str(uid)).out.partition(":")[0].strip() or str(uid)

    def _keys(self) -> tuple[KeyFile, ...]:
        named = self.given if self.given.keys else self._named()
        if self.given.roots:
            named = answers.Named(named.keys, self.given.roots, named.unresolved)
        seen, why = answers.look(self.runner, named)
        if why:
            self.unread["keys"] = why
        return seen

    def _named(self) -> answers.Named:
        command = self._command()
        if self.program.dump:
            return answers.named_by_nginx(self._good(self.runner.run(DUMP, *command, *self.program.dump)))
        listed = self._good(self.runner.run(RUN, *command, *self.program.listing))
        files = [line.partition(") ")[2] for line in listed.splitlines() if line.lstrip().startswith("(")]
        if not files:
            raise UnreadableError("the server lists no configuration file (DUMP_INCLUDES)")
        root = _SERVER_ROOT.search(listed)
        return answers.named_by_apache(self._good(self.runner.run(READ, *files)), root[1] if root else "")


_VALUE = r" ?(/.*?)(?= -[A-Za-z]|\s*$)"
"""A title has blanks between its words, and in them: a path ends where the next flag or nothing follows."""

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
        return self._after(_program(server).config_flag)

    def folder(self, server: str) -> str:
        """Return the absolute prefix (nginx -p) or server root (Apache -d) it was started with, or an empty string."""
        return self._after(_program(server).folder_flag)

    def _after(self, flag: str) -> str:
        found = re.search(f" {flag}{_VALUE}", self.title)
        return found[1] if found else ""


def processes(runner: Runner, server: str) -> tuple[Process, ...]:
    """Return every process of the server on the host; UnreadableError where /proc cannot be read."""
    answer = runner.run(LIST, *_program(server).names)
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
