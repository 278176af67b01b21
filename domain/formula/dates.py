"""Dates, datetimes and times of day.

Source: Salesforce Help, "Formula Operators and Functions": Date and Time Functions; "Using Date, Date/Time,
and Time Values in Formulas". Datetimes are GMT; only TODAY and DATEVALUE look at the user's time zone.
"""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from domain.formula.context import Context
from domain.formula.decimals import WIDE, whole
from domain.formula.errors import ErrorKind, Fault
from domain.formula.functions import (
    DATE,
    DATETIME,
    NUMBER,
    TEXT,
    TIME,
    Build,
    Function,
    check_count,
    check_kind,
    settled,
)
from domain.formula.kinds import Kind
from domain.formula.nodes import Call
from domain.formula.text import text_of_number
from domain.formula.times import milliseconds
from domain.formula.typed import Scope, Typed, contextual, lenient, strict
from domain.formula.values import Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS_LIMIT = 12 * 9_999
_DATE = re.compile(r"([0-9]{4})-([0-9]+)-([0-9]+)")
_DATETIME = re.compile(r"([0-9]{4})-([0-9]+)-([0-9]+) ([0-9]+):([0-9]+):([0-9]+)")
_TIME = re.compile(r"([0-9]+):([0-9]+):([0-9]+)\.([0-9]+)")
_MAX_MILLISECOND = 999
_MAX_DIGITS = 9


def now(context: Context) -> datetime:
    if context.now is None:
        raise Fault("the time is not known", ErrorKind.UNKNOWN)
    return context.now.replace(tzinfo=UTC) if context.now.tzinfo is None else context.now.astimezone(UTC)


def today(context: Context) -> date:
    return now(context).astimezone(context.time_zone).date()


def time_now(context: Context) -> time:
    return now(context).time()


def date_of_parts(year: Decimal, month: Decimal, day: Decimal) -> date:
    return _date(whole(year), whole(month), whole(day))


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except (ValueError, OverflowError):
        raise Fault("there is no such date") from None


def date_value(context: Context, value: str | datetime) -> date:
    """Read ``2024-2-29``, ignoring what follows; of a datetime, the day where the user is."""
    if isinstance(value, datetime):
        return value.astimezone(context.time_zone).date()
    match = _DATE.match(value)
    if match is None:
        raise Fault("DATEVALUE of a text that is not a date")
    return _date(*_integers(match))


def datetime_value(value: str | date) -> datetime:
    """Read ``2024-2-29 17:5:0``, ignoring what follows; of a date, its midnight. GMT."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return _midnight(value)
    match = _DATETIME.match(value)
    if match is None:
        raise Fault("DATETIMEVALUE of a text that is not a date and time")
    year, month, day, hour, minute, second = _integers(match)
    return datetime.combine(_date(year, month, day), _clock(hour, minute, second, 0), UTC)


def time_value(value: str | datetime) -> time:
    """Read ``17:5:0.0``, milliseconds and all; of a datetime, its time in GMT."""
    if isinstance(value, datetime):
        return value.time()
    match = _TIME.fullmatch(value)
    if match is None:
        raise Fault("TIMEVALUE of a text that is not a time")
    return _clock(*_integers(match))


def _integers(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(group) if len(group) <= _MAX_DIGITS else -1 for group in match.groups())


def _clock(hour: int, minute: int, second: int, millisecond: int) -> time:
    if not 0 <= millisecond <= _MAX_MILLISECOND:
        raise Fault("there is no such time")
    try:
        return time(hour, minute, second, millisecond * 1000)
    except ValueError:
        raise Fault("there is no such time") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def add_months(start: date, months: Decimal) -> date:
    """Move by whole months: from the last day to the last day, otherwise clipped to the month."""
    count = whole(months)
    if abs(count) > _MONTHS_LIMIT:
        raise Fault("the result is out of range", ErrorKind.UNKNOWN)
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    if not date.min.year <= year <= date.max.year:
        raise Fault("the result is out of range", ErrorKind.UNKNOWN)
    last = calendar.monthrange(year, month + 1)[1]
    stays_last = start.day == calendar.monthrange(start.year, start.month)[1]
    return start.replace(year=year, month=month + 1, day=last if stays_last else min(start.day, last))


def weekday(day: date) -> int:
    """Count from Sunday, which is 1."""
    return day.isoweekday() % 7 + 1


def unix_timestamp(value: date | time) -> Decimal:
    """Whole seconds since 1970 in GMT; of a time, since midnight."""
    if isinstance(value, time):
        return Decimal(milliseconds(value) // 1000)
    moment = value if isinstance(value, datetime) else _midnight(value)
    return Decimal(int((moment - _EPOCH).total_seconds()))


def from_unix_time(seconds: Decimal) -> datetime:
    return _EPOCH + timedelta(milliseconds=whole(WIDE.multiply(seconds, 1000)))


def duration_of_seconds(seconds: Decimal | None, with_days: bool | None = None) -> str | None:  # noqa: FBT001  (an argument of the formula)
    return None if seconds is None else _duration(whole(seconds), with_days=bool(with_days))


def duration_of_times(start: time, end: time) -> str:
    return _duration(int((milliseconds(end) - milliseconds(start)) / 1000), with_days=False)


def duration_of_datetimes(start: datetime, end: datetime) -> str:
    return _duration(int((end - start).total_seconds()), with_days=True)


def _duration(seconds: int, *, with_days: bool) -> str:
    minutes, second = divmod(abs(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if not with_days:
        return f"{hours:02}:{minute:02}:{second:02}"
    days, hour = divmod(hours, 24)
    return f"{days}:{hour:02}:{minute:02}:{second:02}"


def _format_duration(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del scope
    check_count(call, 1, 2)
    first = arguments[0].kind
    if first in {Kind.TIME, Kind.DATETIME}:
        check_count(call, 2, 2)
        check_kind(call, arguments[1], frozenset({first}))
        body = duration_of_times if first is Kind.TIME else duration_of_datetimes
        return settled(call, Kind.TEXT, arguments, strict, body)
    check_kind(call, arguments[0], NUMBER)
    for argument in arguments[1:]:
        check_kind(call, argument, frozenset({Kind.BOOLEAN}))
    return settled(call, Kind.TEXT, arguments, lenient, duration_of_seconds)


def text_of(value: Value) -> str:
    """Write a value as TEXT does; the value of a picklist is its API value."""
    if isinstance(value, Decimal):
        return text_of_number(value)
    if isinstance(value, datetime):
        return f"{value.date().isoformat()} {value:%H:%M:%S}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("milliseconds")
    return str(value)


def _part(read: Callable[..., int], kinds: frozenset[Kind]) -> Function:
    return Function(lambda value: Decimal(read(value)), (kinds,), Kind.NUMBER)


_PRINTABLE = frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.PICKLIST})

FUNCTIONS: dict[str, Build] = {
    "ADDMONTHS": Function(add_months, (DATE | DATETIME, NUMBER), None),
    "DATE": Function(date_of_parts, (NUMBER, NUMBER, NUMBER), Kind.DATE),
    "DATEVALUE": Function(date_value, (TEXT | DATETIME,), Kind.DATE, style=contextual),
    "DATETIMEVALUE": Function(datetime_value, (TEXT | DATE | DATETIME,), Kind.DATETIME),
    "DAY": _part(lambda day: day.day, DATE),
    "DAYOFYEAR": _part(lambda day: day.timetuple().tm_yday, DATE),
    "FORMATDURATION": _format_duration,
    "FROMUNIXTIME": Function(from_unix_time, (NUMBER,), Kind.DATETIME),
    "HOUR": _part(lambda clock: clock.hour, TIME),
    "ISOWEEK": _part(lambda day: day.isocalendar().week, DATE),
    "ISOYEAR": _part(lambda day: day.isocalendar().year, DATE),
    "MILLISECOND": _part(lambda clock: clock.microsecond // 1000, TIME),
    "MINUTE": _part(lambda clock: clock.minute, TIME),
    "MONTH": _part(lambda day: day.month, DATE),
    "NOW": Function(now, (), Kind.DATETIME, style=contextual),
    "SECOND": _part(lambda clock: clock.second, TIME),
    "TEXT": Function(text_of, (_PRINTABLE,), Kind.TEXT),
    "TIMENOW": Function(time_now, (), Kind.TIME, style=contextual),
    "TIMEVALUE": Function(time_value, (TEXT | DATETIME,), Kind.TIME),
    "TODAY": Function(today, (), Kind.DATE, style=contextual),
    "UNIXTIMESTAMP": Function(unix_timestamp, (DATE | DATETIME | TIME,), Kind.NUMBER),
    "WEEKDAY": _part(weekday, DATE),
    "YEAR": _part(lambda day: day.year, DATE),
}
