"""Statements: assignments, conditions, loops, functions, try and throw. Each returns the list of what it puts out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.powershell_model.expressions import assign, calculated
from tests.powershell_model.syntax import (
    ContinueSignal,
    Function,
    Node,
    Parameter,
    ReturnSignal,
    Run,
    Scope,
    UnsupportedError,
    evaluate,
    execute,
    parts,
    statement,
    words,
)
from tests.powershell_model.values import PsError, enumerated, equal, text, truth


@statement("program", "script_block", "script_block_body", "statement_list", "statement_block")
def _block(run: Run, node: Node, scope: Scope) -> list[Any]:
    outputs: list[Any] = []
    for child in parts(node):
        if child.type in ("param_block", "empty_statement"):
            continue
        try:
            outputs += execute(run, child, scope)
        except ReturnSignal as signal:
            signal.outputs[:0] = outputs
            raise
    return outputs


@statement("assignment_expression")
def _assignment(run: Run, node: Node, scope: Scope) -> list[Any]:
    target, operator, value = parts(node)
    new = evaluate(run, value, scope)
    if words(operator) == "+=":
        new = calculated("+", evaluate(run, target, scope), new)
    elif words(operator) != "=":
        raise UnsupportedError(f"the operator {words(operator)}")
    assign(run, target, new, scope)
    return []


@statement("if_statement")
def _if(run: Run, node: Node, scope: Scope) -> list[Any]:
    condition, block, *others = parts(node)
    if truth(evaluate(run, condition, scope)):
        return execute(run, block, scope)
    for other in others:
        if other.type == "else_clause":
            return execute(run, parts(other)[0], scope)
        for clause in parts(other):
            condition, block = parts(clause)
            if truth(evaluate(run, condition, scope)):
                return execute(run, block, scope)
    return []


@statement("foreach_statement")
def _foreach(run: Run, node: Node, scope: Scope) -> list[Any]:
    variable, source, block = parts(node)
    value = evaluate(run, source, scope)
    outputs: list[Any] = []
    for one in [] if value is None else enumerated(value):
        assign(run, variable, one, scope)
        try:
            outputs += execute(run, block, scope)
        except ContinueSignal:
            continue
    return outputs


@statement("switch_statement")
def _switch(run: Run, node: Node, scope: Scope) -> list[Any]:
    condition, body = parts(node)
    value = evaluate(run, parts(condition)[0], scope)
    outputs: list[Any] = []
    for clauses in parts(body):
        for clause in parts(clauses):
            wanted, block = parts(clause)
            if equal(value, evaluate(run, parts(wanted)[0], scope)):
                outputs += execute(run, block, scope)
    return outputs


@statement("try_statement")
def _try(run: Run, node: Node, scope: Scope) -> list[Any]:
    block, *clauses = parts(node)
    last = [parts(clause)[0] for clause in clauses if clause.type == "finally_clause"]
    catches = [parts(one)[-1] for clause in clauses if clause.type == "catch_clauses" for one in parts(clause)]
    try:
        return execute(run, block, scope)
    except PsError as error:
        if not catches:
            raise
        run.caught.append(error)
        try:
            return execute(run, catches[0], scope)
        finally:
            run.caught.pop()
    finally:
        for final in last:
            execute(run, final, scope)


@statement("flow_control_statement")
def _flow(run: Run, node: Node, scope: Scope) -> list[Any]:
    keyword, *rest = node.children
    if keyword.type == "return":
        raise ReturnSignal(execute(run, rest[0], scope) if rest else [])
    if keyword.type == "continue":
        raise ContinueSignal
    if keyword.type == "throw":
        if rest:
            raise PsError(text(evaluate(run, rest[0], scope)))
        raise run.caught[-1] if run.caught else PsError("ScriptHalted")
    raise UnsupportedError(keyword.type)


@statement("empty_statement")
def _empty(_run: Run, _node: Node, _scope: Scope) -> list[Any]:
    return []


@statement("function_statement")
def _function(_run: Run, node: Node, scope: Scope) -> list[Any]:
    made = replace(function_of(node), home=scope)
    scope.functions[made.name.lower()] = made
    return []


def function_of(node: Node) -> Function:
    """Read a function's name, parameters and body."""
    name = next(words(child) for child in parts(node) if child.type == "function_name")
    block = next((child for child in parts(node) if child.type == "script_block"), None)
    inside = next((child for child in parts(block) if child.type == "param_block"), None) if block else None
    declared = inside or next((child for child in parts(node) if child.type == "function_parameter_declaration"), None)
    return Function(
        name, parameters_of(declared), block, advanced=inside is not None and "CmdletBinding" in words(inside)
    )


def parameters_of(block: Node | None) -> tuple[Parameter, ...]:
    """Read the parameters of a param block or a function's parentheses."""
    lists = [child for child in parts(block) if child.type == "parameter_list"] if block else []
    return tuple(_parameter(one) for group in lists for one in parts(group) if one.type == "script_parameter")


def _parameter(node: Node) -> Parameter:
    name, kind, default = "", "object", None
    for child in parts(node):
        if child.type == "variable":
            name = words(child)[1:]
        elif child.type == "attribute_list":
            kind = words(parts(child)[0])[1:-1]
        elif child.type == "script_parameter_default":
            default = parts(child)[0]
    return Parameter(name, kind.lower(), default)


@statement("pipeline_chain")
def _pipeline(run: Run, node: Node, scope: Scope) -> list[Any]:
    from tests.powershell_model.commands import run_command  # noqa: PLC0415 - a command runs functions, which are statements

    flowing: list[Any] | None = None
    for stage in parts(node):
        flowing = run_command(run, stage, scope, flowing) if stage.type == "command" else execute(run, stage, scope)
    return flowing or []


@statement("command")
def _command(run: Run, node: Node, scope: Scope) -> list[Any]:
    from tests.powershell_model.commands import run_command  # noqa: PLC0415 - as above

    return run_command(run, node, scope, None)
