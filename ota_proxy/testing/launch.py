"""Behind the fixture `ota_site`: from what a test wants to a running site, or to a skip or failure that says why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ota_proxy.errors import NoVerdictError, OtaError, UsageError
from ota_proxy.harness import versions
from ota_proxy.harness.docker.docker_engine import require
from ota_proxy.harness.trial import Trial
from ota_proxy.settings import Loaded
from ota_proxy.testing import markers
from ota_proxy.testing.described import configuration, content, described
from ota_proxy.testing.engines import choose_engine
from ota_proxy.testing.options import IMAGED, Settings, checked_url, settings
from ota_proxy.testing.record import record
from ota_proxy.testing.report import InstallReport
from ota_proxy.testing.servers import RefusedError, Server, Servers
from ota_proxy.testing.site import TestSite

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
    own, version = trial.config is not None, options.server_version
    try:
        chosen = choose_engine(engine, trial.server, image, asked.docker, own=own, version=version)
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
    if image and asked.docker == "auto" and _docker_is_here():
        raise _Failure(f"--ota-image: {reason}") from None
    pytest.skip(reason)


def _docker_is_here() -> bool:
    try:
        require()
    except NoVerdictError:
        return False
    return True


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
