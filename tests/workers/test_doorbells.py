"""Doorbells: rung once until answered, rung for work only, and never lost for long."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import TIMERS, Changes, outbox_queue, reads_queue
from domain.identity import Crm
from domain.state import Priority
from tests.workers.lanes import append, configured, memory_lane, project
from tests.world import HS, SECTION
from workers.clock import ManualClock
from workers.connection import BULK, ROOM, Lane
from workers.doorbells import BELL_MS, Doorbells, Rhythm

RHYTHM = Rhythm(poll=10, check=900)


class Broker:
    """Keeps what it is told to send, unless it is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, ...]] = []
        self.away = False

    def __call__(self, task: str, arguments: tuple[str, ...]) -> None:
        if self.away:
            raise ConnectionError
        self.sent.append((task, *arguments[1:]))
        assert arguments[0] == "acme"

    def taken(self) -> list[tuple[str, ...]]:
        """What was sent since the last look."""
        sent, self.sent = self.sent, []
        return sorted(sent)


def bells(lane: Lane) -> tuple[Doorbells, Broker]:
    broker = Broker()
    return Doorbells(lane, broker), broker


def queued(lane: Lane, queue: str, **members: int) -> Lane:
    at, tables = lane.tables().checkpoint(), lane.tables()
    assert tables.commit(at, at, Changes({}, {}, {queue: members}, {}, {}, {}))
    return lane


def swept(lane: Lane, clock: ManualClock) -> tuple[Doorbells, Broker]:
    """After everything periodic was rung and answered."""
    door, broker = bells(lane)
    door.sweep(RHYTHM)
    clock.advance(3)
    for task, *rest in broker.taken():
        door.answer(task, *rest)
    return door, broker


def test_a_bell_that_rings_is_not_rung_again_until_it_is_answered() -> None:
    door, broker = bells(memory_lane())
    door.ring("project")
    door.ring("project")
    assert broker.taken() == [("project",)]

    door.answer("project")
    door.ring("project")
    assert broker.taken() == [("project",)]


def test_every_crm_has_a_bell_of_its_own() -> None:
    door, broker = bells(memory_lane())
    for crm in Crm:
        door.ring("deliver", crm)
    assert len(broker.sent) == 2


def test_a_bell_that_nobody_answers_rings_again_after_a_while() -> None:
    clock = ManualClock()
    door, broker = bells(memory_lane(clock))
    door.ring("project")
    clock.advance(BELL_MS / 1000)
    door.ring("project")

    assert len(broker.sent) == 2


def test_a_bell_that_could_not_be_sent_can_be_rung_at_once() -> None:
    door, broker = bells(memory_lane())
    broker.away = True
    with pytest.raises(ConnectionError):
        door.ring("project")

    broker.away = False
    door.ring("project")
    assert broker.taken() == [("project",)]


# -- the sweep


def test_a_sweep_rings_for_what_waits_to_be_projected() -> None:
    clock = ManualClock()
    lane = configured(memory_lane(clock))
    door, broker = swept(lane, clock)
    lane.append([e.Paused(by="me")])
    door.sweep(RHYTHM)
    assert ("project",) in broker.taken()

    project(lane)
    door.answer("project")
    door.sweep(RHYTHM)
    assert ("project",) not in broker.taken()


@pytest.mark.parametrize(
    ("queue", "bell"),
    [
        *(
            pytest.param(reads_queue(HS, priority), ("read", "hubspot"), id=f"{priority} reads")
            for priority in Priority
        ),
        *(
            pytest.param(outbox_queue(HS, priority), ("deliver", "hubspot"), id=f"{priority} writes")
            for priority in Priority
        ),
        pytest.param(TIMERS, ("control",), id="timers"),
    ],
)
def test_a_sweep_rings_for_what_is_due_and_for_nothing_that_is_not(queue: str, bell: tuple[str, ...]) -> None:
    clock = ManualClock()
    lane = configured(memory_lane(clock))
    door, broker = swept(lane, clock)
    queued(lane, queue, **{"x|look": clock.now_ms() + 1_000})
    lane.coordination.ring("slot/control", 60_000)
    door.sweep(RHYTHM)
    assert bell not in broker.taken()

    clock.advance(1)
    door.sweep(RHYTHM)
    assert bell in broker.taken()


def test_a_sweep_of_a_lane_at_rest_rings_for_nothing_but_what_is_periodic() -> None:
    clock = ManualClock()
    door, broker = swept(configured(memory_lane(clock)), clock)
    door.lane.coordination.ring("slot/control", 60_000)
    door.sweep(RHYTHM)

    assert broker.taken() == []


def test_periodic_work_is_rung_for_once_in_its_time_by_all_sweepers_together() -> None:
    clock = ManualClock()
    lane = configured(memory_lane(clock))
    one, other = bells(lane), bells(lane)
    for door, _ in (one, other):
        door.sweep(RHYTHM)
    rung = [bell for _, broker in (one, other) for bell in broker.taken() if bell[0] in {"poll", "metadata"}]

    assert sorted(rung) == [
        ("metadata",),
        *sorted(("poll", crm, what) for crm in Crm for what in ("changes", "check", "nightly")),
    ]


@pytest.mark.parametrize(
    ("bell", "seconds"),
    [
        (("poll", "hubspot", "changes"), 10),
        (("poll", "hubspot", "check"), 900),
        (("poll", "hubspot", "nightly"), 600),
        (("metadata",), 3600),
    ],
    ids=str,
)
def test_periodic_work_keeps_its_rhythm(bell: tuple[str, ...], seconds: int) -> None:
    clock = ManualClock()
    lane = configured(memory_lane(clock))
    door, broker = bells(lane)
    door.sweep(RHYTHM)
    broker.taken()
    door.answer(*bell)
    clock.advance(seconds - 1)
    door.sweep(RHYTHM)
    assert bell not in broker.taken()

    clock.advance(1)
    door.sweep(RHYTHM)
    assert bell in broker.taken()


@pytest.mark.rule(13)
def test_campaigns_are_looked_at_where_they_start_a_sync() -> None:
    wanted = ("poll", "salesforce", "campaigns")
    for triggers, rung in ((("campaign_added",), True), ((), False)):
        section = msgspec.structs.replace(SECTION, triggers=triggers)
        door, broker = bells(configured(memory_lane(), section))
        door.sweep(RHYTHM)
        assert (wanted in broker.taken()) is rung


def test_a_slot_is_kept_only_if_its_bell_could_be_sent() -> None:
    clock = ManualClock()
    door, broker = bells(configured(memory_lane(clock)))
    broker.away = True
    with pytest.raises(ConnectionError):
        door.sweep(RHYTHM)

    broker.away = False
    door.sweep(RHYTHM)
    rung: list[Any] = broker.taken()
    assert ("control",) in rung
    assert ("metadata",) in rung
    assert len([each for each in rung if each[0] == "poll"]) == 6


def test_before_the_baseline_is_complete_nothing_else_is_polled() -> None:
    door, broker = bells(memory_lane())
    door.sweep(RHYTHM)
    polls = [each for each in broker.taken() if each[0] in {"poll", "metadata"}]

    assert polls == [("poll", crm, "baseline") for crm in Crm]


def test_after_projecting_whoever_has_work_is_woken() -> None:
    lane = configured(memory_lane())
    door, broker = bells(lane)
    append(lane, e.RecordTouched(crm=HS, object="contacts", id="1", occurred_at=1, cause="changed"))
    door.onward()

    assert broker.taken() == [("read", "hubspot")]


def test_after_projecting_whoever_has_work_is_woken_by_a_clock_that_is_behind_the_servers_too() -> None:
    lane = configured(memory_lane())
    append(lane, e.RecordTouched(crm=HS, object="contacts", id="1", occurred_at=1, cause="changed"))
    lane.clock = ManualClock(lane.clock.now_ms() - 50)
    door, broker = bells(lane)
    door.onward()

    assert broker.taken() == [("read", "hubspot")]


def test_bulk_work_that_waits_for_room_goes_on_once_there_is_some() -> None:
    lane = configured(memory_lane())
    door, broker = bells(lane)
    lane.coordination.set_cursor(BULK, "waits")
    queued(lane, outbox_queue(HS, Priority.BACKFILL), x=1)
    lane.append(
        [e.RecordTouched(crm=HS, object="x", id=str(n), occurred_at=1, cause="t") for n in range(ROOM)]
    )
    door.onward()
    assert broker.taken() == []

    project(lane)
    door.onward()
    assert broker.taken() == [("control",), ("deliver", "hubspot")]


def test_work_that_was_cut_short_comes_up_again_soon() -> None:
    clock = ManualClock()
    door, broker = swept(configured(memory_lane(clock)), clock)
    door.put_off(20, "poll", "hubspot", "check")
    clock.advance(19)
    door.sweep(RHYTHM)
    assert ("poll", "hubspot", "check") not in broker.taken()
    clock.advance(2)
    door.sweep(RHYTHM)
    assert ("poll", "hubspot", "check") in broker.taken()
