"""What every store promises, asked of memory, of fakeredis and of a real server."""

from collections.abc import Iterator

import fakeredis
import pytest

from domain.book import CLAIMS, Changes, Table
from workers.clock import ManualClock
from workers.storage.memory import MemoryStores
from workers.storage.redis_store import RedisStores, connect
from workers.store import START, Claim, Stores, Tables, Trimmed

NOTHING = Changes({}, {}, {}, {}, {}, {})
OUTBOX = {"ada/salesforce": b"v1", "bob/salesforce": b"v1"}


@pytest.fixture(params=["memory", "fakeredis", "valkey"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        yield MemoryStores(ManualClock())
    elif request.param == "fakeredis":
        yield RedisStores(fakeredis.FakeRedis(version=(7, 2)), "acme")
    else:
        with connect(request.getfixturevalue("server_url")) as client:
            client.flushall()
            yield RedisStores(client, "acme")


def event(number: int) -> tuple[bytes, bytes]:
    return number.to_bytes(16), b'{"number":%d}' % number


def events(*numbers: int) -> list[tuple[bytes, bytes]]:
    return [event(number) for number in numbers]


def changes(
    *,
    puts: dict[Table, dict[str, bytes]] | None = None,
    deletes: dict[Table, list[str]] | None = None,
    queued: dict[str, dict[str, int]] | None = None,
    unqueued: dict[str, list[str]] | None = None,
    decisions: dict[str, list[bytes]] | None = None,
    counts: dict[str, int] | None = None,
) -> Changes:
    return Changes(puts or {}, deletes or {}, queued or {}, unqueued or {}, decisions or {}, counts or {})


def claim(key: str, value: bytes = b"v1", attempt: int = 1) -> Claim:
    name = f"{key}#{attempt}".encode()
    return Claim(key, value, attempt, name.rjust(16, b"_")[-16:], name)


def with_outbox(stores: Stores) -> Stores:
    assert stores.tables().commit(START, "1-0", changes(puts={Table.OUTBOX: OUTBOX}))
    return stores


# -- the log


def test_an_empty_log_has_no_tail(stores: Stores) -> None:
    assert stores.log.tail() == START
    assert stores.log.length() == stores.log.appended() == 0
    assert stores.log.read(START, 10) == []
    assert stores.log.document("unheard-of") is None


def test_events_are_read_in_the_order_they_were_appended(stores: Stores) -> None:
    assert stores.log.append(events(1, 2)) == 2
    assert stores.log.append(events(3)) == 1

    read = stores.log.read(START, 10)
    assert [entry.raw for entry in read] == [raw for _, raw in events(1, 2, 3)]
    assert stores.log.tail() == read[-1].position
    assert stores.log.length() == stores.log.appended() == 3


def test_reading_goes_on_behind_a_position(stores: Stores) -> None:
    stores.log.append(events(*range(10)))

    first = stores.log.read(START, 4)
    rest = stores.log.read(first[-1].position, 100)
    assert [entry.raw for entry in first + rest] == [raw for _, raw in events(*range(10))]
    assert stores.log.read(rest[-1].position, 1) == []


def test_the_wanted_entries_are_read_at_their_places_whatever_comes_of_the_others(stores: Stores) -> None:
    stores.log.append(events(*range(4)))

    everything, some = stores.log.read(START, 10), stores.log.read(START, 10, b"\0\1\0")
    assert [entry.position for entry in some] == [entry.position for entry in everything]
    assert some[1] == everything[1]
    assert some[3] == everything[3], "what nothing is said about is wanted"


def test_an_event_whose_id_is_known_is_not_appended_again(stores: Stores) -> None:
    stores.log.append(events(1, 2))

    assert stores.log.append(events(2, 3, 3, 1)) == 1
    assert [entry.raw for entry in stores.log.read(START, 10)] == [raw for _, raw in events(1, 2, 3)]


def test_documents_come_with_the_events_that_name_them(stores: Stores) -> None:
    stores.log.append(events(1), {"d1": b"one", "d2": b"\x00\xff"})
    stores.log.append([], {"d1": b"another"})

    assert stores.log.document("d1") == b"one"
    assert stores.log.document("d2") == b"\x00\xff"


def test_appending_nothing_is_nothing(stores: Stores) -> None:
    assert stores.log.append([]) == 0
    assert stores.log.tail() == START


def test_a_batch_may_be_longer_than_a_script_can_unpack(stores: Stores) -> None:
    assert stores.log.append(events(*range(9_000))) == 9_000
    assert stores.log.append(events(*range(8_000, 9_001))) == 1


def test_what_is_trimmed_is_told_from_what_never_was(stores: Stores) -> None:
    stores.log.append(events(*range(10)))
    entries = stores.log.read(START, 10)
    assert stores.log.begins() == START
    assert stores.log.trim(entries[3].position) == 4

    assert stores.log.begins() == entries[3].position
    assert stores.log.read(entries[3].position, 10) == entries[4:]
    for lost in (START, entries[2].position):
        with pytest.raises(Trimmed):
            stores.log.read(lost, 1)


def test_trimming_goes_forward_only(stores: Stores) -> None:
    stores.log.append(events(*range(10)))
    entries = stores.log.read(START, 10)
    stores.log.trim(entries[5].position)

    assert stores.log.trim(entries[2].position) == 0
    assert stores.log.trim(entries[5].position) == 0
    assert stores.log.begins() == entries[5].position


def test_a_log_that_is_trimmed_to_nothing_goes_on_where_it_was(stores: Stores) -> None:
    stores.log.append(events(1, 2))
    tail = stores.log.tail()
    assert stores.log.trim(tail) == 2

    assert (stores.log.tail(), stores.log.length(), stores.log.appended()) == (tail, 0, 2)
    assert stores.log.read(tail, 5) == []
    assert stores.log.append(events(2, 3)) == 1
    assert [entry.raw for entry in stores.log.read(tail, 5)] == [raw for _, raw in events(3)]
    assert (stores.log.length(), stores.log.appended()) == (1, 3)


LATER = "9000000000000-5"  # no clock is there yet


@pytest.fixture
def resumable(request: pytest.FixtureRequest, stores: Stores) -> Stores:
    if request.node.callspec.params["stores"] == "fakeredis":
        pytest.skip("fakeredis does not know XSETID")
    return stores


def test_a_new_log_goes_on_behind_a_position_that_it_never_reached(resumable: Stores) -> None:
    resumable.log.resume(LATER, 100)
    assert (resumable.log.begins(), resumable.log.tail()) == (LATER, LATER)
    assert (resumable.log.length(), resumable.log.appended()) == (0, 100)
    assert resumable.log.append(events(1, 2)) == 2

    assert [entry.position for entry in resumable.log.read(LATER, 5)] == [
        "9000000000000-6",
        "9000000000000-7",
    ]
    assert (resumable.log.length(), resumable.log.appended()) == (2, 102)
    with pytest.raises(Trimmed):
        resumable.log.read(START, 1)


def test_a_log_that_was_set_back_goes_on_behind_what_it_had_not(resumable: Stores) -> None:
    resumable.log.append(events(1, 2))
    resumable.log.resume(LATER, 7)

    assert (resumable.log.length(), resumable.log.appended(), resumable.log.tail()) == (0, 7, LATER)
    assert resumable.log.append(events(2, 3)) == 1


def test_a_log_that_resumes_keeps_what_is_behind_the_position(resumable: Stores) -> None:
    resumable.log.append(events(1, 2, 3))
    first, *rest = resumable.log.read(START, 3)
    resumable.log.resume(first.position, 50)
    resumable.log.resume(first.position, 50)

    assert resumable.log.read(first.position, 5) == rest
    assert (resumable.log.length(), resumable.log.appended()) == (2, 52)
    assert resumable.log.tail() == rest[-1].position


def test_ids_that_are_remembered_are_known(stores: Stores) -> None:
    stores.log.remember([])
    stores.log.remember([event(1)[0], event(2)[0]])

    assert stores.log.append(events(1, 2, 3)) == 1


def test_a_generation_that_was_filled_takes_the_place_of_an_empty_one(stores: Stores) -> None:
    number = stores.generations.begin()
    built = stores.generations.tables(number)
    assert built.commit(START, "5-0", changes(puts={Table.REFS: {"a": b"b"}}))
    assert stores.generations.promote(number, 1)

    assert (stores.generations.current(), stores.tables().checkpoint()) == (number, "5-0")
    assert not stores.generations.promote(number, number)


def test_a_generation_that_somebody_committed_to_keeps_its_place(stores: Stores) -> None:
    number = stores.generations.begin()
    assert stores.tables().commit(START, "1-0", NOTHING)

    assert not stores.generations.promote(number, 1)
    assert stores.generations.current() == 1


def test_only_one_release_commits(stores: Stores) -> None:
    stores.generations.ours = "one"  # type: ignore[misc]
    assert stores.generations.release() == ""
    assert stores.generations.take_over("")
    assert not stores.generations.take_over("")
    assert stores.tables().commit(START, "1-0", NOTHING)
    stores.generations.ours = "other"  # type: ignore[misc]

    assert stores.generations.release() == "one"
    assert not stores.tables().commit("1-0", "2-0", NOTHING)
    assert stores.generations.take_over("one")
    assert stores.tables().commit("1-0", "2-0", NOTHING)


# -- the tables


def test_a_new_generation_is_empty(stores: Stores) -> None:
    tables = stores.tables()

    assert tables.checkpoint() == START
    assert tables.fetch(Table.CONTACTS, ["ada"]) == [None]
    assert tables.fetch(Table.CONTACTS, []) == []
    assert tables.due("timers", 99, 10) == []
    assert (tables.size("timers"), tables.count(Table.CONTACTS), tables.counters()) == (0, 0, {})
    assert tables.decisions("ada", 5) == []
    assert [*tables.scan(Table.CONTACTS)] == []


def test_a_commit_does_all_that_it_says(stores: Stores) -> None:
    tables = stores.tables()
    assert tables.commit(
        START,
        "5-0",
        changes(
            puts={Table.CONTACTS: {"ada": b"\x00a", "bob": b"b"}, Table.REFS: {"hs/1": b"ada"}},
            queued={"timers": {"ada|retry": 7, "bob|retry": 1_767_225_600_000}},
            decisions={"ada": [b"d1", b"d2"]},
            counts={"events": 2},
        ),
    )
    assert tables.commit(
        "5-0",
        "6-0",
        changes(
            puts={Table.CONTACTS: {"ada": b"A"}},
            deletes={Table.CONTACTS: ["bob", "never-there"]},
            queued={"timers": {"cyd|retry": 5}},
            unqueued={"timers": ["ada|retry", "never-there"]},
            decisions={"ada": [b"d3"]},
            counts={"events": 1, "decisions/delivered": 1},
        ),
    )

    assert tables.checkpoint() == "6-0"
    assert tables.fetch(Table.CONTACTS, ["bob", "ada"]) == [None, b"A"]
    assert dict(tables.scan(Table.CONTACTS)) == {"ada": b"A"}
    assert (tables.count(Table.CONTACTS), tables.size("timers")) == (1, 2)
    assert tables.due("timers", 1_767_225_600_000, 9) == [
        ("cyd|retry", 5),
        ("bob|retry", 1_767_225_600_000),
    ]
    assert tables.decisions("ada", 2) == [b"d2", b"d3"]
    assert tables.counters() == {"events": 3, "decisions/delivered": 1}
    assert (tables.counter("events"), tables.counter("decisions/refused")) == (3, 0)


def test_a_stale_commit_leaves_nothing_behind(stores: Stores) -> None:
    tables = stores.tables()
    tables.commit(START, "5-0", changes(puts={Table.CONTACTS: {"ada": b"a"}}, counts={"events": 1}))
    before = tables.fingerprint()

    for expected in (START, "4-9", "5-1", ""):
        late = changes(puts={Table.CONTACTS: {"ada": b"x"}}, queued={"t": {"a": 1}}, counts={"events": 1})
        assert not tables.commit(expected, "6-0", late)
    assert (tables.checkpoint(), tables.fingerprint()) == ("5-0", before)


def test_an_empty_commit_moves_the_checkpoint(stores: Stores) -> None:
    tables = stores.tables()

    assert tables.commit(START, "5-0", NOTHING)
    assert tables.commit("5-0", "6-0", changes(puts={Table.CONTACTS: {}}, deletes={Table.REFS: []}))
    assert tables.checkpoint() == "6-0"


def test_a_commit_may_be_longer_than_a_script_can_unpack(stores: Stores) -> None:
    tables, many = stores.tables(), [f"c{number}" for number in range(10_000)]
    values = {key: key.encode() for key in many}
    scores = {key: number for number, key in enumerate(many)}

    tables.commit(START, "1-0", changes(puts={Table.CONTACTS: values}, queued={"timers": scores}))
    assert dict(tables.scan(Table.CONTACTS)) == values
    assert tables.due("timers", 20_000, 20_000) == [*scores.items()]

    tables.commit("1-0", "2-0", changes(deletes={Table.CONTACTS: many}, unqueued={"timers": many}))
    assert (tables.count(Table.CONTACTS), tables.size("timers")) == (0, 0)


def test_what_is_due_comes_by_score_and_then_by_name(stores: Stores) -> None:
    tables = stores.tables()
    tables.commit(START, "1-0", changes(queued={"q": {"b": 5, "a": 5, "c": 4, "d": 6}}))

    assert tables.due("q", 5, 10) == [("c", 4), ("a", 5), ("b", 5)]
    assert tables.due("q", 9, 2) == [("c", 4), ("a", 5)]
    assert tables.due("q", 3, 10) == tables.due("q", 9, 0) == []


def test_the_newest_decisions_come_oldest_first(stores: Stores) -> None:
    tables = stores.tables()
    tables.commit(START, "1-0", changes(decisions={"ada": [b"1", b"2", b"3"]}))

    assert tables.decisions("ada", 2) == [b"2", b"3"]
    assert tables.decisions("ada", 9) == [b"1", b"2", b"3"]
    assert tables.decisions("ada", 0) == []


def test_only_the_newest_decisions_are_kept_before_new_ones_come(stores: Stores) -> None:
    tables = stores.tables()
    tables.commit(START, "1-0", changes(decisions={"ada": [b"1", b"2", b"3"], "bob": [b"1"]}))
    tables.commit("1-0", "2-0", changes(decisions={"ada": [b"4"]})._replace(kept=[("ada", 2), ("bob", 2)]))

    assert tables.decisions("ada", 9) == [b"2", b"3", b"4"]
    assert tables.decisions("bob", 9) == [b"1"]


def test_forgotten_decisions_go_before_new_ones_come(stores: Stores) -> None:
    tables = stores.tables()
    tables.commit(START, "1-0", changes(decisions={"ada": [b"1"], "bob": [b"1"]}))
    tables.commit("1-0", "2-0", changes(decisions={"ada": [b"2"]})._replace(kept=[("ada", 0), ("eve", 0)]))

    assert tables.decisions("ada", 9) == [b"2"]
    assert tables.decisions("bob", 9) == [b"1"]
    assert tables.decisions("eve", 9) == []


# -- fingerprints


FULL = changes(
    puts={Table.CONTACTS: {"ada": b"a", "bob": b"b"}, Table.META: {"connection": b"\xff"}},
    queued={"timers": {"a": 1, "b": 2}, CLAIMS: {"i": 3}},
    decisions={"ada": [b"d1", b"d2"], "bob": [b"d3"]},
    counts={"events": 4},
)

OTHER = {
    "another value": FULL._replace(puts={**FULL.puts, Table.CONTACTS: {"ada": b"a", "bob": b"B"}}),
    "a key less": FULL._replace(puts={**FULL.puts, Table.CONTACTS: {"ada": b"a"}}),
    "cut elsewhere": FULL._replace(puts={**FULL.puts, Table.CONTACTS: {"ad": b"aa", "bob": b"b"}}),
    "another score": FULL._replace(queued={**FULL.queued, "timers": {"a": 1, "b": 3}}),
    "another queue": FULL._replace(queued={"timerz": {"a": 1, "b": 2}, CLAIMS: {"i": 3}}),
    "decisions in another order": FULL._replace(decisions={"ada": [b"d2", b"d1"], "bob": [b"d3"]}),
    "another counter": FULL._replace(counts={"events": 5}),
}


def test_equal_content_has_one_fingerprint_in_every_store(stores: Stores) -> None:
    model = MemoryStores(ManualClock()).tables()
    model.commit(START, "9-9", FULL)
    tables = stores.tables()
    tables.commit(
        START, "1-0", changes(puts={Table.CONTACTS: {"bob": b"b", "gone": b""}}, counts={"events": 4})
    )
    tables.commit("1-0", "2-0", FULL._replace(counts={}, queued={"timers": {"b": 2, "x": 1}}))
    assert tables.fingerprint() != model.fingerprint()
    mend = changes(
        deletes={Table.CONTACTS: ["gone"]},
        queued={CLAIMS: {"i": 3}, "timers": {"a": 1}},
        unqueued={"timers": ["x"]},
    )
    tables.commit("2-0", "3-0", mend)

    assert tables.fingerprint() == model.fingerprint()


@pytest.mark.parametrize("other", OTHER.values(), ids=OTHER.keys())
def test_other_content_has_another_fingerprint(stores: Stores, other: Changes) -> None:
    model = MemoryStores(ManualClock()).tables()
    model.commit(START, "1-0", FULL)
    stores.tables().commit(START, "1-0", other)

    assert stores.tables().fingerprint() != model.fingerprint()


def test_what_is_empty_leaves_no_trace_in_the_fingerprint(stores: Stores) -> None:
    before = stores.tables().fingerprint()
    stores.tables().commit(START, "1-0", changes(queued={"q": {"a": 1}}, decisions={"ada": []}))
    stores.tables().commit("1-0", "2-0", changes(unqueued={"q": ["a"]}))

    assert stores.tables().fingerprint() == before


# -- generations


def rebuilt(stores: Stores, position: str) -> tuple[int, Tables]:
    number = stores.generations.begin()
    tables = stores.generations.tables(number)
    assert tables.commit(START, position, changes(puts={Table.CONTACTS: {"ada": b"new"}}))
    return number, tables


def projected(stores: Stores) -> str:
    """Append an event, and commit up to it."""
    stores.log.append(events(1))
    tail = stores.log.tail()
    assert stores.tables().commit(START, tail, changes(puts={Table.CONTACTS: {"ada": b"old"}}))
    return tail


def test_a_generation_that_caught_up_becomes_the_current_one(stores: Stores) -> None:
    number, _ = rebuilt(stores, projected(stores))
    assert stores.tables().fetch(Table.CONTACTS, ["ada"]) == [b"old"]

    assert stores.generations.switch(number, expected_from=1)
    assert stores.generations.current() == number
    assert stores.tables().fetch(Table.CONTACTS, ["ada"]) == [b"new"]


def test_a_generation_that_is_behind_does_not_become_the_current_one(stores: Stores) -> None:
    number, tables = rebuilt(stores, "1-0")
    tail = projected(stores)
    assert not stores.generations.switch(number, expected_from=1)

    tables.commit("1-0", tail, NOTHING)
    stores.log.append(events(2))
    assert not stores.generations.switch(number, expected_from=1)

    stores.tables().commit(tail, stores.log.tail(), NOTHING)
    assert not stores.generations.switch(number, expected_from=1)
    assert stores.generations.current() == 1

    tables.commit(tail, stores.log.tail(), NOTHING)
    assert stores.generations.switch(number, expected_from=1)


def test_a_generation_does_not_overtake_the_current_one(stores: Stores) -> None:
    tail = projected(stores)
    stores.log.append(events(2))
    number, _ = rebuilt(stores, stores.log.tail())

    assert not stores.generations.switch(number, expected_from=1)
    stores.tables().commit(tail, stores.log.tail(), NOTHING)
    assert stores.generations.switch(number, expected_from=1)


def test_a_generation_that_was_never_begun_does_not_take_over(stores: Stores) -> None:
    assert not stores.generations.switch(5, expected_from=1)
    assert stores.generations.current() == 1


def test_only_the_generation_being_built_takes_over_and_only_from_the_current(stores: Stores) -> None:
    tail = projected(stores)
    given_up, _ = rebuilt(stores, tail)
    number, _ = rebuilt(stores, tail)

    assert not stores.generations.switch(given_up, expected_from=1)
    assert not stores.generations.switch(number, expected_from=given_up)
    assert not stores.generations.switch(number, expected_from=number)
    assert stores.generations.switch(number, expected_from=1)
    assert not stores.generations.switch(number, expected_from=1)
    assert not stores.generations.switch(number, expected_from=number)


def test_a_replaced_generation_takes_no_commits(stores: Stores) -> None:
    tail, old = projected(stores), stores.tables()
    number, _ = rebuilt(stores, tail)
    assert stores.generations.switch(number, expected_from=1)
    before = old.fingerprint()

    assert not old.commit(tail, "9999999999999-0", FULL)
    assert (old.checkpoint(), old.fingerprint()) == (tail, before)
    assert stores.tables().commit(tail, "9999999999999-0", FULL)


def test_beginning_anew_gives_up_what_was_being_built(stores: Stores) -> None:
    first, tables = rebuilt(stores, "5-0")
    second, _ = rebuilt(stores, "5-0")

    assert second > first
    assert not tables.commit("5-0", "6-0", NOTHING)
    assert not stores.generations.tables(first).commit(START, "6-0", NOTHING)
    assert stores.generations.tables(first).checkpoint() == START


def test_a_dropped_generation_is_empty_and_takes_no_commits(stores: Stores) -> None:
    projected(stores)
    number, tables = rebuilt(stores, "5-0")

    stores.generations.drop(number)
    assert stores.generations.tables(number).fetch(Table.CONTACTS, ["ada"]) == [None]
    assert not tables.commit("5-0", "6-0", NOTHING)
    assert not stores.generations.tables(number).commit(START, "6-0", NOTHING)
    assert stores.tables().fetch(Table.CONTACTS, ["ada"]) == [b"old"]
    assert stores.generations.begin() > number


def test_the_current_generation_is_not_dropped(stores: Stores) -> None:
    projected(stores)

    with pytest.raises(ValueError, match="current"):
        stores.generations.drop(1)
    assert stores.tables().fetch(Table.CONTACTS, ["ada"]) == [b"old"]


# -- claims


def test_a_claim_is_granted_once_and_recorded(stores: Stores) -> None:
    with_outbox(stores)

    assert stores.coordination.claim([claim("ada/salesforce"), claim("bob/salesforce")]) == [True, True]
    assert stores.coordination.claim([claim("ada/salesforce"), claim("ada/salesforce", attempt=2)]) == [
        False,
        False,
    ]
    assert [entry.raw for entry in stores.log.read(START, 9)] == [b"ada/salesforce#1", b"bob/salesforce#1"]
    assert stores.tables().due(CLAIMS, 99, 9) == [("ada/salesforce", 1), ("bob/salesforce", 1)]


def test_an_intent_is_claimed_once_in_one_batch(stores: Stores) -> None:
    with_outbox(stores)

    assert stores.coordination.claim([claim("ada/salesforce"), claim("ada/salesforce", attempt=2)]) == [
        True,
        False,
    ]
    assert stores.log.length() == 1


def test_an_intent_that_changed_since_it_was_read_is_not_claimed(stores: Stores) -> None:
    with_outbox(stores)
    stores.tables().commit("1-0", "2-0", changes(puts={Table.OUTBOX: {"ada/salesforce": b"v2"}}))

    claims = [claim("ada/salesforce"), claim("nobody/salesforce"), claim("bob/salesforce")]
    assert stores.coordination.claim(claims) == [False, False, True]
    assert stores.coordination.claim([claim("ada/salesforce", b"v2")]) == [True]


def test_an_answered_claim_can_be_claimed_for_another_attempt_only(stores: Stores) -> None:
    with_outbox(stores)
    stores.coordination.claim([claim("ada/salesforce")])
    stores.tables().commit("1-0", "2-0", changes(unqueued={CLAIMS: ["ada/salesforce"]}))

    assert stores.coordination.claim([claim("ada/salesforce")]) == [False]
    assert stores.coordination.claim([claim("ada/salesforce", attempt=2)]) == [True]
    assert stores.log.append([(claim("ada/salesforce").event_id, b"again")]) == 0


def test_claims_follow_the_current_generation(stores: Stores) -> None:
    tail = projected(stores)
    stores.tables().commit(tail, tail, changes(puts={Table.OUTBOX: OUTBOX}))
    number, _ = rebuilt(stores, tail)
    assert stores.generations.switch(number, expected_from=1)

    assert stores.coordination.claim([claim("ada/salesforce")]) == [False]
    stores.tables().commit(tail, tail, changes(puts={Table.OUTBOX: OUTBOX}))
    assert stores.coordination.claim([claim("ada/salesforce")]) == [True]
    assert stores.generations.tables(1).size(CLAIMS) == 0


def test_claiming_nothing_is_nothing(stores: Stores) -> None:
    assert stores.coordination.claim([]) == []


# -- leases, bells, tickets, cursors


def test_a_lease_is_one_owners_until_given_back(stores: Stores) -> None:
    coordination = stores.coordination

    assert coordination.acquire("project", "me", 60_000)
    assert coordination.acquire("project", "me", 60_000)
    assert not coordination.acquire("project", "you", 60_000)
    assert coordination.acquire("deliver", "you", 60_000)
    coordination.release("project", "you")
    assert not coordination.acquire("project", "you", 60_000)
    coordination.release("project", "me")
    assert coordination.acquire("project", "you", 60_000)


def test_who_gives_a_lease_back_learns_whether_others_asked_for_it_meanwhile(stores: Stores) -> None:
    coordination = stores.coordination
    coordination.acquire("project", "me", 60_000)
    coordination.acquire("project", "me", 60_000)
    assert not coordination.release("project", "me")

    coordination.acquire("project", "me", 60_000)
    coordination.acquire("project", "you", 60_000)
    coordination.acquire("deliver", "you", 60_000)
    assert not coordination.release("project", "you")
    assert not coordination.release("deliver", "you")
    assert coordination.release("project", "me")

    coordination.acquire("project", "you", 60_000)
    assert not coordination.release("project", "you")


def test_a_bell_rings_once_until_it_is_answered(stores: Stores) -> None:
    coordination = stores.coordination

    assert coordination.ring("project", 60_000)
    assert not coordination.ring("project", 60_000)
    assert coordination.ring("deliver", 60_000)
    coordination.unring("project")
    assert coordination.ring("project", 60_000)


def test_tickets_grow(stores: Stores) -> None:
    first, second, third = (stores.coordination.tickets(number) for number in (1, 10, 1))

    assert (second - first, third - second) == (10, 1)
    assert first >= 1


def test_a_cursor_is_remembered_until_forgotten(stores: Stores) -> None:
    coordination = stores.coordination
    assert coordination.cursor("hubspot/contacts") is None

    coordination.set_cursor("hubspot/contacts", "2026-01-01")
    coordination.set_cursor("salesforce/Lead", "5")
    assert coordination.cursor("hubspot/contacts") == "2026-01-01"
    coordination.set_cursor("hubspot/contacts", None)
    coordination.set_cursor("hubspot/contacts", None)
    assert coordination.cursor("hubspot/contacts") is None
    assert coordination.cursor("salesforce/Lead") == "5"
