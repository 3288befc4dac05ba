"""A machine's own schema folder: sections beyond the table, read in the language of IIS's schema files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.servers.iis.schema import machine
from tests.unit.iis.conftest import Read, Refused

SCHEMA = """<configSchema>
<sectionSchema name="system.webServer/builds">
  <attribute name="mode" type="enum" defaultValue="Slow"><enum name="Slow" value="0" /><enum name="Fast" value="1" /></attribute>
  <attribute name="flags" type="flags" defaultValue="A, B"><flag name="A" value="1" /><flag name="B" value="2" /></attribute>
  <attribute name="age" type="timeSpan" timeSpanFormat="seconds" defaultValue="90" />
  <attribute name="limit" type="uint" allowInfinite="true" defaultValue="5" validationType="integerRange" validationParameter="5,4294967295" />
  <attribute name="not" type="uint" validationType="integerRange" validationParameter="0,3,exclude" defaultValue="9" />
  <element name="inner"><attribute name="text" type="string" required="true" validationType="nonEmptyString" /></element>
  <collection addElement="add, plus" removeElement="minus" clearElement="none" mergeAppend="false" allowUnrecognizedAttributes="true">
    <attribute name="key" type="string" required="true" isUniqueKey="true" caseSensitive="true" />
  </collection>
</sectionSchema>
</configSchema>"""
MORE = '<configSchema><sectionSchema name="system.webServer/builds"><attribute name="added" type="bool" /><collection addElement="add"><attribute name="also" type="int" /></collection></sectionSchema></configSchema>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "schema"
    path.mkdir()
    (path / "a.xml").write_text(SCHEMA)
    (path / "B.XML").write_text(MORE, encoding="utf-16")
    (path / "notes.txt").write_text("no schema")
    return path


def test_a_section_of_the_folder_is_held_like_one_of_the_table(refused: Refused, folder: Path) -> None:
    inside = """<builds mode="Medium" flags="C" limit="4" not="2" age="x" other="1"><inner text="" /><inner />
    <add key="a" anything="goes" /><plus key="a" /><minus key="b" /><deep /></builds>"""
    assert [line.split(": ", 1)[1].split(" set to")[0] for line in refused(inside, schema_dir=folder)] == [
        "The 'mode' attribute is invalid. Enum must be one of Slow, Fast",
        "The 'flags' attribute is invalid. Flags must be some combination of A, B",
        "The 'limit' attribute is invalid. Integer value must be between 5 and 4294967295 inclusive",
        "The 'not' attribute is invalid. Integer value must not be between 0 and 3 inclusive",
        "The 'age' attribute is invalid. Not a valid time span",
        "Unrecognized attribute 'other'",
        "The 'text' attribute is invalid. String must not be empty",
        "Missing required attribute 'text'",
        "Cannot add duplicate collection entry of type 'plus' with unique key attribute 'key'",
        "Unrecognized element 'deep'",
    ]


def test_its_defaults_and_entries_are_in_force(read: Read, folder: Path) -> None:
    found = read(
        {
            "": '<builds limit="Infinite"><add key="a" /><plus key="A" /></builds>',
            "x": '<builds added="true"><none /><add key="b" also="3" /></builds>',
        },
        schema_dir=folder,
    )
    assert found.problems() == ()
    root, below = found.section("system.webServer/builds", "/"), found.section("system.webServer/builds", "/x")
    assert (root.get("mode"), root.get("flags"), root.get("age"), root.get("limit")) == (
        "Slow",
        "A,B",
        timedelta(seconds=90),
        2**32 - 1,
    )
    assert [(one.name, one.get("key")) for one in root.entries()] == [("add", "a"), ("plus", "A")]
    assert [one.get("key") for one in root.entries("plus")] == ["A"]
    assert (below.get("added"), [one.get("also") for one in below.entries()]) == (True, [3])


def test_the_table_wins_over_the_folder(refused: Refused, folder: Path) -> None:
    (folder / "c.xml").write_text(
        '<configSchema><sectionSchema name="system.webServer/urlCompression" /></configSchema>'
    )
    assert refused('<urlCompression doStaticCompression="true" />', schema_dir=folder) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<configSchema><sectionSchema /></configSchema>", "sectionSchema without name"),
        (
            '<configSchema><sectionSchema name="a"><attribute name="b" /></sectionSchema></configSchema>',
            "attribute without type",
        ),
        (
            '<configSchema><sectionSchema name="a"><attribute name="b" type="date" /></sectionSchema></configSchema>',
            "the type date is not known",
        ),
        (
            '<configSchema><sectionSchema name="a"><attribute name="b" type="uint" defaultValue="x" /></sectionSchema></configSchema>',
            "Not a valid unsigned integer",
        ),
        (
            '<configSchema><sectionSchema name="a">'
            + "<element name='b'>" * 60
            + "</element>" * 60
            + "</sectionSchema></configSchema>",
            "nest deeper",
        ),
        ("<configSchema>", "no element found"),
        ("<!DOCTYPE a><configSchema />", "DTD"),
        ("<configSchema />", "no section schema in this folder"),
    ],
)
def test_a_file_that_is_no_schema_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(UsageError, match=message):
        machine.sections(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        machine.sections(tmp_path / "none")
