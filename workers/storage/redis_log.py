"""The log as a Redis stream of one field, ``event``, packed; ids and documents beside it."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import redis

from workers.connection import position_of
from workers.storage.keys import Keys
from workers.storage.packing import Packed, Packing
from workers.storage.server import do, load
from workers.store import START, Entry, Trimmed

NO_LOG = "no such key"
"""What servers say of a log to which nothing was ever appended."""


class RedisLog:
    """An `EventLog` on a server. Positions, and the days that ids are kept by, are of the server's clock."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.packing = Packing(client, keys.dictionaries)
        self._client = client
        self._keys = keys
        self._append = load(client, "append")
        self._trim = load(client, "trim")
        self._purge = load(client, "purge")
        self._resume = load(client, "resume")
        self._remember = load(client, "remember")
        client.set_response_callback("XRANGE", _as_it_came)

    def append(
        self, events: Sequence[tuple[bytes, bytes]], documents: Mapping[str, bytes] | None = None
    ) -> int:
        documents = documents or {}
        if not events and not documents:
            return 0
        keys = [self._keys.log, self._keys.documents, self._keys.dictionaries, *self._keys.ids]
        named = [len(documents), *chain.from_iterable(documents.items())]
        ids = [event_id for event_id, _ in events]

        def keep(packed: Packed) -> Any:
            pairs = zip(ids, packed.events, strict=True)
            return self._append(keys, [packed.number, packed.length, *named, *chain.from_iterable(pairs)])

        return int(self.packing.kept([event for _, event in events], keep))

    def read(self, after: str, limit: int, wanted: bytes | None = None) -> list[Entry]:
        pipeline: Any = self._client.pipeline(transaction=False)
        pipeline.execute_command("XRANGE", self._keys.log, f"({after}", "+", "COUNT", limit)
        pipeline.get(self._keys.begins)  # asked second: whatever is trimmed up to it may have been missed
        found, begins = pipeline.execute()
        if begins is not None and position_of(begins.decode()) > position_of(after):
            raise Trimmed(after)
        events = self.packing.unpack([event for _, (_, event) in found], wanted)
        return [*map(Entry, [position.decode() for position, _ in found], events)]

    def begins(self) -> str:
        found: bytes | None = do(self._client, "GET", self._keys.begins)
        return START if found is None else found.decode()

    def trim(self, until: str) -> int:
        return int(self._trim(keys=[self._keys.log, self._keys.begins], args=[until]))

    def purge(self) -> None:
        self._purge(keys=[self._keys.log, f"{self._keys.log}:anew"])

    def resume(self, position: str, appended: int) -> None:
        moment, number = position_of(position)
        behind = f"{moment}-{number + 1}"
        self._resume(keys=[self._keys.log, self._keys.begins], args=[position, appended, behind])

    def remember(self, ids: Sequence[bytes]) -> None:
        if ids:
            self._remember(keys=self._keys.ids, args=ids)

    def tail(self) -> str:
        newest: bytes | None = self._facts().get("last-generated-id")
        return START if newest is None else newest.decode()

    def length(self) -> int:
        return int(do(self._client, "XLEN", self._keys.log))

    def appended(self) -> int:
        return int(self._facts().get("entries-added", 0))

    def document(self, digest: str) -> bytes | None:
        found: bytes | None = do(self._client, "HGET", self._keys.documents, digest)
        return found

    def _facts(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = do(self._client, "XINFO STREAM", self._keys.log)
        except redis.ResponseError as error:
            if NO_LOG in str(error).lower():
                return {}
            raise
        return facts


def _as_it_came(answer: Any, **_: Any) -> Any:
    """An answer without dictionaries, which the client would make of the single field of each entry."""
    return answer
