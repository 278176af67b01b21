"""Generations of tables: the current one, and beside it the one that a rebuild fills."""

from collections.abc import Iterable

import redis

from workers.storage.batches import in_batches
from workers.storage.keys import Keys, generation_of
from workers.storage.redis_tables import RedisTables
from workers.storage.server import do, load

_BATCH = 1000  # keys that one call scans or unlinks


class RedisGenerations:
    """`Generations` on a server."""

    def __init__(self, client: redis.Redis, keys: Keys, release: str = "") -> None:
        self.ours = release
        self._client = client
        self._keys = keys
        self._begin = load(client, "begin")
        self._switch = load(client, "switch")
        self._retire = load(client, "retire")
        self._take_over = load(client, "take_over")
        self._promote = load(client, "promote")

    def current(self) -> int:
        return int(do(self._client, "HGET", self._keys.generation, "current") or 1)

    def tables(self, generation: int) -> RedisTables:
        return RedisTables(self._client, self._keys, generation, self.ours)

    def release(self) -> str:
        found: bytes | None = do(self._client, "HGET", self._keys.generation, "release")
        return "" if found is None else found.decode()

    def take_over(self, expected: str) -> bool:
        return bool(self._take_over(keys=[self._keys.generation], args=[expected, self.ours]))

    def begin(self) -> int:
        number = int(self._begin(keys=[self._keys.generation]))
        current = self.current()
        self._unlink(key for key in self._scan("*") if current != generation_of(key) < number)
        return number

    def switch(self, to: int, expected_from: int) -> bool:
        new, old = self._keys.of(to), self._keys.of(expected_from)
        return bool(
            self._switch(
                keys=[self._keys.generation, new.checkpoint, old.checkpoint, self._keys.log],
                args=[to, expected_from],
            )
        )

    def promote(self, to: int, expected_from: int) -> bool:
        keys = [self._keys.generation, self._keys.of(expected_from).checkpoint]
        return bool(self._promote(keys=keys, args=[to, expected_from]))

    def drop(self, generation: int) -> None:
        if not self._retire(keys=[self._keys.generation], args=[generation]):
            raise ValueError(f"Generation {generation} is the current one.")
        self._unlink(self._scan(generation))

    def _scan(self, generation: int | str) -> Iterable[bytes]:
        pattern = f"{self._keys.of(generation).prefix}*"
        found: Iterable[bytes] = self._client.scan_iter(match=pattern, count=_BATCH)
        return found

    def _unlink(self, keys: Iterable[bytes]) -> None:
        for batch in in_batches(keys, _BATCH):
            do(self._client, "UNLINK", *batch)
