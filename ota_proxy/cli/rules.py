"""`ota-proxy rules`: the catalogue, and which commands look for each rule today."""

from __future__ import annotations

import argparse
import sys

from ota_proxy.cli.parser import COMMANDS
from ota_proxy.cli.streams import emit
from ota_proxy.commands.rules import rules_document, rules_of, rules_text
from ota_proxy.errors import EXIT_CLEAN
from ota_proxy.report.paint import paint_for


def run(args: argparse.Namespace) -> int:
    """Print the catalogue, or the part of one door."""
    door = args.door or ""
    rules = rules_of(door)
    as_json = args.format == "json"
    text = rules_document(rules, COMMANDS) if as_json else rules_text(rules, door, COMMANDS, paint_for(sys.stdout))
    emit(text + "\n")
    return EXIT_CLEAN
