"""Which property may be mapped to which field: HubSpot's own table of type pairs.

Source: HubSpot's "Map HubSpot properties to Salesforce fields" page, and the pairs of its standard
mappings, which go further: text with e-mail, phone, web address and picklist.
"""

from domain.identity import Crm
from domain.mapping import ALWAYS, SyncRule
from domain.schema import FieldKind, FieldSchema

_K = FieldKind

PAIRS: dict[FieldKind, tuple[FieldKind, ...]] = {
    _K.TEXT: (_K.TEXT, _K.MULTILINE, _K.EMAIL, _K.PHONE, _K.URL, _K.PICKLIST),
    _K.MULTILINE: (_K.MULTILINE,),
    _K.EMAIL: (_K.EMAIL, _K.TEXT),
    _K.PHONE: (_K.PHONE, _K.TEXT),
    _K.URL: (_K.URL, _K.TEXT, _K.MULTILINE),
    _K.NUMBER: (_K.NUMBER, _K.INTEGER),
    _K.INTEGER: (_K.NUMBER, _K.INTEGER),
    _K.BOOLEAN: (_K.BOOLEAN,),
    _K.DATE: (_K.DATE, _K.DATETIME),
    _K.DATETIME: (_K.DATETIME, _K.DATE),
    _K.PICKLIST: (_K.PICKLIST, _K.REFERENCE),
    _K.MULTIPICKLIST: (_K.MULTIPICKLIST,),
    _K.REFERENCE: (_K.REFERENCE,),
    _K.ID: (),
    _K.TIME: (),
    _K.OTHER: (),
}
"""HubSpot kind -> the Salesforce kinds it goes with in both directions."""

PLAIN = (_K.TEXT, _K.MULTILINE)
READABLE_AS_TEXT = (_K.ID, _K.REFERENCE)
"""Ids can be shown as text on the other side, never written from there."""


CHOICES = frozenset({_K.PICKLIST, _K.TEXT, _K.BOOLEAN})
"""Kinds that a value map can bring together."""


def allowed(hubspot: FieldSchema, salesforce: FieldSchema, rule: SyncRule, *, by_value: bool = False) -> bool:
    """Tell whether the two may be mapped under this rule. ``by_value``: with a map of values."""
    if salesforce.kind in PAIRS[hubspot.kind] or (by_value and {hubspot.kind, salesforce.kind} <= CHOICES):
        return True
    source = ALWAYS.get(rule)
    if source is Crm.SALESFORCE:
        return salesforce.kind in READABLE_AS_TEXT and hubspot.kind in PLAIN
    return source is Crm.HUBSPOT and hubspot.kind in READABLE_AS_TEXT and salesforce.kind in PLAIN


def partners(hubspot: FieldSchema, salesforce: FieldSchema) -> str:
    """What the property could be mapped to instead, and what the field."""
    fields = _listed([kind.value for kind in PAIRS[hubspot.kind]])
    properties = _listed([ours.value for ours, theirs in PAIRS.items() if salesforce.kind in theirs])
    if salesforce.kind is _K.OTHER:
        return "A compound field cannot be mapped: map its parts, such as Street and City."
    if fields and properties:
        return f"The property needs a field of type {fields}, the field a property of type {properties}."
    if fields:
        return f"The property needs a field of type {fields}."
    return f"The field needs a property of type {properties}." if properties else "Delete the mapping."


def _listed(words: list[str]) -> str:
    *most, last = words or [""]
    return f"{', '.join(most)} or {last}" if most else last
