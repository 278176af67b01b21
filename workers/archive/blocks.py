"""Rows of JSON in compressed blocks, and an index that tells which blocks hold a name.

A file is one zstd frame after another, so ``zstdcat`` prints it as JSON lines; each frame is a *block* that
can be read alone. The index beside it has for each name the blocks with a row that bears it: hash and block
in one number, sorted, and cut into *pages* by the hash, so that a look-up reads the head and one page.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple
from zlib import crc32

import msgspec
import zstandard

ROWS = 512
"""Rows of a full block."""

LEVEL = 3
PAGES = 256
_NUMBER_BITS = 16
MOST_BLOCKS = 1 << _NUMBER_BITS
_HASH_BYTES = 6
_PAGE_BITS = _HASH_BYTES * 8 + _NUMBER_BITS - 8
_WIDTH = 8  # bytes of a number
_FIRST_GUESS = 8_192  # bytes that a head seldom exceeds


class Row(NamedTuple):
    """One line of a file."""

    line: bytes  #: JSON, without the line's end
    position: str  #: in the log; empty: the row has none
    names: Iterable[str]  #: what it is found by


class Block(msgspec.Struct, frozen=True, array_like=True):
    """One block of a file."""

    start: int
    size: int
    rows: int
    first: str  #: position of its first row


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What an index begins with."""

    blocks: tuple[Block, ...]
    pages: tuple[tuple[int, int], ...]  #: of each page, how many numbers it has, and their checksum


class Packed(NamedTuple):
    """A file, its blocks, and which of them hold which name."""

    data: bytes
    blocks: Sequence[Block]
    pairs: Iterable[int]  #: hash and block, in no order, perhaps twice

    def full(self) -> "Packed":
        """Its full blocks alone."""
        if not self.blocks or self.blocks[-1].rows == ROWS:
            return self
        last = len(self.blocks) - 1
        kept = [pair for pair in self.pairs if pair & (MOST_BLOCKS - 1) != last]
        return Packed(self.data[: self.blocks[last].start], self.blocks[:last], kept)


NOTHING = Packed(b"", (), ())


def pack(rows: Iterable[Row], before: Packed = NOTHING) -> Packed:
    """Compress rows, behind those of a file whose blocks are all full."""
    packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    data, blocks, pairs = bytearray(before.data), [*before.blocks], array("Q", before.pairs)
    for chosen in _some(rows):
        packed = packer.compress(b"".join(row.line + b"\n" for row in chosen))
        names = {name for row in chosen for name in row.names}
        pairs.extend(_hash(name) << _NUMBER_BITS | len(blocks) for name in names)
        blocks.append(Block(len(data), len(packed), len(chosen), chosen[0].position))
        data += packed
    return Packed(bytes(data), blocks, pairs)


def _some(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chosen: list[Row] = []
    for row in rows:
        chosen.append(row)
        if len(chosen) == ROWS:
            yield chosen
            chosen = []
    if chosen:
        yield chosen


def unpack(packed: bytes) -> bytes:
    """The lines of a block. Raises ValueError if it is damaged."""
    try:
        return zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


# -- the index


def index_of(packed: Packed) -> bytes:
    """The index of a file: length of the head, head, pages."""
    pages: list[array[int]] = [array("Q") for _ in range(PAGES)]
    for pair in packed.pairs:
        pages[pair >> _PAGE_BITS].append(pair)
    written = [_little(array("Q", sorted({*page}))).tobytes() for page in pages]
    sizes = tuple((len(raw) // _WIDTH, crc32(raw)) for raw in written)
    head = zstandard.ZstdCompressor(write_checksum=True).compress(
        msgspec.json.encode(Head(tuple(packed.blocks), sizes))
    )
    return b"".join((len(head).to_bytes(4), head, *written))


def parse(data: bytes, index: bytes) -> Packed:
    """A file with its index, whole. Raises ValueError if the index is damaged."""
    found = Index(lambda start, length: index[start : start + length])
    pairs = [pair for number in range(PAGES) for pair in found.page(number)]
    return Packed(data, found.head.blocks, pairs)


class Index:
    """An index of which no more is read than is asked for.

    Args:
        read: reads some bytes of it, by start and length.

    Raises:
        ValueError: here and later, if what is read is damaged.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        raw = read(0, _FIRST_GUESS)
        size = 4 + int.from_bytes(raw[:4])
        if size > _FIRST_GUESS:
            raw = read(0, size)
        self.head = msgspec.json.decode(unpack(raw[4:size]), type=Head)
        counts = (count for count, _ in self.head.pages)
        self._starts = [size, *(size + _WIDTH * end for end in accumulate(counts))]

    def holding(self, name: str) -> list[int]:
        """The numbers of the blocks that may hold a row of a name; two names may share a hash."""
        low = _hash(name) << _NUMBER_BITS
        page = self.page(low >> _PAGE_BITS)
        first = bisect_left(page, low)
        last = bisect_left(page, low + MOST_BLOCKS, first)
        return [pair & (MOST_BLOCKS - 1) for pair in page[first:last]]

    def page(self, number: int) -> "array[int]":
        """One page, ascending."""
        count, checksum = self.head.pages[number]
        raw = self._read(self._starts[number], _WIDTH * count) if count else b""
        if len(raw) != _WIDTH * count or crc32(raw) != checksum:
            raise ValueError("a page of the index is damaged")
        return _little(array("Q", raw))


def _little(numbers: "array[int]") -> "array[int]":
    """Numbers in the order of bytes that files have, or back."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=_HASH_BYTES).digest())
