"""What is kept in the server's memory, by its own count, and how fast all of it is made anew."""

from time import perf_counter
from typing import Any

import redis

from bench import storage
from bench.engine import Engine
from bench.figures import Figure, per_second, times
from domain.book import Table
from domain.events import encode
from domain.upcasting import decode
from workers.clock import SystemClock
from workers.replay import Replay
from workers.storage.keys import Keys
from workers.storage.memory import MemoryTables
from workers.storage.server import do

MILLION = 1_000_000
QUICK_S = 25.0


def replay(engine: Engine) -> Figure:
    """Fold the whole log into empty tables in memory, and compare hashes; twice, if that is quick."""
    rates = [_verified(engine)]
    events = engine.projected
    if events / rates[0] < QUICK_S:
        rates.append(_verified(engine))
    raw = storage.reading(engine.stores, decode)
    rate = max(rates)
    seconds = MILLION / rate
    extrapolated = "" if events >= MILLION else f"\n(1,000,000 in {seconds:,.0f} s, extrapolated)"
    return Figure(
        f"replay of {events:,} events with decisions, hashes equal",
        f"{events / rate:.1f} s, {per_second(rates)}{extrapolated}",
        "1,000,000 in 20 s",
        "10 s",
        f"XRANGE and decode {raw:,.0f}/s",
        times(rate, raw),
        seconds < 20,
        "One core folds; it includes the first read of both CRMs and both hashes.",
    )


def _verified(engine: Engine) -> float:
    began = perf_counter()
    comparison = Replay(engine.lane, engine.stores.generations).verify(MemoryTables())
    seconds = perf_counter() - began
    if comparison.differing:
        raise RuntimeError(f"the replay differs in {comparison.differing}")
    return comparison.events / seconds


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
    before = _used(client)
    for at in range(0, len(keys), 1000):
        do(client, "DEL", *keys[at : at + 1000])
    return before - _used(client)


def _used(client: redis.Redis) -> int:
    """After everything thrown away is really gone."""
    while (facts := client.info("memory"))["lazyfree_pending_objects"]:
        SystemClock().sleep(0.01)
    return int(facts["used_memory"])
