"""Date operations as windows between two points in time.

How HubSpot's pages put the relative ones: "less than 3 days ago" lies between
today minus 3 days and now, "more than 2 days from now" is after today plus 2
days; today means its first moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.inclusion.moments import (
    Fixed,
    Indexed,
    Now,
    Offset,
    OtherProperty,
    Point,
    add_months,
    on_day,
)
from domain.inclusion.nodes import Facts, Unanswerable
from domain.inclusion.operations import Operation, operation_type, operator_of

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a window."""

    point: Point
    lower: bool
    inclusive: bool = True

    def admits(self, moment: int, at: int) -> bool:
        if moment == at:
            return self.inclusive
        return (moment > at) is self.lower

    def crossing(self, moment: int, facts: Facts) -> int:
        """Return when the clock moves this end past ``moment``."""
        beyond = self.lower is self.inclusive
        return self.point.crossing(moment + 1 if beyond else moment, facts)


@dataclass(frozen=True, slots=True)
class Window:
    """The bounds that a filter sets, and whether the moment must lie inside them."""

    bounds: tuple[Bound, ...]
    inside: bool = True
    changed: bool = False  #: judges when the property last changed, not its value


def window(operation: Operation) -> Window:
    """Read a date operation. Raises Unanswerable; KeyError, TypeError or ValueError if it is malformed."""
    return _BUILDERS[operation_type(operation)](operation)


def _after(point: Point, *, inclusive: bool = False) -> Window:
    return Window((Bound(point, lower=True, inclusive=inclusive),))


def _before(point: Point, *, inclusive: bool = False) -> Window:
    return Window((Bound(point, lower=False, inclusive=inclusive),))


def _between(lower: Point, upper: Point, *, upper_inclusive: bool = True) -> Window:
    return Window((Bound(lower, lower=True), Bound(upper, lower=False, inclusive=upper_inclusive)))


def _either(operation: Operation, point: Point, *, inclusive: bool = False) -> Window:
    side = operator_of({"IS_BEFORE": _before, "IS_AFTER": _after}, operation)
    return side(point, inclusive=inclusive)


def _conversion_zone(operation: Operation) -> ZoneInfo | None:
    """Return UTC where the operation wants no conversion, else None for the portal's zone."""
    return None if operation.get("requiresTimeZoneConversion") is True else _UTC


def _wall(epoch_ms: int, zone: ZoneInfo | None) -> Fixed:
    """Read a timestamp whose wall clock in UTC is meant in ``zone``."""
    return Fixed(datetime.combine(date(1970, 1, 1), time.min) + timedelta(milliseconds=int(epoch_ms)), zone)


def _timestamp(operation: Operation) -> Window:
    return _either(operation, _wall(operation["timestamp"], _conversion_zone(operation)))


def _timestamps(operation: Operation) -> Window:
    """Both ends belong to the range."""
    zone = _conversion_zone(operation)
    lower, upper = (
        operation.get(f"{end}Timestamp", operation.get(end)) for end in ("lowerBound", "upperBound")
    )
    return replace(_between(_wall(lower, zone), _wall(upper, zone)), inside=operator_of(_INSIDE, operation))


_INSIDE = {"IS_BETWEEN": True, "IS_NOT_BETWEEN": False}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].upper()) + 1


def _date(operation: Operation) -> Window:
    day = date(operation["year"], _month(operation["month"]), operation["day"])
    start = Fixed(datetime.combine(day, time.min))
    end = Fixed(datetime.combine(day + timedelta(days=1), time.min))
    windows = {
        "IS_EQUAL_TO": _between(start, end, upper_inclusive=False),
        "IS_BEFORE": _before(start),
        "IS_AFTER": _after(end, inclusive=True),
    }
    return operator_of(windows, operation)


def _rolling(operation: Operation) -> Window:
    days = int(operation["numberOfDays"])
    zone = _UTC if operation.get("requiresTimeZoneConversion") is False else None
    ago, ahead = (Indexed(_today, Offset(days=shift), zone=zone) for shift in (-days, days))
    windows = {
        "IS_LESS_THAN_X_DAYS_AGO": _between(ago, Now(zone=zone)),
        "IS_MORE_THAN_X_DAYS_AGO": _before(ago),
        "IS_LESS_THAN_X_DAYS_FROM_NOW": _between(Now(zone=zone), ahead),
        "IS_MORE_THAN_X_DAYS_FROM_NOW": _after(ahead),
    }
    return operator_of(windows, operation)


def _rolling_change(operation: Operation) -> Window:
    since = Indexed(_today, Offset(days=-int(operation["numberOfDays"])))
    updated = {"UPDATED_IN_LAST_X_DAYS": True, "NOT_UPDATED_IN_LAST_X_DAYS": False}
    return replace(_between(since, Now()), inside=operator_of(updated, operation), changed=True)


def _comparative(operation: Operation) -> Window:
    name, default = operation["comparisonPropertyName"], operation.get("defaultComparisonValue")
    return _either(operation, OtherProperty(name, default=default))


def _comparative_change(operation: Operation) -> Window:
    other = OtherProperty(operation["comparisonPropertyName"], changed=True)
    return replace(_either(operation, other), changed=True)


def _calendar(operation: Operation) -> Window:
    fiscal = operation.get("useFiscalYear") is True
    first_month = _month(operation["fiscalYearStart"]) if fiscal else 1
    unit, months, days = _UNITS[operation["timeUnit"]]
    count = int(operation.get("timeUnitCount") or 1)

    def edge(units: int) -> Indexed:
        return Indexed(lambda today: unit(today, first_month), Offset(months * units, days * units))

    windows = {
        "IN_THIS_TIME_UNIT": _between(edge(0), edge(1), upper_inclusive=False),
        "IN_THIS_TIME_UNIT_SO_FAR": _between(edge(0), Now()),
        "IN_NEXT_TIME_UNIT": _between(edge(1), edge(1 + count), upper_inclusive=False),
        "IN_LAST_TIME_UNIT": _between(edge(-count), edge(0), upper_inclusive=False),
    }
    return operator_of(windows, operation)


def _today(today: date) -> date:
    return today


def _week(today: date, weekday: int = 0) -> date:
    return today + timedelta(days=weekday - today.weekday())


def _quarter(today: date, first_month: int) -> date:
    return add_months(today.replace(day=1), -((today.month - first_month) % 3))


def _year(today: date, first_month: int) -> date:
    return add_months(today.replace(day=1), -((today.month - first_month) % 12))


_UNITS: dict[str, tuple[Callable[[date, int], date], int, int]] = {
    "DAY": (lambda today, _: today, 0, 1),
    "WEEK": (lambda today, _: _week(today), 0, 7),
    "MONTH": (lambda today, _: today.replace(day=1), 1, 0),
    "QUARTER": (_quarter, 3, 0),
    "YEAR": (_year, 12, 0),
}
"""The first day of a unit by today and the year's first month; the unit's length in months and days."""


def _time_point(operation: Operation) -> Window:
    point = _point(operation["timePoint"])
    inclusive = operation.get("endpointBehavior") == "INCLUSIVE"
    return replace(_either(operation, point, inclusive=inclusive), changed=_judges_change(operation))


def _time_range(operation: Operation) -> Window:
    bounds = (
        Bound(
            _point(operation[f"{end}TimePoint"]),
            lower=end == "lowerBound",
            inclusive=operation.get(f"{end}EndpointBehavior", "INCLUSIVE") == "INCLUSIVE",
        )
        for end in ("lowerBound", "upperBound")
    )
    return Window(tuple(bounds), operator_of(_INSIDE, operation), _judges_change(operation))


def _judges_change(operation: Operation) -> bool:
    return bool(operation.get("propertyParser") == "UPDATED_AT")


def _point(spec: Mapping[str, Any]) -> Point:
    custom = spec.get("timezoneSource", "CUSTOM") == "CUSTOM" and spec.get("zoneId")
    zone = ZoneInfo(spec["zoneId"]) if custom else None
    match spec["timeType"]:
        case "DATE":
            day = date(spec["year"], spec["month"], spec["day"])
            return Fixed(datetime.combine(day, _clock(spec)), zone)
        case "INDEXED":
            return _indexed(spec["indexReference"], _offset(spec.get("offset") or {}), zone)
        case "PROPERTY_REFERENCED":
            return OtherProperty(spec["property"], changed=spec["referenceType"] == "UPDATED_AT", zone=zone)
        case other:
            raise Unanswerable(f"the time type {other} is not known")


def _clock(spec: Mapping[str, Any]) -> time:
    hour, minute, second, milliseconds = (
        int(spec.get(part) or 0) for part in ("hour", "minute", "second", "millisecond")
    )
    return time(hour, minute, second, milliseconds * 1000)


def _offset(spec: Mapping[str, Any]) -> Offset:
    years, quarters, months, weeks, days, hours, minutes, seconds, milliseconds = (
        int(spec.get(unit) or 0)
        for unit in (
            "years",
            "quarters",
            "months",
            "weeks",
            "days",
            "hours",
            "minutes",
            "seconds",
            "milliseconds",
        )
    )
    return Offset(
        months=12 * years + 3 * quarters + months,
        days=7 * weeks + days,
        ms=((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds,
    )


def _indexed(reference: Mapping[str, Any], offset: Offset, zone: ZoneInfo | None) -> Point:
    kind = reference["referenceType"]
    if kind == "NOW":
        return Now(offset, zone)
    if kind in {"FISCAL_QUARTER", "FISCAL_YEAR"}:
        raise Unanswerable("the first month of the portal's fiscal year is not known")
    return Indexed(_reference(kind, reference), offset, _clock(reference), zone)


def _reference(kind: str, spec: Mapping[str, Any]) -> Callable[[date], date]:
    month, day = int(spec.get("month") or 1), int(spec.get("day") or 1)
    match kind:
        case "TODAY":
            return _today
        case "WEEK":
            weekday = _WEEKDAYS.index(spec.get("dayOfWeek") or "MONDAY")
            return lambda today: _week(today, weekday)
        case "MONTH":
            return lambda today: on_day(today.replace(day=1), day)
        case "QUARTER":
            return lambda today: on_day(add_months(_quarter(today, 1), month - 1), day)
        case "YEAR":
            return lambda today: on_day(date(today.year, month, 1), day)
        case other:
            raise Unanswerable(f"the reference {other} is not known")


_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_BUILDERS: dict[str, Callable[[Operation], Window]] = {
    "DATETIME": _timestamp,
    "RANGED_DATE": _timestamps,
    "DATE": _date,
    "CALENDAR_DATE": _calendar,
    "ROLLING_DATE_RANGE": _rolling,
    "ROLLING_PROPERTY_UPDATED": _rolling_change,
    "COMPARATIVE_DATE": _comparative,
    "COMPARATIVE_PROPERTY_UPDATED": _comparative_change,
    "TIME_POINT": _time_point,
    "TIME_RANGED": _time_range,
}
WINDOW_TYPES = frozenset(_BUILDERS)
"""The operation types that ask about time."""
