"""The operations of a list's property filters: one test per `operationType`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from simulators.hubspot.list_time import DAY_MS, calendar_range, time_point
from simulators.hubspot.records import Record


@dataclass(slots=True)
class Subject:
    """A property of a record at a time, in the account's zone."""

    record: Record
    name: str
    stamp: str
    now_ms: int
    zone: str

    def value(self, name: str | None = None) -> str:
        """The property's value, "" where it has none."""
        return self.record.read(name or self.name, self.stamp) or ""

    def moment(self, name: str | None = None) -> int | None:
        """The value as a moment in epoch milliseconds."""
        return as_ms(self.value(name))

    def updated(self, name: str | None = None) -> int | None:
        """When the property last changed, in epoch milliseconds."""
        versions = self.record.history(name or self.name)
        return versions[0].at_ms if versions else None

    def ever(self) -> list[str]:
        """All values it ever had."""
        return [version.value for version in self.record.history(self.name) if version.value]


Test = Callable[[Subject], bool]


def as_ms(text: str) -> int | None:
    """A stored date or datetime (or digits) in epoch milliseconds."""
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


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


def _negated(operator: str) -> tuple[str, bool]:
    """The positive operator behind a negative one, and whether it was negative."""
    for negative, positive in (
        ("HAS_NEVER_", "HAS_EVER_"),
        ("DOES_NOT_CONTAIN", "CONTAINS"),
        ("IS_NOT_", "IS_"),
        ("IS_NONE_OF", "IS_ANY_OF"),
        ("NOT_UPDATED_", "UPDATED_"),
    ):
        if operator.startswith(negative):
            return operator.replace(negative, positive, 1), True
    return operator, False


def _pick(table: dict[str, Test], operator: str) -> Test:
    positive, negative = _negated(operator)
    test = table.get(positive)
    if test is None:
        raise ValueError(f"operator {operator}")
    return (lambda subject: not test(subject)) if negative else test


def _string(operator: str, operation: dict[str, Any]) -> Test:
    return _texts(operator, [str(operation["value"])])


def _multistring(operator: str, operation: dict[str, Any]) -> Test:
    return _texts(operator, [str(value) for value in operation["values"]])


def _texts(operator: str, values: list[str]) -> Test:
    wanted = [value.lower() for value in values]
    whole = [re.compile(rf"(?<!\w){re.escape(value)}(?!\w)") for value in wanted]
    return _pick(
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
    return _pick(
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
    return _pick({"IS_BETWEEN": lambda s: low <= float(s.value()) <= high}, operator)


def _bool(operator: str, operation: dict[str, Any]) -> Test:
    wanted = "true" if operation["value"] in {True, "true"} else "false"
    return _pick(
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
    return _pick(
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


def _datetime(operator: str, operation: dict[str, Any]) -> Test:
    wanted = int(operation["timestamp"])
    return _pick(
        {
            "IS_BEFORE": lambda s: (s.moment() or 0) < wanted,
            "IS_AFTER": lambda s: (s.moment() or 0) > wanted,
        },
        operator,
    )


def _ranged_date(operator: str, operation: dict[str, Any]) -> Test:
    low, high = int(operation["lowerBound"]), int(operation["upperBound"])
    return _pick({"IS_BETWEEN": lambda s: low <= (s.moment() or 0) <= high}, operator)


def _date(operator: str, operation: dict[str, Any]) -> Test:
    month = str(operation["month"])
    number = int(month) if month.isdigit() else datetime.strptime(month[:3], "%b").replace(tzinfo=UTC).month
    wanted = datetime(int(operation["year"]), number, int(operation["day"]), tzinfo=UTC).date().isoformat()
    return _pick(
        {
            "IS_EQUAL_TO": lambda s: s.value()[:10] == wanted,
            "IS_BEFORE": lambda s: s.value()[:10] < wanted,
            "IS_AFTER": lambda s: s.value()[:10] > wanted,
        },
        operator,
    )


def _calendar_date(operator: str, operation: dict[str, Any]) -> Test:
    if operator not in {
        "IN_THIS_TIME_UNIT",
        "IN_THIS_TIME_UNIT_SO_FAR",
        "IN_NEXT_TIME_UNIT",
        "IN_LAST_TIME_UNIT",
    }:
        raise ValueError(f"operator {operator}")
    unit, count = operation["timeUnit"], int(operation.get("timeUnitCount") or 1)
    fiscal_start = int(operation.get("fiscalYearStart") or 1) if operation.get("useFiscalYear") else 1

    def test(subject: Subject) -> bool:
        now = datetime.fromtimestamp(subject.now_ms / 1000, ZoneInfo(subject.zone))
        low, high = calendar_range(operator, unit, count, now, fiscal_start)
        return low <= (subject.moment() or 0) < high

    return test


def _rolling(operator: str, operation: dict[str, Any]) -> Test:
    span = int(operation["numberOfDays"]) * DAY_MS
    return _pick(
        {
            "IS_LESS_THAN_X_DAYS_AGO": lambda s: s.now_ms - span <= (s.moment() or 0) <= s.now_ms,
            "IS_MORE_THAN_X_DAYS_AGO": lambda s: (s.moment() or 0) < s.now_ms - span,
            "IS_LESS_THAN_X_DAYS_FROM_NOW": lambda s: s.now_ms <= (s.moment() or 0) <= s.now_ms + span,
            "IS_MORE_THAN_X_DAYS_FROM_NOW": lambda s: (s.moment() or 0) > s.now_ms + span,
        },
        operator,
    )


def _rolling_updated(operator: str, operation: dict[str, Any]) -> Test:
    span = int(operation["numberOfDays"]) * DAY_MS
    return _pick({"UPDATED_IN_LAST_X_DAYS": lambda s: (s.updated() or 0) >= s.now_ms - span}, operator)


def _comparative(operator: str, operation: dict[str, Any]) -> Test:
    other, default = operation["comparisonPropertyName"], operation.get("defaultComparisonValue")
    fallback = as_ms(str(default)) if default is not None else None

    def reference(subject: Subject) -> int | None:
        moment = subject.moment(other)
        return fallback if moment is None else moment

    return _before_or_after(operator, lambda s: s.moment(), reference)


def _comparative_updated(operator: str, operation: dict[str, Any]) -> Test:
    other = operation["comparisonPropertyName"]
    return _before_or_after(operator, lambda s: s.updated(), lambda s: s.updated(other))


def _before_or_after(
    operator: str,
    moment: Callable[[Subject], int | None],
    reference: Callable[[Subject], int | None],
    *,
    inclusive: bool = False,
) -> Test:
    if operator not in {"IS_BEFORE", "IS_AFTER"}:
        raise ValueError(f"operator {operator}")
    sign = 1 if operator == "IS_AFTER" else -1

    def test(subject: Subject) -> bool:
        own, other = moment(subject), reference(subject)
        if own is None or other is None:
            return False
        return sign * (own - other) > 0 or (inclusive and own == other)

    return test


def _parser(operation: dict[str, Any]) -> Callable[[Subject], int | None]:
    return (
        (lambda s: s.updated()) if operation.get("propertyParser") == "UPDATED_AT" else (lambda s: s.moment())
    )


def _bound(point: dict[str, Any]) -> Callable[[Subject], int | None]:
    """A time point as a function of the record: fixed, relative to now, or another property."""
    if point["timeType"] != "PROPERTY_REFERENCED":
        return lambda s: time_point(point, s.now_ms)
    name = point["property"]
    if point.get("referenceType") == "UPDATED_AT":
        return lambda s: s.updated(name)
    return lambda s: s.moment(name)


def _time_point(operator: str, operation: dict[str, Any]) -> Test:
    inclusive = operation.get("endpointBehavior") == "INCLUSIVE"
    return _before_or_after(operator, _parser(operation), _bound(operation["timePoint"]), inclusive=inclusive)


def _time_ranged(operator: str, operation: dict[str, Any]) -> Test:
    low = _before_or_after(
        "IS_AFTER",
        _parser(operation),
        _bound(operation["lowerBoundTimePoint"]),
        inclusive=operation.get("lowerBoundEndpointBehavior", "INCLUSIVE") == "INCLUSIVE",
    )
    high = _before_or_after(
        "IS_BEFORE",
        _parser(operation),
        _bound(operation["upperBoundTimePoint"]),
        inclusive=operation.get("upperBoundEndpointBehavior", "INCLUSIVE") == "INCLUSIVE",
    )
    return _pick({"IS_BETWEEN": lambda s: low(s) and high(s)}, operator)


_BUILDERS: dict[str, Callable[[str, dict[str, Any]], Test]] = {
    "STRING": _string,
    "MULTISTRING": _multistring,
    "NUMBER": _number,
    "NUMBER_RANGED": _number_ranged,
    "BOOL": _bool,
    "ENUMERATION": _enumeration,
    "DATETIME": _datetime,
    "RANGED_DATE": _ranged_date,
    "DATE": _date,
    "CALENDAR_DATE": _calendar_date,
    "ROLLING_DATE_RANGE": _rolling,
    "ROLLING_PROPERTY_UPDATED": _rolling_updated,
    "COMPARATIVE_DATE": _comparative,
    "COMPARATIVE_PROPERTY_UPDATED": _comparative_updated,
    "TIME_POINT": _time_point,
    "TIME_RANGED": _time_ranged,
}
