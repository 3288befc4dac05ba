"""`ota-proxy lint`: hold configuration files against what their server would do with them, without running it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.report_flags import add_report_flags, check_output, deliver, load_options
from ota_proxy.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from ota_proxy.report.model import TargetReport
    from ota_proxy.report.suppress import Suppression
    from ota_proxy.servers.comments import IgnoreComment
    from ota_proxy.servers.iis.effective import IisConfiguration
    from ota_proxy.servers.iis.in_force import Configuration
    from ota_proxy.servers.recognise import Recognised

_DESCRIPTION = """\
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
SERVERS = ("nginx", "apache", "iis")
_NO_READER = (
    "lint reads files of IIS only so far (web.config, applicationHost.config); "
    "for nginx and Apache see `ota-proxy verify --config PATH`, which starts them"
)


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("lint", help="read an existing configuration", description=_DESCRIPTION)
    command.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="file or folder")
    command.add_argument(
        "--server", choices=SERVERS, help="which server the files are for; default: decided by their content"
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
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lint every path and return the exit code of the worst."""
    from ota_proxy.servers.recognise import recognise  # noqa: PLC0415 - `--help` needs none of it

    options = load_options(args)
    check_output(args.output)
    _check_modules(args.without_module)
    targets = [_target(recognise(path), args) for path in dict.fromkeys(args.paths)]
    return deliver(targets, options, args.output, _comments(targets))


def _comments(targets: list[TargetReport]) -> tuple[Suppression, ...]:
    """Return what comments of the files suppress; UsageError for one without a reason, and for a rule that is none."""
    from ota_proxy.servers.comments import read_comments  # noqa: PLC0415

    files = {file: text for target in targets for file, text in target.config.items()}
    return tuple(_suppression(one) for file, text in files.items() for one in read_comments(text, file))


def _suppression(comment: IgnoreComment) -> Suppression:
    from ota_proxy.report.suppress import Suppression  # noqa: PLC0415
    from ota_proxy.rules.catalogue import rule_id, unknown_rule  # noqa: PLC0415

    rule = rule_id(comment.rule)
    if rule is None:
        text, hint = unknown_rule(comment.rule)
        raise UsageError(text, place=comment.place, hint=hint)
    return Suppression(rule, comment.reason, comment.place, file=comment.file, first=comment.first, last=comment.last)


def _check_modules(names: list[str]) -> None:
    from ota_proxy.servers.iis.schema.table import known, module_names  # noqa: PLC0415

    everything = {*known()["aliases"], *module_names()}
    for name in names:
        if name not in everything:
            hint = did_you_mean(name, everything) or "rewrite, arr, or a name in globalModules"
            raise UsageError(f"no IIS module is called '{name}'", place="--without-module", hint=hint)


def _target(found: Recognised, args: argparse.Namespace) -> TargetReport:
    from ota_proxy.report.model import no_verdict  # noqa: PLC0415

    if found.kind == "unreadable":
        return no_verdict(str(found.path), args.server or "", f"it cannot be read: {found.why}")
    server = args.server or ("" if found.kind == "other" else "iis")
    if not server and found.path.is_dir():
        return no_verdict(str(found.path), server, f"no web.config in this folder or below it; {_NO_READER}")
    if server != "iis":
        return no_verdict(str(found.path), server, _NO_READER)
    if found.kind == "other":
        return no_verdict(str(found.path), server, "no web.config and no applicationHost.config here")
    return _iis(found, args)


def _iis(found: Recognised, args: argparse.Namespace) -> TargetReport:
    from ota_proxy.servers.iis.effective import read_effective  # noqa: PLC0415

    is_server = found.kind == "applicationHost.config"
    root = found.path if found.kind == "tree" else None
    configuration = _load(found, args)
    own = is_server or args.apphost is not None
    facts = read_effective(configuration, root, windows=args.windows, own_server=own)
    return _report(str(found.path), facts, configuration, args.windows)


def _load(found: Recognised, args: argparse.Namespace) -> Configuration:
    from ota_proxy.servers.iis.in_force import Configuration  # noqa: PLC0415

    is_server = found.kind == "applicationHost.config"
    if is_server and args.apphost is not None:
        raise UsageError("this is an applicationHost.config itself", place=str(found.path), hint="leave --apphost out")
    return Configuration.load(
        found.path,
        found.path if is_server else args.apphost,
        without_modules=frozenset(args.without_module),
        windows=args.windows,
        schema_dir=args.iis_schema,
        with_files=not is_server,
    )


def _report(target: str, facts: IisConfiguration, configuration: Configuration, windows: str) -> TargetReport:
    from ota_proxy.commands.judge import judge  # noqa: PLC0415
    from ota_proxy.report.model import TargetReport  # noqa: PLC0415
    from ota_proxy.rules.model import Facts  # noqa: PLC0415

    read = TargetReport(
        target=target,
        server="iis",
        version=windows,
        engine="",
        level="L0",
        facts=Facts(files=facts, server="iis"),
        notes=tuple(_notes(configuration, facts)),
        config={one.file: one.text.replace("\r\n", "\n") for one in configuration.documents()},
    )
    return judge(read, "l")


def _notes(configuration: Configuration, facts: IisConfiguration) -> list[str]:
    sites, unjudged = [one.name for one in configuration.sites], dict.fromkeys(facts.unjudged)
    notes = [f"not judged: {', '.join(unjudged)}"] if unjudged else []
    if len(sites) > 1:
        notes.append(f"the file has {len(sites)} sites; what is in force was looked at for '{sites[0]}'")
    return notes
