"""What a container's network must have beyond Docker's: further addresses, and a way in to a server that listens on some only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.listening import ports


def commands(scenario: Scenario) -> list[str]:
    """Return shell commands that need NET_ADMIN and the tools `ip` and `nft`; none where Docker's network will do."""
    hosts = scenario.site.listen.hosts
    added = dict.fromkeys([*scenario.addresses, *(host for host in hosts if not _loopback(host))])
    inside = [f"ip address add {_with_length(address)} dev lo" for address in added]
    return inside + (_redirect(_reachable(hosts), ports(scenario.site)) if hosts else [])


def sysctls(scenario: Scenario) -> Mapping[str, str]:
    """Return the kernel settings the network must be created with."""
    hosts = scenario.site.listen.hosts
    needs_ipv6 = any(":" in address for address in (*scenario.addresses, *hosts))
    needs_local = any(_loopback(host) for host in hosts)
    wanted = {"net.ipv6.conf.all.disable_ipv6": "0"} if needs_ipv6 else {}
    return wanted | ({"net.ipv4.conf.all.route_localnet": "1"} if needs_local else {})


def _redirect(host: str, ports: list[int]) -> list[str]:
    chain = "nft add table ip ota && nft 'add chain ip ota in { type nat hook prerouting priority -100 ; }'"
    return [chain, *(f"nft add rule ip ota in tcp dport {port} dnat to {host}:{port}" for port in ports)]


def _reachable(hosts: tuple[str, ...]) -> str:
    found = next((host for host in hosts if ":" not in host), "")
    if not found:
        raise NoVerdictError(
            "the docker engine reaches containers over IPv4, and the site listens on IPv6 addresses only",
            key=("listen", "addresses"),
            hint="add an IPv4 address, or take --engine local",
        )
    return found


def _loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def _with_length(address: str) -> str:
    return f"{address}/{ipaddress.ip_address(address).max_prefixlen}"
