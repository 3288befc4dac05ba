"""The access log: one JSON object a line, written and flushed before the answer goes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TextIO

from ota_proxy.printable import as_json


@dataclass(slots=True)
class Entry:
    """What became of one request; None where something does not apply. `hresult` is there with 500.19 only."""

    method: str | None
    url: str | None
    status: int | None = None
    substatus: int = 0
    rewritten_url: str | None = None
    served: str | None = None
    proxied_to: str | None = None
    upstream_headers: dict[str, str] | None = None
    rule: str | None = None
    hresult: str | None = None

    def line(self) -> str:
        """Return the JSON object."""
        fields = asdict(self)
        if self.hresult is None:
            del fields["hresult"]
        return as_json(fields, ascii_only=True)


class AccessLog:
    """Writes entries to a stream, or nowhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def write(self, entry: Entry) -> None:
        """Add one line."""
        if self._stream is not None:
            self._stream.write(entry.line() + "\n")
            self._stream.flush()
