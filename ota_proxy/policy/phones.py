"""What a phone asks of an app (`apps.toml`): platforms, steps by hand, and versions of iOS in order. Pure values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ota_proxy.policy.tables import table

Step = Literal["restart", "developer_mode"]
_NUMBERS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}")


def runs_on_phones(platforms: Iterable[str]) -> bool:
    """Say whether a build for these platforms (CFBundleSupportedPlatforms) runs on an iPhone or iPad."""
    return any(name.lower() in table("apps")["build"]["phone"] for name in platforms)


def covers_phones(platforms: Iterable[str]) -> bool:
    """Say whether a profile for these platforms (its Platform) is one for iPhone and iPad."""
    return any(name.lower() in table("apps")["profile"]["phone"] for name in platforms)


def platform_words(platform: str) -> str:
    """Return what a build for a platform is for, in words; the platform's own name where it is not known."""
    return str(table("apps")["build"]["others"].get(platform.lower(), platform))


def order(number: str) -> tuple[int, ...] | None:
    """Return an iOS version as numbers that can be put in order (15 and 15.0 are one); None for what is none."""
    if not _NUMBERS.fullmatch(number.strip()):
        return None
    parts = [int(part) for part in number.strip().split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)


def step_needed(step: Step, ios: str) -> bool:
    """Say whether a step by hand is needed on a version of iOS; yes where the version is not known."""
    have, first = order(ios), order(table("apps")["steps"][f"{step}_from"])
    return have is None or first is None or have >= first


def step_from(step: Step) -> str:
    """Return the first version of iOS that wants a step."""
    return str(table("apps")["steps"][f"{step}_from"])
