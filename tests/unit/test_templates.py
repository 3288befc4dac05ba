"""The template mechanism of the three servers: sections with boxes, notes in reading order, indentation by structure, quoted text only."""

from __future__ import annotations

import pytest

from ota_proxy.servers.templates import (
    APACHE,
    NGINX,
    POWERSHELL,
    XML,
    Page,
    Quoted,
    Style,
    UnquotedTextError,
    environment,
    indented,
)


def rendered(source: str, style: Style = NGINX, **values: object) -> str:
    page = Page(style)
    text = environment().from_string(source).render(values, section=page.section, note=page.note)
    return indented(text, style)


def lines(source: str, style: Style = NGINX, **values: object) -> list[str]:
    return rendered(source, style, **values).splitlines()


def test_a_section_has_a_box_its_notes_and_its_lines() -> None:
    source = (
        '{% call section("The site", "What it is for.") %}\nserver {\n'
        'listen 443; {{ note("Why.") }}\n}\n{% endcall %}\n'
    )
    rule = "# " + "-" * 72
    assert lines(source) == [
        rule,
        "# | " + "The site".ljust(68) + " |",
        rule,
        "#",
        "# What it is for.",
        "#",
        "# (1) Why.",
        "",
        "server {",
        "    listen 443; # (1)",
        "}",
    ]


def test_notes_are_numbered_in_reading_order_and_once_for_each_text() -> None:
    source = (
        '{% call section("A") %}\na; {{ note("Second.") if later else note("First.") }}\n'
        'b; {{ note("Second.") }}\nc; {{ note("First.", "Third.") }}\n{% endcall %}\n'
    )
    found = lines(source, later=False)
    assert [line for line in found if line.startswith("# (")] == ["# (1) First.", "# (2) Second.", "# (3) Third."]
    assert found[-3:] == ["a; # (1)", "b; # (2)", "c; # (1) (3)"]


def test_a_note_that_no_line_uses_is_not_there() -> None:
    source = '{% call section("A") %}\n{% if wanted %}\na; {{ note("Wanted.") }}\n{% endif %}\nb;\n{% endcall %}\n'
    assert "Wanted" in rendered(source, wanted=True)
    assert "(1)" not in rendered(source, wanted=False)


def test_a_section_without_lines_is_not_there() -> None:
    source = 'a;\n{% call section("A", "Text.") %}\n{% if wanted %}\nb;\n{% endif %}\n{% endcall %}\nc;\n'
    assert lines(source, wanted=False) == ["a;", "c;"]
    assert "b;" in lines(source, wanted=True)


def test_a_section_inside_another_goes_on_with_its_numbers_and_says_nothing_twice() -> None:
    source = (
        '{% call section("Outer") %}\nserver {\na; {{ note("One.") }}\n'
        '{% call section("Inner") %}\nb; {{ note("Two.") }}\nc; {{ note("One.") }}\n{% endcall %}\n'
        'd; {{ note("Three.") }}\n}\n{% endcall %}\n'
    )
    found = [line.strip() for line in lines(source)]
    assert [line for line in found if line.startswith("# (")] == ["# (1) One.", "# (3) Three.", "# (2) Two."]
    assert [line for line in found if line.endswith(")") and ";" in line] == [
        "a; # (1)",
        "b; # (2)",
        "c; # (1)",
        "d; # (3)",
    ]


def test_the_next_section_counts_from_one_again() -> None:
    section = '{% call section("A") %}\na; {{ note("Same.") }}\n{% endcall %}\n'
    assert rendered(section * 2).count("# (1) Same.") == 2


def test_a_long_note_goes_on_below_its_own_beginning() -> None:
    words = " ".join(["word"] * 40)
    found = [
        line
        for line in lines(f'{{% call section("A") %}}\na; {{{{ note("{words}") }}}}\n{{% endcall %}}\n')
        if "word" in line
    ]
    assert found[0].startswith("# (1) word")
    assert all(line.startswith("#     word") for line in found[1:])
    assert max(map(len, found)) <= 98


@pytest.mark.parametrize(
    ("style", "mark"),
    [(NGINX, "# (1)"), (APACHE, "# (1)"), (XML, "<!-- (1) -->"), (POWERSHELL, "# (1)")],
)
def test_a_note_is_a_comment_of_its_kind_of_file(style: Style, mark: str) -> None:
    assert mark in lines('{% call section("A") %}\n{{ note("Why.") }}\nx\n{% endcall %}\n', style)


def test_the_comment_of_xml_is_one_comment_and_moves_as_a_whole() -> None:
    source = '<a>\n<b>\n{% call section("T", "Text.") %}\n<c x="1" />\n{% endcall %}\n</b>\n</a>\n'
    rule = "=" * 72
    assert lines(source, XML) == [
        "<a>",
        "  <b>",
        f"    <!-- {rule}",
        f"         | {'T':<68} |",
        f"         {rule}",
        "",
        "         Text.",
        "    -->",
        "",
        '    <c x="1" />',
        "  </b>",
        "</a>",
    ]


@pytest.mark.parametrize(
    ("style", "flat", "nested"),
    [
        (NGINX, "a {\n# {\nb { # (1)\nc;\n}\n}", "a {\n    # {\n    b { # (1)\n        c;\n    }\n}\n"),
        (NGINX, "\n\na {\n\n\nb;\n\n\nc;\n\n}\n\n\nd;\n\n", "a {\n    b;\n\n    c;\n}\n\nd;\n"),
        (APACHE, "<A x>\n# <c>\nB\n</A>", "<A x>\n    # <c>\n    B\n</A>\n"),
        (XML, '<?xml v?>\n<a b="x>y">\n<c>d</c>\n<e />\n</a>', '<?xml v?>\n<a b="x>y">\n  <c>d</c>\n  <e />\n</a>\n'),
        (POWERSHELL, "if ($a) {\nb\n} else {\nc\n}", "if ($a) {\n    b\n} else {\n    c\n}\n"),
    ],
)
def test_lines_are_indented_by_the_structure_of_their_file(style: Style, flat: str, nested: str) -> None:
    assert indented(flat, style) == nested
    assert indented(nested, style) == nested


def test_what_a_macro_made_of_quoted_text_can_be_printed_and_raw_text_in_it_cannot() -> None:
    source = "{% macro twice(x) %}{{ x }} {{ x }}{% endmacro %}{{ twice(value) }}"
    assert environment().from_string(source).render(value=Quoted("a")) == "a a"
    with pytest.raises(UnquotedTextError):
        environment().from_string(source).render(value="a")


def test_a_note_ends_no_comment() -> None:
    assert "-->" not in rendered('{% call section("A") %}\nx; {{ note("a --> b") }}\n{% endcall %}\n')
