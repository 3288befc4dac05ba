"""Shows the settings: each with its value and origin (a valid site file), and the JSON Schemas of what we read and write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ota_proxy.printable import as_json
from ota_proxy.report.formats import line_schema, report_schema
from ota_proxy.settings import Loaded
from ota_proxy.settings.flags import leaf_keys
from ota_proxy.settings.options import SiteFile, SitesFile
from ota_proxy.settings.sources import Key, Source


def schema_of(what: str) -> str:
    """Return a JSON Schema: of a site file (`site`), of a report (`report`), or of a line of many targets (`line`)."""
    schema = {"site": _site_schema, "report": report_schema, "line": line_schema}[what]()
    return as_json(schema, indent=2) + "\n"


def _site_schema() -> dict[str, Any]:
    schema = SitesFile.model_json_schema()
    del schema["required"]
    schema["anyOf"] = [{"required": ["domains"]}, {"required": ["sites"]}]
    site = schema["$defs"]["Site"]
    site["required"] = [
        key for key in site["required"] if key != "locations"
    ]  # a folder is assumed, see settings/load.py
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "ota-proxy.toml"}


Row = tuple[Key, Any, Source]


def settings_document(sites: Sequence[Loaded]) -> str:
    """Return every setting with its origin as a JSON document."""
    return as_json(_data(sites), indent=2) + "\n"


def settings_text(sites: Sequence[Loaded]) -> str:
    """Return every setting as TOML, with its origin as a comment; it is a valid site file."""
    rows = [(loaded, row) for loaded in sites for row in _rows(loaded)]
    width = min(60, max(len(_line(key, value, loaded)) for loaded, (key, value, _) in rows))
    if len(sites) == 1:
        return _text(sites[0], _rows(sites[0]), width)
    options = [row for row in _rows(sites[0]) if row[0][0] == "options"]
    tables = [_text(loaded, [row for row in _rows(loaded) if row[0][0] != "options"], width) for loaded in sites]
    return "\n[[sites]]\n".join([_text(sites[0], options, width), *tables])


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
