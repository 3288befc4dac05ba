"""What a trial would do, in words, without asking Docker or any server: the scenario itself is made, and not started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from ota_proxy.harness.authority import Authority
from ota_proxy.harness.engine import Scenario, TestFile
from ota_proxy.harness.mock_upstreams import group_by_target
from ota_proxy.harness.scenario import build_scenario
from ota_proxy.harness.trial import Trial, config_texts
from ota_proxy.policy.capabilities import AUTO, PORTABLE, Capabilities
from ota_proxy.servers.base import server_named
from ota_proxy.settings import Options

_MOST_NAMES = 8


def describe(trial: Trial, caps: Capabilities, options: Options) -> str:
    """Return the plan of a trial, one step a line; UsageError for a value that the server's grammar cannot take."""
    about = server_named(trial.server)
    head = f"{about.title} for {trial.site.base_url}"
    candidates = [name for name in _candidates(trial, options) if name in about.engines]
    if not candidates:
        return f"{head}\n  the engine {options.engine} cannot start {about.title}: no verdict"
    if about.played:
        return "\n".join([head, *(f"  {step}" for step in _played(trial, caps))])
    texts = config_texts(trial, trial.site, caps)
    scenario = build_scenario(trial.site, caps, texts, Authority(), trial.content).scenario
    steps = (
        *_engine(trial, candidates, options),
        *_configuration(trial, caps, options),
        *_files(scenario),
        *_mocks(scenario),
    )
    return "\n".join([head, *(f"  {step}" for step in (*steps, *_end(trial)))])


def _played(trial: Trial, caps: Capabilities) -> Iterator[str]:
    """Yield what becomes of IIS, whose folders are this run's own."""
    yield f"engine: emulator (plays {server_named(caps.server).called(caps.version)}; no IIS takes part)"
    yield f"configuration: rendered in scope {trial.scope}: web.config as it is, applicationHost.config by the commands of setup.ps1"
    yield "test certificates and files: in a folder of this run"
    for target, locations in group_by_target(trial.site.proxied).items():
        yield f"application at {target} for {', '.join(place.path for place in locations)}: played by nginx"
    if trial.site.tls.offloaded:
        yield f"TLS-terminating proxy in front of port {trial.site.listen.http}: played by nginx"
    yield f"ready when the manifest comes over HTTPS, verified for {trial.site.public_host}"
    yield "everything is removed"


def _candidates(trial: Trial, options: Options) -> tuple[str, ...]:
    if options.engine != "auto":
        return (options.engine,)
    return ("docker",) if trial.config or options.image else server_named(trial.server).engines


def _engine(trial: Trial, candidates: list[str], options: Options) -> Iterator[str]:
    server = server_named(trial.server).title
    words = {
        "docker": f"{server} in a container, the configuration byte for byte",
        "local": f"{server} on the PATH, ports and paths replaced",
        "embedded": "the nginx of the extra `embedded`, ports and paths replaced",
    }
    yield "engine: " + "; else ".join(f"{name} ({words[name]})" for name in candidates)
    if options.image:
        yield f"image: {options.image}"
    if options.server_version not in (PORTABLE, AUTO):
        yield f"refused unless the engine has {server} {options.server_version}"


def _configuration(trial: Trial, caps: Capabilities, options: Options) -> Iterator[str]:
    if trial.config:
        yield f"configuration: {trial.config.tree or trial.config.main} as it is, started from {', '.join(trial.config.texts(caps))}"
        if more := len(trial.config.files(caps)):
            yield f"beside it: {more} more files of the tree"
        return
    place = next(iter(config_texts(trial, trial.site, caps)))
    version = (
        "the version the engine has" if options.server_version == AUTO else server_named(caps.server).described(caps)
    )
    yield f"configuration: rendered in scope {trial.scope} for {version}, at {place}"


def _files(scenario: Scenario) -> Iterator[str]:
    """Yield one line a folder: what is put where the site says it is."""
    keys = {pair.key for pair in scenario.site.certificates}
    certificates = [
        file
        for file in scenario.files
        if file.mode == 0o600 or file.path in {p.cert for p in scenario.site.certificates}
    ]
    for file in certificates:
        yield f"test {'key' if file.path in keys else 'certificate'}: {file.path}"
    yield from _folders(file for file in scenario.files if file not in certificates)


def _folders(files: Iterable[TestFile]) -> Iterator[str]:
    folders: dict[str, list[str]] = {}
    for file in files:
        path = PurePosixPath(file.path)
        folders.setdefault(str(path.parent), []).append(path.name)
    for folder, names in folders.items():
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield f"test files in {folder}: {', '.join(names[:_MOST_NAMES])}{more}"


def _mocks(scenario: Scenario) -> Iterator[str]:
    for target, locations in group_by_target(scenario.site.proxied).items():
        yield f"application at {target} for {', '.join(place.path for place in locations)}: played by a second nginx"
    if scenario.tls_proxy:
        yield f"TLS-terminating proxy in front of port {scenario.site.listen.http}: played by a second nginx"
    if names := ", ".join((*scenario.hosts, *scenario.addresses)):
        yield f"names and addresses that lead to this server's own network: {names}"


def _end(trial: Trial) -> Iterator[str]:
    site = trial.site
    yield f"ready when the manifest comes over HTTPS, verified for {site.public_host}"
    yield "host facts: version, TLS library in use, configuration test, listening sockets, process user, key modes"
    plain = "plain http, " if site.listen.http is not False else ""
    yield f"device: {plain}TLS, landing page, link, manifest, HEAD, GET, ranged, resumed and second GET, HTTP/1.1 and h2"
    yield "left running" if trial.keep else "everything is removed"
