"""The flags of every command that reports, and the one way a report leaves the program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ota_proxy.report.model import TargetReport
    from ota_proxy.settings import Options


def add_report_flags(command: argparse.ArgumentParser) -> None:
    """Add --format, -o and --fail-on."""
    group = command.add_argument_group("report")
    group.add_argument("--format", choices=("text", "json"), help="default: text")
    group.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: stdout")
    group.add_argument(
        "--fail-on",
        choices=("error", "warning", "note", "never"),
        help="least severity that makes the exit code 1 (default: error)",
    )


def deliver(targets: Sequence[TargetReport], options: Options, output: Path | None) -> int:
    """Print or write the report, and return the exit code it stands for."""
    from ota_proxy.render.output import write_bytes  # noqa: PLC0415
    from ota_proxy.report import json, text  # noqa: PLC0415
    from ota_proxy.report.model import Report, exit_code  # noqa: PLC0415

    report = Report(tuple(targets))
    rendered = (
        json.render(report) if options.format == "json" else text.render(report, stream=None if output else sys.stdout)
    )
    if output:
        write_bytes(output, rendered.encode())
    else:
        sys.stdout.write(rendered.rstrip("\n") + "\n")
    return exit_code(report, options.fail_on)
