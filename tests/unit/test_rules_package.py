"""One thing broken in a healthy walk, and exactly the rules that must report it: package, archive, images."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from ota_proxy.facts.install import ImageFacts, InstallFacts, NetError, Response, Visit
from tests.support.facts import (
    ICON_URL,
    IPA,
    PACKAGE_URL,
    PNG,
    answered,
    archive,
    failing,
    healthy,
    manifest,
    manifest_data,
    package,
    part,
    reported,
    respond,
    statuses,
    unpack,
    visit,
    with_package,
)

HTML = b"<!doctype html><html><title>App</title><div id=root></div></html>"
LOGIN = b"<!doctype html><form><input name=user><input type='password'></form>"


def step(name: str, status: int | None = None, body: bytes | None = None, **headers: str) -> InstallFacts:
    return with_package(**{name: answered(getattr(package(), name), status, body, **headers)})


def steps(*names: str, status: int | None = None, body: bytes | None = None, **headers: str) -> InstallFacts:
    return with_package(**{name: answered(getattr(package(), name), status, body, **headers) for name in names})


def ranged(response: Response, name: str = "ranged") -> InstallFacts:
    old: Visit = getattr(package(), name)
    return with_package(**{name: replace(old, hops=(replace(old.last, response=response),))})


EVERY = ("head", "get", "ranged", "tail", "resumed", "conditional", "second", "compressed", "compressed_head", "h1")
WHOLE = respond(200, {"Content-Type": "application/octet-stream", "Content-Length": str(len(IPA))}, IPA)


ENCODED = {"content_encoding": "gzip", "content_length": "", "accept_ranges": "", "etag": "W/x"}
DOWNLOAD = {
    "404": (steps(*EVERY, status=404, body=b""), {"OTA401"}),
    "503": (steps(*EVERY, status=503, body=b""), {"OTA401"}),
    "403": (steps(*EVERY, status=403, body=b""), {"OTA402"}),
    "401": (steps(*EVERY, status=401, body=b""), {"OTA402"}),
    "a login page is 402, not 405 or 411": (
        steps(*EVERY, status=200, body=LOGIN, content_type="text/html"),
        {"OTA402"},
    ),
    "HEAD 405": (step("head", 405), {"OTA403"}),
    "HEAD 403 of an address signed for GET": (step("head", 403), {"OTA403"}),
    "an address that works once, burnt by HEAD, is not there for GET": (
        steps(*EVERY[1:], status=410, body=b""),
        {"OTA401"},
    ),
    "an address that works once, burnt by GET": (
        steps("ranged", "tail", "second", "resumed", status=403, body=b""),
        {"OTA404"},
    ),
    "a rate limit is no single use": (steps("second", status=429, body=b""), set()),
    "a web page instead of the archive is 405, not 411": (
        steps(*EVERY, status=200, body=HTML, content_type="text/html"),
        {"OTA405"},
    ),
    "an empty file": (steps("get", "second", "h1", "compressed", body=b""), {"OTA405"}),
    "a range answered with everything": (ranged(WHOLE), {"OTA406"}),
    "a tail answered with everything": (ranged(WHOLE, "tail"), {"OTA406"}),
    "416 on a valid offset": (step("ranged", 416, b""), {"OTA407"}),
    "500 to ranges only": (steps("ranged", "tail", "resumed", status=500, body=b""), {"OTA407"}),
    "206 without Content-Range": (step("ranged", content_range=""), {"OTA407"}),
    "another range than asked for": (ranged(part(0, 19)), {"OTA407"}),
    "another size in Content-Range": (step("ranged", content_range="bytes 20-39/99999"), {"OTA407"}),
    "other bytes than the whole file has": (step("ranged", None, bytes(20)), {"OTA407"}),
    "fewer bytes than its Content-Range": (step("ranged", None, IPA[20:30]), {"OTA407"}),
    "If-Range with the server's own validator brings everything": (ranged(WHOLE, "resumed"), {"OTA407"}),
    "no length": (steps("get", "head", "second", content_length=""), {"OTA408"}),
    "gzip on request is 409 only": (step("compressed", None, None, **ENCODED), {"OTA409"}),
    "gzip on every answer is 409, and not 405, 406, 408 or 410": (
        with_package(
            **{
                name: answered(getattr(package(), name), 200, b"\x1f\x8bgzip", **ENCODED)
                for name in EVERY
                if name != "head"
            }
        ),
        {"OTA409"},
    ),
    "gzip on request where ranges are broken anyway": (
        with_package(
            ranged=replace(package().ranged, hops=(replace(package().ranged.last, response=WHOLE),)),
            compressed=answered(package().compressed, None, None, **ENCODED),
        ),
        {"OTA406", "OTA409"},
    ),
    "HEAD has another length": (step("head", content_length="5"), {"OTA410"}),
    "HEAD has another type": (step("head", content_type="text/html"), {"OTA410"}),
    "HEAD has another validator": (step("head", etag='"other"'), {"OTA410"}),
    "text/plain": (steps("head", "get", content_type="text/plain"), {"OTA411"}),
    "no type": (steps("head", "get", content_type=""), {"OTA411"}),
    "application/x-itunes-ipa is right": (steps("head", "get", content_type="application/x-itunes-ipa"), set()),
    "validators of another node in a range alone are 414": (step("ranged", etag='"other"'), {"OTA414"}),
    "HEAD from the node that a range comes from is 414, not 410": (
        steps("head", "ranged", etag='"other"'),
        {"OTA414"},
    ),
    "a range without a validator": (step("ranged", etag=""), set()),
    "another range than asked for at the end is 407, not 413": (ranged(part(0, 19), "tail"), {"OTA407"}),
    "a tail of a smaller file is 407, not 413": (
        step("tail", None, bytes(10), content_range="bytes 0-9/10"),
        {"OTA407"},
    ),
    "a tail without Content-Range is 407, not 413": (step("tail", content_range=""), {"OTA407"}),
    "validators that change are 414, not 410": (steps("get", etag='"1"'), {"OTA414"}),
    "validators that change and break a resume are 414 and 407": (
        with_package(
            get=answered(package().get, etag='"1"'),
            resumed=replace(package().ranged, hops=(replace(package().ranged.last, response=WHOLE),)),
        ),
        {"OTA407", "OTA414"},
    ),
    "a short read": (
        with_package(
            get=replace(
                package().get,
                hops=(
                    replace(
                        package().get.last,
                        response=replace(
                            respond(
                                200,
                                {
                                    "Content-Type": "application/octet-stream",
                                    "Content-Length": str(len(IPA)),
                                    "ETag": '"5f-1"',
                                },
                                IPA[:-30],
                            ),
                            complete=False,
                            broken=NetError("reset", "the connection broke"),
                        ),
                    ),
                ),
            )
        ),
        {"OTA413"},
    ),
    "an icon that is not there": (
        healthy(images=(ImageFacts("display-image", ICON_URL, visit(ICON_URL, respond(404))),)),
        {"OTA415"},
    ),
    "an icon that is a web page": (
        healthy(
            images=(
                ImageFacts(
                    "display-image", ICON_URL, visit(ICON_URL, respond(200, {"Content-Type": "image/png"}, HTML))
                ),
            )
        ),
        {"OTA415"},
    ),
}


def built(data: bytes) -> InstallFacts:
    return healthy(packages=(package(data),))


def flagged(bits: int, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A package whose first local header has these general-purpose bits."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        target.writestr(zipfile.ZipInfo("Payload/a"), b"content" * 9)
    whole = bytearray(buffer.getvalue())
    struct.pack_into("<H", whole, 6, bits)
    return bytes(whole)


class _Pipe(io.RawIOBase):
    """A stream that cannot seek: zipfile writes sizes behind the data then."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:  # noqa: ANN401 - any buffer
        self.data += bytes(chunk)
        return len(chunk)


def streamed() -> bytes:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("Payload/Demo.app/a", b"content " * 500)
        target.writestr("Payload/Demo.app/b", b"other " * 500)
    return bytes(pipe.data)


def disks() -> bytes:
    whole = bytearray(IPA)
    struct.pack_into("<H", whole, whole.rfind(b"PK\x05\x06") + 4, 1)
    return bytes(whole)


ARCHIVES = {
    "many entries": (built(archive(40)), set()),
    "deflated entries with their sizes behind the data": (built(streamed()), set()),
    "a stored entry with its size behind the data": (built(flagged(8)), {"OTA412"}),
    "an encrypted entry": (built(flagged(1)), {"OTA412"}),
    "junk before the first header is 412, not 405": (built(b"junk before" + IPA), {"OTA412"}),
    "a size that leads nowhere": (built(IPA[:18] + struct.pack("<I", 7) + IPA[22:]), {"OTA412"}),
    "one part of a multi-disk archive": (built(disks()), {"OTA412"}),
    "no end record": (built(IPA[:-22]), {"OTA413"}),
    "no archive at all is 405": (built(b"something else" * 20), {"OTA405"}),
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(*case, id=f"{group}: {name}")
        for group, cases in (
            ("package", DOWNLOAD),
            ("archive", ARCHIVES),
        )
        for name, case in cases.items()
    ],
)
def test_exactly_the_expected_rules_report(facts: InstallFacts, expected: set[str]) -> None:
    assert reported(facts) == expected


def test_a_package_that_cannot_be_reached_passes_no_rule() -> None:
    dead = {name: failing(PACKAGE_URL, "refused") for name in EVERY}
    found = statuses(with_package(**dead, size=None, reference=b""))
    assert {status for id_, status in found.items() if id_.startswith("OTA4") and id_ != "OTA415"} == {"no-verdict"}


def test_a_large_package_is_judged_only_as_far_as_it_was_read() -> None:
    seen = package()
    assert seen.get.response is not None
    response = replace(seen.get.response, body=IPA[:100], received=100, truncated=True)
    get = replace(seen.get, hops=(replace(seen.get.last, response=response),))
    found = statuses(with_package(get=get, unpacked=unpack(IPA[:100])))
    assert found["OTA412"] == found["OTA413"] == "no-verdict"
    assert found["OTA405"] == "passed"


def test_an_image_at_an_internal_address_is_313_and_not_missing_too() -> None:
    data = manifest_data()
    data["items"][0]["assets"][1]["url"] = "https://10.0.0.7/icon.png"
    dead = ImageFacts("display-image", "https://10.0.0.7/icon.png", failing("https://10.0.0.7/icon.png", "refused"))
    assert reported(healthy(manifest=manifest(data), images=(dead,))) == {"OTA313"}


def test_images_are_known_by_their_first_bytes() -> None:
    shown = visit(ICON_URL, respond(200, {"Content-Type": "application/octet-stream"}, PNG))
    assert reported(healthy(images=(ImageFacts("display-image", ICON_URL, shown),))) == set()
