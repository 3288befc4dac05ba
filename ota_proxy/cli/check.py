"""`ota-proxy check`: install from what already runs, as a simulated iPhone, and report; one target or thousands."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ota_proxy.cli.report_flags import add_report_flags, check_output, deliver, load_options, suppressions
from ota_proxy.cli.streams import emit, tell
from ota_proxy.errors import UsageError
from ota_proxy.reading import read_stream

if TYPE_CHECKING:
    from ota_proxy.commands.check import Browser, CheckOptions
    from ota_proxy.commands.many import Sink
    from ota_proxy.report.model import TargetReport
    from ota_proxy.settings import Options

_DESCRIPTION = """\
Ask a live server for an install as an iPhone does, and report what the phone would show and which line to change.
URL is a landing page, a manifest, a package (.ipa), an itms-services link as it was pasted, or an image of a QR code.

  ota-proxy check https://ota.example.com/
  ota-proxy check 'itms-services://?action=download-manifest&url=https%3A%2F…'
  ota-proxy check poster.png         a QR code; needs ota-proxy[qr]
  ota-proxy check https://ota.example.com/app.plist --ios 17.4 \\
      --udid 00008030-001A2B3C4D5E6F70
  ota-proxy check https://ota.example.com/ --ca root.pem \\
      --resolve ota.example.com:443:192.0.2.7
  ota-proxy check https://ota.example.com/ --browser on --format html \\
      -o report.html             with screenshots; ota-proxy[browser]
  ota-proxy check --targets urls.txt --jobs 32 -o results.jsonl
"""
_UDID = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16}")
"""Forty hexadecimal digits, or since the iPhone XS eight and sixteen (observed behaviour)."""
_IOS = re.compile(r"\d{1,2}(\.\d{1,2}){0,2}")
_SHORTEST = 0.1
_MOST_JOBS = 1024


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser(
        "check",
        help="install from a live URL",
        description=_DESCRIPTION,
    )
    command.add_argument(
        "urls",
        nargs="*",
        metavar="URL",
        help="landing page, manifest, package, itms-services link, or an image of a QR code",
    )
    _add_way_flags(command)
    _add_phone_flags(command)
    _add_many_flags(command)
    add_report_flags(command)
    command.set_defaults(run=run)


def _add_way_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("way to the server")
    group.add_argument("--ca", metavar="FILE", type=Path, help="PEM file with additional roots that the device trusts")
    group.add_argument(
        "--resolve",
        metavar="HOST:PORT:ADDR",
        action="append",
        default=[],
        help="connect to ADDR for HOST:PORT, IPv6 in brackets; HOST:PORT:ADDR:PORT for another port (may be repeated)",
    )
    group.add_argument(
        "--allow-private",
        action="store_true",
        help="the phone is in the private network too: also connect to private addresses that only a page or manifest "
        "names, and report none",
    )


def _add_phone_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what is checked")
    group.add_argument("--full", action="store_true", help="download packages above 64 MB too, and check every byte")
    group.add_argument(
        "--ats",
        action="store_true",
        help="also list what App Transport Security makes of each host, exception by exception (as nscurl does)",
    )
    group.add_argument(
        "--browser",
        choices=("auto", "on", "off"),
        help="open landing pages in a real browser as iPhone and iPad: auto where scripts may make the link (the default; "
        "off with --targets), on for every page, off never; needs ota-proxy[browser] and Chromium or WebKit",
    )
    group.add_argument(
        "--browser-path", metavar="FILE", default="", help="the Chromium to use (default: the first on the PATH)"
    )
    group.add_argument("--udid", metavar="UDID", default="", help="would it install on this device?")
    group.add_argument("--ios", metavar="VERSION", default="", help="would it install on this system version?")


def _add_many_flags(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("many targets")
    group.add_argument(
        "--targets",
        metavar="FILE",
        help="file with one URL a line, # starts a comment, - is stdin; prints one JSON line for each target when it is done",
    )
    group.add_argument("--jobs", metavar="N", type=int, default=16, help="number of targets at once (default: 16)")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=300,
        help="give up on a target after this long (default: 300)",
    )


def run(args: argparse.Namespace) -> int:
    """Check the targets and return the exit code of the worst."""
    import asyncio  # noqa: PLC0415 - it costs 50 ms, and `--help` needs none of it

    if not args.urls and args.targets is None:
        raise UsageError("there is nothing to check", place="URL", hint="ota-proxy check https://ota.example.com/")
    options = load_options(args)
    how = _check_options(args)
    if args.targets is not None:
        return _many(args, how, options)
    check_output(args.output)
    return deliver(asyncio.run(_each(args.urls, how, args.jobs)), options, args.output)


def _check_options(args: argparse.Namespace) -> CheckOptions:
    """Put the flags together; UsageError for each that is wrong, before anything is asked."""
    from ota_proxy.commands.check import CheckOptions  # noqa: PLC0415
    from ota_proxy.commands.resolve import read_resolve  # noqa: PLC0415
    from ota_proxy.device.tls_contexts import device_context  # noqa: PLC0415 - heavy, and `--help` needs none of it

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
    from ota_proxy.browser.find import missing  # noqa: PLC0415

    wanted: Browser = args.browser or ("off" if args.targets is not None else "auto")
    why = missing(args.browser_path) if wanted == "on" or args.browser_path else ""
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


async def _each(urls: list[str], how: CheckOptions, jobs: int) -> list[TargetReport]:
    """Check the targets of the command line, several at once; every one must be well-formed before the first is asked."""
    import asyncio  # noqa: PLC0415

    from ota_proxy.commands.check import check  # noqa: PLC0415
    from ota_proxy.commands.check_start import Start, start  # noqa: PLC0415
    from ota_proxy.device.handshake import TlsMemory  # noqa: PLC0415
    from ota_proxy.harness.progress import Steps, Timed  # noqa: PLC0415

    targets = list(dict.fromkeys(map(start, urls)))
    gate, memory, progress = asyncio.Semaphore(jobs), TlsMemory(), Timed(tell)

    async def one(number: int, begin: Start) -> TargetReport:
        before = f"[{number}/{len(targets)}] " if len(targets) > 1 else ""
        async with gate:
            if not begin.picture:
                return await check(begin.target, how, Steps(progress, before), memory)
            report = await check(begin.target, replace(how, link_context="qr"), Steps(progress, before), memory)
            return replace(report, notes=(f"read from the QR code in {begin.picture}", *report.notes))

    try:
        return list(await asyncio.gather(*(one(*numbered) for numbered in enumerate(targets, 1))))
    finally:
        progress.close()


def _many(args: argparse.Namespace, how: CheckOptions, options: Options) -> int:
    from ota_proxy.commands.many import check_many  # noqa: PLC0415
    from ota_proxy.report.suppress import Judging  # noqa: PLC0415

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
    from ota_proxy.commands.many import Sink  # noqa: PLC0415

    if output is None:
        yield Sink(emit, tell, sys.stdout.isatty())
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(output.open("w", encoding="utf-8", buffering=1))
        except OSError as error:
            raise UsageError(f"cannot write: {error.strerror}", place=f"-o {output}") from None
        yield Sink(lambda text: _put(file, text), tell)


def _put(file: TextIO, text: str) -> None:
    try:
        file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", place=f"-o {file.name}") from None
