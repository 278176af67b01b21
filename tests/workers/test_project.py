"""Projecting: exactly once, whoever tries, and never past what cannot be folded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import CONNECTION_KEY, Changes, Table, decode
from domain.mapping import SyncRule
from domain.policy import FieldMapping
from domain.upcasting import NewerEvent
from tests.workers.lanes import ADA, append, configured, memory_lane, project, shown, with_ada
from tests.world import HS, SECTION
from workers.clock import ManualClock
from workers.connection import PROJECTED, Lane
from workers.project import LEASE_MS, Progress, Projector, contact_kb
from workers.storage.memory import MemoryTables
from workers.store import Tables

NEWER = b'{"kind":"observed/99"}'


def touched(record_id: str) -> e.AnyEvent:
    return e.RecordTouched(crm=HS, object="contacts", id=record_id, occurred_at=1, cause="changed")


def paused(lane: Lane, number: int) -> Lane:
    lane.append([e.Paused(by=f"{each}") for each in range(number)])
    return lane


def raw(lane: Lane, *entries: bytes) -> None:
    lane.log.append([(each[:16].ljust(16, b"."), each) for each in entries])


def events(lane: Lane) -> int:
    return lane.tables().counters().get("events", 0)


def through(lane: Lane, tables: Callable[[], Any]) -> Lane:
    """The lane with other tables."""
    return Lane(lane.name, lane.log, tables, lane.coordination, lane.clock, "another")


class Passing:
    """Tables that pass everything on."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.generation = tables.generation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)


class Failing(Passing):
    """Tables whose contacts cannot be read."""

    def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
        if table is Table.CONTACTS:
            raise ConnectionError
        return self._tables.fetch(table, keys)


class Late(Passing):
    """Tables that somebody else commits to first, as long as ``lane`` has what to commit."""

    lane: Lane

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        project(self.lane)
        return self._tables.commit(expected, position, changes)


class Slow(Passing):
    """Tables that take their time to commit."""

    def __init__(self, tables: Tables, clock: ManualClock, seconds: float) -> None:
        super().__init__(tables)
        self._clock, self._seconds = clock, seconds

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        self._clock.advance(self._seconds)
        return self._tables.commit(expected, position, changes)


def test_a_run_folds_all_that_the_log_holds() -> None:
    lane = paused(memory_lane(), 5)

    assert Projector(lane, batch=2).run() == Progress(3, more=False)
    assert lane.tables().checkpoint() == lane.log.tail()
    assert lane.backlog() == 0


def test_a_run_ends_when_its_time_is_used_up_and_says_that_more_is_left() -> None:
    clock = ManualClock()
    lane = paused(memory_lane(clock), 5)
    slow = Slow(lane.tables(), clock, 1.0)

    assert Projector(through(lane, lambda: slow), batch=1).run(budget_ms=2_000) == Progress(2, more=True)


def test_who_lost_its_lease_ends_its_run() -> None:
    clock = ManualClock()
    lane = paused(memory_lane(clock), 5)
    slow = Slow(lane.tables(), clock, LEASE_MS / 1000 + 1)

    assert Projector(through(lane, lambda: slow), batch=1).run(budget_ms=60_000) == Progress(1, more=True)


def test_who_does_not_get_the_lease_leaves_the_log_to_who_has_it() -> None:
    lane = paused(memory_lane(), 1)
    with lane.lease("project", 1_000):
        assert Projector(lane).run() == Progress(0, more=False)
    assert events(lane) == 0


def test_what_came_in_while_others_were_kept_out_is_asked_for_again() -> None:
    lane = paused(memory_lane(), 1)

    class Releasing(type(lane.coordination)):  # type: ignore[misc]  # a memory lane's coordination
        def release(self, lease: str, owner: str) -> bool:
            paused(lane, 2)
            return bool(super().release(lease, owner))

    lane.coordination.__class__ = Releasing
    assert Projector(lane).run() == Progress(1, more=True)


def test_two_projectors_of_one_lane_fold_each_event_once() -> None:
    lane = paused(memory_lane(), 3)
    late = Late(lane.tables())
    late.lane = lane

    assert not Projector(through(lane, lambda: late)).step()
    assert events(lane) == 3


def test_what_a_refused_commit_had_folded_is_forgotten() -> None:
    lane = paused(memory_lane(), 1)
    late = Late(lane.tables())
    late.lane = lane
    refused = Projector(through(lane, lambda: late))
    refused.step()
    late.lane = memory_lane()
    lane.append([touched("1")])

    assert refused.step()
    assert events(lane) == 2


def test_bytes_that_are_no_event_are_passed_over_and_counted() -> None:
    lane = memory_lane()
    raw(lane, b"nonsense")
    paused(lane, 1)
    project(lane)

    assert lane.tables().counters()["faults/unreadable"] == 1
    assert lane.state().paused


def test_an_event_of_a_newer_release_stops_the_log_behind_all_that_comes_before_it() -> None:
    lane = paused(memory_lane(), 2)
    raw(lane, NEWER)
    lane.append([e.Resumed(by="me")])
    projector = Projector(lane)

    assert projector.step()
    with pytest.raises(NewerEvent):
        projector.step()
    assert events(lane) == 2
    assert lane.state().paused


def test_a_store_that_does_not_answer_is_not_held_against_the_event() -> None:
    lane = with_ada(configured(memory_lane()))
    asked = e.SyncRequested(entity=ADA, cause="manual", by="me")
    failing = Failing(lane.tables())
    lane.append([asked])
    projector = Projector(through(lane, lambda: failing))

    with pytest.raises(ConnectionError):
        projector.step()
    project(lane)

    contact = decode(Table.CONTACTS, lane.tables().fetch(Table.CONTACTS, [ADA])[0] or b"")
    assert contact.parked == ""
    assert contact.opened is not None


@pytest.mark.parametrize(("share", "fetches"), [(9, 9), (8, 14), (2, 16), (0, 18)])
def test_a_projector_keeps_no_more_contacts_than_its_share(share: int, fetches: int) -> None:
    """It drops them by halves: of nine it keeps four, where it may keep no more than eight of them."""
    lane, asked = with_ada(configured(memory_lane())), list[str]()

    class Asked(Passing):
        def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
            asked.extend(keys if table is Table.CONTACTS else ())
            return self._tables.fetch(table, keys)

    tables = Asked(lane.tables())
    room = share * contact_kb(lane.policy())
    projector = Projector(through(lane, lambda: tables), room_kb=lambda: room)
    for by in ("me", "you"):
        lane.append([e.SyncRequested(entity=f"{ADA}{n}", cause="manual", by=by) for n in range(9)])
        projector.step()

    assert len(asked) == fetches


@pytest.mark.parametrize(("fields", "expected"), [(0, 4), (26, 10), (142, 39)])
def test_a_contact_takes_as_much_memory_as_its_fields_are_many(fields: int, expected: int) -> None:
    """As was measured. Many fields leave room for fewer contacts."""
    policy = configured(memory_lane()).policy()
    mappings = tuple(FieldMapping(f"p{each}", {"Lead": "P__c"}, SyncRule.TWO_WAY) for each in range(fields))
    section = msgspec.structs.replace(SECTION, mappings=mappings)
    kinds = {name: replace(kind, section=section) for name, kind in policy.kinds.items()}

    assert contact_kb(replace(policy, kinds=kinds)) == expected


def test_what_is_fatal_ends_the_batch_and_parks_nobody() -> None:
    class TimeIsUp(Exception):  # noqa: N818 - as time limits are called
        pass

    lane = with_ada(configured(memory_lane()))
    tables = lane.tables()

    class Ending(Passing):
        def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
            if table is Table.CONTACTS:
                raise TimeIsUp
            return self._tables.fetch(table, keys)

    lane.append([e.SyncRequested(entity=ADA, cause="manual", by="me")])
    ending = Ending(tables)
    with pytest.raises(TimeIsUp):
        Projector(through(lane, lambda: ending), fatal=(TimeIsUp,)).step()
    assert not [name for name in lane.tables().counters() if name.startswith("faults/")]


def test_a_step_goes_no_further_than_told() -> None:
    lane = paused(memory_lane(), 3)
    second = lane.log.read("0-0", 2)[1].position

    assert Projector(lane).step(until=second)
    assert lane.tables().checkpoint() == second
    assert not Projector(lane).step(until=second)


# -- tables that were lost


def test_lost_tables_are_known_to_be_behind_until_they_have_caught_up() -> None:
    lane = paused(memory_lane(), 4)
    Projector(lane).run()
    empty = MemoryTables()
    lane = through(lane, lambda: empty)
    projector = Projector(lane, batch=1)

    assert lane.rewound()
    projector.run(budget_ms=0)
    projector.step()
    assert lane.rewound()
    projector.run()
    assert not lane.rewound()


def test_a_slice_of_a_rebuild_does_not_pass_for_the_whole() -> None:
    clock = ManualClock()
    lane = paused(memory_lane(clock), 4)
    Projector(lane).run()
    mark = lane.coordination.cursor(PROJECTED)
    slow = Slow(MemoryTables(), clock, 1.0)
    behind = through(lane, lambda: slow)

    assert Projector(behind, batch=1).run(budget_ms=1_000).more
    assert behind.rewound()
    assert lane.coordination.cursor(PROJECTED) == mark


def test_a_lane_that_was_never_projected_is_not_behind() -> None:
    assert not memory_lane().rewound()


# -- what is kept between batches


def test_what_another_projector_committed_is_seen() -> None:
    lane = with_ada(configured(memory_lane()))
    kept = Projector(lane)
    lane.append([touched("1")])
    kept.step()
    append(lane, e.Paused(by="me"))
    lane.append([touched("2")])

    assert kept.step()
    assert lane.state().paused == "me"


def test_another_generation_is_read_anew() -> None:
    lane = configured(memory_lane())
    projector = Projector(lane)
    lane.append([touched("1")])
    projector.step()
    other = MemoryTables(2)
    replaced = through(lane, lambda: other)
    project(replaced)
    projector.lane = replaced
    lane.append([shown(HS, "contacts", "1", email="ada@example.com")])

    assert projector.step()
    assert other.fetch(Table.META, [CONNECTION_KEY])[0] is not None
    assert other.count(Table.CONTACTS) == 1
