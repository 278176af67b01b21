"""Operators and functions of formulas; a null is None."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any


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


@dataclass(slots=True, frozen=True)
class Reference:
    path: str

    def __call__(self, context: Context) -> Any:
        return context.get(self.path)


def each(act: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else act(value)


def negate(value: Any) -> bool | None:
    return None if value is None else not value


def equal(left: Any, right: Any) -> bool | None:
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


def binary(sign: str, left: Evaluator, right: Evaluator) -> Evaluator:
    if sign == "||":
        return lambda context: bool(left(context)) or bool(right(context))
    if sign == "&&":
        return lambda context: bool(left(context)) and bool(right(context))
    if sign in ("=", "=="):
        return lambda context: equal(left(context), right(context))
    if sign in ("<>", "!="):
        return lambda context: negate(equal(left(context), right(context)))
    if sign == "&":
        return lambda context: as_text(left(context)) + as_text(right(context))
    act = _ARITHMETIC.get(sign, _plus)
    either = sign == "+"
    return lambda context: _apply(act, left(context), right(context), text=either)


def _apply(act: Callable[[Any, Any], Any], left: Any, right: Any, *, text: bool) -> Any:
    if (left is None or right is None) and not (text and (isinstance(left, str) or isinstance(right, str))):
        return None
    return act(left, right)


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _blank(value: Any) -> bool:
    return value is None or value == ""


def _path(argument: Evaluator) -> str:
    if not isinstance(argument, Reference):
        raise FormulaError("a field is expected")
    return argument.path


def _case(context: Context, arguments: list[Evaluator]) -> Any:
    subject = arguments[0](context)
    for at in range(1, len(arguments) - 1, 2):
        if equal(subject, arguments[at](context)):
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


LAZY: dict[str, Callable[[Context, list[Evaluator]], Any]] = {
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


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "NOT": negate,
    "ISBLANK": _blank,
    "ISNULL": _blank,
    "BLANKVALUE": lambda value, other: other if _blank(value) else value,
    "NULLVALUE": lambda value, other: other if _blank(value) else value,
    "ISPICKVAL": lambda value, literal: (value or "") == literal,
    "INCLUDES": lambda value, literal: literal in (value or "").split(";"),
    "TEXT": as_text,
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
    "UPPER": lambda text: each(str.upper, text),
    "LOWER": lambda text: each(str.lower, text),
    "TRIM": lambda text: each(str.strip, text),
    "REGEX": lambda text, pattern: re.fullmatch(pattern or "", text or "") is not None,
    "ABS": lambda number: each(abs, number),
    "ROUND": lambda number, digits: each(lambda value: round(value, int(digits)), number),
    "YEAR": lambda day: each(lambda value: float(value.year), day),
    "MONTH": lambda day: each(lambda value: float(value.month), day),
    "DATEVALUE": _day,
    "DATE": lambda year, month, day: date(int(year), int(month), int(day)),
}
