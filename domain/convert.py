"""Values across CRMs: what is the same, and what one CRM's value is in the other's words.

Both functions work on canonical text (``domain.identity.FieldValue``). Two values of one field are the
same if their canonical forms are: numbers by value, multi-selects as sets, e-mail without letter case,
text without the difference between line ends, an empty checkbox like an unticked one.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from domain.identity import FieldValue
from domain.reasons import UNCONVERTIBLE
from domain.schema import FieldKind, FieldSchema
from domain.wire import plain_number

NUMBERS = frozenset({FieldKind.NUMBER, FieldKind.INTEGER})
TEXTS = frozenset(
    {FieldKind.TEXT, FieldKind.MULTILINE, FieldKind.PHONE, FieldKind.URL, FieldKind.REFERENCE, FieldKind.ID}
)


class Unconvertible(ValueError):  # noqa: N818 - a property of the value, which becomes a held field
    """The value has no counterpart in the target field; the message says why, without the value."""

    code = UNCONVERTIBLE


Fold = Callable[[FieldValue], FieldValue]
"""Gives the form of a value that is equal for all that mean the same."""


def folding(kind: FieldKind) -> Fold:
    """How the values of a field of this kind are folded for comparison."""
    return _FOLDS.get(kind, as_it_is)


def as_it_is(value: FieldValue) -> FieldValue:
    """Fold a value that has one form only, or of whose field nothing is known."""
    return value


def same(kind: FieldKind, one: FieldValue, other: FieldValue) -> bool:
    """Tell whether two values of a field of this kind mean the same."""
    if one == other:
        return True
    fold = _FOLDS.get(kind)
    return fold is not None and fold(one) == fold(other)


def converter(source: FieldSchema, target: FieldSchema, zone: ZoneInfo) -> Callable[[FieldValue], FieldValue]:
    """Build the function that carries a value from one field to the other.

    The function raises ``Unconvertible`` where a value has no counterpart. ``zone`` says which day a
    moment belongs to, where a datetime meets a date.
    """
    step = _STEPS.get(target.kind)
    if step is None:
        return as_text

    def convert(value: FieldValue) -> FieldValue:
        return step(source.kind, value, zone)

    return convert


def as_text(value: FieldValue) -> FieldValue:
    """Carry a value from text to text: a line ends in one way, and nothing is no text."""
    if value is None or "\r" not in value:
        return value or None
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _fold_text(value: FieldValue) -> FieldValue:
    if value is None:
        return None
    text = value.strip()
    return (as_text(text) if "\r" in text else text) or None


def _fold_email(value: FieldValue) -> FieldValue:
    return None if value is None else (value.strip().lower() or None)


def _fold_number(value: FieldValue) -> FieldValue:
    try:
        return None if value is None else plain_number(value)
    except ValueError:
        return value


def _fold_boolean(value: FieldValue) -> FieldValue:
    return "true" if value is not None and value.lower() == "true" else "false"


def _fold_set(value: FieldValue) -> FieldValue:
    return None if value is None else (";".join(sorted(_members(value))) or None)


def _members(value: str) -> set[str]:
    return {member.strip() for member in value.split(";") if member.strip()}


def _fold_datetime(value: FieldValue) -> FieldValue:
    try:
        return None if value is None else _instant(_moment(value))
    except (ValueError, OverflowError):
        return value


_FOLDS: dict[FieldKind, Fold] = {
    **dict.fromkeys(TEXTS, _fold_text),
    **dict.fromkeys(NUMBERS, _fold_number),
    FieldKind.EMAIL: _fold_email,
    FieldKind.BOOLEAN: _fold_boolean,
    FieldKind.MULTIPICKLIST: _fold_set,
    FieldKind.DATETIME: _fold_datetime,
}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _to_email(_: FieldKind, value: FieldValue, __: ZoneInfo) -> FieldValue:
    return _fold_email(value)


def _to_number(_: FieldKind, value: FieldValue, __: ZoneInfo) -> FieldValue:
    if value is None:
        return None
    try:
        return plain_number(value)
    except ValueError:
        raise Unconvertible("not a number") from None


def _to_integer(source: FieldKind, value: FieldValue, zone: ZoneInfo) -> FieldValue:
    number = _to_number(source, value, zone)
    if number is not None and "." in number:
        raise Unconvertible("the field takes whole numbers only")
    return number


def _to_boolean(_: FieldKind, value: FieldValue, __: ZoneInfo) -> FieldValue:
    if value is not None and value.lower() not in {"true", "false"}:
        raise Unconvertible("neither true nor false")
    return _fold_boolean(value)


def _to_date(source: FieldKind, value: FieldValue, zone: ZoneInfo) -> FieldValue:
    if value is None:
        return None
    try:
        if source is FieldKind.DATETIME:
            return _moment(value).astimezone(zone).date().isoformat()
        return date.fromisoformat(value[:10]).isoformat()
    except (ValueError, OverflowError):
        raise Unconvertible("not a date") from None


def _to_datetime(source: FieldKind, value: FieldValue, zone: ZoneInfo) -> FieldValue:
    if value is None:
        return None
    try:
        if source is FieldKind.DATE:
            day = date.fromisoformat(value[:10])
            return _instant(datetime(day.year, day.month, day.day, tzinfo=zone))
        return _instant(_moment(value))
    except (ValueError, OverflowError):
        raise Unconvertible("not a point in time") from None


def _to_set(_: FieldKind, value: FieldValue, __: ZoneInfo) -> FieldValue:
    return _fold_set(value)


_STEPS: dict[FieldKind, Callable[[FieldKind, FieldValue, ZoneInfo], FieldValue]] = {
    FieldKind.EMAIL: _to_email,
    FieldKind.NUMBER: _to_number,
    FieldKind.INTEGER: _to_integer,
    FieldKind.BOOLEAN: _to_boolean,
    FieldKind.DATE: _to_date,
    FieldKind.DATETIME: _to_datetime,
    FieldKind.MULTIPICKLIST: _to_set,
}
