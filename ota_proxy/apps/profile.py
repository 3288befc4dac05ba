"""What a provisioning profile allows: `read_profile` opens the CMS message and reads its property list.

Keys and kinds: Apple's technote TN3125 (Inside Code Signing: Provisioning Profiles). The CMS message (RFC 5652 §5) is strict DER
(ITU-T X.690 §10) with definite lengths. The signature is not verified, and whether Apple has revoked a certificate cannot be seen from here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ota_proxy import limits
from ota_proxy.apps.plist import PlistProblem, load_plist
from ota_proxy.facts.app import Profile, ProfileKind, SigningCertificate

LARGEST = limits.PROFILE
"""Bytes of a profile that are read at most; one with 100 devices has about 36,000."""
_MOST_CERTIFICATES = limits.PROFILE_CERTIFICATES
_MOST_DEVICES = limits.DEVICES
_UNREADABLE = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion)


def read_profile(data: bytes) -> Profile | str:
    """Return the profile, or why the bytes are none; never raises, whatever they are."""
    if len(data) > LARGEST:
        return f"it is larger than {LARGEST} bytes"
    try:
        root = load_plist(signed_content(data))
    except DerProblem as problem:
        return f"it is not a CMS message as Apple signs: {problem}"
    except PlistProblem as problem:
        return f"what is signed is not a property list: {problem}"
    return _profile(root) if isinstance(root, dict) else "what is signed is not a dictionary"


def _profile(root: Mapping[str, Any]) -> Profile:
    entitlements = _mapping(root.get("Entitlements"))
    certificates, unread = _certificates(root.get("DeveloperCertificates"))
    return Profile(
        kind=_kind(root),
        name=_text(root.get("Name")),
        uuid=_text(root.get("UUID")),
        team=next(iter(_texts(root.get("TeamIdentifier"))), ""),
        team_name=_text(root.get("TeamName")),
        created=_time(root.get("CreationDate")),
        expires=_time(root.get("ExpirationDate")),
        devices=_texts(root.get("ProvisionedDevices")),
        provisions_all=root.get("ProvisionsAllDevices") is True,
        app_id=_text(entitlements.get("application-identifier")),
        platforms=_texts(root.get("Platform")),
        certificates=certificates,
        unread_certificates=unread,
    )


def _kind(root: Mapping[str, Any]) -> ProfileKind:
    """Tell the kinds apart as TN3125 does: who may run the app, and whether a debugger may attach."""
    entitlements = _mapping(root.get("Entitlements"))
    if root.get("ProvisionsAllDevices") is True:
        return "in-house"
    if not entitlements:
        return "unknown"
    if entitlements.get("get-task-allow") is True:
        return "development"
    return "ad-hoc" if isinstance(root.get("ProvisionedDevices"), list) else "app-store"


def _certificates(value: object) -> tuple[tuple[SigningCertificate, ...], int]:
    given = value[:_MOST_CERTIFICATES] if isinstance(value, list) else []
    read = tuple(found for item in given if (found := _certificate(item)))
    return read, len(given) - len(read)


def _certificate(der: object) -> SigningCertificate | None:
    if not isinstance(der, bytes):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd serials and names of more than 64 characters are the signer's affair
            found = x509.load_der_x509_certificate(der)
            names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            return SigningCertificate(
                _text(names[0].value) if names else "", found.not_valid_before_utc, found.not_valid_after_utc
            )
    except _UNREADABLE:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    given = value[:_MOST_DEVICES] if isinstance(value, list) else []
    return tuple(item for item in given if isinstance(item, str))


def _time(value: object) -> datetime | None:
    """Property lists give UTC without saying so."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


_SEQUENCE, _SET, _INTEGER, _OBJECT, _OCTETS, _EXPLICIT = 0x30, 0x31, 0x02, 0x06, 0x04, 0xA0
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
"""1.2.840.113549.1.7.2, id-signedData (RFC 5652 §5.1)."""
_LONG = 0x80
_WIDEST = 4
"""Bytes of a length that we follow: four name up to 4 GiB."""


class DerProblem(Exception):  # noqa: N818 - a fact about bytes, told to people as it is
    """Why the bytes are no CMS signed message."""


def signed_content(message: bytes) -> bytes:
    """Return what a CMS signed message carries; DerProblem, and nothing else, if it is not one or carries nothing."""
    outer = _Reader(message).inside(_SEQUENCE)
    if outer.take(_OBJECT) != _SIGNED_DATA:
        raise DerProblem("it is a CMS message, but not signed data")
    signed = outer.inside(_EXPLICIT).inside(_SEQUENCE)
    signed.take(_INTEGER)
    signed.take(_SET)
    content = signed.inside(_SEQUENCE)
    content.take(_OBJECT)
    if content.at_end:
        raise DerProblem("the signature comes without the content that was signed")
    return content.inside(_EXPLICIT).take(_OCTETS)


class _Reader:
    """Walks along the elements of a constructed value."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self._at >= len(self._data)

    def inside(self, tag: int) -> _Reader:
        """Pass an element with this tag and return a reader of what it holds."""
        return _Reader(self.take(tag))

    def take(self, tag: int) -> bytes:
        """Pass an element with this tag and return its value."""
        found = self._byte()
        if found != tag:
            raise DerProblem(f"byte 0x{found:02x} is found instead of 0x{tag:02x} should")
        length = self._length()
        end = self._at + length
        if end > len(self._data):
            raise DerProblem("it is cut off")
        value, self._at = self._data[self._at : end], end
        return value

    def _byte(self) -> int:
        if self.at_end:
            raise DerProblem("it is cut off")
        self._at += 1
        return self._data[self._at - 1]

    def _length(self) -> int:
        first = self._byte()
        if first < _LONG:
            return first
        count = first - _LONG
        if not 1 <= count <= _WIDEST:
            raise DerProblem("an element has no length that DER allows")
        return int.from_bytes(bytes(self._byte() for _ in range(count)), "big")
