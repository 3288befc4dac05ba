"""Makes packages and manifests for tests: small ones that are right, so that a test has to name only what it wants different."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ota_proxy.apps.ipa import AppInfo
from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import EXAMPLE_APP, SIZE, build_package
from ota_proxy.errors import UsageError
from ota_proxy.testing.markers import meant

_FIELDS = ("bundle_id", "title", "version", "build", "minimum_os", "platform", "executable")


@dataclass(frozen=True, slots=True)
class Package:
    """An .ipa: what it says of itself, and its bytes."""

    app: AppInfo
    data: bytes = field(repr=False)


class MakePackage(Protocol):
    """What the fixture `ota_package` is."""

    def __call__(self, *, size: int = SIZE, **app: str) -> Package:
        """Return a package with an executable of `size` bytes; `app` are fields such as bundle_id, title, version, minimum_os."""


class MakeManifest(Protocol):
    """What the fixture `ota_manifest` is."""

    def __call__(
        self,
        package_url: str,
        *,
        package: Package | None = None,
        images: Mapping[str, str] | None = None,
        sha256s: Sequence[str] = (),
        **app: str,
    ) -> bytes:
        """Return a manifest; `package` gives the app's names, `app` overrides single ones, `images` maps display-image to its URL."""


def make_package(*, size: int = SIZE, **app: str) -> Package:
    """Return a package with an executable of `size` bytes; UsageError for a field that an app does not have."""
    info = _app(EXAMPLE_APP, app)
    data = build_package(info, size)
    return Package(dataclasses.replace(info, size=len(data)), data)


def make_manifest(
    package_url: str,
    *,
    package: Package | None = None,
    images: Mapping[str, str] | None = None,
    sha256s: Sequence[str] = (),
    **app: str,
) -> bytes:
    """Return a manifest of Apple's schema; UsageError for a URL that no device takes and for a field that an app does not have."""
    info = _app(package.app if package else EXAMPLE_APP, app)
    return build_manifest(info, package_url, images or {}, sha256s=sha256s)


def _app(base: AppInfo, fields: Mapping[str, str]) -> AppInfo:
    for name in fields:
        if name not in _FIELDS:
            raise UsageError(f"an app has no field {name!r} ({meant(name, _FIELDS)})")
    texts: dict[str, Any] = dict(fields)
    return dataclasses.replace(base, **texts)
