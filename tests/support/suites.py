"""The Debian suites that container tests run on."""

from __future__ import annotations

SUITES = ("bullseye", "bookworm", "trixie", "forky")
