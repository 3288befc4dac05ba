"""`ota-proxy page IPA --base-url URL`: a small landing page with the install button, help for chat apps and for trust."""

from __future__ import annotations

import argparse
from typing import Any

from ota_proxy.cli.manifest import add_force, add_package_arguments, put, urls
from ota_proxy.cli.report_flags import output_path
from ota_proxy.cli.site_flags import say
from ota_proxy.cli.streams import emit
from ota_proxy.printable import as_document

_DESCRIPTION = """\
Make a small landing page with the install button, help for chat apps and for trust. Its manifest is expected at BASE-URL/NAME.plist.

  ota-proxy page App.ipa --base-url https://ota.example.com/ota > index.html
  ota-proxy page App.ipa --base-url https://ota.example.com/ota -o index.html
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("page", help="make a landing page from an .ipa", description=_DESCRIPTION)
    add_package_arguments(command)
    command.add_argument("-o", "--output", metavar="FILE", type=output_path, help="default: stdout")
    add_force(command)
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print or write the page."""
    from ota_proxy.apps.ipa import read_info  # noqa: PLC0415
    from ota_proxy.apps.landing_page import landing_page  # noqa: PLC0415
    from ota_proxy.servers.header import with_mark  # noqa: PLC0415

    manifest = urls(args)[1]
    text = as_document(with_mark(landing_page(read_info(args.ipa), manifest).decode("utf-8")))
    if args.output is None:
        emit(text)
    else:
        say(put(args.output, text, force=args.force))
    return 0
