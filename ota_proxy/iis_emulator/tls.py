"""TLS as bindings ask for it: a certificate by the name in the handshake, no answer for a name that nobody bound."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ota_proxy.iis_emulator.settings import Binding

_NO_HTTP2, _NO_TLS13 = 4, 32
"""sslFlags of a binding, Windows 2022 and later."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain, leaf first, and its key, both PEM."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)


def context(
    bindings: Sequence[tuple[Binding, Sequence[Certificate]]],
    *,
    client_ca: bytes = b"",
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    ciphers: str = "",
    tls13: bool = True,
) -> ssl.SSLContext:
    """Return the context of a port. `bindings` are the https ones with their certificates; `client_ca` asks for client certificates.

    A handshake whose name fits no binding, and for which there is none without a name, ends with unrecognized_name.
    """
    ordered = sorted(
        bindings, key=lambda pair: pair[0].host.startswith("*")
    )  # a name before a wildcard, as in HTTP.sys
    made = [(binding, _one(binding, certificates, client_ca)) for binding, certificates in ordered]
    for binding, one in made:
        _versions(one, minimum, ciphers, tls13=tls13 and not binding.flags & _NO_TLS13)
    catch_all = next((one for binding, one in made if not binding.by_name), None)

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        host = (name or "").lower()
        exact = next((one for binding, one in made if host and binding.host and binding.takes(host)), None)
        chosen = exact or catch_all
        if chosen is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = chosen
        return None

    first = catch_all or (made[0][1] if made else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    first.sni_callback = choose
    return first


def _versions(made: ssl.SSLContext, minimum: ssl.TLSVersion, ciphers: str, *, tls13: bool) -> None:
    made.minimum_version = minimum
    if not tls13:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
    if ciphers:
        made.set_ciphers(ciphers)


def _one(binding: Binding, certificates: Sequence[Certificate], client_ca: bytes) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"] if binding.flags & _NO_HTTP2 else ["h2", "http/1.1"])
    for certificate in certificates:
        _load(made, certificate)
    if client_ca:
        made.verify_mode = ssl.CERT_OPTIONAL
        made.load_verify_locations(cadata=client_ca.decode("ascii"))
    return made


def _load(made: ssl.SSLContext, certificate: Certificate) -> None:
    """Load a chain and its key, which `ssl` takes from a file only: one in memory where the system has that, else one that is gone at once."""
    pair = certificate.chain + certificate.key
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryDirectory(prefix="ota-proxy-tls-") as folder:
            path = Path(folder) / "pair.pem"
            path.touch(mode=0o600)
            path.write_bytes(pair)
            made.load_cert_chain(path)
        return
    with os.fdopen(os.memfd_create("ota-proxy-tls"), "wb") as memory:
        memory.write(pair)
        memory.flush()
        made.load_cert_chain(f"/proc/self/fd/{memory.fileno()}")
