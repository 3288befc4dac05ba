"""`ota-proxy clean`: remove the containers that killed runs left behind."""

from __future__ import annotations

import argparse
from typing import Any

from ota_proxy.cli.site_flags import say
from ota_proxy.errors import EXIT_CLEAN

_DESCRIPTION = """\
Remove containers that ota-proxy made and no living run owns, those of --keep included.

  ota-proxy verify nginx --keep     leaves its server running
  ota-proxy clean                   removes it
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("clean", help="remove leftover containers", description=_DESCRIPTION)
    command.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Clean and say what went."""
    from ota_proxy.harness.docker.engine import clean  # noqa: PLC0415 - the Docker SDK costs 150 ms

    removed = clean()
    say(f"{removed} container{'s' * (removed != 1)} removed")
    return EXIT_CLEAN
