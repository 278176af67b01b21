"""Formulas of calculated properties (`calculationFormula`): arithmetic, text and a few functions.

Names are properties, numbers and quoted strings are themselves; `+ - * /`, comparison, and the functions in
`_FUNCTIONS`. A blank operand makes the result blank.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

Values = Mapping[str, str]
Formula = Callable[[Values], str]
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concatenate": lambda *parts: "".join(str(part) for part in parts),
    "max": max,
    "min": min,
    "abs": abs,
    "uppercase": lambda text: str(text).upper(),
    "lowercase": lambda text: str(text).lower(),
}


class _BlankError(Exception):
    """An operand has no value."""


def compile_formula(text: str) -> Formula:
    """A function from a record's values to the property's; ValueError where the formula is not understood."""
    try:
        root = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"formula {text}: {error.msg}") from error
    evaluate = _compiled(root)

    def formula(values: Values) -> str:
        try:
            return _text(evaluate(values))
        except (_BlankError, ZeroDivisionError, TypeError):
            return ""

    return formula


def _compiled(node: ast.expr) -> Callable[[Values], Any]:
    match node:
        case ast.Constant(value=constant):
            return lambda _: constant
        case ast.Name(id=name):
            return lambda values: _value(values, name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _applied(_OPERATORS[type(op)], [left, right])
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _applied(_OPERATORS[type(op)], [left, right])
        case ast.Call(func=ast.Name(id=name), args=operands) if name in _FUNCTIONS:
            return _applied(_FUNCTIONS[name], operands)
    raise ValueError(f"formula: {ast.unparse(node)} is not understood")


def _applied(function: Callable[..., Any], operands: list[ast.expr]) -> Callable[[Values], Any]:
    compiled = [_compiled(operand) for operand in operands]
    return lambda values: function(*(operand(values) for operand in compiled))


def _value(values: Values, name: str) -> float | str:
    text = values.get(name)
    if not text:
        raise _BlankError
    try:
        return float(text)
    except ValueError:
        return text


def _text(result: Any) -> str:
    if isinstance(result, bool):
        return "true" if result else "false"
    if isinstance(result, float) and result.is_integer():
        return str(int(result))
    return str(result)
