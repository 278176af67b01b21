"""Turns a syntax tree into a closure, checking the types on the way."""

from domain.formula import arithmetic, dates, fields, logic, picklists, text, unsupported
from domain.formula.fields import compile_name
from domain.formula.functions import Build
from domain.formula.kinds import Kind
from domain.formula.nodes import Call, Literal, Name, Node, Operation
from domain.formula.operators import compile_operation
from domain.formula.typed import Run, Scope, Typed, constant, type_error

FUNCTIONS: dict[str, Build] = {
    **logic.FUNCTIONS,
    **fields.FUNCTIONS,
    **picklists.FUNCTIONS,
    **text.FUNCTIONS,
    **arithmetic.FUNCTIONS,
    **dates.FUNCTIONS,
    **unsupported.FUNCTIONS,
}
"""All documented functions by name."""

_NO_RESULTS = frozenset({Kind.LOCATION, Kind.PICKLIST, Kind.MULTIPICKLIST})


def compile_formula(node: Node, scope: Scope) -> Run:
    """Compile a whole formula. Raises FormulaError of kind TYPE where Salesforce would refuse it."""
    typed = _compile(node, scope)
    if typed.kind in _NO_RESULTS:
        raise type_error(node.position, f"a formula cannot yield a {typed.kind}")
    return typed.run


def _compile(node: Node, scope: Scope) -> Typed:
    match node:
        case Literal():
            return _literal(node)
        case Name():
            return compile_name(node, scope)
        case Operation():
            return compile_operation(node, [_compile(operand, scope) for operand in _operands(node)])
        case Call():
            build = FUNCTIONS.get(node.name, unsupported.refuse)
            return build(node, tuple(_compile(argument, scope) for argument in node.arguments), scope)


def _literal(literal: Literal) -> Typed:
    value = literal.value
    kind = Kind.NULL
    if isinstance(value, bool):
        kind = Kind.BOOLEAN
    elif isinstance(value, str):
        kind = Kind.TEXT
    elif value is not None:
        kind = Kind.NUMBER
    return Typed(kind, constant(None if value == "" else value), literal)


def _operands(operation: Operation) -> tuple[Node, ...]:
    """Flatten a chain of the same logical operator, which may be long."""
    if operation.symbol not in {"&&", "||"}:
        return operation.operands
    operands: list[Node] = []
    node: Node = operation
    while isinstance(node, Operation) and node.symbol == operation.symbol:
        operands.append(node.operands[1])
        node = node.operands[0]
    return (node, *reversed(operands))
