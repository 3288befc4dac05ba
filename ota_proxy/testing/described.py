"""What a test wants to run, out of its fixtures and markers: the site's description, its content, and its own configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.harness.certificates import Flaw
from ota_proxy.harness.own_config import OwnConfig, own_config
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import content_of
from ota_proxy.report.suppress import Suppression
from ota_proxy.settings import Loaded, load
from ota_proxy.settings.flags import SiteFlags
from ota_proxy.settings.load import load_options
from ota_proxy.testing.factories import Package
from ota_proxy.testing.markers import meant, wrong_keywords

_CONTENT = ("package", "manifest", "page")
_MANY = {
    "domain": "domains",
    "root": "roots",
    "upstream": "upstreams",
    "cert": "certs",
    "key": "keys",
    "trusted_proxy": "trusted_proxies",
    "set": "sets",
}
_ONE = ("public_url", "tls_profile")


def described(keywords: Mapping[str, Any], folder: Path) -> Loaded:
    """Read a site: keywords over `OTA_PROXY_*` over the nearest ota-proxy.toml from `folder` upwards; UsageError as the command has it."""
    for mistake in wrong_keywords(keywords, "ota_settings"):
        raise UsageError(mistake)
    site = keywords.get("site")
    given: dict[str, Any] = {field: _texts(keywords[name]) for name, field in _MANY.items() if name in keywords}
    given |= {name: str(keywords[name]) for name in _ONE if name in keywords}
    return load(str(folder / site) if site else None, SiteFlags(**given), folder=folder)


def ignored(keywords: Mapping[str, Any], folder: Path) -> tuple[Suppression, ...]:
    """Return what the site file suppresses, the one that `ota_settings` names, else the nearest; fails the test for a mistake in it."""
    site = keywords.get("site")
    try:
        options = load_options(SiteFlags(), folder=folder, site_file=str(folder / site) if site else None)
    except UsageError as error:
        text = str(error)
    else:
        return tuple(Suppression(one.rule, one.reason, one.place, one.subject) for one in options.ignore)
    pytest.fail(text, pytrace=False)  # out here, for inside the failure would have the error as its context


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


def configuration(path: str | Path | None, folder: Path, server: str) -> OwnConfig | None:
    """Look at a person's own configuration, relative to the test's folder; UsageError when it is none of that server."""
    return own_config(folder / path, server) if path is not None else None


def content(given: object, folder: Path, flaw: Flaw | None) -> Content:
    """Return what is served: None for ota-proxy's own, a package (path, bytes, `ota_package()`), or a mapping of parts.

    Paths are relative to `folder`; `flaw` is what is wrong with the certificate.
    """
    return dataclasses.replace(_content(given, folder), flaw=flaw)


def _content(given: object, folder: Path) -> Content:
    if given is None:
        return Content()
    parts = dict(given) if isinstance(given, Mapping) else {"package": given}
    for name in parts:
        if name not in _CONTENT:
            raise UsageError(f"ota_content does not know {name!r} ({meant(name, _CONTENT)})")
    made = content_of(_bytes(parts.pop("package"), folder)) if parts.get("package") is not None else Content()
    texts: dict[str, Any] = {name: _bytes(value, folder) for name, value in parts.items() if value is not None}
    return dataclasses.replace(made, **texts)


def _bytes(value: object, folder: Path) -> bytes:
    if isinstance(value, Package):
        return value.data
    if isinstance(value, (str, Path)):
        try:
            return (folder / value).read_bytes()
        except OSError as error:
            raise UsageError(f"the file cannot be read: {error.strerror}", place=f"ota_content {value}") from None
    if not isinstance(value, bytes):
        raise UsageError(f"ota_content takes paths and bytes, not {type(value).__name__}")
    return value
