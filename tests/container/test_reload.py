"""What `render` writes without a version, and for the server that is there, survives what kills servers: start, graceful reload, install."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.trial import Trial, start
from ota_proxy.policy.capabilities import Capabilities, resolve
from ota_proxy.report.report import TargetReport
from ota_proxy.servers.rendered import Scope
from tests.container.faults.model import checked
from tests.support.reloading import inside, reload
from tests.support.reports import failed, warnings_of
from tests.support.suites import SUITES
from tests.support.variants import variant

pytestmark = pytest.mark.container

_DEPRECATED = re.compile(r'the "listen \.\.\. http2" directive is deprecated')


def reloaded(server: str, scope: Scope, asked: Capabilities | None, engine: DockerEngine) -> TargetReport:
    """Return what a check finds after a graceful reload, with the server's log."""
    trial = Trial(server, variant("static"), scope=scope, asked=asked)
    with start(trial, engine, lambda _: None) as started:
        reload(started, server)
        assert started.running.alive(), started.running.logs()
        return replace(checked(started), log=started.running.logs())


def complaints(report: TargetReport) -> list[str]:
    """Return the server's warnings, but for the one that a file for every version cannot do without."""
    return [line for line in warnings_of(report) if not _DEPRECATED.search(line)]


@pytest.mark.parametrize("scope", ["site", "full"])
@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", SUITES)
def test_the_default_starts_reloads_and_installs_everywhere(
    suite: str, server: str, scope: Scope, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = reloaded(server, scope, resolve(server), engine_of(suite))
    assert failed(report) == []
    assert complaints(report) == []


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("suite", SUITES)
def test_what_is_rendered_for_the_server_that_is_there_starts_reloads_and_installs(
    suite: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = reloaded(server, "site", None, engine_of(suite))
    assert failed(report) == []
    assert complaints(report) == []


@pytest.mark.parametrize("suite", ["bullseye", "bookworm"])
def test_a_group_that_the_library_does_not_know_ends_apache_at_the_reload_and_no_number_leads_to_it(
    suite: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    engine = engine_of(suite)
    there = engine.capabilities("apache")
    report = reloaded("apache", "site", resolve("apache", there.version), engine)
    assert failed(report) == []
    trial = Trial("apache", variant("static"), asked=resolve("apache", there.version))
    with start(trial, engine, lambda _: None) as started:
        site = there.layout.site
        inside(started, f"sed -i 's/Curves X25519:/Curves X25519MLKEM768:X25519:/' {site} && grep -q MLKEM {site}")
        assert "Syntax OK" in inside(started, ". /etc/apache2/envvars; apache2 -t 2>&1")
        reload(started, "apache")
        assert not started.running.alive(), "the parent ends at the reload: AH00020"
