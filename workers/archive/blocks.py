"""Rows of JSON in compressed blocks, and an index that tells which blocks hold a name.

A file is one zstd frame after another, so ``zstdcat`` prints it as JSON lines; each frame is a *block* that
can be read alone. The index beside it lists the blocks, and for each name the blocks with a row that bears
it: hash and block in one number, sorted, so that a look-up halves its way through bytes as they lie there.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
import zstandard

ROWS = 512
"""Rows of a full block."""

LEVEL = 3
_NUMBER_BITS = 16
MOST_BLOCKS = 1 << _NUMBER_BITS
_HASH_BYTES = 6


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


class Packed(NamedTuple):
    """A file and its index."""

    data: bytes
    contents: "Index"


class Index:
    """Which blocks there are, and which hold a name."""

    def __init__(self, blocks: Sequence[Block], pairs: "array[int]") -> None:
        self.blocks = blocks
        self.pairs = pairs  #: hash and block, ascending

    @classmethod
    def parse(cls, raw: bytes) -> "Index":
        """Read what `to_bytes` wrote. Raises ValueError."""
        head, _, rest = raw.partition(b"\n")
        pairs = array("Q")
        pairs.frombytes(rest)
        return cls(msgspec.json.decode(head, type=list[Block]), pairs)

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self.blocks) + b"\n" + self.pairs.tobytes()

    def without_last(self) -> "Index":
        """The index as if the last block were not there."""
        last = len(self.blocks) - 1
        kept = (pair for pair in self.pairs if pair & (MOST_BLOCKS - 1) != last)
        return Index(self.blocks[:last], array("Q", kept))

    def holding(self, name: str) -> list[int]:
        """The numbers of the blocks that may hold a row of a name; two names may share a hash."""
        low = _hash(name) << _NUMBER_BITS
        first = bisect_left(self.pairs, low)
        last = bisect_left(self.pairs, low + MOST_BLOCKS, first)
        return [pair & (MOST_BLOCKS - 1) for pair in self.pairs[first:last]]


def pack(rows: Sequence[Row], before: Packed | None = None) -> Packed:
    """Compress rows, behind those of a file whose blocks are all full."""
    packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
    data = bytearray(before.data) if before else bytearray()
    blocks = list(before.contents.blocks) if before else []
    pairs = set(before.contents.pairs) if before else set()
    for first in range(0, len(rows), ROWS):
        chosen = rows[first : first + ROWS]
        packed = packer.compress(b"".join(row.line + b"\n" for row in chosen))
        names = {name for row in chosen for name in row.names}
        pairs.update(_hash(name) << _NUMBER_BITS | len(blocks) for name in names)
        blocks.append(Block(len(data), len(packed), len(chosen), chosen[0].position))
        data += packed
    return Packed(bytes(data), Index(blocks, array("Q", sorted(pairs))))


def unpack(packed: bytes) -> bytes:
    """The lines of a block. Raises ValueError if it is damaged."""
    try:
        return zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=_HASH_BYTES).digest())
