"""The reference is made from the code and the site builds without a warning; every page and every link is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.make_reference import PAGES, REFERENCE, made
from ota_proxy.facts.levels import LEVELS
from ota_proxy.rules.catalogue import catalogue
from tests.docs.blocks import ROOT


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    again = "run: python docs/make_reference.py"
    assert (REFERENCE / f"{name}.md").read_text(encoding="utf-8") == made(name), again


def test_the_reference_has_no_page_that_nothing_makes() -> None:
    assert {path.stem for path in REFERENCE.glob("*.md")} == set(PAGES)


def test_the_levels_stand_in_the_explanation_in_their_fixed_words() -> None:
    page = (ROOT / "docs/explanation/levels-of-proof.md").read_text(encoding="utf-8")
    for level in LEVELS.values():
        assert f"| {level.id} | {level.name} | {level.claim} |" in page


class Links(HTMLParser):
    """Collects what a page of the site leads to and loads."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        if tag in ("img", "script", "iframe") and given.get("src"):
            self.loaded.append(given["src"] or "")
        if tag == "link" and given.get("rel") == "stylesheet":
            self.loaded.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_every_rule_has_its_page_on_the_site(site: Path) -> None:
    assert {path.stem[:6] for path in (site / "rules").glob("*.html")} == set(catalogue())


def test_every_link_of_the_site_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    dead, foreign = [], []
    for page in site.rglob("*.html"):
        found = Links()
        found.feed(page.read_text(encoding="utf-8"))
        foreign += [f"{page.name}: {one}" for one in found.loaded if urlsplit(one).scheme]
        for link in found.links:
            parts = urlsplit(link)
            if page.name == "404.html" or parts.scheme or not parts.path:
                continue
            target = (page.parent / unquote(parts.path)).resolve()
            if not target.exists():
                dead.append(f"{page.relative_to(site)} -> {link}")
    assert dead == []
    assert foreign == []


def test_every_link_of_the_plain_files_leads_somewhere() -> None:
    dead = []
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            parts = urlsplit(link)
            if not parts.scheme and parts.path and not (page.parent / parts.path).exists():
                dead.append(f"{page.relative_to(ROOT)} -> {link}")
    assert dead == []
