"""What several rules must agree on: one fact, one rule. Each function names what an answer is; none judges it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from ota_proxy.addresses import is_address, is_public
from ota_proxy.apps.html_text import HTML_TYPES, is_markup, page_text
from ota_proxy.facts.install import (
    Exchange,
    InstallFacts,
    ManifestFacts,
    PackageFacts,
    PageFacts,
    Response,
    Visit,
    origin,
)
from ota_proxy.numbers import content_range
from ota_proxy.policy.pages import is_login_page, names_login
from ota_proxy.rules.rule import Facts, NotApplicable, NoVerdict
from ota_proxy.rules.support.refusals import looks_like_plist, refused_agents, wants_certificate

ZIP = b"PK\x03\x04"
"""Signature of a local file header (APPNOTE 4.3.7)."""
END_RECORD = b"PK\x05\x06"
"""Signature of the end of central directory record (APPNOTE 4.3.16)."""

_LOGIN_READ = 1 << 18
"""Characters of a page that are looked through for a login."""

CONNECTION = ("dns", "refused", "unreachable", "tls", "client-certificate")
"""Errors before any request was sent: the transport rules report them."""

ManifestState = Literal[
    "ok",
    "http-link",
    "loop",
    "left-https",
    "no-answer",
    "tls",
    "barred",
    "blocked",
    "login",
    "not-found",
    "unsafe",
    "undecoded",
    "html",
    "malformed",
]
PackageState = Literal["ok", "loop", "left-https", "no-answer", "barred", "refused", "not-found", "not-zip"]


def walk(facts: Facts) -> InstallFacts:
    """Return the device's walk; NotApplicable where none was made."""
    if facts.install is None:
        raise NotApplicable("no device walk was made")
    return facts.install


def page_of(facts: Facts) -> PageFacts:
    """Return the landing page; NotApplicable for another start, NoVerdict where it gave no answer."""
    page = walk(facts).page
    if page is None:
        raise NotApplicable("the walk did not start at a landing page")
    if page.visit.response is None:
        raise NoVerdict("the landing page gave no answer")
    if wants_certificate(page.visit):
        raise NoVerdict(f"the landing page was not delivered: {WHY['barred']}")
    return page


def manifest_of(facts: Facts) -> ManifestFacts:
    """Return the manifest's facts; NotApplicable for a walk that starts at a package, NoVerdict where it was not reached."""
    install = walk(facts)
    if install.manifest is None:
        if install.start == "package":
            raise NotApplicable("the walk starts at a package")
        raise NoVerdict("the manifest was never asked for")
    return install.manifest


def readable_manifest(facts: Facts) -> ManifestFacts:
    """Return the manifest when its property list was read; NoVerdict with the reason otherwise."""
    manifest = manifest_of(facts)
    state = manifest_state(manifest)
    if state != "ok":
        raise NoVerdict(f"the manifest could not be read: {WHY[state]}")
    return manifest


def packages_of(facts: Facts) -> tuple[PackageFacts, ...]:
    """Return the packages that were asked for; NoVerdict if there was none to ask for."""
    install = walk(facts)
    if not install.packages:
        raise NoVerdict("no package was asked for: no manifest gave an address to ask")
    return install.packages


def delivered(facts: Facts) -> tuple[PackageFacts, ...]:
    """Return the packages whose plain GET brought an archive; NoVerdict where none did."""
    packages = packages_of(facts)
    good = tuple(package for package in packages if package_state(package) == "ok")
    if not good:
        raise NoVerdict(f"the package could not be fetched: {WHY[package_state(packages[0])]}")
    return good


WHY = {
    "ok": "",
    "http-link": "its URL is not https",
    "loop": "the redirects never end",
    "left-https": "a redirect leaves https",
    "no-answer": "the server gave no answer",
    "tls": "there is no trusted TLS connection",
    "barred": "the server wants a client certificate",
    "blocked": "the installer is answered differently from a browser",
    "login": "it asks for a login",
    "refused": "access to it is refused",
    "not-found": "the answer is an error",
    "unsafe": "it is not safe to parse",
    "undecoded": "it is compressed in a way that a device undoes and we do not",
    "html": "the answer is a web page",
    "malformed": "it is not a property list",
    "not-zip": "the answer is not an archive",
}
"""What keeps manifest or package from the device, by state, as a reason."""


def is_html(response: Response | None) -> bool:
    """Say whether the body is a web page: by its first tag, or by its type when no body was kept."""
    if response is None:
        return False
    if response.body:
        return is_markup(response.body, response.header("content-type") or "")
    return response.media_type in HTML_TYPES


def is_login(visit: Visit) -> bool:
    """Say whether the answer asks who is there: 401, a login's page, or a redirect to an address named like a login."""
    if visit.status in {401, 407}:
        return True
    response = visit.response
    if response is not None and response.status < 400 and is_html(response):
        text = page_text(response.body, response.header("content-type") or "")
        if is_login_page(text[:_LOGIN_READ]):
            return True
    return visit.redirected and _leads_to_login(visit) and not (response is not None and _is_content(response))


def _leads_to_login(visit: Visit) -> bool:
    targets = [*(hop.url for hop in visit.hops[1:]), location_of(visit.last)]
    asked = visit.first.url.partition("?")[0]
    return any(names_login(target) for target in targets if target and target.partition("?")[0] != asked)


def _is_content(response: Response) -> bool:
    return response.status < 300 and (looks_like_plist(response) or ZIP in response.body[:65536])


def location_of(exchange: Exchange) -> str:
    """Return the Location header of an answer, or an empty string."""
    return (exchange.response.header("location") or "") if exchange.response else ""


def is_rate_limit(visit: Visit) -> bool:
    """Say whether the server asks to come back later (429, or 503 with Retry-After; RFC 6585 §4, RFC 9110 §15.6.4)."""
    if visit.status == 429:
        return True
    return visit.status == 503 and visit.response is not None and visit.response.header("retry-after") is not None


def manifest_state(manifest: ManifestFacts) -> ManifestState:
    """Return the one thing that keeps the installer from reading the manifest, the most specific first; `ok` where nothing does."""
    visit = manifest.visit
    causes: tuple[tuple[ManifestState, bool], ...] = (
        ("loop", visit.stopped in {"loop", "too-many"}),
        ("left-https", leaves_https(visit)),
        ("unsafe", bool(manifest.unsafe) or (visit.error is not None and visit.error.kind == "too-large")),
        ("ok", manifest.data is not None),
        ("http-link", visit.error is not None and manifest.url.lower().startswith("http:")),
        ("barred", wants_certificate(visit)),
        ("tls", visit.error is not None and visit.error.kind in CONNECTION),
        ("no-answer", visit.response is None),
        ("blocked", visit in refused_agents(manifest)),
        ("login", is_login(visit)),
        ("not-found", visit.status >= 300 or bool(visit.stopped)),
        ("undecoded", bool(manifest.undecoded)),
        ("html", is_html(visit.response)),
    )
    return next((state for state, holds in causes if holds), "malformed")


def package_state(package: PackageFacts) -> PackageState:
    """Return the one thing that keeps the device from getting the archive, the most specific first; `ok` where nothing does."""
    get = package.get
    causes: tuple[tuple[PackageState, bool], ...] = (
        ("loop", get.stopped in {"loop", "too-many"}),
        ("left-https", leaves_https(get)),
        ("barred", wants_certificate(get)),
        ("no-answer", get.response is None),
        ("refused", get.status == 403 or is_login(get)),
        ("not-found", get.status >= 300 or bool(get.stopped)),
        ("not-zip", not is_encoded(get.response) and not starts_an_archive(package)),
    )
    return next((state for state, holds in causes if holds), "ok")


def starts_an_archive(package: PackageFacts) -> bool:
    """Say whether the bytes are a ZIP archive, also one with something before its first header (that is OTA412's)."""
    body = package.get.response.body if package.get.response else b""
    if body.startswith((ZIP, END_RECORD)):
        return True
    return ZIP in body and END_RECORD in end_bytes(package)


def end_bytes(package: PackageFacts) -> bytes:
    """Return the archive's last bytes as far as they were seen: of the tail request, or of a GET kept whole."""
    tail, get = package.tail.response, package.get.response
    if tail is not None and tail.status == 206 and _reaches_the_end(tail, package.size):
        return tail.body
    if get is not None and get.status == 200 and get.received == len(get.body) and not get.truncated:
        return get.body
    return b""


def _reaches_the_end(response: Response, known: int | None) -> bool:
    """Say whether a 206 has, by its Content-Range and its length, the last bytes; another one is OTA407's."""
    given = content_range(response.header("content-range") or "")
    if given is None or given[2] is None:
        return False
    first, last, size = given
    return last + 1 == size and size == (known or size) and len(response.body) == size - first


def unconnected(install: InstallFacts, exchange: Exchange) -> str:
    """Say why a request never reached a web server, which the transport rules report; empty if it did."""
    error = exchange.error
    if error is None:
        return ""
    known = [tls for tls in install.hosts if (tls.host, tls.port) == origin(exchange.url)[1:]]
    dead = any(not tls.reachable or not (tls.versions or tls.chain) for tls in known)
    return error.message if dead or error.kind in CONNECTION else ""


def is_encoded(response: Response | None) -> bool:
    """Say whether a Content-Encoding other than identity is on the answer."""
    values = ",".join(response.headers_all("content-encoding")).split(",") if response else []
    return any(value.strip().lower() not in {"", "identity"} for value in values)


def leaves_https(visit: Visit) -> bool:
    """Say whether a redirect led from https to anything else."""
    if visit.stopped == "left-https":
        return True
    schemes = [origin(hop.url)[0] for hop in visit.hops]
    return any(scheme != "https" and "https" in schemes[:index] for index, scheme in enumerate(schemes))


def is_private_name(host: str) -> bool:
    """Say whether a phone elsewhere cannot know the host: no dot, or a name kept for private use (RFC 6761, 6762, 8375)."""
    if is_address(host):
        return False
    return "." not in host or host.lower().endswith((".local", ".localhost", ".internal", ".home.arpa", ".lan"))


def is_private_address(host: str) -> bool:
    """Say whether the host is an IP address that is not reachable from the internet."""
    return is_address(host) and not is_public(host)


def visits(install: InstallFacts) -> Iterator[Visit]:
    """Yield every visit to an OTA URL in the order of the walk; not the plain-http probe and the probes of other paths."""
    manifest = install.manifest
    if install.page:
        yield install.page.visit
    if manifest:
        yield from _there(
            manifest.visit, manifest.browser, manifest.mdm, manifest.download, manifest.h1, manifest.compressed
        )
    for package in install.packages:
        yield from _there(package.head, package.get, package.ranged, package.tail, package.resumed, package.conditional)
        yield from _there(package.second, package.compressed, package.compressed_head, package.h1)
    for image in install.images:
        yield image.visit


def _there(*candidates: Visit | None) -> Iterable[Visit]:
    return (visit for visit in candidates if visit is not None)


def answers(install: InstallFacts) -> tuple[Exchange, ...]:
    """Return every exchange that has an answer, without those under an unknown host name."""
    foreign = {hop.id for visit in under_unknown_names(install) for hop in visit.hops}
    return tuple(hop for hop in install.exchanges() if hop.response is not None and hop.id not in foreign)


def under_unknown_names(install: InstallFacts) -> tuple[Visit, ...]:
    """Return what was asked under an unknown host name: the manifest, then the packages."""
    files = (install.manifest, *install.packages)
    return tuple(visit for file in files if file for visit in (file.unknown_host, file.unknown_sni) if visit)


VALIDATORS = ("etag", "last-modified")


def other_validators(package: PackageFacts) -> tuple[Visit | None, tuple[str, ...]]:
    """Return the first further answer whose validators are not those of the plain GET, and which differ; None if none does.

    The answer to a range may come without a validator (RFC 9110 §15.3.7); one that it has must be the whole file's.
    """
    get = package.get.response
    ranges = (package.ranged, package.tail)
    for visit in (package.second, package.h1, *ranges) if get else ():
        answer = visit.response if visit and visit.status in {200, 206} and not visit.stopped else None
        if visit and get and answer and not is_encoded(answer):
            pairs = {name: (get.header(name), answer.header(name)) for name in VALIDATORS}
            kept = {name: pair for name, pair in pairs.items() if visit not in ranges or None not in pair}
            changed = tuple(name for name, (one, other) in kept.items() if one != other)
            if changed:
                return visit, changed
    return None, ()
