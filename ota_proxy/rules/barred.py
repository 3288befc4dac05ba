"""How a server says that it wants a certificate of its client: by an alert of TLS, or by a page of its own. Names what an answer is; never judges."""

from __future__ import annotations

import re

from ota_proxy.facts.install import Response, Visit

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
