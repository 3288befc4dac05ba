"""`ota-proxy page IPA --base-url URL`: a small landing page with the install button, help for chat apps and for trust."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ota_proxy.cli.manifest import add_package_arguments, urls
from ota_proxy.cli.site_flags import say


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("page", help="make a landing page from an .ipa", description=__doc__)
    add_package_arguments(command)
    command.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: stdout")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print or write the page."""
    from ota_proxy.content.ipa import read_info  # noqa: PLC0415
    from ota_proxy.content.page import landing_page  # noqa: PLC0415
    from ota_proxy.render.output import write_bytes  # noqa: PLC0415

    body = landing_page(read_info(args.ipa), urls(args)[1])
    if args.output is None:
        sys.stdout.write(body.decode("utf-8"))
    else:
        say(f"{write_bytes(args.output, body)}: written")
    return 0
