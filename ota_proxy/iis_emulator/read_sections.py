"""Reads what configuration says about files (types, caching, documents, compression, error pages) and what it refuses and redirects."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, cast

from ota_proxy.iis_emulator.compress import CompressionSettings
from ota_proxy.iis_emulator.ecma import matcher
from ota_proxy.iis_emulator.error_pages import ErrorPage, ErrorSettings
from ota_proxy.iis_emulator.guards import FilteringRule, FilterSettings, HstsSettings, NetworkSettings, RedirectSettings
from ota_proxy.iis_emulator.modelled import UnmodelledError
from ota_proxy.iis_emulator.request_routing import ProxySettings
from ota_proxy.iis_emulator.static_files import StaticSettings
from ota_proxy.servers.iis import defaults
from ota_proxy.servers.iis.node import Node

Sections = Callable[[str], Node]
"""A section of system.webServer by the rest of its name, for one URL."""


def seconds(node: Node, attribute: str) -> float:
    """Return a time span in seconds."""
    value = node.get(attribute)
    if not isinstance(value, timedelta):
        raise TypeError(attribute)
    return value.total_seconds()


def static(section: Sections, modules: frozenset[str]) -> StaticSettings:
    """Return the settings of the static file handler and of folders."""
    content, documents, browse = section("staticContent"), section("defaultDocument"), section("directoryBrowse")
    cache = content.child("clientCache")
    files = documents.child("files").entries() if documents.flag("enabled") else ()
    if any(one.text("fileExtension").startswith(".*") for one in content.entries("mimeMap")):
        raise UnmodelledError(
            "staticContent/mimeMap for the extension '.*'", why="no document of IIS 7 or newer knows it"
        )
    return StaticSettings(
        types={one.text("fileExtension").lower(): one.text("mimeType") for one in content.entries("mimeMap")},
        cache_control=_cache_control(cache),
        expires=cache.text("httpExpires") if cache.text("cacheControlMode") == "UseExpires" else "",
        set_etag=cache.flag("setEtag"),
        footer=_footer(content),
        documents=tuple(one.text("value") for one in files) if "DefaultDocumentModule" in modules else (),
        browse=browse.flag("enabled") and "DirectoryListingModule" in modules,
        browse_flags=frozenset(browse.text("showFlags").replace(" ", "").split(",")),
    )


def _cache_control(cache: Node) -> str:
    mode = cache.text("cacheControlMode")
    own = {"DisableCache": "no-cache", "UseMaxAge": f"max-age={seconds(cache, 'cacheControlMaxAge'):.0f}"}.get(mode, "")
    return ",".join(part for part in (own, cache.text("cacheControlCustom")) if part)


def _footer(content: Node) -> str:
    if not content.flag("enableDocFooter"):
        return ""
    if content.flag("isDocFooterFileName"):
        raise UnmodelledError("staticContent/@isDocFooterFileName")
    return content.text("defaultDocFooter")


def compression(section: Sections, modules: frozenset[str]) -> CompressionSettings:
    """Return the settings of static compression; dynamic compression needs a module that a plain role does not have."""
    url, whole, runtime = section("urlCompression"), section("httpCompression"), section("serverRuntime")
    schemes = [one.text("name").lower() for one in whole.entries("scheme") if one.flag("doStaticCompression")]
    if schemes and "gzip" not in schemes:
        raise UnmodelledError(f"httpCompression/scheme {schemes[0]}", why="only gzip is modelled")
    return CompressionSettings(
        enabled=url.flag("doStaticCompression") and "StaticCompressionModule" in modules and "gzip" in schemes,
        types=tuple(
            (one.text("mimeType").lower(), one.flag("enabled")) for one in whole.child("staticTypes").entries()
        ),
        smallest=whole.number("minFileSizeForComp"),
        ignore_hits=whole.flag("staticCompressionIgnoreHitFrequency"),
        hits=runtime.number("frequentHitThreshold"),
        period=seconds(runtime, "frequentHitTimePeriod"),
        without_http10=whole.flag("noCompressionForHttp10"),
        without_proxies=whole.flag("noCompressionForProxies"),
        without_ranges=whole.flag("noCompressionForRange"),
    )


def errors(section: Node) -> ErrorSettings:
    """Return the settings of error pages."""
    pages = {}
    for one in section.entries("error"):
        mode = one.text("responseMode")
        _error_page(one, mode)
        pages[one.number("statusCode"), one.number("subStatusCode")] = ErrorPage(
            cast("Literal['File', 'Redirect']", mode), one.text("path")
        )
    return ErrorSettings(
        cast("Literal['DetailedLocalOnly', 'Custom', 'Detailed']", section.text("errorMode")),
        cast("Literal['Auto', 'Replace', 'PassThrough']", section.text("existingResponse")),
        pages,
    )


def _error_page(node: Node, mode: str) -> None:
    """Raise UnmodelledError for a page that the emulator cannot find or whose status nobody documented."""
    what, place = f"httpErrors/error for {node.number('statusCode')}", f"{node.span.file}:{node.span.line}"
    if mode == "ExecuteURL":
        why = "which status such a page goes out with is not documented"
        raise UnmodelledError(f"{what} with responseMode ExecuteURL", place=place, why=why)
    if node.span.file == defaults.FILE or mode != "File":
        return
    if node.text("prefixLanguageFilePath"):
        raise UnmodelledError(f"{what} with prefixLanguageFilePath", place=place)
    if ":" in node.text("path") or node.text("path").startswith("%"):
        raise UnmodelledError(f"{what} with the absolute path '{node.text('path')}'", place=place)


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
