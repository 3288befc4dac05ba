"""The pytest plugin: will an iPhone install from this server? Options, markers and fixtures; `pytest --fixtures` shows what each is for.

Until a fixture is used it loads pytest and the standard library only; everything else is named as a text, and imported by the call that needs it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from ota_proxy.harness.authority import Authority
    from ota_proxy.testing.device import Device, How
    from ota_proxy.testing.factories import MakeManifest, MakePackage
    from ota_proxy.testing.options import Settings
    from ota_proxy.testing.record import Record
    from ota_proxy.testing.servers import Server, Servers, TestSite

_SERVER: pytest.StashKey[Server] = pytest.StashKey()
_KEPT = "ota_kept"
"""Attribute of a test's report: how to go on by hand with the servers it left running."""


def _late(name: str) -> Any:  # noqa: ANN401 - whatever that module has
    """Return a module of ours, imported now: the plugin is light until it is used."""
    return import_module(f"ota_proxy.{name}")


# -- options, markers, header --------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their twins in the ini file."""
    group = parser.getgroup("ota-proxy", "ota-proxy: web servers that install iOS apps")
    group.addoption(
        "--ota-docker",
        metavar="{auto,require,skip}",
        help="auto: servers start in Docker, else as processes of this machine (default); require: in Docker, and tests fail without it;"
        " skip: never in Docker",
    )
    group.addoption(
        "--ota-keep", action="store_true", default=False, help="leave servers running, and say how to continue by hand"
    )
    group.addoption(
        "--ota-image",
        action="append",
        metavar="SERVER=REF",
        help="container image of a server: nginx=nginx:1.28, or a Debian suite built here, apache=bookworm (may be repeated)",
    )
    group.addoption(
        "--ota-base-url", metavar="URL", help="ota_site is the live server at this address; no server is started"
    )
    group.addoption(
        "--ota-artifacts",
        metavar="DIR",
        help="for each failing test: report.html, report.json, the server's log and configuration",
    )
    parser.addini("ota_docker", "default of --ota-docker: auto, require or skip", default="auto")
    parser.addini("ota_keep", "default of --ota-keep", type="bool", default=False)
    parser.addini("ota_image", "default of --ota-image: one SERVER=REF a line", type="linelist", default=[])
    parser.addini("ota_base_url", "default of --ota-base-url", default="")
    parser.addini("ota_artifacts", "default of --ota-artifacts, relative to this file", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and refuse wrong options before anything runs."""
    for line in _late("testing.markers").LINES:
        config.addinivalue_line("markers", line)
    _settings(config)


def pytest_report_header(config: pytest.Config) -> str:
    """Say in one line what the session was asked for."""
    return _settings(config).header()


def pytest_sessionstart(session: pytest.Session) -> None:
    """With `require`, end the session at once where Docker does not answer."""
    if docker_choice(session.config) == "require" and not hasattr(session.config, "workerinput"):
        reason = docker_obstacle()
        if reason:
            raise pytest.UsageError(f"--ota-docker=require: {reason}")


def _settings(config: pytest.Config) -> Settings:
    found: Settings = _late("testing.options").settings(config)
    return found


def docker_choice(config: pytest.Config) -> str:
    """Return `auto`, `require` or `skip`: the option, else the ini file."""
    return _settings(config).docker


def docker_obstacle(*servers: str) -> str:
    """Return why no container (of these servers) can be started here, in one sentence with a hint; empty if it can."""
    obstacle: str = _late("testing.launch").docker_obstacle(*servers)
    return obstacle


# -- collection ----------------------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once on each server that its marker names."""
    markers = _late("testing.markers")
    if hasattr(metafunc.config, "workerinput"):
        markers.check_definition(metafunc.definition)
    names = markers.servers(metafunc.definition) if "ota_server" in metafunc.fixturenames else ()
    if names and not _settings(metafunc.config).base_url:
        metafunc.parametrize("ota_server", names, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse markers that say what we do not know, with what was meant."""
    _late("testing.markers").check(items)


# -- fixtures ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ota_ca() -> Authority:
    """Return the certificate authority of this session: `ca_pem` is what a client has to trust, `issue(names)` makes a certificate.

    Scope: session (with xdist, one for each worker). Cost: some milliseconds. Override it to share one between sessions.
    """
    made: Authority = _late("harness.authority").Authority()
    return made


@pytest.fixture(scope="session")
def ota_engine() -> str:
    """Return what starts servers: auto (Docker, else local, else embedded), docker, local, embedded or emulator (IIS).

    Scope: session. Cost: none. Override it to choose: `return "embedded"`. `ota_site.engine` says which it was.
    """
    return "auto"


@pytest.fixture
def ota_server(request: pytest.FixtureRequest) -> str:
    """Return the server of this test, nginx without a marker; `@pytest.mark.ota_server("nginx", "apache", "iis")` runs it on each.

    Scope: function. Cost: none. Override it for a whole module or folder: `return "apache"`.
    """
    return str(getattr(request, "param", "nginx"))


@pytest.fixture
def ota_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what the site is: the site flags of `ota-proxy verify` as keywords, such as `{"domain": "ota.example.com"}`.

    They are site, domain, root, upstream, cert, key, public_url, tls_profile, trusted_proxy and set, and win over `OTA_PROXY_*` and the
    nearest ota-proxy.toml, from the test's folder upwards. Without any it is the example site ota.example.com.
    Scope: function. Cost: none. Override it, or give the keywords to the marker `ota_config`, which this fixture returns.
    """
    found: dict[str, Any] = _late("testing.markers").site_keywords(request.node)
    return found


@pytest.fixture
def ota_config(request: pytest.FixtureRequest) -> str | Path | None:
    """Return your own configuration to start the server with: its main file, a site file, or the folder of all; None renders one.

    Paths are relative to the test's folder. It runs byte for byte, so it needs Docker; `ota_settings` must say which names, folders and certificate
    files it uses, for certificates and content are put there. Scope: function. Cost: none.
    Override it, `return Path("nginx.conf")`, or use the marker `ota_config("nginx.conf", domain=…, root=…, cert=…, key=…)`.
    """
    found: Path | None = _late("testing.markers").own_config(request.node)
    return found


@pytest.fixture
def ota_content() -> object:
    """Return what is served: None for ota-proxy's own app, the path of an .ipa, its bytes, or `ota_package()`; or a mapping of parts.

    The parts are package, manifest and page, each bytes or a path relative to the test's folder: `{"manifest": b"…"}` serves a broken one.
    Scope: function. Cost: none. Override it: `return Path("build/App.ipa")`.
    """
    return None


@pytest.fixture(scope="session")
def ota_base_url(pytestconfig: pytest.Config) -> str | None:
    """Return the address of what already runs, from `--ota-base-url`; None starts a server.

    Scope: session. Cost: none. Override it where the address is only known at run time, such as a port that was published.
    """
    return _settings(pytestconfig).base_url


@pytest.fixture
def ota_way() -> How:
    """Return how `ota_device` reaches what already runs: keywords of its `check`, for every call that does not say otherwise.

    They are ca, resolve, allow_private, udid, ios, full and timeout: `{"ca": "root.pem", "resolve": "ota.example.com:443:192.0.2.7"}`.
    Scope: function. Cost: none. Override it for a private CA, or a name that is not in DNS yet.
    """
    return {}


@pytest.fixture(scope="module")
def _ota_servers(
    ota_ca: Authority, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Servers]:
    keep = _settings(pytestconfig).keep  # pytest removes its own folders some day
    folder = Path(tempfile.mkdtemp(prefix="ota-proxy-kept-")) if keep else tmp_path_factory.mktemp("ota-ca")
    servers: Servers = _late("testing.servers").Servers(ota_ca, folder)
    yield servers
    servers.close()
    if keep and not servers.kept:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ota_site(request: pytest.FixtureRequest, ota_base_url: str | None, ota_server: str) -> TestSite:
    """Return a site that runs: base_url, manifest_url, package_url, content, config, log, resolve, ca_pem, ca_file, spec (for testinfra).

    It is rendered for the server (`ota_server`) from `ota_settings`, or your own `ota_config`; `ota_content` is served, with a certificate of `ota_ca`
    (a bad one with the marker `ota_tls`). With `--ota-base-url` it is what runs there. A configuration that the server refuses is an
    error here that names file and line. No engine: the test is skipped with the reason, or fails with `--ota-docker=require`.
    Scope: function; tests of a module that want the same share the server. Cost: about a second in Docker, half of it as a process.
    """
    launch = _late("testing.launch")
    item = cast("pytest.Item", request.node)
    if ota_base_url is not None:
        running: TestSite = launch.live(item, ota_base_url)
        return running
    wanted = launch.Wanted(
        server=ota_server,
        engine=request.getfixturevalue("ota_engine"),
        keywords=request.getfixturevalue("ota_settings"),
        config=request.getfixturevalue("ota_config"),
        content=request.getfixturevalue("ota_content"),
    )
    server: Server = launch.serve(item, wanted, request.getfixturevalue("_ota_servers"))
    item.stash[_SERVER] = server
    return server.site


@pytest.fixture
def ota_device(request: pytest.FixtureRequest, ota_way: How) -> Device:
    """Return a simulated iPhone: `install(url)` on this test's site, `check(url, ca=…, resolve=…)` on anything; both return a report.

    On the report: `assert report.installable`; also errors, warnings, rules, sees (the alert on the phone), stage, exchanges, status(rule), text(), json(), html().
    What the nearest ota-proxy.toml ignores (`[options] ignore`) is in none of these, but in `report.suppressed`, each with its reason.
    Scope: function. Cost: half a second an install.
    """
    item = cast("pytest.Item", request.node)
    site = request.getfixturevalue("ota_site") if "ota_site" in request.fixturenames else None
    made: Device = _late("testing.device").Device(
        remember=_late("testing.record").record(item).reports.append,
        folder=item.path.parent,
        site=site,
        server=item.stash.get(_SERVER, None),
        way=ota_way,
        ignored=_late("testing.launch").ignored(request.getfixturevalue("ota_settings"), item.path.parent),
    )
    return made


@pytest.fixture(scope="session")
def ota_package() -> MakePackage:
    """Return what makes a small .ipa: `ota_package(bundle_id="com.example.app", version="2.0", size=5_000_000)` → `.app` and `.data` (bytes).

    Scope: session. Cost: some milliseconds a megabyte.
    """
    made: MakePackage = _late("testing.factories").make_package
    return made


@pytest.fixture(scope="session")
def ota_manifest() -> MakeManifest:
    """Return what makes a manifest as bytes: `ota_manifest("https://ota.example.com/App.ipa", package=…, images=…, title="App")`.

    Scope: session. Cost: none.
    """
    made: MakeManifest = _late("testing.factories").make_manifest
    return made


# -- failures and what is left running -----------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failing test's installs below its assertion, write its artifacts, and say what is left running."""
    report = yield
    seen: Record | None = _late("testing.record").known(item)
    if seen is None or call.when == "teardown":
        return report
    if report.failed:
        add = getattr(report.longrepr, "addsection", None)
        for heading, text in _late("testing.failure").sections(item, seen):
            if add is not None:
                add(heading, text)
            else:  # a failure without a traceback is a text
                report.longrepr = f"{report.longrepr}\n{heading}\n{text}"
    if seen.site is not None and seen.kept:
        setattr(report, _KEPT, [f"{seen.site!r}, first of {item.nodeid}", seen.site.by_hand])
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how to go on by hand with the servers that were left running, from whichever worker."""
    kept: dict[str, str] = {}
    for report in (report for found in terminalreporter.stats.values() for report in found):
        title, by_hand = getattr(report, _KEPT, ("", ""))
        kept.setdefault(by_hand, title)
    kept.pop("", None)
    if kept:
        terminalreporter.section("ota-proxy: left running")
    for by_hand, title in kept.items():
        terminalreporter.write_line(title)
        for line in by_hand.splitlines():
            terminalreporter.write_line(f"  {line}")
