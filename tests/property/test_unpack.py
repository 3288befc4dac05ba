"""The front-to-back reading of an archive finds its central directory however the bytes arrive, and never crashes on others."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Buffer

from ota_proxy.device.bodies import Unpacker
from ota_proxy.facts.install import Unpacked

CONTENTS = st.lists(st.binary(max_size=3000), min_size=1, max_size=6)


class Pipe(io.RawIOBase):
    """A stream that cannot seek: zipfile then writes sizes behind the data."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, chunk: Buffer) -> int:
        self.data += bytes(chunk)
        return len(bytes(chunk))


def packed(contents: list[bytes], method: int, *, streamed: bool) -> bytes:
    target = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for index, content in enumerate(contents):
            archive.writestr(f"Payload/Demo.app/{index}", content)
    return bytes(target.data) if isinstance(target, Pipe) else target.getvalue()


def read(data: bytes, size: int) -> Unpacked:
    reader = Unpacker()
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    return reader.seen()


@given(
    CONTENTS,
    st.sampled_from([(zipfile.ZIP_STORED, False), (zipfile.ZIP_DEFLATED, False), (zipfile.ZIP_DEFLATED, True)]),
    st.integers(1, 5000),
)
def test_a_good_archive_is_read_to_its_central_directory_in_pieces_of_any_size(
    contents: list[bytes], kind: tuple[int, bool], size: int
) -> None:
    data = packed(contents, kind[0], streamed=kind[1])
    seen = read(data, size)
    assert seen.whole
    assert not seen.problem
    assert data[seen.end :].startswith(b"PK\x01\x02")


@given(CONTENTS, st.integers(1, 5000))
def test_a_stored_entry_with_its_size_behind_the_data_is_found(contents: list[bytes], size: int) -> None:
    seen = read(packed(contents, zipfile.ZIP_STORED, streamed=True), size)
    assert seen.problem == "'Payload/Demo.app/0' is stored with its size behind the data (bit 3)"


@given(CONTENTS, st.integers(1, 5000), st.data())
def test_a_cut_archive_is_never_called_whole(contents: list[bytes], size: int, data: st.DataObject) -> None:
    full = packed(contents, zipfile.ZIP_DEFLATED, streamed=False)
    directory = full.index(b"PK\x01\x02")
    seen = read(full[: data.draw(st.integers(0, directory))], size)
    assert not seen.whole
    assert not seen.problem


@given(st.binary(max_size=400), st.integers(1, 100))
def test_any_bytes_are_read_without_a_crash(data: bytes, size: int) -> None:
    assert read(b"PK\x03\x04" + data, size).end <= len(data) + 4


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_something_before_the_first_header_is_counted(size: int) -> None:
    data = b"junk" + packed([b"content"], zipfile.ZIP_STORED, streamed=False)
    assert read(data, size).problem == "4 bytes precede its first header"
