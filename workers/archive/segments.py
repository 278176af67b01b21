"""Segments: the lines that events are kept as, what each is found by, and reading them back."""

from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple, TypeVar

import msgspec

from domain.events import AnyEvent, DeliveryAnswered
from domain.groups import Pointers, about
from domain.outcomes import Outcome, OutcomeClass
from domain.upcasting import UnreadableEvent, decode
from workers.archive.blocks import ROWS, Index, Packed, Row, index_of, pack, parse, unpack
from workers.archive.files import Altered, Files
from workers.archive.manifest import Blocks, Segment
from workers.connection import position_of
from workers.store import Entry

FOLDER = "segments"

CONNECTION = ""
"""The name by which events are found that touch the connection as a whole."""

THROTTLED = "throttled"
"""The name by which answers are found that ask for quiet; no record or address is called so."""


T = TypeVar("T")

Position = tuple[int, int]
"""A position of the log as something to compare."""


class Damaged(Exception):  # noqa: N818 - says what is wrong
    """A file of the archive is missing or not what the manifest says; the message names it."""


class Place(NamedTuple):
    """Where a segment belongs."""

    number: int  #: of the manifest that is to name it first
    after: str  #: position of the last event before it


class Line(msgspec.Struct, frozen=True):
    """One event of a segment."""

    position: str
    event: msgspec.Raw = msgspec.Raw()
    raw: str = ""  #: base64 of bytes that are no event, kept as they came

    def entry(self) -> Entry:
        return Entry(self.position, bytes(self.event) or b64decode(self.raw))


_lines = msgspec.json.Decoder(Line).decode_lines


# -- writing


def row_of(entry: Entry, known: Pointers) -> Row:
    """An entry of the log as a row of a segment."""
    position, event = entry.position.encode(), event_of(entry)
    if event is None or b"\n" in entry.raw or entry.raw[:1] != b"{" or entry.raw[-1:] != b"}":
        line = b'{"position":"%s","raw":"%s"}' % (position, b64encode(entry.raw))
    else:
        line = b'{"position":"%s","event":%s}' % (position, entry.raw)
    return Row(line, entry.position, () if event is None else names_of(event, known))


def event_of(entry: Entry) -> AnyEvent | None:
    """An entry's event, None if it is none that this release can read."""
    try:
        return decode(entry.raw)
    except UnreadableEvent:
        return None


def names_of(event: AnyEvent, known: Pointers) -> set[str]:
    """What an event is found by: records and addresses it is about, and what says that it touches all."""
    names = {*about(event, known)} or {CONNECTION}
    if isinstance(event, DeliveryAnswered):
        names |= _shared(event.outcome)
    return names


def _shared(outcome: Outcome) -> set[str]:
    """By what answers are found besides that touch the connection as a whole."""
    if outcome.outcome is OutcomeClass.THROTTLED:
        return {THROTTLED}
    return {CONNECTION} if outcome.suspends else set()


def write(files: Files, rows: Sequence[Row], place: Place, before: Packed) -> Segment:
    """Write a segment of rows, behind the full blocks of another one. Its name tells its content."""
    packed = pack(rows, before)
    first, last = packed.blocks[0].first, rows[-1].position
    return Segment(
        file=store(files, f"{FOLDER}/{place.number:09}_{first}_{last}", packed),
        after=place.after,
        first=first,
        last=last,
        events=sum(each.rows for each in packed.blocks),
    )


def store(files: Files, name: str, packed: Packed) -> Blocks:
    """Write a file of blocks and its index; a hash of the content is added to the name."""
    index, digest = index_of(packed), sha256(packed.data).hexdigest()
    blocks = Blocks(
        name=f"{name}_{digest[:12]}.jsonl.zst",
        size=len(packed.data),
        sha256=digest,
        index_size=len(index),
        index_sha256=sha256(index).hexdigest(),
    )
    files.write(blocks.name, packed.data)
    files.write(blocks.index, index)
    return blocks


# -- reading


class Reading:
    """A file of blocks that is read as far as is asked for.

    Raises:
        Damaged: here and later, if what is read is missing or damaged.
    """

    def __init__(self, files: Files, blocks: Blocks) -> None:
        self.blocks = blocks
        self._files = files

    @cached_property
    def index(self) -> Index:
        name = self.blocks.index
        return self._read(
            name,
            self.blocks.index_sha256,
            lambda: Index(lambda start, length: self._files.read_part(name, start, length)),
        )

    def holding(self, names: Iterable[str]) -> set[int]:
        """The numbers of the blocks that may hold rows of any of the names."""
        return self._read(
            self.blocks.index,
            self.blocks.index_sha256,
            lambda: {number for name in names for number in self.index.holding(name)},
        )

    def between(self, after: Position, until: Position) -> range:
        """The numbers of the blocks that may hold rows behind one position up to another."""
        return range(max(0, bisect_right(self._firsts, after) - 1), bisect_right(self._firsts, until))

    @cached_property
    def _firsts(self) -> list[Position]:
        return [position_of(block.first) for block in self.index.head.blocks]

    def lines(self, number: int) -> bytes:
        """The lines of a block."""
        name, block = self.blocks.name, self.index.head.blocks[number]
        return self._read(
            name,
            self.blocks.sha256,
            lambda: unpack(self._files.read_part(name, block.start, block.size)),
        )

    def _read(self, name: str, digest: str, read: Callable[[], T]) -> T:
        """What is read of a file; where a copy of it has rotted, once it is fetched anew."""
        with _damage(name):
            self._files.fetch(name, digest)
            try:
                return read()
            except ValueError:
                self._files.distrust(name)
                self._files.fetch(name, digest)
                return read()

    def whole(self) -> Packed:
        """All of it, checked against what was written."""
        data = checked(self._files, self.blocks.name, self.blocks.sha256)
        with _damage(self.blocks.index):
            return parse(data, checked(self._files, self.blocks.index, self.blocks.index_sha256))


class WholeSegment:
    """A segment with all its bytes. Threads may share it. Raises Damaged."""

    def __init__(self, files: Files, segment: Segment) -> None:
        self.segment = segment
        self.packed = Reading(files, segment.file).whole()
        self._firsts = [position_of(each.first) for each in self.packed.blocks]
        self._decoded: tuple[int, list[Entry]] = (-1, [])  #: the last block that was read, and its entries

    def behind(self, after: tuple[int, int]) -> Iterator[Entry]:
        """The entries behind a position, to the end of the segment."""
        first = max(0, bisect_right(self._firsts, after) - 1)
        for number in range(first, len(self._firsts)):
            yield from (entry for entry in self._block(number) if position_of(entry.position) > after)

    def unfilled(self) -> list[Entry]:
        """The entries of the last block, if that is not full."""
        last = len(self.packed.blocks) - 1
        return [] if self.packed.blocks[last].rows == ROWS else self._block(last)

    def _block(self, number: int) -> list[Entry]:
        known, entries = self._decoded
        if known != number:
            block = self.packed.blocks[number]
            with _damage(self.segment.file.name):
                entries = entries_of(unpack(self.packed.data[block.start : block.start + block.size]))
            self._decoded = (number, entries)
        return entries


def entries_of(lines: bytes) -> list[Entry]:
    """The entries of some lines of a segment. Raises ValueError."""
    return [line.entry() for line in _lines(lines)]


def checked(files: Files, name: str, digest: str) -> bytes:
    """A file of the archive, if it is what the manifest says. Raises Damaged."""
    with _damage(name):
        return files.whole(name, digest)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Damaged(f"{name} is missing") from None
    except Altered:
        raise Damaged(f"{name} is not what was written") from None
    except ValueError as error:
        raise Damaged(f"{name} cannot be read: {error}") from None
