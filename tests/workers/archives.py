"""A lane with an archive, whose time moves only when told to."""

from pathlib import Path

import zstandard
from obstore.store import MemoryStore

from domain import events as e
from tests.workers.lanes import ADA, configured, project, shown, with_ada
from tests.world import HS
from workers.archive.archive import Archive
from workers.archive.archiver import SETTLED_MS, Archived, Archiver, Bounds
from workers.archive.blocks import ROWS
from workers.archive.files import Bucket, Directory, Files
from workers.archive.marks import Marks
from workers.archive.snapshots import Beginning, Past
from workers.archive.whole import WholeLog
from workers.clock import ManualClock
from workers.connection import Lane
from workers.crew import Alone, Place
from workers.erase import Eraser
from workers.replay import Replay
from workers.storage.memory import MemoryStores
from workers.store import START, Entry, EventLog, Generations

SOON = SETTLED_MS / 1000 + 1


ROOMY = Bounds(10_000, 10_000)


class Shelf:
    """A lane with Ada in it, and its archive."""

    def __init__(self, files: Files | None = None, *, bounds: Bounds = ROOMY) -> None:
        self.clock = ManualClock()
        self.stores = MemoryStores(self.clock)
        self.files: Files = files or Bucket(MemoryStore())
        self.bounds = bounds
        self.full = 2 * ROWS
        stores = self.stores
        self.lane = Lane(
            "acme",
            WholeLog(stores.log, Archive(self.files)),
            stores.tables,
            stores.coordination,
            self.clock,
            "test",
        )
        self._looks = 0
        with_ada(configured(self.lane))

    def look(self, number: int = 1) -> None:
        """So many looks at Ada that show another city each, a second apart, folded."""
        for _ in range(number):
            self._looks += 1
            self.clock.advance(1)
            self.lane.append([self.city(self._looks)])
        project(self.lane)

    def city(self, number: int) -> e.AnyEvent:
        known = {"email": "ada@example.com", "lastname": "Lovelace"}
        return shown(HS, "contacts", "1", ticket=100 + number, city=f"City {number}", **known)

    @property
    def archive(self) -> Archive:
        """The archive as another process sees it."""
        return Archive(self.files)

    def archiver(self, *, files: Files | None = None, live: EventLog | None = None) -> Archiver:
        archive = Archive(files or self.files)
        return Archiver(self.lane, live or self.stores.log, archive, self.bounds, self.full)

    def eraser(self, release: str) -> Eraser:
        archiver, log = self.archiver(), WholeLog(self.stores.log, self.archive)
        return Eraser(self.lane, log, archiver, Marks(self.files), lambda: archiver.snapshot(release))

    def archived(self) -> Archived:
        """Archive once everything is settled."""
        self.clock.advance(SOON)
        return self.archiver().run()

    def faults(self) -> list[str]:
        return [*self.archive.faults(), *self.archiver().faults()]


def replaying(lane: Lane, generations: Generations, past: Past | None = None) -> Replay:
    """Replays a lane, from a snapshot on or all of it."""
    return Replay(lane, generations, Alone(Place(lane.log, generations.tables, past or Beginning())))


def everything(log: EventLog, page: int = 100) -> list[Entry]:
    """All that a log ever held, in its order."""
    found: list[Entry] = []
    while entries := log.read(found[-1].position if found else START, page):
        found += entries
    return found


def unpacked(path: Path) -> bytes:
    """The bytes of a file of an archive in a directory, as they were before they were compressed."""
    if path.suffix != ".zst":
        return path.read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()


def shelf_in(directory: Path) -> Shelf:
    return Shelf(Directory(directory))


__all__ = ["ADA", "SOON", "Shelf", "everything", "shelf_in", "unpacked"]
