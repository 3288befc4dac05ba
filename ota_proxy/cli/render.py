"""`ota-proxy render nginx|apache|iis`: print a configuration, write it, or hold it against what is there."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.site_flags import add_server_flags, add_site_flags, load_site, say
from ota_proxy.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError

if TYPE_CHECKING:
    from ota_proxy.render.result import Rendered
    from ota_proxy.settings import Loaded

_DESCRIPTION = """\
Print the configuration of a site for one server. Nothing is started and no certificate file is needed.

  ota-proxy render nginx                                     the example site
  ota-proxy render nginx --server-version debian12 -o /etc/nginx/conf.d/ota.conf
  ota-proxy render apache --check -o /etc/apache2/sites-available/ota.conf     exit 1 when it differs
  ota-proxy render iis -o C:\\inetpub\\ota                     web.config, setup.ps1, undo.ps1
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser(
        "render",
        help="write a server configuration",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("server", choices=("nginx", "apache", "iis"))
    add_site_flags(command)
    add_server_flags(command)
    group = command.add_argument_group("output")
    group.add_argument(
        "--scope",
        choices=("snippet", "site", "full"),
        help="inside a server block, whole sites (default), or everything",
    )
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        type=Path,
        help="file, or folder when there are several files; default: stdout",
    )
    group.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when -o PATH is not what would be written"
    )
    group.add_argument(
        "--diff", action="store_true", help="write nothing; print the difference to -o PATH; exit 1 when there is one"
    )
    group.add_argument("--force", action="store_true", help="overwrite a file that ota-proxy did not make")
    group.add_argument(
        "--check-files", action="store_true", help="look at the certificate files too: present, readable, key matching"
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Render, then print, write or compare."""
    if (args.check or args.diff) and args.output is None:
        raise UsageError(
            "there is nothing to compare with",
            place="--check" if args.check else "--diff",
            hint="name the file with -o PATH",
        )
    loaded = load_site(args)
    if args.check_files:
        from ota_proxy.harness.certificate_files import check_files  # noqa: PLC0415 - needs cryptography

        check_files(loaded)
    rendered = render(args.server, loaded, canonical_command(args, loaded))
    for note in rendered.notes:
        say(f"{note.kind}: {note.text}")
    return _print(rendered) if args.output is None else _write(rendered, args)


def render(server: str, loaded: Loaded, command: str) -> Rendered:
    """Render a loaded site for one of the three servers at the version its options name."""
    from ota_proxy.policy.capabilities import resolve  # noqa: PLC0415
    from ota_proxy.render.servers import renderer  # noqa: PLC0415 - jinja2 costs 60 ms

    caps = resolve(server, loaded.options.server_version, loaded.options.tls_library)
    return renderer(server)(loaded.site, caps, loaded.options.scope, command)


def canonical_command(args: argparse.Namespace, loaded: Loaded) -> str:
    """Return the command that makes the same file again: no output flags, no absolute site path, always the same order."""
    words = ["ota-proxy", "render", args.server]
    if loaded.file:
        words += ["--site", loaded.file.name]
    for flag in ("domain", "root", "upstream", "cert", "key", "trusted_proxy"):
        for value in getattr(args, flag):
            words += ["--" + flag.replace("_", "-"), value]
    for flag in ("public_url", "tls_profile", "server_version", "tls_library", "scope"):
        if (value := getattr(args, flag)) is not None:
            words += ["--" + flag.replace("_", "-"), value]
    return shlex.join([*words, *(word for text in args.sets for word in ("--set", text))])


def _print(rendered: Rendered) -> int:
    sys.stdout.write(rendered.files[0].text)
    if others := [file.name for file in rendered.files[1:]]:
        say(f"note: {rendered.files[0].name} is printed; {' and '.join(others)} come with -o FOLDER")
    return EXIT_CLEAN


def _write(rendered: Rendered, args: argparse.Namespace) -> int:
    from ota_proxy.render.output import difference, plan, write  # noqa: PLC0415

    changes = plan(rendered, args.output)
    differing = [change for change in changes if change.needed]
    if args.diff:
        sys.stdout.write(difference(changes))
    if args.check or args.diff:
        for change in differing:
            say(f"{change.path}: {'missing' if change.old is None else 'differs from the site'}")
        return EXIT_FINDINGS if differing else EXIT_CLEAN
    written = write(changes, force=args.force)
    for change in changes:
        say(f"{change.path}: {'written' if change.path in written else 'unchanged'}")
    return EXIT_CLEAN
