"""Reads what configuration refuses and redirects: request filtering, TLS flags, networks, httpRedirect, HSTS, the proxy."""

from __future__ import annotations

import ipaddress
from typing import Literal, cast

from ota_proxy.iis_emulator.filtering import FilteringRule, FilterSettings
from ota_proxy.iis_emulator.hsts import HstsSettings
from ota_proxy.iis_emulator.http_redirect import RedirectSettings
from ota_proxy.iis_emulator.networks import NetworkSettings
from ota_proxy.iis_emulator.patterns import matcher
from ota_proxy.iis_emulator.proxy import ProxySettings
from ota_proxy.iis_emulator.read_static import seconds
from ota_proxy.iis_emulator.refused import UnmodelledError
from ota_proxy.servers.iis.node import Node

STATUS = {"Found": 302, "Permanent": 301, "Temporary": 307, "PermRedirect": 308}


def filtering(section: Node) -> FilterSettings:
    """Return the settings of request filtering."""
    limits, extensions, verbs = (section.child(name) for name in ("requestLimits", "fileExtensions", "verbs"))
    return FilterSettings(
        double_escaping=section.flag("allowDoubleEscaping"),
        high_bit=section.flag("allowHighBitCharacters"),
        unescape_query=section.flag("unescapeQueryString"),
        extensions={one.text("fileExtension").lower(): one.flag("allowed") for one in extensions.entries()},
        unlisted_extensions=extensions.flag("allowUnlisted"),
        verbs={one.text("verb"): one.flag("allowed") for one in verbs.entries()},
        unlisted_verbs=verbs.flag("allowUnlisted"),
        hidden=frozenset(_texts(section, "hiddenSegments", "segment")),
        url_sequences=_texts(section, "denyUrlSequences", "sequence"),
        allowed_urls=frozenset(_texts(section, "alwaysAllowedUrls", "url")),
        query_sequences=_texts(section, "denyQueryStringSequences", "sequence"),
        allowed_queries=frozenset(_texts(section, "alwaysAllowedQueryStrings", "queryString")),
        header_limits={
            one.text("header").lower(): one.number("sizeLimit") for one in limits.child("headerLimits").entries()
        },
        longest_content=limits.number("maxAllowedContentLength"),
        longest_url=limits.number("maxUrl"),
        longest_query=limits.number("maxQueryString"),
        rules=tuple(map(_rule, section.child("filteringRules").entries())),
    )


def _texts(node: Node, child: str, attribute: str) -> tuple[str, ...]:
    return tuple(one.text(attribute).lower() for one in node.child(child).entries())


def _rule(node: Node) -> FilteringRule:
    return FilteringRule(
        name=node.text("name"),
        deny=_texts(node, "denyStrings", "string"),
        headers=_texts(node, "scanHeaders", "requestHeader"),
        extensions=_texts(node, "appliesTo", "fileExtension"),
        scan_url=node.flag("scanUrl"),
        scan_query=node.flag("scanQueryString"),
        scan_raw=node.flag("scanAllRaw"),
        deny_unescaped_percent=node.flag("denyUnescapedPercent"),
    )


def redirect(section: Node, base: str) -> RedirectSettings:
    """Return the settings of httpRedirect; `base` is the URL path whose configuration set the destination."""
    if not section.flag("enabled"):
        return RedirectSettings()
    entries = section.entries("add")
    return RedirectSettings(
        destination=section.text("destination"),
        status=STATUS[section.text("httpResponseStatus")],
        exact=section.flag("exactDestination"),
        child_only=section.flag("childOnly"),
        base=base.rstrip("/"),
        wildcards=tuple(
            (matcher(one.text("wildcard"), "Wildcard"), one.text("destination"))
            for one in entries
            if not section.text(
                "destination"
            )  # "you must remove the default destination ... for the wildcard rules to work"
        ),
    )


def networks(section: Node) -> NetworkSettings:
    """Return the settings of ipSecurity."""
    for attribute in ("enableReverseDns", "enableProxyMode"):
        if section.flag(attribute):
            raise UnmodelledError(f"ipSecurity/@{attribute}")
    if section.text("denyAction") != "Forbidden":
        raise UnmodelledError(f"ipSecurity/@denyAction {section.text('denyAction')}")
    return NetworkSettings(section.flag("allowUnlisted"), tuple(map(_network, section.entries())))


def _network(node: Node) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, bool]:
    if node.text("domainName"):
        raise UnmodelledError(f"ipSecurity/add with the domain name {node.text('domainName')}")
    address, mask = node.text("ipAddress"), node.text("subnetMask")
    try:
        text = address if ":" in address else f"{address}/{mask}"
        return ipaddress.ip_network(text, strict=False), node.flag("allowed")
    except ValueError:
        raise UnmodelledError(f"ipSecurity/add {address}/{mask}", why="it is not a network") from None


def hsts(node: Node) -> HstsSettings:
    """Return the settings of a site's hsts element."""
    return HstsSettings(
        enabled=node.flag("enabled"),
        max_age=node.number("max-age"),
        subdomains=node.flag("includeSubDomains"),
        preload=node.flag("preload"),
        redirect=node.flag("redirectHttpToHttps"),
    )


def proxy(section: Node) -> ProxySettings:
    """Return the settings of the proxy."""
    return ProxySettings(
        enabled=section.flag("enabled"),
        preserve_host=section.flag("preserveHostHeader"),
        reverse_hosts=section.flag("reverseRewriteHostInResponseHeaders"),
        forwarded_for=section.text("xForwardedForHeaderName"),
        forwarded_port=section.flag("includePortInXForwardedFor"),
        ssl_header=section.text("sslHeaderName"),
        announce=section.flag("arrResponseHeader"),
        server_header=cast("Literal['Replace', 'Remove', 'PassThrough']", section.text("passServerHeader")),
        timeout=seconds(section, "timeout"),
    )
