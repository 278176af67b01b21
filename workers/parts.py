"""Folding a log from its beginning, or from a snapshot on, by one process or by several.

Several share the contacts among them: snapshot and log are surveyed first, for groups of contacts that cannot
meet (``domain.surveying``). Then each process takes the rows of some groups and folds their events, group by
group (``workers.folding``); what they have in common is put together (``domain.parts``). If groups turn out
to be dependent, one process folds all.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import Generic, NamedTuple, TypeVar

from domain.book import CONNECTION_KEY, Changes, Table, decode
from domain.groups import Pointers, pointers
from domain.kinds import KINDS
from domain.parts import Part, unite
from domain.state import Connection
from domain.surveying import EVERYBODY, PARTS, Findings, Split, Survey, split
from workers.archive.snapshots import changes_of, names_in
from workers.connection import pointers_of, position_of
from workers.crew import Crew, Place, Tell
from workers.folding import ByGroup, InOrder
from workers.project import uncollected
from workers.storage.batches import in_batches
from workers.storage.memory import MemoryTables
from workers.store import START, Entry, EventLog

SLICES = 8
"""Into how many stretches of equal time the log is cut for each process; who is done early takes another."""

Slice = tuple[str, str]
"""A stretch of the log: behind the first position, up to the last."""

Stretch = Slice | range
"""A stretch of the log, or those of a snapshot of these numbers."""

_LAST = 2**64 - 1  # the largest number that a position can have within one millisecond

# -- the whole


def cores() -> int:
    """How many processes can really work at the same time, as far as is known."""
    return min(PARTS, os.cpu_count() or 1)


class Bounds(NamedTuple):
    """How much one process takes at once."""

    batch: int = 1_000  #: entries that are read in one go
    values: int = 400_000  #: decoded ones, about a gigabyte; then it encodes what it knows, and forgets
    unfolded: int = 400_000_000  #: bytes of events that it keeps from its survey; more it reads again
    waiting: int = 400_000_000  #: bytes of events that it folds group by group; with more it begins anew


Made = TypeVar("Made")

Finish = Callable[[MemoryTables], Made]
"""Makes what is wanted of the tables that somebody has folded into; can be pickled."""


class Whole(NamedTuple, Generic[Made]):
    """The fold of a log."""

    made: list[Made]  #: of tables that have no row in common, and together hold everything
    size: int  #: how many processes it is the work of
    met: bool = False  #: whether one had to fold all, because the parts were not independent


def fold(
    crew: Crew,
    until: str,
    finish: Finish[Made],
    tell: Tell,
    bounds: Bounds,
    configurations: Iterable[str] = (),
) -> Whole[Made]:
    """Fold the log up to a position. Raises NewerEvent at an event of a newer release.

    Args:
        crew: who folds, which log, and what it begins with.
        until: the position of the last event to be folded.
        finish: what each of them does with what it folded, before it is handed over.
        tell: is told how many more events were folded; less than none if all begins anew.
        bounds: of each process.
        configurations: digests of those that may have come into force; to know them saves a second survey.
    """
    made = _by_several(crew, until, finish, tell, bounds, configurations) if crew.size > 1 else None
    if made is not None:
        return Whole(made, crew.size)
    alone = _folded_alone(crew.place, until, tell, bounds)
    return Whole([finish(alone)], 1, met=crew.size > 1)


def _by_several(
    crew: Crew,
    until: str,
    finish: Finish[Made],
    tell: Tell,
    bounds: Bounds,
    configurations: Iterable[str],
) -> list[Made] | None:
    """The fold, if the parts were independent."""
    counted = 0

    def count(events: int) -> None:
        nonlocal counted
        counted += events
        tell(events)

    place = crew.place
    begun = _connection(place)
    slices = [*_slices(place, until, crew.size * SLICES)]
    known = pointers(KINDS.values()) | pointers_of(place.log, {begun.config, *configurations} - {""})
    found = _surveyed(crew, [*_held(place, crew.size * SLICES), *slices], bounds, known)
    shares = [_Share(slices, bounds, found, number) for number in range(crew.size)]
    folded = [*chain.from_iterable(crew.share(partial(_fold, finish), shares, count))]
    common = unite([part for part, _ in folded], begun)
    if common is None:
        tell(-counted)
        return None
    tables = MemoryTables()
    tables.commit(START, until, common)
    return [*(made for _, made in folded), finish(tables)]


def _connection(place: Place) -> Connection:
    """The connection as it is in the beginning."""
    raw = place.past.fetch(Table.META, CONNECTION_KEY)
    return Connection() if raw is None else decode(Table.META, raw)


def _surveyed(crew: Crew, stretches: Sequence[Stretch], bounds: Bounds, known: Pointers) -> Split:
    """Which part and group each row and each event belongs to."""
    findings = crew.share(partial(_survey, known, bounds), [*enumerate(stretches)], lambda _: None)
    found = pointers_of(crew.place.log, {name for each in findings for name in each.configurations})
    if not found <= known:
        return _surveyed(crew, stretches, bounds, known | found)
    return split(findings, crew.size)


def _held(place: Place, number: int) -> Iterator[range]:
    """The stretches of the snapshot, some at a time."""
    every = range(place.past.stretches())
    size = len(every) // number + 1
    yield from (every[at : at + size] for at in range(0, len(every), size))


def _slices(place: Place, until: str, number: int) -> Iterator[Slice]:
    """The log behind the snapshot in stretches of equal time."""
    after = place.past.position
    first = place.log.read(after, 1)
    if not first or position_of(until) <= position_of(after):
        return
    begin, end = position_of(first[0].position)[0], position_of(until)[0]
    cuts = sorted({begin + (end - begin) * each // number for each in range(1, number)} - {begin})
    edges = [after, *(f"{cut - 1}-{_LAST}" for cut in cuts), until]
    yield from pairwise(edges)


PIECE = 5_000
"""How many rows are stored in one go."""


def in_pieces(whole: Iterable[Changes]) -> Iterator[Changes]:
    """Changes to empty tables, so cut that each piece can be committed in one go."""
    for changes in whole:
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


class _Share(NamedTuple):
    """A part of the log to be folded."""

    slices: Sequence[Slice]
    bounds: Bounds
    split: Split
    number: int  #: of this part


@uncollected()
def _survey(
    known: Pointers, bounds: Bounds, place: Place, stretches: Iterator[tuple[int, Stretch]], _: Tell
) -> Findings:
    """What the stretches are about that this process takes. It keeps the log's, as long as there is room."""
    survey, room = Survey(known), bounds.unfolded
    place.kept.clear()
    for number, each in stretches:
        survey.begin(number)
        if isinstance(each, range):
            for stretch in each:
                survey.hold(names_in(row, known) for row in place.past.rows(stretch))
            continue
        read = []
        for entries in _read(place.log, each, bounds.batch):
            raw = [entry.raw for entry in entries]
            survey.see(raw)
            room -= sum(map(len, raw))
            if room > 0:
                read.append(entries)
        if room > 0:
            place.kept[each] = read
    return survey.findings()


def _fold(
    finish: Finish[Made], place: Place, shares: Iterator[_Share], tell: Tell
) -> list[tuple[Part, Made]]:
    """The parts that this process takes, each with what is made of its contacts."""
    return [_folded(finish, place, each, tell) for each in shares]


@uncollected()
def _folded(finish: Finish[Made], place: Place, share: _Share, tell: Tell) -> tuple[Part, Made]:
    tables, common, at = _begun(place, share)
    folding = ByGroup(place.log, share.number, share.bounds.waiting, tell, tables, common)
    for entries in _entries(place, share, at):
        these = slice(at, at + len(entries))
        folding.take(zip(entries, share.split.parts[these], share.split.groups[these], strict=True))
        at += len(entries)
    return folding.part(), finish(tables)


def _begun(place: Place, share: _Share) -> tuple[MemoryTables, MemoryTables, int]:
    """The rows of a part to begin with, those of the connection as a whole, and how many there are in all."""
    tables, common, at = MemoryTables(), MemoryTables(), 0
    rows = chain.from_iterable(map(place.past.rows, range(place.past.stretches())))
    for some in in_batches(zip(rows, share.split.parts, strict=False), PIECE):
        for into, number in ((tables, share.number), (common, EVERYBODY)):
            into.commit(START, START, changes_of(row for row, part in some if part == number))
        at += len(some)
    return tables, common, at


def _entries(place: Place, share: _Share, at: int) -> Iterator[list[Entry]]:
    """All entries, some at a time; those that other parts fold perhaps without their content.

    ``at``: how many rows the split names before them.
    """
    wanted = _folded_by(share)
    for each in share.slices:
        for entries in place.kept.pop(each, None) or _read(place.log, each, share.bounds.batch, wanted[at:]):
            yield entries
            at += len(entries)


def _folded_by(share: _Share) -> bytes:
    """A byte for each event, 0 for what other parts fold."""
    return share.split.parts.translate(bytes(number in {share.number, EVERYBODY} for number in range(256)))


@uncollected()
def _folded_alone(place: Place, until: str, tell: Tell, bounds: Bounds) -> MemoryTables:
    tables = MemoryTables()
    for piece in place.past.pieces():
        tables.commit(START, START, piece)
    folding = InOrder(place.log, bounds.values, tables)
    for entries in _read(place.log, (place.past.position, until), bounds.batch):
        folding.take(entries)
        tell(len(entries))
    folding.put_by()
    return tables


def _read(log: EventLog, stretch: Slice, batch: int, wanted: bytes = b"") -> Iterator[list[Entry]]:
    """The entries of a slice, some at a time; ``wanted``: see the log's own reading."""
    after, until = stretch
    last, at = position_of(until), 0
    while entries := log.read(after, batch, wanted[at : at + batch] or None):
        after, at = entries[-1].position, at + len(entries)
        if position_of(after) >= last:
            yield [each for each in entries if position_of(each.position) <= last]
            return
        yield entries
