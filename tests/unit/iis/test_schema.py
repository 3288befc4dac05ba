"""The schema table: typed values, IIS's sentences about wrong ones, and what the built-in defaults hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ota_proxy.servers.iis import defaults
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.schema.model import Element, Value
from ota_proxy.servers.iis.schema.values import VALIDATORS, parse, spelling
from tests.unit.iis.conftest import Read

S = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("spec", "text", "value"),
    [
        ("bool", "true", True),
        ("bool", "False", False),
        ("uint", "4294967295", 4294967295),
        ("uint", "0x10", 16),
        ("int", "-1", -1),
        ("int64", "-9223372036854775808", -(2**63)),
        ("string", " a ", " a "),
        ("enum of:One,Two", "Two", "Two"),
        ("enum of:One,Two", "two", "Two"),
        ("flags of:None,A,B", "A, b", "A,B"),
        ("flags of:None,A,B", "", ""),
        ("timeSpan", "00:02:00", 120 * S),
        ("timeSpan", "1.00:00:01", 86401 * S),
        ("timeSpan", "29:00:00", 104400 * S),
        ("timeSpan", "00:00:00.1", 0.1 * S),
        ("uint range:400,999", "400", 400),
        ("uint outside:300,307", "308", 308),
        ("timeSpan span:0,86399,60", "00:01:00", 60 * S),
        ("string application", "/", "/"),
        ("string application", "/a/b", "/a/b"),
    ],
)
def test_a_text_becomes_a_typed_value(spec: str, text: str, value: Value) -> None:
    assert parse(table.attribute("x", spec), text) == value


@pytest.mark.parametrize(
    ("spec", "text", "reason"),
    [
        ("bool", "yes", "Not a valid boolean"),
        ("bool", "1", "Not a valid boolean"),
        ("uint", "-1", "Not a valid unsigned integer"),
        ("uint", "4294967296", "Not a valid unsigned integer"),
        ("uint", "1" * 10_000, "Not a valid unsigned integer"),
        ("uint", "١", "Not a valid unsigned integer"),
        ("int", "1.5", "Not a valid integer"),
        ("int", "", "Not a valid integer"),
        ("enum of:One,Two", "Three", "Enum must be one of One, Two"),
        ("flags of:A,B", "A,C", "Flags must be some combination of A, B"),
        ("timeSpan", "2 minutes", "Not a valid time span"),
        ("timeSpan", "00:99:00", "Not a valid time span"),
        ("uint range:400,999", "399", "Integer value must be between 400 and 999 inclusive"),
        ("uint outside:300,307", "302", "Integer value must not be between 300 and 307 inclusive"),
        ("timeSpan span:1,86400,1", "00:00:00", "Timespan value must be between 0:00:01 and"),
        ("timeSpan span:0,86399,60", "00:00:30", "Timespan value must be a multiple of 60 seconds"),
        ("string nonEmpty", "", "String must not be empty"),
        ("string trimmed", " a", "whitespace"),
        ("string pool", "a|b", "Invalid application pool name"),
        ("string pool", "", "Invalid application pool name"),
        ("string site", "a/b", "Invalid site name"),
        ("string application", "a", "Invalid application path"),
        ("string application", "/a/", "Invalid application path"),
        ("string directory", "/a/../b", "Invalid virtual directory path"),
    ],
)
def test_a_wrong_text_is_refused_in_iis_s_words(spec: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        parse(table.attribute("x", spec), text)


@pytest.mark.parametrize(
    ("spec", "text", "wanted"),
    [
        ("enum of:IsFile,Pattern", "isFile", "IsFile"),
        ("enum of:IsFile,Pattern", "IsFile", ""),
        ("flags of:Ssl,None", "ssl", "Ssl"),
        ("flags of:A,B", "A, B", ""),
        ("bool", "True", ""),
    ],
)
def test_another_case_than_the_schema_s_is_told_apart(spec: str, text: str, wanted: str) -> None:
    assert spelling(table.attribute("x", spec), text) == wanted


def elements(shape: Element) -> list[Element]:
    inner = [*shape.elements.values(), *(shape.collection.add.values() if shape.collection else ())]
    return [shape, *(below for one in inner for below in elements(one))]


@pytest.mark.parametrize("name", table.sections())
def test_a_section_of_the_table_is_well_formed(name: str) -> None:
    for shape in elements(table.sections()[name].shape):
        for spec in shape.attributes.values():
            assert spec.validation in {"", *VALIDATORS}
            assert bool(spec.members) == (spec.type in {"enum", "flags"}), spec
            assert (spec.validation in {"integerRange", "timeSpanRange"}) == bool(spec.parameter)
        if shape.collection:
            assert not {shape.collection.remove, shape.collection.clear} & {*shape.collection.add, *shape.elements}
            assert shape.collection.defaults in {"", *shape.elements, "siteDefaults", "applicationPoolDefaults"}


@pytest.mark.parametrize(
    ("section", "allow", "definition"),
    [
        ("staticContent", True, "Everywhere"),
        ("httpCompression", True, "Everywhere"),
        ("security/requestFiltering", True, "Everywhere"),
        ("rewrite/rules", True, "Everywhere"),
        ("security/access", False, "Everywhere"),
        ("handlers", False, "Everywhere"),
        ("modules", False, "MachineToApplication"),
        ("rewrite/allowedServerVariables", False, "Everywhere"),
        ("rewrite/globalRules", False, "AppHostOnly"),
        ("proxy", False, "AppHostOnly"),
    ],
)
def test_a_section_is_delegated_as_on_a_fresh_iis(section: str, allow: bool, definition: str) -> None:
    found = table.sections()[f"system.webServer/{section}"]
    assert (found.allow, found.definition) == (allow, definition)


def test_the_default_media_types_are_those_of_iis_10() -> None:
    types = defaults.media_types()
    assert len(types) == 378
    assert types[".html"] == "text/html"
    assert types[".zip"] == "application/x-zip-compressed"
    absent = [
        ".plist",
        ".ipa",
        ".mobileprovision",
        ".mobileconfig",
        ".apk",
        ".aab",
        ".dmg",
        ".pkg",
        ".cer",
        ".pem",
        ".webmanifest",
        ".webp",
    ]
    assert set(absent) & types.keys() == set()


def test_what_no_file_sets_has_its_default(read: Read) -> None:
    found = read("")
    filtering = found.section("system.webServer/security/requestFiltering", "/any/where")
    assert filtering.child("requestLimits").get("maxAllowedContentLength") == 30_000_000
    assert [one.get("segment") for one in filtering.child("hiddenSegments").entries()] == ["web.config"]
    cache = found.section("system.webServer/staticContent", "/").child("clientCache")
    assert (cache.get("cacheControlMode"), cache.get("cacheControlMaxAge")) == ("NoControl", timedelta(days=1))
    assert not cache.explicit("cacheControlMode")
    documents = found.section("system.webServer/defaultDocument", "/").child("files").entries()
    assert [one.get("value") for one in documents] == [
        "Default.htm",
        "Default.asp",
        "index.htm",
        "index.html",
        "iisstart.htm",
    ]
    types = found.section("system.webServer/httpCompression", "/").child("staticTypes").entries()
    assert [one.get("mimeType") for one in types][-1] == "*/*"
    assert found.problems() == ()
    assert found.section("system.webServer/proxy", "/").get("includePortInXForwardedFor") is True


def test_a_name_that_the_schema_lacks_is_an_error_of_the_caller(read: Read) -> None:
    found: Configuration = read("")
    section = found.section("system.webServer/staticContent", "/")
    for wrong in (
        lambda: section.get("nothing"),
        lambda: section.child("nothing"),
        lambda: found.section("system.webServer/nothing", "/"),
    ):
        with pytest.raises(KeyError):
            wrong()
