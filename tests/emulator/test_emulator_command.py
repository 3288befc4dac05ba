"""`ota-proxy up iis --site-root DIR` as a program: its ready line, its log, its end, and what it refuses."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import environment

PLIST = '<staticContent><remove fileExtension=".plist"/><mimeMap fileExtension=".plist" mimeType="text/xml"/></staticContent>'
KEYS = {"method", "url", "status", "substatus", "rewritten_url", "served", "proxied_to", "upstream_headers", "rule"}


def site(folder: Path, inside: str = "") -> Path:
    """Write a site whose web.config has `inside` system.webServer."""
    root = folder / "site"
    root.mkdir()
    (root / "app.plist").write_bytes(b"<plist/>")
    (root / "web.config").write_text(
        f"<configuration><system.webServer>{inside}</system.webServer></configuration>", encoding="utf-8"
    )
    return root


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ota_proxy", "up", "iis", *words]


@contextmanager
def running(root: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Run it until the context ends; yields the process and the ready line."""
    argv = command("--site-root", str(root), "--access-log", str(root.parent / "log"), *words)
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root.parent, env=environment())
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def refused(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        command(*words), capture_output=True, text=True, timeout=120, cwd=folder, env=environment(), check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def get(url: str, ca: str = "") -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=ca) if ca else None
    try:
        with urllib.request.urlopen(url, context=context, timeout=20) as answer:  # noqa: S310 - our own server
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_says_where_it_listens_serves_over_http_and_verified_https_and_logs(tmp_path: Path) -> None:
    with running(site(tmp_path, PLIST)) as (_, ready):
        assert set(ready) == {"http", "https", "ca"}
        assert get(f"http://127.0.0.1:{ready['http']}/app.plist?a=b") == (200, b"<plist/>")
        assert get(f"https://localhost:{ready['https']}/APP.plist", ready["ca"]) == (200, b"<plist/>")
        assert get(f"http://127.0.0.1:{ready['http']}/none")[0] == 404
    lines = [json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    assert [set(line) for line in lines] == [KEYS] * 3
    assert [(line["url"], line["status"], line["served"]) for line in lines] == [
        ("/app.plist?a=b", 200, "app.plist"),
        ("/APP.plist", 200, "app.plist"),
        ("/none", 404, None),
    ]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_it_is_told_to(tmp_path: Path, how: signal.Signals) -> None:
    with running(site(tmp_path)) as (process, ready):
        process.send_signal(how)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
        assert not Path(ready["ca"]).exists()


def test_a_configuration_that_iis_refuses_starts_and_answers_500_19_in_its_reach(tmp_path: Path) -> None:
    root = site(tmp_path, PLIST)
    (root / "bad").mkdir()
    (root / "bad" / "web.config").write_text(
        "<configuration><system.webServer><staticContent nothing='x'/></system.webServer></configuration>"
    )
    with running(root) as (_, ready):
        assert get(f"http://127.0.0.1:{ready['http']}/app.plist")[0] == 200
        status, page = get(f"http://127.0.0.1:{ready['http']}/bad/app.plist")
    assert status == 500
    assert b"500.19" in page
    last = json.loads((tmp_path / "log").read_text(encoding="utf-8").splitlines()[-1])
    assert (last["status"], last["substatus"], last["hresult"]) == (500, 19, "0x8007000d")


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ('<rewrite><rules><rule name="r"><match url="(?i)a"/><action type="None"/></rule></rules></rewrite>', "(?i)a"),
        (
            '<rewrite><rules><rule name="r"><match url="a"/><action type="Rewrite" url="{NoMap:{R:0}}"/></rule></rules></rewrite>',
            "NoMap",
        ),
        (
            '<rewrite><rules><rule name="r"><match url="a"/><action type="Rewrite" url="{LOGON_USER}"/></rule></rules></rewrite>',
            "LOGON_USER",
        ),
        (
            '<rewrite><outboundRules><rule name="o"><match filterByTags="A" pattern="a"/></rule></outboundRules></rewrite>',
            "on the body",
        ),
        (
            '<httpErrors errorMode="Custom"><remove statusCode="404"/><error statusCode="404" path="/e.html" responseMode="ExecuteURL"/></httpErrors>',
            "ExecuteURL",
        ),
        ('<aspNetCore processPath="dotnet"/>', "aspNetCore"),
    ],
)
def test_what_is_not_modelled_ends_the_start_with_its_name(tmp_path: Path, inside: str, named: str) -> None:
    code, said = refused(tmp_path, "--site-root", str(site(tmp_path, inside)))
    assert code == 3
    assert named in said
    assert "only Windows can tell" in said


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("--site-root", "nowhere"), "--site-root nowhere: there is no such folder"),
        (("--http-port", "8080"), "--http-port: there is no folder to run"),
        (("--site-root", ".", "--apphost", "none.config"), "--apphost none.config"),
        (("--site-root", ".", "--access-log", "no/such/folder/log"), "--access-log no/such/folder/log"),
        (("--site-root", ".", "--windows", "2003"), "2003"),
        (("--site-root", ".", "--https-port", "70000"), "'70000' is not a port"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence_with_its_place(
    tmp_path: Path, words: tuple[str, ...], place: str
) -> None:
    code, said = refused(tmp_path, *words)
    assert code == 2
    assert place in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    root = site(tmp_path)
    with running(root) as (_, ready):
        code, said = refused(tmp_path, "--site-root", str(root), "--http-port", str(ready["http"]))
    assert code == 2
    assert f"--http-port {ready['http']}: the port cannot be used" in said


def test_the_folder_flags_are_for_iis_only(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ota_proxy", "up", "nginx", "--site-root", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )
    assert done.returncode == 2
    assert "--site-root: only for `ota-proxy up iis`" in done.stderr


def test_a_domain_is_a_name_of_the_certificate_too(tmp_path: Path) -> None:
    with running(site(tmp_path, PLIST), "--domain", "ota.example.com") as (_, ready):
        trust = ssl.create_default_context(cafile=ready["ca"])
        for name in ("ota.example.com", "localhost"):
            with (
                socket.create_connection(("127.0.0.1", ready["https"]), 10) as plain,
                trust.wrap_socket(plain, server_hostname=name) as secure,
            ):
                assert secure.version()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--domain", "10.0.0.1"), "--domain: the domain '10.0.0.1' is an address"),
        (("--root", "/srv/ota"), "--root: nothing is rendered with --site-root"),
        (("--set", "http2=false"), "--set: nothing is rendered with --site-root"),
        (("--config", "web.config"), "--config: nothing is rendered with --site-root"),
        (("--ipa", "App.ipa"), "--ipa: nothing is rendered with --site-root"),
    ],
)
def test_a_flag_that_says_nothing_of_a_folder_is_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    code, text = refused(tmp_path, "--site-root", str(site(tmp_path)), *words)
    assert code == 2
    assert said in text


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ((), "https://localhost:{https}/ --allow-private"),
        (("--domain", "ota.example.com"), "https://ota.example.com/ --resolve ota.example.com:443:127.0.0.1:{https}"),
    ],
)
def test_people_are_told_how_to_ask_it_and_when_a_folder_has_no_web_config(
    words: tuple[str, ...], url: str, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    with running(bare, *words) as (process, ready):
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert f"note: {bare} has no web.config: the defaults of IIS answer" in told.decode()
    assert f"ota-proxy check {url.format(**ready)} --ca {ready['ca']}" in told.decode()


def test_a_configuration_that_iis_would_refuse_is_told_at_the_start(tmp_path: Path) -> None:
    root = site(tmp_path, "<security><access sslFlags='Ssl'/></security>")
    with running(root) as (process, ready):
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(f"http://localhost:{ready['http']}/app.plist", timeout=10)
        assert answer.value.code == 500
        answer.value.close()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    line = next(line for line in told.decode().splitlines() if "500.19" in line)
    assert line.startswith("warning: IIS would answer 500.19 to every request: ")
    assert "web.config:1: This configuration section cannot be used" in line
    assert line.endswith("(0x80070021)")
