"""Where a page's refresh leads: read as browsers read it, with quotes, blanks and without the word url."""

from __future__ import annotations

import pytest

from ota_proxy.apps.page_content import read_page
from ota_proxy.apps.page_parts import refresh_target

BASE = "https://ota.example.com/a/page"


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0;url=/b", "https://ota.example.com/b"),
        ("0; URL='b' x", "https://ota.example.com/a/b"),
        ('  1.5 , url = "//cdn.example.net/b#top"', "https://cdn.example.net/b"),
        ("3 /b?url=c", "https://ota.example.com/b?url=c"),
        ("0;http://ota.example.com/b", "http://ota.example.com/b"),
        ("30", ""),
        ("0;url=", ""),
        ("0;url=itms-services://?action=download-manifest&url=x", ""),
        ("0;url=http://[", ""),
        (";url=/b", ""),
    ],
)
def test_a_refresh_leads_where_browsers_go(content: str, target: str) -> None:
    assert refresh_target(content, BASE) == target


@pytest.mark.parametrize(
    ("page", "onward"),
    [
        ("<meta http-equiv=REFRESH content='0;url=b'>", "https://ota.example.com/a/b"),
        ("<noscript><meta http-equiv=refresh content='0;url=b'></noscript>", ""),
        ("<!-- <meta http-equiv=refresh content='0;url=b'> -->", ""),
    ],
)
def test_only_a_refresh_that_a_phone_runs_leads_on(page: str, onward: str) -> None:
    assert read_page(page, BASE).onward == onward
