"""The workload: many people in both CRMs, and what happens to them, in a fixed mix.

Both CRMs are dictionaries behind the port that real ones stand behind, and answer at once. So whatever a
projector meets in service is in the log: people's edits by webhook and by poll, creates with their look-ups,
claims and answers of writes, echoes of those writes, and the same fact reported by two ways.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

import msgspec

from bench.inclusion import PLAIN, definition
from domain.events import (
    AccountObserved,
    AnyEvent,
    BaselineCompleted,
    ConfigurationApplied,
    ListObserved,
    RecordObserved,
    RecordTouched,
    SchemaObserved,
    digest,
)
from domain.identity import Crm, Fields
from domain.kinds import CONTACTS
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Document, FieldMapping, Section
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from domain.state import Priority
from workers.clock import Clock
from workers.connection import Lane
from workers.ports import ReadAnswer, ReadRecord, Search, WriteRow

MEMBERS = 0.85
"""What part of the people is on the inclusion list."""

SHARES = {"edit": 0.6, "create": 0.1, "echo": 0.2, "repeat": 0.1}
"""The mix: effective edits of one field, new people, echoes or no-ops, the same fact by another way."""

MAPPED: dict[str, tuple[str, FieldKind, str]] = {
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
"""Property to Salesforce field, kind, and the value of the n-th person."""

EDITED = [
    name for name, (_, _, value) in MAPPED.items() if "{}" in value and name not in {"email", "employees"}
]
OURS, THEIRS = "contacts", "Lead"
HUBSPOT_KEY, SALESFORCE_KEY = CONTACTS.hubspot_key, CONTACTS.salesforce_key
EXTRA: dict[str, Fields] = {
    OURS: {"hs_additional_emails": None, HUBSPOT_KEY: None},
    THEIRS: {"IsConverted": "false", "ConvertedContactId": None, SALESFORCE_KEY: None},
}


@dataclass
class Person:
    """One record of one CRM."""

    crm: Crm
    id: str
    fields: Fields
    stamp: int

    @property
    def object(self) -> str:
        return OURS if self.crm is Crm.HUBSPOT else THEIRS

    def seen(self, source: str, ticket: int, *names: str) -> RecordObserved:
        """A look at the record; at all of its fields if none is named."""
        fields = {name: self.fields[name] for name in names} if names else dict(self.fields)
        return RecordObserved(
            crm=self.crm,
            object=self.object,
            id=self.id,
            fields=fields,
            modified_at=self.stamp,
            ticket=ticket,
            source=source,
        )


@dataclass
class Crowd:
    """Everybody in both CRMs, and the people who edit them."""

    clock: Clock
    random: Random = field(default_factory=lambda: Random(7))
    people: dict[Crm, dict[str, Person]] = field(default_factory=lambda: {crm: {} for crm in Crm})
    written: list[Person] = field(default_factory=list)  #: by us, and not echoed yet
    edited: list[Person] = field(default_factory=list)  #: lately, as webhooks told
    mix: Counter[str] = field(default_factory=Counter)
    _serial: int = 0

    def seed(self, number: int) -> None:
        """People who are in both CRMs, linked, with the same values."""
        for _ in range(number):
            ours, theirs = self._new(Crm.HUBSPOT), self._new(Crm.SALESFORCE)
            theirs.fields |= {MAPPED[name][0]: ours.fields[name] for name in MAPPED}
            ours.fields[HUBSPOT_KEY], theirs.fields[SALESFORCE_KEY] = theirs.id, ours.id

    def _new(self, crm: Crm) -> Person:
        self._serial += 1
        member = self.random.random() < MEMBERS
        number = f"{self._serial:06}"
        ours: Fields = {}
        for name, (_, _, value) in MAPPED.items():
            ours[name] = value.format(number)
        ours["country"] = "AT" if member else "FR"
        fields = ours if crm is Crm.HUBSPOT else {MAPPED[name][0]: value for name, value in ours.items()}
        return self._keep(crm, fields)

    def _keep(self, crm: Crm, fields: Fields) -> Person:
        extra = EXTRA[OURS if crm is Crm.HUBSPOT else THEIRS]
        record_id = str(50_000_000 + self._serial) if crm is Crm.HUBSPOT else f"00Q00000{self._serial:07}AAA"
        person = Person(crm, record_id, {**extra, **fields}, self.stamp(crm))
        self.people[crm][record_id] = person
        self._ids[crm].append(record_id)
        return person

    def stamp(self, crm: Crm) -> int:
        """The CRM's time: Salesforce stamps in whole seconds."""
        now = self.clock.now_ms()
        return now if crm is Crm.HUBSPOT else now // 1000 * 1000

    def made(self, crm: Crm, fields: Fields) -> Person:
        """A record that we created; what we did not say is blank."""
        self._serial += 1
        names = MAPPED if crm is Crm.HUBSPOT else [theirs for theirs, _, _ in MAPPED.values()]
        return self._keep(crm, {**dict.fromkeys(names), **fields})

    # -- what happens

    def happen(self, number: int, ticket: int) -> Iterator[AnyEvent]:
        """A number of changes in the mix, as their reports reach the log."""
        names, weights = list(SHARES), list(SHARES.values())
        for what in self.random.choices(names, weights, k=number):
            event = getattr(self, f"_{what}")(ticket)
            self.mix[what] += 1
            yield event

    def _edit(self, ticket: int) -> AnyEvent:
        crm = self.random.choice(list(Crm))
        person, name = self._anybody(crm), self.random.choice(EDITED)
        self._serial += 1
        field_name = name if crm is Crm.HUBSPOT else MAPPED[name][0]
        person.fields[field_name] = MAPPED[name][2].format(self._serial)
        person.stamp = max(self.stamp(crm), person.stamp + 1)
        if crm is Crm.SALESFORCE:
            return person.seen("poll", ticket)
        self.edited.append(person)
        return person.seen("webhook", 0, field_name)

    def _create(self, ticket: int) -> AnyEvent:
        person = self._new(self.random.choice(list(Crm)))
        if person.crm is Crm.SALESFORCE:
            return person.seen("poll", ticket)
        return RecordTouched(
            crm=person.crm, object=OURS, id=person.id, occurred_at=person.stamp, cause="created"
        )

    def _echo(self, ticket: int) -> AnyEvent:
        """The echo of a write of ours; where there is none, a save that changed nothing."""
        if self.written:
            return self.written.pop().seen("poll", ticket)
        person = self._anybody(Crm.HUBSPOT)
        person.stamp = max(self.stamp(Crm.HUBSPOT), person.stamp + 1)
        return person.seen("poll", ticket)

    def _repeat(self, ticket: int) -> AnyEvent:
        """The poll shows what a webhook told before."""
        return (self.edited.pop() if self.edited else self._anybody(Crm.HUBSPOT)).seen("poll", ticket)

    def _anybody(self, crm: Crm) -> Person:
        return self.people[crm][self.random.choice(self._ids[crm])]

    _ids: dict[Crm, list[str]] = field(default_factory=lambda: {crm: [] for crm in Crm})


@dataclass
class InstantCrm:
    """Plays a CRM's gateway for deliverer and reader, by dictionary."""

    crowd: Crowd
    crm: Crm
    batch_size: int = 200
    mixes_objects: bool = False

    def at(self, priority: Priority) -> Self:  # noqa: ARG002 - the port's signature
        return self

    def wait_ms(self) -> int:
        return 0

    def read(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> ReadAnswer:
        known = self.crowd.people[self.crm] if object_name in {OURS, THEIRS} else {}
        found = [_shown(known[each], fields) for each in ids if each in known]
        return ReadAnswer(found, [each for each in ids if each not in known], self.crowd.clock.now_ms())

    def look_up(self, searches: Sequence[Search]) -> list[ReadAnswer]:
        """Nobody who is created here was there before."""
        return [ReadAnswer([], list(each.values), self.crowd.clock.now_ms()) for each in searches]

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        return [self._write(row) for row in rows]

    def _write(self, row: WriteRow) -> Outcome:
        if row.id is None:
            key = {row.key_field: row.key_value} if row.key_field else {}
            made = self.crowd.made(self.crm, {**row.fields, **key})
            self.crowd.written.append(made)
            return self._answer(made, created=True)
        person = self.crowd.people[self.crm][row.id]
        person.fields |= row.fields
        person.stamp = max(self.crowd.stamp(self.crm), person.stamp + 1)
        self.crowd.written.append(person)
        return self._answer(person, created=False)

    def _answer(self, person: Person, *, created: bool) -> Outcome:
        """HubSpot's answer shows what it stored; Salesforce's does not."""
        shows = self.crm is Crm.HUBSPOT
        return Outcome(
            OutcomeClass.DELIVERED,
            record_id=person.id,
            created=created,
            stored=dict(person.fields) if shows else None,
            stamp=person.stamp if shows else None,
        )


def _shown(person: Person, fields: Sequence[str]) -> ReadRecord:
    shown = {name: person.fields.get(name) for name in fields}
    return ReadRecord(person.object, person.id, shown, person.stamp)


# -- the configuration


def described(crm: Crm, name: str) -> ObjectSchema:
    fields = {
        each: FieldSchema(each, each, kind, "string")
        for ours, (theirs, kind, _) in MAPPED.items()
        for each in [ours if crm is Crm.HUBSPOT else theirs]
    }
    return ObjectSchema(crm, name, fields)


def configure(lane: Lane) -> None:
    """26 mapped fields and an inclusion list of five filters come into force."""
    schemas = [described(crm, name) for crm in Crm for name in CONTACTS.objects(crm)]
    both = CONTACTS.salesforce
    mappings = tuple(
        FieldMapping(ours, dict.fromkeys(both, theirs), SyncRule.TWO_WAY)
        for ours, (theirs, _, _) in MAPPED.items()
    )
    section = Section(CONTACTS, mappings, create_as=THEIRS, inclusion_list="Bench")
    members, document = definition(PLAIN), Document("bench", (section,))
    events: list[AnyEvent] = [
        AccountObserved(crm=Crm.HUBSPOT, account_id="1", zone="Europe/Vienna"),
        AccountObserved(crm=Crm.SALESFORCE, account_id="00D"),
        ListObserved(list_id="1", name="Bench", digest=_name(members)),
        *(SchemaObserved(crm=each.crm, object=each.object, digest=_name(each)) for each in schemas),
        ConfigurationApplied(digest=_name(document), by="bench"),
    ]
    lane.append(events, [members, *schemas, document])


def _name(document: Any) -> str:
    return digest(msgspec.to_builtins(document))


def baseline(lane: Lane, crowd: Crowd) -> None:
    """Both CRMs are read once in full."""
    ticket = lane.coordination.tickets()
    for people in crowd.people.values():
        everybody = [each.seen("baseline", ticket) for each in people.values()]
        for at in range(0, len(everybody), 1000):
            lane.append(everybody[at : at + 1000])
    objects = [(crm, name) for crm in Crm for name in CONTACTS.objects(crm)]
    lane.append([BaselineCompleted(crm=crm, object=name) for crm, name in objects])
