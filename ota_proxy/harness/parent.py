"""What a server needs around a file of scope `site` that its package does not have yet: Apache's Listen lines, modules, Include.

nginx needs nothing: every package includes `conf.d/`. Scope `full` and a user's own tree get nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ota_proxy.harness.engine import Scenario
from ota_proxy.model import Site
from ota_proxy.policy.apache import section
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.render.apache_notes import listens, needed_modules


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


def listen_lines(site: Site) -> list[str]:
    """Return the Listen lines of the rendered header; TLS on another port than 443 needs its protocol named (mod_mpm_common)."""
    return [
        f"Listen {place}{' https' if tls and not place.endswith(':443') and place != '443' else ''}"
        for place, tls in listens(site)
    ]


_LISTEN = re.compile(r"^\s*Listen\s.*$", re.MULTILINE | re.IGNORECASE)


def _ports(site: Site, path: str, stock: str) -> Parent:
    wanted = listen_lines(site)
    if _listening(stock) == set(wanted):
        return Parent()
    return Parent({path: "\n".join([*wanted, ""])}, f"{path} has what the file's header asks for: {', '.join(wanted)}.")


def _edited(site: Site, caps: Capabilities, stock: str) -> Parent:
    path, file = caps.layout["apache_conf"], caps.layout["apache_site"]
    modules = "|".join(needed_modules(site, "site"))
    commented = re.compile(rf"^#[ \t]*(LoadModule\s+(?:{modules})_module\s.*)$", re.MULTILINE)
    added = listen_lines(site)
    if not site.tls.offloaded and not re.search(r"^\s*SSLSessionCache\s", stock, re.MULTILINE):
        added.append(f'SSLSessionCache "shmcb:ota_proxy({section("buffers")["session_cache"]})"')
    if not re.search(rf"^\s*Include(?:Optional)?\s+\S*{re.escape(_folder(file))}/\*\.conf", stock, re.MULTILINE):
        added.append(f"Include {file}")
    loaded = commented.findall(stock)
    text = _LISTEN.sub("", commented.sub(r"\1", stock)).rstrip("\n") + "\n" + "\n".join([*added, ""])
    said = f"{path} has what the file's header asks for: {len(loaded)} modules switched on, {', '.join(added)}."
    return Parent({path: text}, said)


def _folder(path: str) -> str:
    return path.rsplit("/", 2)[1]


def _listening(text: str) -> set[str]:
    return {" ".join(line.split()) for line in _LISTEN.findall(text)}
