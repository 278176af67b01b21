"""Folding a log from its beginning into empty tables, by one process or by several.

Several share the contacts among them: the log is surveyed first, for groups of contacts that cannot meet
(``domain.surveying``), then each process folds some groups by themselves (``workers.folding``), and what they
have in common is put together (``domain.parts``). If they turn out to be dependent, one process folds all.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import Generic, NamedTuple, TypeVar

from domain.book import Changes
from domain.groups import Pointers, pointers
from domain.kinds import KINDS
from domain.parts import Part, unite
from domain.surveying import EVERYBODY, PARTS, Findings, Split, Survey, split
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
        crew: who folds, and which log.
        until: the position of the last event to be folded.
        finish: what each of them does with what it folded, before it is handed over.
        tell: is told how many more events were folded; less than none if all begins anew.
        bounds: of each process.
        configurations: digests of those that may have come into force; to know them saves a second survey.
    """
    made = _by_several(crew, until, finish, tell, bounds, configurations) if crew.size > 1 else None
    if made is not None:
        return Whole(made, crew.size)
    alone = _folded_alone(crew.place.log, until, tell, bounds)
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

    slices = [*_slices(crew.place.log, until, crew.size * SLICES)]
    known = pointers(KINDS.values()) | pointers_of(crew.place.log, configurations)
    found = _surveyed(crew, slices, bounds, known)
    shares = [_Share(slices, bounds, found, number) for number in range(crew.size)]
    folded = [*chain.from_iterable(crew.share(partial(_fold, finish), shares, count))]
    common = unite([part for part, _ in folded])
    if common is None:
        tell(-counted)
        return None
    tables = MemoryTables()
    tables.commit(START, until, common)
    return [*(made for _, made in folded), finish(tables)]


def _surveyed(crew: Crew, slices: Sequence[Slice], bounds: Bounds, known: Pointers) -> Split:
    """Which part and group each event belongs to."""
    findings = crew.share(partial(_survey, known, bounds), [*enumerate(slices)], lambda _: None)
    found = pointers_of(crew.place.log, {name for each in findings for name in each.configurations})
    if not found <= known:
        return _surveyed(crew, slices, bounds, known | found)
    return split(findings, crew.size)


def _slices(log: EventLog, until: str, number: int) -> Iterator[Slice]:
    """The log in stretches of equal time."""
    first = log.read(START, 1)
    if not first:
        return
    begin, end = position_of(first[0].position)[0], position_of(until)[0]
    cuts = sorted({begin + (end - begin) * each // number for each in range(1, number)} - {begin})
    edges = [START, *(f"{cut - 1}-{_LAST}" for cut in cuts), until]
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
    known: Pointers, bounds: Bounds, place: Place, slices: Iterator[tuple[int, Slice]], _: Tell
) -> Findings:
    """What the slices are about that this process takes. It keeps them, as long as there is room."""
    survey, room = Survey(known), bounds.unfolded
    place.kept.clear()
    for number, each in slices:
        survey.begin(number)
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
    folding, at = ByGroup(place.log, share.number, share.bounds.waiting, tell), 0
    for entries in _entries(place, share):
        these = slice(at, at + len(entries))
        folding.take(zip(entries, share.split.parts[these], share.split.groups[these], strict=True))
        at += len(entries)
    return folding.part(), finish(folding.tables)


def _entries(place: Place, share: _Share) -> Iterator[list[Entry]]:
    """All entries, some at a time; those that other parts fold perhaps without their content."""
    wanted, at = _folded_by(share), 0
    for each in share.slices:
        for entries in place.kept.pop(each, None) or _read(place.log, each, share.bounds.batch, wanted[at:]):
            yield entries
            at += len(entries)


def _folded_by(share: _Share) -> bytes:
    """A byte for each event, 0 for what other parts fold."""
    return share.split.parts.translate(bytes(number in {share.number, EVERYBODY} for number in range(256)))


@uncollected()
def _folded_alone(log: EventLog, until: str, tell: Tell, bounds: Bounds) -> MemoryTables:
    folding = InOrder(log, bounds.values)
    for entries in _read(log, (START, until), bounds.batch):
        folding.take(entries)
        tell(len(entries))
    folding.put_by()
    return folding.tables


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
