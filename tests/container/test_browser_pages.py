"""Pages that scripts build, on real servers and in a real browser: the link is found and walked, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ota_proxy.commands.check import CheckOptions
from ota_proxy.harness.docker.docker_engine import DockerEngine
from tests.container.faults.landing import ANCHOR, LINK, shown
from tests.container.faults.model import SERVERS, Fault, inject
from tests.support.browsers import needs_browser
from tests.support.reports import failed, ids

CODE = """
if (SHOWN) setTimeout(() => {
  document.querySelector('#here').innerHTML = '<button>Install</button>';
  document.querySelector('#here button').onclick = () => { location.href = 'itms-services:' + 'REST'; };
}, 100);
""".replace("REST", LINK.replace("&amp;", "&").removeprefix("itms-services:"))


def page(when: str) -> Fault:
    """A page that shows its button when a condition holds."""
    made = f"<p id=here></p><script>{CODE.replace('SHOWN', when)}</script>"
    return Fault("built", (), content=shown(ANCHOR, made), door="check", options=CheckOptions(browser="auto"))


@pytest.mark.container
@needs_browser
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("when", "rules"),
    [("true", set()), ("/iPhone|iPad/.test(navigator.userAgent)", {"OTA115"}), ("false", {"OTA114"})],
    ids=["always", "phones", "never"],
)
def test_a_page_that_a_script_builds_is_judged_by_what_the_script_makes(
    when: str, rules: set[str], server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = inject(page(when), server, engine_of("bookworm"))
    assert ids(report) == rules, "\n".join(failed(report))
