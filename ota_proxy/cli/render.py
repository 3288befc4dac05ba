"""`ota-proxy render nginx|apache|iis`: print a configuration, write it, or compare it with what is there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ota_proxy.cli.sites import load_sites, site_flags
from ota_proxy.cli.streams import emit, say
from ota_proxy.commands.render import (
    assumed_version,
    canonical_command,
    capabilities,
    check_modules,
    notes_of,
    render,
    render_several,
)
from ota_proxy.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError
from ota_proxy.files.output import Change, difference, left_over, plan, write
from ota_proxy.late import late
from ota_proxy.printable import shown
from ota_proxy.servers.base import server_named
from ota_proxy.servers.rendered import Rendered


def run(args: argparse.Namespace) -> int:
    """Render, then print, write or compare."""
    if (args.check or args.diff) and args.output is None:
        raise UsageError(
            "there is nothing to compare with",
            place="--check" if args.check else "--diff",
            hint="name the file with -o PATH",
        )
    check_modules(args.with_module, args.server)
    sites = load_sites(args)
    if args.check_files:
        check_files = late("ota_proxy.harness.named_files:check_files")  # needs cryptography
        for sentence in (text for one in sites for text in check_files(one)):
            say(f"warning: {sentence}")
    caps = capabilities(args.server, sites[0], say)
    command = canonical_command(args.server, sites[0], site_flags(args), os.environ, args.without_module)
    several = len(sites) > 1
    if several:
        rendered = render_several(caps, sites, command, args.without_module)
    else:
        rendered = render(caps, sites[0], command, args.without_module)
    code, told = (
        (EXIT_CLEAN, _for_folders(rendered, several=several))
        if args.output is None
        else _write(rendered, args, several=several)
    )
    for sentence in (*assumed_version(caps, sites[0]), *notes_of(rendered, sites), *told):
        say(sentence)
    if args.output is None:
        emit("\n".join(file.text for file in rendered.files) if several else rendered.files[0].text)
    return code


def _for_folders(rendered: Rendered, *, several: bool) -> list[str]:
    """Say which files are not, or not by themselves, what goes to stdout; UsageError for what stdout cannot hold."""
    first, *others = (file.name for file in rendered.files)
    if not several:
        named = " and ".join(filter(None, [", ".join(others[:-1]), *others[-1:]]))
        return [f"note: {first} is printed; {named} come with -o FOLDER"] if others else []
    if server_named(rendered.server).folder_for_each:
        raise UsageError(
            "each site of IIS is a folder of files", place="-o", hint="name the folder for them: -o FOLDER"
        )
    names = ", ".join((first, *others))
    return [f"note: these are {len(rendered.files)} files, {names}; -o FOLDER writes them"] if others else []


def _write(rendered: Rendered, args: argparse.Namespace, *, several: bool) -> tuple[int, list[str]]:
    """Write or compare; return the exit code and what to say of each file. What `several` sites left there earlier is told too."""
    changes = plan(rendered, Path(args.output), folder=args.output.endswith(("/", os.sep)))
    if args.diff:
        emit(shown(difference(changes)))
    old = [f"{path}: belongs to no site any more; remove it" for path in left_over(changes)] if several else []
    if args.check or args.diff:
        told = [_drift(change) for change in changes if change.needed] + old
        return EXIT_FINDINGS if told else EXIT_CLEAN, told
    written = write(changes, force=args.force)
    return EXIT_CLEAN, [f"{one.path}: {'written' if one.path in written else 'unchanged'}" for one in changes] + old


def _drift(change: Change) -> str:
    return f"{change.path}: {'missing' if change.old is None else 'differs from the site'}"
