"""`ota-proxy lint` on IIS's files, as a person meets it: what is recognised, reported, refused, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Run

ROOT = Path(__file__).resolve().parents[2]
HEAD = '<?xml version="1.0" encoding="{0}"?>\n<configuration>\n<system.webServer>\n'
FOOT = "\n</system.webServer>\n</configuration>\n"
GOOD = """<staticContent>
<remove fileExtension=".ipa" /><mimeMap fileExtension=".ipa" mimeType="application/octet-stream" />
<remove fileExtension=".plist" /><mimeMap fileExtension=".plist" mimeType="text/xml" />
<clientCache cacheControlMode="DisableCache" />
</staticContent>
<urlCompression doStaticCompression="false" />
<security><requestFiltering removeServerHeader="true" /></security>"""
TWICE = '<staticContent>\n<mimeMap fileExtension=".html" mimeType="text/html" />\n</staticContent>'
SERVER = """<configuration><system.applicationHost><sites><site name="OTA" id="1">
<application path="/"><virtualDirectory path="/" physicalPath="C:\\ota" /></application>
<bindings><binding protocol="https" bindingInformation="*:443:" /></bindings>
<hsts enabled="true" max-age="63072000" /></site></sites></system.applicationHost></configuration>"""


def write(inside: str, name: str = "web.config", codec: str = "utf-8") -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((HEAD.format(codec) + inside + FOOT).encode(codec))
    return name


def failed(run: Run, *words: str) -> list[tuple[str, str, int | None]]:
    """Return (rule, severity, line) of every finding."""
    outcomes: list[dict[str, Any]] = json.loads(run("lint", *words, "--format", "json").out)["outcomes"]
    return [(one["rule"], one["severity"], one["location"]["line"]) for one in outcomes if one["status"] == "failed"]


def test_a_good_file_is_clean_and_says_what_that_means(run: Run) -> None:
    said = run("lint", write(GOOD))
    assert (said.code, said.err) == (0, "")
    text = " ".join(said.out.split())
    assert "web.config (IIS 10 on Windows Server 2022) L0 schema: compared with IIS's published schema rules" in text
    assert "no findings" in text
    assert "verified" not in text


@pytest.mark.parametrize(
    ("inside", "flags", "found"),
    [
        (TWICE, (), ("OTA620", "error", 5)),
        ("<handlers />", (), ("OTA621", "error", 4)),
        ("<staticcontent />", (), ("OTA619", "error", 4)),
        ('<httpErrors errormode="Custom" />', (), ("OTA619", "error", 4)),
        ("<rewrite>\n<rules />\n</rewrite>", ("--without-module", "rewrite"), ("OTA622", "error", 5)),
        ("<rewrite>\n<rules />\n</rewrite>", ("--without-module", "RewriteModule"), ("OTA622", "error", 5)),
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_what_iis_refuses_is_found_at_its_line(
    run: Run, inside: str, flags: tuple[str, ...], found: tuple[str, str, int], codec: str
) -> None:
    write(
        GOOD.replace("<staticContent>", TWICE.removesuffix("</staticContent>")) if inside == TWICE else inside + GOOD,
        codec=codec,
    )
    assert run("lint", "web.config", *flags).code == 1
    assert failed(run, "web.config", *flags) == [found]


def test_the_report_shows_the_line_with_its_words(run: Run) -> None:
    text = " ".join(run("lint", write(TWICE, codec="utf-16")).out.split())
    assert (
        "IIS stops here: Cannot add duplicate collection entry of type 'mimeMap' with unique key attribute 'fileExtension' "
        "set to '.html' (0x800700b7): it is there already: the defaults of IIS 10" in text
    )
    assert 'web.config:5:1 3 <system.webServer> 4 <staticContent> > 5 <mimeMap fileExtension=".html"' in text


def test_a_document_type_is_refused_and_nothing_else_is_judged(run: Run) -> None:
    Path("web.config").write_text('<!DOCTYPE configuration [<!ENTITY a "b">]>\n<configuration>&a;</configuration>')
    assert failed(run, "web.config") == [("OTA619", "error", 1)]
    said = run("lint", "web.config")
    assert said.code == 1
    assert "a DTD (<!DOCTYPE …>) is refused" in " ".join(said.out.split())
    assert " 0 passed" in said.out


def test_fifty_thousand_lines_are_read_and_their_size_is_a_finding(run: Run) -> None:
    rows = "\n".join(f'<remove fileExtension=".x{number}" />' for number in range(50_000))
    write(f'<staticContent>\n{rows}\n<mimeMap fileExtension=".html" mimeType="a/b" />\n</staticContent>')
    found = failed(run, "web.config")
    assert ("OTA620", "error", 50_005) in found
    assert ("OTA619", "error", 1) in found


def test_a_folder_is_a_tree_with_the_builds_beside_its_files(run: Run) -> None:
    write(GOOD, "site/web.config")
    write(TWICE, "site/sub/Web.config")
    Path("site/sub/App-1+2.ipa").write_text("x")
    assert sorted(failed(run, "site")) == [("OTA611", "error", 1), ("OTA620", "error", 5)]
    assert "App-1+2.ipa" in run("lint", "site").out


def test_an_application_host_is_recognised_by_what_it_holds(run: Run) -> None:
    Path("server.xml").write_text(SERVER.replace('max-age="63072000"', 'max-age="5"'))
    assert failed(run, "server.xml") == [("OTA219", "warning", 4)]
    Path("server.xml").write_text(SERVER.replace("<hsts", "<hsts foo='1'"))
    assert failed(run, "server.xml") == [("OTA619", "error", 4)]


def test_what_the_site_s_web_config_may_say_has_no_verdict_beside_the_server_s_file_alone(run: Run) -> None:
    Path("applicationHost.config").write_text(
        SERVER.replace("https", "http").replace("<hsts", "<!-- ").replace('" /></site>', '" --></site>')
    )
    said = run("lint", "applicationHost.config")
    assert (said.code, "the site's web.config was not looked at" in " ".join(said.out.split())) == (0, True)
    assert "OTA601" in said.out


def test_the_server_s_file_answers_what_web_config_cannot(run: Run) -> None:
    write(GOOD)
    Path("applicationHost.config").write_text(SERVER)
    alone = run("lint", "web.config").out
    assert "no verdict on OTA201" in alone
    assert "no verdict on OTA219" in alone
    said = run("lint", "web.config", "--apphost", "applicationHost.config")
    assert (said.code, "no verdict" in said.out) == (0, False)


def test_the_windows_version_decides_what_is_known(run: Run) -> None:
    Path("applicationHost.config").write_text(SERVER)
    for windows, refused in (("2016", True), ("2019", False), ("2022", False), ("2025", False)):
        rules = {rule for rule, _, _ in failed(run, "applicationHost.config", "--windows", windows)}
        assert ("OTA619" in rules) is refused, windows


def test_a_machine_s_schema_makes_more_sections_known(run: Run) -> None:
    write(GOOD + '<builds colour="red" />')
    assert "not judged: system.webServer/builds" in run("lint", "web.config").out
    Path("schema").mkdir()
    Path("schema/builds.xml").write_text(
        '<configSchema><sectionSchema name="system.webServer/builds"><attribute name="color" type="string" /></sectionSchema></configSchema>'
    )
    assert failed(run, "web.config", "--iis-schema", "schema") == [("OTA619", "error", 10)]


@pytest.mark.parametrize(
    "words", [("notes.conf",), (".",), ("web.config", "--server", "nginx"), ("notes.conf", "--server", "iis")]
)
def test_what_lint_cannot_read_has_no_verdict_and_is_never_clean(run: Run, words: tuple[str, ...]) -> None:
    Path("notes.conf").write_text("server { listen 80; }")
    if "web.config" in words:
        write(GOOD)
    said = run("lint", *words)
    assert said.code == 3
    assert "no verdict" in said.out


def test_what_lint_cannot_read_leads_to_what_can(run: Run) -> None:
    Path("notes.conf").write_text("server { listen 80; }")
    assert "see `ota-proxy verify --config PATH`" in " ".join(run("lint", "notes.conf").out.split())
    assert "no web.config in this folder or below it" in run("lint", ".").out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("none.config",), "none.config: cannot be read"),
        (("web.config", "--apphost", "none"), "--apphost none: applicationHost.config cannot be read"),
        (("web.config", "--without-module", "rewrit"), "did you mean 'rewrite'?"),
        (("web.config", "--windows", "2012"), "2012"),
        (("web.config", "--iis-schema", "none"), "--iis-schema none: the schema folder cannot be read"),
        (("applicationHost.config", "--apphost", "applicationHost.config"), "leave --apphost out"),
        ((), "PATH"),
    ],
)
def test_a_mistake_is_one_sentence_with_a_way_out(run: Run, words: tuple[str, ...], hint: str) -> None:
    write(GOOD)
    Path("applicationHost.config").write_text(SERVER)
    said = run("lint", *words)
    assert said.code == 2
    assert hint in said.err


def test_several_paths_are_several_targets(run: Run) -> None:
    write(GOOD, "a/web.config")
    write(TWICE, "b/web.config")
    document = json.loads(run("lint", "a", "b", "--format", "json").out)
    assert [(one["target"], one["server"], one["version"], one["level"]) for one in document["targets"]] == [
        ("a", "iis", "2022", "L0"),
        ("b", "iis", "2022", "L0"),
    ]


VARIANTS = sorted((ROOT / "tests/golden/iis").glob("*/web.config"))


@pytest.mark.parametrize("path", VARIANTS, ids=[path.parent.name for path in VARIANTS])
def test_what_render_writes_passes_without_a_finding_on_its_windows(run: Run, path: Path) -> None:
    windows = next(part for part in path.parent.name.split("-") if part.isdigit())
    flags = ("--without-module", "rewrite") if "no-rewrite" in path.parent.name else ()
    said = run("lint", str(path), "--windows", windows, *flags)
    assert (said.code, " no findings; " in said.out) == (0, True), said.out


def test_there_is_something_rendered_to_lint() -> None:
    assert len(VARIANTS) >= 5
