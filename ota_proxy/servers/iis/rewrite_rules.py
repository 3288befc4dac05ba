"""The URL Rewrite rules of a site: inbound (guards, redirect, proxy) and outbound (headers only), in the order IIS runs them.

Source: MicrosoftDocs/iis-docs, url-rewrite-module configuration reference. Paths are compared and passed on as `{UNENCODED_URL}`,
the bytes the device sent with the query (documented there under "Preserving Original URL").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ota_proxy.policy.media_types import served
from ota_proxy.servers.iis.quote import action_text, address_pattern, encoded_regex, regex
from ota_proxy.servers.shared import PLAIN, SECURE, proxy_believed
from ota_proxy.site import Location, Site

RAW = "{UNENCODED_URL}"
FORWARDED = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")
"""Server variables that proxy rules set; allowedServerVariables must list them."""

ACME_PREFIX = "/.well-known/acme-challenge"
ACME = r"^\.well-known/acme-challenge/[A-Za-z0-9_-]+$"


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of an input such as `{HTTPS}` against a pattern."""

    input: str
    pattern: str
    negate: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """An inbound rule; `action` holds the attributes of its action element, `any_of` joins the conditions with or."""

    name: str
    why: tuple[str, ...]
    action: dict[str, str]
    match: str = ".*"
    negate: bool = False
    conditions: tuple[Condition, ...] = ()
    any_of: bool = False
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """An outbound rule that writes the response header behind `variable` where all of `when` hold and `pattern` matches."""

    name: str
    why: tuple[str, ...]
    when: tuple[Condition, ...]
    variable: str
    pattern: str
    value: str


def authority(site: Site) -> str:
    """Return host, or host:port, as the device sees them."""
    return urlsplit(site.base_url).netloc


def inbound(site: Site) -> tuple[Rule, ...]:
    """Return the inbound rules in their order."""
    guards = [_origin_form()]
    guards += [_host(site)] if site.unknown_hosts == "refuse" else []
    guards += _redirects(site)
    guards += [_challenges()] if serves_acme(site) else []
    nested = sorted(_places(site), key=lambda location: (-len(location.path), location.path))
    return (*guards, *(rule for location in nested for rule in _location(site, location)))


def _places(site: Site) -> tuple[Location, ...]:
    """Return the locations that rules must tell apart: if there are only files, one set of rules is right for all of them."""
    return site.locations if site.proxied else (Location(path="/", root="/"),)


def serves_acme(site: Site) -> bool:
    """Say whether ACME challenges have a folder of their own here: there is plain http, and no location claims their prefix."""
    own = {location.path.lower() for location in site.locations}
    return bool(site.listen.http) and ACME_PREFIX + "/" not in own


def _challenges() -> Rule:
    why = ("ACME challenges are files, whatever the rules below say.",)
    return Rule("ota-proxy acme", why, {"type": "None"}, match=ACME)


def _origin_form() -> Rule:
    return Rule(
        "ota-proxy request target",
        ("A request line with a whole URL in it would be glued to the target of the rules below.",),
        _refuse(400, "Bad Request", "The request target must be a path."),
        conditions=(Condition(RAW, "^/", negate=True),),
    )


def _refuse(status: int, reason: str, text: str) -> dict[str, str]:
    return {"type": "CustomResponse", "statusCode": str(status), "statusReason": reason, "statusDescription": text}


def _host(site: Site) -> Rule:
    names = "|".join(
        "[^.:]+" + regex(domain[1:]) if domain.startswith("*.") else regex(domain) for domain in site.domains
    )
    return Rule(
        "ota-proxy host",
        ("The bindings are the first guard; a Host that is not of this site gets 421 (RFC 9110 15.5.20).",),
        _refuse(421, "Misdirected Request", "This host is not served here."),
        conditions=(Condition("{HTTP_HOST}", f"^(?:{names})(?::[0-9]{{1,5}})?$", negate=True),),
    )


def _redirects(site: Site) -> list[Rule]:
    """Return the redirects to https: of what came without TLS here, or without TLS to a trusted proxy in front.

    Its word is the first entry of X-Forwarded-Proto; empty entries count for nothing (RFC 9110 5.6.1.2).
    """
    if not proxy_believed(site):
        return [_redirect(site, "https", "Every request without TLS.", _HTTP)]
    proxies = address_pattern(site.trusted_proxies, ("trusted_proxies",))
    untrusted, trusted = Condition("{REMOTE_ADDR}", proxies, negate=True), Condition("{REMOTE_ADDR}", proxies)
    silent, plain = _said(SECURE, negate=True), _said(PLAIN)
    if site.tls.offloaded:
        why = "TLS ends at a proxy in front: served is what a trusted address says came over https."
        return [_redirect(site, "https", why, untrusted, silent, any_of=True)]
    return [
        _redirect(site, "https", "Without TLS, and not from a trusted proxy: what others claim does not count.", _HTTP, untrusted),
        _redirect(site, "https of the proxy", "A trusted proxy that does not say the device came over https.", _HTTP, trusted, silent),
        _redirect(site, "http of the proxy", "A trusted proxy that says, over TLS, that the device came without.", trusted, plain),
    ]  # fmt: skip


_HTTP = Condition("{HTTPS}", "^off$")


def _said(schemes: str, *, negate: bool = False) -> Condition:
    return Condition("{HTTP_X_FORWARDED_PROTO}", rf"^[, \t]*(?:{schemes})[ \t]*(?:,|$)", negate=negate)


def _redirect(site: Site, name: str, why: str, *conditions: Condition, any_of: bool = False) -> Rule:
    target = f"https://{action_text(authority(site), ('public_url',))}{RAW}"
    return Rule(
        f"ota-proxy {name}",
        (
            why,
            "Path and query byte for byte (UNENCODED_URL has both); the public port, never the one of the http request.",
            *(("ACME challenges stay on http.",) if site.listen.http else ()),
        ),
        {"type": "Redirect", "url": target, "appendQueryString": "false", "redirectType": "Permanent"},
        match=ACME if site.listen.http else ".*",
        negate=bool(site.listen.http),
        conditions=conditions,
        any_of=any_of,
    )


def _location(site: Site, location: Location) -> tuple[Rule, ...]:
    prefix = regex(location.path.removeprefix("/"))
    if location.root is not None:
        hidden = Rule(
            f"ota-proxy dot files {location.path}",
            ("Files and folders that begin with a dot are not published (.well-known is).",),
            _refuse(404, "Not Found", "There is nothing here."),
            match=rf"^{prefix}(?:.*/)?\.(?!well-known(?:/|$))",
        )
        files = Rule(
            f"ota-proxy files {location.path}",
            ("Files: no other rule applies.",),
            {"type": "None"},
            match=f"^{prefix}" if prefix else ".*",
        )
        behind = any(location.path.startswith(other.path) for other in site.proxied)
        return (hidden, files) if behind else (hidden,)
    return (_proxy(site, location, prefix),)


def _proxy(site: Site, location: Location, prefix: str) -> Rule:
    public = urlsplit(site.base_url)
    values = ("https", action_text(public.netloc, ("public_url",)), str(site.public_port))
    return Rule(
        f"ota-proxy application {location.path}",
        ("The path goes on unchanged; the application learns scheme, host and port as the device sees them.",),
        {
            "type": "Rewrite",
            "url": f"{action_text(str(location.target), site.key_of(location, 'upstream'))}{RAW}",
            "appendQueryString": "false",
        },
        match=f"^{prefix}" if prefix else ".*",
        variables=tuple(zip(FORWARDED, values, strict=True)),
    )


def outbound(site: Site, *, hsts: bool, snippet: bool = False) -> tuple[HeaderRule, ...]:
    """Return the header rules; `hsts` says whether Strict-Transport-Security is theirs (else it is native, or nobody's).

    In a `snippet` the header of the site around it stays: browsers keep one rule for a whole host, the last they saw.
    """
    rules = [rule for location in _places(site) for rule in _caching(site, location)]
    rules += [rule for location in site.proxied for rule in _words(site, location)]
    if hsts and snippet and not site.proxied:
        rules.append(
            HeaderRule(
                "ota-proxy hsts",
                ("On https answers only (RFC 6797 7.2); what the site around it says about the host stays.",),
                (Condition("{HTTPS}", "^on$"),),
                "RESPONSE_Strict_Transport_Security",
                "^$",
                site.hsts.value,
            )
        )
    elif hsts:
        rules.append(
            HeaderRule(
                "ota-proxy hsts",
                ("On https answers only (RFC 6797 7.2); replaces what an application sends, so that there is one.",),
                (Condition("{HTTPS}", "^on$"),),
                "RESPONSE_Strict_Transport_Security",
                ".*",
                site.hsts.value,
            )
        )
    return tuple(rules)


def _caching(site: Site, location: Location) -> tuple[HeaderRule, ...]:
    here, proxied = _inside(site, location), location.root is None
    manifests = HeaderRule(
        f"ota-proxy manifests {location.path}",
        ("The application's own word stands; silence becomes no-store.",)
        if proxied
        else ("A manifest names one build: no cache on the way may keep it.",),
        (*here, Condition(RAW, _named(site, "manifest"))),
        "RESPONSE_Cache_Control",
        "^$" if proxied else ".*",
        "no-store",
    )
    if proxied or site.cache.packages == "revalidate":
        return (manifests,)
    packages = HeaderRule(
        f"ota-proxy packages {location.path}",
        ("Every build has a name of its own, so a package may be kept; never an error page in its place.",),
        (*here, Condition(RAW, _named(site, "package")), Condition("{RESPONSE_STATUS}", "^(?:200|206|304)$")),
        "RESPONSE_Cache_Control",
        ".*",
        f"public, max-age={site.cache.max_age}, immutable",
    )
    return (manifests, packages)


def _words(site: Site, location: Location) -> Iterator[HeaderRule]:
    """Yield the security headers that an answer of an application gets where it has none itself, Content-Security-Policy first.

    A frame-ancestors of ours would overrule an X-Frame-Options of the application (CSP Level 3 6.4.2.1), which then stands for both.
    """
    for name, value in sorted(site.headers.items(), key=lambda row: row[0].lower()):
        policy = name.lower() == "content-security-policy"
        yield HeaderRule(
            f"ota-proxy {name} {location.path}",
            ("The application's own word stands; silence becomes ours.",),
            (*_inside(site, location), *((Condition("{RESPONSE_X_FRAME_OPTIONS}", "^$"),) if policy else ())),
            "RESPONSE_" + name.replace("-", "_"),
            "^$",
            action_text(value, ("headers", name)),
        )


def _named(site: Site, kind: str) -> str:
    return r"^[^?]*(?:" + "|".join(regex(extension) for extension in served(kind, site.media_types)) + r")(?:\?|$)"


def _inside(site: Site, location: Location) -> tuple[Condition, ...]:
    inner = [other.path for other in _places(site) if other != location and other.path.startswith(location.path)]
    own = () if location.path == "/" else (Condition(RAW, "^" + encoded_regex(location.path)),)
    return (*own, *(Condition(RAW, "^" + encoded_regex(path), negate=True) for path in sorted(inner)))
