"""Segments: the lines that events are kept as, and reading them back."""

from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from domain.upcasting import UnreadableEvent, decode
from workers.archive.blocks import ROWS, Index, Packed, Row, pack, unpack
from workers.archive.files import Files
from workers.archive.manifest import Segment
from workers.connection import position_of
from workers.store import Entry

FOLDER = "segments"


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


def row_of(entry: Entry) -> Row:
    """An entry of the log as a row of a segment."""
    position = entry.position.encode()
    if _is_event(entry.raw):
        line = b'{"position":"%s","event":%s}' % (position, entry.raw)
    else:
        line = b'{"position":"%s","raw":"%s"}' % (position, b64encode(entry.raw))
    return Row(line, entry.position, ())


def _is_event(raw: bytes) -> bool:
    """Whether the bytes are an event, written on one line as this program writes it."""
    if b"\n" in raw or raw[:1] != b"{" or raw[-1:] != b"}":
        return False
    try:
        decode(raw)
    except UnreadableEvent:
        return False
    return True


def write(files: Files, rows: Sequence[Row], place: Place, before: Packed | None = None) -> Segment:
    """Write a segment of rows, behind the full blocks of another one. Its name tells its content."""
    packed = pack(rows, before)
    index = packed.contents.to_bytes()
    digest = sha256(packed.data).hexdigest()
    first, last = packed.contents.blocks[0].first, rows[-1].position
    segment = Segment(
        name=f"{FOLDER}/{place.number:09}_{first}_{last}_{digest[:12]}.jsonl.zst",
        after=place.after,
        first=first,
        last=last,
        events=sum(each.rows for each in packed.contents.blocks),
        size=len(packed.data),
        sha256=digest,
        index_sha256=sha256(index).hexdigest(),
    )
    files.write(segment.name, packed.data)
    files.write(segment.index, index)
    return segment


def unfilled(files: Files, segment: Segment) -> tuple[Packed, list[Row]]:
    """A segment as it can be continued: its full blocks, and the rows of the last one if that is not full."""
    whole = WholeSegment(files, segment)
    blocks = whole.index.blocks
    if blocks[-1].rows == ROWS:
        return Packed(whole.data, whole.index), []
    rows = [row_of(entry) for entry in whole.block(len(blocks) - 1)]
    return Packed(whole.data[: blocks[-1].start], whole.index.without_last()), rows


class WholeSegment:
    """A segment with all its bytes, checked against the manifest.

    Raises:
        Damaged: if it or its index is missing or other than the manifest says.
    """

    def __init__(self, files: Files, segment: Segment) -> None:
        self.segment = segment
        self.data = checked(files, segment.name, segment.sha256)
        self.index = index_of(files, segment)
        self._firsts = [position_of(each.first) for each in self.index.blocks]

    def block(self, number: int) -> list[Entry]:
        """The entries of a block."""
        block = self.index.blocks[number]
        return entries_of(self.segment.name, self.data[block.start : block.start + block.size])

    def behind(self, after: tuple[int, int]) -> Iterator[Entry]:
        """The entries behind a position, to the end of the segment."""
        first = max(0, bisect_right(self._firsts, after) - 1)
        for number in range(first, len(self._firsts)):
            yield from (entry for entry in self.block(number) if position_of(entry.position) > after)


def checked(files: Files, name: str, digest: str) -> bytes:
    """A file of the archive, if it is what the manifest says. Raises Damaged."""
    try:
        data = files.read(name)
    except FileNotFoundError:
        raise Damaged(f"{name} is missing") from None
    if sha256(data).hexdigest() != digest:
        raise Damaged(f"{name} is not what was written")
    return data


def index_of(files: Files, segment: Segment) -> Index:
    """The index of a segment. Raises Damaged."""
    return Index.parse(checked(files, segment.index, segment.index_sha256))


def entries_of(name: str, packed: bytes) -> list[Entry]:
    """The entries of a block of the file of that name. Raises Damaged."""
    try:
        return [line.entry() for line in _lines(unpack(packed))]
    except ValueError as error:
        raise Damaged(f"{name} cannot be read: {error}") from None
