from __future__ import annotations

import html
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.apps.install_link import Context, install_link, is_install_link, read_link
from ota_proxy.apps.landing_page import landing_page
from ota_proxy.apps.package import EXAMPLE_APP
from ota_proxy.apps.page_content import read_page
from ota_proxy.errors import UsageError

MANIFEST = "https://ota.example.com:8443/ota/my%20app.plist?build=1&x=%2F"
GOOD = install_link(MANIFEST)
HOME = "https://ota.example.com/ota/"


@pytest.mark.parametrize("url", [MANIFEST, "https://h.example/a+b.plist", "https://h.example/%25?a=%26"])
def test_a_link_that_was_written_is_read_back_without_a_problem(url: str) -> None:
    link = read_link(install_link(url), "text")
    assert (link.manifest_url, link.problems) == (url, ())


def test_a_space_in_the_manifest_url_ends_up_encoded_twice() -> None:
    assert "my%2520app" in GOOD
    assert unquote(unquote(GOOD)).endswith("x=/")


@pytest.mark.parametrize(
    "url", ["http://h/a.plist", "https://h/my app.plist", "a.plist", "https://h/%zz", "https://h/é"]
)
def test_a_url_that_cannot_stand_in_a_link_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="cannot be used in a link"):
        install_link(url)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://h.example/a.plist", "did you mean https://h.example/a.plist?"),
        ("h.example/a.plist", "did you mean https://h.example/a.plist?"),
        (
            "https://h.example/my app.plist",
            "it starts with https:// and has spaces and other characters percent-encoded",
        ),
        (GOOD, "this is already an install link; give the URL of its manifest"),
    ],
)
def test_a_refused_url_comes_with_what_was_meant(url: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        install_link(url)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "context", "problems"),
    [
        (GOOD, "given", ()),
        ("itms-services:///?action=download-manifest&url=https%3A%2F%2Fh%2Fa.plist", "qr", ()),
        ("itms-services://any?url=https%3A%2F%2Fh%2Fa.plist&action=download-manifest", "qr", ()),
        ("itms-services://?action=download-manifest&url=https://h/a.plist", "text", ()),
        ("itms-services://?action=download-manifest&url=https://h/a%20b.plist", "text", ("not-encoded",)),
        ("itms-services://?action=download-manifest&url=https://h/a b.plist", "html-attribute", ("not-encoded",)),
        ("itms-services://?action=download-manifest&url=https://h/a?x=1&y=2", "text", ("not-encoded",)),
        ("itms-services://?action=download-manifest&url=https://h/a#x", "text", ("not-encoded",)),
        ("itms-services://?action=download-manifest&url=https%3A%2F%2Fh%2F%zz", "text", ("not-encoded",)),
        ("itms-services://?action=download-manifest&url=https%253A%252F%252Fh%252Fa", "text", ("not-encoded",)),
        ("itms-services://?action=download-manifest&url=https:%252F%252Fh%252Fa", "text", ("not-encoded",)),
        ("itms-services://?action=download-manifest&url=https%3A%2F%2Fh%2F%C3%A9", "text", ("not-encoded",)),
        (html.escape(GOOD), "script", ("amp-outside-html",)),
        (html.escape(GOOD), "html-attribute", ("double-escaped",)),
        ("itms-services:?action=download-manifest&url=https%3A%2F%2Fh%2Fa", "redirect", ("slashes-lost",)),
        ("itms-services://?action=download&url=https%3A%2F%2Fh%2Fa", "text", ("malformed",)),
        ("itms-services://?action=download-manifest", "text", ("malformed",)),
        ("itms-services://", "text", ("malformed",)),
        (f"itms-services://?action=download-manifest&url={GOOD}", "text", ("malformed",)),
        ("itms-services://?action=download-manifest&url=a.plist", "text", ("malformed",)),
        ("https://h/a.plist", "given", ("malformed",)),
        ("itms-services://?action=download-manifest&url=http%3A%2F%2Fh%2Fa", "text", ("not-https",)),
        ("itms-services://?action=download-manifest&url=" + "a" * 9000, "text", ("malformed",)),
    ],
)
def test_each_form_of_a_link_has_its_problems(text: str, context: Context, problems: tuple[str, ...]) -> None:
    link = read_link(text, context)
    assert set(link.problems) == set(problems) or (problems == ("malformed",) and "malformed" in link.problems)
    assert bool(link.detail) == bool(problems)


def test_a_link_cut_off_at_an_ampersand_asks_for_the_cut_url() -> None:
    link = read_link("itms-services://?action=download-manifest&url=https://h/a?x=1&y=2", "text")
    assert link.manifest_url == "https://h/a?x=1"


def test_links_for_in_app_purchases_are_not_install_links() -> None:
    assert not is_install_link("itms-services://?action=purchaseIntent&bundleId=a&productIdentifier=b")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "itms-services:", "itms-services://?action=download-manifest&url="]))
def test_reading_a_link_never_raises(text: str, head: str) -> None:
    link = read_link(head + text, "given")
    assert link.manifest_url or link.problems


def test_our_own_page_has_one_sound_link_and_no_script() -> None:
    page = read_page(landing_page(EXAMPLE_APP, MANIFEST), HOME)
    (link,) = page.links
    assert (link.manifest_url, link.problems, link.target, link.context) == (MANIFEST, (), "_top", "html-attribute")
    assert (page.package_links, page.scripts, page.amp) == ((), False, "")


def test_our_own_page_escapes_what_the_app_is_called() -> None:
    from dataclasses import replace  # noqa: PLC0415 - next to its only use

    body = landing_page(replace(EXAMPLE_APP, title="<script>alert(1)</script>"), MANIFEST)
    assert not read_page(body, HOME).scripts


def test_our_own_page_helps_with_in_app_browsers_trust_and_developer_mode() -> None:
    text = landing_page(EXAMPLE_APP, MANIFEST).decode()
    assert all(words in text for words in ("Open in Safari", "Trust", "restart", "Developer Mode"))


def test_an_attribute_is_decoded_once_and_no_more() -> None:
    once = f'<a href="{html.escape(GOOD)}">Install</a>'
    twice = f'<a href="{html.escape(html.escape(GOOD))}">Install</a>'
    assert read_page(once, HOME).links[0].problems == ()
    assert read_page(twice, HOME).links[0].problems == ("double-escaped",)


def test_a_link_in_a_script_is_found_with_its_escapes_undone() -> None:
    escaped = GOOD.replace("&", r"\u0026").replace("/", r"\/")
    page = read_page(f"<script>location.href = '{escaped}';</script>", HOME)
    assert page.scripts
    assert [(link.context, link.problems) for link in page.links] == [("script", ())]


def test_an_escaped_ampersand_in_a_script_is_a_problem() -> None:
    page = read_page(f'<script>var u = "{html.escape(GOOD)}";</script>', HOME)
    assert page.links[0].problems == ("amp-outside-html",)


def test_a_refresh_and_an_event_handler_are_links_too() -> None:
    page = read_page(
        f'<meta http-equiv="refresh" content="0;url={html.escape(GOOD)}"><button onclick="go(\'{html.escape(GOOD)}\')">x</button>',
        HOME,
    )
    assert {link.manifest_url for link in page.links} == {MANIFEST}


def test_the_target_of_base_counts_where_the_anchor_has_none() -> None:
    page = read_page(f'<base target="_top"><a href="{html.escape(GOOD)}">x</a>', HOME)
    assert page.links[0].target == "_top"


def test_direct_package_links_become_absolute() -> None:
    page = read_page('<base href="/files/"><a href="My%20App.IPA?x=1">x</a><a href="b.apk">y</a>', HOME)
    assert page.package_links == ("https://ota.example.com/files/My%20App.IPA?x=1",)


@pytest.mark.parametrize("mark", ["amp", "⚡", "⚡4email", "amp4ads"])
def test_an_amp_page_is_recognised(mark: str) -> None:
    assert read_page(f"<!doctype html><html {mark} lang=en><body></body></html>", HOME).amp


def test_prose_about_the_scheme_is_no_link() -> None:
    assert read_page("<p>itms-services: is a scheme, itms-services://, too</p>", HOME).links == ()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>=\"'/&;!-[]ai \nhref:itms-services?url%", max_size=200))
def test_no_page_makes_the_reader_raise(text: str) -> None:
    assert len(read_page(text, HOME).links) <= 200
