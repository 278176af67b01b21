"""The values that flow through a formula, and how a record's values become them."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

from domain.formula.decimals import EXACT
from domain.formula.errors import ErrorKind, Fault
from domain.formula.kinds import BY_DESCRIBE_TYPE, PERCENT, Kind

Value = str | Decimal | bool | date | datetime | time | None
"""A plain value; None is blank. Text is never empty, datetimes are aware and in UTC."""


class Location(NamedTuple):
    """What GEOLOCATION makes; lives only inside a formula. Both None means blank."""

    latitude: Decimal | None
    longitude: Decimal | None


class Absence(Enum):
    """Told apart from a blank value: nobody has read it."""

    ABSENT = "absent"


ABSENT: Final = Absence.ABSENT


def find(values: Mapping[str, Value], name: str) -> Value | Absence:
    """Look a name up regardless of its case; the exact spelling is the quick way."""
    try:
        return values[name]
    except KeyError:
        lowered = name.lower()
    return next((values[key] for key in values if key.lower() == lowered), ABSENT)


def text_value(value: Value) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise _Misfit("text")


def number_value(value: Value | int) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise _Misfit("a finite Decimal")


def percent_value(value: Value) -> Decimal | None:
    """Read a stored 10 as the 0.1 that a formula sees."""
    number = number_value(value)
    return None if number is None else EXACT.scaleb(number, -2)


def boolean_value(value: Value) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _Misfit("a bool")


def date_value(value: Value) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise _Misfit("a date")


def datetime_value(value: Value) -> datetime | None:
    """Read a datetime; one without a zone is taken as GMT, as the API gives it."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    raise _Misfit("a datetime")


def time_value(value: Value) -> time | None:
    if value is None:
        return None
    if isinstance(value, time):
        return value.replace(tzinfo=None)
    raise _Misfit("a time")


Reader = Callable[[Value], Value]

_READERS: dict[Kind, Reader] = {
    Kind.TEXT: text_value,
    Kind.PICKLIST: text_value,
    Kind.MULTIPICKLIST: text_value,
    Kind.NUMBER: number_value,
    Kind.BOOLEAN: boolean_value,
    Kind.DATE: date_value,
    Kind.DATETIME: datetime_value,
    Kind.TIME: time_value,
}


def reader_of(describe_type: str) -> Reader:
    """Give the function that checks and converts a record's value of this describe type."""
    return percent_value if describe_type == PERCENT else _READERS[BY_DESCRIBE_TYPE[describe_type]]


class _Misfit(Fault):
    def __init__(self, expected: str) -> None:
        super().__init__(f"the record's value is not {expected}", ErrorKind.UNKNOWN)
