"""Picks the engine: the one that was asked for, or the first of docker, local and embedded that can run the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Literal

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import Engine, EngineName
from ota_proxy.policy.capabilities import PORTABLE

ENGINES: Mapping[EngineName, tuple[str, str]] = {
    "docker": ("docker.engine", "DockerEngine"),
    "local": ("process.local", "LocalEngine"),
    "embedded": ("process.embedded", "EmbeddedEngine"),
    "emulator": ("emulator.engine", "EmulatorEngine"),
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
        hint = "take --engine emulator, without --image, to have it played; compose/iis.yml is for a Windows host"
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
