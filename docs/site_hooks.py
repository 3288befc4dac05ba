"""What the site needs beyond the plain pages: the rules in the navigation, what the catalogue has of them as a line, titles on their code blocks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"(?m)^```(nginx|apache|xml|powershell|html|js|text|console) ([^\n`]+)$")
"""A rule page says `right`, `wrong` or `refused` behind the language of a block."""
_RULE = re.compile(r"rules/(OTA\d{3})-")
_TITLE = re.compile(r"\A\s*(# .*\n)")
_SERVERS = {"nginx": "nginx", "apache": "Apache"}
"""Languages that are a server's; of IIS's blocks the words say it."""


def on_config(config: Any) -> Any:  # noqa: ANN401 - MkDocs' own class
    """Add a page for each rule to the navigation."""
    folder = Path(config["docs_dir"]) / "rules"
    pages = [{path.stem.replace("-", " ", 1): f"rules/{path.name}"} for path in sorted(folder.glob("OTA*.md"))]
    config["nav"].append({"Rules": pages})
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:  # noqa: ANN401 - MkDocs' own classes
    """Put a rule's id, name, severity and commands below its title, and what stands behind a block's language above the block."""
    rule = _RULE.match(page.file.src_uri)
    shown = _TITLE.sub(lambda found: f"{found[1]}\n{_head(rule[1])}\n", markdown) if rule else markdown
    return _FENCE.sub(lambda found: f'```{found[1]} title="{_words(found[1], found[2])}"', shown)


def _head(rule_id: str) -> str:
    from ota_proxy.cli.parser import COMMANDS  # noqa: PLC0415 - only the pages of rules need it
    from ota_proxy.commands.explain import looked_for  # noqa: PLC0415 - likewise
    from ota_proxy.rules.catalogue import catalogue  # noqa: PLC0415

    rule = catalogue()[rule_id]
    return f"**{rule.id}** {rule.name} · {rule.severity} · {looked_for(rule, COMMANDS)}"


def _words(language: str, words: str) -> str:
    """Return `nginx, right` for `nginx right`, and `IIS, right` for `xml right iis`."""
    server = "IIS" if " iis" in f" {words}" else _SERVERS.get(language, "")
    return ", ".join(filter(None, [server, words.removesuffix(" iis")]))
