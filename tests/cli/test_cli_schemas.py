"""The schemas that the program prints describe what it writes, and every command's JSON obeys them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ota_proxy.report import json as json_report
from ota_proxy.report.formats import line_schema, report_schema
from ota_proxy.report.json import dumped, failed_line, line_of
from tests.support.command_line import NOWHERE, Run
from tests.support.report_samples import sample


def printed(run: Run, *words: str) -> dict[str, Any]:
    said = run("config", "schema", *words)
    assert said.code == 0
    schema: dict[str, Any] = json.loads(said.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@pytest.mark.parametrize("name", ["site", "report", "line"])
def test_every_schema_is_one_and_describes_itself(name: str, run: Run) -> None:
    schema = printed(run, name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"].startswith("ota-proxy")


def test_without_a_name_it_is_the_site_file(run: Run) -> None:
    assert printed(run) == printed(run, "site")


def test_a_report_with_everything_is_what_the_schema_says(tmp_path: Path, run: Run) -> None:
    assert printed(run, "report") == report_schema()
    jsonschema.validate(json_report.document(sample(tmp_path), tmp_path), report_schema())


def test_every_line_is_what_the_schema_says(tmp_path: Path, run: Run) -> None:
    schema = printed(run, "line")
    assert schema == line_schema()
    one, lost = sample(tmp_path).targets
    lines = [line_of(one, "error", 1.23456), line_of(lost, "error", 0), failed_line("x", 2, "no URL")]
    for line in lines:
        jsonschema.validate(json.loads(dumped(line)), schema)
    assert lines[0]["summary"]["suppressed"] == 1


@pytest.mark.parametrize("change", [{"exit": 5}, {"outcomes": None}, {"more": 1}], ids=str)
def test_the_schema_of_a_line_refuses_another_line(change: dict[str, Any], tmp_path: Path) -> None:
    line = line_of(sample(tmp_path).targets[0], "error", 1)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**line, **change}, line_schema())


@pytest.mark.parametrize(
    "words",
    [
        ("check", "https://127.0.0.1:1/app.plist"),
        ("check", "https://127.0.0.1:1/a.plist", "https://127.0.0.1:1/b.plist"),
        ("verify", "nginx", "--engine", "docker"),
    ],
    ids=" ".join,
)
def test_what_a_command_prints_as_json_is_what_the_schema_says(
    words: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    said = run(*words, "--format", "json")
    assert said.code == 3
    jsonschema.validate(json.loads(said.out), report_schema())


def test_the_lines_of_many_targets_are_what_the_schema_says(tmp_path: Path, run: Run) -> None:
    (tmp_path / "urls.txt").write_text("https://127.0.0.1:1/a.plist\nno url\n", encoding="utf-8")
    said = run("check", "--targets", str(tmp_path / "urls.txt"))
    lines = said.out.splitlines()
    assert len(lines) == 2
    for line in lines:
        jsonschema.validate(json.loads(line), line_schema())
