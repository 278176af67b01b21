"""From what the log says to the policy that decisions read: built once for a set of documents."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from domain.checking import Documents, Place, dependent_of, judged_fields, required_of, rules_of
from domain.conditions import Expression, compile_expression
from domain.convert import Fold, as_it_is, folding
from domain.events import digest
from domain.fielding import Sides, computed_field, mapped_field
from domain.identity import CRMS, Crm
from domain.inclusion import InclusionFilter, ListError, compile_list
from domain.kinds import ObjectKind
from domain.mapping import ALWAYS, MappedField, SyncRule, starts
from domain.money import CURRENCY, amounts_of
from domain.owners import NOBODY, Owner, Owners, is_owner, match_owners, owner_field
from domain.policy import EMPTY, Computed, Document, FieldMapping, Formulas, KindPolicy, Policy, Section
from domain.routing import Route
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from domain.state import Connection

K = TypeVar("K")
V = TypeVar("V")


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
    keeps = document.kept, document.decision_days, document.letter_days
    return Policy(connection.config, kinds, by_object, ready, *keeps)


def _kind(section: Section, connection: Connection, documents: Documents) -> KindPolicy:
    schemas = _schemas(section.kind, connection, documents)
    kind = _present(section.kind, schemas)
    zone = ZoneInfo(section.zone)
    owners = _owners(section, connection, documents)
    fields = {name: _fields(section, name, schemas, zone, owners) for name in kind.salesforce}
    rules = rules_of(kind, connection, documents, schemas)
    dependent = _some({place: dependent_of(schema) for place, schema in schemas.items()})
    inclusion, missing = _inclusion(section, connection, documents, schemas)
    routes = _routes(section, schemas, zone)
    filters, formulas = _filters(section, schemas, zone), _formulas(section, kind, schemas, zone)
    computed = {name: _computed(kind, name, formulas, schemas) for name in kind.salesforce}
    amounts = _some({name: amounts_of(section.currency, each) for name, each in fields.items()})
    currency = {(Crm.SALESFORCE, name): {CURRENCY} for name in amounts}
    portal = ZoneInfo(connection.accounts[Crm.HUBSPOT][1]) if Crm.HUBSPOT in connection.accounts else zone
    prompts = _prompts(section, schemas, _watched(kind, fields))
    read = _joined(_names(prompts), _read_by_formulas(kind, routes, filters, formulas))
    apart = _some({place: _apart(schema, section) for place, schema in schemas.items()})
    naming = {place: names.values() for place, names in apart.items()}
    watched, judged = _joined(_watched(kind, fields), read, naming), judged_fields(fields, dependent, rules)
    needed = _joined(_needed(kind, fields, inclusion), read, currency, judged)
    return KindPolicy(
        digest=connection.config,
        section=section,
        kind=kind,
        fields=fields,
        marks={name: dict.fromkeys(field.hubspot for field in each) for name, each in fields.items()},
        mapped={(name, crm): _mapped(fields[name], computed[name], crm) for name in fields for crm in CRMS},
        starts={
            (name, crm): starts((*fields[name], *computed[name]), crm) for name in fields for crm in CRMS
        },
        absent={name: tuple(filter(_lacks_a_side, each)) for name, each in fields.items()},
        watched={place: _folds(schemas.get(place), fields) for place, fields in watched.items()},
        prompts=prompts,
        needed=needed,
        told=_told(needed, watched, prompts, inclusion),
        schemas=schemas,
        required={place: required_of(schema) for place, schema in schemas.items()},
        dependent=dependent,
        apart=apart,
        rules=rules,
        inclusion=inclusion,
        inclusion_key=_inclusion_key(inclusion, connection),
        inclusion_missing=missing,
        zone=portal,
        routes=routes,
        filters=filters,
        amounts=amounts,
        computed=computed,
    )


def _some(found: dict[K, V]) -> dict[K, V]:
    """Those under which anything was found."""
    return {key: value for key, value in found.items() if value}


def _lacks_a_side(mapped: MappedField) -> bool:
    return mapped.hubspot_schema.absent or mapped.salesforce_schema.absent


def _routes(section: Section, schemas: Mapping[Place, ObjectSchema], zone: ZoneInfo) -> tuple[Route, ...]:
    place = Crm.HUBSPOT, section.kind.hubspot
    return tuple(
        Route(_expression(each.when, schemas, place, zone), each.create_as) for each in section.routing
    )


def _filters(
    section: Section, schemas: Mapping[Place, ObjectSchema], zone: ZoneInfo
) -> dict[str, Expression]:
    return {
        name: _expression(source, schemas, (Crm.SALESFORCE, name), zone)
        for name, source in section.salesforce_filter.items()
    }


def _formulas(
    section: Section, kind: ObjectKind, schemas: Mapping[Place, ObjectSchema], zone: ZoneInfo
) -> Formulas:
    return [(each, _expression(each.formula, schemas, _read(kind, each), zone)) for each in section.computed]


def _expression(
    source: str, schemas: Mapping[Place, ObjectSchema], place: Place, zone: ZoneInfo
) -> Expression:
    return compile_expression(source, schemas.get(place) or ObjectSchema(*place, {}), zone)


def _read(kind: ObjectKind, computed: Computed) -> Place:
    """The object whose record a computed field is computed from."""
    if computed.target is Crm.HUBSPOT:
        return Crm.SALESFORCE, computed.object
    return Crm.HUBSPOT, kind.hubspot


def _written(kind: ObjectKind, computed: Computed) -> Place:
    if computed.target is Crm.HUBSPOT:
        return Crm.HUBSPOT, kind.hubspot
    return Crm.SALESFORCE, computed.object


def _computed(
    kind: ObjectKind, name: str, formulas: Formulas, schemas: Mapping[Place, ObjectSchema]
) -> tuple[MappedField, ...]:
    return tuple(
        computed_field(each.target, field_schema(schemas, *_written(kind, each), each.field), expression)
        for each, expression in formulas
        if each.object == name
    )


def _mapped(
    fields: Iterable[MappedField], computed: Iterable[MappedField], crm: Crm
) -> dict[str, MappedField]:
    written = (each for each in computed if ALWAYS[each.rule] is not crm)
    return {each.name(crm): each for each in (*fields, *written)}


def _read_by_formulas(
    kind: ObjectKind, routes: Iterable[Route], filters: Mapping[str, Expression], formulas: Formulas
) -> dict[Place, set[str]]:
    """What formulas read and write: to be known, and a trigger when it changes."""
    read: dict[Place, set[str]] = defaultdict(set)
    for route in routes:
        read[Crm.HUBSPOT, kind.hubspot] |= route.when.fields
    for name, condition in filters.items():
        read[Crm.SALESFORCE, name] |= condition.fields
    for each, expression in formulas:
        read[_read(kind, each)] |= expression.fields
        read[_written(kind, each)].add(each.field)
    return read


def _joined(
    one: Mapping[Place, frozenset[str]], *others: Mapping[Place, Iterable[str]]
) -> dict[Place, frozenset[str]]:
    return {place: fields.union(*(each.get(place, ()) for each in others)) for place, fields in one.items()}


def _schemas(kind: ObjectKind, connection: Connection, documents: Documents) -> dict[Place, ObjectSchema]:
    names = [(crm, name) for crm in CRMS for name in kind.objects(crm)]
    return {
        (crm, name): msgspec.convert(documents(connection.schemas[f"{crm}/{name}"]), ObjectSchema)
        for crm, name in names
        if f"{crm}/{name}" in connection.schemas
    }


def _apart(schema: ObjectSchema, section: Section) -> dict[str, str]:
    mapped = (schema.fields.get(each.hubspot) for each in section.mappings)
    return {field.name: field.apart for field in mapped if field is not None and field.apart}


def field_schema(schemas: Mapping[Place, ObjectSchema], crm: Crm, name: str, field: str) -> FieldSchema:
    """The schema of a field; one of an object that nobody described counts as plain text."""
    schema = schemas.get((crm, name))
    found = schema.fields.get(field) if schema else None
    return found or FieldSchema(
        name=field, label=field, kind=FieldKind.TEXT, native="unknown", absent=schema is not None
    )


def _owners(section: Section, connection: Connection, documents: Documents) -> Owners:
    """Who stands for whom; nobody for anybody until both CRMs have said who there is."""
    if len(connection.directories) < len(CRMS):
        return NOBODY
    ours, theirs = (msgspec.convert(documents(connection.directories[crm]), list[Owner]) for crm in CRMS)
    return match_owners(ours, theirs, section.owners)


def _fields(
    section: Section, name: str, schemas: Mapping[Place, ObjectSchema], zone: ZoneInfo, owners: Owners
) -> tuple[MappedField, ...]:
    mappings = [each for each in section.mappings if name in each.salesforce]
    fields = [
        mapped_field(each.rule, _sides(section.kind, name, each, schemas), zone, each.options)
        for each in mappings
    ]
    restore = section.owners.restore
    return tuple(
        owner_field(each, owners, restore=restore)
        if is_owner(each.hubspot_schema, each.salesforce_schema)
        else each
        for each in fields
    )


def _sides(
    kind: ObjectKind, name: str, mapping: FieldMapping, schemas: Mapping[Place, ObjectSchema]
) -> Sides:
    return Sides(
        field_schema(schemas, Crm.HUBSPOT, kind.hubspot, mapping.hubspot),
        field_schema(schemas, Crm.SALESFORCE, name, mapping.salesforce[name]),
    )


def _inclusion(
    section: Section,
    connection: Connection,
    documents: Documents,
    schemas: Mapping[Place, ObjectSchema],
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
    schemas: Mapping[Place, ObjectSchema],
    watched: Mapping[Place, frozenset[str]],
) -> dict[Place, dict[str, str]]:
    """The fields that only start a sync; one that an account does not have is left out."""
    prompts: dict[Place, dict[str, str]] = {place: {} for place in watched}
    for trigger in section.triggers:
        fields = section.kind.triggers.get(trigger, {})
        for (crm, name), names in watched.items():
            schema = schemas.get((crm, name))
            known = schema.fields if schema else {}
            prompts[crm, name] |= {
                each: trigger for each in fields.get(name, ()) if each in known and each not in names
            }
    return prompts


def _names(fields: Mapping[Place, Iterable[str]]) -> dict[Place, frozenset[str]]:
    return {place: frozenset(names) for place, names in fields.items()}


def _watched(kind: ObjectKind, fields: Mapping[str, tuple[MappedField, ...]]) -> dict[Place, frozenset[str]]:
    live = {name: [f for f in mapped if f.rule is not SyncRule.DONT_SYNC] for name, mapped in fields.items()}
    ours = {f.hubspot for mapped in live.values() for f in mapped}
    watched = {(Crm.HUBSPOT, kind.hubspot): frozenset(ours)}
    for name, mapped in live.items():
        formulas = {f.salesforce for f in mapped if f.salesforce_schema.calculated}
        watched[Crm.SALESFORCE, name] = frozenset(f.salesforce for f in mapped) - formulas
    return watched


def _folds(schema: ObjectSchema | None, names: Iterable[str]) -> dict[str, Fold]:
    known = schema.fields if schema else {}
    return {name: folding(known[name].kind) if name in known else as_it_is for name in names}


def _present(kind: ObjectKind, schemas: Mapping[Place, ObjectSchema]) -> ObjectKind:
    """The kind without properties of HubSpot's own integration that the portal does not have."""
    schema = schemas.get((Crm.HUBSPOT, kind.hubspot))
    known = schema.fields if schema else {}
    named = {name: each for name, each in kind.native_ids.items() if name in known}
    return msgspec.structs.replace(kind, native_ids=named)


def _needed(
    kind: ObjectKind, fields: Mapping[str, tuple[MappedField, ...]], inclusion: InclusionFilter | None
) -> dict[Place, frozenset[str]]:
    """What must be known of a record before it is decided about; a field that is not there cannot be."""
    ours = {f.hubspot for mapped in fields.values() for f in mapped if not f.hubspot_schema.absent}
    ours.add(kind.hubspot_key)
    ours |= set(kind.match.get(kind.hubspot, ())) | set(kind.extra.get(kind.hubspot, ()))
    ours |= set(inclusion.properties) if inclusion else set()
    ours |= kind.native_ids.keys()
    needed = {(Crm.HUBSPOT, kind.hubspot): frozenset(ours)}
    for name, mapped in fields.items():
        theirs = {f.salesforce for f in mapped if not f.salesforce_schema.absent} | {kind.salesforce_key}
        theirs |= set(kind.match.get(name, ())) | set(kind.extra.get(name, ()))
        needed[Crm.SALESFORCE, name] = frozenset(theirs)
    return needed


def _told(
    needed: Mapping[Place, frozenset[str]],
    watched: Mapping[Place, frozenset[str]],
    prompts: Mapping[Place, Mapping[str, str]],
    inclusion: InclusionFilter | None,
) -> dict[Place, frozenset[str]]:
    """The fields that are taken from the answer to an update, beside those sent.

    A change that starts a sync, or moves somebody on or off the list, must be seen by a look, which tells
    it from what was known.
    """
    told = {}
    for place, fields in needed.items():
        listed = inclusion.properties if inclusion and place[0] is Crm.HUBSPOT else frozenset[str]()
        mapped = watched[place] - prompts[place].keys()
        told[place] = fields - ((prompts[place].keys() | listed) - mapped)
    return told
