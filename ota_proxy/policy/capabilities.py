"""One table answers what a server version can do (`capabilities.toml`); no version test stands anywhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ota_proxy.errors import UsageError, did_you_mean
from ota_proxy.policy.tables import table

SERVERS = ("nginx", "apache", "iis")
_VERSION = re.compile(r"\d+(?:\.\d+){0,3}", re.ASCII)
_TLS_LIBRARY = re.compile(r"openssl-(\d+(?:\.\d+){1,2})[a-z]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one server version with one TLS library can do. `layout` maps names such as `nginx_site` to paths."""

    server: str
    version: str
    tls_library: str
    preset: str
    layout: Mapping[str, str]
    features: frozenset[str]
    missing: Mapping[str, str]
    """Feature → what cannot be enforced without it (empty where something else serves as well)."""

    def has(self, feature: str) -> bool:
        """Say whether the version has the feature; KeyError for a name that the table does not know."""
        if feature not in self.features and feature not in self.missing:
            raise KeyError(feature)
        return feature in self.features

    def cannot(self, feature: str) -> str:
        """Return what cannot be enforced without the feature, or an empty string where it is there."""
        return "" if self.has(feature) else self.missing[feature]


def presets() -> tuple[str, ...]:
    """Return the names that stand for a distribution's versions."""
    return tuple(table("capabilities")["presets"])


def resolve(server: str, version: str = "latest", tls_library: str = "", layout: str = "") -> Capabilities:
    """Look up a version (`1.26.3`, `2.4.62`, `2019`), `latest` or a preset (`debian12`).

    `tls_library` is written `openssl-3.0.19` and overrides the preset's; `layout` overrides where files are expected.
    Raises UsageError for a version or library that cannot be read, or one older than the table covers.
    """
    data = table("capabilities")
    own = data[server]
    preset = _preset(server, version)
    number = preset.get(server, own["latest"] if version == "latest" else version)
    if not _VERSION.fullmatch(number) or (server == "iis" and number not in _iis_versions()):
        known = (*presets(), "latest", *(_iis_versions() if server == "iis" else ()))
        raise UsageError(
            f"the {server} version '{version}' is not known",
            place="--server-version",
            hint=did_you_mean(version, known)
            or f"write a number such as {own['latest']}, or one of {', '.join(known)}",
        )
    if _key(number) < _key(own["oldest"]):
        raise UsageError(
            f"{server} {number} is older than {own['oldest']}, the oldest version ota-proxy renders for",
            place="--server-version",
            hint="update the server: its security fixes have ended",
        )
    library = tls_library or preset.get("tls", own["latest_tls"])
    features, missing = _split(own["features"], number, library)
    return Capabilities(
        server=server,
        version=number,
        tls_library=library,
        preset=version if preset else "",
        layout=data["layouts"][layout or preset.get("layout", own["latest_layout"])],
        features=features,
        missing=missing,
    )


def _preset(server: str, version: str) -> dict[str, str]:
    preset: dict[str, str] = table("capabilities")["presets"].get(version, {})
    if preset and server not in preset:
        raise UsageError(
            f"{version} has no {server}", place="--server-version", hint="IIS versions are 2016, 2019, 2022 and 2025"
        )
    return preset


def _iis_versions() -> tuple[str, ...]:
    return ("2016", "2019", "2022", "2025")


def _split(rows: Mapping[str, Mapping[str, str]], version: str, library: str) -> tuple[frozenset[str], dict[str, str]]:
    there = {name for name, row in rows.items() if _fits(row, version, library)}
    return frozenset(there), {name: row.get("without", "") for name, row in rows.items() if name not in there}


def _fits(row: Mapping[str, str], version: str, library: str) -> bool:
    if "since" in row and _key(version) < _key(row["since"]):
        return False
    if "until" in row and _key(version) >= _key(row["until"]):
        return False
    return "tls" not in row or _library_key(library) >= _library_key(row["tls"])


def _key(version: str) -> tuple[int, ...]:
    """Return the number in four steps, so that 3.5 and 3.5.0 are the same version."""
    steps = [int(step) for step in version.split(".")]
    return (*steps, 0, 0, 0)[:4]


def _library_key(library: str) -> tuple[int, ...]:
    match = _TLS_LIBRARY.fullmatch(library.lower())
    if not match:
        raise UsageError(
            f"the TLS library '{library}' is not known",
            place="--tls-library",
            hint="write it as openssl-3.0.19, the name and the number",
        )
    return _key(match[1])
