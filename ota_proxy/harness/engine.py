"""What every engine promises: take a scenario, run it, say how to reach it, and leave nothing behind; and the choice of one.

`docker` runs the configuration byte for byte; `local` and `embedded` replace ports and paths and say so in `replaced`; `emulator` plays
IIS, which none of the others can start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import ClassVar, Literal, Protocol

from ota_proxy.errors import EXIT_FINDINGS, NoVerdictError, OtaError
from ota_proxy.hosts.answers import config_test
from ota_proxy.policy.capabilities import PORTABLE, Capabilities
from ota_proxy.site import Site

EngineName = Literal["docker", "local", "embedded", "emulator"]
FILE_AGE = 3600
"""Seconds by which an engine dates files back: Apache gives a file of the last second a weak ETag (observed behaviour)."""


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file to put on the server before it starts: absolute `path`, content, octal mode."""

    __test__: ClassVar[bool] = False  # pytest must not take it for a test class
    path: str
    data: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Scenario:
    """What to run. `config` maps absolute paths to the text under test, `files` has certificates and content.

    `upstream` names the parts that play the applications behind the site, `front` the TLS-offloading proxy before it:
    whole nginx configurations, run beside the server in the same network namespace, empty where there is none.
    """

    server: str
    site: Site
    caps: Capabilities
    config: Mapping[str, str]
    files: tuple[TestFile, ...]
    upstream: str = ""
    front: str = ""
    upstream_files: tuple[TestFile, ...] = ()
    """Certificates and content of `upstream` and `front`; they see no file of the server's."""
    hosts: tuple[str, ...] = ()
    """Names that must resolve to 127.0.0.1 where the server runs, such as an upstream's."""
    addresses: tuple[str, ...] = ()
    """Further addresses the server's network must have: an upstream given by IP, a front inside `trusted_proxies`."""


class ServerRefusedError(OtaError):
    """The server does not start with this configuration: a finding (OTA615, OTA616), not a missing verdict.

    `output` has the server's own words, `file` and `line` the place they name (empty and 0 where they name none);
    `started` says that its configuration test had passed, so it was the start that failed.
    """

    exit_code = EXIT_FINDINGS

    def __init__(self, message: str, *, output: str, file: str = "", line: int = 0, started: bool = False) -> None:
        super().__init__(message, place=f"{file}:{line}" if file else "")
        self.output = output
        self.file = file
        self.line = line
        self.started = started


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a running server: `resolve` maps (host, port) of public URLs to (address, port); `spec` is for testinfra."""

    resolve: Mapping[tuple[str, int], tuple[str, int]]
    spec: str
    by_hand: str
    """How to go on by hand: one command a line."""
    parent: str = ""
    """What the engine added to the server's own configuration around the one under test, one sentence; empty for nothing."""
    config: str = ""
    """Main configuration file of the server, where other servers run beside it; empty where it is the only one."""


class Running(Protocol):
    """A started scenario."""

    @property
    def endpoint(self) -> Endpoint:
        """How to reach it."""

    def logs(self) -> str:
        """Return what the server wrote to its error log and streams so far."""

    def alive(self) -> bool:
        """Say whether the server process still runs."""


class Engine(Protocol):
    """One way to run a server."""

    name: EngineName
    replaced: str
    """What differs from production, one sentence; empty where nothing does."""

    def capabilities(self, server: str) -> Capabilities:
        """Look at the server this engine would start: its version and TLS library in use. NoVerdictError when it cannot run."""

    def adapt(self, site: Site) -> Site:
        """Return the site as it will run here: itself for docker, with other ports and paths for local and embedded."""

    def run(self, scenario: Scenario, *, keep: bool = False) -> AbstractContextManager[Running]:
        """Start it; the context ends it unless `keep`.

        ServerRefusedError when the server does not accept the configuration, NoVerdictError for every other obstacle.
        """


_MACHINE = ("No space left on device", "Disk quota exceeded", "Too many open files in system", "Cannot allocate memory")
"""What the system says (strerror) when it is out of something."""
_FATAL = ("[emerg]", ":emerg]", ":crit]", ":error]")


def refused(server: str, output: str, *, started: bool) -> ServerRefusedError:
    """Return the error with the place the server names; `started` says that its configuration test had passed.

    NoVerdictError where the machine had no room, whatever the configuration says.
    """
    short = next((words for words in _MACHINE if words in output), "")
    if short:
        raise NoVerdictError(
            f"{server} cannot run on this machine: {short} ({_core(output)})",
            hint="this says nothing about the configuration: free some room, or set TMPDIR to another folder",
        )
    place = config_test(server, 1, output)
    what = (
        "does not start with this configuration, though its own test passed" if started else "refuses the configuration"
    )
    return ServerRefusedError(
        f"{server} {what}: {_core(output)}", output=output, file=place.file, line=place.line, started=started
    )


def _core(output: str) -> str:
    rows = [row.strip() for row in output.splitlines() if row.strip()]
    fatal = [row for row in rows if any(word in row for word in _FATAL)]
    return next(iter([*fatal, *rows]), "it wrote nothing")


ENGINES: Mapping[EngineName, tuple[str, str]] = {
    "docker": ("docker.docker_engine", "DockerEngine"),
    "local": ("process.process_engine", "LocalEngine"),
    "embedded": ("process.process_engine", "EmbeddedEngine"),
    "emulator": ("emulator.emulator_engine", "EmulatorEngine"),
}
"""Modules below `ota_proxy.harness` and their classes, in the order in which `auto` tries them."""


def candidates(server: str) -> tuple[EngineName, ...]:
    """Return the engines that `auto` tries for a server: IIS is played, and nothing else is."""
    return tuple(name for name in ENGINES if (name == "emulator") == (server == "iis"))


def choose(
    name: EngineName | Literal["auto"], server: str, image: str = "", version: str = PORTABLE, *, rewrite: bool = True
) -> Engine:
    """Return an engine that can run `server`; `image` is a container image and asks for docker.

    `version` is the Windows whose IIS the emulator plays, `rewrite` whether it has URL Rewrite.

    NoVerdictError (exit 3) with the reason of every engine that was tried.
    """
    names = candidates(server) if name == "auto" and not image else ("docker",) if name == "auto" else (name,)
    if image and name not in ("auto", "docker"):
        raise NoVerdictError(f"--image {image} needs the docker engine, not {name}", hint="leave --engine out")
    if server == "iis" and names != ("emulator",):
        hint = "use --engine emulator, without --image, to emulate it; compose/iis.yml is for a Windows host"
        raise NoVerdictError(f"the engine {names[0]} cannot start IIS, which needs Windows", hint=hint)
    refused: list[tuple[EngineName, NoVerdictError]] = []
    for candidate in names:
        engine = _make(candidate, image, version, rewrite=rewrite)
        try:
            engine.capabilities(server)
        except NoVerdictError as error:
            refused.append((candidate, error))
        else:
            return engine
    reasons = "\n".join(f"  {candidate}: {error.message}" for candidate, error in refused)
    hints = "; or ".join(error.hint for _, error in refused if error.hint)
    raise NoVerdictError(f"no engine can run {server} here:\n{reasons}", hint=hints)


def _make(name: EngineName, image: str, version: str, *, rewrite: bool) -> Engine:
    """Import only the engine that is tried: the Docker SDK costs more than a whole local run."""
    module, kind = ENGINES[name]
    make: Callable[..., Engine] = getattr(import_module(f"ota_proxy.harness.{module}"), kind)
    if name == "emulator":
        return make(version, rewrite=rewrite)
    return make(image) if name == "docker" else make()
