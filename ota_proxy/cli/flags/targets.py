"""The commands that look at what exists already: check asks a live server, lint reads files."""

from __future__ import annotations

import argparse
from pathlib import Path

from ota_proxy.cli.flags.shared import Commands, add_report_flags
from ota_proxy.servers.base import names

_CHECK = """\
Ask a live server for an install as an iPhone does, and report what the phone would show and which line to change.
URL is a landing page, a manifest, a package (.ipa), an itms-services link as it was pasted, or an image of a QR code.

  ota-proxy check https://ota.example.com/
  ota-proxy check 'itms-services://?action=download-manifest&url=https%3A%2F…'
  ota-proxy check poster.png         a QR code; needs ota-proxy[qr]
  ota-proxy check https://ota.example.com/app.plist --ios 17.4 \\
      --udid 00008030-001A2B3C4D5E6F70
  ota-proxy check https://ota.example.com/ --ca root.pem \\
      --resolve ota.example.com:443:192.0.2.7
  ota-proxy check https://ota.example.com/ --browser on --format html \\
      -o report.html             with screenshots; ota-proxy[browser]
  ota-proxy check --targets urls.txt --jobs 32 -o results.jsonl
"""


def add_check(commands: Commands) -> None:
    """Add `check`."""
    command = commands.add_parser(
        "check",
        help="install from a live URL",
        description=_CHECK,
    )
    command.add_argument(
        "urls",
        nargs="*",
        metavar="URL",
        help="landing page, manifest, package, itms-services link, or an image of a QR code",
    )
    _add_way_flags(command)
    _add_phone_flags(command)
    _add_many_flags(command)
    add_report_flags(command)
    command.set_defaults(run="ota_proxy.cli.check:run")


def _add_way_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("way to the server")
    group.add_argument("--ca", metavar="FILE", type=Path, help="PEM file with additional roots that the device trusts")
    group.add_argument(
        "--resolve",
        metavar="HOST:PORT:ADDR",
        action="append",
        default=[],
        help="connect to ADDR for HOST:PORT, IPv6 in brackets; HOST:PORT:ADDR:PORT for another port (may be repeated)",
    )
    group.add_argument(
        "--allow-private",
        action="store_true",
        help="the phone is in the private network too: also connect to private addresses that only a page or manifest "
        "names, and do not report them",
    )


def _add_phone_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what is checked")
    group.add_argument("--full", action="store_true", help="download packages above 64 MB too, and check every byte")
    group.add_argument(
        "--ats",
        action="store_true",
        help="also list what App Transport Security makes of each host, exception by exception (as nscurl does)",
    )
    group.add_argument(
        "--browser",
        choices=("auto", "on", "off"),
        help="open landing pages in a real browser as iPhone and iPad: auto (the default; off with --targets) "
        "if scripts may make the link, on for every page, off for none; needs ota-proxy[browser] and Chromium or WebKit",
    )
    group.add_argument(
        "--browser-path", metavar="FILE", default="", help="the Chromium to use (default: the first on the PATH)"
    )
    group.add_argument("--udid", metavar="UDID", default="", help="would it install on this device?")
    group.add_argument("--ios", metavar="VERSION", default="", help="would it install on this system version?")


def _add_many_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("many targets")
    group.add_argument(
        "--targets",
        metavar="FILE",
        help="file with one URL a line, # starts a comment, - is stdin; prints one JSON line for each target when it is done",
    )
    group.add_argument("--jobs", metavar="N", type=int, default=16, help="number of targets at once (default: 16)")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=300,
        help="give up on a target after this long (default: 300)",
    )


_LINT = """\
Read an existing configuration and say what a device would see and which line to change.
PATH is a web.config, an applicationHost.config, or a folder with web.config files and the builds beside them.
IIS only so far: files of nginx and Apache get no verdict.

  ota-proxy lint web.config
  ota-proxy lint C:/inetpub/ota --apphost applicationHost.config
  ota-proxy lint web.config --windows 2016 --without-module rewrite
  ota-proxy lint web.config --format sarif -o lint.sarif

A finding is suppressed by --ignore, or by a comment on the line before its element:

  <!-- ota-proxy: ignore OTA620 no other level maps it -->
"""


WINDOWS = ("2016", "2019", "2022", "2025")


def add_lint(commands: Commands) -> None:
    """Add `lint`."""
    command = commands.add_parser("lint", help="read an existing configuration", description=_LINT)
    command.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="file or folder")
    command.add_argument(
        "--server", choices=names(), help="which server the files are for; default: decided by their content"
    )
    group = command.add_argument_group("IIS")
    group.add_argument(
        "--apphost",
        metavar="FILE",
        type=Path,
        help="the server's applicationHost.config, or the part of it that differs from a fresh IIS 10",
    )
    group.add_argument("--windows", choices=WINDOWS, default="2022", help="default: 2022")
    group.add_argument(
        "--without-module",
        metavar="NAME",
        action="append",
        default=[],
        help="a module that is not installed: rewrite, arr, or a name in globalModules (may be repeated)",
    )
    group.add_argument(
        "--iis-schema",
        metavar="DIR",
        type=Path,
        help="the server's own inetsrv/config/schema folder, for sections that ota-proxy does not know",
    )
    add_report_flags(command)
    command.set_defaults(run="ota_proxy.cli.lint:run")


_EFFECTIVE = """\
Say what a request would get from an existing configuration, without running it: status, every header with the line that sets it, and why.
PATH is a configuration file, a folder with an nginx.conf, a fragment (one server block), or what `nginx -T` printed. nginx only so far.

  ota-proxy effective /etc/nginx --url https://ota.example.com/ota/app.plist
  ota-proxy effective ./nginx --url https://ota.example.com/ota/app.ipa \\
      --path-map /etc/nginx=./nginx --path-map /srv/ota=./builds
  ota-proxy effective dump.txt --url https://ota.example.com/ota/app.ipa \\
      --method HEAD --header 'Accept-Encoding: gzip' --format json

What cannot be known from the files (the version in Server, a file that is not here, the client's address) is named as not known, never guessed.
Files below PATH and below the folders of --path-map are looked at, and site folders that this machine has.
"""


def add_effective(commands: Commands) -> None:
    """Add `effective`."""
    command = commands.add_parser(
        "effective", help="what a request would get, and which line decides it", description=_EFFECTIVE
    )
    command.add_argument("path", metavar="PATH", type=Path, help="configuration file, folder, or output of nginx -T")
    command.add_argument("--url", metavar="URL", required=True, help="what is asked: https://host/path")
    command.add_argument("--method", choices=("GET", "HEAD"), default="GET", help="default: GET")
    command.add_argument(
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        help="a header of the request (may be repeated)",
    )
    command.add_argument(
        "--server",
        choices=("nginx", "apache", "iis"),
        default="",
        help="whose files these are; default: by what they hold",
    )
    command.add_argument(
        "--path-map",
        metavar="FROM=TO",
        action="append",
        default=[],
        help="where a folder of the server lies here: /etc/nginx=./nginx (may be repeated)",
    )
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    command.set_defaults(run="ota_proxy.cli.effective:run")
