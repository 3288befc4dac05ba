"""What the site makes of a rule's page: what the catalogue has of the rule stands below its title."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs import site_hooks
from ota_proxy.rules.catalogue import catalogue
from tests.docs.blocks import ROOT


def at(uri: str) -> SimpleNamespace:
    """A page of the site, as far as the hook looks at it."""
    return SimpleNamespace(file=SimpleNamespace(src_uri=uri))


@pytest.mark.parametrize("path", sorted((ROOT / "docs/rules").glob("*.md")), ids=lambda path: path.stem[:6])
def test_the_page_of_a_rule_names_it_below_its_title(path: Path) -> None:
    rule = catalogue()[path.stem[:6]]
    shown = site_hooks.on_page_markdown(path.read_text(encoding="utf-8"), at(f"rules/{path.name}"), config=None)
    head = f"**{rule.id}** {rule.name} · {rule.severity} · "
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
    shown = site_hooks.on_page_markdown(f"# T\n\n```{fence}\nx\n```\n", at("how-to/x.md"))
    assert f'```{fence.partition(" ")[0]} title="{title}"\n' in shown


def test_another_page_stays_as_it_is() -> None:
    text = "# T\n\n```sh\nx\n```\n"
    assert site_hooks.on_page_markdown(text, at("how-to/x.md")) == text
