"""What a server needs around a file of scope `site` that its package does not have yet: Apache's Listen lines, modules, Include.

nginx needs nothing: every package includes `conf.d/`. Scope `full` and a user's own tree get nothing either.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field

from ota_proxy.harness.engine import Scenario
from ota_proxy.model import Site
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.resources import policy_file


@dataclass(frozen=True, slots=True)
class Parent:
    """Files to put beside the configuration under test, and one sentence that says what they add; both empty for nothing."""

    files: dict[str, str] = field(default_factory=dict)
    said: str = ""


def supply(scenario: Scenario, read: Callable[[str], str]) -> Parent:
    """Return what this scenario's parent lacks. `read` returns the text of a file in the image, empty where there is none."""
    caps = scenario.caps
    if caps.server != "apache" or caps.layout["apache_site"] not in scenario.config:
        return Parent()
    if caps.layout["apache_conf"] in scenario.config:
        return Parent()
    if not caps.layout["apache_conf"].endswith("apache2.conf"):
        return _edited(scenario.site, caps, read(caps.layout["apache_conf"]))
    ports = f"{caps.layout['apache_root']}/ports.conf"
    return Parent() if ports in scenario.config else _ports(scenario.site, ports, read(ports))


def listens(site: Site) -> list[str]:
    """Return the Listen lines a site needs (Apache manual, mod_mpm_common: an address, a port, and https on ports beside 443)."""
    hosts = [f"[{host}]:" if ":" in host else f"{host}:" for host in site.listen.hosts]
    hosts = hosts or ([""] if site.listen.ipv6 else ["0.0.0.0:"])
    ports = [f"{site.listen.http}"] if site.listen.http else []
    if not site.tls.offloaded:
        ports.append(f"{site.https_port}" + " https" * (site.https_port != 443))  # 443 is https by default
    return [f"Listen {host}{port}" for port in ports for host in hosts]


_LISTEN = re.compile(r"^\s*Listen\s.*$", re.MULTILINE | re.IGNORECASE)


def _ports(site: Site, path: str, stock: str) -> Parent:
    wanted = listens(site)
    if _listening(stock) == set(wanted):
        return Parent()
    return Parent({path: "\n".join([*wanted, ""])}, f"{path} has what the file's header asks for: {', '.join(wanted)}.")


def _edited(site: Site, caps: Capabilities, stock: str) -> Parent:
    path, file = caps.layout["apache_conf"], caps.layout["apache_site"]
    modules = tomllib.loads(policy_file("images.toml").read_text(encoding="utf-8"))["apache"]["modules"]
    commented = re.compile(rf"^#\s*(LoadModule\s+(?:{'|'.join(modules)})_module\s.*)$", re.MULTILINE)
    loaded = commented.findall(stock)
    wanted = listens(site)
    included = re.search(rf"^\s*Include(?:Optional)?\s+\S*{re.escape(_folder(file))}/\*\.conf", stock, re.MULTILINE)
    tail = [*wanted, *([] if included else [f"Include {file}"]), ""]
    text = _LISTEN.sub("", commented.sub(r"\1", stock)).rstrip("\n") + "\n" + "\n".join(tail)
    said = f"{path} has what the file's header asks for: {len(loaded)} modules switched on, {', '.join(tail[:-1])}."
    return Parent({path: text}, said)


def _folder(path: str) -> str:
    return path.rsplit("/", 2)[1]


def _listening(text: str) -> set[str]:
    return {" ".join(line.split()) for line in _LISTEN.findall(text)}
