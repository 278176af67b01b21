"""Literals of a query in the form that rows hold."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from simulators.salesforce import times
from simulators.salesforce.errors import ApiError
from simulators.salesforce.ids import normalise
from simulators.salesforce.schema import NUMBER_TYPES, Field
from simulators.salesforce.soql_tree import Literal, Path

if TYPE_CHECKING:
    from collections.abc import Callable


def wrong_literal(entry: Field, path: object) -> ApiError:
    shown = path.text if isinstance(path, Path) else str(path)
    kind = {"datetime": "dateTime", "reference": "string", "picklist": "string"}.get(entry.type, entry.type)
    bare = entry.type in ("date", "datetime", "boolean", *NUMBER_TYPES)
    what = f"value of filter criterion for field '{shown}' must be of type {kind}"
    return ApiError("INVALID_FIELD", f"{what} and should {'not ' if bare else ''}be enclosed in quotes")


def literal_value(entry: Field, literal: Literal, path: object) -> Any:
    """A literal in the form that rows hold.

    Raises:
        ApiError: INVALID_FIELD for a literal of the wrong type, INVALID_QUERY_FILTER_OPERATOR for a bad id.
    """
    if literal.kind == "null":
        return False if entry.type == "boolean" else None
    if entry.type in NUMBER_TYPES and literal.kind == "number":
        return literal.value
    if entry.type == "boolean" and literal.kind == "boolean":
        return literal.value
    if entry.type in ("date", "datetime") and literal.kind == entry.type:
        return _moment(literal)
    if literal.kind != "text" or entry.type in ("date", "datetime", "boolean", *NUMBER_TYPES):
        raise wrong_literal(entry, path)
    return _text_literal(entry, literal.value)


def _moment(literal: Literal) -> str:
    read = times.parse_date if literal.kind == "date" else times.parse_datetime
    found = read(literal.value)
    if found is None:
        raise ApiError("MALFORMED_QUERY", f"Invalid {literal.kind}: {literal.value}")
    return found


def _text_literal(entry: Field, text: str) -> str | None:
    if entry.type not in ("id", "reference"):
        return text or None
    found = normalise(text)
    if found is None:
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
    return found


def span(literal: str, today: date) -> tuple[date, date]:
    """The first day of a date literal, and the day after its last.

    Raises:
        ApiError: MALFORMED_QUERY for a literal that is not supported.
    """
    name, _, number = literal.partition(":")
    count = int(number or 1)
    days = {
        "TODAY": (0, 1),
        "YESTERDAY": (-1, 0),
        "TOMORROW": (1, 2),
        "LAST_N_DAYS": (-count, 1),
        "NEXT_N_DAYS": (1, count + 1),
        "N_DAYS_AGO": (-count, 1 - count),
        "LAST_90_DAYS": (-90, 1),
        "NEXT_90_DAYS": (1, 91),
    }
    if name not in days:
        return _calendar_span(name, count, today)
    first, end = days[name]
    return today + timedelta(days=first), today + timedelta(days=end)


def _calendar_span(name: str, count: int, today: date) -> tuple[date, date]:
    which, _, unit = name.partition("_")
    several = unit.startswith("N_")
    unit = unit.removeprefix("N_").removesuffix("S" if several else "")
    starts: dict[str, Callable[[int], date]] = {
        "WEEK": lambda shift: today - timedelta(days=(today.weekday() + 1) % 7 - 7 * shift),
        "MONTH": lambda shift: _month(today.year, today.month + shift),
        "QUARTER": lambda shift: _month(today.year, (today.month - 1) // 3 * 3 + 1 + 3 * shift),
        "YEAR": lambda shift: date(today.year + shift, 1, 1),
    }
    if unit not in starts:
        raise ApiError("MALFORMED_QUERY", f"unexpected token: '{name}'")
    start = starts[unit]
    first, end = {"THIS": (0, 1), "LAST": (-count, 0), "NEXT": (1, 1 + count)}[which]
    return start(first), start(end)


def _month(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
