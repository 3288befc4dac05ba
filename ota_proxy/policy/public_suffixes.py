"""Whose a host is: its registrable domain by the public suffix list (publicsuffix.org), private suffixes such as `github.io` among them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ota_proxy.addresses import is_address

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - the list takes a moment to read, and few walks need it

    return PublicSuffixList()


@cache
def registrable(host: str) -> str:
    """Return the domain that somebody registered for a host; an address, a public suffix and a name without a dot are their own."""
    name = host.rstrip(".").lower()
    if is_address(name) or "." not in name:
        return name
    return _suffixes().privatesuffix(name) or name


def same_site(one: str, other: str) -> bool:
    """Say whether two hosts are of one registrable domain."""
    one, other = one.rstrip(".").lower(), other.rstrip(".").lower()
    return one == other or registrable(one) == registrable(other)
