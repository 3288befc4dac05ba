"""Which browser is used, and what is said where none can be; nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.browser import find
from ota_proxy.browser.wire import Wire
from ota_proxy.cli.main import main
from ota_proxy.device.network import Network

URL = "https://ota.example.com/"


def program(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\nexit 1\n")
    file.chmod(0o755)
    return str(file)


def test_the_first_known_browser_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chrome = program(tmp_path, "google-chrome")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find.chromium() == chrome
    assert find.chromium(program(tmp_path, "chromium")) == str(tmp_path / "chromium")
    assert find.chromium() == str(tmp_path / "chromium")
    assert find.chromium("no-such-browser") == ""


def test_a_machine_without_extra_or_browser_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    monkeypatch.setattr(find, "_APPLICATIONS", ())
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    assert "apt install chromium" in find.missing()
    assert "is not a program" in find.missing("nothing-here")
    program(tmp_path / "none" / "webkit-2200", "x")
    assert find.missing() == ""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert "pip install 'ota-proxy[browser]'" in find.missing()


@pytest.mark.parametrize("flags", [["--browser", "on"], ["--browser-path", "/nothing/here"]])
def test_a_browser_that_was_asked_for_and_is_not_there_is_said_before_anything_is_asked(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(find, "missing", lambda _path="": find.NO_EXTRA)
    assert main(["check", URL, *flags]) == 2
    assert "pip install 'ota-proxy[browser]'" in capsys.readouterr().err


def test_a_page_may_ask_only_so_much_and_only_read_what_is_merely_tried() -> None:
    wire = Wire(Network(), "agent", lambda _address: None)
    assert wire._why_not("POST") == ""  # noqa: SLF001 - the one place where it is decided
    wire.careful = True
    assert "could change something" in wire._why_not("POST")  # noqa: SLF001 - likewise
    assert wire._why_not("GET") == ""  # noqa: SLF001 - likewise
    wire.requests = 200
    assert "more than 200 requests" in wire._why_not("GET")  # noqa: SLF001 - likewise
