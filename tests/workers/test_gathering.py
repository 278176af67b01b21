"""Writes gather into few calls: bursts into full batches, across objects; what is alone leaves at once."""

from collections.abc import Callable

import pytest

from domain import events as e
from domain.state import Priority
from tests.workers.crm import FakeCrm
from tests.workers.lanes import append, shown
from tests.workers.test_deliver import entity, lane_with_edits, lead_id, with_edits
from tests.world import HS, SF
from workers.batching import LIMIT, LOOK, MOST_LIMIT, MOST_PATIENCE, PATIENCE, Gathering, shared
from workers.clock import ManualClock
from workers.connection import ROOM, Lane
from workers.deliver import COMPANY, Counts, Deliverer
from workers.gateways.http import batches
from workers.ports import WriteRow


def test_updates_of_several_objects_share_a_call_where_the_crm_takes_that() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF, mixes_objects=True)
    append(
        lane,
        shown(HS, "contacts", "2", source="baseline", email="c@example.com", lastname="L", city="Wien"),
        shown(
            SF, "Contact", "003A", source="baseline", Email="c@example.com", LastName="L", MailingCity="Wien"
        ),
        e.SyncRequested(entity=entity(2), cause="list", by="test"),
        shown(HS, "contacts", "2", ticket=30, email="c@example.com", lastname="L", city="Graz"),
    )

    assert Deliverer(lane, SF, crm).run().delivered == 2
    assert crm.calls == [("write", (lead_id(1), "003A"))]


def test_mixed_updates_go_object_by_object_and_creates_go_alone() -> None:
    rows = [
        WriteRow("1", "Lead", "00Q1", {}),
        WriteRow("2", "Contact", "0031", {}),
        WriteRow("3", "Lead", "00Q2", {}),
        WriteRow("4", "Lead", None, {}, "Key__c", "7"),
        WriteRow("5", "Contact", None, {}, "Key__c", "7"),
    ]

    assert [[row.row for row in part] for part in batches(rows, mixed=True)] == [
        ["2", "1", "3"],
        ["4"],
        ["5"],
    ]
    assert [[row.row for row in part] for part in batches(rows)] == [["1", "3"], ["2"], ["4"], ["5"]]


# -- when a batch leaves


def waited(
    gathering: Gathering, clock: ManualClock, held: Callable[[float], int], least: float = 0.0
) -> float:
    """How long a batch waits that holds so many after so many seconds."""
    began = clock.monotonic()
    while seconds := gathering.wait(held(clock.monotonic() - began), least=least):
        assert seconds <= LOOK
        clock.advance(seconds)
    return clock.monotonic() - began


def gathering(clock: ManualClock, *, coming: bool = False) -> Gathering:
    return Gathering(clock, lambda: coming)


def test_what_is_alone_leaves_at_once_whatever_is_on_its_way() -> None:
    clock = ManualClock()
    assert waited(gathering(clock, coming=True), clock, lambda _: 1) == 0


@pytest.mark.parametrize(("held", "seconds"), [(2, PATIENCE), (11, 10 * PATIENCE), (199, MOST_PATIENCE)])
def test_the_more_there_are_the_longer_they_wait_for_the_rest_of_a_burst(held: int, seconds: float) -> None:
    clock = ManualClock()
    assert waited(gathering(clock), clock, lambda _: held) == pytest.approx(seconds, abs=0.002)


def test_whoever_comes_is_waited_for_anew() -> None:
    clock = ManualClock()
    long = waited(gathering(clock), clock, lambda after: 150 if after < 0.25 else 160)
    assert long == pytest.approx(0.25 + MOST_PATIENCE, abs=2 * LOOK)


@pytest.mark.parametrize(("held", "seconds"), [(2, LIMIT), (11, 10 * LIMIT), (199, MOST_LIMIT)])
def test_what_is_coming_is_waited_for_within_limits(held: int, seconds: float) -> None:
    clock = ManualClock()
    assert waited(gathering(clock, coming=True), clock, lambda _: held) == pytest.approx(seconds, abs=0.002)


def test_beside_requests_that_are_on_their_way_even_a_single_row_waits_a_little() -> None:
    clock = ManualClock()
    assert waited(gathering(clock), clock, lambda _: 1, least=COMPANY) == pytest.approx(COMPANY, abs=0.002)


def test_a_batch_that_has_left_is_forgotten() -> None:
    clock = ManualClock()
    one = gathering(clock)
    assert waited(one, clock, lambda _: 11) > 0
    clock.advance(60)
    assert waited(one, clock, lambda _: 11) == pytest.approx(10 * PATIENCE, abs=0.002)


class Busy(ManualClock):
    """People edit ten contacts whenever somebody waits, until fifty are edited."""

    lane: Lane
    edited = 10

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.edited < 50:
            with_edits(self.lane, 10, first=self.edited + 1)
            self.edited += 10


def test_the_batch_behind_one_that_filled_up_waits_anew() -> None:
    clock = ManualClock()
    one = gathering(clock, coming=True)
    assert one.wait(150) > 0
    clock.advance(0.9 * MOST_LIMIT)
    assert one.wait(200, full=True) == 0
    assert waited(one, clock, lambda _: 51) == pytest.approx(MOST_LIMIT, abs=0.002)


def test_a_burst_that_comes_bit_by_bit_is_one_call() -> None:
    clock = Busy()
    lane, crm = lane_with_edits(10, clock), FakeCrm(SF, batch_size=50)
    clock.lane = lane

    Deliverer(lane, SF, crm).run()
    assert [len(ids) for _, ids in crm.calls] == [50]


# -- who is in it


def test_each_priority_has_its_share_and_the_urgent_the_rest() -> None:
    due = {
        Priority.LIVE: [f"l{each}" for each in range(20)],
        Priority.RETRY: ["r0", "r1", "r2"],
        Priority.BACKFILL: ["b0", "b1"],
    }
    chosen = shared(due, 10)
    assert [each[0] for each in chosen] == ["l"] * 7 + ["r"] * 2 + ["b"]
    assert shared({Priority.LIVE: [], Priority.BACKFILL: ["b0", "b1"]}, 10) == ["b0", "b1"]


def crowded(lane: Lane) -> Lane:
    """More waits to be projected than bulk work may add to."""
    lane.append(
        [e.RecordTouched(crm=HS, object="x", id=str(n), occurred_at=1, cause="t") for n in range(ROOM)]
    )
    return lane


def test_backfill_stands_back_while_much_waits_to_be_projected() -> None:
    lane, crm = with_edits(lane_with_edits(1), 2, priority=Priority.BACKFILL, first=2), FakeCrm(SF)

    assert Deliverer(crowded(lane), SF, crm).run().sent == 1
    assert crm.calls == [("write", (lead_id(1),))]


def test_the_last_request_that_may_be_on_its_way_is_not_for_backfill() -> None:
    lane = with_edits(lane_with_edits(1), 2, priority=Priority.BACKFILL, first=2)
    deliverer = Deliverer(lane, SF, FakeCrm(SF, batch_size=1), in_flight=2)

    first, _ = deliverer._next(Counts(), 0)
    assert first is not None
    assert first.priority is Priority.LIVE
    assert deliverer._next(Counts(), 1)[0] is None
    second, _ = deliverer._next(Counts(), 0)
    assert second is not None
    assert second.priority is Priority.BACKFILL
