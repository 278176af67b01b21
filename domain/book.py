"""The tables that the log folds into, as one step of folding sees them.

A book reads through: what this event wrote, then what earlier ones wrote, then the store. Nothing an
event wrote counts until ``accept``; an event that fails leaves no trace. ``take_changes`` hands over
everything accepted, encoded, for one atomic commit, in a form that a store applies blindly.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, KeysView, Sequence
from enum import StrEnum
from functools import cache, partial
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from domain.commons import Note
from domain.identity import Crm
from domain.reasons import Reason
from domain.rows import MISSING, Rows
from domain.state import Closed, Connection, Contact, Intent, Letter, Priority, ReadRequest


class Table(StrEnum):
    """What the log folds into, keyed by text. ``queue`` and ``decisions`` are shapes of their own."""

    CONTACTS = "contacts"  #: entity id -> Contact
    REFS = "refs"  #: record key -> entity id
    MATCHES = "matches"  #: kind and match value -> record keys
    OUTBOX = "outbox"  #: intent key -> Intent
    READS = "reads"  #: request key -> ReadRequest
    LETTERS = "letters"  #: letter key -> Letter
    META = "meta"  #: ``connection`` -> Connection
    ERASED = "erased"  #: keyed hash of a record or an address -> entity id of the person who was erased


CONNECTION_KEY = "connection"

_TYPES: dict[Table, Any] = {
    Table.CONTACTS: Contact,
    Table.REFS: str,
    Table.MATCHES: tuple[str, ...],
    Table.OUTBOX: Intent,
    Table.READS: ReadRequest,
    Table.LETTERS: Letter,
    Table.META: Connection,
    Table.ERASED: str,
}
_DECODERS = {table: msgspec.msgpack.Decoder(kind).decode for table, kind in _TYPES.items()}
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode_closed = msgspec.json.Decoder(Closed).decode
_encode_closed = msgspec.json.Encoder(order="deterministic").encode


def decode(table: Table, raw: bytes) -> Any:
    """Read a stored value back."""
    return _DECODERS[table](raw)


def encode(value: Any) -> bytes:
    """Write a value of a table as it is stored."""
    return _encode(value)


def decode_closed(raw: bytes) -> Closed:
    """Read a closed decision back."""
    return _decode_closed(raw)


@cache
def outbox_queue(crm: Crm, priority: Priority) -> str:
    """Where the keys of intents wait for a deliverer, by due time."""
    return f"outbox/{crm}/{priority}"


@cache
def reads_queue(crm: Crm, priority: Priority) -> str:
    """Where the keys of read requests wait for a reader, by the moment they were asked."""
    return f"reads/{crm}/{priority}"


TIMERS = "timers"
"""Queue of ``entity|cause`` by the moment at which the contact must be looked at again."""

RETRIES = "retries"
"""Queue of entities in error by the moment at which they are tried again, if the budget allows."""

OPEN = "open"
"""Queue of entities with an open decision, by the moment it was opened."""

ERASING = "erasing"
"""Queue of people who are erased, and whose values may still be in the log, by the moment of the erasure."""

CLAIMS = "claims"
"""Queue of intent keys whose write is on its way, by attempt. A deliverer enters a key in the same step that
appends its claim event; folding the event enters it again, folding the answer takes it out."""


DUPLICATES = "duplicates"
"""Queue of entities with several living records in one CRM, by the moment since when."""

ORPHANS = "orphans"
"""Queue of entities whose linked record is gone in one CRM and lives in the other, by the same."""


def held_queue(cause: str) -> str:
    """Where entities wait for something that no clock brings (``baseline``, a guard's release)."""
    return f"held/{cause}"


class Changes(NamedTuple):
    """Everything that a run of events did to the tables."""

    puts: dict[Table, dict[str, bytes]]
    deletes: dict[Table, list[str]]
    queued: dict[str, dict[str, int]]  #: queue -> member -> score
    unqueued: dict[str, list[str]]
    decisions: dict[str, list[bytes]]  #: entity -> closed decisions, in order
    counts: dict[str, int]  #: counter -> by how much it grew
    notes: Sequence[Note] = ()  #: what contacts changed in common, for folds of the others; not stored
    kept: Sequence[tuple[str, int]] = ()  #: entity, and how many of its decisions stay before those come


Fetch = Callable[[Table, str], bytes | None]
_NOTHING_YET = Connection()
_CLOSED_FOR = {reason: f"decisions/{reason}" for reason in Reason}
"""The counter of each reason."""


class Book:
    """Typed reading and writing of the tables; what one event wrote can be taken back until accepted.

    Values are written in place.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._tables: dict[Table, Rows[Any]] = {
            table: Rows(partial(fetch, table), _DECODERS[table], _encode) for table in Table
        }
        self._contacts: Rows[Contact] = self._tables[Table.CONTACTS]
        self._refs: Rows[str] = self._tables[Table.REFS]
        self._matches: Rows[tuple[str, ...]] = self._tables[Table.MATCHES]
        self._outbox: Rows[Intent] = self._tables[Table.OUTBOX]
        self._reads: Rows[ReadRequest] = self._tables[Table.READS]
        self._letters: Rows[Letter] = self._tables[Table.LETTERS]
        self._meta: Rows[Connection] = self._tables[Table.META]
        self._erased: Rows[str] = self._tables[Table.ERASED]
        self._queued: defaultdict[str, dict[str, int | None]] = defaultdict(dict)
        self._decisions: dict[str, list[bytes]] = {}
        self._counted: list[str] = []  #: counters, as often as they grew
        self._kept: dict[str, int] = {}
        self._notes: list[Note] = []
        self._begin()

    # -- reading and writing values

    def contact(self, entity: str) -> Contact | None:
        return self._contacts[entity]

    def put_contact(self, contact: Contact) -> None:
        self._contacts.put(contact.id, contact)

    def rewritten(self) -> dict[str, Contact | None]:
        """The contacts that this event wrote so far, by name, as they were before it."""
        before = self._contacts.before
        return {entity: None if each is MISSING else each for entity, each in before.items()}

    def drop_contact(self, entity: str) -> None:
        self._contacts.put(entity, None)

    def entity_of(self, record_key: str) -> str | None:
        return self._refs[record_key]

    def bind(self, record_key: str, entity: str) -> None:
        self._refs.put(record_key, entity)

    def matches(self, value: str) -> tuple[str, ...]:
        """Record keys that carry a match value, oldest first."""
        return self._matches[value] or ()

    def set_matches(self, value: str, record_keys: tuple[str, ...]) -> None:
        self._matches.put(value, record_keys or None)

    def put_intent(self, intent: Intent, *, waiting: bool, before: Intent | None) -> None:
        """Store an intent; ``waiting`` offers it to the deliverer when due.

        ``before``: the intent that the outbox holds under the same key, as the contact knows it.
        """
        key = intent.key
        self._outbox.put(key, intent)
        if before is not None and before.priority is not intent.priority:
            self.queue(outbox_queue(intent.crm, before.priority), key, None)
        self.queue(outbox_queue(intent.crm, intent.priority), key, intent.due if waiting else None)

    def withhold_intent(self, intent: Intent) -> None:
        """Offer an intent to the deliverer no more while it is on its way."""
        self.queue(outbox_queue(intent.crm, intent.priority), intent.key, None)

    def drop_intent(self, intent: Intent) -> None:
        key = intent.key
        self._outbox.put(key, None)
        self.queue(outbox_queue(intent.crm, intent.priority), key, None)

    def request(self, key: str) -> ReadRequest | None:
        return self._reads[key]

    def put_request(self, key: str, request: ReadRequest, at: int) -> None:
        """Ask; whoever asks for what is asked for already never makes it less urgent."""
        before = self.request(key)
        if before is not None and before.priority is not request.priority:
            request = msgspec.structs.replace(request, priority=request.priority.or_sooner(before.priority))
            self.queue(reads_queue(before.crm, before.priority), key, None)
        self._reads.put(key, request)
        self.queue(reads_queue(request.crm, request.priority), key, at)

    def drop_request(self, key: str) -> None:
        standing = self.request(key)
        if standing is not None:
            self._reads.put(key, None)
            self.queue(reads_queue(standing.crm, standing.priority), key, None)

    def letter(self, key: str) -> Letter | None:
        return self._letters[key]

    def put_letter(self, key: str, letter: Letter | None) -> None:
        self._letters.put(key, letter)

    def mark_erased(self, mark: str, entity: str) -> None:
        self._erased.put(mark, entity)

    @property
    def connection(self) -> Connection:
        return self._meta[CONNECTION_KEY] or _NOTHING_YET

    def stand_on(self, connection: Connection) -> None:
        """Let the connection be known as it was elsewhere; that is not written."""
        self._meta[CONNECTION_KEY] = connection

    def put_connection(self, connection: Connection) -> None:
        self._meta.put(CONNECTION_KEY, connection)

    # -- queues, decisions, counters

    def queue(self, name: str, member: str, score: int | None) -> None:
        """Put a member into a queue, or take it out with a score of None."""
        self._event_queued.append((name, member, score))

    def close(self, entity: str, closed: Closed) -> None:
        """Keep a closed decision with its contact."""
        self._event_closed.append((entity, closed))
        self.count(_CLOSED_FOR[closed.reason])

    def decided(self) -> list[str]:
        """The contacts of which this event closed a decision."""
        return [entity for entity, _ in self._event_closed]

    def forget_decisions(self, entity: str) -> None:
        """Drop the contact's decisions that were closed before this event."""
        self._event_forgotten.append(entity)

    def count(self, counter: str) -> None:
        self._event_counts.append(counter)

    def note(self, note: Note) -> None:
        """Keep what changed in common with other contacts, for whoever folds those elsewhere."""
        self._event_notes.append(note)

    # -- the life of one event, and of a run of events

    def accept(self, counters: Iterable[str] = (), *, keep: int | None = None) -> None:
        """Let what the event wrote count.

        ``counters``: what it counts for itself. ``keep``: how many closed decisions a contact keeps that this
        event closed one of, the newest; None: all.
        """
        for rows in self._tables.values():
            if rows.before:
                rows.accept()
        for name, member, score in self._event_queued:
            self._queued[name][member] = score
        self._counted += self._event_counts
        self._counted += counters
        self._notes += self._event_notes
        if self._event_closed or self._event_forgotten:
            self._accept_decisions(keep)
        self._begin()

    def _accept_decisions(self, keep: int | None) -> None:
        for entity in self._event_forgotten:
            self._decisions.pop(entity, None)
            self._kept[entity] = 0
        for entity, closed in self._event_closed:
            self._keep(entity, closed, keep)

    def _keep(self, entity: str, closed: Closed, most: int | None) -> None:
        """Add a closed decision; those that are too old by now go, stored ones first."""
        news = self._decisions.setdefault(entity, [])
        news.append(_encode_closed(closed))
        if most is not None:
            del news[:-most]
            room = most - len(news)
            self._kept[entity] = min(self._kept.get(entity, room), room)

    def reject(self) -> None:
        """Forget what the event wrote."""
        for rows in self._tables.values():
            rows.reject()
        self._begin()

    def _begin(self) -> None:
        self._event_queued: list[tuple[str, str, int | None]] = []
        self._event_closed: list[tuple[str, Closed]] = []
        self._event_forgotten: list[str] = []
        self._event_counts: list[str] = []
        self._event_notes: list[Note] = []

    def take_changes(self) -> Changes:
        """Hand over everything accepted since the last call."""
        taken = [(table, *rows.take()) for table, rows in self._tables.items()]
        changes = Changes(
            {table: puts for table, puts, _ in taken if puts},
            {table: gone for table, _, gone in taken if gone},
            {name: kept for name, members in self._queued.items() if (kept := _kept(members))},
            {name: gone for name, members in self._queued.items() if (gone := _gone(members))},
            self._decisions,
            Counter(self._counted),
            self._notes,
            [*self._kept.items()],
        )
        self._queued.clear()
        self._decisions, self._counted, self._notes, self._kept = {}, [], [], {}
        return changes

    def forget(self, limit: int) -> None:
        """Drop the older half of what was read, as often as that is more than ``limit`` contacts.

        Only after changes were taken.
        """
        while len(self._contacts) > limit:
            for rows in self._tables.values():
                for key in list(islice(rows, (len(rows) + 1) // 2)):
                    del rows[key]

    def put_by(self) -> None:
        """Forget all rows; what was written waits to be taken, and cannot be read before it is stored."""
        for rows in self._tables.values():
            rows.put_by()

    def seed(self, table: Table, key: str, raw: bytes | None) -> None:
        """Give the book a value that was fetched ahead; what it knows already stands."""
        if not self.knows(table, key):
            self._tables[table].fill(key, raw)

    def known(self) -> dict[Table, KeysView[str]]:
        """Everything that was read or written since all was forgotten, absent values included."""
        return {table: rows.keys() for table, rows in self._tables.items()}

    def knows(self, table: Table, key: str) -> bool:
        return key in self._tables[table]


def _kept(members: dict[str, int | None]) -> dict[str, int]:
    return {member: score for member, score in members.items() if score is not None}


def _gone(members: dict[str, int | None]) -> list[str]:
    return [member for member, score in members.items() if score is None]
