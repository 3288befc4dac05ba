"""`ota-proxy lint`: hold configuration files against what their server would do with them, without running it."""

from __future__ import annotations

import argparse

from ota_proxy.cli.deliver import check_output, deliver, load_options
from ota_proxy.commands.lint import LintOptions, comments_of, lint


def run(args: argparse.Namespace) -> int:
    """Lint every path and return the exit code of the worst."""
    options = load_options(args)
    check_output(args.output)
    how = LintOptions(args.server or "", args.windows, args.apphost, args.without_module, args.iis_schema)
    targets = lint(args.paths, how)
    return deliver(targets, options, args.output, comments_of(targets))
