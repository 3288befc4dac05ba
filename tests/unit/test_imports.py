"""House-keeping: what is imported when, who may import what, how long a module may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.late import late
from tests.support.source_tree import EVERYTHING, MODULES, ROOT, imported_by, name_of

HEAVY = {
    "docker",
    "jinja2",
    "pydantic",
    "cryptography",
    "testinfra",
    "trustme",
    "requests",
    "h2",
    "h11",
    "asyncio",
    "ssl",
}


def top_imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, top-level package) of every import of a module, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "late" and isinstance(node.args[0], ast.Constant):
            yield node.lineno, str(node.args[0].value).partition(".")[0]


def test_the_pytest_plugin_loads_pytest_and_the_standard_library_only() -> None:
    plain = imported_by("import pytest")
    added = imported_by("import pytest, ota_proxy.pytest_plugin") - plain
    assert added - set(sys.stdlib_module_names) == {"ota_proxy"}


def test_the_pytest_plugin_loads_no_other_module_of_ours() -> None:
    program = (
        "import sys, ota_proxy.pytest_plugin; print([m for m in sys.modules if m.startswith('ota_proxy')]); sys.exit()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert set(ast.literal_eval(done.stdout)) == {"ota_proxy", "ota_proxy.pytest_plugin"}


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["render", "--help"], ["verify", "--help"]], ids=" ".join)
def test_asking_what_there_is_loads_nothing_heavy(argv: list[str]) -> None:
    program = (
        f"from ota_proxy.cli.main import main\ntry: main({argv!r})\nexcept SystemExit as end: assert end.code == 0"
    )
    assert imported_by(program) & HEAVY == set()


def test_a_help_page_loads_the_flags_and_nothing_that_runs() -> None:
    program = (
        "import sys\nfrom ota_proxy.cli.main import main\ntry: main(['verify', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('ota_proxy')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    light = {"errors", "late", "limits", "numbers", "printable", "cli", "cli.main", "cli.parser", "cli.streams"}
    light |= {"servers", "servers.base"}  # the names of the servers
    loaded = {name.partition(".")[2] for name in ast.literal_eval(done.stderr)} - {""}
    assert {name for name in loaded if not name.startswith("cli.flags")} == light


def test_what_a_command_names_to_be_run_is_there() -> None:
    flags = [path for path in MODULES if name_of(path).startswith("ota_proxy/cli/flags/")]
    named = [
        name for path in flags for name in re.findall(r'set_defaults\(run="(.+?)"\)', path.read_text(encoding="utf-8"))
    ]
    assert len(named) > 12
    assert [name for name in named if not callable(late(name))] == []


def test_the_host_connection_loads_testinfra_only_when_a_host_is_read() -> None:
    assert "testinfra" not in imported_by("import ota_proxy.hosts.inspect")


def test_one_module_in_the_tree_knows_docker() -> None:
    knowing = [name_of(path) for path in EVERYTHING if any(name == "docker" for _, name in top_imports(path))]
    assert knowing == ["ota_proxy/harness/docker/daemon.py"]


@pytest.mark.parametrize("package", ["ota_proxy/rules", "ota_proxy/servers", "ota_proxy/policy", "ota_proxy/site"])
def test_pure_parts_open_no_connection_and_start_no_process(package: str) -> None:
    offenders = [
        f"{name_of(path)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in top_imports(path)
        if name in {"socket", "ssl", "subprocess", "docker", "requests", "asyncio", "testinfra"}
    ]
    assert offenders == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_350_lines(path: Path) -> None:
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= 350, f"{name_of(path)} has {length} lines: split it by what its parts are about"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_opens_with_its_contract(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring or not path.read_text(encoding="utf-8").strip()


def test_template_folders_hold_templates_and_the_one_file_that_is_the_same_for_every_site() -> None:
    files = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert files
    assert [name_of(path) for path in files if path.suffix != ".j2"] == ["templates/iis/OtaProxy.psm1"]
    assert {path.parent.name for path in files} <= {"nginx", "apache", "iis"}


# -- versions of servers and libraries are compared in one place ---------------------------------------------------------

_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_VERSIONED = re.compile(r"(?:^|[._ (])(?:version|tls_library|release)(?:$|[._ )\[])")
_NUMBER = re.compile(r"\d+\.\d+(?:\.\d+)*")


def compares_versions(tree: ast.AST) -> Iterator[int]:
    """Yield lines that order something called a version, or hold it against a number of a server or library."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        texts = [ast.unparse(side) for side in sides]
        literal = any(
            isinstance(side, ast.Constant) and isinstance(side.value, str) and _NUMBER.fullmatch(side.value)
            for side in sides
        )
        named = any(_VERSIONED.search(text) for text in texts) and "sys.version_info" not in " ".join(texts)
        ordered = any(isinstance(operator, _ORDER) for operator in node.ops)
        if (named and ordered) or (literal and named):
            yield node.lineno


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("caps.version >= '1.25.1'", True),
        ("caps.version == '2.4.66'", True),
        ("key(caps.version) < (1, 19, 4)", True),
        ("caps.tls_library < other", True),
        ("caps.version == 'latest'", False),
        ("caps.has('http2_directive')", False),
        ("sys.version_info >= (3, 13)", False),
        ("response.http_version == 'h2'", False),
        ("len(x) > 3", False),
    ],
)
def test_the_search_for_version_tests_finds_them(line: str, *, found: bool) -> None:
    assert bool(list(compares_versions(ast.parse(line)))) is found


@pytest.mark.parametrize(
    "path", [path for path in MODULES if name_of(path) != "ota_proxy/policy/capabilities.py"], ids=name_of
)
def test_no_server_version_is_compared_outside_the_capability_table(path: Path) -> None:
    assert list(compares_versions(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.j2")), ids=name_of)
def test_no_template_compares_a_version(path: Path) -> None:
    tags = re.findall(r"\{%.*?%\}|\{\{.*?\}\}", path.read_text(encoding="utf-8"), re.DOTALL)
    assert [tag for tag in tags if re.search(r"version|\d+\.\d+\.\d+", tag) and re.search(r"[<>]|==|!=", tag)] == []


# -- a warning that is switched off has its reason beside it -------------------------------------------------------------

_SUPPRESSED = re.compile(r"#\s*(?:noqa|type: ignore)\b")
_REASONED = re.compile(r"#\s*(?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|type: ignore\[[\w, -]+\])\s+(?:-|#)\s+\S")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_suppressed_warning_is_named_and_has_its_reason(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if _SUPPRESSED.search(line) and not _REASONED.search(line)] == []


def test_no_two_test_modules_have_the_same_name() -> None:
    """Pytest imports a test module by its bare name: the second of two with one name is an error, wherever it stands."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_module_borrows_from_a_test_module() -> None:
    """What two of them need stands in tests/support, so that a test can be renamed or left out without breaking another."""
    borrowed = [
        f"{name_of(path)}:{node.lineno} imports {node.module}"
        for path in EVERYTHING
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and re.search(r"(?:^|\.)test_\w+$", node.module or "")
    ]
    assert borrowed == []
