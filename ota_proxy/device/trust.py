"""The way from a leaf to a trusted root: every one that the certificates sent allow, and the one that a device would use (RFC 4158).

A device looks for any good way, so a bad certificate beside a good way is nothing. No certificate is fetched from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from ota_proxy.device.certificates import UNREADABLE, is_ca, issued
from ota_proxy.facts.install import Trust
from ota_proxy.policy.apple_tls import accepted_hashes

Roots = Mapping[bytes, Sequence[x509.Certificate]]
_LONGEST = 10
"""Certificates of one way; public hierarchies have three or four."""
_WAYS = 256
"""Ways that are compared: a server that sends a thicket of cross-signed certificates gets no more of our time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Trust in a word of the contract, a sentence about the chain, and the way itself, from the leaf to the root if there is one."""

    trust: Trust
    detail: str
    anchor: x509.Certificate | None = None
    """The trusted root, where the way ends at one."""
    path: tuple[x509.Certificate, ...] = ()
    """The certificates that the device would use, the anchor last."""


def judge(chain: Sequence[x509.Certificate], roots: Roots, now: datetime) -> Verdict:
    """Follow issuers from the first certificate through those sent to a trusted root and say how far it goes.

    `missing-intermediate`: the leaf's issuer was neither sent nor is it a root; `unknown-root`: the chain as sent goes further, but ends
    at an issuer that is not trusted. Dates and strength choose between several ways and are otherwise not looked at.
    """
    if not chain:
        return Verdict("not-checked", "the server sent no certificate that can be read")
    path, anchor = max(_ways(chain, roots), key=lambda way: _rank(way[0], way[1], chain, now))
    whole = (*path, anchor) if anchor is not None and anchor != path[-1] else tuple(path)
    if anchor is not None:
        return _trusted(path, whole, chain, anchor)
    leaf, last = path[0], path[-1]
    if issued(leaf, leaf):
        return Verdict("self-signed", f"{_name(leaf)} signed itself and is not a trusted root", path=whole)
    if last is leaf:
        detail = f"the issuer {_issuer(leaf)} was not sent and is not a trusted root"
        return Verdict("missing-intermediate", detail, path=whole)
    if issued(last, last):
        return Verdict("unknown-root", f"the chain ends at {_name(last)}, which is not a trusted root", path=whole)
    detail = f"the issuer {_issuer(last)} of {_name(last)} was not sent and is not a trusted root"
    return Verdict("unknown-root", detail, path=whole)


_Way = tuple[tuple[x509.Certificate, ...], x509.Certificate | None]


def _ways(chain: Sequence[x509.Certificate], roots: Roots) -> list[_Way]:
    """Return every way from the first certificate upwards, at most `_WAYS`: the certificates sent, and the root that ends them, or None."""
    sent = list(dict.fromkeys(chain))
    found: list[_Way] = []
    open_: list[tuple[x509.Certificate, ...]] = [(sent[0],)]
    while open_ and len(found) < _WAYS:
        path = open_.pop()
        ends = list(_anchors(path[-1], roots))
        found += [(path, end) for end in ends]
        above = [one for one in sent if one not in path and _is_issuer(one, path[-1])]
        further = above if len(path) < _LONGEST and path[-1] not in ends else []
        open_ += [(*path, one) for one in reversed(further)]
        if not ends and not further:
            found.append((path, None))
    return found


def _anchors(certificate: x509.Certificate, roots: Roots) -> Iterator[x509.Certificate]:
    """Yield the certificate itself where it is a root, else the roots that issued it."""
    if certificate in roots.get(subject(certificate), ()):
        yield certificate
        return
    for root in roots.get(_raw(lambda: certificate.issuer), ()):
        if issued(certificate, root):
            yield root


def _rank(
    path: Sequence[x509.Certificate], anchor: x509.Certificate | None, chain: Sequence[x509.Certificate], now: datetime
) -> tuple[bool, int, int, bool, int]:
    """Return how good a way is: it ends at a root, nothing on it is out of date or weak, it keeps the order, and the shorter the better.

    Of ways that end nowhere the longest says most.
    """
    used = [*path, *([anchor] if anchor is not None else [])]
    late = sum(not one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in used)
    weak = sum(_weak_hash(one) for one in path if one != anchor)
    size = len(path) if anchor is None else -len(path)
    return anchor is not None, -late, -weak, _in_order(path, chain), size


def _weak_hash(certificate: x509.Certificate) -> bool:
    try:
        used = certificate.signature_hash_algorithm
    except UNREADABLE:
        return True
    return used is not None and used.name not in accepted_hashes()


def _in_order(path: Sequence[x509.Certificate], chain: Sequence[x509.Certificate]) -> bool:
    places = [chain.index(certificate) for certificate in path]
    return places == sorted(places)


def _is_issuer(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        return is_ca(issuer) and issued(certificate, issuer)
    except UNREADABLE:
        return False


def subject(certificate: x509.Certificate) -> bytes:
    """Return a certificate's subject in DER, empty if it cannot be read."""
    return _raw(lambda: certificate.subject)


def _raw(read: Callable[[], x509.Name]) -> bytes:
    try:
        return read().public_bytes()
    except UNREADABLE:
        return b""


def _trusted(
    path: Sequence[x509.Certificate],
    whole: tuple[x509.Certificate, ...],
    chain: Sequence[x509.Certificate],
    anchor: x509.Certificate,
) -> Verdict:
    if not _in_order(path, chain):
        order = ", ".join(_name(certificate) for certificate in path)
        return Verdict("wrong-order", f"all certificates are there, but not in the order {order}", anchor, whole)
    extra = "; the root is sent too, which is not needed" if anchor in chain[1:] else ""
    return Verdict("trusted", f"the chain ends at the root {_name(anchor)}{extra}", anchor, whole)


def _name(certificate: x509.Certificate) -> str:
    return _text(lambda: certificate.subject)


def _issuer(certificate: x509.Certificate) -> str:
    return _text(lambda: certificate.issuer)


def _text(read: Callable[[], x509.Name]) -> str:
    try:
        return repr(read().rfc4514_string())
    except UNREADABLE:
        return "with a name that cannot be read"
