"""What happens around a command: closed pipes, full disks, ^C, bugs, colours, other encodings."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from ota_proxy.cli import render, streams
from tests.support.command_line import Run, environment, on_a_terminal, spawn, using

OTA_PROXY = [sys.executable, "-m", "ota_proxy"]


def run_into(stdout: int, *words: str, cwd: Path, **env: str) -> tuple[int, str]:
    """Run a command with this stdout; return its exit code and what it wrote to stderr."""
    done = subprocess.run(
        [*OTA_PROXY, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment(**env),
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr.decode()


# -- stdout -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["render", "nginx"], ["--help"], ["config", "schema"], ["explain", "OTA406"], ["rules"]], ids=" ".join
)
def test_a_reader_that_goes_away_is_nothing_to_complain_about(words: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code, err = run_into(writer, *words, cwd=tmp_path)
    os.close(writer)
    assert (code, [line for line in err.splitlines() if re.search("rror|Traceback|Exception", line)]) == (0, [])


def test_a_stream_that_takes_less_at_once_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTHONUNBUFFERED, stdout is the file itself, and a disk that is nearly full or a signal cuts a write short."""
    got = bytearray()

    class Little(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]  # all that emit writes
            part = bytes(memoryview(data)[:7])
            got.extend(part)
            return len(part)

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Little(), encoding="utf-8", write_through=True))  # type: ignore[type-var]
    text = "ünbuffered " * 50
    streams.emit(text)
    assert bytes(got) == text.encode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "words", [["render", "nginx"], ["config", "schema"], ["explain", "OTA406"], ["rules"]], ids=" ".join
)
def test_a_full_disk_behind_stdout_is_said_in_a_sentence(words: list[str], tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    code, err = run_into(full, *words, cwd=tmp_path)
    os.close(full)
    assert code == 2
    assert "ota-proxy: error: stdout: cannot write: No space left on device" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_a_closed_stdout_is_nothing_to_complain_about(tmp_path: Path) -> None:
    script = f"exec {' '.join(OTA_PROXY)} render nginx >&-"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, cwd=tmp_path, env=environment(), timeout=60, check=False
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_configuration_is_the_same_bytes_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    words = ("render", "nginx", "--domain", "a.example.com", "--root", "/srv/ö→")
    done = subprocess.run(
        [*OTA_PROXY, *words],
        capture_output=True,
        cwd=tmp_path,
        env=environment(PYTHONIOENCODING=encoding),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    spawn(*words, "-o", "site.conf", cwd=tmp_path)
    assert done.stdout == (tmp_path / "site.conf").read_bytes()


def test_where_nobody_reads_what_people_are_told_the_work_goes_on(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [*OTA_PROXY, "render", "nginx", "-o", "site.conf"]
    done = subprocess.run(words, stderr=writer, cwd=tmp_path, env=environment(), timeout=60, check=False)
    assert done.returncode == 0
    assert (tmp_path / "site.conf").is_file()
    wrong = [*OTA_PROXY, "render", "nginx", "--set", "x"]
    assert (
        subprocess.run(wrong, stderr=writer, cwd=tmp_path, env=environment(), timeout=60, check=False).returncode == 2
    )
    os.close(writer)


# -- colours ----------------------------------------------------------------------------------------------------------


def painted(*words: str, cwd: Path, **env: str) -> str:
    """Return what a command writes to a terminal of its own."""
    return on_a_terminal(lambda terminal: run_into(terminal, *words, cwd=cwd, TERM="xterm", **env))


@pytest.fixture
def refusing_port() -> Iterator[int]:
    with socket.socket() as taken:  # bound and not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_colours_are_for_terminals_and_no_color_switches_them_off(refusing_port: int, tmp_path: Path) -> None:
    words = ("check", f"https://127.0.0.1:{refusing_port}/app.plist")
    assert "\x1b[" in painted(*words, cwd=tmp_path, NO_COLOR="")
    assert "\x1b[" not in painted(*words, cwd=tmp_path, NO_COLOR="1")
    assert "\x1b[" not in spawn(*words, cwd=tmp_path).out


def test_a_configuration_has_no_colours_on_a_terminal_either(tmp_path: Path) -> None:
    assert "\x1b" not in painted("render", "nginx", cwd=tmp_path)


# -- bugs and ^C ------------------------------------------------------------------------------------------------------


def test_a_bug_says_that_it_is_one_and_how_to_report_it(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr(render, "load_sites", fail)
    said = run("render", "nginx")
    assert said.code == 70
    assert re.match(
        r"ota-proxy: bug in ota-proxy \d\S*: RuntimeError: the sky fell\n  hint: .*OTA_PROXY_DEBUG=1", said.err
    )
    monkeypatch.setenv("OTA_PROXY_DEBUG", "1")
    with pytest.raises(RuntimeError, match="the sky fell"):
        run("render", "nginx")


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError, OSError])
def test_a_broken_pipe_of_something_else_is_not_taken_for_a_reader_that_went(
    error: type[OSError], monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    def fail(*_: object) -> None:
        raise error("elsewhere")

    monkeypatch.setattr(render, "load_sites", fail)
    assert run("render", "nginx").code == 70


def test_an_interrupt_is_130_and_one_line(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(render, "load_sites", interrupt)
    said = run("render", "nginx")
    assert (said.code, said.out, said.err) == (130, "", "ota-proxy: interrupted\n")


@contextlib.contextmanager
def running(*words: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command whose temporary files go to `folder`; a test that fails leaves nothing running."""
    pipe = subprocess.PIPE
    env = environment(TMPDIR=str(folder))
    with subprocess.Popen([*OTA_PROXY, *words], stdout=pipe, stderr=pipe, cwd=folder, env=env, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_of(stream: IO[str] | None) -> Iterator[str]:
    assert stream is not None
    for line in stream:  # noqa: UP028 - `yield from` would close the stream with this generator
        yield line


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_an_interrupted_run_ends_its_server_and_is_130(open_folder: Path) -> None:
    with running("verify", "nginx", "--engine", "embedded", folder=open_folder) as process:
        assert any("] page" in line for line in lines_of(process.stderr))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "ota-proxy: interrupted"
    assert using(open_folder) == []
    assert list(open_folder.iterdir()) == []


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_up_tells_how_to_reach_the_server_and_ends_it_at_an_interrupt(open_folder: Path) -> None:
    with running("up", "nginx", "--engine", "embedded", folder=open_folder) as process:
        told: dict[str, str] = {}
        for line in lines_of(process.stdout):
            name, _, rest = line.partition(" ")
            told[name] = rest.strip()
            if name == "try":
                break
        ca = told["CA"].removeprefix("file  ")
        (port,) = re.findall(r"ota\.example\.com:443:127\.0\.0\.1:(\d+)", told["try"])
        assert manifest(ca, int(port)).startswith(b"HTTP/1.1 200")
        by_hand = "\n".join(itertools.takewhile(lambda line: not line.startswith("^C"), lines_of(process.stderr)))
        assert f"curl --cacert {ca} " in by_hand
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)), 5)
    assert list(open_folder.iterdir()) == []


def manifest(ca: str, port: int) -> bytes:
    context = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="ota.example.com") as secure,
    ):
        secure.sendall(b"GET /app.plist HTTP/1.0\r\nHost: ota.example.com\r\n\r\n")
        return secure.recv(100)


# -- progress ---------------------------------------------------------------------------------------------------------


def test_what_takes_long_is_named_before_it_is_awaited(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/app.plist"
        with running("check", url, "--allow-private", folder=tmp_path) as process:
            assert process.stderr is not None
            silent, _ = server.accept()  # nothing is answered until the step was seen
            with silent:
                said = ""
                while f"manifest: GET {url}" not in said:
                    more = os.read(process.stderr.fileno(), 4096)
                    assert more, said
                    said += more.decode()
            server.close()
            process.communicate(timeout=120)


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
def test_a_run_names_its_steps_in_their_order(open_folder: Path) -> None:
    with running("verify", "nginx", "--engine", "embedded", folder=open_folder) as process:
        _, said = process.communicate(timeout=120)
    steps = [
        "looking for",
        "looking at nginx",
        "starting nginx",
        "waiting for",
        "page: GET",
        "manifest: GET",
    ]
    assert sorted(steps, key=lambda step: said.index(f"] {step}")) == steps


def test_a_check_of_several_targets_keeps_their_lines_apart(refusing_port: int, tmp_path: Path) -> None:
    urls = [f"https://127.0.0.1:{refusing_port}/{name}.plist" for name in ("a", "b")]
    said = spawn("check", *urls, cwd=tmp_path)
    lines = [line for line in said.err.splitlines() if "manifest: GET" in line]
    assert said.code in (1, 3)
    for number, url in enumerate(urls, 1):
        (ended,) = [line for line in lines if f"GET {url}: " in line]
        assert f"] [{number}/2] manifest: GET" in ended
