"""`ota-proxy verify`: start the configuration on a real server and install from it as a simulated iPhone."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.modules import add_module_flags, check_modules, uses_rewrite
from ota_proxy.cli.render import VERSION_KEYS
from ota_proxy.cli.report_flags import add_report_flags, check_output, deliver
from ota_proxy.cli.site_flags import add_server_flags, add_site_flags, at_its_place, load_sites, say
from ota_proxy.cli.streams import emit, tell
from ota_proxy.errors import EXIT_CLEAN, NoVerdictError, UsageError
from ota_proxy.limits import PACKAGE_FILE
from ota_proxy.reading import read_file

if TYPE_CHECKING:
    from ota_proxy.harness.engine import Engine
    from ota_proxy.harness.served import Content
    from ota_proxy.harness.trial import Trial
    from ota_proxy.policy.capabilities import Capabilities
    from ota_proxy.report.model import TargetReport
    from ota_proxy.settings import Loaded

SERVERS = ("nginx", "apache", "iis")

_DESCRIPTION = """\
Render the site (or take --config), start a real server with it and test certificates, install from it as a simulated iPhone, and report.

  ota-proxy verify nginx                    Docker, else the PATH, else embedded
  ota-proxy verify all --ipa build/App.ipa  every server, with your own package
  ota-proxy verify nginx --engine embedded  no Docker, no root
  ota-proxy verify nginx --dry-run          only say what would be done
  ota-proxy verify nginx --site sites/      all sites of a folder, on one server
  ota-proxy verify nginx --config /etc/nginx --domain ota.example.com \\
      --root /srv/ota --cert /etc/ssl/ota.pem --key /etc/ssl/ota.key
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("verify", help="start it and install from it", description=_DESCRIPTION)
    command.add_argument("server", nargs="?", choices=(*SERVERS, "all"), default="nginx", help="default: nginx")
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
    command.set_defaults(run=run)


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


def run(args: argparse.Namespace) -> int:
    """Verify one server or all of them."""
    check_modules(args)
    loaded, *others = load_sites(args)
    servers = SERVERS if args.server == "all" else (args.server,)
    if others and args.config:
        hint = "name the one site it serves: --site FILE"
        raise UsageError("your own configuration is compared with one site", place="--config", hint=hint)
    each = {one.site.base_url: one for one in (loaded, *others)}
    trials = [trial(server, one, args) for server in servers for one in (loaded, *others)]
    if args.dry_run:
        from ota_proxy.harness.dry_run import describe  # noqa: PLC0415
        from ota_proxy.policy.capabilities import resolve  # noqa: PLC0415

        plans = []
        for one in trials:
            with at_its_place(each[one.site.base_url]):
                plans.append(describe(one, one.asked or resolve(one.server), loaded.options))
        emit("\n\n".join(plans) + "\n")
        if others:
            say("note: sites that listen on the same ports and addresses are started as one server")
        return EXIT_CLEAN
    check_output(args.output)
    reports = [report for one in _together(trials) for report in _verify(one, loaded, args)]
    return deliver(reports, loaded.options, args.output)


def _together(trials: list[Trial]) -> list[Trial]:
    """Put sites that listen on the same ports onto one server; the emulator of IIS plays one site at a time."""
    from ota_proxy.harness.scenario import together  # noqa: PLC0415 - heavy, as all of the harness

    found: list[Trial] = []
    for server in dict.fromkeys(one.server for one in trials):
        own = [one for one in trials if one.server == server]
        if server == "iis":
            found += own
            continue
        for first, *others in together([one.site for one in own]):
            found.append(replace(next(one for one in own if one.site is first), beside=tuple(others)))
    return found


def trial(server: str, loaded: Loaded, args: argparse.Namespace) -> Trial:
    """Put together what to prove; UsageError for flags that exclude each other and for files that are missing or do not match."""
    from ota_proxy.harness.own_config import own_config  # noqa: PLC0415 - heavy, as all of the harness
    from ota_proxy.harness.served import Content  # noqa: PLC0415
    from ota_proxy.harness.trial import Trial  # noqa: PLC0415

    _possible(loaded, args)
    return Trial(
        server=server,
        site=loaded.site,
        scope=loaded.options.scope,
        command="ota-proxy verify " + server,
        content=_content(args.ipa) if args.ipa else Content(),
        config=own_config(args.config, server) if args.config else None,
        keep=getattr(args, "keep", False),
        rewrite=_rewrite(server, loaded, args),
        asked=_asked(server, loaded),
    )


def _asked(server: str, loaded: Loaded) -> Capabilities | None:
    from ota_proxy.harness import versions  # noqa: PLC0415 - heavy, as all of the harness

    with at_its_place(loaded, VERSION_KEYS):
        return versions.asked(server, loaded)


def _rewrite(server: str, loaded: Loaded, args: argparse.Namespace) -> bool:
    with at_its_place(loaded):
        return uses_rewrite(args, server, loaded.site)


def _possible(loaded: Loaded, args: argparse.Namespace) -> None:
    options, elsewhere = loaded.options, loaded.options.engine not in ("auto", "docker")
    if options.scope == "snippet":
        place = str(loaded.source(("options", "scope")))
        raise UsageError("a snippet cannot be started by itself", place=place, hint="use --scope site or --scope full")
    if args.config and args.server == "all":
        hint = "name the server it is for: nginx or apache"
        raise UsageError("one configuration cannot be for all servers", place="--config", hint=hint)
    if args.config and elsewhere:
        raise UsageError(
            "your own configuration names its own paths and ports, so only docker can start it",
            place="--config",
            hint="use --engine docker",
        )
    if options.image and elsewhere:
        text = f"the image {options.image} needs the docker engine, not {options.engine}"
        place = str(loaded.source(("options", "image")))
        raise UsageError(text, place=place, hint="leave --engine out, or --image")
    if args.check_files and loaded.certificates_given:
        from ota_proxy.harness.named_files import check_files  # noqa: PLC0415 - needs cryptography

        for sentence in check_files(loaded):
            say(f"warning: {sentence}")


def engine_of(one: Trial, loaded: Loaded) -> Engine:
    """Choose the engine; its server must be of the version that was asked for."""
    from ota_proxy.harness.engine import choose  # noqa: PLC0415
    from ota_proxy.policy.capabilities import PORTABLE  # noqa: PLC0415

    engine = loaded.options.engine
    wanted = "docker" if one.config and engine == "auto" else engine
    if one.server == "iis":
        played = one.asked.version if one.asked else PORTABLE
        return choose(wanted, one.server, loaded.options.image, played, rewrite=one.rewrite)
    return choose(wanted, one.server, loaded.options.image)


def check_version(engine: Engine, server: str, loaded: Loaded) -> None:
    """Raise UsageError when --server-version names another version than the engine has."""
    from ota_proxy.harness import versions  # noqa: PLC0415 - heavy, as all of the harness

    versions.check_version(engine, server, loaded)


def _verify(one: Trial, loaded: Loaded, args: argparse.Namespace) -> tuple[TargetReport, ...]:
    from ota_proxy.commands.verify import verify_all  # noqa: PLC0415
    from ota_proxy.harness.progress import Timed  # noqa: PLC0415
    from ota_proxy.report.model import no_verdict  # noqa: PLC0415

    progress = Timed(tell)
    try:
        progress(f"looking for an engine that can run {one.server}")
        engine = engine_of(one, loaded)
        check_version(engine, one.server, loaded)
        with at_its_place(loaded):
            return verify_all(one, engine, progress)
    except NoVerdictError as error:
        if args.server != "all" and loaded.options.format == "text":
            raise
        return tuple(no_verdict(site.base_url, one.server, str(error)) for site in one.sites)
    finally:
        progress.close()


def _content(path: Path) -> Content:
    from ota_proxy.harness.trial import content_of  # noqa: PLC0415

    try:
        return content_of(read_file(path, PACKAGE_FILE))
    except OSError as error:
        hint = "give the .ipa file, or leave --ipa out: ota-proxy makes a small one"
        raise UsageError(f"the package cannot be read: {error.strerror}", place=f"--ipa {path}", hint=hint) from None
    except UsageError as error:
        error.place = f"--ipa {path}"
        raise
