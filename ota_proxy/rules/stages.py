"""Where on the way a finding strikes. The package is fetched after the prompt: what is wrong with the way to it shows only then."""

from __future__ import annotations

from dataclasses import replace

from ota_proxy.addresses import bracketed
from ota_proxy.device.facts import InstallFacts, origin
from ota_proxy.rules.model import Finding, Rule

_EARLY = ("connect", "server")
"""Stages whose findings may concern the package alone."""
_UNABLE = "U"
"""What the phone says of whatever happens to the package, TLS and redirects included (observed behaviour, reported by users)."""


def struck(rule: Rule, finding: Finding, install: InstallFacts | None) -> Rule:
    """Return the rule as this finding has it: one of connection or server that concerns the package alone is seen at the package."""
    early = install is None or rule.stage not in _EARLY or finding.subject not in _late(install)
    if early or not rule.sees:
        return rule
    return replace(rule, stage="package", sees=_UNABLE)


def _late(install: InstallFacts) -> set[str]:
    """Return the URLs of packages, and `HOST:PORT` of those places that neither page nor manifest come from."""
    visits = [visit for package in install.packages for visit in (package.head, package.get)]
    urls = {package.url for package in install.packages} | {hop.url for visit in visits for hop in visit.hops}
    early = {_place(hop.url) for part in (install.page, install.manifest) if part for hop in part.visit.hops}
    return urls | ({_place(url) for url in urls} - early)


def _place(url: str) -> str:
    _, host, port = origin(url)
    return f"{bracketed(host)}:{port}"
