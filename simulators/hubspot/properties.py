"""Property definitions: types, options, uniqueness, and how a written value is checked and stored."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.clock import iso_ms

MAX_STRING = 65_536
FIELD_TYPES = {
    "string": {"text", "textarea", "html", "file", "phonenumber", "calculation_equation"},
    "number": {"number", "calculation_equation"},
    "bool": {"booleancheckbox", "calculation_equation"},
    "enumeration": {"select", "radio", "checkbox", "booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "phone_number": {"phonenumber"},
    "object_coordinates": {"text"},
    "json": {"text"},
}
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]{2,}")
_MS_PER_DAY = 86_400_000


class BadValueError(ValueError):
    """A value which HubSpot refuses: a code and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Property:
    """One property; `clean` turns a written, non-blank string into the stored one or raises BadValueError."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    unique: bool = False
    read_only: bool = False
    told: bool = False
    calculated: bool = False
    hubspot_defined: bool = False
    hidden: bool = False
    form_field: bool = False
    external_options: bool = False
    referenced: str = ""
    formula: str = ""
    display_order: int = -1
    created_ms: int = 0
    updated_ms: int = 0
    archived: bool = False
    user_id: str = ""
    clean: Callable[[str], str] = str

    def __post_init__(self) -> None:
        self.prepare()

    @property
    def writable(self) -> bool:
        return not (self.read_only or self.calculated)

    @property
    def multiple(self) -> bool:
        return self.field_type == "checkbox"

    def prepare(self) -> None:
        """Choose `clean` again, after `type`, `field_type` or `options` changed."""
        self.clean = self._cleaner()

    def _cleaner(self) -> Callable[[str], str]:
        if self.type == "enumeration" and not self.external_options:
            allowed = {option["value"] for option in self.options}
            return self._several(allowed) if self.multiple else self._one_of(allowed)
        if self.name == "email":
            return clean_email
        return _CLEANERS.get(self.type, _text)

    def _one_of(self, allowed: set[str]) -> Callable[[str], str]:
        def clean(value: str) -> str:
            if value not in allowed:
                raise BadValueError("INVALID_OPTION", self._not_allowed(value, allowed))
            return value

        return clean

    def _several(self, allowed: set[str]) -> Callable[[str], str]:
        def clean(value: str) -> str:
            parts = [part.strip() for part in value.split(";") if part.strip()]
            for part in parts:
                if part not in allowed:
                    raise BadValueError("INVALID_OPTION", self._not_allowed(part, allowed))
            return ";".join(dict.fromkeys(parts))

        return clean

    def _not_allowed(self, value: str, allowed: set[str]) -> str:
        labels = ", ".join(f"label: {o['label']}, value: {o['value']}" for o in self.options[:20])
        return f"{value} was not one of the allowed options: [{labels if allowed else ''}]"

    def as_json(self) -> dict[str, Any]:
        """The body of the properties API."""
        body = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": self.external_options,
            "hasUniqueValue": self.unique and not self.hubspot_defined,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "formField": self.form_field,
            "archived": self.archived,
            "createdAt": iso_ms(self.created_ms),
            "updatedAt": iso_ms(self.updated_ms),
            "dataSensitivity": "non_sensitive",
            "modificationMetadata": self._metadata(),
        }
        if self.formula:
            body["calculationFormula"] = self.formula
        if self.referenced:
            body["referencedObjectType"] = self.referenced
        if self.user_id:
            body |= {"createdUserId": self.user_id, "updatedUserId": self.user_id}
        return body

    def _metadata(self) -> dict[str, bool]:
        metadata = {
            "archivable": not self.hubspot_defined,
            "readOnlyDefinition": self.hubspot_defined,
            "readOnlyValue": not self.writable,
        }
        if self.type == "enumeration":
            metadata["readOnlyOptions"] = self.hubspot_defined and self.name != "hs_lead_status"
        return metadata


def clean_email(value: str) -> str:
    """Lower case, without surrounding blanks."""
    email = value.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise BadValueError("INVALID_EMAIL", f"Email address {value} is invalid")
    return email


def _text(value: str) -> str:
    if len(value) > MAX_STRING:
        raise BadValueError("PROPERTY_VALUE_TOO_LONG", f"value has more than {MAX_STRING} characters")
    return value


def _number(value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadValueError("INVALID_DOUBLE", f"{value} was not a valid number.")
    return value.strip()


def _boolean(value: str) -> str:
    if value.lower() not in {"true", "false"}:
        raise BadValueError("INVALID_BOOLEAN", f"{value} was not one of the allowed options: [true, false]")
    return value.lower()


def _date(value: str) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return _moment(value, value)[:10]
    ms = _milliseconds(value)
    if ms % _MS_PER_DAY:
        raise BadValueError("INVALID_DATE", f"{value} is at {iso_ms(ms)[11:]}, not midnight UTC")
    return iso_ms(ms)[:10]


def _datetime(value: str) -> str:
    return iso_ms(_milliseconds(value)) if value.lstrip("-").isdigit() else _moment(value, value)


def _milliseconds(value: str) -> int:
    try:
        ms = int(value)
        datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadValueError("INVALID_DATE", f"{value} is not a valid date") from None
    return ms


def _moment(text: str, shown: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadValueError("INVALID_DATE", f"{shown} is not a valid date") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return iso_ms(round(moment.timestamp() * 1000))


_CLEANERS: dict[str, Callable[[str], str]] = {
    "string": _text,
    "phone_number": _text,
    "number": _number,
    "bool": _boolean,
    "date": _date,
    "datetime": _datetime,
}
