"""OTA219 to OTA223: HSTS, headers that HTTP/2 forbids, and strangers' names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ota_proxy.device.facts import Exchange, Visit
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.rules.evidence import answer, proof, request_line
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.predicates import answers, same_host, walk
from ota_proxy.rules.refusals import looks_like_plist
from ota_proxy.rules.registry import checks

_HSTS = "strict-transport-security"
_HOP_BY_HOP = ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade")
"""Connection-specific header fields, malformed in HTTP/2 (RFC 9113 §8.2.2)."""
_AGE = re.compile(r"""(?i)(?:^|;)\s*max-age\s*=\s*"?(\d+)"?\s*(?=;|$)""")
_DAY = 86_400


def _secure_answers(facts: Facts) -> list[Exchange]:
    """Every https answer of the site's own host, redirects and errors too."""
    install = walk(facts)
    found = [hop for hop in answers(install) if hop.url.lower().startswith("https:")]
    own = [hop for hop in found if same_host(hop.url, install.host)] if install.host else found
    if not own:
        raise NoVerdict("no answer over https was seen")
    return own


def _value(hop: Exchange) -> str | None:
    return hop.response.header(_HSTS) if hop.response else None


@checks("OTA219")
def hsts_missing(facts: Facts) -> Iterator[Finding]:
    """Strict-Transport-Security on every https answer, never over http (RFC 6797 §7.2), at least the guideline's age."""
    for hop in answers(walk(facts)):
        if hop.url.lower().startswith("http:") and _value(hop) is not None:
            yield Finding(hop.url, "Strict-Transport-Security is sent over plain http", proof(hop, _HSTS))
            break
    secure = _secure_answers(facts)
    bare = [hop for hop in secure if _value(hop) is None]
    if bare:
        message = f"Strict-Transport-Security is missing on {len(bare)} of {len(secure)} answers over https"
        yield Finding(bare[0].url, message, proof(bare[0], _HSTS))
    yield from _too_short(secure)


def _too_short(secure: list[Exchange]) -> Iterator[Finding]:
    for hop in secure:
        value = _value(hop)
        if value is None:
            continue
        age = _AGE.search(value)
        if age is None:
            yield Finding(hop.url, "Strict-Transport-Security has no max-age that can be read", proof(hop, _HSTS))
            return
        if int(age[1]) < HSTS_MINIMUM_AGE:
            days, wanted = int(age[1]) // _DAY, HSTS_MINIMUM_AGE // _DAY
            message = f"Strict-Transport-Security lasts {days} days; the guideline asks for {wanted}"
            yield Finding(hop.url, message, proof(hop, _HSTS))
            return


@checks("OTA220")
def hsts_preload(facts: Facts) -> Iterator[Finding]:
    """What includeSubDomains and preload bind (RFC 6797 §6.1.2, hstspreload.org)."""
    for hop in _secure_answers(facts):
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
    """Under a stranger's name there must be no OTA content; an answer without it is fine."""
    install = walk(facts)
    visit = install.manifest.stranger if install.manifest else None
    if visit is None:
        raise NotApplicable("no request under a stranger's name was made")
    if visit.ok and looks_like_plist(visit.response):
        message = "The manifest is also served under a name that is not yours"
        yield Finding(
            visit.last.url, message, f"{proof(visit.last, 'content-type')}\nasked as: {_asked_as(visit.last)}"
        )


def _asked_as(hop: Exchange) -> str:
    return next((value for name, value in hop.request_headers if name.lower() == "host"), request_line(hop))
