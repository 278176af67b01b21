"""Folding a log from its beginning into empty tables, by one process or by several.

Several share the contacts among them: the log is surveyed first, for groups of contacts that cannot meet
(``domain.surveying``), then each process folds some groups and what is said of the connection as a whole, and
the parts are put together (``domain.parts``). If they turn out not to be independent, one process folds all.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from domain.book import Changes, Table
from domain.commons import Note
from domain.events import AnyEvent
from domain.groups import Pointers, pointers
from domain.kinds import KINDS
from domain.parts import Part, unite
from domain.surveying import EVERYBODY, PARTS, Stretch, Survey, split
from domain.upcasting import NewerEvent, UnreadableEvent, decode
from workers.connection import pointers_of, position_of
from workers.project import projection_of, uncollected
from workers.storage.batches import in_batches
from workers.storage.memory import MemoryTables
from workers.store import START, Entry, EventLog

SLICES = 8
"""Into how many stretches of equal time the log is cut for each process; who is done early takes another."""

KEPT = 400_000
"""How many decoded values one process keeps, about a gigabyte; then it encodes what it knows, and forgets."""

TOLD_S = 0.2
"""How often processes at work are asked how far they are."""

_LAST = 2**64 - 1  # the largest number that a position can have within one millisecond

Tell = Callable[[int], None]
"""Told how many more events were folded."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class Crew(Protocol):
    """Who folds; works only inside a ``with`` block."""

    @property
    def size(self) -> int:
        """How many work at the same time."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def work(
        self, task: Callable[[EventLog, Job, Tell], Result], jobs: Sequence[Job], tell: Tell
    ) -> list[Result]:
        """Do the jobs; the results come in the order of the jobs."""


class Alone:
    """This process folds."""

    size = 1

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def work(
        self, task: Callable[[EventLog, Job, Tell], Result], jobs: Sequence[Job], tell: Tell
    ) -> list[Result]:
        return [task(self._log, job, tell) for job in jobs]


class Processes:
    """Several processes fold. Each opens the log for itself, with a function that can be pickled."""

    def __init__(self, open_log: Callable[[], EventLog], size: int) -> None:
        self.size = size
        self._open_log = open_log
        self._context = get_context("spawn")

    def __enter__(self) -> Self:
        self._folded = self._context.Value("Q", 0)
        self._pool = ProcessPoolExecutor(self.size, self._context, _begin, (self._open_log, self._folded))
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def work(
        self, task: Callable[[EventLog, Job, Tell], Result], jobs: Sequence[Job], tell: Tell
    ) -> list[Result]:
        futures = [self._pool.submit(_work, task, job) for job in jobs]
        waiting, told = {*futures}, self._folded.value
        while waiting:
            done, waiting = wait(waiting, TOLD_S, FIRST_COMPLETED)
            for each in done:
                each.result()
            now = self._folded.value
            tell(now - told)
            told = now
        return [each.result() for each in futures]


def cores() -> int:
    """How many processes can really work at the same time, as far as is known."""
    return min(PARTS, os.cpu_count() or 1)


_process: dict[str, Any] = {}
"""What a process of the crew works with: the log, and where it tells how far it is."""


def _begin(open_log: Callable[[], EventLog], folded: Any) -> None:
    def tell(events: int) -> None:
        with folded.get_lock():
            folded.value += events

    _process.update(log=open_log(), tell=tell)


def _work(task: Callable[[EventLog, Job, Tell], Result], job: Job) -> Result:
    return task(_process["log"], job, _process["tell"])


# -- the whole


class Whole(NamedTuple):
    """The fold of a log."""

    changes: Changes  #: from empty tables
    size: int  #: how many processes it is the work of
    met: bool = False  #: whether one had to fold all, because the parts were not independent


def fold(crew: Crew, log: EventLog, until: str, tell: Tell, *, batch: int, kept: int = KEPT) -> Whole:
    """Fold the log up to a position. Raises NewerEvent at an event of a newer release.

    Args:
        crew: who folds.
        log: is folded.
        until: the position of the last event to be folded.
        tell: is told how many more events were folded; less than none if all begins anew.
        batch: how many entries are read at once.
        kept: how many decoded values one process keeps.
    """
    changes = _by_several(crew, log, until, tell, batch=batch, kept=kept) if crew.size > 1 else None
    if changes is not None:
        return Whole(changes, crew.size)
    return Whole(_fold(log, _Share(until, batch, kept), tell).changes, 1, met=crew.size > 1)


def _by_several(
    crew: Crew, log: EventLog, until: str, tell: Tell, *, batch: int, kept: int
) -> Changes | None:
    """The fold, if the parts were independent."""
    counted = 0

    def count(events: int) -> None:
        nonlocal counted
        counted += events
        tell(events)

    with crew:
        parts = _surveyed(crew, log, until, batch)
        jobs = [_Share(until, batch, kept, parts, number) for number in range(crew.size)]
        changes = unite(crew.work(_fold, jobs, count))
    if changes is None:
        tell(-counted)
    return changes


def _surveyed(crew: Crew, log: EventLog, until: str, batch: int) -> bytes:
    """Which part each event belongs to."""
    known, found = frozenset[Any](), pointers(KINDS.values())
    stretches: list[Stretch] = []
    while not found <= known:
        known |= found
        jobs = [_Slice(after, last, batch, known) for after, last in _slices(log, until, crew.size * SLICES)]
        stretches = crew.work(_survey, jobs, lambda _: None)
        found = pointers_of(log, {name for each in stretches for name in each.configurations})
    return split(stretches, crew.size)


def _slices(log: EventLog, until: str, number: int) -> Iterator[tuple[str, str]]:
    """The log in stretches of equal time: behind the first position, up to the last."""
    first = log.read(START, 1)
    if not first:
        return
    begin, end = position_of(first[0].position)[0], position_of(until)[0]
    cuts = sorted({begin + (end - begin) * each // number for each in range(1, number)} - {begin})
    edges = [START, *(f"{cut - 1}-{_LAST}" for cut in cuts), until]
    yield from pairwise(edges)


PIECE = 5_000
"""How many rows are stored in one go."""


def in_pieces(changes: Changes) -> Iterator[Changes]:
    """Changes to empty tables, so cut that each piece can be committed in one go."""
    for table, rows in changes.puts.items():
        for some in in_batches(rows.items(), PIECE):
            yield Changes({table: dict(some)}, {}, {}, {}, {}, {})
    for queue, members in changes.queued.items():
        for each in in_batches(members.items(), PIECE):
            yield Changes({}, {}, {queue: dict(each)}, {}, {}, {})
    for closed in in_batches(changes.decisions.items(), PIECE):
        yield Changes({}, {}, {}, {}, dict(closed), {})
    yield Changes({}, {}, {}, {}, {}, changes.counts)


# -- what a process does


class _Slice(NamedTuple):
    """A stretch of the log to be surveyed."""

    after: str
    until: str
    batch: int
    known: Pointers


class _Share(NamedTuple):
    """A part of the log to be folded."""

    until: str
    batch: int
    kept: int
    parts: bytes = b""  #: of each event; empty: all are mine
    number: int = 0  #: of this part


def _survey(log: EventLog, job: _Slice, _: Tell) -> Stretch:
    survey = Survey(job.known)
    for entries in _read(log, job.after, job.until, job.batch):
        for entry in entries:
            survey.see(entry.raw)
    return survey.stretch()


def _fold(log: EventLog, job: _Share, tell: Tell) -> Part:
    folding, at = _Folding(log, job.number, job.kept), 0
    with uncollected():
        for entries in _read(log, START, job.until, job.batch, _folded_by(job)):
            owners = job.parts[at : at + len(entries)] or bytes([job.number]) * len(entries)
            tell(folding.take(zip(entries, owners, strict=True)))
            at += len(entries)
        return folding.part()


def _folded_by(share: _Share) -> bytes:
    """A byte for each event, 0 for what other parts fold; empty: all is this one's."""
    return share.parts.translate(bytes(number in {share.number, EVERYBODY} for number in range(256)))


@dataclass
class _Folding:
    """Folds one part in memory: values stay decoded as long as there is room."""

    log: EventLog
    number: int  #: of the part
    kept: int  #: how many decoded values there is room for
    _tables: MemoryTables = field(default_factory=MemoryTables)
    _notes: list[Note] = field(default_factory=list)
    _touched: dict[Table, set[str]] = field(default_factory=lambda: {table: set() for table in Table})

    def __post_init__(self) -> None:
        self._projection = projection_of(self.log, self._tables)

    def take(self, entries: Iterable[tuple[Entry, int]]) -> int:
        """Fold what is this part's; returns how many events it counts."""
        counted, projection, number = 0, self._projection, self.number
        for entry, owner in entries:
            if owner == number or (owner == EVERYBODY and number == 0):
                counted += 1
                event = _event(entry)
                if event is None:
                    projection.skip()
                else:
                    projection.fold(entry.position, event)
            elif owner == EVERYBODY and (event := _event(entry)) is not None:
                projection.follow(entry.position, event)
        if sum(map(len, projection.book.known().values())) > self.kept:
            self._put_by()
        return counted

    def _put_by(self) -> None:
        """Encode what is known, and forget it."""
        book = self._projection.book
        for table, keys in book.known().items():
            self._touched[table].update(keys)
        changes = self._projection.take_changes()
        self._notes += changes.notes
        self._tables.commit(START, START, changes)
        book.forget(0)

    def part(self) -> Part:
        self._put_by()
        touched = {table: [*keys] for table, keys in self._touched.items()}
        return Part(self._tables.contents()._replace(notes=self._notes), touched)


def _event(entry: Entry) -> AnyEvent | None:
    """An entry as an event; None if it is none. Raises NewerEvent."""
    try:
        return decode(entry.raw)
    except NewerEvent:
        raise
    except UnreadableEvent:
        return None


def _read(log: EventLog, after: str, until: str, batch: int, wanted: bytes = b"") -> Iterator[list[Entry]]:
    """The entries behind a position up to another, some at a time; ``wanted``: see the log's own reading."""
    last, at = position_of(until), 0
    while entries := log.read(after, batch, wanted[at : at + batch] or None):
        after, at = entries[-1].position, at + len(entries)
        if position_of(after) >= last:
            yield [each for each in entries if position_of(each.position) <= last]
            return
        yield entries
