"""Locks: sections by location tags, attributes, elements, directives and items; and the rules about location tags themselves."""

from __future__ import annotations

import pytest

from tests.unit.iis.conftest import Read, Refused, web

LOCK = "Lock violation"
SECTION = "This configuration section cannot be used at this path."


def server(inside: str, *, location: str = "") -> str:
    """An overlay with something in system.webServer, in a location tag if its attributes are given."""
    body = f"<system.webServer>{inside}</system.webServer>"
    return f"<configuration>{f'<location {location}>{body}</location>' if location else body}</configuration>"


def first_words(lines: list[str]) -> list[str]:
    return [line.split(": ", 1)[1].split(". This")[0].rstrip(".") for line in lines]


@pytest.mark.parametrize(
    ("lock", "inside", "allowed"),
    [
        ('lockAttributes="doStaticCompression"', 'doStaticCompression="true"', False),
        ('lockAttributes="doStaticCompression"', 'doDynamicCompression="true"', True),
        ('lockAttributes="a, doStaticCompression"', 'doStaticCompression="true"', False),
        ('lockAttributes="*"', 'doDynamicCompression="true"', False),
        ('lockAllAttributesExcept="doStaticCompression"', 'doStaticCompression="true"', True),
        ('lockAllAttributesExcept="doStaticCompression"', 'doDynamicCompression="true"', False),
        ('lockItem="true"', "", False),
        ('lockItem="false"', 'doStaticCompression="true"', True),
    ],
)
def test_a_locked_attribute_may_not_be_named_below(refused: Refused, lock: str, inside: str, *, allowed: bool) -> None:
    found = refused(f"<urlCompression {inside} />", server(f"<urlCompression {lock} />"))
    assert found == ([] if allowed else [f"3: {LOCK}"])


def test_the_defaults_of_iis_lock_some_attributes(refused: Refused) -> None:
    assert refused('<staticContent isDocFooterFileName="false" />') == [f"3: {LOCK}"]
    assert refused('<httpErrors defaultPath="x" />') == [f"3: {LOCK}"]
    assert refused('<httpErrors allowAbsolutePathsWhenDelegated="false" />') == [f"3: {LOCK}"]


@pytest.mark.parametrize(
    ("lock", "inside", "allowed"),
    [
        ('lockElements="files"', '<files><add value="a" /></files>', False),
        ('lockElements="files"', "", True),
        ('lockElements="*"', "<files />", False),
        ('lockAllElementsExcept="files"', "<files />", True),
        ('lockAllElementsExcept="other"', "<files />", False),
    ],
)
def test_a_locked_element_may_not_be_named_below(refused: Refused, lock: str, inside: str, *, allowed: bool) -> None:
    found = refused(
        f'<defaultDocument enabled="true">{inside}</defaultDocument>', server(f"<defaultDocument {lock} />")
    )
    assert found == ([] if allowed else [f"3: {LOCK}"])


@pytest.mark.parametrize(
    ("directive", "allowed"),
    [('<add value="a" />', True), ('<remove value="index.htm" />', False), ("<clear />", False)],
)
def test_the_directives_of_a_collection_can_be_locked(refused: Refused, directive: str, *, allowed: bool) -> None:
    apphost = server('<defaultDocument><files lockElements="remove,clear" /></defaultDocument>')
    found = refused(f"<defaultDocument><files>{directive}</files></defaultDocument>", apphost)
    assert found == ([] if allowed else [f"3: {LOCK}"])


@pytest.mark.parametrize(
    ("directive", "allowed"),
    [
        ('<add value="b" />', True),
        ('<remove value="a" />', False),
        ('<remove value="index.htm" />', True),
        ("<clear />", False),
    ],
)
def test_a_locked_entry_can_be_neither_removed_nor_cleared(refused: Refused, directive: str, *, allowed: bool) -> None:
    apphost = server('<defaultDocument><files><add value="a" lockItem="true" /></files></defaultDocument>')
    found = refused(f"<defaultDocument><files>{directive}</files></defaultDocument>", apphost)
    assert found == ([] if allowed else [f"3: {LOCK}"])


def test_modules_of_a_fresh_iis_are_locked_one_by_one(refused: Refused) -> None:
    locations = '<configuration><location path="Default Web Site" overrideMode="Allow"><system.webServer><modules /></system.webServer></location></configuration>'
    assert refused('<modules><remove name="StaticFileModule" /></modules>', locations) == [f"3: {LOCK}"]
    assert refused('<modules><remove name="RewriteModule" /></modules>', locations) == []
    assert refused("<modules><clear /></modules>", locations) == [f"3: {LOCK}"]


def test_a_lock_holds_from_the_next_level_down_and_not_in_its_own_file(read: Read) -> None:
    own = '<configuration><location path="a"><system.webServer><urlCompression doStaticCompression="false" /></system.webServer></location><system.webServer><urlCompression lockAttributes="doStaticCompression" /></system.webServer></configuration>'
    found = read({"": own, "a": '<urlCompression doStaticCompression="true" />'})
    assert [(one.message, one.span.file.rpartition("site/")[2]) for one in found.problems()] == [(LOCK, "a/web.config")]
    assert not found.section("system.webServer/urlCompression", "/a/").get("doStaticCompression")


# -- sections ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "path", "allowed"),
    [
        ('path="Default Web Site" overrideMode="Allow"', "", True),
        ('path="default web site" overrideMode="Allow"', "", True),
        ('path="Default Web Site" allowOverride="true"', "", True),
        ('path="Default Web Site/a" overrideMode="Allow"', "", False),
        ('path="Default Web Site/a" overrideMode="Allow"', "a", True),
        ('path="Default Web Site/a" overrideMode="Allow"', "a/b", True),
        ('path="Other Site" overrideMode="Allow"', "", False),
        ('path="." overrideMode="Allow"', "a", True),
        ('overrideMode="Allow"', "a", True),
        ('path="Default Web Site" overrideMode="Inherit"', "", False),
    ],
)
def test_a_location_tag_unlocks_a_section_for_its_path(
    refused: Refused, location: str, path: str, *, allowed: bool
) -> None:
    access = '<security><access sslFlags="Ssl" /></security>'
    found = refused({path: access}, server("<security><access /></security>", location=location))
    assert first_words(found) == ([] if allowed else [SECTION.rstrip(".")])


@pytest.mark.parametrize("attribute", ['overrideMode="Deny"', 'allowOverride="false"'])
def test_a_location_tag_locks_a_section_for_its_path(refused: Refused, attribute: str) -> None:
    apphost = server("<directoryBrowse />", location=f'path="Default Web Site/a" {attribute}')
    assert refused({"b": "<directoryBrowse />"}, apphost) == []
    assert first_words(refused({"a": "<directoryBrowse />", "b": ""}, apphost)) == [SECTION.rstrip(".")]


def test_a_web_config_locks_what_is_below_it_and_a_lower_one_cannot_unlock(read: Read) -> None:
    lock = '<configuration><location overrideMode="Deny"><system.webServer><directoryBrowse enabled="true" /></system.webServer></location></configuration>'
    unlock = lock.replace("Deny", "Allow")
    found = read({"": lock, "a": unlock, "a/b": "<directoryBrowse />"})
    assert [one.span.file.rpartition("site/")[2] for one in found.problems()] == ["a/web.config", "a/b/web.config"]
    assert found.section("system.webServer/directoryBrowse", "/a/b/").get("enabled") is True


def test_a_lock_does_not_hold_for_other_tags_of_its_own_file(read: Read) -> None:
    deny = '<location overrideMode="Deny"><system.webServer><directoryBrowse /></system.webServer></location>'
    deeper = '<location path="a"><system.webServer><directoryBrowse enabled="true" /></system.webServer></location>'
    found = read({"": f"<configuration>{deny}{deeper}</configuration>", "a": ""})
    assert found.problems() == ()
    assert found.section("system.webServer/directoryBrowse", "/a").get("enabled") is True


def test_an_unlock_further_up_does_not_undo_a_lock_for_a_deeper_path(refused: Refused) -> None:
    apphost = server("<directoryBrowse />", location='path="Default Web Site/a" overrideMode="Deny"')
    allow = '<configuration><location overrideMode="Allow"><system.webServer><directoryBrowse /></system.webServer></location></configuration>'
    assert first_words(refused({"": allow, "a": "<directoryBrowse />"}, apphost)) == [SECTION.rstrip(".")]


def test_a_location_in_web_config_may_not_set_what_is_locked_there(refused: Refused) -> None:
    apphost = server("<directoryBrowse />", location='path="Default Web Site/a" overrideMode="Deny"')
    text = '<configuration>\n<location path="A"><system.webServer><directoryBrowse /></system.webServer></location>\n</configuration>'
    assert first_words(refused(text, apphost)) == [SECTION.rstrip(".")]


def test_a_lock_above_what_an_outer_file_unlocks_is_illegal(read: Read) -> None:
    apphost = server("<directoryBrowse />", location='path="Default Web Site/shop" overrideMode="Allow"')
    text = '<configuration>\n<location overrideMode="Deny"><system.webServer><directoryBrowse /></system.webServer></location>\n</configuration>'
    (found,) = read(text, apphost).problems()
    assert (found.kind, found.span.line) == ("locked", 2)
    assert "/shop" in found.hint


def test_a_section_of_an_application_may_not_stand_deeper(refused: Refused) -> None:
    inside = '<applicationInitialization><add initializationPage="/" /></applicationInitialization>'
    assert refused({"": inside}) == []
    assert first_words(refused({"": "<!-- -->", "a": inside})) == [SECTION.rstrip(".")]
    site = '<site name="s" id="1"><application path="/"><virtualDirectory path="/" physicalPath="C:\\x" /></application><application path="/a"><virtualDirectory path="/" physicalPath="C:\\y" /></application></site>'
    apphost = f"<configuration><system.applicationHost><sites>{site}</sites></system.applicationHost></configuration>"
    assert refused({"": "<!-- -->", "a": inside}, apphost) == []


# -- the tags themselves -------------------------------------------------------------------------------------------------


def location(attributes: str, inside: str = "<directoryBrowse />") -> str:
    return f"<location {attributes}><system.webServer>{inside}</system.webServer></location>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (location('path="a" overrideMode="Allow" allowOverride="true"'), "Unrecognized attribute 'allowOverride'"),
        (
            location('path="a" overrideMode="Never"'),
            "The 'overrideMode' attribute is invalid. Enum must be one of Inherit, Allow, Deny",
        ),
        (location('path="a" allowOverride="perhaps"'), "The 'allowOverride' attribute is invalid. Not a valid boolean"),
        (location('paths="a"'), "Unrecognized attribute 'paths'"),
        (f'<location path="a">{location("")}</location>', "Unrecognized element 'location'"),
        (
            location('path="a"') + location('path="A"'),
            "Config section 'system.webServer/directoryBrowse' already defined",
        ),
        (
            location('path="."') + web("<directoryBrowse />")[15:-17],
            "Config section 'system.webServer/directoryBrowse' already defined",
        ),
        (
            location("", "<directoryBrowse /><directoryBrowse />"),
            "Config section 'system.webServer/directoryBrowse' already defined",
        ),
    ],
)
def test_location_tags_keep_their_rules(refused: Refused, body: str, expected: str) -> None:
    found = refused(f"<configuration>{body}</configuration>")
    assert [line.split(": ", 1)[1][: len(expected)] for line in found] == [expected]


def test_two_location_tags_may_name_one_path_for_different_sections(refused: Refused) -> None:
    both = location('path="a"') + location('path="a"', "<urlCompression />")
    assert refused(f"<configuration>{both}</configuration>") == []


@pytest.mark.parametrize("path", ["/a", "a/", "a//b", "a/../b", r"a\b", " a"])
def test_a_path_of_another_form_is_not_guessed_at(read: Read, path: str) -> None:
    tag = location(f'path="{path}"')
    found = read(f"<configuration>{tag}</configuration>")
    assert [one.what for one in found.unmodelled()] == [f"the location path '{path}'"]
    assert found.problems() == ()


# -- configSections ------------------------------------------------------------------------------------------------------

OWN = '<configSections><section name="{0}" type="x" /></configSections>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"<configuration>{OWN.format('mine')}<mine /></configuration>", []),
        (
            f"<configuration><appSettings />{OWN.format('mine')}</configuration>",
            [
                "Only one <configSections> element allowed. It must be the first child element of the root <configuration> element"
            ],
        ),
        (
            f"<configuration>{OWN.format('a')}{OWN.format('b')}</configuration>",
            [
                "Only one <configSections> element allowed. It must be the first child element of the root <configuration> element"
            ],
        ),
        (
            '<configuration><configSections><sectionGroup name="system.webServer"><section name="webSocket" /></sectionGroup></configSections></configuration>',
            ["There is a duplicate 'system.webServer/webSocket' section defined"],
        ),
        (
            "<configuration><configSections><section /></configSections></configuration>",
            ["Missing required attribute 'name'"],
        ),
        (
            '<configuration><configSections><section name="a" x="1" /></configSections></configuration>',
            ["Unrecognized attribute 'x'"],
        ),
        (
            "<configuration><configSections><sections /></configSections></configuration>",
            ["Unrecognized element 'sections'"],
        ),
    ],
)
def test_config_sections_keep_their_rules(refused: Refused, text: str, expected: list[str]) -> None:
    assert [line.split(": ", 1)[1] for line in refused(text)] == expected


WHOLE = """<configuration><configSections>
<sectionGroup name="system.applicationHost"><section name="sites" allowDefinition="AppHostOnly" overrideModeDefault="Deny" /></sectionGroup>
<sectionGroup name="system.webServer">
<section name="staticContent" overrideModeDefault="Allow" />
<section name="directoryBrowse" overrideModeDefault="Deny" />
<section name="handlers" overrideModeDefault="Allow" allowLocation="false" />
<section name="theirs" overrideModeDefault="Allow" />
</sectionGroup></configSections>
<system.webServer><staticContent><mimeMap fileExtension=".x" mimeType="a/b" /></staticContent></system.webServer>
</configuration>"""


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<staticContent><mimeMap fileExtension=".html" mimeType="text/html" /></staticContent>', []),
        (
            '<staticContent><mimeMap fileExtension=".x" mimeType="a/b" /></staticContent>',
            [
                "Cannot add duplicate collection entry of type 'mimeMap' with unique key attribute 'fileExtension' set to '.x'"
            ],
        ),
        ("<directoryBrowse />", [SECTION.rstrip(".")]),
        ("<handlers />", []),
        ("<urlCompression />", ["Unrecognized element 'urlCompression'"]),
        (
            "<rewrite><rules /></rewrite>",
            [
                "The configuration section 'system.webServer/rewrite/rules' cannot be read because it is missing a section declaration"
            ],
        ),
    ],
)
def test_a_whole_application_host_says_what_exists_and_what_is_locked(
    refused: Refused, inside: str, expected: list[str]
) -> None:
    assert first_words(refused(inside, WHOLE)) == expected


def test_a_section_may_forbid_location_tags(refused: Refused) -> None:
    tag = location('path="a"', "<handlers />")
    assert first_words(refused(f"<configuration>{tag}</configuration>", WHOLE)) == [SECTION.rstrip(".")]


def test_a_registered_section_without_a_schema_has_no_verdict(read: Read) -> None:
    found = read("<theirs x='1' />", WHOLE)
    assert (found.problems(), [one.what for one in found.unmodelled()]) == ((), ["system.webServer/theirs"])
    assert found.complete
