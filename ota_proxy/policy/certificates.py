"""Lifetimes of server certificates as data (`certificates.toml`): the allowed life by CA kind and issue date, and when the end is near."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ota_proxy.policy.tables import table

_FIRST = datetime.min.replace(tzinfo=UTC)
_INCLUSIVE = timedelta(seconds=1)
"""notAfter is the last valid second (RFC 5280 §4.1.2.5), so a life is one second longer than the difference."""


def allowed_days(issued: datetime, *, public: bool) -> int | None:
    """Return the longest life in days for a certificate issued at `issued` (UTC), or None when it is older than every rule."""
    rows = table("certificates")["private"] + (table("certificates")["public"] if public else [])
    steps = sorted((row for row in rows if row["from"] <= issued.date()), key=lambda row: row["from"])
    return int(steps[-1]["days"]) if steps else None


def lifetime(not_before: datetime, not_after: datetime) -> timedelta:
    """Return the life of a certificate, both ends included."""
    return not_after - not_before + _INCLUSIVE


def too_long(not_before: datetime, not_after: datetime, *, public: bool) -> bool:
    """Say whether the life exceeds what devices accept for this kind of CA and day of issue."""
    allowed = allowed_days(not_before, public=public)
    return allowed is not None and lifetime(not_before, not_after) > timedelta(days=allowed)


def warn_from(not_before: datetime, not_after: datetime) -> datetime:
    """Return the moment from which the end of a certificate is worth a warning."""
    rule = table("certificates")["expiring"]
    share = lifetime(not_before, not_after) * float(rule["share"])
    return not_after - min(share, timedelta(days=rule["days"]), not_after - _FIRST)
