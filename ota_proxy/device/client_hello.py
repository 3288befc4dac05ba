"""Writes a ClientHello and reads the server's first flight (RFC 5246, RFC 8446), byte by byte and without a TLS library.

Nothing read is trusted: every length is checked, what does not fit raises `BadFlight`.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

VERSIONS = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
ALERT, HANDSHAKE = 21, 22
SERVER_HELLO, CERTIFICATE, KEY_EXCHANGE, CERTIFICATE_REQUEST, HELLO_DONE, STATUS = 2, 11, 12, 13, 14, 22
_SNI, _STATUS_REQUEST, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _EMS = 0, 5, 10, 11, 13, 16, 23
_VERSIONS, _PSK_MODES, _KEY_SHARE, _RENEGOTIATION = 43, 45, 51, 0xFF01
_SIGNATURE_SCHEMES = (
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601,
    0x0807, 0x0808, 0x0203, 0x0201, 0x0402, 0x0202,
)  # fmt: skip
_RECORD_LIMIT = (1 << 14) + 2048  # RFC 5246 §6.2.3


class BadFlight(Exception):  # noqa: N818 - a fact about the server
    """The server's bytes are no TLS, or break its framing."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What we offer: one version by name, suites and groups by code point, a name (empty: no SNI), ALPN names."""

    version: str
    suites: tuple[int, ...]
    groups: tuple[int, ...]
    name: str = ""
    alpn: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the whole record."""
        code = VERSIONS[self.version]
        legacy = min(code, VERSIONS["TLSv1.2"])
        session = os.urandom(32) if self.version == "TLSv1.3" else b""  # middlebox compatibility, RFC 8446 §D.4
        body = struct.pack("!H", legacy) + os.urandom(32) + _vector(session, 1)
        body += _vector(_codes(self.suites), 2) + _vector(b"\0", 1)
        if code > VERSIONS["SSLv3"]:  # SSL 3.0 knows no extensions
            body += _vector(self._extensions(), 2)
        message = bytes([1]) + _vector(body, 3)
        return struct.pack("!BH", HANDSHAKE, min(legacy, 0x0301)) + _vector(message, 2)

    def _extensions(self) -> bytes:
        parts = [
            (_SNI, _vector(b"\0" + _vector(self.name.encode(), 2), 2) if self.name else None),
            (_EMS, b""),
            (_RENEGOTIATION, b"\0"),
            (_GROUPS, _vector(_codes(self.groups), 2)),
            (_POINTS, b"\x01\0"),
            (_ALPN, _vector(b"".join(_vector(n.encode(), 1) for n in self.alpn), 2) if self.alpn else None),
            (_STATUS_REQUEST, b"\x01\0\0\0\0"),
            (_SIGNATURES, _vector(_codes(_SIGNATURE_SCHEMES), 2)),
        ]
        if self.version == "TLSv1.3":
            # An empty key share makes the server name the group it would have in a HelloRetryRequest, RFC 8446 §4.2.8.
            parts += [(_VERSIONS, b"\x02\x03\x04"), (_PSK_MODES, b"\x01\x01"), (_KEY_SHARE, b"\0\0")]
        return b"".join(struct.pack("!H", kind) + _vector(data, 2) for kind, data in parts if data is not None)


def _vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data


def _codes(numbers: tuple[int, ...]) -> bytes:
    return b"".join(struct.pack("!H", number) for number in numbers)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server's first flight says. `alert` is the description of a fatal alert, -1 without one."""

    version: str = ""
    suite: int = -1
    group: int = -1
    extended_master_secret: bool = False
    alpn: str = ""
    certificates: tuple[bytes, ...] = ()
    """DER, as sent; only up to TLS 1.2, where they come in the clear."""
    stapled: bool = False
    asks_certificate: bool = False
    """A CertificateRequest is among the messages (RFC 5246 §7.4.4); TLS 1.3 encrypts it."""
    alert: int = -1


class Reader:
    """Cuts bounded fields off a byte string; BadFlight when there are not enough."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if len(self.data) < count:
            raise BadFlight("the message is shorter than it says")
        head, self.data = self.data[:count], self.data[count:]
        return head

    def number(self, width: int) -> int:
        """Return the next big-endian number."""
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        """Return the next length-prefixed field."""
        return self.take(self.number(width))


def records(data: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the whole records of `data` as (type, content), and whether the last one is whole; BadFlight for what is not TLS."""
    found: list[tuple[int, bytes]] = []
    while len(data) >= 5:
        kind, major, size = data[0], data[1], int.from_bytes(data[3:5], "big")
        if kind not in range(20, 25) or major != 3 or size > _RECORD_LIMIT:
            raise BadFlight("what answers there does not speak TLS")
        if len(data) < 5 + size:
            return found, False
        found.append((kind, data[5 : 5 + size]))
        data = data[5 + size :]
    return found, not data


def messages(data: bytes) -> list[tuple[int, bytes]]:
    """Return the whole handshake messages of joined handshake records as (type, body)."""
    found: list[tuple[int, bytes]] = []
    while len(data) >= 4:
        size = int.from_bytes(data[1:4], "big")
        if len(data) < 4 + size:
            break
        found.append((data[0], data[4 : 4 + size]))
        data = data[4 + size :]
    return found


def read_flight(data: bytes) -> tuple[Answer, bool]:
    """Return what the flight says so far, and whether it needs no more bytes: an alert, a TLS 1.3 hello, or ServerHelloDone."""
    whole, _ = records(data)
    handshake = b"".join(content for kind, content in whole if kind == HANDSHAKE)
    known = messages(handshake)
    answer = _read_messages(known)
    alert = next((content for kind, content in whole if kind == ALERT and len(content) >= 2 and content[0] == 2), None)
    if alert is not None:
        return _with_alert(answer, alert[1]), True
    return answer, answer.version == "TLSv1.3" or any(kind == HELLO_DONE for kind, _ in known)


def _with_alert(answer: Answer, alert: int) -> Answer:
    return answer if answer.suite >= 0 else Answer(alert=alert)


def _read_messages(known: list[tuple[int, bytes]]) -> Answer:
    hello = next((body for kind, body in known if kind == SERVER_HELLO), None)
    if hello is None:
        return Answer()
    found = _server_hello(hello)
    rest = dict(reversed(known))
    return Answer(
        version=found.version,
        suite=found.suite,
        group=found.group if found.group >= 0 else _curve(rest.get(KEY_EXCHANGE, b"")),
        extended_master_secret=found.extended_master_secret,
        alpn=found.alpn,
        certificates=_certificates(rest.get(CERTIFICATE, b"")),
        stapled=STATUS in rest,
        asks_certificate=CERTIFICATE_REQUEST in rest,
    )


def _server_hello(body: bytes) -> Answer:
    """Read a ServerHello or HelloRetryRequest."""
    reader = Reader(body)
    legacy = reader.number(2)
    reader.take(32)
    reader.vector(1)
    suite = reader.number(2)
    reader.take(1)
    extensions = _extension_map(reader.vector(2) if reader.data else b"")
    code = int.from_bytes(extensions.get(_VERSIONS, b""), "big") or legacy
    share = extensions.get(_KEY_SHARE, b"")
    return Answer(
        version=next((name for name, number in VERSIONS.items() if number == code), ""),
        suite=suite,
        group=int.from_bytes(share[:2], "big") if share else -1,
        extended_master_secret=_EMS in extensions,
        alpn=extensions.get(_ALPN, b"")[3:].decode("latin-1"),
    )


def _extension_map(data: bytes) -> dict[int, bytes]:
    reader, found = Reader(data), {}
    while reader.data:
        kind = reader.number(2)
        found[kind] = reader.vector(2)
    return found


def _curve(body: bytes) -> int:
    """Return the named curve of an ECDHE ServerKeyExchange (RFC 8422 §5.4), -1 for another kind."""
    return int.from_bytes(body[1:3], "big") if len(body) >= 3 and body[0] == 3 else -1


def _certificates(body: bytes) -> tuple[bytes, ...]:
    reader, found = Reader(Reader(body).vector(3) if body else b""), []
    while reader.data:
        found.append(reader.vector(3))
    return tuple(found)
