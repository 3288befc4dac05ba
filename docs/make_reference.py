"""Writes docs/reference/ from the code: `python docs/make_reference.py`; a test holds the files against what this would write.

One function a page, each returning Markdown. Nothing here knows a flag, a key, a fixture or a rule by name.
"""

from __future__ import annotations

import argparse
import html
import inspect
import itertools
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).with_name("reference")
_MADE = "<!-- made by docs/make_reference.py; edit the code, not this page -->\n\n"


# -- commands ---------------------------------------------------------------------------------------------------------


def cli() -> str:
    """Return what every command does and the flags it has."""
    from ota_proxy.cli.parser import parser  # noqa: PLC0415 - only when asked

    top = parser()
    lines = ["# Commands\n", *_prose(top.description or ""), *_prose(top.epilog or "")]
    for words, command in _commands(top, ("ota-proxy",)):
        lines += [f"## {' '.join(words)}\n", *_prose(command.description or "")]
        for group in command._action_groups:  # noqa: SLF001 - argparse has no public way to its groups
            lines += _flags(command, group)
    return "\n".join(lines)


def _commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to its subcommands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for name, command in action.choices.items():
                yield (*words, name), command
                yield from _commands(command, (*words, name))


def _prose(text: str) -> Iterator[str]:
    """Yield a description as Markdown: indented lines are examples."""
    for indented, lines in itertools.groupby(text.strip().splitlines(), lambda line: line.startswith(" ") or not line):
        part = textwrap.dedent("\n".join(lines)).strip("\n")
        if part:
            yield f"```text\n{part}\n```\n" if indented else f"{part}\n"


def _flags(command: argparse.ArgumentParser, group: Any) -> Iterator[str]:  # noqa: ANN401 - argparse's private class
    actions = [one for one in group._group_actions if not isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    actions = [one for one in actions if one.help != argparse.SUPPRESS and "--help" not in one.option_strings]
    if not actions:
        return
    yield f"| {group.title} | |\n|---|---|"
    formatter = command._get_formatter()  # noqa: SLF001 - it expands %(default)s
    for action in actions:
        words = formatter._expand_help(action) if action.help else ""  # noqa: SLF001 - likewise
        yield f"| {_names(action)} | {_cell(words)} |"
    yield ""


def _names(action: argparse.Action) -> str:
    value = action.metavar or (action.choices and f"{{{','.join(map(str, action.choices))}}}") or action.dest.upper()
    value = value if isinstance(value, str) else " ".join(value)
    if not action.option_strings:
        return f"`{value}`"
    shown = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"`{name}{shown}`" for name in action.option_strings).replace("|", "\\|")


# -- settings ---------------------------------------------------------------------------------------------------------


def configuration() -> str:
    """Return every key of `ota-proxy.toml` with its type, its default and what it means."""
    from ota_proxy.settings.options import SitesFile  # noqa: PLC0415 - only when asked

    schema = SitesFile.model_json_schema(by_alias=True)
    sites = schema["properties"].pop("sites")
    lines = [
        "# Settings\n",
        "`ota-proxy.toml`, or the table `[tool.ota-proxy]` of `pyproject.toml`, the nearest upwards.\n",
        "A flag wins over a variable `OTA_PROXY_…`, this over the file, the file over the default; `ota-proxy config show` says which it was. Unknown keys are errors.\n",
        "| key | type | default | what it means |",
        "|---|---|---|---|",
        *_rows(schema, schema, ""),
        f"| `[[sites]]` | tables | | {_cell(sites['description'])} |",
        "",
    ]
    return "\n".join(lines)


def _rows(schema: dict[str, Any], part: dict[str, Any], before: str) -> Iterator[str]:
    for name, field in part.get("properties", {}).items():
        key = f"{before}{name}"
        inner = _resolved(schema, field)
        item = _resolved(schema, inner.get("items", {}))
        if "properties" in inner:
            yield from _rows(schema, inner, f"{key}.")
        elif "properties" in item:
            yield f"| `[[{key}]]` | tables | | {_cell(field.get('description', ''))} |"
            yield from _rows(schema, item, f"{key}.")
        else:
            yield f"| `{key}` | {_type(schema, field)} | {_default(field)} | {_cell(field.get('description', ''))} |"


def _resolved(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    wanted = field.get("$ref") or next((one["$ref"] for one in field.get("allOf", []) if "$ref" in one), "")
    return schema["$defs"][wanted.rpartition("/")[2]] if wanted else field


def _type(schema: dict[str, Any], field: dict[str, Any]) -> str:
    field = _resolved(schema, field)
    if "enum" in field or "const" in field:
        return ", ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(schema, one) for one in field["anyOf"] if one.get("type") != "null"))
    if field.get("type") == "array":
        return f"list of {_type(schema, field.get('items', {}))}"
    kind = str(field.get("type", "text"))
    return {"object": "table", "boolean": "true or false"}.get(kind, kind)


def _default(field: dict[str, Any]) -> str:
    if field.get("default") in (None, "", [], {}):
        return ""
    return f"`{json.dumps(field['default'])}`"


def _cell(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")


# -- pytest -----------------------------------------------------------------------------------------------------------


def pytest_plugin() -> str:
    """Return the plugin's options, markers and fixtures with their own words."""
    from ota_proxy import pytest_plugin as plugin  # noqa: PLC0415 - only when asked
    from ota_proxy.testing import markers  # noqa: PLC0415 - likewise

    collected = _Options()
    plugin.pytest_addoption(collected)  # type: ignore[arg-type]  # it only collects what is added
    lines = [
        "# Fixtures, markers and options\n",
        "## Options\n",
        "| option | in the ini file | what it does |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{name}` | `{collected.twin(name)}` | {_cell(more.get('help', ''))} |" for name, more in collected.options
    ]
    lines += [
        "",
        "## Markers\n",
        *(f"- `{mark.partition(':')[0]}`: {_cell(mark.partition(':')[2])}" for mark in markers.LINES),
    ]
    lines += ["", "## Fixtures\n"]
    for name, function in _fixtures(plugin):
        lines += [f"### {name}\n", inspect.cleandoc(function.__doc__ or ""), ""]
    return "\n".join(lines)


class _Options:
    """Stands in for pytest's parser, and keeps what the plugin adds."""

    def __init__(self) -> None:
        self.options: list[tuple[str, dict[str, Any]]] = []
        self.inis: list[str] = []

    def getgroup(self, *_words: str) -> _Options:
        return self

    def addoption(self, *names: str, **more: Any) -> None:  # noqa: ANN401 - argparse's own
        self.options.append((names[0], more))

    def addini(self, name: str, *_words: Any, **_more: Any) -> None:  # noqa: ANN401 - pytest's own
        self.inis.append(name)

    def twin(self, option: str) -> str:
        """Return the ini key of an option."""
        name = option.removeprefix("--").replace("-", "_")
        return name if name in self.inis else ""


def _fixtures(plugin: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a module
    for name, found in vars(plugin).items():
        function = getattr(found, "__wrapped__", None) or getattr(found, "__pytest_wrapped__", None)
        if name.startswith("ota_") and "fixture" in type(found).__name__.lower():
            yield name, getattr(found, "_fixture_function", None) or getattr(function, "obj", function)


# -- reports and rules ------------------------------------------------------------------------------------------------


def report() -> str:
    """Return the JSON report's fields from its published schema."""
    schema = json.loads((_package() / "report" / "schema.json").read_text(encoding="utf-8"))
    lines = ["# The JSON report\n", schema["description"] + "\n"]
    lines += [
        "`ota-proxy config schema report` prints the JSON Schema itself. Fields are added, never renamed or removed, within `ota-proxy/report/1`.\n"
    ]
    lines += _fields(schema, "the document")
    for name, part in schema["$defs"].items():
        if "properties" in part:
            lines += _fields(part, name)
    return "\n".join(lines)


def _fields(part: dict[str, Any], title: str) -> list[str]:
    required = set(part.get("required", ()))
    rows = [
        f"| `{name}` | {'always' if name in required else 'where known'} | {_shape(field)} | {_cell(field.get('description', ''))} |"
        for name, field in part["properties"].items()
    ]
    return [f"## {title}\n", "| field | there | shape | what it is |", "|---|---|---|---|", *rows, ""]


def _shape(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type", "")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    return f"array of {_shape(field['items'])}" if kind == "array" and "items" in field else kind


def rules() -> str:
    """Return the catalogue as a table with links to the pages."""
    from ota_proxy.cli.parser import COMMANDS  # noqa: PLC0415 - only when asked
    from ota_proxy.rules.catalogue import catalogue, file_name  # noqa: PLC0415
    from ota_proxy.rules.symptoms import checked_by  # noqa: PLC0415

    lines = [
        "# Rules\n",
        "One catalogue behind every command; ids and names are a contract. `ota-proxy explain OTA406` shows a page offline.\n",
        "A page says how each command is to find its rule; the last column says which commands do so today.\n",
    ]
    stages = dict.fromkeys(rule.stage for rule in catalogue().values())
    for stage in stages:
        lines += [f"## {stage}\n", "| rule | severity | what | looked for by |", "|---|---|---|---|"]
        lines += [
            f"| [{rule.id}](../rules/{file_name(rule.id)}) {rule.name} | {rule.severity} "
            f"| {_cell(rule.what)} | {', '.join(checked_by(rule, COMMANDS)) or '–'} |"
            for rule in catalogue().values()
            if rule.stage == stage
        ]
        lines.append("")
    return "\n".join(lines)


def _package() -> Path:
    import ota_proxy  # noqa: PLC0415 - only when asked

    return Path(ota_proxy.__file__).parent


PAGES: dict[str, Callable[[], str]] = {
    "cli": cli,
    "configuration": configuration,
    "pytest": pytest_plugin,
    "report": report,
    "rules": rules,
}


def made(name: str) -> str:
    """Return a page as it must stand in docs/reference/."""
    text = re.sub(r"[ \t]+$", "", PAGES[name](), flags=re.MULTILINE)
    return _MADE + text.rstrip() + "\n"


def main() -> int:
    """Write every page."""
    for name in PAGES:
        (REFERENCE / f"{name}.md").write_text(made(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
