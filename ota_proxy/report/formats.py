"""The formats of a report by name, the one way to make any of them, and the JSON Schemas (draft 2020-12) of what commands print as JSON."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from ota_proxy.report.json import LINE_SCHEMA
from ota_proxy.report.report import FailOn, Report

FORMATS = ("text", "json", "sarif", "junit", "github", "gitlab", "html")
"""Values of --format; each is a module of this package with a function `render`."""


def render(report: Report, name: str, *, root: Path, fail_on: FailOn = "error", stream: TextIO | None = None) -> str:
    """Return the report in a format: `root` is what paths are relative to, `stream` where text is going to be read (None: a file)."""
    module = import_module(f"ota_proxy.report.{name}")  # one format is loaded, not seven
    more: dict[str, dict[str, Any]] = {
        "text": {"stream": stream},
        "html": {},
        "junit": {"root": root, "fail_on": fail_on},
    }
    rendered: str = module.render(report, **more.get(name, {"root": root}))
    return rendered


_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def report_schema() -> dict[str, Any]:
    """Return the schema of `ota-proxy/report/1`, the document of `--format json`."""
    schema: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return schema


def line_schema() -> dict[str, Any]:
    """Return the schema of `ota-proxy/line/1`, each line that `check --targets` prints; outcomes and counts are those of a report."""
    report = report_schema()
    counts = report["properties"]["summary"]["properties"]
    summary = {name: counts[name] for name in ("outcomes", "findings", "suppressed")}
    properties = {
        "schema": {"const": LINE_SCHEMA},
        "target": {"type": "string"},
        "exit": {"description": "The exit code that the target alone would have.", "enum": [0, 1, 2, 3, 70]},
        "seconds": {"description": "How long it took.", "type": "number", "minimum": 0},
        "server": report["$defs"]["text"],
        "reason": {"description": "Why there is no verdict at all.", "type": ["string", "null"]},
        "outcomes": {"description": "Failed and no-verdict.", "type": "array", "items": {"$ref": "#/$defs/outcome"}},
        "summary": _closed(summary),
    }
    used = {name: report["$defs"][name] for name in ("count", "status", "severity", "text", "outcome")}
    head = {"$schema": _DRAFT, "title": "ota-proxy line", "description": "What `check --targets` prints for a target."}
    return {**head, **_closed(properties), "$defs": used}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    """Return an object that has all of these and nothing else."""
    return {"type": "object", "required": [*properties], "additionalProperties": False, "properties": properties}
