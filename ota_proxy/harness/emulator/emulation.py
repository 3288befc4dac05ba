"""Emulated sites in a thread of their own, with the ports they got."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from ota_proxy.errors import NoVerdictError
from ota_proxy.iis_emulator.listener import Listen, Server
from ota_proxy.iis_emulator.pipeline import Pipeline, application

_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Port:
    """The plain port (0: a free one) and the context of the TLS one, None if there is none."""

    http: int
    tls: ssl.SSLContext | None


class Emulation:
    """Starts, says where it listens, and ends."""

    def __init__(self, pipelines: Sequence[Pipeline], port: Port) -> None:
        self._pipelines, self._port = pipelines, port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="iis-emulator", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: OSError | None = None
        self.http, self.https = 0, 0

    def start(self) -> None:
        """Start and wait until it listens; NoVerdictError where it cannot."""
        self._thread.start()
        self._ready.wait(_START_SECONDS)
        if self._failure or not (self.http or self.https):
            raise NoVerdictError(f"the emulator cannot listen: {self._failure or 'it did not start in time'}")

    def alive(self) -> bool:
        """Say whether it still runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End it, if it was started."""
        if self._loop and self._stop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_START_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server, answers = Server(), application(self._pipelines)
        try:
            self.http = await server.listen(Listen(self._port.http, answers))
            if self._port.tls:
                self.https = await server.listen(Listen(0, answers, self._port.tls))
            self._ready.set()
            await self._stop.wait()
        finally:
            await server.close()
