"""Reads what configuration says about files: types, caching, documents, compression, error pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, cast

from ota_proxy.iis_emulator.compress import CompressionSettings
from ota_proxy.iis_emulator.error_pages import ErrorPage, ErrorSettings
from ota_proxy.iis_emulator.refused import UnmodelledError
from ota_proxy.iis_emulator.static import StaticSettings
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
