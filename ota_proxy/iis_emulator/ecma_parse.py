r"""Reads an ECMAScript 3 regular expression, the syntax of URL Rewrite's patterns, into a small tree.

Source: ECMA-262 3rd edition §15.10. What other dialects add (look-behind, named groups, inline flags, \p, possessive quantifiers)
is refused by name: IIS's engine decides what becomes of it, and no document says how.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ota_proxy.iis_emulator.modelled import UnmodelledError

LARGEST_COUNT = 1000
"""Largest number in a counted quantifier; each repetition becomes instructions."""
DEEPEST = 60
_CONTROLS = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_OTHER_DIALECTS = {"<": "look-behind or named group", ">": "atomic group", "#": "comment group", "P": "named group"}

Span = tuple[int, int]
DIGITS: tuple[Span, ...] = ((0x30, 0x39),)
WORD: tuple[Span, ...] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACES: tuple[Span, ...] = (
    *((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A)),
    *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
NEWLINES: tuple[Span, ...] = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_CLASSES: dict[str, tuple[Span, ...]] = {"d": DIGITS, "w": WORD, "s": SPACES}
_LAST = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Char:
    """One character out of `spans` (or, negated, none of them)."""

    spans: tuple[Span, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Back:
    """What group `number` captured; nothing if it captured nothing."""

    number: int


@dataclass(frozen=True, slots=True)
class Assertion:
    """`^`, `$`, `b` or `B`: a place, not a character."""

    kind: str


@dataclass(frozen=True, slots=True)
class Look:
    """What must follow, or must not."""

    node: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A capturing group."""

    number: int
    node: Node


@dataclass(frozen=True, slots=True)
class Repeat:
    """`node` between `low` and `high` (None: any number of) times; `first` to `last` are the groups inside, reset each time."""

    node: Node
    low: int
    high: int | None
    greedy: bool
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The first that leads to a match."""

    nodes: tuple[Node, ...]


Node = Char | Back | Assertion | Look | Group | Repeat | Sequence | Choice


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0
    groups: int = 0
    depth: int = 0
    backs: list[int] = field(default_factory=list)

    @property
    def here(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        char = self.here
        self.at += 1
        return char

    def accept(self, text: str) -> bool:
        found = self.text.startswith(text, self.at)
        self.at += len(text) * found
        return found


def parse(pattern: str) -> tuple[Node, int]:
    """Return the tree and the number of groups; UnmodelledError for what is not valid ECMAScript 3."""
    reader = _Reader(pattern)
    node = _choice(reader)
    if reader.here:
        raise _bad(reader, "a closing parenthesis without its opening one")
    if any(number > reader.groups for number in reader.backs):
        raise _bad(reader, "a back reference to a group that is not there")
    return node, reader.groups


def _bad(reader: _Reader, why: str) -> UnmodelledError:
    return UnmodelledError(
        f"the regular expression '{reader.text}'", why=f"{why}; what IIS does with it is not documented"
    )


def _choice(reader: _Reader) -> Node:
    reader.depth += 1
    if reader.depth > DEEPEST:
        raise _bad(reader, f"groups nested deeper than {DEEPEST}")
    nodes = [_sequence(reader)]
    while reader.accept("|"):
        nodes.append(_sequence(reader))
    reader.depth -= 1
    return nodes[0] if len(nodes) == 1 else Choice(tuple(nodes))


def _sequence(reader: _Reader) -> Node:
    nodes: list[Node] = []
    while reader.here and reader.here not in "|)":
        nodes.append(_term(reader))
    return nodes[0] if len(nodes) == 1 else Sequence(tuple(nodes))


def _term(reader: _Reader) -> Node:
    before = reader.groups
    node = _atom(reader)
    quantity = _quantity(reader)
    if quantity is None:
        return node
    if isinstance(node, Assertion | Look):
        raise _bad(reader, "a quantifier behind an assertion")
    low, high = quantity
    greedy = not reader.accept("?")
    if reader.here in ("*", "+") or (reader.here == "?" and not greedy):
        raise _bad(reader, "a quantifier behind a quantifier")
    return Repeat(node, low, high, greedy, before + 1, reader.groups)


def _quantity(reader: _Reader) -> tuple[int, int | None] | None:
    for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
        if reader.accept(sign):
            return bounds
    return _counted(reader) if reader.here == "{" else None


def _counted(reader: _Reader) -> tuple[int, int | None] | None:
    end = reader.text.find("}", reader.at)
    inner = reader.text[reader.at + 1 : end] if end > 0 else ""
    low, comma, high = inner.partition(",")
    if not _number(low) or (high and not _number(high)):
        raise _bad(reader, "a brace that is not a quantifier and has no backslash")
    reader.at = end + 1
    bounds = (int(low), (int(high) if high else None) if comma else int(low))
    if max(bounds[0], bounds[1] or 0) > LARGEST_COUNT:
        raise _bad(reader, f"a quantifier above {LARGEST_COUNT}")
    if bounds[1] is not None and bounds[1] < bounds[0]:
        raise _bad(reader, "a quantifier whose bounds are out of order")
    return bounds


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _atom(reader: _Reader) -> Node:
    char = reader.take()
    if char in "^$":
        return Assertion(char)
    if char == ".":
        return Char(NEWLINES, negated=True)
    if char == "(":
        return _group(reader)
    if char == "[":
        return _class(reader)
    if char == "\\":
        return _escape(reader)
    if char in "*+?":
        raise _bad(reader, "a quantifier with nothing before it")
    if char == "{":
        raise _bad(reader, "a brace that is not a quantifier and has no backslash")
    return Char(((ord(char), ord(char)),))


def _group(reader: _Reader) -> Node:
    if not reader.accept("?"):
        reader.groups += 1
        number = reader.groups
        node: Node = Group(number, _choice(reader))
    elif reader.accept(":"):
        node = _choice(reader)
    elif reader.here in ("=", "!"):
        negated = reader.take() == "!"
        node = Look(_choice(reader), negated)
    else:
        raise _bad(
            reader, f"(?{reader.here}, which is a {_OTHER_DIALECTS.get(reader.here, 'construct')} of other dialects"
        )
    if not reader.accept(")"):
        raise _bad(reader, "an opening parenthesis without its closing one")
    return node


def _escape(reader: _Reader) -> Node:
    char = reader.here
    if char in ("b", "B"):
        reader.at += 1
        return Assertion(char)
    if char in "123456789" and char:
        digits = ""
        while reader.here.isdigit() and reader.here.isascii() and len(digits) < 3:
            digits += reader.take()
        reader.backs.append(int(digits))
        return Back(int(digits))
    return _class_escape(reader)


def _class_escape(reader: _Reader) -> Char:
    char = reader.take()
    if char.lower() in _CLASSES and char:
        return Char(_CLASSES[char.lower()], negated=char.isupper())
    return _single(_escaped(reader, char))


def _single(char: str) -> Char:
    return Char(((ord(char), ord(char)),))


def _escaped(reader: _Reader, char: str) -> str:
    if not char:
        raise _bad(reader, "a backslash at its end")
    if char in _CONTROLS:
        return _CONTROLS[char]
    if char == "0" and not reader.here.isdigit():
        return "\0"
    if char == "c" and reader.here.isascii() and reader.here.isalpha():
        return chr(ord(reader.take()) % 32)
    if char in "xu":
        digits = reader.text[reader.at : reader.at + (2 if char == "x" else 4)]
        if len(digits) == (2 if char == "x" else 4) and all(one in "0123456789abcdefABCDEF" for one in digits):
            reader.at += len(digits)
            return chr(int(digits, 16))
    if char.isalnum() and char.isascii():
        raise _bad(reader, f"\\{char}, which ECMAScript 3 does not know")
    return char


def _class(reader: _Reader) -> Node:
    negated = reader.accept("^")
    if reader.here == "]":
        raise _bad(reader, "an empty character class")
    spans: list[Span] = []
    while not reader.accept("]"):
        spans += _class_part(reader)
    return Char(tuple(spans), negated)


def _class_part(reader: _Reader) -> tuple[Span, ...]:
    if reader.text.startswith(("[:", "[=", "[."), reader.at):
        raise _bad(reader, "a POSIX class, which ECMAScript 3 does not know")
    low = _class_atom(reader)
    if reader.here != "-" or reader.text[reader.at + 1 : reader.at + 2] in ("]", ""):
        return _complement(low.spans) if low.negated else low.spans
    reader.at += 1
    high = _class_atom(reader)
    if not (_is_single(low) and _is_single(high)):
        raise _bad(reader, "a range between character classes")
    span = (low.spans[0][0], high.spans[0][0])
    if span[0] > span[1]:
        raise _bad(reader, "a range that is out of order")
    return (span,)


def _is_single(char: Char) -> bool:
    return not char.negated and len(char.spans) == 1 and char.spans[0][0] == char.spans[0][1]


def _class_atom(reader: _Reader) -> Char:
    char = reader.take()
    if not char:
        raise _bad(reader, "a character class without its end")
    if char != "\\":
        return _single(char)
    if reader.accept("b"):
        return _single("\b")
    if reader.here in ("B", *"123456789"):
        raise _bad(reader, f"\\{reader.here} in a character class")
    return _class_escape(reader)


def _complement(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    out, start = [], 0
    for low, high in sorted(spans):
        if low > start:
            out.append((start, low - 1))
        start = max(start, high + 1)
    return (*out, (start, _LAST))
