"""What the rest of the program takes from a configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.identity import Crm
from domain.kinds import ObjectKind
from domain.mapping import SyncRule
from domain.money import CURRENCY
from domain.policy import Computed, Document, FieldMapping, RoutingRule, Section
from domain.schema import FieldSchema
from workers.configuration.loading import Configuration
from workers.configuration.model import (
    DO_NOTHING,
    SHADOW,
    ComputedEntry,
    Guards,
    MappingEntry,
    SectionEntry,
)
from workers.configuration.problems import Schemas
from workers.configuration.rules import OPTED_OUT
from workers.configuration.standard import left_out, mappings_of


@dataclass(frozen=True, slots=True)
class Budget:
    """How many calls a day one CRM may be asked; the smaller counts."""

    share: float  #: of the account's own daily limit, above 0 up to 1
    per_day: int | None  #: None: no limit besides the share


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """What the shell needs to serve a connection and decisions do not read."""

    connection: str
    hubspot_credential: str  #: ``private_app``, ``project_app`` or ``service_key``
    salesforce_login: str  #: ``client_credentials`` or ``jwt``
    salesforce_domain: str
    salesforce_username: str | None  #: with ``jwt`` only
    poll_seconds: int  #: between two polls of an object
    check_seconds: int  #: between two checks of everything modified since the last
    webhooks: bool  #: whether HubSpot's webhooks are taken
    budgets: Mapping[Crm, Budget]
    trust_after: int | None  #: agreeing answers that make a validation rule stop writes; None: never


def connection_options(configuration: Configuration) -> ConnectionOptions:
    entry = configuration.entry
    limits = {Crm.HUBSPOT: entry.hubspot.api_call_limit, Crm.SALESFORCE: entry.salesforce.api_call_limit}
    return ConnectionOptions(
        connection=entry.connection,
        hubspot_credential=entry.hubspot.credential,
        salesforce_login=entry.salesforce.login,
        salesforce_domain=entry.salesforce.domain,
        salesforce_username=entry.salesforce.username,
        poll_seconds=entry.polling.interval,
        check_seconds=entry.polling.check,
        webhooks=entry.accepts_webhooks,
        budgets={crm: Budget(limit.share / 100, limit.per_day) for crm, limit in limits.items()},
        trust_after=entry.salesforce.validation_rules.trust_after,
    )


def to_document(
    configuration: Configuration, schemas: Schemas, lists: Mapping[str, str] | None = None
) -> Document:
    """The part that decisions read. A mapping reaches the objects that have its field.

    ``lists``: the id of each inclusion list as the file names it; one that is absent goes by its name.

    Raises:
        KeyError: if the schema of one of the Salesforce objects is missing.
    """
    sections = [_section(configuration, name, schemas, lists or {}) for name in configuration.sections]
    kept = configuration.entry.retention
    return Document(
        configuration.connection, tuple(sections), kept.decisions, kept.decision_days, kept.sync_error_days
    )


def syncs_opt_outs(configuration: Configuration) -> bool:
    """Whether people who opt out in Salesforce are to be unsubscribed in HubSpot."""
    entries = (
        entry
        for name, section in configuration.sections.items()
        for _, entry, _ in mappings_of(configuration.kinds[name], section)
    )
    return any(entry.hubspot == OPTED_OUT and entry.sync_rule is SyncRule.OPT_OUT for entry in entries)


def fields_of(entry: MappingEntry, kind: ObjectKind, schemas: Schemas) -> dict[str, str]:
    """Object -> field, for the objects that have the field."""
    return {
        name: field
        for name, field in entry.by_object(kind.salesforce).items()
        if field in schemas[Crm.SALESFORCE, name].fields
    }


def object_named(kind: ObjectKind, wanted: str) -> str | None:
    """The Salesforce object that the file calls so in any letters; None: nothing is to be created."""
    return next((name for name in kind.salesforce if name.lower() == wanted.lower()), None)


def object_created(kind: ObjectKind, section: SectionEntry) -> str | None:
    """The Salesforce object of new records that meet no rule; None: none is created."""
    if not section.create_as:
        return kind.salesforce[0]
    return next((object_named(kind, each.create) for each in section.create_as if each.when is None), None)


def objects_created(kind: ObjectKind, section: SectionEntry) -> list[str]:
    """The Salesforce objects that new records may be of."""
    wanted = [rule.create_as for rule in _routing(kind, section)] + [object_created(kind, section)]
    return [name for name in kind.salesforce if name in wanted]


def _routing(kind: ObjectKind, section: SectionEntry) -> tuple[RoutingRule, ...]:
    return tuple(
        RoutingRule(each.when, object_named(kind, each.create)) for each in section.create_as if each.when
    )


def _section(configuration: Configuration, name: str, schemas: Schemas, lists: Mapping[str, str]) -> Section:
    kind, section = configuration.kinds[name], configuration.sections[name]
    wanted = section.limit_sync.inclusion_list
    return Section(
        kind=kind,
        mappings=tuple(
            FieldMapping(entry.hubspot, fields_of(entry, kind, schemas), entry.sync_rule, entry.options)
            for _, entry, standard in mappings_of(kind, section)
            if not (standard and left_out(entry, kind, schemas))
        ),
        create_as=object_created(kind, section),
        create_in_hubspot=tuple(filter(section.creates_in_hubspot, kind.salesforce)),
        delete_in_hubspot=tuple(filter(section.deletes_in_hubspot, kind.salesforce)),
        delete_outside_list=section.deletes_reach == "everybody",
        merge_in_hubspot=section.when_salesforce_records_merged != DO_NOTHING,
        follow_latest=section.when_salesforce_has_duplicates != "keep_link",
        inclusion_list=None if wanted is None else lists.get(wanted, wanted),
        guards=_guards(section.guards),
        zone=configuration.entry.time_zone,
        defaults=_defaults(kind, section, schemas),
        salesforce_filter=section.limit_sync.filters(kind.salesforce),
        routing=_routing(kind, section),
        triggers=tuple(name for name in section.sync_triggers.names() if name in kind.triggers),
        owners=section.owners.options,
        currency=section.currency or "",
        computed=tuple(each for entry in section.computed_fields for each in computed(entry, kind, schemas)),
        shadow=configuration.entry.mode == SHADOW,
    )


def _defaults(kind: ObjectKind, section: SectionEntry, schemas: Schemas) -> dict[str, dict[str, str]]:
    """What new records start with; where there are several currencies, the declared one."""
    defaults: dict[str, dict[str, str]] = {}
    for name in (*section.defaults, *(kind.salesforce if section.currency else ())):
        fields = _schema_fields(schemas, kind, name)
        given = section.defaults.get(name, {})
        defaults[name] = {field: option_value(fields.get(field), value) for field, value in given.items()}
        if section.currency and CURRENCY in fields and name != kind.hubspot:
            defaults[name].setdefault(CURRENCY, section.currency)
    return {name: values for name, values in defaults.items() if values}


def _schema_fields(schemas: Schemas, kind: ObjectKind, name: str) -> Mapping[str, FieldSchema]:
    return schemas[Crm.HUBSPOT if name == kind.hubspot else Crm.SALESFORCE, name].fields


def option_value(schema: FieldSchema | None, given: str) -> str:
    """An option may be called by its label, as a record type is by its name."""
    options = schema.options if schema else ()
    if any(each.value == given for each in options):
        return given
    return next((each.value for each in options if each.label.casefold() == given.casefold()), given)


def computed(entry: ComputedEntry, kind: ObjectKind, schemas: Schemas) -> Iterator[Computed]:
    """What is computed from the records of each object, or for those that have the field."""
    formulas = entry.formulas(kind.salesforce)
    if entry.hubspot is not None:
        for name, formula in formulas.items():
            yield Computed(name, Crm.HUBSPOT, entry.hubspot, formula)
    for name, field in entry.by_object(kind.salesforce).items():
        if field in schemas[Crm.SALESFORCE, name].fields and name in formulas:
            yield Computed(name, Crm.SALESFORCE, field, formulas[name])


def _guards(guards: Guards) -> dict[str, int]:
    limits = {
        "creates": guards.creates_per_hour,
        "deletes": guards.deletes_per_hour,
        "blanked": guards.blanked_per_hour,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}
