"""Behind the fixture `ota_site`: from what a test wants to a running site, or to a skip or failure that says why there is none.

What it wants stands in its fixtures and markers: the site's description, its content, its own configuration, and the engine.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

import pytest

from ota_proxy.errors import NoVerdictError, OtaError, UsageError, did_you_mean
from ota_proxy.harness import versions
from ota_proxy.harness.authority import Flaw
from ota_proxy.harness.docker.docker_engine import require
from ota_proxy.harness.engine import Engine, EngineName, choose
from ota_proxy.harness.own_config import OwnConfig, own_config
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Trial, content_of
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.report.suppress import Suppression
from ota_proxy.servers.base import server_named
from ota_proxy.settings import Loaded, load
from ota_proxy.settings.flags import SiteFlags
from ota_proxy.settings.load import load_options
from ota_proxy.testing import markers
from ota_proxy.testing.factories import Package
from ota_proxy.testing.markers import meant, wrong_keywords
from ota_proxy.testing.options import IMAGED, DockerChoice, Settings, checked_url, settings
from ota_proxy.testing.record import record
from ota_proxy.testing.report import InstallReport
from ota_proxy.testing.servers import RefusedError, Server, Servers, TestSite

_NGINX_WORDS = re.compile(r"\[(?:emerg|crit|alert)\] (?:\d+#\d+: )?(.*?)(?: in /\S+:\d+)?$")
_COMMAND_HINT = re.compile(r"(?:,? or )?(?:take|use) (?:another )?--engine.*")
_APACHE_WORDS = re.compile(r".*[Ss]yntax error on line \d+ of \S+:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the fixtures of a test say."""

    server: str
    engine: str
    keywords: Mapping[str, Any]
    config: str | Path | None
    content: object


def live(item: pytest.Item, url: str) -> TestSite:
    """Return the site that already runs; a test that asks for another certificate or configuration is skipped."""
    for name in ("ota_tls", "ota_config"):
        if item.get_closest_marker(name):
            pytest.skip(f"{name} is for servers that the test starts, and {url} already runs")
    try:
        site = TestSite(base_url=checked_url(url, "ota_base_url"))
    except pytest.UsageError as error:
        text = str(error)
    else:
        record(item).site = site
        return site
    pytest.fail(text, pytrace=False)


def serve(item: pytest.Item, wanted: Wanted, servers: Servers) -> Server:
    """Return a running server, its site on the test's record."""
    try:
        server = _serve(item, wanted, servers, settings(item.config))
    except (OtaError, _Failure) as error:
        text = str(error)
    else:
        seen = record(item)
        seen.site, seen.kept = server.site, server.trial.keep
        return server
    pytest.fail(text, pytrace=False)  # out here, for inside the failure would have the error as its context


def _serve(item: pytest.Item, wanted: Wanted, servers: Servers, asked: Settings) -> Server:
    trial, loaded = _trial(item, wanted, asked)
    options = loaded.options
    given = asked.images.get(trial.server, "")
    image = given or (options.image if trial.server in IMAGED else "")
    engine = options.engine if wanted.engine == "auto" else wanted.engine
    own = trial.config is not None
    try:
        chosen = choose_engine(engine, trial.server, image, asked.docker, own=own, asked=trial.asked)
    except NoVerdictError as error:
        _without(_in_one_line(error), asked, given)
    versions.check_version(chosen, trial.server, loaded)
    try:
        return servers.serve(trial, chosen, image)
    except RefusedError as error:
        seen, report = record(item), InstallReport(error.report)
        seen.reports.append(report)
        seen.told = True
        raise _Failure(_refused(report)) from None


def _trial(item: pytest.Item, wanted: Wanted, asked: Settings) -> tuple[Trial, Loaded]:
    """Return what to run, and the site as it was read."""
    folder = item.path.parent
    if wanted.server not in markers.SERVERS:
        raise UsageError(f"there is no server {wanted.server!r} ({markers.meant(wanted.server, markers.SERVERS)})")
    loaded = described(wanted.keywords, folder)
    if loaded.options.scope == "snippet":
        raise UsageError("a snippet cannot be started by itself", hint="set scope to site or full")
    trial = Trial(
        server=wanted.server,
        site=loaded.site,
        scope=loaded.options.scope,
        command=f"ota-proxy verify {wanted.server}",
        content=content(wanted.content, folder, markers.flaw(item)),
        config=configuration(wanted.config, folder, wanted.server),
        keep=asked.keep and wanted.server in IMAGED,  # the emulator of IIS is a part of this process
        asked=versions.asked(wanted.server, loaded),
    )
    return trial, loaded


class _Failure(Exception):  # noqa: N818 - it becomes pytest's own failure
    """The text of a failure."""


def _without(reason: str, asked: Settings, image: str) -> NoReturn:
    """Skip, or fail where Docker is required, and where it is here and only the image that was asked for is not."""
    if asked.docker == "require":
        raise _Failure(f"--ota-docker=require: {reason}") from None
    if image and asked.docker == "auto" and not docker_obstacle():
        raise _Failure(f"--ota-image: {reason}") from None
    pytest.skip(reason)


def docker_obstacle(*servers: str) -> str:
    """Return why no container (of these servers) can be started here, in one sentence with a hint; empty if it can."""
    try:
        require(*servers)
    except NoVerdictError as error:
        return str(error)
    return ""


def _in_one_line(error: NoVerdictError) -> str:
    """Return the reasons of every engine in one line, as pytest shows skips; hints that are for the command line are left out."""
    head, *rows = (row.strip() for row in error.message.split("\n"))
    hint = _COMMAND_HINT.sub("", error.hint)
    return f"{head} {'; '.join(rows)}".strip() + (f" ({hint})" if hint else "")


def _refused(report: InstallReport) -> str:
    """Return the server's own words with the place, for pytest's summary, then the report without the log that is its evidence."""
    finding, server = report.errors[0], report.target.server
    place = f"{finding.file}:{finding.line}: " if finding.file else ""
    shown = InstallReport(replace(report.target, log=""))
    return f"{place}{words(report.log)} ({server} refuses it)\n\n{shown.brief()}".rstrip()


def words(output: str) -> str:
    """Return what a server's configuration test complains about, without time, process and place; all of its last line where it is another's."""
    rows = [row.strip() for row in output.splitlines() if row.strip()]
    for row in rows:
        if found := _NGINX_WORDS.search(row):
            return found[1]
    for row, following in pairwise([*rows, ""]):
        if found := _APACHE_WORDS.match(row):
            return found[1] or following
    return rows[-1] if rows else "no word"


_CONTENT = ("package", "manifest", "page")
_MANY = {
    "domain": "domains",
    "root": "roots",
    "upstream": "upstreams",
    "cert": "certs",
    "key": "keys",
    "trusted_proxy": "trusted_proxies",
    "set": "sets",
}
_ONE = ("public_url", "tls_profile")


# -- what a test wants to run ----------------------------------------------------------------------------------------


def described(keywords: Mapping[str, Any], folder: Path) -> Loaded:
    """Read a site: keywords over `OTA_PROXY_*` over the nearest ota-proxy.toml from `folder` upwards; UsageError as the command has it."""
    for mistake in wrong_keywords(keywords, "ota_settings"):
        raise UsageError(mistake)
    site = keywords.get("site")
    given: dict[str, Any] = {field: _texts(keywords[name]) for name, field in _MANY.items() if name in keywords}
    given |= {name: str(keywords[name]) for name in _ONE if name in keywords}
    return load(str(folder / site) if site else None, SiteFlags(**given), folder=folder)


def ignored(keywords: Mapping[str, Any], folder: Path) -> tuple[Suppression, ...]:
    """Return what the site file suppresses, the one that `ota_settings` names, else the nearest; fails the test for a mistake in it."""
    site = keywords.get("site")
    try:
        options = load_options(SiteFlags(), folder=folder, site_file=str(folder / site) if site else None)
    except UsageError as error:
        text = str(error)
    else:
        return tuple(Suppression(one.rule, one.reason, one.place, one.subject) for one in options.ignore)
    pytest.fail(text, pytrace=False)  # out here, for inside the failure would have the error as its context


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


def configuration(path: str | Path | None, folder: Path, server: str) -> OwnConfig | None:
    """Look at a person's own configuration, relative to the test's folder; UsageError when it is none of that server."""
    return own_config(folder / path, server) if path is not None else None


def content(given: object, folder: Path, flaw: Flaw | None) -> Content:
    """Return what is served: None for ota-proxy's own, a package (path, bytes, `ota_package()`), or a mapping of parts.

    Paths are relative to `folder`; `flaw` is what is wrong with the certificate.
    """
    return dataclasses.replace(_content(given, folder), flaw=flaw)


def _content(given: object, folder: Path) -> Content:
    if given is None:
        return Content()
    parts = dict(given) if isinstance(given, Mapping) else {"package": given}
    for name in parts:
        if name not in _CONTENT:
            raise UsageError(f"ota_content does not know {name!r} ({meant(name, _CONTENT)})")
    made = content_of(_bytes(parts.pop("package"), folder)) if parts.get("package") is not None else Content()
    texts: dict[str, Any] = {name: _bytes(value, folder) for name, value in parts.items() if value is not None}
    return dataclasses.replace(made, **texts)


def _bytes(value: object, folder: Path) -> bytes:
    if isinstance(value, Package):
        return value.data
    if isinstance(value, (str, Path)):
        try:
            return (folder / value).read_bytes()
        except OSError as error:
            raise UsageError(f"the file cannot be read: {error.strerror}", place=f"ota_content {value}") from None
    if not isinstance(value, bytes):
        raise UsageError(f"ota_content takes paths and bytes, not {type(value).__name__}")
    return value


_Name = EngineName | Literal["auto"]


# -- which engine starts it ------------------------------------------------------------------------------------------


def choose_engine(  # noqa: PLR0913 - what the site, the session and the test say
    wanted: str, server: str, image: str, docker: DockerChoice, *, own: bool, asked: Capabilities | None = None
) -> Engine:
    """Return an engine that can run `server`; `own` says that the configuration is the user's and runs as it is.

    `asked` is what the site is described for. NoVerdictError with every reason; UsageError for a name that is none.
    """
    names = _names(wanted, server, docker, own=own or bool(image))
    if own and server in IMAGED and "docker" not in names:
        reason = "your own configuration names its own paths and ports, so only Docker can start it"
        raise NoVerdictError(f"{reason}, and it must not be used here")
    if server not in IMAGED:
        return choose(names[0], server, asked=asked)
    return choose("auto", server, image) if names == ("auto",) else _first(names, server, image)


def _names(wanted: str, server: str, docker: DockerChoice, *, own: bool) -> tuple[_Name, ...]:
    if wanted != "auto":
        name = _name(wanted)
        return (name,) if name != "docker" or docker != "skip" else ()
    if server not in IMAGED:
        return ("auto",)
    if docker == "skip":
        return tuple(name for name in _engines(server) if name != "docker") if not own else ()
    return ("docker",) if own or docker == "require" else ("auto",)


def _engines(server: str) -> tuple[EngineName, ...]:
    able = server_named(server).engines
    return tuple(name for name in get_args(EngineName) if name in able)


def _name(wanted: str) -> EngineName:
    known: tuple[EngineName, ...] = get_args(EngineName)
    for name in known:
        if name == wanted:
            return name
    hint = did_you_mean(wanted, ("auto", *known)) or f"one of auto, {', '.join(known)}"
    raise UsageError(f"there is no engine {wanted!r}", place="ota_engine", hint=hint)


def _first(names: Iterable[_Name], server: str, image: str) -> Engine:
    """Return the first that can; every engine says why not."""
    reasons = []
    for name in names:
        try:
            return choose(name, server, image)
        except NoVerdictError as error:
            reasons.append(error)
    if not reasons:
        raise NoVerdictError(f"{server} needs Docker here, and --ota-docker=skip leaves it out")
    if len(reasons) == 1:
        raise reasons[0]
    hint = next((error.hint for error in reasons if error.hint), "")
    head = reasons[0].message.partition("\n")[0]
    rows = [row for error in reasons for row in error.message.split("\n")[1:]]
    raise NoVerdictError("\n".join([head, *rows]), hint=hint)
