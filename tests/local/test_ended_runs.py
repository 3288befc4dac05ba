"""Runs that are ended at any moment leave no process and no folder, wherever temporary files go."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command_line import environment, using

VERIFY = [sys.executable, "-m", "ota_proxy", "verify", "nginx", "--engine", "embedded", "--no-check-files"]
MOMENTS = int(os.environ.get("OTA_TESTS_MOMENTS", "6"))
"""Moments for each signal; 20 takes a minute and a half of an idle machine."""
PATIENCE = 60
ENDS = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


# 0: it was quicker. 1 and -sent: Python itself was starting. -SIGINT: what a shell calls 130; Python ends so where the signal came
# while it compiled a piece of text (unhandled_keyboard_interrupt, in its pythonrun.c).
CODES = (0, 1, 130, -signal.SIGINT)


def wait_until_gone(folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while left := [*using(folder), *map(str, folder.iterdir())]:
        assert time.monotonic() < until, left
        time.sleep(0.02)


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize("sent", ENDS)
def test_a_run_that_is_ended_at_any_moment_leaves_nothing(sent: signal.Signals, open_folder: Path) -> None:
    env = environment(TMPDIR=str(open_folder))
    begun = time.monotonic()
    whole = subprocess.run(VERIFY, capture_output=True, env=env, cwd="/", check=False)
    assert whole.returncode == 0, whole.stderr
    length = time.monotonic() - begun
    moments = random.Random(sent)  # noqa: S311 - moments, no secrets
    for _ in range(MOMENTS):
        with subprocess.Popen(VERIFY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd="/") as run:
            time.sleep(moments.random() * length)
            run.send_signal(sent)
            _, err = run.communicate(timeout=PATIENCE)
        wait_until_gone(open_folder)
        assert b"bug in ota-proxy" not in err, err.decode()
        assert run.returncode in (*CODES, -sent), (run.returncode, err.decode())


SITE = ("--domain", "ota.example.com", "--root", "/ota/=/srv/ota", "--cert", "/etc/ota.pem", "--key", "/etc/ota.key")
APPLICATIONS = ("--upstream", "/app/=unix:/run/app.sock", "--upstream", "/tls/=https://app.internal:8443")


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize("name", ["a b", "q\"u'o", "back\\slash", "g[x]*?", "ümlaut", "par(en)s"])
def test_the_temporary_folder_may_have_any_name_that_can_be_quoted(name: str, open_folder: Path) -> None:
    folder = open_folder / name
    folder.mkdir(mode=0o755)
    words = [*VERIFY, *SITE, *APPLICATIONS, "--format", "json"]
    done = subprocess.run(words, capture_output=True, env=environment(TMPDIR=str(folder)), cwd="/", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    failed = [row["rule"] for row in json.loads(done.stdout)["outcomes"] if row["status"] == "failed"]
    assert "OTA615" not in failed
    wait_until_gone(folder)


@pytest.mark.embedded
@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize("name", ["new\nline", "dollar$x", "semi;colon"])
def test_a_temporary_folder_that_no_configuration_can_name_is_no_verdict(name: str, open_folder: Path) -> None:
    folder = open_folder / name
    folder.mkdir(mode=0o755)
    done = subprocess.run(VERIFY, capture_output=True, env=environment(TMPDIR=str(folder)), cwd="/", check=False)
    assert done.returncode == 3, done.stderr
    assert b"a server's configuration cannot name the temporary folder" in done.stdout + done.stderr
    assert b"set TMPDIR to a folder with a plain name" in done.stdout + done.stderr
    wait_until_gone(folder)
