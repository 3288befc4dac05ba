"""Whole walks along servers that answer with what no grammar allows: each ends in facts, a verdict and a report, whatever stands in a header."""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.report.formats import FORMATS, render
from ota_proxy.report.report import Report, TargetReport
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts, Outcome
from tests.property.poison import commands, unseen
from tests.support.walked_site import BASE, PACKAGE, Site, manifest, walked

HUGE = "9" * 5000
NUMBERS = ("é", "²", "٣", HUGE, "+5", "5,5", "0x5", "1_0", "-1", "", "½", "1e9")
HEADERS: tuple[dict[str, str], ...] = (
    *({"ETag": value} for value in ('"é"', '"²"', "é", 'W/"é', '"', '"\x80\xff"', f'"{"x" * 9000}"')),
    *({"Age": value, "Retry-After": value} for value in NUMBERS),
    *(
        {
            "Cache-Control": f"max-age={value}, s-maxage={value}",
            "Strict-Transport-Security": f'max-age="{value}"; preload',
            "Age": "0",
        }
        for value in NUMBERS
    ),
    *({"Content-Range": f"bytes {value}-{value}/{value}"} for value in NUMBERS[:5]),
    *(
        {"Last-Modified": f"Mon, 01 Jan {year} 00:00:00 GMT", "Date": f"Mon, 01 Jan {year} 00:00:00 GMT"}
        for year in ("0000", "0001", "9999", "99999", "²", HUGE)
    ),
    {"Content-Type": "é/²; charset=é", "Content-Encoding": "é, gzip"},
    {"Content-Type": ";", "Content-Disposition": "attachment; filename*=é''%zz"},
    {"Server": "nginx/²", "Allow": "é", "Vary": "²", "Link": "<https://[bad/>; rel=é"},
    {"Content-Security-Policy": "frame-ancestors é ;; ;", "X-Frame-Options": "²", "X-Robots-Tag": "é"},
    {"WWW-Authenticate": "Basic realm=é", "Set-Cookie": "é=²; Max-Age=²; Expires=²"},
    {"Location": "https://[bad/"},
    {"Location": "https://ota.example.com:²/"},
    {"Location": f"https://ota.example.com:{HUGE}/"},
    {"Location": "//\\é²"},
    {"Alt-Svc": f'h3=":{HUGE}"; ma=²'},
)
STATUSES = (200, 302, 401, 404, 429, 503)


def answered(status: int, headers: Mapping[str, str], body: bytes, method: str) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("utf-8")
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n".encode() + fields + b"\r\n"
    return head if method == "HEAD" else head + body


def judged(tmp_path: Path, site: Site, start: str) -> tuple[Outcome, ...]:
    """Walk, judge and render in every format."""
    facts = Facts(install=walked(tmp_path, site, start, options={"packages": 1, "images": 1}), server="nginx")
    outcomes = evaluate(facts, start, "c")
    report = Report((TargetReport(start, "nginx", "", "", None, outcomes, facts),))
    for name in FORMATS:
        rendered = render(report, name, root=tmp_path)
        assert (unseen(rendered), commands(rendered)) == ([], [])
    return outcomes


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: ascii(next(iter(headers.items())))[:60])
def test_no_header_keeps_a_walk_from_its_verdict(tmp_path: Path, headers: dict[str, str]) -> None:
    def hook(method: str, path: str, _headers: dict[str, str]) -> bytes | None:
        body = site.files.get(path.partition("?")[0])
        status = 302 if "Location" in headers and path.endswith(".ipa") else 206 if "Content-Range" in headers else 200
        return None if body is None else answered(status, headers, body, method)

    site = Site(hook=hook)
    assert judged(tmp_path, site, f"{BASE}/ota/manifest.plist")


@pytest.mark.parametrize("status", STATUSES)
def test_no_status_does_either(tmp_path: Path, status: int) -> None:
    headers = {name: value for one in HEADERS[::3] for name, value in one.items()}
    site = Site(hook=lambda method, path, _: answered(status, headers, site.files.get(path, b"x"), method))
    assert judged(tmp_path, site, f"{BASE}/")


def binary(*objects: bytes) -> bytes:
    """Put a binary property list together from its objects; references in them are one byte."""
    places = [8 + sum(map(len, objects[:index])) for index in range(len(objects))]
    trailer = struct.pack(">6xBBQQQ", 2, 1, len(objects), 0, 8 + sum(map(len, objects)))
    return b"bplist00" + b"".join(objects) + b"".join(place.to_bytes(2, "big") for place in places) + trailer


MANIFESTS: dict[str, Any] = {
    "a number of 100,000 bits": {"items": [{"metadata": {"bundle-version": 1 << 100_000, "title": 1 << 100_000}}]},
    "a number of 64 bits": {"items": [{"metadata": {"title": (1 << 64) - 1}, "assets": [{"kind": 7, "url": 1 << 63}]}]},
    "numbers for keys": binary(b"\xd2\x01\x02\x03\x01", b"\x10\x07", b"\x55items", b"\xa1\x00"),
    "a URL that is none": {"items": [{"assets": [{"kind": "software-package", "url": "https://[bad/a.ipa"}]}]},
    "a port that is none": {"items": [{"assets": [{"kind": "software-package", "url": "https://a.b:²/a.ipa"}]}]},
    "a huge port": {"items": [{"assets": [{"kind": "software-package", "url": f"https://a.b:{HUGE}/a.ipa"}]}]},
    "a chunk size of nothing": {
        "items": [
            {
                "assets": [
                    {
                        "kind": "software-package",
                        "url": f"{BASE}/ota/app.ipa",
                        "sha256s": ["a", "b"],
                        "sha256-size": size,
                    }
                ]
            }
            for size in (-1, 0, (1 << 63) - 1, True)
        ]
    },
    "lists for texts": {"items": [{"metadata": [[]], "assets": [{"kind": [], "url": {}}]}]},
    "not a number": {"items": [{"metadata": {"title": float("nan"), "bundle-version": float("inf")}}]},
}


@pytest.mark.parametrize("data", MANIFESTS.values(), ids=MANIFESTS)
def test_no_value_of_a_manifest_keeps_a_walk_from_its_verdict(tmp_path: Path, data: object) -> None:
    site = Site()
    site.files["/ota/manifest.plist"] = _binary(data)
    assert judged(tmp_path, site, f"{BASE}/ota/manifest.plist")


def _binary(data: Any) -> bytes:  # noqa: ANN401 - any property list
    if isinstance(data, bytes):
        return data
    try:
        return plistlib.dumps(data, fmt=plistlib.FMT_BINARY)
    except OverflowError:  # too many bits for Python to write: written in XML, as hexadecimal digits
        number = "0x" + "f" * 25_000
        body = f"<dict><key>items</key><array><dict><key>metadata</key><dict><key>title</key><integer>{number}</integer></dict></dict></array></dict>"
        return f'<?xml version="1.0"?><plist version="1.0">{body}</plist>'.encode()


LINKS = (
    "itms-services://?action=download-manifest&url=https%3A%2F%2F%5Bbad%2F",
    "itms-services://?action=download-manifest&url=https%3A%2F%2Fa.b%3A%C2%B2%2F",
    "itms-services://?action=download-manifest&url=https%3A%2F%2F%00%2F",
    "itms-services://?action=download-manifest&url=https%3A%2F%2F" + "a" * 300 + "%2F",
    "itms-services://?action=download-manifest&url=" + "é" * 5000,
)


@pytest.mark.parametrize("link", LINKS, ids=range(len(LINKS)))
def test_no_link_of_a_page_does(tmp_path: Path, link: str) -> None:
    site = Site()
    site.files["/"] = f'<a href="{link}">x</a><iframe src="https://[bad/"></iframe><base href="//[">'.encode()
    assert judged(tmp_path, site, f"{BASE}/")


def test_the_same_walk_without_any_of_it_is_judged_too(tmp_path: Path) -> None:
    site = Site()
    outcomes = judged(tmp_path, site, f"{BASE}/ota/manifest.plist")
    assert sum(one.status == "passed" for one in outcomes) > 20
    assert manifest() == site.files["/ota/manifest.plist"]
    assert site.files["/ota/app.ipa"] == PACKAGE
