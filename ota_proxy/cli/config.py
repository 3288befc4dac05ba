"""`ota-proxy config show|schema`: every setting with its value and origin (a valid site file), and the JSON Schemas of what we read and write."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from ota_proxy.cli.sites import load_sites
from ota_proxy.cli.streams import emit
from ota_proxy.errors import EXIT_CLEAN
from ota_proxy.printable import as_json
from ota_proxy.report.formats import line_schema, report_schema
from ota_proxy.settings import Loaded
from ota_proxy.settings.flags import leaf_keys
from ota_proxy.settings.options import SiteFile, SitesFile
from ota_proxy.settings.sources import Key, Source


def run_schema(args: argparse.Namespace) -> int:
    """Print a schema."""
    schema = {"site": _site_schema, "report": report_schema, "line": line_schema}[args.of]()
    emit(as_json(schema, indent=2) + "\n")
    return EXIT_CLEAN


def _site_schema() -> dict[str, Any]:
    schema = SitesFile.model_json_schema()
    del schema["required"]
    schema["anyOf"] = [{"required": ["domains"]}, {"required": ["sites"]}]
    site = schema["$defs"]["Site"]
    site["required"] = [
        key for key in site["required"] if key != "locations"
    ]  # a folder is assumed, see settings/load.py
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "ota-proxy.toml"}


def run_show(args: argparse.Namespace) -> int:
    """Print every setting."""
    sites = load_sites(args)
    if args.show_format == "json":
        emit(as_json(_data(sites), indent=2) + "\n")
        return EXIT_CLEAN
    rows = [(loaded, row) for loaded in sites for row in _rows(loaded)]
    width = min(60, max(len(_line(key, value, loaded)) for loaded, (key, value, _) in rows))
    if len(sites) == 1:
        emit(_text(sites[0], _rows(sites[0]), width))
        return EXIT_CLEAN
    options = [row for row in _rows(sites[0]) if row[0][0] == "options"]
    tables = [_text(loaded, [row for row in _rows(loaded) if row[0][0] != "options"], width) for loaded in sites]
    emit("\n[[sites]]\n".join([_text(sites[0], options, width), *tables]))
    return EXIT_CLEAN


Row = tuple[Key, Any, Source]


def _rows(loaded: Loaded) -> list[Row]:
    return [(key, _value(loaded, key), loaded.source(key)) for key in _keys()]


def _text(loaded: Loaded, rows: Iterable[Row], width: int) -> str:
    return "".join(f"{_line(key, value, loaded):<{width}}  # {source}\n" for key, value, source in rows)


def _data(sites: Sequence[Loaded]) -> dict[str, Any]:
    """Return every setting by its key; those of several sites begin with `sites[0]`."""
    found: dict[str, Any] = {}
    for index, loaded in enumerate(sites):
        for key, value, source in _rows(loaded):
            name = _dotted(key) if len(sites) == 1 or key[0] == "options" else f"sites[{index}].{_dotted(key)}"
            found[name] = {"value": value, "source": str(source), "kind": source.kind}
    return found


def _keys() -> list[Key]:
    return list(leaf_keys(SiteFile))


def _value(loaded: Loaded, key: Key) -> Any:  # noqa: ANN401 - any JSON value
    value: Any = {**loaded.site.model_dump(mode="json"), "options": loaded.options.model_dump(mode="json")}
    for step in key:
        value = value[step]
    return value


def _dotted(key: Key) -> str:
    return ".".join(str(step) for step in key)


def _line(key: Key, value: Any, loaded: Loaded) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        follows = {"public_url": loaded.site.base_url, "listen.https": loaded.site.https_port}.get(_dotted(key))
        return f"# {_dotted(key)} is not set" + (f", so it is {_toml(follows)}" if follows else "")
    return f"{_dotted(key)} = {_toml(value)}"


def _toml(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{as_json(name)} = {_toml(inner)}" for name, inner in value.items() if inner is not None)
            + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return as_json(value)
