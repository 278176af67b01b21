"""What is kept in the server's memory, by its own count, and how fast all of it is made anew."""

import os
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple
from zlib import crc32

import redis

from bench import rehydration, storage
from bench.engine import Engine
from bench.figures import Figure, times
from domain.book import Table
from domain.events import AnyEvent, RecordObserved, encode
from domain.upcasting import decode
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver, Bounds
from workers.archive.manifest import Snapshot
from workers.archive.places import open_files
from workers.clock import SystemClock
from workers.crew import Alone, Processes
from workers.opening import open_place
from workers.replay import Replay
from workers.storage.keys import Keys
from workers.storage.server import do
from workers.store import START

MILLION = 1_000_000
SAMPLE = 20_000
UNBOUNDED = Bounds(2**31, 2**31)


class Run(NamedTuple):
    """One verification."""

    seconds: float
    cpu: float  #: seconds of all cores, the server's left out

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.cpu:.1f} s CPU)"


def replay(engine: Engine, url: str) -> Figure:
    """Fold the whole log into empty tables in memory, and compare hashes; by one process and by several."""
    runs = {size: _verified(engine, url, size) for size in (1, 2, 4)}
    events, seconds = engine.projected, runs[2].seconds
    raw, peer = storage.reading(engine.stores, decode), rehydration.events_per_second(_sample(engine))
    rate = events / seconds
    by = ", ".join(f"{size}: {run}" for size, run in runs.items())
    extrapolated = "" if events >= MILLION else f"\n(1,000,000 in {MILLION / rate:,.0f} s, extrapolated)"
    return Figure(
        f"replay of {events:,} events with decisions, hashes equal",
        f"{seconds:.1f} s, {rate:,.0f}/s{extrapolated}",
        "1,000,000 in 20 s",
        "10 s",
        f"XRANGE and decode {raw:,.0f}/s\neventsourcing on SQLite {peer:,.0f}/s",
        f"{times(rate, raw)}\n{times(rate, peer)}",
        MILLION / rate < 20,
        f"By two processes; {by}. The first read of both CRMs and both hashes are in it. The peer only makes"
        " records anew, without decisions.",
    )


class Epoch(NamedTuple):
    """Where an archive lies, and the snapshot in it that a replay begins with."""

    archive: str
    taken: Snapshot


def begin_epoch(engine: Engine, archive: str) -> Epoch:
    """Keep the state as it is now."""
    kept = Archive(open_files(archive, engine.name))
    assert Archiver(engine.lane, engine.stores.log, kept, UNBOUNDED).snapshot("bench")
    return Epoch(archive, kept.newest().snapshots[-1])


def replay_of(epoch: Epoch, engine: Engine, url: str) -> Figure:
    """Fold what lies behind a snapshot, as an operator's verification does; by one process and by two."""
    one, two = (_verified(engine, url, size, epoch) for size in (1, 2))
    return Figure(
        f"replay of {engine.projected - engine.filled:,} events from a snapshot on, hashes equal",
        str(two),
        beside=f"one process {one}",
        ratio=times(one.seconds, two.seconds),
        note="By two processes. The snapshot is of the state after the first read of both CRMs.",
    )


def _verified(engine: Engine, url: str, size: int, epoch: Epoch | None = None) -> Run:
    with TemporaryDirectory() as nothing:
        archive, taken = epoch or (nothing, None)
        opening = partial(open_place, url, archive, engine.name, taken=taken)
        crew = Processes(opening, size) if size > 1 else Alone(opening())
        began, before = perf_counter(), _cpu()
        comparison = Replay(engine.lane, engine.stores.generations, crew).verify()
        run = Run(perf_counter() - began, _cpu() - before)
    if comparison.differing or comparison.processes != size:
        raise RuntimeError(f"the replay by {comparison.processes} differs in {comparison.differing}")
    return run


def _cpu() -> float:
    """Seconds of processor time that this process and its ended children took."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _sample(engine: Engine) -> Iterator[AnyEvent]:
    """All looks at one record in so many, about ``SAMPLE`` in all."""
    one_in, at = engine.projected // SAMPLE + 1, START
    while entries := engine.lane.log.read(at, 5_000):
        at = entries[-1].position
        for event in (decode(entry.raw) for entry in entries):
            if isinstance(event, RecordObserved) and crc32(event.id.encode()) % one_in == 0:
                yield event


def memory(engine: Engine) -> list[Figure]:
    """What each part takes, by throwing it away. Nothing can be measured on the engine afterwards."""
    client, keys = engine.client, Keys(engine.name)
    tables, own = engine.lane.tables(), keys.of(engine.lane.tables().generation)
    contacts, decided = tables.count(Table.CONTACTS), _decided(client, own.decisions("*"))
    plain = sum(
        len(encode(each.seen("read", 1)))
        for people in engine.crowd.people.values()
        for each in people.values()
    )
    events, text = _behind_the_baseline(engine, client, keys.log)
    log = _freed(client, keys.log)
    ids = _freed(client, *keys.ids)
    indexes = _freed(client, *(own.table(each) for each in (Table.CONTACTS, Table.REFS, Table.MATCHES)))
    decisions = _freed(client, *decided)
    each, per_event = indexes / contacts, log / events
    return [
        Figure(
            "memory per contact: both sides, agreed, all indexes",
            f"{each:,.0f} B",
            "2,500 B",
            "1,300 B",
            f"both records as JSON {plain / contacts:,.0f} B",
            times(each, plain / contacts),
            each < 2_500,
            f"{contacts:,} contacts. Closed decisions take another {decisions / max(1, len(decided)):,.0f} B "
            f"for each of the {len(decided):,} contacts that have any.",
        ),
        Figure(
            "memory per event in the live log",
            f"{per_event:,.0f} B",
            "600 B",
            "150 B",
            f"the event as JSON {text / events:,.0f} B",
            times(per_event, text / events),
            per_event < 600,
            f"{events:,} events after the first read. What tells repeats takes another "
            f"{ids / engine.projected:,.0f} B an event, for three days.",
        ),
    ]


def _decided(client: redis.Redis, pattern: str) -> list[bytes]:
    return list(client.scan_iter(match=pattern, count=1000))


def _behind_the_baseline(engine: Engine, client: redis.Redis, log: str) -> tuple[int, int]:
    """Trim the log to what followed the first read; how many events that are, and their bytes."""
    do(client, "XTRIM", log, "MAXLEN", engine.lane.log.length() - engine.filled)
    entries = engine.lane.log.read("0-0", engine.projected)
    return len(entries), sum(len(entry.raw) for entry in entries)


def _freed(client: redis.Redis, *keys: Any) -> int:
    """Bytes that deleting the keys frees, by the server's count."""
    before = used(client)
    for at in range(0, len(keys), 1000):
        do(client, "DEL", *keys[at : at + 1000])
    return before - used(client)


def used(client: redis.Redis) -> int:
    """Bytes that a server holds, after everything thrown away is really gone."""
    while (facts := client.info("memory"))["lazyfree_pending_objects"]:
        SystemClock().sleep(0.01)
    return int(facts["used_memory"])
