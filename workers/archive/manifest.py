"""The manifest: what the archive holds. What it does not name is not there, whatever lies on the disk.

Each manifest is a file of its own, numbered, and the highest number counts. The next one is made by creating
its file, which only one of several writers can do: no lock and no clock decides which of them was right.
"""

import re
from collections.abc import Iterator

import msgspec

from domain.groups import Pointer, pointers
from domain.kinds import KINDS
from domain.upcasting import UNDECODABLE
from workers.archive.files import Files
from workers.connection import position_of
from workers.store import START

FOLDER = "manifests"
KEPT = 10
"""Manifests that are left lying for whoever still reads by an older one."""

_MANIFEST = re.compile(r"\d{9,}\.json")
_OURS = re.compile(r"(\d{9,})[._]")
"""How the names of our files begin: with the number of the manifest that they are, or were written for."""


class Blocks(msgspec.Struct, frozen=True):
    """A file of blocks, and the index beside it."""

    name: str
    size: int  #: bytes
    sha256: str
    index_size: int
    index_sha256: str

    @property
    def index(self) -> str:
        return f"{self.name}.index"


class Segment(msgspec.Struct, frozen=True):
    """A stretch of the log in one file."""

    file: Blocks
    after: str  #: position of the last event before it
    first: str  #: position of its first event
    last: str
    events: int


class Snapshot(msgspec.Struct, frozen=True):
    """The state at a position of the log, and the release that goes on from it: the beginning of an epoch."""

    file: Blocks
    position: str
    release: str
    generation: int  #: of the tables
    at: int  #: when it was taken, epoch ms


class Manifest(msgspec.Struct, frozen=True):
    """All that the archive holds of a connection."""

    number: int = 0  #: 0: there is no archive yet
    segments: tuple[Segment, ...] = ()  #: in the log's order, without a gap
    snapshots: tuple[Snapshot, ...] = ()  #: the newest ones, oldest first
    documents: tuple[str, ...] = ()  #: digests
    pointers: frozenset[Pointer] = pointers(KINDS.values())  #: by which all events are indexed
    tickets: int = 0  #: the last ticket that was drawn when the newest segment was written
    key: str = ""  #: of the hashes by which erased people are known, in hex; empty: nobody was erased yet
    blanked: str = START  #: whoever replays from before meets blanks of erased people; ``START``: nobody does
    written_at: int = 0  #: when the newest segment was written, epoch ms
    cursors: dict[str, str] = {}  #: how far each CRM had been read by the last event of the newest segment

    @property
    def last(self) -> str:
        """The position up to which the log is archived."""
        return self.segments[-1].last if self.segments else START

    @property
    def events(self) -> int:
        return sum(each.events for each in self.segments)

    @property
    def size(self) -> int:
        """Bytes of all segments, their indexes included."""
        return sum(each.file.size + each.file.index_size for each in self.segments)

    def files(self) -> Iterator[Blocks]:
        """All files of blocks."""
        yield from (each.file for each in self.segments)
        yield from (each.file for each in self.snapshots)

    def names(self) -> set[str]:
        """The names of all files of blocks, and of the indexes beside them."""
        return {name for each in self.files() for name in (each.name, each.index)}

    def of_epoch(self, release: str, generation: int, until: str) -> Snapshot | None:
        """The newest snapshot of a release and a generation, at or before a position."""
        fitting = (
            each
            for each in reversed(self.snapshots)
            if (each.release, each.generation) == (release, generation)
            and position_of(each.position) <= position_of(until)
        )
        return next(fitting, None)

    def snapshot(self, until: str) -> Snapshot | None:
        """The newest snapshot at or before a position."""
        fitting = [each for each in self.snapshots if position_of(each.position) <= position_of(until)]
        return fitting[-1] if fitting else None


def newest(files: Files) -> Manifest:
    """The manifest that counts. Raises ValueError if it cannot be read."""
    names = [name for name in files.names(FOLDER) if _MANIFEST.fullmatch(_last(name))]
    if not names:
        return Manifest()
    try:
        return msgspec.json.decode(files.read(names[-1]), type=Manifest)
    except UNDECODABLE as error:
        raise ValueError(f"{names[-1]}: {error}") from None


def publish(files: Files, manifest: Manifest) -> bool:
    """Make this the manifest that counts, unless somebody else has made one of its number."""
    return files.create(_name(manifest.number), msgspec.json.encode(manifest))


def unnamed(files: Files, known: Manifest, folder: str) -> list[str]:
    """Our files in a folder that no manifest names any more, or ever will: all up to this one exist."""
    named = known.names() | {_name(number) for number in range(known.number - KEPT, known.number + 1)}
    return [
        name
        for name in files.names(folder)
        if name not in named and (ours := _OURS.match(_last(name))) and int(ours[1]) <= known.number
    ]


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _name(number: int) -> str:
    return f"{FOLDER}/{number:09}.json"
