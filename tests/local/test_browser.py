"""Pages that scripts build, in the Chromium of this machine: what is found, what is asked of whom, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ota_proxy.apps.install_link import install_link
from ota_proxy.browser.find import NO_EXTRA, chromium
from ota_proxy.browser.look import as_root
from ota_proxy.commands import check as target
from ota_proxy.commands.check import Browser, CheckOptions, check
from ota_proxy.facts.install import PageFacts, ViewFacts
from ota_proxy.report import html
from ota_proxy.report.report import Report, TargetReport
from tests.support.browsers import needs_browser
from tests.support.device_servers import HOST, server_context, serving
from tests.support.reports import ids
from tests.support.walked_site import BASE, FULL, Site

START = "itms-services://?action=download-manifest&url="
MANIFEST = f"{BASE}/ota/manifest.plist"
pytestmark = needs_browser


def built(code: str, markup: str = "") -> bytes:
    """A page whose script has `go`, which hands the installer a manifest of this site."""
    go = f"const go = (to) => {{ to('{START}' + encodeURIComponent(location.origin + '/ota/manifest.plist')); }};"
    page = f'<!doctype html><meta name=viewport content="width=device-width"><title>An App</title><body>{markup}<script>{go}{code}</script>'
    return page.encode()


def looked(tmp_path: Path, page: bytes, browser: Browser = "auto", site: Site | None = None) -> TargetReport:
    site = site or Site()
    site.files["/"] = page
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)

    async def scene() -> TargetReport:
        async with serving(site.handle, context) as port:
            ways = {(HOST, 443): ("127.0.0.1", port)}
            return await check(f"{BASE}/", CheckOptions(ca_pem=FULL.root.pem, resolve=ways, browser=browser))

    return asyncio.run(scene())


def page_of(report: TargetReport) -> PageFacts:
    assert report.facts is not None
    assert report.facts.install is not None
    assert report.facts.install.page is not None
    return report.facts.install.page


def views(report: TargetReport) -> dict[str, ViewFacts]:
    return {view.device: view for view in page_of(report).views}


WAYS = """
const add = (label, act) => { const b = document.createElement('button'); b.textContent = label; b.onclick = act; document.body.append(b); };
const at = (name) => '%s' + encodeURIComponent(location.origin + '/' + name + '.plist');
add('Install by location', () => setTimeout(() => { location.href = at('location'); }, 100));
add('Install by window', () => open(at('window')));
add('Install by frame', () => { const f = document.createElement('iframe'); f.src = at('frame'); document.body.append(f); });
add('Install by anchor', () => { const a = document.createElement('a'); a.href = at('anchor'); document.body.append(a); a.click(); });
add('Install by form', () => { const f = document.createElement('form'); f.action = at('form'); f.method = 'post'; document.body.append(f); f.submit(); });
add('Install after a question', () => { if (confirm('Sure?')) location = at('question'); });
add('Install by the server', () => { location = '/go'; });
add('Delete', () => fetch('/delete', {method: 'POST'}));
const host = document.createElement('div'); document.body.append(host);
host.attachShadow({mode: 'open'}).innerHTML = `<a href="${at('shadow')}">Install from the shadow</a>`;
""".replace("%s", START)


def test_every_way_to_the_installer_is_found_and_what_deletes_is_left_alone(tmp_path: Path) -> None:
    site = Site()
    away = install_link(f"{BASE}/server.plist")

    def hook(method: str, path: str, _headers: dict[str, str]) -> bytes | None:
        if path == "/go":
            return f"HTTP/1.1 302 Found\r\nLocation: {away}\r\nContent-Length: 0\r\n\r\n".encode()
        assert method in {"GET", "HEAD"}, (method, path)
        return None

    site.hook = hook
    seen = views(looked(tmp_path, built(WAYS), site=site))
    names = ("location", "window", "frame", "anchor", "form", "question", "server", "shadow")
    for device in ("iPhone", "iPad"):
        assert {link.manifest_url for link in seen[device].links} == {f"{BASE}/{name}.plist" for name in names}, device
        assert seen[device].problem == ""
    assert "/delete" not in {path for _, path, _ in site.requests}


def test_a_page_that_a_script_builds_is_walked_like_any_other_and_shown_in_the_report(tmp_path: Path) -> None:
    report = looked(tmp_path, built("", "<button onclick='go((link) => { location = link; })'>Install</button>"))
    assert report.facts is not None
    assert report.facts.install is not None
    assert report.facts.install.manifest is not None
    assert report.facts.install.manifest.url == MANIFEST
    assert report.facts.install.packages
    assert not {"OTA114", "OTA115"} & ids(report)
    document = html.render(Report((report,)))
    screenshots = [data for view in page_of(report).views for _, data in view.screenshots]
    assert all(data.startswith(b"\xff\xd8\xff") for data in screenshots)
    assert document.count('src="data:image/jpeg;base64,') == len(screenshots) >= 2
    assert any("opened in Chromium" in note for note in report.notes)
    assert any("without its sandbox" in note for note in report.notes) == as_root()


def test_the_devices_look_like_themselves_to_scripts_and_to_the_server(tmp_path: Path) -> None:
    site = Site()
    code = (
        "const ipad = navigator.platform === 'MacIntel' && navigator.maxTouchPoints > 1 && /Macintosh/.test(navigator.userAgent);"
        "const said = [ipad ? 'pad' : /iPhone/.test(navigator.userAgent) && navigator.platform, innerWidth, 'ontouchend' in document, !!window.chrome];"
        "location = '%s' + encodeURIComponent(location.origin + '/' + said.join('-') + '.plist');"
    ).replace("%s", START)
    seen = views(looked(tmp_path, built(code), site=site))
    assert [link.manifest_url for link in seen["iPhone"].links] == [f"{BASE}/iPhone-393-true-false.plist"]
    assert [link.manifest_url for link in seen["iPad"].links] == [f"{BASE}/pad-834-true-false.plist"]
    assert any("Macintosh" in headers["user-agent"] for _, path, headers in site.requests if path == "/")


def test_a_script_that_shows_its_link_to_phones_alone_hides_it_from_ipads(tmp_path: Path) -> None:
    code = "if (/iPhone|iPad/.test(navigator.userAgent)) { document.body.innerHTML = '<button>Install</button>'; document.body.firstChild.onclick = () => go((l) => { location = l; }); }"
    assert "OTA115" in ids(looked(tmp_path, built(code)))


def test_what_a_page_names_cannot_make_us_ask_private_addresses(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def spy(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))

    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)
    site = Site()

    async def scene() -> TargetReport:
        async with serving(site.handle, context) as port, serving(spy) as other:
            near = f"127.0.0.1:{other}"
            site.files["/"] = built(
                f"fetch('http://{near}/a').catch(() => 0); new WebSocket('ws://{near}/b'); new Image().src = 'http://localhost:{other}/c';"
                f"const s = document.createElement('script'); s.src = 'https://{near}/d'; document.body.append(s);"
                f"const f = document.createElement('iframe'); f.src = 'http://[::ffff:127.0.0.1]:{other}/e'; document.body.append(f);"
                f"navigator.sendBeacon('http://{near}/f', 'x'); open('http://{near}/g');"
            )
            ways = {(HOST, 443): ("127.0.0.1", port)}
            return await check(f"{BASE}/", CheckOptions(ca_pem=FULL.root.pem, resolve=ways, browser="auto"))

    report = asyncio.run(scene())
    assert heard == []
    refused = views(report)["iPhone"].refused
    assert any("is a private address" in one for one in refused), refused


def test_a_page_that_posts_to_build_itself_gets_its_answer(tmp_path: Path) -> None:
    site = Site()
    site.hook = lambda method, path, headers: (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue"
        if (method, path, headers.get("content-length")) == ("POST", "/api", "7")
        else None
    )
    code = "fetch('/api', {method: 'POST', body: '{\"q\":1}'}).then((r) => r.json()).then((ok) => { if (ok) go((l) => { location = l; }); });"
    seen = views(looked(tmp_path, built(code), site=site))
    assert [link.manifest_url for link in seen["iPhone"].links] == [MANIFEST]


def test_a_page_whose_script_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ota_proxy.browser.look.SECONDS", 5.0)
    seen = views(looked(tmp_path, built("setTimeout(() => { for (;;); }, 300);")))
    assert all(view.problem for view in seen.values())


def test_a_page_without_any_link_says_that_it_was_tapped(tmp_path: Path) -> None:
    report = looked(tmp_path, built("", "<button>Hello</button><p>nothing</p>"))
    (found,) = [one for one in report.findings if one.rule.id == "OTA114"]
    assert "none when Chromium" in found.message
    assert "2 things on it were tapped" in found.message


def test_a_page_with_its_link_in_the_markup_is_opened_only_when_asked(tmp_path: Path) -> None:
    page = f"<script>1</script><a target=_top href='{START.replace('&', '&amp;')}{MANIFEST}'>Install</a>".encode()
    assert views(looked(tmp_path, page)) == {}
    assert set(views(looked(tmp_path, page, "on"))) == {"iPhone", "iPad"}


def test_what_was_not_run_is_said_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "missing", lambda _path: NO_EXTRA)
    for browser, reason in (("auto", NO_EXTRA), ("off", "--browser off")):
        report = looked(tmp_path, built("", "<button onclick='go(open)'>Install</button>"), browser)  # type: ignore[arg-type]
        (found,) = [one for one in report.findings if one.rule.id == "OTA114"]
        assert f"made by a script, and scripts were not run ({reason})" in found.message


def test_nothing_is_left_of_a_browser_when_we_are_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho $$ > "{noted}"\nexec "{chromium()}" "$@"\n')
    program.chmod(0o755)
    site = Site()
    site.files["/"] = built("for (;;);")
    context = server_context(tmp_path, FULL.leaf, FULL.lower, FULL.upper)
    (tmp_path / "root.pem").write_text(FULL.root.pem)

    async def scene() -> None:
        async with serving(site.handle, context) as port:
            command = [sys.executable, "-m", "ota_proxy", "check", f"{BASE}/", "--browser-path", str(program)]
            way = ["--ca", str(tmp_path / "root.pem"), "--resolve", f"{HOST}:443:127.0.0.1:{port}"]
            running = await asyncio.create_subprocess_exec(
                *command, *way, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            await until(lambda: noted.exists() and bool(noted.read_text().strip()))
            running.send_signal(signal.SIGKILL)
            await running.wait()
            await until(lambda: not alive(int(noted.read_text())))

    asyncio.run(scene())


async def until(holds: object) -> None:
    """Wait for an event; a minute without it is a failure."""
    assert callable(holds)
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not happen within a minute"
        await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_settings_of_the_browser_reach_the_workers_of_many_targets() -> None:
    from ota_proxy.commands.target_workers import _options, settings  # noqa: PLC0415 - next to its only use
    from ota_proxy.report.suppress import Judging  # noqa: PLC0415

    told = json.loads(settings(CheckOptions(browser="on", browser_path="/x"), Judging("error", ())))
    assert _options(told["options"]).browser == "on"
