"""A small file stays a small matter: property lists, archives and profiles made to exhaust us are refused within a bound of memory and work."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable

import pytest

from ota_proxy import limits
from ota_proxy.apps.manifest import parse_manifest
from ota_proxy.apps.plist import PlistProblem, load_plist

ROOM = 192 << 20
"""Bytes of address space that reading may take beyond what the interpreter has."""


def binary(objects: list[bytes]) -> bytes:
    """Put a binary property list together; references are two bytes, the first object is the root."""
    places, at = [], 8
    for one in objects:
        places.append(at)
        at += len(one)
    offsets = b"".join(place.to_bytes(4, "big") for place in places)
    return b"bplist00" + b"".join(objects) + offsets + struct.pack(">6xBBQQQ", 4, 2, len(objects), 0, at)


def array(*references: int) -> bytes:
    return b"\xaf\x12" + len(references).to_bytes(4, "big") + b"".join(one.to_bytes(2, "big") for one in references)


def mapping(keys: list[int], values: list[int]) -> bytes:
    return b"\xdf\x12" + len(keys).to_bytes(4, "big") + b"".join(one.to_bytes(2, "big") for one in (*keys, *values))


def text(word: str) -> bytes:
    return b"\x5f\x12" + len(word).to_bytes(4, "big") + word.encode("ascii")


def wide(width: int, levels: int) -> bytes:
    """Arrays of `width` references, all to the next one: width to the power of levels values."""
    return binary([array(*[level + 1] * width) for level in range(levels)] + [text("x")])


def shared(times: int, size: int) -> bytes:
    """A list that refers to one long text many times."""
    return binary([array(*[1] * times), text("x" * size)])


def shared_url(times: int, size: int) -> bytes:
    """A manifest of many assets that share one long URL."""
    names = ["items", "assets", "kind", "url", "software-package", "https://a.example/" + "x" * size]
    first = 4
    objects = [mapping([first], [1]), array(2), mapping([first + 1], [3]), array(*[first + 6] * times)]
    return binary([*objects, *map(text, names), mapping([first + 2, first + 3], [first + 4, first + 5])])


FILES: dict[str, Callable[[], bytes]] = {
    "a wide tree of two levels": lambda: wide(15_000, 2),
    "a wide tree of three levels": lambda: wide(2_000, 3),
    "a deep tree": lambda: wide(2, 60),
    "a circle": lambda: binary([array(0, 0)]),
    "a circle of two": lambda: binary([array(1, 1), array(0, 0)]),
    "one text many times": lambda: shared(20_000, 40_000),
    "one URL for many assets": lambda: shared_url(200, 900_000),
    "a key many times": lambda: binary([array(*[1] * 20_000), mapping([2], [2]), text("k" * 20_000)]),
    "a number of 32 KiB": lambda: binary([b"\x1f" + b"\x7f" * 32768]),
    "an offset table of 2^60": lambda: b"bplist00\x08" + struct.pack(">6xBBQQQ", 1, 1, 1 << 60, 0, 8),
    "a length of 2^60": lambda: binary([b"\x5f\x13" + (1 << 60).to_bytes(8, "big")]),
    "XML of 300,000 elements": lambda: b"<plist><array>" + b"<true/>" * 149_000 + b"</array></plist>",
    "XML 100,000 deep": lambda: b"<plist>" + b"<array>" * 100_000,
    "a billion laughs": lambda: (
        b'<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]><plist><string>&j;</string></plist>"
    ),
    "parameter entities": lambda: (
        b"<!DOCTYPE plist [<!ENTITY % a \"<!ENTITY b 'c'>\"> %a;]><plist><string>&b;</string></plist>"
    ),
    "an external entity": lambda: (
        b'<!DOCTYPE plist [<!ENTITY a SYSTEM "file:///dev/zero">]><plist><string>&a;</string></plist>'
    ),
    "an external DTD": lambda: b'<!DOCTYPE plist SYSTEM "file:///dev/zero"><plist><string>&a;</string></plist>',
    "a number of 400,000 digits": lambda: b"<plist><integer>" + b"9" * 400_000 + b"</integer></plist>",
    "a hexadecimal number of 400,000 digits": lambda: b"<plist><integer>0x" + b"f" * 400_000 + b"</integer></plist>",
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_a_hostile_list_is_refused_and_never_crashes(make: Callable[[], bytes]) -> None:
    data = make()
    assert len(data) <= limits.PLIST
    with pytest.raises(PlistProblem):
        load_plist(data)
    parsed = parse_manifest(data)
    assert parsed.data is None
    assert parsed.unsafe or parsed.error


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a process is read from /proc")
@pytest.mark.parametrize(
    "name", ["a wide tree of two levels", "one text many times", "one URL for many assets", "a deep tree"]
)
def test_it_takes_little_memory(name: str) -> None:
    """The limit is the kernel's: beyond it every allocation of the process fails, and the program ends with a MemoryError."""
    program = (
        "import resource, sys\n"
        "from ota_proxy.apps.manifest import parse_manifest\n"
        "data = sys.stdin.buffer.read()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (used + {ROOM},) * 2)\n"
        "found = parse_manifest(data)\n"
        "assert found.unsafe, found.error\n"
        "print(found.unsafe)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=FILES[name](), capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"unfold" in done.stdout


def test_what_honest_lists_have_is_within_the_bounds() -> None:
    assets = [{"kind": "software-package", "url": f"https://a.example/{number}.ipa"} for number in range(1000)]
    import plistlib  # noqa: PLC0415 - the writer, which only this test needs

    for kind in (plistlib.FMT_BINARY, plistlib.FMT_XML):
        assert load_plist(plistlib.dumps({"items": [{"assets": assets}]}, fmt=kind))["items"][0]["assets"] == assets


def test_values_are_counted_as_often_as_they_are_met() -> None:
    fits, exceeds = limits.PLIST_VALUES // 4 - 2, limits.PLIST_VALUES // 4 + 2
    assert len(load_plist(shared(fits, 1))) == fits
    assert load_plist(binary([array(1, 1, 1), array(*[2] * fits), text("x")]))[2] == ["x"] * fits
    with pytest.raises(PlistProblem, match="unfolds into more than"):
        load_plist(binary([array(1, 1, 1, 1), array(*[2] * exceeds), text("x")]))
