from __future__ import annotations

import shlex
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest
import testinfra

from ota_proxy.errors import NoVerdictError, UsageError
from ota_proxy.hosts import connect as module
from ota_proxy.hosts.connect import Connection, UnreadableError, connect, wrap


@dataclass
class Result:
    rc: int
    stdout_bytes: bytes
    stderr_bytes: bytes = b""


def shell(command: str) -> Result:
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def local(deadline: float = 5.0) -> Connection:
    return Connection("test://", deadline, shell)


HOSTILE = (
    "",
    " ",
    "a b",
    "'",
    '"',
    "$(touch /nowhere)",
    "`id`",
    "; echo gone",
    "%s %d",
    "\\",
    "-n",
    "ünï",
    "a\nb",
    "*",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_an_argument_reaches_the_script_unchanged_whatever_it_holds(text: str) -> None:
    assert local().run('printf "%s" "$1"', text).out == text


def test_all_arguments_keep_their_order_and_number() -> None:
    assert local().run('for one in "$@"; do printf "<%s>" "$one"; done', *HOSTILE).out == "".join(
        f"<{t}>" for t in HOSTILE
    )


def test_the_wrapped_command_has_the_script_and_arguments_as_single_words() -> None:
    words = shlex.split(wrap("echo $1", ("a;b",), 4.0))
    assert "a;b" in words
    assert "4" in words


def test_status_and_both_streams_come_back() -> None:
    answer = local().run("echo out; echo err >&2; exit 3")
    assert (answer.status, answer.out, answer.err) == (3, "out\n", "err\n")
    assert answer.complaint == "err"


def test_a_silent_failure_is_told_with_its_status() -> None:
    assert local().run("exit 4").complaint == "it ended with status 4 and said nothing"


def test_bytes_that_are_no_utf8_do_not_stop_the_reading() -> None:
    assert local().run(r"printf '\377ok'").out == "\ufffdok"


def test_a_script_that_hangs_is_ended_at_the_deadline_and_the_connection_lives_on() -> None:
    connection = local(deadline=1.0)
    with pytest.raises(UnreadableError, match="not done within 1 s"):
        connection.run("sleep 3600")
    assert connection.run("echo still here").out == "still here\n"


def test_a_script_that_waits_for_input_gets_none() -> None:
    assert local().run("cat; echo end").out == "end\n"


def test_a_host_that_stops_answering_is_given_up_and_never_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.1)
    release, calls = threading.Event(), []

    def hang(command: str) -> Result:
        calls.append(command)
        release.wait(30)
        return Result(0, b"")

    connection = Connection("test://gone", 0.1, hang)
    for _ in range(2):
        with pytest.raises(UnreadableError, match="test://gone stopped answering"):
            connection.run("true")
    release.set()
    assert len(calls) == 1


def test_a_host_that_hangs_does_not_hold_up_the_end_of_the_interpreter() -> None:
    program = (
        "import time\n"
        "from ota_proxy.hosts import connect as m\n"
        "m._GRACE = 0.1\n"
        "try: m.Connection('test://', 0.1, lambda command: time.sleep(60)).run('true')\n"
        "except m.UnreadableError: print('given up')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert (done.stdout, done.stderr) == ("given up\n", "")


def test_what_the_backend_raises_becomes_a_reason() -> None:
    def broken(_: str) -> Result:
        raise OSError("no route to host")

    with pytest.raises(UnreadableError, match="no route to host"):
        Connection("test://", 1.0, broken).run("true")


@pytest.mark.parametrize(
    "spec",
    [
        "ota.example.com",
        "",
        "winrm://host",
        "docker://",
        "docker://--privileged",
        "docker://a b",
        "docker://user@-x",
        "ssh://-oProxyCommand=id",
        "ssh://root@-oProxyCommand=id",
        "ssh://host\n",
    ],
)
def test_a_specification_that_testinfra_would_guess_about_is_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        connect(spec, deadline=1.0)


def test_a_container_that_is_not_there_gives_no_verdict_and_says_why() -> None:
    with pytest.raises(NoVerdictError) as caught:
        connect("docker://ota-proxy-no-such-container", deadline=10.0)
    assert caught.value.exit_code == 3
    assert "the host does not answer" in caught.value.message
    assert "docker" in caught.value.message.lower() or "container" in caught.value.message.lower()


def test_a_host_that_answers_something_else_than_the_token_has_not_shaken_hands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Liar:
        def run(self, _: str) -> Result:
            return Result(0, b"Welcome to the login banner\n")

    monkeypatch.setattr(testinfra, "get_host", lambda _: Liar())
    with pytest.raises(NoVerdictError, match="does not answer"):
        connect("local://", deadline=1.0)


def test_the_local_host_answers() -> None:
    assert connect("local://", deadline=5.0).run("echo yes").out == "yes\n"
