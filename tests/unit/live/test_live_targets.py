"""What may be checked, where it is asked, and when there is no verdict."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from ota_proxy.cli.main import main
from ota_proxy.commands.check import CheckOptions, check, checked, server_of
from ota_proxy.commands.resolve import read_resolve
from ota_proxy.errors import UsageError
from tests.support.facts import answered, healthy, manifest
from tests.support.live_server import BASE, files, live


def found(output: str, status: str = "failed") -> set[str]:
    return {one["rule"] for one in json.loads(output)["outcomes"] if one["status"] == status}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("ota.example.com:443:192.0.2.7", (("ota.example.com", 443), ("192.0.2.7", 443))),
        ("ota.example.com:443:192.0.2.7:8443", (("ota.example.com", 443), ("192.0.2.7", 8443))),
        ("OTA.Example.com.:443:[2001:db8::7]", (("ota.example.com", 443), ("2001:db8::7", 443))),
        ("ota.example.com:443:[2001:db8::7]:8443", (("ota.example.com", 443), ("2001:db8::7", 8443))),
        ("ota.example.com:443:2001:db8::7", (("ota.example.com", 443), ("2001:db8::7", 443))),
        ("[::1]:443:127.0.0.1", (("::1", 443), ("127.0.0.1", 443))),
        ("bücher.example:443:127.0.0.1", (("xn--bcher-kva.example", 443), ("127.0.0.1", 443))),
    ],
)
def test_resolve_takes_curls_form_and_a_port_of_the_address(text: str, way: object) -> None:
    assert tuple(read_resolve([text])[0].items()) == (way,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ota.example.com",
        "ota.example.com:443",
        "ota.example.com:443:",
        "ota.example.com:443:localhost",
        "ota.example.com:https:127.0.0.1",
        "ota.example.com:0:127.0.0.1",
        "ota.example.com:65536:127.0.0.1",
        "ota.example.com:443:127.0.0.1:0",
        "ota.example.com:443:[127.0.0.1]",
        "ota.example.com:443:999.0.0.1",
        "*:443:127.0.0.1",
        "..:443:127.0.0.1 x",
    ],
)
def test_resolve_refuses_everything_else_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_resolve([text])
    assert caught.value.place == "--resolve"
    assert caught.value.hint


def test_two_families_for_one_host_are_both_kept_and_one_family_is_replaced() -> None:
    first, also = read_resolve(["h.example:443:192.0.2.1", "h.example:443:[2001:db8::1]", "h.example:443:192.0.2.2"])
    assert first == {("h.example", 443): ("192.0.2.2", 443)}
    assert also == {("h.example", 443): ("2001:db8::1", 443)}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("ota.example.com/app.plist", "did you mean https://ota.example.com/app.plist?"),
        ("localhost:8443/x", "did you mean https://localhost:8443/x?"),
        ("192.0.2.1", "did you mean https://192.0.2.1?"),
        ("[::1]:8443/", "did you mean https://[::1]:8443/?"),
        ("itms-service://?action=x", "an install link starts with itms-services:"),
        ("ftp://ota.example.com/app.ipa", "give an https URL"),
        ("app.plist and more", "give an https URL"),
        ("https:///app.plist", "give an https URL"),
        ("https://ota.example.com:0/", "give an https URL"),
        ("https://[::1/", ""),
        ("https://ota.example.com:99999/", ""),
    ],
)
def test_a_target_that_is_none_is_refused_with_what_was_meant(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(text)
    assert caught.value.hint.startswith(hint)
    assert bool(caught.value.hint) == bool(hint)


@pytest.mark.parametrize("text", [f" {BASE}/ ", f"'{BASE}/'", f'"{BASE}/"', f"<{BASE}/>", f"{BASE}/\n"])
def test_a_target_may_bring_the_blanks_and_quotes_it_was_pasted_with(text: str) -> None:
    assert checked(text) == f"{BASE}/"


def test_a_url_without_scheme_is_exit_2_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "localhost:1/?token=abcdefghijkl", "https://localhost:1/"]) == 2
    said = capsys.readouterr()
    assert "did you mean https://localhost:1/" in said.err
    assert "efghijkl" not in said.err
    assert said.out == ""


def test_a_host_where_nobody_answers_is_exit_3_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "https://localhost:1/"]) == 3
    output = " ".join(capsys.readouterr().out.split())
    assert "no verdict: nothing listens at" in output
    assert "so nothing can be said" in output
    assert "--resolve" in output


def test_a_server_that_takes_connections_and_says_nothing_is_given_up_at_the_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        way = f"ota.example.com:443:127.0.0.1:{port}"
        assert main(["check", f"{BASE}/app.plist", "--resolve", way, "--timeout", "0.5", "--format", "json"]) == 3
        reason = json.loads(capsys.readouterr().out)["summary"]["without_verdict"][0]["reason"]
    assert reason.startswith("given up after 0.5 s, at the step 'tls'")


def test_a_broken_link_is_judged_although_its_host_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    link = f"itms-services://?action=download-manifest&amp;url={quote('https://localhost:1/a.plist', safe='')}"
    assert main(["check", link, "--format", "json"]) == 1
    assert "OTA102" in found(capsys.readouterr().out)


def test_a_page_with_three_apps_is_one_target_with_every_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with live(tmp_path, files(("one", "two", "three"))) as server:
        assert main(["check", f"{BASE}/", *server.flags]) == 0
    said = capsys.readouterr()
    for app in ("one", "two", "three"):
        assert f"package: GET {BASE}/{app}.ipa" in said.err
    assert "(nginx 1.26.3)" in said.out


def test_one_broken_app_of_several_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = files(("one", "two"))
    del content["/two.ipa"]
    with live(tmp_path, content) as server:
        assert main(["check", f"{BASE}/", *server.flags, "--format", "json"]) == 1
    failed = [one for one in json.loads(capsys.readouterr().out)["outcomes"] if one["rule"] == "OTA401"]
    assert [one["subject"] for one in failed] == [f"{BASE}/two.ipa"]


def test_a_phone_that_is_not_in_the_profile_or_too_old_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = ["--udid", "00008030-001A2B3C4D5E6F70", "--ios", "9.3.5"]
    with live(tmp_path) as server:
        assert main(["check", f"{BASE}/app.plist", *server.flags, *phone, "--format", "json"]) == 1
    assert {"OTA507", "OTA509"} <= found(capsys.readouterr().out)


def test_several_targets_make_one_report_in_the_order_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with live(tmp_path) as server:
        assert main(["check", "https://localhost:1/", f"{BASE}/app.plist", *server.flags, "--format", "json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert [one["target"] for one in report["targets"]] == ["https://localhost:1/", f"{BASE}/app.plist"]


def test_a_server_of_one_byte_a_second_is_given_up_with_the_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with live(tmp_path) as server:
        assert main(["check", f"{BASE}/slow/app.plist", *server.flags, "--timeout", "3"]) == 3
    output = " ".join(capsys.readouterr().out.split())
    assert "given up after 3 s, at the step 'manifest' (GET https://ota.example.com/slow/app.plist)" in output


@pytest.mark.parametrize(
    ("flags", "place"),
    [
        (["--ca", "missing.pem"], "--ca missing.pem"),
        (["--udid", "123"], "--udid"),
        (["--ios", "latest"], "--ios"),
        (["--jobs", "0"], "--jobs"),
        (["--timeout", "0"], "--timeout"),
        (["--timeout", "nan"], "--timeout"),
        (["--resolve", "x"], "--resolve"),
        (["-o", "."], "."),
    ],
)
def test_a_wrong_flag_is_exit_2_with_its_name(flags: list[str], place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "https://localhost:1/", *flags]) == 2
    said = capsys.readouterr()
    assert place in said.err
    assert said.out == ""


def test_a_ca_file_without_a_certificate_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "der").write_bytes(b"\x30\x82\xff")
    (tmp_path / "text").write_text("no certificate")
    for name in ("der", "text"):
        assert main(["check", "https://localhost:1/", "--ca", name]) == 2
        assert "hint: " in capsys.readouterr().err


def test_nothing_to_check_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert "nothing to check" in capsys.readouterr().err


def test_the_options_of_a_file_hold_although_its_site_is_not_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ota-proxy.toml").write_text('[options]\nformat = "json"\n')
    assert main(["check", "https://localhost:1/"]) == 3
    assert json.loads(capsys.readouterr().out)["targets"][0]["target"] == "https://localhost:1/"


@pytest.mark.parametrize(
    ("header", "server"),
    [
        ("nginx/1.26.3", ("nginx", "1.26.3")),
        ("nginx", ("nginx", "")),
        ("Apache/2.4.62 (Debian)", ("apache", "2.4.62")),
        ("Microsoft-IIS/10.0", ("iis", "10.0")),
        ("openresty/1.27.1.1", ("nginx", "1.27.1.1")),
        ("Apache-Coyote/1.1", ("", "")),
        ("cloudflare", ("", "")),
        ("nginxed", ("", "")),
        ("", ("", "")),
    ],
)
def test_the_server_header_says_whose_remedy_is_shown(header: str, server: tuple[str, str]) -> None:
    bare = healthy(page=None, plain=None, packages=(), images=(), missing=None, folder=None)
    seen = answered(manifest().visit, server=header)
    other = dict.fromkeys(("browser", "mdm", "h1", "compressed", "unknown_host"))
    assert server_of(replace(bare, manifest=replace(manifest(), visit=seen, **other))) == server  # type: ignore[arg-type]


def test_a_deadline_ends_the_walk_and_leaves_nothing_running(tmp_path: Path) -> None:
    async def scene(port: int, ca: str) -> int:
        way = {("ota.example.com", 443): ("127.0.0.1", port)}
        report = await check(f"{BASE}/slow/x.plist", CheckOptions(ca_pem=ca, resolve=way, seconds=1.5))
        assert not report.judged
        return len(asyncio.all_tasks())

    with live(tmp_path) as server:
        assert asyncio.run(scene(server.port, server.ca.read_text())) == 1
