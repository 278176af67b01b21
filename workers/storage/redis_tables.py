"""One generation of tables: a hash per table, a sorted set per queue, a list of decisions per contact."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import redis

from domain.book import Changes, Table
from workers.storage.batches import in_batches
from workers.storage.fingerprint import fingerprint
from workers.storage.keys import GenerationKeys, Keys
from workers.storage.server import do, load
from workers.store import START

_BEHIND = 2**31  # where every list has ended
_BATCH = 1000  # keys or members that one scanning call is asked for


class _Operation(NamedTuple):
    command: str
    key: str
    arguments: Sequence[Any]


class RedisTables:
    """`Tables` on a server."""

    def __init__(self, client: redis.Redis, keys: Keys, generation: int, release: str = "") -> None:
        self.generation = generation
        self._release = release
        self._client = client
        self._pointer = keys.generation
        self._keys = keys.of(generation)
        self._commit = load(client, "commit")

    def checkpoint(self) -> str:
        found: bytes | None = do(self._client, "GET", self._keys.checkpoint)
        return START if found is None else found.decode()

    def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        found: list[bytes | None] = do(self._client, "HMGET", self._keys.table(table), *keys)
        return found

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        operations = [each for each in _operations(self._keys, changes) if each.arguments]
        arguments: list[Any] = [self.generation, expected, position]
        for command, _, values in operations:
            arguments += (command, len(values))
            arguments += values
        arguments.append(self._release)
        keys = [self._pointer, self._keys.checkpoint, *(each.key for each in operations)]
        return bool(self._commit(keys=keys, args=arguments))

    def due(self, queue: str, until: int, limit: int) -> list[tuple[str, int]]:
        found: Any = self._client.zrangebyscore(
            self._keys.queue(queue), "-inf", until, start=0, num=limit, withscores=True
        )
        return [(member.decode(), int(score)) for member, score in found]

    def ripe(self, queues: Sequence[str], until: int) -> list[bool]:
        pipeline: Any = self._client.pipeline(transaction=False)
        for queue in queues:
            pipeline.zrangebyscore(self._keys.queue(queue), "-inf", until, start=0, num=1)
        return [bool(found) for found in pipeline.execute()]

    def size(self, queue: str) -> int:
        return int(do(self._client, "ZCARD", self._keys.queue(queue)))

    def scan(self, table: Table) -> Iterator[tuple[str, bytes]]:
        for key, value in self._client.hscan_iter(self._keys.table(table), count=_BATCH):
            yield key.decode(), value

    def count(self, table: Table) -> int:
        return int(do(self._client, "HLEN", self._keys.table(table)))

    def decisions(self, entity: str, limit: int) -> list[bytes]:
        found: list[bytes] = (
            do(self._client, "LRANGE", self._keys.decisions(entity), -limit, -1) if limit else []
        )
        return found

    def counters(self) -> dict[str, int]:
        found: dict[bytes, bytes] = do(self._client, "HGETALL", self._keys.counters)
        return {name.decode(): int(value) for name, value in found.items()}

    def counter(self, name: str) -> int:
        return int(do(self._client, "HGET", self._keys.counters, name) or 0)

    def queues(self) -> Iterator[tuple[str, Iterator[tuple[str, int]]]]:
        """All queues that have members, with members and scores, in no order."""
        for name in self._names(self._keys.queue("")):
            members = self._client.zscan_iter(self._keys.queue(name), count=_BATCH)
            yield name, ((member.decode(), int(score)) for member, score in members)

    def all_decisions(self) -> Iterator[tuple[str, list[bytes]]]:
        """The closed decisions of every contact, oldest first; contacts in no order, perhaps twice."""
        for entities in in_batches(self._names(self._keys.decisions("")), _BATCH):
            pipeline = self._client.pipeline(transaction=False)
            for entity in entities:
                pipeline.lrange(self._keys.decisions(entity), 0, -1)
            yield from zip(entities, pipeline.execute(), strict=True)

    def fingerprint(self) -> dict[str, str]:
        return fingerprint(self)

    def _names(self, prefix: str) -> Iterator[str]:
        """What follows a prefix in the names of keys, in no order, perhaps twice."""
        for key in self._client.scan_iter(match=f"{prefix}*", count=_BATCH):
            yield key.decode().removeprefix(prefix)


def _operations(keys: GenerationKeys, changes: Changes) -> Iterator[_Operation]:
    for table, rows in changes.puts.items():
        yield _Operation("HSET", keys.table(table), [*chain.from_iterable(rows.items())])
    for table, gone in changes.deletes.items():
        yield _Operation("HDEL", keys.table(table), gone)
    for queue, scores in changes.queued.items():
        pairs = ((score, member) for member, score in scores.items())
        yield _Operation("ZADD", keys.queue(queue), [*chain.from_iterable(pairs)])
    for queue, members in changes.unqueued.items():
        yield _Operation("ZREM", keys.queue(queue), members)
    starts = {entity: -kept if kept else _BEHIND for entity, kept in changes.kept}
    for entity in {**starts, **changes.decisions}:
        closed = changes.decisions.get(entity, ())
        yield _Operation("RPUSH", keys.decisions(entity), [starts.get(entity, 0), *closed])
    yield _Operation("HINCRBY", keys.counters, [*chain.from_iterable(changes.counts.items())])
