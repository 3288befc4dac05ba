from __future__ import annotations

import pytest

from ota_proxy.site.site import MAX_BODY
from ota_proxy.site.values import size_text
from tests.support.sites import proxied, refusal, site


@pytest.mark.parametrize(
    ("given_", "number"),
    [
        (1, 1),
        ("1", 1),
        ("500M", 500 << 20),
        ("2g", 2 << 30),
        ("64k", 65536),
        ("1024G", 1 << 40),
        (False, 0),
        (None, MAX_BODY),
    ],
)
def test_a_size_is_bytes_or_a_number_with_a_unit_of_1024(given_: object, number: int) -> None:
    assert site(**proxied("http://a:1", max_body=given_)).locations[0].body_limit == number


@pytest.mark.parametrize(
    "text",
    [0, -1, True, 1.5, "", "0", "10MB", "10 M", "1.5G", "M", "-1", "1025G", "\u0661M", "10m\n", "1" * 5000, [], {}],
)
def test_what_is_no_size_is_refused_with_the_grammar(text: object) -> None:
    said = refusal(**proxied("http://a:1", max_body=text))
    assert 'is not a size: write bytes, or a number and K, M or G (of 1024 each) in quotes, such as "500M"' in said
    assert len(said) < 500


@pytest.mark.parametrize(("number", "text"), [(1536, "1536"), (2048, "2K"), (MAX_BODY, "1G"), (1 << 40, "1024G")])
def test_a_size_is_written_in_the_largest_whole_unit(number: int, text: str) -> None:
    assert size_text(number) == text


@pytest.mark.parametrize(
    ("key", "value"), [("websocket", True), ("max_body", "1M"), ("max_body", False), ("read_timeout", 5)]
)
def test_what_is_about_an_application_is_refused_for_a_folder(key: str, value: object) -> None:
    said = refusal(locations=[{"path": "/", "root": "/srv", key: value}])
    assert f"{key} is about an upstream, and the location / is a folder" in said


@pytest.mark.parametrize("value", [0, 86_401, "60", 1.5, True])
def test_a_timeout_is_a_whole_number_of_seconds_up_to_a_day(value: object) -> None:
    assert refusal(**proxied("http://a:1", read_timeout=value))
    assert site(**proxied("http://a:1", read_timeout=86_400)).locations[0].read_timeout == 86_400
