"""The engine `emulator`: what `render iis` writes, on our emulator of IIS, in a thread of this process.

web.config runs as it was rendered; applicationHost.config is made of the commands of setup.ps1. No IIS takes part.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ota_proxy.errors import NoVerdictError, UsageError
from ota_proxy.harness.emulator.apphost import Places, apphost, asserted, site_names
from ota_proxy.harness.emulator.emulation import Emulation, Port
from ota_proxy.harness.engine import Endpoint, Scenario, ServerRefusedError, TestFile
from ota_proxy.harness.listening import LOOPBACK, names
from ota_proxy.harness.process.binaries import Binary, nginx_anywhere
from ota_proxy.harness.process.launch import ServerProcess, start
from ota_proxy.harness.process.process_engine import ProcessEngine
from ota_proxy.harness.process.relocation import inside as moved_inside
from ota_proxy.iis_emulator.build import build
from ota_proxy.iis_emulator.listener import Certificate, context
from ota_proxy.iis_emulator.pipeline import AccessLog, Pipeline
from ota_proxy.iis_emulator.request_routing import Upstreams
from ota_proxy.iis_emulator.url_settings import Binding
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import Capabilities, Layout
from ota_proxy.policy.guideline import profile
from ota_proxy.servers.base import server_named
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.plan import Plan
from ota_proxy.servers.iis.render import plan_of

_NEEDED = frozenset({"RewriteModule", "ApplicationRequestRouting", "HttpRedirectionModule"})
"""Modules that are there only where setup.ps1 asks for them."""


class EmulatorEngine(ProcessEngine):
    """Runs one scenario at a time. `version` is the Windows to behave as; without `rewrite` URL Rewrite is not installed.

    `edit` is what a fault test breaks in applicationHost.config.
    """

    replaced = (
        "IIS is played by our emulator: no IIS, no Windows and no Schannel took part. TLS is OpenSSL's, with the versions and cipher suites "
        "that setup.ps1 -Schannel sets; ports and folders are replaced."
    )

    def __init__(
        self, version: str = capabilities.PORTABLE, *, rewrite: bool = True, edit: Callable[[str], str] | None = None
    ) -> None:
        super().__init__("emulator", _no_binary, nginx_anywhere)
        self._version, self._rewrite, self._edit = version, rewrite, edit

    def capabilities(self, server: str) -> Capabilities:
        """Return what the Windows that is played can do. NoVerdictError for another server."""
        if self.name not in server_named(server).engines:
            raise NoVerdictError(f"the emulator plays IIS only, not {server}", hint="take another --engine")
        known = capabilities.resolve(server, self._version)
        directory = self._directory.path
        without = frozenset() if self._rewrite else frozenset({"RewriteModule"})
        return replace(
            known, without=without, layout=Layout(site=f"{directory}/web.config", ca_bundle=f"{directory}/etc/ca.crt")
        )

    @classmethod
    def made(cls, image: str, asked: Capabilities | None) -> EmulatorEngine:  # noqa: ARG003 - as every engine is made
        """Return an engine that behaves as the Windows that was asked for, with its modules."""
        return cls(asked.version, rewrite="RewriteModule" not in asked.without) if asked else cls()

    @contextlib.contextmanager
    def run(self, scenario: Scenario, *, keep: bool = False) -> Iterator[ServerProcess]:
        """Start applications, TLS-terminating proxy and emulator; end them with the context. ServerRefusedError for what IIS answers 500.19 to."""
        if keep:
            raise UsageError("the emulator ends with this process", place="--keep", hint="use `ota-proxy up iis`")
        self._directory.clear()
        plan = plan_of(scenario.site, scenario.caps, "site")
        places = Places(self._directory.path, plan)
        self._write_files(scenario, plan, places)
        pipelines = [self._pipeline(scenario, plan, places, name) for name in site_names(plan)]
        emulation = Emulation(pipelines, self._port(scenario, plan, pipelines))
        running = _Running(self._directory.path, self._endpoint(scenario), None, emulation)
        try:
            for command in self._mock_commands(scenario):
                start(command, running, self._directory.path, keep=False)
            emulation.start()
            running.endpoint = self._reached(scenario, emulation)
            yield running
        finally:
            emulation.stop()
            running.end()
            self._directory.empty()

    def _write_files(self, scenario: Scenario, plan: Plan, places: Places) -> None:
        text = scenario.config[scenario.caps.layout.site]
        directory = self._directory
        directory.write(self._inside(file) for file in scenario.files)
        directory.write([TestFile(f"{places.folder(plan.root)}/web.config", text.encode())])
        self._write_mocks(scenario)
        for name in site_names(plan):
            places.site(name).mkdir(parents=True, exist_ok=True)
            made = apphost(plan, name, places.folder)
            directory.write(
                [TestFile(str(places.apphost(name)), self._edit(made).encode() if self._edit else made.encode())]
            )

    def _inside(self, file: TestFile) -> TestFile:
        """Return a file at its place in this run's folder; one that a test adds has the path of the site as it was given."""
        inside = Path(file.path).is_relative_to(self._directory.path)
        return file if inside else replace(file, path=moved_inside(self._directory.path, file.path, windows=True))

    def _pipeline(self, scenario: Scenario, plan: Plan, places: Places, name: str) -> Pipeline:
        without = _NEEDED - asserted(plan)
        root = Path(places.folder(plan.root)) if name == plan.name else places.site(name)
        file = places.apphost(name)
        windows = scenario.caps.version
        configuration = Configuration.load(root, file, without_modules=without, windows=windows)
        if (violation := configuration.violation("/")) is not None:
            place = violation.span
            raise ServerRefusedError(
                f"IIS answers 500.19: {violation.message}", output=str(violation), file=place.file, line=place.line
            )
        upstreams = Upstreams(_trust(scenario), dict.fromkeys(scenario.hosts, LOOPBACK))
        return build(configuration, root, AccessLog(), upstreams, without_modules=without, windows=windows)

    def _port(self, scenario: Scenario, plan: Plan, pipelines: list[Pipeline]) -> Port:
        """Return the plain port, and the context of the TLS one, which is Schannel's as setup.ps1 sets it."""
        site = scenario.site
        secure = [binding for one in pipelines for binding in one.site.bindings if binding.secure]
        if not secure:
            return Port(site.listen.http or 0, None)
        rules = profile(site.tls.profile)
        files: Mapping[str, bytes] = {file.path: file.data for file in scenario.files}
        tls = context(
            [(binding, _certificates(plan, binding, files)) for binding in secure],
            minimum=ssl.TLSVersion.TLSv1_3 if plan.site.tls.profile == "modern" else ssl.TLSVersion.TLSv1_2,
            ciphers=":".join(rules.ciphers),
            tls13=scenario.caps.has("tls13"),
        )
        return Port(0, tls)

    def _reached(self, scenario: Scenario, emulation: Emulation) -> Endpoint:
        site = scenario.site
        if site.tls.offloaded:
            return replace(self._endpoint(scenario), spec="", config="")
        resolve = {(name, site.public_port): (LOOPBACK, emulation.https) for name in names(site)}
        if site.listen.http:
            resolve |= {(name, 80): (LOOPBACK, emulation.http) for name in names(site)}
        url = f"{site.base_url}{site.locations[0].url_path}"
        host = f"{site.public_host}:{site.public_port}:{LOOPBACK}:{emulation.https}"
        return Endpoint(resolve, "", f"curl --cacert CA.pem --connect-to {host} {url}")


class _Running(ServerProcess):
    """The emulator and the parts beside it."""

    def __init__(self, directory: Path, endpoint: Endpoint, error_log: str | None, emulation: Emulation) -> None:
        super().__init__(directory, replace(endpoint, spec="", config=""), error_log)
        self._emulation = emulation

    def logs(self) -> str:
        """Return nothing: IIS has no error log of its own."""
        return ""

    def alive(self) -> bool:
        """Say whether everything still runs."""
        return self._emulation.alive() and super().alive()


def _certificates(plan: Plan, binding: Binding, files: Mapping[str, bytes]) -> list[Certificate]:
    """Return the certificate that setup.ps1 gives a binding."""
    pair = next(
        plan.site.certificates[host.certificates[0]] for host in plan.shown if binding.host in ("", *host.domains)
    )
    return [Certificate(files[pair.cert], files[pair.key])]


def _trust(scenario: Scenario) -> ssl.SSLContext:
    """Return whom upstreams may be vouched for by: the machine's roots, and the authority that the site names."""
    trust = ssl.create_default_context()
    wanted = {place.upstream_ca for place in scenario.site.proxied if place.upstream_ca}
    for file in scenario.files:
        if file.path in wanted:
            trust.load_verify_locations(cadata=file.data.decode("ascii"))
    return trust


def _no_binary(server: str) -> Binary:
    raise NoVerdictError(f"there is no binary of {server}")
