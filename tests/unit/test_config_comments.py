"""Comments of a configuration that ask for silence: what they are about, line by line, and what is no such comment."""

from __future__ import annotations

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.servers.comments import WHOLE_FILE, IgnoreComment, read_comments

ASK = "<!-- ota-proxy: ignore OTA601 because -->"
NOTHING = (1, 0)


def only(text: str) -> IgnoreComment:
    (found,) = read_comments(text, "web.config")
    return found


def lines(text: str) -> tuple[int, int]:
    found = only(text)
    return found.first, found.last


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (f"{ASK}\n<a><b/></a>", WHOLE_FILE),
        (f'<?xml version="1.0"?>{ASK}<a/>', WHOLE_FILE),
        (f'<?xml version="1.0"?>\n<!-- Made by x -->\n\n{ASK}\n<a>\n<b/></a>', WHOLE_FILE),
        (f"<a>\n{ASK}\n<b/>\n<c/>\n</a>", (3, 3)),
        (f"<a>\n{ASK}\n\n\n<b/>\n</a>", (5, 5)),
        (f"<a>\n{ASK}\n<!-- and\nmore -->\n<b/>\n</a>", (5, 5)),
        (f'<a>\n{ASK}\n<b x="1"\n   y=">"\n>\n<c/></b></a>', (3, 5)),
        (f"<a>\n<b/> {ASK}\n<c/>\n</a>", (2, 2)),
        (f"<a>\n{ASK} <b/>\n<c/>\n</a>", (2, 2)),
        (f'<a>\n<b\n  x="1"/> {ASK}\n<c/>\n</a>', (2, 3)),
        (f"<a>\n<b/>{ASK}<c\nx='1'/>\n</a>", (2, 3)),
        ("<a>\n<!-- ota-proxy: ignore OTA601\n because -->\n<b/>\n</a>", (4, 4)),
        (f"<a> {ASK}\n<b/>\n</a>", (1, 1)),
        (f"<a>\n<b/>\n{ASK}\n</a>", NOTHING),
        (f"<a>\n{ASK}\n</a>", NOTHING),
        (f"<a>\n{ASK}\ntext\n<b/></a>", NOTHING),
        (f"<a/>\n{ASK}", NOTHING),
        (f"<a>\n<b>\n</b> {ASK}\n<c/></a>", (4, 4)),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_a_comment_is_about_the_file_its_line_or_the_next_start_tag(
    text: str, about: tuple[int, int], ending: str
) -> None:
    assert lines(text.replace("\n", ending)) == about


def test_a_comment_has_its_rule_reason_and_place() -> None:
    found = only("<a>\n<!--\n  ota-proxy : ignore\tmedia-type-unmapped   nobody\n  asks -->\n<b/>\n</a>")
    assert (found.rule, found.reason, found.place) == ("media-type-unmapped", "nobody asks", "web.config:2")


@pytest.mark.parametrize(
    "text",
    [
        "<a/>",
        "<a><!-- ota-proxy is fine --></a>",
        "<a><!-- ota-proxy: rendered by hand --></a>",
        "<a><!-- see ota-proxy: ignore OTA601 because --></a>",
        "<a><![CDATA[<!-- ota-proxy: ignore OTA601 because -->]]></a>",
        "<a b='&lt;!-- ota-proxy: ignore OTA601 because -->'/>",
        "<?x <!-- ota-proxy: ignore OTA601 because --> ?><a/>",
    ],
)
def test_what_only_looks_like_one_asks_for_nothing(text: str) -> None:
    assert read_comments(text, "web.config") == ()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("ignore", "the comment names no rule to ignore\n  hint: write <!-- ota-proxy: ignore OTA601 REASON -->"),
        ("ignore OTA601", "the comment ignores OTA601 without a reason\n  hint: write <!-- ota-proxy: ignore OTA601"),
        ("ingore OTA601 x", "the comment asks to 'ingore'\n  hint: did you mean 'ignore'?"),
        ("Ignore OTA601 x", "the comment asks to 'Ignore'\n  hint: did you mean 'ignore'?"),
        ("ignore OTA601 OTA602 x", "a comment ignores one rule\n  hint: write one comment for each"),
        ("ignore OTA601, OTA602 x", "a comment ignores one rule"),
        ("ignore OTA601,cert x", "a comment ignores one rule"),
    ],
)
def test_a_comment_that_asks_wrongly_is_refused_with_its_place(words: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_comments(f"<a>\n\n<!-- ota-proxy: {words} --></a>", "site/web.config")
    assert str(caught.value).startswith(f"site/web.config:3: {sentence}")


def test_fifty_thousand_lines_are_read_in_a_moment() -> None:
    rows = "\n".join(f"<b n='{number}'/> {ASK}" for number in range(50_000))
    found = read_comments(f"<a>\n{rows}\n</a>", "web.config")
    assert len(found) == 50_000
    assert (found[-1].first, found[-1].last) == (50_001, 50_001)
