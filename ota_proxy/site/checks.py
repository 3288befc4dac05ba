"""What holds for a site as a whole: names, keys and ports of one part that must fit those of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ota_proxy.errors import dotted
from ota_proxy.site.features import CHECKS as FEATURE_CHECKS
from ota_proxy.site.names import covers
from ota_proxy.site.values import PartError

if TYPE_CHECKING:
    from ota_proxy.site.site import Site


def _canonical(site: Site) -> None:
    if site.domain.startswith("*."):
        raise PartError(
            f"the first domain '{site.domain}' is canonical and cannot be a wildcard; put a plain name before it",
            *("domains", 0),
        )
    if not any(covers(domain, site.public_host) for domain in site.domains):
        raise PartError(f"public_url has the host {site.public_host}, which is not among domains", "public_url")


def _distinct(site: Site) -> None:
    for key, values in (
        (("domains", 0), site.domains),
        (("locations", 0, "path"), tuple(location.path for location in site.locations)),
        (("certificates", 0, "cert"), tuple(certificate.cert for certificate in site.certificates)),
        (("certificates", 0, "key"), tuple(certificate.key for certificate in site.certificates)),
        (("listen", "addresses", 0), site.listen.addresses),
        (("trusted_proxies", 0), site.trusted_proxies),
        (("access", "allow", 0), site.access.allow),
        (("access", "deny", 0), site.access.deny),
    ):
        twice = next((index for index, value in enumerate(values) if value in values[:index]), None)
        if twice is not None:
            what = dotted(key[: key.index(0)])
            raise PartError(f"{what} has {values[twice]} twice", *(step if step != 0 else twice for step in key))
    names = list(site.headers)
    for index, name in enumerate(names):
        if name.lower() in (other.lower() for other in names[:index]):
            raise PartError(f"headers has {name} twice", "headers", name)


def _terminates(site: Site) -> None:
    if site.tls.offloaded:
        if not site.trusted_proxies:
            raise PartError(
                "tls.offloaded needs trusted_proxies: the addresses of the proxy that speaks TLS", "tls", "offloaded"
            )
        if site.certificates:
            raise PartError(
                "tls.offloaded and certificates exclude each other: the proxy in front has the certificate",
                "certificates",
            )
        if site.listen.http is False or site.listen.https is not None:
            raise PartError(
                "tls.offloaded has one plain listener: set listen.http to its port, and no listen.https",
                *("listen", "http" if site.listen.http is False else "https"),
            )
    elif not site.certificates:
        raise PartError(
            "certificates is empty: give cert and key, or set tls.offloaded = true with a proxy in front",
            "certificates",
        )


def _ports(site: Site) -> None:
    if not site.tls.offloaded and site.listen.http == site.https_port:
        moved = ("listen", "http") if site.listen.http != 80 else ("public_url",)
        key = ("listen", "https") if site.listen.https else moved
        raise PartError(f"port {site.https_port} cannot be both listen.http and the TLS port", *key)


def _named(site: Site) -> None:
    for index, certificate in enumerate(site.certificates):
        for name in certificate.domains:
            if not any(covers(name, domain) for domain in site.domains):
                raise PartError(f"{name} is not among the site's domains", "certificates", index, "domains")
    if not site.tls.offloaded:
        _ = site.virtual_hosts


CHECKS = (_canonical, _distinct, _terminates, _ports, _named, *FEATURE_CHECKS)
"""Each raises PartError with the key to change."""
