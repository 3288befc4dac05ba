"""What a server needs around a file of scope `site` that its package lacks: the enclosing configuration that the file's header asks for.

nginx needs nothing: every package includes `conf.d/`. Scope `full` and a user's own tree get nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.listening import apache_lines
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.servers.apache.notes import needed_modules
from ota_proxy.servers.rendered import made_by_us


@dataclass(frozen=True, slots=True)
class Enclosing:
    """Files to put beside the configuration under test, and one sentence that says what they add; both empty for nothing."""

    files: dict[str, str] = field(default_factory=dict)
    said: str = ""


def supply(scenario: Scenario, read: Callable[[str], str]) -> Enclosing:
    """Return what this scenario's enclosing configuration lacks. `read` returns the text of a file in the image, empty if there is none."""
    caps = scenario.caps
    if caps.server != "apache" or not _files(scenario):
        return Enclosing()
    if caps.layout.main in scenario.config:
        return Enclosing()
    if not caps.layout.main.endswith("apache2.conf"):
        return _edited(scenario, read(caps.layout.main))
    return _debian(scenario, caps.layout.folder, read)


_LISTEN = re.compile(r"^\s*Listen\s.*$", re.MULTILINE | re.IGNORECASE)


def server_lines(scenario: Scenario) -> list[str]:
    """Return the server-wide lines that the header of a rendered file asks for; a person's own file asks for none."""
    if not all(made_by_us(scenario.config[path]) for path in _files(scenario)):
        return []
    guarded = not scenario.site.tls.offloaded and scenario.caps.has("sni_policy")
    return ["ServerTokens Prod", *(["SSLVHostSNIPolicy secure"] if guarded else [])]


def _files(scenario: Scenario) -> list[str]:
    """Return the files of sites under test, in the order in which they are read; several sites have several."""
    folder = scenario.caps.layout.site.rpartition("/")[0]
    main = scenario.caps.layout.main
    return sorted(path for path in scenario.config if path.rpartition("/")[0] == folder and path != main)


def _debian(scenario: Scenario, root: str, read: Callable[[str], str]) -> Enclosing:
    ports, extra = (
        f"{root}/ports.conf",
        f"{root}/conf-enabled/zz-ota-proxy-enclosing.conf",
    )  # after Debian's security.conf
    wanted, lines = apache_lines(scenario.site), server_lines(scenario)
    changed = ports not in scenario.config and _listening(read(ports)) != set(wanted)
    texts = ({ports: wanted} if changed else {}) | ({extra: lines} if lines else {})
    return _told(
        {path: "\n".join([*text, ""]) for path, text in texts.items()},
        [line for text in texts.values() for line in text],
    )


def _edited(scenario: Scenario, stock: str) -> Enclosing:
    caps, site = scenario.caps, scenario.site
    modules = "|".join(needed_modules(site, "site"))
    commented = re.compile(rf"^#[ \t]*(LoadModule\s+({modules})_module\s.*)$", re.MULTILINE)
    added = [*apache_lines(site), *server_lines(scenario)]
    if not site.tls.offloaded and not re.search(r"^\s*SSLSessionCache\s", stock, re.MULTILINE):
        added.append(f'SSLSessionCache "shmcb:ota_proxy({section("buffers")["session_cache"]})"')
    file = caps.layout.site
    if not re.search(rf"^\s*Include(?:Optional)?\s+\S*{re.escape(_folder(file))}/\*\.conf", stock, re.MULTILINE):
        added += [f"Include {path}" for path in _files(scenario)]
    loaded = [f"module {name}" for _, name in commented.findall(stock)]
    text = _LISTEN.sub("", commented.sub(r"\1", stock)).rstrip("\n") + "\n" + "\n".join([*added, ""])
    return _told({caps.layout.main: text}, [*loaded, *added])


def _told(files: dict[str, str], added: list[str]) -> Enclosing:
    if not files:
        return Enclosing()
    return Enclosing(
        files, f"The configuration around it ({', '.join(files)}) has what it asks for: {', '.join(added)}."
    )


def _folder(path: str) -> str:
    return path.rsplit("/", 2)[1]


def _listening(text: str) -> set[str]:
    return {" ".join(line.split()) for line in _LISTEN.findall(text)}
