"""Names that look like tokens stay readable."""

from __future__ import annotations

from ota_proxy.rules.support.evidence import redact


def test_a_cipher_suite_is_no_secret_but_a_random_segment_is() -> None:
    assert redact("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256") == "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    assert redact("https://a.example/d/f3a9c81e77b04d2a9e5c/x.ipa") == "https://a.example/d/f3a9…/x.ipa"
