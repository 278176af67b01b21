"""A log server for one run."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from workers import embedded
from workers.storage.redis_store import connect


@contextmanager
def running() -> Iterator[tuple[redis.Redis, str]]:
    """A server of its own on a unix socket, and its URL."""
    with tempfile.TemporaryDirectory() as folder:
        url = embedded.ensure(Path(folder))
        try:
            with connect(url) as client:
                yield client, url
        finally:
            embedded.stop(Path(folder))
