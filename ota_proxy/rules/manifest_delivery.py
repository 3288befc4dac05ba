"""OTA301 to OTA306, OTA314, OTA315, OTA318: how the manifest is delivered. One cause is reported, by `manifest_state`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ota_proxy.facts.install import Exchange, Visit, origin
from ota_proxy.numbers import seconds
from ota_proxy.policy.media_types import accepted
from ota_proxy.rules.catalogue import remedy_for
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict, Severity
from ota_proxy.rules.support.answers import MANIFEST, Live, Seen, each
from ota_proxy.rules.support.evidence import answer, bytes_shown, hops, proof
from ota_proxy.rules.support.predicates import (
    WHY,
    ManifestState,
    is_rate_limit,
    manifest_of,
    manifest_state,
    readable_manifest,
    unconnected,
    walk,
)
from ota_proxy.rules.support.refusals import failure, limited, recovered, refused_agents

_NEVER_SEEN = ("http-link", "tls", "barred", "loop", "left-https")
"""States in which no answer for the manifest was seen: the rules of links and transport report them."""


def _failed_as(facts: Facts, *states: ManifestState) -> Iterator[Visit]:
    """Yield the manifest's visit when its one cause is among `states`; another cause makes the rule not applicable."""
    manifest = manifest_of(facts)
    found = manifest_state(manifest)
    unheard = unconnected(walk(facts), manifest.visit.last)
    if unheard:
        raise NoVerdict(f"the manifest was not delivered: {unheard}")
    if found in _NEVER_SEEN:
        raise NoVerdict(f"the manifest was not delivered: {WHY[found]}")
    if found == "undecoded":
        raise NoVerdict(
            f"the manifest could not be read: it is compressed with {manifest.undecoded}, which was not decoded"
        )
    if found in states:
        yield manifest.visit
    elif found != "ok":
        raise NotApplicable("the manifest fails in another way, which is reported")


@checks("OTA301")
def manifest_not_found(facts: Facts) -> Iterator[Finding]:
    """An error and no property list; the status alone does not stop the installer (observed behaviour)."""
    for visit in _failed_as(facts, "not-found", "no-answer"):
        message = f"The manifest is answered with {visit.status} and no property list"
        if visit.response is None:
            message = "The server takes the connection and gives no answer for the manifest"
        elif is_rate_limit(visit) or limited(manifest_of(facts)):
            message += ": the server limits how often it may be asked"
        elif recovered(manifest_of(facts)) is not None:
            message += "; asked again as the same installer it came"
        evidence = _way(visit, "content-type?", "location?", "cf-mitigated?", "retry-after?")
        yield Finding(visit.last.url, message, evidence, remedy=remedy_for("OTA301", failure(visit)))


@checks("OTA302")
def manifest_is_html(facts: Facts) -> Iterator[Finding]:
    """A web page with status 200: the fallback of a single-page application, or an error page that says all is well."""
    for visit in _failed_as(facts, "html"):
        if visit.response is not None and b"<plist" in visit.response.body:
            message, cause = "The manifest has HTML in front of it", "ahead"
        else:
            message, cause = "The manifest's address answers with a web page", ""
        yield Finding(visit.last.url, message, _with_bytes(visit), remedy=remedy_for("OTA302", cause))


@checks("OTA303")
def manifest_login(facts: Facts) -> Iterator[Finding]:
    """The installer has neither cookies nor a password (observed behaviour; a prompt for Basic auth is disputed)."""
    for visit in _failed_as(facts, "login"):
        message = "The manifest asks for a login, and the installer brings no cookies"
        if visit.status == 401:
            message += "; some systems ask for the password, others report that this fails"
        yield Finding(visit.last.url, message, _way(visit, "www-authenticate?", "location?"))


@checks("OTA304")
def manifest_blocked(facts: Facts) -> Iterator[Finding]:
    """Installer and browser must get the same answer."""
    manifest = manifest_of(facts)
    if manifest.browser is None:
        raise NoVerdict("the manifest was not asked for as a browser")
    if manifest.visit.response is None and manifest.browser.response is None:
        raise NoVerdict("the manifest gave no answer, to a browser neither")
    for visit in refused_agents(manifest)[:1]:
        agent = _agent(visit.last)
        message = f"The installer ({agent}) is answered {visit.status} where a browser gets the manifest"
        message += ", and again when both ask a second time" if manifest.again else ""
        yield Finding(visit.last.url, message, _way(visit, "server?", "cf-mitigated?", "content-type?"))


def _agent(hop: Exchange) -> str:
    sent = next((value for name, value in hop.request_headers if name.lower() == "user-agent"), hop.agent)
    return sent.partition(" ")[0]


@checks("OTA305")
def manifest_redirected(facts: Facts) -> Iterator[Finding]:
    """Whether a redirect on the manifest works is disputed: observed to be followed, reported to fail."""
    visit = readable_manifest(facts).visit
    if _from_https(visit) and not _host_changed(visit):
        count = len(visit.hops) - 1
        message = f"The manifest is {count} redirect{'s' * (count != 1)} away; systems were observed to follow, others are reported not to"
        yield Finding(visit.first.url, message, hops(visit))


@checks("OTA306")
def manifest_host_changed(facts: Facts) -> Iterator[Finding]:
    """The prompt shows the host of the final answer (observed behaviour)."""
    visit = readable_manifest(facts).visit
    if _from_https(visit) and _host_changed(visit):
        message = f"A redirect makes the prompt name {_host(visit.last)} instead of {_host(visit.first)}"
        yield Finding(visit.first.url, message, hops(visit))


def _from_https(visit: Visit) -> bool:
    """A redirect that is not just the one from an http link, which is OTA106's."""
    return len(visit.hops) > 1 and visit.first.url.lower().startswith("https:")


def _host(hop: Exchange) -> str:
    return origin(hop.url)[1]


def _host_changed(visit: Visit) -> bool:
    return _host(visit.first).lower() != _host(visit.last).lower()


def _delivered(facts: Facts) -> tuple[Live]:
    return (Live(readable_manifest(facts).visit.last),)


@checks("OTA314", "live", "files")
def manifest_wrong_type(facts: Facts) -> Iterator[Finding]:
    """Apple documents text/xml; the type is observed not to be examined, so this is a warning."""
    return each(facts, _delivered, MANIFEST, lambda seen: wrong_type(seen, "manifest"))


def wrong_type(seen: Seen, kind: str) -> Finding | None:
    """Return what is wrong with the one Content-Type of a `manifest` or `package`; two of them are OTA604's."""
    types = seen.values("content-type")
    found = types[0].partition(";")[0].strip().lower() if types else ""
    if not seen.comes or len(types) > 1 or found in accepted(kind):
        return None
    shown = f"as {found}" if found else "without a Content-Type"
    message = (
        f"The {kind} comes {shown} instead of {accepted(kind)[0]}; the device does not look, proxies and browsers do"
    )
    return seen.finding(message, "content-type")


@checks("OTA315", "live", "files")
def manifest_cacheable(facts: Facts) -> Iterator[Finding]:
    """A cache between server and device must not keep a manifest (RFC 9111 §3, §4.2.2)."""
    return each(facts, _delivered, MANIFEST, _kept)


def _kept(seen: Seen) -> Finding | None:
    """Say why a shared cache may (or did) keep the answer; None if it may not."""
    age = seconds(next(iter(seen.values("age")), ""))
    rules = cache_control(seen.values("cache-control"))
    severity: Severity | None = None
    if age:
        why = f"A cache answered with a manifest that is {age} seconds old"
    elif not seen.values("cache-control"):
        why = "The manifest has no Cache-Control, so caches may guess how long to keep it"
        if seen.values("expires"):
            why = f"A cache may keep the manifest until the date of its Expires: {seen.values('expires')[0]}"
    elif {"no-store", "private"} & rules.keys() or rules.get("no-cache") == "":
        return None
    else:
        shared = rules.get("s-maxage", rules.get("max-age", ""))
        if shared == "0" and {"must-revalidate", "proxy-revalidate", "s-maxage"} & rules.keys():
            return None
        severity = "note" if shared == "0" else None  # stale at once, and some caches serve it while the server is away
        how_long = f" for {shared} s" if seconds(shared) else ""
        why = f"Caches may keep the manifest{how_long}: Cache-Control is {', '.join(seen.values('cache-control'))}"
    return seen.finding(why, "cache-control", "age?", "expires?", severity=severity)


def cache_control(values: Iterable[str]) -> Mapping[str, str]:
    """Return the directives of Cache-Control in lower case, with their values (empty without one); RFC 9111 §5.2."""
    text = ",".join(values)
    pairs = re.findall(r'([\w-]+)\s*(?:=\s*(?:"([^"]*)"|([^,\s]*)))?', text)
    return {name.lower(): quoted or plain for name, quoted, plain in pairs}


@checks("OTA318")
def manifest_unsafe_xml(facts: Facts) -> Iterator[Finding]:
    """Entity declarations, external entities or a size that no manifest has: not parsed, by the device neither."""
    manifest = manifest_of(facts)
    for visit in _failed_as(facts, "unsafe"):
        why = manifest.unsafe or (visit.error.message if visit.error else "")
        yield Finding(visit.last.url, f"The manifest is not safe to parse: {why}", _with_bytes(visit))


def _way(visit: Visit, *headers: str) -> str:
    """Every hop before the last in one line, then the last with its headers."""
    before = [f"{hop.method} {hop.url} → {answer(hop)}" for hop in visit.hops[:-1]]
    return "\n".join([*before, proof(visit.last, *headers)])


def _with_bytes(visit: Visit) -> str:
    body = visit.response.body if visit.response else b""
    return f"{_way(visit, 'content-type')}\nfirst bytes: {bytes_shown(body, 32)}"
