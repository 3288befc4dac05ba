"""Several sites: `[[sites]]` in one file, or a folder of site files; each becomes a layer of values of its own.

Keys above `[[sites]]` are for every site that does not have them; `[options]` are those of the command, and stand once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ota_proxy.errors import UsageError
from ota_proxy.settings.flags import Layer, leaves
from ota_proxy.settings.sources import Key

SITES: Key = ("sites",)
_OWN = ("domains", "public_url")
"""Keys that two sites cannot have in common."""
_ABOUT_ONE = (*_OWN, "locations", "certificates")
"""Keys that no flag or variable can give to several sites at once."""


@dataclass(frozen=True, slots=True)
class Member:
    """One site as it was written: its file, what --site names, its place (`sites.toml:12`), and its values."""

    file: Path | None
    chosen: Path | None
    place: str
    layer: Layer


def files_of(folder: Path) -> list[Path]:
    """Return the site files of a folder by name: every `*.toml` but hidden ones and pyproject.toml."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and path.is_file())
    except OSError as error:
        hint = "give another one with --site"
        raise UsageError(f"cannot read the folder: {error.strerror}", place=short(folder), hint=hint) from None
    return [path for path in found if not path.name.startswith(".") and path.name != "pyproject.toml"]


def of_folder(folder: Path, layers: Mapping[Path, Layer]) -> tuple[Member, ...]:
    """Return the sites of all files of a folder; a file that has [options] only is for all of them."""
    with_options = [path for path, layer in layers.items() if any(key[0] == "options" for key, _, _ in layer)]
    if len(with_options) > 1:
        raise UsageError(
            f"[options] stands in {short(with_options[0])} too, and they are for the whole command",
            place=short(with_options[1]),
            hint="keep one of them",
        )
    options = [row for path in with_options for row in layers[path] if row[0][0] == "options"]
    found: list[Member] = []
    for path, layer in layers.items():
        own = [row for row in layer if row[0][0] != "options"]
        if own or not any(layer is layers[one] for one in with_options):
            found += (replace(one, chosen=folder, layer=options + one.layer) for one in of_file(path, own))
    if not found:
        hint = "put a site file into it, such as ota.example.com.toml"
        raise UsageError("there is no site file in this folder", place=short(folder), hint=hint)
    return tuple(found)


def of_file(file: Path, layer: Layer) -> tuple[Member, ...]:
    """Return the sites of one file: those of [[sites]], or the one that the file itself is."""
    given = next((row for row in layer if row[0][0] == SITES[0]), None)
    if given is None:
        return (Member(file, file, short(file), layer),)
    key, tables, source = given
    if (
        key != SITES
        or not isinstance(tables, list)
        or not tables
        or not all(isinstance(table, dict) for table in tables)
    ):
        raise UsageError("sites must be an array of tables", place=str(source), hint="write [[sites]] before each site")
    above = [row for row in layer if row[0][0] != SITES[0]]
    for key, _, there in above:
        if key[0] in _OWN:
            hint = "write it below the [[sites]] that it is for"
            raise UsageError(f"{key[0]} stands above [[sites]], and is a site's own", place=str(there), hint=hint)
    inside = [row for row in layer if row[0][0] == SITES[0]]
    return tuple(_table(file, table, index, above, inside) for index, table in enumerate(tables))


def _table(file: Path, table: Mapping[str, object], index: int, above: Layer, inside: Layer) -> Member:
    place: Key = (*SITES, index)
    lines = {key[2:]: replace(source, above=place) for key, _, source in inside if key[:2] == place}
    whole = lines[()]
    if "options" in table:
        raise UsageError(
            "options stands inside [[sites]], and they are for the whole command",
            place=str(lines.get(("options",), whole)),
            hint="write [options] before the first [[sites]]",
        )
    own = [(key, value, lines.get(key, whole)) for key, value in leaves(table)]
    deeper = [(key, None, source) for key, source in lines.items() if len(key) > 1]
    return Member(file, file, str(whole), [*above, *own, *deeper])


def refuse_words_about_one(layer: Layer) -> None:
    """Raise UsageError for a flag or variable that says something of one site, where there are several."""
    for key, _, source in layer:
        if key[0] in _ABOUT_ONE:
            text = f"there are several sites, and {key[0]} would be the same for all of them"
            raise UsageError(text, place=str(source), hint="write it into the site that it is for")


def one_only(places: Sequence[str]) -> UsageError:
    """Return the error for a command that takes one site and got several."""
    return UsageError(
        f"this takes one site, and there are {len(places)}: {', '.join(places)}",
        place="--site",
        hint="give one of them a file of its own, and name it with --site FILE",
    )


def short(path: Path) -> str:
    """Write a path as seen from the working folder, where it is below it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
