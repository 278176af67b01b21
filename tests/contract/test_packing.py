"""Entries of the log, packed by what events look like, and read as they were written."""

import fakeredis
import pytest
import redis

from domain.events import RecordObserved, encode, event_id
from domain.identity import Crm, Fields
from workers.storage.packing import DICTIONARIES, LostDictionary
from workers.storage.redis_store import RedisStores
from workers.storage.server import do
from workers.store import START, Claim

NAMES = [f"a_rather_long_property_{number}" for number in range(30)]
DICTIONARY = encode(
    RecordObserved(
        crm=Crm.HUBSPOT,
        object="contacts",
        id="",
        fields=dict.fromkeys(NAMES, ""),
        modified_at=0,
        ticket=0,
        source="poll",
    )
)


@pytest.fixture
def client() -> redis.Redis:
    return fakeredis.FakeRedis(version=(7, 2))


def event(number: int) -> bytes:
    fields: Fields = {name: f"{name[-2:]} of {number}" for name in NAMES}
    return encode(
        RecordObserved(
            crm=Crm.HUBSPOT,
            object="contacts",
            id=str(number),
            fields=fields,
            modified_at=number,
            ticket=number,
            source="poll",
        )
    )


def append(stores: RedisStores, *events: bytes) -> None:
    stores.log.append([(b"id of " + each, each) for each in events])


def read(stores: RedisStores) -> list[bytes]:
    return [entry.raw for entry in stores.log.read(START, 100)]


def kept(client: redis.Redis) -> list[bytes]:
    """The entries as the server holds them."""
    return [event for _, (_, event) in do(client, "XRANGE", "{acme}:log", "-", "+")]


def test_what_was_appended_before_and_after_a_dictionary_is_read_alike(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    append(stores, event(1))
    stores.log.packing.learn(DICTIONARY)
    append(stores, event(2), event(3))
    stores.log.packing.learn(DICTIONARY + b" of other names")
    append(stores, event(4))
    assert read(stores) == read(RedisStores(client, "acme")) == [event(number) for number in (1, 2, 3, 4)]


def test_an_entry_that_nobody_will_look_at_stays_packed(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    append(stores, event(1), event(2))
    packed, _ = kept(client)
    assert [entry.raw for entry in stores.log.read(START, 100, b"\0\1")] == [packed, event(2)]


def test_a_packed_entry_takes_little_more_than_its_values(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    append(stores, event(1))
    (entry,) = kept(client)
    assert len(entry) < len(event(1)) / 4


def test_who_has_appended_before_there_was_a_dictionary_packs_once_another_process_has_made_one(
    client: redis.Redis,
) -> None:
    """As the web process does, which lives on while the first configuration comes into force."""
    stores = RedisStores(client, "acme")
    append(stores, event(1))
    RedisStores(client, "acme").log.packing.learn(DICTIONARY)
    append(stores, event(2))
    plain, packed = kept(client)
    assert plain == event(1)
    assert len(packed) < len(event(2)) / 4


def test_a_claim_is_packed_as_well(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    do(client, "HSET", "{acme}:g1:outbox", "hubspot|1", b"intent")
    assert stores.coordination.claim([Claim("hubspot|1", b"intent", 1, b"id", event(1))]) == [True]
    assert len(kept(client)[0]) < len(event(1)) / 4
    assert read(stores) == [event(1)]


def test_what_would_not_get_shorter_stays_as_it_is(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    append(stores, b"{}")
    assert kept(client) == [b"{}"]


@pytest.mark.parametrize("junk", [b"", b"\x01 is no frame", b"\xff\x00", b"text"])
def test_bytes_that_are_no_event_are_read_as_they_are(client: redis.Redis, junk: bytes) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    do(client, "XADD", "{acme}:log", "*", "event", junk)
    assert read(stores) == [junk]


def test_a_log_whose_dictionary_is_gone_is_not_taken_for_one_without_events(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    append(stores, event(1))
    client.delete("{acme}:dictionaries")
    with pytest.raises(LostDictionary):
        read(RedisStores(client, "acme"))


def test_a_process_that_outlives_its_server_packs_by_no_dictionary_that_the_new_one_lacks(
    client: redis.Redis,
) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    append(stores, event(1))
    client.flushall()
    append(stores, event(2))
    assert read(RedisStores(client, "acme")) == [event(2)]

    RedisStores(client, "acme").log.packing.learn(DICTIONARY + b" of other names")
    append(stores, event(3))
    assert kept(client)[1] != event(3)
    client.flushall()
    RedisStores(client, "acme").log.packing.learn(DICTIONARY)
    append(stores, event(4))
    assert read(RedisStores(client, "acme")) == [event(4)] == read(stores)


def test_a_claim_outlives_its_server_as_well(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    stores.log.packing.learn(DICTIONARY)
    append(stores, event(1))
    client.flushall()
    do(client, "HSET", "{acme}:g1:outbox", "ada", b"intent")
    claim = Claim("ada", b"intent", 1, b"i" * 16, event(2))
    assert stores.coordination.claim([claim]) == [True]
    assert read(RedisStores(client, "acme")) == [event(2)]


def test_a_dictionary_that_comes_back_keeps_its_number(client: redis.Redis) -> None:
    packing = RedisStores(client, "acme").log.packing
    for _ in range(DICTIONARIES):
        packing.learn(DICTIONARY)
        packing.learn(DICTIONARY + b" of other names")
    assert do(client, "HKEYS", "{acme}:dictionaries") == [b"1", b"current", b"2"]


def test_the_last_of_many_dictionaries_goes_on(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    for number in range(DICTIONARIES + 5):
        stores.log.packing.learn(DICTIONARY + b"%d" % number)
        append(stores, event(number))
    assert read(stores) == [event(number) for number in range(DICTIONARIES + 5)]


def test_an_event_is_known_again_however_it_was_packed(client: redis.Redis) -> None:
    stores = RedisStores(client, "acme")
    fact = RecordObserved(
        crm=Crm.HUBSPOT, object="contacts", id="1", fields={}, modified_at=1, ticket=1, source="poll"
    )
    assert stores.log.append([(event_id(fact), encode(fact))]) == 1
    stores.log.packing.learn(DICTIONARY)
    assert stores.log.append([(event_id(fact), encode(fact))]) == 0
