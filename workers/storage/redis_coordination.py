"""Leases, bells, tickets and cursors as plain keys; claims as one script over outbox, queue and log."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import redis

from domain.book import CLAIMS, Table
from workers.clock import new_id
from workers.storage.keys import Keys
from workers.storage.packing import Packed, Packing
from workers.storage.redis_generations import RedisGenerations
from workers.storage.server import do, load
from workers.store import Claim


class RedisCoordination:
    """`Coordination` on a server."""

    def __init__(
        self, client: redis.Redis, keys: Keys, generations: RedisGenerations, packing: Packing
    ) -> None:
        self._client = client
        self._packing = packing
        self._keys = keys
        self._generations = generations
        self._acquire = load(client, "acquire")
        self._release = load(client, "release")
        self._claim = load(client, "claim")

    def acquire(self, lease: str, owner: str, ttl_ms: int) -> bool:
        return bool(self._acquire(keys=self._lease(lease), args=[owner, ttl_ms]))

    def release(self, lease: str, owner: str) -> bool:
        return bool(self._release(keys=self._lease(lease), args=[owner]))

    def _lease(self, name: str) -> list[str]:
        return [self._keys.lease(name), self._keys.asked(name)]

    def ring(self, bell: str, ttl_ms: int) -> bool:
        return bool(self._client.set(self._keys.bell(bell), 1, nx=True, px=ttl_ms))

    def unring(self, bell: str) -> None:
        self._client.delete(self._keys.bell(bell))

    def tickets(self, number: int = 1) -> int:
        return int(do(self._client, "INCRBY", self._keys.tickets, number))

    def cursor(self, name: str) -> str | None:
        found: bytes | None = do(self._client, "HGET", self._keys.cursors, name)
        return None if found is None else found.decode()

    def cursors(self) -> dict[str, str]:
        found: dict[bytes, bytes] = do(self._client, "HGETALL", self._keys.cursors)
        return {name.decode(): value.decode() for name, value in found.items()}

    def set_cursor(self, name: str, value: str | None) -> None:
        if value is None:
            do(self._client, "HDEL", self._keys.cursors, name)
        else:
            do(self._client, "HSET", self._keys.cursors, name, value)

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        if not claims:
            return []
        generation = self._generations.current()
        keys = self._keys.of(generation)
        own = [self._keys.generation, keys.table(Table.OUTBOX), keys.queue(CLAIMS)]
        log = [self._keys.log, self._keys.dictionaries, *self._keys.ids]

        def keep(packed: Packed) -> Any:
            pairs = zip(claims, packed.events, strict=True)
            wishes = chain.from_iterable(claim._replace(event=event) for claim, event in pairs)
            keys = [*own, self._keys.answer(new_id()), *log]
            return self._claim(keys, [packed.number, packed.length, generation, *wishes])

        answer: bytes | None = self._packing.kept([claim.event for claim in claims], keep)
        return [False] * len(claims) if answer is None else [each == ord("1") for each in answer]
