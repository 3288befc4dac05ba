"""Expressions: literals, variables, operators, casts, members and methods."""

from __future__ import annotations

import re
from typing import Any

from tests.powershell_model.core_objects import method, properties
from tests.powershell_model.syntax import (
    Node,
    Run,
    Scope,
    UnsupportedError,
    evaluate,
    execute,
    expression,
    parts,
    words,
)
from tests.powershell_model.values import (
    VOID,
    PsError,
    PsObject,
    PsTable,
    Thing,
    TypeName,
    equal,
    listed,
    number,
    text,
    truth,
)

_ESCAPES = {"`n": "\n", "`r": "\r", "`t": "\t", "`0": "\0"}
_CONSTANTS = {"true": True, "false": False, "null": None}


@expression("integer_literal")
def _integer(_run: Run, node: Node, _scope: Scope) -> int:
    return int(words(node))


@expression("real_literal", "generic_token")
def _real(_run: Run, node: Node, _scope: Scope) -> str:
    return words(node)  # a version such as 3.0, or a bare word of a command: text


@expression("string_literal")
def _string(run: Run, node: Node, scope: Scope) -> str:
    (inner,) = node.parts
    if inner.type == "verbatim_string_characters":
        return re.sub("(['\u2018\u2019\u201a\u201b])['\u2018\u2019\u201a\u201b]", r"\1", words(inner)[1:-1])
    if inner.type == "expandable_string_literal":
        return _expanded(run, inner, scope)
    raise UnsupportedError(f"{inner.type} in line {inner.line}")


def _expanded(run: Run, node: Node, scope: Scope) -> str:
    source, start, made = words(node).encode(), node.start, ""
    place = 1
    for child in [child for child in node.parts if child.type in ("variable", "sub_expression")]:
        made += _unescaped(source[place : child.start - start].decode())
        made += text(evaluate(run, child, scope))
        place = child.end - start
    return made + _unescaped(source[place:-1].decode())


def _unescaped(source: str) -> str:
    return re.sub("`.", lambda found: _ESCAPES.get(found[0], found[0][1:]), source).replace('""', '"')


@expression("sub_expression", "array_expression")
def _inner(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    outputs = [value for child in parts(node) for value in execute(run, child, scope)]
    return outputs if node.type == "array_expression" else " ".join(map(text, outputs))


@expression("parenthesized_expression")
def _parenthesized(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    (inner,) = parts(node)
    return evaluate(run, inner, scope)


@expression("array_literal_expression")
def _array(run: Run, node: Node, scope: Scope) -> list[Any]:
    return [evaluate(run, child, scope) for child in parts(node)]


@expression("hash_literal_expression")
def _hash(run: Run, node: Node, scope: Scope) -> PsTable:
    rows: list[tuple[str, Any]] = []
    for body in parts(node):
        for entry in parts(body):
            key, value = parts(entry)
            name = words(key) if key.type == "simple_name" else text(evaluate(run, key, scope))
            rows.append((name, evaluate(run, value, scope)))
    return PsTable(rows)


@expression("variable")
def _variable(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    name = variable_name(node)
    if name.lower() in _CONSTANTS:
        return _CONSTANTS[name.lower()]
    if name.lower().startswith("env:"):
        return run.machine.environment.get(name[4:])
    return scope.find(name)


def variable_name(node: Node) -> str:
    """Return the name without `$` and braces."""
    return words(node)[1:].removeprefix("{").removesuffix("}")


@expression("script_block_expression")
def _block(_run: Run, node: Node, _scope: Scope) -> Node:
    return next(child for child in parts(node) if child.type == "script_block")


@expression("type_literal")
def _type(_run: Run, node: Node, _scope: Scope) -> TypeName:
    return TypeName(words(node)[1:-1])


@expression("cast_expression")
def _cast(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    kind, operand = parts(node)
    value = evaluate(run, operand, scope)
    return converted(words(kind)[1:-1], value)


def converted(kind: str, value: Any) -> Any:  # noqa: ANN401 - PowerShell values
    """Convert to a type by its name in brackets; PsError where PowerShell refuses, UnsupportedError for a type not modelled."""
    name = kind.lower().removeprefix("system.")
    if name == "void":
        return VOID
    if name in ("", "object", "ordered"):  # a table of the model keeps its order anyway
        return value
    simple = {"string": text, "int": number, "bool": truth, "switch": truth, "object[]": listed}
    if name in simple:
        return simple[name](value)
    if name == "string[]":
        return [text(one) for one in listed(value)]
    if name in ("hashtable", "securestring"):
        if value is None or isinstance(value, PsTable if name == "hashtable" else Thing):
            return value
        raise PsError(f"Cannot convert a {type(value).__name__} to {kind}.")
    raise UnsupportedError(f"the type [{kind}]")


@expression("expression_with_unary_operator")
def _unary(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    if len(node.children) == 1:
        return evaluate(run, node.children[0], scope)
    operator, operand = node.children
    if words(operator).lower() in ("-not", "!"):
        return not truth(evaluate(run, operand, scope))
    raise UnsupportedError(f"the operator {words(operator)} in line {node.line}")


@expression("logical_expression")
def _logical(run: Run, node: Node, scope: Scope) -> bool:
    left, operator, right = node.children
    first = truth(evaluate(run, left, scope))
    if words(operator).lower() == "-and":
        return first and truth(evaluate(run, right, scope))
    if words(operator).lower() == "-or":
        return first or truth(evaluate(run, right, scope))
    raise UnsupportedError(f"the operator {words(operator)} in line {node.line}")


@expression("additive_expression", "additive_argument_expression")
def _additive(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    left, operator, right = node.children
    return calculated(words(operator), evaluate(run, left, scope), evaluate(run, right, scope))


def calculated(operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - PowerShell values
    """Return `left + right` or `left - right` as the left side's type says."""
    if operator == "-":
        return number(left) - number(right)
    if isinstance(left, PsTable) and isinstance(right, PsTable):
        if twice := [key for key in right if key in left]:
            raise PsError(f"Item has already been added. Key in dictionary: '{twice[0]}'")
        return PsTable([*left.items(), *right.items()])
    if isinstance(left, list):
        return [*left, *listed(right)]
    if isinstance(left, str):
        return left + text(right)
    if left is None:
        return right
    return number(left) + number(right)


@expression("comparison_expression")
def _comparison(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    left, operator, right = node.children
    return _compared(words(operator).lower(), evaluate(run, left, scope), evaluate(run, right, scope))


def _compared(operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - PowerShell values; one line an operator
    if operator in ("-eq", "-ne", "-ceq", "-cne"):
        if isinstance(left, list):
            raise UnsupportedError(f"{operator} with an array on the left: {left}")
        return equal(left, right, case="c" in operator) == operator.endswith("eq")
    if operator in ("-gt", "-lt", "-ge", "-le"):
        first, second = number(left), number(right)
        return {"-gt": first > second, "-lt": first < second, "-ge": first >= second, "-le": first <= second}[operator]
    if operator in ("-contains", "-notcontains"):
        return any(equal(one, right) for one in listed(left)) == (operator == "-contains")
    if operator in ("-is", "-isnot"):
        return _is(left, right.name.lower()) == (operator == "-is")
    if operator == "-replace":
        pattern, new = right
        return re.sub(pattern, new, text(left), flags=re.IGNORECASE)
    if operator in ("-like", "-notlike"):
        pattern = re.escape(text(right)).replace(r"\*", ".*").replace(r"\?", ".")
        return (re.fullmatch(pattern, text(left), re.IGNORECASE) is not None) == (operator == "-like")
    raise UnsupportedError(f"the operator {operator}")


def _is(value: Any, name: str) -> bool:  # noqa: ANN401 - a PowerShell value
    if name == "string":
        return isinstance(value, str)
    if name == "hashtable":
        return isinstance(value, PsTable) and not isinstance(value, PsObject)
    if name == "management.automation.pscustomobject":
        return isinstance(value, PsObject)
    raise UnsupportedError(f"-is [{name}]")


@expression("element_access")
def _element(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    holder, place = (evaluate(run, child, scope) for child in parts(node))
    if holder is None:
        raise PsError("Cannot index into a null array.")
    if isinstance(holder, PsTable):
        return holder.get(text(place))
    if isinstance(holder, list | str):
        if not -len(holder) <= place < len(holder):
            raise PsError("Index was outside the bounds of the array.")  # strict mode 3.0
        return holder[place]
    raise UnsupportedError(f"an index into a {type(holder).__name__}")


@expression("member_access")
def _member(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    holder, member = parts(node)
    return properties(evaluate(run, holder, scope), words(member))


@expression("invokation_expression")
def _invocation(run: Run, node: Node, scope: Scope) -> Any:  # noqa: ANN401 - a PowerShell value
    holder, member, *rest = parts(node)
    arguments = [evaluate(run, one, scope) for group in rest for one in _arguments(group)]
    value = evaluate(run, holder, scope)
    if value is None:
        raise PsError(f"You cannot call the method '{words(member)}' on a null-valued expression.")
    return method(run, value, words(member), arguments)


def _arguments(group: Node) -> list[Node]:
    return [one for child in parts(group) for one in parts(child)]


def assign(run: Run, target: Node, value: Any, scope: Scope) -> None:  # noqa: ANN401 - a PowerShell value
    """Set a variable of this scope, or an entry of a hashtable."""
    if value is VOID:
        value = None
    if target.type == "variable":
        if words(target).lower() != "$null":
            holder, name = scope.holder(variable_name(target))
            holder.variables[name] = value
        return
    if target.type == "element_access":
        holder, place = (evaluate(run, child, scope) for child in parts(target))
        if isinstance(holder, PsTable):
            holder[text(place)] = value
            return
    raise UnsupportedError(f"an assignment to {words(target)}")
