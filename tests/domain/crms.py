"""Two CRMs in memory, the people who edit them, and workers that lose answers: a slow, obvious model.

Nothing here knows how syncing works. Rows are plain dictionaries with a stamp, HubSpot's in milliseconds,
Salesforce's in whole seconds. What the sync is told, and what it writes, passes through ``Life``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domain import events as e
from domain.book import (
    CLAIMS,
    RETRIES,
    TIMERS,
    Changes,
    Table,
    decode,
    decode_closed,
    outbox_queue,
    reads_queue,
)
from domain.healing import RETRY
from domain.identity import Crm, Fields, FieldValue, RecordRef, email_key
from domain.kinds import CONTACTS
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Document, FieldMapping, Section
from domain.projection import Projection
from domain.schema import FieldKind
from domain.state import Closed, Contact, Intent, Priority, ReadRequest
from tests.domain.inclusion.builders import a_list, all_of, prop
from tests.world import claim_of, schema, text

HS, SF = Crm.HUBSPOT, Crm.SALESFORCE
START = 1_750_000_000_000
US = "005us"
KEY = "HubSpot_Contact_Id__c"
MEMBERS = prop("stage", "ENUMERATION", "IS_ANY_OF", values=["lead"], includeObjectsWithNoValueSet=False)
LIST = a_list(all_of(MEMBERS), list_id="7")

RULES = {
    "email": SyncRule.TWO_WAY,
    "firstname": SyncRule.TWO_WAY,
    "lastname": SyncRule.PREFER_SALESFORCE,
    "city": SyncRule.TWO_WAY,
    "phone": SyncRule.ALWAYS_SALESFORCE,
    "title": SyncRule.ALWAYS_HUBSPOT,
    "note": SyncRule.DONT_SYNC,
}
NAMES = {
    "email": ("Email", "Email"),
    "firstname": ("FirstName", "FirstName"),
    "lastname": ("LastName", "LastName"),
    "city": ("City", "MailingCity"),
    "phone": ("Phone", "Phone"),
    "title": ("Title", "Title"),
    "note": ("Note__c", "Note__c"),
}
SECTION = Section(
    kind=CONTACTS,
    mappings=tuple(
        FieldMapping(ours, {"Lead": lead, "Contact": contact}, RULES[ours])
        for ours, (lead, contact) in NAMES.items()
    ),
    create_as="Lead",
    inclusion_list="Sync",
    defaults={"Lead": {"LastName": "Unknown"}},
)
OPTING = msgspec.structs.replace(
    SECTION,
    mappings=(
        *SECTION.mappings,
        FieldMapping("optout", {"Lead": "OptOut__c", "Contact": "OptOut__c"}, SyncRule.OPT_OUT),
    ),
)
SCHEMAS = (
    schema(
        HS,
        "contacts",
        text("email", FieldKind.EMAIL),
        *(text(name) for name in NAMES if name != "email"),
        text("stage", FieldKind.PICKLIST),
        text("optout", FieldKind.BOOLEAN, createable=False, apart="email"),
    ),
    *(
        schema(
            SF,
            name,
            *(
                text(
                    field[place],
                    FieldKind.EMAIL if ours == "email" else FieldKind.TEXT,
                    required=ours == "lastname",
                )
                for ours, field in NAMES.items()
            ),
            text("OptOut__c", FieldKind.BOOLEAN),
        )
        for place, name in enumerate(("Lead", "Contact"))
    ),
)
OBJECTS = {HS: ("contacts",), SF: ("Lead", "Contact")}


def blanks(name: str) -> Fields:
    """A row of an object with nothing in it."""
    if name == "contacts":
        return dict.fromkeys((*NAMES, "stage", "optout", "hs_additional_emails", "salesforce_record_id"))
    place = ("Lead", "Contact").index(name)
    own: Fields = {"IsConverted": "false", "ConvertedContactId": None} if name == "Lead" else {}
    fields = dict.fromkeys((*(names[place] for names in NAMES.values()), KEY))
    return {**fields, "OptOut__c": "false", **own}


def sf_name(ours: str, object_name: str) -> str:
    """The Salesforce field that a property is mapped to."""
    return NAMES[ours][("Lead", "Contact").index(object_name)]


def normal(name: str, value: FieldValue) -> FieldValue:
    """Salesforce's automation: it spells cities its own way."""
    return value.replace("x", "X") if value and name in {"City", "MailingCity"} else value


@dataclass
class Row:
    """A record as its CRM holds it."""

    crm: Crm
    object: str
    id: str
    fields: Fields
    stamp: int
    born: int  #: ticket of its creation
    by: str = ""
    deleted: bool = False
    moved_to: str | None = None  #: the id it was merged into
    merged: tuple[str, ...] = ()  #: ids that were merged into it
    told: bool = True  #: whether a webhook told of its merge
    erased: bool = False

    @property
    def ref(self) -> RecordRef:
        return RecordRef(self.crm, self.object, self.id)

    @property
    def email(self) -> str:
        return email_key(self.fields["email" if self.crm is HS else "Email"] or "")

    @property
    def addresses(self) -> list[str]:
        """All addresses, the primary one first; HubSpot's contacts may have more than one."""
        others = (self.fields.get("hs_additional_emails") or "").split(";")
        return [each for each in (self.email, *map(email_key, others)) if each]


@dataclass
class Store:
    """The committed tables, as bytes."""

    tables: dict[Table, dict[str, bytes]] = field(default_factory=lambda: {table: {} for table in Table})
    queues: dict[str, dict[str, int]] = field(default_factory=dict)
    decisions: dict[str, list[bytes]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def fetch(self, table: Table, key: str) -> bytes | None:
        return self.tables[table].get(key)

    def commit(self, changes: Changes) -> None:
        for table, puts in changes.puts.items():
            self.tables[table].update(puts)
        for table, keys in changes.deletes.items():
            for key in keys:
                self.tables[table].pop(key, None)
        for name, members in changes.queued.items():
            self.queues.setdefault(name, {}).update(members)
        for name, gone in changes.unqueued.items():
            for member in gone:
                self.queues.get(name, {}).pop(member, None)
        for entity, kept in changes.kept:
            self._keep(entity, kept)
        for entity, closed in changes.decisions.items():
            self.decisions.setdefault(entity, []).extend(closed)
        for name, number in changes.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def _keep(self, entity: str, kept: int) -> None:
        standing = self.decisions.pop(entity, [])
        if kept and standing:
            self.decisions[entity] = standing[-kept:]

    def image(self) -> dict[str, Any]:
        """Everything, comparable: empty queues do not count."""
        queues = {name: members for name, members in self.queues.items() if members}
        return {"tables": self.tables, "queues": queues, "decisions": self.decisions, "counts": self.counts}


@dataclass
class Air:
    """A write that has been claimed and not answered."""

    intent: Intent
    attempt: int
    fate: str


@dataclass
class Written:
    """A write that a CRM committed."""

    row: Row
    before: Fields
    after: Fields
    sent: Fields
    created: bool
    entity: str
    ticket: int  #: drawn just before it

    @property
    def effective(self) -> bool:
        return self.before != self.after


@dataclass
class Life:
    """Both CRMs, everything on its way, and the sync in between."""

    reload: bool = False  #: forget memory after every batch, so that state comes from the encoded tables
    section: Section = SECTION
    now: int = START
    ticket: int = 0
    serial: int = 0
    rows: dict[RecordRef, Row] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    log: list[tuple[str, e.AnyEvent]] = field(default_factory=list)
    said: set[bytes] = field(default_factory=set)
    folded: int = 0
    store: Store = field(default_factory=Store)
    late: list[e.AnyEvent] = field(default_factory=list)  #: facts that have not reached the log yet
    air: list[Air] = field(default_factory=list)
    writes: list[Written] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)  #: contacts that the sync deleted
    merged: list[tuple[str, str]] = field(default_factory=list)  #: (id, into) that the sync merged
    blocked: set[str] = field(default_factory=set)  #: addresses of people who were erased
    opted_out: set[str] = field(default_factory=set)  #: addresses that get no e-mail from HubSpot
    opted_out_by_us: dict[str, int] = field(
        default_factory=dict
    )  #: contact id -> ticket of when we last did it
    resubscribed: set[str] = field(default_factory=set)  #: addresses whose people ever wanted e-mail again
    flows: list[tuple[Row, str]] = field(default_factory=list)  #: fields that an automation will look at
    automations: dict[tuple[Crm, str], Callable[[str], str]] = field(default_factory=dict)
    lost_answers: int = 0
    searched: dict[str, int] = field(default_factory=dict)  #: entity -> ticket of its last answered look-up
    checks: list[Callable[["Life", Intent], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.projection = self._projection()
        for each in SCHEMAS:
            self.append(e.SchemaObserved(crm=each.crm, object=each.object, digest=self.document(each)))
        self.append(e.ListObserved(list_id="7", name="Sync", digest=self.document(LIST)))
        self.append(e.AccountObserved(crm=SF, account_id="00D", user_id=US))
        document = Document("acme", (self.section,))
        self.append(e.ConfigurationApplied(digest=self.document(document), by="test"))

    def _projection(self) -> Projection:
        return Projection(self.store.fetch, lambda digest: self.documents[digest])

    def document(self, value: Any) -> str:
        plain = msgspec.to_builtins(value)
        name = e.digest(plain)
        self.documents[name] = plain
        return name

    def baseline(self) -> None:
        """Read everything once, as a connection does before it may decide."""
        for row in self.rows.values():
            self.append(self.look(row, "baseline"))
        for crm, names in OBJECTS.items():
            for name in names:
                self.append(e.BaselineCompleted(crm=crm, object=name))

    # -- the log

    def append(self, event: e.AnyEvent) -> None:
        """Append a fact, once."""
        name = e.event_id(event)
        if name in self.said:
            return
        self.said.add(name)
        self.now += 1
        self.log.append((f"{self.now}-0", event))

    def project(self, number: int = 10_000) -> None:
        """Fold some more of the log and commit."""
        batch = self.log[self.folded : self.folded + number]
        for position, event in batch:
            self.projection.fold(position, event)
        self.folded += len(batch)
        self.store.commit(self.projection.take_changes())
        if self.reload:
            self.projection = self._projection()

    def draw(self) -> int:
        self.ticket += 1
        return self.ticket

    # -- the CRMs

    def tick(self, ms: int = 7) -> None:
        self.now += ms

    def stamp(self, crm: Crm) -> int:
        return self.now if crm is HS else self.now // 1000 * 1000

    def living(self, crm: Crm) -> list[Row]:
        return [row for row in self.rows.values() if row.crm is crm and not self.lost(row)]

    @staticmethod
    def lost(row: Row) -> bool:
        return row.deleted or row.moved_to is not None or row.fields.get("IsConverted") == "true"

    def new_row(self, crm: Crm, name: str, fields: Fields, by: str) -> Row:
        self.serial += 1
        prefix = {"contacts": "", "Lead": "00Q", "Contact": "003"}[name]
        values = {**blanks(name), **{key: normal(key, value) for key, value in fields.items()}}
        row = Row(crm, name, f"{prefix}{self.serial}", values, self.stamp(crm), self.draw(), by)
        self.rows[row.ref] = row
        self._show_opt_out(row)
        return row

    def _show_opt_out(self, row: Row) -> None:
        """HubSpot's opt-outs belong to addresses."""
        if row.crm is HS:
            row.fields = {**row.fields, "optout": "true" if row.email in self.opted_out else None}

    def change(self, row: Row, by: str, **fields: FieldValue) -> None:
        row.fields = {**row.fields, **{key: normal(key, value) for key, value in fields.items()}}
        row.stamp, row.by = self.stamp(row.crm), by
        self._show_opt_out(row)

    def subscribe(self, row: Row, *, out: bool) -> None:
        """A person follows the link in an e-mail."""
        self.tick()
        if not row.email or (row.email in self.opted_out) == out:
            return
        if out:
            self.opted_out.add(row.email)
        else:
            self.opted_out.remove(row.email)
            self.resubscribed.add(row.email)
        self.change(row, "person")
        self.late.append(self._told(row, "optout"))

    def _told(self, row: Row, name: str) -> e.RecordObserved:
        """What a webhook tells of one property."""
        return e.RecordObserved(
            crm=HS,
            object=row.object,
            id=row.id,
            fields={name: row.fields[name]},
            modified_at=row.stamp,
            ticket=self.draw(),
            source="webhook",
        )

    def owner_of(self, address: str, *, but: Row | None = None) -> Row | None:
        """The HubSpot contact that holds an address: there is never a second one."""
        found = (row for row in self.living(HS) if row is not but and email_key(address) in row.addresses)
        return next(found, None)

    def shown(
        self, row: Row, source: str, request: str | None = None, asked_id: str | None = None
    ) -> Iterator[e.AnyEvent]:
        """What one look at a row tells: HubSpot also shows which ids were merged into it."""
        if row.crm is HS and row.merged:
            yield e.RecordsMerged(crm=HS, object=row.object, winner=row.id, losers=row.merged, at=START)
        yield self.look(row, source, request, asked_id)

    def look(
        self, row: Row, source: str, request: str | None = None, asked_id: str | None = None
    ) -> e.RecordObserved:
        return e.RecordObserved(
            crm=row.crm,
            object=row.object,
            id=row.id,
            fields=dict(row.fields),
            modified_at=row.stamp,
            ticket=self.draw(),
            source=source,
            deleted=row.deleted,
            merged_into=row.moved_to if row.crm is SF else None,
            asked_id=asked_id,
            request=request,
            modified_by=row.by if row.crm is SF else None,
        )

    # -- what people do; each act says sooner or later that it happened

    def create(self, crm: Crm, name: str, **fields: FieldValue) -> Row | None:
        self.tick()
        address = fields.get("email")
        if crm is HS and address and (self.owner_of(address) or email_key(address) in self.blocked):
            return None
        row = self.new_row(crm, name, fields, "person")
        self.tell(row)
        return row

    def edit(self, row: Row, name: str, value: FieldValue, by: str = "person") -> bool:
        """A person changes one field; False if the CRM would not let him, or nothing changed."""
        self.tick()
        taken = row.crm is HS and name == "email" and value and self.owner_of(value, but=row)
        barred = row.crm is HS and name == "email" and email_key(value or "") in self.blocked
        if self.lost(row) or taken or barred or row.fields[name] == normal(name, value):
            return False
        self.change(row, by, **{name: value})
        if row.crm is HS:
            self.late.append(self._told(row, name))
        else:
            self.tell(row)
        return True

    def tell(self, row: Row) -> None:
        if row.crm is HS:
            touch = e.RecordTouched(
                crm=HS, object=row.object, id=row.id, occurred_at=row.stamp, cause="created"
            )
            self.late.append(touch)
        else:
            self.late.append(self.look(row, "poll"))

    def delete(self, row: Row, by: str = "person") -> None:
        self.tick()
        row.deleted, row.stamp, row.by = True, self.stamp(row.crm), by
        if row.crm is HS:
            gone = e.RecordGone(
                crm=HS, object=row.object, id=row.id, cause="deleted", at=row.stamp, ticket=self.draw()
            )
            self.late.append(gone)
        else:
            self.late.append(self.look(row, "poll"))

    def restore(self, row: Row) -> bool:
        """Take a record out of the recycle bin; False if its address is somebody else's by now."""
        self.tick(1_000)
        if row.crm is HS and (row.erased or self.owner_of(row.email)):
            return False
        row.deleted, row.stamp, row.by = False, self.stamp(row.crm), "person"
        if row.crm is HS:
            touch = e.RecordTouched(
                crm=HS, object=row.object, id=row.id, occurred_at=row.stamp, cause="restored"
            )
            self.late.append(touch)
        else:
            self.late.append(self.look(row, "poll"))
        return True

    def erase(self, row: Row) -> None:
        """Delete a HubSpot contact for privacy: for good, and nobody may have the address again."""
        self.tick()
        self.blocked |= {email_key(each) for each in row.addresses}
        row.deleted, row.erased, row.fields, row.stamp = True, True, blanks(row.object), self.stamp(HS)
        for cause in ("erased", "deleted"):
            gone = e.RecordGone(
                crm=HS, object=row.object, id=row.id, cause=cause, at=row.stamp, ticket=self.draw()
            )
            self.late.append(gone)

    def convert(self, row: Row) -> None:
        """Turn a lead into a contact, as sales does."""
        self.tick()
        copied = {names[1]: row.fields[names[0]] for names in NAMES.values()}
        heir = self.new_row(SF, "Contact", copied, "person")
        self.change(row, "person", IsConverted="true", ConvertedContactId=heir.id)
        self.late += [self.look(heir, "poll"), self.look(row, "poll")]

    def merge(self, winner: Row, loser: Row, by: str = "person", *, told: bool = True) -> Row:
        """Merge two HubSpot contacts: a new id goes on, the old ones lead to it. A webhook may be lost."""
        self.tick()
        addresses = list(dict.fromkeys([*winner.addresses, *loser.addresses]))
        fields = {**winner.fields, "hs_additional_emails": ";".join(addresses[1:]) or None}
        heir = self.new_row(HS, "contacts", fields, by)
        winner.moved_to = loser.moved_to = heir.id
        heir.merged = (*winner.merged, *loser.merged, winner.id, loser.id)
        merged = e.RecordsMerged(
            crm=HS, object="contacts", winner=heir.id, losers=(winner.id, loser.id), at=heir.stamp
        )
        heir.told = told and winner.told and loser.told
        self.late += [merged] if told else []
        return heir

    def merge_salesforce(self, winner: Row, loser: Row, *, filled: bool = True) -> None:
        """Merge two records of an object: the loser is deleted, names the winner, and may fill its blanks."""
        self.tick()
        own = {KEY, "IsConverted", "ConvertedContactId"}
        blank = [name for name, value in winner.fields.items() if value is None and name not in own]
        self.change(winner, "person", **{name: loser.fields[name] for name in blank if filled})
        loser.deleted, loser.moved_to = True, winner.id
        loser.stamp, loser.by = self.stamp(SF), "person"
        self.late += [self.look(winner, "poll"), self.look(loser, "poll")]

    def flow(self, place: int = 0) -> None:
        """An automation looks at a field that was written, and may rewrite it, under a name of its own."""
        if not self.flows:
            return
        row, ours = self.flows.pop(place % len(self.flows))
        name = ours if row.crm is HS else sf_name(ours, row.object)
        value = row.fields[name]
        if value is not None and not self.lost(row):
            self.edit(row, name, self.automations[row.crm, ours](value), by="automation")

    def hear(self, place: int = 0) -> None:
        """One of the late facts reaches the log."""
        if self.late:
            self.append(self.late.pop(place % len(self.late)))

    def poll(self) -> None:
        """Everything is looked at; a poll never misses anything in the end."""
        for row in list(self.rows.values()):
            if row.crm is SF or not (row.deleted or row.moved_to):
                for event in self.shown(row, "check"):
                    self.append(event)
        for contact in self.contacts():
            for key, record in contact.records.items():
                ref = RecordRef.parse(key)
                if ref.crm is HS and not record.gone and self.lost(self.rows[ref]):
                    self.append(
                        e.RecordTouched(
                            crm=HS, object=ref.object, id=ref.id, occurred_at=self.now, cause="differs"
                        )
                    )

    # -- workers

    def members(self, queue: str) -> list[str]:
        """The due members of a queue."""
        return sorted(member for member, due in self.store.queues.get(queue, {}).items() if due <= self.now)

    def waiting(self) -> list[str]:
        """The keys of the intents that are due, and not on their way."""
        busy = self.store.queues.setdefault(CLAIMS, {})
        queues = [outbox_queue(crm, priority) for crm in Crm for priority in Priority]
        return [key for queue in queues for key in self.members(queue) if key not in busy]

    def claim(self, place: int = 0, fate: str = "ok") -> bool:
        """Claim a write that is due; its request leaves."""
        due = self.waiting()
        if not due:
            return False
        key = due[place % len(due)]
        intent: Intent = decode(Table.OUTBOX, self.store.tables[Table.OUTBOX][key])
        for check in self.checks:
            check(self, intent)
        self.store.queues[CLAIMS][key] = intent.attempt + 1
        self.append(claim_of(intent))
        self.air.append(Air(intent, intent.attempt + 1, fate))
        return True

    def land(self, place: int = 0) -> None:
        """A write that left is answered, as its fate has it."""
        self.tick(20)
        air = self.air.pop(place % len(self.air))
        outcome = self._outcome(air)
        self.lost_answers += air.fate in {"lost", "never"}
        if air.fate == "never":
            return
        self.append(
            e.DeliveryAnswered(
                entity=air.intent.entity,
                crm=air.intent.crm,
                attempt=air.attempt,
                outcome=outcome,
                ticket=self.draw(),
            )
        )

    def _outcome(self, air: Air) -> Outcome:
        if air.fate == "busy":
            return Outcome(OutcomeClass.TRANSIENT, code="http_503")
        if air.fate == "slow":
            return Outcome(OutcomeClass.THROTTLED, code="http_429", wait_ms=2_000)
        if air.fate == "unsent":
            return Outcome(OutcomeClass.UNKNOWN, code="timeout")
        outcome = self._write(air.intent)
        return Outcome(OutcomeClass.UNKNOWN, code="timeout") if air.fate == "lost" else outcome

    def _write(self, intent: Intent) -> Outcome:
        row = self._target(intent)
        if intent.delete:
            return self._merge(intent, row) if intent.into else self._remove(intent, row)
        if intent.record_id is not None and intent.key_field:
            return self._opt_out(intent)
        assert "optout" not in intent.fields, "HubSpot takes no opt-outs with records"
        if intent.record_id is not None and (row is None or self.lost(row)):
            return Outcome(OutcomeClass.RESOLVE, code="gone")
        address = intent.fields.get("email")
        if intent.crm is HS and address and (refusal := self._refusal(address, row)):
            return refusal
        created, before = row is None, dict(row.fields) if row else {}
        if row is None:
            key = {intent.key_field or "": intent.key_value}
            row = self.new_row(intent.crm, intent.object, {**intent.fields, **key}, US)
        else:
            self.change(row, US, **intent.fields)
        after = dict(row.fields)
        self.writes.append(Written(row, before, after, intent.fields, created, intent.entity, self.draw()))
        self.flows += [(row, ours) for ours in self._automated(row, intent.fields)]
        if intent.crm is SF:
            self.late.append(self.look(row, "poll"))
            return Outcome(OutcomeClass.DELIVERED, record_id=row.id, created=created)
        stored = {name: row.fields[name] for name in intent.fields}
        return Outcome(
            OutcomeClass.DELIVERED, record_id=row.id, created=created, stored=stored, stamp=row.stamp
        )

    def _opt_out(self, intent: Intent) -> Outcome:
        """Unsubscribe an address, whoever has it; the answer shows nothing."""
        assert (intent.fields, intent.key_field) == ({"optout": "true"}, "email")
        self.opted_out.add(email_key(intent.key_value or ""))
        self.opted_out_by_us[intent.record_id or ""] = self.draw()
        for row in self.living(HS):
            if row.email == email_key(intent.key_value or ""):
                self.change(row, US)
        return Outcome(OutcomeClass.DELIVERED, record_id=intent.record_id)

    def _automated(self, row: Row, fields: Fields) -> list[str]:
        names = {ours if row.crm is HS else sf_name(ours, row.object): ours for ours in NAMES}
        return [names[name] for name in fields if (row.crm, names.get(name, "")) in self.automations]

    def _remove(self, intent: Intent, row: Row | None) -> Outcome:
        """Archive a contact for good; HubSpot does not mind if it is archived already."""
        if row is not None and not self.lost(row):
            self.delete(row, US)
        assert intent.record_id not in self.removed, f"{intent.record_id} is deleted a second time"
        self.removed.append(intent.record_id or "")
        return Outcome(OutcomeClass.DELIVERED, record_id=intent.record_id)

    def _refusal(self, address: str, row: Row | None) -> Outcome | None:
        """HubSpot's word on an address that cannot be had."""
        holder = self.owner_of(address, but=row)
        if holder is not None:
            return Outcome(OutcomeClass.RESOLVE, code="CONFLICT", other_id=holder.id)
        if email_key(address) in self.blocked:
            return Outcome(OutcomeClass.REJECTED, code="BLOCKED_EMAIL", fields=("email",))
        return None

    def _merge(self, intent: Intent, row: Row | None) -> Outcome:
        """Merge a contact into another one, if both are there under these ids or their heirs'."""
        into = self._standing(RecordRef(HS, intent.object, intent.into))
        if row is None or self.lost(row) or into is None or self.lost(into) or into is row:
            return Outcome(OutcomeClass.RESOLVE, code="OBJECT_NOT_FOUND")
        heir = self.merge(into, row, US)
        self.merged.append((row.id, into.id))
        return Outcome(OutcomeClass.DELIVERED, record_id=heir.id)

    def _target(self, intent: Intent) -> Row | None:
        if intent.record_id is not None:
            return self.rows.get(RecordRef(intent.crm, intent.object, intent.record_id))
        found = (
            row
            for row in self.living(intent.crm)
            if row.object == intent.object and row.fields.get(intent.key_field or "") == intent.key_value
        )
        return next(found, None)

    def read(self, place: int = 0) -> bool:
        """Answer one read request."""
        queues = [reads_queue(crm, priority) for crm in Crm for priority in Priority]
        keys = [key for queue in queues for key in self.members(queue)]
        if not keys:
            return False
        key = keys[place % len(keys)]
        request: ReadRequest = decode(Table.READS, self.store.tables[Table.READS][key])
        self.tick()
        for event in self._answers(request):
            self.append(event)
        return True

    def _answers(self, request: ReadRequest) -> Iterator[e.AnyEvent]:
        if request.kind == "look_up":
            ticket = self.draw()
            found = [row for row in self.living(request.crm) if self._matches(row, request)]
            for row in found:
                yield from self.shown(row, "look_up", request.asked)
            self.searched[request.entity] = ticket
            keys = tuple(row.ref.key for row in found)
            yield e.LookedUp(
                entity=request.entity,
                crm=request.crm,
                value=request.id,
                found=keys,
                ticket=ticket,
                request=request.asked,
            )
            return
        standing = self._standing(RecordRef(request.crm, request.object, request.id))
        moved = standing is not None and standing.id != request.id
        if standing is not None:
            yield from self.shown(standing, "read", request.asked, request.id if moved else None)
        if standing is None or moved:
            yield e.RecordGone(
                crm=request.crm,
                object=request.object,
                id=request.id,
                cause="missing",
                at=self.now,
                ticket=self.draw(),
                request=request.asked,
            )

    def _standing(self, ref: RecordRef) -> Row | None:
        """The row that an id leads to; HubSpot shows nothing of an archived one."""
        row = self.rows.get(ref)
        if row is not None and row.crm is HS and row.moved_to:
            return self._standing(RecordRef(HS, row.object, row.moved_to))
        return None if row is not None and row.crm is HS and row.deleted else row

    @staticmethod
    def _matches(row: Row, request: ReadRequest) -> bool:
        for name, key, value in request.keys:
            held = row.fields.get(key) or ""
            extra = (row.fields.get("hs_additional_emails") or "") if key == "email" else ""
            if row.object == name and email_key(value) in {
                email_key(each) for each in (held, *extra.split(";"))
            }:
                return True
        return False

    def fire(self) -> bool:
        """Record the moments that have passed."""
        due = [(m, at) for m, at in self.store.queues.get(TIMERS, {}).items() if at <= self.now]
        held = [
            (f"{entity}|{name.partition('/')[2]}", at)
            for name, entities in self.store.queues.items()
            if name == "held/baseline"
            for entity, at in entities.items()
        ]
        due += [
            (f"{entity}|{RETRY}", at)
            for entity, at in self.store.queues.get(RETRIES, {}).items()
            if at <= self.now
        ]
        for member, at in [*due, *held]:
            entity, _, cause = member.rpartition("|")
            self.append(e.TimerDue(entity=entity, cause=cause, due=at))
        return bool(due or held)

    # -- until nothing happens any more

    def quiet(self, rounds: int = 60) -> None:
        """Let everything arrive and be answered until nothing happens any more."""
        looked = False
        for _ in range(rounds):
            while self.late:
                self.hear()
            self.project()
            busy = self._work()
            if not busy and looked:
                return
            if not busy:
                self.poll()
                looked = True
            else:
                looked = False
        raise AssertionError(
            f"no rest: {sorted(self.store.tables[Table.OUTBOX])} {sorted(self.store.tables[Table.READS])}"
        )

    def _work(self) -> bool:
        busy = bool(self.flows)
        while self.flows:
            self.flow()
        while self.air:
            self.land()
            busy = True
        self.project()
        while self.read():
            self.project()
            busy = True
        while self.claim():
            self.land()
            self.project()
            busy = True
        if not busy and (waiting := self._next_moment()) is not None:
            self.now = max(self.now, waiting)
            busy = True
        return self.fire() or busy

    def _next_moment(self) -> int | None:
        """The earliest thing that only time brings."""
        queues = [TIMERS, *(outbox_queue(crm, priority) for crm in Crm for priority in Priority)]
        return min((at for name in queues for at in self.store.queues.get(name, {}).values()), default=None)

    # -- what there is to see

    def contacts(self) -> list[Contact]:
        return [decode(Table.CONTACTS, raw) for raw in self.store.tables[Table.CONTACTS].values()]

    def closed(self) -> dict[str, list[Closed]]:
        return {entity: [decode_closed(raw) for raw in each] for entity, each in self.store.decisions.items()}

    def pair(self, contact: Contact) -> tuple[Row, Row] | None:
        """The two living rows that a contact links."""
        if len(contact.pair) < len(Crm):
            return None
        ours, theirs = (self.rows[RecordRef.parse(contact.pair[crm])] for crm in Crm)
        return None if self.lost(ours) or self.lost(theirs) else (ours, theirs)
