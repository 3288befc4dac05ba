"""The TLS guideline in Windows' words: names of Schannel protocols and cipher suites (registry and Enable-TlsCipherSuite)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_OPENSSL = re.compile(r"ECDHE-(?P<key>ECDSA|RSA)-(?:AES(?P<bits>\d+)-GCM-SHA(?P<hash>\d+)|CHACHA20-POLY1305)")
_PROTOCOLS = {"SSL 2.0": "SSLv2", "SSL 3.0": "SSLv3", "TLS 1.0": "TLSv1", "TLS 1.1": "TLSv1.1", "TLS 1.2": "TLSv1.2"}


def suite_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return IANA names, which Schannel uses, for OpenSSL's (`ECDHE-RSA-AES128-GCM-SHA256`) and IANA names; ValueError for others."""
    return tuple(_suite(name) for name in names)


def _suite(name: str) -> str:
    if name.startswith("TLS_"):
        return name
    if not (match := _OPENSSL.fullmatch(name)):
        raise ValueError(f"no Schannel name is known for the cipher suite {name}")
    cipher = f"AES_{match['bits']}_GCM_SHA{match['hash']}" if match["bits"] else "CHACHA20_POLY1305_SHA256"
    return f"TLS_ECDHE_{match['key']}_WITH_{cipher}"


def protocols(spoken: Sequence[str]) -> dict[str, bool]:
    """Return Schannel's protocol names, up to TLS 1.2, with whether a profile speaks them; TLS 1.3 is left as Windows has it."""
    return {name: known in spoken for name, known in _PROTOCOLS.items()}
