"""The org's own formulas: validation rules, formula fields, conditions of automations.

A subset, enough to configure a simulated org by hand: operators, fields of the record, of its parents and of
`$User`, and the functions in `FUNCTIONS` and `LAZY`.
"""

import re

from simulators.salesforce.formula_functions import (
    FUNCTIONS,
    LAZY,
    Evaluator,
    FormulaError,
    Reference,
    binary,
    each,
    negate,
)

_TOKEN = re.compile(
    r"""\s*(?:/\*.*?\*/\s*)*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|(?P<name>[A-Za-z$][\w$.]*)|(?P<sign>&&|\|\||<>|!=|==|<=|>=|[-+*/^&=<>!(),]))\s*(?:/\*.*?\*/\s*)*""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LEVELS = (
    ("||",),
    ("&&",),
    ("=", "==", "<>", "!="),
    ("<", ">", "<=", ">="),
    ("+", "-", "&"),
    ("^",),
    ("*", "/"),
)
_SPECIAL = {"n": "\n", "r": "\r", "t": "\t"}


def compile_formula(text: str) -> Evaluator:
    """Read a formula.

    Raises:
        FormulaError: bad syntax or an unknown function.
    """
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text):
        matched = _TOKEN.match(text, at)
        if not matched or not matched.lastgroup:
            raise FormulaError(f"unexpected {text[at : at + 10]!r}")
        found.append((matched.lastgroup, matched[matched.lastgroup]))
        at = matched.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._at = 0

    def whole(self) -> Evaluator:
        parsed = self._level(0)
        if self._tokens[self._at][0] != "end":
            raise FormulaError(f"unexpected {self._tokens[self._at][1]!r}")
        return parsed

    def _next(self) -> tuple[str, str]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, *signs: str) -> str | None:
        kind, text = self._tokens[self._at]
        if kind == "sign" and text in signs:
            self._at += 1
            return text
        return None

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            raise FormulaError(f"expected {sign!r}, found {self._tokens[self._at][1]!r}")

    def _level(self, level: int) -> Evaluator:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while sign := self._accept(*_LEVELS[level]):
            left = binary(sign, left, self._level(level + 1))
        return left

    def _unary(self) -> Evaluator:
        if self._accept("-"):
            operand = self._unary()
            return lambda context: each(lambda value: -value, operand(context))
        if self._accept("!"):
            operand = self._unary()
            return lambda context: negate(operand(context))
        return self._primary()

    def _primary(self) -> Evaluator:
        kind, text = self._next()
        if kind == "number":
            number = float(text)
            return lambda _: number
        if kind == "text":
            literal = _ESCAPE.sub(lambda found: _SPECIAL.get(found[1], found[1]), text[1:-1])
            return lambda _: literal
        if kind == "sign" and text == "(":
            inner = self._level(0)
            self._expect(")")
            return inner
        if kind == "name":
            return self._named(text)
        raise FormulaError(f"unexpected {text!r}")

    def _named(self, name: str) -> Evaluator:
        if self._accept("("):
            return _call(name.upper(), self._arguments(), name)
        constants = {"TRUE": True, "FALSE": False, "NULL": None}
        if name.upper() in constants:
            constant = constants[name.upper()]
            return lambda _: constant
        return Reference(name)

    def _arguments(self) -> list[Evaluator]:
        if self._accept(")"):
            return []
        found = [self._level(0)]
        while self._accept(","):
            found.append(self._level(0))
        self._expect(")")
        return found


def _call(name: str, arguments: list[Evaluator], written: str) -> Evaluator:
    if name in LAZY:
        lazy = LAZY[name]
        return lambda context: lazy(context, arguments)
    if name not in FUNCTIONS:
        raise FormulaError(f"Unknown function {written}. Check spelling.")
    act = FUNCTIONS[name]
    return lambda context: act(*(argument(context) for argument in arguments))
