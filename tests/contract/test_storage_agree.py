"""Memory and a server, asked the same in any order, answer the same."""

from collections.abc import Callable
from typing import TypeVar

import fakeredis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.book import CLAIMS, Changes, Table
from workers.clock import ManualClock
from workers.storage.memory import MemoryStores
from workers.storage.redis_store import RedisStores
from workers.store import START, Claim, Stores

_T = TypeVar("_T")

NAMES = st.sampled_from(["ada", "bob", "cyd|x"])
VALUES = st.sampled_from([b"", b"v1", b"\xffv2"])
TABLES = st.sampled_from([Table.CONTACTS, Table.OUTBOX])
QUEUES = st.sampled_from(["timers", CLAIMS])
NUMBERS = st.integers(1, 4)

CHANGES = st.builds(
    Changes,
    puts=st.dictionaries(TABLES, st.dictionaries(NAMES, VALUES)),
    deletes=st.dictionaries(TABLES, st.lists(NAMES, unique=True)),
    queued=st.dictionaries(QUEUES, st.dictionaries(NAMES, st.integers(0, 2**45))),
    unqueued=st.dictionaries(QUEUES, st.lists(NAMES, unique=True)),
    decisions=st.dictionaries(NAMES, st.lists(VALUES)),
    counts=st.dictionaries(NAMES, NUMBERS),
    kept=st.lists(st.tuples(NAMES, st.integers(0, 3)), unique_by=lambda each: each[0]),
)
CLAIM = st.builds(
    lambda key, value, attempt: Claim(key, value, attempt, key.encode().ljust(15) + bytes([attempt]), b"{}"),
    NAMES,
    VALUES,
    NUMBERS,
)


class Agreement(RuleBasedStateMachine):
    """Runs every step on both."""

    def __init__(self) -> None:
        super().__init__()
        server = fakeredis.FakeRedis(version=(7, 2))
        self.both: tuple[Stores, Stores] = (MemoryStores(ManualClock()), RedisStores(server, "acme"))

    def agreed(self, step: Callable[[Stores], _T]) -> _T:
        in_memory, on_server = map(step, self.both)
        assert in_memory == on_server
        return on_server

    @rule(ids=st.lists(NUMBERS), documents=st.dictionaries(NAMES, VALUES))
    def append(self, ids: list[int], documents: dict[str, bytes]) -> None:
        events = [(bytes([number]) * 16, b"{}") for number in ids]
        self.agreed(lambda stores: stores.log.append(events, documents))

    @rule(generation=NUMBERS, changes=CHANGES, limit=NUMBERS, stale=st.booleans())
    def project(self, generation: int, changes: Changes, limit: int, *, stale: bool) -> None:
        def step(stores: Stores) -> bool:
            tables = stores.generations.tables(generation)
            entries = stores.log.read(tables.checkpoint(), limit)
            position = entries[-1].position if entries else tables.checkpoint()
            return tables.commit("stale" if stale else tables.checkpoint(), position, changes)

        self.agreed(step)

    @rule(claims=st.lists(CLAIM))
    def claim(self, claims: list[Claim]) -> None:
        self.agreed(lambda stores: stores.coordination.claim(claims))

    @rule()
    def begin(self) -> None:
        self.agreed(lambda stores: stores.generations.begin())

    @rule(to=NUMBERS, expected_from=NUMBERS)
    def switch(self, to: int, expected_from: int) -> None:
        self.agreed(lambda stores: stores.generations.switch(to, expected_from))

    @rule()
    def catch_up_and_switch(self) -> None:
        def step(stores: Stores) -> bool:
            generations, empty = stores.generations, Changes({}, {}, {}, {}, {}, {})
            current, new = generations.current(), generations.begin()
            for tables in map(generations.tables, (current, new)):
                assert tables.commit(tables.checkpoint(), stores.log.tail(), empty)
            return generations.switch(new, current)

        assert self.agreed(step)

    @rule(generation=NUMBERS)
    def drop(self, generation: int) -> None:
        if generation != self.agreed(lambda stores: stores.generations.current()):
            for stores in self.both:
                stores.generations.drop(generation)

    @rule(queue=QUEUES, until=st.integers(0, 2**45), limit=st.integers(0, 3))
    def due(self, queue: str, until: int, limit: int) -> None:
        self.agreed(lambda stores: stores.tables().due(queue, until, limit))
        self.agreed(lambda stores: stores.tables().ripe([queue, "another"], until))

    @rule(entity=NAMES, limit=st.integers(0, 3))
    def decisions(self, entity: str, limit: int) -> None:
        self.agreed(lambda stores: stores.tables().decisions(entity, limit))

    @invariant()
    def all_is_equal(self) -> None:
        self.agreed(lambda stores: [stores.generations.tables(n).fingerprint() for n in range(1, 5)])
        self.agreed(lambda stores: [entry.raw for entry in stores.log.read(START, 1_000)])
        self.agreed(lambda stores: (stores.log.length(), stores.log.appended(), stores.log.tail() == START))


Agreement.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
test_memory_and_a_server_agree = Agreement.TestCase
