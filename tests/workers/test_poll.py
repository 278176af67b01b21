"""Polling: whatever a CRM shows late, while it is read, or not at all, is found, and seen once."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import Table, decode, held_queue
from domain.errors import Misconfigured, SyncError, Throttled, Transient
from domain.policy import Document
from domain.upcasting import decode as event_of
from tests.workers.crm import FakeCrm
from tests.workers.lanes import (
    Projecting,
    append,
    configured,
    crowded,
    dying_at_its_cursor,
    memory_lane,
    project,
    shown,
)
from tests.world import HS, SCHEMAS, SECTION, SF
from workers.clock import ManualClock
from workers.connection import ROOM_LOOK, Lane
from workers.poll import BACKLOG, FOREVER, LEASE_MS, OVERLAP_MS, SETTLED_MS, Cursor, Poller

NOW = 1_767_225_600_000


def crm(*ids: str, **more: Any) -> FakeCrm:
    made = FakeCrm(HS, **more)
    for number, each in enumerate(ids):
        made.put("contacts", each, at=NOW - 10_000 + number, email=f"p{each}@example.com")
    return made


def ready(clock: ManualClock | None = None) -> Lane:
    return configured(memory_lane(clock))


def unready() -> Lane:
    """Configured, and nothing read yet."""
    lane = memory_lane()
    documents: list[Any] = [*SCHEMAS, Document("acme", (SECTION,))]
    names = [e.digest(msgspec.to_builtins(each)) for each in documents]
    schemas = [
        e.SchemaObserved(crm=each.crm, object=each.object, digest=name)
        for each, name in zip(SCHEMAS, names, strict=False)
    ]
    lane.append([*schemas, e.ConfigurationApplied(digest=names[-1], by="test")], documents)
    return project(lane)


def told(lane: Lane, kind: type[e.Event]) -> list[Any]:
    found = (event_of(each.raw) for each in lane.log.read("0-0", 100_000))
    return [each for each in found if isinstance(each, kind)]


def seen(lane: Lane) -> list[str]:
    return [each.id for each in told(lane, e.RecordObserved)]


def cursor(lane: Lane, stream: str = "poll") -> Cursor:
    raw = lane.coordination.cursor(f"{stream}/hubspot/contacts")
    assert raw is not None
    return msgspec.json.decode(raw, type=Cursor)


def windows(made: FakeCrm) -> list[tuple[int, int]]:
    """(since, until) of the calls for changes."""
    return [(call[2], call[3]) for call in made.calls if call[0] == "changes"]


def failing(error: SyncError, *, times: int = 10**6) -> Callable[[], None]:
    left = [error] * min(times, 1_000)

    def fail() -> None:
        if left:
            raise left.pop()

    return fail


# -- windows


def test_a_poll_takes_all_pages_of_what_changed_lately() -> None:
    lane, made = ready(), crm(*"12345")

    assert Poller(lane, HS, made).changes() == 5
    assert seen(lane) == list("12345")
    assert all(each.source == "poll" for each in told(lane, e.RecordObserved))


def test_what_a_poll_shows_waits_until_the_log_has_room() -> None:
    clock = Projecting()
    lane = clock.lane = crowded(ready(clock))
    began = clock.monotonic()

    assert Poller(lane, HS, crm(*"12345")).changes() == 5
    assert clock.monotonic() - began == pytest.approx(ROOM_LOOK)


def test_a_poll_does_not_wait_for_ever_for_a_log_that_nobody_folds() -> None:
    clock = ManualClock()
    assert Poller(crowded(ready(clock)), HS, crm("1")).changes() == 1


def test_the_first_window_begins_a_settled_stretch_ago_by_the_crms_clock() -> None:
    made = crm()
    made.now_ms = 5_000_000_000
    Poller(ready(), HS, made).changes()

    assert windows(made)[0][0] == 5_000_000_000 - SETTLED_MS


@pytest.mark.parametrize(("what", "overlap"), [("changes", OVERLAP_MS), ("check", SETTLED_MS)])
def test_the_next_window_begins_before_this_one_was_opened(what: str, overlap: int) -> None:
    lane, made = ready(), crm("1")
    poller = Poller(lane, HS, made)
    getattr(poller, what)()
    made.calls.clear()
    getattr(poller, what)()

    assert windows(made)[0][0] == NOW - overlap


def test_a_window_never_begins_earlier_than_the_last_one() -> None:
    lane, made = ready(), crm("1")
    poller = Poller(lane, HS, made)
    poller.changes()
    before = cursor(lane).since
    made.now_ms -= 10 * OVERLAP_MS
    poller.changes()

    assert cursor(lane).since == before


def test_what_was_seen_before_costs_no_event() -> None:
    lane, made = ready(), crm("1", "2")
    poller = Poller(lane, HS, made)
    poller.changes()

    assert poller.changes() == 0


def test_what_is_indexed_late_is_found_by_the_overlap() -> None:
    lane, made = ready(), crm("1")
    poller = Poller(lane, HS, made)
    poller.changes()
    made.put("contacts", "late", at=NOW - OVERLAP_MS + 1)

    assert poller.changes() == 1


def test_what_is_indexed_very_late_is_found_by_the_check() -> None:
    lane, made = ready(), crm("1")
    poller = Poller(lane, HS, made)
    poller.changes()
    poller.check()
    made.put("contacts", "late", at=NOW - SETTLED_MS + 1)

    assert poller.changes() == 0
    assert poller.check() == 1


def test_a_window_ends_where_it_was_opened_however_much_changes_while_it_is_read() -> None:
    lane, made = ready(), crm(*"12345")
    made.put("contacts", "tail", at=NOW + 5)
    made.before = lambda: made.put("contacts", f"new{len(made.calls)}", at=NOW + 10 + len(made.calls))

    Poller(lane, HS, made).changes()

    assert [until for _, until in windows(made)] == [FOREVER, NOW, NOW]
    assert cursor(lane).after is None


def test_what_is_modified_while_a_window_is_read_is_seen_in_the_next() -> None:
    lane, made = ready(), crm(*"12345")
    poller = Poller(lane, HS, made)
    made.before = lambda: made.put("contacts", "1", at=NOW + len(made.calls), email="moved@example.com")
    poller.changes()
    made.before = lambda: None
    made.now_ms = NOW + 60_000
    poller.changes()

    assert told(lane, e.RecordObserved)[-1].fields["email"] == "moved@example.com"


def test_a_poll_that_used_up_its_time_goes_on_where_it_was() -> None:
    clock = ManualClock()
    lane, made = ready(clock), crm(*"12345")
    made.before = lambda: clock.advance(6)
    Poller(lane, HS, made).changes(budget_ms=5_000)
    assert seen(lane) == ["1", "2"]

    Poller(lane, HS, made).changes()
    assert seen(lane) == list("12345")


def test_a_poll_that_died_before_its_cursor_was_kept_sees_the_page_again_and_appends_nothing_twice() -> None:
    lane, made = ready(), crm("1", "2")
    with dying_at_its_cursor(lane):
        Poller(lane, HS, made).changes()

    assert Poller(lane, HS, made).changes() == 0
    assert seen(lane) == ["1", "2"]


def test_a_poll_that_failed_keeps_its_place() -> None:
    lane, made = ready(), crm(*"12345")
    poller = Poller(lane, HS, made)
    made.before = lambda: failing(Throttled("LIMIT"))() if len(made.calls) > 2 else None
    with pytest.raises(Throttled):
        poller.changes()
    assert seen(lane) == ["1", "2"]

    made.before = lambda: None
    poller.changes()
    assert seen(lane) == list("12345")


@pytest.mark.parametrize("what", ["changes", "check"])
def test_a_short_wait_for_allowance_is_waited_out(what: str) -> None:
    lane, made = ready(), crm()
    look = getattr(Poller(lane, HS, made), what)
    look()
    made.put("contacts", "1")
    made.before = failing(Throttled("allowance", wait_ms=200), times=3)
    look()

    assert seen(lane) == ["1"]


def test_a_baseline_waits_out_a_bad_moment() -> None:
    lane, made = unready(), crm(*"12345")
    made.before = failing(Transient("timeout"), times=3)

    assert baseline(lane, made)


def test_while_much_waits_to_be_projected_nothing_is_polled() -> None:
    lane, made = ready(), crm("1")
    lane.append([e.Paused(by=str(each)) for each in range(BACKLOG)])

    poller = Poller(lane, HS, made)
    assert poller.changes() == 0
    assert poller.cut_short
    assert windows(made) == []


def test_a_refusal_suspends_the_crm_and_a_suspended_crm_is_not_polled() -> None:
    lane, made = ready(), crm("1")
    made.before = failing(Misconfigured("INVALID_TOKEN"), times=1)
    poller = Poller(lane, HS, made)
    poller.changes()
    project(lane)
    calls = len(made.calls)

    assert lane.state().suspended[HS].code == "INVALID_TOKEN"
    for each in (poller.changes, poller.check, poller.baseline, poller.nightly):
        each()
    assert len(made.calls) == calls


def test_only_one_poller_of_a_kind_works_on_a_crm() -> None:
    lane, made = ready(), crm("1")
    poller = Poller(lane, HS, made)
    with lane.lease("poll/hubspot", 1_000):
        assert poller.changes() == 0
        assert poller.cut_short
        assert poller.check() == 1
        assert not poller.cut_short


# -- everything, once


def baseline(lane: Lane, made: FakeCrm) -> bool:
    return Poller(lane, HS, made).baseline()


def both(lane: Lane, made: FakeCrm) -> None:
    """Both CRMs are read in full."""
    baseline(lane, made)
    Poller(lane, SF, FakeCrm(SF)).baseline()
    project(lane)


def test_a_baseline_reads_everything_and_triggers_nothing() -> None:
    lane, made = unready(), crm(*"12345")
    made.put("contacts", "9", at=1)
    both(lane, made)

    assert sorted(seen(lane)) == list("123459")
    assert lane.policy().ready
    assert not lane.tables().size("open")
    assert not [name for name in lane.tables().counters() if name.startswith("triggers/")]


def test_a_baseline_goes_on_where_it_was_cut_short() -> None:
    lane, made = unready(), crm(*"12345")
    made.before = lambda: failing(Transient("timeout"))() if len(made.calls) > 2 else None
    with pytest.raises(Transient):
        baseline(lane, made)
    made.before = lambda: None
    made.calls.clear()

    assert baseline(lane, made)
    assert len(windows(made)) == 1
    assert sorted(seen(lane)) == list("12345")


def test_a_baseline_whose_end_is_not_projected_yet_is_not_read_again() -> None:
    lane, made = unready(), crm("1")
    baseline(lane, made)
    calls, events = len(made.calls), lane.log.appended()

    assert baseline(lane, made)
    assert (len(made.calls), lane.log.appended()) == (calls, events)


def test_a_baseline_that_died_after_its_last_page_only_says_that_it_is_done() -> None:
    lane, made = unready(), crm("1")

    class Dying(type(lane.log)):  # type: ignore[misc]  # a memory lane's
        def append(self, events: Any, documents: Any = None) -> int:
            if b"baseline/1" in events[0][1]:
                raise KeyboardInterrupt
            return super().append(events, documents)  # type: ignore[no-any-return]

    alive = lane.log.__class__
    lane.log.__class__ = Dying
    with pytest.raises(KeyboardInterrupt):
        baseline(lane, made)
    lane.log.__class__ = alive
    calls = len(made.calls)
    both(lane, made)

    assert len(made.calls) == calls
    assert lane.policy().ready


def test_a_baseline_leaves_no_record_out_that_is_modified_while_it_is_read() -> None:
    lane, made = unready(), crm(*"12345")
    made.before = lambda: made.put("contacts", "5", at=NOW + 100) if len(made.calls) == 1 else None
    both(lane, made)

    assert "5" in seen(lane)


def test_polling_begins_where_the_baseline_began() -> None:
    lane, made = unready(), crm("1")
    baseline(lane, made)

    assert cursor(lane, "poll").since == NOW - OVERLAP_MS
    assert cursor(lane, "check").since == NOW - SETTLED_MS


def test_while_much_waits_to_be_projected_a_baseline_pauses() -> None:
    lane, made = unready(), crm("1")
    lane.append([e.Paused(by=str(each)) for each in range(BACKLOG)])

    assert not baseline(lane, made)
    assert made.calls == []


def test_deleted_records_are_no_part_of_a_baseline() -> None:
    lane, made = unready(), crm("1")
    made.put("contacts", "2", deleted=True)
    baseline(lane, made)

    assert seen(lane) == ["1"]


def test_who_is_edited_before_the_baseline_is_complete_waits_for_it() -> None:
    lane, made = unready(), crm("1")
    append(lane, shown(HS, "contacts", "1", source="webhook", email="p1@example.com", city="Graz"))
    assert lane.tables().size(held_queue("baseline")) == 1
    assert not lane.tables().count(Table.OUTBOX)
    assert not lane.tables().count(Table.READS)

    both(lane, made)
    raw = lane.tables().fetch(Table.CONTACTS, ["hubspot/contacts/1"])[0]
    assert decode(Table.CONTACTS, raw or b"").opened is not None


# -- ids


def known(lane: Lane, *ids: str, stamp: int = NOW) -> Lane:
    for each in ids:
        look = shown(HS, "contacts", each, source="baseline", email=f"p{each}@example.com")
        append(lane, msgspec.structs.replace(look, modified_at=stamp))
    return lane


def touched(lane: Lane) -> list[str]:
    return sorted(each.id for each in told(lane, e.RecordTouched))


def test_a_reconcile_suspects_what_differs_and_nothing_else() -> None:
    lane, made = known(ready(), "same", "stale", "gone"), FakeCrm(HS)
    made.put("contacts", "same", at=NOW)
    made.put("contacts", "stale", at=NOW + 1)
    made.put("contacts", "new", at=NOW)

    assert Poller(lane, HS, made).reconcile() == 3
    assert touched(lane) == ["gone", "new", "stale"]


def test_what_became_known_while_the_ids_were_listed_is_no_difference() -> None:
    lane, made = known(ready(), "edited", "deleted", "stale"), FakeCrm(HS)
    made.put("contacts", "edited", at=NOW + 1)
    made.put("contacts", "created", at=NOW)
    made.put("contacts", "stale", at=NOW + 2)

    def told_meanwhile() -> None:
        known(lane, "edited", "created", "stale", stamp=NOW + 1)
        append(
            lane, e.RecordGone(crm=HS, object="contacts", id="deleted", cause="deleted", at=NOW, ticket=99)
        )

    made.before = told_meanwhile
    assert Poller(lane, HS, made).reconcile() == 1
    assert touched(lane) == ["stale"]


def test_an_older_stamp_than_the_one_we_know_is_no_difference() -> None:
    lane, made = known(ready(), "1"), FakeCrm(HS)
    made.put("contacts", "1", at=NOW - 1)

    assert Poller(lane, HS, made).reconcile() == 0


@pytest.mark.parametrize(
    ("cause", "listed", "suspects"),
    [
        pytest.param("deleted", False, [], id="deleted and not listed"),
        pytest.param("deleted", True, ["1"], id="deleted and listed: it was restored"),
        pytest.param("missing", True, ["1"], id="missing and listed"),
        pytest.param("erased", True, [], id="erased for privacy"),
    ],
)
def test_a_record_that_is_gone(cause: str, listed: bool, suspects: list[str]) -> None:  # noqa: FBT001 - a table's column
    lane, made = known(ready(), "1"), FakeCrm(HS)
    append(lane, e.RecordGone(crm=HS, object="contacts", id="1", cause=cause, at=NOW + 5, ticket=99))
    if listed:
        made.put("contacts", "1", at=NOW)
    Poller(lane, HS, made).reconcile()

    assert touched(lane) == suspects


def test_a_converted_lead_is_not_suspected_for_being_listed() -> None:
    lane, made = ready(), FakeCrm(SF)
    look = shown(SF, "Lead", "00Q1", source="baseline", IsConverted="true", ConvertedContactId="0031")
    append(lane, look)
    made.put("Lead", "00Q1", at=NOW + 10**9)
    Poller(lane, SF, made).reconcile()

    assert touched(lane) == []


def test_a_reconcile_waits_for_its_allowance() -> None:
    clock = ManualClock()
    lane, made = known(ready(clock), *"12345"), crm(*"12345")
    made.before = failing(Throttled("allowance", wait_ms=8_000), times=40)
    before = clock.monotonic()

    assert Poller(lane, HS, made).reconcile() == 0
    assert clock.monotonic() - before == pytest.approx(320)


def test_a_reconcile_does_not_wait_for_tomorrow() -> None:
    clock = ManualClock()
    lane, made = known(ready(clock), "1"), crm("1")
    made.before = failing(Throttled("daily_budget", wait_ms=3_600_000))
    with pytest.raises(Throttled):
        Poller(lane, HS, made).reconcile()

    assert touched(lane) == []


def test_a_reconcile_gives_up_in_the_end() -> None:
    clock = ManualClock()
    lane, made = known(ready(clock), "1"), crm("1")
    made.before = failing(Transient("timeout"))
    with pytest.raises(Transient):
        Poller(lane, HS, made).reconcile(budget_ms=10_000)


def test_a_reconcile_whose_lease_was_lost_suspects_nobody() -> None:
    clock = ManualClock()
    lane, made = known(ready(clock), "gone"), crm(*"12345")
    made.before = lambda: clock.advance(LEASE_MS / 1000 + 1)
    with pytest.raises(Transient):
        Poller(lane, HS, made).reconcile()

    assert touched(lane) == []


def test_the_nightly_reconcile_is_done_once_a_day_and_again_soon_if_it_failed() -> None:
    clock = ManualClock()
    lane, made = ready(clock), crm("1")
    made.before = failing(Throttled("daily_budget", wait_ms=3_600_000), times=1)
    poller = Poller(lane, HS, made)
    with pytest.raises(Throttled):
        poller.nightly()

    assert poller.nightly() == 1
    clock.advance(86_399)
    assert poller.nightly() == 0
    clock.advance(2)
    assert poller.nightly() == 1
