"""Who may import whom: facts know nothing of rules, rules nothing of engines and reports, and so on down to the tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source_tree import MODULES, PACKAGE, name_of

BASE = ("errors", "addresses", "late", "limits", "numbers", "printable", "reading", "resources", "__version__")
LAYERS: dict[str, tuple[str, ...]] = {
    "__init__": (),
    "__main__": ("cli",),
    "errors": (),
    "addresses": (),
    "late": (),
    "limits": (),
    "reading": ("limits",),
    "numbers": ("limits",),
    "printable": ("limits",),
    "resources": (),
    "facts": ("addresses", "limits", "numbers"),
    "policy": BASE,
    "site": (*BASE, "policy"),
    "settings": (*BASE, "policy", "site", "rules.catalogue"),
    "hosts": (*BASE, "policy", "facts", "servers.base"),
    "apps": (*BASE, "policy", "facts"),
    "device": (*BASE, "policy", "facts", "apps"),
    "browser": (*BASE, "policy", "facts", "apps", "device"),
    "servers": (*BASE, "policy", "facts", "site"),
    "files": ("errors", "servers.rendered"),
    "iis_emulator": (*BASE, "policy", "facts", "servers"),
    "rules": (*BASE, "policy", "facts", "site", "apps", "servers.effective", "servers.text"),
    "report": (*BASE, "policy", "facts", "rules", "servers.answered", "servers.base", "servers.text"),
    "harness": (
        *BASE,
        "browser.find",
        *(
            "policy",
            "facts",
            "site",
            "settings",
            "hosts",
            "apps",
            "device",
            "servers",
            "iis_emulator",
            "rules.rule",
        ),
    ),
    "commands": (
        *BASE,
        *("policy", "facts", "site", "settings", "apps", "device", "browser", "servers", "files"),
        *("harness", "rules", "report"),
    ),
    "testing": (
        *BASE,
        *("servers.base", "servers.text"),
        *("policy", "facts", "site", "settings", "apps", "device", "rules", "report", "harness", "commands"),
    ),
    "pytest_plugin": ("testing", "harness.authority"),
}
"""Package or module → what it may import beside itself; `cli` may import everything."""
NARROWER: dict[str, tuple[str, ...]] = {
    "facts.host": (),
    "servers.effective": ("servers.text",),
    "servers.text": (),
    "facts.levels": (),
    "rules.rule": ("site", "facts", "servers.effective", "servers.text"),
    "policy.tables": ("resources",),
    "harness.engine": ("errors", "site", "policy", "hosts.readers", "servers.base"),
    "servers.base": ("errors", "policy", "site", "servers.rendered", "servers.several"),
    "harness.docker.daemon": ("errors",),
    "harness.process.supervisor": (),
    "harness.remover": (),
    "harness.docker.janitor": (),
    "files.replace_set": (),
    "cli.flags": ("cli.flags", "numbers", "servers.base"),
    "cli.parser": ("cli.flags", "cli.streams", "errors", "__version__"),
    "testing.options": ("errors",),
    "testing.markers": ("errors", "harness.authority"),
    "testing.record": ("testing",),
}
"""Modules that promise less than their package."""


def ours(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, name below `ota_proxy`) of every import of ours, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "ota_proxy":
            base = node.module.partition(".")[2]
            yield from ((node.lineno, f"{base}.{alias.name}".lstrip(".")) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names if alias.name.startswith("ota_proxy."))
            yield from ((node.lineno, name.partition(".")[2]) for name in names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "late" and isinstance(node.args[0], ast.Constant):
            name = str(node.args[0].value).replace(":", ".")
            yield from [(node.lineno, name.partition(".")[2])] if name.startswith("ota_proxy.") else []


def breaches(tree: ast.AST, allowed: tuple[str, ...]) -> list[str]:
    """Return the imports of ours that lie below none of the allowed names."""
    return [
        f"line {line} imports {name}"
        for line, name in ours(tree)
        if not any(name == one or name.startswith(f"{one}.") for one in allowed)
    ]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("from ota_proxy.harness.trial import Trial", 1),
        ("from ota_proxy import harness", 1),
        ("import ota_proxy.harness.trial", 1),
        ('late("ota_proxy.harness.trial:start")()', 1),
        ('late("ota_proxy.errors")', 0),
        ('late("segno")', 0),
        ("def late():\n    from ota_proxy.report import model", 1),
        ("from ota_proxy.device.http import fetch", 1),
        ("from ota_proxy.device import walk", 1),
        ("from ota_proxy.facts.install import Visit", 0),
        ("from ota_proxy.errors import OtaError\nimport json", 0),
    ],
)
def test_the_search_for_breaches_finds_them(program: str, found: int) -> None:
    assert len(breaches(ast.parse(program), LAYERS["rules"])) == found


def test_every_part_of_the_package_has_its_layer() -> None:
    assert {dotted(path).partition(".")[0] for path in MODULES} == {*LAYERS, "cli"}


@pytest.mark.parametrize("path", [path for path in MODULES if not dotted(path).startswith("cli")], ids=name_of)
def test_a_module_imports_only_what_lies_below_its_layer(path: Path) -> None:
    own = dotted(path).partition(".")[0]
    assert breaches(parsed(path), (*LAYERS[own], own)) == []


@pytest.mark.parametrize("module", NARROWER)
def test_a_module_that_promises_less_than_its_layer_keeps_to_it(module: str) -> None:
    place = PACKAGE.joinpath(*module.split("."))
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert paths
    assert [found for path in paths for found in breaches(parsed(path), NARROWER[module])] == []


@pytest.mark.parametrize(("engine", "other"), [("docker", "process"), ("process", "docker")])
def test_an_engine_knows_nothing_of_the_other_and_of_trials(engine: str, other: str) -> None:
    forbidden = (f"harness.{other}", "harness.trial", "harness.versions", "report", "rules", "settings")
    found = [
        f"{name_of(path)}:{line} imports {name}"
        for path in sorted((PACKAGE / "harness" / engine).glob("*.py"))
        for line, name in ours(parsed(path))
        if name.startswith(forbidden)
    ]
    assert found == []


def test_policy_tables_are_read_in_one_place() -> None:
    readers = [path for path in MODULES if dotted(path) not in {"resources", "policy.tables", "policy.guideline"}]
    assert [name_of(path) for path in readers if "policy_file" in path.read_text(encoding="utf-8")] == []


def imported_at_once() -> dict[str, set[str]]:
    """Return which of our modules each module imports while it is loaded itself; imports inside functions come later."""
    modules = {dotted(path): path for path in MODULES}
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        found = {other for _, other in ours(top)}
        graph[name] = {one if one in modules else one.rpartition(".")[0] for one in found} - {name, ""}
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that need each other to be loaded: what stays when whatever needs nothing that is left is taken away."""
    left = dict(graph)
    while free := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_a_circle_of_imports_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_no_modules_need_each_other() -> None:
    assert circle(imported_at_once()) == []
