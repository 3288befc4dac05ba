"""`ota-proxy up iis --site-root DIR`: a folder with its web.config on the emulator of IIS, for people and for tests that drive it.

One line of JSON on stdout says when it is ready and where: `{"http": P, "https": Q, "ca": "FILE"}`.
"""

from __future__ import annotations

import argparse
import json
from functools import partial

from pydantic import TypeAdapter, ValidationError

from ota_proxy.cli.streams import emit, flush, say
from ota_proxy.errors import EXIT_CLEAN, UsageError
from ota_proxy.harness.emulator.site_folder import Folder, run
from ota_proxy.policy.capabilities import PORTABLE, resolve
from ota_proxy.servers.iis.state import WEB_CONFIG, below
from ota_proxy.site.values import Domain


def run_folder(args: argparse.Namespace) -> int:
    """Run the folder until ^C or SIGTERM."""
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
    if args.site_root.is_dir() and below(args.site_root, WEB_CONFIG) is None:
        say(f"note: {args.site_root} has no web.config: the defaults of IIS answer")
    try:
        run(folder, partial(_ready, folder.names), lambda text: say(f"warning: {text}"))
    except KeyboardInterrupt:
        say("stopping")
    return EXIT_CLEAN


def _names(given: list[str]) -> tuple[str, ...]:
    """Return the names that --domain asks for; UsageError for what is none."""
    try:
        return tuple(TypeAdapter(list[Domain]).validate_python(given))
    except ValidationError as error:
        raise UsageError(str(error.errors()[0]["ctx"]["error"]), place="--domain") from None


def _ready(names: tuple[str, ...], line: str) -> None:
    emit(line + "\n")
    flush()
    told = json.loads(line)
    way = f"https://localhost:{told['https']}/ --allow-private"
    if names:
        way = f"https://{names[0]}/ --resolve {names[0]}:443:127.0.0.1:{told['https']}"
    say(f"try    ota-proxy check {way} --ca {told['ca']}")
    say("an emulator, not IIS: it behaves as documented; ^C stops it")
