"""One site tried on one server: render it (or take a configuration), start, install from it as a simulated iPhone. What was seen is judged elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ota_proxy.apps.ipa import AppInfo, read_info
from ota_proxy.device.session import WalkOptions
from ota_proxy.device.walk import walk_sync
from ota_proxy.errors import NoVerdictError
from ota_proxy.facts.host import ConfigTest, HostFacts
from ota_proxy.facts.install import InstallFacts
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.engine import Engine, Placement, Running, ServerRefusedError
from ota_proxy.harness.listening import wait_ready
from ota_proxy.harness.own_config import OwnConfig
from ota_proxy.harness.progress import Progress, Steps
from ota_proxy.harness.scenario import Prepared, build_scenario
from ota_proxy.harness.served import Content
from ota_proxy.hosts.inspect import inspect
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.rules.rule import Facts
from ota_proxy.servers.base import server_named
from ota_proxy.servers.rendered import Scope
from ota_proxy.servers.several import Part, Several
from ota_proxy.site import Site

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
    asked: Capabilities | None = None
    """What to render for, where a version was named or the file is to be portable; default: what the engine's server can do."""
    edit: Callable[[str], str] | None = None
    """What a fault test breaks in the rendered text; of several sites, in the text of each file."""
    beside: tuple[Site, ...] = ()
    """Other sites on the same server, each of them rendered and walked too."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site of the trial, the first first."""
        return (self.site, *self.beside)


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


@contextlib.contextmanager
def start(
    trial: Trial,
    engine: Engine,
    progress: Progress,
    authority: Authority | None = None,
    *,
    placement: Placement | None = None,
) -> Iterator[Started]:
    """Start a trial and wait until it serves its own manifest over verified HTTPS; ends it unless `trial.keep`.

    `authority` issues the certificates, for tests that share one; default: one of its own.
    `placement` is what the engine prepared for the trial's sites, where that was asked before.
    """
    if any(site.listen.proxy_protocol for site in trial.sites) and engine.name != "emulator":
        raise NoVerdictError(
            "the simulated device connects directly, and this site ends every connection without a PROXY header",
            place="listen.proxy_protocol",
            hint="verify the site with --set listen.proxy_protocol=false, and check the balancer's address with `ota-proxy check`",
        )
    placed = placement or engine.prepare(trial.server, *trial.sites)
    caps, texts = placed.caps, all_texts(trial, engine, placed)
    extra = trial.config.files(caps) if trial.config else ()
    content = replace(trial.content, extra=(*extra, *trial.content.extra))
    prepared = build_scenario(
        placed.site, caps, texts, authority or Authority(), content, beside=placed.sites[1:], moved=placed.moved
    )
    progress(f"starting {server_named(trial.server).described(caps)}")
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
    rendered = server_named(trial.server).render(site, asked, trial.scope, trial.command)
    text = rendered.files[0].text
    return {caps.layout.place(trial.scope): trial.edit(text) if trial.edit else text}


def all_texts(trial: Trial, engine: Engine, placed: Placement) -> Mapping[str, str]:
    """Return path on the server → text of every configuration under test.

    In containers these are the files as they are rendered, elsewhere one text in the order they are read.
    """
    caps, sites = placed.caps, placed.sites
    if len(sites) == 1:
        return config_texts(trial, sites[0], caps)
    asked = replace(trial.asked, layout=caps.layout) if trial.asked else caps
    parts = tuple(Part(site, (), contextlib.nullcontext) for site in sites)
    rendered = server_named(trial.server).render_several(Several(parts, asked, trial.scope, trial.command))
    edit = trial.edit or str
    place = caps.layout.place(trial.scope)
    files = sorted(rendered.files, key=lambda file: file.name)
    if engine.name != "docker" or len(files) == 1:
        return {place: edit("\n".join(file.text for file in files))}
    return {f"{place.rpartition('/')[0]}/{file.name}": edit(file.text) for file in files}


def observe(trial: Trial, started: Started, prepared: Prepared, progress: Progress) -> Facts:
    """Install one site of a started trial in every way that its files offer, and return what was seen; the host is looked at with the first site."""
    host = _host(trial, started, progress) if prepared is started.prepared else None
    page = _walk(prepared.page_url, started, progress, first=True)
    others, named = _further(prepared, page), prepared.alias_urls
    walks = (page, *(_walk(url, started, progress, first=False, tls=url in named) for url in others))
    return Facts(install=page, host=host, named=walks, site=prepared.site, server=trial.server)


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
        login=_person(started.prepared),
    )
    if not first:
        progress(f"another install, the same requests: {url}")
    return walk_sync(url, options, Steps(progress) if first else None)


def _person(prepared: Prepared) -> tuple[str, str] | tuple[()]:
    """Return the name and password of this run, which every site that asks for one takes."""
    return next((one.person for one in (prepared, *prepared.beside) if one.person), ())


def _host(trial: Trial, started: Started, progress: Progress) -> HostFacts | None:
    if not started.running.endpoint.spec or server_named(trial.server).program is None:
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


def refusal(trial: Trial, error: ServerRefusedError, file: str | None = None) -> Facts:
    """Return what is known of a server that does not take its configuration; `file` is where its place is to be looked for, if not where it says."""
    place = error.file if file is None else file
    test = ConfigTest(f"{trial.server} configuration test", error.started, error.output, place, error.line)
    host = HostFacts(
        spec="verify", server=trial.server, config_test=test, start_failure=error.output if error.started else None
    )
    return Facts(host=host, site=trial.site, server=trial.server)
