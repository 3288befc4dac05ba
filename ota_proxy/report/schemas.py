"""The JSON Schemas (draft 2020-12) of what commands print as JSON, by the name that `ota-proxy config schema` takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ota_proxy.report.line import SCHEMA as LINE

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
        "schema": {"const": LINE},
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
