"""How fast one process folds the log: state, decision, outbox and their encoding; and what a contact weighs.

The workload: 20,000 contacts in both CRMs, 26 mapped fields, an inclusion list of five filters. Of all
observations, 60 % are effective edits of one field, 10 % new contacts, 20 % echoes or no-ops, 10 % repeats;
every write is claimed and answered. Beside it stand the ceilings of the same run: decoding and encoding the
same events, and folding them into plain dictionaries.
"""

import argparse
import cProfile
import pstats
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from time import perf_counter
from typing import Any

import msgspec

from domain import events as e
from domain.book import Changes, Table, decode, outbox_queue, reads_queue
from domain.events import AnyEvent, encode
from domain.identity import Crm, Fields
from domain.kinds import CONTACTS
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Document, FieldMapping, Section
from domain.projection import Projection
from domain.rules import RuleText
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from domain.state import Contact, Intent, Priority, ReadRequest
from domain.upcasting import decode as decode_event

HS, SF = Crm.HUBSPOT, Crm.SALESFORCE
START = 1_750_000_000_000
BATCH = 500

PROPERTIES = (
    "email",
    "firstname",
    "lastname",
    "salutation",
    "jobtitle",
    "company",
    "phone",
    "mobilephone",
    "fax",
    "website",
    "address",
    "city",
    "state",
    "zip",
    "country",
    "industry",
    "numemployees",
    "annualrevenue",
    "hs_lead_status",
    "lead_source",
    "birthdate",
    "message",
    "department",
    "linkedin_url",
    "preferred_language",
    "timezone",
)
RULES = (SyncRule.TWO_WAY, SyncRule.PREFER_SALESFORCE)
LISTED = ("lifecyclestage", "country", "hs_lead_status", "industry", "lead_source")


@dataclass(frozen=True)
class Setup:
    """How much there is to look at for each change."""

    properties: tuple[str, ...] = PROPERTIES  #: mapped
    filters: int = len(LISTED)  #: of the inclusion list
    rules: tuple[str, ...] = ()  #: formulas of validation rules, all of them trusted

    @property
    def edited(self) -> list[str]:
        return [name for name in self.properties if name not in {"email", *LISTED}]

    @property
    def section(self) -> Section:
        mappings = (
            FieldMapping(name, {"Lead": field_of(name), "Contact": field_of(name)}, RULES[place % 2])
            for place, name in enumerate(self.properties)
        )
        return Section(kind=CONTACTS, mappings=tuple(mappings), create_as="Lead", inclusion_list="Sync")


def field_of(name: str) -> str:
    return "Email" if name == "email" else f"{name.title().replace('_', '')}__c"


def _schema(crm: Crm, name: str, fields: list[str]) -> ObjectSchema:
    kinds = {"email": FieldKind.EMAIL, "Email": FieldKind.EMAIL}
    return ObjectSchema(
        crm,
        name,
        {
            each: FieldSchema(each, each, kinds.get(each, FieldKind.TEXT), "string", length=255)
            for each in fields
        },
    )


def _list(number: int) -> dict[str, Any]:
    filters = [
        {
            "filterType": "PROPERTY",
            "property": name,
            "operation": {
                "operationType": "ENUMERATION",
                "operator": "IS_ANY_OF",
                "values": [f"{name} 1", "x"],
            },
        }
        for name in (LISTED * number)[:number]
    ]
    branch = {"filterBranchType": "AND", "filterBranches": [], "filters": filters}
    return {
        "listId": "7",
        "name": "Sync",
        "processingType": "DYNAMIC",
        "filterBranch": {"filterBranchType": "OR", "filterBranches": [branch], "filters": []},
    }


USUAL = Setup()
TEMPLATES = (
    "AND(ISCHANGED({0}), LEN({0}) > 200)",
    "AND(NOT(ISBLANK({0})), NOT(REGEX({0}, '[ -~]{{1,255}}')))",
    "AND(ISNEW(), ISBLANK({0}), CONTAINS({1}, 'forbidden'))",
    "OR(BEGINS({0}, 'test '), {0} = 'n/a', AND(ISBLANK({0}), ISBLANK({1})))",
    "AND(PRIORVALUE({0}) = 'locked', {0} <> 'locked', YEAR(TODAY()) > 2000)",
)
LARGE = Setup(
    properties=(*PROPERTIES, *(f"property_{number}" for number in range(142 - len(PROPERTIES)))),
    filters=30,
    rules=tuple(
        TEMPLATES[place % 5].format(field_of(name), field_of(PROPERTIES[place % 7 + 1]))
        for place, name in enumerate(PROPERTIES[1:21])
    ),
)
"""142 mapped fields, 30 filters and 20 validation rules, none of which is violated."""


class Workload:
    """Makes the log: what two CRMs and the deliverers between them would append."""

    def __init__(self, contacts: int, seed: int, setup: Setup = USUAL) -> None:
        self.setup, self.edited = setup, setup.edited
        self.random = Random(seed)
        self.documents: dict[str, Any] = {}
        self.log: list[tuple[str, AnyEvent]] = []
        self.tables: dict[Table, dict[str, bytes]] = {table: {} for table in Table}
        self.queues: dict[str, dict[str, int]] = {}
        self.now, self.tickets, self.serial = START, count(1), count(1)
        self.rows: dict[tuple[Crm, str], Fields] = {}
        self.linked: list[str] = []
        self.projection = Projection(
            lambda table, key: self.tables[table].get(key), self.documents.__getitem__
        )
        self._configure()
        for _ in range(contacts):
            self._person(source="baseline")
        for crm in Crm:
            for name in CONTACTS.objects(crm):
                self.say(e.BaselineCompleted(crm=crm, object=name))
        for number in self.linked:
            self.say(e.SyncRequested(entity=f"hubspot/contacts/{number}", cause="all", by="bench"))
        self.flush()

    def _document(self, value: Any) -> str:
        plain = msgspec.to_builtins(value)
        name = e.digest(plain)
        self.documents[name] = plain
        return name

    def _configure(self) -> None:
        theirs = [field_of(name) for name in self.setup.properties]
        for each in (
            _schema(HS, "contacts", [*self.setup.properties, "lifecyclestage"]),
            _schema(SF, "Lead", theirs),
            _schema(SF, "Contact", theirs),
        ):
            self.say(e.SchemaObserved(crm=each.crm, object=each.object, digest=self._document(each)))
        self.say(e.ListObserved(list_id="7", name="Sync", digest=self._document(_list(self.setup.filters))))
        rules = [
            RuleText(f"03d{number}", f"Rule_{number}", formula, "No.")
            for number, formula in enumerate(self.setup.rules)
        ]
        self.say(e.RulesObserved(object="Lead", digest=self._document(rules)))
        for rule in rules:
            self.say(e.RuleTrusted(rule=rule.key, agreed=5, disagreed=0))
        document = Document("bench", (self.setup.section,))
        self.say(e.ConfigurationApplied(digest=self._document(document), by="bench"))

    # -- the log

    def say(self, event: AnyEvent) -> None:
        self.now += 1
        position = f"{self.now}-0"
        self.log.append((position, event))
        self.projection.fold(position, event)
        if len(self.log) % BATCH == 0:
            self.flush()

    def flush(self) -> None:
        changes = self.projection.take_changes()
        _apply(self.tables, changes)
        for name, members in changes.queued.items():
            self.queues.setdefault(name, {}).update(members)
        for name, gone in changes.unqueued.items():
            for member in gone:
                self.queues.get(name, {}).pop(member, None)

    # -- people and CRMs

    def _values(self, number: int) -> Fields:
        values: Fields = {name: f"{name} {number % 5}" for name in self.setup.properties}
        values.update(dict.fromkeys(LISTED, None))
        values.update({name: f"{name} 1" for name in LISTED})
        values["email"] = f"person{number}@example.com"
        return values

    def _person(self, source: str) -> None:
        number = next(self.serial)
        values = self._values(number)
        own: Fields = {"hs_additional_emails": None, "salesforce_record_id": None}
        self.rows[HS, str(number)] = {**values, **own}
        self.look(HS, str(number), source)
        if source == "baseline":
            lead = {field_of(name): values[name] for name in self.setup.properties}
            self.rows[SF, f"00Q{number}"] = {**lead, **_lead_fields(None)}
            self.look(SF, f"00Q{number}", source)
            self.linked.append(str(number))

    def look(self, crm: Crm, record_id: str, source: str = "poll", request: str | None = None) -> None:
        self.say(
            e.RecordObserved(
                crm=crm,
                object="contacts" if crm is HS else "Lead",
                id=record_id,
                fields=dict(self.rows[crm, record_id]),
                modified_at=self.now // (1 if crm is HS else 1000) * (1 if crm is HS else 1000),
                ticket=next(self.tickets),
                source=source,
                request=request,
            )
        )

    def happen(self) -> None:
        """One observation of the mix; what it leads to follows before the next portion."""
        draw = self.random.random()
        number = self.random.choice(self.linked)
        crm = self.random.choice((HS, SF))
        record_id = number if crm is HS else f"00Q{number}"
        if draw < 0.6:
            name = self.random.choice(self.edited)
            field = name if crm is HS else field_of(name)
            self.rows[crm, record_id] = {**self.rows[crm, record_id], field: f"v{self.now}"}
            self.look(crm, record_id)
        elif draw < 0.7:
            self._person("poll")
        elif draw < 0.9:
            self.look(crm, record_id)
        else:
            self.now += 1
            _, event = self.log[-1]
            self.say(event)

    def work(self) -> None:
        """Answer everything that was asked and deliver everything that is due."""
        self.flush()
        for crm in Crm:
            for key in list(self.queues.get(reads_queue(crm, Priority.LIVE), {})):
                self._read(decode(Table.READS, self.tables[Table.READS][key]))
        self.flush()
        for crm in Crm:
            for key in list(self.queues.get(outbox_queue(crm, Priority.LIVE), {})):
                self._deliver(decode(Table.OUTBOX, self.tables[Table.OUTBOX][key]))
        self.flush()

    def _read(self, request: ReadRequest) -> None:
        if request.kind == "record":
            self.look(request.crm, request.id, "read", request.asked)
            return
        self.say(
            e.LookedUp(
                entity=request.entity,
                crm=request.crm,
                value=request.id,
                found=(),
                ticket=next(self.tickets),
                request=request.asked,
            )
        )

    def _deliver(self, intent: Intent) -> None:
        attempt = intent.attempt + 1
        self.say(
            e.DeliveryClaimed(
                entity=intent.entity,
                crm=intent.crm,
                revision=intent.revision,
                attempt=attempt,
                object=intent.object,
                record_id=intent.record_id,
                fields=intent.fields,
                sources=intent.sources,
            )
        )
        record_id = intent.record_id or f"00Q{intent.key_value}"
        if intent.record_id is None:
            lead = dict.fromkeys(field_of(name) for name in self.setup.properties)
            self.rows[intent.crm, record_id] = {**lead, **_lead_fields(intent.key_value)}
            self.linked.append(str(intent.key_value))
        self.rows[intent.crm, record_id] = {**self.rows[intent.crm, record_id], **intent.fields}
        outcome = Outcome(OutcomeClass.DELIVERED, record_id=record_id)
        if intent.crm is HS:
            outcome = msgspec.structs.replace(outcome, stored=intent.fields, stamp=self.now)
        self.say(
            e.DeliveryAnswered(
                entity=intent.entity,
                crm=intent.crm,
                attempt=attempt,
                outcome=outcome,
                ticket=next(self.tickets),
            )
        )


def _lead_fields(key: str | None) -> Fields:
    return {"HubSpot_Contact_Id__c": key, "IsConverted": "false", "ConvertedContactId": None}


def _apply(tables: dict[Table, dict[str, bytes]], changes: Changes) -> None:
    for table, puts in changes.puts.items():
        tables[table].update(puts)
    for table, keys in changes.deletes.items():
        for key in keys:
            tables[table].pop(key, None)


# -- what is measured


def fold_all(
    workload: Workload, log: list[tuple[str, AnyEvent]], start: dict[Table, dict[str, bytes]]
) -> None:
    """The fold from the tables as they stood, batch by batch, each batch encoded."""
    tables = {table: dict(values) for table, values in start.items()}
    projection = Projection(lambda table, key: tables[table].get(key), workload.documents.__getitem__)
    for place in range(0, len(log), BATCH):
        for position, event in log[place : place + BATCH]:
            projection.fold(position, event)
        _apply(tables, projection.take_changes())


def plain_all(log: list[tuple[str, AnyEvent]]) -> None:
    """The least that a fold can do: the newest value of every field, in dictionaries."""
    seen: dict[tuple[str, str], tuple[tuple[int, int], Any]] = {}
    for _, event in log:
        if isinstance(event, e.RecordObserved):
            version, key = (event.modified_at, event.ticket), event.id
            for name, value in event.fields.items():
                known = seen.get((key, name))
                if known is None or known[0] < version:
                    seen[key, name] = (version, value)


def rate(number: int, work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return number / (perf_counter() - began)


def rows(workload: Workload, start: dict[Table, dict[str, bytes]], first: int) -> Iterator[tuple[str, str]]:
    log = workload.log[first:]
    raw = [encode(event) for _, event in log]
    yield "events measured", f"{len(log):,}"
    intents = sum(isinstance(event, e.DeliveryClaimed) for _, event in log)
    observed = sum(isinstance(event, e.RecordObserved) for _, event in log)
    yield "of these observations / claims", f"{observed:,} / {intents:,}"
    yield "fold + encode, events/s", f"{rate(len(log), lambda: fold_all(workload, log, start)):,.0f}"
    yield "ceiling: newest values in dictionaries", f"{rate(len(log), lambda: plain_all(log)):,.0f}"
    yield "ceiling: decode events", f"{rate(len(raw), lambda: [decode_event(each) for each in raw]):,.0f}"
    yield "ceiling: encode events", f"{rate(len(log), lambda: [encode(event) for _, event in log]):,.0f}"
    contacts = workload.tables[Table.CONTACTS]
    sizes = [len(each) for each in contacts.values()]
    yield "contacts", f"{len(contacts):,}"
    yield "bytes per contact: mean / largest", f"{statistics.mean(sizes):,.0f} / {max(sizes):,}"
    index = sum(
        len(key) + len(value)
        for table in (Table.REFS, Table.MATCHES)
        for key, value in workload.tables[table].items()
    )
    yield "bytes per contact: refs and matches", f"{index / len(contacts):,.0f}"
    sample: Contact = decode(Table.CONTACTS, max(contacts.values(), key=len))
    parts = {name: len(msgspec.msgpack.encode(getattr(sample, name))) for name in sample.__struct_fields__}
    largest = sorted(parts.items(), key=lambda part: -part[1])[:4]
    yield "largest contact's parts", ", ".join(f"{name} {size}" for name, size in largest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--observations", type=int, default=40_000)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args()
    workload = Workload(options.contacts, seed=1)
    first = len(workload.log)
    start = {table: dict(values) for table, values in workload.tables.items()}
    for number in range(options.observations):
        workload.happen()
        if number % 100 == 99:
            workload.work()
    workload.work()
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(fold_all, workload, workload.log[first:], start)
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(32)
        return
    for name, value in rows(workload, start, first):
        print(f"{name:<42} {value:>20}")


if __name__ == "__main__":
    main()
