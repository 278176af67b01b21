"""One connection as the stages see it: its log, its tables, its coordination, and what they say together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import msgspec

from domain.book import CONNECTION_KEY, Table, decode
from domain.compiling import compile_policy
from domain.errors import Misconfigured
from domain.events import (
    AnyEvent,
    RecordObserved,
    RecordsMerged,
    TargetRefused,
    digest,
    encode,
    event_id,
)
from domain.groups import Pointers, pointers
from domain.identity import Crm
from domain.policy import EMPTY, Document, Policy
from domain.state import Connection, Priority
from domain.upcasting import UNDECODABLE
from workers.clock import Clock, new_id
from workers.ports import ReadRecord
from workers.store import Coordination, EventLog, Tables
from workers.telemetry import get_logger

log = get_logger(__name__)

PROJECTED = "projected"
"""Cursor: how far the log was projected, kept beside the tables to tell when they were lost."""


BULK = "bulk"
"""Cursor: set while bulk work waits for room in the log."""

ROOM = 250
"""Unprojected events beyond which bulk work waits: a person's edit queues behind them. Half a batch of a
projector."""

ROOM_WAIT = 2.0
"""Seconds that a portion waits for the log to have room, at most."""

ROOM_LOOK = 0.02
"""Seconds between two looks at it."""


VERIFIED = "verified"
"""Cursor: what came of the last comparison of the whole archive, as JSON."""


RESTORED = "restore"
"""Who pauses writing when the log was restored; also a cursor: when that was, epoch ms."""


def polled(crm: Crm) -> str:
    """Cursor: when the last pass over what changed in a CRM began that saw all of it, epoch ms."""
    return f"polled/{crm}"


@dataclass
class Lease:
    """The right to do a thing, for a while. It saves work; what is right does not rest on it."""

    coordination: Coordination
    clock: Clock
    name: str
    owner: str
    ttl_ms: int
    asked: bool = False  #: once it is given back: whether somebody else asked for it meanwhile
    _until: float = 0.0  #: by the monotonic clock, which goes on while this process is frozen

    def take(self) -> bool:
        """Get it, unless somebody else has it."""
        asked = self.clock.monotonic()
        taken = self.coordination.acquire(self.name, self.owner, self.ttl_ms)
        self._until = asked + self.ttl_ms / 1000 if taken else 0.0
        return taken

    def held(self) -> bool:
        """Whether its time is not over; asks nobody."""
        return self.clock.monotonic() < self._until

    def renew(self) -> bool:
        """Hold it for its full time from now on; False once it was lost, though it may be free again."""
        return self.held() and self.take()


class Known(NamedTuple):
    """A connection as a whole, as far as it is projected."""

    raw: bytes  #: the state as the tables hold it
    state: Connection
    policy: Policy


@dataclass
class Lane:
    """The lane of one connection: everything in it happens in the log's order.

    ``tables`` gives the current generation; ask for it anew for each piece of work, because a rebuild
    may have put another one in its place.
    """

    name: str
    log: EventLog
    tables: Callable[[], Tables]
    coordination: Coordination
    clock: Clock
    owner: str  #: names this process among all that work on the lane
    refuse: Callable[["Lane", Sequence[AnyEvent]], Sequence[AnyEvent]] = lambda _, events: events
    _serial: Iterator[int] = field(default_factory=count, repr=False)
    _known: Known = field(default=Known(b"", Connection(), EMPTY), repr=False)

    def append(self, events: Sequence[AnyEvent], documents: Sequence[Any] = ()) -> int:
        """Append what is new of the events, with the documents that they name; returns how many were."""
        if not events:
            return 0
        events = self.refuse(self, events)
        plain = [msgspec.to_builtins(document) for document in documents]
        named = {digest(each): msgspec.json.encode(each) for each in plain}
        return self.log.append([(event_id(each), encode(each)) for each in events], named)

    def document(self, name: str) -> Any:
        """A document of the log as plain values. Raises KeyError if it is absent."""
        return document_of(self.log, name)

    def state(self) -> Connection:
        """The state of the connection as a whole, as far as it is projected."""
        return self.known().state

    def policy(self) -> Policy:
        """The policy in force, as far as the log is projected."""
        return self.known().policy

    def known(self) -> Known:
        """State and policy by one look at the tables."""
        raw = self.tables().fetch(Table.META, [CONNECTION_KEY])[0] or b""
        if raw != self._known.raw:
            state: Connection = decode(Table.META, raw)
            self._known = Known(raw, state, compile_policy(state, self.document))
        return self._known

    @contextmanager
    def lease(self, name: str, ttl_ms: int) -> Iterator["Lease | None"]:
        """Hold a lease for a while; None if somebody else has it, be it another thread of this process."""
        lease = Lease(self.coordination, self.clock, name, f"{self.owner}/{next(self._serial)}", ttl_ms)
        if not lease.take():
            yield None
            return
        try:
            yield lease
        finally:
            lease.asked = self.coordination.release(name, lease.owner)

    @contextmanager
    def refusals(self, crm: Crm) -> Iterator[None]:
        """Record a refusal that an operator must mend: the CRM is suspended. Other errors pass."""
        try:
            yield
        except Misconfigured as error:
            self.suspend(crm, error)

    def suspend(self, crm: Crm, error: Misconfigured) -> None:
        """Record that a CRM refuses to be read until an operator has mended the cause."""
        self.append([TargetRefused(crm=crm, code=error.code, message=error.message, request=new_id())])
        log.warning("target_suspended", connection=self.name, crm=crm, code=error.code)

    def rewound(self) -> bool:
        """Whether the tables stand behind where they once stood: they were lost, and are being made anew.

        Until they have caught up, what they offer to be sent may have been sent already.
        """
        mark = self.coordination.cursor(PROJECTED)
        return mark is not None and position_of(self.tables().checkpoint()) < position_of(mark)

    def moment(self, tables: Tables) -> int:
        """Now, epoch ms, but not before the last event that was folded, which the server's clock has dated.

        What an event asks for is due at its moment, also where this machine's clock is behind.
        """
        return max(self.clock.now_ms(), position_of(tables.checkpoint())[0])

    def backlog(self) -> int:
        """How many events wait to be projected."""
        return self.log.appended() - self.tables().counter("events")

    def has_room(self) -> bool:
        """Whether so little waits to be projected that bulk work may add to it."""
        return self.backlog() < ROOM

    def await_room(self, lease: Lease) -> None:
        """Let the log be folded, if too much of it waits; a while only, for perhaps nobody folds it."""
        end = self.clock.monotonic() + ROOM_WAIT
        while not self.has_room() and self.clock.monotonic() < end and lease.renew():
            self.clock.sleep(ROOM_LOOK)

    def admitted(self) -> tuple[Priority, ...]:
        """The priorities whose work may go on now, the urgent first: backfill while the log has room."""
        return tuple(each for each in Priority if each is not Priority.BACKFILL or self.has_room())


def document_of(log: EventLog, name: str) -> Any:
    """A document of a log as plain values. Raises KeyError if it is absent."""
    raw = log.document(name)
    if raw is None:
        raise KeyError(name)
    return msgspec.json.decode(raw)


def pointers_of(log: EventLog, configurations: Iterable[str]) -> Pointers:
    """The fields that tell what belongs together by the configurations of these digests."""
    found: Pointers = frozenset()
    for name in configurations:
        try:
            document = msgspec.convert(document_of(log, name), Document)
        except (KeyError, *UNDECODABLE):  # never came into force
            continue
        found |= pointers(section.kind for section in document.sections)
    return found


def observed(
    crm: Crm, record: ReadRecord, *, ticket: int, source: str, request: str | None = None
) -> RecordObserved:
    """What a gateway read, as an event."""
    return RecordObserved(
        crm=crm,
        object=record.object,
        id=record.id,
        fields=record.fields,
        modified_at=record.modified_at,
        ticket=ticket,
        source=source,
        created_at=record.created_at,
        deleted=record.deleted,
        merged_into=record.merged_into,
        asked_id=record.asked_id if request is not None and source == "read" else None,
        request=request,
        modified_by=record.modified_by,
    )


def told(
    crm: Crm, record: ReadRecord, *, ticket: int, source: str, request: str | None = None
) -> Iterator[AnyEvent]:
    """All that one record of a read says: first which others were merged into it, if it says so."""
    if record.merged_ids:
        yield RecordsMerged(
            crm=crm,
            object=record.object,
            winner=record.id,
            losers=record.merged_ids,
            at=record.created_at,
        )
    yield observed(crm, record, ticket=ticket, source=source, request=request)


def position_of(text: str) -> tuple[int, int]:
    """A position as something to compare."""
    moment, _, number = text.partition("-")
    return int(moment), int(number)
