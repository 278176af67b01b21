"""The workload: many people in both CRMs, and what happens to them, in a fixed mix.

Both CRMs are dictionaries behind the port that real ones stand behind, and answer at once. So whatever a
projector meets in service is in the log: people's edits by webhook and by poll, creates with their look-ups,
claims and answers of writes, echoes of those writes, and the same fact reported by two ways.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Self

from bench.setup import EXTRA, HUBSPOT_KEY, OURS, SALESFORCE_KEY, THEIRS, USUAL, Setup
from domain.events import AnyEvent, RecordObserved, RecordTouched
from domain.identity import Crm, Fields
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Priority
from workers.clock import Clock
from workers.ports import ReadAnswer, ReadRecord, Search, WriteRow

MEMBERS = 0.85
"""What part of the people is on the inclusion list."""

SHARES = {"edit": 0.6, "create": 0.1, "echo": 0.2, "repeat": 0.1}
"""The mix: effective edits of one field, new people, echoes or no-ops, the same fact by another way."""


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
    setup: Setup = USUAL
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
            names = [(name, self.setup.name(theirs.crm, name)) for name in self.setup.mapped]
            theirs.fields |= {field_name: ours.fields[name] for name, field_name in names}
            ours.fields[HUBSPOT_KEY], theirs.fields[SALESFORCE_KEY] = theirs.id, ours.id

    def _new(self, crm: Crm) -> Person:
        self._serial += 1
        member = self.random.random() < MEMBERS
        number = f"{self._serial:06}"
        ours: Fields = {}
        for name, (_, _, value) in self.setup.mapped.items():
            ours[name] = value.format(number)
        ours["country"] = "AT" if member else "FR"
        return self._keep(crm, {self.setup.name(crm, name): value for name, value in ours.items()})

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
        names = [self.setup.name(crm, name) for name in self.setup.mapped]
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
        person, name = self._anybody(crm), self.random.choice(self.setup.edited)
        self._serial += 1
        field_name = self.setup.name(crm, name)
        person.fields[field_name] = self.setup.mapped[name][2].format(self._serial)
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
