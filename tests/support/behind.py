"""An application behind a real nginx or Apache of this machine, and clients for it: requests with bodies, WebSocket, HTTP/2."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl

import h2.config
import h2.connection
import h2.events

from ota_proxy.harness.authority import Authority
from tests.local.nginx_server import HOST, Answer, Bench, binaries, fill
from tests.support import apache_host
from tests.support.nginx_variants import STATIC, Raw

SERVERS = {"nginx": "" if "system" in binaries() else "no nginx on the PATH", "apache": apache_host.MISSING}
"""Server → why it cannot be tried on this machine."""
_KEY = base64.b64encode(b"0123456789abcdef").decode()
_ACCEPT = base64.b64encode(
    hashlib.sha1(_KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
).decode()  # RFC 6455 section 1.3
_DEADLINE = 20.0


class Application(StreamRequestHandler):
    """Tells in JSON what it was asked; echoes WebSocket messages; `?silent` never answers, other pairs become status and headers."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self._request():
                pass

    def _request(self) -> bool:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = {name.lower(): value for name, value in http.client.parse_headers(self.rfile).items()}
        query = dict(parse_qsl(line[1].partition("?")[2], keep_blank_values=True))
        if "silent" in query:
            self.server.done.wait(_DEADLINE)  # type: ignore[attr-defined] # ours, below
            return False
        if headers.get("upgrade") == "websocket" and "plain" not in query:
            self._websocket(headers)
            return False
        body = json.dumps({"line": " ".join(line), "headers": headers, "body": self._body(headers)}).encode()
        status = query.pop("status", "200")
        own = "".join(f"{name}: {value}\r\n" for name, value in query.items() if value)
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nUpgrade: h2c\r\n{own}\r\n"
        self.wfile.write(head.encode("latin-1") + (b"" if line[0] == "HEAD" else body))
        return True

    def _body(self, headers: dict[str, str]) -> int:
        if headers.get("transfer-encoding") != "chunked":
            left = length = int(headers.get("content-length", 0))
            while left > 0:
                left -= len(self.rfile.read(min(left, 65536))) or left
            return length
        total = 0
        while size := int(self.rfile.readline() or b"0", 16):
            total += len(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return total

    def _websocket(self, headers: dict[str, str]) -> None:
        assert headers["connection"].lower() == "upgrade", headers
        assert headers["sec-websocket-key"] == _KEY
        head = f"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {_ACCEPT}\r\n\r\n"
        self.wfile.write(head.encode())
        while first := self.rfile.read(2):
            mask = self.rfile.read(4)
            data = self.rfile.read(first[1] & 0x7F)
            self.wfile.write(bytes([first[0], len(data)]) + bytes(a ^ mask[i % 4] for i, a in enumerate(data)))


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Application)
        self.done = Event()


@contextlib.contextmanager
def application(port: int = 0) -> Iterator[int]:
    """Run `Application` on a port of loopback, which is yielded."""
    server = _Server(port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.done.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Tried:
    """A running server with the application behind it under /app/, files under / and a challenge for ACME."""

    http: int
    https: int
    authority: Authority
    base_url: str
    mode: str = ""

    @contextlib.contextmanager
    def connected(
        self, *, tls: bool = True, source: str = "127.0.0.1", alpn: str = "http/1.1"
    ) -> Iterator[socket.socket]:
        """Connect over TLS or to the plain port, from an address of loopback."""
        place = ("127.0.0.1", self.https if tls else self.http)
        with socket.create_connection(place, _DEADLINE, source_address=(source, 0)) as raw:
            if not tls:
                yield raw
                return
            context = ssl.create_default_context(cadata=self.authority.ca_pem.decode())
            context.set_alpn_protocols([alpn])
            with context.wrap_socket(raw, server_hostname=HOST) as stream:
                assert stream.selected_alpn_protocol() == alpn
                yield stream

    def ask(
        self,
        path: str,
        *headers: str,
        method: str = "GET",
        body: bytes = b"",
        tls: bool = True,
        source: str = "127.0.0.1",
    ) -> Answer:
        """Send one request, the path as it is, each header a line; an answer that comes before the body was read counts."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.base_url.partition('//')[2]}", *headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        with self.connected(tls=tls, source=source) as stream:
            stream.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
            with contextlib.suppress(ConnectionError):
                stream.sendall(body)
            got = http.client.HTTPResponse(stream, method=method)
            got.begin()
            return Answer(got.status, tuple((name.lower(), value) for name, value in got.getheaders()), got.read())

    def told(self, path: str, *headers: str, **how: Any) -> dict[str, Any]:  # noqa: ANN401 - the keywords of ask
        """Return what the application was told."""
        answer = self.ask(path, *headers, **how)
        assert answer.status == 200, answer
        told: dict[str, Any] = json.loads(answer.body)
        return told

    def websocket(
        self, path: str, messages: list[bytes], *headers: str, tls: bool = True
    ) -> tuple[Answer, list[bytes]]:
        """Open a WebSocket (RFC 6455), send messages of at most 125 bytes, and return the handshake's answer and the echoes."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", "Connection: Upgrade", "Upgrade: websocket", *headers]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {_KEY}", "", ""]
        with self.connected(tls=tls) as stream, stream.makefile("rb") as reader:
            stream.sendall("\r\n".join(lines).encode())
            status = int(reader.readline().split()[1])
            pairs = [(name.lower(), value) for name, value in http.client.parse_headers(reader).items()]
            answer, echoes = Answer(status, tuple(pairs), b""), []
            if status == 101:
                assert answer.one("sec-websocket-accept") == _ACCEPT
                for message in messages:
                    mask = os.urandom(4)
                    masked = bytes(a ^ mask[i % 4] for i, a in enumerate(message))
                    stream.sendall(struct.pack("!BB", 0x82, 0x80 | len(message)) + mask + masked)
                    echoes.append(reader.read(reader.read(2)[1]))
            return answer, echoes

    def ask_h2(self, path: str, *headers: tuple[str, str], body: bytes = b"") -> Answer:
        """Send one GET over HTTP/2, or a POST whose body has no Content-Length and fits into one frame."""
        with self.connected(alpn="h2") as stream:
            connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
            connection.initiate_connection()
            fixed = [
                (":method", "POST" if body else "GET"),
                (":path", path),
                (":scheme", "https"),
                (":authority", HOST),
            ]
            connection.send_headers(1, [*fixed, *headers], end_stream=not body)
            if body:
                connection.send_data(1, body, end_stream=True)
            found: list[tuple[str, str]] = []
            got = b""
            while True:
                stream.sendall(connection.data_to_send())
                for event in connection.receive_data(stream.recv(65536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        found = [(str(name), str(value)) for name, value in event.headers or ()]
                    elif isinstance(event, h2.events.DataReceived):
                        got += event.data or b""
                    elif isinstance(event, h2.events.StreamEnded):
                        return Answer(int(dict(found)[":status"]), tuple(found), got)
                    else:
                        assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event


@contextlib.contextmanager
def running(server: str, folder: Path, changes: Raw, app: dict[str, Any], *, alive: bool = True) -> Iterator[Tried]:
    """Run nginx or Apache with `changes` to a site that has files at / and the application at /app/ with the keys of `app`."""
    make = _nginx if server == "nginx" else _apache
    with make(folder, changes, app) as (tried, port), application(port) if alive else contextlib.nullcontext():
        yield tried


@contextlib.contextmanager
def _nginx(folder: Path, changes: Raw, app: dict[str, Any]) -> Iterator[tuple[Tried, int]]:
    locations = [{"path": "/", "root": "/srv/ota"}, {"path": "/app/", "upstream": "http://127.0.0.1:8080", **app}]
    bench = Bench(binaries()["system"], folder, {**STATIC, "locations": locations, **changes})
    fill(Path(bench.site.static[0].root or ""))
    _challenge(Path(bench.site.redirect.acme_root))
    with bench.running():
        yield Tried(bench.ports["http"], bench.ports["https"], bench.authority, bench.site.base_url), bench.ports["app"]


@contextlib.contextmanager
def _apache(folder: Path, changes: Raw, app: dict[str, Any]) -> Iterator[tuple[Tried, int]]:
    del folder  # Apache's own account reads its files, and pytest's folders are the tester's alone
    port = apache_host.free_port()

    def change(raw: dict[str, Any], place: Path) -> None:
        fill(place / "www")
        _challenge(place / "acme")
        raw["locations"] = [
            {"path": "/", "root": str(place / "www")},
            {"path": "/app/", "upstream": f"http://127.0.0.1:{port}", **app},
        ]
        raw.update(changes)
        raw["public_url"] = f"https://{HOST}"
        if raw.get("tls", {}).get("offloaded"):
            del raw["listen"]["https"]

    with apache_host.running(change) as host:
        http_port = int(host.site.listen.http)
        yield Tried(http_port, host.site.https_port, host.authority, host.site.base_url), port


def _challenge(root: Path) -> None:
    folder = root / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_bytes(b"proof")
