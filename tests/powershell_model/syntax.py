"""The syntax tree and who knows which construct: a construct that nobody registered fails with its name and line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import tree_sitter
import tree_sitter_powershell

from tests.powershell_model.machine import Machine
from tests.powershell_model.values import PsError, PsTable, collected, enumerated

_LANGUAGE = tree_sitter.Language(tree_sitter_powershell.language())
_LEVELS = ("_expression", "pipeline", "pipeline_chain")  # one child that is the whole text: nothing to say


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node of the syntax tree, read once: levels of precedence that have nothing to say are left out, and so are comments."""

    type: str
    text: str
    line: int
    start: int
    end: int
    children: tuple[Node, ...]
    parts: tuple[Node, ...]


class UnsupportedError(AssertionError):
    """The model does not know a construct; its name and place are the message. Never an error of the script."""


@dataclass
class Scope:
    """Variables of one call; what is not here is looked for in the caller's, as PowerShell does."""

    parent: Scope | None = None
    variables: PsTable = field(default_factory=PsTable)

    def find(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """Return a variable's value; PsError where nobody set it (strict mode)."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.variables:
                return scope.variables[name]
            scope = scope.parent
        raise PsError(f"The variable '${name}' cannot be retrieved because it has not been set.")


@dataclass
class Run:
    """One run of a script: the machine it changes and the functions it has defined so far."""

    machine: Machine
    functions: dict[str, Function] = field(default_factory=dict)
    caught: list[PsError] = field(default_factory=list)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function of the script; `default` is the expression's node."""

    name: str
    type: str
    default: Node | None


@dataclass(frozen=True)
class Function:
    """A function of the script; `advanced` ones have $PSCmdlet and the common parameters."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Node | None
    advanced: bool


class ReturnSignal(Exception):  # noqa: N818 - a jump, no error
    """`return`, with what it puts out."""

    def __init__(self, outputs: list[Any]) -> None:
        super().__init__()
        self.outputs = outputs


class ContinueSignal(Exception):  # noqa: N818 - a jump, no error
    """`continue`, with the output so far."""


Handler = Callable[[Run, Node, Scope], Any]
_Handler = TypeVar("_Handler", bound=Handler)
EXPRESSIONS: dict[str, Handler] = {}
STATEMENTS: dict[str, Handler] = {}


def expression(*kinds: str) -> Callable[[_Handler], _Handler]:
    """Register how nodes of these kinds are evaluated: to one value."""
    return _registering(EXPRESSIONS, kinds)


def statement(*kinds: str) -> Callable[[_Handler], _Handler]:
    """Register how nodes of these kinds run: to the list of what they put out."""
    return _registering(STATEMENTS, kinds)


def _registering(table: dict[str, Handler], kinds: tuple[str, ...]) -> Callable[[_Handler], _Handler]:
    def keep(handler: _Handler) -> _Handler:
        table.update(dict.fromkeys(kinds, handler))
        return handler

    return keep


@cache
def parse(source: str) -> Node:
    """Return the tree's root; UnsupportedError where the grammar finds a mistake."""
    root = tree_sitter.Parser(_LANGUAGE).parse(source.encode()).root_node
    if root.has_error:
        raise UnsupportedError("the script does not parse")
    return _read(root)


def _read(node: tree_sitter.Node) -> Node:
    while len(node.children) == 1 and node.children[0].is_named and node.type.endswith(_LEVELS):
        node = node.children[0]
    rows = [(_read(child), child.is_named) for child in node.children if child.type != "comment"]
    return Node(
        node.type,
        (node.text or b"").decode(),
        node.start_point[0] + 1,
        node.start_byte,
        node.end_byte,
        tuple(child for child, _ in rows),
        tuple(child for child, named in rows if named),
    )


def words(node: Node) -> str:
    """Return a node's source text."""
    return node.text


def parts(node: Node) -> tuple[Node, ...]:
    """Return the named children."""
    return node.parts


def evaluate(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    """Return an expression's value; a statement in its place gives what an assignment would get from it."""
    if node.type in EXPRESSIONS:
        return EXPRESSIONS[node.type](run, node, scope)
    return collected(execute(run, node, scope))


def execute(run: Run, node: Node, scope: Scope) -> list[Any]:
    """Run a statement and return what it puts out."""
    if node.type in STATEMENTS:
        outputs: list[Any] = STATEMENTS[node.type](run, node, scope)
        return outputs
    if node.type in EXPRESSIONS:
        return enumerated(EXPRESSIONS[node.type](run, node, scope))
    raise UnsupportedError(f"{node.type} in line {node.line}: {words(node)[:60]}")
