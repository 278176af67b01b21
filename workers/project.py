"""Projecting: read the log on from the checkpoint, fold, commit. The one writer of everything derived.

State, decisions, outbox, counters and the new checkpoint are committed together, and only if the
checkpoint is still where this projector left it: two projectors of one lane cannot both succeed. The
lease only keeps them from trying. What a refused commit had folded is forgotten.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from domain.book import CONNECTION_KEY, Book, Table
from domain.events import AnyEvent
from domain.foresight import Slot, foresee
from domain.policy import Policy
from domain.projection import Projection
from domain.upcasting import UNDECODABLE, NewerEvent, event_in
from workers.connection import PROJECTED, Lane, Lease, document_of, position_of
from workers.store import Entry, EventLog, Tables

BATCH = 500
LEASE_MS = 10_000
ROOM_KB = 250_000
"""What the contacts take that a process keeps between batches, of all connections together."""


class Progress(NamedTuple):
    """What one run of a projector did."""

    batches: int  #: committed
    more: bool  #: the log holds more


@dataclass
class Projector:
    """Folds the log of one lane. Keeps what it read as long as nobody else commits."""

    lane: Lane
    batch: int = BATCH
    fatal: tuple[type[BaseException], ...] = ()  #: what ends a batch and is not held against an event
    room_kb: Callable[[], int] = lambda: ROOM_KB  #: what contacts may take that are kept between batches
    _at: str | None = None  #: the checkpoint that the kept values belong to
    _generation: int = 0
    _projection: Projection | None = field(default=None, repr=False)

    def run(self, *, budget_ms: int = 1_500, committed: Callable[[], object] = bool) -> Progress:
        """Project until the log is exhausted or the time is used up.

        ``committed`` is called after each batch.
        Raises NewerEvent at an event of a newer release: the log waits for an upgraded worker.
        """
        with self.lane.lease("project", LEASE_MS) as lease:
            if lease is None:
                return Progress(0, more=False)
            with uncollected():
                progress = self._drain(lease, budget_ms, committed)
            if progress.batches:
                self._mark()
        return progress if progress.more else progress._replace(more=self._behind())

    def _mark(self) -> None:
        """Remember how far the tables ever stood; a rebuild of lost ones does not take that back."""
        if not self.lane.rewound():
            self.lane.coordination.set_cursor(PROJECTED, self.lane.tables().checkpoint())

    def _behind(self) -> bool:
        """Whether something came in while the lease kept others out: they will not ask again."""
        return bool(self.lane.log.read(self.lane.tables().checkpoint(), 1))

    def _drain(self, lease: Lease, budget_ms: int, committed: Callable[[], object]) -> Progress:
        end, batches = self.lane.clock.monotonic() + budget_ms / 1000, 0
        while self.lane.clock.monotonic() < end:
            if not self.step():
                return Progress(batches, more=False)
            batches += 1
            committed()
            if not lease.renew():
                return Progress(batches, more=True)
        return Progress(batches, more=True)

    def step(self, *, until: str | None = None) -> bool:
        """Project one batch; False if there was nothing to do or somebody else did it.

        ``until``: the last position to project; None: whatever there is.
        """
        tables = self.lane.tables()
        checkpoint = tables.checkpoint()
        entries = self.lane.log.read(checkpoint, self.batch)
        if until is not None:
            entries = [each for each in entries if position_of(each.position) <= position_of(until)]
        if not entries:
            return False
        projection = self._current(tables, checkpoint)
        try:
            return self._fold(projection, tables, checkpoint, entries)
        except BaseException as error:
            self._projection = None
            if isinstance(error, StoreFailed) and error.__cause__ is not None:
                raise error.__cause__ from None
            raise

    def _fold(
        self, projection: Projection, tables: Tables, checkpoint: str, entries: Sequence[Entry]
    ) -> bool:
        events = _readable(entries)
        prefetch(projection, tables, [event for _, event in events if event is not None])
        for position, event in events:
            if event is None:
                projection.skip()
            else:
                projection.fold(position, event)
        last = events[-1][0]
        if not tables.commit(checkpoint, last, projection.take_changes()):
            self._projection = None
            return False
        self._at = last
        projection.book.forget(self.room_kb() // contact_kb(projection.policy()))
        return True

    def forget(self) -> None:
        """Keep nothing of what was read. A run that is under way goes on."""
        self._projection = None

    def _current(self, tables: Tables, checkpoint: str) -> Projection:
        if self._projection is None or self._at != checkpoint or self._generation != tables.generation:
            self._projection = projection_of(self.lane.log, tables, self.fatal)
            self._generation, self._at = tables.generation, checkpoint
        return self._projection


def contact_kb(policy: Policy) -> int:
    """What a contact takes in memory with all that belongs to it: by measurement, 4 kB and 0.25 a field."""
    return 4 + max((len(kind.section.mappings) for kind in policy.kinds.values()), default=0) // 4


def _readable(entries: Sequence[Entry]) -> list[tuple[str, AnyEvent | None]]:
    """The events up to the first of a newer release, by position; None for bytes that are no event.

    Raises NewerEvent if the first one is of a newer release.
    """
    events: list[tuple[str, AnyEvent | None]] = []
    for entry in entries:
        try:
            events.append((entry.position, event_in(entry.raw)))
        except NewerEvent:
            if not events:
                raise
            break
    return events


class StoreFailed(Exception):  # noqa: N818 - says what happened
    """The store did not answer while an event was folded, for which the event is not to blame."""


def projection_of(log: EventLog, tables: Tables, fatal: tuple[type[BaseException], ...] = ()) -> Projection:
    """A fold that reads its tables from the store. What the store or ``fatal`` raises ends it."""

    def fetch(table: Table, key: str) -> bytes | None:
        try:
            return tables.fetch(table, [key])[0]
        except Exception as error:
            raise StoreFailed(type(error).__name__) from error

    def document(name: str) -> Any:
        try:
            return document_of(log, name)
        except (KeyError, *UNDECODABLE):  # one that is absent or broken will always be
            raise
        except Exception as error:
            raise StoreFailed(type(error).__name__) from error

    return Projection(fetch, document, fatal=(MemoryError, StoreFailed, *fatal))


@contextmanager
def uncollected() -> Iterator[None]:
    """Spare the garbage collector walks through all that is kept; folding makes no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def prefetch(projection: Projection, tables: Tables, events: Sequence[AnyEvent]) -> None:
    """Fetch what folding the events will ask for, a few round trips for all of them.

    A damaged row ends it; of the rest, each is fetched when it is asked for.
    """
    with suppress(*UNDECODABLE):
        _prefetch(projection, tables, events)


def _prefetch(projection: Projection, tables: Tables, events: Sequence[AnyEvent]) -> None:
    book = projection.book
    _seed(book, tables, [(Table.META, CONNECTION_KEY)])
    policy = projection.policy()
    while events:
        found = [(event, slots) for event in events if (slots := foresee(event, policy, book))]
        _seed(book, tables, chain.from_iterable(slots for _, slots in found))
        events = [event for event, _ in found]


def _seed(book: Book, tables: Tables, slots: Iterable[Slot]) -> None:
    keys: dict[Table, dict[str, None]] = {}
    for table, key in slots:
        if not book.knows(table, key):
            keys.setdefault(table, {})[key] = None
    for table, names in keys.items():
        asked = list(names)
        for key, raw in zip(asked, tables.fetch(table, asked), strict=True):
            book.seed(table, key, raw)
