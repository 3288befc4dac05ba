"""What a comment in a web.config is about, for documents of any shape: held against the pieces that they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ota_proxy.servers.comments import WHOLE_FILE, read_comments
from ota_proxy.servers.iis.syntax import read

ASK = "<!-- ota-proxy: ignore OTA601{}because -->"
KINDS = {
    "open": st.sampled_from(["<a>", '<a b=">">', "<a b='-->'\n  c=\"<!-- x\">".replace("<!", "&lt;!")]),
    "empty": st.sampled_from(["<e/>", '<e\nb="1"\n/>']),
    "ask": st.sampled_from([ASK.format(" "), ASK.format("\n")]),
    "blank": st.sampled_from([" ", "\n", "\n\n", "\t"]),
    "comment": st.sampled_from(["<!---->", "<!-- <e/> -->", "<!--\n-->"]),
    "text": st.sampled_from(["x", "x\ny", "<![CDATA[<e/>]]>", "<?p <e/> ?>"]),
    "close": st.just("</a>"),
}
OUTSIDE = ("ask", "blank", "comment")


@dataclass(frozen=True, slots=True)
class Piece:
    kind: str
    text: str


def pieces(*kinds: str) -> st.SearchStrategy[list[Piece]]:
    return st.lists(st.one_of([st.builds(Piece, st.just(kind), KINDS[kind]) for kind in kinds]), max_size=14)


@st.composite
def documents(draw: st.DrawFn) -> list[Piece]:
    """Make a well-formed document: closing tags that close nothing are left out, what stays open is closed."""
    found = [*draw(pieces(*OUTSIDE)), Piece("open", "<a>")]
    depth = 1
    for piece in draw(pieces(*KINDS)):
        if piece.kind != "close" or depth > 1:
            found.append(piece)
            depth += {"open": 1, "close": -1}.get(piece.kind, 0)
    return [*found, *[Piece("close", "</a>")] * depth, *draw(pieces(*OUTSIDE))]


def expected(document: list[Piece]) -> list[tuple[int, int]]:
    """Return what each asking comment is about, by the lines and neighbours of the pieces."""
    starts = accumulate((piece.text.count("\n") for piece in document), initial=1)
    lines = list(pairwise(starts))
    tags = [index for index, piece in enumerate(document) if piece.kind in ("open", "empty")]
    found = []
    for index, piece in enumerate(document):
        if piece.kind != "ask":
            continue
        first, last = lines[index]
        beside = [lines[tag] for tag in tags if lines[tag][0] <= last and first <= lines[tag][1]]
        after = next((at for at in range(index + 1, len(document)) if document[at].kind not in OUTSIDE), None)
        if index < tags[0]:
            found.append(WHOLE_FILE)
        elif beside:
            found.append((beside[0][0], beside[-1][1]))
        else:
            found.append(lines[after] if after in tags and after is not None else (1, 0))
    return found


@given(documents())
def test_every_comment_is_about_what_stands_beside_or_below_it(document: list[Piece]) -> None:
    text = "".join(piece.text for piece in document)
    read(text.encode(), "web.config")  # well-formed: IIS's reader takes it
    assert [(one.first, one.last) for one in read_comments(text, "web.config")] == expected(document)
