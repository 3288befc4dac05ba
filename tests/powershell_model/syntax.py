"""The syntax tree and who knows which construct: a construct that nobody registered fails with its name and line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeVar

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


@dataclass(eq=False)
class Scope:
    """Variables and functions of one call; what is not here is looked for in the caller's, as PowerShell does (about_Scopes).

    `kind` is call, script (a script file: what `$script:` means), module (a script module: that too, and a session of its own,
    which sees the global one and nothing of the script that imported it) or global.
    """

    parent: Scope | None = None
    variables: PsTable = field(default_factory=PsTable)
    functions: dict[str, Function] = field(default_factory=dict)
    kind: Literal["call", "script", "module", "global"] = "call"
    strict: bool = False
    exported: list[str] | None = None

    def chain(self) -> Iterator[Scope]:
        """Yield this scope and those that it looks into, nearest first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    @property
    def session(self) -> Scope:
        """The module's or the global scope that code here belongs to."""
        return next(scope for scope in self.chain() if scope.kind in ("module", "global"))

    def holder(self, name: str) -> tuple[Scope, str]:
        """Return the scope in which a variable of this name is set, and its name without `script:`."""
        prefix, colon, bare = name.partition(":")
        if not colon:
            return self, name
        if prefix.lower() != "script":
            raise UnsupportedError(f"the scope ${prefix}:")
        return next(scope for scope in self.chain() if scope.kind != "call"), bare

    def find(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """Return a variable's value; PsError where nobody set it (strict mode)."""
        start, bare = self.holder(name)
        for scope in start.chain() if start is self else (start,):
            if bare in scope.variables:
                return scope.variables[bare]
        if not any(scope.strict for scope in self.chain()):
            raise UnsupportedError(f"the variable ${name}, which nobody set, outside strict mode")
        raise PsError(f"The variable '${name}' cannot be retrieved because it has not been set.")

    def function(self, name: str) -> Function | None:
        """Return the function of this name that code here sees."""
        found = (scope.functions.get(name.lower()) for scope in self.chain())
        return next((function for function in found if function), None)


def global_scope() -> Scope:
    """Return the scope of a new session, with the preferences it starts with (about_Preference_Variables)."""
    preferences = [
        ("WhatIfPreference", False),
        ("ConfirmPreference", "High"),
        ("VerbosePreference", "SilentlyContinue"),
    ]
    return Scope(None, PsTable([*preferences, ("ErrorActionPreference", "Continue")]), kind="global")


@dataclass
class Run:
    """One session: the machine it changes and the script modules that it has loaded, by path."""

    machine: Machine
    modules: dict[str, Scope] = field(default_factory=dict)
    caught: list[PsError] = field(default_factory=list)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function of the script; `default` is the expression's node."""

    name: str
    type: str
    default: Node | None


@dataclass(frozen=True)
class Function:
    """A function; `advanced` ones have $PSCmdlet and the common parameters. `home` is the scope that defined it."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Node | None
    advanced: bool
    home: Scope | None = None

    def called_in(self, caller: Scope) -> Scope:
        """Return the scope that its own lies in: the caller's, or its module's when the caller is in another session."""
        return caller if self.home is None or self.home.session is caller.session else self.home.session


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
