from __future__ import annotations

import pytest

from ota_proxy.facts.host import ConfigTest, HostFacts, KeyFile, Socket
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from ota_proxy.site import Site
from tests.support.facts import HOST, MANIFEST_URL, healthy, outcomes, reported, respond, visit, with_manifest

SITE = Site.model_validate(
    {
        "domains": [HOST],
        "locations": [{"path": "/ota/", "root": "/srv/ota"}],
        "certificates": [{"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}],
    }
)
SOUND = KeyFile("/etc/ssl/a.key", 0o600, "root")
OPEN = KeyFile("/etc/ssl/b.key", 0o644, "root")
UNSEEN = {"keys": "/etc/ssl/c.key: No such file"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HostFacts("local://", keys=(SOUND,)), "passed"),
        (HostFacts("local://", keys=()), "passed"),
        (HostFacts("local://", keys=(SOUND,), unread=UNSEEN), "no-verdict"),
        (HostFacts("local://", unread=UNSEEN), "no-verdict"),
        (HostFacts("local://", keys=(SOUND, OPEN)), "failed"),
        (HostFacts("local://", keys=(OPEN,), unread=UNSEEN), "failed"),
    ],
)
def test_a_key_that_nobody_saw_is_never_a_key_that_passed(host: HostFacts, status: str) -> None:
    (outcome,) = (one for one in evaluate(Facts(host=host), "web", "a") if one.rule.id == "OTA614")
    assert outcome.status == status
    if status == "no-verdict":
        assert UNSEEN["keys"] in outcome.message


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param(
            HostFacts("local://", keys=(KeyFile("/etc/ssl/ota.key", 0o600, "root"),)), set(), id="a key of root alone"
        ),
        pytest.param(
            HostFacts("local://", keys=(KeyFile("/etc/ssl/ota.key", 0o640, "root"),)), set(), id="a group may read"
        ),
        pytest.param(
            HostFacts("local://", keys=(KeyFile("/etc/ssl/ota.key", 0o644, "root"),)), {"OTA614"}, id="open to all"
        ),
        pytest.param(
            HostFacts("local://", keys=(KeyFile("/srv/ota/ota.key", 0o600, "root", "/srv/ota"),)),
            {"OTA614"},
            id="under the root",
        ),
        pytest.param(
            HostFacts(
                "local://",
                config_test=ConfigTest("nginx -t", False, "unknown directive", "/etc/nginx/x.conf", 7),
                listening=(),
            ),
            {"OTA615"},
            id="a refused configuration is 615, and not also 616",
        ),
        pytest.param(
            HostFacts(
                "local://", config_test=ConfigTest("apachectl -t", True, "Syntax OK"), listening=(Socket("::", 80),)
            ),
            {"OTA616"},
            id="a server that died at its start",
        ),
        pytest.param(
            HostFacts("local://", config_test=ConfigTest("nginx -t", True, "ok"), listening=(Socket("0.0.0.0", 443),)),  # noqa: S104 - as the system prints it
            set(),
            id="a server that listens",
        ),
    ],
)
def test_the_host_shows_its_own_faults(host: HostFacts, expected: set[str]) -> None:
    assert reported(None, host=host, site=SITE) == expected


def test_a_server_that_dies_at_its_start_is_quoted() -> None:
    test = ConfigTest("apachectl -t", passed=True, output="Syntax OK")
    host = HostFacts("docker://x", "apache", config_test=test, start_failure="AH00016: Configuration Failed")
    (found,) = [o for o in outcomes(None, host=host, site=SITE, server="apache") if o.status == "failed"]
    assert found.rule.id == "OTA616"
    assert found.evidence == "AH00016: Configuration Failed"
    assert "only when Apache starts" in found.remedy


def test_a_refused_configuration_names_file_and_line() -> None:
    test = ConfigTest("nginx -t", passed=False, output='unknown directive "foo"', file="/etc/nginx/x.conf", line=7)
    (found,) = [
        o for o in outcomes(None, host=HostFacts("local://", "nginx", config_test=test)) if o.status == "failed"
    ]
    assert (found.file, found.line) == ("/etc/nginx/x.conf", 7)
    assert 'unknown directive "foo"' in found.evidence


def test_what_could_not_be_read_on_the_host_is_no_verdict_with_its_reason() -> None:
    host = HostFacts("docker://x", unread={"keys": "stat is missing"})
    (found,) = [o for o in outcomes(None, host=host) if o.rule.id == "OTA614"]
    assert found.status == "no-verdict"
    assert "stat is missing" in found.message


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "identity, br"])
def test_a_manifest_that_the_server_compresses_is_605_where_the_host_is_looked_at(encoding: str) -> None:
    packed = visit(MANIFEST_URL, respond(200, {"Content-Encoding": encoding, "Content-Type": "text/xml"}))
    walk = with_manifest(compressed=packed)
    assert status(Facts(install=walk), "OTA605") == "not-applicable"
    assert status(Facts(install=walk, host=HostFacts("local://")), "OTA605") == "failed"
    assert status(Facts(install=healthy(), host=HostFacts("local://")), "OTA605") == "passed"


def status(facts: Facts, rule: str) -> str:
    (outcome,) = (one for one in evaluate(facts, "web", "a") if one.rule.id == rule)
    return outcome.status
