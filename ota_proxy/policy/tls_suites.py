"""TLS code points by IANA name (`tls_suites.toml`): suites a version can speak, and key-exchange groups."""

from __future__ import annotations

from functools import cache

from ota_proxy.policy.tables import table


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
