"""The server-side TLS guideline 6.0 (tlsref/data, 2026-04-06): protocols, cipher suites, groups, HSTS age; and TLS by its names.

Names are IANA's by code point (`tls_suites.toml`), and those of Windows for the guideline: Schannel's, of registry and Enable-TlsCipherSuite.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ota_proxy.policy.tables import table
from ota_proxy.resources import policy_file


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile of the guideline. `ciphers` are OpenSSL names for TLS 1.2, empty if it is not spoken."""

    name: str
    version: str
    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]
    suites_tls13: tuple[str, ...]
    groups: tuple[str, ...]
    leaf_kinds: tuple[str, ...]


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(policy_file("guideline.json").read_text(encoding="utf-8"))
    return data


def profile(name: str) -> Profile:
    """Return the profile `intermediate` or `modern`; KeyError for another name."""
    data, chosen = _data(), _data()["profiles"][name]
    return Profile(
        name=name,
        version=data["version"],
        protocols=tuple(chosen["protocols"]),
        ciphers=tuple(chosen["ciphers"]),
        suites_tls13=tuple(data["suites_tls13"]),
        groups=tuple(data["groups"]),
        leaf_kinds=tuple(chosen["leaf_kinds"]),
    )


HSTS_MINIMUM_AGE: int = _data()["hsts_minimum_age"]
_OPENSSL = re.compile(r"ECDHE-(?P<key>ECDSA|RSA)-(?:AES(?P<bits>\d+)-GCM-SHA(?P<hash>\d+)|CHACHA20-POLY1305)")
_PROTOCOLS = {"SSL 2.0": "SSLv2", "SSL 3.0": "SSLv3", "TLS 1.0": "TLSv1", "TLS 1.1": "TLSv1.1", "TLS 1.2": "TLSv1.2"}


def schannel_suites(names: Sequence[str]) -> tuple[str, ...]:
    """Return IANA names, which Schannel uses, for OpenSSL's (`ECDHE-RSA-AES128-GCM-SHA256`) and IANA names; ValueError for others."""
    return tuple(_suite(name) for name in names)


def _suite(name: str) -> str:
    if name.startswith("TLS_"):
        return name
    if not (match := _OPENSSL.fullmatch(name)):
        raise ValueError(f"no Schannel name is known for the cipher suite {name}")
    cipher = f"AES_{match['bits']}_GCM_SHA{match['hash']}" if match["bits"] else "CHACHA20_POLY1305_SHA256"
    return f"TLS_ECDHE_{match['key']}_WITH_{cipher}"


def schannel_protocols(spoken: Sequence[str]) -> dict[str, bool]:
    """Return Schannel's protocol names, up to TLS 1.2, with whether a profile speaks them; TLS 1.3 is left as Windows has it."""
    return {name: known in spoken for name, known in _PROTOCOLS.items()}


@cache
def _points(name: str) -> dict[int, str]:
    return {int(code, 16): str(text) for code, text in table("tls_suites")[name].items()}


def suite_name(code: int) -> str:
    """Return the IANA name of a cipher suite, or `0x1234` for one we do not know."""
    return _points("suites").get(code, f"0x{code:04X}")


def group_name(code: int) -> str:
    """Return the IANA name of a key-exchange group, or `0x1234` for one we do not know."""
    return _points("groups").get(code, f"0x{code:04X}")


def groups() -> tuple[int, ...]:
    """Return every group we ask for, the commonest first."""
    return tuple(_points("groups"))


@cache
def suites(version: str) -> tuple[int, ...]:
    """Return the suites that can be spoken under a version: `TLSv1.3` has its own, AEAD and SHA-2 ones need `TLSv1.2` (RFC 5246 §1.2)."""
    return tuple(code for code, name in _points("suites").items() if _fits(code, name, version))


def _fits(code: int, name: str, version: str) -> bool:
    if version == "TLSv1.3":
        return code >> 8 == 0x13
    old = name.endswith(("_SHA", "_MD5"))
    return code >> 8 != 0x13 and (old or version == "TLSv1.2")
