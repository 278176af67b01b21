"""Values on their way in: JSON to what a row holds, and the checks that need nothing but the field."""

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from simulators.salesforce import errors, times
from simulators.salesforce.errors import ApiError
from simulators.salesforce.ids import normalise
from simulators.salesforce.schema import TEXT_TYPES, Field

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[\w\-]+(\.[\w\-]+)+")
_INT_LIMIT = 2**31


def _shown(value: object) -> str:
    """The Java parser's name of a JSON value."""
    match value:
        case bool():
            return f"VALUE_{str(value).upper()} value {str(value).lower()}"
        case int():
            return f"VALUE_NUMBER_INT value {value}"
        case float():
            return f"VALUE_NUMBER_FLOAT value {value}"
        case dict():
            return "START_OBJECT value {"
        case list():
            return "START_ARRAY value ["
        case _:
            return f"VALUE_STRING value {value}"


def _refuse(type_name: str, value: object) -> ApiError:
    return errors.parser_error(type_name, _shown(value), 2)


def _text(_: Field, value: object) -> str | None:
    if not isinstance(value, str):
        raise _refuse("string", value)
    return value.strip() or None


def _multipicklist(entry: Field, value: object) -> str | None:
    text = _text(entry, value)
    if text is None:
        return None
    chosen = {part.strip() for part in text.split(";")} - {""}
    known = [choice.value for choice in entry.choices if choice.value in chosen]
    return ";".join(known + sorted(chosen - set(known)))


def _boolean(_: Field, value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise _refuse("boolean", value)
    return value


def _number(entry: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _refuse("double", value)
    try:
        exact = Decimal(str(value))
    except InvalidOperation as error:
        raise _refuse("double", value) from error
    return float(exact.quantize(Decimal(1).scaleb(-entry.scale), ROUND_HALF_UP))


def _int(_: Field, value: object) -> int:
    try:
        if (
            isinstance(value, int | float | str)
            and not isinstance(value, bool)
            and float(value) == int(float(value))
        ):
            return int(float(value))
    except ValueError:
        pass
    raise _refuse("int", value)


def _date(_: Field, value: object) -> str:
    parsed = times.parse_date(value) if isinstance(value, str) else None
    if parsed is None:
        raise _refuse("date", value)
    return parsed


def _datetime(_: Field, value: object) -> str:
    parsed = times.parse_datetime(value) if isinstance(value, str) else None
    if parsed is None:
        raise _refuse("datetime", value)
    return parsed


def _reference(_: Field, value: object) -> str | None:
    """An id in its long form; what is no id stays as it is, for `row_errors` to refuse."""
    if not isinstance(value, str):
        raise _refuse("string", value)
    return (normalise(value) or value) or None


_READERS: dict[str, Callable[[Field, object], Any]] = {
    **dict.fromkeys(TEXT_TYPES, _text),
    "multipicklist": _multipicklist,
    "boolean": _boolean,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "int": _int,
    "date": _date,
    "datetime": _datetime,
    "reference": _reference,
}


def read(entry: Field, value: object) -> Any:
    """A JSON value as a row holds it: text is trimmed, empty text is None.

    Raises:
        ApiError: JSON_PARSER_ERROR, for a value of the wrong JSON type.
    """
    if value is None:
        return None
    reader = _READERS.get(entry.type)
    if reader is None:
        raise _refuse(entry.type, value)
    if value == "" and entry.type != "boolean":
        return None
    return reader(entry, value)


def row_errors(entry: Field, value: Any) -> ApiError | None:
    """What is wrong with a value that has the right JSON type."""
    if value is None:
        return _null_error(entry)
    if isinstance(value, str):
        return _text_error(entry, value)
    if (entry.type == "int" and abs(value) >= _INT_LIMIT) or (entry.precision and _too_wide(entry, value)):
        message = f"{entry.label}: value outside of valid range on numeric field: {value}"
        return ApiError("NUMBER_OUTSIDE_VALID_RANGE", message, fields=[entry.name])
    return None


def _null_error(entry: Field) -> ApiError | None:
    if entry.type != "boolean":
        return None
    message = f"{entry.label}: value not of required type: "
    return ApiError("INVALID_TYPE_ON_FIELD_IN_RECORD", message, fields=[entry.name])


def _too_wide(entry: Field, value: float) -> bool:
    return bool(abs(value) >= 10 ** (entry.precision - entry.scale))


def _text_error(entry: Field, value: str) -> ApiError | None:
    if entry.type == "reference":
        return _reference_error(entry, value)
    if entry.length and len(value) > entry.length:
        message = f"{entry.label}: data value too large: {value} (max length={entry.length})"
        return ApiError("STRING_TOO_LONG", message, fields=[entry.name])
    if entry.type == "email" and not _EMAIL.fullmatch(value):
        message = f"{entry.label}: invalid email address: {value}"
        return ApiError("INVALID_EMAIL_ADDRESS", message, fields=[entry.name])
    if entry.restricted:
        return _restricted_error(entry, value)
    return None


def _reference_error(entry: Field, value: str) -> ApiError | None:
    if normalise(value) == value:
        return None
    message = f"{entry.label}: id value of incorrect type: {value}"
    return ApiError("MALFORMED_ID", message, fields=[entry.name])


def _restricted_error(entry: Field, value: str) -> ApiError | None:
    known = {choice.value for choice in entry.choices if choice.active}
    parts = value.split(";") if entry.type == "multipicklist" else [value]
    unknown = [part for part in parts if part not in known]
    if not unknown:
        return None
    message = f"{entry.label}: bad value for restricted picklist field: {';'.join(unknown)}"
    return ApiError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=[entry.name])
