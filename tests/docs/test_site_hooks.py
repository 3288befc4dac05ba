"""What the site makes of a rule's page: MkDocs takes its front block off before the hook sees the text."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs import site_hooks
from tests.docs.blocks import ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "docs/rules").glob("*.md")), ids=lambda path: path.stem[:6])
def test_the_page_of_a_rule_names_it_below_its_title(path: Path) -> None:
    _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    meta = dict(line.split(": ", 1) for line in front.splitlines())
    shown = site_hooks.on_page_markdown(text, SimpleNamespace(meta=meta), config=None, files=None)
    head = f"**{meta['id']}** {meta['name']} · {meta['severity']} · "
    assert re.match(rf"\s*# .+\n\n{re.escape(head)}(?:not )?looked for by .+\n", shown)


@pytest.mark.parametrize(
    ("fence", "title"),
    [
        ("nginx right", "nginx, right"),
        ("apache wrong server", "Apache, wrong server"),
        ("xml right iis", "IIS, right"),
        ("xml wrong manifest", "wrong manifest"),
        ("html wrong", "wrong"),
    ],
)
def test_a_block_says_whose_it_is_above_it(fence: str, title: str) -> None:
    shown = site_hooks.on_page_markdown(f"# T\n\n```{fence}\nx\n```\n", SimpleNamespace(meta={}))
    assert f'```{fence.partition(" ")[0]} title="{title}"\n' in shown


def test_another_page_stays_as_it_is() -> None:
    text = "# T\n\n```sh\nx\n```\n"
    assert site_hooks.on_page_markdown(text, SimpleNamespace(meta={})) == text
