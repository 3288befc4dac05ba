"""nginx's reader on files made at random: bytes come back, crossplane reads the same arguments, and noise never raises."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import crossplane
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ota_proxy.servers.nginx.syntax import Directive, parse, walk
from ota_proxy.servers.nginx.tree import load
from tests.support.nginx_syntax import Plain, plain, put_together

NOISE = st.text(alphabet="ab\\\"'#{}; \t\r\n$()é/*\x00", max_size=60)
PIECES = ["a", "b c", "\\", '"', "'", "#", "{", "}", ";", " ", "\n", "$x", "${y}", "é", "(", ")"]
INSIDE = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
BLANK = st.sampled_from([" ", "\n", "\t ", "\r\n", " # it's; }\n", "  "])


@st.composite
def words(draw: st.DrawFn) -> str:
    """One argument as it may stand in a file: plain, or quoted with what has to be escaped."""
    quote = draw(st.sampled_from(["", '"', "'"]))
    inside = draw(INSIDE)
    if not quote:
        return "w" + "".join(char for char in inside if char not in " \n;{}\\\"'#$()")
    return quote + inside.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote


@st.composite
def files(draw: st.DrawFn, depth: int = 0) -> str:
    """Directives, blocks and comments with any blanks between them."""
    parts: list[str] = []
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(["root", "x_y", "location", "map"]))
        line = name + "".join(draw(BLANK) + draw(words()) for _ in range(draw(st.integers(0, 3))))
        block = depth < 3 and draw(st.booleans())
        parts += [draw(BLANK), line, draw(BLANK), f"{{{draw(files(depth + 1))}}}" if block else ";"]
    return "".join([*parts, draw(BLANK)])


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=files(), codec=st.sampled_from(["utf-8", "latin-1"]))
def test_what_is_read_is_put_together_again_to_the_byte(text: str, codec: str) -> None:
    data = text.encode(codec)
    document = parse(data, "a.conf")
    assert document.problem is None
    assert put_together(document) == data
    for directive in walk(document.items):
        for word in directive.words:
            again = parse(document.raw(word) + b" ;", "b.conf").items[0]
            assert isinstance(again, Directive)
            assert again.name == word.text


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=files())
def test_crossplane_reads_the_same(text: str) -> None:
    document = parse(text.encode(), "a.conf")
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        payload = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False, comments=False)
    assert payload["status"] == "ok"
    theirs = payload["config"][0]["parsed"]
    assert _same_names(plain(document.items)) == _same_names(_theirs(theirs))


def _theirs(block: list[dict[str, Any]]) -> Plain:
    return [
        (one["directive"], tuple(one["args"]), _theirs(one["block"]) if "block" in one else None)
        for one in block
        if one["directive"] != "#"
    ]


def _same_names(tree: Plain) -> list[Any]:
    """Return what both must agree on; crossplane leaves `\\\\` as it stands and takes line breaks as `\\n`, so texts with them are left out."""
    return [
        (
            name,
            [arg if not set(arg) & set("\\\n\r'\"") else "" for arg in args],
            None if block is None else _same_names(block),
        )
        for name, args, block in tree
    ]


@settings(max_examples=400, deadline=None)
@given(text=NOISE)
def test_noise_is_read_or_refused_with_a_place_inside_the_file(text: str) -> None:
    data = text.encode()
    document = parse(data, "a.conf")
    if document.problem is None:
        assert put_together(document) == data
    else:
        assert document.problem.message
        assert 0 <= document.problem.span.start <= document.problem.span.end <= len(data)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=80) | NOISE.map(str.encode))
def test_a_tree_of_noise_never_raises(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "nginx.conf").write_bytes(data)
        tree = load(Path(folder))
    assert tree.context in {"main", "http", "server", "location"}
