"""Puts the side parts of a site together: their configurations, certificates, files, names and addresses."""

from __future__ import annotations

from collections.abc import Callable

from ota_proxy.addresses import is_address
from ota_proxy.harness.certificates import Authority, Flaw, Issued
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import MANIFEST, ODD, Content, Served
from ota_proxy.harness.side.config import (
    PLACEHOLDER,
    SIDE_ROOT,
    Application,
    front_config,
    group_by_target,
    trusted_address,
    upstream_config,
)
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.site import Location, Site


class SideParts:
    """The side parts of a site: their configurations, files, names and addresses; `vouched` are CA files for the server."""

    def __init__(
        self,
        site: Site,
        caps: Capabilities,
        authority: Authority,
        content: Content,
        files: Callable[[Location], Served],
    ) -> None:
        self.site, self.caps, self.authority, self._files = site, caps, authority, files
        self._own: list[TestFile] = []
        self.vouched: list[TestFile] = []
        self._hosts: dict[str, None] = {}
        self._addresses: dict[str, None] = {}
        made = self._applications()
        self.upstream = made if content.upstream is None else content.upstream
        made = self._front(content.flaw)
        self.front = made if content.front is None else content.front
        self.files, self.hosts, self.addresses = tuple(self._own), tuple(self._hosts), tuple(self._addresses)

    def _applications(self) -> str:
        applications, manifests = [], {}
        for index, (target, locations) in enumerate(group_by_target(self.site.proxied).items()):
            folders = {place.path: f"{SIDE_ROOT}/app{index}-{step}" for step, place in enumerate(locations)}
            for place in locations:
                self._own += [
                    TestFile(f"{folders[place.path]}/{name}", data)
                    for name, data in self._files(place).served(place).items()
                ]
                for name in (MANIFEST, *ODD):
                    manifests[place.path + name] = self._files(place).manifest(place, name, PLACEHOLDER).decode()
            certificate = self._upstream_tls(locations, index) if target.scheme == "https" else ""
            applications.append(Application(target, folders, certificate))
            self._reach(target.host)
        return upstream_config(applications, manifests) if applications else ""

    def _reach(self, host: str) -> None:
        if host and not is_address(host):
            self._hosts[host] = None
        elif host and host != "::1" and not host.startswith("127."):
            self._addresses[host] = None

    def _upstream_tls(self, locations: list[Location], index: int) -> str:
        names = [place.upstream_name or (place.target.host if place.target else "") for place in locations]
        path = self._pair(self.authority.issue(tuple(dict.fromkeys(names))), f"app{index}")
        for place in locations:
            self.vouched.append(TestFile(place.upstream_ca or self.caps.layout["ca_bundle"], self.authority.ca_pem))
        return path

    def _front(self, flaw: Flaw | None) -> str:
        if not self.site.tls.offloaded:
            return ""
        self._reach(trusted_address(self.site))
        return front_config(self.site, self._pair(self.authority.issue(self.site.domains, "ecdsa", flaw), "front"))

    def _pair(self, issued: Issued, name: str) -> str:
        path = f"{SIDE_ROOT}/{name}"
        self._own += [TestFile(f"{path}.crt", issued.cert_chain_pem), TestFile(f"{path}.key", issued.key_pem, 0o600)]
        return path
