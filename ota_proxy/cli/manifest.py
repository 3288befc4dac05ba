"""`ota-proxy manifest IPA --base-url URL`: the manifest that an app's package needs beside it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ota_proxy.cli.report_flags import output_path
from ota_proxy.cli.site_flags import say
from ota_proxy.cli.streams import emit
from ota_proxy.errors import UsageError
from ota_proxy.printable import as_document

_DESCRIPTION = """\
Make the manifest (property list) for a package. The package is expected at BASE-URL/FILE.ipa.

  ota-proxy manifest App.ipa --base-url https://ota.example.com/ota > App.plist
  ota-proxy manifest App.ipa --base-url https://ota.example.com/ota -o public/
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("manifest", help="make a manifest from an .ipa", description=_DESCRIPTION)
    add_package_arguments(command)
    command.add_argument(
        "-o", "--output", metavar="DIR", type=output_path, help="write NAME.plist into this folder; default: stdout"
    )
    add_force(command)
    command.set_defaults(run=run)


def add_force(command: argparse.ArgumentParser) -> None:
    """Add --force, for a file that is in the way."""
    command.add_argument("--force", action="store_true", help="overwrite a file that ota-proxy did not make")


def put(path: Path, text: str, *, force: bool) -> str:
    """Write a text unless it is there already, and say what was done; UsageError for a file that ota-proxy did not make."""
    from ota_proxy.files.output import change, write  # noqa: PLC0415

    return f"{path}: {'written' if write((change(path, text),), force=force) else 'unchanged'}"


def add_package_arguments(command: argparse.ArgumentParser) -> None:
    """Add IPA and --base-url, which `page` needs too."""
    command.add_argument("ipa", metavar="IPA", type=Path, help="the package")
    command.add_argument(
        "--base-url", metavar="URL", required=True, help="https URL of the folder that will hold the files"
    )


def urls(args: argparse.Namespace) -> tuple[str, str]:
    """Return the URLs of the package and of its manifest, percent-encoded; UsageError for a folder's URL that is not https."""
    from urllib.parse import quote  # noqa: PLC0415

    folder = args.base_url.rstrip("/")
    if not folder.startswith("https://"):
        rest = folder.rpartition("://")[2]
        raise UsageError(f"'{folder}' is not an https URL", place="--base-url", hint=f"did you mean https://{rest}?")
    return f"{folder}/{quote(args.ipa.name)}", f"{folder}/{quote(args.ipa.stem)}.plist"


def run(args: argparse.Namespace) -> int:
    """Print or write the manifest."""
    from ota_proxy.apps.ipa import read_info  # noqa: PLC0415
    from ota_proxy.apps.manifest import build_manifest  # noqa: PLC0415
    from ota_proxy.servers.header import with_mark  # noqa: PLC0415

    package, manifest = urls(args)
    text = as_document(with_mark(build_manifest(read_info(args.ipa), package).decode("utf-8")))
    if args.output is None:
        emit(text)
    else:
        say(f"{put(args.output / f'{args.ipa.stem}.plist', text, force=args.force)}, to be served as {manifest}")
    return 0
