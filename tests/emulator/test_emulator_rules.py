"""Rules where the documentation leaves no doubt and a mistake would be silent: encoding, levels, variables, captures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.emulator.sites import ask, emulated


def rewritten(folder: Path, rules: str, target: str, *, keep: str = "") -> dict[str, object]:
    """Run one request through rules and return its line of the access log."""
    attribute = f' useOriginalURLEncoding="{keep}"' if keep else ""
    site = emulated(
        folder, f"<system.webServer><rewrite><rules{attribute}>{rules}</rules></rewrite></system.webServer>"
    )
    ask(site, target)
    line: dict[str, object] = json.loads(site.log.getvalue())
    return line


def rule(match: str, url: str, more: str = "", *, name: str = "r") -> str:
    return f'<rule name="{name}"><match url="{match}"/>{more}<action type="Rewrite" url="{url}"/></rule>'


@pytest.mark.parametrize(
    ("keep", "target", "url", "wanted"),
    [
        # By default the module encodes what it was given, percent signs too; "false" leaves what is encoded (2.1).
        ("", "/a%2Fb%20c", "http://127.0.0.1:1{UNENCODED_URL}", "/a%252Fb%2520c"),
        ("false", "/a%2Fb%20c", "http://127.0.0.1:1{UNENCODED_URL}", "/a%2Fb%20c"),
        ("", "/a%20b", "http://127.0.0.1:1/{R:0}", "/a%20b"),
        ("false", "/a%20b", "http://127.0.0.1:1/{R:0}", "/a%20b"),
        ("false", "/%C3%A9", "http://127.0.0.1:1/{R:0}", "/%C3%A9"),
        ("", "/x?q=%2F", "http://127.0.0.1:1/{R:0}", "/x?q=%2F"),
    ],
)
def test_a_url_for_another_server_is_encoded_as_2_1_says(
    tmp_path: Path, keep: str, target: str, url: str, wanted: str
) -> None:
    site = emulated(
        tmp_path,
        f"<system.webServer><rewrite><rules{f' useOriginalURLEncoding={chr(34)}{keep}{chr(34)}' if keep else ''}>"
        f"{rule('.*', url)}</rules></rewrite></system.webServer>",
        '<system.webServer><proxy enabled="true"/></system.webServer>',
    )
    assert ask(site, target).status == 502
    assert json.loads(site.log.getvalue())["proxied_to"] == f"http://127.0.0.1:1{wanted}"


@pytest.mark.parametrize(("keep", "served"), [("", None), ("false", "a b.txt")])
def test_an_encoded_name_is_decoded_where_its_encoding_is_kept(tmp_path: Path, keep: str, served: str | None) -> None:
    assert rewritten(tmp_path, rule("^x$", "/a%20b.txt"), "/x", keep=keep)["served"] == served


def test_rules_of_a_nested_level_see_the_path_from_there_and_come_after_those_of_the_parent(tmp_path: Path) -> None:
    folder = tmp_path / "site" / "sub"
    folder.mkdir(parents=True)
    inner = rule("^b$", "c", name="inner")
    folder.joinpath("web.config").write_text(
        f"<configuration><system.webServer><rewrite><rules>{inner}</rules></rewrite></system.webServer></configuration>",
        encoding="utf-8",
    )
    line = rewritten(tmp_path, rule("^sub/a$", "sub/b", name="outer"), "/sub/a")
    assert (line["rewritten_url"], line["rule"]) == ("/sub/c", "inner")


def test_a_rewrite_never_leaves_the_site(tmp_path: Path) -> None:
    assert rewritten(tmp_path, rule("^x$", "/../../../etc/passwd"), "/x")["status"] == 404


def test_a_test_for_a_file_knows_the_site_only(tmp_path: Path) -> None:
    there = '<conditions><add input="{DOCUMENT_ROOT}\\\\APP.plist" matchType="IsFile"/></conditions>'
    away = '<conditions><add input="/etc/passwd" matchType="IsFile"/></conditions>'
    assert rewritten(tmp_path, rule("^x$", "index.html", there), "/x")["served"] == "index.html"
    assert rewritten(tmp_path / "2", rule("^x$", "index.html", away), "/x")["status"] == 404
