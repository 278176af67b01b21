"""The shapes of HubSpot's JSON answers, and what they say in our words. Pure.

Sources: HubSpot's "Using object APIs", "Error handling", "Properties" and "Owners" guides, and the models
of its Python client. Shapes name only what is used, and demand only what an answer is useless without.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.identity import Fields
from domain.owners import Owner
from domain.schema import FieldKind, FieldSchema, Option
from domain.wire import from_hubspot, millis
from workers.gateways.http import Answer, Fault
from workers.ports import ReadRecord

Schema = Mapping[str, FieldSchema]

TEXT_LENGTH = 65_536
"""The longest text a property takes, in characters."""


class Shape(msgspec.Struct, rename="camel"):
    """A part of an answer; names as HubSpot writes them, in camel case."""


class Record(Shape):
    id: str
    updated_at: datetime
    created_at: datetime
    properties: dict[str, Any] = {}
    archived: bool = False
    object_write_trace_id: str | None = None
    new: bool = False


class Detail(Shape):
    code: str | None = None
    message: str | None = None
    context: dict[str, Any] | None = None


class Error(Shape):
    category: str | None = None
    message: str | None = None
    context: dict[str, Any] | None = None
    errors: list[Detail] | None = None
    policy_name: str | None = None
    error_type: str | None = None
    status: str | None = None

    def named(self, key: str) -> list[str]:
        """The texts that the context holds under a key."""
        return _texts((self.context or {}).get(key))


class Next(Shape):
    after: str


class Paging(Shape):
    next: Next | None = None


class Page(Shape):
    """Records of a batch, a search or a list."""

    results: list[Record]
    errors: list[Error] = []
    total: int = 0
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        return next_page(self.paging)


class PropertyOption(Shape):
    value: str
    label: str = ""
    hidden: bool = False


class Modification(Shape):
    read_only_value: bool = False


class Property(Shape):
    name: str
    type: str
    field_type: str = ""
    label: str = ""
    options: list[PropertyOption] = []
    calculated: bool = False
    external_options: bool = False
    has_unique_value: bool = False
    referenced_object_type: str | None = None
    hubspot_defined: bool | None = None
    modification_metadata: Modification = msgspec.field(default_factory=Modification)


class Properties(Shape):
    results: list[Property]


class HubSpotOwner(Shape):
    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    archived: bool = False


class Owners(Shape):
    results: list[HubSpotOwner]
    paging: Paging | None = None


class Details(Shape):
    """Of an account."""

    portal_id: int | str = ""
    time_zone: str | None = None


class Usage(Shape):
    """Of an account's daily calls."""

    usage_limit: int | None = None
    current_usage: int = 0


class Usages(Shape):
    results: list[Usage]


def next_page(paging: Paging | None) -> str | None:
    return paging.next.after if paging and paging.next else None


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []


_EXISTING = re.compile(r"Existing ID: (\d+)|(\d+) already has that value")
_EMBEDDED = re.compile(r"\[\{.*\}\]", re.DOTALL)


def fault_of(answer: Answer) -> Fault:
    """Read an error answer; a body of any other shape leaves only the status."""
    try:
        error = msgspec.json.decode(answer.body, type=Error)
    except (msgspec.MsgspecError, ValueError):
        return Fault(f"http_{answer.status}", status=answer.status)
    first = faults(error)[0]
    plain = error.status if error.status and error.status.isupper() else f"http_{answer.status}"
    return first._replace(status=answer.status, code=first.code or plain)


def faults(error: Error) -> list[Fault]:
    """One per reason: a row can be refused for several. ``code`` is empty where HubSpot gives none."""
    message = error.message or ""
    other = error.named("existingId") or [
        found for pair in _EXISTING.findall(message) for found in pair if found
    ]
    code = error.policy_name or error.category or error.error_type or ""
    reasons = list(_reasons(error)) if not other else []
    return [Fault(why or code, text or message, tuple(fields)) for why, text, fields in reasons] or [
        Fault(code, message, tuple(error.named("propertyName")), other[0] if other else None)
    ]


def _reasons(error: Error) -> Iterable[tuple[str, str, list[str]]]:
    """The details, from their own list or from the JSON that a validation message carries inside."""
    if error.errors:
        for detail in error.errors:
            yield detail.code or "", detail.message or "", _texts((detail.context or {}).get("propertyName"))
        return
    embedded = _EMBEDDED.search(error.message or "")
    for item in _items(embedded.group()) if embedded else ():
        yield str(item.get("error") or ""), str(item.get("message") or ""), _texts(item.get("name"))


def _items(text: str) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(text, type=list[dict[str, Any]])
    except (msgspec.MsgspecError, ValueError):
        return []


def values(record: Record, names: Iterable[str], schema: Schema) -> Fields:
    """The named properties that the record carries; an undefined one is left out by HubSpot, and so here."""
    carried = record.properties
    return {name: from_hubspot(carried[name], schema.get(name)) for name in names if name in carried}


MERGED_IDS = "hs_merged_object_ids"


def merged_ids(record: Record) -> tuple[str, ...]:
    """The records that were merged into one, if that was asked for."""
    return tuple(filter(None, str(record.properties.get(MERGED_IDS) or "").split(";")))


def read_record(
    object_name: str, record: Record, names: Iterable[str], schema: Schema, asked_id: str | None = None
) -> ReadRecord:
    return ReadRecord(
        object=object_name,
        id=record.id,
        fields=values(record, names, schema),
        modified_at=millis(record.updated_at),
        created_at=millis(record.created_at),
        deleted=record.archived,
        merged_ids=merged_ids(record),
        asked_id=asked_id,
    )


_KINDS = {
    "number": FieldKind.NUMBER,
    "bool": FieldKind.BOOLEAN,
    "date": FieldKind.DATE,
    "datetime": FieldKind.DATETIME,
    "phone_number": FieldKind.PHONE,
}
_TEXT_KINDS = {
    "textarea": FieldKind.MULTILINE,
    "html": FieldKind.MULTILINE,
    "phonenumber": FieldKind.PHONE,
    "file": FieldKind.URL,
}
_CHOICES = {"checkbox": FieldKind.MULTIPICKLIST, "booleancheckbox": FieldKind.BOOLEAN}


def kind_of(prop: Property) -> FieldKind:
    if prop.external_options and (prop.referenced_object_type == "OWNER" or prop.name.endswith("owner_id")):
        return FieldKind.REFERENCE
    if prop.name == "hs_object_id":
        return FieldKind.ID
    if prop.type == "string":
        return FieldKind.EMAIL if prop.name == "email" else _TEXT_KINDS.get(prop.field_type, FieldKind.TEXT)
    if prop.type == "enumeration":
        return _CHOICES.get(prop.field_type, FieldKind.PICKLIST)
    return _KINDS.get(prop.type, FieldKind.OTHER)


APART = {"hs_email_optout": "email"}
"""Read-only properties that a call of their own sets, and the property that it names the contact by."""


def field_schema(prop: Property) -> FieldSchema:
    kind, apart = kind_of(prop), APART.get(prop.name, "")
    writable = not (prop.calculated or prop.modification_metadata.read_only_value)
    return FieldSchema(
        name=prop.name,
        label=prop.label,
        kind=kind,
        native=f"{prop.type}/{prop.field_type}",
        length=TEXT_LENGTH if prop.type == "string" else None,
        createable=writable,
        updateable=writable or bool(apart),
        calculated=prop.calculated and not apart,
        unique=prop.has_unique_value or kind is FieldKind.EMAIL,
        restricted=bool(prop.options) and not prop.external_options,
        options=tuple(Option(option.value, option.label, not option.hidden) for option in prop.options),
        references=("owners",) if kind is FieldKind.REFERENCE else (),
        apart=apart,
    )


def owner(raw: HubSpotOwner) -> Owner:
    name = " ".join(part for part in (raw.first_name, raw.last_name) if part)
    return Owner(raw.id, name or raw.email or raw.id, raw.email or None, not raw.archived)
