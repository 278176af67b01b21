"""Checks of a value against the target's own field rules, before anything is sent.

They enforce what the CRM would enforce by its schema: length, whole numbers, restricted picklists,
writability, the form of addresses, required fields and picklists that depend on another field. Digits behind
the point are no objection: both CRMs round. What only the CRM can judge is sent and its answer taken.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

from domain.identity import Fields, FieldValue
from domain.schema import FieldKind, FieldSchema

_ADDRESS = re.compile(r"[^\s@,;<>()]+@[^\s@,;<>().]+(\.[^\s@,;<>().]+)+")


def objection(schema: FieldSchema, value: FieldValue, *, create: bool) -> str:
    """Say why the target would refuse the value; empty if it would not. Never quotes the value."""
    if schema.absent:
        return "the field does not exist, or the integration user may not see it"
    if schema.calculated or not (schema.createable if create else schema.updateable):
        return "the field cannot be written"
    if schema.apart and value != "true":
        return "the box can be ticked, and not be cleared"
    if value is None:
        return "the field must not be empty" if schema.required else ""
    judge = _OBJECTIONS.get(schema.kind, _option_objection)
    return judge(schema, value)


def _text_objection(schema: FieldSchema, value: str) -> str:
    if schema.length is not None and len(value) > schema.length:
        return f"the text has {len(value)} characters, the field takes {schema.length}"
    return ""


def _address_objection(schema: FieldSchema, value: str) -> str:
    why = _text_objection(schema, value)
    return why or ("" if _ADDRESS.fullmatch(value) else "not an e-mail address")


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
    if not (schema.restricted and schema.options):
        return ""
    allowed = {option.value for option in schema.options if option.active}
    parts = value.split(";") if schema.kind is FieldKind.MULTIPICKLIST else [value]
    if all(part in allowed for part in parts if part):
        return ""
    return "the value is not one of the field's options"


_TEXTS = (FieldKind.TEXT, FieldKind.MULTILINE, FieldKind.PHONE, FieldKind.URL)
_NUMBERS = (FieldKind.NUMBER, FieldKind.INTEGER)
_OBJECTIONS = {
    **dict.fromkeys(_TEXTS, _text_objection),
    **dict.fromkeys(_NUMBERS, _number_objection),
    FieldKind.EMAIL: _address_objection,
}


def mismatched(dependent: Iterable[FieldSchema], fields: Fields, known: Fields) -> Iterator[tuple[str, str]]:
    """Fields of a write whose option would not go with the one it depends on: (field, why).

    Args:
        dependent: the target object's dependent picklists.
        fields: what is written.
        known: what the record holds before, or what a new one gets by itself.

    The dependent field is to blame if it is written, otherwise the one that it depends on. What the target
    holds in a field that nobody has read does not count.
    """
    after = {**known, **fields}
    for each in dependent:
        blamed = each.name if each.name in fields else each.controller
        if blamed not in fields or each.name not in after or each.controller not in after:
            continue
        if after[blamed] is not None and not _goes_with(each, after):
            yield blamed, f"the option of {each.name} does not go with that of {each.controller}"


def _goes_with(schema: FieldSchema, values: Mapping[str, FieldValue]) -> bool:
    chosen = {part for part in (values[schema.name] or "").split(";") if part}
    control = values[schema.controller or ""] or ""
    return all(control in option.valid_for for option in schema.options if option.value in chosen)
