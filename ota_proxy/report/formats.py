"""The formats of a report by name, and the one way to make any of them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from ota_proxy.report.model import FailOn, Report

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
