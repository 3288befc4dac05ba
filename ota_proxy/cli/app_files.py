"""`ota-proxy manifest`, `page` and `link`: what lies beside a package, printed or written."""

from __future__ import annotations

import argparse

from ota_proxy.cli.streams import emit, say
from ota_proxy.commands.app_files import link_to, manifest_of, page_of, put, qr_code, served_at
from ota_proxy.errors import EXIT_CLEAN


def run_manifest(args: argparse.Namespace) -> int:
    """Print or write the manifest."""
    app = served_at(args.ipa, args.base_url)
    text = manifest_of(app)
    if args.output is None:
        emit(text)
    else:
        done = put(args.output / f"{args.ipa.stem}.plist", text, force=args.force)
        say(f"{done}, to be served as {app.manifest_url}")
    return EXIT_CLEAN


def run_page(args: argparse.Namespace) -> int:
    """Print or write the landing page."""
    text = page_of(served_at(args.ipa, args.base_url))
    if args.output is None:
        emit(text)
    else:
        say(put(args.output, text, force=args.force))
    return EXIT_CLEAN


def run_link(args: argparse.Namespace) -> int:
    """Print the link, the anchor's attribute value, or a QR code."""
    if args.place == "qr":
        emit(qr_code(args.url))
        return EXIT_CLEAN
    link = link_to(args.url, args.place)
    if args.url.lower().endswith(".ipa"):
        say("note: this is a package: the link has to name its manifest, see `ota-proxy manifest`")
    emit(link + "\n")
    return EXIT_CLEAN
