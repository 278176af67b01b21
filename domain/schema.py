"""What a CRM says about the fields of an object, in one vocabulary for both CRMs."""

from enum import StrEnum

import msgspec

from domain.identity import Crm


class FieldKind(StrEnum):
    """The base type of a field, as far as converting and comparing values cares."""

    TEXT = "text"
    MULTILINE = "multiline"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    REFERENCE = "reference"
    ID = "id"
    OTHER = "other"


class Option(msgspec.Struct, frozen=True, array_like=True):
    """A picklist entry; ``value`` travels, ``label`` is for people."""

    value: str
    label: str
    active: bool = True
    valid_for: tuple[str, ...] = ()  #: dependent picklists only: the controlling field's values it goes with


class FieldSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field or property."""

    name: str
    label: str
    kind: FieldKind
    native: str  #: the CRM's own type: Salesforce's describe type; HubSpot's ``type/fieldType``
    length: int | None = None  #: the longest text it takes, in characters; None if it has no such limit
    precision: int | None = None  #: digits in all, numbers only
    scale: int | None = None  #: digits behind the point, numbers only
    required: bool = False  #: a create without a value is refused
    createable: bool = True
    updateable: bool = True
    calculated: bool = False  #: a formula or rollup: read, never written
    unique: bool = False  #: usable as the key of an upsert
    restricted: bool = False  #: only the listed options are taken
    options: tuple[Option, ...] = ()
    references: tuple[str, ...] = ()  #: objects that a reference may point to
    controller: str | None = None  #: the field whose value says which options there are
    default: str | None = None  #: what a new record gets that does not say otherwise, in canonical text
    self_filled: bool = False  #: a new record gets a value that only the CRM knows
    apart: str = ""
    #: a box that is only ever ticked, by a call of its own that names the record by this field; empty: it is
    #: written with the rest
    absent: bool = False  #: the object was described, and our user sees no such field


class ObjectSchema(msgspec.Struct, frozen=True):
    """All fields of one object that the connection's user can see, by name."""

    crm: Crm
    object: str
    fields: dict[str, FieldSchema]
