"""The mappings that HubSpot's own integration starts with, and what a section maps in all.

Source: HubSpot's "Sync Salesforce leads and contacts to HubSpot" page; owner and opt-out have rules of their
own there. The page gives labels; lead source and account go into properties that the integration makes, whose
names are those found in portals that have them. Where they are absent, their mappings are left out. The
properties of status, rating and description are not known well enough to be here.
"""

from collections.abc import Iterator
from typing import NamedTuple

from domain.identity import Crm
from domain.kinds import CONTACTS, ObjectKind
from domain.mapping import SyncRule
from domain.schema import FieldSchema
from workers.configuration.model import MappingEntry, SectionEntry
from workers.configuration.pairs import allowed
from workers.configuration.problems import NAMES, Schemas
from workers.configuration.source import Place


def _of(hubspot: str, lead: str = "", contact: str = "", rule: SyncRule | None = None) -> MappingEntry:
    fields = {name: field for name, field in (("Lead", lead), ("Contact", contact)) if field}
    return MappingEntry(hubspot=hubspot, salesforce=fields, sync_rule=rule or SyncRule.PREFER_SALESFORCE)


STANDARD: dict[str, tuple[MappingEntry, ...]] = {
    CONTACTS.name: (
        _of("email", "Email", "Email"),
        _of("firstname", "FirstName", "FirstName"),
        _of("lastname", "LastName", "LastName"),
        _of("salutation", "Salutation", "Salutation"),
        _of("jobtitle", "Title", "Title"),
        _of("company", "Company"),
        _of("phone", "Phone", "Phone"),
        _of("fax", "Fax", "Fax"),
        _of("website", "Website"),
        _of("address", "Street", "MailingStreet"),
        _of("city", "City", "MailingCity"),
        _of("state", "State", "MailingState"),
        _of("zip", "PostalCode", "MailingPostalCode"),
        _of("country", "Country", "MailingCountry"),
        _of("annualrevenue", "AnnualRevenue"),
        _of("numemployees", "NumberOfEmployees"),
        _of("industry", "Industry"),
        _of("leadsource", "LeadSource", "LeadSource"),
        _of("salesforceaccountid", contact="AccountId", rule=SyncRule.ALWAYS_SALESFORCE),
        _of("hs_email_optout", "HasOptedOutOfEmail", "HasOptedOutOfEmail", SyncRule.OPT_OUT),
        _of("hubspot_owner_id", "OwnerId", "OwnerId", SyncRule.TWO_WAY),
    )
}
"""Kind -> its standard mappings."""


class Mapping(NamedTuple):
    """One mapping of a section."""

    place: Place
    entry: MappingEntry
    standard: bool


def mappings_of(kind: ObjectKind, section: SectionEntry) -> Iterator[Mapping]:
    """The section's own mappings, then the standard ones of which it maps neither property nor field."""
    filled: set[str | tuple[str, str]] = set()
    for index, entry in enumerate(section.field_mappings):
        filled |= {entry.hubspot, *entry.by_object(kind.salesforce).items()}
        yield Mapping(("field_mappings", index), entry, standard=False)
    for computed in section.computed_fields:
        filled |= {computed.hubspot or "", *computed.by_object(kind.salesforce).items()}
    for entry in STANDARD.get(kind.name, ()) if section.standard_mappings else ():
        if filled.isdisjoint({entry.hubspot, *entry.by_object(kind.salesforce).items()}):
            yield Mapping(("standard_mappings",), entry, standard=True)


def left_out(entry: MappingEntry, kind: ObjectKind, schemas: Schemas) -> str:
    """Why a standard mapping does not fit the accounts, and is left out; empty if it is used.

    An object whose fields are not known hinders nothing.
    """
    ours = schemas.get((Crm.HUBSPOT, kind.hubspot))
    if ours is None:
        return ""
    if entry.hubspot not in ours.fields:
        return "HubSpot has no such property"
    known = [
        (schemas.get((Crm.SALESFORCE, name)), field)
        for name, field in entry.by_object(kind.salesforce).items()
    ]
    fields = [schema.fields[field] for schema, field in known if schema and field in schema.fields]
    if all(schema for schema, _ in known) and not fields:
        return "Salesforce shows no such field"
    hindered = (_hindrance(entry, ours.fields[entry.hubspot], theirs) for theirs in fields)
    return next((why for why in hindered if why), "")


def _hindrance(entry: MappingEntry, ours: FieldSchema, theirs: FieldSchema) -> str:
    if not allowed(ours, theirs, entry.sync_rule):
        return f"{ours.native} and {theirs.native} do not go together"
    sides = {Crm.HUBSPOT: ours, Crm.SALESFORCE: theirs}
    written = {crm: schema for crm, schema in sides.items() if entry.passes(crm)}
    shut = [crm for crm, schema in written.items() if schema.calculated or not schema.updateable]
    if entry.sync_rule is SyncRule.OPT_OUT:
        shut = [crm for crm in shut if crm is Crm.SALESFORCE]
    return f"it is read-only in {NAMES[shut[0]]}" if shut else ""
