# ruff: noqa: ANN401 - builders pass changed fields on to replace()
"""The end of a package, where a download that stopped late goes on, and addresses that are one build's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ota_proxy.facts.install import InstallFacts
from tests.support.facts import (
    IPA,
    PACKAGE_URL,
    answered,
    outcomes,
    package,
    part,
    reported,
    respond,
    visit,
    with_package,
)

LAST = len(IPA) - 1
FOR_EVER = "public, max-age=31536000, immutable"


def ended(**changed: Any) -> InstallFacts:
    """The healthy walk with the request for the last byte, and with the end of the whole file to compare."""
    seen = visit(PACKAGE_URL, part(LAST, LAST), headers={"Range": f"bytes={LAST}-"})
    return with_package(**{"end": seen, "tail_reference": IPA[-100:], **changed})


def test_an_end_as_the_whole_file_has_it_is_fine() -> None:
    assert reported(ended()) == set()


def test_a_last_byte_that_is_refused_is_a_broken_range() -> None:
    seen = visit(PACKAGE_URL, respond(416), headers={"Range": f"bytes={LAST}-"})
    assert reported(ended(end=seen)) == {"OTA407"}


@pytest.mark.parametrize("step", ["tail", "end"])
def test_other_bytes_at_the_end_are_a_broken_range_with_their_place(step: str) -> None:
    good = getattr(ended().packages[0], step)
    body = good.response.body
    walk = ended(**{step: answered(good, None, bytes(byte ^ 255 for byte in body))})
    (one,) = [o for o in outcomes(walk) if o.rule.id == "OTA407" and o.status == "failed"]
    start = len(IPA) - len(body)
    assert f"brings other bytes than the whole file has at {max(start, len(IPA) - 100)}" in one.message


def test_an_end_that_was_not_read_is_not_compared() -> None:
    good = ended().packages[0].tail
    assert good.response is not None
    flipped = answered(good, None, bytes(byte ^ 1 for byte in good.response.body[:40]) + good.response.body[40:])
    assert "OTA407" not in reported(ended(tail=flipped, tail_reference=b""))
    assert "OTA407" in reported(ended(tail=flipped))


@pytest.mark.parametrize(
    ("address", "unique"),
    [
        ("/App.ipa", False),
        ("/ota/App.ipa", False),
        ("/v1/App.ipa", False),
        ("/downloads/ios/stable/App.ipa", False),
        ("/production2/App.ipa", False),
        ("/MyCompanyInternalBuilds/App.ipa", False),
        ("/App.ipa?source=page", False),
        ("/App-1.2.ipa", True),
        ("/r/2f9ac41be0d7/App.ipa", True),
        ("/builds/142/App.ipa", True),
        ("/build57/App.ipa", True),
        ("/1.2.3/App.ipa", True),
        ("/2026-11-28/App.ipa", True),
        ("/8c6d3f0e-52c1-4a53-9c0e-4d6cf0e0a111/App.ipa", True),
        ("/dl/kX9fQ2bTzL/App.ipa", True),
        ("/dl/hTqRZbLwXYmkPdQs/App.ipa", True),
        ("/App.ipa?v=1.2", True),
        ("/App.ipa?build=57", True),
        ("/App.ipa?20261128", True),
        ("/App.ipa?sha=2f9ac41be0d7", True),
    ],
)
def test_a_folder_or_a_query_may_tell_one_build_from_the_next(address: str, *, unique: bool) -> None:
    seen = replace(package(), url=f"https://ota.example.com{address}")
    kept = replace(seen, get=answered(seen.get, cache_control=FOR_EVER))
    walk = with_package(**{name: getattr(kept, name) for name in ("url", "get")})
    assert ("OTA414" in reported(walk)) is not unique
