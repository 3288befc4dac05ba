"""Hostile archives, profiles and signatures end in facts or in a sentence, and never ask for a byte that is not there."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.apps.archive import ArchiveProblem
from ota_proxy.apps.bundle import read_app
from ota_proxy.apps.manifest import ChunkHasher, hasher_for
from ota_proxy.apps.profile import read_profile
from ota_proxy.facts.app import AppFacts, Profile
from ota_proxy.facts.install import Asset
from tests.support.apps import drive, example_profile, files, packed, sparse_package

_SPARSE = sparse_package(300, files())
WIDE = _SPARSE.read(0, _SPARSE.size)
PLAIN = packed(files())
PROFILE = example_profile()
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=12)


def mutated(data: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(data)
    for at, value in changes:
        changed[at % len(changed)] = value
    return bytes(changed[: len(changed) - cut % 40])


def looked_at(data: bytes) -> AppFacts | str:
    try:
        return drive(read_app(len(data)), data)
    except ArchiveProblem as problem:
        return str(problem)


@settings(deadline=None)  # a busy machine is no finding
@given(st.sampled_from([PLAIN, WIDE]), CHANGES, st.integers(0, 39))
def test_a_changed_archive_is_read_or_refused_in_words(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    found = looked_at(mutated(data, changes, cut))
    assert found
    assert isinstance(found, (AppFacts, str))


@settings(deadline=None)  # a busy machine is no finding
@given(st.sampled_from([PLAIN, WIDE]), st.integers(1, 120), st.binary(min_size=1, max_size=120))
def test_a_changed_end_is_read_or_refused_in_words(data: bytes, back: int, new: bytes) -> None:
    """The records at the end say where everything else is."""
    at = len(data) - back
    assert looked_at((data[:at] + new + data[at + len(new) :])[: len(data)])


@settings(deadline=None)  # a busy machine is no finding
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    assert looked_at(data)
    assert isinstance(read_profile(data), str)


@settings(deadline=None)  # a busy machine is no finding
@given(CHANGES, st.integers(0, 39))
def test_a_changed_profile_is_read_or_refused_in_words(changes: list[tuple[int, int]], cut: int) -> None:
    found = read_profile(mutated(PROFILE, changes, cut))
    assert found
    assert isinstance(found, (Profile, str))


@settings(deadline=None)  # a busy machine is no finding
@given(st.binary(max_size=500), st.integers(1, 200), st.lists(st.integers(1, 90)), st.sampled_from(["md5", "sha256"]))
def test_chunks_are_hashed_alike_however_the_bytes_arrive(
    data: bytes, chunk: int, pieces: list[int], name: str
) -> None:
    cuts = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    expected = tuple(hashlib.new(name, one).hexdigest() for one in cuts)
    hasher = hasher_for([Asset("software-package", "u", ("x",) * max(2, len(expected)), name, chunk)])
    assert hasher is not None
    for size in pieces:
        hasher.feed(data[:size])
        data = data[size:]
    hasher.feed(data)
    assert hasher.seen().found == expected


@settings(deadline=None)  # a busy machine is no finding
@given(st.binary(min_size=50, max_size=500), st.integers(1, 4))
def test_no_more_chunks_are_hashed_than_prove_that_there_are_too_many(data: bytes, chunk: int) -> None:
    hasher = ChunkHasher("sha256", chunk, ("a", "b"))
    hasher.feed(data)
    assert len(hasher.seen().found) == 3
