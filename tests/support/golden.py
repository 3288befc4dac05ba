"""Compares rendered text with its golden file under tests/golden/; OTA_PROXY_UPDATE_GOLDEN=1 rewrites the file instead.

Not where CI is set in the environment: there nobody reads the difference, and a run that writes what it compares with passes always.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "golden"


def assert_golden(name: str, text: str) -> None:
    """Fail with a unified diff unless `text` is byte for byte the golden file `name` (such as `nginx/static.conf`)."""
    path = FOLDER / name
    if updating():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return
    assert path.is_file(), f"no golden file {name}; OTA_PROXY_UPDATE_GOLDEN=1 writes it"
    wanted = path.read_bytes().decode()
    assert text == wanted, difference(wanted, text, name)


def updating() -> bool:
    """Say whether golden files are rewritten; RuntimeError in continuous integration, where they never are."""
    if os.environ.get("OTA_PROXY_UPDATE_GOLDEN") != "1":
        return False
    if os.environ.get("CI"):
        raise RuntimeError(
            "OTA_PROXY_UPDATE_GOLDEN=1 rewrites the golden files, and CI is set: update them on your own machine, read the"
            " difference, and commit it; here unset OTA_PROXY_UPDATE_GOLDEN"
        )
    return True


def difference(wanted: str, got: str, name: str) -> str:
    """Return a unified diff that a person can read, with the way to accept it."""
    lines = difflib.unified_diff(wanted.splitlines(), got.splitlines(), f"golden/{name}", "rendered", lineterm="")
    return "\n".join((*lines, "", "accept with OTA_PROXY_UPDATE_GOLDEN=1"))
