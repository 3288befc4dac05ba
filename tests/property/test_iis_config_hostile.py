"""Whatever a web.config holds, the reader reads it or refuses it, and lint ends with a report."""

from __future__ import annotations

import tempfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.rules.registry import evaluate
from ota_proxy.rules.rule import Facts
from ota_proxy.servers.iis.effective import read_effective
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.schema import table
from ota_proxy.servers.iis.schema.model import Element
from ota_proxy.servers.iis.syntax import read
from ota_proxy.servers.iis.violations import Violation


def names(shape: Element) -> set[str]:
    inner = [*shape.elements.values(), *(shape.collection.add.values() if shape.collection else ())]
    return {shape.name, *shape.attributes, *(name for one in inner for name in names(one))}


STRUCTURE = """location configSections section sectionGroup remove clear lockItem lockAttributes lockElements lockAllAttributesExcept
path overrideMode configSource system.webServer system.applicationHost rewrite security"""
WORDS = sorted({name for section in table.sections().values() for name in names(section.shape)} | {*STRUCTURE.split()})
VALUES = st.sampled_from(
    [
        "true",
        "False",
        "0",
        "-1",
        "4294967296",
        "",
        " ",
        ".",
        "a/b",
        "/",
        "*",
        "Deny",
        "Allow",
        "None",
        "Ssl,Ssl128",
        "1.00:00:00",
        "{C:1}",
        "(",
        "[[a]",
        "(a+)+$",
        "Default Web Site",
        ".ipa",
        "400",
    ]
) | st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cc", "Cs", "Cn")), max_size=8)
ATTRIBUTES = st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=4)


def written(name: str, attributes: dict[str, str], inside: str) -> str:
    return f"<{name}{''.join(f' {key}={quoteattr(value)}' for key, value in attributes.items())}>{inside}</{name}>"


LEAVES = st.builds(written, st.sampled_from(WORDS), ATTRIBUTES, st.just(""))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(written, st.sampled_from(WORDS), ATTRIBUTES, st.lists(inner, max_size=4).map("".join)),
    max_leaves=25,
)


@st.composite
def in_a_section(draw: st.DrawFn) -> str:
    """Something inside a section that exists, maybe in a location tag."""
    path = draw(st.sampled_from(sorted(table.sections())))
    text = draw(st.lists(TREES, max_size=4).map("".join))
    shape = table.sections()[path].shape
    adds = list(shape.collection.add) if shape.collection else ["add"]
    text += draw(st.lists(st.builds(written, st.sampled_from(adds), ATTRIBUTES, st.just("")), max_size=4).map("".join))
    for step in reversed(path.split("/")):
        text = written(step, draw(ATTRIBUTES) if step == shape.name else {}, text)
    return written("location", draw(ATTRIBUTES), text) if draw(st.booleans()) else text


CONFIGURATIONS = st.lists(in_a_section() | TREES, max_size=4).map(
    lambda parts: f"<configuration>{''.join(parts)}</configuration>"
)


def lint(data: bytes, apphost: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "site"
        (root / "a").mkdir(parents=True)
        (root / "web.config").write_bytes(data)
        (root / "a/web.config").write_bytes(data)
        (root / "a/App+1.ipa").write_bytes(b"")
        server = Path(folder) / "applicationHost.config"
        server.write_bytes(apphost)
        configuration = Configuration.load(root, server)
        for path in ("/", "/a/App+1.ipa", "/none"):
            configuration.violation(path)
            configuration.section("system.webServer/staticContent", path).entries()
        facts = read_effective(configuration, root, windows="2022", own_server=True)
        assert evaluate(Facts(files=facts, server="iis"), "site", "l")


@settings(max_examples=80, deadline=None)
@given(CONFIGURATIONS, CONFIGURATIONS, st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_no_configuration_crashes_the_reader_or_a_rule(text: str, server: str, codec: str) -> None:
    lint(text.encode(codec), server.encode())


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | CONFIGURATIONS.map(str.encode).flatmap(lambda data: st.integers(0, len(data)).map(lambda cut: data[:cut]))
)
def test_bytes_are_a_document_or_a_violation_with_a_place_inside_them(data: bytes) -> None:
    try:
        place = read(data, "x").root.span
    except Violation as violation:
        place = violation.span
    assert place.line >= 1
    assert 0 <= place.start <= place.end <= len(data)


@settings(max_examples=200, deadline=None)
@given(CONFIGURATIONS, st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]), st.sampled_from(["\n", "\r\n"]))
def test_every_place_points_at_what_it_names(text: str, codec: str, newline: str) -> None:
    data = text.replace("><", f">{newline}<").encode(codec)
    pending = [read(data, "x").root]
    while pending:
        one = pending.pop()
        pending += one.children
        start_tag, whole = (data[span.start : span.end].decode(codec) for span in (one.span, one.whole))
        assert start_tag.startswith(f"<{one.name}")
        assert start_tag.endswith(">")
        assert whole.startswith(start_tag)
        assert whole.endswith(("/>", f"</{one.name}>"))
        for attribute in one.attributes:
            name, value = (
                data[span.start : span.end].decode(codec) for span in (attribute.name_span, attribute.value_span)
            )
            assert name == attribute.name
            assert data[attribute.span.start : attribute.span.end].decode(codec) in (
                f'{name}="{value}"',
                f"{name}='{value}'",
            )
