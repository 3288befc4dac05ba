"""Collects one answer while it arrives: bounded, so that an endless body costs neither memory nor more than its limit of traffic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ota_proxy import limits
from ota_proxy.device.network import NetFault
from ota_proxy.facts.install import Header, NetError, Response

Watch = Callable[[Response, int, bytes], None]
"""Called with the head of the answer, the offset and the bytes of each piece of body, kept or not."""

HEADER_LIMIT, INTERIM_LIMIT = limits.HEADER, limits.INTERIM


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it goes over the wire: `target` is path and query, `headers` come after Host or the pseudo fields."""

    method: str
    authority: str
    target: str
    headers: tuple[Header, ...]
    body: bytes = b""

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers as bytes: what a server sent (an ETag) goes back byte for byte."""
        return tuple((name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in self.headers)


@dataclass(slots=True)
class Incoming:
    """An answer in the making. Keeps `keep` bytes of body and stops when more than `read` came; `head` is None until the header is complete."""

    keep: int
    read: int
    watch: Watch | None = None
    head: Response | None = None
    body: bytearray = field(default_factory=bytearray)
    received: int = 0
    complete: bool = False
    truncated: bool = False
    interim: int = 0

    def begin(
        self,
        status: int,
        headers: tuple[Header, ...],
        version: Literal["1.0", "1.1", "2"],
        *,
        reason: str = "",
        illegal: tuple[str, ...] = (),
    ) -> None:
        """Take the head of the final answer."""
        self.head = Response(status, headers, version, reason=reason, illegal=illegal)

    def data(self, piece: bytes) -> None:
        """Take a piece of body; sets `truncated` when the limit is reached."""
        if self.watch and self.head:
            self.watch(self.head, self.received, piece)
        self.body += piece[: max(0, self.keep - len(self.body))]
        self.received += len(piece)
        self.truncated = self.received > self.read

    def pass_interim(self) -> None:
        """Count an interim answer (1xx); NetFault `protocol` when there are too many."""
        self.interim += 1
        if self.interim > INTERIM_LIMIT:
            raise NetFault("protocol", f"the server sent more than {INTERIM_LIMIT} interim answers")

    @property
    def done(self) -> bool:
        """Nothing more is to be read."""
        return self.complete or self.truncated

    def response(self, broken: NetError | None) -> Response | None:
        """Return the answer as far as it came, or None before its head was complete."""
        if self.head is None:
            return None
        return Response(
            status=self.head.status,
            headers=self.head.headers,
            http_version=self.head.http_version,
            body=bytes(self.body),
            received=self.received,
            complete=self.complete,
            truncated=self.truncated and not self.complete,
            reason=self.head.reason,
            illegal=self.head.illegal,
            broken=broken,
        )
