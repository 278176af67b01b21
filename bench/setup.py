"""What is configured in a measured connection: mapped fields, an inclusion list, validation rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from bench.inclusion import PLAIN, definition
from domain.events import (
    AccountObserved,
    AnyEvent,
    ConfigurationApplied,
    ListObserved,
    RulesObserved,
    RuleTrusted,
    SchemaObserved,
    digest,
)
from domain.identity import Crm, Fields
from domain.kinds import CONTACTS
from domain.mapping import SyncRule
from domain.policy import Document, FieldMapping, Section
from domain.rules import RuleText
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from workers.connection import Lane

OURS, THEIRS = "contacts", "Lead"
HUBSPOT_KEY, SALESFORCE_KEY = CONTACTS.hubspot_key, CONTACTS.salesforce_key
EXTRA: dict[str, Fields] = {
    OURS: {"hs_additional_emails": None, HUBSPOT_KEY: None},
    THEIRS: {"IsConverted": "false", "ConvertedContactId": None, SALESFORCE_KEY: None},
}
"""What a record has beside the mapped fields."""

Mapped = Mapping[str, tuple[str, FieldKind, str]]
"""Property to Salesforce field, kind, and the value of the n-th person."""

MAPPED: Mapped = {
    "email": ("Email", FieldKind.EMAIL, "person{}@example.com"),
    "firstname": ("FirstName", FieldKind.TEXT, "Ada {}"),
    "lastname": ("LastName", FieldKind.TEXT, "Lovelace {}"),
    "jobtitle": ("Title", FieldKind.TEXT, "Engineer {}"),
    "company": ("Company", FieldKind.TEXT, "Analytical Engines {} Ltd"),
    "phone": ("Phone", FieldKind.PHONE, "+44 20 7946 {}"),
    "mobilephone": ("MobilePhone", FieldKind.PHONE, "+44 7700 {}"),
    "fax": ("Fax", FieldKind.PHONE, "+44 20 7947 {}"),
    "website": ("Website", FieldKind.URL, "https://www{}.example.com"),
    "address": ("Street", FieldKind.MULTILINE, "{} St James Square"),
    "city": ("City", FieldKind.TEXT, "London {}"),
    "state": ("State", FieldKind.TEXT, "State {}"),
    "zip": ("PostalCode", FieldKind.TEXT, "SW{} 4JH"),
    "country": ("Country", FieldKind.TEXT, "AT"),
    "industry": ("Industry", FieldKind.TEXT, "Computing {}"),
    "employees": ("NumberOfEmployees", FieldKind.NUMBER, "1{}"),
    "revenue": ("AnnualRevenue", FieldKind.NUMBER, "25{}.5"),
    "lifecyclestage": ("Stage__c", FieldKind.TEXT, "lead"),
    "leadsource": ("LeadSource", FieldKind.TEXT, "Web {}"),
    "opted_out": ("HasOptedOutOfEmail", FieldKind.BOOLEAN, "false"),
    "birthdate": ("Birthdate__c", FieldKind.DATE, "1985-12-10"),
    "last_meeting": ("Last_Meeting__c", FieldKind.DATETIME, "2026-01-15T12:00:00.000Z"),
    "interests": ("Interests__c", FieldKind.MULTIPICKLIST, "Mathematics;Poetry"),
    "score": ("Score__c", FieldKind.NUMBER, "4{}"),
    "region": ("Region__c", FieldKind.TEXT, "Region {}"),
    "notes": ("Notes__c", FieldKind.TEXT, "Met at fair {}"),
}


@dataclass(frozen=True)
class Setup:
    """How much there is to look at for each change."""

    mapped: Mapped = field(default_factory=lambda: MAPPED)
    filters: Sequence[dict[str, object]] = tuple(PLAIN)  #: of the inclusion list
    rules: Sequence[str] = ()  #: formulas of validation rules, all of them trusted

    @cached_property
    def edited(self) -> list[str]:
        """The properties that people edit."""
        fixed = {"email", "employees"}
        return [name for name, (_, _, value) in self.mapped.items() if "{}" in value and name not in fixed]

    def name(self, crm: Crm, ours: str) -> str:
        """What a property's counterpart is called in a CRM."""
        return ours if crm is Crm.HUBSPOT else self.mapped[ours][0]


USUAL = Setup()

WIDE: Mapped = {
    **MAPPED,
    **{
        f"property_{number}": (f"Property_{number}__c", FieldKind.TEXT, f"value {number} of {{}}")
        for number in range(142 - len(MAPPED))
    },
}
TEMPLATES = (
    "AND(ISCHANGED({0}), LEN({0}) > 200)",
    "AND(NOT(ISBLANK({0})), NOT(REGEX({0}, '[ -~]{{1,255}}')))",
    "AND(ISNEW(), ISBLANK({0}), CONTAINS({1}, 'forbidden'))",
    "OR(BEGINS({0}, 'test '), {0} = 'n/a', AND(ISBLANK({0}), ISBLANK({1})))",
    "AND(PRIORVALUE({0}) = 'locked', {0} <> 'locked', YEAR(TODAY()) > 2000)",
)
TEXTS = [field_name for field_name, kind, _ in WIDE.values() if kind is FieldKind.TEXT][:21]
LARGE = Setup(
    WIDE, PLAIN * 6, [TEMPLATES[at % 5].format(name, TEXTS[at]) for at, name in enumerate(TEXTS[1:])]
)
"""142 mapped fields, 30 filters and 20 validation rules, none of which is violated."""


def configure(lane: Lane, setup: Setup = USUAL) -> None:
    """The setup comes into force."""
    schemas = [_described(setup, crm, name) for crm in Crm for name in CONTACTS.objects(crm)]
    mappings = tuple(
        FieldMapping(ours, dict.fromkeys(CONTACTS.salesforce, theirs), SyncRule.TWO_WAY)
        for ours, (theirs, _, _) in setup.mapped.items()
    )
    section = Section(CONTACTS, mappings, create_as=THEIRS, inclusion_list="Bench")
    members, document = definition([*setup.filters]), Document("bench", (section,))
    rules = [
        RuleText(f"03d{number}", f"Rule_{number}", text, "No.") for number, text in enumerate(setup.rules)
    ]
    events: list[AnyEvent] = [
        AccountObserved(crm=Crm.HUBSPOT, account_id="1", zone="Europe/Vienna"),
        AccountObserved(crm=Crm.SALESFORCE, account_id="00D"),
        ListObserved(list_id="1", name="Bench", digest=_name(members)),
        *(SchemaObserved(crm=each.crm, object=each.object, digest=_name(each)) for each in schemas),
        *_enforced(rules),
        ConfigurationApplied(digest=_name(document), by="bench"),
    ]
    lane.append(events, [members, *schemas, rules, document])


def _enforced(rules: Sequence[RuleText]) -> Iterator[AnyEvent]:
    if rules:
        yield RulesObserved(object=THEIRS, digest=_name(rules))
    for rule in rules:
        yield RuleTrusted(rule=rule.key, agreed=5, disagreed=0)


def _described(setup: Setup, crm: Crm, name: str) -> ObjectSchema:
    fields = {
        each: FieldSchema(each, each, kind, "string")
        for ours, (_, kind, _) in setup.mapped.items()
        for each in [setup.name(crm, ours)]
    }
    return ObjectSchema(crm, name, fields)


def _name(document: Any) -> str:
    return digest(msgspec.to_builtins(document))
