"""nginx files as text: every byte kept, every argument as nginx takes it, every place exact, and the first thing nginx refuses named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ota_proxy.servers.nginx.syntax import DEEPEST, Directive, Document, parse, walk
from ota_proxy.servers.text import Edit, apply_edits
from tests.support.nginx_syntax import plain, put_together
from tests.support.nginx_tricky import Tricky, tricky

SHIPPED = (
    sorted(path for path in Path("/etc/nginx").rglob("*") if path.is_file()) if Path("/etc/nginx").is_dir() else []
)


ONLY_IN_TABLES = {"types nested block", "map block"}
"""The tree says it: it knows which blocks are tables."""
OPEN_BRACES = {"open brace in word", "regex braces plain", "named group brace", "jinja", "percent"}
"""A plain word ends at `{`: nginx stops at a directive that takes no block, a reader that knows no directive at the block that is never closed."""


def read(text: str) -> Document:
    return parse(text.encode("latin-1"), "a.conf")


def args(text: str) -> tuple[str, ...]:
    (found,) = [one for one in read(text).items if isinstance(one, Directive)]
    return found.args


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b c;", ("b", "c")),
        ("a 'b c' \"d e\";", ("b c", "d e")),
        (r'a "x\"y" \'z;', ('x"y', "'z")),
        (r"a \d\\n\n\t\r;", ("\\d\\n\n\t\r",)),
        (r"a b\;c d\ e f\{g;", (r"b\;c", r"d\ e", r"f\{g")),
        ("a b}c d#e f\"g h'i;", ("b}c", "d#e", 'f"g', "h'i")),
        ("a ${b}c d${e}f;", ("${b}c", "d${e}f")),
        ("a # b\n c # ;\n d;", ("c", "d")),
        ('a ("b") "";', ('("b")', "")),
        ("a\n\tb\r\n;", ("b",)),
    ],
)  # fmt: skip
def test_arguments_are_what_nginx_takes_them_for(text: str, expected: tuple[str, ...]) -> None:
    assert args(text) == expected


def test_a_parenthesis_right_behind_a_quote_is_an_argument_of_its_own() -> None:
    assert args('if ($a ~ "b"){ }') == ("($a", "~", "b", ")")


@pytest.mark.parametrize(
    "inside",
    [
        'ngx.say("}")',
        "-- it's }\n",
        "--[[ } ]] x = 1",
        "--[==[ }\n]] } ]==]",
        "x = [[ } ]]",
        "x = [=[ ]] } ]=]",
        r"x = '\'}'",
        "if a then t = { b = { 1 } } end",
    ],
)
def test_a_block_of_lua_is_one_piece(inside: str) -> None:
    text = f"content_by_lua_block {{ {inside} }} b c;"
    document = read(text)
    first, second = [one for one in document.items if isinstance(one, Directive)]
    assert (document.problem, second.args) == (None, ("c",))
    assert first.block is not None
    assert document.raw(first.block) == f"{{ {inside} }}".encode()


@pytest.mark.parametrize("case", tricky(), ids=lambda case: case.name)
def test_what_nginx_refuses_as_text_is_refused_and_nothing_else(case: Tricky) -> None:
    document = parse(case.data, "a.conf")
    utf16 = case.data.startswith((b"\xff\xfe", b"\xfe\xff"))
    expected = (case.is_syntax and case.name not in ONLY_IN_TABLES) or utf16 or case.name in OPEN_BRACES
    assert (document.problem is not None) == expected


@pytest.mark.parametrize(
    "case", [one for one in tricky() if one.message.startswith('unexpected "')], ids=lambda case: case.name
)
def test_the_line_is_nginxs_own(case: Tricky) -> None:
    problem = parse(case.data, "a.conf").problem
    if problem is None:
        assert case.name in ONLY_IN_TABLES
        return
    said = re.search(r":(\d+)$", case.message)
    assert said is not None
    assert problem.span.line == int(said[1])
    assert problem.message.startswith(case.message.partition(" in DIR")[0])


@pytest.mark.parametrize("case", [one for one in tricky() if not one.is_syntax], ids=lambda case: case.name)
def test_tricky_files_are_put_together_again_to_the_byte(case: Tricky) -> None:
    document = parse(case.data, "a.conf")
    if document.problem is None:
        assert put_together(document) == case.data


@pytest.mark.skipif(not SHIPPED, reason="no nginx package is installed here")
def test_every_file_of_the_package_is_read_and_put_together_again() -> None:
    for path in SHIPPED:
        document = parse(path.read_bytes(), str(path))
        assert document.problem is None, path
        assert put_together(document) == path.read_bytes(), path


def test_places_are_lines_and_columns_of_characters_and_bytes_of_the_file() -> None:
    data = '# é\n\treturn 200 "ü x"; # c\n'.encode()
    document = parse(data, "a.conf")
    directive = next(walk(document.items))
    span = document.span(directive.words[2])
    assert (span.line, span.column, span.end_column) == (2, 13, 18)
    assert data[span.start : span.end] == '"ü x"'.encode()
    assert document.raw(directive) == 'return 200 "ü x";'.encode()
    assert document.head(directive).end_column == 18


def test_an_edit_changes_one_argument_and_nothing_else() -> None:
    data = b"a b; # b\r\nc  'b';\r\n"
    document = parse(data, "a.conf")
    last = list(walk(document.items))[-1]
    assert apply_edits(document.source, [Edit(document.span(last.words[1]), '"d"')]) == b'a b; # b\r\nc  "d";\r\n'


def test_what_stands_before_an_error_is_there() -> None:
    document = read("a b { c d; e { f")
    assert plain(document.items) == [("a", ("b",), [("c", ("d",), None), ("e", (), [])])]
    assert document.problem is not None
    assert "expecting" in document.problem.message


def test_an_open_block_is_named_with_its_line() -> None:
    problem = read("a {\n}\nb {\n c;\n").problem
    assert problem is not None
    assert (problem.span.line, "line 3" in problem.message) == (3, True)


def test_latin_1_bytes_come_back() -> None:
    data = b"a gr\xfc\xdfe;"
    assert args(data.decode("latin-1"))[0].encode("utf-8", "surrogateescape") == b"gr\xfc\xdfe"


def test_blocks_inside_each_other_have_an_end() -> None:
    text = "a {" * (DEEPEST + 2) + "}" * (DEEPEST + 2)
    problem = read(text).problem
    assert problem is not None
    assert str(DEEPEST) in problem.message


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 200_000,
        '"' * 99_999,
        r'"\"' * 100_000,
        "a\\" * 100_000,
        "{" * 100_000,
        "a{" * 100_000,
        "$" * 100_000,
        "[[" * 50_000,
        "--[[" * 50_000,
    ],
    ids=lambda text: text[:4],
)
def test_hostile_text_is_refused_in_time_that_is_in_line_with_its_size(hostile: str) -> None:
    assert read(hostile).problem is not None
    assert read(f"x_by_lua_block {{ {hostile}").problem is not None
