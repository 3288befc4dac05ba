"""Where a server's own configuration files are, by the layout of its version (`policy/capabilities.toml`)."""

from __future__ import annotations

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.rendered import Scope


def main_file(caps: Capabilities) -> str:
    """Return the path of the server's main configuration file, which a text of scope full replaces; for IIS its web.config."""
    if caps.server == "iis":
        return caps.layout["iis_site"]
    return f"{caps.layout['nginx_conf']}/nginx.conf" if caps.server == "nginx" else caps.layout["apache_conf"]


def config_folder(caps: Capabilities) -> str:
    """Return the folder that the configuration of nginx or Apache is in, included files and all."""
    return caps.layout["nginx_conf" if caps.server == "nginx" else "apache_root"]


def config_path(caps: Capabilities, scope: Scope = "site") -> str:
    """Return where a text of that scope goes."""
    return main_file(caps) if scope == "full" else caps.layout[f"{caps.server}_site"]
