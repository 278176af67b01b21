"""Travelling in time: one contact as it was at a position of the log, without folding everybody else.

Folded are the events of the contact and of all that it could meet, and what is said of the connection as a
whole, from the last snapshot on. That is all its state comes from, with one exception: a guard counts what
all contacts do. When one had tripped, the state of today tells.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from msgspec.structs import replace

from domain.book import Book, Changes, Table, decode
from domain.commons import LONGEST_MS, Suspended, Throttled, suspended, take, throttled
from domain.events import DeliveryAnswered
from domain.groups import contact_name, pointed, record_name
from domain.identity import Crm, RecordRef, email_key
from domain.kinds import KINDS
from domain.outcomes import OutcomeClass
from domain.projection import Projection
from domain.state import Bucket, Trip
from workers.archive.finding import Found, Search
from workers.archive.segments import CONNECTION, THROTTLED, Position
from workers.archive.snapshots import NOTHING, Past
from workers.archive.whole import WholeLog
from workers.clock import ManualClock
from workers.connection import Lane, position_of
from workers.project import projection_of
from workers.storage.memory import MemoryTables
from workers.store import START


class Then(MemoryTables):
    """Tables of the past: a snapshot, and over it what was folded since.

    Only what is asked for by key is complete: counts and scans know what was folded here alone.
    """

    def __init__(self, past: Past | None) -> None:
        super().__init__()
        self._past = past
        self._gone: dict[Table, set[str]] = {table: set() for table in Table}
        if past is not None:
            super().commit(START, past.position, NOTHING)

    def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
        own = super().fetch(table, keys)
        return [raw or self._before(table, key) for raw, key in zip(own, keys, strict=True)]

    def _before(self, table: Table, key: str) -> bytes | None:
        known = self._past is not None and key not in self._gone[table]
        return self._past.fetch(table, key) if known and self._past else None

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        for table, keys in changes.deletes.items():
            self._gone[table].update(keys)
        for table, rows in changes.puts.items():
            self._gone[table].difference_update(rows)
        for entity in {*dict(changes.kept), *changes.decisions}:
            if entity not in self._decisions and self._past is not None:
                self._decisions[entity] = self._past.decisions(entity)
        return super().commit(expected, position, changes)

    def decisions(self, entity: str, limit: int) -> list[bytes]:
        if entity in self._decisions or self._past is None or not limit:
            return super().decisions(entity, limit)
        return self._past.decisions(entity)[-limit:]


@dataclass
class Traveller:
    """Goes back to a position of a lane's log."""

    lane: Lane
    log: WholeLog
    until: str
    past: Past | None  #: the last snapshot at or before the position; None: the log's beginning

    def lane_with(self, names: AbstractSet[str]) -> Lane:
        """The lane as it was, as far as the bearers of some names go. Raises Damaged."""
        tables = self._folded(names)
        moment = min(position_of(self.until)[0], self.lane.clock.now_ms())
        now = ManualClock(moment)
        return Lane(
            self.lane.name, self.lane.log, lambda: tables, self.lane.coordination, now, self.lane.owner
        )

    def events_of(self, names: AbstractSet[str]) -> list[Found]:
        """The events of the bearers of some names and of all that they could meet, oldest first."""
        known, found, wanted = set[str](), dict[tuple[int, int], Found](), {*names}
        while news := frozenset(wanted - known):
            known |= news
            for each in self._search.bearing(news):
                found[position_of(each.entry.position)] = each
                wanted |= each.names - {CONNECTION, THROTTLED}
            wanted.update(*(self._met(name) for name in news))
        return [found[place] for place in sorted(found)]

    @cached_property
    def _search(self) -> Search:
        return Search(self.log, self.past.position if self.past else START, self.until)

    @cached_property
    def of_connection(self) -> list[Found]:
        """What touches the connection as a whole; of requests for quiet, those that may still count."""
        day_before = f"{max(0, position_of(self.until)[0] - LONGEST_MS)}-0"
        lasting = self._search.bearing(frozenset({CONNECTION}))
        return [*lasting, *self._search.bearing(frozenset({THROTTLED}), day_before)]

    # -- whom the snapshot knows

    def _met(self, name: str) -> Iterator[str]:
        """The names of those who are in one contact with the bearer of a name, by the snapshot."""
        if self.past is None:
            return
        crm, _, record_id = name.partition("/")
        if crm in set(Crm):
            objects = [each for each in self._objects if each[0] == crm]
            keys = [RecordRef(Crm(crm), each, record_id).key for _, each in objects]
        else:
            keys = [*self._matching(name)]
        for key in keys:
            yield from self._mates(key)

    @cached_property
    def _objects(self) -> set[tuple[Crm, str]]:
        kinds = [*KINDS.values(), *(policy.kind for policy in self.lane.policy().kinds.values())]
        return {(crm, name) for kind in kinds for crm in Crm for name in kind.objects(crm)}

    def _matching(self, address: str) -> Iterator[str]:
        for kind in {*KINDS, *self.lane.policy().kinds}:
            raw = self.past.fetch(Table.MATCHES, f"{kind}|{address}") if self.past else None
            if raw is not None:
                yield from decode(Table.MATCHES, raw)

    def _mates(self, key: str) -> Iterator[str]:
        """The names of a contact's records, and those that their values point to."""
        assert self.past is not None
        entity = self.past.fetch(Table.REFS, key)
        raw = self.past.fetch(Table.CONTACTS, decode(Table.REFS, entity) if entity else key)
        if raw is None:
            return
        contact = decode(Table.CONTACTS, raw)
        yield contact_name(contact.id)
        for mate, record in contact.records.items():
            ref = RecordRef.parse(mate)
            yield record_name(ref.crm, ref.id)
            yield from pointed(ref.crm, record.values, self._search.pointers)

    # -- folding

    def _folded(self, names: AbstractSet[str]) -> Then:
        """Fold the events of some, and what is said of the connection."""
        own, tables = self.events_of(names), Then(self.past)
        mine = {found.entry.position for found in own}
        foreign = [found for found in self.of_connection if found.entry.position not in mine]
        projection, trips = projection_of(self.log, tables), self.lane.state().trips
        for found in sorted(chain(own, foreign), key=lambda each: position_of(each.entry.position)):
            _guard(projection.book, trips, position_of(found.entry.position))
            _fold(projection, found, own=found.entry.position in mine)
        moment, number = position_of(self.until)
        _guard(projection.book, trips, (moment, number + 1))
        projection.book.accept()
        tables.commit(tables.checkpoint(), self.until, projection.take_changes())
        return tables


def _guard(book: Book, trips: Sequence[Trip], at: Position) -> None:
    """Let the guards be as they were before an event: tripped, about to trip, or far from it."""
    guards: dict[str, Bucket] = {}
    for trip in trips:
        since = position_of(trip.since)
        if since <= at and not (trip.until and position_of(trip.until) < at):
            guards[trip.guard] = Bucket(trip.hour, trip.count, tripped=since < at)
    if guards != book.connection.guards:
        book.put_connection(replace(book.connection, guards=guards))


def _fold(projection: Projection, found: Found, *, own: bool) -> None:
    """Fold an event; of a stranger's answer, what it means for the connection."""
    event, position = found.event, found.entry.position
    if own or not isinstance(event, DeliveryAnswered):
        projection.fold(position, event)
        return
    book, change = projection.book, shared_by(event, position_of(position)[0])
    book.put_connection(take(book.connection, change)[0])
    book.accept()


def shared_by(event: DeliveryAnswered, at: int) -> Throttled | Suspended:
    """What an answer that touches the connection as a whole changes of it."""
    made = throttled if event.outcome.outcome is OutcomeClass.THROTTLED else suspended
    return made(event.crm, event.outcome, at)


def names_by(text: str) -> frozenset[str]:
    """The names that a text may stand for: an address, an id in either CRM, or a record's key."""
    text = text.strip()
    names = {email_key(text), *(record_name(crm, text) for crm in Crm)}
    if text.partition("/")[0] in set(Crm):
        names.add(contact_name(text))
    return frozenset(names)
