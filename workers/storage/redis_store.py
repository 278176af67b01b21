"""One connection's stores on a Redis or Valkey server, and the way to reach it."""

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from workers.storage.batches import in_batches
from workers.storage.keys import CONNECTIONS, PASTS, Keys
from workers.storage.redis_coordination import RedisCoordination
from workers.storage.redis_generations import RedisGenerations
from workers.storage.redis_log import RedisLog
from workers.storage.redis_tables import RedisTables
from workers.storage.server import do

_BATCH = 1000  # keys that one call scans or unlinks


class RedisStores:
    """`Stores` of one connection, as one release sees it. Cheap to make; threads may share one.

    Raises:
        ValueError: if the connection's name cannot be part of a key.
    """

    def __init__(self, client: redis.Redis, connection: str, release: str = "") -> None:
        self._client = client
        self._keys = keys = Keys(connection)
        self.log = RedisLog(client, keys)
        self.generations = RedisGenerations(client, keys, release)
        self.coordination = RedisCoordination(client, keys, self.generations, self.log.packing)

    def compact(self) -> bool:
        """Have the server write its append-only file anew, without what was deleted; False if it refuses."""
        try:
            do(self._client, "BGREWRITEAOF")
        except redis.ResponseError:  # not allowed, not known, or under way
            return False
        return True

    def remove(self) -> None:
        """Remove all of it from the server."""
        for batch in in_batches(self._client.scan_iter(match=self._keys.every, count=_BATCH), _BATCH):
            do(self._client, "UNLINK", *batch)

    def tables(self) -> RedisTables:
        return self.generations.tables(self.generations.current())


MOST_CONNECTIONS = 1_000
"""Of one process to the server: more than it has threads, because one that gets none does not wait for it."""


def connect(url: str) -> redis.Redis:
    """Make a client for ``redis://``, ``rediss://`` or ``unix://``; nothing is sent yet.

    When the server goes away, a command is tried again for about two seconds before it raises, so it may be
    done twice. The stores bear that: at worst a commit that was done is refused, or a bell rung in vain. Of a
    claim that raises it is not known whether it was granted.
    """
    over_network = {} if url.startswith("unix:") else {"socket_keepalive": True, "socket_connect_timeout": 5}
    return redis.Redis.from_url(
        url,
        protocol=2,
        max_connections=MOST_CONNECTIONS,
        decode_responses=False,
        socket_timeout=10,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=1), 4),
        **over_network,
    )


def register_connection(client: redis.Redis, connection: str) -> None:
    """Let the server know that it keeps a connection."""
    do(client, "SADD", CONNECTIONS, connection)


def connections(client: redis.Redis) -> list[str]:
    """The connections that the server keeps, by name."""
    return sorted(name.decode() for name in do(client, "SMEMBERS", CONNECTIONS))


def register_past(client: redis.Redis, name: str, connection: str) -> None:
    """Let the server know that it keeps a past state of a connection under a name."""
    do(client, "HSET", PASTS, name, connection)


def forget_past(client: redis.Redis, name: str) -> None:
    """Let the server know that it keeps no past state of that name any more."""
    do(client, "HDEL", PASTS, name)


def pasts(client: redis.Redis) -> dict[str, str]:
    """The past states that the server keeps, whole or not, each with its connection."""
    found = do(client, "HGETALL", PASTS)
    return {name.decode(): connection.decode() for name, connection in sorted(found.items())}
