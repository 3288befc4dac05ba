"""Steps of setup.ps1 that set features: HSTS, redirect, proxy, access, capacity, log. A step without commands is not needed.

Source of the sections and attributes: MicrosoftDocs/iis-docs, configuration reference; of the cmdlets: IISAdministration's reference.
"""

from __future__ import annotations

from ota_proxy.servers.applications import read_timeouts
from ota_proxy.servers.iis.networks import address_and_mask
from ota_proxy.servers.iis.plan import POOLS, SITES, Plan, Step, add_element, set_attribute, within
from ota_proxy.servers.iis.quote import PsValue
from ota_proxy.servers.iis.rewrite_rules import ACME_PREFIX, FORWARDED, authority, serves_acme
from ota_proxy.site import Site

_LIMITS = {"queueLength": 1000, "appConcurrentRequestLimit": 5000}  # defaults: applicationPools/add, serverRuntime


def hsts(plan: Plan) -> Step:
    """Let IIS itself send Strict-Transport-Security (sites/site/hsts, from Windows 1709)."""
    if not plan.native_hsts:
        return Step("", (), ())
    wanted = plan.site.hsts
    values: tuple[tuple[str, PsValue], ...] = (
        ("max-age", wanted.max_age),
        ("includeSubDomains", wanted.include_subdomains),
        ("preload", wanted.preload),
        ("redirectHttpToHttps", False),
        ("enabled", True),
    )
    place: list[PsValue] = [*within({"name": plan.name}), {"Child": "hsts"}]
    calls = [set_attribute("Strict-Transport-Security", SITES, name, value, Steps=place) for name, value in values]
    return Step(
        "Strict-Transport-Security",
        ("IIS itself sends it, on https answers only. Its own redirect stays off: it ignores ports and ACME.",),
        tuple(calls),
    )


def redirect(plan: Plan) -> Step:
    """Redirect the second, plain site to https (httpRedirect, the only redirect without URL Rewrite)."""
    if not plan.second_site:
        return Step("", (), ())
    status = {301: "Permanent", 308: "PermRedirect"}[plan.site.redirect.status]
    values: tuple[tuple[str, PsValue], ...] = (
        ("destination", f"https://{authority(plan.site)}$S$Q"),
        ("exactDestination", True),
        ("httpResponseStatus", status),
        ("enabled", True),
    )
    section = "system.webServer/httpRedirect"
    calls = [
        set_attribute("redirect to https", section, name, value, Location=plan.second_site) for name, value in values
    ]
    return Step("Redirect to https", ("$S is the path and $Q the query with its question mark.",), tuple(calls))


def proxy(plan: Plan) -> Step:
    """Allow the server variables of the proxy rules, and switch ARR's proxy on."""
    if not plan.site.proxied:
        return Step("", (), ())
    section = "system.webServer/rewrite/allowedServerVariables"
    calls = [add_element(f"server variable {name}", section, {"name": name}, Location=plan.name) for name in FORWARDED]
    for name, value in (
        ("preserveHostHeader", True),
        ("reverseRewriteHostInResponseHeaders", False),
        ("enabled", True),
    ):
        calls.append(set_attribute(f"proxy {name}", "system.webServer/proxy", name, value))
    for location in read_timeouts(plan.site)[:1]:
        seconds = location.read_timeout or 0
        span = f"{seconds // 86400}.{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}".removeprefix(
            "0."
        )
        calls.append(set_attribute("proxy timeout", "system.webServer/proxy", "timeout", span))
    return Step(
        "Proxy",
        (
            "Server variables that the rules of web.config may set, for this site.",
            "The proxy section counts for the whole server: applications get the device's Host, and their",
            "redirects go out as they wrote them.",
        ),
        tuple(calls),
    )


def restricted(site: Site) -> bool:
    """Say whether only some networks may reach the site."""
    return bool(site.access.allow or site.access.deny)


def access(plan: Plan) -> Step:
    """Write access by network (ipSecurity, a locked section): refused networks first."""
    lists = plan.site.access
    if not restricted(plan.site):
        return Step("", (), ())
    section = "system.webServer/security/ipSecurity"
    ranges = [(text, False, ("access", "deny", index)) for index, text in enumerate(lists.deny)]
    ranges += [(t, True, ("access", "allow", index)) for index, t in enumerate(lists.allow) if t not in lists.deny]
    calls = [set_attribute("access by network", section, "allowUnlisted", not lists.allow, Location=plan.name)]
    for text, allowed, source in ranges:
        address, mask = address_and_mask(text, source)
        key: dict[str, PsValue] = {"ipAddress": address, "subnetMask": mask}
        calls.append(add_element(f"network {text}", section, key, Location=plan.name, With={"allowed": allowed}))
    if serves_acme(plan.site) and not plan.second_site:
        place = plan.name + ACME_PREFIX
        calls.append(
            set_attribute("ACME challenges stay open", section, "allowUnlisted", True, Location=place, Here=True)
        )
    return Step("Access by network", ("The section is locked for web.config; refused networks get 403.",), tuple(calls))


def capacity(plan: Plan) -> dict[str, int]:
    """Return the limits that expected_devices exceeds as IIS ships, with what they have to be."""
    return {
        name: plan.site.expected_devices for name, shipped in _LIMITS.items() if plan.site.expected_devices > shipped
    }


def more_capacity(plan: Plan) -> Step:
    """Raise the limits that expected_devices exceeds."""
    limits, calls = capacity(plan), []
    if "queueLength" in limits:
        place = within({"name": plan.name})
        calls.append(set_attribute("requests that wait", POOLS, "queueLength", limits["queueLength"], Steps=place))
    if (name := "appConcurrentRequestLimit") in limits:
        section = "system.webServer/serverRuntime"
        calls.append(set_attribute("requests at the same time", section, name, limits[name], Location=plan.name))
    why = f"{plan.site.expected_devices} phones download at the same time (expected_devices)."
    return Step("Capacity", (why,), tuple(calls))


def log(plan: Plan) -> Step:
    """Switch the access log off where the site has none."""
    if plan.site.log.access is not False:
        return Step("", (), ())
    call = set_attribute("no access log", "system.webServer/httpLogging", "dontLog", True, Location=plan.name)
    return Step("Log", ("log.access is false.",), (call,))
