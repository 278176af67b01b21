"""The date and time operations of list filters."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from simulators.hubspot.list_subject import Subject, Test, as_ms, pick
from simulators.hubspot.list_time import DAY_MS, calendar_range, time_point


def at_datetime(operator: str, operation: dict[str, Any]) -> Test:
    wanted = int(operation["timestamp"])
    return pick(
        {
            "IS_BEFORE": lambda s: (s.moment() or 0) < wanted,
            "IS_AFTER": lambda s: (s.moment() or 0) > wanted,
        },
        operator,
    )


def ranged_date(operator: str, operation: dict[str, Any]) -> Test:
    low, high = int(operation["lowerBound"]), int(operation["upperBound"])
    return pick({"IS_BETWEEN": lambda s: low <= (s.moment() or 0) <= high}, operator)


def on_date(operator: str, operation: dict[str, Any]) -> Test:
    month = str(operation["month"])
    number = int(month) if month.isdigit() else datetime.strptime(month[:3], "%b").replace(tzinfo=UTC).month
    wanted = datetime(int(operation["year"]), number, int(operation["day"]), tzinfo=UTC).date().isoformat()
    return pick(
        {
            "IS_EQUAL_TO": lambda s: s.value()[:10] == wanted,
            "IS_BEFORE": lambda s: s.value()[:10] < wanted,
            "IS_AFTER": lambda s: s.value()[:10] > wanted,
        },
        operator,
    )


def calendar_date(operator: str, operation: dict[str, Any]) -> Test:
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


def rolling(operator: str, operation: dict[str, Any]) -> Test:
    span = int(operation["numberOfDays"]) * DAY_MS
    return pick(
        {
            "IS_LESS_THAN_X_DAYS_AGO": lambda s: s.now_ms - span <= (s.moment() or 0) <= s.now_ms,
            "IS_MORE_THAN_X_DAYS_AGO": lambda s: (s.moment() or 0) < s.now_ms - span,
            "IS_LESS_THAN_X_DAYS_FROM_NOW": lambda s: s.now_ms <= (s.moment() or 0) <= s.now_ms + span,
            "IS_MORE_THAN_X_DAYS_FROM_NOW": lambda s: (s.moment() or 0) > s.now_ms + span,
        },
        operator,
    )


def rolling_updated(operator: str, operation: dict[str, Any]) -> Test:
    span = int(operation["numberOfDays"]) * DAY_MS
    return pick({"UPDATED_IN_LAST_X_DAYS": lambda s: (s.updated() or 0) >= s.now_ms - span}, operator)


def comparative(operator: str, operation: dict[str, Any]) -> Test:
    other, default = operation["comparisonPropertyName"], operation.get("defaultComparisonValue")
    fallback = as_ms(str(default)) if default is not None else None

    def reference(subject: Subject) -> int | None:
        moment = subject.moment(other)
        return fallback if moment is None else moment

    return _before_or_after(operator, lambda s: s.moment(), reference)


def comparative_updated(operator: str, operation: dict[str, Any]) -> Test:
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


def at_time_point(operator: str, operation: dict[str, Any]) -> Test:
    inclusive = operation.get("endpointBehavior") == "INCLUSIVE"
    return _before_or_after(operator, _parser(operation), _bound(operation["timePoint"]), inclusive=inclusive)


def time_ranged(operator: str, operation: dict[str, Any]) -> Test:
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
    return pick({"IS_BETWEEN": lambda s: low(s) and high(s)}, operator)
