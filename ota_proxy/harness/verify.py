"""Proves one site on one server: render (or take a configuration), start, install from it as a simulated iPhone, judge."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ota_proxy.content.ipa import AppInfo, read_info
from ota_proxy.device.facts import InstallFacts
from ota_proxy.device.session import WalkOptions
from ota_proxy.device.walk import walk_sync
from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.certificates import Authority
from ota_proxy.harness.engine import Engine, Running, ServerRefusedError
from ota_proxy.harness.own_config import OwnConfig, at_source
from ota_proxy.harness.places import config_path
from ota_proxy.harness.progress import Progress, Steps
from ota_proxy.harness.readiness import wait_ready
from ota_proxy.harness.scenario import Prepared, build_scenario
from ota_proxy.harness.served import Content
from ota_proxy.hosts.facts import ConfigTest, HostFacts
from ota_proxy.hosts.inspect import inspect
from ota_proxy.model import Site
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.render.result import Scope
from ota_proxy.render.servers import renderer
from ota_proxy.report.model import TargetReport
from ota_proxy.rules.merge import merge
from ota_proxy.rules.model import Facts, Outcome
from ota_proxy.rules.names import without_consequences
from ota_proxy.rules.registry import evaluate

READY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What to prove. `config` replaces the rendered text; `content` is what a fault test wants different."""

    server: str
    site: Site
    scope: Scope = "site"
    command: str = "ota-proxy verify"
    content: Content = field(default_factory=Content)
    config: OwnConfig | None = None
    keep: bool = False
    rewrite: bool = True
    """Whether URL Rewrite is installed on IIS."""
    asked: Capabilities | None = None
    """What to render for, where a version was named or the file is to be portable; default: what the engine's server can do."""
    edit: Callable[[str], str] | None = None
    """What a fault test breaks in the rendered text."""


@dataclass(frozen=True, slots=True)
class Started:
    """A running trial, for `up` and for tests: the server, what is on it, and what was rendered."""

    running: Running
    prepared: Prepared
    caps: Capabilities
    texts: Mapping[str, str]


def content_of(package: bytes) -> Content:
    """Return content with a person's own package in it; UsageError when it is none."""
    app: AppInfo = read_info(package)
    return Content(app=app, package=package)


def verify(trial: Trial, engine: Engine, progress: Progress) -> TargetReport:
    """Run a trial and report. NoVerdictError when the engine cannot run; a refused configuration is a finding, not an error."""
    progress(f"looking at {trial.server} of the engine {engine.name}")
    caps = engine.capabilities(trial.server)
    target = trial.site.base_url
    report = TargetReport(
        target=target,
        server=trial.server,
        version=caps.version,
        engine=engine.name,
        level="L1" if engine.name == "emulator" else None,
        outcomes=(),
        facts=None,
        notes=tuple(note for note in (engine.replaced, _simulated(trial)) if note),
    )
    try:
        with start(trial, engine, caps, progress) as started:
            facts, outcomes = _judge(trial, started, progress)
            report = replace(report, facts=facts, outcomes=outcomes, log=started.running.logs(), config=started.texts)
            report = at_source(report, trial.config, caps)
            return replace(report, notes=(*report.notes, started.running.endpoint.by_hand)) if trial.keep else report
    except ServerRefusedError as error:
        outcomes = evaluate(Facts(host=_refusal(trial, error), site=trial.site, server=trial.server), target, "v")
        report = replace(report, outcomes=outcomes, log=error.output, config=_texts(trial, engine, caps))
        return at_source(report, trial.config, caps)


@contextlib.contextmanager
def start(
    trial: Trial, engine: Engine, caps: Capabilities, progress: Progress, authority: Authority | None = None
) -> Iterator[Started]:
    """Start a trial and wait until it serves its own manifest over verified HTTPS; ends it unless `trial.keep`.

    `authority` issues the certificates, for tests that share one; default: one of its own.
    """
    if trial.site.listen.proxy_protocol and engine.name != "emulator":
        raise NoVerdictError(
            "the simulated device connects directly, and this site ends every connection without a PROXY header",
            place="listen.proxy_protocol",
            hint="verify the site with --set listen.proxy_protocol=false, and check the balancer's address with `ota-proxy check`",
        )
    site = engine.adapt(trial.site)
    texts = config_texts(trial, site, caps)
    extra = trial.config.files(caps) if trial.config else ()
    content = replace(trial.content, extra=(*extra, *trial.content.extra))
    prepared = build_scenario(site, caps, texts, authority or Authority(), content)
    progress(f"starting {trial.server} {caps.version} with {caps.tls_library}")
    with engine.run(prepared.scenario, keep=trial.keep) as running:
        progress(f"waiting for {prepared.manifest_urls[0]}")
        _await(prepared, running)
        yield Started(running, prepared, caps, texts)


def _await(prepared: Prepared, running: Running) -> None:
    url = prepared.manifest_urls[0]
    try:
        wait_ready(url, prepared.ca_pem, running.endpoint.resolve, prepared.expected[url], READY_SECONDS, running.alive)
    except NoVerdictError:
        if not running.alive():
            raise
        # it runs but does not serve what it should: that is for the rules to say, request by request


def config_texts(trial: Trial, site: Site, caps: Capabilities) -> Mapping[str, str]:
    """Return path on the server → text under test: the person's own, or the site rendered for the version."""
    if trial.config:
        return trial.config.texts(caps)
    asked = replace(trial.asked, layout=caps.layout) if trial.asked else caps
    rendered = renderer(trial.server, rewrite=trial.rewrite)(site, asked, trial.scope, trial.command)
    text = rendered.files[0].text
    return {config_path(caps, trial.scope): trial.edit(text) if trial.edit else text}


def _texts(trial: Trial, engine: Engine, caps: Capabilities) -> Mapping[str, str]:
    return config_texts(trial, engine.adapt(trial.site), caps)


def _judge(trial: Trial, started: Started, progress: Progress) -> tuple[Facts, tuple[Outcome, ...]]:
    host = _host(trial, started, progress)
    page = _walk(started.prepared.page_url, started, progress, first=True)
    others, named = _further(started.prepared, page), started.prepared.alias_urls
    walks = (page, *(_walk(url, started, progress, first=False, tls=url in named) for url in others))
    whole = Facts(install=page, host=host, named=walks, site=started.prepared.scenario.site, server=trial.server)
    facts = [whole, *(replace(whole, install=walk, host=None) for walk in walks[1:])]
    return whole, without_consequences(merge([_evaluate(one, trial.site.base_url) for one in facts]))


def _evaluate(facts: Facts, target: str) -> tuple[Outcome, ...]:
    """Judge through the door of `verify`, and what the host shows as `audit` does."""
    seen = evaluate(facts, target, "v")
    known = {one.rule.id for one in seen}
    more = () if facts.host is None else evaluate(facts, target, "a")
    return (*seen, *(one for one in more if one.rule.id not in known))


def _further(prepared: Prepared, page: InstallFacts) -> tuple[str, ...]:
    """Return every manifest that the landing page does not lead to, and one for each name with another certificate."""
    found = page.manifest.url if page.manifest else ""
    known = (*prepared.manifest_urls, *prepared.odd_manifest_urls, *prepared.alias_urls)
    return tuple(url for url in known if url != found)


def _walk(url: str, started: Started, progress: Progress, *, first: bool, tls: bool = False) -> InstallFacts:
    options = WalkOptions(
        ca_pem=started.prepared.ca_pem.decode("ascii"),
        resolve=started.running.endpoint.resolve,
        closed=True,
        in_app=False,  # what chat apps show is judged by `check` only
        probe_tls=first or tls,  # a name with certificates of its own shows others
        login=started.prepared.person or (),
    )
    if not first:
        progress(f"another install, the same requests: {url}")
    return walk_sync(url, options, Steps(progress) if first else None)


def _host(trial: Trial, started: Started, progress: Progress) -> HostFacts | None:
    if not started.running.endpoint.spec:
        return None
    progress("reading the host's own facts")
    site = started.prepared.scenario.site
    return inspect(
        started.running.endpoint.spec,
        trial.server,
        config=started.running.endpoint.config,
        key_paths=[pair.key for pair in site.certificates],
        roots=[place.root for place in site.static if place.root],
    )


def _refusal(trial: Trial, error: ServerRefusedError) -> HostFacts:
    test = ConfigTest(f"{trial.server} configuration test", error.started, error.output, error.file, error.line)
    return HostFacts(
        spec="verify", server=trial.server, config_test=test, start_failure=error.output if error.started else None
    )


def _simulated(trial: Trial) -> str:
    parts = ["the device is simulated", "certificates and content are test ones, put where the site says they are"]
    parts += ["the applications behind the site are played by a second nginx"] if trial.site.proxied else []
    parts += ["the TLS-offloading proxy in front is played by a second nginx"] if trial.site.tls.offloaded else []
    return "; ".join(parts)
