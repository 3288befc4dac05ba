"""Runs the emulator on a folder as it is, with certificates of its own, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ota_proxy.errors import UsageError
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.run_directory import RunDirectory
from ota_proxy.iis_emulator.build import build
from ota_proxy.iis_emulator.connection import Application
from ota_proxy.iis_emulator.listener import Certificate, Listen, Server, context
from ota_proxy.iis_emulator.pipeline import AccessLog, Pipeline
from ota_proxy.iis_emulator.request_routing import Upstreams
from ota_proxy.iis_emulator.url_settings import Binding
from ota_proxy.printable import as_json
from ota_proxy.servers.iis.in_force import Configuration

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Folder:
    """What to run: a site's folder, the server's configuration or None, and where to listen (0: a free port)."""

    root: Path
    apphost: Path | None = None
    without_modules: frozenset[str] = frozenset()
    windows: str = "2022"
    http_port: int = 0
    https_port: int = 0
    access_log: Path | None = None
    names: tuple[str, ...] = ()
    """Further names in the certificate of a binding without a host."""


def run(folder: Folder, ready: Callable[[str], None], warn: Callable[[str], None]) -> None:
    """Serve until SIGTERM, or KeyboardInterrupt; `ready` gets the one line of JSON that says where, `warn` what IIS would refuse.

    UsageError for a folder, file or port that cannot be used, NoVerdictError for a configuration that is not modelled.
    """
    if not folder.root.is_dir():
        raise UsageError("there is no such folder", place=f"--site-root {folder.root}")
    with _log(folder.access_log) as stream, RunDirectory() as place:
        authority = Authority()
        ca = place / "ca.pem"
        ca.write_bytes(authority.ca_pem)
        configuration = _configuration(folder)
        refused = configuration.violation("/")
        if refused is not None:
            warn(f"IIS would answer 500.19 to every request: {refused}")
        pipeline = _pipeline(folder, configuration, authority, stream)
        asyncio.run(_serve(pipeline, authority, folder, ca, ready))


@contextlib.contextmanager
def _log(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        stream = path.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the log cannot be written: {error.strerror}", place=f"--access-log {path}") from None
    with stream:
        yield stream


def _configuration(folder: Folder) -> Configuration:
    root = folder.root.resolve()
    try:
        return Configuration.load(root, folder.apphost, without_modules=folder.without_modules, windows=folder.windows)
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", place=f"--apphost {folder.apphost}") from None


def _pipeline(folder: Folder, configuration: Configuration, authority: Authority, stream: TextIO | None) -> Pipeline:
    trust = ssl.create_default_context(cadata=authority.ca_pem.decode("ascii"))
    log, upstreams = AccessLog(stream), Upstreams(trust)
    return build(
        configuration,
        folder.root.resolve(),
        log,
        upstreams,
        without_modules=folder.without_modules,
        windows=folder.windows,
    )


async def _serve(
    pipeline: Pipeline, authority: Authority, folder: Folder, ca: Path, ready: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = Server()
    try:
        ports = await _listen(server, pipeline, authority, folder)
        ready(as_json({**ports, "ca": str(ca)}))
        await stop.wait()
    finally:
        await server.close()


async def _listen(server: Server, pipeline: Pipeline, authority: Authority, folder: Folder) -> dict[str, int]:
    """Open both ports, also where a binding is missing: nobody is served there then, as on a server with other sites."""
    application = Application(pipeline.answer, pipeline.refuse)
    secure = [one for one in pipeline.site.bindings if one.secure]
    tls = context(
        [(one, _certificates(one, authority, folder.names)) for one in secure],
        client_ca=_client_ca(pipeline, authority),
    )
    return {
        "http": await _open(server, Listen(folder.http_port, application), "--http-port"),
        "https": await _open(server, Listen(folder.https_port, application, tls), "--https-port"),
    }


async def _open(server: Server, wanted: Listen, flag: str) -> int:
    try:
        return await server.listen(wanted)
    except OSError as error:
        raise UsageError(f"the port cannot be used: {error.strerror}", place=f"{flag} {wanted.port}") from None


def _certificates(binding: Binding, authority: Authority, further: tuple[str, ...]) -> list[Certificate]:
    names = (binding.host,) if binding.host else (*_LOCAL_NAMES, *further)
    issued = authority.issue(names)
    return [Certificate(issued.cert_chain_pem, issued.key_pem)]


def _client_ca(pipeline: Pipeline, authority: Authority) -> bytes:
    """Ask for client certificates where some URL wants them."""
    return authority.ca_pem if pipeline.asks_for_certificates else b""
