"""Apache as a process of this machine, without root: the enclosing configuration of a site, and how it is started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.listening import apache_lines, ports
from ota_proxy.harness.process import binaries
from ota_proxy.harness.process.binaries import Binary
from ota_proxy.harness.process.launch import Command
from ota_proxy.harness.process.recipes import literal, printed
from ota_proxy.harness.process.relocation import worker
from ota_proxy.policy import server_values
from ota_proxy.servers.apache import quote

_MODULE = re.compile(r"^\s*(\w+)_module\b", re.MULTILINE)


def find() -> Binary:
    """Return the Apache on the PATH (or in the usual folders beyond it); NoVerdictError when it is not installed or unreadable."""
    return binaries.apache(binaries.installed("apache").resolve())


def modules(binary: Binary) -> frozenset[str] | None:
    """Return the modules that are loaded or built in; None if the configuration does not load."""
    for command in _controls(binary.path):
        if (listed := printed(*command, "-t", "-D", "DUMP_MODULES")) is not None:
            return frozenset(_MODULE.findall(listed))
    return None


def _controls(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the control script, which reads the environment that a configuration needs, then the binary."""
    yield from ((str(path.parent / name),) for name in ("apache2ctl", "apachectl") if (path.parent / name).is_file())
    yield (str(path),)


def around(scenario: Scenario, binary: Binary, directory: Path) -> Mapping[str, str]:
    """Return a main file that loads the modules, has the site's Listen lines and includes the site's file, and the usual list of types."""
    caps, layout = scenario.caps, scenario.caps.layout
    kinds = "".join(f"{kind} {suffix}\n" for suffix, kind in server_values.web_types().items())
    user = "User {}\nGroup {}\n".format(*worker()) if os.geteuid() == 0 else ""
    policy = "SSLVHostSNIPolicy secure\n" if caps.has("sni_policy") else ""
    listens = "".join(f"{line}\n" for line in apache_lines(scenario.site))
    main = (
        f"ServerRoot {_path(layout.folder)}\nServerName localhost\nPidFile {_path(layout.pid)}\n"
        f"DefaultRuntimeDir {_path(f'{directory}/run')}\nErrorLog {_path(f'{layout.log}/error.log')}\nLogLevel warn\nServerTokens Prod\nTraceEnable Off\n"
        f"{_loads(binary, directory)}Mutex {_path(f'file:{directory}/run')} default\nSSLSessionCache {_path(f'shmcb:{directory}/run/ssl(512000)')}\n"
        f"{policy}{user}{listens}TypesConfig {_path(layout.mime_types)}\n"
        f'CustomLog {_path(f"{layout.log}/access.log")} "%h %l %u %t \\"%r\\" %>s %O"\n'
        "<Directory />\n    AllowOverride None\n    Require all denied\n</Directory>\n"
        f"IncludeOptional {_path(literal(layout.site))}\n"
    )
    return {layout.mime_types: kinds, layout.main: main}


def _loads(binary: Binary, directory: Path) -> str:
    """Return the lines that load the modules that are there and not compiled in; `mpm_event` is `mpm_event_module`."""
    built_in = set(re.findall(r"^\s+(?:mod_)?(\w+)\.c$", binary.about, re.MULTILINE))
    folder = binary.modules or directory
    there = [
        name
        for name in server_values.apache_modules()
        if name not in built_in and (folder / f"mod_{name}.so").is_file()
    ]
    return "".join(f"LoadModule {name}_module {_path(f'{folder}/mod_{name}.so')}\n" for name in there)


def _path(path: str) -> str:
    return quote.path(path, ("TMPDIR",))


def command(scenario: Scenario, binary: Binary, directory: Path) -> Command:  # noqa: ARG001 - as every recipe is asked
    """Return the commands of the server under test."""
    layout = scenario.caps.layout
    base = [str(binary.path), "-d", layout.folder, "-f", layout.main]
    signs: tuple[int | str | Path, ...] = (*ports(scenario.site), *_started(scenario))
    return Command("server", [*base, "-t"], [*base, "-D", "FOREGROUND"], signs)


def _started(scenario: Scenario) -> tuple[Path, ...]:
    """Return the pid file, written after the start can fail no more (it listens before); none where a main file has another."""
    pid = scenario.caps.layout.pid
    main = scenario.config.get(scenario.caps.layout.main, pid)
    return (Path(pid),) if pid in main or _path(pid) in main else ()
