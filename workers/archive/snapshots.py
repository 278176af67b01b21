"""Snapshots: the tables at a position of the log, in files of a segment's form.

With one, a replay need not begin at the log's beginning.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from domain.book import CLAIMS, Changes, Table
from domain.events import DeliveryClaimed
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

    def pieces(self) -> Iterator[Changes]:
        """All of it, as changes to empty tables, cut so that each piece can be committed in one go."""
        for number in range(len(self._reading.index.head.blocks)):
            yield _changes(_lines(self._reading.lines(number)))

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


def _changes(lines: Sequence[Line]) -> Changes:
    changes = Changes({}, {}, {}, {}, {}, {})
    for name, some in groupby(lines, lambda line: line.table):
        if name == QUEUE:
            changes.queued.update({line.key: line.members for line in some})
        elif name == DECISIONS:
            changes.decisions.update({line.key: [bytes(each) for each in line.closed] for line in some})
        elif name == COUNTER:
            changes.counts.update({line.key: line.count for line in some})
        else:
            changes.puts[Table(name)] = {line.key: line.value.encode("latin-1") for line in some}
    return changes


def load(past: Past, into: Tables) -> bool:
    """Fill empty tables with a snapshot; False if somebody else writes them."""
    written = all(into.commit(START, START, piece) for piece in past.pieces())
    return written and into.commit(START, past.position, NOTHING)
