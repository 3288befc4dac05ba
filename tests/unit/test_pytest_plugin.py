"""`--ota-docker` and its ini twin, in pytest sessions of their own without a Docker daemon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = (Path(__file__).resolve().parents[1] / "conftest.py").read_text(encoding="utf-8")
TESTS = """
import pytest

@pytest.mark.container
def test_with_a_container():
    pass

def test_without():
    pass
"""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    return tmp_path


def run(folder: Path, *flags: str, ini: str = "") -> tuple[int, str]:
    (folder / "pytest.ini").write_text(f"[pytest]\nmarkers = container: starts containers\n{ini}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *flags]
    environment = os.environ | {"DOCKER_HOST": f"unix://{folder}/nowhere.sock", "COLUMNS": "300"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_without_docker_container_tests_are_skipped_and_say_why(session: Path) -> None:
    code, text = run(session)
    assert code == pytest.ExitCode.OK
    assert "1 passed, 1 skipped" in text
    assert "there is no Docker socket" in text


def test_require_ends_the_session_at_once_with_the_hint(session: Path) -> None:
    code, text = run(session, "--ota-docker=require")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "there is no Docker socket" in text
    assert "hint:" in text
    assert "passed" not in text


def test_the_ini_file_has_the_default_and_the_option_wins(session: Path) -> None:
    assert run(session, ini="ota_docker = require")[0] == pytest.ExitCode.USAGE_ERROR
    code, text = run(session, "--ota-docker=skip", ini="ota_docker = require")
    assert code == pytest.ExitCode.OK
    assert "--ota-docker=skip" in text


def test_another_word_in_the_ini_file_is_refused(session: Path) -> None:
    code, text = run(session, ini="ota_docker = maybe")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "write one of auto, require, skip" in text


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = "import sys, ota_proxy.pytest_plugin; print(sorted({'docker', 'jinja2', 'pydantic', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
