"""The object types of a portal and their standard properties, read from `catalogue.json`.

Flags in the catalogue: r read-only, c calculated, e options kept elsewhere (owners).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.hubspot.properties import Property

_CATALOGUE: dict[str, Any] = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))
_FURTHER = {
    "calls": ("0-48", "call", "contacts"),
    "communications": ("0-18", "communication", "contacts"),
    "deal_splits": ("0-72", "deal_split", "deals"),
    "emails": ("0-49", "email", "contacts"),
    "feedback_submissions": ("0-19", "feedback_submission", "feedback_submissions"),
    "forms": ("0-28", "form", "forms"),
    "goal_targets": ("0-74", "goal_target", "goals"),
    "leads": ("0-136", "lead", "leads"),
    "line_items": ("0-8", "line_item", "line_items"),
    "meetings": ("0-47", "meeting", "contacts"),
    "postal_mail": ("0-116", "postal_mail", "contacts"),
    "products": ("0-7", "product", "products"),
    "quotes": ("0-14", "quote", "quotes"),
}
"""Types with nothing but the properties that tasks and notes share: id, singular name, scope."""

LIFECYCLE_STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of record; `stamp` names its modified date, `scope` is the word in its OAuth scopes."""

    name: str
    id: str
    singular: str
    stamp: str
    defaults: tuple[str, ...]
    scope: str
    group: str
    searchable: tuple[str, ...] = ()
    required_any: tuple[str, ...] = ()
    properties: tuple[Property, ...] = field(default=(), repr=False)


def standard_types(now_ms: int) -> list[ObjectType]:
    """Contacts, companies, deals and others, each with fresh property definitions."""
    catalogue = _CATALOGUE | {name: _further(*words) for name, words in _FURTHER.items()}
    return [_object_type(name, entry, now_ms) for name, entry in catalogue.items()]


def _further(type_id: str, singular: str, scope: str) -> dict[str, Any]:
    shared = {item["name"] for item in _CATALOGUE["tasks"]["properties"]}
    return {
        "id": type_id,
        "singular": singular,
        "stamp": "hs_lastmodifieddate",
        "defaults": ["createdate", "hs_lastmodifieddate", "hs_object_id"],
        "scope": scope,
        "searchable": [],
        "group": f"{singular}_information",
        "required_any": [],
        "properties": [item for item in _CATALOGUE["notes"]["properties"] if item["name"] in shared],
    }


def _object_type(name: str, entry: dict[str, Any], now_ms: int) -> ObjectType:
    return ObjectType(
        name=name,
        id=entry["id"],
        singular=entry["singular"],
        stamp=entry["stamp"],
        defaults=tuple(entry["defaults"]),
        scope=entry["scope"],
        group=entry["group"],
        searchable=tuple(entry["searchable"]),
        required_any=tuple(entry["required_any"]),
        properties=tuple(_property(item, entry["group"], now_ms) for item in entry["properties"]),
    )


def _property(item: dict[str, Any], group: str, now_ms: int) -> Property:
    flags = item.get("flags", "")
    return Property(
        name=item["name"],
        label=item["label"],
        type=item["type"],
        field_type=item["fieldType"],
        group=group,
        options=options(item.get("options", [])),
        unique=item["name"] == "email",
        read_only="r" in flags,
        told="t" in flags,
        calculated="c" in flags,
        external_options="e" in flags,
        referenced="OWNER" if item["name"] == "hubspot_owner_id" else "",
        hubspot_defined=True,
        form_field=not flags,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def options(pairs: list[list[str]]) -> list[dict[str, Any]]:
    """Options of an enumeration from (value, label) pairs, in display order."""
    return [
        {"label": label, "value": value, "description": "", "displayOrder": place, "hidden": False}
        for place, (value, label) in enumerate(pairs)
    ]
