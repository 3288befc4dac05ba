"""OTA219 to OTA223: HSTS, headers that HTTP/2 forbids, and strangers' names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from ota_proxy.addresses import is_address
from ota_proxy.facts.install import Exchange, InstallFacts, Response, Visit, origin
from ota_proxy.numbers import seconds
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.rules.evidence import answer, proof, request_line
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.predicates import ZIP, answers, under_strange_names, walk
from ota_proxy.rules.refusals import looks_like_plist
from ota_proxy.rules.registry import checks
from ota_proxy.rules.sites import is_own, severity_at

_HSTS = "strict-transport-security"
_HOP_BY_HOP = ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade")
"""Connection-specific header fields, malformed in HTTP/2 (RFC 9113 §8.2.2)."""
_AGE = re.compile(r"""(?i)(?:^|;)\s*max-age\s*=\s*"?([0-9]+)"?\s*(?=;|$)""")
_DAY = 86_400


def _secure_answers(install: InstallFacts) -> dict[str, list[Exchange]]:
    """Return host → every https answer of it, redirects and errors too, the walk's own host first.

    HSTS says nothing for an address: browsers ignore it there (RFC 6797 §8.1.1).
    """
    found: dict[str, list[Exchange]] = {install.host: []} if install.host else {}
    for hop in answers(install):
        if hop.url.lower().startswith("https:"):
            found.setdefault(origin(hop.url)[1].lower(), []).append(hop)
    if not any(found.values()):
        raise NoVerdict("no answer over https was seen")
    named = {host: hops for host, hops in found.items() if hops and not is_address(host)}
    if not named:
        raise NotApplicable("the host is an IP address, for which browsers ignore HSTS (RFC 6797 §8.1.1)")
    return named


def _value(hop: Exchange) -> str | None:
    return hop.response.header(_HSTS) if hop.response else None


@checks("OTA219")
def hsts_missing(facts: Facts) -> Iterator[Finding]:
    """Strict-Transport-Security on every https answer, never over http (RFC 6797 §7.2), at least the guideline's age."""
    install = walk(facts)
    for hop in answers(install):
        if hop.url.lower().startswith("http:") and _value(hop) is not None:
            severity = severity_at(install, origin(hop.url)[1])
            message = "Strict-Transport-Security is sent over plain http"
            yield Finding(hop.url, message, proof(hop, _HSTS), severity=severity)
            break
    for host, secure in _secure_answers(install).items():
        bare = [hop for hop in secure if _value(hop) is None]
        of = "" if host == install.host else f" of {host}"
        found = [_too_short(secure, of)]
        if bare:
            message = f"Strict-Transport-Security is missing on {len(bare)} of {len(secure)} answers{of} over https"
            found.insert(0, Finding(bare[0].url, message, proof(bare[0], _HSTS)))
        yield from (replace(one, severity=severity_at(install, host)) for one in found if one is not None)


def _too_short(secure: list[Exchange], of: str) -> Finding | None:
    for hop in secure:
        value = _value(hop)
        if value is None:
            continue
        age = _AGE.search(value)
        if age is None:
            message = f"Strict-Transport-Security{of} has no max-age that can be read"
            return Finding(hop.url, message, proof(hop, _HSTS))
        lasts = seconds(age[1]) or 0
        if lasts < HSTS_MINIMUM_AGE:
            days, wanted = lasts // _DAY, HSTS_MINIMUM_AGE // _DAY
            message = f"Strict-Transport-Security{of} lasts {days} days; the guideline asks for {wanted}"
            return Finding(hop.url, message, proof(hop, _HSTS))
    return None


@checks("OTA220")
def hsts_preload(facts: Facts) -> Iterator[Finding]:
    """What includeSubDomains and preload bind (RFC 6797 §6.1.2, hstspreload.org), on hosts of the site."""
    install = walk(facts)
    own = [hop for host, hops in _secure_answers(install).items() if is_own(install, host) for hop in hops]
    for hop in own:
        words = {part.strip().lower() for part in (_value(hop) or "").split(";")}
        if "preload" in words:
            message = (
                "HSTS asks for preload: browsers will ship the name as https-only, for years after you change your mind"
            )
            yield Finding(hop.url, message, proof(hop, _HSTS))
            return
        if "includesubdomains" in words:
            message = "HSTS includes sub-domains: every host below this name must speak https, internal ones too"
            yield Finding(hop.url, message, proof(hop, _HSTS))
            return


@checks("OTA221")
def ipv6_broken(facts: Facts) -> Iterator[Finding]:
    """A device takes IPv6 first where it has it (RFC 8305): that address must answer as the IPv4 one does."""
    install = walk(facts)
    seen = {one.family: one for one in install.manifest.by_family} if install.manifest else {}
    if len(seen) < 2:
        raise NotApplicable("the manifest's host has addresses of one family only, or was given one")
    old, new = seen["ipv4"], seen["ipv6"]
    if old.visit is None or new.visit is None:
        family = "IPv4" if old.visit is None else "IPv6"
        raise NoVerdict(f"this machine has no way to {family} addresses, so the two families were not compared")
    if not _brings(old.visit):
        raise NoVerdict("the manifest does not come over IPv4 either")
    if not _brings(new.visit):
        got = answer(new.visit.last)
        message = f"The manifest comes over IPv4 ({old.address}) and not over IPv6 ({new.address}): {got}"
        yield Finding(
            install.host,
            message,
            f"{new.address}: {request_line(new.visit.last)} → {got}\n{old.address}: {answer(old.visit.last)}",
        )


def _brings(visit: Visit) -> bool:
    return visit.ok and looks_like_plist(visit.response)


@checks("OTA222")
def h2_hop_by_hop_header(facts: Facts) -> Iterator[Finding]:
    """Connection, Upgrade and their kin make iOS drop an HTTP/2 answer."""
    over_h2 = [hop for hop in answers(walk(facts)) if hop.response and hop.response.http_version == "2"]
    if not over_h2:
        raise NotApplicable("nothing was answered over HTTP/2")
    seen: set[str] = set()
    for hop in over_h2:
        for name in _forbidden(hop):
            if name not in seen:
                seen.add(name)
                message = f"The header {name.title()} is sent over HTTP/2, which forbids it"
                yield Finding(
                    hop.url, message, "\n".join([proof(hop, name), *(hop.response.illegal if hop.response else ())])
                )


def _forbidden(hop: Exchange) -> list[str]:
    """The names of an answer's forbidden fields, also of those that our own HTTP/2 set aside."""
    response = hop.response
    if response is None:
        return []
    aside = [line.partition(":")[0].strip().lower() for line in response.illegal]
    return list(dict.fromkeys([*(name for name in _HOP_BY_HOP if response.header(name) is not None), *aside]))


@checks("OTA223")
def unknown_host_served(facts: Facts) -> Iterator[Finding]:
    """Under a stranger's name, as Host or as SNI, there must be no OTA content; an answer without it is fine."""
    install = walk(facts)
    if not under_strange_names(install):
        raise NotApplicable("no request under a stranger's name was made")
    if install.manifest:
        visits = (install.manifest.stranger, install.manifest.stranger_sni)
        yield from _served(install, "manifest", visits, looks_like_plist)
    for package in install.packages:
        yield from _served(install, "package", (package.stranger, package.stranger_sni), _is_archive)


def _served(
    install: InstallFacts, what: str, visits: tuple[Visit | None, ...], is_content: Callable[[Response | None], bool]
) -> Iterator[Finding]:
    """Yield one finding for a file, however many ways of a stranger lead to it."""
    ways = ("Host under your own SNI", "SNI and Host")
    got = [(visit, way) for visit, way in zip(visits, ways, strict=True) if visit and visit.status in {200, 206}]
    got = [(visit, way) for visit, way in got if is_content(visit.response)]
    if got:
        last = got[0][0].last
        asked = " and ".join(f"as {way}" for _, way in got)
        message = f"The {what} is also served under a name that is not yours"
        evidence = f"{proof(last, 'content-type')}\nasked as: {_asked_as(last)}, {asked}"
        yield Finding(last.url, message, evidence, severity=severity_at(install, origin(last.url)[1]))


def _asked_as(hop: Exchange) -> str:
    return next((value for name, value in hop.request_headers if name.lower() == "host"), request_line(hop))


def _is_archive(response: Response | None) -> bool:
    return response is not None and response.body.startswith(ZIP)
