"""Restoring: let a log's server that was lost, or set back, go on where the archive ends.

The archive holds everything up to a position; what came in after it is lost, and found again by polling both
CRMs from where they had been read by then. Until that is done nothing is written: what the restored state
wants to write may have been written already, and changed again since.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from domain.events import Paused, event_id
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver, Discontinued
from workers.archive.manifest import Manifest
from workers.archive.segments import Damaged, event_of
from workers.archive.snapshots import Past, load
from workers.connection import PROJECTED, RESTORED, Lane, position_of
from workers.poll import Cursor
from workers.storage.batches import in_batches
from workers.store import START, Generations

REMEMBERED_MS = 2 * 86_400_000
"""How far back the ids of events are taken for known again."""

BATCH = 1_000

_UNFINISHED = "restoring"
"""Cursor: a restore that is not done."""

WHY = "the log was restored: both CRMs are read first"


class NothingToRestore(Exception):  # noqa: N818 - says why nothing was done
    """There is no archive, or the server goes on where it ends; the message says which."""


class Restored(NamedTuple):
    """What was restored."""

    until: str  #: the position up to which the log is there again
    events: int
    kept: int  #: events that the server had appended behind it, and keeps
    to_rebuild: bool  #: the tables were folded from those alone, and are to be made anew
    paused: str  #: who keeps writing from going on; ``RESTORED``: it goes on by itself


@dataclass
class Restore:
    """Restores one lane, while no process works on it. Begun again, it goes on where it was cut short."""

    lane: Lane
    generations: Generations
    archive: Archive
    archiver: Archiver
    paused_at: Callable[[str], str]  #: who had paused writing at a position, as the archive tells

    def run(self) -> Restored:
        """Let the server go on where the archive ends.

        Raises:
            NothingToRestore: if there is nothing to do.
            Damaged: if the archive is damaged where it is needed.
        """
        known = self._needed()
        self._mark(known.last)
        self.lane.log.resume(known.last, known.events)
        self._documents(known)
        self._coordinate(known)
        to_rebuild, kept = not self._tables(known), self.lane.log.length()
        paused = self._pause(known)
        self.lane.coordination.set_cursor(_UNFINISHED, None)
        return Restored(known.last, known.events, kept, to_rebuild, paused)

    def _needed(self) -> Manifest:
        known = self.archive.newest()
        if not known.segments:
            raise NothingToRestore("There is no archive of it: CRMSYNC_ARCHIVE_URL names the place.")
        if self.lane.coordination.cursor(_UNFINISHED) is None and self._goes_on():
            raise NothingToRestore(f"The log's server goes on where the archive ends, at {known.last}.")
        return known

    def _goes_on(self) -> bool:
        try:
            self.archiver.check()
        except Discontinued:
            return False
        return True

    def _mark(self, last: str) -> None:
        """Keep deliverers waiting until the tables are back, and remember when this was."""
        coordination = self.lane.coordination
        coordination.set_cursor(_UNFINISHED, last)
        coordination.set_cursor(RESTORED, str(self.lane.clock.now_ms()))
        coordination.set_cursor(PROJECTED, last)

    def _documents(self, known: Manifest) -> None:
        """Bring back what events name, so that nothing has to be asked of the archive to go on."""
        found: dict[str, bytes] = {}
        for name in known.documents:
            with suppress(Damaged):  # whoever needs it will say so
                found |= {name: raw} if (raw := self.archive.document(name)) else {}
        self.lane.log.append([], found)

    def _coordinate(self, known: Manifest) -> None:
        """Bring back what is not in the log: ids, tickets, and how far both CRMs had been read."""
        for ids in in_batches(self._recent_ids(known), BATCH):
            self.lane.log.remember(ids)
        coordination = self.lane.coordination
        drawn = coordination.tickets(0)
        if drawn < known.tickets:
            coordination.tickets(known.tickets - drawn)
        for name, value in known.cursors.items():
            if name not in {RESTORED, _UNFINISHED}:  # of an earlier restore
                coordination.set_cursor(name, _reopened(name, value))

    def _recent_ids(self, known: Manifest) -> Iterator[bytes]:
        at = f"{max(0, position_of(known.last)[0] - REMEMBERED_MS)}-0"
        while page := self.archive.read(at, BATCH):
            at = page[-1].position
            yield from (event_id(event) for entry in page if (event := event_of(entry)) is not None)

    def _tables(self, known: Manifest) -> bool:
        """See that there is a state that folding can go on from; False if what there is must be made anew."""
        tables = self.lane.tables()
        if tables.checkpoint() != START:
            return position_of(tables.checkpoint()) <= position_of(known.last)
        taken = self.archive.whole_snapshot(known.last)
        if taken is None:
            return True
        number = self.generations.begin()
        loaded = load(Past(self.archive.files, taken), self.generations.tables(number))
        return loaded and self.generations.promote(number, tables.generation)

    def _pause(self, known: Manifest) -> str:
        """Let nothing be written until both CRMs have been read, and not then if a person had paused it."""
        paused = self.paused_at(known.last)
        if paused in {"", RESTORED}:
            self.lane.append([Paused(by=RESTORED, why=WHY, request=known.last)])
            return RESTORED
        return paused


def _reopened(name: str, value: str) -> str:
    """A cursor as it was kept; a window of a poll that was open then is opened anew, to reach up to today."""
    if name.partition("/")[0] not in {"poll", "check"}:
        return value
    cursor = msgspec.json.decode(value, type=Cursor)
    return msgspec.json.encode(Cursor(cursor.since)).decode()
