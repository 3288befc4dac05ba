"""Turns a site and its rendered text into a scenario: certificates, content and side parts exactly where the site says they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from ota_proxy.content.icon import DISPLAY_SIZE, FULL_SIZE, png
from ota_proxy.content.ipa import AppInfo
from ota_proxy.content.manifest import build_manifest
from ota_proxy.content.package import EXAMPLE_APP, build_package
from ota_proxy.content.page import STYLE, landing_page
from ota_proxy.errors import UsageError
from ota_proxy.harness.certificates import Authority, Flaw, Issued, Kind
from ota_proxy.harness.engine import Scenario, TestFile
from ota_proxy.harness.side import (
    PLACEHOLDER,
    SIDE_ROOT,
    Application,
    front_config,
    group_by_target,
    trusted_address,
    upstream_config,
)
from ota_proxy.model import Location, Site
from ota_proxy.policy.capabilities import Capabilities

MANIFEST, PAGE, PACKAGE = "app.plist", "index.html", "App.ipa"
ODD = MappingProxyType({"space.plist": "My App.ipa", "plus.plist": "App+Debug.ipa"})
"""Further manifests, each with a package whose name needs care in URLs."""
CHALLENGE = "/.well-known/acme-challenge/ota-proxy-test"
"""URL path of the ACME file; its content is `CHALLENGE_TEXT`."""
CHALLENGE_TEXT = b"ota-proxy-test.challenge"


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
    """In place of the applications' nginx configuration; files stay under `SIDE_ROOT`."""
    front: str | None = None
    extra: tuple[TestFile, ...] = ()
    """Further files for the server; one with a path of ours takes its place."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario and what the device has to know about it; URLs are public ones."""

    scenario: Scenario
    ca_pem: bytes = field(repr=False)
    page_url: str
    manifest_urls: tuple[str, ...]
    """One for every location, in the site's order."""
    odd_manifest_urls: tuple[str, ...]
    expected: Mapping[str, bytes] = field(repr=False)
    """The bytes of every manifest by its URL, as they are when the server does its part."""
    package: bytes = field(repr=False)
    issued: tuple[Issued, ...] = ()


def build_scenario(
    site: Site,
    caps: Capabilities,
    config: str | Mapping[str, str],
    authority: Authority,
    content: Content | None = None,
) -> Prepared:
    """Put together what an engine starts. `site` is the adapted one; `config` is a text of scope site, or paths with texts.

    UsageError for a path with a character that no file on a POSIX host should be tried with, such as a Windows drive.
    """
    chosen = content or Content()
    package = build_package(chosen.app) if chosen.package is None else chosen.package
    files = _Files(site, chosen, package)
    certificates, issued = _certificates(site, authority, chosen.flaw)
    side = _Side(site, caps, authority, chosen, files)
    texts = {caps.layout[f"{caps.server}_site"]: config} if isinstance(config, str) else dict(config)
    own = (*certificates, *side.vouched, *_static(site, files), _challenge(site), *chosen.extra)
    scenario = Scenario(
        server=caps.server,
        site=site,
        caps=caps,
        config=texts,
        files=tuple({_posix(file.path): file for file in own}.values()),
        upstream=side.upstream,
        front=side.front,
        upstream_files=side.files,
        hosts=side.hosts,
        addresses=side.addresses,
    )
    return Prepared(
        scenario=scenario,
        ca_pem=authority.ca_pem,
        page_url=site.base_url + site.locations[0].path,
        manifest_urls=tuple(files.url(location, MANIFEST) for location in site.locations),
        odd_manifest_urls=tuple(files.url(location, name) for location in site.locations for name in ODD),
        expected=files.expected(),
        package=package,
        issued=issued,
    )


class _Files:
    """The files of a location by name, and the URLs they have."""

    def __init__(self, site: Site, content: Content, package: bytes) -> None:
        self.site, self.content, self.package = site, content, package
        self.icons = {"icon57.png": png(DISPLAY_SIZE), "icon512.png": png(FULL_SIZE)}

    def url(self, location: Location, name: str) -> str:
        return self.site.base_url + location.path + quote(name, safe="+")

    def manifest(self, location: Location, name: str, base: str) -> bytes:
        package = ODD.get(name, PACKAGE)
        small, large = (f"{base}{location.path}{icon}" for icon in self.icons)
        images = {"display-image": small, "full-size-image": large}
        made = build_manifest(self.content.app, f"{base}{location.path}{quote(package, safe='+')}", images)
        return made.replace(b"$", b"&#36;")  # the same XML, in a form that nginx can return

    def served(self, location: Location) -> dict[str, bytes]:
        """Everything but the manifests."""
        page = landing_page(self.content.app, self.url(location, MANIFEST), icon="icon57.png", stylesheet="app.css")
        names = dict.fromkeys((PACKAGE, *ODD.values()), self.package)
        return {PAGE: self.content.page or page, "app.css": STYLE.encode(), **self.icons, **names}

    def manifests(self, location: Location) -> dict[str, bytes]:
        made = {name: self.manifest(location, name, self.site.base_url) for name in (MANIFEST, *ODD)}
        if self.content.manifest is not None and location.root is not None:
            made[MANIFEST] = self.content.manifest
        return made

    def expected(self) -> dict[str, bytes]:
        return {
            self.url(location, name): body
            for location in self.site.locations
            for name, body in self.manifests(location).items()
        }


def _posix(path: str) -> str:
    if not path.startswith("/"):
        raise UsageError(f"the path {path} cannot be used on this kind of server", place=path)
    return path


def leaf_kinds(site: Site) -> tuple[Kind, ...]:
    """Say which kind of leaf goes to which certificate of a site: by the word rsa or ecdsa in its file name, else RSA first of two."""
    words = [set(re.split(r"[^a-z]+", f"{pair.cert} {pair.key}".lower())) for pair in site.certificates]
    if len(words) == 1:
        return ("rsa",) if "rsa" in words[0] else ("ecdsa",)
    if words and ("ecdsa" in words[0] or "rsa" in words[1]):
        return ("ecdsa", "rsa")
    return ("rsa", "ecdsa") if words else ()


def _certificates(site: Site, authority: Authority, flaw: Flaw | None) -> tuple[list[TestFile], tuple[Issued, ...]]:
    issued = tuple(authority.issue(site.domains, kind, flaw) for kind in leaf_kinds(site))
    files = []
    for pair, leaf in zip(site.certificates, issued, strict=True):
        files += [TestFile(pair.cert, leaf.cert_chain_pem, 0o644), TestFile(pair.key, leaf.key_pem, 0o600)]
    return files, issued


def _static(site: Site, files: _Files) -> list[TestFile]:
    return [
        TestFile(f"{(location.root or '').rstrip('/')}/{name}", data)
        for location in site.static
        for name, data in {**files.served(location), **files.manifests(location)}.items()
    ]


def _challenge(site: Site) -> TestFile:
    return TestFile(site.redirect.acme_root.rstrip("/") + CHALLENGE, CHALLENGE_TEXT)


class _Side:
    """The side parts of a site: their configurations, files, names and addresses; `vouched` are CA files for the server."""

    def __init__(self, site: Site, caps: Capabilities, authority: Authority, content: Content, files: _Files) -> None:
        self.site, self.caps, self.authority, self._files = site, caps, authority, files
        self._own: list[TestFile] = []
        self.vouched: list[TestFile] = []
        self._hosts: dict[str, None] = {}
        self._addresses: dict[str, None] = {}
        made = self._applications()
        self.upstream = made if content.upstream is None else content.upstream
        made = self._front(content.flaw)
        self.front = made if content.front is None else content.front
        self.files, self.hosts, self.addresses = tuple(self._own), tuple(self._hosts), tuple(self._addresses)

    def _applications(self) -> str:
        applications, manifests = [], {}
        for index, (target, locations) in enumerate(group_by_target(self.site.proxied).items()):
            folders = {place.path: f"{SIDE_ROOT}/app{index}-{step}" for step, place in enumerate(locations)}
            for place in locations:
                self._own += [
                    TestFile(f"{folders[place.path]}/{name}", data) for name, data in self._files.served(place).items()
                ]
                for name in (MANIFEST, *ODD):
                    manifests[place.path + name] = self._files.manifest(place, name, PLACEHOLDER).decode()
            certificate = self._upstream_tls(locations, index) if target.scheme == "https" else ""
            applications.append(Application(target, folders, certificate))
            self._reach(target.host)
        return upstream_config(applications, manifests) if applications else ""

    def _reach(self, host: str) -> None:
        if host and not _is_address(host):
            self._hosts[host] = None
        elif host and host != "::1" and not host.startswith("127."):
            self._addresses[host] = None

    def _upstream_tls(self, locations: list[Location], index: int) -> str:
        names = [place.upstream_name or (place.target.host if place.target else "") for place in locations]
        path = self._pair(self.authority.issue(tuple(dict.fromkeys(names))), f"app{index}")
        for place in locations:
            self.vouched.append(TestFile(place.upstream_ca or self.caps.layout["ca_bundle"], self.authority.ca_pem))
        return path

    def _front(self, flaw: Flaw | None) -> str:
        if not self.site.tls.offloaded:
            return ""
        self._reach(trusted_address(self.site))
        return front_config(self.site, self._pair(self.authority.issue(self.site.domains, "ecdsa", flaw), "front"))

    def _pair(self, issued: Issued, name: str) -> str:
        path = f"{SIDE_ROOT}/{name}"
        self._own += [TestFile(f"{path}.crt", issued.cert_chain_pem), TestFile(f"{path}.key", issued.key_pem, 0o600)]
        return path


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def main_file(caps: Capabilities) -> str:
    """Return the path of the server's main configuration file, which a text of scope full replaces."""
    return f"{caps.layout['nginx_conf']}/nginx.conf" if caps.server == "nginx" else caps.layout["apache_conf"]


def config_path(caps: Capabilities, scope: Literal["site", "full"] = "site") -> str:
    """Return where a text of that scope goes."""
    return main_file(caps) if scope == "full" else caps.layout[f"{caps.server}_site"]
