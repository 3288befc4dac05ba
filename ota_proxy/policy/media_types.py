"""Media types of what is hosted: the OTA set, which extension is which kind of file, and what a device's owner may use instead."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from ota_proxy.resources import policy_file


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(policy_file("media_types.toml").read_text(encoding="utf-8"))


def ota_types(own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return extension (`.ipa`) → media type, sorted: the OTA set, overridden and extended by `own`."""
    return dict(sorted({**_data()["types"], **(own or {})}.items()))


def extensions(kind: str) -> tuple[str, ...]:
    """Return the extensions of a `manifest` or `package`."""
    return tuple(_data()["kinds"][kind])


def accepted(kind: str) -> tuple[str, ...]:
    """Return the media types, without parameters, that are right on a `manifest` or `package`."""
    return tuple(_data()["accepted"][kind])
