"""The fenced blocks of README and docs: read in their order, written or run in a folder of their own, by the real tools.

`sh` blocks are run by bash as they stand, with `ota-proxy`, `pytest` and `sudo` on the PATH. A block whose first line is a comment with a
file's name (`# ota-proxy.toml`) is written to that file first. A block that cannot be run here has `<!-- not run: REASON -->` on the line above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"(?ms)^(?P<indent> *)```(?P<language>[^\s`]*)(?P<words>[^\n]*)\n(?P<text>.*?)^ *```$")
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
_FILE = re.compile(r"\A(?:#|//|<!--) (?P<name>[\w./-]+\.[\w-]+|Dockerfile)(?: -->)?$")
LANGUAGES = {"sh", "toml", "python", "yaml", "nginx", "apache", "xml", "ini", "json", "powershell", "text", "html"}
"""What a block may be; `text` is what a program prints, and nothing to run."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it stands, its language, and why it is not run (empty where it is)."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str

    @property
    def file(self) -> str:
        """The name of the file the block is, where its first line says so; else empty."""
        match = _FILE.match(self.text.partition("\n")[0])
        return match["name"] if match else ""

    @property
    def place(self) -> str:
        """Return `docs/tutorial.md:12`."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return README and every page of docs but the rules', which tests of their own hold against servers."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if "rules" not in page.parts]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    return [_block(page, text, match) for match in _FENCE.finditer(text)]


def _block(page: Path, text: str, match: re.Match[str]) -> Block:
    before = text[: match.start()].rstrip("\n")
    reason = _NOT_RUN.search(before)
    inner = "".join(line.removeprefix(match["indent"]) for line in match["text"].splitlines(keepends=True))
    return Block(page, text.count("\n", 0, match.start()) + 1, match["language"], inner, reason[1] if reason else "")
