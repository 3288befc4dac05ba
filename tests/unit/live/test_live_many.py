"""Many targets: a line for each as it is done, nobody waits for the slow, and the worst decides."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ota_proxy.cli.main import main
from ota_proxy.commands import many_targets as reader
from ota_proxy.commands import target_workers as fleet
from ota_proxy.commands.check import CheckOptions
from ota_proxy.commands.many_targets import Meter, Sink, Waiting, check_many, targets_of
from ota_proxy.report.json import LINE_SCHEMA, failed_line, worst
from ota_proxy.report.suppress import Judging
from tests.support.live_server import BASE, files, live
from tests.support.report_targets import SCHEMA as REPORT_SCHEMA

DEAD = "https://dead.example.com:1/a.plist"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_comments_and_blank_lines_are_no_targets_and_a_fragment_is_no_comment() -> None:
    text = b"\xef\xbb\xbf# all\n\nhttps://a.example/#x  # why\n  https://b.example/\t# tab\r\n   # more\n"
    assert list(targets_of(text.splitlines(keepends=True))) == ["https://a.example/#x", "https://b.example/"]


def test_every_target_gets_one_line_and_the_worst_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = files()
    content["/bad.plist"] = b"<html>"
    names = [*(f"{BASE}/app.plist?n={number}" for number in range(6)), f"{BASE}/bad.plist", DEAD]
    (tmp_path / "urls.txt").write_text("# ours\n" + "\n".join(names) + "\n")
    with live(tmp_path, content) as server:
        assert main(["check", "--targets", "urls.txt", "--jobs", "4", *server.flags]) == 1
        lines = lines_of(capsys.readouterr().out)
    assert sorted(line["target"] for line in lines) == sorted(names)
    codes = {line["target"]: line["exit"] for line in lines}
    assert codes == dict.fromkeys(names, 0) | {f"{BASE}/bad.plist": 1, DEAD: 3}
    outcome = {**REPORT_SCHEMA["$defs"]["outcome"], "$defs": REPORT_SCHEMA["$defs"]}
    for line in lines:
        assert line["schema"] == LINE_SCHEMA
        assert {one["status"] for one in line["outcomes"]} <= {"failed", "no-verdict"}
        for one in line["outcomes"]:
            jsonschema.validate(one, outcome)
        counted = sum(line["summary"]["findings"].values())
        assert counted == sum(one["status"] == "failed" for one in line["outcomes"])


def test_a_slow_target_holds_up_nobody_and_is_given_up_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [*(f"{BASE}/slow/{number}.plist" for number in range(2)), *(f"{BASE}/app.plist?{n}" for n in range(4))]
    (tmp_path / "urls.txt").write_text("\n".join(names))
    with live(tmp_path) as server:
        assert main(["check", "--targets", "urls.txt", "--jobs", "3", "--timeout", "20", *server.flags]) == 3
    lines = lines_of(capsys.readouterr().out)
    assert ["/slow/" in line["target"] for line in lines] == [False] * 4 + [True] * 2
    for line in lines[4:]:
        assert line["reason"].startswith("given up after 20 s, at the step 'manifest'")
        assert line["seconds"] >= 20


def test_a_line_that_is_no_target_is_exit_2_and_the_others_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "urls.txt").write_text(f"ota.example.com/app.plist\n{DEAD}\n")
    assert main(["check", "--targets", "urls.txt"]) == 2
    reasons = {line["target"]: line["reason"] for line in lines_of(capsys.readouterr().out)}
    assert "did you mean https://ota.example.com/app.plist?" in reasons["ota.example.com/app.plist"]
    assert "nothing answered" in reasons[DEAD]


def test_targets_come_from_stdin_and_lines_go_to_a_file(tmp_path: Path) -> None:
    program = "import sys; from ota_proxy.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "check", DEAD, "--targets", "-", "-o", "out.jsonl"],
        input=f"{DEAD}?2\n{DEAD}?3\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (3, "")
    written = lines_of((tmp_path / "out.jsonl").read_text())
    assert sorted(line["target"] for line in written) == [DEAD, f"{DEAD}?2", f"{DEAD}?3"]


@pytest.mark.parametrize(
    ("content", "flags", "said"),
    [
        (None, [], "cannot be read"),
        ("# nothing\n", [], "it has no targets"),
        (DEAD, ["--format", "html"], "one JSON line for each target"),
        (DEAD, ["-o", "."], "cannot write"),
    ],
)
def test_a_run_that_cannot_be_is_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, flags: list[str], said: str
) -> None:
    if content is not None:
        (tmp_path / "urls.txt").write_text(content)
    assert main(["check", "--targets", "urls.txt", *flags]) == 2
    assert said in capsys.readouterr().err


def test_a_reader_that_goes_away_ends_the_run_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("\n".join(f"{DEAD}?{number}" for number in range(50)))
    program = "import sys; from ota_proxy.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = f'"{sys.executable}" -c "{program}" check --targets urls.txt 2>err | head -n 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in (tmp_path / "err").read_text()


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    program = "import sys; from ota_proxy.cli.main import main; sys.exit(main(sys.argv[1:]))"
    with live(tmp_path) as server:
        (tmp_path / "urls.txt").write_text(f"{BASE}/slow/app.plist\n{DEAD}\n")
        command = [sys.executable, "-c", program, "check", "--targets", "urls.txt", "--timeout", "60", *server.flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path) as parent:
            assert parent.stdout is not None
            assert parent.stdout.readline()
            children = children_of(parent.pid)
            parent.kill()
        until = time.monotonic() + 10
        while any(map(alive, children)) and time.monotonic() < until:
            time.sleep(0.05)
    assert children
    assert not any(map(alive, children))


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if not found.exists():
        pytest.skip("this system does not list the children of a process")
    return list(map(int, found.read_text().split()))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_worker_that_dies_is_a_bug_in_the_line_of_its_target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fleet, "_PROGRAM", "import sys; sys.stdin.readline(); sys.stdin.readline(); sys.exit(9)")
    (tmp_path / "urls.txt").write_text(f"{DEAD}?1\n{DEAD}?2\n{DEAD}?3\n")
    written: list[str] = []
    assert check_many("urls.txt", (), CheckOptions(), 2, Judging(), Sink(written.append, print, sys.stderr)) == 70
    lines = lines_of("".join(written))
    assert sorted(line["target"] for line in lines) == [f"{DEAD}?{number}" for number in (1, 2, 3)]
    assert {line["reason"] for line in lines} == {"bug in ota-proxy: a worker process ended with 9"}


def test_an_interrupted_run_ends_its_workers(tmp_path: Path) -> None:
    program = "import sys; from ota_proxy.cli.main import main; sys.exit(main(sys.argv[1:]))"
    with live(tmp_path) as server:
        (tmp_path / "urls.txt").write_text(f"{BASE}/slow/app.plist\n{DEAD}\n")
        command = [sys.executable, "-c", program, "check", "--targets", "urls.txt", *server.flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as parent:
            assert parent.stdout is not None
            assert parent.stdout.readline()
            parent.send_signal(signal.SIGINT)
            _, said = parent.communicate(timeout=20)
    assert parent.returncode == 130
    assert said.endswith(b"ota-proxy: interrupted\n")
    assert b"Traceback" not in said


def test_a_host_with_many_targets_leaves_room_for_the_others() -> None:
    waiting = Waiting()
    for number in range(100):
        waiting.add(f"https://slow.example/{number}.plist")
    for name in ("a", "b", "c"):
        waiting.add(f"https://{name}.example/app.plist")
    first = [waiting.take() for _ in range(4)]
    assert {name.split("/")[2] for name in first} == {"slow.example", "a.example", "b.example", "c.example"}
    for name in first[1:]:
        waiting.done(name)
    waiting.add("https://d.example/app.plist")
    assert waiting.take() == "https://d.example/app.plist"
    assert waiting.take() == "https://slow.example/1.plist"
    assert len(waiting) == 98


def test_a_link_waits_with_the_host_of_its_manifest() -> None:
    waiting = Waiting()
    waiting.add("https://a.example/1.plist")
    waiting.add("itms-services://?action=download-manifest&url=https%3A%2F%2Fa.example%2F2.plist")
    waiting.add("https://b.example/3.plist")
    taken = [waiting.take() for _ in range(3)]
    assert taken[:2] == ["https://a.example/1.plist", "https://b.example/3.plist"]
    with pytest.raises(IndexError):
        waiting.take()


def test_the_reader_stays_a_bounded_number_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "AHEAD", 5)
    handed: list[int] = []

    def endless() -> Iterator[str]:
        number = 0
        while True:
            handed.append(number)
            yield f"https://h.example/{number}"
            number += 1

    async def scene() -> str | Exception | None:
        heard: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        source = reader.Reader(endless(), heard.put_nowait)
        source.start()
        for _ in range(5):
            await asyncio.wait_for(heard.get(), 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.get(), 0.2)
        source.next()
        return await asyncio.wait_for(heard.get(), 5)

    assert asyncio.run(scene()) == "https://h.example/5"
    assert len(handed) <= 8


@pytest.mark.parametrize(
    ("codes", "code"), [((0, 3), 3), ((3, 1), 1), ((1, 2), 2), ((2, 70, 0), 70), ((0, 0), 0)], ids=str
)
def test_the_worst_exit_code_wins(codes: tuple[int, ...], code: int) -> None:
    found = 0
    for one in codes:
        found = worst(found, one)
    assert found == code


def test_progress_draws_a_bar_on_a_terminal_and_plain_lines_elsewhere() -> None:
    screen, pipe = Terminal(), io.StringIO()
    for stream in (screen, pipe):
        meter = Meter(stream, 4, mixed=True)
        for code in (0, 1, 3):
            meter.count(code)
        meter.begun -= 10
        meter.clear()
        meter.end()
    assert (
        "\r\x1b[K[##################......] 3 of 4 done, 1 with findings, 1 without a verdict, 0.3/s\n"
        in screen.getvalue()
    )
    assert pipe.getvalue() == "3 of 4 done, 1 with findings, 1 without a verdict, 0.3/s\n"


def test_a_short_run_into_a_pipe_shows_no_progress() -> None:
    pipe = io.StringIO()
    Meter(pipe, 4, mixed=False).end()
    assert pipe.getvalue() == ""


def test_secrets_in_targets_do_not_reach_the_lines() -> None:
    line = failed_line("https://h.example/?token=abcdefghijklmnop", 2, "no: https://h.example/?token=abcdefghijklmnop")
    assert "efghijklmnop" not in json.dumps(line)


def test_what_is_suppressed_counts_in_no_line_and_what_matched_nothing_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The suppressions reach every process, and what each of them saw comes back."""
    (tmp_path / "ota-proxy.toml").write_text(
        "[options]\nignore = [\n"
        f'  {{ rule = "OTA302", reason = "they know", subject = "{BASE}/bad*" }},\n'
        '  { rule = "OTA406", reason = "stale" },\n'
        '  { rule = "OTA619", reason = "for lint" },\n'
        f'  {{ rule = "OTA302", reason = "nobody asks there", subject = "https://other.example.com/*" }},\n]\n'
    )
    content = files()
    content |= {"/bad.plist": b"<html>", "/worse.plist": b"<html>"}
    names = [f"{BASE}/{name}.plist" for name in ("app", "bad", "worse")]
    (tmp_path / "urls.txt").write_text("\n".join(names))
    with live(tmp_path, content) as server:
        more = ("--fail-on", "error", "--ignore", "OTA101=nobody pasted a link")
        assert main(["check", "--targets", "urls.txt", "--jobs", "2", *more, *server.flags]) == 1
    said = capsys.readouterr()
    found = {
        line["target"].rpartition("/")[2]: (
            line["exit"],
            [(one["rule"], one["suppressed"]) for one in line["outcomes"] if one["rule"] == "OTA302"],
            line["summary"]["suppressed"],
        )
        for line in lines_of(said.out)
    }
    assert found["app.plist"] == (0, [], 0)
    assert found["bad.plist"][1:] == ([("OTA302", "they know")], 1)
    assert found["worse.plist"] == (1, [("OTA302", None)], 0)
    notes = [line for line in said.err.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: ota-proxy.toml:4: the suppression of OTA406 package-no-range matched nothing: leave it out",
        "note: --ignore: the suppression of OTA101 link-not-encoded matched nothing: leave it out",
    ]
