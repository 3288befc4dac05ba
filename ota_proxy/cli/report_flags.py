"""The flags of every command that reports, and the one way a report leaves the program."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ota_proxy.cli.streams import emit, tell
from ota_proxy.printable import as_bytes

if TYPE_CHECKING:
    from ota_proxy.report.model import Report, TargetReport
    from ota_proxy.report.suppress import Suppression
    from ota_proxy.settings import Options


FORMATS = ("text", "json", "sarif", "junit", "github", "gitlab", "html")
"""As in report/formats.py, which is not loaded for --help."""


def add_report_flags(command: argparse.ArgumentParser) -> None:
    """Add --format, -o, --fail-on and --ignore."""
    group = command.add_argument_group("report")
    group.add_argument(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)} (code quality of GitLab, annotations of GitHub); default: text",
    )
    group.add_argument("-o", "--output", metavar="FILE", type=output_path, help="default: stdout")
    group.add_argument(
        "--fail-on",
        choices=("error", "warning", "note", "never"),
        help="lowest severity that makes the exit code 1 (default: error)",
    )
    group.add_argument(
        "--ignore",
        metavar="RULE=REASON",
        action="append",
        default=[],
        dest="ignores",
        help="suppress the findings of a rule: they stay in the report, with the reason, and no longer count (may be repeated)",
    )


def output_path(text: str) -> Path | None:
    """Read the value of -o: a path, or `-` for stdout."""
    return None if text == "-" else Path(text)


def check_output(output: Path | None) -> None:
    """Raise UsageError for a report file that could not be written, before anything is started or asked."""
    from ota_proxy.files.output import check_writable  # noqa: PLC0415

    if output is not None:
        check_writable(output)


def deliver(
    targets: Sequence[TargetReport], options: Options, output: Path | None, comments: Sequence[Suppression] = ()
) -> int:
    """Print or write the report without what is suppressed by settings, flags or `comments`, and return the exit code it stands for.

    A suppression that matched nothing is said on stderr.
    """
    from ota_proxy.commands.judge import settle  # noqa: PLC0415
    from ota_proxy.files.output import write_bytes  # noqa: PLC0415
    from ota_proxy.report.formats import render  # noqa: PLC0415
    from ota_proxy.report.model import exit_code  # noqa: PLC0415
    from ota_proxy.report.results import project_root  # noqa: PLC0415
    from ota_proxy.report.suppress import unused  # noqa: PLC0415

    root, ignored = project_root(), (*comments, *suppressions(options))
    settled = settle(targets, ignored, root)
    report = settled.report
    stream = None if output else sys.stdout
    rendered = render(report, options.format, root=root, fail_on=options.fail_on, stream=stream)
    if options.format == "github":
        _summarise(report, root)
    if output:
        write_bytes(output, as_bytes(rendered))
    else:
        emit(rendered.rstrip("\n") + "\n")
    for sentence in unused(ignored, settled.standings):
        tell(f"note: {sentence}\n")
    return exit_code(report, options.fail_on)


def suppressions(options: Options) -> tuple[Suppression, ...]:
    """Return what settings and flags suppress."""
    from ota_proxy.report.suppress import Suppression  # noqa: PLC0415
    from ota_proxy.settings.ignored import FLAG  # noqa: PLC0415

    return tuple(
        Suppression(one.rule, one.reason, one.place, one.subject, once=one.place == FLAG) for one in options.ignore
    )


def _summarise(report: Report, root: Path) -> None:
    """Add the report to the summary of the step, where GitHub names a file for it; a summary that cannot be written spoils nothing."""
    from ota_proxy.report.github import summary  # noqa: PLC0415

    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summaries:
            summaries.write(summary(report, root))
    except OSError as error:
        tell(f"note: the summary of this step cannot be written: {error.strerror} (GITHUB_STEP_SUMMARY={file})\n")


def load_options(args: argparse.Namespace) -> Options:
    """Read how to report from flags, environment and file, for a command that has no site."""
    from ota_proxy.settings.flags import SiteFlags  # noqa: PLC0415 - heavy, and `--help` needs none of it
    from ota_proxy.settings.load import load_options as load  # noqa: PLC0415

    return load(SiteFlags(options={"format": args.format, "fail_on": args.fail_on}, ignores=args.ignores))
