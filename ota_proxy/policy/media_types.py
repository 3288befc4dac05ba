"""Media types of what is hosted: the OTA set, which extension is which kind of file, and what a device's owner may use instead."""

from __future__ import annotations

from collections.abc import Mapping

from ota_proxy.policy.tables import table


def ota_types(own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return extension (`.ipa`) → media type, sorted: the OTA set, overridden and extended by `own`."""
    return dict(sorted({**table("media_types")["types"], **(own or {})}.items()))


def hosted_types() -> dict[str, str]:
    """Return extension → media type, sorted, of everything that is found beside apps: the OTA set, and what other phones install."""
    return dict(sorted({**table("media_types")["types"], **table("media_types")["beside"]}.items()))


def for_installer(extension: str) -> bool:
    """Say whether devices fetch such files without a person: they ask for no password and may not be counted."""
    return extension in table("media_types")["types"] or extension in extensions("image")


def extensions(kind: str) -> tuple[str, ...]:
    """Return the extensions of a `manifest`, a `package` or an `image`."""
    return tuple(table("media_types")["kinds"][kind])


def served(kind: str, own: Mapping[str, str]) -> tuple[str, ...]:
    """Return those of a kind that a site serves: of other phones' packages the ones that its media types (`own`) ask for."""
    types, other = ota_types(own), table("media_types")["beside"]
    return tuple(extension for extension in extensions(kind) if extension in types or extension not in other)


def accepted(kind: str) -> tuple[str, ...]:
    """Return the media types, without parameters, that are right on a `manifest` or `package`."""
    return tuple(table("media_types")["accepted"][kind])
