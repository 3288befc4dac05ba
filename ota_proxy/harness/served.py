"""What a trial serves: pages, manifests, packages and images by location, and what a test wants different."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote

from ota_proxy.apps.ipa import AppInfo
from ota_proxy.apps.landing_page import STYLE, landing_page
from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import DISPLAY_SIZE, EXAMPLE_APP, FULL_SIZE, build_package, png
from ota_proxy.harness.authority import Flaw
from ota_proxy.harness.engine import TestFile
from ota_proxy.site import Location, Site

MANIFEST, PAGE, PACKAGE = "app.plist", "index.html", "App.ipa"
ODD = MappingProxyType({"space.plist": "My App.ipa", "plus.plist": "App+Debug.ipa"})
"""Further manifests, each with a package whose name needs care in URLs."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is served, and what a test wants different: None stands for what ota-proxy makes itself."""

    app: AppInfo = EXAMPLE_APP
    package: bytes | None = field(default=None, repr=False)
    manifest: bytes | None = field(default=None, repr=False)
    """In place of every static `app.plist`."""
    page: bytes | None = field(default=None, repr=False)
    """In place of every landing page."""
    flaw: Flaw | None = None
    """What is wrong with the leaf that devices see."""
    upstream: str | None = None
    """In place of the applications' nginx configuration; files stay under `MOCK_ROOT`."""
    tls_proxy: str | None = None
    extra: tuple[TestFile, ...] = ()
    """Further files for the server; one with a path of ours takes its place."""


class Served:
    """The files of a location by name, and the URLs they have."""

    def __init__(self, site: Site, content: Content) -> None:
        self.site, self.content = site, content
        self.package = build_package(content.app) if content.package is None else content.package
        self.icons = {"icon57.png": png(DISPLAY_SIZE), "icon512.png": png(FULL_SIZE)}

    def url(self, location: Location, name: str, base: str = "") -> str:
        """Return the public URL of a file, or the one below another scheme, host and port."""
        return (base or self.site.base_url) + location.url_path + quote(name, safe="+")

    def manifest(self, location: Location, name: str, base: str) -> bytes:
        """Return the manifest `name` with all URLs below `base` (scheme, host and port)."""
        package = ODD.get(name, PACKAGE)
        small, large = (f"{base}{location.url_path}{icon}" for icon in self.icons)
        images = {"display-image": small, "full-size-image": large}
        made = build_manifest(self.content.app, f"{base}{location.url_path}{quote(package, safe='+')}", images)
        return made.replace(b"$", b"&#36;")  # the same XML, in a form that nginx can return

    def served(self, location: Location) -> dict[str, bytes]:
        """Return everything but the manifests: name to bytes."""
        page = landing_page(self.content.app, self.url(location, MANIFEST), icon="icon57.png", stylesheet="app.css")
        names = dict.fromkeys((PACKAGE, *ODD.values()), self.package)
        return {PAGE: self.content.page or page, "app.css": STYLE.encode(), **self.icons, **names}

    def manifests(self, location: Location) -> dict[str, bytes]:
        """Return the manifests with public URLs: name to bytes."""
        made = {name: self.manifest(location, name, self.site.base_url) for name in (MANIFEST, *ODD)}
        if self.content.manifest is not None and location.root is not None:
            made[MANIFEST] = self.content.manifest
        return made

    def expected(self) -> dict[str, bytes]:
        """Return the bytes of every manifest of the site by its URL."""
        return {
            self.url(location, name): body
            for location in self.site.locations
            for name, body in self.manifests(location).items()
        }
