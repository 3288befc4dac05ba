"""OTA219 to OTA223: HSTS, headers that HTTP/2 forbids, and unknown host names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ota_proxy.addresses import is_address
from ota_proxy.facts.install import Exchange, InstallFacts, Response, Visit, origin
from ota_proxy.numbers import seconds
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict, Severity
from ota_proxy.rules.support.answers import Effect, Live, Seen, understood
from ota_proxy.rules.support.evidence import answer, proof, request_line
from ota_proxy.rules.support.ownership import is_own, severity_at
from ota_proxy.rules.support.predicates import ZIP, answers, under_unknown_names, walk
from ota_proxy.rules.support.refusals import looks_like_plist
from ota_proxy.servers.effective import Effective, Request
from ota_proxy.servers.text import Span

_HSTS = "strict-transport-security"
_HOP_BY_HOP = ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade")
"""Connection-specific header fields, malformed in HTTP/2 (RFC 9113 §8.2.2)."""
_AGE = re.compile(r"""(?i)(?:^|;)\s*max-age\s*=\s*"?([0-9]+)"?\s*(?=;|$)""")
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class _Host:
    """The answers of one host over https, and those over http that bring the header; `of` names the host where it is not the walk's own."""

    secure: tuple[Seen, ...]
    plain: tuple[Seen, ...] = ()
    of: str = ""
    severity: Severity | None = None
    own: bool = True


def _hosts(facts: Facts) -> Iterator[_Host]:
    """Yield each host whose answers are known: of the configuration, then of the walk with its own host first."""
    if facts.files is not None:
        yield _of_files(understood(facts))
    if facts.files is None or facts.install is not None:
        yield from _of_walk(walk(facts))


def _of_walk(install: InstallFacts) -> Iterator[_Host]:
    """HSTS says nothing for an address: browsers ignore it there (RFC 6797 §8.1.1)."""
    plain: dict[str, list[Seen]] = {}
    secure: dict[str, list[Seen]] = {install.host: []} if install.host else {}
    for hop in answers(install):
        host = origin(hop.url)[1].lower()
        if hop.url.lower().startswith("https:"):
            secure.setdefault(host, []).append(Live(hop))
        elif hop.response is not None and hop.response.header(_HSTS) is not None:
            plain.setdefault(host, []).append(Live(hop))
    for host, found in list(plain.items())[:1]:
        yield _Host((), tuple(found), severity=severity_at(install, host))
    if not any(secure.values()):
        raise NoVerdict("no answer over https was seen")
    named = {host: hops for host, hops in secure.items() if hops and not is_address(host)}
    if not named:
        raise NotApplicable("the host is an IP address, for which browsers ignore HSTS (RFC 6797 §8.1.1)")
    for host, hops in named.items():
        of = "" if host == install.host else f" of {host}"
        yield _Host(tuple(hops), of=of, severity=severity_at(install, host), own=is_own(install, host))


def _of_files(files: Effective) -> _Host:
    """The answers of all paths; where one of them has the header, those that have it, each line once: which requests the others get is not known."""
    asked = [Effect(files, files.ask(Request(path))) for path in files.folders()]
    plain = [Effect(files, files.ask(Request(path, scheme="http"))) for path in files.folders()]
    plain = [one for one in plain if not one.answer.unheard]
    lines = {one.answer.header(_HSTS): one for one in asked if one.values(_HSTS)}
    if not lines and asked:
        first = asked[0].answer
        unknown = next((one.reason.why for one in first.unknown if one.what == _HSTS), "")
        if unknown:
            raise NoVerdict(unknown)
        if first.unheard:
            raise NotApplicable(first.unheard)
    sent = {one.answer.header(_HSTS): one for one in plain if one.values(_HSTS)}
    return _Host(tuple(lines.values()) or tuple(asked[:1]), tuple(sent.values()))


@checks("OTA219", "live", "files")
def hsts_missing(facts: Facts) -> Iterator[Finding]:
    """Strict-Transport-Security on every https answer, never over http (RFC 6797 §7.2), at least the guideline's age."""
    for host in _hosts(facts):
        found = [seen.finding("Strict-Transport-Security is sent over plain http", _HSTS) for seen in host.plain]
        found = found[:1] if facts.files is None else found
        bare = [seen for seen in host.secure if not seen.values(_HSTS)]
        if bare:
            how_many = f"on {len(bare)} of {len(host.secure)} answers{host.of} over https"
            found.append(bare[0].finding(f"Strict-Transport-Security is missing {how_many}", _HSTS))
        found += _too_short(host)
        yield from (replace(one, severity=host.severity) for one in found)


def _too_short(host: _Host) -> Iterator[Finding]:
    """Yield the first answer whose policy does not last; of a configuration, each such line."""
    told: set[Span] = set()
    for seen in host.secure:
        why = next(filter(None, (_age_problem(value, host.of) for value in seen.values(_HSTS)[:1])), "")
        finding = seen.finding(why, _HSTS) if why else None
        if finding is not None and finding.span not in told:
            told.add(finding.span)
            yield finding


def _age_problem(value: str, of: str) -> str:
    age = _AGE.search(value)
    if age is None:
        return f"Strict-Transport-Security{of} has no max-age that can be read"
    lasts = seconds(age[1]) or 0
    if lasts >= HSTS_MINIMUM_AGE:
        return ""
    days, wanted = lasts // _DAY, HSTS_MINIMUM_AGE // _DAY
    return f"Strict-Transport-Security{of} lasts {days} days; the guideline asks for {wanted}"


@checks("OTA220", "live", "files")
def hsts_preload(facts: Facts) -> Iterator[Finding]:
    """What includeSubDomains and preload bind (RFC 6797 §6.1.2, hstspreload.org), on hosts of the site."""
    files = understood(facts) if facts.files is not None else None
    if files is not None and not any(files.ask(Request(path)).header(_HSTS) for path in files.folders()):
        raise NotApplicable("no HSTS stands in these files")
    own = [seen for host in _hosts(facts) if host.own for seen in host.secure]
    told: set[Span] = set()
    for seen in own:
        message = _binds(next(iter(seen.values(_HSTS)), ""))
        finding = seen.finding(message, _HSTS) if message else None
        if finding is not None and finding.span not in told:
            told.add(finding.span)
            yield finding


def _binds(value: str) -> str:
    """Say what a policy binds beside its own host; empty if it binds nothing else."""
    given = {part.strip().lower() for part in value.split(";")}
    words = [word for word in ("preload", "includeSubDomains") if word.lower() in given]
    if not words:
        return ""
    every = "every host below this name must speak https, internal ones too"
    if "preload" in words:
        every = "browsers will ship the name as https-only, for years after you change your mind"
    return f"HSTS asks for {' and '.join(words)}: {every}"


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
    """Under an unknown host name, as Host or as SNI, there must be no OTA content; an answer without it is fine."""
    install = walk(facts)
    if not under_unknown_names(install):
        raise NotApplicable("no request under an unknown host name was made")
    if install.manifest:
        visits = (install.manifest.unknown_host, install.manifest.unknown_sni)
        yield from _served(install, "manifest", visits, looks_like_plist)
    for package in install.packages:
        yield from _served(install, "package", (package.unknown_host, package.unknown_sni), _is_archive)


def _served(
    install: InstallFacts, what: str, visits: tuple[Visit | None, ...], is_content: Callable[[Response | None], bool]
) -> Iterator[Finding]:
    """Yield one finding for a file, however many ways under an unknown host name lead to it."""
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
