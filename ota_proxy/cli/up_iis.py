"""`ota-proxy up iis --site-root DIR`: a folder with its web.config on the emulator of IIS, for people and for tests that drive it.

One line of JSON on stdout says when it is ready and where: `{"http": P, "https": Q, "ca": "FILE"}`.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from ota_proxy.cli.site_flags import say
from ota_proxy.cli.streams import emit, flush
from ota_proxy.errors import EXIT_CLEAN, UsageError
from ota_proxy.numbers import port

_FLAGS = ("site_root", "apphost", "http_port", "https_port", "access_log")
_OF_SITES = (
    "site",
    "root",
    "upstream",
    "cert",
    "key",
    "public_url",
    "tls_profile",
    "trusted_proxy",
    "sets",
    "config",
    "ipa",
    "image",
)
"""Flags that say what to render or what to start it with."""


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


def asked_for_folder(args: argparse.Namespace) -> bool:
    """Say whether a folder is to be run; UsageError for its flags without it, or for another server."""
    used = [name for name in _FLAGS if getattr(args, name)]
    if not used:
        return False
    flag = "--" + used[0].replace("_", "-")
    if args.server != "iis":
        raise UsageError("only for `ota-proxy up iis`", place=flag)
    if not args.site_root:
        raise UsageError("there is no folder to run", place=flag, hint="name it with --site-root DIR")
    for name in _OF_SITES:
        if getattr(args, name):
            other = "--" + {"sets": "set"}.get(name, name).replace("_", "-")
            raise UsageError(
                "nothing is rendered with --site-root: the folder runs as it is", place=other, hint="leave it out"
            )
    return True


def run_folder(args: argparse.Namespace) -> int:
    """Run the folder until ^C or SIGTERM."""
    from ota_proxy.harness.emulator.site_folder import Folder, run  # noqa: PLC0415 - heavy, as all of the harness
    from ota_proxy.policy.capabilities import PORTABLE, resolve  # noqa: PLC0415 - `--help` needs none of it

    folder = Folder(
        root=args.site_root,
        apphost=args.apphost,
        without_modules=frozenset(args.without_module),
        windows=resolve("iis", args.server_version or PORTABLE).version,
        http_port=args.http_port,
        https_port=args.https_port,
        access_log=args.access_log,
        names=_names(args.domain),
    )
    if args.site_root.is_dir() and not _has_web_config(args.site_root):
        say(f"note: {args.site_root} has no web.config: the defaults of IIS answer")
    try:
        run(folder, partial(_ready, folder.names), lambda text: say(f"warning: {text}"))
    except KeyboardInterrupt:
        say("stopping")
    return EXIT_CLEAN


def _names(given: list[str]) -> tuple[str, ...]:
    """Return the names that --domain asks for; UsageError for what is none."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - heavy

    from ota_proxy.site.values import Domain  # noqa: PLC0415 - likewise

    try:
        return tuple(TypeAdapter(list[Domain]).validate_python(given))
    except ValidationError as error:
        raise UsageError(str(error.errors()[0]["ctx"]["error"]), place="--domain") from None


def _has_web_config(folder: Path) -> bool:
    from ota_proxy.servers.iis.files import WEB_CONFIG, below  # noqa: PLC0415 - brings the rest of the package

    return below(folder, WEB_CONFIG) is not None


def _ready(names: tuple[str, ...], line: str) -> None:
    emit(line + "\n")
    flush()
    told = json.loads(line)
    way = f"https://localhost:{told['https']}/ --allow-private"
    if names:
        way = f"https://{names[0]}/ --resolve {names[0]}:443:127.0.0.1:{told['https']}"
    say(f"try    ota-proxy check {way} --ca {told['ca']}")
    say("an emulator, not IIS: it behaves as documented; ^C stops it")
