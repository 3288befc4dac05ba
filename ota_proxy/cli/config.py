"""`ota-proxy config show|schema`: every setting with its value and origin, and the JSON Schemas of what we read and write."""

from __future__ import annotations

import argparse

from ota_proxy.cli.sites import load_sites
from ota_proxy.cli.streams import emit
from ota_proxy.commands.config import schema_of, settings_document, settings_text
from ota_proxy.errors import EXIT_CLEAN


def run_schema(args: argparse.Namespace) -> int:
    """Print a schema."""
    emit(schema_of(args.of))
    return EXIT_CLEAN


def run_show(args: argparse.Namespace) -> int:
    """Print every setting."""
    sites = load_sites(args)
    emit(settings_document(sites) if args.show_format == "json" else settings_text(sites))
    return EXIT_CLEAN
