"""Holds configuration files against what their server would do with them, without running it: a report for each file or folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.commands.judge import judge
from ota_proxy.errors import UsageError, did_you_mean
from ota_proxy.report.report import TargetReport, no_verdict
from ota_proxy.report.suppress import Suppression
from ota_proxy.rules.catalogue import rule_id, unknown_rule
from ota_proxy.rules.rule import Facts
from ota_proxy.servers.comments import IgnoreComment, read_comments
from ota_proxy.servers.iis.effective import IisConfiguration, read_effective
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.schema.table import known, module_names
from ota_proxy.servers.recognise import Recognised, recognise

_NO_READER = (
    "lint reads files of IIS only so far (web.config, applicationHost.config); "
    "for nginx and Apache see `ota-proxy verify --config PATH`, which starts them"
)


@dataclass(frozen=True, slots=True)
class LintOptions:
    """How to read. `server` is empty for what the files themselves hold; the rest is about IIS."""

    server: str = ""
    windows: str = "2022"
    apphost: Path | None = None
    """The server's applicationHost.config, or the part of it that differs from a fresh IIS 10."""
    without_modules: Sequence[str] = ()
    schema: Path | None = None
    """The server's own schema folder, for sections that are not in our table."""


def lint(paths: Sequence[Path], options: LintOptions) -> list[TargetReport]:
    """Read and judge every path once; UsageError for options that name nothing, all else is in the reports."""
    _check_modules(options.without_modules)
    return [_target(recognise(path), options) for path in dict.fromkeys(paths)]


def comments_of(targets: Sequence[TargetReport]) -> tuple[Suppression, ...]:
    """Return what comments of the files suppress; UsageError for one without a reason, and for a rule that is none."""
    files = {file: text for target in targets for file, text in target.config.items()}
    return tuple(_suppression(one) for file, text in files.items() for one in read_comments(text, file))


def _suppression(comment: IgnoreComment) -> Suppression:
    rule = rule_id(comment.rule)
    if rule is None:
        text, hint = unknown_rule(comment.rule)
        raise UsageError(text, place=comment.place, hint=hint)
    return Suppression(rule, comment.reason, comment.place, file=comment.file, first=comment.first, last=comment.last)


def _check_modules(names: Sequence[str]) -> None:
    everything = {*known()["aliases"], *module_names()}
    for name in names:
        if name not in everything:
            hint = did_you_mean(name, everything) or "rewrite, arr, or a name in globalModules"
            raise UsageError(f"no IIS module is called '{name}'", place="--without-module", hint=hint)


def _target(found: Recognised, options: LintOptions) -> TargetReport:
    if found.kind == "unreadable":
        return no_verdict(str(found.path), options.server, f"it cannot be read: {found.why}")
    server = options.server or ("" if found.kind == "other" else "iis")
    if not server and found.path.is_dir():
        return no_verdict(str(found.path), server, f"no web.config in this folder or below it; {_NO_READER}")
    if server != "iis":
        return no_verdict(str(found.path), server, _NO_READER)
    if found.kind == "other":
        return no_verdict(str(found.path), server, "no web.config and no applicationHost.config here")
    return _iis(found, options)


def _iis(found: Recognised, options: LintOptions) -> TargetReport:
    is_server = found.kind == "applicationHost.config"
    root = found.path if found.kind == "tree" else None
    configuration = _load(found, options)
    own = is_server or options.apphost is not None
    facts = read_effective(configuration, root, windows=options.windows, own_server=own)
    read = TargetReport(
        target=str(found.path),
        server="iis",
        version=options.windows,
        engine="",
        level="L0",
        facts=Facts(files=facts, server="iis"),
        notes=tuple(_notes(configuration, facts)),
        config={one.file: one.text.replace("\r\n", "\n") for one in configuration.documents()},
    )
    return judge(read, "l")


def _load(found: Recognised, options: LintOptions) -> Configuration:
    is_server = found.kind == "applicationHost.config"
    if is_server and options.apphost is not None:
        raise UsageError("this is an applicationHost.config itself", place=str(found.path), hint="leave --apphost out")
    return Configuration.load(
        found.path,
        found.path if is_server else options.apphost,
        without_modules=frozenset(options.without_modules),
        windows=options.windows,
        schema_dir=options.schema,
        with_files=not is_server,
    )


def _notes(configuration: Configuration, facts: IisConfiguration) -> Iterator[str]:
    sites, unjudged = [one.name for one in configuration.sites], dict.fromkeys(facts.unjudged)
    if unjudged:
        yield f"not judged: {', '.join(unjudged)}"
    if len(sites) > 1:
        yield f"the file has {len(sites)} sites; what is in force was looked at for '{sites[0]}'"
