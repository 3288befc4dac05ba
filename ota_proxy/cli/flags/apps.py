"""The commands that make what lies beside a package: manifest, page, link."""

from __future__ import annotations

from ota_proxy.cli.flags.shared import Commands, add_force, add_package_arguments, output_path

_MANIFEST = """\
Make the manifest (property list) for a package. The package is expected at BASE-URL/FILE.ipa.

  ota-proxy manifest App.ipa --base-url https://ota.example.com/ota > App.plist
  ota-proxy manifest App.ipa --base-url https://ota.example.com/ota -o public/
"""


def add_manifest(commands: Commands) -> None:
    """Add `manifest`."""
    command = commands.add_parser("manifest", help="make a manifest from an .ipa", description=_MANIFEST)
    add_package_arguments(command)
    command.add_argument(
        "-o", "--output", metavar="DIR", type=output_path, help="write NAME.plist into this folder; default: stdout"
    )
    add_force(command)
    command.set_defaults(run="ota_proxy.cli.app_files:run_manifest")


_PAGE = """\
Make a small landing page with the install button, and help for people who open it in a chat app or have to trust the developer. Its manifest is expected at BASE-URL/NAME.plist.

  ota-proxy page App.ipa --base-url https://ota.example.com/ota > index.html
  ota-proxy page App.ipa --base-url https://ota.example.com/ota -o index.html
"""


def add_page(commands: Commands) -> None:
    """Add `page`."""
    command = commands.add_parser("page", help="make a landing page from an .ipa", description=_PAGE)
    add_package_arguments(command)
    command.add_argument("-o", "--output", metavar="FILE", type=output_path, help="default: stdout")
    add_force(command)
    command.set_defaults(run="ota_proxy.cli.app_files:run_page")


_LINK = """\
Print the install link of a manifest URL, encoded for its use: text for scripts, mails and redirects, html for the value of an href attribute, \
amp for the same in an AMP page, qr for a QR code of the landing page (cameras open https, not itms-services).

  ota-proxy link https://ota.example.com/ota/app.plist
  ota-proxy link https://ota.example.com/ota/app.plist --for html
  ota-proxy link https://ota.example.com/ --for qr
"""


def add_link(commands: Commands) -> None:
    """Add `link`."""
    command = commands.add_parser("link", help="make an install link", description=_LINK)
    command.add_argument("url", metavar="URL", help="https URL of the manifest (of the landing page with --for qr)")
    command.add_argument(
        "--for", choices=("text", "html", "amp", "qr"), default="text", dest="place", help="where it will be used"
    )
    command.set_defaults(run="ota_proxy.cli.app_files:run_link")
