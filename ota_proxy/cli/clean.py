"""`ota-proxy clean`: remove the containers and folders that killed runs left behind."""

from __future__ import annotations

import argparse

from ota_proxy.cli.streams import say
from ota_proxy.errors import EXIT_CLEAN
from ota_proxy.harness import run_directory as run_folder
from ota_proxy.harness.docker.docker_engine import clean


def run(_: argparse.Namespace) -> int:
    """Clean and say what went. Without Docker there are no containers to remove, and folders go all the same."""
    _said(run_folder.clean(), "folder")
    _said(clean(), "container")
    return EXIT_CLEAN


def _said(count: int, what: str) -> None:
    say(f"{count} {what}{'s' * (count != 1)} removed")
