"""OTA201, OTA202, OTA219, OTA220, OTA225, OTA607 and OTA612 on IIS: http, HSTS, the proxy and what the headers give away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ota_proxy.facts.configuration import Condition, IisFacts, Outbound, PathFacts, Rewrite
from ota_proxy.numbers import seconds
from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.rules.iis_reach import MANIFEST, PACKAGE, absent, affected, point, readable, see_site
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.registry import lints
from ota_proxy.servers.text import Span

_STS = "strict-transport-security"
_ELSEWHERE = "stands in applicationHost.config: give it with --apphost"
_SCHEME = ("HTTPS", "SERVER_PORT", "SERVER_PORT_SECURE", "HTTP_X_FORWARDED_PROTO")
_PATH = re.compile(
    r"\{(?:R:\d|C:\d|REQUEST_URI|UNENCODED_URL|URL|PATH_INFO|HTTP_URL|HTTP_X_ORIGINAL_URL)\}", re.IGNORECASE
)
_WHOLE = re.compile(r"\{(?:REQUEST_URI|UNENCODED_URL|HTTP_URL|HTTP_X_ORIGINAL_URL|QUERY_STRING)\}", re.IGNORECASE)
_AGE = re.compile(r'max-age\s*=\s*"?([0-9]+)', re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)+|/\d+")
_TELLING = ("server", "x-aspnet-version", "x-aspnetmvc-version")


def _root(found: IisFacts) -> PathFacts:
    if not found.paths:
        raise NotApplicable("no site was read")
    return found.paths[0]


def _reaches_http(found: IisFacts) -> bool:
    """Say whether the site answers over http, as far as anybody knows."""
    return not found.server_known or any(one.protocol == "http" for one in found.bindings)


def _about_scheme(conditions: tuple[Condition, ...]) -> bool:
    return any(one.input.strip().strip("{}").upper() in _SCHEME for one in conditions)


# -- http ----------------------------------------------------------------------------------------------------------------


def _to_https(path: PathFacts) -> list[Rewrite]:
    return [one for one in path.rewrites if one.action == "Redirect" and one.url.lower().startswith("https://")]


@lints("OTA201")
def http_no_redirect(facts: Facts) -> Iterator[Finding]:
    """What answers over http redirects to https."""
    found = readable(facts)
    root = _root(found)
    http = [one for one in found.bindings if one.protocol == "http"]
    if found.server_known and not http:
        raise NotApplicable("the site has no http binding")
    native = found.hsts is not None and found.hsts.enabled and found.hsts.redirects
    plain = root.redirect is not None and root.redirect.destination.lower().startswith("https://")
    if native or plain or _to_https(root):
        return
    if not found.server_known:
        raise NoVerdict(f"no redirect here; whether the site has an http binding or redirects by <hsts> {_ELSEWHERE}")
    if all(one.protocol == "http" for one in found.bindings):
        raise NotApplicable("the site has no https binding: TLS ends in front of it")
    see_site(found)
    what = "403.4 instead of a redirect" if root.needs_tls else "the content itself"
    yield point(http[0].at, f"http is answered with {what}", found=found)


@lints("OTA202")
def http_redirect_drops_path(facts: Facts) -> Iterator[Finding]:
    """A redirect to https keeps path and query."""
    found = readable(facts)
    root = _root(found)
    redirects = [one for one in _to_https(root) if _about_scheme(one.conditions)]
    if not redirects and root.redirect is None:
        raise NotApplicable("no redirect from http stands in these files")
    for one in redirects:
        if not _PATH.search(one.url):
            yield point(
                one.at,
                f"The rule '{one.name}' redirects every path to {one.url}",
                found=found,
                evidence=f'url="{one.url}"',
            )
        elif not one.append_query and not _WHOLE.search(one.url):
            yield point(
                one.at,
                f"The rule '{one.name}' drops the query",
                found=found,
                evidence=f'url="{one.url}" appendQueryString="false"',
            )
    plain = root.redirect
    if (
        plain is not None
        and plain.exact
        and "$" not in plain.destination
        and plain.destination.lower().startswith("https://")
    ):
        yield point(plain.at, f"exactDestination redirects every path to {plain.destination}", found=found)


# -- HSTS ----------------------------------------------------------------------------------------------------------------


def _outbound_sts(path: PathFacts) -> list[Outbound]:
    return [one for one in path.outbound if one.variable.lower().replace("_", "-") == f"response-{_STS}"]


def _policies(found: IisFacts) -> Iterator[tuple[Span, str, bool]]:
    """Yield (line, value, whether it is also sent over http) of everything that sends HSTS."""
    for one in dict.fromkeys(header for path in found.paths for header in path.headers if header.name.lower() == _STS):
        yield one.at, one.value, _reaches_http(found)
    for rule in dict.fromkeys(rule for path in found.paths for rule in _outbound_sts(path)):
        yield rule.at, rule.value, not _about_scheme(rule.conditions) and _reaches_http(found)
    if found.hsts is not None and found.hsts.enabled:
        words = ["includeSubDomains"] * found.hsts.subdomains + ["preload"] * found.hsts.preload
        yield found.hsts.at, "; ".join((f"max-age={found.hsts.max_age}", *words)), False


@lints("OTA219")
def hsts_missing(facts: Facts) -> Iterator[Finding]:
    """HSTS on https, never over http, with at least the guideline's age."""
    found = readable(facts)
    policies = list(_policies(found))
    for at, value, http in policies:
        if http:
            yield point(at, "Strict-Transport-Security is also sent over http, where it may not be", found=found)
        age = _AGE.search(value)
        if age is None or (seconds(age[1]) or 0) < HSTS_MINIMUM_AGE:
            given = f"is {age[1]} s" if age else "is missing"
            yield point(at, f"max-age {given}, below the guideline's {HSTS_MINIMUM_AGE} s", found=found)
    if policies:
        return
    if not found.server_known and found.native_hsts:
        raise NoVerdict(f"nothing here sends HSTS; whether the site has <hsts> {_ELSEWHERE}")
    if found.server_known and all(one.protocol == "http" for one in found.bindings):
        raise NotApplicable("the site has no https binding: HSTS belongs to what ends TLS in front of it")
    yield absent(found, "Nothing sends Strict-Transport-Security")


@lints("OTA220")
def hsts_preload(facts: Facts) -> Iterator[Finding]:
    """What preload and includeSubDomains bind."""
    found = readable(facts)
    policies = list(_policies(found))
    if not policies:
        raise NotApplicable("no HSTS stands in these files")
    for at, value, _ in policies:
        words = [word for word in ("preload", "includeSubDomains") if word.lower() in value.lower()]
        if words:
            yield point(at, f"{' and '.join(words)}: binds every subdomain, and cannot be taken back soon", found=found)


# -- proxy and headers ---------------------------------------------------------------------------------------------------


@lints("OTA225")
def client_certificate_required(facts: Facts) -> Iterator[Finding]:
    """Manifest and package are given to clients without a certificate, which the installer is."""
    found = readable(facts)

    def problem(path: PathFacts) -> Finding | None:
        at = path.client_certificate
        return point(at, "IIS demands a client certificate here (403.7)", found=found) if at is not None else None

    return affected(found, (*MANIFEST, *PACKAGE), problem)


@lints("OTA607")
def forwarded_headers_missing(facts: Facts) -> Iterator[Finding]:
    """An application behind ARR learns the scheme that the device used: ARR itself sends no X-Forwarded-Proto."""
    found = readable(facts)
    proxied = [
        one
        for path in found.paths
        for one in path.rewrites
        if one.action == "Rewrite" and one.url.lower().startswith(("http://", "https://"))
    ]
    if not proxied:
        raise NotApplicable("nothing is proxied")
    for one in dict.fromkeys(proxied):
        if "HTTP_X_FORWARDED_PROTO" not in one.sets:
            yield point(one.at, f"The rule '{one.name}' passes requests on without X-Forwarded-Proto", found=found)
        elif found.server_known and not found.preserves_host and "HTTP_X_FORWARDED_HOST" not in one.sets:
            message = f"The rule '{one.name}' passes neither Host nor X-Forwarded-Host on"
            yield point(one.at, message, found=found)


@lints("OTA612")
def version_exposed(facts: Facts) -> Iterator[Finding]:
    """No header names the server's version."""
    found = readable(facts)
    root = _root(found)
    for one in dict.fromkeys(header for path in found.paths for header in path.headers):
        name = one.name.lower()
        if name == "x-powered-by" or (name in _TELLING and _NUMBER.search(one.value)):
            yield point(one.at, f"{one.name}: {one.value} is sent with every answer", found=found)
    hidden = any(one.variable.lower() == "response_server" for one in root.outbound)
    if not found.server_header_can_go:
        raise NotApplicable(f"no setting takes the Server header away on Windows {found.windows}")
    if not root.server_header_removed and not hidden:
        message = "Server: Microsoft-IIS/10.0 is sent with every answer: removeServerHeader is false"
        yield absent(found, message, "a default of IIS 10")
