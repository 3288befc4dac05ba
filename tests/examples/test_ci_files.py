"""Workflows, hooks, units and forms: well-formed, of least rights, and every call of ours is one that the program knows."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ota_proxy.cli.parser import parser

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
WORKFLOWS = [*sorted((ROOT / ".github/workflows").glob("*.yml")), EXAMPLES / "github/workflow.yml"]
YAML = [
    *sorted((ROOT / ".github").rglob("*.yml")),
    *sorted(EXAMPLES.rglob("*.y*ml")),
    EXAMPLES / "gitlab/.gitlab-ci.yml",
    EXAMPLES / "pre-commit/.pre-commit-config.yaml",
    ROOT / ".pre-commit-hooks.yaml",
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def loaded(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def calls(text: str) -> Iterator[list[str]]:
    """Yield the words of each call of ota-proxy in a script whose words are all written out."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        match = re.search(r"(?:^|[\s/])ota-proxy ((?:render|verify|check|lint|doctor) .*)", line)
        if match and "$" not in match[1]:
            yield shlex.split(match[1])


def accepted(words: list[str]) -> None:
    parser().parse_args(words)


@pytest.mark.parametrize("path", YAML, ids=name_of)
def test_every_file_is_yaml(path: Path) -> None:
    assert loaded(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_has_no_more_rights_than_it_names(path: Path) -> None:
    workflow = loaded(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "write-all" not in str(job.get("permissions", ""))


@pytest.mark.parametrize("path", [*WORKFLOWS, EXAMPLES / "github/action.yml"], ids=name_of)
def test_every_action_has_a_version_and_no_script_holds_an_expression(path: Path) -> None:
    """An expression inside a script is how a branch name becomes a command (GitHub: security hardening)."""
    found = loaded(path)
    jobs = found["jobs"].values() if "jobs" in found else [found["runs"]]
    for step in (step for job in jobs for step in job.get("steps", ())):
        uses = step.get("uses", "")
        assert uses.startswith("./") or not uses or "@" in uses, uses
        inside = re.findall(r"\$\{\{\s*([\w.]+)", step.get("run", ""))
        assert all(one.startswith("matrix.") for one in inside), step


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, EXAMPLES / "github/action.yml", EXAMPLES / "gitlab/.gitlab-ci.yml"], ids=name_of
)
def test_every_call_is_one_the_program_knows(path: Path) -> None:
    for words in calls(path.read_text(encoding="utf-8")):
        accepted(words)


def test_the_workflows_arguments_are_ones_the_program_knows() -> None:
    jobs = loaded(EXAMPLES / "github/workflow.yml")["jobs"].values()
    given = [step["with"]["arguments"] for job in jobs for step in job["steps"] if "arguments" in step.get("with", {})]
    assert given
    for arguments in given:
        accepted([*shlex.split(arguments), "--format", "github"])


def test_the_actions_inputs_are_those_the_workflow_gives() -> None:
    inputs = loaded(EXAMPLES / "github/action.yml")["inputs"]
    jobs = loaded(EXAMPLES / "github/workflow.yml")["jobs"].values()
    given = [step["with"] for job in jobs for step in job["steps"] if step.get("uses", "").endswith("/ota-proxy")]
    assert given
    for one in given:
        assert set(one) <= set(inputs)
        assert {name for name, about in inputs.items() if about.get("required")} <= set(one)


# -- pre-commit -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("validate-manifest", ".pre-commit-hooks.yaml"),
        ("validate-config", "examples/pre-commit/.pre-commit-config.yaml"),
    ],
)
def test_pre_commit_accepts_the_file(command: str, path: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", command, path],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_hook_of_the_example_is_there_and_its_whole_command_is_one_the_program_knows() -> None:
    hooks = {hook["id"]: hook for hook in loaded(ROOT / ".pre-commit-hooks.yaml")}
    used = loaded(EXAMPLES / "pre-commit/.pre-commit-config.yaml")["repos"][0]["hooks"]
    assert {hook["id"] for hook in used} == set(hooks)
    for hook in used:
        known = hooks[hook["id"]]
        program, *words = shlex.split(known["entry"])
        assert program == "ota-proxy"
        files = [] if known.get("pass_filenames") is False else ["web.config"]
        accepted([*words, *map(str, hook["args"]), *files])


@pytest.mark.parametrize("name", ["web.config", "site/Web.config", "conf/applicationHost.config"])
def test_the_lint_hook_takes_the_files_it_can_read(name: str) -> None:
    (lint,) = [hook for hook in loaded(ROOT / ".pre-commit-hooks.yaml") if hook["id"] == "ota-proxy-lint"]
    assert re.search(lint["files"], name)
    assert not re.search(lint["files"], f"{name}.bak")


# -- systemd, Docker --------------------------------------------------------------------------------------------------


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=True, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]  # unit files know upper and lower case
    read.read_string((EXAMPLES / "systemd" / name).read_text(encoding="utf-8"))
    return read


def test_the_service_runs_a_command_that_the_program_knows() -> None:
    program, *words = shlex.split(unit("ota-proxy-check.service")["Service"]["ExecStart"])
    assert Path(program).is_absolute()
    accepted(words)


def test_systemd_accepts_service_and_timer(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on the PATH")
    for name in ("ota-proxy-check.service", "ota-proxy-check.timer"):
        text = (EXAMPLES / "systemd" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/opt/ota-proxy/bin/ota-proxy", sys.executable), encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", *map(str, sorted(tmp_path.glob("ota-*")))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if "ota-proxy-check" in line]
    assert about_ours == []


def test_the_image_of_the_tool_runs_it_as_nobody_in_particular() -> None:
    lines = re.sub(r"\\\n\s*", " ", (EXAMPLES / "docker/Dockerfile").read_text(encoding="utf-8")).splitlines()
    steps = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    assert steps["USER"] not in ("root", "0")
    assert steps["ENTRYPOINT"] == '["ota-proxy"]'
