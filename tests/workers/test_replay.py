"""Replaying: the log says what the state is, while traffic goes on, and nothing leaves the house for it."""

from collections.abc import Callable
from typing import Any

import pytest
from obstore.store import MemoryStore

from domain.book import Changes, Table, decode
from domain.upcasting import NewerEvent
from tests.workers.crm import FakeCrm
from tests.workers.lanes import ADA, append, configured, project, shown, with_ada
from tests.world import HS, SF
from workers import views
from workers.archive.archive import Archive
from workers.archive.files import Bucket
from workers.archive.whole import WholeLog
from workers.clock import ManualClock
from workers.connection import Lane
from workers.deliver import Deliverer
from workers.elsewhere import Elsewhere, Taken
from workers.replay import HELD, LEASE_MS, PATIENCE, Busy, Replay
from workers.storage.memory import MemoryGenerations, MemoryStores, MemoryTables
from workers.store import Tables


class House:
    """A lane with people in it, and all that is kept of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stores = MemoryStores(self.clock)
        stores = self.stores
        self.lane = Lane("acme", stores.log, stores.tables, stores.coordination, self.clock, "test")
        with_ada(configured(self.lane))
        Deliverer(self.lane, SF, FakeCrm(SF)).run()
        project(self.lane)
        self.look(1)

    def look(self, number: int) -> None:
        """News of somebody, not projected yet."""
        self.lane.append([shown(HS, "contacts", f"x{number}", ticket=number + 100, email="x@example.com")])

    @property
    def replay(self) -> Replay:
        return Replay(self.lane, self.stores.generations, batch=3)

    def damage(self) -> None:
        """Change what was derived behind the log's back."""
        at, tables = self.lane.tables().checkpoint(), self.lane.tables()
        assert tables.commit(
            at, at, Changes({Table.REFS: {"hubspot/contacts/9": b"\xa1x"}}, {}, {}, {}, {}, {})
        )

    def lose(self) -> None:
        """Delete everything that was derived."""
        self.stores.generations._tables.clear()


def when_switched(house: House, happens: Callable[[], None], *, times: int = 1) -> None:
    """Something happens just before the generations are switched."""

    class Busily(MemoryGenerations):
        left = times

        def switch(self, to: int, expected_from: int) -> bool:
            if self.left:
                Busily.left -= 1
                happens()
            return super().switch(to, expected_from)

    house.stores.generations.__class__ = Busily


# -- verifying


def test_the_running_state_is_what_the_log_says() -> None:
    house = House()
    found = house.replay.verify()

    assert found.differing == []
    assert found.position == house.lane.tables().checkpoint()
    assert found.events == house.lane.tables().counters()["events"]
    assert {"contacts", "counters", "decisions"} <= found.running.keys()


def test_what_does_not_come_from_the_log_is_found() -> None:
    house = House()
    house.damage()

    assert house.replay.verify().differing == ["refs"]


def test_verifying_changes_nothing() -> None:
    house = House()
    before, events = house.lane.tables().fingerprint(), house.lane.log.appended()
    house.replay.verify()

    assert house.lane.tables().fingerprint() == before
    assert house.lane.log.appended() == events
    assert house.stores.generations.current() == 1


def test_what_is_not_projected_yet_is_not_compared() -> None:
    house = House()
    found = house.replay.verify()

    assert found.position != house.lane.log.tail()


def test_progress_is_told() -> None:
    house = House()
    told: list[tuple[int, int]] = []
    house.replay.verify(lambda done, total: told.append((done, total)))

    assert told[-1] == (house.lane.log.appended() - 1, house.lane.log.appended())
    assert told == sorted(told)


def test_workers_are_let_go_on_afterwards() -> None:
    house = House()
    house.replay.verify()

    assert all(house.stores.coordination.acquire(name, "another", 1_000) for name in HELD)


@pytest.mark.parametrize("name", HELD)
def test_a_worker_that_does_not_pause_in_time_is_named(name: str) -> None:
    house = House()
    house.stores.coordination.acquire(name, "another", 10**9)
    before = house.clock.monotonic()
    with pytest.raises(Busy, match=name):
        house.replay.verify()

    assert house.clock.monotonic() - before >= PATIENCE
    others = [each for each in HELD if each != name]
    assert all(house.stores.coordination.acquire(each, "another", 1_000) for each in others)


def test_a_worker_that_pauses_soon_is_waited_for() -> None:
    house = House()
    for each in HELD:
        house.stores.coordination.acquire(each, "another", 5_000)

    assert house.replay.verify().differing == []


def test_hashes_that_took_longer_than_the_leases_are_not_believed() -> None:
    house = House()

    class Slow(MemoryTables):
        def counters(self) -> dict[str, int]:
            house.clock.advance(LEASE_MS / 1000 + 1)
            return super().counters()

    current(house).__class__ = Slow
    with pytest.raises(Busy):
        house.replay.verify()


def test_a_log_that_only_a_newer_release_reads_is_not_verified() -> None:
    house = House()
    tables: Any = house.lane.tables()
    house.lane.log.append([(b"n" * 16, b'{"kind":"observed/99"}')])
    at = tables.checkpoint()
    assert tables.commit(at, house.lane.log.tail(), Changes({}, {}, {}, {}, {}, {}))

    with pytest.raises(NewerEvent):
        house.replay.verify()


# -- rebuilding


def current(house: House) -> Tables:
    return house.lane.tables()


def test_a_rebuild_takes_the_running_states_place() -> None:
    house = House()
    found = house.replay.rebuild()

    assert found.differing == []
    assert current(house).generation == 2
    assert current(house).checkpoint() == house.lane.log.tail()
    assert house.replay.verify().differing == []


@pytest.mark.parametrize("accident", [House.damage, House.lose], ids=["damaged", "lost"])
def test_a_rebuild_restores_what_the_log_says(accident: Callable[[House], None]) -> None:
    house = House()
    project(house.lane)
    before = current(house).fingerprint()
    accident(house)
    house.replay.rebuild()

    assert current(house).fingerprint() == before


def test_a_rebuild_says_what_was_damaged() -> None:
    house = House()
    house.damage()

    assert house.replay.rebuild().differing == ["refs"]


@pytest.mark.parametrize("raw", [b"\xc1", b"\x91\xa1\xff"])
def test_a_contact_whose_row_is_damaged_stops_nobody_and_is_whole_after_a_rebuild(raw: bytes) -> None:
    house = House()
    project(house.lane)
    at = current(house).checkpoint()
    damage = Changes({Table.CONTACTS: {"hubspot/contacts/1": raw}}, {}, {}, {}, {}, {})
    assert current(house).commit(at, at, damage)
    for record_id in ("1", "2"):
        house.lane.append([shown(HS, "contacts", record_id, ticket=900, lastname="Newer")])
    project(house.lane)
    assert current(house).checkpoint() == house.lane.log.tail()
    assert "contacts" in house.replay.verify().differing

    house.lane.append([shown(HS, "contacts", "1", ticket=901, lastname="Newest")])
    assert "contacts" in house.replay.rebuild().differing
    assert house.replay.verify().differing == []
    contact = decode(Table.CONTACTS, current(house).fetch(Table.CONTACTS, ["hubspot/contacts/1"])[0] or b"")
    assert contact.records["hubspot/contacts/1"].values["lastname"] == "Newest"


def test_the_generation_before_is_gone_and_cannot_be_written() -> None:
    house = House()
    old = current(house)
    house.replay.rebuild()

    assert not old.commit(old.checkpoint(), house.lane.log.tail(), Changes({}, {}, {}, {}, {}, {}))


def test_a_rebuild_calls_no_crm_and_appends_nothing() -> None:
    house = House()
    events = house.lane.log.appended()
    house.replay.rebuild()

    assert house.lane.log.appended() == events


def test_what_arrives_during_a_rebuild_is_in_it() -> None:
    house = House()
    numbers = iter(range(2, 50))
    when_switched(house, lambda: house.look(next(numbers)), times=20)
    house.replay.rebuild()

    assert current(house).checkpoint() == house.lane.log.tail()
    assert current(house).generation == 2


def test_states_are_compared_once_however_long_the_log_keeps_growing() -> None:
    house, hashed = House(), []

    class Counting(MemoryTables):
        def fingerprint(self) -> dict[str, str]:
            hashed.append(self.generation)
            return super().fingerprint()

    running: Any = current(house)
    running.__class__ = Counting
    numbers = iter(range(2, 50))
    when_switched(house, lambda: house.look(next(numbers)), times=20)
    house.replay.rebuild()

    assert hashed == [1]


def test_a_rebuild_that_another_one_overtakes_gives_up_and_leaves_things_as_they_are() -> None:
    house = House()
    generations = house.stores.generations
    when_switched(house, lambda: setattr(generations, "_building", 99), times=10**6)
    with pytest.raises(Busy):
        house.replay.rebuild()

    assert generations.current() == 1
    assert all(house.stores.coordination.acquire(name, "another", 1_000) for name in HELD)


def test_a_write_on_its_way_is_on_its_way_after_the_rebuild() -> None:
    house = House()
    append(
        house.lane, shown(HS, "contacts", "1", ticket=50, email="ada@example.com", lastname="L", city="Linz")
    )

    class Lost(Exception):  # noqa: N818 - what a killed process does
        pass

    def die(rows: Any) -> Any:
        raise Lost(rows)

    with pytest.raises(Lost):
        Deliverer(house.lane, SF, FakeCrm(SF, on_write=die)).run()
    house.replay.rebuild()

    assert current(house).size("claims") == 1
    crm = FakeCrm(SF)
    Deliverer(house.lane, SF, crm).run()
    assert crm.written == []


def test_people_go_on_being_synced_after_a_rebuild() -> None:
    house = House()
    house.replay.rebuild()
    append(
        house.lane, shown(HS, "contacts", "1", ticket=60, email="ada@example.com", lastname="L", city="Linz")
    )
    crm = FakeCrm(SF)
    Deliverer(house.lane, SF, crm).run()

    assert [row.fields["City"] for row in crm.written] == ["Linz"]


# -- what a release decides otherwise


def test_a_release_that_decides_as_before_has_nothing_to_report() -> None:
    house = House()

    assert house.replay.diff(MemoryTables()) == []


def test_contacts_that_were_decided_otherwise_are_told_with_both_decisions() -> None:
    house = House()
    at, tables = house.lane.tables().checkpoint(), house.lane.tables()
    known = tables.decisions(ADA, 10)
    other = known[-1].replace(b'"delivered"', b'"no_email"')
    assert tables.commit(at, at, Changes({}, {}, {}, {}, {ADA: [other]}, {}))
    (found,) = house.replay.diff(MemoryTables())

    assert (found.entity, found.before, found.after) == (ADA, [other], [])
    assert views.decision(other).reason == "no_email"


def test_writes_that_would_be_others_are_told() -> None:
    house = House()
    append(
        house.lane, shown(HS, "contacts", "1", ticket=50, email="ada@example.com", lastname="L", city="Linz")
    )
    at, tables = house.lane.tables().checkpoint(), house.lane.tables()
    waiting = [key for key, _ in tables.scan(Table.OUTBOX)]
    assert tables.commit(at, at, Changes({}, {Table.OUTBOX: waiting}, {}, {}, {}, {}))
    (found,) = house.replay.diff(MemoryTables())

    assert (found.writes_before, found.writes_after) == (
        {},
        {"hubspot": ["lastname"], "salesforce": ["City"]},
    )


# -- a state of its own


def nothing() -> None:
    """Nobody is told."""


def elsewhere(house: House, until: str) -> Lane:
    """The state at a position, under another name."""
    stores = MemoryStores(house.clock)
    archive = Archive(Bucket(MemoryStore()))
    Elsewhere(house.lane, WholeLog(house.stores.log, archive), stores, nothing).make(until, None)
    return Lane("then", stores.log, stores.tables, stores.coordination, house.clock, "test")


def test_a_past_state_can_be_looked_at_beside_the_running_one() -> None:
    house = House()
    before = house.lane.tables().checkpoint()
    then = views.contact(house.lane, ADA)
    append(
        house.lane, shown(HS, "contacts", "1", ticket=50, email="ada@example.com", lastname="L", city="Linz")
    )
    found = elsewhere(house, before)

    assert views.contact(found, ADA) == then
    assert found.backlog() == 0
    assert found.policy().ready


def test_a_name_that_is_taken_is_left_alone() -> None:
    house, other = House(), House()
    archive = Archive(Bucket(MemoryStore()))
    with pytest.raises(Taken):
        Elsewhere(house.lane, WholeLog(house.stores.log, archive), other.stores, nothing).make("9-0", None)
