"""Which names several certificates are for, where the site does not say: what their files say, if this machine can read them.

One certificate is for all names, and no file is looked at. Names that were read change the rendered bytes, so `read` says it: they
stand in the header and on stderr, and `domains` written into the site makes every machine render the same.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ota_proxy.errors import UsageError
from ota_proxy.late import late
from ota_proxy.site import Certificate
from ota_proxy.site.names import covers
from ota_proxy.site.values import Domain

_LARGEST = 1024 * 1024
"""Bytes of a certificate file; a chain has a few thousand."""
_KINDS = {"1.2.840.113549.1.1.1": "RSA", "1.2.840.10045.2.1": "ECDSA"}
"""Kinds of key by their object identifier (RFC 3279 §2.3)."""
_DOMAINS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[Domain, ...])
_CERTIFICATES: TypeAdapter[tuple[Certificate, ...]] = TypeAdapter(tuple[Certificate, ...])


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a certificate file says of its first certificate: its DNS names in lower case, and its kind, such as `RSA`."""

    names: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class FromFiles:
    """Names for the certificates at these places. `read` says which files decide, `assumed` what was taken instead."""

    names: Mapping[int, tuple[str, ...]]
    read: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


def from_files(raw: Mapping[str, Any]) -> FromFiles:
    """Look at the certificates of a site as it was written; UsageError where two of one kind are for one name.

    What is not valid there is left to the validation of the site.
    """
    try:
        domains = _DOMAINS.validate_python(raw.get("domains", ()))
        pairs = _CERTIFICATES.validate_python(raw.get("certificates", ()))
    except ValidationError:
        return FromFiles({})
    silent = [index for index, pair in enumerate(pairs) if not pair.domains]
    if len(pairs) == 1 or not silent:
        return FromFiles({})
    claimed = [name for pair in pairs for name in pair.domains]
    left = [domain for domain in domains if not any(covers(name, domain) for name in claimed)]
    leaves = {index: read_leaf(pairs[index].cert) for index in silent}
    known = {index: leaf for index, leaf in leaves.items() if leaf is not None}
    if len(known) < len(silent):
        return FromFiles({}, assumed=tuple(_unread(pairs, [index for index in silent if index not in known])))
    return _named(pairs, left, known)


def _unread(pairs: Sequence[Certificate], unread: Sequence[int]) -> Iterator[str]:
    files = " and ".join(pairs[index].cert for index in unread)
    yield (
        f"{files} cannot be read here: every name that no other certificate claims is shown all certificates without names, "
        "as an RSA and an ECDSA one; write domains = [...] into [[certificates]] where they are for different names"
    )


def _named(pairs: Sequence[Certificate], left: Sequence[str], known: Mapping[int, Leaf]) -> FromFiles:
    chosen = {domain: _for(domain, known) for domain in left}
    found = next((places for places in chosen.values() if places), ())
    whole = {domain: places or found for domain, places in chosen.items()}
    nobody = tuple(
        f"no certificate file names {domain}: it is shown that of another name"
        for domain, places in chosen.items()
        if found and not places
    )
    if all(set(places) in ({*known}, set()) for places in whole.values()):
        return FromFiles({}, assumed=nobody)  # all for all: what it would be without the files
    names = {index: tuple(domain for domain, places in whole.items() if index in places) for index in known}
    idle = next((index for index, for_ in names.items() if not for_), None)
    if idle is not None:
        raise _strange(idle, pairs[idle].cert, known[idle])
    return FromFiles(names, (*(_said(index, pairs[index].cert, names[index]) for index in known), *nobody))


def _said(index: int, path: str, names: Sequence[str]) -> str:
    return (
        f"certificates[{index}] is for {', '.join(names)}, as {path} says on the machine that rendered this: "
        "write domains into the site, and every machine renders the same"
    )


def _for(domain: str, known: Mapping[int, Leaf]) -> tuple[int, ...]:
    """Return the certificates for a name: of each kind the one that has the name itself, else the one whose wildcard covers it."""
    best: dict[str, tuple[int, int]] = {}
    for index, leaf in known.items():
        rank = 2 * (domain in leaf.names) or int(any(covers(name, domain) for name in leaf.names))
        other = best.get(leaf.kind, (0, index))
        if rank and rank == other[0]:
            raise _twice(domain, leaf.kind, other[1], index)
        best[leaf.kind] = max(other, (rank, index), key=lambda one: one[0])
    return tuple(sorted(index for rank, index in best.values() if rank))


def _strange(index: int, path: str, leaf: Leaf) -> UsageError:
    return UsageError(
        f"{path} is for {', '.join(leaf.names)}, and the site has no such name that needs it",
        key=("certificates", index),
        hint="leave the certificate out, or say with domains which names it is for",
    )


def _twice(domain: str, kind: str, first: int, second: int) -> UsageError:
    return UsageError(
        f"this certificate and certificates[{first}] are both {kind} and both for {domain}, and a server shows one of a kind",
        key=("certificates", second),
        hint="leave one of them out, or say with domains which names each is for",
    )


def read_leaf(path: str) -> Leaf | None:
    """Return the names and kind of a file's first certificate, or None if that cannot be read here."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a pipe or device must not be opened
            return None
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST)
    except (OSError, ValueError):
        return None
    return _leaf(data)


def _leaf(data: bytes) -> Leaf | None:
    # cryptography is heavy, and most sites have one certificate
    x509, odd = late("cryptography.x509"), late("cryptography.utils:CryptographyDeprecationWarning")
    unsupported = late("cryptography.exceptions:UnsupportedAlgorithm")
    strange = (x509.InvalidVersion, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", odd)  # odd serials are the authority's
            leaf = x509.load_pem_x509_certificates(data)[0]
            found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = found.get_values_for_type(x509.DNSName)
            kind = leaf.public_key_algorithm_oid.dotted_string
    except (ValueError, TypeError, OverflowError, unsupported, *strange):
        return None
    return Leaf(tuple(name.lower().rstrip(".") for name in names), _KINDS.get(kind, f"of kind {kind}"))
