"""The docker engine: the configuration byte for byte in a container of a real server, reached on a loopback port.

This module is light: Docker's client is imported when an engine is used. Missing Docker or a missing image is a NoVerdictError
that says what to do.
"""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker import images, janitor
from ota_proxy.harness.engine import EngineName, Placement, Running, Scenario
from ota_proxy.harness.run_directory import dismiss, employ, me
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.site import Site

if TYPE_CHECKING:
    from ota_proxy.harness.docker.daemon import Daemon


class DockerEngine:
    """Runs scenarios in fresh containers. `image`: a reference, the name of a Debian suite, or empty for the best there is."""

    name: EngineName = "docker"
    replaced = ""

    def __init__(self, image: str = "") -> None:
        self.image = image
        self._swept = False

    def capabilities(self, server: str) -> Capabilities:
        """Look into the image that would be started for the server."""
        with connected() as daemon:
            from ota_proxy.harness.docker import stage  # noqa: PLC0415  # needs Docker's client, as `connected` does

            _employ_janitor(daemon)
            return stage.look_into(daemon, images.choose(daemon, server, self.image)).capabilities(server)

    @classmethod
    def made(cls, image: str, asked: Capabilities | None) -> DockerEngine:  # noqa: ARG003 - as every engine is made
        """Return an engine for an image."""
        return cls(image)

    def prepare(self, server: str, *sites: Site) -> Placement:
        """Return the sites themselves: nothing is replaced."""
        return Placement(self.capabilities(server), sites)

    @contextlib.contextmanager
    def run(self, scenario: Scenario, *, keep: bool = False) -> Iterator[Running]:
        """Start the scenario in fresh containers; errors as in `engine.Engine`."""
        with connected() as daemon:
            from ota_proxy.harness.docker import stage, sweep  # noqa: PLC0415  # needs Docker's client, as `connected` does

            _employ_janitor(daemon)
            if not self._swept:
                sweep.sweep(daemon)
                self._swept = True
            with stage.staged(daemon, scenario, self.image, keep=keep) as running:
                yield running


def _employ_janitor(daemon: Daemon) -> None:
    own = me()
    _janitor(daemon.address.partition("://")[2], str(own.pid), own.begun)


@cache
def _janitor(socket: str, pid: str, begun: str) -> None:
    """Start what removes the containers that a killed run was just creating, once for this process."""
    from ota_proxy.harness.docker import sweep  # noqa: PLC0415  # needs Docker's client

    process = employ(janitor.__file__, socket, sweep.PREFIX, pid, begun)
    atexit.register(dismiss, process, janitor.DONE)


@contextlib.contextmanager
def connected() -> Iterator[Daemon]:
    """Connect to Docker for the time of the context."""
    try:
        from ota_proxy.harness.docker.daemon import Daemon  # noqa: PLC0415  # Docker's client costs 150 ms
    except ImportError as error:
        raise NoVerdictError(
            f"the Python package {error.name} is missing",
            place="docker",
            hint="install it with `pip install docker`, or use --engine local or embedded",
        ) from error
    with Daemon() as daemon:
        yield daemon


def clean() -> int:
    """Remove every container of ours that no living run owns, kept ones too; return how many."""
    with connected() as daemon:
        from ota_proxy.harness.docker import sweep  # noqa: PLC0415  # needs Docker's client, as `connected` does

        return sweep.clean(daemon)


def require(*servers: str) -> None:
    """Raise NoVerdictError when Docker, or an image for one of the servers, is neither here nor to be had."""
    with connected() as daemon:
        for server in servers:
            images.choose(daemon, server)
