"""How easily the tree is taken in: modules, repeated names, cycles, ignored lint rules, files opened by a command, lines of rendered examples.

Usage: python benchmarks/house.py [--compare REVISION] [TREE]
Prints one row for each figure; `--compare` measures that git revision too, unpacked in a temporary folder, and prints it first. The figures show a
direction and are no limits. Modules are the Python files below `ota_proxy/` that hold at least one statement beside their docstring.

Files are counted by an audit hook (`open`) in a fresh interpreter that runs `python -m ota_proxy …`; a module that is read from its cached bytecode
counts as its source file. Processes that the command starts, and folders that it lists, are not traced.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

Figures = dict[str, str]
"""What is measured → what came out."""
Graph = Mapping[str, frozenset[str]]

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "ota_proxy"
SHORT = 50
"""Lines up to which a module counts as short."""
_NOQA = re.compile(r"#\s*noqa: ([A-Z]+\d+(?:, ?[A-Z]+\d+)*)")
_TRACER = """
import atexit, runpy, sys
tree, result, *words = sys.argv[1:]
opened = set()
sys.addaudithook(lambda event, about: event == "open" and isinstance(about[0], str) and opened.add(about[0]))
def write(found=opened):
    names = sorted(name for name in list(found) if name.startswith(tree))
    with open(result, "w", encoding="utf-8") as file:
        file.write("\\n".join(names))
atexit.register(write)
sys.argv = ["ota-proxy", *words]
runpy.run_module("ota_proxy", run_name="__main__", alter_sys=False)
"""


# -- what the text of the tree says ----------------------------------------------------------------------------------------


def modules(tree: Path) -> dict[str, ast.Module]:
    """Return dotted name → syntax tree of every Python file of the package, `__init__` of a folder under the folder's name."""
    found = {}
    for path in sorted((tree / PACKAGE).rglob("*.py")):
        parts = path.relative_to(tree).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def lengths(tree: Path) -> list[int]:
    """Return the lines of every module that holds more than a docstring."""
    texts = (path.read_text(encoding="utf-8") for path in (tree / PACKAGE).rglob("*.py"))
    return [len(text.splitlines()) for text in texts if _says_something(ast.parse(text))]


def _says_something(module: ast.Module) -> bool:
    return len(module.body) > (ast.get_docstring(module) is not None)


def repeated(names: Iterable[str]) -> dict[str, int]:
    """Return last part of a dotted name → how many modules have it, if that is more than one."""
    counts = Counter(name.rpartition(".")[2] for name in names)
    return {name: count for name, count in sorted(counts.items()) if count > 1}


def _files(tree: Path) -> Iterator[str]:
    """Yield the dotted names of modules that are files of their own, not a folder's `__init__`."""
    for path in sorted((tree / PACKAGE).rglob("*.py")):
        if path.stem != "__init__":
            yield ".".join(path.relative_to(tree).with_suffix("").parts)


def _in_a_server(name: str) -> bool:
    """Say whether a module lies in the folder of one server: these have the same file names on purpose."""
    parts = name.split(".")
    return parts[1] == "servers" and len(parts) > 3


def imports(trees: Mapping[str, ast.Module]) -> Graph:
    """Return module → the modules of the package that it imports, wherever the import stands (also inside a function)."""
    graph: dict[str, frozenset[str]] = {}
    for name, module in trees.items():
        wanted = set()
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                wanted |= {_member(node.module, alias.name, trees) for alias in node.names}
        graph[name] = frozenset(wanted & trees.keys()) - {name}
    return graph


def _member(module: str, name: str, known: Mapping[str, object]) -> str:
    return f"{module}.{name}" if f"{module}.{name}" in known else module


def packages(graph: Graph) -> Graph:
    """Return the same graph between the parts of the package: its folders, and the modules beside them."""
    parts: dict[str, set[str]] = {}
    for name, wanted in graph.items():
        parts.setdefault(_part(name), set()).update(_part(other) for other in wanted)
    return {name: frozenset(wanted - {name}) for name, wanted in parts.items()}


def _part(name: str) -> str:
    return ".".join(name.split(".")[:2])


def cycles(graph: Graph) -> list[list[str]]:
    """Return the groups of modules that all reach one another."""
    reached = {name: _reached(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return [list(group) for group in sorted(groups)]


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen


def suppressed(paths: Iterable[Path]) -> Counter[str]:
    """Return lint rule → how many lines switch it off."""
    found: Counter[str] = Counter()
    for path in paths:
        for codes in _NOQA.findall(path.read_text(encoding="utf-8")):
            found.update(re.split(r", ?", codes))
    return found


def _lint(tree: Path) -> Iterator[tuple[str, str]]:
    ours = suppressed((tree / PACKAGE).rglob("*.py"))
    everywhere = ours + suppressed(path for folder in ("tests", "benchmarks") for path in (tree / folder).rglob("*.py"))
    settings = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    yield "lint rules ignored on a line, package", str(ours.total())
    yield "  of them PLC0415 (import inside a function)", str(ours["PLC0415"])
    yield "lint rules ignored on a line, with tests", str(everywhere.total())
    yield "lint rules ignored for a folder", str(sum(map(len, settings.get("per-file-ignores", {}).values())))
    yield "lint rules ignored everywhere", str(len(settings.get("ignore", [])))


def of_text(tree: Path) -> Figures:
    """Return the figures that need no run."""
    lines, names, graph = lengths(tree), list(_files(tree)), imports(modules(tree))
    outside = repeated(name for name in names if not _in_a_server(name))
    anywhere = repeated(names)
    return {
        "modules": str(len(lines)),
        "median lines of a module": f"{statistics.median(lines):g}",
        "lines of the longest module": str(max(lines)),
        f"modules of {SHORT} lines or less": str(sum(length <= SHORT for length in lines)),
        "repeated module names, outside servers/*/": f"{len(outside)}{_listed(outside)}",
        "repeated module names, everywhere": f"{len(anywhere)}, at most {max(anywhere.values(), default=0)} times",
        "import cycles between modules": str(len(cycles(graph))),
        "import cycles between packages": str(len(cycles(packages(graph)))),
        **dict(_lint(tree)),
    }


def _listed(names: Mapping[str, int], most: int = 4) -> str:
    often = sorted(names, key=lambda name: (-names[name], name))
    words = [f"{name} {names[name]}" for name in often[:most]] + ["…"] * (len(often) > most)
    return f" ({', '.join(words)})" if words else ""


# -- what the commands of the tree do --------------------------------------------------------------------------------------


def run(tree: Path, words: Iterable[str], opened: Path) -> subprocess.CompletedProcess[str]:
    """Run one command of the tree in a fresh interpreter; the files of the tree that it opened are listed in `opened`."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-c", _TRACER, f"{tree.resolve()}{os.sep}", str(opened), *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(tree.resolve())},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def traced(tree: Path, opened: Path) -> str:
    """Say how many modules and how many other files of the tree stand in a list of opened files."""
    paths = {_source(Path(line)) for line in opened.read_text(encoding="utf-8").splitlines()}
    inside = [path.relative_to(tree.resolve()) for path in paths if ".venv" not in path.parts]
    code = sum(path.suffix == ".py" for path in inside)
    return f"{code} modules + {len(inside) - code} other"


def _source(path: Path) -> Path:
    """Return the source file of cached bytecode; any other path as it is."""
    if path.parent.name == "__pycache__":
        return path.parent.parent / f"{path.name.partition('.')[0]}.py"
    return path


def of_commands(tree: Path) -> Figures:
    """Return what four commands open, and the lines of the three rendered examples."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "iis")
        run(tree, ["render", "iis", "-o", str(site)], Path(folder, "none"))
        embedded = ["verify", "nginx", "--engine", "embedded", "--no-check-files"]
        commands = {
            "render nginx": ["render", "nginx"],
            "lint web.config": ["lint", str(site / "web.config")],
            "verify --dry-run": ["verify", "nginx", "--dry-run", "--no-check-files"],
            "verify --engine embedded": embedded,
        }
        for name, words in commands.items():
            opened = Path(folder, "opened")
            done = run(tree, words, opened)
            worked = done.returncode in (0, 1) and "Traceback" not in done.stderr
            figures[f"files opened: {name}"] = traced(tree, opened) if worked else f"exit {done.returncode}"
        for server in ("nginx", "apache"):
            done = run(tree, ["render", server], Path(folder, "none"))
            figures[f"lines of the example: {server}"] = str(len(done.stdout.splitlines()))
        figures["lines of the example: iis"] = _written(site)
    return figures


def _written(site: Path) -> str:
    lines = {path.name: len(path.read_text(encoding="utf-8-sig").splitlines()) for path in sorted(site.glob("*"))}
    return f"{sum(lines.values())} ({', '.join(f'{name} {count}' for name, count in lines.items())})"


# -- the table -------------------------------------------------------------------------------------------------------------


def measure(tree: Path) -> Figures:
    """Return all figures of a tree."""
    return {**of_text(tree), **of_commands(tree)}


def of_revision(revision: str, folder: Path) -> Figures:
    """Return the figures of a git revision, unpacked into a folder."""
    packed = subprocess.run(["git", "-C", ROOT, "archive", revision], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return measure(folder)


def table(columns: Mapping[str, Figures]) -> list[str]:
    """Return the rows, one for each figure, one column for each tree."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    rows = [["", *columns], *([name, *(one.get(name, "") for one in columns.values())] for name in names)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def main(words: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--compare", metavar="REVISION", help="measure this git revision too")
    parser.add_argument("tree", nargs="?", type=Path, default=ROOT, metavar="TREE", help="default: this checkout")
    flags = parser.parse_args(words)
    columns: dict[str, Figures] = {}
    if flags.compare:
        with tempfile.TemporaryDirectory() as folder:
            columns[flags.compare] = of_revision(flags.compare, Path(folder))
    columns["this tree"] = measure(flags.tree)
    print(*table(columns), sep="\n")  # noqa: T201 - the result


if __name__ == "__main__":
    main(sys.argv[1:])
