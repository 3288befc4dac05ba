"""What the site needs beyond the plain pages: the rules in the navigation, their front block as a line, titles on their code blocks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"(?m)^```(nginx|apache|xml|powershell|html|js|text|console) ([^\n`]+)$")
"""A rule page says `right`, `wrong` or `refused` behind the language of a block."""
_FRONT = re.compile(r"\A\s*---\nid: (\S+)\nname: (\S+)\nseverity: (.+)\n(?:.*\n)*?---\n(# .*\n)")
"""The front block of a rule page and its title; it is not YAML, so MkDocs leaves it alone."""


def on_config(config: Any) -> Any:  # noqa: ANN401 - MkDocs' own class
    """Add a page for each rule to the navigation."""
    folder = Path(config["docs_dir"]) / "rules"
    pages = [{path.stem.replace("-", " ", 1): f"rules/{path.name}"} for path in sorted(folder.glob("OTA*.md"))]
    config["nav"].append({"Rules": pages})
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:  # noqa: ANN401 - MkDocs' own arguments
    """Put a rule's id, name and severity below its title, and what stands behind a block's language above the block."""
    shown = _FRONT.sub(r"\4\n**\1** \2 · \3\n", markdown)
    return _FENCE.sub(r'```\1 title="\2"', shown)
