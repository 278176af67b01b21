"""Which servers may hold the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from workers.durability import check_durability
from workers.embedded import ensure, stop


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(ensure(tmp_path), protocol=2) as client:
        yield client
    stop(tmp_path)


def test_the_embedded_server_may_hold_the_log(server: redis.Redis) -> None:
    assert check_durability(server) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        pytest.param("maxmemory-policy", "allkeys-lru", "noeviction", id="it evicts"),
        pytest.param("appendonly", "no", "appendonly is no", id="it forgets at a restart"),
        pytest.param("appendfsync", "no", "appendfsync is no", id="it forgets at a power cut"),
    ],
)
def test_an_unfit_server_is_named_with_its_remedy(
    server: redis.Redis, name: str, value: str, says: str
) -> None:
    server.config_set(name, value)

    assert [says in problem for problem in check_durability(server)] == [True]


def test_a_replica_is_refused(server: redis.Redis) -> None:
    server.replicaof("127.0.0.1", "1")
    assert ["takes no writes" in problem for problem in check_durability(server)] == [True]


def test_a_server_that_hides_its_configuration_is_judged_by_what_it_shows(server: redis.Redis) -> None:
    server.acl_setuser("managed", enabled=True, nopass=True, commands=["+@all", "-config"])
    path = server.connection_pool.connection_kwargs["path"]
    with redis.Redis(unix_socket_path=path, username="managed", password="any", protocol=2) as managed:
        assert check_durability(managed) == []
