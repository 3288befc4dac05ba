"""nginx as a process of this machine, without root: the enclosing configuration of a site, and how it is started."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.listening import ports
from ota_proxy.harness.process import binaries
from ota_proxy.harness.process.binaries import Binary
from ota_proxy.harness.process.launch import Command
from ota_proxy.harness.process.recipes import literal, printed
from ota_proxy.harness.process.relocation import TEMP, worker
from ota_proxy.policy import capabilities, server_values
from ota_proxy.servers.nginx import quote

_LOADED = re.compile(r"^\s*load_module\s+\S*?(\w+)_module\.so\b", re.MULTILINE)
_BUILT_IN = re.compile(r"--(?:with-|add-module=\S*?)([\w-]+?)(?:[-_]nginx)?(?:[-_]module)?(?=\s|$)")


def find() -> Binary:
    """Return the nginx on the PATH (or in the usual folders beyond it); NoVerdictError when it is not installed or unreadable."""
    return binaries.nginx(binaries.installed("nginx"))


def modules(binary: Binary) -> frozenset[str] | None:
    """Return the modules that are loaded or built in; None if the configuration does not load."""
    dump = printed(str(binary.path), "-T")
    if dump is None:
        return None
    names = (*_LOADED.findall(dump), *_BUILT_IN.findall(binary.about))
    return frozenset(name.removeprefix("ngx_") for name in names)


def around(scenario: Scenario, binary: Binary, directory: Path) -> Mapping[str, str]:
    """Return an nginx.conf that includes the site's file, and the usual list of types."""
    layout = scenario.caps.layout
    kinds = "".join(f"    {kind} {suffix};\n" for suffix, kind in server_values.web_types().items())
    user = f"user {' '.join(worker())};\n" if os.geteuid() == 0 else ""
    temps = "".join(f"    {_temp(name, directory)}" for name in server_values.temp_paths() if _knows(binary, name))
    main = (
        f"{user}worker_processes 1;\npid {_path(layout.pid)};\nerror_log {_path(layout.log + '/error.log')} warn;\n"
        "events { worker_connections 1024; }\nhttp {\n    server_names_hash_bucket_size 512;\n    variables_hash_bucket_size 128;\n"
        f"    include {_path(literal(layout.mime_types))};\n    default_type application/octet-stream;\n"
        f"    access_log {_path(layout.log + '/access.log')};\n{temps}    include {_path(literal(layout.site))};\n}}\n"
    )
    return {layout.mime_types: f"types {{\n{kinds}}}\n", layout.main: main}


def _temp(name: str, directory: Path) -> str:
    return f"{name}_temp_path {_path(f'{directory}/{TEMP}/{name}')};\n"


def _path(path: str) -> str:
    return quote.quote_path(path, ("TMPDIR",))


def _knows(binary: Binary, name: str) -> bool:
    """Say whether a binary knows a module's directive; `client_body` belongs to the core."""
    return f"--without-http_{name}_module" not in binary.about


def command(scenario: Scenario, binary: Binary, directory: Path) -> Command:
    """Return the commands of the server under test."""
    test, serve = run(binary, scenario.caps.layout.main, directory)
    return Command("server", test, [*serve, "-g", "daemon off;"], tuple(ports(scenario.site)))


def run(binary: Binary, config: str, directory: Path) -> tuple[list[str], list[str]]:
    """Return the commands that test and that run a configuration."""
    base = [str(binary.path), "-p", f"{directory}/run", "-c", config]
    if capabilities.resolve("nginx", binary.version, binary.tls_library).has("error_log_flag"):
        base += ["-e", "stderr"]
    return [*base, "-t"], base
