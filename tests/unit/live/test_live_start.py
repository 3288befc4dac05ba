"""Starting at the QR code in an image, and the App Transport Security matrix on request, through the whole command."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import segno

from ota_proxy.apps.install_link import install_link
from ota_proxy.cli.main import main
from ota_proxy.device.ats_matrix import matrix
from tests.support.facts import NOW, tls
from tests.support.live_server import BASE, live

LINK = install_link(f"{BASE}/app.plist")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def code(folder: Path, text: str) -> str:
    segno.make(text).save(str(folder / "code.png"), scale=4)
    return str(folder / "code.png")


@pytest.mark.parametrize("text", [f"{BASE}/", f"{BASE}/app.plist", LINK])
def test_an_image_of_a_code_is_a_start_like_its_text(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with live(tmp_path) as server:
        assert main(["check", code(tmp_path, text), *server.flags]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(text)
    assert "read from the QR code in" in shown


def test_a_separator_of_html_in_a_code_is_found_as_a_fault_of_the_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with live(tmp_path) as server:
        image = code(tmp_path, LINK.replace("&", "&amp;"))
        assert main(["check", image, "--format", "json", *server.flags]) == 1
    (found,) = [
        one for one in json.loads(capsys.readouterr().out)["outcomes"] if one["severity"] == "error" == _failed(one)
    ]
    assert found["rule"] == "OTA102"
    assert "in a QR code" in found["evidence"]


@pytest.mark.parametrize(
    ("name", "way"), [("App.ipa", "verify nginx --ipa App.ipa"), ("web.config", "`ota-proxy lint`"), (".", "https URL")]
)
def test_a_file_or_folder_that_is_here_is_no_host_that_was_meant(
    name: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name != ".":
        Path(name).write_text("x", encoding="utf-8")
    assert main(["check", name]) == 2
    said = capsys.readouterr().err
    assert f"ota-proxy: error: {name}: this is a file or folder on this machine" in said
    assert way in said
    assert "did you mean" not in said


def test_a_name_that_is_too_long_for_a_file_is_refused_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "x" * 5000]) == 2
    assert "is not a URL that a device can open" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "reason"),
    [("nothing", "no PEM certificate\n"), ("-----BEGIN CERTIFICATE-----\nx", "no PEM certificate: ")],
)
def test_a_ca_file_without_a_certificate_is_named(text: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ca.pem").write_text(text, encoding="utf-8")
    assert main(["check", f"{BASE}/", "--ca", "ca.pem"]) == 2
    assert f"ota-proxy: error: --ca ca.pem: the CA file holds {reason}" in capsys.readouterr().err


def _failed(outcome: dict[str, str]) -> str:
    return outcome["severity"] if outcome["status"] == "failed" else ""


def test_a_code_that_says_something_else_is_refused_with_the_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", code(tmp_path, "WIFI:S:office;;")]) == 2
    said = capsys.readouterr().err
    assert "code.png" in said
    assert "no device can install from" in said


def test_an_image_in_a_list_of_targets_is_told_where_it_belongs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "urls.txt").write_text("poster.png\n", encoding="utf-8")
    assert main(["check", "--targets", "urls.txt"]) == 2
    assert "ota-proxy check IMAGE" in json.loads(capsys.readouterr().out)["reason"]


def test_the_matrix_is_shown_where_it_is_asked_for_and_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row.name for row in matrix(tls(), NOW)]
    with live(tmp_path) as server:
        target = f"{BASE}/app.plist"
        main(["check", target, *server.flags])
        plain = capsys.readouterr().out
        main(["check", target, "--ats", *server.flags])
        shown = capsys.readouterr().out
    assert "exception by exception" not in plain
    assert [line for line in shown.splitlines() if "pass" in line or "fail" in line][: len(rows)] == [
        line for line in shown.splitlines() if any(f"  {name}: " in line for name in rows)
    ]


def test_the_matrix_in_json_is_what_the_schema_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with live(tmp_path) as server:
        main(["check", f"{BASE}/app.plist", "--ats", "--format", "json", *server.flags])
    report = json.loads(capsys.readouterr().out)
    schema = json.loads((resources.files("ota_proxy") / "report" / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema)
    (host,) = report["targets"][0]["ats"]
    assert host["host"] == BASE.removeprefix("https://") + ":443"
    assert {row["name"]: row["result"] for row in host["rows"]}["App Transport Security"] == "pass"
    assert len(host["rows"]) == len(matrix(tls(), NOW))


class _Rows(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's own signature
        self.count += tag == "tr"


def test_the_matrix_is_a_table_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with live(tmp_path) as server:
        main(["check", f"{BASE}/app.plist", "--ats", "--format", "html", *server.flags])
    page = _Rows()
    page.feed(capsys.readouterr().out)
    assert page.count == len(matrix(tls(), NOW)) + 1
