"""`ota-proxy clean`: remove the containers and folders that killed runs left behind."""

from __future__ import annotations

import argparse
from typing import Any

from ota_proxy.cli.site_flags import say
from ota_proxy.errors import EXIT_CLEAN

_DESCRIPTION = """\
Remove containers that ota-proxy made and that no current run owns, including those of --keep, and temporary folders of runs that were killed.

  ota-proxy verify nginx --keep     leaves its server running
  ota-proxy clean                   removes it
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("clean", help="remove leftover containers and folders", description=_DESCRIPTION)
    command.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Clean and say what went. Without Docker there are no containers to remove, and folders go all the same."""
    from ota_proxy.harness import run_directory as run_folder  # noqa: PLC0415
    from ota_proxy.harness.docker.docker_engine import clean  # noqa: PLC0415 - the Docker SDK costs 150 ms

    _said(run_folder.clean(), "folder")
    _said(clean(), "container")
    return EXIT_CLEAN


def _said(count: int, what: str) -> None:
    say(f"{count} {what}{'s' * (count != 1)} removed")
