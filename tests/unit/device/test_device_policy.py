"""Lifetimes of certificates at the days on which the rules change, and what the parts of a device send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ota_proxy.device import http
from ota_proxy.device.http import Agent
from ota_proxy.policy import apple_tls

DAY = timedelta(days=1)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("issued", "public", "private"),
    [
        ("2019-06-30", None, None),
        ("2019-07-01", 825, 825),
        ("2020-08-31", 825, 825),
        ("2020-09-01", 398, 825),
        ("2026-03-14", 398, 825),
        ("2026-03-15", 200, 825),
        ("2027-03-15", 100, 825),
        ("2029-03-15", 47, 825),
    ],
)
def test_the_allowed_life_depends_on_the_day_of_issue_and_the_kind_of_ca(
    issued: str, public: int | None, private: int | None
) -> None:
    assert apple_tls.allowed_days(day(issued), public=True) == public
    assert apple_tls.allowed_days(day(issued), public=False) == private


def test_both_ends_count_so_a_certificate_may_be_a_second_too_long() -> None:
    start = day("2026-06-01")
    assert not apple_tls.too_long(start, start + 200 * DAY - timedelta(seconds=1), public=True)
    assert apple_tls.too_long(start, start + 200 * DAY, public=True)
    assert not apple_tls.too_long(start, start + 200 * DAY, public=False)


@pytest.mark.parametrize(("days", "left"), [(398, 21), (90, 21), (47, 15.7), (6, 2)])
def test_the_warning_comes_at_three_weeks_or_a_third_of_the_life_whichever_is_later(days: int, left: float) -> None:
    start = day("2026-06-01")
    end = start + days * DAY
    assert abs((end - apple_tls.warn_from(start, end)) / DAY - left) < 0.05


@pytest.mark.parametrize("agent", ["manifest", "package", "mdm", "browser"])
def test_every_part_of_a_device_says_who_it_is_and_asks_for_plain_bytes_unless_told(agent: Agent) -> None:
    plain, compressed = dict(http.headers(agent)), dict(http.headers(agent, compressed=True))
    assert plain["Accept-Encoding"] == "identity"
    assert "gzip" in compressed["Accept-Encoding"]
    assert plain["User-Agent"] == compressed["User-Agent"]
    assert {"Cookie", "Referer"}.isdisjoint(plain)


def test_the_observed_time_outs_are_those_of_the_installer() -> None:
    assert (http.seconds("manifest"), http.seconds("head")) == (120, 30)
