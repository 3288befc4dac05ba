"""Policy of a site in Apache's words: TLS, Strict-Transport-Security, logs."""

from __future__ import annotations

from ota_proxy.policy import guideline
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.servers.apache import quote
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site

View = dict[str, object]
_REFUSED = "%{REQUEST_STATUS} -ge 300 && %{REQUEST_STATUS} -ne 304"
"""Answers that Apache makes from the table `always` alone: redirects and errors."""


def hsts_of(site: Site) -> View | None:
    """Return the value of Strict-Transport-Security and the condition on it; None where it is not sent."""
    if site.tls.offloaded or not site.hsts.enabled:
        return None
    only = quote.argument("expr=%{HTTPS} == 'on'", ("hsts",))
    return {
        "value": quote.header_value(site.hsts.value, ("hsts",)),
        "condition": Quoted(f" {only}"),
        # The table `onsuccess` is written after `always`, and %{resp:…} looks into both.
        "silent": quote.argument("expr=%{HTTPS} == 'on' && %{resp:Strict-Transport-Security} == ''", ("hsts",)),
        "error": quote.argument(f"expr=%{{HTTPS}} == 'on' && {_REFUSED}", ("hsts",)),
        "proxied": quote.argument("expr=%{HANDLER} == 'proxy-server'", ("hsts",)),
    }


def tls_of(site: Site, caps: Capabilities) -> View:
    """Return the TLS policy in OpenSSL's words."""
    profile = guideline.profile(site.tls.profile)
    protocols = [name for name in profile.protocols if name != "TLSv1.3" or caps.has("tls13")]
    groups = [name for name in profile.groups if name != "X25519MLKEM768" or caps.has("mlkem")]
    new_suites = caps.has("tls13") and caps.has("cipher_suite_tls13")
    return {
        "profile": Quoted(f"{profile.version} {profile.name}"),
        "protocols": Quoted(" ".join(f"+{name}" for name in protocols)),
        "ciphers": Quoted(":".join(profile.ciphers)),
        "suites": Quoted(":".join(profile.suites_tls13)) if new_suites else None,
        "groups": Quoted(":".join(groups)),
    }


def log_of(site: Site) -> View:
    """Return the log files and the level."""
    off = site.log.access is False
    path = quote.path(site.log.access, ("log", "access")) if isinstance(site.log.access, str) else None
    return {
        "access": Quoted('"/dev/null"') if off else path,
        "format": quote.argument(section("log")["format"], ("log", "access")),
        "error": quote.path(site.log.error, ("log", "error")) if site.log.error else None,
        "level": Quoted(site.log.level),
    }
