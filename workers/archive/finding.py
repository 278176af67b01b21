"""Finding the events of some records and addresses between two positions, without reading the others.

Segments are searched by their indexes, what is not archived yet by reading it. So that a block's many other
events need not be decoded, its lines are looked through for the words that a name stands for first.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import NamedTuple

from domain.events import AnyEvent
from domain.groups import Pointers
from domain.identity import Crm
from workers.archive.manifest import Segment
from workers.archive.segments import CONNECTION, Reading, entries_of, event_of, names_of
from workers.archive.whole import WholeLog
from workers.connection import position_of
from workers.store import START, Entry

PAGE = 2_000

MOST_WORDS = 15
"""Looking a block through for more words than that takes longer than decoding its events."""


class Found(NamedTuple):
    """An event, and what it is found by."""

    entry: Entry
    event: AnyEvent
    names: AbstractSet[str]


class Search:
    """Finds events behind one position up to another. What it has read it keeps. Raises Damaged."""

    def __init__(self, log: WholeLog, after: str, until: str) -> None:
        self.known = log.archive.newest()
        self._log = log
        self._after, self._until = position_of(after), position_of(until)
        self._blocks: dict[tuple[str, int], bytes] = {}

    @property
    def pointers(self) -> Pointers:
        return self.known.pointers

    def bearing(self, names: AbstractSet[str], after: str = START) -> Iterator[Found]:
        """The events that bear any of the names, in no order; only those behind a position."""
        words, least = _words(names), position_of(after)
        for lines in self._lines(names, least):
            for found in self._among(_with(words, lines)):
                if not names.isdisjoint(found.names) and position_of(found.entry.position) > least:
                    yield found
        for found in self._unarchived:
            if not names.isdisjoint(found.names) and position_of(found.entry.position) > least:
                yield found

    def _lines(self, names: Iterable[str], after: tuple[int, int]) -> Iterator[bytes]:
        """The blocks that may hold them behind a position."""
        after = max(after, self._after)
        for segment, reading in self._readings:
            if position_of(segment.last) <= after:
                continue
            held = reading.holding(names)
            for number in sorted(held & {*reading.between(after, self._until)} if held else held):
                slot = (reading.blocks.name, number)
                if slot not in self._blocks:
                    self._blocks[slot] = reading.lines(number)
                yield self._blocks[slot]

    @cached_property
    def _readings(self) -> list[tuple[Segment, Reading]]:
        return [
            (each, Reading(self._log.archive.files, each.file))
            for each in self.known.segments
            if position_of(each.last) > self._after and position_of(each.after) < self._until
        ]

    def _among(self, lines: bytes) -> Iterator[Found]:
        for entry in entries_of(lines):
            if self._after < position_of(entry.position) <= self._until:
                yield from _found(entry, self.pointers)

    @cached_property
    def _unarchived(self) -> list[Found]:
        """What lies behind the archive's end."""
        at, found = max(self.known.last, _text(self._after), key=position_of), list[Found]()
        while position_of(at) < self._until and (page := self._log.read(at, PAGE)):
            at = page[-1].position
            for entry in page:
                if position_of(entry.position) <= self._until:
                    found += _found(entry, self.pointers)
        return found


def _found(entry: Entry, known: Pointers) -> Iterator[Found]:
    event = event_of(entry)
    if event is not None:
        yield Found(entry, event, names_of(event, known))


def _text(position: tuple[int, int]) -> str:
    return f"{position[0]}-{position[1]}"


def _with(words: list[bytes] | None, lines: bytes) -> bytes:
    """The lines with any of the words, in whatever letter case."""
    if words is None:
        return lines
    lower, found = lines.lower(), dict[int, bytes]()
    for word in words:
        at = lower.find(word)
        while at >= 0:
            start, end = lines.rfind(b"\n", 0, at) + 1, lines.index(b"\n", at)
            found[start] = lines[start:end]
            at = lower.find(word, end)
    return b"\n".join(found.values())


def _words(names: AbstractSet[str]) -> list[bytes] | None:
    """Words of which a line has one if its event bears one of the names; None: that tells too little."""
    words: list[bytes] = []
    for name in names:
        crm, _, record_id = name.partition("/")
        word = record_id if crm in set(Crm) else name
        if not word.isascii() or not word.isprintable() or {'"', "\\"} & {*word}:
            return None
        words.append(word.lower().encode())
    return None if CONNECTION in names or len(words) > MOST_WORDS else words
