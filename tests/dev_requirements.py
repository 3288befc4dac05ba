"""Prints the `dev` dependency group of pyproject.toml, one requirement a line, for a pip that does not know `--group` yet."""

import tomllib
from pathlib import Path

groups = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
print("\n".join(groups["dev"]))  # noqa: T201 - printing is what it is for
