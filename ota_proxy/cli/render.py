"""`ota-proxy render nginx|apache|iis`: print a configuration, write it, or compare it with what is there."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.again import canonical_command
from ota_proxy.cli.modules import add_module_flags, check_modules, uses_rewrite
from ota_proxy.cli.site_flags import add_server_flags, add_site_flags, at_its_place, load_sites, say
from ota_proxy.cli.streams import emit
from ota_proxy.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError
from ota_proxy.printable import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ota_proxy.files.output import Change
    from ota_proxy.policy.capabilities import Capabilities
    from ota_proxy.servers.result import Rendered
    from ota_proxy.settings import Loaded
    from ota_proxy.settings.sources import Key

_DESCRIPTION = """\
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
VERSION_KEYS: Mapping[str, Key] = {
    "--server-version": ("options", "server_version"),
    "--tls-library": ("options", "tls_library"),
}
"""What the capability table calls its arguments, and the keys of the site file."""
_ANOTHER = {"nginx": "debian12", "apache": "debian12", "iis": "2019"}


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("render", help="write a server configuration", description=_DESCRIPTION)
    command.add_argument("server", choices=("nginx", "apache", "iis"))
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
        help="file, or folder if there are several files; default, and -: stdout",
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
    command.set_defaults(run=run)


def _output(text: str) -> str | None:
    """Keep the text as typed: a slash at its end asks for a folder."""
    return None if text == "-" else text


def run(args: argparse.Namespace) -> int:
    """Render, then print, write or compare."""
    if (args.check or args.diff) and args.output is None:
        raise UsageError(
            "there is nothing to compare with",
            place="--check" if args.check else "--diff",
            hint="name the file with -o PATH",
        )
    check_modules(args)
    loaded, *others = load_sites(args)
    if args.check_files:
        from ota_proxy.harness.named_files import check_files  # noqa: PLC0415 - needs cryptography

        for sentence in (text for one in (loaded, *others) for text in check_files(one)):
            say(f"warning: {sentence}")
    if others:
        return _run_several(args, (loaded, *others))
    caps = capabilities(args.server, loaded)
    with at_its_place(loaded):
        rewrite = uses_rewrite(args, args.server, loaded.site)
    rendered = render(caps, loaded, canonical_command(args, loaded), rewrite=rewrite)
    code, told = (EXIT_CLEAN, _others(rendered)) if args.output is None else _write(rendered, args)
    for sentence in (*_assumed_version(caps, loaded), *_notes(rendered, loaded), *told):
        say(sentence)
    if args.output is None:
        emit(rendered.files[0].text)
    return code


def _run_several(args: argparse.Namespace, sites: tuple[Loaded, ...]) -> int:
    """Render several sites: all files to stdout, or one each and what they share to a folder."""
    caps = capabilities(args.server, sites[0])
    rendered = render_several(caps, sites, canonical_command(args, sites[0]), args)
    code, told = (EXIT_CLEAN, _for_folders(rendered)) if args.output is None else _write(rendered, args, several=True)
    for sentence in (*_assumed_version(caps, sites[0]), *_notes(rendered, *sites), *told):
        say(sentence)
    if args.output is None:
        emit("\n".join(file.text for file in rendered.files))
    return code


def render_several(caps: Capabilities, sites: tuple[Loaded, ...], command: str, args: argparse.Namespace) -> Rendered:
    """Render loaded sites for one server of a version; UsageError names the site, key and place that cannot be."""
    from ota_proxy.servers.result import Note  # noqa: PLC0415 - `--help` needs none of it
    from ota_proxy.servers.several import Part, Several, render_several  # noqa: PLC0415 - jinja2 costs 60 ms

    rewrite = True
    for one in sites:
        with at_its_place(one):
            rewrite = uses_rewrite(args, caps.server, one.site)
    parts = tuple(
        Part(one.site, tuple(Note("info", text) for text in one.read), partial(at_its_place, one)) for one in sites
    )
    with at_its_place(sites[0], {"--scope": ("options", "scope")}):
        return render_several(caps.server, Several(parts, caps, sites[0].options.scope, command), rewrite=rewrite)


def _for_folders(rendered: Rendered) -> list[str]:
    if rendered.server == "iis":
        raise UsageError(
            "each site of IIS is a folder of files", place="-o", hint="name the folder for them: -o FOLDER"
        )
    names = ", ".join(file.name for file in rendered.files)
    return (
        [f"note: these are {len(rendered.files)} files, {names}; -o FOLDER writes them"] if rendered.files[1:] else []
    )


def capabilities(server: str, loaded: Loaded) -> Capabilities:
    """Look up the version that the options name, or the server of this machine; UsageError where it was written, NoVerdictError for none."""
    from ota_proxy.policy.capabilities import AUTO, resolve, with_compressors  # noqa: PLC0415 - `--help` needs none of it

    options = loaded.options
    with at_its_place(loaded, VERSION_KEYS):
        if options.server_version == AUTO:
            found = found_here(server, options.tls_library)
            return with_compressors(found, options.with_modules, all_known=not found.compressors_unknown)
        known = resolve(server, options.server_version, options.tls_library)
        return with_compressors(known, options.with_modules, all_known=False)


def found_here(server: str, tls_library: str = "") -> Capabilities:
    """Return what the server of this machine can do, and say on stderr which it is; NoVerdictError (exit 3) where there is none."""
    from ota_proxy.harness.versions import find_here  # noqa: PLC0415 - starts the server's binary

    here = find_here(server)
    say(f"note: --server-version auto: {here.described()}")
    return here.capabilities(tls_library)


def render(caps: Capabilities, loaded: Loaded, command: str, *, rewrite: bool = True) -> Rendered:
    """Render a loaded site for a server of a version; UsageError names where a value came from that it cannot take.

    Without `rewrite` for an IIS without URL Rewrite.
    """
    from ota_proxy.servers.renderers import renderer  # noqa: PLC0415 - jinja2 costs 60 ms
    from ota_proxy.servers.result import Note  # noqa: PLC0415 - `--help` needs none of it

    further = tuple(Note("info", text) for text in loaded.read)
    with at_its_place(loaded):
        return renderer(caps.server, rewrite=rewrite)(loaded.site, caps, loaded.options.scope, command, further)


def _notes(rendered: Rendered, *sites: Loaded) -> list[str]:
    """Return what is said of a rendering; what the certificate files decided was said when the site was read."""
    read = {text for loaded in sites for text in loaded.read}
    return [f"{note.kind}: {note.text}" for note in rendered.notes if note.text not in read]


def _assumed_version(caps: Capabilities, loaded: Loaded) -> list[str]:
    """Say what was rendered for where nobody named a version, and which server is here: the bytes do not depend on it."""
    if loaded.source(("options", "server_version")).kind != "default":
        return []
    if not caps.portable:
        return [
            f"note: rendered for IIS of Windows {caps.version}; --server-version {_ANOTHER[caps.server]} (say) for another"
        ]
    from ota_proxy.harness.versions import installed_here  # noqa: PLC0415 - only looks at the PATH

    path = installed_here(caps.server)
    return [
        f"note: rendered for every {caps.described}; --server-version {_ANOTHER[caps.server]} (say) for one",
        *([f"note: {path} is here; --server-version auto renders for it"] if path else []),
    ]


def _others(rendered: Rendered) -> list[str]:
    *others, last = [file.name for file in rendered.files]
    if not others:
        return []
    named = f"{', '.join(others[1:])} and {last}" if others[1:] else last
    return [f"note: {rendered.files[0].name} is printed; {named} come with -o FOLDER"]


def _write(rendered: Rendered, args: argparse.Namespace, *, several: bool = False) -> tuple[int, list[str]]:
    """Write or compare; return the exit code and what to say of each file. What `several` sites left there earlier is told too."""
    from ota_proxy.files.output import difference, left_over, plan, write  # noqa: PLC0415

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
