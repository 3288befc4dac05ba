"""What IIS refuses: schema, keys with inheritance, and where a section may stand. Sources: the modules' own docstrings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.servers.iis.in_force import Configuration
from tests.unit.iis.conftest import Read, Refused, web

LOCKED = "This configuration section cannot be used at this path."


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<staticContent foo="1" />', "Unrecognized attribute 'foo'"),
        ('<urlCompression dostaticcompression="true" />', "Unrecognized attribute 'dostaticcompression'"),
        ("<staticContent><foo /></staticContent>", "Unrecognized element 'foo'"),
        (
            '<staticContent><mimemap fileExtension=".a" mimeType="b" /></staticContent>',
            "Unrecognized element 'mimemap'",
        ),
        ("<staticcontent />", "Unrecognized element 'staticcontent'"),
        ('<hsts enabled="true" />', "Unrecognized element 'hsts'"),
        ("<requestFiltering />", "Unrecognized element 'requestFiltering'"),
        ('<rewrite foo="1"><rules /></rewrite>', "Unrecognized attribute 'foo'"),
        ('<staticContent><mimeMap fileExtension=".a" /></staticContent>', "Missing required attribute 'mimeType'"),
        ('<staticContent><remove mimeType="a/b" /></staticContent>', "Missing required attribute 'fileExtension'"),
        ('<staticContent><clear foo="1" /></staticContent>', "Unrecognized attribute 'foo'"),
        (
            '<staticContent><mimeMap fileExtension=".a" mimeType="" /></staticContent>',
            "The 'mimeType' attribute is invalid. String must not be empty",
        ),
        (
            '<urlCompression doStaticCompression="on" />',
            "The 'doStaticCompression' attribute is invalid. Not a valid boolean",
        ),
        (
            '<httpErrors existingResponse="Pass" />',
            "The 'existingResponse' attribute is invalid. Enum must be one of Auto, Replace, PassThrough",
        ),
        (
            '<directoryBrowse showFlags="Date,Owner" />',
            "The 'showFlags' attribute is invalid. Flags must be some combination of None, Date, Time, Size, Extension, LongDate",
        ),
        (
            '<rewrite><rules><rule name="a"><action type="CustomResponse" statusCode="302" /></rule></rules></rewrite>',
            "The 'statusCode' attribute is invalid. Integer value must not be between 300 and 307 inclusive",
        ),
    ],
)
def test_the_schema_is_held_in_iis_s_words(refused: Refused, inside: str, expected: str) -> None:
    assert refused(inside) == [f"3: {expected}"]


@pytest.mark.parametrize(
    "inside",
    [
        '<staticContent><remove fileExtension=".nothing" /></staticContent>',
        '<staticContent><remove fileExtension=".txt" /><mimeMap fileExtension=".TXT" mimeType="a/b" /></staticContent>',
        '<staticContent><clear /><mimeMap fileExtension=".txt" mimeType="a/b" /></staticContent>',
        '<httpRedirect enabled="true" destination="https://x" httpResponseStatus="PermRedirect" />',
        '<httpRedirect enabled="True" destination="https://x" />',
        '<httpErrors><remove statusCode="404" /><error statusCode="404" path="a.htm" /></httpErrors>',
        '<httpErrors><error statusCode="404" subStatusCode="3" path="a.htm" /></httpErrors>',
        '<defaultDocument><files><remove value="index.html" /><add value="index.html" /></files></defaultDocument>',
        '<rewrite><rules><rule name="a"><match url="." /><conditions><add input="{HTTPS}" pattern="off" /><add input="{HTTPS}" pattern="off" /></conditions></rule></rules></rewrite>',
        '<rewrite><rewriteMaps><rewriteMap name="m"><add key="a" value="1" /><add key="A" value="2" /></rewriteMap></rewriteMaps></rewrite>',
        "<security><requestFiltering /></security>",
        "<security />",
        "",
    ],
)
def test_what_iis_takes_is_not_refused(refused: Refused, inside: str) -> None:
    assert refused(inside) == []


@pytest.mark.parametrize(
    ("inside", "kind", "key", "value"),
    [
        (
            '<staticContent><mimeMap fileExtension=".json" mimeType="a/b" /></staticContent>',
            "mimeMap",
            "fileExtension",
            ".json",
        ),
        (
            '<staticContent><mimeMap fileExtension=".JSON" mimeType="a/b" /></staticContent>',
            "mimeMap",
            "fileExtension",
            ".JSON",
        ),
        ('<defaultDocument><files><add value="index.html" /></files></defaultDocument>', "add", "value", "index.html"),
        (
            '<httpProtocol><customHeaders><add name="A" value="1" /><add name="a" value="2" /></customHeaders></httpProtocol>',
            "add",
            "name",
            "a",
        ),
        (
            '<security><requestFiltering><hiddenSegments><add segment="Web.config" /></hiddenSegments></requestFiltering></security>',
            "add",
            "segment",
            "Web.config",
        ),
        ('<rewrite><rules><rule name="a" /><rule name="A" /></rules></rewrite>', "rule", "name", "A"),
    ],
)
def test_an_entry_that_is_there_already_is_refused(read: Read, inside: str, kind: str, key: str, value: str) -> None:
    (found,) = read(inside).problems()
    assert (
        found.message
        == f"Cannot add duplicate collection entry of type '{kind}' with unique key attribute '{key}' set to '{value}'"
    )
    assert (found.kind, found.hresult) == ("duplicate", "0x800700b7")


def test_combined_keys_are_named_together(read: Read) -> None:
    twice = '<preCondition name="p"><add input="a" pattern="b" /><add input="a" pattern="b" /></preCondition>'
    (found,) = read(
        f"<rewrite><outboundRules><preConditions>{twice}</preConditions></outboundRules></rewrite>"
    ).problems()
    attributes = "'input, matchType, pattern, ignoreCase, negate' respectively set to 'a, Pattern, b, true, false'"
    assert (
        found.message
        == f"Cannot add duplicate collection entry of type 'add' with combined key attributes {attributes}"
    )
    (found,) = read('<httpErrors><error statusCode="404" path="a" /></httpErrors>').problems()
    assert found.message.endswith("'statusCode, subStatusCode' respectively set to '404, -1'")


def test_the_entry_of_a_parent_counts_and_says_where_it_is(read: Read) -> None:
    ipa = '<staticContent><mimeMap fileExtension=".ipa" mimeType="a/b" /></staticContent>'
    found = read({"": ipa, "sub": ipa})
    (problem,) = found.problems()
    assert problem.span.file.endswith("sub/web.config")
    assert "web.config, line 3" in problem.hint
    assert found.violation("/") is None
    assert found.violation("/sub/App.ipa") is problem
    assert found.violation("/sub/deeper/") is problem


def test_a_second_unique_key_counts_too(refused: Refused) -> None:
    sites = '<site name="a" id="1" /><site name="b" id="1" />'
    apphost = f"<configuration><system.applicationHost><sites>{sites}</sites></system.applicationHost></configuration>"
    assert refused("", apphost) == [
        "1: Cannot add duplicate collection entry of type 'site' with unique key attribute 'id' set to '1'"
    ]


@pytest.mark.parametrize(
    "inside",
    [
        "<handlers />",
        "<modules />",
        '<security><access sslFlags="Ssl" /></security>',
        "<security><authentication><anonymousAuthentication /></authentication></security>",
        "<security><ipSecurity /></security>",
        "<serverRuntime />",
        "<webSocket />",
        "<asp />",
        "<rewrite><allowedServerVariables /></rewrite>",
        "<rewrite><globalRules /></rewrite>",
        '<proxy enabled="true" />',
        "<globalModules />",
    ],
)
def test_a_section_that_is_locked_by_default_may_not_stand_in_web_config(read: Read, inside: str) -> None:
    (found,) = read(inside).problems()
    assert found.message.startswith(LOCKED)
    assert (found.kind, found.hresult, found.span.line) == ("locked", "0x80070021", 3)


def test_a_section_of_the_server_stays_out_of_web_config_even_when_it_stands_in_a_location(refused: Refused) -> None:
    text = '<configuration>\n<location path="a"><system.applicationHost><sites /></system.applicationHost></location>\n</configuration>'
    (found,) = refused(text)
    assert found.startswith(f"2: {LOCKED}")


@pytest.mark.parametrize("name", ["rewrite", "RewriteModule"])
def test_the_sections_of_a_module_that_is_not_installed_are_refused(read: Read, name: str) -> None:
    inside = '<rewrite><rules><rule name="a" /></rules><rewriteMaps /></rewrite>'
    found = read(inside, without_modules=frozenset({name})).problems()
    assert [(one.kind, one.hresult) for one in found] == [("module-missing", "0x8007000d")] * 2
    assert "RewriteModule" in found[0].hint


def test_a_module_of_iis_itself_leaves_its_schema_behind(read: Read) -> None:
    found = read('<httpRedirect enabled="false" />', without_modules=frozenset({"HttpRedirectionModule"}))
    assert found.problems() == ()
    assert found.missing("HttpRedirectionModule")
    assert not found.missing("StaticFileModule")


@pytest.mark.parametrize(
    ("windows", "expected"), [("2016", ["1: Unrecognized element 'hsts'"]), ("2019", []), ("2025", [])]
)
def test_native_hsts_came_with_windows_1709(refused: Refused, windows: str, expected: list[str]) -> None:
    site = '<site name="a" id="1"><hsts enabled="true" max-age="1" /></site>'
    apphost = f"<configuration><system.applicationHost><sites>{site}</sites></system.applicationHost></configuration>"
    assert refused("", apphost, windows=windows) == expected


def test_a_file_that_is_too_large_is_refused_by_size(read: Read) -> None:
    found = read(f"<!-- {'x' * 256_000} -->").problems()
    assert [(one.hresult, "maximum file size" in one.message) for one in found] == [("0x80070032", True)]
    assert read(f"<!-- {'x' * 250_000} -->").problems() == ()


def test_every_violation_of_a_file_is_listed_in_the_order_of_the_lines(refused: Refused) -> None:
    inside = '<staticContent>\n<mimeMap fileExtension=".txt" mimeType="a/b" />\n<x />\n</staticContent>\n<handlers />\n<urlCompression y="1" />'
    assert [line.partition(":")[0] for line in refused(inside)] == ["4", "5", "7", "8"]


@pytest.mark.parametrize(
    ("inside", "kinds"),
    [
        ("<aspNetCore />", [("section", "system.webServer/aspNetCore")]),
        ("<someOther.Module><x /></someOther.Module>", [("section", "system.webServer/someOther.Module")]),
        (
            '<rewrite><rules configSource="rules.config" /></rewrite>',
            [("construct", "configSource of system.webServer/rewrite/rules")],
        ),
    ],
)
def test_what_the_table_does_not_know_is_neither_right_nor_wrong(
    read: Read, inside: str, kinds: list[tuple[str, str]]
) -> None:
    found = read(inside)
    assert found.problems() == ()
    assert [(one.kind, one.what) for one in found.unmodelled()] == kinds
    assert found.unmodelled()[0].span.line == 3


def test_sections_of_dotnet_are_neither_right_nor_wrong(read: Read) -> None:
    found = read("<configuration><appSettings /><system.web><x y='1' /></system.web><unheard.of /></configuration>")
    assert found.problems() == ()
    assert [(one.kind, one.what) for one in found.unmodelled()] == [
        ("foreign", "appSettings"),
        ("foreign", "system.web"),
        ("foreign", "unheard.of"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<config />", "1: Unrecognized element 'config'"),
        ("<configuration><system.webserver /></configuration>", "1: Unrecognized element 'system.webserver'"),
        ('<configuration foo="1" />', "1: Unrecognized attribute 'foo'"),
    ],
)
def test_the_root_and_its_groups_have_their_names(refused: Refused, text: str, expected: str) -> None:
    assert refused(f"<?xml version='1.0'?>{text}") == [expected]


def test_an_old_namespace_on_the_root_is_fine(refused: Refused) -> None:
    assert refused('<configuration xmlns="http://schemas.microsoft.com/.NetConfiguration/v2.0" />') == []


def test_another_case_of_an_enum_is_a_doubt_and_no_violation(read: Read) -> None:
    condition = '<add input="{REQUEST_FILENAME}" matchType="isFile" negate="true" />'
    found = read(f'<rewrite><rules><rule name="a"><conditions>{condition}</conditions></rule></rules></rewrite>')
    assert found.problems() == ()
    assert ["'IsFile'" in one.what for one in found.doubts()] == [True]


def test_an_unreadable_file_is_one_that_iis_cannot_read(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(web(""))
    monkeypatch.setattr(
        "ota_proxy.reading.opened", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    assert [(one.hresult, one.hint) for one in found.problems()] == [("0x80070005", "Permission denied")]


def test_a_tree_is_validated_in_one_call(tmp_path: Path) -> None:
    (tmp_path / "web.config").write_text(web("<handlers />"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a/web.config").write_text(web("<hsts />"))
    assert [one.kind for one in Configuration.load(tmp_path).problems()] == ["locked", "schema"]
    assert [one.kind for one in Configuration.load(tmp_path / "a/web.config").problems()] == ["schema"]
