"""What every engine promises: take a scenario, run it, say how to reach it, and leave nothing behind; and the choice of one.

`docker` runs the configuration byte for byte; `local` and `embedded` replace ports and paths and say so in `replaced`; `emulator` plays
IIS, which none of the others can start.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import ClassVar, Literal, Protocol

from ota_proxy.errors import EXIT_FINDINGS, NoVerdictError, OtaError
from ota_proxy.hosts.readers import config_test
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.base import server_named
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
class Moved:
    """Where an engine has put what is played beside the server; empty if everything is where the site says."""

    tls_proxy: tuple[int, int] | None = None
    """TLS port and plain port of the TLS-terminating proxy."""
    applications: Mapping[str, str] = field(default_factory=dict)
    """Where applications were, and where they are now: `127.0.0.1:8080` to `127.0.0.1:40001`."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What an engine makes of sites before they are started: what its server can do, and the sites as they will run there."""

    caps: Capabilities
    sites: tuple[Site, ...]
    moved: Moved = field(default_factory=Moved)

    @property
    def site(self) -> Site:
        """The first of them."""
        return self.sites[0]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What to run. `config` maps absolute paths to the text under test, `files` has certificates and content.

    `upstream` names the parts that play the applications behind the site, `tls_proxy` the TLS-terminating proxy before it:
    whole nginx configurations, run beside the server in the same network namespace, empty if there is none.
    """

    server: str
    site: Site
    caps: Capabilities
    config: Mapping[str, str]
    files: tuple[TestFile, ...]
    upstream: str = ""
    tls_proxy: str = ""
    upstream_files: tuple[TestFile, ...] = ()
    """Certificates and content of `upstream` and `tls_proxy`; they see no file of the server's."""
    hosts: tuple[str, ...] = ()
    """Names that must resolve to 127.0.0.1 where the server runs, such as an upstream's."""
    addresses: tuple[str, ...] = ()
    """Further addresses the server's network must have: an upstream given by IP, a TLS-terminating proxy inside `trusted_proxies`."""
    moved: Moved = field(default_factory=Moved)


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
    enclosing: str = ""
    """What the engine added to the server's own configuration around the one under test, one sentence; empty for nothing."""
    config: str = ""
    """Main configuration file of the server, where other servers run beside it; empty if it is the only one."""


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
    """What differs from production, one sentence; empty if nothing does."""

    def capabilities(self, server: str) -> Capabilities:
        """Look at the server this engine would start: its version and TLS library in use. NoVerdictError when it cannot run."""

    def prepare(self, server: str, *sites: Site) -> Placement:
        """Return the server's capabilities and the sites as they will run here: themselves for docker, with other ports and paths elsewhere.

        Nothing of it is remembered: what `run` has to know is in the scenario.
        """

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
"""Modules below `ota_proxy.harness` and their classes."""


def choose(
    name: EngineName | Literal["auto"], server: str, image: str = "", asked: Capabilities | None = None
) -> Engine:
    """Return an engine that can run `server`; `image` is a container image and asks for docker.

    `asked` is what a site was described for: an emulator behaves as that version, without the modules that it lacks.

    NoVerdictError (exit 3) with the reason of every engine that was tried.
    """
    about = server_named(server)
    names = about.engines if name == "auto" and not image else ("docker",) if name == "auto" else (name,)
    if image and name not in ("auto", "docker"):
        raise NoVerdictError(f"--image {image} needs the docker engine, not {name}", hint="leave --engine out")
    if about.played and names != about.engines:
        hint = "use --engine emulator, without --image, to emulate it; compose/iis.yml is for a Windows host"
        raise NoVerdictError(f"the engine {names[0]} cannot start IIS, which needs Windows", hint=hint)
    refused: list[tuple[str, NoVerdictError]] = []
    for candidate in names:
        engine = _made(candidate, image, asked)
        try:
            engine.capabilities(server)
        except NoVerdictError as error:
            refused.append((candidate, error))
        else:
            return engine
    reasons = "\n".join(f"  {candidate}: {error.message}" for candidate, error in refused)
    hints = "; or ".join(error.hint for _, error in refused if error.hint)
    raise NoVerdictError(f"no engine can run {server_named(server).title} here:\n{reasons}", hint=hints)


def _made(name: str, image: str, asked: Capabilities | None) -> Engine:
    """Import only the engine that is tried: the Docker SDK costs more than a whole local run."""
    module, kind = next(place for engine, place in ENGINES.items() if engine == name)
    made: Engine = getattr(import_module(f"ota_proxy.harness.{module}"), kind).made(image, asked)
    return made
