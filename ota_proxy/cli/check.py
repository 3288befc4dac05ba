"""`ota-proxy check`: install from what already runs, as a simulated iPhone, and report; one target or thousands."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ota_proxy.browser import find
from ota_proxy.cli.deliver import check_output, deliver, load_options, suppressions
from ota_proxy.cli.streams import emit, tell
from ota_proxy.commands.check import Browser, CheckOptions, check_each, start
from ota_proxy.commands.many_targets import Sink, check_many
from ota_proxy.commands.resolve import read_resolve
from ota_proxy.device.tls_contexts import device_context
from ota_proxy.errors import UsageError
from ota_proxy.harness.progress import Steps, Timed
from ota_proxy.reading import read_stream
from ota_proxy.report.suppress import Judging
from ota_proxy.settings import Options

_UDID = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16}")
"""Forty hexadecimal digits, or since the iPhone XS eight and sixteen (observed behaviour)."""
_IOS = re.compile(r"\d{1,2}(\.\d{1,2}){0,2}")
_SHORTEST = 0.1
_MOST_JOBS = 1024


def run(args: argparse.Namespace) -> int:
    """Check the targets and return the exit code of the worst."""
    if not args.urls and args.targets is None:
        raise UsageError("there is nothing to check", place="URL", hint="ota-proxy check https://ota.example.com/")
    options = load_options(args)
    how = _check_options(args)
    if args.targets is not None:
        return _many(args, how, options)
    check_output(args.output)
    starts = list(dict.fromkeys(map(start, args.urls)))  # every one must be well-formed before the first is asked
    progress = Timed(tell)
    try:
        reports = asyncio.run(check_each(starts, how, args.jobs, lambda before: Steps(progress, before)))
    finally:
        progress.close()
    return deliver(reports, options, args.output)


def _check_options(args: argparse.Namespace) -> CheckOptions:
    """Put the flags together; UsageError for each that is wrong, before anything is asked."""
    if not 1 <= args.jobs <= _MOST_JOBS:
        raise UsageError(f"{args.jobs} is not a valid number of jobs", place="--jobs", hint=f"from 1 to {_MOST_JOBS}")
    if not _SHORTEST <= args.timeout < float("inf"):
        raise UsageError(
            f"{args.timeout:g} is not a valid time limit", place="--timeout", hint="in seconds, for instance 60"
        )
    ca_pem, (resolve, also) = _ca(args.ca) if args.ca else None, read_resolve(args.resolve)
    try:
        device_context(ca_pem, h2=True)
    except UsageError as error:
        raise UsageError(error.message, place=f"--ca {args.ca}", hint=error.hint) from None
    return CheckOptions(
        ca_pem=ca_pem,
        resolve=resolve,
        also=also,
        allow_private=args.allow_private,
        full=args.full,
        ats=args.ats,
        udid=_formed(args.udid, _UDID, "--udid", "40 hexadecimal digits, or 8, a hyphen and 16"),
        ios=_formed(args.ios, _IOS, "--ios", "for instance 17.4"),
        seconds=args.timeout,
        browser=_browser(args),
        browser_path=args.browser_path,
    )


def _browser(args: argparse.Namespace) -> Browser:
    """Return when to open pages; UsageError where that was asked for and cannot be done."""
    wanted: Browser = args.browser or ("off" if args.targets is not None else "auto")
    why = find.missing(args.browser_path) if wanted == "on" or args.browser_path else ""
    if why:
        raise UsageError(
            f"pages cannot be opened in a browser: {why}",
            place="--browser-path" if args.browser_path else "--browser on",
            hint="leave it out: what was not run is then said in the report",
        )
    return wanted


def _ca(path: Path) -> str:
    try:
        return read_stream(path).decode("ascii")
    except OSError as error:
        raise UsageError(f"the CA file cannot be read: {error.strerror}", place=f"--ca {path}") from None
    except UnicodeDecodeError:
        raise UsageError(
            "the CA file is not PEM",
            place=f"--ca {path}",
            hint=f"convert it: openssl x509 -inform der -in {path} -out ca.pem",
        ) from None


def _formed(text: str, form: re.Pattern[str], flag: str, hint: str) -> str:
    if text and not form.fullmatch(text):
        raise UsageError(f"'{text}' is not valid", place=flag, hint=hint)
    return text


def _many(args: argparse.Namespace, how: CheckOptions, options: Options) -> int:
    if args.format not in (None, "json"):
        raise UsageError(
            f"--targets prints one JSON line for each target, not {args.format}",
            place="--format",
            hint="leave --format out, or give the URLs themselves for one report",
        )
    judging = Judging(options.fail_on, suppressions(options))
    with _sink(args.output) as sink:
        return check_many(args.targets, args.urls, how, args.jobs, judging, sink)


@contextlib.contextmanager
def _sink(output: Path | None) -> Iterator[Sink]:
    """Open where lines go; a file is written line by line, so that it can be followed while it grows."""
    if output is None:
        yield Sink(emit, tell, sys.stderr, sys.stdout.isatty())
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(output.open("w", encoding="utf-8", buffering=1))
        except OSError as error:
            raise UsageError(f"cannot write: {error.strerror}", place=f"-o {output}") from None
        yield Sink(lambda text: _put(file, text), tell, sys.stderr)


def _put(file: TextIO, text: str) -> None:
    try:
        file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", place=f"-o {file.name}") from None
