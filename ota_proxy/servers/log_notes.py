"""What every server needs for the log files of a site."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.site import Site


def log_folders(site: Site) -> Iterator[str]:
    """Say which folders the log files need: neither nginx nor Apache makes one, or starts without it (observed behaviour)."""
    files = [path for path in (site.log.access, site.log.error) if isinstance(path, str)]
    if folders := list(dict.fromkeys(path.rpartition("/")[0] or "/" for path in files)):
        yield f"for the log files {' and '.join(folders)}: the server makes no folder, and does not start without it"
