"""The org's own formulas: validation rules, formula fields, conditions of automations.

A subset, enough to configure a simulated org by hand: operators, fields of the record, of its parents and of
`$User`, and the functions in `_FUNCTIONS` and `_LAZY`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

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


@dataclass(slots=True)
class Context:
    """What a formula is about: `get` reads a field path of the record, `prior` of it before the save."""

    get: Callable[[str], Any]
    prior: Callable[[str], Any]
    is_new: bool
    now: datetime


Evaluator = Callable[[Context], Any]


class FormulaError(ValueError):
    """A formula that cannot be read."""


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
            left = _binary(sign, left, self._level(level + 1))
        return left

    def _unary(self) -> Evaluator:
        if self._accept("-"):
            operand = self._unary()
            return lambda context: _each(lambda value: -value, operand(context))
        if self._accept("!"):
            operand = self._unary()
            return lambda context: _negate(operand(context))
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
        return _Reference(name)

    def _arguments(self) -> list[Evaluator]:
        if self._accept(")"):
            return []
        found = [self._level(0)]
        while self._accept(","):
            found.append(self._level(0))
        self._expect(")")
        return found


@dataclass(slots=True, frozen=True)
class _Reference:
    path: str

    def __call__(self, context: Context) -> Any:
        return context.get(self.path)


def _each(act: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else act(value)


def _negate(value: Any) -> bool | None:
    return None if value is None else not value


def _equal(left: Any, right: Any) -> bool | None:
    if isinstance(left, str) or isinstance(right, str):
        return (left or "") == (right or "")
    return None if left is None or right is None else left == right


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return (left or "") + (right or "")
    if isinstance(left, date):
        return left + timedelta(days=right)
    return left + right


def _minus(left: Any, right: Any) -> Any:
    if isinstance(left, date) and isinstance(right, date):
        return (left - right) / timedelta(days=1)
    return left - timedelta(days=right) if isinstance(left, date) else left - right


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "-": _minus,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
    "^": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _binary(sign: str, left: Evaluator, right: Evaluator) -> Evaluator:
    if sign == "||":
        return lambda context: bool(left(context)) or bool(right(context))
    if sign == "&&":
        return lambda context: bool(left(context)) and bool(right(context))
    if sign in ("=", "=="):
        return lambda context: _equal(left(context), right(context))
    if sign in ("<>", "!="):
        return lambda context: _negate(_equal(left(context), right(context)))
    if sign == "&":
        return lambda context: _text(left(context)) + _text(right(context))
    act = _ARITHMETIC.get(sign, _plus)
    either = sign == "+"
    return lambda context: _apply(act, left(context), right(context), text=either)


def _apply(act: Callable[[Any, Any], Any], left: Any, right: Any, *, text: bool) -> Any:
    if (left is None or right is None) and not (text and (isinstance(left, str) or isinstance(right, str))):
        return None
    return act(left, right)


def _call(name: str, arguments: list[Evaluator], written: str) -> Evaluator:
    if name in _LAZY:
        lazy = _LAZY[name]
        return lambda context: lazy(context, arguments)
    if name not in _FUNCTIONS:
        raise FormulaError(f"Unknown function {written}. Check spelling.")
    act = _FUNCTIONS[name]
    return lambda context: act(*(argument(context) for argument in arguments))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _blank(value: Any) -> bool:
    return value is None or value == ""


def _path(argument: Evaluator) -> str:
    if not isinstance(argument, _Reference):
        raise FormulaError("a field is expected")
    return argument.path


def _case(context: Context, arguments: list[Evaluator]) -> Any:
    subject = arguments[0](context)
    for at in range(1, len(arguments) - 1, 2):
        if _equal(subject, arguments[at](context)):
            return arguments[at + 1](context)
    return arguments[-1](context)


def _changed(context: Context, arguments: list[Evaluator]) -> bool:
    path = _path(arguments[0])
    return not context.is_new and context.get(path) != context.prior(path)


def _prior(context: Context, arguments: list[Evaluator]) -> Any:
    path = _path(arguments[0])
    return context.get(path) if context.is_new else context.prior(path)


def _if(context: Context, arguments: list[Evaluator]) -> Any:
    return arguments[1 if arguments[0](context) else 2](context)


_LAZY: dict[str, Callable[[Context, list[Evaluator]], Any]] = {
    "AND": lambda context, arguments: all(argument(context) for argument in arguments),
    "OR": lambda context, arguments: any(argument(context) for argument in arguments),
    "IF": _if,
    "CASE": _case,
    "ISCHANGED": _changed,
    "PRIORVALUE": _prior,
    "ISNEW": lambda context, _: context.is_new,
    "TODAY": lambda context, _: context.now.date(),
    "NOW": lambda context, _: context.now,
}


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _find(part: Any, text: Any) -> float:
    return float((text or "").find(part or "") + 1)


def _day(value: Any) -> date | None:
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value.date() if isinstance(value, datetime) else value


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "NOT": _negate,
    "ISBLANK": _blank,
    "ISNULL": _blank,
    "BLANKVALUE": lambda value, other: other if _blank(value) else value,
    "NULLVALUE": lambda value, other: other if _blank(value) else value,
    "ISPICKVAL": lambda value, literal: (value or "") == literal,
    "INCLUDES": lambda value, literal: literal in (value or "").split(";"),
    "TEXT": _text,
    "VALUE": _number,
    "ISNUMBER": lambda text: _number(text) is not None,
    "LEN": lambda text: float(len(text or "")),
    "LEFT": lambda text, count: (text or "")[: int(count)],
    "RIGHT": lambda text, count: (text or "")[-int(count) :],
    "MID": lambda text, start, count: (text or "")[int(start) - 1 : int(start) - 1 + int(count)],
    "FIND": _find,
    "CONTAINS": lambda text, part: (part or "") in (text or ""),
    "BEGINS": lambda text, part: (text or "").startswith(part or ""),
    "SUBSTITUTE": lambda text, old, new: (text or "").replace(old, new or ""),
    "UPPER": lambda text: _each(str.upper, text),
    "LOWER": lambda text: _each(str.lower, text),
    "TRIM": lambda text: _each(str.strip, text),
    "REGEX": lambda text, pattern: re.fullmatch(pattern or "", text or "") is not None,
    "ABS": lambda number: _each(abs, number),
    "ROUND": lambda number, digits: _each(lambda value: round(value, int(digits)), number),
    "YEAR": lambda day: _each(lambda value: float(value.year), day),
    "MONTH": lambda day: _each(lambda value: float(value.month), day),
    "DATEVALUE": _day,
    "DATE": lambda year, month, day: date(int(year), int(month), int(day)),
}
