"""The servers that tests of one module share, and the site on each that tests talk to: each distinct site is started once, and all end with the module.

A site may also be one that already runs at `--ota-base-url`; then no server is ours.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import quote, urlsplit

from ota_proxy.commands.judge import judge
from ota_proxy.errors import UsageError
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.engine import Endpoint, Engine, Placement, ServerRefusedError, TestFile
from ota_proxy.harness.own_config import OwnConfig
from ota_proxy.harness.scenario import Prepared
from ota_proxy.harness.trial import Started, Trial, config_texts, refusal, start
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.report.report import TargetReport
from ota_proxy.servers.base import called, server_named
from ota_proxy.site import Site


@dataclass(frozen=True, slots=True, repr=False)
class TestSite:
    """One site. What only a server of ours has is empty (`log`, `config`, `content`, `resolve`) for one that already runs."""

    __test__: ClassVar[bool] = False  # pytest must not take it for a test class

    base_url: str
    """Where the landing page is; names of files are added to it: `https://ota.example.com/ota/`."""
    server: str = ""
    """`nginx`, `apache` or `iis`; empty for one that already runs."""
    version: str = ""
    engine: str = ""
    """`docker`, `local`, `embedded` or `emulator`; empty for one that already runs."""
    manifest_urls: tuple[str, ...] = ()
    """One for every location of the site, in its order."""
    package: bytes = b""
    """The package that is served, as bytes."""
    content: Mapping[str, bytes] = field(default_factory=dict)
    """Every file that is served, by its URL; an application's manifests too."""
    config_files: Mapping[str, str] = field(default_factory=dict)
    """The configuration that runs, by path on the server, or by your own path where it is yours."""
    resolve: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """(host, port) of public URLs → (address, port) to connect to."""
    ca_pem: bytes = b""
    """What a device (or `ssl`, `requests`, curl) has to trust."""
    ca_file: Path | None = None
    """The same as a file."""
    spec: str = ""
    """The server's host for testinfra: `testinfra.get_host(ota_site.spec)`."""
    by_hand: str = ""
    """How to look at it by hand, one command a line."""
    model: Site | None = None
    """The validated description; None for one that already runs."""
    read_log: Callable[[], str] = str
    is_alive: Callable[[], bool] = lambda: True
    before: str = ""
    """The log as it was when this test began."""

    def __repr__(self) -> str:
        about = f"{called(self.server, self.version)} ({self.engine})" if self.server else "what runs"
        return f"<{about} at {self.base_url}>"

    @property
    def log(self) -> str:
        """What the server wrote to its error log and streams since the test began."""
        known = Counter(self.before.splitlines())
        fresh = []
        for line in self.read_log().splitlines():  # by lines, for it is made of several files that all grow
            known[line] -= 1
            if known[line] < 0:
                fresh.append(f"{line}\n")
        return "".join(fresh)

    @property
    def config(self) -> str:
        """The configuration that runs, in one text: `assert "ssl_protocols" in ota_site.config`."""
        return "\n".join(self.config_files.values())

    @property
    def manifest_url(self) -> str:
        """The first location's manifest; UsageError for a site that already runs, whose manifest only its page knows."""
        return self._known(self.manifest_urls[:1], "manifest")

    @property
    def package_url(self) -> str:
        """The first location's package; UsageError for a site that already runs."""
        return self._known(tuple(url for url in self.content if url.endswith(".ipa"))[:1], "package")

    def url(self, name: str) -> str:
        """Return the URL of a file beside the landing page; blanks and the like are percent-encoded."""
        return self.base_url.rpartition("/")[0] + "/" + quote(name, safe="/+%")

    def serves(self, url: str) -> bool:
        """Say whether a URL's host and port are this site's."""
        return _place(url) in {_place(self.base_url), *self.resolve}

    def _known(self, urls: tuple[str, ...], what: str) -> str:
        if not urls:
            raise UsageError(f"the {what} of {self.base_url} is not known", hint="install from its landing page")
        return urls[0]


def _place(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return "", 0


def served(prepared: Prepared) -> dict[str, bytes]:
    """Return what a started site serves: URL → bytes, files of folders first, then the manifests of applications."""
    site, found = prepared.scenario.site, {}
    for location in site.static:
        folder = f"{(location.root or '').rstrip('/')}/"
        for file in prepared.scenario.files:
            if file.path.startswith(folder):
                found[f"{site.base_url}{location.url_path}{quote(file.path[len(folder) :], safe='/+')}"] = file.data
    return {**prepared.expected, **found}


def by_hand(endpoint: Endpoint, ca_file: Path, url: str) -> str:
    """Return the engine's commands with the real place of the CA file in them, and one that asks for `url` where they have none."""
    text = endpoint.by_hand.replace("CA.pem", str(ca_file))
    if "curl " in text:
        return text
    ways = " ".join(f"--connect-to {host}:{port}:{to}:{at}" for (host, port), (to, at) in endpoint.resolve.items())
    return f"curl --cacert {ca_file} {ways} {url}\n{text}"


_Key = tuple[object, ...]


# -- the servers -----------------------------------------------------------------------------------------------------


class RefusedError(Exception):
    """The server does not take the configuration; `report` has the finding with file and line."""

    def __init__(self, report: TargetReport) -> None:
        super().__init__("the server refuses its configuration")
        self.report = report


MOST = 4
"""Servers that run side by side: a test uses one at a time, and one that is wanted again starts in a second."""


@dataclass(slots=True, eq=False)
class Server:
    """A started server: the site that tests see, what was asked for, and what ends it."""

    key: _Key
    site: TestSite
    trial: Trial
    notes: tuple[str, ...]
    ending: contextlib.ExitStack


class Servers:
    """Starts servers and keeps the last `MOST` of them until `close`. `folder` is for the CA file."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority, self.folder = authority, folder
        self.kept = False
        """A server was started that is left running."""
        self._running: list[Server] = []
        self._refused: list[tuple[_Key, TargetReport]] = []

    def serve(self, trial: Trial, engine: Engine, image: str) -> Server:
        """Return a server for the trial, started now or for an earlier test; its log begins here.

        RefusedError when the server does not take the configuration, NoVerdictError when it does not come up.
        """
        key = (*_parts(trial), engine.name, image)
        for known, report in self._refused:
            if known == key:
                raise RefusedError(report)
        server = next((one for one in self._running if one.key == key and one.site.is_alive()), None)
        if server is None:
            self._end([one for one in self._running if one.key == key] or self._running[: 1 - MOST])
            server = self._start(key, trial, engine)
        server.site = replace(server.site, before=server.site.read_log())
        return server

    def close(self) -> None:
        """End every server that is not to be kept."""
        self._end(self._running)

    def _end(self, servers: list[Server]) -> None:
        with contextlib.ExitStack() as stack:
            for server in servers:
                stack.push(server.ending)
        self._running = [one for one in self._running if one not in servers]

    def _start(self, key: _Key, trial: Trial, engine: Engine) -> Server:
        placed = engine.prepare(trial.server, *trial.sites)
        with contextlib.ExitStack() as stack:
            try:
                started = stack.enter_context(
                    start(trial, engine, lambda _text: None, self.authority, placement=placed)
                )
            except ServerRefusedError as error:
                self._refused.append((key, refused(trial, engine, placed, error)))
                raise RefusedError(self._refused[-1][1]) from None
            site = self._site(trial, engine, placed.caps, started)
            self.kept |= trial.keep
            self._running.append(Server(key, site, trial, _notes(engine), stack.pop_all()))
        return self._running[-1]

    def _site(self, trial: Trial, engine: Engine, caps: Capabilities, started: Started) -> TestSite:
        prepared, endpoint = started.prepared, started.running.endpoint
        ca_file = self.folder / "ca.pem"
        ca_file.write_bytes(prepared.ca_pem)
        return TestSite(
            base_url=prepared.page_url,
            server=trial.server,
            version=caps.version,
            engine=engine.name,
            manifest_urls=prepared.manifest_urls,
            package=prepared.package,
            content=served(prepared),
            config_files=texts_of(trial, caps, started.texts),
            resolve=endpoint.resolve,
            ca_pem=prepared.ca_pem,
            ca_file=ca_file,
            spec=endpoint.spec,
            by_hand=by_hand(endpoint, ca_file, prepared.page_url),
            model=prepared.scenario.site,
            read_log=started.running.logs,
            is_alive=started.running.alive,
        )


def _parts(trial: Trial) -> _Key:
    """Return what makes two trials the same: a configuration by its bytes, for it may be edited between two tests."""
    config = trial.config
    files = [config.main, *(sorted(config.tree.rglob("*")) if config.tree else ())] if config else []
    digest = [(str(file), hashlib.sha256(file.read_bytes()).digest()) for file in files if file.is_file()]
    asked = server_named(trial.server).described(trial.asked) if trial.asked else ""
    return (trial.server, trial.site, trial.scope, trial.content, tuple(digest), trial.keep, asked)


def _notes(engine: Engine) -> tuple[str, ...]:
    return (engine.replaced,) if engine.replaced else ()


def refused(trial: Trial, engine: Engine, placed: Placement, error: ServerRefusedError) -> TargetReport:
    """Return the report on a server that does not take its configuration; its place is the person's own file where it is theirs."""
    caps = placed.caps
    file = own_paths(trial.config, caps).get(error.file, error.file) if trial.config else error.file
    texts = texts_of(trial, caps, config_texts(trial, placed.site, caps))
    seen = TargetReport(
        target=trial.site.base_url,
        server=trial.server,
        version=caps.version,
        engine=engine.name,
        level="L1" if engine.name == "emulator" else None,
        facts=refusal(trial, error, file),
        notes=_notes(engine),
        log=error.output,
        config=texts,
    )
    return judge(seen, "v")


def texts_of(trial: Trial, caps: Capabilities, texts: Mapping[str, str]) -> Mapping[str, str]:
    """Return path → text of the configuration; a person's own files by their own paths, the whole tree."""
    if trial.config is None:
        return texts
    own = own_paths(trial.config, caps)
    rest = {file.path: file.data.decode("utf-8", "replace") for file in trial.config.files(caps) if _public(file)}
    return {own.get(path, path): text for path, text in {**texts, **rest}.items()}


def _public(file: TestFile) -> bool:
    """Say whether a file of a person's tree may be shown in a report: a text, and no key or password file."""
    secret = b"PRIVATE KEY" in file.data or PurePosixPath(file.path).name.startswith(".ht")
    return not secret and b"\0" not in file.data


def own_paths(config: OwnConfig, caps: Capabilities) -> dict[str, str]:
    """Map paths on the server to the person's own, relative to the current folder where they are below it."""
    own = {caps.layout.main: config.main} | {caps.layout.site: config.main}
    if config.tree:
        folder = caps.layout.folder
        own = {file.path: config.tree / file.path[len(folder) + 1 :] for file in config.files(caps)} | {
            caps.layout.main: config.main
        }
    return {path: _near(file) for path, file in own.items()}


def _near(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
