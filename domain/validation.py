"""Checks of a value against the target's own field rules, before anything is sent.

They enforce what the CRM would enforce by its schema: length, whole numbers, restricted picklists,
writability and required fields. What only the CRM can judge is sent and its answer taken.
"""

from decimal import Decimal, InvalidOperation

from domain.identity import FieldValue
from domain.schema import FieldKind, FieldSchema, ObjectSchema

_TEXTS = frozenset({FieldKind.TEXT, FieldKind.MULTILINE, FieldKind.EMAIL, FieldKind.PHONE, FieldKind.URL})


def objection(schema: FieldSchema, value: FieldValue, *, create: bool) -> str:
    """Say why the target would refuse the value; empty if it would not. Never quotes the value."""
    if schema.calculated or not (schema.createable if create else schema.updateable):
        return "the field cannot be written"
    if value is None:
        return "the field must not be empty" if schema.required else ""
    if schema.kind in _TEXTS and schema.length is not None and len(value) > schema.length:
        return f"the text has {len(value)} characters, the field takes {schema.length}"
    if schema.kind in {FieldKind.NUMBER, FieldKind.INTEGER}:
        return _number_objection(schema, value)
    if schema.restricted and schema.options:
        return _option_objection(schema, value)
    return ""


def _number_objection(schema: FieldSchema, value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "not a number"
    if not number.is_finite():
        return "not a number"
    if schema.precision is None:
        return ""
    whole = schema.precision - (schema.scale or 0)
    if abs(number) >= Decimal(10) ** whole:
        return f"the number has more than {whole} digits before the point"
    return ""


def _option_objection(schema: FieldSchema, value: str) -> str:
    allowed = {option.value for option in schema.options if option.active}
    parts = value.split(";") if schema.kind is FieldKind.MULTIPICKLIST else [value]
    if all(part in allowed for part in parts if part):
        return ""
    return "the value is not one of the field's options"


def missing_required(schema: ObjectSchema, fields: dict[str, FieldValue]) -> tuple[str, ...]:
    """Fields that a create must have and would not."""
    required = (field for field in schema.fields.values() if field.required and field.createable)
    return tuple(field.name for field in required if fields.get(field.name) is None)
