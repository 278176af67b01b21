"""The object types of a portal and their standard properties, read from `catalogue.json`.

Flags in the catalogue: r read-only, c calculated, e options kept elsewhere (owners).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.hubspot.properties import Property

_CATALOGUE: dict[str, Any] = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))
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
    """Contacts, companies, deals and a few more, each with fresh property definitions."""
    return [_object_type(name, entry, now_ms) for name, entry in _CATALOGUE.items()]


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
        calculated="c" in flags,
        external_options="e" in flags,
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
