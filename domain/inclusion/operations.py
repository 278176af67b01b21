"""Property filters on text, numbers, booleans and options ("List filters", Property filter operations).

A blank value passes where the filter says ``includeObjectsWithNoValueSet``,
and only there. Text compares without regard to letter case, option values
compare exactly. A value that is no number counts as blank to a number filter.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeVar

from domain.inclusion.nodes import Check, Facts, Leaf, Unanswerable, Values
from domain.inclusion.wording import Labels, joined, operator_words

_T = TypeVar("_T")
Operation = Mapping[str, Any]
Test = Callable[[str], bool]
"""Judges a value."""
Judged = tuple[Test, bool]
"""A test, and what it must say of a value."""
Comparison = Callable[[str, str], bool | None]


def value_leaf(name: str, operation: Operation, labels: Labels) -> Leaf:
    """Compile a filter on the value of one property. Raises Unanswerable."""
    judged, operands = _judged(name, operation, labels)
    operator = operation["operator"]
    several = "values" in operation and operation_type(operation) == "MULTISTRING"
    phrase = " ".join(filter(None, (operator_words(operator, several=several), joined(operands))))
    return Leaf(
        check=_check(name, *judged, include=passes_blank(operation)),
        text=f"{labels.of(name)} {phrase}",
        remedy=_remedy(labels.of(name), operator, phrase, operands),
        property=name,
        reads=frozenset({name}),
    )


def known_leaf(name: str, operation: Operation, labels: Labels) -> Leaf:
    """Compile ALL_PROPERTY: whether there is a value at all."""
    wanted = {"IS_KNOWN": True, "IS_NOT_BLANK": True, "IS_UNKNOWN": False, "IS_BLANK": False}
    known = wanted.get(operation["operator"])
    if known is None:
        raise Unanswerable(f"the operator {operation['operator']} is not known")

    def check(values: Values, facts: Facts) -> bool | None:  # noqa: ARG001 - a Check
        return (values[name] is not None) is known if name in values else None

    label = labels.of(name)
    remedy = f"set {label}" if known else f"clear {label}"
    text = f"{label} {operator_words(operation['operator'])}"
    return Leaf(check, text, remedy, property=name, reads=frozenset({name}))


def comparison_leaf(name: str, operation: Operation, labels: Labels) -> Leaf:
    """Compile a filter that compares two properties of the record; a blank other one never passes."""
    other = operation["comparisonPropertyName"]
    if not labels.knows(other):
        raise Unanswerable(f"the property {other} cannot be read")
    compare = operator_of(_COMPARISONS[operation_type(operation)], operation)
    include = passes_blank(operation)

    def check(values: Values, facts: Facts) -> bool | None:  # noqa: ARG001 - a Check
        if name not in values or other not in values:
            return None
        value, against = values[name], values[other]
        passed = None if value is None or against is None else compare(value, against)
        return passed if passed is not None else include and value is None

    phrase = f"{operator_words(operation['operator'])} {labels.of(other)}"
    label = labels.of(name)
    remedy = f"set {label} so that it {phrase}"
    return Leaf(check, f"{label} {phrase}", remedy, property=name, reads=frozenset({name, other}))


def operation_type(operation: Operation) -> str:
    """Fold an operation's type: newer definitions spell ``NUMBER_RANGED`` as ``number-ranged``."""
    folded = str(operation["operationType"]).upper().replace("-", "_")
    return _ALIASES.get(folded, folded)


_ALIASES = {
    "ALLTYPES": "ALL_PROPERTY",
    "DATETIME_RANGED": "RANGED_DATE",
    "DATETIME_ROLLING": "ROLLING_DATE_RANGE",
    "DATETIME_COMPARATIVE": "COMPARATIVE_DATE",
    "PROPERTY_UPDATED_COMPARATIVE": "COMPARATIVE_PROPERTY_UPDATED",
}


def passes_blank(operation: Operation) -> bool:
    return operation.get("includeObjectsWithNoValueSet") is True


def _check(name: str, test: Test, wanted: bool, *, include: bool) -> Check:  # noqa: FBT001 - see Judged
    def check(values: Values, facts: Facts) -> bool | None:  # noqa: ARG001 - a Check
        try:
            value = values[name]
        except KeyError:
            return None
        return include if value is None else test(value) is wanted

    return check


def _remedy(label: str, operator: str, phrase: str, operands: tuple[str, ...]) -> str:
    listed = joined(operands)
    if operator in {"IS_EQUAL_TO", "IS_ANY_OF"}:
        return f"set {label} to {f'one of {listed}' if len(operands) > 1 else listed}"
    if operator in {"IS_NOT_EQUAL_TO", "IS_NONE_OF"}:
        return f"set {label} to something other than {listed}"
    return f"set {label} so that it {phrase}"


def _judged(name: str, operation: Operation, labels: Labels) -> tuple[Judged, tuple[str, ...]]:
    """Return what judges a value, and the operands for people."""
    match operation_type(operation):
        case "STRING":
            return _string_test(operation, [operation["value"]])
        case "MULTISTRING":
            return _string_test(operation, operation["values"])
        case "NUMBER":
            return _number_test(operation)
        case "NUMBER_RANGED":
            return _range_test(operation)
        case "BOOL":
            return _bool_test(operation)
        case "ENUMERATION":
            values = [str(value) for value in operation["values"]]
            return _option_test(operation, values, single=labels.single(name)), labels.options(name, values)
        case unknown:
            raise Unanswerable(f"the operation type {unknown} is not known")


def operator_of(table: Mapping[str, _T], operation: Operation) -> _T:
    """Look an operator up. Raises Unanswerable for one that is not in the table."""
    operator = operation["operator"]
    if operator not in table:
        if "_EVER_" in operator or "_NEVER_" in operator:
            raise Unanswerable(f"{operator_words(operator)} asks for past values")
        raise Unanswerable(f"the operator {operator} is not known")
    return table[operator]


def _string_test(operation: Operation, operands: list[Any]) -> tuple[Judged, tuple[str, ...]]:
    texts = tuple(str(operand) for operand in operands)
    build, wanted = operator_of(_STRING, operation)
    return (build(tuple(text.casefold() for text in texts)), wanted), texts


def _equal_any(texts: tuple[str, ...]) -> Test:
    wanted = frozenset(texts)
    return lambda value: value.casefold() in wanted


def _contain_any(texts: tuple[str, ...]) -> Test:
    if len(texts) == 1:
        (text,) = texts
        return lambda value: text in value.casefold()
    return lambda value: any(map(value.casefold().__contains__, texts))


def _contain_whole(texts: tuple[str, ...]) -> Test:
    """Match a phrase between word boundaries: "hub" is not in "hubspot"."""
    phrases = "|".join(map(re.escape, texts))
    pattern = re.compile(rf"(?<!\w)(?:{phrases})(?!\w)")
    return lambda value: pattern.search(value.casefold()) is not None


def _start_any(texts: tuple[str, ...]) -> Test:
    return lambda value: value.casefold().startswith(texts)


def _end_any(texts: tuple[str, ...]) -> Test:
    return lambda value: value.casefold().endswith(texts)


_STRING = {
    "IS_EQUAL_TO": (_equal_any, True),
    "IS_NOT_EQUAL_TO": (_equal_any, False),
    "CONTAINS": (_contain_any, True),
    "DOES_NOT_CONTAIN": (_contain_any, False),
    "CONTAINS_EXACTLY": (_contain_whole, True),
    "DOES_NOT_CONTAIN_EXACTLY": (_contain_whole, False),
    "STARTS_WITH": (_start_any, True),
    "ENDS_WITH": (_end_any, True),
}


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _operand(value: object) -> Decimal:
    number = _number(str(value))
    if number is None:
        raise Unanswerable(f"{value} is not a number")
    return number


def _number_test(operation: Operation) -> tuple[Judged, tuple[str, ...]]:
    bound = _operand(operation["value"])
    compare, include = operator_of(_ORDER, operation), passes_blank(operation)

    def test(value: str) -> bool:
        number = _number(value)
        return include if number is None else compare(number, bound)

    return (test, True), (str(bound),)


_ORDER: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "IS_EQUAL_TO": eq,
    "IS_NOT_EQUAL_TO": ne,
    "IS_GREATER_THAN": gt,
    "IS_GREATER_THAN_OR_EQUAL_TO": ge,
    "IS_LESS_THAN": lt,
    "IS_LESS_THAN_OR_EQUAL_TO": le,
}


def _range_test(operation: Operation) -> tuple[Judged, tuple[str, ...]]:
    """Both ends belong to the range."""
    lower, upper = _operand(operation["lowerBound"]), _operand(operation["upperBound"])
    inside = operator_of({"IS_BETWEEN": True, "IS_NOT_BETWEEN": False}, operation)
    include = passes_blank(operation)

    def test(value: str) -> bool:
        number = _number(value)
        return include if number is None else (lower <= number <= upper) is inside

    return (test, True), (f"{lower} and {upper}",)


def _bool_test(operation: Operation) -> tuple[Judged, tuple[str, ...]]:
    wanted = str(operation["value"]).lower()
    equal = operator_of({"IS_EQUAL_TO": True, "IS_NOT_EQUAL_TO": False}, operation)
    return (lambda value: value.lower() == wanted, equal), (wanted,)


def _option_test(operation: Operation, values: list[str], *, single: bool) -> Judged:
    judge, wanted = operator_of(_OPTIONS, operation)
    listed = frozenset(values)
    if single and judge is frozenset.isdisjoint:
        return listed.__contains__, not wanted
    if single:
        return lambda value: judge(listed, frozenset((value,))), wanted
    return lambda value: judge(listed, frozenset(value.split(";"))), wanted


_OPTIONS: dict[str, tuple[Callable[[frozenset[str], frozenset[str]], bool], bool]] = {
    "IS_ANY_OF": (frozenset.isdisjoint, False),
    "IS_NONE_OF": (frozenset.isdisjoint, True),
    "IS_EXACTLY": (eq, True),
    "IS_NOT_EXACTLY": (eq, False),
    "CONTAINS_ALL": (le, True),
    "DOES_NOT_CONTAIN_ALL": (le, False),
}
"""How the listed options must stand to the chosen ones, and whether they must or must not."""


def _numerically(compare: Callable[[Decimal, Decimal], bool]) -> Comparison:
    def judge(value: str, other: str) -> bool | None:
        number, bound = _number(value), _number(other)
        return None if number is None or bound is None else compare(number, bound)

    return judge


_COMPARISONS: dict[str, dict[str, Comparison]] = {
    "STRING_COMPARATIVE": {"IS_EQUAL_TO": lambda value, other: value.casefold() == other.casefold()},
    "NUMBER_COMPARATIVE": {operator: _numerically(compare) for operator, compare in _ORDER.items()},
    "BOOL_COMPARATIVE": {
        "IS_EQUAL_TO": lambda value, other: value.lower() == other.lower(),
        "IS_NOT_EQUAL_TO": lambda value, other: value.lower() != other.lower(),
    },
}
