"""Sites for IIS, their rendering, and readers of what it wrote: XML, PowerShell, and the walk through the rules."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from typing import Any

import tree_sitter
import tree_sitter_powershell

from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.iis.render import render
from ota_proxy.servers.rendered import Rendered, Scope
from ota_proxy.site import Site

CERTIFICATE = {"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}
STATIC: dict[str, Any] = {
    "domains": ["ota.example.com"],
    "locations": [{"path": "/", "root": "/srv/ota"}],
    "certificates": [CERTIFICATE],
}
PROXIED = STATIC | {
    "locations": [{"path": "/", "upstream": "http://127.0.0.1:8080"}, {"path": "/ota/", "root": "D:/builds"}]
}
SEVERAL = STATIC | {
    "domains": ["ota.example.com", "*.builds.example.com"],
    "public_url": "https://ota.example.com:8443",
    "locations": [
        {"path": "/", "root": "/srv/ota"},
        {"path": "/team-1/", "root": "/srv/team's builds"},
        {"path": "/api/", "upstream": "https://app.example.net", "upstream_ca": "/etc/ssl/own-ca.pem"},
        {"path": "/api/files/", "root": "/srv/files"},
    ],
    "certificates": [CERTIFICATE, {"cert": "/etc/ssl/ecdsa.pem", "key": "/etc/ssl/ecdsa.key"}],
    "access": {"allow": ["10.0.0.0/8", "192.0.2.0/24"], "deny": ["10.66.0.0/16"]},
    "cache": {"packages": "immutable"},
    "media_types": {".ipa": "application/x-itunes-ipa", ".7z": "application/x-7z-compressed"},
    "listen": {"addresses": ["192.0.2.10", "2001:db8::10"]},
    "http2": False,
    "log": {"access": False},
}
OFFLOADED = STATIC | {
    "certificates": [],
    "tls": {"offloaded": True},
    "trusted_proxies": ["10.1.0.0/20", "2001:db8::5"],
    "listen": {"http": 8080},
}
VARIANTS: dict[str, tuple[dict[str, Any], str, Scope, bool]] = {
    "static-2022": (STATIC, "2022", "site", True),
    "static-2016": (STATIC, "2016", "site", True),
    "static-2019-no-rewrite": (STATIC, "2019", "site", False),
    "modern-2025": (STATIC | {"tls": {"profile": "modern"}}, "2025", "full", True),
    "proxied-2022": (PROXIED, "2022", "site", True),
    "several-2025": (SEVERAL, "2025", "site", True),
    "offloaded-2022": (OFFLOADED, "2022", "site", True),
    "snippet-2022": (STATIC, "2022", "snippet", True),
}
VARIANTS["errors-2022"] = (
    PROXIED
    | {
        "locations": [{"path": "/", "root": "/srv/ota"}, {"path": "/api/", "upstream": "http://127.0.0.1:8080"}],
        "error_pages": {"folder": "/srv/ota/errors & more", "statuses": [403, 404]},
    },
    "2022",
    "site",
    True,
)
NAMES = sorted(VARIANTS)


@cache
def variant(name: str) -> Rendered:
    raw, version, scope, rewrite = VARIANTS[name]
    return made(raw, version, scope, rewrite=rewrite)


def made(
    raw: dict[str, Any], version: str = "2022", scope: Scope = "site", *, rewrite: bool = True, **more: object
) -> Rendered:
    site = Site.model_validate(raw | more)
    return render(site, resolve("iis", version), scope, "ota-proxy render iis", rewrite_module=rewrite)


def xml(rendered: Rendered) -> ET.Element:
    return ET.fromstring(rendered.files[0].text)  # noqa: S314 - our own text


def texts(rendered: Rendered, kind: str) -> str:
    return "\n".join(note.text for note in rendered.notes if note.kind == kind)


def script(rendered: Rendered, name: str) -> str:
    return next(file.text for file in rendered.files if file.name == name)


def beside(rendered: Rendered) -> dict[str, str]:
    """Return the files that the scripts read, by name."""
    return {file.name: file.text for file in rendered.files if not file.name.endswith(".ps1")}


def tree(text: str) -> tree_sitter.Node:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    return parser.parse(text.encode()).root_node


def nodes(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def decide(rendered: Rendered, target: str, path: str, **variables: str) -> dict[str, str]:
    """Walk the inbound rules as documented for `target` (path and query as sent) and its decoded path; the action that ends it."""
    values = {"HTTPS": "on", "HTTP_HOST": "ota.example.com", "REMOTE_ADDR": "198.51.100.9", "UNENCODED_URL": target}
    values |= variables

    def holds(test: ET.Element, text: str, pattern: str) -> bool:
        found = re.search(test.get(pattern, ""), text, re.IGNORECASE) is not None
        return found != (test.get("negate") == "true")

    for rule in xml(rendered).iter("rule"):
        match, action, conditions = rule.find("match"), rule.find("action"), rule.find("conditions")
        if match is None or action is None or "url" not in match.attrib or not holds(match, path, "url"):
            continue
        tests = [] if conditions is None else list(conditions)
        results = [holds(test, values.get(test.get("input", "").strip("{}"), ""), "pattern") for test in tests]
        any_of = conditions is not None and conditions.get("logicalGrouping") == "MatchAny"
        if any(results) if any_of else all(results):
            url = re.sub(r"\{(\w+)\}", lambda name: values[name[1]], action.get("url", ""))
            return dict(action.attrib) | {"url": url, "rule": rule.get("name", "")}
    return {"type": "None", "rule": ""}
