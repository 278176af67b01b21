"""What the stores promise of a server: its keys, what lasts how long, and answers that are lost."""

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fakeredis
import pytest
import redis

from domain.book import CLAIMS, Changes, Table
from domain.state import Priority
from workers.limits import RedisLimiter, hubspot
from workers.storage.keys import ALL, CONNECTIONS, PASTS, Keys
from workers.storage.redis_coordination import RedisCoordination
from workers.storage.redis_generations import RedisGenerations
from workers.storage.redis_store import (
    RedisStores,
    connect,
    connections,
    forget_past,
    pasts,
    register_connection,
    register_past,
)
from workers.store import START, Claim

DAY = 86_400
EVENT = (b"e" * 16, b"{}")
CLAIM = Claim("ada|salesforce", b"v1", 1, b"c" * 16, b"{}")
CHANGES = Changes(
    puts={table: {"a": b"1", "b": b"2"} for table in Table} | {Table.OUTBOX: {CLAIM.key: CLAIM.value}},
    deletes={Table.CONTACTS: ["b"]},
    queued={"timers": {"a|retry": 1, "b|retry": 2}},
    unqueued={"timers": ["b|retry"]},
    decisions={"ada": [b"{}"]},
    counts={"events": 1},
)


@pytest.fixture(params=["fakeredis", "valkey"])
def client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    if request.param == "fakeredis":
        yield fakeredis.FakeRedis(version=(7, 2))
    else:
        with connect(request.getfixturevalue("server_url")) as client:
            client.flushall()
            yield client


def use_everything(client: redis.Redis, connection: str) -> RedisStores:
    """Leave at least one key of every kind behind."""
    stores = RedisStores(client, connection)
    register_connection(client, connection)
    register_past(client, "then", connection)
    stores.log.append([EVENT], {"d": b"document"})
    stores.log.trim("1-0")
    assert stores.tables().commit(START, stores.log.tail(), CHANGES)
    assert stores.coordination.claim([CLAIM]) == [True]
    stores.coordination.acquire("project", "me", 60_000)
    stores.coordination.acquire("project", "you", 60_000)
    stores.coordination.ring("project", 60_000)
    stores.log.packing.learn(b"what events look like")
    stores.coordination.tickets()
    stores.coordination.set_cursor("hubspot", "5")
    building = stores.generations.begin()
    assert stores.generations.tables(building).commit(START, "1-0", CHANGES)
    for priority in Priority:
        limiter = RedisLimiter(client, f"{{{connection}}}:limit:hubspot", hubspot())
        assert not limiter.acquire(1, priority=priority, search=True).wait_ms
    return stores


def names(client: redis.Redis) -> set[bytes]:
    return {*client.scan_iter(count=1_000)}


def contents(client: redis.Redis) -> dict[bytes, bytes | None]:
    return {key: client.dump(key) for key in names(client)}


# -- keys


def pattern(name: str) -> re.Pattern[bytes]:
    """What a name in the table of keys stands for, of the connection ``acme``."""
    known = {"<n>": r"\d+", "<0-2>": "[0-2]"}
    parts = re.split(r"(<[^>]+>)", name.replace("{c}", "{acme}"))
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = (known.get(p) or ("|".join(p[1:-1].split("/")) if "/" in p else ".+") for p in parts[1::2])
    return re.compile("".join(f"(?:{part})" for part in parts).encode())


def test_the_table_of_keys_names_exactly_what_there_is(client: redis.Redis) -> None:
    use_everything(client, "acme")
    found = {key: client.type(key) for key in names(client)}

    fitting = {key: [k for k in ALL if pattern(k.name).fullmatch(key)] for key in found}
    assert {key: [k.type.encode() for k in lines] for key, lines in fitting.items()} == {
        key: [kind] for key, kind in found.items()
    }
    assert {line for lines in fitting.values() for line in lines} == {*ALL}


@pytest.mark.rule(43)
def test_connections_do_not_see_each_other(client: redis.Redis) -> None:
    use_everything(client, "acme")
    before = contents(client)
    other = RedisStores(client, "acme2")

    assert (other.log.length(), other.tables().checkpoint(), other.coordination.cursor("hubspot")) == (
        0,
        START,
        None,
    )
    assert other.coordination.acquire("project", "me", 60_000)
    use_everything(client, "acme2").generations.drop(2)
    assert {key: value for key, value in contents(client).items() if b"{acme}" in key} == {
        key: value for key, value in before.items() if b"{acme}" in key
    }


def test_dropping_a_generation_removes_its_keys_and_no_others(client: redis.Redis) -> None:
    stores = use_everything(client, "acme")
    before = names(client)

    stores.generations.drop(2)
    gone = before - names(client)
    assert gone == {key for key in before if key.startswith(b"{acme}:g2:")}
    assert gone


def test_beginning_a_generation_removes_what_earlier_ones_left(client: redis.Redis) -> None:
    stores = use_everything(client, "acme")
    before = names(client)

    assert stores.generations.begin() == 3
    assert names(client) == {key for key in before if not key.startswith(b"{acme}:g2:")}


@pytest.mark.parametrize("client", ["valkey"], indirect=True)
def test_not_a_byte_of_what_was_trimmed_is_left_in_the_servers_memory(client: redis.Redis) -> None:
    log = RedisStores(client, "acme").log
    log.append([(bytes([n]) * 16, b"secret" if n < 3 else b"public") for n in range(6)])
    entries = log.read(START, 10)
    log.trim(entries[2].position)

    log.purge()
    assert b"secret" not in (client.dump(Keys("acme").log) or b"")
    assert log.read(entries[2].position, 10) == entries[3:]
    assert (log.tail(), log.length(), log.appended()) == (entries[-1].position, 3, 6)
    assert names(client) == {b"{acme}:log", b"{acme}:begins", *client.keys("*ids*")}

    log.trim(log.tail())
    log.purge()
    assert (log.tail(), log.length(), log.appended()) == (entries[-1].position, 0, 6)


@pytest.mark.parametrize("name", ["", "a{b}", "a:b", "a*", "a b", "{acme}", "-a"])
def test_a_name_that_cannot_be_part_of_a_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a connection"):
        RedisStores(fakeredis.FakeRedis(), name)


def test_a_server_lists_its_connections(client: redis.Redis) -> None:
    assert connections(client) == []
    for name in ("zeta", "acme", "zeta"):
        register_connection(client, name)

    assert connections(client) == ["acme", "zeta"]
    assert names(client) == {CONNECTIONS.encode()}


def test_a_past_state_is_removed_and_nothing_else(client: redis.Redis) -> None:
    use_everything(client, "acme")
    before = names(client)
    stores = use_everything(client, "acme2")
    use_everything(client, "a")
    stores.remove()
    RedisStores(client, "a").remove()
    forget_past(client, "then")

    assert names(client) == before - {PASTS.encode()}
    assert pasts(client) == {}


# -- nothing is written by halves


@pytest.mark.parametrize("name", ["contacts", "meta", "queue:timers", "decisions:ada", "counters"])
def test_a_commit_to_a_key_of_another_type_writes_nothing(client: redis.Redis, name: str) -> None:
    stores = RedisStores(client, "acme")
    client.set(f"{{acme}}:g1:{name}", "spoilt")
    before = contents(client)

    with pytest.raises(redis.ResponseError, match=f"WRONGTYPE.*{name}"):
        stores.tables().commit(START, "1-0", CHANGES)
    assert contents(client) == before


@pytest.mark.parametrize("name", ["log", "documents", "ids:0", "ids:1", "ids:2"])
def test_an_append_to_a_key_of_another_type_writes_nothing(client: redis.Redis, name: str) -> None:
    client.set(f"{{acme}}:{name}", "spoilt")
    before = contents(client)

    with pytest.raises(redis.ResponseError, match=f"WRONGTYPE.*{name}"):
        RedisStores(client, "acme").log.append([EVENT], {"d": b""})
    assert contents(client) == before


@pytest.mark.parametrize("name", ["log", "ids:0", "g1:outbox", "g1:queue:claims"])
def test_a_claim_on_a_key_of_another_type_writes_nothing(client: redis.Redis, name: str) -> None:
    client.set(f"{{acme}}:{name}", "spoilt")
    before = contents(client)

    with pytest.raises(redis.ResponseError, match=f"WRONGTYPE.*{name}"):
        RedisStores(client, "acme").coordination.claim([CLAIM])
    assert contents(client) == before


# -- what lasts how long


def test_ids_are_remembered_for_two_days_at_least(client: redis.Redis) -> None:
    RedisStores(client, "acme").log.append([EVENT])

    [ids] = client.keys("{acme}:ids:*")
    assert 2 * DAY < client.ttl(ids) <= 3 * DAY


@pytest.mark.parametrize("day", [0, 1, 2])
def test_an_id_of_any_remembered_day_is_known(client: redis.Redis, day: int) -> None:
    client.sadd(f"{{acme}}:ids:{day}", EVENT[0])

    assert RedisStores(client, "acme").log.append([EVENT]) == 0


def test_leases_and_bells_end_by_themselves(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.coordination.acquire("project", "me", 5_000)
    stores.coordination.ring("project", 5_000)
    assert 0 < client.pttl("{acme}:lease:project") <= 5_000
    assert 0 < client.pttl("{acme}:bell:project") <= 5_000

    stores.coordination.acquire("project", "me", 50_000)
    assert client.pttl("{acme}:lease:project") > 5_000


def test_a_trimmed_log_knows_its_tail_and_how_much_was_appended(client: redis.Redis) -> None:
    log = RedisStores(client, "acme").log
    log.append([EVENT])
    tail = log.tail()
    client.xtrim("{acme}:log", maxlen=0, approximate=False)

    assert (log.length(), log.appended(), log.tail()) == (0, 1, tail)
    assert log.append([EVENT]) == 0


def test_a_server_that_forgot_the_scripts_gets_them_again(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.log.append([EVENT])
    client.script_flush()

    assert stores.log.append([EVENT]) == 0


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0", "unix:///nowhere/v.sock"])
def test_every_kind_of_address_is_understood_and_no_wait_is_endless(url: str) -> None:
    pool = connect(url).connection_pool

    assert pool.make_connection()
    assert 0 < pool.connection_kwargs["socket_timeout"] <= 10


# -- several at once, and answers that are lost


class AMomentAgo(RedisGenerations):
    """Generations as they were before a switch."""

    def current(self) -> int:
        return 1


def test_a_claim_that_meets_a_switch_of_generations_is_refused(client: redis.Redis) -> None:
    stores, keys = RedisStores(client, "acme"), Keys("acme")
    new = stores.generations.begin()
    for generation in (1, new):
        stores.generations.tables(generation).commit(START, START, CHANGES)
    assert stores.generations.switch(new, expected_from=1)

    late = RedisCoordination(client, keys, AMomentAgo(client, keys), stores.log.packing)
    assert late.claim([CLAIM]) == [False]
    assert stores.log.length() == 0
    assert stores.coordination.claim([CLAIM]) == [True]


def test_of_many_deliverers_one_gets_the_claim(server_url: str) -> None:
    with connect(server_url) as client:
        client.flushall()
        stores = RedisStores(client, "acme")
        stores.tables().commit(START, "1-0", CHANGES)
        claims = [CLAIM._replace(event_id=bytes([number]) * 16) for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            granted = list(pool.map(lambda claim: stores.coordination.claim([claim]), claims))

    assert sorted(granted) == [[False]] * 39 + [[True]]


class Relay:
    """Passes bytes between clients and the server; ``cut`` hangs up instead of answering the next script."""

    def __init__(self, path: Path, upstream: str) -> None:
        self.cut = threading.Event()
        self._upstream = upstream
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._upstream)
            while asked := client.recv(65_536):
                server.sendall(asked)
                answer = server.recv(65_536)
                if b"EVALSHA" in asked and self.cut.is_set():
                    self.cut.clear()
                    return
                client.sendall(answer)


@pytest.fixture
def relay(server_url: str, tmp_path: Path) -> Iterator[tuple[Relay, RedisStores]]:
    with connect(server_url) as direct:
        direct.flushall()
    relay = Relay(tmp_path / "s", server_url.removeprefix("unix://"))
    with connect(f"unix://{tmp_path / 's'}") as client:
        yield relay, RedisStores(client, "acme")
    relay.close()


def test_an_append_whose_answer_is_lost_is_done_once(relay: tuple[Relay, RedisStores]) -> None:
    line, stores = relay
    stores.log.append([EVENT])
    line.cut.set()

    stores.log.append([(b"f" * 16, b"{}")])
    assert not line.cut.is_set()
    assert stores.log.length() == 2


def test_a_commit_whose_answer_is_lost_is_done_once(relay: tuple[Relay, RedisStores]) -> None:
    line, stores = relay
    tables = stores.tables()
    tables.commit(START, "1-0", CHANGES)
    line.cut.set()

    assert not tables.commit("1-0", "2-0", CHANGES)
    assert not line.cut.is_set()
    assert (tables.checkpoint(), tables.counters()) == ("2-0", {"events": 2})


def test_a_claim_whose_answer_is_lost_is_still_granted(relay: tuple[Relay, RedisStores]) -> None:
    line, stores = relay
    stores.tables().commit(START, "1-0", CHANGES)
    other = CLAIM._replace(key="nobody", event_id=b"d" * 16)
    stores.coordination.claim([other])
    line.cut.set()

    assert stores.coordination.claim([other, CLAIM]) == [False, True]
    assert not line.cut.is_set()
    assert stores.tables().due(CLAIMS, 9, 9) == [(CLAIM.key, 1)]
    assert stores.log.length() == 1
    assert stores.coordination.claim([other, CLAIM]) == [False, False]
