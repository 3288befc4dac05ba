"""Globs of suppressions against a reference made of a regular expression, whatever the text; and their cost."""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ota_proxy.report.suppress import matches

FEW = st.text(alphabet="ab/*?[]\\\n.é", max_size=12)
ANY = st.text(max_size=30)


def reference(glob: str, text: str) -> bool:
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(sign) or re.escape(sign) for sign in glob), text, re.DOTALL) is not None


@given(FEW, FEW)
def test_a_glob_means_what_the_regular_expression_means(glob: str, text: str) -> None:
    assert matches(glob, text) is reference(glob, text)


@given(ANY, ANY)
def test_so_it_does_with_any_character(glob: str, text: str) -> None:
    assert matches(glob, text) is reference(glob, text)


@given(ANY)
def test_a_text_matches_itself_and_every_star_around_it(text: str) -> None:
    assert matches(text, text)
    assert matches(f"*{text}*", f"a/{text}/b")


@given(ANY, ANY, ANY)
def test_a_star_stands_for_any_text(before: str, inside: str, after: str) -> None:
    literal = before.replace("*", "-").replace("?", "-"), after.replace("*", "-").replace("?", "-")
    assert matches("*".join(literal), inside.join(literal))


def test_many_stars_cost_no_more_than_the_product_of_both_lengths() -> None:
    glob, text = "*a" * 20 + "b", "a" * 500
    lines = 0

    def count(_frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 - a trace function returns itself
        nonlocal lines
        lines += event == "line"
        return count

    sys.settrace(count)
    try:
        assert not matches(glob, text)
    finally:
        sys.settrace(None)
    assert lines < 10 * len(glob) * len(text)  # a backtracking search would need 500 over 20 of them
