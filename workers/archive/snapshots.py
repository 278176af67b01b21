"""Snapshots: the tables at a position of the log, in files of a segment's form.

With one, a replay need not begin at the log's beginning.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from domain.book import CLAIMS, Changes, Table
from domain.events import DeliveryClaimed
from domain.groups import Pointers, about_key, about_row
from domain.state import intent_key
from workers.archive.blocks import Row
from workers.archive.files import Files
from workers.archive.manifest import Snapshot
from workers.archive.segments import Reading, event_of
from workers.store import START, Entry, Tables

FOLDER = "snapshots"

QUEUE = "queue"
DECISIONS = "decisions"
COUNTER = "counter"

NOTHING = Changes({}, {}, {}, {}, {}, {})

Claimed = frozenset[tuple[str, int]]
"""Intents and attempts."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of a snapshot."""

    table: str  #: a table's name, ``queue``, ``decisions`` or ``counter``
    key: str  #: within it; a queue's name
    value: str = ""  #: of a table: its bytes, each as the character of that number; text stays legible
    members: dict[str, int] = {}  #: of a queue, with their scores
    closed: list[msgspec.Raw] = []
    count: int = 0


_encode = msgspec.json.encode
_lines = msgspec.json.Decoder(Line).decode_lines


# -- writing


def claimed_by(entries: Iterable[Entry]) -> Claimed:
    """The claims among some events."""
    events = (event_of(entry) for entry in entries)
    return frozenset(
        (intent_key(event.entity, event.crm), event.attempt)
        for event in events
        if isinstance(event, DeliveryClaimed)
    )


def queues_of(tables: Tables) -> dict[str, dict[str, int]]:
    """The members of all queues, with their scores."""
    found: dict[str, dict[str, int]] = {}
    for name, members in tables.queues():
        found.setdefault(name, {}).update(members)
    return found


def queue_lines(found: dict[str, dict[str, int]], unfolded: Claimed) -> list[Line]:
    """The queues, without the claims that are entered and whose events are not folded yet."""
    standing = found.get(CLAIMS, {})
    found[CLAIMS] = {key: attempt for key, attempt in standing.items() if (key, attempt) not in unfolded}
    return [Line(QUEUE, name, members=members) for name, members in sorted(found.items()) if members]


def lines_of(tables: Tables) -> Iterator[Line]:
    """Everything else. Means something only if nothing is committed meanwhile."""
    for table in Table:
        for key, value in tables.scan(table):
            yield Line(table, key, value.decode("latin-1"))
    seen: set[str] = set()
    for entity, closed in tables.all_decisions():
        if entity not in seen:
            seen.add(entity)
            yield Line(DECISIONS, entity, closed=[msgspec.Raw(each) for each in closed])
    for name, count in tables.counters().items():
        yield Line(COUNTER, name, count=count)


def row_of(line: Line) -> Row:
    return Row(_encode(line), "", (f"{line.table}/{line.key}",))


# -- reading


def lines_in(files: Files, snapshot: Snapshot) -> Iterator[Line]:
    """All lines of a snapshot."""
    reading = Reading(files, snapshot.file)
    for number in range(len(reading.index.head.blocks)):
        yield from _lines(reading.lines(number))


class Past:
    """A snapshot that is read as far as is asked for. Raises Damaged."""

    def __init__(self, files: Files, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.position = snapshot.position
        self._reading = Reading(files, snapshot.file)
        self._blocks: dict[int, list[Line]] = {}

    def fetch(self, table: Table, key: str) -> bytes | None:
        """A value of a table."""
        line = self._find(table, key)
        return None if line is None else line.value.encode("latin-1")

    def decisions(self, entity: str) -> list[bytes]:
        """All closed decisions of a contact, oldest first."""
        line = self._find(DECISIONS, entity)
        return [] if line is None else [bytes(each) for each in line.closed]

    def events(self) -> int:
        """How many were folded into it."""
        line = self._find(COUNTER, "events")
        return 0 if line is None else line.count

    def stretches(self) -> int:
        """How many stretches its rows are read in."""
        return len(self._reading.index.head.blocks)

    def rows(self, stretch: int) -> Iterator[Line]:
        """Its rows in one of them; each member of a queue is a row of its own."""
        return rows_of(_lines(self._reading.lines(stretch)))

    def pieces(self) -> Iterator[Changes]:
        """All of it, as changes to empty tables, cut so that each piece can be committed in one go."""
        for number in range(self.stretches()):
            yield changes_of(_lines(self._reading.lines(number)))

    def _find(self, table: str, key: str) -> Line | None:
        for number in sorted(self._reading.holding([f"{table}/{key}"])):
            for line in self._block(number):
                if line.table == table and line.key == key:
                    return line
        return None

    def _block(self, number: int) -> list[Line]:
        if number not in self._blocks:
            self._blocks[number] = _lines(self._reading.lines(number))
        return self._blocks[number]


class Beginning:
    """The state before the first event of a log, as a snapshot would have it."""

    position = START

    def fetch(self, table: Table, key: str) -> bytes | None:  # noqa: ARG002 - it holds nothing
        return None

    def events(self) -> int:
        return 0

    def stretches(self) -> int:
        return 0

    def rows(self, stretch: int) -> Iterator[Line]:  # noqa: ARG002 - there is no stretch to ask for
        return iter(())

    def pieces(self) -> Iterator[Changes]:
        return iter(())


def rows_of(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines, with one for each member of a queue."""
    for line in lines:
        if line.table == QUEUE:
            yield from (Line(QUEUE, line.key, members={name: at}) for name, at in line.members.items())
        else:
            yield line


def names_in(row: Line, known: Pointers) -> list[str]:
    """Names of the records and addresses that a row is about; of none: it is said of the connection."""
    if row.table == COUNTER:
        return []
    if row.table == QUEUE:
        return about_key(next(iter(row.members)))
    if row.table == DECISIONS:
        return about_key(row.key)
    return about_row(Table(row.table), row.key, row.value.encode("latin-1"), known)


def changes_of(rows: Iterable[Line]) -> Changes:
    """What makes rows of empty tables; all those of a table follow each other."""
    changes = Changes({}, {}, {}, {}, {}, {})
    for name, some in groupby(rows, lambda row: row.table):
        if name == QUEUE:
            for row in some:
                changes.queued.setdefault(row.key, {}).update(row.members)
        elif name == DECISIONS:
            changes.decisions.update({row.key: [bytes(each) for each in row.closed] for row in some})
        elif name == COUNTER:
            changes.counts.update({row.key: row.count for row in some})
        else:
            changes.puts[Table(name)] = {row.key: row.value.encode("latin-1") for row in some}
    return changes


def load(past: Past, into: Tables) -> bool:
    """Fill empty tables with a snapshot; False if somebody else writes them."""
    written = all(into.commit(START, START, piece) for piece in past.pieces())
    return written and into.commit(START, past.position, NOTHING)
