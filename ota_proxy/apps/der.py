"""Takes a CMS signed message apart as far as its content (RFC 5652 §5): strict DER (ITU-T X.690 §10), definite lengths only.

Nothing is verified: who signed is left to those who hold the roots.
"""

from __future__ import annotations

_SEQUENCE, _SET, _INTEGER, _OBJECT, _OCTETS, _EXPLICIT = 0x30, 0x31, 0x02, 0x06, 0x04, 0xA0
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
"""1.2.840.113549.1.7.2, id-signedData (RFC 5652 §5.1)."""
_LONG = 0x80
_WIDEST = 4
"""Bytes of a length that we follow: four name up to 4 GiB."""


class DerProblem(Exception):  # noqa: N818 - a fact about bytes, told to people as it is
    """Why the bytes are no CMS signed message."""


def signed_content(message: bytes) -> bytes:
    """Return what a CMS signed message carries; DerProblem, and nothing else, where it is none or carries nothing."""
    outer = _Reader(message).inside(_SEQUENCE)
    if outer.take(_OBJECT) != _SIGNED_DATA:
        raise DerProblem("it is another kind of CMS message than signed data")
    signed = outer.inside(_EXPLICIT).inside(_SEQUENCE)
    signed.take(_INTEGER)
    signed.take(_SET)
    content = signed.inside(_SEQUENCE)
    content.take(_OBJECT)
    if content.at_end:
        raise DerProblem("the signature stands alone, without the content that was signed")
    return content.inside(_EXPLICIT).take(_OCTETS)


class _Reader:
    """Walks along the elements of a constructed value."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self._at >= len(self._data)

    def inside(self, tag: int) -> _Reader:
        """Pass an element with this tag and return a reader of what it holds."""
        return _Reader(self.take(tag))

    def take(self, tag: int) -> bytes:
        """Pass an element with this tag and return its value."""
        found = self._byte()
        if found != tag:
            raise DerProblem(f"byte 0x{found:02x} stands where 0x{tag:02x} should")
        length = self._length()
        end = self._at + length
        if end > len(self._data):
            raise DerProblem("it is cut off")
        value, self._at = self._data[self._at : end], end
        return value

    def _byte(self) -> int:
        if self.at_end:
            raise DerProblem("it is cut off")
        self._at += 1
        return self._data[self._at - 1]

    def _length(self) -> int:
        first = self._byte()
        if first < _LONG:
            return first
        count = first - _LONG
        if not 1 <= count <= _WIDEST:
            raise DerProblem("an element has no length that DER allows")
        return int.from_bytes(bytes(self._byte() for _ in range(count)), "big")
