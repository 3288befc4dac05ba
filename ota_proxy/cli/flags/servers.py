"""The commands that make a server's configuration or start it: render, verify, up."""

from __future__ import annotations

import argparse
from pathlib import Path

from ota_proxy.cli.flags.shared import (
    Commands,
    add_module_flags,
    add_report_flags,
    add_run_flags,
    add_server_flags,
    add_site_flags,
)
from ota_proxy.numbers import port
from ota_proxy.servers.base import EVERY, names

SERVERS = names()


_RENDER = """\
Print the configuration of a site for one server. Nothing is started and no certificate file is needed.

  ota-proxy render nginx                        the example site, any version
  ota-proxy render nginx --server-version auto  for the nginx of this machine
  ota-proxy render nginx --server-version debian12 -o /etc/nginx/conf.d/ota.conf
  ota-proxy render nginx --check -o /etc/nginx/conf.d/ota.conf    exit 0 or 1
  ota-proxy render apache --domain ota.example.com --root /srv/ota \\
      --cert /etc/ssl/ota.pem --key /etc/ssl/ota.key
  ota-proxy render nginx --site sites/ -o conf.d/   one file for each site
  ota-proxy render iis -o out/           web.config, two scripts, their module
  ota-proxy render iis --without-module rewrite -o out/    no URL Rewrite there
"""


def add_render(commands: Commands) -> None:
    """Add `render`."""
    command = commands.add_parser("render", help="write a server configuration", description=_RENDER)
    command.add_argument("server", choices=SERVERS)
    add_site_flags(command)
    add_server_flags(command)
    add_module_flags(command)
    group = command.add_argument_group("output")
    group.add_argument(
        "--scope",
        choices=("snippet", "site", "full"),
        help="what goes inside a server block, whole sites (default), or everything",
    )
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        type=_output,
        help="file, or folder if there are several files; stdout if it is - or not given",
    )
    group.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if -o PATH differs from what would be written"
    )
    group.add_argument(
        "--diff", action="store_true", help="write nothing; print the difference from -o PATH; exit 1 if there is one"
    )
    group.add_argument("--force", action="store_true", help="overwrite a file that ota-proxy did not make")
    group.add_argument(
        "--check-files",
        action="store_true",
        help="check the certificate files too: present, readable, matching key, names, dates, chain",
    )
    command.set_defaults(run="ota_proxy.cli.render:run")


def _output(text: str) -> str | None:
    """Keep the text as typed: a slash at its end asks for a folder."""
    return None if text == "-" else text


_VERIFY = """\
Render the site (or take --config), start a real server with it and test certificates, install from it as a simulated iPhone, and report.

  ota-proxy verify nginx                    Docker, else the PATH, else embedded
  ota-proxy verify all --ipa build/App.ipa  every server, with your own package
  ota-proxy verify nginx --engine embedded  no Docker, no root
  ota-proxy verify nginx --dry-run          only say what would be done
  ota-proxy verify nginx --site sites/      all sites of a folder, on one server
  ota-proxy verify nginx --config /etc/nginx --domain ota.example.com \\
      --root /srv/ota --cert /etc/ssl/ota.pem --key /etc/ssl/ota.key
"""


def add_verify(commands: Commands) -> None:
    """Add `verify`."""
    command = commands.add_parser("verify", help="start it and install from it", description=_VERIFY)
    command.add_argument("server", nargs="?", choices=(*SERVERS, EVERY), default="nginx", help="default: nginx")
    add_site_flags(command)
    add_server_flags(command)
    add_run_flags(command)
    group = command.add_argument_group("trial")
    group.add_argument("--keep", action="store_true", help="leave the server running and say how to continue by hand")
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be done; nothing is started and Docker is not contacted",
    )
    add_report_flags(command)
    command.set_defaults(run="ota_proxy.cli.verify:run")


_UP = """\
Start the site on a real server with test certificates, print how to reach it, and stop at ^C.

  ota-proxy up nginx                      the example site
  ota-proxy up apache --engine local      the Apache of this machine, no root
  ota-proxy up nginx --ipa build/App.ipa --image bookworm
  ota-proxy up iis --site-root wwwroot    the folder as it is, with IIS emulated
"""


def add_up(commands: Commands) -> None:
    """Add `up`."""
    command = commands.add_parser("up", help="start it and leave it running", description=_UP)
    command.add_argument("server", choices=SERVERS)
    add_site_flags(command)
    add_server_flags(command)
    add_run_flags(command)
    add_folder_flags(command)
    command.set_defaults(run="ota_proxy.cli.up:run")


def add_folder_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of a folder that is run as it is."""
    group = command.add_argument_group(
        "IIS folder",
        "Only for `up iis`: no site is rendered, the folder is served as it is. Its certificate names localhost and the names given with --domain.",
    )
    group.add_argument("--site-root", metavar="DIR", type=Path, help="the site's folder, with its web.config")
    group.add_argument(
        "--apphost",
        metavar="FILE",
        type=Path,
        help="applicationHost.config; without configSections it overlays IIS's defaults",
    )
    group.add_argument("--http-port", metavar="PORT", type=_port, default=0, help="default: a free one")
    group.add_argument("--https-port", metavar="PORT", type=_port, default=0, help="default: a free one")
    group.add_argument("--access-log", metavar="FILE", type=Path, help="one JSON object for each request")


def _port(text: str) -> int:
    number = port(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port")
    return number
