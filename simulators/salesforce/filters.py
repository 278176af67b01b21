"""What each condition of a query means for a row."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from operator import ge, gt, le, lt
from typing import Any

from simulators.salesforce.errors import ApiError
from simulators.salesforce.literals import literal_value, span, wrong_literal
from simulators.salesforce.schema import NUMBER_TYPES, Field
from simulators.salesforce.scope import Getter, Scope
from simulators.salesforce.soql_tree import (
    All,
    Compare,
    Condition,
    Contained,
    Not,
    Path,
    Some,
)
from simulators.salesforce.store import Record, index_key

Test = Callable[[Record], bool]
_LONG_TEXT = 255
_ORDERINGS = {"<": lt, ">": gt, "<=": le, ">=": ge}
_UNFILTERABLE = frozenset({"address", "location"})


def compile_condition(scope: Scope, condition: Condition) -> Test:
    """A function that says whether a row meets the condition.

    Raises:
        ApiError: an unknown field, or a literal that does not fit its field.
    """
    match condition:
        case All():
            return _all([compile_condition(scope, one) for one in condition.conditions])
        case Some():
            return _some([compile_condition(scope, one) for one in condition.conditions])
        case Not():
            inner = compile_condition(scope, condition.condition)
            return lambda row: not inner(row)
        case Compare():
            return _compare(scope, condition)
        case Contained():
            return _contained(scope, condition)


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:  # noqa: PLR2004 - the usual case, without the cost of a loop
        first, second = tests
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in tests)


def _some(tests: list[Test]) -> Test:
    if len(tests) == 2:  # noqa: PLR2004 - as in _all
        first, second = tests
        return lambda row: first(row) or second(row)
    return lambda row: any(test(row) for test in tests)


def _compare(scope: Scope, condition: Compare) -> Test:
    if not isinstance(condition.path, Path):
        raise ApiError("MALFORMED_QUERY", "Aggregate functions are not allowed in WHERE")
    get, entry = scope.getter(condition.path)
    _check_filterable(entry, condition.path)
    if condition.literal.kind == "relative":
        return _relative(get, entry, condition, scope.org.now())
    if condition.operator == "LIKE":
        return _like(get, entry, condition)
    value = literal_value(entry, condition.literal, condition.path)
    return _comparison(get, condition.operator, value, key_of(entry))


def key_of(entry: Field) -> Callable[[Any], Any]:
    """What values are compared and sorted by: ids as they are, other text without regard to letter case."""
    return _itself if entry.type in ("id", "reference") else index_key


def _itself(value: Any) -> Any:
    return value


def _comparison(get: Getter, operator: str, value: Any, key: Callable[[Any], Any]) -> Test:
    wanted = key(value)
    if operator == "=":
        return lambda row: key(get(row)) == wanted
    if operator == "!=":
        return lambda row: key(get(row)) != wanted
    if wanted is None:
        return lambda _: False
    compare = _ORDERINGS[operator]
    return lambda row: (found := key(get(row))) is not None and compare(found, wanted)


def _relative(get: Getter, entry: Field, condition: Compare, now: float) -> Test:
    """A date literal is a span: `=` is inside it, `<` before it, `>` after it."""
    try:
        first, end = span(condition.literal.value, datetime.fromtimestamp(now, UTC).date())
    except (ValueError, OverflowError) as error:
        raise ApiError("MALFORMED_QUERY", f"Invalid date literal: {condition.literal.value}") from error
    low, high = first.isoformat(), end.isoformat()
    if entry.type == "datetime":
        low, high = f"{low}T00:00:00.000+0000", f"{high}T00:00:00.000+0000"
    elif entry.type != "date":
        raise wrong_literal(entry, condition.path)
    tests: dict[str, Callable[[str], bool]] = {
        "=": lambda value: low <= value < high,
        "!=": lambda value: not low <= value < high,
        "<": lambda value: value < low,
        "<=": lambda value: value < high,
        ">": lambda value: value >= high,
        ">=": lambda value: value >= low,
    }
    test = tests[condition.operator]
    return lambda row: (found := get(row)) is not None and test(found)


def _like(get: Getter, entry: Field, condition: Compare) -> Test:
    if condition.literal.kind != "text" or entry.type in ("reference", "id", "boolean", *NUMBER_TYPES):
        message = f"invalid operator on {entry.type} field '{entry.name}'"
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", message)
    parts = (re.escape(c) if c not in "%_" else ".*" if c == "%" else "." for c in condition.literal.value)
    pattern = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    return lambda row: (found := get(row)) is not None and pattern.fullmatch(found) is not None


def _contained(scope: Scope, condition: Contained) -> Test:
    get, entry = scope.getter(condition.path)
    _check_filterable(entry, condition.path)
    if condition.operator in ("INCLUDES", "EXCLUDES"):
        if entry.type != "multipicklist" or any(one.kind != "text" for one in condition.literals):
            raise ApiError("INVALID_FIELD", "includes or excludes operator only valid on multipicklist field")
        return _includes(get, condition)
    wanted = _wanted_values(scope, entry, condition)
    if condition.operator == "NOT IN":
        return lambda row: index_key(get(row)) not in wanted
    return lambda row: index_key(get(row)) in wanted


def _wanted_values(scope: Scope, entry: Field, condition: Contained) -> frozenset[Any]:
    if condition.query is not None:
        return frozenset(map(index_key, scope.subquery(condition.query)))
    return frozenset(index_key(literal_value(entry, one, condition.path)) for one in condition.literals)


def _includes(get: Getter, condition: Contained) -> Test:
    groups = [set(literal.value.split(";")) for literal in condition.literals]

    def test(row: Record) -> bool:
        chosen = set((get(row) or "").split(";"))
        return any(group <= chosen for group in groups)

    return test if condition.operator == "INCLUDES" else lambda row: not test(row)


def _check_filterable(entry: Field, path: Path) -> None:
    if entry.type in _UNFILTERABLE or (entry.type == "textarea" and entry.length > _LONG_TEXT):
        message = f"field '{path.text}' can not be filtered in a query call"
        raise ApiError("INVALID_FIELD", message)
