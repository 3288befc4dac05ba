"""Turns sites and their rendered text into a scenario: certificates, what is served and mock upstreams exactly where the site says they are.

Several sites can share a server; a test can want something of what is served different.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ota_proxy.errors import UsageError
from ota_proxy.harness.authority import Authority, Flaw, Issued, Kind
from ota_proxy.harness.engine import Moved, Scenario, TestFile
from ota_proxy.harness.listening import alias_bases
from ota_proxy.harness.mock_upstreams import MockUpstreams
from ota_proxy.harness.served import MANIFEST, ODD, Content, Served
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.site import Certificate, Location, Site
from ota_proxy.site.names import PER_NAME, shown


def together(sites: Sequence[Site]) -> list[tuple[Site, ...]]:
    """Group sites that listen on the same ports and addresses; each group is started as one server."""
    groups: dict[tuple[object, ...], list[Site]] = {}
    for site in sites:
        place = (site.listen.http, site.https_port, site.public_port, site.listen.addresses, site.listen.ipv6)
        groups.setdefault((*place, site.tls.offloaded, site.trusted_proxies), []).append(site)
    return [tuple(group) for group in groups.values()]


def combined(sites: Sequence[Site]) -> Site:
    """Return one site with the names, locations and certificates of all, for what a server must have; nobody renders it."""
    if len(sites) == 1:
        return sites[0]
    names: dict[tuple[str, str], dict[str, None]] = {}
    for site in sites:
        for index, pair in enumerate(site.certificates):
            names.setdefault((pair.cert, pair.key), {}).update(dict.fromkeys(shown(site.virtual_hosts, index)))
    everything = {
        "domains": tuple(dict.fromkeys(name for site in sites for name in site.domains)),
        "locations": tuple(location for site in sites for location in site.locations),
        "certificates": tuple(
            Certificate(cert=cert, key=key, domains=tuple(those)) for (cert, key), those in names.items()
        ),
    }
    return sites[0].model_copy(update=everything)


def owner(sites: Sequence[Site], location: Location) -> int:
    """Return which of the sites a location belongs to; of two that say the same, the first."""
    return next(number for number, site in enumerate(sites) if location in site.locations)


CHALLENGE = "/.well-known/acme-challenge/ota-proxy-test"
"""URL path of the ACME file; its content is `CHALLENGE_TEXT`."""
CHALLENGE_TEXT = b"ota-proxy-test.challenge"
_PERSON = "person"
"""Who gives the password of a run; its hash is of the one kind that needs no library on either server (htpasswd -s)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario and what the device has to know about it; URLs are public ones."""

    scenario: Scenario
    ca_pem: bytes = field(repr=False)
    page_url: str
    manifest_urls: tuple[str, ...]
    """One for every location, in the site's order; not for those that want a client certificate, which no installer has."""
    odd_manifest_urls: tuple[str, ...]
    alias_urls: tuple[str, ...]
    """A manifest of each virtual host that has other certificates than the public name."""
    expected: Mapping[str, bytes] = field(repr=False)
    """The bytes of every manifest by its URL, as they are when the server does its part."""
    package: bytes = field(repr=False)
    site: Site
    """The site itself; that of the scenario has what all sites of its server need."""
    issued: tuple[Issued, ...] = ()
    person: tuple[str, str] | None = field(default=None, repr=False)
    """Name and password, of this run alone, where the site asks for one."""
    beside: tuple[Prepared, ...] = ()
    """The other sites of the same server."""


def build_scenario(  # noqa: PLR0913 - what it is made of, and what stands beside it
    site: Site,
    caps: Capabilities,
    config: str | Mapping[str, str],
    authority: Authority,
    content: Content | None = None,
    *,
    beside: Sequence[Site] = (),
    moved: Moved | None = None,
) -> Prepared:
    """Put together what an engine starts. `site` is the adapted one; `config` is a text of scope site, or paths with texts.

    `beside` are other sites of the same server, on the same ports; `moved` is of the engine's placement.

    UsageError for a path with a character that no file on a POSIX host should be tried with, such as a Windows drive.
    """
    chosen = content or Content()
    sites = (site, *beside)
    served = [Served(one, chosen) for one in sites]
    whole = combined(sites)
    certificates, issued = _certificates(whole, authority, chosen.flaw)
    mocks = MockUpstreams(whole, caps, authority, chosen, lambda location: served[owner(sites, location)])
    texts = {caps.layout.site: config} if isinstance(config, str) else dict(config)
    password = secrets.token_urlsafe() if any(one.auth.htpasswd for one in sites) else ""
    contents = [
        file
        for one, files in zip(sites, served, strict=True)
        for file in (*_static(one, files), _challenge(one), *_named(one, authority, password))
    ]
    own = (*certificates, *mocks.vouched, *contents, *chosen.extra)
    scenario = Scenario(
        server=caps.server,
        site=whole,
        caps=caps,
        config=texts,
        files=tuple({_posix(file.path): file for file in own}.values()),
        upstream=mocks.upstream,
        tls_proxy=mocks.tls_proxy,
        upstream_files=mocks.files,
        hosts=mocks.hosts,
        addresses=mocks.addresses,
        moved=moved or Moved(),
    )
    first, *others = (
        _prepared(scenario, one, files, authority, password) for one, files in zip(sites, served, strict=True)
    )
    return replace(first, issued=issued, beside=tuple(others))


def _prepared(scenario: Scenario, site: Site, files: Served, authority: Authority, password: str) -> Prepared:
    guarded = site.client_certificates.locations
    walked = [location for location in site.locations if location.path not in guarded] or list(site.locations)
    return Prepared(
        scenario=scenario,
        ca_pem=authority.ca_pem,
        page_url=site.base_url + walked[0].url_path,
        manifest_urls=tuple(files.url(location, MANIFEST) for location in walked),
        odd_manifest_urls=tuple(files.url(location, name) for location in walked for name in ODD),
        alias_urls=tuple(files.url(walked[0], MANIFEST, base) for base in alias_bases(site)),
        expected=files.expected(),
        package=files.package,
        person=(_PERSON, password) if site.auth.htpasswd else None,
        site=site,
    )


def _posix(path: str) -> str:
    if not path.startswith("/"):
        raise UsageError(f"the path {path} cannot be used on this kind of server", place=path)
    return path


def leaf_kinds(site: Site) -> tuple[Kind, ...]:
    """Say which kind of leaf goes to which certificate of a site: by the word rsa or ecdsa in its file name, else RSA first of two."""
    words = [set(re.split(r"[^a-z]+", f"{pair.cert} {pair.key}".lower())) for pair in site.certificates]
    kinds: dict[int, Kind] = {}
    for host in site.virtual_hosts:
        if len(host.certificates) == PER_NAME:
            first, second = host.certificates
            turned = "ecdsa" in words[first] or "rsa" in words[second] or kinds.get(first) == "ecdsa"
            kinds[first], kinds[second] = ("ecdsa", "rsa") if turned else ("rsa", "ecdsa")
    return tuple(kinds.get(index, "rsa" if "rsa" in said else "ecdsa") for index, said in enumerate(words))


def _certificates(site: Site, authority: Authority, flaw: Flaw | None) -> tuple[list[TestFile], tuple[Issued, ...]]:
    names = [shown(site.virtual_hosts, index) for index in range(len(site.certificates))]
    issued = tuple(authority.issue(names[index], kind, flaw) for index, kind in enumerate(leaf_kinds(site)))
    files = []
    for pair, leaf in zip(site.certificates, issued, strict=True):
        files += [TestFile(pair.cert, leaf.cert_chain_pem, 0o644), TestFile(pair.key, leaf.key_pem, 0o600)]
    return files, issued


def _static(site: Site, files: Served) -> list[TestFile]:
    return [
        TestFile(f"{(location.root or '').rstrip('/')}/{name}", data)
        for location in site.static
        for name, data in {**files.served(location), **files.manifests(location)}.items()
    ]


def _named(site: Site, authority: Authority, password: str) -> list[TestFile]:
    """Return what the optional keys name: a password, the authority of client certificates, pages for errors."""
    pages = site.error_pages
    digest = base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest()).decode()
    files = [TestFile(site.auth.htpasswd, f"{_PERSON}:{{SHA}}{digest}\n".encode())] if site.auth.htpasswd else []
    files += [TestFile(site.client_certificates.ca, authority.ca_pem)] if site.client_certificates.ca else []
    statuses = pages.statuses if pages.folder else ()
    return files + [TestFile(f"{pages.folder}/{one}.html", f"<!doctype html>{one}".encode()) for one in statuses]


def _challenge(site: Site) -> TestFile:
    return TestFile(site.redirect.acme_root.rstrip("/") + CHALLENGE, CHALLENGE_TEXT)
