"""Words of a complaint: spellings, languages, addresses; whatever is fed, it stays small and harmless."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_proxy.rules.complaints.words import MOST_CHARACTERS, stem, tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Certificate EXPIRED", "certificate expired"),
        ("the certificate has expired", "Zertifikat ist abgelaufen"),
        ("certificat expiré", "certificado caducado"),
        ("can’t connect", "cannot connect"),
        ("install failed", "installing fails"),
        ("redirected", "redirects"),
        ("iPhone 12 Pro with iOS 17.2.1 and nginx 1.18.0", "iphone pro ios nginx"),
        ("more than 1gb", "more than 1 GB"),
        ("1024M", "1024 MB"),
        ("signed for the App Store", "signed for the AppStore"),
        ("证书 过期", "certificate expired"),
        ("証明書 期限切れ", "certificate expired"),
        ("ｉｎｓｔａｌｌ", "install"),
        ("cannot connect to ota.example.com", "cannot connect to the server"),
        ("cannot connect to builds.corp.example:8443", "cannot connect to server"),
    ],
)
def test_what_means_the_same_has_the_same_words(one: str, other: str) -> None:
    assert tokens(one) == tokens(other)


@pytest.mark.parametrize("word", ["web.config", "manifest.plist", "app.ipa", "fullchain.pem", "asp.net"])
def test_names_of_files_are_no_hosts(word: str) -> None:
    assert "server" not in tokens(word)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("itms-services://?action=download-manifest&amp;url=https://x/", "amp"),
        ("itms-services://?action=download-manifest&url=http://x/", "httpurl"),
        ("http://x.example/app.ipa", "ipa"),
        ("code 0x80070021", "0x80070021"),
        ("404.11", "404.11"),
        ("无法打开一个页面", "一个"),
    ],
)
def test_what_tells_something_is_kept(text: str, mark: str) -> None:
    assert mark in tokens(text)


@pytest.mark.parametrize(
    ("word", "stems"),
    [
        ("expires", "expir"),
        ("expired", "expir"),
        ("stopped", "stop"),
        ("stop", "stop"),
        ("ssl", "ssl"),
        ("less", "less"),
    ],
)
def test_an_inflection_is_taken_off(word: str, stems: str) -> None:
    assert stem(word) == stems


@given(st.text(max_size=300))
def test_any_text_has_words_and_each_once(text: str) -> None:
    found = tokens(text)
    assert len(set(found)) == len(found)
    assert all(found)


@pytest.mark.parametrize(
    "text",
    ["a." * 10**6, "http://" * 10**5, "证" * 10**6, "itms-services:" * 10**5, "(" * 10**6, "a-" * 10**6, "ß" * 10**6],
    ids=lambda text: text[:8],
)
def test_a_long_text_is_cut(text: str) -> None:
    begun = time.process_time()
    assert len(tokens(text)) <= MOST_CHARACTERS
    assert time.process_time() - begun < 20  # a runaway expression takes minutes
