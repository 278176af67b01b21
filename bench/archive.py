"""A year of a connection's log: what the server keeps, what the archive takes, how fast one goes back.

The year passes by a clock that is moved; people, CRMs and stages are those of the full path. The log's server
is played in this process, but for its memory: what is left of the log at the end is measured on a real one.
"""

import gc
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter

import redis

from bench.figures import Figure, times
from bench.kept import used
from bench.scene import Scene
from bench.server import running
from domain.events import event_id
from domain.identity import Crm
from domain.upcasting import decode
from workers import views
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver, Bounds
from workers.archive.files import Directory
from workers.archive.snapshots import Past
from workers.archive.whole import WholeLog
from workers.clock import ManualClock
from workers.connection import Lane, position_of
from workers.storage.memory import MemoryStores
from workers.storage.redis_store import RedisStores
from workers.store import START, Entry
from workers.travel import Traveller, names_by

YEAR_S = 365 * 86_400
CONTACTS = 20_000
BOUNDS = Bounds(50_000, 48)
CHUNK = 2_000
ASKED = 200
"""So many contacts are asked about, at as many moments."""

SNAPSHOTS = 12


@dataclass
class Year:
    """One connection, and a year that passes."""

    directory: Path
    events: int
    clock: ManualClock = field(default_factory=ManualClock)
    most: int = 0  #: events that the server held at once, after archiving

    def __post_init__(self) -> None:
        self.stores = stores = MemoryStores(self.clock)
        self.log = WholeLog(stores.log, Archive(Directory(self.directory)))
        self.lane = Lane("bench", self.log, stores.tables, stores.coordination, self.clock, "bench")
        self.archiver = Archiver(self.lane, stores.log, self.log.archive, BOUNDS)
        self.scene = Scene(self.lane)

    def pass_by(self) -> None:
        """From the first read of both CRMs to the last event of the year."""
        self.scene.fill(CONTACTS)
        self._archive()
        first, begun = self.log.appended(), self.clock.now_ms()
        while self.log.appended() < self.events:
            passed = (self.log.appended() - first) / (self.events - first)
            self.clock.advance(begun / 1000 + passed * YEAR_S - self.clock.now_ms() / 1000)
            self.scene.change(CHUNK)
            self._archive()
            self._keep(passed)

    def _archive(self) -> None:
        self.clock.advance(60)
        self.archiver.run()
        self.most = max(self.most, self.stores.log.length())

    def _keep(self, passed: float) -> None:
        if len(self.log.archive.known.snapshots) < passed * SNAPSHOTS:
            self.archiver.snapshot("bench")

    def traveller(self, until: str) -> Traveller:
        taken = self.log.archive.known.snapshot(until)
        past = Past(self.log.archive.files, taken) if taken else None
        return Traveller(self.lane, WholeLog(self.stores.log, Archive(self.log.archive.files)), until, past)


def measure(events: int) -> Iterator[Figure]:
    """All figures of a year with so many events."""
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        year = Year(Path(folder), events)
        year.pass_by()
        lived = perf_counter() - began
        known = year.log.archive.newest()
        yield _memory(year)
        yield _disk(year, lived)
        yield _verified(year)
        people, random = sorted(year.scene.crowd.people[Crm.HUBSPOT]), Random(1)
        chosen = [f"hubspot/contacts/{each}" for each in random.sample(people, ASKED)]
        first, last = position_of(known.segments[0].last)[0], position_of(known.last)[0]
        moments = [f"{random.randrange(first, last)}-0" for _ in chosen]
        yield _history(year, chosen)
        yield _at(year, chosen, moments)


def _memory(year: Year) -> Figure:
    with running() as (client, _):
        size = _on_a_server(client, year.stores.log.read(year.stores.log.begins(), BOUNDS.events * 2))
    kept = year.stores.log.length()
    return Figure(
        f"live log in memory, after {year.log.appended():,} events",
        f"{size / 1e6:,.0f} MB, {year.most:,} events at most",
        f"{BOUNDS.events:,} events",
        "",
        f"all of it in memory {size / kept * year.log.appended() / 1e6:,.0f} MB",
        times(size, size / kept * year.log.appended()),
        year.most <= BOUNDS.events,
        f"CRMSYNC_LOG_EVENTS={BOUNDS.events}. Ids that tell repeats come on top, for three days.",
    )


def _on_a_server(client: redis.Redis, entries: Sequence[Entry]) -> int:
    """Bytes that so many entries take in a server's stream."""
    log, before = RedisStores(client, "kept").log, used(client)
    for at in range(0, len(entries), 1_000):
        log.append([(event_id(decode(each.raw)), each.raw) for each in entries[at : at + 1_000]])
    client.delete("{kept}:ids:0", "{kept}:ids:1", "{kept}:ids:2")
    return used(client) - before


def _disk(year: Year, lived: float) -> Figure:
    known, text = year.log.archive.known, 0
    for each in known.segments[-3:]:
        text += sum(len(entry.raw) for entry in year.log.archive.read(each.after, each.events))
    plain = text / sum(each.events for each in known.segments[-3:])
    size = known.size / known.events
    return Figure(
        "segments on disk, indexes included",
        f"{size:,.0f} B an event",
        "120 B",
        "",
        f"the event as JSON {plain:,.0f} B",
        times(size, plain),
        size < 120,
        f"{len(known.segments)} segments, {known.size / 1e6:,.0f} MB. The year, folded, delivered and "
        f"archived, took {lived:,.0f} s.",
    )


def _verified(year: Year) -> Figure:
    began = perf_counter()
    faults = [*year.log.archive.faults(), *year.archiver.faults()]
    seconds = perf_counter() - began
    rate = year.log.archive.known.events / seconds
    return Figure(
        "log verify: every file, every event", f"{seconds:,.1f} s, {rate:,.0f} events/s", met=not faults
    )


def _timed(jobs: Sequence[Callable[[], object]]) -> list[float]:
    """Milliseconds that each takes, without the collector's walks through all that this process holds."""
    gc.collect()
    gc.freeze()
    found = []
    for job in jobs:
        began = perf_counter()
        job()
        found.append((perf_counter() - began) * 1000)
    return sorted(found)


def _history(year: Year, chosen: Sequence[str]) -> Figure:
    def ask(entity: str) -> int:
        traveller = year.traveller(year.log.tail())
        traveller.past = None
        return len(traveller.events_of(names_by(entity)))

    taken = _timed([lambda each=each: ask(each) for each in chosen])  # type: ignore[misc]
    scanned = _scan(year)
    return Figure(
        "all events of a contact, back to the first",
        f"median {taken[len(taken) // 2]:,.0f} ms, slowest {taken[-1]:,.0f} ms",
        "200 ms",
        "",
        f"reading the whole log {scanned:,.0f} ms",
        times(taken[len(taken) // 2], scanned),
        taken[-1] < 200,
        f"{len(chosen)} contacts, each by a reader that has read nothing yet.",
    )


def _scan(year: Year) -> float:
    """Milliseconds that reading all entries takes."""

    def scan() -> None:
        at = START
        while page := year.log.read(at, 2_000):
            at = page[-1].position

    return _timed([scan])[0]


def _at(year: Year, chosen: Sequence[str], moments: Sequence[str]) -> Figure:
    def ask(entity: str, until: str) -> bool:
        lane = year.traveller(until).lane_with(names_by(entity))
        return views.exists(lane, entity) and bool(views.contact(lane, entity))

    pairs = list(zip(chosen, moments, strict=True))
    taken = _timed([lambda pair=pair: ask(*pair) for pair in pairs])  # type: ignore[misc]
    return Figure(
        "a contact as it was at some moment of the year",
        f"median {taken[len(taken) // 2]:,.0f} ms, slowest {taken[-1]:,.0f} ms",
        "500 ms",
        met=taken[-1] < 500,
        note=f"From the last of {SNAPSHOTS} snapshots on, by its own events and those of whom it could meet.",
    )
