"""What was seen of a connection before any request: errors, certificates, and what TLS a host speaks. `facts` has these names too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ota_proxy.addresses import bracketed

ErrorKind = Literal[
    "dns", "refused", "unreachable", "timeout", "reset", "tls", "client-certificate", "protocol", "too-large"
]


@dataclass(frozen=True, slots=True)
class NetError:
    """Why there is no answer: a kind for rules, a sentence for people."""

    kind: ErrorKind
    message: str
    address: str = ""
    """The private address that was not asked, because only a page or server named it."""
    code: str = ""
    """OpenSSL's own word for it, where it has one (`CERTIFICATE_VERIFY_FAILED`)."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate as served, in plain values."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    key_kind: str
    """`rsa`, `ec`, `ed25519` or another name."""
    key_bits: int
    signature_hash: str
    """`sha256`, `sha1`, … ; empty if the algorithm has none of its own (Ed25519)."""
    dns_names: tuple[str, ...]
    ip_names: tuple[str, ...]
    has_san: bool
    server_auth: bool
    """extendedKeyUsage holds serverAuth (RFC 5280 §4.2.1.12)."""
    is_ca: bool
    self_signed: bool
    ocsp_urls: tuple[str, ...] = ()
    sha256: str = ""
    curve: str = ""
    """The name of an `ec` key's curve (`secp256r1`); empty for other kinds."""


Trust = Literal[
    "trusted", "unknown-root", "self-signed", "missing-intermediate", "wrong-order", "unreadable", "not-checked"
]
"""`unreadable`: certificates were sent, and the first of them cannot be read."""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What one host and port speaks, seen from raw hellos and one real handshake with the name of the URL."""

    host: str
    port: int
    reachable: bool
    """A TLS server answered our hello (even when it refused the name)."""
    error: NetError | None = None
    versions: tuple[str, ...] = ()
    """Accepted of `SSLv3`, `TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`, oldest first."""
    suites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Version → accepted suites by IANA name, in the server's order of choice."""
    groups: tuple[str, ...] = ()
    extended_master_secret: bool | None = None
    """None without TLS 1.2."""
    alpn: tuple[str, ...] = ()
    chain: tuple[CertificateFacts, ...] = ()
    """As served, leaf first, nothing added or sorted."""
    path: tuple[CertificateFacts, ...] = ()
    """What a device would use, from the leaf to the root if there is one; certificates sent beside it are not in it."""
    trust: Trust = "not-checked"
    trust_detail: str = ""
    name_matches: bool | None = None
    stapled: bool | None = None
    """An OCSP answer came along; None for a host with TLS 1.3 only, which encrypts it."""
    private_root: bool | None = None
    """The chain ends at a CA that was given (`--ca`): True; at one of the system's: False; at neither, or unknown: None."""
    unknown_host: str = ""
    """What a handshake under an unknown host name got: `refused`, `same-certificate`, `other-certificate`, or empty: not asked."""
    asks_certificate: bool | None = None
    """The server asked for a client certificate in a handshake of TLS 1.2; None if it did none, and TLS 1.3 encrypts it."""
    partial: bool = False
    """The probe spent all its connections, or lost some: `versions`, `suites` and `groups` may lack some."""

    @property
    def place(self) -> str:
        """`HOST:PORT`, an IPv6 address in brackets."""
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class AtsRow:
    """One way to be asked: the least version and what else is wanted, and what comes of it."""

    name: str
    minimum: str
    """The least TLS version that is taken; empty if ATS is switched off."""
    forward_secrecy: bool
    certificate_rules: bool
    """Key and signature must be as strong as ATS wants; trust, name and dates always count."""
    passed: bool | None
    """None: not known, the probe of the host has gaps or never reached it."""
    reason: str = ""
    """Why it does not pass, or why that is not known; else what would be spoken: version and suite."""
