"""Filters in the words of HubSpot's list editor, with labels instead of API names where they are known."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.schema import FieldKind, ObjectSchema

_OPERATORS = {
    "IS_BLANK": "is unknown",
    "IS_NOT_BLANK": "is known",
    "CONTAINS_ALL": "contains all of",
    "DOES_NOT_CONTAIN_ALL": "does not contain all of",
}


def operator_words(operator: str, *, several: bool = False) -> str:
    """Spell an operator: ``IS_ANY_OF`` is "is any of"; ``several`` operands are "is equal to any of"."""
    words = _OPERATORS.get(operator, operator.lower().replace("_", " "))
    return f"{words} any of" if several else words


def joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)


class Labels:
    """Names for people; without a schema, the API names."""

    def __init__(self, schema: ObjectSchema | None) -> None:
        self._schema = schema

    def knows(self, name: str) -> bool:
        """Say whether the property can be read; without a schema, every one is taken to be readable."""
        return self._schema is None or name in self._schema.fields

    def of(self, name: str) -> str:
        known = self._schema.fields.get(name) if self._schema else None
        return known.label if known else name

    def options(self, name: str, values: Iterable[str]) -> tuple[str, ...]:
        known = self._schema.fields.get(name) if self._schema else None
        labels = {option.value: option.label for option in known.options} if known else {}
        return tuple(labels.get(value, value) for value in values)

    def single(self, name: str) -> bool:
        """Say whether the property is known to hold one option at most."""
        known = self._schema.fields.get(name) if self._schema else None
        return known is not None and known.kind is not FieldKind.MULTIPICKLIST


def date_words(kind: str, operation: Mapping[str, Any], labels: Labels) -> str:
    """Spell a date filter: ``is less than 3 days ago``, ``is between today - 3 days and now``."""
    words = operator_words(operation["operator"])
    match kind:
        case "ROLLING_DATE_RANGE":
            return words.replace(" x ", f" {operation['numberOfDays']} ")
        case "ROLLING_PROPERTY_UPDATED":
            return f"was {words}".replace(" x ", f" {operation['numberOfDays']} ")
        case "CALENDAR_DATE":
            return f"is {_calendar_words(words, operation)}"
        case "COMPARATIVE_DATE":
            return f"{words} {labels.of(operation['comparisonPropertyName'])}"
        case "COMPARATIVE_PROPERTY_UPDATED":
            other = labels.of(operation["comparisonPropertyName"])
            return f"was last updated {words.removeprefix('is ')} {other}"
        case _:
            changed = "last update " if operation.get("propertyParser") == "UPDATED_AT" else ""
            return f"{changed}{words} {' and '.join(_operands(kind, operation, labels))}"


def _calendar_words(words: str, operation: Mapping[str, Any]) -> str:
    unit, count = operation["timeUnit"].lower(), int(operation.get("timeUnitCount") or 1)
    several = count > 1 and operation["operator"] in {"IN_NEXT_TIME_UNIT", "IN_LAST_TIME_UNIT"}
    fiscal = "fiscal " if operation.get("useFiscalYear") is True and unit in {"quarter", "year"} else ""
    return words.replace("time unit", f"{count} {fiscal}{unit}s" if several else f"{fiscal}{unit}")


def _operands(kind: str, operation: Mapping[str, Any], labels: Labels) -> list[str]:
    match kind:
        case "DATE":
            return [f"{operation['day']} {operation['month'].capitalize()} {operation['year']}"]
        case "TIME_POINT":
            return [_point_words(operation["timePoint"], labels)]
        case "TIME_RANGED":
            return [
                _point_words(operation[f"{end}TimePoint"], labels) for end in ("lowerBound", "upperBound")
            ]
        case _:
            ends = ("timestamp", "lowerBound", "upperBound", "lowerBoundTimestamp", "upperBoundTimestamp")
            return [_timestamp_words(operation[end]) for end in ends if end in operation]


def _timestamp_words(epoch_ms: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(epoch_ms))
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _point_words(spec: Mapping[str, Any], labels: Labels) -> str:
    match spec["timeType"]:
        case "DATE":
            day = f"{spec['year']:04}-{spec['month']:02}-{spec['day']:02}"
            hour, minute = spec.get("hour") or 0, spec.get("minute") or 0
            return day if (hour, minute) in {(0, 0), (23, 59)} else f"{day} {hour:02}:{minute:02}"
        case "PROPERTY_REFERENCED":
            last = "last update of " if spec["referenceType"] == "UPDATED_AT" else ""
            return f"{last}{labels.of(spec['property'])}"
        case _:
            shift = (f"{'-' if amount < 0 else '+'} {abs(amount)} {unit}" for unit, amount in _shifts(spec))
            return " ".join((_reference_words(spec["indexReference"]), *shift))


def _shifts(spec: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(unit, int(amount)) for unit, amount in (spec.get("offset") or {}).items() if amount]


def _reference_words(reference: Mapping[str, Any]) -> str:
    kind = str(reference["referenceType"]).lower()
    if kind in {"now", "today"}:
        return kind
    parts = [
        str(reference[part]).capitalize() for part in ("dayOfWeek", "month", "day") if reference.get(part)
    ]
    return " ".join(("this", kind, *parts))
