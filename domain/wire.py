"""Between what travels to and from the CRMs and the canonical text of ``domain.identity.FieldValue``.

HubSpot sends every value as text, dates in webhooks as epoch milliseconds; ``""`` is blank. Salesforce
sends JSON values typed by its describe (booleans, numbers) and datetimes as ``...+0000``; it trims text
and knows no empty one. Sources: HubSpot's "Properties" and "Webhooks" guides, Salesforce's "Primitive
Data Types" and "Date and DateTime Formats" pages.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final

from domain.identity import Fields, FieldValue
from domain.schema import FieldKind, FieldSchema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH_TEXT = re.compile(r"-?\d{9,14}")
_LARGEST_EXPONENT = 400  # beyond any field's; keeps "1E999999" from becoming a megabyte
_NUMBERS = frozenset({FieldKind.NUMBER, FieldKind.INTEGER})

Json = str | int | float | Decimal | bool | None
"""A field's value in a Salesforce JSON body; numbers arrive as Decimal, so that no digit is lost."""


class Unsafe(Enum):
    """The marker for a webhook value that must not be taken: read the record instead."""

    UNSAFE = "unsafe"


UNSAFE: Final = Unsafe.UNSAFE

REDACTED = "REDACTED"
"""What a webhook carries in place of a sensitive value."""

LONGEST_WEBHOOK_TEXT = 1_000
"""Text beyond this length, in characters, is read again: nothing promises that webhooks carry it whole."""


def plain_number(text: str) -> str:
    """A decimal without exponent, superfluous zeros or plus sign. Raises ValueError on anything else."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("not a number of a field")
    plain = format(number, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", "+0"} else plain


def instant(moment_ms: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS.mmmZ`` of an epoch in ms. Raises ValueError outside the years 1 to 9999."""
    try:
        moment = _EPOCH + moment_ms * _MILLISECOND
    except OverflowError:
        raise ValueError("not a moment") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(text: str) -> int:
    """Read an ISO 8601 datetime with any offset (``Z``, ``+0000``, ``+01:00``); none means UTC.

    Raises ValueError on anything else.
    """
    return millis(datetime.fromisoformat(text))


def millis(moment: datetime) -> int:
    """Epoch ms of a moment; one without zone is UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND


def _moment_text(text: str) -> str:
    return instant(int(text) if _EPOCH_TEXT.fullmatch(text) else epoch_ms(text))


def _date_text(text: str) -> str:
    """An epoch names a day only at midnight UTC; at other hours it is midnight somewhere, unknown where."""
    if not _EPOCH_TEXT.fullmatch(text):
        return datetime.fromisoformat(text).date().isoformat()
    if int(text) % _DAY_MS:
        raise ValueError("not midnight UTC")
    return instant(int(text))[:10]


def _truth(text: str) -> str:
    if text.lower() not in {"true", "false"}:
        raise ValueError("not a boolean")
    return text.lower()


def _members(text: str) -> str | None:
    return ";".join(member for member in text.split(";") if member) or None


_FROM_HUBSPOT = {
    FieldKind.NUMBER: plain_number,
    FieldKind.INTEGER: plain_number,
    FieldKind.BOOLEAN: _truth,
    FieldKind.DATE: _date_text,
    FieldKind.DATETIME: _moment_text,
    FieldKind.MULTIPICKLIST: _members,
}


def from_hubspot(value: object, field: FieldSchema | None) -> FieldValue:
    """A property's value of a REST answer. What does not fit the property's type stays as it came."""
    text = "" if value is None else str(value)
    read = _FROM_HUBSPOT.get(field.kind) if field else None
    if not text or read is None:
        return text or None
    try:
        return read(text)
    except ValueError:
        return text


def from_webhook(value: str | None, field: FieldSchema) -> FieldValue | Unsafe:
    """A ``propertyValue`` of a HubSpot webhook, or ``UNSAFE`` where its type does not make it safe to take.

    Unsafe are redacted, calculated, rich and very long texts, dates that do not name a day of their own,
    and whatever does not fit the property's type.
    """
    if (
        value == REDACTED
        or field.calculated
        or field.kind is FieldKind.OTHER
        or field.native.endswith("/html")
    ):
        return UNSAFE
    if not value:
        return None
    if len(value) > LONGEST_WEBHOOK_TEXT:
        return UNSAFE
    read = _FROM_HUBSPOT.get(field.kind)
    try:
        return read(value) if read else value
    except ValueError:
        return UNSAFE


def to_hubspot(value: FieldValue) -> str:
    """Every property takes canonical text; ``""`` clears it."""
    return value or ""


def from_salesforce(value: Json, kind: FieldKind) -> FieldValue:
    """A field's value of a query's answer. What does not fit the field's type stays as it came."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return plain_number(str(value))
    if kind is FieldKind.DATETIME:
        try:
            return instant(epoch_ms(value))
        except ValueError:
            return value
    return value.strip() or None


def to_salesforce(value: FieldValue, kind: FieldKind) -> Json:
    """The JSON value for a write: a boolean is never null, a number keeps all its digits."""
    if kind is FieldKind.BOOLEAN:
        return value == "true"
    if value is not None and kind in _NUMBERS:
        try:
            return Decimal(plain_number(value))
        except ValueError:
            return value
    return value


def salesforce_fields(
    record: Mapping[str, Any], names: Iterable[str], schema: Mapping[str, FieldSchema]
) -> Fields:
    """The asked fields of one record; compound ones (addresses, locations) have no text and are left out."""
    return {
        name: from_salesforce(record[name], schema[name].kind if name in schema else FieldKind.OTHER)
        for name in names
        if name in record and not isinstance(record[name], dict | list)
    }


_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHORT = 15  # letters and digits of a short id


def to18(record_id: str) -> str:
    """The 18-character form of a Salesforce id; anything but a 15-character id stays as it is.

    The three letters behind say which of the first fifteen are capitals, so that the long form survives
    where letter case does not.
    """
    if len(record_id) != _SHORT or not (record_id.isascii() and record_id.isalnum()):
        return record_id
    groups = (record_id[start : start + 5] for start in (0, 5, 10))
    return record_id + "".join(
        _CHECKSUM[sum(1 << place for place, letter in enumerate(group) if letter.isupper())]
        for group in groups
    )


def soql_text(value: str) -> str:
    """A quoted SOQL literal. Source: "Quoted String Escape Sequences"."""
    for plain, escaped in _SOQL_ESCAPES:
        value = value.replace(plain, escaped)
    return f"'{value}'"


_SOQL_ESCAPES = (
    ("\\", "\\\\"),
    ("'", "\\'"),
    ("\n", "\\n"),
    ("\r", "\\r"),
    ("\t", "\\t"),
    ("\b", "\\b"),
    ("\f", "\\f"),
)
