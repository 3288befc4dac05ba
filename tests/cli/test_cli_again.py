"""The command in a file's header: the same whatever was done with the file, free of this machine, and it makes the file again."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy.commands.render import quoted
from tests.support.command_line import FLAGS, SERVERS, Run

SITE = """
domains = ["ota.example.com", "bücher.example"]

[[locations]]
path = "/ota/"
root = "/srv/my builds"

[hsts]
include_subdomains = true
"""
VARIABLES = {
    "OTA_PROXY_DOMAIN": "ota.example.com, b.example.com",
    "OTA_PROXY_ROOT": "/ota/=/srv/my builds",
    "OTA_PROXY_UPSTREAM": "http://127.0.0.1:8080",
    "OTA_PROXY_CERT": "/etc/ssl/ota.pem",
    "OTA_PROXY_KEY": "/etc/ssl/ota.key",
    "OTA_PROXY_HSTS_MAX_AGE": "31536000",
    "OTA_PROXY_HEADERS": '{ "X-Frame-Options" = "SAMEORIGIN" }',
    "OTA_PROXY_ACCESS_ALLOW": "10.0.0.0/8, 192.0.2.0/24",
    "OTA_PROXY_SCOPE": "full",
    "OTA_PROXY_FORMAT": "json",
}


def command_of(text: str) -> str:
    line = next(line for line in text.splitlines() if "Command: " in line)
    return line.partition("Command: ")[2]


def words_of(command: str) -> list[str]:
    """Let a shell read the command, which a person would do too."""
    script = f'ota-proxy() {{ printf "%s\\0" "$@"; }}; {command}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, timeout=30)
    return done.stdout.decode().split("\0")[:-1]


def by_flags(_: Path, __: pytest.MonkeyPatch) -> list[str]:
    return [*FLAGS, "--trusted-proxy", "10.0.0.0/8", "--set", 'headers.X-A=it\'s "quoted"', "--scope", "full"]


def by_file(folder: Path, _: pytest.MonkeyPatch) -> list[str]:
    (folder / "ota-proxy.toml").write_text(SITE, encoding="utf-8")
    return []


def by_file_and_flags(folder: Path, _: pytest.MonkeyPatch) -> list[str]:
    (folder / "my site.toml").write_text(SITE, encoding="utf-8")
    return ["--site", str(folder / "my site.toml"), "--set", "redirect.status=301", "--tls-profile", "modern"]


def by_project(folder: Path, _: pytest.MonkeyPatch) -> list[str]:
    (folder / "pyproject.toml").write_text('[tool.ota-proxy]\ndomains = ["ota.example.com"]\n', encoding="utf-8")
    return []


def by_environment(_: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    return []


def by_all_three(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    by_file(folder, monkeypatch)
    by_environment(folder, monkeypatch)
    monkeypatch.delenv("OTA_PROXY_UPSTREAM")
    return ["--set", "headers.X-B=b", "--domain", "c.example.com", "--set", "hsts.max_age=63072000"]


def by_foreign_signs(_: Path, __: pytest.MonkeyPatch) -> list[str]:
    return ["--domain", "bücher.example", "--root", "/srv/ö -- a #x ü'", "--set", "headers.X-A=a-->b#>c"]


WAYS: dict[str, Callable[[Path, pytest.MonkeyPatch], list[str]]] = {
    "flags": by_flags,
    "file": by_file,
    "file and flags": by_file_and_flags,
    "project": by_project,
    "environment": by_environment,
    "all three": by_all_three,
    "foreign signs": by_foreign_signs,
}


@pytest.fixture(params=WAYS)
def words(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Describe a site in one way; what is returned are the flags that belong to it."""
    return WAYS[request.param](tmp_path, monkeypatch)


@pytest.mark.parametrize("server", SERVERS)
def test_the_command_makes_the_same_text_again(
    server: str, words: list[str], monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    printed = run("render", server, *words)
    assert printed.code == 0, printed.err
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    again = words_of(command_of(printed.out))
    assert again[:2] == ["render", server]
    assert run(*again).out == printed.out


def test_the_command_is_the_same_on_stdout_in_a_file_and_for_a_check(
    words: list[str], tmp_path: Path, run: Run
) -> None:
    printed = run("render", "nginx", *words).out
    assert run("render", "nginx", *words, "-o", "out.conf", "--force").code == 0
    assert (tmp_path / "out.conf").read_bytes().decode() == printed
    assert run("render", "nginx", *words, "--check", "-o", "out.conf").code == 0
    assert run("render", "nginx", *words, "--diff", "-o", "out.conf").out == ""


def test_the_command_holds_no_folder_of_this_machine(words: list[str], tmp_path: Path, run: Run) -> None:
    assert str(tmp_path) not in run("render", "nginx", *words).out


@pytest.mark.parametrize("way", ["file", "project"])
def test_a_site_file_gives_the_same_bytes_from_another_folder(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    WAYS[way](tmp_path, monkeypatch)
    name = "ota-proxy.toml" if way == "file" else "pyproject.toml"
    assert run("render", "nginx", "-o", "out.conf").code == 0
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    target = str(tmp_path / "out.conf")
    assert run("render", "nginx", "--check", "-o", target).code == 0
    assert run("render", "nginx", "--check", "-o", target, "--site", f"../../{name}").code == 0
    monkeypatch.chdir("/")
    monkeypatch.setenv("OTA_PROXY_SITE", str(tmp_path / name))
    assert run("render", "nginx", "--check", "-o", target).code == 0


def test_a_value_that_decides_nothing_does_not_show(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("OTA_PROXY_ENGINE", "local")
    monkeypatch.setenv("OTA_PROXY_HSTS_MAX_AGE", "1")
    said = run("render", "nginx", *FLAGS, "--set", "hsts.max_age=63072000")
    assert command_of(said.out) == f"ota-proxy render nginx {shlex.join(FLAGS)} --set hsts.max_age=63072000"


@pytest.mark.parametrize(
    "word", ["plain", "two words", "it's", "a--b", "é", "#>", "-->", "\\", "a\\", "$x", "", "\U0001f4f1"]
)
def test_a_quoted_word_is_read_back_by_a_shell_and_is_printable_ascii(word: str) -> None:
    text = quoted(word)
    assert text.isascii()
    assert text.isprintable()
    assert words_of(f"ota-proxy {text}") == [word]
