"""The operations of a list's property filters: one test per `operationType`."""

import re
from collections.abc import Callable
from typing import Any

from simulators.hubspot import list_dates
from simulators.hubspot.list_subject import Test, pick


def operation_test(operation: dict[str, Any]) -> Test:
    """The test of an operation; KeyError, TypeError or ValueError where its shape is wrong."""
    kind, operator = operation["operationType"], operation["operator"]
    if kind == "ALL_PROPERTY":
        return _known(operator)
    test = _BUILDERS[kind](operator, operation)
    passes_blank = bool(operation.get("includeObjectsWithNoValueSet", False))
    if kind in {"ROLLING_PROPERTY_UPDATED", "COMPARATIVE_PROPERTY_UPDATED"} or "EVER" in operator:
        return lambda subject: test(subject) if subject.record.history(subject.name) else passes_blank
    return lambda subject: test(subject) if subject.value() else passes_blank


def _known(operator: str) -> Test:
    if operator not in {"IS_KNOWN", "IS_UNKNOWN"}:
        raise ValueError(f"operator {operator}")
    wanted = operator == "IS_KNOWN"
    return lambda subject: bool(subject.value()) is wanted


def _string(operator: str, operation: dict[str, Any]) -> Test:
    return _texts(operator, [str(operation["value"])])


def _multistring(operator: str, operation: dict[str, Any]) -> Test:
    return _texts(operator, [str(value) for value in operation["values"]])


def _texts(operator: str, values: list[str]) -> Test:
    wanted = [value.lower() for value in values]
    whole = [re.compile(rf"(?<!\w){re.escape(value)}(?!\w)") for value in wanted]
    return pick(
        {
            "IS_EQUAL_TO": lambda s: s.value().lower() in wanted,
            "CONTAINS": lambda s: any(value in s.value().lower() for value in wanted),
            "CONTAINS_EXACTLY": lambda s: any(value.search(s.value().lower()) for value in whole),
            "STARTS_WITH": lambda s: s.value().lower().startswith(tuple(wanted)),
            "ENDS_WITH": lambda s: s.value().lower().endswith(tuple(wanted)),
            "HAS_EVER_BEEN_EQUAL_TO": lambda s: any(old.lower() in wanted for old in s.ever()),
            "HAS_EVER_CONTAINED": lambda s: any(v in old.lower() for old in s.ever() for v in wanted),
        },
        operator,
    )


def _number(operator: str, operation: dict[str, Any]) -> Test:
    wanted = float(operation["value"])
    return pick(
        {
            "IS_EQUAL_TO": lambda s: float(s.value()) == wanted,
            "IS_GREATER_THAN": lambda s: float(s.value()) > wanted,
            "IS_GREATER_THAN_OR_EQUAL_TO": lambda s: float(s.value()) >= wanted,
            "IS_LESS_THAN": lambda s: float(s.value()) < wanted,
            "IS_LESS_THAN_OR_EQUAL_TO": lambda s: float(s.value()) <= wanted,
            "HAS_EVER_BEEN_EQUAL_TO": lambda s: any(float(old) == wanted for old in s.ever()),
        },
        operator,
    )


def _number_ranged(operator: str, operation: dict[str, Any]) -> Test:
    low, high = float(operation["lowerBound"]), float(operation["upperBound"])
    return pick({"IS_BETWEEN": lambda s: low <= float(s.value()) <= high}, operator)


def _bool(operator: str, operation: dict[str, Any]) -> Test:
    wanted = "true" if operation["value"] in {True, "true"} else "false"
    return pick(
        {
            "IS_EQUAL_TO": lambda s: s.value() == wanted,
            "HAS_EVER_BEEN_EQUAL_TO": lambda s: wanted in s.ever(),
        },
        operator,
    )


def _parts(value: str) -> set[str]:
    return {part for part in value.split(";") if part}


def _enumeration(operator: str, operation: dict[str, Any]) -> Test:
    wanted = {str(value) for value in operation["values"]}
    return pick(
        {
            "IS_ANY_OF": lambda s: not wanted.isdisjoint(_parts(s.value())),
            "IS_EXACTLY": lambda s: _parts(s.value()) == wanted,
            "CONTAINS_ALL": lambda s: wanted <= _parts(s.value()),
            "HAS_EVER_BEEN_ANY_OF": lambda s: any(not wanted.isdisjoint(_parts(old)) for old in s.ever()),
            "HAS_EVER_BEEN_EXACTLY": lambda s: any(_parts(old) == wanted for old in s.ever()),
            "HAS_EVER_CONTAINED_ALL": lambda s: any(wanted <= _parts(old) for old in s.ever()),
        },
        operator,
    )


_BUILDERS: dict[str, Callable[[str, dict[str, Any]], Test]] = {
    "STRING": _string,
    "MULTISTRING": _multistring,
    "NUMBER": _number,
    "NUMBER_RANGED": _number_ranged,
    "BOOL": _bool,
    "ENUMERATION": _enumeration,
    "DATETIME": list_dates.at_datetime,
    "RANGED_DATE": list_dates.ranged_date,
    "DATE": list_dates.on_date,
    "CALENDAR_DATE": list_dates.calendar_date,
    "ROLLING_DATE_RANGE": list_dates.rolling,
    "ROLLING_PROPERTY_UPDATED": list_dates.rolling_updated,
    "COMPARATIVE_DATE": list_dates.comparative,
    "COMPARATIVE_PROPERTY_UPDATED": list_dates.comparative_updated,
    "TIME_POINT": list_dates.at_time_point,
    "TIME_RANGED": list_dates.time_ranged,
}
