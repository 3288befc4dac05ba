"""The configuration around a site that a local server needs: no root, no path outside its folder, what the site's header asks for."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.listening import apache_lines
from ota_proxy.harness.process.binaries import Binary
from ota_proxy.harness.process.relocation import TEMP, worker
from ota_proxy.policy import server_values
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.apache import quote as apache_quote
from ota_proxy.servers.nginx import quote as nginx_quote
from ota_proxy.site import Site


def mime_files(caps: Capabilities) -> list[TestFile]:
    """Return the list of types as nginx and as Apache read it."""
    kinds = server_values.web_types()
    nginx = "".join(f"    {kind} {suffix};\n" for suffix, kind in kinds.items())
    apache = "".join(f"{kind} {suffix}\n" for suffix, kind in kinds.items())
    return [
        TestFile(f"{caps.layout['nginx_conf']}/mime.types", f"types {{\n{nginx}}}\n".encode()),
        TestFile(caps.layout["apache_mime"], apache.encode()),
    ]


def nginx_parent(home: Path, caps: Capabilities, binary: Binary) -> str:
    """Return an nginx.conf that includes the site's file."""
    layout = caps.layout
    user = f"user {' '.join(worker())};\n" if os.geteuid() == 0 else ""
    temps = "".join(f"    {_temp(name, home)}" for name in server_values.temp_paths() if _knows(binary, name))
    return (
        f"{user}worker_processes 1;\npid {_nginx(layout['nginx_pid'])};\nerror_log {_nginx(layout['nginx_log'] + '/error.log')} warn;\n"
        "events { worker_connections 1024; }\nhttp {\n    server_names_hash_bucket_size 512;\n    variables_hash_bucket_size 128;\n"
        f"    include {_nginx(_literal(layout['nginx_conf']) + '/mime.types')};\n    default_type application/octet-stream;\n"
        f"    access_log {_nginx(layout['nginx_log'] + '/access.log')};\n{temps}    include {_nginx(_literal(layout['nginx_site']))};\n}}\n"
    )


def _temp(name: str, home: Path) -> str:
    return f"{name}_temp_path {_nginx(f'{home}/{TEMP}/{name}')};\n"


def _nginx(path: str) -> str:
    return nginx_quote.quote_path(path, ("TMPDIR",))


def _literal(path: str) -> str:
    """Return a path that means itself where nginx and Apache look for patterns (glob(7), apr_fnmatch)."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def _knows(binary: Binary, name: str) -> bool:
    """Say whether a binary knows a module's directive; `client_body` belongs to the core."""
    return f"--without-http_{name}_module" not in binary.about


def apache_parent(home: Path, caps: Capabilities, binary: Binary, site: Site) -> str:
    """Return a main file that loads the modules, has the site's Listen lines and includes the site's file."""
    layout = {name: _apache(path) for name, path in caps.layout.items()}
    built_in = set(re.findall(r"^\s+(?:mod_)?(\w+)\.c$", binary.about, re.MULTILINE))
    modules = [name for name in server_values.apache_modules() if name not in built_in]
    folder = binary.modules or home
    loads = "".join(
        f"LoadModule {_identifier(name)} {_apache(f'{folder}/mod_{name}.so')}\n"
        for name in modules
        if (folder / f"mod_{name}.so").is_file()
    )
    user = "User {}\nGroup {}\n".format(*worker()) if os.geteuid() == 0 else ""
    policy = "SSLVHostSNIPolicy secure\n" if caps.has("sni_policy") else ""
    ports = "".join(f"{line}\n" for line in apache_lines(site))
    logs = caps.layout["apache_log"]
    return (
        f"ServerRoot {layout['apache_root']}\nServerName localhost\nPidFile {layout['apache_pid']}\n"
        f"DefaultRuntimeDir {_apache(f'{home}/run')}\nErrorLog {_apache(f'{logs}/error.log')}\nLogLevel warn\nServerTokens Prod\nTraceEnable Off\n"
        f"{loads}Mutex {_apache(f'file:{home}/run')} default\nSSLSessionCache {_apache(f'shmcb:{home}/run/ssl(512000)')}\n{policy}{user}{ports}TypesConfig {layout['apache_mime']}\n"
        f'CustomLog {_apache(f"{logs}/access.log")} "%h %l %u %t \\"%r\\" %>s %O"\n'
        "<Directory />\n    AllowOverride None\n    Require all denied\n</Directory>\n"
        f"IncludeOptional {_apache(_literal(caps.layout['apache_site']))}\n"
    )


def _apache(path: str) -> str:
    return apache_quote.path(path, ("TMPDIR",))


def _identifier(module: str) -> str:
    """Return the symbol of a module's file: `mpm_event_module`, `ssl_module`."""
    return f"{module}_module"
