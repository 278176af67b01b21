"""Folding a log into tables in memory: all of it in its order, or one group of contacts after the other.

The tables hold what is begun with: nothing, or a state and the log behind it.

By groups, the events of a contact follow each other and what they need of him is at hand: a fourth less time.
What is said of the connection as a whole is folded first, and each event meets it as it was then.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.book import Table
from domain.commons import Note
from domain.parts import DECISIONS, OF_GROUPS, Part, in_queue
from domain.projection import Circumstances, Projection
from domain.surveying import EVERYBODY
from domain.upcasting import event_in
from workers.crew import Tell
from workers.project import projection_of
from workers.storage.memory import MemoryTables
from workers.store import START, Entry, EventLog


@dataclass
class InOrder:
    """Folds all of a log; values stay decoded as long as there is room."""

    log: EventLog
    room: int  #: how many decoded values there is room for; then it encodes what it knows, and forgets
    tables: MemoryTables  #: what was put by

    def __post_init__(self) -> None:
        self._projection = projection_of(self.log, self.tables)

    def take(self, entries: Iterable[Entry]) -> None:
        """Fold the next entries. Raises NewerEvent at an event of a newer release."""
        for entry in entries:
            _fold(self._projection, entry)
        if sum(map(len, self._projection.book.known().values())) > self.room:
            self.put_by()

    def put_by(self) -> None:
        """Encode what is known, and forget it."""
        self.tables.commit(START, START, self._projection.take_changes())
        self._projection.book.put_by()


STORED_EVERY = 1_000
"""After how many events, about, what groups came to is stored, and told."""


@dataclass
class ByGroup:
    """Folds the groups of one part, each by itself.

    Each begins with nothing known and leaves nothing known behind, so whatever it reads or writes is noticed:
    groups that touch the same row are not independent, and what they fold into is not what the log says.
    """

    log: EventLog
    number: int  #: of the part; the first one counts what is said of the connection as a whole
    room: int  #: how many bytes of events wait for each other until they are folded
    tell: Tell
    tables: MemoryTables  #: what contacts come to, without counters
    common: MemoryTables  #: the connection as a whole, and the counters to begin with
    _owners: dict[Table, dict[str, int]] = field(default_factory=lambda: {table: {} for table in OF_GROUPS})
    _gone: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _waiting: defaultdict[int, list[tuple[Circumstances, Entry]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _bytes: int = 0  #: of those that wait
    _folded: int = 0  #: and not told yet
    _counts: Counter[str] = field(default_factory=Counter)
    _notes: list[Note] = field(default_factory=list)
    _met: bool = False

    def __post_init__(self) -> None:
        self._common = projection_of(self.log, self.common)
        self._projection = projection_of(self.log, self.tables)
        self._now = self._common.circumstances()

    def take(self, entries: Iterable[tuple[Entry, int, int]]) -> None:
        """Take the next entries, each with its part and its group. Raises NewerEvent."""
        for entry, part, group in entries:
            if part == self.number:
                self._waiting[group].append((self._now, entry))
                self._bytes += len(entry.raw)
            elif part == EVERYBODY:
                self._see(entry)
        if self._bytes > self.room:
            self._fold_waiting()

    def _see(self, entry: Entry) -> None:
        """Fold what is said of the connection as a whole."""
        _fold(self._common, entry)
        self._folded += self.number == 0
        self._now = self._common.circumstances()

    def _fold_waiting(self) -> None:
        for group, waiting in self._waiting.items():
            self._fold_group(waiting)
            self._put_by(group)
            self._folded += len(waiting)
            if self._folded > STORED_EVERY:
                self._store()
        self._store()
        self._waiting.clear()
        self._bytes = 0

    def _fold_group(self, waiting: list[tuple[Circumstances, Entry]]) -> None:
        projection, now = self._projection, None
        for circumstances, entry in waiting:
            if circumstances is not now:
                projection.place_in(circumstances)
                now = circumstances
            _fold(projection, entry)

    def _put_by(self, group: int) -> None:
        """Forget all that a group touched, which is nobody else's."""
        book = self._projection.book
        known = book.known()
        for table, owners in self._owners.items():
            for key in known[table]:
                self._met |= owners.setdefault(key, group) != group
        book.put_by()

    def _store(self) -> None:
        changes = self._projection.take_changes()
        self._counts.update(changes.counts)
        self._notes += changes.notes
        for queue, members in changes.unqueued.items():
            self._gone[in_queue(queue)].update(members)
        self._gone[DECISIONS].update(entity for entity, _ in changes.kept)
        puts = {**changes.puts, Table.META: {}}  # what it takes for the connection is but its own view
        self.tables.commit(START, START, changes._replace(puts=puts, counts={}))
        self.tell(self._folded)
        self._folded = 0

    def part(self) -> Part:
        """Fold what waits; returns what the groups have in common with those of other parts."""
        self._fold_waiting()
        said = self._common.take_changes()
        self.common.commit(START, START, said)
        common = self.common.contents()
        if self.number == 0:
            self._counts.update(common.counts)
            self._notes += said.notes
        return Part(common._replace(counts=self._counts, notes=self._notes), self._touched(), met=self._met)

    def _touched(self) -> dict[str, list[str]]:
        """All that is there, and all that a group looked for or took away."""
        there = self.tables.contents()
        touched: defaultdict[str, set[str]] = defaultdict(set, self._gone)
        for table, owners in self._owners.items():
            touched[table].update(owners, there.puts[table])
        for queue, members in there.queued.items():
            touched[in_queue(queue)].update(members)
        touched[DECISIONS].update(there.decisions)
        return {name: [*keys] for name, keys in touched.items()}


def _fold(projection: Projection, entry: Entry) -> None:
    event = event_in(entry.raw)
    if event is None:
        projection.skip()
    else:
        projection.fold(entry.position, event)
