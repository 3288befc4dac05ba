"""Who got a file and who did not: a filter by user agent, a limit on requests, a server that answers now so, now so, or one that wants a certificate.

Each function names what the answers are; none judges it.
"""

from __future__ import annotations

import re

from ota_proxy.facts.install import ManifestFacts, Response, Visit

_SAYS = re.compile(
    rb"no required ssl certificate was sent"  # nginx 400 (496), and everything that is built on it
    rb"|the ssl certificate error"  # nginx 400 (495)
    rb"|403\.7\b|403\.16\b|ssl client certificate"  # IIS, in every language by its number
    rb"|post-handshake authentication"  # Apache 403 under TLS 1.3
    rb"|(?:requires?|required|missing|no|without|present) (?:an? |the )?(?:valid |required )?(?:ssl |tls |mtls )?"
    rb"(?:client|peer)[ -]certificate"
    rb"|(?:client|peer)[ -]certificate (?:is |was )?(?:required|missing|not (?:provided|present(?:ed)?|sent))",
    re.IGNORECASE,
)
_STATUSES = frozenset({400, 401, 403, 495, 496})
_READ = 16384
"""Bytes of an error page that are looked through."""


def wants_certificate(visit: Visit | None) -> bool:
    """Say whether a visit failed because the client showed no certificate."""
    if visit is None:
        return False
    if visit.error is not None:
        return visit.error.kind == "client-certificate"
    return visit.response is not None and says_so(visit.response)


def says_so(response: Response) -> bool:
    """Say whether an error page asks for a client certificate, in the words of nginx, Apache, IIS and the like."""
    return response.status in _STATUSES and bool(_SAYS.search(response.body[:_READ]))


def looks_like_plist(response: Response | None) -> bool:
    """Say whether a body is a property list at first sight, XML or binary."""
    if response is None:
        return False
    head = response.body.lstrip()[:2048]
    return head.startswith(b"bplist00") or b"<plist" in head


def refused_agents(manifest: ManifestFacts) -> tuple[Visit, ...]:
    """Return the installer's visits that got no manifest although a browser gets it from the same URL."""
    browsers = [
        visit for visit in (manifest.browser, *manifest.again) if visit is not None and _agent(visit) == "browser"
    ]
    if not browsers or not all(visit.ok and looks_like_plist(visit.response) for visit in browsers):
        return ()
    asked = [visit for visit in (manifest.visit, manifest.mdm, manifest.download) if visit is not None]
    return tuple(visit for visit in asked if all(map(_turned_away, [visit, *_repeated(manifest, visit)])))


def _agent(visit: Visit) -> str:
    return visit.first.agent


def _repeated(manifest: ManifestFacts, visit: Visit) -> list[Visit]:
    """The further answers that the agent of a visit got."""
    return [other for other in manifest.again if _agent(other) == _agent(visit)]


def failure(visit: Visit) -> str:
    """Return the cause, of `remedy_causes.toml`, why a file did not come; empty if it is not there, and where nothing more is known."""
    answer = visit.response
    if answer is None:
        return "failing"
    if answer.header("cf-mitigated"):
        return "challenge"
    if visit.status == 429 or (visit.status == 503 and answer.header("retry-after")):
        return "limit"
    if 300 <= visit.status < 400:
        return "redirect"
    if visit.status >= 500:
        return "failing"
    return "refused" if visit.status in {400, 403, 406, 407, 451} else ""


def recovered(manifest: ManifestFacts) -> Visit | None:
    """Return a later visit of the installer that got the manifest which the first did not get."""
    later = _repeated(manifest, manifest.visit) if _turned_away(manifest.visit) else []
    return next((visit for visit in later if visit.ok and looks_like_plist(visit.response)), None)


def limited(manifest: ManifestFacts) -> bool:
    """Say whether a browser that had got the manifest was refused it later, as the installer was: a limit on requests, not a filter."""
    first = manifest.browser
    later = [visit for visit in manifest.again if _agent(visit) == "browser"]
    return first is not None and first.ok and _turned_away(manifest.visit) and any(map(_turned_away, later))


def _turned_away(visit: Visit) -> bool:
    """Answered with something else; redirects that never end or leave https have rules of their own."""
    lost = visit.stopped in {"loop", "too-many", "left-https"}
    return not lost and visit.response is not None and not looks_like_plist(visit.response)
