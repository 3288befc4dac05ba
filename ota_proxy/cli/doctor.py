"""`ota-proxy doctor`: what this machine can run, what is missing, and how to get it. Nothing is started."""

from __future__ import annotations

import argparse
import sys

from ota_proxy.cli.streams import emit
from ota_proxy.commands.doctor import as_json, as_text
from ota_proxy.harness.doctor.inspection import look
from ota_proxy.harness.doctor.probe import exit_code
from ota_proxy.report.paint import paint_for


def run(args: argparse.Namespace) -> int:
    """Look, print, and return whether anything can run."""
    probes = look()
    emit(as_json(probes) if args.format == "json" else as_text(probes, paint_for(sys.stdout)))
    return exit_code(probes)
