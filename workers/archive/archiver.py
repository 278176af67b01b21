"""Archiving: write what is folded and settled to segments, then let the log's server forget it.

The order of the steps is what keeps a crash harmless: files first, then the manifest that names them, then
the trimming of what it names. Whatever was begun and not named is swept up by the next run.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from msgspec.structs import replace

from domain.events import AnyEvent, ConfigurationApplied
from workers.archive import manifest, segments, snapshots
from workers.archive.archive import Archive, document_name
from workers.archive.blocks import NOTHING, ROWS, pack
from workers.archive.manifest import Manifest, Segment, Snapshot
from workers.archive.segments import Damaged, Place, WholeSegment, row_of
from workers.connection import PROJECTED, Lane, Lease, pointers_of, position_of
from workers.store import Entry, EventLog

KEPT_SNAPSHOTS = 12
"""The newest ones all stay. The state between older ones can still be had, by folding from one on."""

SPARSE_MS = 84 * 86_400_000
"""Of the older ones, every one that is so long after the last that stays."""

FULL = 100 * ROWS
"""Events of a full segment; the newest one is rewritten until it is full."""

SETTLED_MS = 5_000
"""Younger events may be lost with the server's last second, and it would go on without them."""

LEASE_MS = 60_000
PAGE = 2_000
HOUR_MS = 3_600_000


class Discontinued(Exception):  # noqa: N818 - says what is wrong
    """The log's server does not go on where the archive ends: one of them was lost, or set back."""


class Bounds(NamedTuple):
    """How much of the log the server keeps in memory, at most."""

    events: int
    hours: int


class Archived(NamedTuple):
    """What one run did."""

    events: int  #: written to segments
    trimmed: int  #: events that the server holds no more
    until: str  #: the position up to which the log is archived
    busy: bool = False  #: nothing was done, because somebody else archives now


@dataclass
class Archiver:
    """Archives one lane."""

    lane: Lane
    live: EventLog  #: what the server holds of the lane's log
    archive: Archive
    bounds: Bounds
    full: int = FULL

    def run(self, *, settled_ms: int = SETTLED_MS) -> Archived:
        """Archive all that is settled, then trim to the bounds; nothing if somebody else does it now.

        ``settled_ms``: how old an event is that the server cannot lose any more.

        Raises:
            Discontinued: if log and archive do not go together. Nothing was written or trimmed.
            Damaged: if the newest segment cannot be continued.
        """
        with self.lane.lease("archive", LEASE_MS) as lease:
            if lease is None:
                return Archived(0, 0, self.archive.newest().last, busy=True)
            written = sum(self._segments(lease, self.lane.clock.now_ms() - settled_ms))
            return Archived(written, self._trim(), self.archive.newest().last)

    def faults(self) -> Iterator[str]:
        """Whatever keeps the archive and the server's log from being one log."""
        try:
            known = self.archive.newest()
            self.check()
        except (Damaged, Discontinued) as error:
            yield str(error)
            return
        at = self.live.begins()
        while position_of(at) < position_of(known.last):
            try:
                archived = self.archive.read(at, PAGE)
            except Damaged as damage:
                yield str(damage)
                return
            if archived != self.live.read(at, len(archived)):
                yield f"Behind {at}, the archive and the log's server do not hold the same."
                return
            at = archived[-1].position

    # -- writing

    def _segments(self, lease: Lease, youngest: int) -> Iterator[int]:
        """Write one segment after the other; yields how many events are new in each."""
        self.sweep()
        while lease.renew():
            self.check()
            known = self.archive.newest()
            following = self._following(known, youngest)
            if following is None or not manifest.publish(self.archive.files, following):
                return
            yield following.events - known.events

    def check(self) -> None:
        """See that the server goes on where the archive ends. Raises Discontinued."""
        begins, last = self.live.begins(), self.archive.newest().last
        if position_of(begins) > position_of(last):
            raise Discontinued(
                f"The archive ends at {last}, and the log's server holds only what follows {begins}."
            )
        if begins != last and not self._holds(last):
            raise Discontinued(f"The archive ends at {last}, which the log's server never had.")

    def _holds(self, position: str) -> bool:
        found = self.live.read(_before(position), 1)
        return bool(found) and found[0].position == position

    def _following(self, known: Manifest, youngest: int) -> Manifest | None:
        """The manifest with one segment more, or the newest one longer; None if nothing is settled."""
        cursors, tickets = self._coordinates()
        tail, standing = self.live.tail(), self._unfilled(known)
        room = self.full - (standing.events if standing else 0)
        entries = self._settled(known.last, room, youngest)
        if not entries:
            return None
        events = [event for entry in entries if (event := segments.event_of(entry)) is not None]
        known = replace(known, pointers=known.pointers | pointers_of(self.lane.log, _configurations(events)))
        documents = self._documents(events, known)
        segment = self._write(entries, known, standing)
        older = known.segments[:-1] if standing else known.segments
        caught_up = position_of(segment.last) >= position_of(tail)
        return replace(
            known,
            number=known.number + 1,
            segments=(*older, segment),
            documents=(*known.documents, *documents),
            tickets=max(tickets, known.tickets),
            written_at=self.lane.clock.now_ms(),
            cursors=cursors if caught_up else known.cursors,
        )

    def _coordinates(self) -> tuple[dict[str, str], int]:
        """How far the CRMs have been read, and the last ticket; before it is looked what the log holds."""
        cursors = self.lane.coordination.cursors()
        cursors.pop(PROJECTED, None)
        return cursors, self.lane.coordination.tickets(0)

    def _unfilled(self, known: Manifest) -> Segment | None:
        newest = known.segments[-1] if known.segments else None
        return newest if newest is not None and newest.events < self.full else None

    def _settled(self, after: str, limit: int, youngest: int) -> list[Entry]:
        """The next events that are folded and no younger than a moment."""
        end = position_of(self.lane.tables().checkpoint())
        found: list[Entry] = []
        while len(found) < limit:
            page = self.live.read(after, min(PAGE, limit - len(found)))
            ripe = [each for each in page if (at := position_of(each.position)) <= end and at[0] <= youngest]
            found += ripe
            if len(ripe) < len(page) or not page:
                break
            after = page[-1].position
        return found

    def _documents(self, events: Sequence[AnyEvent], known: Manifest) -> list[str]:
        """Write the documents that the events name and the archive lacks; returns their digests."""
        named = dict.fromkeys(getattr(event, "digest", "") for event in events)
        lacking = [name for name in named if name and name not in known.documents]
        for name in list(lacking):
            raw = self.live.document(name)
            if raw is None:  # an event may name what was never there; it was folded as a fault
                lacking.remove(name)
            else:
                self.archive.files.write(document_name(name), raw)
        return lacking

    def _write(self, entries: Sequence[Entry], known: Manifest, standing: Segment | None) -> Segment:
        files, number = self.archive.files, known.number + 1
        if standing is None:
            rows = [row_of(entry, known.pointers) for entry in entries]
            return segments.write(files, rows, Place(number, known.last), NOTHING)
        whole = WholeSegment(files, standing)
        rows = [row_of(entry, known.pointers) for entry in (*whole.unfilled(), *entries)]
        return segments.write(files, rows, Place(number, standing.after), whole.packed.full())

    # -- snapshots

    def snapshot(self, release: str) -> bool:
        """Keep the tables as they are, for a release to go on from. False if somebody committed meanwhile."""
        tables = self.lane.tables()
        position = tables.checkpoint()
        queues = snapshots.queues_of(tables)
        unfolded = snapshots.claimed_by(self._behind(position))
        lines = chain(snapshots.queue_lines(queues, unfolded), snapshots.lines_of(tables))
        packed, at = pack(map(snapshots.row_of, lines)), self.lane.clock.now_ms()
        if tables.checkpoint() != position:
            return False
        while True:
            known = self.archive.newest()
            name = f"{snapshots.FOLDER}/{known.number + 1:09}_{position}"
            file = segments.store(self.archive.files, name, packed)
            taken = Snapshot(file, position, release, tables.generation, at)
            kept = _thinned((*known.snapshots, taken))
            if manifest.publish(self.archive.files, replace(known, number=known.number + 1, snapshots=kept)):
                return True

    def _behind(self, position: str) -> Iterator[Entry]:
        while entries := self.lane.log.read(position, PAGE):
            yield from entries
            position = entries[-1].position

    # -- forgetting

    def sweep(self) -> None:
        """Remove what no manifest names any more, or never came to be named."""
        known = self.archive.newest()
        for folder in (segments.FOLDER, snapshots.FOLDER, manifest.FOLDER):
            for name in manifest.unnamed(self.archive.files, known, folder):
                self.archive.files.remove(name)

    def _trim(self) -> int:
        """Trim what is archived and folded, as far as the bounds ask for it."""
        until = min(
            self.archive.newest().last, self.lane.tables().checkpoint(), self._beyond(), key=position_of
        )
        if position_of(until) <= position_of(self.live.begins()):
            return 0
        return self.live.trim(until)

    def _beyond(self) -> str:
        """The position up to which the log is more than the bounds allow."""
        oldest = self.lane.clock.now_ms() - self.bounds.hours * HOUR_MS
        excess = self.live.length() - self.bounds.events
        at, seen = self.live.begins(), 0
        while page := self.live.read(at, PAGE):
            for entry in page:
                seen += 1
                if seen > excess and position_of(entry.position)[0] >= oldest:
                    return at
                at = entry.position
        return at


def _thinned(taken: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    """The snapshots that stay."""
    old: list[Snapshot] = []
    for each in taken[:-KEPT_SNAPSHOTS]:
        if not old or each.at - old[-1].at >= SPARSE_MS:
            old.append(each)
    return (*old, *taken[-KEPT_SNAPSHOTS:])


def _before(position: str) -> str:
    """The position just before one."""
    moment, number = position_of(position)
    return f"{moment}-{number - 1}" if number else f"{moment - 1}-{2**64 - 1}"


def _configurations(events: Iterable[AnyEvent]) -> Iterator[str]:
    yield from (event.digest for event in events if isinstance(event, ConfigurationApplied))
