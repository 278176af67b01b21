"""Reading: every asking is answered once, in few calls, and one that cannot be stops nobody else's."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import Changes, Table, reads_queue
from domain.errors import Misconfigured, Rejected, Throttled, Transient
from domain.identity import Crm
from domain.state import Priority, ReadRequest
from domain.upcasting import decode as event_of
from tests.workers.crm import FakeCrm
from tests.workers.lanes import append, configured, memory_lane, project
from tests.world import HS, SF
from workers.clock import ManualClock
from workers.connection import PROJECTED, Lane
from workers.read import BACKLOG, LEASE_MS, Reader

EVER = 2**62


def ready(clock: ManualClock | None = None) -> Lane:
    return configured(memory_lane(clock))


def touched(lane: Lane, *ids: str, crm: Crm = HS, name: str = "contacts") -> Lane:
    """Somebody says that records changed, so they must be read."""
    moment = lane.log.appended()
    return append(
        lane, *(e.RecordTouched(crm=crm, object=name, id=i, occurred_at=moment, cause="changed") for i in ids)
    )


def asked(lane: Lane, key: str, request: ReadRequest) -> Lane:
    """A request as folding would leave it."""
    packed = msgspec.msgpack.encode(request)
    at, tables = lane.tables().checkpoint(), lane.tables()
    queue = reads_queue(request.crm, request.priority)
    changes = Changes({Table.READS: {key: packed}}, {}, {queue: {key: 1}}, {}, {}, {})
    assert tables.commit(at, at, changes)
    return lane


def waiting(lane: Lane, crm: Crm = HS) -> list[str]:
    queues = [reads_queue(crm, priority) for priority in Priority]
    return [key for queue in queues for key, _ in lane.tables().due(queue, EVER, 1_000)]


def told(lane: Lane, kind: type[e.Event]) -> list[Any]:
    found = (event_of(each.raw) for each in lane.log.read("0-0", 10_000))
    return [each for each in found if isinstance(each, kind)]


def portal(*ids: str) -> FakeCrm:
    crm = FakeCrm(HS)
    for each in ids:
        crm.put("contacts", each, email=f"p{each}@example.com")
    return crm


def test_what_is_asked_for_is_read_in_one_call_and_folded() -> None:
    lane, crm = touched(ready(), "1", "2"), portal("1", "2")

    progress = Reader(lane, HS, crm).run()
    project(lane)

    assert (progress.answered, progress.news, progress.more) == (2, True, False)
    assert crm.calls == [("read", "contacts", ("1", "2"))]
    assert waiting(lane) == []
    assert lane.tables().count(Table.CONTACTS) == 2


def test_a_worker_whose_clock_is_behind_the_servers_reads_at_once() -> None:
    lane = touched(ready(), "1")
    lane.clock = ManualClock(lane.clock.now_ms() - 300_000)

    assert Reader(lane, HS, portal("1")).run().answered == 1


def test_nothing_is_read_where_nothing_is_asked_for() -> None:
    crm = portal("1")
    assert Reader(ready(), HS, crm).run() == (0, False, False)
    assert crm.calls == []


def test_what_a_crm_does_not_know_is_gone() -> None:
    lane = touched(ready(), "1")
    Reader(lane, HS, portal()).run()
    project(lane)

    [gone] = told(lane, e.RecordGone)
    assert (gone.id, gone.cause) == ("1", "missing")
    assert waiting(lane) == []


def test_a_crm_that_says_no_time_is_taken_at_ours() -> None:
    clock = ManualClock()
    lane, crm = touched(ready(clock), "1"), portal()
    crm.now_ms = 0
    Reader(lane, HS, crm).run()

    assert told(lane, e.RecordGone)[0].at == clock.now_ms()


def test_a_ticket_is_drawn_before_the_call_leaves() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    drawn: list[int] = []
    crm.before = lambda: drawn.append(lane.coordination.tickets())
    Reader(lane, HS, crm).run()

    assert told(lane, e.RecordObserved)[0].ticket < drawn[0]


def test_what_people_wait_for_is_read_first_and_backfill_keeps_its_share() -> None:
    lane = touched(ready(), *(f"1{each:02}" for each in range(12)))
    for each in range(12):
        touch = e.RecordTouched(crm=HS, object="contacts", id=f"2{each:02}", occurred_at=1, cause="differs")
        append(lane, touch)
    crm = portal()
    Reader(lane, HS, crm, batch=10).run()

    first = crm.calls[0][2]
    assert sorted(each[0] for each in first) == ["1"] * 9 + ["2"]
    assert sum(len(call[2]) for call in crm.calls) == 24


# -- look-ups and memberships


def sought(lane: Lane, number: int, address: str) -> Lane:
    keys = (("Lead", "Email", address), ("Contact", "Email", address))
    request = ReadRequest(SF, "", address, f"{number}-0", "look_up", f"hubspot/contacts/{number}", keys)
    return asked(lane, f"look_up/salesforce/hubspot/contacts/{number}", request)


def test_look_ups_share_a_call_for_each_object_and_field() -> None:
    lane, crm = sought(sought(ready(), 1, "a@example.com"), 2, "b@example.com"), FakeCrm(SF)
    crm.put("Contact", "003000000000001AAA", Email="B@Example.com")

    Reader(lane, SF, crm).run()

    both = ("a@example.com", "b@example.com")
    assert crm.calls == [("look_up", "Lead", "Email", both), ("look_up", "Contact", "Email", both)]
    found = {each.entity: each.found for each in told(lane, e.LookedUp)}
    assert found == {
        "hubspot/contacts/1": (),
        "hubspot/contacts/2": ("salesforce/Contact/003000000000001AAA",),
    }


def test_a_record_that_was_found_stands_in_the_log_before_the_search_is_done() -> None:
    lane, crm = sought(ready(), 1, "a@example.com"), FakeCrm(SF)
    crm.put("Lead", "00Q000000000001AAA", Email="a@example.com")
    Reader(lane, SF, crm).run()

    kinds = [type(event_of(each.raw)) for each in lane.log.read("0-0", 1_000)]
    assert kinds[-2:] == [e.RecordObserved, e.LookedUp]


class Lists:
    """A portal where contact 1 alone is on list 7."""

    def lists(self) -> list[dict[str, Any]]:
        return []

    def list_definition(self, name_or_id: str) -> dict[str, Any]:
        raise Misconfigured(f"list_absent {name_or_id}")

    def members(self, list_id: str, *, after: str | None) -> tuple[list[str], str | None]:  # noqa: ARG002 - the port's
        return ["1"], None

    def memberships(self, record_ids: Sequence[str]) -> dict[str, set[str]]:
        return {each: {"7"} if each == "1" else set() for each in record_ids}


def test_memberships_are_asked_for_together() -> None:
    lane = ready()
    for each in ("1", "2"):
        entity = f"hubspot/contacts/{each}"
        request = ReadRequest(HS, "7", each, "1-0", "membership", entity)
        asked(lane, f"membership/7/{entity}", request)
    Reader(lane, HS, FakeCrm(HS), Lists()).run()
    project(lane)

    assert [(each.entity, each.member) for each in told(lane, e.MembershipObserved)] == [
        ("hubspot/contacts/1", True),
        ("hubspot/contacts/2", False),
    ]
    assert waiting(lane) == []


# -- once


def test_an_answer_that_is_not_projected_yet_is_not_asked_for_again() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    reader = Reader(lane, HS, crm)
    reader.run()
    reader.run()

    assert len(crm.calls) == 1


def test_who_asks_again_meanwhile_is_served_by_another_look() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    reader = Reader(lane, HS, crm)
    reader.run()
    touched(lane, "1")
    assert waiting(lane) == ["hubspot/contacts/1"]
    reader.run()
    project(lane)

    assert len(crm.calls) == 2
    assert waiting(lane) == []


def test_a_reader_that_died_before_its_answers_were_appended_leaves_them_to_the_next() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    crm.before = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        Reader(lane, HS, crm).run()
    crm.before = lambda: None
    Reader(lane, HS, crm).run()
    project(lane)

    assert waiting(lane) == []


def test_a_reader_that_died_after_its_answers_were_appended_changes_nothing_by_reading_again() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    Reader(lane, HS, crm).run()
    before = lane.log.appended()
    Reader(lane, HS, crm).run()

    assert lane.log.appended() == before


def test_more_than_one_batch_is_read_in_one_run() -> None:
    lane, crm = touched(ready(), *"12345"), portal(*"12345")

    assert Reader(lane, HS, crm, batch=2).run().answered == 5
    assert [len(call[2]) for call in crm.calls] == [2, 2, 1]


# -- what cannot be read


@pytest.mark.parametrize("error", [Throttled("LIMIT"), Transient("timeout")], ids=["throttled", "transient"])
def test_a_bad_moment_ends_the_run_and_loses_nothing(error: Exception) -> None:
    lane, crm = touched(ready(), "1"), portal("1")

    def fail() -> None:
        raise error

    crm.before = fail
    reader = Reader(lane, HS, crm)
    assert reader.run() == (0, False, False)
    assert len(crm.calls) == 1
    crm.before = lambda: None
    assert reader.run().answered == 1


def refusing(crm: FakeCrm) -> FakeCrm:
    def fail() -> None:
        raise Misconfigured("INVALID_SESSION", "expired")

    crm.before = fail
    return crm


def test_a_refusal_suspends_the_crm_after_one_call() -> None:
    lane, crm = touched(ready(), "1"), refusing(portal("1"))

    assert Reader(lane, HS, crm).run() == (0, True, False)
    project(lane)

    assert len(crm.calls) == 1
    assert lane.state().suspended[HS].code == "INVALID_SESSION"
    assert Reader(lane, HS, crm).run() == (0, False, False)
    assert len(crm.calls) == 1


def test_what_was_refused_is_read_by_the_same_process_once_the_cause_is_mended() -> None:
    lane, crm = touched(ready(), "1"), refusing(portal("1"))
    reader = Reader(lane, HS, crm)
    reader.run()
    crm.before = lambda: None
    append(lane, e.SuspensionCleared(name="hubspot", by="me"))

    assert reader.run().answered == 1
    project(lane)
    assert waiting(lane) == []


def test_a_request_that_the_crm_refuses_by_itself_does_not_stop_the_others() -> None:
    lane, crm = touched(ready(), "1", "bad", "2", "3"), portal("1", "2", "3")

    def refuse() -> None:
        if "bad" in crm.calls[-1][2]:
            raise Rejected("MALFORMED_ID")

    crm.before = refuse
    reader = Reader(lane, HS, crm)
    reader.run()
    project(lane)
    calls = len(crm.calls)

    assert waiting(lane) == ["hubspot/contacts/bad"]
    assert reader.run() == (0, False, False)
    assert len(crm.calls) == calls


def test_a_request_for_what_is_not_synced_any_more_yet_ends() -> None:
    lane = ready()
    request = ReadRequest(SF, "Account", "001", "1-0")
    asked(lane, "salesforce/Account/001", request)
    crm = FakeCrm(SF)
    crm.put("Account", "001", Name="Acme")
    Reader(lane, SF, crm).run()
    project(lane)

    assert waiting(lane, SF) == []
    assert told(lane, e.RecordObserved)[-1].fields == {}


def test_a_search_among_what_is_not_synced_any_more_stops_nobody() -> None:
    lane = touched(ready(), "00Q000000000001AAA", crm=SF, name="Lead")
    keys = (("Account", "Email", "a@example.com"),)
    request = ReadRequest(SF, "", "a@example.com", "1-0", "look_up", "hubspot/contacts/1", keys)
    asked(lane, "look_up/salesforce/hubspot/contacts/1", request)
    Reader(lane, SF, FakeCrm(SF)).run()
    project(lane)

    assert waiting(lane, SF) == []


def test_what_a_newer_configuration_needs_is_asked_for() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    Reader(lane, HS, crm).run()
    asked_for = told(lane, e.RecordObserved)[-1].fields.keys()

    assert asked_for == lane.policy().by_object[HS, "contacts"].needed[HS, "contacts"]


# -- when not to read


def test_only_one_reader_works_on_a_crm_of_a_connection() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    with lane.lease("read/hubspot", LEASE_MS):
        assert Reader(lane, HS, crm).run() == (0, False, False)
    assert crm.calls == []


def test_what_is_asked_for_while_a_reader_ends_is_not_left_to_the_next_sweep() -> None:
    lane, crm = touched(ready(), "1"), portal("1", "2")
    usual: Any = type(lane.coordination)

    class Releasing(usual):  # type: ignore[misc]  # a memory lane's coordination
        def release(self, lease: str, owner: str) -> bool:
            self.__class__ = usual
            touched(lane, "2")
            assert Reader(lane, HS, crm).run() == (0, False, False)
            return bool(self.release(lease, owner))

    lane.coordination.__class__ = Releasing
    assert Reader(lane, HS, crm).run() == (1, True, True)


def test_a_reader_that_lost_its_lease_stops() -> None:
    clock = ManualClock()
    lane, crm = touched(ready(clock), *"1234"), portal(*"1234")
    crm.before = lambda: clock.advance(LEASE_MS / 1000 + 1)

    assert Reader(lane, HS, crm, batch=2).run(budget_ms=10**6).answered == 2


def test_while_much_waits_to_be_projected_nothing_is_read() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    lane.append([e.Paused(by=str(each)) for each in range(BACKLOG + 1)])

    assert Reader(lane, HS, crm).run() == (0, False, False)
    assert crm.calls == []


def test_while_lost_tables_are_made_anew_nothing_is_read() -> None:
    lane, crm = touched(ready(), "1"), portal("1")
    lane.coordination.set_cursor(PROJECTED, "9999999999999-0")

    assert Reader(lane, HS, crm).run() == (0, False, False)
    assert crm.calls == []
