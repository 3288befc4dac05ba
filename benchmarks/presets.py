"""Whether the presets of the capability table are what their distributions ship: the table against package lists, or against the images built here.

Usage: python benchmarks/presets.py [PRESET=LIST…]
A LIST is a Debian package index (`Packages`, also .gz or .xz) of a release or of its updates; the newest version of all lists of a preset
counts. Without one, the images of compose/build-images.sh are asked, through Docker. Exit 1 where a preset is stale.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import gzip
import lzma
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.policy.capabilities import Capabilities, resolve
from ota_proxy.policy.tables import table

SUITES = {"debian11": "bullseye", "debian12": "bookworm", "debian13": "trixie"}
PACKAGES = {"nginx": "nginx", "apache": "apache2"}
LIBRARIES = ("libssl3t64", "libssl3", "libssl1.1")
_ENTRY = re.compile(r"^Package: (\S+)$.*?^Version: (?:\d+:)?([0-9.]+[a-z]?)", re.MULTILINE | re.DOTALL)

Found = dict[str, str]
"""`nginx`, `apache` and `tls` → version."""


def of_lists(paths: Iterable[str]) -> Found:
    """Return the newest versions in package indices."""
    newest: Found = {}
    for path in paths:
        for name, version in _ENTRY.findall(_text(Path(path))):
            if name in (*PACKAGES.values(), *LIBRARIES):
                newest[name] = max(newest.get(name, "0"), version, key=_key)
    library = next((f"openssl-{newest[name]}" for name in LIBRARIES if name in newest), "")
    return {server: newest.get(package, "") for server, package in PACKAGES.items()} | {"tls": library}


def _text(path: Path) -> str:
    data = path.read_bytes()
    unpack = {".gz": gzip.decompress, ".xz": lzma.decompress}.get(path.suffix, lambda raw: raw)
    return unpack(data).decode("utf-8", "replace")


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(step) for step in re.findall(r"\d+", version))


def of_image(suite: str) -> Found:
    """Return what an image built here has; NoVerdictError where it is not built."""
    engine = DockerEngine(suite)
    seen = {server: engine.capabilities(server) for server in PACKAGES}
    return {server: caps.version for server, caps in seen.items()} | {"tls": seen["apache"].tls_library}


def stale(preset: str, found: Found) -> Iterator[str]:
    """Yield what the table says otherwise: other server versions, a library that is newer, or features that the packages have not."""
    row = table("capabilities")["presets"][preset]
    for server in PACKAGES:
        if row[server] != found[server]:
            yield f"{preset}: {server} is {found[server]}, the table has {row[server]}"
        here = resolve(server, found[server], found["tls"])
        if extra := _more(resolve(server, preset), here):
            yield f"{preset}: {server} {found[server]} with {found['tls']} has no {', '.join(extra)}"
    if _key(row["tls"]) > _key(found["tls"]):
        yield f"{preset}: the library is {found['tls']}, older than the table's {row['tls']}"


def _more(told: Capabilities, here: Capabilities) -> list[str]:
    return sorted(told.features - here.features)


def main(words: list[str]) -> int:
    """Compare and print; 1 where anything is stale."""
    lists: dict[str, list[str]] = {}
    for word in words:
        preset, _, path = word.partition("=")
        lists.setdefault(preset, []).append(path)
    wrong = 0
    for preset in lists or SUITES:
        try:
            found = of_lists(lists[preset]) if lists else of_image(SUITES[preset])
        except NoVerdictError as error:
            sys.stdout.write(f"{preset}: not looked at: {error}\n")
            continue
        told = list(stale(preset, found))
        wrong += len(told)
        as_told = f"{preset}: {', '.join(f'{name} {number}' for name, number in found.items())}, as the table has it"
        sys.stdout.write("\n".join(told or [as_told]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
