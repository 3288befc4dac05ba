"""Published advisories about what a site asks for, by server version (`advisories.toml`)."""

from __future__ import annotations

from ota_proxy.policy.tables import table


def advisories(server: str, feature: str, version: str) -> tuple[tuple[str, str], ...]:
    """Return (CVE, versions that mend it) of each advisory about a feature that this version has; by number only."""
    number = _key(version)
    return tuple(
        (row["cve"], " or ".join(row["fixed"]))
        for row in table("advisories")[server].get(feature, ())
        if number >= _key(row["since"]) and not _mended(number, [_key(fixed) for fixed in row["fixed"]])
    )


def _mended(number: tuple[int, ...], fixed: list[tuple[int, ...]]) -> bool:
    """Say whether a version is at or after the fix of its own branch, or its branch is later than all of them."""
    return number >= max(fixed) or any(number[:2] == one[:2] and number >= one for one in fixed)


def _key(version: str) -> tuple[int, ...]:
    return (*(int(step) for step in version.split(".")), 0, 0)[:3]
