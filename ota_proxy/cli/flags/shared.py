"""Flags that several commands have: what the site is, the server and its modules, what starts it, and the report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

Commands = Any
"""What `add_subparsers` returns and commands are added to; argparse has no public type for it."""


def add_site_flags(command: argparse.ArgumentParser) -> None:
    """Add --site, --domain, --root and their kin."""
    group = command.add_argument_group(
        "site",
        "Without a site file or flags: the example site ota.example.com. Flags override OTA_PROXY_* variables, which override the file.",
    )
    group.add_argument(
        "--site",
        metavar="FILE",
        help="site file, or a folder of them; default: the nearest ota-proxy.toml or [tool.ota-proxy], from this folder upwards",
    )
    group.add_argument(
        "--domain",
        metavar="NAME",
        action="append",
        default=[],
        help="name of the site; the first is canonical (may be repeated)",
    )
    group.add_argument(
        "--root",
        metavar="[PREFIX=]DIR",
        action="append",
        default=[],
        help="serve a folder: /srv/ota or /ota/=/srv/ota (may be repeated)",
    )
    group.add_argument(
        "--upstream",
        metavar="[PREFIX=]URL",
        action="append",
        default=[],
        help="pass on to http://host:port, https://… or unix:/… (may be repeated)",
    )
    group.add_argument(
        "--cert",
        metavar="FILE",
        action="append",
        default=[],
        help="certificate with its chain, PEM (twice for RSA and ECDSA)",
    )
    group.add_argument("--key", metavar="FILE", action="append", default=[], help="its private key, PEM")
    group.add_argument("--public-url", metavar="URL", help="scheme, host and port as the device sees them")
    group.add_argument("--tls-profile", metavar="NAME", help="intermediate (default) or modern")
    group.add_argument(
        "--trusted-proxy",
        metavar="NET",
        action="append",
        default=[],
        help="address or network of a proxy in front of the server (may be repeated)",
    )
    group.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="sets",
        help="any other key: --set hsts.max_age=31536000",
    )


def add_server_flags(command: argparse.ArgumentParser) -> None:
    """Add --server-version and --tls-library."""
    group = command.add_argument_group("server")
    group.add_argument(
        "--server-version",
        "--windows",
        metavar="V",
        help="portable (default: starts on every supported version), auto (the server on this machine), latest, or for instance 1.26.3, 2.4.62, "
        "2019 (IIS; default 2022), debian12, ubuntu24.04, rhel9 …",
    )
    group.add_argument(
        "--tls-library",
        metavar="LIB",
        help="for instance openssl-3.0.19; default: the preset's, otherwise the oldest supported, so that no reload fails",
    )


def add_module_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags."""
    group = command.add_argument_group("modules")
    group.add_argument(
        "--with-module",
        metavar="NAME",
        action="append",
        default=[],
        help="nginx only: a compression module that it loads: brotli, zstd (may be repeated); not used for packages and manifests",
    )
    group.add_argument(
        "--without-module",
        metavar="NAME",
        action="append",
        default=[],
        help="IIS only: a module that is not installed: rewrite, arr (may be repeated)",
    )


def add_run_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of everything that starts a server."""
    add_module_flags(command)
    group = command.add_argument_group("engine")
    group.add_argument(
        "--engine",
        choices=("auto", "docker", "local", "embedded", "emulator"),
        help="what starts the server; auto tries them in this order, and uses the emulator for IIS",
    )
    group.add_argument(
        "--image",
        metavar="REF",
        help="container image, or a Debian suite built here: bullseye, bookworm, trixie, forky",
    )
    group.add_argument(
        "--scope",
        choices=("snippet", "site", "full"),  # a snippet gets a sentence of its own
        metavar="{site,full}",
        help="how much of the configuration is rendered",
    )
    group.add_argument(
        "--config", metavar="PATH", type=Path, help="start this file or tree instead of a rendered one (Docker only)"
    )
    group.add_argument(
        "--ipa", metavar="FILE", type=Path, help="install this package; default: a small one made by ota-proxy"
    )
    group.add_argument(
        "--check-files",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="check the certificate files that the site names first; --no-check-files if they are on another machine",
    )


FORMATS = ("text", "json", "sarif", "junit", "github", "gitlab", "html")
"""As in report/formats.py, which is not loaded for --help."""


def add_report_flags(command: argparse.ArgumentParser) -> None:
    """Add --format, -o, --fail-on and --ignore."""
    group = command.add_argument_group("report")
    group.add_argument(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)}; default: text; github prints annotations, gitlab is a code quality report",
    )
    group.add_argument("-o", "--output", metavar="FILE", type=output_path, help="default: stdout")
    group.add_argument(
        "--fail-on",
        choices=("error", "warning", "note", "never"),
        help="lowest severity that makes the exit code 1 (default: error)",
    )
    group.add_argument(
        "--ignore",
        metavar="RULE=REASON",
        action="append",
        default=[],
        dest="ignores",
        help="suppress the findings of a rule: they stay in the report, with the reason, and no longer count (may be repeated)",
    )


def output_path(text: str) -> Path | None:
    """Read the value of -o: a path, or `-` for stdout."""
    return None if text == "-" else Path(text)


def add_force(command: argparse.ArgumentParser) -> None:
    """Add --force, for a file that is in the way."""
    command.add_argument("--force", action="store_true", help="overwrite a file that ota-proxy did not make")


def add_package_arguments(command: argparse.ArgumentParser) -> None:
    """Add IPA and --base-url, which `page` needs too."""
    command.add_argument("ipa", metavar="IPA", type=Path, help="the package")
    command.add_argument(
        "--base-url", metavar="URL", required=True, help="https URL of the folder that will hold the files"
    )
