"""A TLS client that chooses the name in the handshake apart from the Host."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509

from ota_proxy.harness.trial import Started

A, B, WILD, UNDER = "ota.example.com", "b.example.com", "*.example.com", "c.example.com"


class Client:
    """Speaks to a started site by any name, trusting this run's CA."""

    def __init__(self, started: Started) -> None:
        self.ca = started.prepared.ca_pem.decode()
        self.address = started.running.endpoint.resolve[A, 443]
        self.plain = started.running.endpoint.resolve[A, 80]

    @contextmanager
    def connected(self, name: str, kind: str = "") -> Iterator[ssl.SSLSocket]:
        context = ssl.create_default_context(cadata=self.ca)
        context.check_hostname = False  # which certificate it is, is what the tests ask
        if kind:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
        with socket.create_connection(self.address, 10) as plain, context.wrap_socket(plain, server_hostname=name) as s:
            yield s

    def certificate(self, name: str, kind: str = "") -> x509.Certificate:
        with self.connected(name, kind) as channel:
            return x509.load_der_x509_certificate(channel.getpeercert(binary_form=True) or b"")

    def names(self, name: str, kind: str = "") -> list[str]:
        found = self.certificate(name, kind).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return found.value.get_values_for_type(x509.DNSName)

    def get(self, name: str, host: str, path: str = "/app.plist") -> http.client.HTTPResponse:
        with self.connected(name) as channel:
            channel.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return _read(channel)

    def get_plain(self, host: str) -> http.client.HTTPResponse:
        with socket.create_connection(self.plain, 10) as channel:
            channel.sendall(f"GET /a%2Fb?x=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return _read(channel)


def _read(channel: socket.socket) -> http.client.HTTPResponse:
    answer = http.client.HTTPResponse(channel)
    answer.begin()
    return answer
