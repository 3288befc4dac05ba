"""Every PowerShell text of the project: parses, and calls only documented cmdlets and parameters, its own functions and named programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from ota_proxy import __version__
from tests.powershell_model.statements import function_of, parameters_of
from tests.powershell_model.syntax import Node, UnsupportedError, parse
from tests.support import iis_sites as iis
from tests.support.compose_files import service
from tests.support.powershell_cmdlets import COMMON, documented, everything

ROOT = Path(__file__).resolve().parents[2]
MODULE = "OtaProxy.psm1"
PROGRAMS = frozenset(
    {
        "docker",
        "dotnet",
        "netsh",
        "python",
        "$setup",
        "$undo",
        "$appcmd",
        "C:\\ServiceMonitor.exe",
        "C:\\ota-proxy\\setup.ps1",
    }
)
"""What scripts start that is no cmdlet: programs, and variables that hold the path of a script or a program."""
BESIDE = re.compile(r"(?:\(Join-Path \$PSScriptRoot '|tests\\windows\\)([\w-]+\.ps1)(?:'\))?")
"""A script of tests/windows that another one of them, or the workflow, calls."""
ADVANCED = frozenset({"whatif", "confirm"}) | COMMON


def sources() -> dict[str, str]:
    """Return every PowerShell text by where it stands: renderings, tests/windows, compose files and workflows."""
    found = {
        f"{name}/{file.name}": file.text.removeprefix("\ufeff")
        for name in iis.NAMES
        for file in iis.variant(name).files
        if file.name.endswith(".ps1")
    }
    found[MODULE] = iis.script(iis.variant("static-2022"), MODULE)
    found |= {
        str(path.relative_to(ROOT)): path.read_text("utf-8") for path in sorted(ROOT.glob("tests/windows/**/*.ps1"))
    }
    found["compose/iis.yml"] = service("iis")["command"][0]
    found |= {f"compose/iis.Dockerfile {n}": text for n, text in enumerate(_dockerfile())}
    workflow = yaml.safe_load((ROOT / ".github/workflows/windows.yml").read_text("utf-8"))
    for job, content in workflow["jobs"].items():
        for number, step in enumerate(content["steps"]):
            if "run" in step:
                found[f"windows.yml {job} {number}"] = re.sub(r"\$\{\{.*?\}\}", "x", step["run"])
    return found


def _dockerfile() -> list[str]:
    text = re.sub(r"^#.*\n", "", (ROOT / "compose/iis.Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    return [run.strip() for run in re.findall(r"^RUN ((?:.*`\n)*.*)$", text, flags=re.MULTILINE)]


SOURCES = sources()


def test_there_is_something_to_hold_against_the_list() -> None:
    kinds = " ".join(SOURCES)
    assert all(
        part in kinds
        for part in ("setup.ps1", "undo.ps1", "tests/windows/", "iis.yml", "iis.Dockerfile", "windows.yml")
    )


@pytest.mark.parametrize("place", SOURCES)
def test_it_parses_and_calls_only_what_is_documented(place: str) -> None:
    own = {} if place.startswith(("tests", "compose", "windows")) else exported(parse(SOURCES[MODULE]))
    assert problems(parse(SOURCES[place]), own) == []


def defined(root: Node) -> dict[str, frozenset[str]]:
    """Return the parameters of a text's functions, by the name of each in lower case."""
    made = [function_of(node) for node in nodes(root) if node.type == "function_statement"]
    return {
        one.name.lower(): frozenset(x.name.lower() for x in one.parameters)
        | (ADVANCED if one.advanced else frozenset())
        for one in made
    }


def exported(root: Node) -> dict[str, frozenset[str]]:
    """Return the functions that a module lets its scripts call."""
    (call,) = [node for node in nodes(root) if node.type == "command" and call_of(node)[0] == "Export-ModuleMember"]
    names = [node.text.strip("'").lower() for node in nodes(call) if node.type == "string_literal"]
    functions = defined(root)
    return {name: functions[name] for name in names}


def problems(root: Node, module: Mapping[str, frozenset[str]] = MappingProxyType({})) -> list[str]:
    """Return what a script calls that nobody documented and `module` does not export, with its line."""
    every = list(nodes(root))
    functions = {**module, **defined(root)}
    found = []
    for node in every:
        if node.type != "command":
            continue
        name, given = call_of(node)
        known = documented(name)
        allowed = functions.get(name.lower()) or (known.parameters | COMMON if known else beside(name))
        if allowed is None and name.lower() not in functions and name not in PROGRAMS:
            found.append(f"line {node.line}: {name} is not documented")
        wrong = sorted(given - (allowed or frozenset())) if name not in PROGRAMS else []
        found += [f"line {node.line}: {name} has no parameter -{one}" for one in wrong]
    return found


def beside(name: str) -> frozenset[str] | None:
    """Return the parameters of a script of tests/windows that is called by its place, or None for another name."""
    found = BESIDE.fullmatch(name)
    if found is None:
        return None
    root = parse((ROOT / "tests/windows" / found[1]).read_text("utf-8"))
    block = next((child for child in root.parts if child.type == "param_block"), None)
    return frozenset(one.name.lower() for one in parameters_of(block))


def call_of(node: Node) -> tuple[str, set[str]]:
    """Return a command's name and the names of its parameters in lower case."""
    name = next(child.text for child in node.parts if child.type in ("command_name", "command_name_expr"))
    elements = [child for child in node.parts if child.type == "command_elements"]
    given = [one.text for group in elements for one in group.children if one.type == "command_parameter"]
    return name, {text.lstrip("-").rstrip(":").lower() for text in given}


def nodes(node: Node) -> list[Node]:
    return [node, *(deeper for child in node.children for deeper in nodes(child))]


def test_every_documented_cmdlet_says_where_and_no_two_share_a_name() -> None:
    every = everything()
    assert len({one.name.lower() for one in every}) == len(every)
    assert all(one.source.startswith("https://learn.microsoft.com/powershell/module/") for one in every)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("Get-IISConfigSektion -SectionPath 'x'", "line 1: Get-IISConfigSektion is not documented"),
        ("\nSet-IISConfigAttributeValue -WhatIf", "line 2: Set-IISConfigAttributeValue has no parameter -whatif"),
        ("function F([string]$A) { }\nF -B 1", "line 2: F has no parameter -b"),
        ("wget -O x", "line 1: wget is not documented"),
    ],
)
def test_an_unknown_cmdlet_or_parameter_is_found_with_its_line(script: str, says: str) -> None:
    assert says in problems(parse(script))


APPROVED = re.compile(
    "(?:add|assert|clear|complete|convertto|copy|find|get|import|read|remove|save|set|start|stop|test|undo)-ota"
)
"""Verbs of ours that Get-Verb knows: Import-Module warns of a function with another one."""


def test_the_module_has_approved_verbs_and_exports_what_the_scripts_call_and_nothing_else() -> None:
    root = parse(SOURCES[MODULE])
    assert [name for name in defined(root) if not APPROVED.match(name)] == []
    called = {
        call_of(node)[0].lower()
        for place, text in SOURCES.items()
        if place.endswith(("setup.ps1", "undo.ps1"))
        for node in nodes(parse(text))
        if node.type == "command"
    }
    assert set(exported(root)) == {name for name in called if "-ota" in name}


def test_the_module_is_ascii_for_windows_powershell_and_names_the_version_that_the_scripts_ask_for() -> None:
    text = SOURCES[MODULE]
    assert text.isascii()
    assert text.startswith(f"# Made by ota-proxy {__version__}: ")
    assert all(
        f"-notlike '# Made by ota-proxy {__version__}: *'" in SOURCES[f"static-2022/{name}"]
        for name in ("setup.ps1", "undo.ps1")
    )
    assert {iis.script(iis.variant(name), MODULE) for name in iis.NAMES if "snippet" not in name} == {text}


def test_a_script_that_does_not_parse_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        parse("if ($x { 1 }")


def test_parameters_are_read_with_type_and_default() -> None:
    (block,) = [
        one for one in parse("param([string]$Path = 'x', [switch]$Force)\n1").parts if one.type == "param_block"
    ]
    path, force = parameters_of(block)
    assert (path.name, path.type, path.default is not None) == ("Path", "string", True)
    assert (force.name, force.type, force.default) == ("Force", "switch", None)
