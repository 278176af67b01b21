"""Compiled expressions: a static kind and a closure that yields the value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.formula.context import Context
from domain.formula.errors import ErrorKind, Fault, FormulaError
from domain.formula.kinds import Kind
from domain.formula.nodes import Node
from domain.formula.values import Value


class Env(NamedTuple):
    """What one evaluation runs on."""

    record: Mapping[str, Value]
    context: Context


Run = Callable[[Env], Any]
"""Yields a value of the kind beside it, or None for blank; raises FormulaError."""


class Typed(NamedTuple):
    kind: Kind
    run: Run
    node: Node


@dataclass(frozen=True, slots=True)
class Scope:
    """What the compiler knows of the names: lower-case name -> describe type, None if unknown."""

    types: Mapping[str, str | None]
    blanks_as_zero: bool


def type_error(position: int, reason: str) -> FormulaError:
    return FormulaError(position, reason, ErrorKind.TYPE)


def unknown(position: int, reason: str) -> FormulaError:
    return FormulaError(position, reason, ErrorKind.UNKNOWN)


def located(error: Fault | ArithmeticError, position: int) -> FormulaError:
    """Give an error of a function's body its place; numbers and dates beyond our range are unknown."""
    if isinstance(error, Fault):
        return FormulaError(position, error.reason, error.kind)
    return unknown(position, "the result is out of range")


def constant(value: object) -> Run:
    return lambda _: value


def refusing(error: FormulaError) -> Run:
    """Fail whenever it is reached, and only then."""

    def run(_: Env) -> None:
        raise FormulaError(error.position, error.reason, error.kind)

    return run


def after_all(runs: Sequence[Run], error: FormulaError) -> Run:
    """Evaluate everything for its errors, then fail."""

    def run(env: Env) -> None:
        for each in runs:
            each(env)
        raise FormulaError(error.position, error.reason, error.kind)

    return run


def strict(position: int, body: Callable[..., object], runs: Sequence[Run]) -> Run:
    """Call the body with all arguments, unless one of them is blank: then the result is blank."""
    if len(runs) == 1:
        return _strict_1(position, body, runs[0])
    if len(runs) == 2:  # noqa: PLR2004  (two operands)
        return _strict_2(position, body, *runs)
    return _strict_n(position, body, runs)


def _strict_1(position: int, body: Callable[..., object], argument: Run) -> Run:
    def run(env: Env) -> object:
        value = argument(env)
        if value is None:
            return None
        try:
            return body(value)
        except (Fault, ArithmeticError) as error:
            raise located(error, position) from None

    return run


def _strict_2(position: int, body: Callable[..., object], left: Run, right: Run) -> Run:
    def run(env: Env) -> object:
        first = left(env)
        second = right(env)
        if first is None or second is None:
            return None
        try:
            return body(first, second)
        except (Fault, ArithmeticError) as error:
            raise located(error, position) from None

    return run


def _strict_n(position: int, body: Callable[..., object], runs: Sequence[Run]) -> Run:
    def run(env: Env) -> object:
        values = [each(env) for each in runs]
        if None in values:
            return None
        try:
            return body(*values)
        except (Fault, ArithmeticError) as error:
            raise located(error, position) from None

    return run


def lenient(position: int, body: Callable[..., object], runs: Sequence[Run]) -> Run:
    """Call the body with all arguments, blanks as None."""

    def run(env: Env) -> object:
        values = [each(env) for each in runs]
        try:
            return body(*values)
        except (Fault, ArithmeticError) as error:
            raise located(error, position) from None

    return run


def contextual(position: int, body: Callable[..., object], runs: Sequence[Run]) -> Run:
    """As strict, with the context as the body's first argument."""

    def run(env: Env) -> object:
        values = [each(env) for each in runs]
        if None in values:
            return None
        try:
            return body(env.context, *values)
        except (Fault, ArithmeticError) as error:
            raise located(error, position) from None

    return run
