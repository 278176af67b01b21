"""Reading an archive: what follows a position, documents, and whether every file is what it should be."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise

import msgspec

from domain.events import digest
from domain.upcasting import UNDECODABLE
from workers.archive import manifest
from workers.archive.files import Files
from workers.archive.manifest import Manifest, Segment, Snapshot
from workers.archive.segments import Damaged, Reading, WholeSegment
from workers.connection import position_of
from workers.store import START, Entry


def document_name(name: str) -> str:
    """The file of a document."""
    return f"documents/{name}.json"


@dataclass
class Archive:
    """The archive of one connection, for any threads. What it has read it keeps until it must look anew."""

    files: Files
    known: Manifest = field(default_factory=Manifest, repr=False)  #: what there was when it was looked last
    _whole: WholeSegment | None = field(default=None, repr=False)

    def newest(self) -> Manifest:
        """Look at what there is now. Raises Damaged."""
        try:
            self.known = known = manifest.newest(self.files)
        except ValueError as error:
            raise Damaged(str(error)) from None
        self.files.forget_others(known.names())
        return known

    def read(self, after: str, limit: int) -> list[Entry]:
        """The next entries behind a position, oldest first; fewer than ``limit`` where a segment ends.

        Raises:
            Damaged: if a file that holds them is missing or not what was written.
        """
        segment = self._behind(after)
        if segment is None:
            self.newest()
            segment = self._behind(after)
        if segment is None:
            return []
        return [*islice(self._opened(segment, after).behind(position_of(after)), limit)]

    def _behind(self, after: str) -> Segment | None:
        """The segment that holds what follows a position, as far as is known."""
        known = self.known.segments
        number = bisect_right(known, position_of(after), key=lambda each: position_of(each.last))
        return known[number] if number < len(known) else None

    def _opened(self, segment: Segment, after: str) -> WholeSegment:
        """The segment; if it has been replaced meanwhile, the one that took its place."""
        whole = self._whole
        if whole is None or whole.segment != segment:
            self._whole = whole = self._open(segment, after)
        return whole

    def _open(self, segment: Segment, after: str) -> WholeSegment:
        try:
            return WholeSegment(self.files, segment)
        except Damaged:
            self.newest()
            now = self._behind(after)
            if now is None or now == segment:
                raise
            return WholeSegment(self.files, now)

    def document(self, name: str) -> bytes | None:
        """A document by its digest. Raises Damaged if another one lies in its place."""
        try:
            raw = self.files.read(document_name(name))
        except FileNotFoundError:
            return None
        if not _is_named(raw, name):
            raise Damaged(f"{document_name(name)} is not what was written")
        return raw

    def whole_snapshot(self, until: str) -> Snapshot | None:
        """The newest snapshot at or before a position that is what was written; reads it."""
        for taken in reversed(self.newest().snapshots):
            if position_of(taken.position) <= position_of(until) and not [*self._snapshot_faults(taken)]:
                return taken
        return None

    def faults(self) -> Iterator[str]:
        """Everything that is wrong with the archive, each named; reads all of it."""
        try:
            known = self.newest()
        except Damaged as damage:
            yield str(damage)
            return
        yield from _gaps(known)
        for segment in known.segments:
            yield from self._faults_of(segment)
        for snapshot in known.snapshots:
            yield from self._snapshot_faults(snapshot)
        for name in known.documents:
            yield from self._document_faults(name)

    def _faults_of(self, segment: Segment) -> Iterator[str]:
        try:
            entries = [*WholeSegment(self.files, segment).behind(position_of(START))]
        except Damaged as damage:
            yield str(damage)
            return
        positions = [position_of(entry.position) for entry in entries]
        if (len(entries), entries[0].position, entries[-1].position) != (
            segment.events,
            segment.first,
            segment.last,
        ):
            yield f"{segment.file.name} does not hold the events that the manifest says"
        if any(one >= other for one, other in pairwise(positions)):
            yield f"{segment.file.name} is not in the log's order"

    def _snapshot_faults(self, snapshot: Snapshot) -> Iterator[str]:
        try:
            Reading(self.files, snapshot.file).whole()
        except Damaged as damage:
            yield str(damage)

    def _document_faults(self, name: str) -> Iterator[str]:
        try:
            if self.document(name) is None:
                yield f"{document_name(name)} is missing"
        except Damaged as damage:
            yield str(damage)


def _is_named(raw: bytes, name: str) -> bool:
    """Whether a document is the one that bears this name."""
    try:
        return digest(msgspec.json.decode(raw)) == name
    except UNDECODABLE:
        return False


def _gaps(known: Manifest) -> Iterator[str]:
    ends = [START, *(each.last for each in known.segments)]
    for end, segment in zip(ends, known.segments, strict=False):
        if segment.after != end:
            yield f"{segment.file.name} follows {segment.after}, and the segment before it ends at {end}"
