"""A connection in memory, for tests of the domain: events in, what would be read and sent out."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from domain import events as e
from domain.answer import Plan
from domain.book import Changes, Table, decode, decode_closed
from domain.identity import Crm, Fields
from domain.kinds import CONTACTS
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.plan import plan
from domain.policy import Document, FieldMapping, Section
from domain.projection import Projection
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from domain.state import Closed, Contact, Intent, Letter, ReadRequest, intent_key

HS, SF = Crm.HUBSPOT, Crm.SALESFORCE
START = 1_750_000_000_000

MAPPINGS = (
    FieldMapping("email", {"Lead": "Email", "Contact": "Email"}, SyncRule.TWO_WAY),
    FieldMapping("firstname", {"Lead": "FirstName", "Contact": "FirstName"}, SyncRule.TWO_WAY),
    FieldMapping("lastname", {"Lead": "LastName", "Contact": "LastName"}, SyncRule.PREFER_SALESFORCE),
    FieldMapping("city", {"Lead": "City", "Contact": "MailingCity"}, SyncRule.TWO_WAY),
    FieldMapping("company", {"Lead": "Company"}, SyncRule.TWO_WAY),
)


def text(name: str, kind: FieldKind = FieldKind.TEXT, **more: Any) -> FieldSchema:
    return FieldSchema(name=name, label=name, kind=kind, native="string", **more)


def schema(crm: Crm, name: str, *fields: FieldSchema) -> ObjectSchema:
    return ObjectSchema(crm, name, {each.name: each for each in fields})


SCHEMAS = (
    schema(
        HS,
        "contacts",
        text("email", FieldKind.EMAIL),
        text("firstname"),
        text("lastname"),
        text("city"),
        text("company"),
        text("stage", FieldKind.PICKLIST),
    ),
    schema(
        SF,
        "Lead",
        text("Email", FieldKind.EMAIL, length=80),
        text("FirstName", length=40),
        text("LastName", length=80, required=True),
        text("City", length=40),
        text("Company", length=255, required=True),
    ),
    schema(
        SF,
        "Contact",
        text("Email", FieldKind.EMAIL, length=80),
        text("FirstName", length=40),
        text("LastName", length=80, required=True),
        text("MailingCity", length=40),
    ),
)

SECTION = Section(
    kind=CONTACTS, mappings=MAPPINGS, create_as="Lead", defaults={"Lead": {"Company": "Unknown"}}
)

BLANKS: dict[str, Fields] = {
    "contacts": dict.fromkeys(
        ("email", "firstname", "lastname", "city", "company", "hs_additional_emails", "salesforce_record_id")
    ),
    "Lead": {
        **dict.fromkeys(
            (
                "Email",
                "FirstName",
                "LastName",
                "City",
                "Company",
                "HubSpot_Contact_Id__c",
                "ConvertedContactId",
            )
        ),
        "IsConverted": "false",
    },
    "Contact": dict.fromkeys(("Email", "FirstName", "LastName", "MailingCity", "HubSpot_Contact_Id__c")),
}


@dataclass
class World:
    """One connection. Time moves only when told to."""

    now: int = START
    ticket: int = 0
    documents: dict[str, Any] = field(default_factory=dict)
    log: list[tuple[str, e.AnyEvent]] = field(default_factory=list)
    stamps: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.projection = Projection(lambda _table, _key: None, lambda digest: self.documents[digest])
        self.reads: dict[str, ReadRequest] = {}
        self.closed: dict[str, list[Closed]] = {}
        self.queues: dict[str, dict[str, int]] = {}
        self.counts: dict[str, int] = {}
        self.outbox: dict[str, Intent] = {}
        self.letters: dict[str, Letter] = {}

    # -- the log

    def append(self, event: e.AnyEvent, *, after: int = 1) -> str:
        self.now += after
        position = f"{self.now}-0"
        self.log.append((position, event))
        self.projection.fold(position, event)
        self._apply(self.projection.take_changes())
        return position

    def _apply(self, changes: Changes) -> None:
        kept: dict[Table, dict[str, Any]] = {
            Table.READS: self.reads,
            Table.OUTBOX: self.outbox,
            Table.LETTERS: self.letters,
        }
        for table, values in kept.items():
            values.update({key: decode(table, raw) for key, raw in changes.puts.get(table, {}).items()})
            for key in changes.deletes.get(table, []):
                values.pop(key, None)
        for queue, members in changes.queued.items():
            self.queues.setdefault(queue, {}).update(members)
        for queue, gone in changes.unqueued.items():
            for member in gone:
                self.queues.get(queue, {}).pop(member, None)
        for entity, number in changes.kept:
            del self.closed.get(entity, [])[: -number or None]
        for entity, closed in changes.decisions.items():
            self.closed.setdefault(entity, []).extend(decode_closed(each) for each in closed)
        for name, number in changes.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    # -- what is said about the connection

    def document(self, value: Any) -> str:
        plain = msgspec.to_builtins(value)
        name = e.digest(plain)
        self.documents[name] = plain
        return name

    def configure(self, section: Section = SECTION, *more: Section) -> "World":
        for each in SCHEMAS:
            self.append_schema(each)
        return self.apply(section, *more)

    def append_schema(self, known: ObjectSchema) -> None:
        self.append(e.SchemaObserved(crm=known.crm, object=known.object, digest=self.document(known)))

    def apply(self, *sections: Section, **more: Any) -> "World":
        document = Document("acme", sections, **more)
        self.append(e.ConfigurationApplied(digest=self.document(document), by="test"))
        return self

    def baseline(self) -> "World":
        kinds = self.projection.policy().kinds.values()
        for crm in Crm:
            for name in (each for kind in kinds for each in kind.kind.objects(crm)):
                self.append(e.BaselineCompleted(crm=crm, object=name))
        return self

    # -- what CRMs show

    def draw(self) -> int:
        self.ticket += 1
        return self.ticket

    def show(
        self, crm: Crm, name: str, record_id: str, *, source: str = "poll", full: bool = True, **fields: Any
    ) -> str:
        """A look at a record, one second younger than the last one."""
        key = f"{crm}/{name}/{record_id}"
        at = int(fields.pop("at", 0)) or self.stamps.get(key, self.now) + 1000
        self.stamps[key] = max(at, self.stamps.get(key, 0))
        request = fields.pop("request", None)
        extra = {
            each: fields.pop(each)
            for each in ("deleted", "merged_into", "asked_id", "ticket", "modified_by")
            if each in fields
        }
        values = {**(BLANKS.get(name, {}) if full else {}), **fields}
        known = self.record(key) if full and source != "first" else None
        if known is not None:
            values = {**BLANKS.get(name, {}), **known, **fields}
        self.append(
            e.RecordObserved(
                crm=crm,
                object=name,
                id=record_id,
                fields=values,
                modified_at=at,
                source=source,
                request=request,
                **{"ticket": self.draw(), **extra},
            )
        )
        return key

    def record(self, key: str) -> Fields | None:
        entity = self.projection.book.entity_of(key)
        contact = self.projection.book.contact(entity) if entity else None
        found = contact.records.get(key) if contact else None
        return dict(found.values) if found and found.values else None

    def hubspot(self, record_id: str, **fields: Any) -> str:
        return self.show(HS, "contacts", record_id, **fields)

    def lead(self, record_id: str, **fields: Any) -> str:
        return self.show(SF, "Lead", record_id, **fields)

    def sf_contact(self, record_id: str, **fields: Any) -> str:
        return self.show(SF, "Contact", record_id, **fields)

    # -- what the workers would do

    def look_up(self, crm: Crm, *found: tuple[str, str, Fields]) -> None:
        """Answer every look-up asked of a CRM; ``found`` are (object, id, fields)."""
        for key, request in list(self.reads.items()):
            if request.kind != "look_up" or request.crm is not crm:
                continue
            keys = [
                self.show(crm, name, record_id, source="look_up", full=True, **fields)
                for name, record_id, fields in found
            ]
            del key
            self.append(
                e.LookedUp(
                    entity=request.entity,
                    crm=crm,
                    value=request.id,
                    found=tuple(keys),
                    ticket=self.draw(),
                    request=request.asked,
                )
            )

    def read(self, crm: Crm, **fields: Any) -> None:
        """Answer every read asked of a CRM with what is known, and ``fields``."""
        modified_by = fields.pop("modified_by", None)
        for key, request in list(self.reads.items()):
            if request.kind == "record" and request.crm is crm:
                known = self.record(key) or BLANKS.get(request.object, {})
                values = {**BLANKS.get(request.object, {}), **known, **fields}
                self.append(
                    e.RecordObserved(
                        crm=crm,
                        object=request.object,
                        id=request.id,
                        fields=values,
                        modified_at=self.stamps.get(key, self.now),
                        ticket=self.draw(),
                        source="read",
                        request=request.asked,
                        modified_by=modified_by,
                    )
                )

    def intent(self, entity: str, crm: Crm) -> Intent | None:
        return self.outbox.get(intent_key(entity, crm))

    def claim(self, entity: str, crm: Crm) -> Intent:
        intent = self.outbox[intent_key(entity, crm)]
        self.append(claim_of(intent))
        return intent

    def answer(self, entity: str, crm: Crm, outcome: Outcome) -> None:
        flight = self.contact(entity).flights[crm]
        self.append(
            e.DeliveryAnswered(
                entity=entity, crm=crm, attempt=flight.attempt, outcome=outcome, ticket=self.draw()
            )
        )

    def deliver(self, entity: str, crm: Crm, *, new_id: str = "00Q1") -> Intent:
        """Claim the waiting write and have it succeed."""
        intent = self.claim(entity, crm)
        record_id = intent.record_id or new_id
        key = f"{crm}/{intent.object}/{record_id}"
        outcome = Outcome(OutcomeClass.DELIVERED, record_id=record_id, created=intent.record_id is None)
        if crm is HS and not intent.delete:
            self.stamps[key] = self.stamps.get(key, self.now) + 1000
            outcome = msgspec.structs.replace(outcome, stored=intent.fields, stamp=self.stamps[key])
        self.answer(entity, crm, outcome)
        return intent

    def contact(self, entity: str) -> Contact:
        found = self.projection.book.contact(entity)
        assert found is not None
        return found

    def plan(self, entity: str) -> Plan:
        return plan(self.contact(entity), self.projection.policy(), self.now)

    def reasons(self, entity: str) -> list[str]:
        return [each.reason.value for each in self.closed.get(entity, [])]


def claim_of(intent: Intent) -> e.DeliveryClaimed:
    """What a deliverer records that sends what it read from the outbox, however old that is."""
    return e.DeliveryClaimed(
        entity=intent.entity,
        crm=intent.crm,
        revision=intent.revision,
        attempt=intent.attempt + 1,
        object=intent.object,
        record_id=intent.record_id,
        fields=intent.fields,
        sources=intent.sources,
        delete=intent.delete,
        into=intent.into,
    )


def leaving(entity: str, record_id: str | None, fields: Fields, *, attempt: int = 1) -> e.DeliveryClaimed:
    """A write to a lead that is about to leave, of values that are the same on both sides."""
    return e.DeliveryClaimed(
        entity=entity,
        crm=SF,
        revision=1,
        attempt=attempt,
        object="Lead",
        record_id=record_id,
        fields=fields,
        sources=fields,
    )


def ready(section: Section = SECTION, *more: Section) -> World:
    """A configured connection with nothing in either CRM."""
    return World().configure(section, *more).baseline()
