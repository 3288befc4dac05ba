"""The one way a report leaves the program: settled, in the format that was asked for, to stdout or a file, with its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ota_proxy.cli.streams import emit, tell
from ota_proxy.commands.judge import settle
from ota_proxy.files.output import check_writable, write_bytes
from ota_proxy.late import late
from ota_proxy.printable import as_bytes
from ota_proxy.report.formats import render
from ota_proxy.report.report import Report, TargetReport, exit_code
from ota_proxy.report.results import project_root
from ota_proxy.report.suppress import Suppression, unused
from ota_proxy.settings import Options
from ota_proxy.settings.flags import SiteFlags
from ota_proxy.settings.load import load_options as read_options
from ota_proxy.settings.options import FLAG


def check_output(output: Path | None) -> None:
    """Raise UsageError for a report file that could not be written, before anything is started or asked."""
    if output is not None:
        check_writable(output)


def deliver(
    targets: Sequence[TargetReport], options: Options, output: Path | None, comments: Sequence[Suppression] = ()
) -> int:
    """Print or write the report without what is suppressed by settings, flags or `comments`, and return the exit code it stands for.

    A suppression that matched nothing is said on stderr.
    """
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
    return tuple(
        Suppression(one.rule, one.reason, one.place, one.subject, once=one.place == FLAG) for one in options.ignore
    )


def _summarise(report: Report, root: Path) -> None:
    """Add the report to the summary of the step, where GitHub names a file for it; a summary that cannot be written spoils nothing."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summaries:
            summaries.write(late("ota_proxy.report.github:summary")(report, root))
    except OSError as error:
        tell(f"note: the summary of this step cannot be written: {error.strerror} (GITHUB_STEP_SUMMARY={file})\n")


def load_options(args: argparse.Namespace) -> Options:
    """Read how to report from flags, environment and file, for a command that has no site."""
    return read_options(SiteFlags(options={"format": args.format, "fail_on": args.fail_on}, ignores=args.ignores))
