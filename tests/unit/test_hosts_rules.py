from __future__ import annotations

import pytest

from ota_proxy.hosts.facts import HostFacts, KeyFile
from ota_proxy.rules.model import Facts
from ota_proxy.rules.registry import evaluate

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
