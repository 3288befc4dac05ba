"""Which engine starts a test's server: what the session allows, what the test needs, and why none can."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from ota_proxy.errors import NoVerdictError, UsageError, did_you_mean
from ota_proxy.harness.engine import Engine, EngineName, candidates, choose
from ota_proxy.policy.capabilities import PORTABLE
from ota_proxy.testing.options import IMAGED, DockerChoice

_Name = EngineName | Literal["auto"]


def choose_engine(  # noqa: PLR0913 - what the site, the session and the test say
    wanted: str, server: str, image: str, docker: DockerChoice, *, own: bool, version: str = PORTABLE
) -> Engine:
    """Return an engine that can run `server`; `own` says that the configuration is the user's and runs as it is.

    `version` is the Windows that is played. NoVerdictError with every reason; UsageError for a name that is none.
    """
    names = _names(wanted, server, docker, own=own or bool(image))
    if own and server in IMAGED and "docker" not in names:
        reason = "your own configuration names its own paths and ports, so only Docker can start it"
        raise NoVerdictError(f"{reason}, and it must not be used here")
    if server not in IMAGED:
        return choose(names[0], server, version=version)
    return choose("auto", server, image) if names == ("auto",) else _first(names, server, image)


def _names(wanted: str, server: str, docker: DockerChoice, *, own: bool) -> tuple[_Name, ...]:
    if wanted != "auto":
        name = _name(wanted)
        return (name,) if name != "docker" or docker != "skip" else ()
    if server not in IMAGED:
        return ("auto",)
    if docker == "skip":
        return tuple(name for name in candidates(server) if name != "docker") if not own else ()
    return ("docker",) if own or docker == "require" else ("auto",)


def _name(wanted: str) -> EngineName:
    known: tuple[EngineName, ...] = get_args(EngineName)
    for name in known:
        if name == wanted:
            return name
    hint = did_you_mean(wanted, ("auto", *known)) or f"one of auto, {', '.join(known)}"
    raise UsageError(f"there is no engine {wanted!r}", place="ota_engine", hint=hint)


def _first(names: Iterable[_Name], server: str, image: str) -> Engine:
    """Return the first that can; every engine says why not."""
    reasons = []
    for name in names:
        try:
            return choose(name, server, image)
        except NoVerdictError as error:
            reasons.append(error)
    if not reasons:
        raise NoVerdictError(f"{server} needs Docker here, and --ota-docker=skip leaves it out")
    if len(reasons) == 1:
        raise reasons[0]
    hint = next((error.hint for error in reasons if error.hint), "")
    head = reasons[0].message.partition("\n")[0]
    rows = [row for error in reasons for row in error.message.split("\n")[1:]]
    raise NoVerdictError("\n".join([head, *rows]), hint=hint)
