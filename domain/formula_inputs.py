"""Records as formulas see them. Whoever evaluates a formula on a contact's record takes its inputs from here.

A ``Shape`` is made once for each schema and gives ``types``, which is the formula's ``schema``, and
``values(...)``, which is its ``record`` or its ``prior_values``. ``moment`` is for its ``Context``;
``text_of`` turns a result back into a field's value::

    shape = Shape.of(schema)
    context = Context(now=moment(step.at), time_zone=zone)
    result = formula.evaluate(shape.values(record.values), schema=shape.types, context=context)
    value = result if isinstance(result, FormulaError) else text_of(result)

A field that nobody has read is missing from the values, and what depends on it is an error of kind UNKNOWN.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from domain.formula import Value
from domain.identity import Fields, FieldValue
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from domain.wire import plain_number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES = {
    FieldKind.TEXT: "string",
    FieldKind.MULTILINE: "textarea",
    FieldKind.EMAIL: "email",
    FieldKind.PHONE: "phone",
    FieldKind.URL: "url",
    FieldKind.NUMBER: "double",
    FieldKind.INTEGER: "int",
    FieldKind.BOOLEAN: "boolean",
    FieldKind.DATE: "date",
    FieldKind.DATETIME: "datetime",
    FieldKind.TIME: "time",
    FieldKind.PICKLIST: "picklist",
    FieldKind.MULTIPICKLIST: "multipicklist",
    FieldKind.REFERENCE: "reference",
    FieldKind.ID: "id",
}
_OF_THEIR_OWN = frozenset({"percent", "combobox"})
"""Describe types that formulas tell from others of the same kind."""

_READERS: dict[FieldKind, Callable[[str], Value]] = {
    FieldKind.NUMBER: Decimal,
    FieldKind.INTEGER: Decimal,
    FieldKind.BOOLEAN: lambda text: text.lower() == "true",
    FieldKind.DATE: date.fromisoformat,
    FieldKind.DATETIME: datetime.fromisoformat,
    FieldKind.TIME: time.fromisoformat,
}

Default = TypeVar("Default")


@dataclass(frozen=True, slots=True)
class Shape:
    """What formulas must know of an object's fields."""

    types: Mapping[str, str]  #: field -> describe type; a field that formulas cannot read has none
    readers: Mapping[str, Callable[[str], Value]]  #: of fields whose values are not just text
    spelling: Mapping[str, str]  #: small letters -> the field's own spelling

    @classmethod
    def of(cls, schema: ObjectSchema) -> "Shape":
        fields = schema.fields.values()
        return cls(
            {each.name: label for each in fields if (label := _type(each)) is not None},
            {each.name: _READERS[each.kind] for each in fields if each.kind in _READERS},
            {name.lower(): name for name in schema.fields},
        )

    def values(self, texts: Fields) -> "Values":
        """A record's values; fields that ``texts`` lacks are not known."""
        return Values(self, texts)


def _type(field: FieldSchema) -> str | None:
    return field.native if field.native in _OF_THEIR_OWN else _TYPES.get(field.kind)


class Values(Mapping[str, Value]):
    """A record's values, each read from its text when a formula first asks for it. Names ignore case."""

    __slots__ = ("_read", "_shape", "_texts")

    def __init__(self, shape: Shape, texts: Fields) -> None:
        self._shape, self._texts = shape, texts
        self._read: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        known = self._read
        if name in known:
            return known[name]
        if name not in self._texts:
            name = self._shape.spelling[name.lower()]
        value = known[name] = _value(self._shape.readers.get(name), self._texts[name])
        return value

    def get(self, name: str, default: Default | None = None) -> Value | Default | None:  # type: ignore[override]  # narrower
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def _value(read: Callable[[str], Value] | None, text: FieldValue) -> Value:
    """A value that does not fit its field's type stays text, which the formula then cannot evaluate."""
    if read is None or text is None:
        return text
    try:
        return read(text)
    except (ValueError, InvalidOperation):
        return text


def moment(at: int) -> datetime:
    """A moment, epoch ms, for ``Context.now``."""
    return _EPOCH + timedelta(milliseconds=at)


def text_of(value: Value) -> FieldValue:
    """A result in the canonical text of ``domain.identity.FieldValue``.

    Raises ValueError for a number that no field could hold.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain_number(str(value))
        case datetime():
            plain = value.astimezone(UTC).replace(tzinfo=None)
            return plain.isoformat(timespec="milliseconds") + "Z"
        case time():
            return value.isoformat(timespec="milliseconds") + "Z"
        case date():
            return value.isoformat()
        case _:
            return value or None
