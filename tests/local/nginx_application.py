"""The application behind a proxied location: it shows what it was told, and sends headers that must not get through."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class EchoApplication(http.server.BaseHTTPRequestHandler):
    """An application that shows what it was told, and sends headers that must not get through."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = int(self.path.partition("size=")[2] or 0)
        told = {"path": self.path, "method": self.command, **dict(self.headers.items())}
        body = bytes(size) if size else json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.send_header("Upgrade", "h2c")
        if "loud" in self.path:
            self.send_header("Cache-Control", "max-age=5")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def application(port: int, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), EchoApplication)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
