"""What on a page is an install link and what only looks like one: scripts, frameworks, prose, and addresses that were spoilt."""

from __future__ import annotations

import gzip
import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.apps.html_text import is_markup, page_text
from ota_proxy.apps.install_link import install_link, lost_link
from ota_proxy.apps.page_content import read_page
from ota_proxy.apps.page_parts import HOLE, strings

HOME = "https://ota.example.com/"
MANIFEST = "https://ota.example.com/app.plist"
GOOD = install_link(MANIFEST)
ATTR = html.escape(GOOD)
START = "itms-services://?action=download-manifest&url="
ANCHOR = f'<a href="{ATTR}">Install</a>'


def found(page: str, content_type: str = "") -> list[tuple[str, tuple[str, ...]]]:
    return [(link.manifest_url, link.problems) for link in read_page(page, HOME, content_type).links]


# -- scripts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        f"location.href = '{GOOD}'",
        f'window.open("{GOOD}", "_self");',
        f"const link = `{GOOD}`;",
        f'<!-- old browsers\nlocation = "{GOOD}";\n// -->',
        f'var a = /["\']/g; location = "{GOOD}"',
        f'x = "\\\\"; location = "{GOOD}"',
        f"el.innerHTML = '{ANCHOR}';",
        f'self.__next_f.push([1,"[\\"$\\",\\"a\\",{{\\"href\\":\\"{GOOD}\\"}}]"])',
        f"setTimeout(\"location.href='{GOOD}'\", 10)",
        f"f(`${{a ? `{GOOD}` : ''}}`)",
        'go("' + GOOD.replace("/", "\\/").replace("&", "\\u0026") + '")',
        'go("' + GOOD.replace("&", "\\x26").replace("=", "\\u{3d}") + '")',
    ],
)
def test_a_whole_link_in_a_string_of_a_script_is_a_link(code: str) -> None:
    assert found(f"<script>{code}</script>") == [(MANIFEST, ())]


@pytest.mark.parametrize(
    "code",
    [
        f'location.href = "{START}" + encodeURIComponent(url)',
        f"const go = url => `{START}${{encodeURIComponent(url)}}`",
        f"['{START}', url].join(\"\")",
        f'"{START}%s".replace("%s", url)',
        f'"{START}".concat(url)',
        f'"{START}{{0}}"',
        f"'<a href=\"{START}' + url + '\">Install</a>'",
        f'`<a href="{START}${{url}}">Install</a>`',
        f'if (link.startsWith("{START}")) go()',
        f'"{START}https%3A%2F%2F" + host + "%2Fm.plist"',
        f'"{START}https://" + location.host + "/m.plist"',
        'const scheme = "itms-services:";',
        'scheme + "//?action=download-manifest&url=" + u',
    ],
)
def test_pieces_in_a_script_are_no_links_and_say_that_a_script_makes_one(code: str) -> None:
    page = read_page(f"<script>{code}</script>", HOME)
    assert page.links == ()
    assert page.made


@pytest.mark.parametrize(
    "code", [f"// {GOOD}", f"/* '{GOOD}' */", f"x = 1 // '{GOOD}\n", "schemes = ['tel', 'itms-services']"]
)
def test_comments_and_names_in_a_script_are_nothing(code: str) -> None:
    page = read_page(f"<script>{code}</script>", HOME)
    assert (page.links, page.made) == ((), "")


def test_markup_in_a_script_is_decoded_as_markup() -> None:
    assert found(f"<script>x.innerHTML = '<a href=\"{ATTR}\">y</a>'</script>") == [(MANIFEST, ())]
    assert found(f"<script>x = '{ATTR}'</script>") == [(MANIFEST, ("amp-outside-html",))]


def test_a_script_of_an_xhtml_page_is_decoded_once() -> None:
    page = f"<script>location.href = '{ATTR}'</script>"
    assert found(page, "application/xhtml+xml; charset=utf-8") == [(MANIFEST, ())]


def test_strings_know_what_they_are_joined_to() -> None:
    got = [(text.value, text.whole) for text in strings("a = 'one' + \"two\"; b = `x${y}z`; c = 'four' ; 'x'.y")]
    assert got == [("one", False), ("two", False), (f"x{HOLE}z", False), ("four", True), ("x", False)]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="\"'`\\/*$ {}\n+.ax<>-", max_size=120))
def test_no_script_makes_the_tokenizer_raise_or_stand_still(code: str) -> None:
    assert len(strings(code)) <= len(code)


# -- attributes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tag",
    [
        f'<a :href="`{START}${{build.url}}`">',
        f"<a v-bind:href=\"'{START}' + build.url\">",
        f'<a ng-href="{START}{{{{build.url}}}}">',
        f"<a [href]=\"'{START}' + url\">",
        f'<button data-url="{START}">',
        f"<button @click=\"go('{START}' + url)\">",
        f"<button onclick=\"location.href='{START}' + url\">",
        f'<a href={{"{START}"+url}}>',
        f'<template><a href="{ATTR}">x</a></template>',
        f'<a href="{START}{{{{url}}}}">',
        f"<a href=\"javascript:location='{START}'+u\">",
    ],
)
def test_what_a_framework_completes_is_made_by_a_script(tag: str) -> None:
    page = read_page(f"{tag}<script src=app.js></script>", HOME)
    assert page.links == ()
    assert page.made


@pytest.mark.parametrize(
    "tag",
    [
        f"<button onclick=\"location.href='{ATTR}'\">",
        f'<button data-url="{ATTR}">',
        f"<a :href=\"'{ATTR}'\">",
        f'<a ng-href="{ATTR}">',
        f"<a href=\"javascript:location.href='{ATTR}'\">",
        f'<form action="{ATTR}">',
        f"<button on=\"tap:AMP.navigateTo(url='{ATTR}')\">",
        f'<script type="application/json">{{"link": "{GOOD}"}}</script>',
        f'<iframe src="{ATTR}"></iframe>',
        f'<meta http-equiv="Refresh" content="0; URL=\'{ATTR}\'">',
        f'<svg><a xlink:href="{ATTR}"></a></svg>',
        f'<pre><code><a href="{ATTR}">tap me</a></code></pre>',
        f'<a href="\n   {ATTR}\n">',
    ],
)
def test_whole_links_that_a_tap_opens_are_links(tag: str) -> None:
    assert found(f"{tag}<script src=app.js></script>") == [(MANIFEST, ())]


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (f"<p>Links look like {ATTR}ADDRESS</p>", "as text"),
        (f"<pre><code>{ATTR}</code></pre>", "as text"),
        (f'<pre>&lt;a href="{ATTR}"&gt;</pre>', "as text"),
        (f"<!-- {ANCHOR} -->", "commented out"),
        (f"<noscript>{ANCHOR}</noscript>", "<noscript>"),
        (f"<textarea>{ANCHOR}</textarea>", "text field"),
        (f'<p title="{ATTR}">', ""),
        (f'<img src="qr?data={ATTR}">', ""),
        (f'<script type="application/ld+json">{{"installUrl": "{GOOD}"}}</script>', ""),
        (f'<meta name="description" content="{ATTR}">', ""),
    ],
)
def test_prose_samples_and_what_is_not_shown_are_no_links(page: str, why: str) -> None:
    content = read_page(page, HOME)
    assert content.links == ()
    assert why in content.unseen
    assert bool(content.unseen) == bool(why)


def test_a_placeholder_that_no_script_fills_is_a_broken_link() -> None:
    assert [link.problems for link in read_page(f'<a href="{START}{{{{url}}}}">x</a>', HOME).links] != []


# -- spoilt addresses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (f"unsafe:{GOOD}", "angular"),
        (f"http://{GOOD}", "editor"),
        (f"https://ota.example.com/{GOOD}", "editor"),
        (f"\u200b{GOOD}", "invisible"),
        (f"\u00a0{GOOD}", "invisible"),
        (GOOD.removeprefix("itms-services:"), "filter"),
        (GOOD.replace("itms-services:", "http://itms-services"), "editor"),
        (GOOD.replace(":", "%3A", 1), "editor"),
        (GOOD.replace("itms-services", "itms-service"), "scheme"),
        (GOOD.replace("itms-services", "itms-apps"), "scheme"),
        (GOOD.replace("itms-services", "itmss-services"), "scheme"),
    ],
)
def test_a_spoilt_address_is_a_broken_link_with_its_own_cause(value: str, cause: str) -> None:
    (link,) = read_page(f'<a href="{html.escape(value)}">x</a>', HOME).links
    assert (link.problems, link.cause, link.manifest_url) == (("malformed",), cause, MANIFEST)
    assert link.detail


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        "/app.plist",
        f"https://l.example.com/?u={GOOD}",
        "/install?action=download-manifest&url=x",
        "https://ota.example.com/go?action=download-manifest",
        "market://details?id=action=download-manifest",
        "mailto:a@example.com?body=itms-services://?action=download-manifest",
    ],
)
def test_other_addresses_are_not_taken_for_spoilt_links(value: str) -> None:
    assert lost_link(value) is None


def test_an_attribute_broken_over_lines_is_read_as_browsers_read_it() -> None:
    plain = ATTR.replace("&amp;url", "\n&amp;url")
    assert found(f'<a href="{plain}">x</a>') == [(MANIFEST, ())]
    (link,) = read_page(f'<a href="{ATTR.replace("app.plist", chr(10) + "   app.plist")}">x</a>', HOME).links
    assert (link.problems, link.cause) == (("not-encoded",), "broken-lines")
    assert "broken over lines" in link.detail


@pytest.mark.parametrize("number", ["9" * 5000, "x" + "f" * 5000, "00000" + "9" * 12])
def test_a_character_reference_beyond_unicode_ends_nothing(number: str) -> None:
    assert found(f"<p>&#{number};</p>{ANCHOR}") == [(MANIFEST, ())]


# -- character sets ---------------------------------------------------------------------------------------------------

PAGE = f"<!doctype html><html><body>Größe 安装 {ANCHOR}</body></html>"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PAGE.encode("utf-16"), ""),
        (b"\xfe\xff" + PAGE.encode("utf-16-be"), "text/html; charset=utf-8"),
        (PAGE.encode("utf-16-le"), "text/html; charset=UTF-16LE"),
        (PAGE.encode("utf-16-le"), "text/html; charset=utf-16"),
        (PAGE.encode("utf-16-be"), 'text/html; charset="utf-16be"'),
        (PAGE.encode("utf-16-le"), "text/html"),
        (PAGE.encode("utf-8-sig"), "text/html; charset=iso-8859-1"),
        (PAGE.encode(), "text/html; charset=no-such-thing"),
        (PAGE.replace("<html>", '<html><meta charset="gb2312">').encode("gb18030"), "text/html"),
        (
            PAGE.replace("<html>", '<meta http-equiv=content-type content="text/html; charset=utf-16">').encode(),
            "text/html",
        ),
    ],
)
def test_a_page_is_read_in_the_character_set_it_comes_in(body: bytes, content_type: str) -> None:
    assert "Größe 安装" in page_text(body, content_type)
    assert [link.manifest_url for link in read_page(body, HOME, content_type).links] == [MANIFEST]


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=60),
    st.sampled_from(["", "charset=zip", "charset=idna", "charset=unicode_escape", "charset=utf-7", "charset=\0"]),
)
def test_no_bytes_make_the_decoding_raise(body: bytes, content_type: str) -> None:
    assert isinstance(page_text(body, content_type), str)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("windows-1251", "Откройте в Safari"),
        ("x-cp1251", "Откройте в Safari"),
        ("windows-1252", "Größe"),
        ("latin1", "Größe €"),
        ("ISO-8859-2", "Otwórz w Safari, proszę"),
        ("windows-31j", "Safariで開く"),
        ("iso-2022-jp", "Safariで開く"),
        ("x-gbk", "请在Safari中打开"),
        ("cn-big5", "使用 Safari 開啟"),
        ("windows-949", "Safari에서 열기"),
        ("koi8_r", "Откройте"),
        ("macintosh", "Größe"),
    ],
)
def test_every_label_that_browsers_know_is_known(label: str, text: str) -> None:
    codec = {"latin1": "cp1252", "windows-31j": "cp932", "x-cp1251": "cp1251", "cn-big5": "big5hkscs"}
    codec |= {"x-gbk": "gbk", "windows-949": "cp949", "macintosh": "mac-roman", "koi8_r": "koi8-r"}
    assert page_text(text.encode(codec.get(label, label)), f"text/html; charset={label}") == text


@pytest.mark.parametrize(
    ("body", "content_type", "page"),
    [
        (b"<title>Oops</title>", "", True),
        (b"<div class=x>", "", True),
        (b'<?xml version="1.0"?>\n<!-- x --><html xmlns="http://www.w3.org/1999/xhtml">', "", True),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x">', "", True),
        (b"\xef\xbb\xbf \n<SCRIPT>", "", True),
        ("<!doctype html>".encode("utf-16"), "", True),
        (b"Not found", "text/html", True),
        (b"Not found", "text/plain", False),
        (b'{"error": 1}', "text/html", False),
        (b"<?xml version='1.0'?><plist><dict/></plist>", "text/html", False),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "application/xml", False),
        (b"<dict><key>a</key></dict>", "", False),
        (b"<plist version='1.0'>", "", False),
        (gzip.compress(b"<html>", mtime=0), "", False),
        (b"", "text/html", False),
    ],
)
def test_a_web_page_is_told_from_everything_else(body: bytes, content_type: str, page: bool) -> None:
    assert is_markup(body, content_type) is page
