"""An application behind the proxy: says what it was asked, over plain HTTP on loopback, in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the application got it; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass(slots=True)
class Upstream:
    """Where the application listens, and everything it was asked so far."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: ClassVar[Upstream]

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.state.asked.append(Asked(self.command, self.path, headers))
        path = self.path.partition("?")[0]
        status, location, body = 200, "", json.dumps({"target": self.path, "content": content.decode()})
        if path.startswith("/status/"):
            status = int(path.rpartition("/")[2])
            body = f"upstream {status}"
        elif path in {"/moved", "/moved-away"}:
            status, location = 302, f"{'https://other.example.com' if path == '/moved-away' else self.state.url}/next"
        if path == "/broken":
            self.close_connection = True
            return
        self._answer(status, location, b"" if status == 304 else body.encode())

    do_HEAD = do_POST = do_GET  # noqa: N815 - http.server looks for these names

    def _answer(self, status: int, location: str, body: bytes) -> None:
        self.send_response_only(status)
        fields = {"Server": "upstream/1", "X-Upstream": "yes", "Content-Type": "application/json", "Location": location}
        for name, value in fields.items():
            if value:
                self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: a proxy that hangs up is what some cases are about."""


@contextlib.contextmanager
def upstream() -> Iterator[Upstream]:
    """Serve until the block ends."""

    class Application(_Application):
        """The handler of this one server."""

    server = _Server(("127.0.0.1", 0), Application)
    Application.state = Upstream(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Application.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
