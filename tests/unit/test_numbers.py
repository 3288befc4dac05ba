"""Numbers and times as others write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ota_proxy import numbers

ODD = (
    "",
    " ",
    "²",
    "٣",
    "５",
    "+5",
    "-5",
    " 5",
    "5 ",
    "1_000",
    "0x5",
    "5,5",
    "5.0",
    "1e3",
    "½",
    "é",
    "\0",
    "nan",
    "inf",
)
HUGE = "9" * 5000


@pytest.mark.parametrize("text", ODD)
def test_only_ascii_digits_are_a_number(text: str) -> None:
    assert numbers.whole(text) is None
    assert numbers.port(text) is None
    assert numbers.content_range(f"bytes {text}-5/9") is None
    assert numbers.content_range(f"bytes 0-{text}/9") is None


def test_a_number_of_any_length_is_read() -> None:
    assert numbers.whole("0005") == 5
    assert numbers.whole("0" * 5000) == 0
    assert numbers.whole(HUGE) == 10**18 - 1
    assert numbers.whole(str(2**59)) == 2**59
    assert numbers.port("65535") == 65535
    assert numbers.port("65536") is None
    assert numbers.port(HUGE) is None


def test_times_in_seconds_may_stand_in_quotes_and_between_blanks() -> None:
    assert [numbers.seconds(text) for text in (" 60 ", '"60"', "60s", "-1", "²")] == [60, 60, None, None, None]


def test_a_content_range_has_three_numbers_or_a_star() -> None:
    assert numbers.content_range(" bytes 1-2/3 ") == (1, 2, 3)
    assert numbers.content_range("bytes 1-2/*") == (1, 2, None)
    assert numbers.content_range(f"bytes {HUGE}-{HUGE}/{HUGE}") == (10**18 - 1,) * 3
    for text in ("", "bytes */3", "1-2/3", "bytes=1-2/3", "bytes 1-2", "bytes ²-3/4"):
        assert numbers.content_range(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "now", "Mon, 00 Jan 2024 00:00:00 GMT", "Mon, 01 Jan -001 00:00:00 GMT", "²", "é" * 20),
        *("Mon, 01 Jan 99999 00:00:00 GMT", "Mon, 99 Jan 2024 99:99:99 GMT", HUGE, f"Mon, 01 Jan {HUGE} 00:00:00 GMT"),
        *("Mon, 01 Jan 2024 00:00:00 +999999999", "Mon, 01 Jan 2024 00:00:00 -0000"),
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert numbers.date(text) is None


def test_a_date_has_its_zone() -> None:
    assert numbers.date("Mon, 01 Jan 2024 00:00:00 GMT") == datetime(2024, 1, 1, tzinfo=UTC)
