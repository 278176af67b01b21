"""Calendar arithmetic of list filters: calendar units and indexed time points."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12, "FISCAL_QUARTER": 3, "FISCAL_YEAR": 12}
_YEAR_MONTHS = 12


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _add_months(moment: datetime, months: int) -> datetime:
    index = moment.year * _YEAR_MONTHS + moment.month - 1 + months
    return moment.replace(year=index // _YEAR_MONTHS, month=index % _YEAR_MONTHS + 1, day=min(moment.day, 28))


def unit_start(unit: str, now: datetime, fiscal_start: int = 1) -> datetime:
    """The start of the calendar unit around `now`; weeks start on Monday; `fiscal_start` is a month."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "DAY":
        return day
    if unit == "WEEK":
        return day - timedelta(days=day.weekday())
    length = _MONTHS[unit]
    back = (day.month - fiscal_start) % _YEAR_MONTHS % length
    return _add_months(day.replace(day=1), -back)


def _shift(start: datetime, unit: str, count: int) -> datetime:
    if unit in _MONTHS:
        return _add_months(start, _MONTHS[unit] * count)
    return start + timedelta(days=count * (7 if unit == "WEEK" else 1))


def calendar_range(operator: str, unit: str, count: int, now: datetime, fiscal_start: int) -> tuple[int, int]:
    """The half-open range in epoch milliseconds that a CALENDAR_DATE operator accepts."""
    start = unit_start(unit, now, fiscal_start)
    following = _shift(start, unit, 1)
    if operator == "IN_THIS_TIME_UNIT":
        return _ms(start), _ms(following)
    if operator == "IN_THIS_TIME_UNIT_SO_FAR":
        return _ms(start), _ms(now) + 1
    if operator == "IN_NEXT_TIME_UNIT":
        return _ms(following), _ms(_shift(following, unit, count))
    return _ms(_shift(start, unit, -count)), _ms(start)


def time_point(point: dict[str, Any], now_ms: int) -> int:
    """A DATE or INDEXED time point in epoch milliseconds."""
    zone = ZoneInfo(point.get("zoneId") or "UTC")
    if point["timeType"] == "DATE":
        date = datetime(int(point["year"]), int(point["month"]), int(point["day"]), tzinfo=zone)
        names = ("hour", "minute", "second")
        time = date.replace(**{name: int(point.get(name) or 0) for name in names})  # type: ignore[arg-type]
        return _ms(time) + int(point.get("millisecond") or 0)
    reference = point["indexReference"]
    kind = reference["referenceType"]
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    start = now
    if kind != "NOW":
        start = unit_start("DAY" if kind == "TODAY" else kind, now, _fiscal_start(reference))
    return _ms(_offset(start, point.get("offset") or {}))


def _fiscal_start(reference: dict[str, Any]) -> int:
    return int(reference.get("month") or 1) if str(reference["referenceType"]).startswith("FISCAL") else 1


def _offset(moment: datetime, offset: dict[str, int]) -> datetime:
    months = offset.get("months", 0) + 3 * offset.get("quarters", 0) + _YEAR_MONTHS * offset.get("years", 0)
    moved = _add_months(moment, months) if months else moment
    names = ("days", "weeks", "hours", "minutes", "seconds", "milliseconds")
    return moved + timedelta(**{name: offset.get(name, 0) for name in names})
