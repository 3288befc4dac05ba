"""The listing of a folder, in the plain form that IIS's directory browsing has (iis-docs, system.webServer/directoryBrowse)."""

from __future__ import annotations

import os
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from ota_proxy.iis_emulator.files import Place
from ota_proxy.reading import is_below

LONGEST = 10_000
"""Entries that one page shows."""


def listing(place: Place, url_path: str, host: str, flags: frozenset[str]) -> bytes:
    """Return the page. `flags` are those of showFlags: Date, Time, LongDate, Size, Extension."""
    title = escape(f"{host} - {url_path}")
    lines = [f"<html><head><title>{title}</title></head><body><H1>{title}</H1><hr>", "<pre>"]
    if url_path != "/":
        parent = quote(url_path.rstrip("/").rpartition("/")[0] + "/")
        lines.append(f'<A HREF="{parent}">[To Parent Directory]</A><br><br>')
    lines += [_line(entry, url_path, flags) for entry in _entries(place)]
    lines.append("</pre><hr></body></html>")
    return "\r\n".join(lines).encode()


def _entries(place: Place) -> list[os.DirEntry[str]]:
    """Return what is in the folder, without links that lead out of the site: their sizes and dates are not the site's to tell."""
    with os.scandir(place.path) as entries:
        found = sorted(entries, key=lambda entry: entry.name.lower())[:LONGEST]
    return [entry for entry in found if not entry.is_symlink() or is_below(Path(entry.path), place.root)]


def _line(entry: os.DirEntry[str], url_path: str, flags: frozenset[str]) -> str:
    try:
        status, is_folder = entry.stat(), entry.is_dir()
    except OSError:
        return ""
    changed = datetime.fromtimestamp(status.st_mtime).astimezone()
    name = entry.name if "Extension" in flags or is_folder else entry.name.rpartition(".")[0] or entry.name
    parts = [f"{changed:%m/%d/%Y}"] if flags & {"Date", "LongDate"} else []
    parts += [f"{changed:%I:%M %p}"] if "Time" in flags else []
    parts += [f"{'&lt;dir&gt;' if is_folder else status.st_size:>12}"] if "Size" in flags else []
    href = quote(url_path + entry.name) + "/" * is_folder
    return f'{" ".join(parts)} <A HREF="{href}">{escape(name)}</A><br>'
