"""The configuration as decisions read it: compiled once per set of documents, then only looked up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from domain.conditions import Expression, compile_expression
from domain.convert import converter
from domain.events import digest
from domain.identity import CRMS, Crm
from domain.inclusion import InclusionFilter, ListError, compile_list
from domain.kinds import ObjectKind
from domain.mapping import MappedField, SyncRule
from domain.routing import Route
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from domain.state import Connection


class FieldMapping(msgspec.Struct, frozen=True):
    """One configured mapping."""

    hubspot: str
    salesforce: dict[str, str]  #: object -> its field; one entry per object that has it
    rule: SyncRule


class RoutingRule(msgspec.Struct, frozen=True):
    """What a new HubSpot record becomes, if it meets a condition."""

    when: str  #: formula over the HubSpot record
    create_as: str | None  #: Salesforce object; None: create nothing there


class Section(msgspec.Struct, frozen=True):
    """The configuration of one kind of entity."""

    kind: ObjectKind
    mappings: tuple[FieldMapping, ...]
    create_as: str | None = None  #: Salesforce object of new records; None: create nothing there
    create_in_hubspot: bool = True
    delete_in_hubspot: bool = False
    inclusion_list: str | None = None  #: name or id; None: everybody
    guards: dict[str, int] = {}  #: ``creates``, ``deletes``, ``blanked`` -> per hour
    zone: str = "UTC"  #: which day a moment belongs to, where a datetime meets a date
    defaults: dict[str, dict[str, str]] = {}  #: Salesforce object -> field -> value for creates that lack one
    salesforce_filter: dict[str, str] = {}  #: Salesforce object -> formula; records that fail it do not sync
    routing: tuple[RoutingRule, ...] = ()  #: the first that is met counts before ``create_as``
    triggers: tuple[str, ...] = ()  #: which of the kind's triggers are on


class Document(msgspec.Struct, frozen=True):
    """The part of the configuration that decisions read. Lies in the log under its digest."""

    connection: str
    sections: tuple[Section, ...]


Documents = Callable[[str], Any]
"""Finds a document of the log by its digest, as plain JSON values. Raises KeyError if it is absent."""


@dataclass(frozen=True, slots=True)
class KindPolicy:
    """All that decisions about one kind of entity read."""

    digest: str  #: of the configuration it comes from
    section: Section
    kind: ObjectKind
    fields: dict[str, tuple[MappedField, ...]]  #: Salesforce object -> its mapped fields
    mapped: dict[tuple[str, Crm], dict[str, MappedField]]  #: (Salesforce object, CRM) -> field -> its mapping
    watched: dict[tuple[Crm, str], frozenset[str]]  #: (CRM, object) -> fields whose change is a trigger
    prompts: dict[tuple[Crm, str], dict[str, str]]  #: (CRM, object) -> unmapped watched field -> trigger
    needed: dict[tuple[Crm, str], frozenset[str]]  #: (CRM, object) -> fields to be known before deciding
    schemas: dict[tuple[Crm, str], ObjectSchema]
    inclusion: InclusionFilter | None
    inclusion_key: str  #: names the list with its filters as they are now; empty without one
    inclusion_missing: str  #: why the configured list cannot be asked; empty if it can, or none is configured
    zone: ZoneInfo
    routes: tuple[Route, ...]
    filters: dict[str, Expression]  #: Salesforce object -> what its records must meet to sync


@dataclass(frozen=True, slots=True)
class Policy:
    """The configuration in force. Empty before the first one is applied."""

    digest: str
    kinds: dict[str, KindPolicy]
    by_object: dict[tuple[Crm, str], KindPolicy]
    ready: bool  #: every object that a kind uses was read once in full


EMPTY = Policy("", {}, {}, ready=False)


def compile_policy(connection: Connection, documents: Documents) -> Policy:
    """Build the policy that the connection's state names."""
    if not connection.config:
        return EMPTY
    document = msgspec.convert(documents(connection.config), Document)
    kinds = {section.kind.name: _kind(section, connection, documents) for section in document.sections}
    by_object = {
        (crm, name): policy for policy in kinds.values() for crm in CRMS for name in policy.kind.objects(crm)
    }
    ready = all(f"{crm}/{name}" in connection.baselines for crm, name in by_object)
    return Policy(connection.config, kinds, by_object, ready)


def _kind(section: Section, connection: Connection, documents: Documents) -> KindPolicy:
    kind = section.kind
    schemas = _schemas(kind, connection, documents)
    zone = ZoneInfo(section.zone)
    fields = {name: _fields(section, name, schemas, zone) for name in kind.salesforce}
    inclusion, missing = _inclusion(section, connection, documents, schemas)
    routes = tuple(_route(section, each, schemas, zone) for each in section.routing)
    filters = {
        name: compile_expression(source, _object_schema(schemas, Crm.SALESFORCE, name), zone)
        for name, source in section.salesforce_filter.items()
    }
    portal = ZoneInfo(connection.accounts[Crm.HUBSPOT][1]) if Crm.HUBSPOT in connection.accounts else zone
    prompts = _prompts(section, schemas, _watched(kind, fields))
    read = _joined(_names(prompts), _read_by_formulas(kind, routes, filters))
    return KindPolicy(
        digest=connection.config,
        section=section,
        kind=kind,
        fields=fields,
        mapped={(name, crm): {f.name(crm): f for f in each} for name, each in fields.items() for crm in CRMS},
        watched=_joined(_watched(kind, fields), read),
        prompts=prompts,
        needed=_joined(_needed(kind, fields, inclusion), read),
        schemas=schemas,
        inclusion=inclusion,
        inclusion_key=_inclusion_key(inclusion, connection),
        inclusion_missing=missing,
        zone=portal,
        routes=routes,
        filters=filters,
    )


def _route(
    section: Section, rule: RoutingRule, schemas: Mapping[tuple[Crm, str], ObjectSchema], zone: ZoneInfo
) -> Route:
    schema = _object_schema(schemas, Crm.HUBSPOT, section.kind.hubspot)
    return Route(compile_expression(rule.when, schema, zone), rule.create_as)


def _object_schema(schemas: Mapping[tuple[Crm, str], ObjectSchema], crm: Crm, name: str) -> ObjectSchema:
    return schemas.get((crm, name)) or ObjectSchema(crm, name, {})


def _read_by_formulas(
    kind: ObjectKind, routes: Iterable[Route], filters: Mapping[str, Expression]
) -> dict[tuple[Crm, str], frozenset[str]]:
    """What decides where a record goes: to be known, and a trigger when it changes."""
    conditions = (each.when.fields for each in routes)
    read = {(Crm.SALESFORCE, name): each.fields for name, each in filters.items()}
    return {(Crm.HUBSPOT, kind.hubspot): frozenset().union(*conditions), **read}


def _joined(
    one: Mapping[tuple[Crm, str], frozenset[str]], other: Mapping[tuple[Crm, str], frozenset[str]]
) -> dict[tuple[Crm, str], frozenset[str]]:
    return {place: fields | other.get(place, frozenset()) for place, fields in one.items()}


def _schemas(
    kind: ObjectKind, connection: Connection, documents: Documents
) -> dict[tuple[Crm, str], ObjectSchema]:
    names = [(crm, name) for crm in CRMS for name in kind.objects(crm)]
    return {
        (crm, name): msgspec.convert(documents(connection.schemas[f"{crm}/{name}"]), ObjectSchema)
        for crm, name in names
        if f"{crm}/{name}" in connection.schemas
    }


def field_schema(
    schemas: Mapping[tuple[Crm, str], ObjectSchema], crm: Crm, name: str, field: str
) -> FieldSchema:
    """The schema of a field; a field nobody described counts as plain text."""
    schema = schemas.get((crm, name))
    found = schema.fields.get(field) if schema else None
    return found or FieldSchema(name=field, label=field, kind=FieldKind.TEXT, native="unknown")


def _fields(
    section: Section, name: str, schemas: Mapping[tuple[Crm, str], ObjectSchema], zone: ZoneInfo
) -> tuple[MappedField, ...]:
    mapped = [(m.hubspot, m.salesforce[name], m.rule) for m in section.mappings if name in m.salesforce]
    return tuple(_field(section.kind, name, schemas, zone, *row) for row in mapped)


def _field(
    kind: ObjectKind,
    name: str,
    schemas: Mapping[tuple[Crm, str], ObjectSchema],
    zone: ZoneInfo,
    hubspot: str,
    salesforce: str,
    rule: SyncRule,
) -> MappedField:
    ours = field_schema(schemas, Crm.HUBSPOT, kind.hubspot, hubspot)
    theirs = field_schema(schemas, Crm.SALESFORCE, name, salesforce)
    return MappedField(
        hubspot, salesforce, rule, ours, theirs, converter(theirs, ours, zone), converter(ours, theirs, zone)
    )


def _inclusion(
    section: Section,
    connection: Connection,
    documents: Documents,
    schemas: Mapping[tuple[Crm, str], ObjectSchema],
) -> tuple[InclusionFilter | None, str]:
    """The compiled list, or why there is none. A list that cannot decide lets nobody sync."""
    wanted = section.inclusion_list
    if wanted is None:
        return None, ""
    definitions = {list_id: documents(digest) for list_id, (_, digest) in connection.lists.items()}
    for list_id, (name, _) in connection.lists.items():
        if wanted in {list_id, name}:
            schema = schemas.get((Crm.HUBSPOT, section.kind.hubspot))
            try:
                return compile_list(definitions[list_id], schema=schema, lists=definitions), ""
            except ListError as error:
                return None, str(error)
    return None, "the inclusion list has not been seen yet"


def _inclusion_key(inclusion: InclusionFilter | None, connection: Connection) -> str:
    """Eight hex digits over the definitions that the list's answer rests on."""
    if inclusion is None:
        return ""
    definitions = [
        (each, connection.lists[each][1]) for each in sorted(inclusion.lists) if each in connection.lists
    ]
    return digest([inclusion.list_id, definitions])[:8]


def _prompts(
    section: Section,
    schemas: Mapping[tuple[Crm, str], ObjectSchema],
    watched: Mapping[tuple[Crm, str], frozenset[str]],
) -> dict[tuple[Crm, str], dict[str, str]]:
    """The fields that only start a sync; one that an account does not have is left out."""
    prompts: dict[tuple[Crm, str], dict[str, str]] = {place: {} for place in watched}
    for trigger in section.triggers:
        fields = section.kind.triggers.get(trigger, {})
        for (crm, name), names in watched.items():
            schema = schemas.get((crm, name))
            known = schema.fields if schema else {}
            prompts[crm, name] |= {
                each: trigger for each in fields.get(name, ()) if each in known and each not in names
            }
    return prompts


def _names(fields: Mapping[tuple[Crm, str], Iterable[str]]) -> dict[tuple[Crm, str], frozenset[str]]:
    return {place: frozenset(names) for place, names in fields.items()}


def _watched(
    kind: ObjectKind, fields: Mapping[str, tuple[MappedField, ...]]
) -> dict[tuple[Crm, str], frozenset[str]]:
    live = {name: [f for f in mapped if f.rule is not SyncRule.DONT_SYNC] for name, mapped in fields.items()}
    ours = {f.hubspot for mapped in live.values() for f in mapped}
    watched = {(Crm.HUBSPOT, kind.hubspot): frozenset(ours)}
    for name, mapped in live.items():
        formulas = {f.salesforce for f in mapped if f.salesforce_schema.calculated}
        watched[Crm.SALESFORCE, name] = frozenset(f.salesforce for f in mapped) - formulas
    return watched


def _needed(
    kind: ObjectKind, fields: Mapping[str, tuple[MappedField, ...]], inclusion: InclusionFilter | None
) -> dict[tuple[Crm, str], frozenset[str]]:
    ours = {f.hubspot for mapped in fields.values() for f in mapped} | {kind.hubspot_key}
    ours |= set(kind.match.get(kind.hubspot, ())) | set(kind.extra.get(kind.hubspot, ()))
    ours |= set(inclusion.properties) if inclusion else set()
    needed = {(Crm.HUBSPOT, kind.hubspot): frozenset(ours)}
    for name, mapped in fields.items():
        theirs = {f.salesforce for f in mapped} | {kind.salesforce_key}
        theirs |= set(kind.match.get(name, ())) | set(kind.extra.get(name, ()))
        needed[Crm.SALESFORCE, name] = frozenset(theirs)
    return needed
