"""`ota-proxy link URL`: the itms-services link of a manifest, encoded for the place it will stand in."""

from __future__ import annotations

import argparse
import io
from typing import Any

from ota_proxy.cli.site_flags import say
from ota_proxy.cli.streams import emit
from ota_proxy.errors import UsageError

_DESCRIPTION = """\
Print the install link of a manifest URL, encoded for its use: text for scripts, mails and redirects, html for the value of an href attribute, \
qr for a QR code of the landing page (cameras open https, not itms-services).

  ota-proxy link https://ota.example.com/ota/app.plist
  ota-proxy link https://ota.example.com/ota/app.plist --for html
  ota-proxy link https://ota.example.com/ --for qr
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("link", help="make an install link", description=_DESCRIPTION)
    command.add_argument("url", metavar="URL", help="https URL of the manifest (of the landing page with --for qr)")
    command.add_argument(
        "--for", choices=("text", "html", "amp", "qr"), default="text", dest="place", help="where it will be used"
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the link, the anchor's attribute value, or a QR code."""
    from ota_proxy.apps.install_link import install_link  # noqa: PLC0415

    if args.place == "qr":
        print_qr(args.url)
        return 0
    link = install_link(args.url, "text" if args.place == "text" else "html")
    if args.url.lower().endswith(".ipa"):
        say("note: this is a package: the link has to name its manifest, see `ota-proxy manifest`")
    emit(link + "\n")
    return 0


def print_qr(url: str) -> None:
    """Draw a QR code of a URL on stdout with half-block characters."""
    import segno  # noqa: PLC0415 - only who wants a code pays for it

    try:
        code = segno.make(url, error="m", micro=False)
    except segno.DataOverflowError:
        raise UsageError(
            f"a URL of {len(url)} characters does not fit into a QR code, which holds some 2,300",
            place="URL",
            hint="make a short URL that redirects to it",
        ) from None
    picture = io.StringIO()
    code.terminal(out=picture, compact=True)
    emit(picture.getvalue())
