"""Rates of log and tables beside what the server itself can do, on a server of its own.

Run as ``python -m bench.storage``. Each figure is the best of five; a ceiling does the server's part of the
same work with bare pipelined commands, without dedupe, checks or atomicity.
"""

import gc
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import redis
from rich.console import Console
from rich.table import Table as Grid

from domain.book import Changes, Table, outbox_queue
from domain.events import RecordObserved, encode, event_id
from domain.identity import Crm, Fields
from domain.state import Priority
from domain.upcasting import decode
from workers import embedded
from workers.clock import SystemClock
from workers.storage.memory import MemoryStores
from workers.storage.redis_store import RedisStores, connect
from workers.storage.server import do
from workers.store import START, Claim, Stores

EVENTS = 20_000
BATCH = 500
ROUNDS = 5

Job = Callable[[], int]
"""Does some work and returns how much of it."""


def observed(number: int) -> RecordObserved:
    fields: Fields = {
        "email": f"person{number}@example.com",
        "firstname": "Ada",
        "lastname": f"Lovelace {number}",
        "phone": "+44 20 7946 0000",
        "company": "Analytical Engines Ltd",
        "lifecyclestage": "marketingqualifiedlead",
    }
    return RecordObserved(
        crm=Crm.HUBSPOT,
        object="contact",
        id=str(number),
        fields=fields,
        modified_at=1_767_225_600_000 + number,
        ticket=number,
        source="poll",
    )


def rate(job: Job) -> float:
    """The best rate of some rounds, per second; as with `timeit`, garbage waits for the end of a round."""
    best = 0.0
    for _ in range(ROUNDS):
        gc.collect()
        gc.disable()
        began = perf_counter()
        done = job()
        best = max(best, done / (perf_counter() - began))
        gc.enable()
    return best


def batches(fresh: Iterator[int]) -> Iterator[list[tuple[bytes, bytes]]]:
    events = [observed(next(fresh)) for _ in range(EVENTS)]
    pairs = [(event_id(event), encode(event)) for event in events]
    return (pairs[at : at + BATCH] for at in range(0, EVENTS, BATCH))


def changes_of(numbers: range) -> Changes:
    """What a batch of events does that all are effective edits of different contacts."""
    contacts = {f"contact-{n:012d}": b"c" * 900 for n in numbers}
    intents = {f"salesforce|{entity}": b"i" * 300 for entity in contacts}
    return Changes(
        puts={Table.CONTACTS: contacts, Table.OUTBOX: intents},
        deletes={},
        queued={outbox_queue(Crm.SALESFORCE, Priority.LIVE): dict.fromkeys(intents, 1_767_225_600_000)},
        unqueued={},
        decisions={entity: [b"d" * 200] for entity in contacts},
        counts={"events": len(contacts)},
    )


def appending(stores: Stores, fresh: Iterator[int]) -> float:
    prepared = iter([list(batches(fresh)) for _ in range(ROUNDS)])
    return rate(lambda: sum(map(stores.log.append, next(prepared))))


def appending_again(stores: Stores) -> float:
    known = list(batches(count()))
    return rate(lambda: sum(len(batch) + stores.log.append(batch) for batch in known))


def bare_xadd(client: redis.Redis, fresh: Iterator[int]) -> float:
    prepared = iter([list(batches(fresh)) for _ in range(ROUNDS)])

    def job() -> int:
        for batch in next(prepared):
            pipeline = client.pipeline(transaction=False)
            for _, event in batch:
                pipeline.xadd("bare", {"event": event})
            pipeline.execute()
        return EVENTS

    return rate(job)


def reading(stores: Stores, use: Callable[[bytes], object] = len) -> float:
    def job() -> int:
        position, done = START, 0
        while entries := stores.log.read(position, 2 * BATCH):
            for entry in entries:
                use(entry.raw)
            position, done = entries[-1].position, done + len(entries)
        return done

    return rate(job)


def bare_xrange(client: redis.Redis) -> float:
    def job() -> int:
        position, done = START, 0
        while entries := do(client, "XRANGE", "bare", f"({position}", "+", "COUNT", 2 * BATCH):
            position, done = entries[-1][0].decode(), done + len(entries)
        return done

    return rate(job)


def committing(stores: Stores) -> float:
    tables = stores.tables()

    def job() -> int:
        for at in range(0, EVENTS, BATCH):
            assert tables.commit(START, START, changes_of(range(at, at + BATCH)))
        return EVENTS

    return rate(job)


def bare_hset(client: redis.Redis) -> float:
    def job() -> int:
        for at in range(0, EVENTS, BATCH):
            changes = changes_of(range(at, at + BATCH))
            pipeline = client.pipeline(transaction=False)
            for table, rows in changes.puts.items():
                values: Any = rows
                pipeline.hset(f"bare:{table}", mapping=values)
            for queue, scores in changes.queued.items():
                pipeline.zadd(f"bare:{queue}", dict(scores))
            for entity, closed in changes.decisions.items():
                pipeline.rpush(f"bare:{entity}", *closed)
            pipeline.execute()
        return EVENTS

    return rate(job)


def fetching(stores: Stores) -> float:
    keys = [*changes_of(range(EVENTS)).puts[Table.CONTACTS]]
    tables = stores.tables()

    def job() -> int:
        return sum(len(tables.fetch(Table.CONTACTS, keys[at : at + BATCH])) for at in range(0, EVENTS, BATCH))

    return rate(job)


def claiming(stores: Stores, fresh: Iterator[int]) -> float:
    intents = [*changes_of(range(EVENTS)).puts[Table.OUTBOX].items()]
    rounds = iter([intents[at : at + EVENTS // ROUNDS] for at in range(0, EVENTS, EVENTS // ROUNDS)])

    def job() -> int:
        granted = 0
        mine = next(rounds)
        for at in range(0, len(mine), 200):
            claims = [
                Claim(key, value, 1, next(fresh).to_bytes(16), b"e" * 400)
                for key, value in mine[at : at + 200]
            ]
            granted += sum(stores.coordination.claim(claims))
        assert granted == len(mine)
        return granted

    return rate(job)


def fingerprinting(stores: Stores) -> float:
    def job() -> int:
        stores.tables().fingerprint()
        return EVENTS

    return rate(job)


class Figure(NamedTuple):
    """How often a second something is done."""

    what: str
    server: float
    memory: float
    ceiling: float | None = None


def measure(client: redis.Redis) -> Iterator[Figure]:
    server, memory, fresh = RedisStores(client, "bench"), MemoryStores(SystemClock()), count()
    yield Figure(
        "append events, 500 a call",
        appending(server, fresh),
        appending(memory, fresh),
        bare_xadd(client, fresh),
    )
    yield Figure("append known events", appending_again(server), appending_again(memory))
    yield Figure("read events, 1000 a call", reading(server), reading(memory), bare_xrange(client))
    yield Figure("read and decode events", reading(server, decode), reading(memory, decode))
    yield Figure(
        "commit contact, intent, decision", committing(server), committing(memory), bare_hset(client)
    )
    yield Figure("fetch contacts, 500 a call", fetching(server), fetching(memory))
    yield Figure("claim intents, 200 a call", claiming(server, fresh), claiming(memory, fresh))
    yield Figure("fingerprint contact, intent, decision", fingerprinting(server), fingerprinting(memory))


def main() -> None:
    grid = Grid("per second", "server", "memory", "ceiling: bare commands")
    with tempfile.TemporaryDirectory() as folder:
        with connect(embedded.ensure(Path(folder))) as client:
            for what, *rates in measure(client):
                grid.add_row(what, *(f"{each:,.0f}" if each else "" for each in rates))
        embedded.stop(Path(folder))
    Console().print(grid)


if __name__ == "__main__":
    main()
