"""Pages that look strange and are sound, on real servers: nothing is found."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest

from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import Content
from tests.container.faults.landing import ANCHOR, LINK, PAGE, PIECES, START, shown
from tests.container.faults.model import SERVERS, Fault, inject
from tests.support.reports import failed, ids

SAMPLE = f"<p>Links look like <code>{START}ADDRESS</code>; see also <pre>{html.escape(ANCHOR.replace('app.plist', 'x'))}</pre>"
SOUND = {
    "a sample stands in code, a comment, noscript and a title": shown(
        "</body>",
        f'{SAMPLE}<!-- <a href="{START}x"> --><noscript><a href="{START}y">y</a></noscript><p title="{START}z"></body>',
    ),
    "scripts and frameworks have pieces beside the link": shown(
        "</body>",
        f'{PIECES}<template><a :href="`{START}${{x}}`"></a></template><button onclick="go(\'x\')">b</button></body>',
    ),
    "a page in UTF-16 with a byte order mark": Content(
        page=PAGE.replace('charset="utf-8"', 'charset="utf-16"').encode("utf-16")
    ),
    "an XHTML page with its declaration": shown(
        "<!DOCTYPE html>", '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>'
    ),
    "the link is broken over lines without blanks": shown(LINK, LINK.replace("app.plist", "app\n.plist")),
    "a script has the whole link": shown(
        ANCHOR,
        "<button id=go>Install</button>"
        f"<script>go.onclick = () => {{ location.href = '{LINK.replace('&amp;', '&')}'; }}; /* {START} */</script>",
        extra=(TestFile("/srv/ota/unused.txt", b"x"),),
    ),
}


@pytest.mark.container
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_found_on_a_page_that_only_looks_strange(
    name: str, server: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    report = inject(Fault(name, (), content=SOUND[name], door="check"), server, engine_of("bookworm"))
    assert ids(report) == set(), "\n".join(failed(report))
