"""The operators: which kinds they take together and what they do.

Source: Salesforce Help, "Formula Operators and Functions": Math, Logical and Text Operators; mixed dates and
numbers as under "Using Date, Date/Time, and Time Values in Formulas".
"""

from collections.abc import Callable, Sequence

from domain.formula.decimals import EXACT, divide, power
from domain.formula.encoding import SIZE_LIMIT, order_key, rejoined
from domain.formula.errors import ErrorKind, Fault
from domain.formula.kinds import Kind, common, fits
from domain.formula.nodes import Operation
from domain.formula.times import (
    clock_back,
    clock_between,
    clock_forward,
    days_between,
    days_earlier,
    days_later,
    elapsed,
    moved,
    moved_back,
)
from domain.formula.typed import Env, Run, Typed, after_all, lenient, strict, type_error, unknown

Body = Callable[..., object]


def compile_operation(operation: Operation, operands: Sequence[Typed]) -> Typed:
    """Check the operands' kinds and compile. Raises FormulaError of kind TYPE."""
    if len(operands) == 1:
        return _SIGNS[operation.symbol](operation, operands[0])
    if operation.symbol in _LOGICAL:
        return _LOGICAL[operation.symbol](operation, operands)
    kind, run = _COMPILERS[operation.symbol](operation, operands[0], operands[1])
    if Kind.ANY in {operand.kind for operand in operands}:
        refusal = unknown(operation.position, f"{operation.symbol} depends on something unknown")
        run = after_all([operand.run for operand in operands], refusal)
        kind = Kind.ANY if kind is Kind.NULL else kind
    return Typed(kind, run, operation)


def any_of(runs: Sequence[Run]) -> Run:
    """TRUE at the first TRUE; a blank counts as FALSE."""

    def run(env: Env) -> bool:
        for each in runs:  # noqa: SIM110  (a loop is twice as fast as any() here)
            if each(env):
                return True
        return False

    return run


def all_of(runs: Sequence[Run]) -> Run:
    """FALSE at the first FALSE or blank."""

    def run(env: Env) -> bool:
        for each in runs:  # noqa: SIM110  (as any_of)
            if not each(env):
                return False
        return True

    return run


def _logical(join: Callable[[Sequence[Run]], Run]) -> Callable[[Operation, Sequence[Typed]], Typed]:
    def compile_logical(operation: Operation, operands: Sequence[Typed]) -> Typed:
        for operand in operands:
            _demand(operation, operand, Kind.BOOLEAN)
        return Typed(Kind.BOOLEAN, join([operand.run for operand in operands]), operation)

    return compile_logical


def _not(operation: Operation, operand: Typed) -> Typed:
    _demand(operation, operand, Kind.BOOLEAN)

    def run(env: Env, inner: Run = operand.run) -> bool | None:
        value = inner(env)
        return None if value is None else not value

    return Typed(Kind.BOOLEAN, run, operation)


def _sign(body: Body) -> Callable[[Operation, Typed], Typed]:
    def compile_sign(operation: Operation, operand: Typed) -> Typed:
        _demand(operation, operand, Kind.NUMBER)
        return Typed(Kind.NUMBER, strict(operation.position, body, [operand.run]), operation)

    return compile_sign


def _demand(operation: Operation, operand: Typed, kind: Kind) -> None:
    if not fits(operand.kind, frozenset({kind})):
        raise type_error(
            operand.node.position, f"{operation.symbol} takes a {kind} here, not a {operand.kind}"
        )


def _equality(body: Body, *, differ: bool) -> Callable[[Operation, Typed, Typed], tuple[Kind, Run]]:
    def compile_equality(operation: Operation, left: Typed, right: Typed) -> tuple[Kind, Run]:
        kind = _shared(operation, left, right)
        if kind in {Kind.PICKLIST, Kind.MULTIPICKLIST, Kind.LOCATION}:
            raise type_error(operation.position, f"{operation.symbol} does not take a {kind}")
        if kind is Kind.TEXT:
            return Kind.BOOLEAN, _text_equality(left.run, right.run, differ=differ)
        return Kind.BOOLEAN, strict(operation.position, body, [left.run, right.run])

    return compile_equality


def _text_equality(left: Run, right: Run, *, differ: bool) -> Run:
    if differ:
        return lambda env: left(env) != right(env)
    return lambda env: left(env) == right(env)


_ORDERED = frozenset({Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME, Kind.TIME})


def _ordering(body: Body) -> Callable[[Operation, Typed, Typed], tuple[Kind, Run]]:
    def by_units(left: str, right: str) -> object:
        return body(order_key(left), order_key(right))

    def compile_ordering(operation: Operation, left: Typed, right: Typed) -> tuple[Kind, Run]:
        kind = _shared(operation, left, right)
        if not fits(kind, _ORDERED):
            raise type_error(operation.position, f"{operation.symbol} does not take a {kind}")
        chosen = by_units if kind is Kind.TEXT else body
        return Kind.BOOLEAN, strict(operation.position, chosen, [left.run, right.run])

    return compile_ordering


def _shared(operation: Operation, left: Typed, right: Typed) -> Kind:
    kind = common((left.kind, right.kind))
    if kind is None:
        raise type_error(
            operation.position, f"{operation.symbol} cannot compare {left.kind} with {right.kind}"
        )
    return kind


def _numeric(body: Body) -> Callable[[Operation, Typed, Typed], tuple[Kind, Run]]:
    def compile_numeric(operation: Operation, left: Typed, right: Typed) -> tuple[Kind, Run]:
        _demand(operation, left, Kind.NUMBER)
        _demand(operation, right, Kind.NUMBER)
        return Kind.NUMBER, strict(operation.position, body, [left.run, right.run])

    return compile_numeric


def _additive(
    table: dict[tuple[Kind, Kind], tuple[Kind, Body]],
) -> Callable[[Operation, Typed, Typed], tuple[Kind, Run]]:
    def compile_additive(operation: Operation, left: Typed, right: Typed) -> tuple[Kind, Run]:
        if operation.symbol == "+" and Kind.TEXT in {left.kind, right.kind}:
            return _concatenation(operation, left, right)
        if fits(left.kind, frozenset()) or fits(right.kind, frozenset()):
            return _with_null(operation, left, right)
        entry = table.get((left.kind, right.kind))
        if entry is None:
            raise type_error(
                operation.position, f"{operation.symbol} does not take {left.kind} and {right.kind}"
            )
        return entry[0], strict(operation.position, entry[1], [left.run, right.run])

    return compile_additive


def _with_null(operation: Operation, left: Typed, right: Typed) -> tuple[Kind, Run]:
    """A blank operand makes a blank, whatever the other one is."""
    return Kind.NULL, strict(operation.position, _never, [left.run, right.run])


def _never(*_: object) -> None:
    raise Fault("an operand of no known type has a value", ErrorKind.UNKNOWN)


def _concatenation(operation: Operation, left: Typed, right: Typed) -> tuple[Kind, Run]:
    _demand(operation, left, Kind.TEXT)
    _demand(operation, right, Kind.TEXT)
    return Kind.TEXT, lenient(operation.position, concatenate, [left.run, right.run])


def concatenate(left: str | None, right: str | None) -> str | None:
    """Join two texts; a blank one is skipped."""
    if left is None or right is None:
        return left or right
    if len(left) + len(right) > SIZE_LIMIT:
        raise Fault("the text grows too long", ErrorKind.UNKNOWN)
    return rejoined(left + right)


_NUMBERS = (Kind.NUMBER, Kind.NUMBER)

_ADDITIONS: dict[tuple[Kind, Kind], tuple[Kind, Body]] = {
    _NUMBERS: (Kind.NUMBER, EXACT.add),
    (Kind.DATE, Kind.NUMBER): (Kind.DATE, days_later),
    (Kind.NUMBER, Kind.DATE): (Kind.DATE, lambda days, day: days_later(day, days)),
    (Kind.DATETIME, Kind.NUMBER): (Kind.DATETIME, moved),
    (Kind.NUMBER, Kind.DATETIME): (Kind.DATETIME, lambda days, moment: moved(moment, days)),
    (Kind.TIME, Kind.NUMBER): (Kind.TIME, clock_forward),
}

_SUBTRACTIONS: dict[tuple[Kind, Kind], tuple[Kind, Body]] = {
    _NUMBERS: (Kind.NUMBER, EXACT.subtract),
    (Kind.DATE, Kind.NUMBER): (Kind.DATE, days_earlier),
    (Kind.DATE, Kind.DATE): (Kind.NUMBER, days_between),
    (Kind.DATETIME, Kind.NUMBER): (Kind.DATETIME, moved_back),
    (Kind.DATETIME, Kind.DATETIME): (Kind.NUMBER, elapsed),
    (Kind.TIME, Kind.NUMBER): (Kind.TIME, clock_back),
    (Kind.TIME, Kind.TIME): (Kind.NUMBER, clock_between),
}

_SIGNS: dict[str, Callable[[Operation, Typed], Typed]] = {
    "NOT": _not,
    "-": _sign(lambda value: value.copy_negate()),
    "+": _sign(lambda value: value),
}

_LOGICAL = {"&&": _logical(all_of), "||": _logical(any_of)}

_COMPILERS: dict[str, Callable[[Operation, Typed, Typed], tuple[Kind, Run]]] = {
    "=": _equality(lambda left, right: left == right, differ=False),
    "<>": _equality(lambda left, right: left != right, differ=True),
    "<": _ordering(lambda left, right: left < right),
    ">": _ordering(lambda left, right: left > right),
    "<=": _ordering(lambda left, right: left <= right),
    ">=": _ordering(lambda left, right: left >= right),
    "+": _additive(_ADDITIONS),
    "-": _additive(_SUBTRACTIONS),
    "&": _concatenation,
    "*": _numeric(EXACT.multiply),
    "/": _numeric(divide),
    "^": _numeric(power),
}
