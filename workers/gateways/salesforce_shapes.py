"""The shapes of Salesforce's JSON answers, and what they say in our words. Pure.

Sources: Salesforce's REST API guide, "sObject Describe", "Query", "sObject Collections" and "Status Codes
and Error Responses" pages. Shapes name only what is used, and demand only what an answer is useless without.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from domain.identity import Crm, FieldValue
from domain.outcomes import Outcome, OutcomeClass
from domain.owners import Owner
from domain.schema import FieldKind, FieldSchema, ObjectSchema, Option
from domain.wire import epoch_ms, from_salesforce, salesforce_fields, to18
from workers.gateways.http import UNREADABLE, Answer, Fault, shaped, unreadable, worst
from workers.ports import ReadRecord

Schema = Mapping[str, FieldSchema]

SYSTEM_FIELDS = ("Id", "IsDeleted", "SystemModstamp", "CreatedDate", "LastModifiedById")
IDENTITY_FIELDS = ("MasterRecordId", "IsConverted", "ConvertedContactId")
"""Asked wherever the object has them: merges of contacts, leads and accounts, conversion of leads."""


class Shape(msgspec.Struct, rename="camel"):
    """A part of an answer; names as Salesforce writes them, in camel case."""


class Match(msgspec.Struct):
    record: dict[str, Any] = {}


class MatchResult(Shape):
    match_records: list[Match] = []


class DuplicateResult(Shape):
    match_results: list[MatchResult] = []


class Error(Shape):
    """REST says ``errorCode``, collections say ``statusCode``, logins say ``error``."""

    message: str | None = None
    error_code: str | None = None
    status_code: str | None = None
    error: str | None = None
    fields: list[str] | None = None
    duplicate_result: DuplicateResult | None = None
    duplicate_resut: DuplicateResult | None = None  #: Salesforce's own spelling in REST

    @property
    def code(self) -> str:
        return self.error_code or self.status_code or self.error or ""


class Row(Shape):
    """One record's result in a collection."""

    success: bool
    id: str | None = None
    created: bool = False
    errors: list[Error] = []


class QueryPage(Shape):
    total_size: int
    done: bool
    records: list[dict[str, Any]]
    next_records_url: str | None = None


class Part(Shape):
    """The answer to one request of a composite."""

    http_status_code: int
    body: msgspec.Raw


class Composite(Shape):
    composite_response: list[Part]


class PicklistValue(Shape):
    value: str
    label: str | None = None
    active: bool = True
    default_value: bool = False
    valid_for: bytes | None = None


class DescribedField(Shape):
    name: str
    type: str
    label: str = ""
    length: int = 0
    digits: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = False
    updateable: bool = False
    defaulted_on_create: bool = False
    calculated: bool = False
    restricted_picklist: bool = False
    unique: bool = False
    external_id: bool = False
    picklist_values: list[PicklistValue] = []
    reference_to: list[str] = []
    controller_name: str | None = None
    default_value: Any = None
    auto_number: bool = False


class Columns(msgspec.Struct, rename="pascal"):
    """A part of a record that a query selected; names as Salesforce writes fields."""


class System(Columns):
    """What every record has, and what tells where it went."""

    id: str
    system_modstamp: str
    created_date: str
    is_deleted: bool | None = None
    master_record_id: str | None = None
    is_converted: bool | None = None
    converted_contact_id: str | None = None
    last_modified_by_id: str | None = None


class Someone(Columns):
    """A user or a queue."""

    id: str
    name: str | None = None
    email: str | None = None
    is_active: bool = True


class Organization(Columns):
    id: str = ""
    time_zone_sid_key: str | None = None


class Allowed(Columns):
    max: int
    remaining: int


class Limits(Columns):
    daily_api_requests: Allowed | None = None


class RecordTypeInfo(Shape):
    record_type_id: str
    name: str
    available: bool = True
    master: bool = False


class Described(Shape):
    fields: list[DescribedField]
    record_type_infos: list[RecordTypeInfo] = []


_COLUMN = re.compile(r"No such column '(\w+)'")
_HOLDER = re.compile(r"record with id: ([0-9A-Za-z]{15,18})")


def fault_of(answer: Answer) -> Fault:
    """Read an error answer; a body of any other shape leaves only the status."""
    errors = _errors(answer.body)
    known = fault(errors[0]) if errors else Fault("")
    return known._replace(status=answer.status, code=known.code or f"http_{answer.status}")


def _errors(body: bytes) -> list[Error]:
    try:
        return [msgspec.json.decode(body, type=Error)]
    except (msgspec.MsgspecError, ValueError):
        pass
    try:
        return msgspec.json.decode(body, type=list[Error])
    except (msgspec.MsgspecError, ValueError):
        return []


def fault(error: Error) -> Fault:
    message = error.message or ""
    column = _COLUMN.search(message)
    blamed = error.fields or ([column.group(1)] if column else [])
    return Fault(error.code, message, tuple(blamed), _other_id(error))


def _other_id(error: Error) -> str | None:
    """The record that is in the way: a unique value's holder, or a duplicate rule's first match."""
    held = _HOLDER.search(error.message or "")
    if held:
        return to18(held.group(1))
    result = error.duplicate_resut or error.duplicate_result
    matches = (match for found in (result.match_results if result else ()) for match in found.match_records)
    return next((str(match.record["Id"]) for match in matches if "Id" in match.record), None)


def outcome(row: Row) -> Outcome:
    if row.success and row.id:
        return Outcome(OutcomeClass.DELIVERED, record_id=to18(row.id), created=row.created)
    if not row.errors:
        return Outcome(OutcomeClass.UNKNOWN, code=UNREADABLE)
    return worst([fault(error).outcome(Crm.SALESFORCE) for error in row.errors])


def columns(names: Iterable[str], schema: Schema) -> list[str]:
    """What to select: the asked fields that exist, and all that identity needs."""
    wanted = (*IDENTITY_FIELDS, *names)
    return list(dict.fromkeys((*SYSTEM_FIELDS, *(name for name in wanted if name in schema))))


def read_record(
    object_name: str,
    record: Mapping[str, Any],
    names: Sequence[str],
    schema: Schema,
    asked_id: str | None = None,
) -> ReadRecord:
    """Raises Transient if the record lacks what a record always has."""
    place = f"a record of {object_name}"
    system = shaped(record, System, Crm.SALESFORCE, place, strict=False)
    try:
        return ReadRecord(
            object=object_name,
            id=to18(system.id),
            fields=salesforce_fields(record, names, schema),
            modified_at=epoch_ms(system.system_modstamp),
            created_at=epoch_ms(system.created_date),
            deleted=bool(system.is_deleted),
            merged_into=system.master_record_id or None,
            converted_to=(system.converted_contact_id or "") if system.is_converted else None,
            asked_id=asked_id,
            modified_by=system.last_modified_by_id,
        )
    except ValueError:
        raise unreadable(place, "a time or a number is none", Crm.SALESFORCE) from None


_KINDS = {
    "string": FieldKind.TEXT,
    "encryptedstring": FieldKind.TEXT,
    "textarea": FieldKind.MULTILINE,
    "email": FieldKind.EMAIL,
    "phone": FieldKind.PHONE,
    "url": FieldKind.URL,
    "double": FieldKind.NUMBER,
    "currency": FieldKind.NUMBER,
    "percent": FieldKind.NUMBER,
    "int": FieldKind.INTEGER,
    "long": FieldKind.INTEGER,
    "boolean": FieldKind.BOOLEAN,
    "date": FieldKind.DATE,
    "datetime": FieldKind.DATETIME,
    "time": FieldKind.TIME,
    "picklist": FieldKind.PICKLIST,
    "combobox": FieldKind.PICKLIST,
    "multipicklist": FieldKind.MULTIPICKLIST,
    "reference": FieldKind.REFERENCE,
    "id": FieldKind.ID,
}


def object_schema(name: str, described: Described) -> ObjectSchema:
    by_name = {each.name: each for each in described.fields}
    fields = {each.name: _field_schema(each, by_name) for each in described.fields}
    if RECORD_TYPE in fields:
        types = tuple(_record_type(each) for each in described.record_type_infos if not each.master)
        fields[RECORD_TYPE] = msgspec.structs.replace(fields[RECORD_TYPE], options=types)
    return ObjectSchema(Crm.SALESFORCE, name, fields)


RECORD_TYPE = "RecordTypeId"
"""The field whose options describe lists beside the fields: the record types that our user may give."""


def _record_type(info: RecordTypeInfo) -> Option:
    return Option(to18(info.record_type_id), info.name, info.available)


def _field_schema(described: DescribedField, others: Mapping[str, DescribedField]) -> FieldSchema:
    kind = _KINDS.get(described.type, FieldKind.OTHER)
    controller = others.get(described.controller_name or "")
    default = _default(described, kind)
    return FieldSchema(
        name=described.name,
        label=described.label,
        kind=kind,
        native=described.type,
        length=described.length or None,
        precision=described.precision or described.digits or None,
        scale=described.scale if kind is FieldKind.NUMBER else None,
        required=described.createable and not described.nillable and not described.defaulted_on_create,
        createable=described.createable,
        updateable=described.updateable,
        calculated=described.calculated,
        unique=described.unique and described.external_id,
        restricted=described.restricted_picklist,
        options=tuple(
            Option(
                option.value,
                option.label or option.value,
                option.active,
                _valid_for(option, controller) if controller else (),
            )
            for option in described.picklist_values
        ),
        references=tuple(described.reference_to),
        controller=controller.name if controller else None,
        default=default,
        self_filled=default is None and _filled(described),
    )


def _valid_for(option: PicklistValue, controller: DescribedField) -> tuple[str, ...]:
    """The controlling values that a dependent option goes with.

    A bit each, the first one leftmost, in the order of the controlling field's own options; a checkbox has
    the two false and true. Source: SOAP API guide, "PicklistEntry", ``validFor``.
    """
    values = [each.value for each in controller.picklist_values] or ["false", "true"]
    bits = option.valid_for or b""
    return tuple(
        value
        for place, value in enumerate(values)
        if place // 8 < len(bits) and bits[place // 8] & (0x80 >> place % 8)
    )


def _default(described: DescribedField, kind: FieldKind) -> FieldValue:
    chosen = (option.value for option in described.picklist_values if option.default_value)
    plain = None if isinstance(described.default_value, dict | list) else described.default_value
    return from_salesforce(plain, kind) or next(chosen, None)


def _filled(described: DescribedField) -> bool:
    """Whether a new record gets a value of the CRM's own making: owner, name, dates, numbers."""
    own = not described.createable and not described.nillable
    return own or described.defaulted_on_create or described.auto_number


def owner(someone: Someone, *, queue: bool) -> Owner:
    return Owner(
        id=to18(someone.id),
        name=someone.name or "",
        email=someone.email or None,
        active=someone.is_active,
        queue=queue,
    )
