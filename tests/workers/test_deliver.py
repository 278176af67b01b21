"""Delivering: claimed before it is sent, answered in the log, and never sent blind after a loss."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import CLAIMS, Table, decode, outbox_queue
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Contact, Priority
from domain.upcasting import decode as event_of
from tests.workers.crm import FakeCrm, accepted
from tests.workers.lanes import append, configured, memory_lane, project, shown
from tests.world import HS, SECTION, SF
from workers.clock import ManualClock
from workers.connection import PROJECTED, Lane
from workers.deliver import FAR, LEASE_MS, Deliverer
from workers.ports import WriteRow

MARK = "delivering/salesforce"


def entity(number: int) -> str:
    return f"hubspot/contacts/{number}"


def lead_id(number: int) -> str:
    return f"00Q{number:012}EAA"


def with_edits(lane: Lane, number: int, *, priority: Priority = Priority.LIVE, first: int = 1) -> Lane:
    """Linked people, each of whom HubSpot has moved to Graz: as many writes to Salesforce wait."""
    for each in range(first, first + number):
        person: dict[str, Any] = {"email": f"p{each}@example.com", "lastname": "L", "company": "C"}
        lead: dict[str, Any] = {"Email": f"p{each}@example.com", "LastName": "L", "Company": "C"}
        append(
            lane,
            shown(HS, "contacts", str(each), source="baseline", city="Wien", **person),
            shown(SF, "Lead", lead_id(each), source="baseline", City="Wien", **lead),
            e.SyncRequested(entity=entity(each), cause="list", by="test"),
            shown(HS, "contacts", str(each), source="baseline", ticket=9, city="Graz", **person),
            e.SyncRequested(entity=entity(each), cause="all", by="test", priority=priority),
        )
    return lane


def lane_with_edits(number: int = 1, clock: ManualClock | None = None) -> Lane:
    return with_edits(configured(memory_lane(clock)), number)


def edit(lane: Lane, number: int, city: str) -> None:
    person = {"email": f"p{number}@example.com", "lastname": "L", "company": "C", "city": city}
    append(lane, shown(HS, "contacts", str(number), ticket=len(city) + 20, **person))


def told(lane: Lane, kind: type[e.Event]) -> list[Any]:
    """The log's events of one kind."""
    events = (event_of(each.raw) for each in lane.log.read("0-0", 10_000))
    return [each for each in events if isinstance(each, kind)]


def contact(lane: Lane, number: int = 1) -> Contact:
    found: Contact = decode(Table.CONTACTS, lane.tables().fetch(Table.CONTACTS, [entity(number)])[0] or b"")
    return found


def outcomes(lane: Lane) -> list[tuple[str, str]]:
    return [(each.outcome.outcome.value, each.outcome.code) for each in told(lane, e.DeliveryAnswered)]


class Dying(Exception):  # noqa: N818 - what a killed process does
    """This deliverer is gone."""


def dying(*_: object) -> Any:
    raise Dying


def failing(part: Any, **methods: Callable[..., Any]) -> None:
    """Have methods of a port behave otherwise."""
    part.__class__ = type("Failing", (type(part),), methods)


def healed(part: Any) -> None:
    part.__class__ = type(part).__mro__[1]


@pytest.mark.rule(129)
def test_what_is_due_is_sent_in_one_batch_and_answered_in_the_log() -> None:
    lane, crm = lane_with_edits(3), FakeCrm(SF)

    counts = Deliverer(lane, SF, crm).run()
    project(lane)

    assert (counts.claimed, counts.sent, counts.delivered, counts.batches) == (3, 3, 3, 1)
    assert crm.calls == [("write", (lead_id(1), lead_id(2), lead_id(3)))]
    assert [row.fields for row in crm.written] == [{"City": "Graz"}] * 3
    assert not contact(lane).intents
    assert lane.coordination.cursor(MARK) is None


def test_a_claim_is_in_the_log_before_its_request_leaves() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    seen: list[int] = []

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        seen.append(len(told(lane, e.DeliveryClaimed)))
        assert lane.coordination.cursor(MARK) is not None
        return accepted(rows)

    crm.on_write = write
    Deliverer(lane, SF, crm).run()
    assert seen == [1]


def test_nothing_that_is_on_its_way_or_done_is_sent_again_before_it_is_projected() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)

    Deliverer(lane, SF, crm).run()
    Deliverer(lane, SF, crm).run()

    assert len(crm.written) == 1


def test_creates_and_updates_and_objects_do_not_share_a_call() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    append(lane, shown(HS, "contacts", "9", email="new@example.com", lastname="N", company="C"))
    append(
        lane, e.LookedUp(entity=entity(9), crm=SF, value="new@example.com", found=(), ticket=40, request="x")
    )

    Deliverer(lane, SF, crm).run()

    assert sorted(crm.calls, key=str) == [("write", (lead_id(1),)), ("write", (None,))]


@pytest.mark.rule(20)
@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(e.Paused(by="me"), id="paused"),
        pytest.param(e.TargetRefused(crm=SF, code="NO", message=""), id="suspended"),
    ],
)
def test_nothing_is_sent_while_sending_is_stopped(stop: e.AnyEvent) -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    append(lane, stop)

    counts = Deliverer(lane, SF, crm).run()

    assert (counts.claimed, crm.calls, counts.more) == (0, [], False)


def test_a_suspended_crm_does_not_hold_up_the_other_one() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    append(lane, e.TargetRefused(crm=HS, code="NO", message=""))

    assert Deliverer(lane, SF, crm).run().delivered == 1


@pytest.mark.rule(127)
@pytest.mark.rule(128)
def test_a_throttled_crm_is_left_alone_until_its_time_has_passed() -> None:
    clock = ManualClock()
    lane, crm = lane_with_edits(2, clock), FakeCrm(SF)
    crm.on_write = lambda rows: [Outcome(OutcomeClass.THROTTLED, wait_ms=30_000)] * len(rows)
    deliverer = Deliverer(lane, SF, crm)
    deliverer.run()
    project(lane)

    deliverer.run()
    assert len(crm.calls) == 1
    clock.advance(31)
    crm.on_write = accepted
    assert deliverer.run().delivered == 2


def test_a_short_wait_for_allowance_is_waited_out() -> None:
    clock = ManualClock()
    lane, crm = lane_with_edits(1, clock), FakeCrm(SF, waits=[300, 300])
    before = clock.monotonic()

    assert Deliverer(lane, SF, crm).run().delivered == 1
    assert clock.monotonic() - before == pytest.approx(0.6)


def test_a_long_wait_for_allowance_ends_the_run() -> None:
    clock = ManualClock()
    lane, crm = lane_with_edits(1, clock), FakeCrm(SF, waits=[60_000])
    before = clock.monotonic()

    counts = Deliverer(lane, SF, crm).run()

    assert (counts.claimed, counts.more, clock.monotonic()) == (0, False, before)
    assert lane.coordination.cursor(MARK) is None


def test_an_intent_of_an_older_configuration_is_given_back_and_decided_again() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    configured(lane, msgspec.structs.replace(SECTION, defaults={"Lead": {"Company": "None"}}))
    deliverer = Deliverer(lane, SF, crm)

    counts = deliverer.run()
    assert (counts.claimed, counts.stale) == (0, 1)
    project(lane)
    assert deliverer.run().delivered == 1


# -- priorities


@pytest.mark.rule(19)
def test_urgent_writes_go_first_and_each_priority_keeps_its_share() -> None:
    lane = with_edits(configured(memory_lane()), 12, priority=Priority.BACKFILL)
    with_edits(lane, 12, first=20)
    crm = FakeCrm(SF)

    Deliverer(lane, SF, crm, in_flight=1).run()

    first = [row.id for row in crm.written[:10]]
    assert sum(each >= lead_id(20) for each in first if each) == 9
    assert len(crm.written) == 24


def test_what_one_priority_leaves_of_a_batch_the_others_use() -> None:
    lane, crm = with_edits(configured(memory_lane()), 10, priority=Priority.BACKFILL), FakeCrm(SF)

    assert Deliverer(lane, SF, crm).run().batches == 1


# -- several at once


class Ticking(ManualClock):
    """A clock that moves on with each look at it."""

    def monotonic(self) -> float:
        self.advance(0.01)
        return super().monotonic()


def test_a_slow_request_does_not_keep_the_next_ones_waiting() -> None:
    """The first request is answered only after a write that became due meanwhile was sent."""
    lane, crm, sent = lane_with_edits(1, Ticking()), FakeCrm(SF), threading.Event()

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        if rows[0].id == lead_id(1):
            with_edits(lane, 1, first=2)
            assert sent.wait(timeout=10)
        else:
            sent.set()
        return accepted(rows)

    crm.on_write = write
    assert Deliverer(lane, SF, crm).run().delivered == 2


def test_a_hanging_request_does_not_keep_others_waiting_when_the_time_is_used_up() -> None:
    clock = Ticking()
    lane, crm, sent = lane_with_edits(1, clock), FakeCrm(SF), threading.Event()

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        if rows[0].id == lead_id(1):
            clock.advance(5)
            with_edits(lane, 1, first=2)
            clock.advance(2)
            assert sent.wait(timeout=10)
        else:
            sent.set()
        return accepted(rows)

    crm.on_write = write
    assert Deliverer(lane, SF, crm).run().delivered == 2


def test_no_more_requests_are_on_their_way_than_allowed() -> None:
    lane, crm = lane_with_edits(12), FakeCrm(SF, batch_size=1)
    lock, now, most = threading.Lock(), 0, 0

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1
        return accepted(rows)

    crm.on_write = write
    assert Deliverer(lane, SF, crm, in_flight=3).run().delivered == 12
    assert most == 3


def test_a_run_that_used_up_its_time_says_that_more_is_left() -> None:
    clock = ManualClock()
    lane, crm = lane_with_edits(3, clock), FakeCrm(SF, batch_size=1)

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        clock.advance(5)
        return accepted(rows)

    crm.on_write = write
    counts = Deliverer(lane, SF, crm, in_flight=1).run(budget_ms=5_000)
    assert (counts.sent, counts.more) == (1, True)


def test_a_worker_whose_clock_is_behind_the_servers_delivers_at_once() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    lane.clock = ManualClock(lane.clock.now_ms() - 300_000)

    assert Deliverer(lane, SF, crm).run().delivered == 1


# -- leases


def test_only_one_deliverer_works_on_a_crm_of_a_connection() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    with lane.lease("deliver/salesforce", 1_000):
        assert Deliverer(lane, SF, crm).run().claimed == 0
    assert crm.calls == []


def test_what_comes_while_a_deliverer_ends_is_not_left_to_the_next_sweep() -> None:
    """It has seen that nothing is due and still holds the lease: who is woken for the new edit gets none."""
    lane, crm = lane_with_edits(), FakeCrm(SF)

    def release(self: Any, lease: str, owner: str) -> bool:
        healed(lane.coordination)
        with_edits(lane, 1, first=2)
        assert Deliverer(lane, SF, crm).run().claimed == 0
        return bool(self.release(lease, owner))

    failing(lane.coordination, release=release)
    assert Deliverer(lane, SF, crm).run().more
    counts = Deliverer(lane, SF, crm).run()
    assert (counts.delivered, counts.more) == (1, False)


def test_a_deliverer_frozen_beyond_its_lease_sends_nothing_that_it_had_claimed() -> None:
    """While it stands still between claim and request, another one takes over and gives its claim up."""
    clock = ManualClock()
    lane, crm, other = lane_with_edits(1, clock), FakeCrm(SF), FakeCrm(SF)
    frozen = False

    def claim(self: Any, claims: Any) -> list[bool]:
        nonlocal frozen
        granted: list[bool] = super(type(self), self).claim(claims)
        if not frozen:
            frozen = True
            clock.advance(LEASE_MS / 1000 + 1)
            project(lane)
            Deliverer(lane, SF, other).run()
        return granted

    failing(lane.coordination, claim=claim)
    Deliverer(lane, SF, crm).run()
    project(lane)

    assert crm.written == []
    assert outcomes(lane) == [("unknown", "deliverer_lost"), ("transient", "lease_lost")]
    assert SF in contact(lane).doubted


def test_a_lost_lease_is_no_reason_to_forget_the_mark_of_who_has_it_now() -> None:
    clock = ManualClock()
    lane, crm = lane_with_edits(1, clock), FakeCrm(SF)

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        clock.advance(LEASE_MS / 1000 + 1)
        assert lane.coordination.acquire("deliver/salesforce", "another", LEASE_MS)
        lane.coordination.set_cursor(MARK, "another")
        return accepted(rows)

    crm.on_write = write
    assert Deliverer(lane, SF, crm).run().delivered == 1
    assert lane.coordination.cursor(MARK) == "another"


def test_a_lease_that_ran_out_and_is_free_again_is_not_the_old_one() -> None:
    clock = ManualClock()
    lane = memory_lane(clock)
    with lane.lease("deliver/salesforce", 1_000) as lease:
        assert lease is not None
        assert lease.renew()
        clock.advance(2)
        assert not lease.renew()
        assert not lease.held()


# -- lost deliverers


def after_a_loss(lane: Lane) -> list[tuple[str, str]]:
    """What the next deliverer makes of what it finds."""
    project(lane)
    Deliverer(lane, SF, FakeCrm(SF)).run()
    project(lane)
    return outcomes(lane)


def test_lost_before_the_claim_nothing_has_happened() -> None:
    lane = lane_with_edits()
    failing(lane.coordination, claim=dying)
    with pytest.raises(Dying):
        Deliverer(lane, SF, FakeCrm(SF)).run()
    healed(lane.coordination)

    assert after_a_loss(lane) == [("delivered", "")]


def test_a_claim_that_was_granted_unheard_is_given_up_and_looked_into() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)

    def claim(self: Any, claims: Any) -> list[bool]:
        super(type(self), self).claim(claims)
        raise Dying

    failing(lane.coordination, claim=claim)
    with pytest.raises(Dying):
        Deliverer(lane, SF, crm).run()
    assert lane.coordination.cursor(MARK) is not None
    healed(lane.coordination)

    assert after_a_loss(lane) == [("unknown", "deliverer_lost")]
    assert contact(lane).unsure == {SF: "no answer"}


def test_lost_with_a_request_on_its_way_the_target_is_read_first() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF, on_write=dying)
    with pytest.raises(Dying):
        Deliverer(lane, SF, crm).run()

    assert after_a_loss(lane) == [("unknown", "deliverer_lost")]
    assert not lane.tables().due(outbox_queue(SF, Priority.LIVE), FAR, 10)
    assert lane.tables().fetch(Table.READS, [f"salesforce/Lead/{lead_id(1)}"])[0] is not None


def test_lost_before_the_answer_is_in_the_log_counts_as_no_answer() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        failing(lane.log, append=dying)
        return accepted(rows)

    crm.on_write = write
    with pytest.raises(Dying):
        Deliverer(lane, SF, crm).run()
    healed(lane.log)

    assert after_a_loss(lane) == [("unknown", "deliverer_lost")]


def test_lost_after_the_answer_nothing_is_decided_anew() -> None:
    clock = ManualClock()
    lane = lane_with_edits(1, clock)
    failing(lane.coordination, set_cursor=dying_for_none)
    with pytest.raises(Dying):
        Deliverer(lane, SF, FakeCrm(SF)).run()
    healed(lane.coordination)
    assert lane.coordination.cursor(MARK) is not None

    assert after_a_loss(lane) == [("delivered", "")]


def dying_for_none(self: Any, name: str, value: str | None) -> None:
    if value is None:
        raise Dying
    super(type(self), self).set_cursor(name, value)


def test_an_answer_that_is_not_projected_yet_counts_before_the_giving_up() -> None:
    lane = lane_with_edits()
    Deliverer(lane, SF, FakeCrm(SF)).run()
    lane.coordination.set_cursor(MARK, "lost")
    Deliverer(lane, SF, FakeCrm(SF)).run()
    project(lane)

    assert outcomes(lane) == [("delivered", ""), ("unknown", "deliverer_lost")]
    assert SF not in contact(lane).doubted
    assert not contact(lane).flights


def test_only_the_claims_on_its_own_crm_are_given_up() -> None:
    lane = lane_with_edits()
    with pytest.raises(Dying):
        Deliverer(lane, SF, FakeCrm(SF, on_write=dying)).run()
    lane.coordination.set_cursor("delivering/hubspot", "lost")
    Deliverer(lane, HS, FakeCrm(HS)).run()

    assert outcomes(lane) == []
    assert lane.tables().size(CLAIMS) == 1


def test_no_request_is_on_its_way_any_more_when_a_failed_run_gives_its_lease_back() -> None:
    lane, crm = lane_with_edits(2), FakeCrm(SF, batch_size=1)
    failed, ended = threading.Event(), threading.Event()

    def write(rows: Sequence[WriteRow]) -> list[Outcome]:
        if rows[0].id == lead_id(1):
            failed.set()
            raise Dying
        failed.wait(timeout=10)
        threading.Event().wait(0.05)
        ended.set()
        return accepted(rows)

    crm.on_write = write
    with pytest.raises(Dying):
        Deliverer(lane, SF, crm).run()
    assert ended.is_set()


def test_after_tables_were_lost_nothing_is_sent_until_they_have_caught_up() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF)
    lane.coordination.set_cursor(PROJECTED, "9999999999999-0")

    assert Deliverer(lane, SF, crm).run().claimed == 0
    assert crm.calls == []


def test_a_newer_decision_is_never_overtaken_by_what_was_read_before_it() -> None:
    """Between reading the outbox and claiming, the person moves again: the old write is not granted."""
    lane, crm = lane_with_edits(), FakeCrm(SF)
    moved = False

    def claim(self: Any, claims: Any) -> list[bool]:
        nonlocal moved
        if not moved:
            moved = True
            edit(lane, 1, "Linz")
        granted: list[bool] = super(type(self), self).claim(claims)
        return granted

    failing(lane.coordination, claim=claim)
    Deliverer(lane, SF, crm).run()
    project(lane)
    Deliverer(lane, SF, crm).run()
    assert [row.fields["City"] for row in crm.written] == ["Linz"]


def test_the_two_crms_are_delivered_to_apart() -> None:
    lane = lane_with_edits()
    with lane.lease(f"deliver/{Crm.HUBSPOT}", 1_000):
        assert Deliverer(lane, SF, FakeCrm(SF)).run().delivered == 1
