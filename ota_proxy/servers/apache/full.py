"""What a whole httpd.conf has beside its sites: modules, listeners, capacity, the account of the workers."""

from __future__ import annotations

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.server_values import apache_capacity as capacity
from ota_proxy.policy.server_values import apache_section as section
from ota_proxy.servers.apache import quote
from ota_proxy.servers.apache.notes import listens, needed_modules
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Site

View = dict[str, object]


def full_view(site: Site, caps: Capabilities) -> View:
    """Return what a whole httpd.conf has beside the site."""
    layout, limits = caps.layout, capacity(site.expected_devices)
    return {
        "server": {name: quote.path(layout[f"apache_{name}"], ()) for name in ("root", "pid", "mime")},
        "user": quote.word(layout["apache_user"], ()),
        "runtime": quote.path(layout["apache_pid"].rpartition("/")[0] or "/", ()),
        "main_error": quote.path(f"{layout['apache_log']}/error.log", ()),
        "main_access": quote.path(f"{layout['apache_log']}/access.log", ()),
        "modules": [_module(name, caps) for name in needed_modules(site, "full")],
        "modules_where_present": [_module(name, caps) for name in section("modules")["where_present"]],
        "listens": [{"place": Quoted(place), "tls": tls} for place, tls in listens(site)],
        "devices": site.expected_devices,
        "limits": limits,
        "main_name": quote.word(site.domain, ("domains",)),
        "session_cache": "ssl" in needed_modules(site, "full"),
        "sni_policy": caps.has("sni_policy") and not site.tls.offloaded,
    }


def _module(name: str, caps: Capabilities) -> View:
    file = f"{caps.layout['apache_modules']}/mod_{name}.so"
    return {"name": Quoted(f"{name}_module"), "file": quote.path(file, ())}
