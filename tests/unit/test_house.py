"""benchmarks/house.py counts a made-up tree right."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import house

FILES = {
    "ota_proxy/__init__.py": '"""Nothing but words."""\n',
    "ota_proxy/__main__.py": """import json
from pathlib import Path
from ota_proxy.rules import page
print(json.dumps("a line"))
print(Path(__file__).parents[1].joinpath("templates", "page.j2").read_text())
""",
    "ota_proxy/rules/__init__.py": "",
    "ota_proxy/rules/page.py": "NUMBER = 1\n" * 60,
    "ota_proxy/rules/catalogue.py": "def late():\n    from ota_proxy.site import page  # noqa: PLC0415, ANN201 - made up\n",
    "ota_proxy/site/page.py": "from ota_proxy import rules\nimport ota_proxy.rules.catalogue\n",
    "ota_proxy/servers/text.py": "NUMBER = 1\n",
    "ota_proxy/servers/nginx/text.py": "from ota_proxy.servers import text\n",
    "ota_proxy/servers/apache/text.py": "import os\n",
    "tests/test_a.py": "import os  # noqa: F401\n",
    "templates/page.j2": "made-up page\n",
    "pyproject.toml": """[tool.ruff.lint]
ignore = ["D105", "D107"]
[tool.ruff.lint.per-file-ignores]
"tests/**" = ["S101"]
""",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package of two folders that import each other, with one name three times."""
    for name, text in FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "tree"


def test_the_text_of_a_tree_is_counted(tree: Path) -> None:
    assert house.of_text(tree) == {
        "modules": "7",
        "median lines of a module": "2",
        "lines of the longest module": "60",
        "modules of 50 lines or less": "6",
        "repeated module names, outside servers/*/": "1 (page 2)",
        "repeated module names, everywhere": "2, at most 3 times",
        "import cycles between modules": "1",
        "import cycles between packages": "1",
        "lint rules ignored on a line, package": "2",
        "  of them PLC0415 (import inside a function)": "1",
        "lint rules ignored on a line, with tests": "3",
        "lint rules ignored for a folder": "1",
        "lint rules ignored everywhere": "2",
    }


def test_a_cycle_is_named_with_all_its_modules(tree: Path) -> None:
    graph = house.imports(house.modules(tree))
    assert house.cycles(graph) == [["ota_proxy.rules.catalogue", "ota_proxy.site.page"]]
    assert house.cycles(house.packages(graph)) == [["ota_proxy.rules", "ota_proxy.site"]]


@pytest.mark.parametrize("time", ["first", "from the cached bytecode"])
def test_files_of_the_tree_that_a_command_opens_are_counted_and_no_others(
    tree: Path, tmp_path: Path, time: str
) -> None:
    for _ in ("first",) if time == "first" else ("first", time):
        done = house.run(tree, [], tmp_path / "opened")
    assert done.stdout == '"a line"\nmade-up page\n\n'
    assert house.traced(tree, tmp_path / "opened") == "4 modules + 1 other"


def test_a_command_that_fails_has_no_count(tree: Path) -> None:
    (tree / "ota_proxy/__main__.py").write_text("raise SystemExit(2)\n", encoding="utf-8")
    assert house.of_commands(tree)["files opened: render nginx"] == "exit 2"


def test_the_table_sets_trees_side_by_side() -> None:
    assert house.table({"before": {"modules": "424", "old": "1"}, "now": {"modules": "220"}}) == [
        "         before  now",
        "modules  424     220",
        "old      1",
    ]


def test_another_revision_is_measured_from_git(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "Begin"],
    ):
        subprocess.run(["git", "-C", tree, *words], check=True)
    (tree / "ota_proxy/rules/catalogue.py").unlink()
    monkeypatch.setattr(house, "ROOT", tree)
    assert house.of_revision("HEAD", tmp_path / "unpacked")["modules"] == "7"
    assert house.of_text(tree)["modules"] == "6"
