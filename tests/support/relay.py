"""A relay on loopback that counts what really travels to a client: hardly anything waits in its own buffers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

_BUFFER = 16384


class Relay:
    """Hands connections on to a port; `received` is what the clients were given so far, in bytes, TLS records and all."""

    def __init__(self, listener: socket.socket, target: int) -> None:
        self._listener, self._target = listener, ("127.0.0.1", target)
        self._lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.over = threading.Event()
        self.received = 0
        self.port: int = listener.getsockname()[1]

    def accept(self) -> None:
        """Take connections until the end, each in a thread of its own."""
        while True:
            client, _ = self._listener.accept()
            if self.over.is_set():
                client.close()
                return
            self._start(self._connection, client)

    def _start(self, *call: object) -> threading.Thread:
        thread = threading.Thread(target=call[0], args=call[1:], daemon=True)  # type: ignore[arg-type]  # a function and its arguments
        thread.start()
        self.threads.append(thread)
        return thread

    def _connection(self, client: socket.socket) -> None:
        with client, socket.socket() as server:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            server.connect(self._target)
            up = self._start(self._pump, client, server, 0)
            self._pump(server, client, 1)
            up.join()

    def _pump(self, source: socket.socket, target: socket.socket, weight: int) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_BUFFER):
                target.sendall(piece)
                with self._lock:
                    self.received += weight * len(piece)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def counting(port: int) -> Iterator[Relay]:
    """Relay to a port of loopback until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(listener, port)
        thread = threading.Thread(target=relay.accept, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.over.set()
            socket.create_connection(("127.0.0.1", relay.port)).close()
            for one in (thread, *relay.threads):
                one.join(5)
