"""What a failing test shows of its installs, and leaves behind in `--ota-artifacts`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from ota_proxy.printable import inert
from ota_proxy.rules.support.evidence import safe
from ota_proxy.testing.options import settings
from ota_proxy.testing.record import Record
from ota_proxy.testing.report import InstallReport

_LOG_LINES = 12
_WIDEST = 120
_NAME = 80
"""Characters of a folder's name before its digest; file systems take 255 bytes."""


def sections(item: pytest.Item, record: Record) -> list[tuple[str, str]]:
    """Return (heading, text) of everything a failing test should show, and write its artifacts. Never raises."""
    shown: list[tuple[str, str]] = []
    try:
        shown.extend(_sections(item, record))
    except Exception as error:  # noqa: BLE001 - a hook that raises ends the whole session; Docker may be gone by now
        shown.append(("ota-proxy", f"nothing more can be shown: {error!r}"))
    return shown


def _sections(item: pytest.Item, record: Record) -> Iterator[tuple[str, str]]:
    for report in () if record.told else _telling(record):
        yield f"ota-proxy: {safe(report.url)}", _text(report)
    if not record.reports and record.site is not None and (log := record.site.log.strip()):
        yield f"ota-proxy: log of {record.site.server}", inert("\n".join(map(safe, log.split("\n")[-_LOG_LINES:])))
    folder = settings(item.config).artifacts
    if folder is not None:
        yield "ota-proxy: artifacts", _kept(folder / folder_name(item), record)


def _telling(record: Record) -> list[InstallReport]:
    """Return the reports with an error or without a verdict; where all are good, the last one, for the test expected another."""
    return [report for report in record.reports if not report] or record.reports[-1:]


def _text(report: InstallReport) -> str:
    columns = shutil.get_terminal_size((100, 24)).columns
    return report.brief(max(60, min(_WIDEST, columns)), ascii_only=_needs_ascii()).rstrip("\n")


def _needs_ascii() -> bool:
    stream = sys.__stdout__
    encoding = (stream.encoding if stream else None) or "utf-8"
    try:
        "✓✗–…→│›".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def folder_name(item: pytest.Item) -> str:
    """Return a name for a test's folder: readable, valid in every file system, and its own, in every worker of xdist."""
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", item.nodeid.replace("::", "-")).strip("-.")
    digest = hashlib.sha256(item.nodeid.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    every = getattr(item.config.option, "dist", "no") == "each"  # then each worker runs every test
    return f"{words[-_NAME:].lstrip('-.')}-{digest}" + (
        f"-{os.environ.get('PYTEST_XDIST_WORKER', '')}" if every else ""
    )


def _kept(folder: Path, record: Record) -> str:
    """Write what a test leaves behind, and say where; a folder of an earlier run is replaced."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        for number, report in enumerate(record.reports, 1):
            name = "report" if len(record.reports) == 1 else f"report-{number}"
            (folder / f"{name}.json").write_text(report.json(), encoding="utf-8")
            (folder / f"{name}.html").write_text(report.html(), encoding="utf-8")
        _server(folder, record)
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        return f"not written to {folder}: {error.strerror or error}"
    return f"{folder}: {', '.join(found) or 'nothing to keep'}"


def _server(folder: Path, record: Record) -> None:
    last = record.reports[-1].target if record.reports else None
    log = record.site.log if record.site else last.log if last else ""
    config = record.site.config_files if record.site else last.config if last else {}
    if log:
        (folder / "server.log").write_text(log, encoding="utf-8", errors="replace")
    for path, text in config.items():
        parts = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part not in ("/", "..", ".")]
        place = folder.joinpath("config", *parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", errors="surrogateescape")
