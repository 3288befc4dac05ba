"""One table answers what a server version can do (`capabilities.toml`); no version test stands anywhere else.

Published advisories about what a site asks for, by server version (`advisories.toml`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ota_proxy.errors import UsageError, did_you_mean
from ota_proxy.policy.tables import table

PORTABLE, AUTO = "portable", "auto"
"""What stands for no version: what every supported one has, and the one of this machine (found by `harness.here`, never by this table)."""
_VERSION = re.compile(r"\d+(?:\.\d+){0,3}", re.ASCII)
_TLS_LIBRARY = re.compile(r"openssl-(\d+(?:\.\d+){1,2})[a-z]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a distribution keeps the things of one server, as absolute paths; empty if that server has no such thing."""

    ca_bundle: str = ""
    folder: str = ""
    """Of the whole configuration, included files and all."""
    main: str = ""
    """The file that the server starts with, which a text of scope full replaces."""
    site: str = ""
    """Where a text of scope site goes; for IIS its web.config."""
    mime_types: str = ""
    modules: str = ""
    user: str = ""
    """Whom the workers run as."""
    pid: str = ""
    log: str = ""
    """Folder of access and error log."""

    def place(self, scope: str) -> str:
        """Return where a text of that scope goes."""
        return self.main if scope == "full" else self.site


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one server version with one TLS library can do, and where its things are."""

    server: str
    version: str
    """The number; of a portable one the oldest that is rendered for."""
    tls_library: str
    preset: str
    layout: Layout
    features: frozenset[str]
    missing: Mapping[str, str]
    """Feature → what cannot be enforced without it (empty if something else serves as well)."""
    unnamed: Mapping[str, str] = field(default_factory=dict)
    """The missing features that the server may have after all → what naming its version or library would add."""
    portable: bool = False
    """Stands for every version from this one on, and has what all of them have."""
    newest: str = ""
    """The newest version that is known."""
    library_assumed: bool = False
    """Nobody named the TLS library, so it is taken for the oldest: a group it does not know ends Apache at its next reload."""
    compressors: Mapping[str, str] = field(default_factory=dict)
    """Modules that are there and compress beside the server's own → the line that switches one off; `brotli` → `brotli off`."""
    compressors_unknown: tuple[str, ...] = ()
    """Those that may be there as well: nobody looked and nobody said."""
    without: frozenset[str] = frozenset()
    """Modules that are usually there and are not installed, by the names that the server has for them."""

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


def compressors(server: str) -> dict[str, str]:
    """Return the compressing modules that a server does not have itself, each with the line that switches it off."""
    return dict(table("capabilities")[server].get("compressors", {}))


def with_compressors(caps: Capabilities, modules: Iterable[str], *, all_known: bool) -> Capabilities:
    """Return the same server with the compressors among these modules; `http_brotli_filter` is `brotli`'s, its `static` part compresses nothing.

    `all_known` says that these are all modules there are.
    """
    names, known = {*modules, *caps.compressors}, compressors(caps.server)
    found = {one: line for one, line in known.items() if any(one in name and "static" not in name for name in names)}
    unknown = () if all_known else tuple(name for name in known if name not in found)
    return replace(caps, compressors=found, compressors_unknown=unknown)


def layout_of(name: str, server: str) -> Layout:
    """Return where a family of distributions keeps a server's things: `debian`, `rhel`, `official`; KeyError for another."""
    row = table("capabilities")["layouts"][name]
    return Layout(ca_bundle=row.get("ca_bundle", ""), **row.get(server, {}))


def resolve(server: str, version: str = PORTABLE, tls_library: str = "", layout: str = "") -> Capabilities:
    """Look up a version (`1.26.3`, `2.4.62`, `2019`), a preset (`debian12`), `latest`, or what every one of them has: `portable`.

    `tls_library` is written `openssl-3.0.19` and overrides the preset's; where neither names one, the oldest is assumed.
    `layout` overrides where files are expected. IIS is never portable: there it is the latest version, as of every server whose `versions` are all named in the table.
    Raises UsageError for a version or library that cannot be read, or one older than the table covers.
    """
    data = table("capabilities")
    own = data[server]
    preset, portable = _preset(server, version), version == PORTABLE and "versions" not in own
    number = preset.get(server) or _number(server, version, own)
    library = tls_library or preset.get("tls", own["oldest_tls"])
    assumed = not tls_library and "tls" not in preset and "versions" not in own
    pairs = [(number, library)] + (_every(server, library if tls_library else "") if portable else [])
    there = _common(own["features"], pairs)
    absent = {name: row for name, row in own["features"].items() if name not in there}
    return Capabilities(
        server=server,
        version=number,
        tls_library=library,
        preset=version if preset else "",
        layout=layout_of(layout or preset.get("layout", own["latest_layout"]), server),
        features=there,
        missing={name: row.get("without", "") for name, row in absent.items()},
        unnamed={name: _adds(row) for name, row in absent.items() if portable or (assumed and "tls" in row)},
        portable=portable,
        newest=own["latest"],
        library_assumed=assumed,
        compressors_unknown=tuple(compressors(server)),
    )


def _number(server: str, version: str, own: Mapping[str, str]) -> str:
    """Return the number that a version stands for, which the table covers."""
    words = {PORTABLE: own["latest" if "versions" in own else "oldest"], "latest": own["latest"]}
    number = words.get(version, version)
    if not _VERSION.fullmatch(number) or number not in own.get("versions", (number,)):
        known = (PORTABLE, "latest", AUTO, *own.get("versions", presets()))
        raise UsageError(
            f"the {server} version '{version}' is not known",
            place="--server-version",
            hint=did_you_mean(version, known)
            or f"write a number such as {own['latest']}, or one of {', '.join(known)}",
        )
    if (owner := _owner(number)) and owner != server:
        raise UsageError(
            f"{number} is a version of {owner}, not of {server}",
            place="--server-version",
            hint=f"write one of {server}, such as {own['latest']}",
        )
    if _key(number) < _key(own["oldest"]):
        raise UsageError(
            f"{server} {number} is older than {own['oldest']}, the oldest version ota-proxy renders for",
            place="--server-version",
            hint="update the server: its security fixes have ended",
        )
    return number


def _owner(number: str) -> str:
    """Return the server that has versions of this kind; empty for a number that none has yet."""
    rows = {name: row for name, row in table("capabilities").items() if "latest" in row}
    named = (name for name, row in rows.items() if number in row.get("versions", ()))
    numbered = (name for name, row in rows.items() if _begins(number, row.get("begins", ())))
    return next(iter([*named, *numbered]), "")


def _begins(number: str, kind: Sequence[int]) -> bool:
    return bool(kind) and _key(number)[: len(kind)] == tuple(kind)


def _every(server: str, library: str) -> list[tuple[str, str]]:
    """Return version and TLS library of every preset that has the server; `library` where one was named."""
    rows = table("capabilities")["presets"].values()
    return [(row[server], library or row["tls"]) for row in rows if server in row]


def _preset(server: str, version: str) -> dict[str, str]:
    preset: dict[str, str] = table("capabilities")["presets"].get(version, {})
    if preset and server not in preset:
        raise UsageError(
            f"{version} has no {server}", place="--server-version", hint=f"its versions are {_listed(server)}"
        )
    return preset


def _listed(server: str) -> str:
    *most, last = table("capabilities")[server]["versions"]
    return f"{', '.join(most)} and {last}"


def _common(rows: Mapping[str, Mapping[str, str]], pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the features that every pair of version and library has."""
    every = list(pairs)
    return frozenset(name for name, row in rows.items() if all(_fits(row, *pair) for pair in every))


def _adds(row: Mapping[str, str]) -> str:
    """Return what a feature would add and from when it is there, or an empty string where it makes no difference."""
    if "adds" not in row:
        return ""
    gates = [f"from {row['since']}"] if "since" in row else []
    gates += [f"with {row['tls']} or later"] if "tls" in row else []
    return f"{' and '.join(gates)}: {row['adds']}"


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


def advisories(server: str, feature: str, version: str) -> tuple[tuple[str, str], ...]:
    """Return (CVE, versions that mend it) of each advisory about a feature that this version has; by number only."""
    number = _three(version)
    return tuple(
        (row["cve"], " or ".join(row["fixed"]))
        for row in table("advisories")[server].get(feature, ())
        if number >= _three(row["since"]) and not _mended(number, [_three(fixed) for fixed in row["fixed"]])
    )


def _mended(number: tuple[int, ...], fixed: list[tuple[int, ...]]) -> bool:
    """Say whether a version is at or after the fix of its own branch, or its branch is later than all of them."""
    return number >= max(fixed) or any(number[:2] == one[:2] and number >= one for one in fixed)


def _three(version: str) -> tuple[int, ...]:
    return (*(int(step) for step in version.split(".")), 0, 0)[:3]
