"""What belongs in applicationHost.config, as commands of setup.ps1: each checks before it writes and leaves a record for undo.ps1."""

from __future__ import annotations

from ota_proxy.policy.guideline import profile, schannel_protocols, schannel_suites
from ota_proxy.servers.iis import setup_features as iis_features
from ota_proxy.servers.iis import setup_sites as iis_sites
from ota_proxy.servers.iis.plan import Plan, Step
from ota_proxy.servers.iis.quote import ps_call
from ota_proxy.servers.templates import Quoted


def steps(plan: Plan) -> tuple[Step, ...]:
    """Return the steps that change applicationHost.config, in the order they run, inside one commit."""
    return tuple(
        step
        for step in (
            iis_sites.sites(plan),
            iis_sites.bindings(plan),
            iis_sites.directories(plan),
            iis_features.redirect(plan),
            iis_sites.acme(plan),
            iis_features.hsts(plan),
            iis_features.proxy(plan),
            iis_features.access(plan),
            iis_features.more_capacity(plan),
            iis_features.log(plan),
        )
        if step.calls
    )


def checks(plan: Plan) -> tuple[Quoted, ...]:
    """Return the checks that the modules this site needs are installed, and that its bindings are nobody else's."""
    return (*_modules(plan), iis_sites.unclaimed(plan))


def _modules(plan: Plan) -> tuple[Quoted, ...]:
    install = "run Install-WindowsFeature {}"
    needed = [("StaticFileModule", install.format("Web-Static-Content"))] if plan.site.static else []
    needed += [("RequestFilteringModule", install.format("Web-Filtering"))]
    needed += [("RewriteModule", "install URL Rewrite 2.1")] if plan.rewrite else []
    needed += [("ApplicationRequestRouting", "install Application Request Routing 3")] if plan.site.proxied else []
    needed += [("WebSocketModule", install.format("Web-WebSockets"))] * any(x.websocket for x in plan.site.proxied)
    needed += [("HttpRedirectionModule", install.format("Web-Http-Redirect"))] if plan.second_site else []
    needed += [("IpRestrictionModule", install.format("Web-IP-Security"))] if iis_features.restricted(plan.site) else []
    return tuple(ps_call("Assert-OtaModule", Name=name, Remedy=remedy) for name, remedy in needed)


def schannel(plan: Plan) -> tuple[Quoted, ...]:
    """Return the machine-wide TLS commands behind -Schannel."""
    chosen = profile(plan.site.tls.profile)
    states = [
        ps_call("Set-OtaProtocol", Name=name, Enabled=enabled)
        for name, enabled in schannel_protocols(chosen.protocols).items()
    ]
    return (*states, ps_call("Set-OtaCipherSuites", Wanted=schannel_suites((*chosen.suites_tls13, *chosen.ciphers))))
