"""What a page speaks of, in the languages of install pages, and what of it stands in frames, scripts and AMP formats."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.apps.install_link import install_link
from ota_proxy.apps.landing_page import landing_page
from ota_proxy.apps.package import EXAMPLE_APP
from ota_proxy.apps.page_content import read_page
from ota_proxy.policy.pages import topics
from ota_proxy.printable import stream_safe

HOME = "https://ota.example.com/ota/"
LINK = install_link("https://ota.example.com/ota/app.plist")


@pytest.mark.parametrize(
    "text",
    [
        "Please open this page in Safari.",
        "Tap ⋯ and choose “Open in\nBrowser”",
        "Bitte in Safari öffnen",
        "Ouvrez cette page dans Safari",
        "Abra esta página en Safari",
        "请点击右上角，选择在浏览器中打开",
        "請在 Safari 中打開",
        "Safariで開いてください",
        "Safari에서 열기",
        "Откройте эту страницу в Safari",
        "Safari'de açın",
        "Mở bằng Safari",
        "افتح الصفحة في سفاري",
    ],
)
def test_guidance_to_safari_is_found_in_many_languages(text: str) -> None:
    assert "open-in-safari" in topics(text)


@pytest.mark.parametrize(
    "text",
    [
        "Install our app",
        "Safari tours in Kenya",
        "We reopened the browser team's office",
        "opening hours: nine to five. " + "x " * 60 + "browser",
    ],
)
def test_words_that_are_no_guidance_are_none(text: str) -> None:
    assert "open-in-safari" not in topics(text)


@pytest.mark.parametrize(
    ("text", "topic", "found"),
    [
        ("Settings > General > Device Management > Trust", "trust", True),
        ("Einstellungen, Allgemein, Geräteverwaltung: vertrauen", "trust", True),
        ("在设置中信任开发者", "trust", True),
        ("Trusted by 1,000 companies", "trust", False),
        ("Danach das iPhone neu starten", "restart", True),
        ("Redémarrez l’iPhone", "restart", True),
        ("完成后请重启手机", "restart", True),
        ("Turn on Developer Mode", "developer-mode", True),
        ("Entwicklermodus einschalten", "developer-mode", True),
        ("デベロッパモードをオンにします", "developer-mode", True),
        ("for developers", "developer-mode", False),
    ],
)
def test_the_steps_after_an_install_are_found(text: str, topic: str, *, found: bool) -> None:
    assert (topic in topics(text)) is found


def test_our_own_landing_page_speaks_of_everything() -> None:
    page = read_page(landing_page(EXAMPLE_APP, "https://ota.example.com/a.plist"), HOME)
    assert page.topics == {"open-in-safari", "trust", "restart", "developer-mode"}
    assert page.noindex


def test_words_in_a_tag_of_their_own_still_stand_together() -> None:
    assert "open-in-safari" in read_page("<p>Open <b>this</b> in <em>Safari</em></p>", HOME).topics


def test_a_script_s_strings_count_and_its_code_does_not() -> None:
    shown = read_page("<script>if (wx) tip('\\u8bf7\\u5728Safari\\u4e2d\\u6253\\u5f00')</script>", HOME)
    code = read_page("<script>var browser = 1; window.open(x); /* safari */</script>", HOME)
    assert ("open-in-safari" in shown.topics, "open-in-safari" in code.topics) == (True, False)


def test_two_strings_are_not_read_as_one_sentence() -> None:
    assert read_page("<script>a('open'); b('in Safari')</script>", HOME).topics == frozenset()


@pytest.mark.parametrize(
    "page", ['<a href="x-safari-https://ota.example.com/">x</a>', "<script>location='x-safari-https://h/'</script>"]
)
def test_a_way_out_of_the_app_is_guidance(page: str) -> None:
    assert "open-in-safari" in read_page(page, HOME).topics


@pytest.mark.parametrize(
    ("mark", "amp"),
    [
        ("amp", "amp"),
        ("⚡", "amp"),
        ("⚡\ufe0f", "amp"),
        ("amp4email", "amp4email"),
        ("⚡4ads", "amp4ads"),
        ("ample", ""),
    ],
)
def test_the_root_element_names_the_amp_format(mark: str, amp: str) -> None:
    assert read_page(f"<!doctype html><html {mark} lang=en>", HOME).amp == amp


@pytest.mark.parametrize(
    ("meta", "kept_out"),
    [
        ('<meta name="robots" content="noindex">', True),
        ('<META NAME=Robots CONTENT="NONE">', True),
        ('<meta name="googlebot" content="nofollow, noindex">', True),
        ('<meta name="robots" content="index, nofollow">', False),
        ('<meta name="description" content="noindex">', False),
    ],
)
def test_a_robots_meta_keeps_search_engines_out(meta: str, *, kept_out: bool) -> None:
    assert read_page(meta, HOME).noindex is kept_out


def test_frames_are_named_and_those_with_their_own_content_are_read() -> None:
    inner = f'<a href="{LINK.replace("&", "&amp;")}">x</a>'.replace("&", "&amp;").replace('"', "&quot;")
    page = read_page(f'<iframe src="inner/#x"></iframe><iframe src="data:x"></iframe><iframe srcdoc="{inner}">', HOME)
    assert page.frames == (f"{HOME}inner/",)
    assert [[link.problems for link in links] for links in page.inner] == [[()]]
    assert page.links == ()


def test_frames_inside_frames_are_left_alone() -> None:
    deep = "<iframe srcdoc='x'></iframe>" * 50
    page = read_page(f'<iframe srcdoc="{deep}"></iframe>', HOME)
    assert page.inner == ((),)


def test_scripts_of_their_own_files_are_told_apart() -> None:
    own, inside = read_page("<script src=a.js></script>", HOME), read_page("<script>1</script>", HOME)
    assert ((own.scripts, own.outside_scripts), (inside.scripts, inside.outside_scripts)) == (
        (True, True),
        (True, False),
    )
    assert not read_page('<script type="application/ld+json" src=x></script>', HOME).outside_scripts


ENDLESS = {
    "tags": "<iframe srcdoc=&quot;" * 20_000,
    "attributes": "<a x='" * 100_000,
    "comments": "<!--" * 200_000,
    "end tags": "</a " * 200_000,
    "declarations": "<![x" * 200_000,
    "instructions": "<?" * 300_000,
    "strings": "<script>" + '"\\' * 400_000 + "</script>",
    "quotes": "<script>" + "'\"`" * 300_000 + "</script>",
    "words": "open safari " * 80_000,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_hostile_page_is_read_in_about_its_own_length(kind: str) -> None:
    begun = time.process_time()
    read_page(ENDLESS[kind], HOME)
    assert time.process_time() - begun < 5


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=400)
    | st.lists(st.sampled_from([*"<>!?-/='\"`\\& ", "a", "iframe", "srcdoc", "script", LINK]), max_size=60).map("".join)
)
def test_no_text_crashes_the_reader(text: str) -> None:
    page = read_page(text, HOME)
    assert len(page.frames) + len(page.inner) <= 10


def test_marks_without_end_on_one_letter_are_cut_before_they_are_sorted() -> None:
    """Unicode's canonical order sorts the marks of a letter in the square of their number; honest text has a handful."""
    pile = "a" + "\u0315\u0300" * 400_000
    assert len(stream_safe(f"{pile} b")) == 1 + 30 + 2
    assert stream_safe("é Việt ọ́ हिन्दी") == "é Việt ọ́ हिन्दी"
    assert topics(f"{pile} open this page in Safari") == {"open-in-safari"}
