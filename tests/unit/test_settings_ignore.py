"""`[options] ignore` and --ignore: every way to say it, who adds to whom, and how a mistake reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.settings import Options, load
from ota_proxy.settings.flags import SiteFlags
from ota_proxy.settings.load import load_options
from ota_proxy.settings.sources import key_lines

INLINE = """\
[options]
ignore = [
  # { rule = "none" }, and a ] in a comment
  { rule = "OTA213", reason = "renewed by hand", subject = "https://ota.example.com/*" }, { rule = "hsts-missing", reason = "]" },

  { rule = "ota406", reason = '''the proxy
does { it''' },
]
fail_on = "warning"
"""
TABLES = """\
[[options.ignore]]
rule = "OTA213"
reason = "renewed by hand"

[[options.ignore]]
rule = "OTA406"
reason = "the proxy does it"
"""


def read(folder: Path, text: str, *flags: str, name: str = "ota-proxy.toml", **environ: str) -> Options:
    (folder / name).write_text(text, encoding="utf-8")
    return load_options(SiteFlags(ignores=flags), environ=environ, folder=folder)


def said(options: Options, folder: Path) -> list[tuple[str, str, str]]:
    """Return rule, reason and place (without the folder) of every entry."""
    return [(one.rule, one.reason, one.place.removeprefix(f"{folder}/")) for one in options.ignore]


def test_inline_tables_have_their_own_lines_and_names_become_ids(tmp_path: Path) -> None:
    options = read(tmp_path, INLINE)
    assert said(options, tmp_path) == [
        ("OTA213", "renewed by hand", "ota-proxy.toml:4"),
        ("OTA219", "]", "ota-proxy.toml:4"),
        ("OTA406", "the proxy does { it", "ota-proxy.toml:6"),
    ]
    assert [one.subject for one in options.ignore] == ["https://ota.example.com/*", "", ""]
    assert options.fail_on == "warning"


def test_array_tables_and_a_project_file_are_read_too(tmp_path: Path) -> None:
    assert [place for _, _, place in said(read(tmp_path, TABLES), tmp_path)] == ["ota-proxy.toml:1", "ota-proxy.toml:5"]
    (tmp_path / "ota-proxy.toml").unlink()
    project = TABLES.replace("[[options", "[[tool.ota-proxy.options")
    options = read(tmp_path, project, name="pyproject.toml")
    assert [place for _, _, place in said(options, tmp_path)] == ["pyproject.toml:1", "pyproject.toml:5"]


def test_the_environment_replaces_the_file_and_the_flag_adds(tmp_path: Path) -> None:
    variable = '[{ rule = "OTA315", reason = "no cache here" }]'
    options = read(tmp_path, TABLES, "OTA511= everybody knows = all", OTA_PROXY_IGNORE=variable)
    assert said(options, tmp_path) == [
        ("OTA315", "no cache here", "OTA_PROXY_IGNORE"),
        ("OTA511", "everybody knows = all", "--ignore"),
    ]
    assert [rule for rule, *_ in said(read(tmp_path, TABLES, "OTA511=x"), tmp_path)] == ["OTA213", "OTA406", "OTA511"]
    assert said(read(tmp_path, TABLES, OTA_PROXY_IGNORE="[]"), tmp_path) == []


def test_a_whole_site_has_the_same_entries(tmp_path: Path) -> None:
    (tmp_path / "ota-proxy.toml").write_text('domains = ["a.example.com"]\n' + TABLES, encoding="utf-8")
    loaded = load(None, SiteFlags(ignores=["OTA511=x"]), environ={}, folder=tmp_path)
    assert [place for _, _, place in said(loaded.options, tmp_path)] == [
        "ota-proxy.toml:2",
        "ota-proxy.toml:6",
        "--ignore",
    ]
    assert not loaded.example


def test_a_flag_alone_makes_no_site(tmp_path: Path) -> None:
    assert load(None, SiteFlags(ignores=["OTA511=x"]), environ={}, folder=tmp_path).example


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('ignore = [{ rule = "OTA2133", reason = "x" }]', "2: options.ignore[0].rule: there is no rule 'OTA2133'\n  hint: did you mean 'OTA213'?"),
        ('ignore = [\n{ rule = "cert-expirin", reason = "x" }]', "3: options.ignore[0].rule: there is no rule 'cert-expirin'\n  hint: did you mean 'cert-expiring'?"),
        ('ignore = [{ rule = "", reason = "x" }]', "2: options.ignore[0].rule: there is no rule ''\n  hint: `ota-proxy rules` lists them"),
        ('ignore = [{ rule = "OTA213", reason = " \\n" }]', "2: options.ignore[0].reason: must not be empty\n  hint: say why this finding may stay"),
        ('ignore = [{ rule = "OTA213" }]', "2: the key 'options.ignore[0].reason' is missing"),
        ('ignore = [{ reason = "x" }]', "2: the key 'options.ignore[0].rule' is missing"),
        ('ignore = [{ rule = "OTA213", reason = "x", subjekt = "y" }]', "2: unknown key 'options.ignore[0].subjekt'\n  hint: did you mean 'subject'?"),
        ('ignore = [{ rule = 213, reason = "x" }]', "2: options.ignore[0].rule must be a text in quotes, not 213"),
        ('ignore = ["OTA213"]', "2: options.ignore[0] must be a table, not 'OTA213'"),
        ('ignore = "OTA213"', "2: options.ignore must be an array, not 'OTA213'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_and_line(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"[options]\n{text}\n", "OTA511=x")
    assert str(caught.value).startswith(f"{tmp_path}/ota-proxy.toml:{sentence}")


def test_a_variable_that_is_no_array_of_tables_is_refused_with_the_form(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "", OTA_PROXY_IGNORE="OTA213=renewed by hand, I hope")
    assert str(caught.value) == (
        "OTA_PROXY_IGNORE: 'OTA213=renewed by hand, I hope' is not a TOML array of tables\n"
        '  hint: for instance [{ rule = "…", reason = "…" }]'
    )


@pytest.mark.parametrize("text", ["OTA213", "OTA213=", "OTA213= ", "=why", ""])
def test_a_flag_without_a_rule_or_a_reason_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "", text)
    assert str(caught.value).startswith(
        f"--ignore: '{text}' is not RULE=REASON\n  hint: for instance --ignore 'OTA213="
    )


def test_a_flag_with_an_unknown_rule_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--ignore: .*there is no rule 'OTA4O6'\n  hint: did you mean 'OTA406'\?"):
        read(tmp_path, "", "OTA4O6=x")


def test_lines_of_entries_are_found_whatever_stands_in_texts() -> None:
    text = "a = [ { b = \"}]\" }, # {\n { c = [{ d = 1 }] },\n''' {\n{''', { e = \"\\\"{\" } ]\nf = { g = 1 }\nh = [[{ i = 1 }]]\n"
    lines = key_lines(text)
    assert [lines.get(("a", number)) for number in range(4)] == [1, 2, 3, 4]
    assert (lines[("f", "g")], lines[("h",)], lines[("h", 0, 0, "i")]) == (5, 6, 6)
