"""Projecting: read the log on from the checkpoint, fold, commit. The one writer of everything derived.

State, decisions, outbox, counters and the new checkpoint are committed together, and only if the
checkpoint is still where this projector left it: two projectors of one lane cannot both succeed. The
lease only keeps them from trying. What a refused commit had folded is forgotten.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.book import CONNECTION_KEY, Table
from domain.events import AnyEvent
from domain.projection import Projection, wanted, wanted_next
from domain.upcasting import NewerEvent, UnreadableEvent, decode
from workers.connection import PROJECTED, Lane, Lease, position_of
from workers.store import Entry, Tables

BATCH = 500
LEASE_MS = 10_000
REMEMBERED = 100_000
"""How many values a projector keeps between batches."""


class Progress(NamedTuple):
    """What one run of a projector did."""

    batches: int  #: committed
    more: bool  #: the log holds more


@dataclass
class Projector:
    """Folds the log of one lane. Keeps what it read as long as nobody else commits."""

    lane: Lane
    batch: int = BATCH
    _at: str | None = None  #: the checkpoint that the kept values belong to
    _generation: int = 0
    _projection: Projection | None = field(default=None, repr=False)

    def run(self, *, budget_ms: int = 1_500) -> Progress:
        """Project until the log is exhausted or the time is used up.

        Raises NewerEvent at an event of a newer release: the log waits for an upgraded worker.
        """
        with self.lane.lease("project", LEASE_MS) as lease:
            if lease is None:
                return Progress(0, more=False)
            progress = self._drain(lease, budget_ms)
            if progress.batches:
                self.lane.coordination.set_cursor(PROJECTED, self.lane.tables().checkpoint())
            return progress

    def _drain(self, lease: Lease, budget_ms: int) -> Progress:
        end, batches = self.lane.clock.monotonic() + budget_ms / 1000, 0
        while self.lane.clock.monotonic() < end:
            if not self.step():
                return Progress(batches, more=False)
            batches += 1
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
        except BaseException:
            self._projection = None
            raise

    def _fold(
        self, projection: Projection, tables: Tables, checkpoint: str, entries: Sequence[Entry]
    ) -> bool:
        events = [(entry.position, _read(entry)) for entry in entries]
        prefetch(projection, tables, [event for _, event in events if event is not None])
        for position, event in events:
            if event is None:
                projection.skip()
            else:
                projection.fold(position, event)
        last = entries[-1].position
        if not tables.commit(checkpoint, last, projection.take_changes()):
            self._projection = None
            return False
        self._at = last
        projection.book.forget(REMEMBERED)
        return True

    def _current(self, tables: Tables, checkpoint: str) -> Projection:
        if self._projection is None or self._at != checkpoint or self._generation != tables.generation:
            self._projection = projection_of(self.lane, tables)
            self._generation, self._at = tables.generation, checkpoint
        return self._projection


def _read(entry: Entry) -> AnyEvent | None:
    """The event of an entry; None for bytes that are no event, which must not stop the log."""
    try:
        return decode(entry.raw)
    except NewerEvent:
        raise
    except UnreadableEvent:
        return None


def projection_of(lane: Lane, tables: Tables) -> Projection:
    """A fold that reads its tables from the store."""
    return Projection(lambda table, key: tables.fetch(table, [key])[0], lane.document)


def prefetch(projection: Projection, tables: Tables, events: Sequence[AnyEvent]) -> None:
    """Fetch what folding the events will ask for, a few round trips for all of them."""
    _seed(projection, tables, [(Table.META, CONNECTION_KEY)])
    policy = projection.policy()
    slots = [slot for event in events for slot in wanted(event, policy)]
    while slots:
        _seed(projection, tables, slots)
        slots = [slot for event in events for slot in wanted_next(event, policy, projection.book)]


def _seed(projection: Projection, tables: Tables, slots: Iterable[tuple[Table, str]]) -> None:
    keys: dict[Table, dict[str, None]] = {}
    for table, key in slots:
        if not projection.book.knows(table, key):
            keys.setdefault(table, {})[key] = None
    for table, names in keys.items():
        asked = list(names)
        for key, raw in zip(asked, tables.fetch(table, asked), strict=True):
            projection.book.seed(table, key, raw)
