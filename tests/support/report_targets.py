"""Targets with findings and without, and the published schema of the JSON report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import ota_proxy.report
from ota_proxy.report.report import TargetReport
from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from tests.support.facts import (
    BASE,
    healthy,
    with_manifest_answer,
)

SCHEMA = json.loads(Path(ota_proxy.report.__file__).with_name("schema.json").read_text(encoding="utf-8"))


HEALTHY = Facts(install=healthy(), server="nginx")


BROKEN = Facts(install=with_manifest_answer(404, b"", content_type=""), server="nginx")


def target(facts: Facts, name: str = BASE, **more: Any) -> TargetReport:  # noqa: ANN401 - fields of the target
    base = TargetReport(name, "nginx", "1.26.3", "docker", None, evaluate(facts, name, "v"), facts)
    return replace(base, **more)
