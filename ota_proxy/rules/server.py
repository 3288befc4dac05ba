"""OTA604, OTA605, OTA611 to OTA616: what a server keeps back, what its answers give away of it, and what its host shows.

OTA611 is seen where we know what lies on the server: a file counts as kept back when it is refused while another one of its folder is delivered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from ota_proxy.facts.host import HostFacts
from ota_proxy.facts.install import Exchange, InstallFacts, Visit
from ota_proxy.policy.media_types import hosted_types
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict, Outcome
from ota_proxy.rules.support.answers import MANIFEST, PACKAGE, Effect, Live, Seen, affected, at, each, every, understood
from ota_proxy.rules.support.evidence import file_name, proof
from ota_proxy.rules.support.predicates import answers, is_encoded, is_html, manifest_state, package_state, walk
from ota_proxy.servers.effective import Effective, Request
from ota_proxy.servers.text import Span

_REFUSED = (400, 403, 404)
"""What a deny rule or a rule about the form of URLs answers."""
_CONSEQUENCES = ("OTA301", "OTA401", "OTA402")
"""What such a file would be reported as where its cause is not known."""


@checks("OTA611", "live", "files")
def name_pattern_denied(facts: Facts) -> Iterator[Finding]:
    """Every OTA file that lies on the server is given out, whatever its name and extension."""
    if facts.files is not None:
        yield from _denied(understood(facts))
    if facts.files is None or facts.install is not None:
        yield from _kept_back(facts)


def _denied(files: Effective) -> Iterator[Finding]:
    """What lies in the tree by its name, and manifests and packages of any name; a line that refuses several is told once."""
    told: set[tuple[Span, str]] = set()
    for extension in hosted_types():
        if not files.files(extension) and extension not in (*MANIFEST, *PACKAGE):
            continue
        for finding in every(files, extension, _by_name):
            known = (finding.span, finding.message if finding.span == files.start else "")
            if known not in told:
                told.add(known)
                yield finding


def _by_name(seen: Effect) -> Iterator[Finding]:
    return (at(seen.files, one.reason) for one in seen.answer.refused if one.cause == "name")


def _kept_back(facts: Facts) -> Iterator[Finding]:
    install = walk(facts)
    if facts.site is None:
        raise NotApplicable("what lies on the server is not known")
    given = [visit for one in (install, *facts.named) for visit in _given(one)]
    if not given:
        raise NoVerdict("no file of the site was delivered")
    for visit in _refused(install):
        beside = next((other for other in given if _folder(other) == _folder(visit)), None)
        if beside is not None:
            name = file_name(visit.first.url)
            message = f"{name} lies on the server and is answered with {visit.status}; another file of its folder is delivered"
            yield Finding(visit.last.url, message, f"{proof(visit.last, 'content-type?')}\n{proof(beside.last)}")


def _folder(visit: Visit) -> str:
    return visit.first.url.partition("?")[0].rpartition("/")[0]


def _given(install: InstallFacts) -> Iterator[Visit]:
    """The visits that brought a file: the page, the manifest, its packages and images."""
    if install.page and install.page.visit.ok:
        yield install.page.visit
    if install.manifest and manifest_state(install.manifest) == "ok":
        yield install.manifest.visit
    yield from (package.get for package in install.packages if package_state(package) == "ok")
    yield from (image.visit for image in install.images if image.visit.ok)


def _refused(install: InstallFacts) -> Iterator[Visit]:
    """The visits to manifest and packages that a rule about names may explain; filters by agent and logins are others'."""
    manifest = install.manifest
    lost = [manifest.visit] if manifest and manifest_state(manifest) == "not-found" else []
    lost += [package.get for package in install.packages if package_state(package) in {"refused", "not-found"}]
    yield from (visit for visit in lost if visit.status in _REFUSED and not visit.redirected)


def without_consequences(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes less those that OTA611 explains: the file is neither missing nor in need of a login."""
    known = tuple(outcomes)
    caught = {one.subject for one in known if one.rule.id == "OTA611" and one.status == "failed"}
    explained = [one for one in known if one.rule.id in _CONSEQUENCES and one.subject in caught]
    rest = [one for one in known if one not in explained]
    judged = {one.rule.id for one in rest}
    silent = {one.rule.id: one for one in explained if one.rule.id not in judged}
    return tuple(sorted([*rest, *map(_explained, silent.values())], key=lambda one: one.rule.id))


def _explained(outcome: Outcome) -> Outcome:
    return Outcome(
        rule=outcome.rule,
        status="not-applicable",
        severity=outcome.rule.severity,
        target=outcome.target,
        message="a rule about names keeps the file back, which is reported",
    )


_VERSION_HEADERS = ("server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version")
_NUMBER = re.compile(r"\d+(?:\.\d+)+|/\d+")
_SIGNED = re.compile(rb"(?:nginx|Apache|Microsoft-IIS|openresty|OpenSSL)/\d+(?:\.\d+)*[^<\n]{0,80}")
_LISTING = re.compile(
    rb"<title>\s*(?:Index of /|Directory listing for )|\[To Parent Directory\]|<h1>\s*Index of /"
    rb"|<title>([^<>]{1,255} - /[^<>]*)</title></head><body><h1>\1</h1><hr>",  # IIS, which has no parent to show for a site's root
    re.IGNORECASE,
)
_OTHERS_READ = 0o007
"""Any right for the rest of the world; a group such as ssl-cert may read."""


def _answers(facts: Facts) -> tuple[Exchange, ...]:
    found = answers(walk(facts))
    if not found:
        raise NoVerdict("nothing was answered")
    return found


@checks("OTA604")
def content_type_added_twice(facts: Facts) -> Iterator[Finding]:
    """Two Content-Type fields: an extra header beside the server's own."""
    for hop in _answers(facts):
        types = hop.response.headers_all("content-type") if hop.response else ()
        if len(types) > 1:
            message = f"The answer has {len(types)} Content-Type headers: {' and '.join(types)}"
            yield Finding(hop.url, message, proof(hop, "content-type"))
            return


@checks("OTA605", "live", "files")
def compression_covers_package(facts: Facts) -> Iterator[Finding]:
    """The server compresses the manifest for a client that offers it, or would compress a package; that a package came so is OTA409."""
    if facts.files is not None:
        yield from affected(understood(facts), PACKAGE, lambda seen: _encoded(seen, "package"), compressed=True)
    for finding in each(facts, _compressed, MANIFEST, lambda seen: _encoded(seen, "manifest"), compressed=True):
        yield replace(finding, severity="warning") if finding.span.file else finding


def _encoded(seen: Seen, kind: str) -> Finding | None:
    values = seen.values("content-encoding")
    if not any(value.strip().lower() not in {"", "identity"} for value in values):
        return None
    message = f"The {kind} is sent with Content-Encoding: {', '.join(values)}"
    return seen.finding(message, "content-encoding", "vary?", "etag?", "content-length?")


def _compressed(facts: Facts) -> Iterator[Live]:
    """The manifest as it comes to a client that offers compression; where the host was not looked at, that is nobody's business."""
    if facts.host is None:
        raise NotApplicable("the host itself was not looked at")
    manifest = walk(facts).manifest
    if manifest is None:
        raise NoVerdict("no manifest was reached")
    asked = (manifest.compressed, manifest.visit)
    encoded = (visit.last for visit in asked if visit is not None and visit.ok and is_encoded(visit.response))
    yield from map(Live, islice(encoded, 1))


@checks("OTA612", "live", "files")
def version_exposed(facts: Facts) -> Iterator[Finding]:
    """A version number in a header or in an error page."""
    if facts.files is not None:
        yield from _told_by_files(understood(facts))
    if facts.files is None or facts.install is not None:
        yield from _told_by_answers(facts)


def _version(name: str, value: str) -> str:
    """Return what is wrong with the value of a header that speaks of the server; empty if nothing is."""
    return f"The header {name.title()} shows the version: {value}" if _NUMBER.search(value) else ""


def _told_by_answers(facts: Facts) -> Iterator[Finding]:
    found = _answers(facts)
    for name in _VERSION_HEADERS:
        for hop in found:
            message = _version(name, (hop.response.header(name) or "") if hop.response else "")
            if message:
                yield Live(hop).finding(message, name)
                return
    missing = walk(facts).missing
    body = missing.response.body if missing and missing.response else b""
    signed = _SIGNED.search(body)
    if missing and signed:
        shown = signed[0].decode("latin-1").strip()
        yield Finding(missing.last.url, f"The error page shows the version: {shown}", f"{proof(missing.last)}\n{shown}")


def _told_by_files(files: Effective) -> Iterator[Finding]:
    """Each line that names the server or what runs on it, which can be deleted whether it has a number or not; then the server's own header."""
    paths = files.folders()
    if not paths:
        raise NotApplicable("no site was read")
    headers = dict.fromkeys(one for path in paths for one in files.ask(Request(path)).headers)
    for header in headers:
        if header.name in _VERSION_HEADERS and header.reason.span.line:
            message = _version(header.name, header.value)
            if message or header.name == "x-powered-by":
                yield at(files, header.reason, message or f"The header {header.name.title()} says: {header.value}")
    own = [one for one in files.ask(Request(paths[0])).header("server") if not one.reason.span.line]
    for header in own:
        if header.reason.fixed:
            raise NotApplicable(header.reason.why)
        if message := _version(header.name, header.value):
            yield at(files, header.reason, f"{message}: {header.reason.why}")


@checks("OTA613", "live", "files")
def listing_enabled(facts: Facts) -> Iterator[Finding]:
    """The folder of the builds lists its files to anyone."""
    message = "The folder of the builds lists its files"
    if facts.files is not None:
        files = understood(facts)
        listings = dict.fromkeys(files.ask(Request(path)).listing for path in files.folders())
        yield from (at(files, reason, message) for reason in listings if reason is not None)
    if facts.files is None or facts.install is not None:
        yield from (Live(hop).finding(message, extra=shown) for hop, shown in _listed(facts))


def _listed(facts: Facts) -> Iterator[tuple[Exchange, str]]:
    visit = walk(facts).folder
    if visit is None:
        raise NotApplicable("the folder of the manifest was not asked for")
    if visit.response is None:
        raise NoVerdict("the folder of the manifest gave no answer")
    listed = _LISTING.search(visit.response.body)
    if visit.ok and listed and is_html(visit.response):
        yield visit.last, listed[0].decode("latin-1")


def _host(facts: Facts, field: str) -> HostFacts:
    host = facts.host
    if host is None:
        raise NotApplicable("the host itself was not looked at")
    if getattr(host, field) is None:
        raise NoVerdict(f"could not be read on {host.spec}: {host.unread.get(field, 'no reason was given')}")
    return host


@checks("OTA614")
def key_exposed(facts: Facts) -> Iterator[Finding]:
    """A private key that others may read, or that lies where the web server serves files from."""
    host = _host(facts, "keys")
    for key in host.keys or ():
        evidence = f"{key.path}: mode {key.mode:04o}, owner {key.owner}"
        if key.mode & _OTHERS_READ:
            yield Finding(
                key.path, f"The private key is open to every user of the host (mode {key.mode:04o})", evidence
            )
        if key.under_root:
            message = f"The private key lies under the document root {key.under_root}"
            yield Finding(key.path, message, evidence)
    if "keys" in host.unread:
        raise NoVerdict(f"not every key could be seen on {host.spec}: {host.unread['keys']}")


@checks("OTA615")
def config_invalid(facts: Facts) -> Iterator[Finding]:
    """The server's own test refuses its configuration."""
    host = _host(facts, "config_test")
    test = host.config_test
    if test is not None and not test.passed:
        place = f" ({test.file}:{test.line})" if test.file else ""
        message = f"{host.server or 'The server'} refuses its configuration{place}"
        evidence = f"{test.command}\n{test.output}"
        yield Finding(test.file or host.spec, message, evidence, span=Span(test.file, test.line))


@checks("OTA616")
def config_kills_on_reload(facts: Facts) -> Iterator[Finding]:
    """The configuration passes the test, and nothing listens where the site says: the server died at its start (Apache does)."""
    host = facts.host
    if host is not None and host.start_failure is not None:
        yield _died(host)
        return
    if host is not None and host.config_test is not None and not host.config_test.passed:
        raise NotApplicable("the configuration does not pass its test, which is reported")
    host = _host(facts, "listening")
    ports = {socket.port for socket in host.listening or ()}
    for port in _expected(facts):
        if port not in ports:
            message = f"The configuration passes its test, and nothing listens on port {port}"
            yield Finding(host.spec, message, f"listening: {', '.join(map(str, sorted(ports))) or 'nothing'}")


def _died(host: HostFacts) -> Finding:
    test = host.config_test
    file, line = (test.file, test.line) if test else ("", 0)
    message = f"{host.server or 'The server'} passes its own configuration test and dies at its start"
    return Finding(file or host.spec, message, host.start_failure or "", span=Span(file, line))


def _expected(facts: Facts) -> tuple[int, ...]:
    """The port devices come to; of an offloaded site, the plain one."""
    site = facts.site
    if site is None:
        raise NotApplicable("it is not known where the server should listen")
    return (int(site.listen.http),) if site.tls.offloaded else (site.https_port,)
