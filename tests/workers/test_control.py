"""Control: what time and people set going comes in small portions, and once each."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import CONNECTION_KEY, OPEN, RETRIES, TIMERS, Changes, Table, decode, held_queue
from domain.errors import Misconfigured, SyncError, Throttled
from domain.learning import counter
from domain.retry import AGAIN_MS
from domain.rules import RuleText
from domain.state import Bucket
from domain.upcasting import decode as event_of
from tests.workers.lanes import append, configured, memory_lane, project, shown
from tests.world import HS, SECTION
from workers.clock import ManualClock
from workers.connection import BULK, PROJECTED, ROOM, Lane
from workers.control import BAD_MOMENT_MS, PORTION, REMEMBERED, Control, Job
from workers.storage.memory import MemoryTables


def told(lane: Lane, kind: type[e.Event]) -> list[Any]:
    found = (event_of(each.raw) for each in lane.log.read("0-0", 100_000))
    return [each for each in found if isinstance(each, kind)]


def queued(lane: Lane, queue: str, **members: int) -> Lane:
    """A queue as folding would leave it."""
    at, tables = lane.tables().checkpoint(), lane.tables()
    assert tables.commit(at, at, Changes({}, {}, {queue: members}, {}, {}, {}))
    return lane


def people(number: int, clock: ManualClock | None = None) -> Lane:
    lane = configured(memory_lane(clock))
    looks = [shown(HS, "contacts", f"{each:05}", source="baseline") for each in range(number)]
    return append(lane, *looks)


def asked(lane: Lane) -> list[str]:
    return [each.entity for each in told(lane, e.SyncRequested)]


def job(kind: str = "all", **more: Any) -> Job:
    return Job("j1", kind, "me", **more)


def remembered(control: Control) -> Job:
    [found] = control.jobs()
    return found


class Lists:
    """A list of a few pages; ``error`` is raised instead while it is set."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = pages
        self.error: SyncError | None = None

    def lists(self) -> list[dict[str, Any]]:
        return []

    def list_definition(self, name_or_id: str) -> dict[str, Any]:
        return {"listId": name_or_id}

    def members(self, list_id: str, *, after: str | None) -> tuple[list[str], str | None]:  # noqa: ARG002 - the port's
        if self.error:
            raise self.error
        page = int(after or 0)
        return self.pages[page], str(page + 1) if page + 1 < len(self.pages) else None

    def memberships(self, record_ids: Any) -> dict[str, set[str]]:
        return {each: set() for each in record_ids}


# -- timers and holds


def test_moments_that_have_passed_become_events_and_others_wait() -> None:
    clock = ManualClock()
    lane = configured(memory_lane(clock))
    queued(lane, TIMERS, **{"a|look": clock.now_ms(), "b|claim:hubspot": clock.now_ms() + 1})

    assert Control(lane).run()
    assert [(each.entity, each.cause) for each in told(lane, e.TimerDue)] == [("a", "look")]
    clock.advance(1)
    Control(lane).run()
    assert told(lane, e.TimerDue)[-1].cause == "claim:hubspot"


def test_a_moment_that_waits_to_be_projected_is_not_recorded_again() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{"a|look": 1})
    control = Control(lane)

    assert control.run()
    assert not control.run()
    assert len(told(lane, e.TimerDue)) == 1
    project(lane)
    assert lane.tables().size(TIMERS) == 0


def test_the_next_moment_of_the_same_contact_is_an_event_of_its_own() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{"a|look": 1})
    Control(lane).run()
    queued(project(lane), TIMERS, **{"a|look": 2})

    assert Control(lane).run()
    assert [each.due for each in told(lane, e.TimerDue)] == [1, 2]


def test_timers_come_in_portions() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{f"c{each}|look": 1 for each in range(PORTION + 1)})
    Control(lane).run()

    assert len(told(lane, e.TimerDue)) == PORTION
    Control(project(lane)).run()
    assert len(told(lane, e.TimerDue)) == PORTION + 1


def test_who_waits_for_the_baseline_is_let_go_once_it_is_complete() -> None:
    lane = queued(memory_lane(), held_queue("baseline"), a=1, b=1)
    assert not Control(lane).run()

    configured(lane)
    assert Control(lane).run()
    assert [each.cause for each in told(lane, e.TimerDue)] == ["baseline", "baseline"]
    project(lane)
    assert lane.tables().size(held_queue("baseline")) == 0


def test_a_guard_holds_until_it_is_released() -> None:
    lane = queued(configured(memory_lane()), held_queue("creates"), a=1)
    state = msgspec.structs.replace(lane.state(), guards={"creates": Bucket(1, 9, tripped=True)})
    at, tables = lane.tables().checkpoint(), lane.tables()
    packed = msgspec.msgpack.encode(state, order="deterministic")
    tables.commit(at, at, Changes({Table.META: {CONNECTION_KEY: packed}}, {}, {}, {}, {}, {}))
    assert not Control(lane).run()

    append(lane, e.SuspensionCleared(name="creates", by="me"))
    assert Control(lane).run()
    assert told(lane, e.TimerDue)[0].cause == "creates"


def test_while_lost_tables_are_made_anew_no_moment_is_recorded() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{"a|look": 1})
    lane.coordination.set_cursor(PROJECTED, "9999999999999-0")

    assert not Control(lane).run()
    assert not told(lane, e.TimerDue)


# -- jobs over everybody


def test_a_job_asks_for_everybody_once() -> None:
    lane = people(7)
    control = Control(lane)
    control.start(job())

    assert not control.run()
    assert asked(lane) == [f"hubspot/contacts/{each:05}" for each in range(7)]
    done = remembered(control)
    assert (done.finished, done.done, done.failed) == (True, 7, "")


def test_a_job_is_worked_off_behind_everything_urgent() -> None:
    lane = people(1)
    control = Control(lane)
    control.start(job())
    control.run()

    [request] = told(lane, e.SyncRequested)
    assert (request.priority, request.cause, request.by) == ("backfill", "all", "me")


MANY = ROOM + PORTION + 10
"""More than the log has room for at once."""


@pytest.mark.rule(77)
def test_a_job_over_many_goes_in_portions_and_waits_until_the_log_has_room() -> None:
    lane = people(MANY)
    control = Control(lane)
    control.start(job())

    assert control.run()
    assert len(asked(lane)) == PORTION
    while control.run():
        pass
    assert ROOM <= len(asked(lane)) < ROOM + PORTION
    assert lane.coordination.cursor(BULK)
    work(lane, control)
    assert len(set(asked(lane))) == len(asked(lane)) == MANY
    assert remembered(control).finished
    assert not lane.coordination.cursor(BULK)


def work(lane: Lane, control: Control) -> None:
    """Project and go on until there is no news."""
    while control.run():
        project(lane)
    project(lane)
    control.run()


@pytest.mark.rule(18, 77)
def test_a_job_goes_on_in_another_process_where_it_was() -> None:
    lane = people(PORTION + 10)
    first = Control(lane)
    first.start(job())
    first.run()
    Control(project(lane)).run()

    assert len(set(asked(lane))) == len(asked(lane)) == PORTION + 10


def test_a_job_that_died_between_its_requests_and_its_mark_asks_nobody_twice() -> None:
    lane = people(5)
    Control(lane).start(job())

    class Dying(type(lane.coordination)):  # type: ignore[misc]  # a memory lane's
        def set_cursor(self, name: str, value: str | None) -> None:
            raise KeyboardInterrupt(name, value)

    alive = lane.coordination.__class__
    lane.coordination.__class__ = Dying
    with pytest.raises(KeyboardInterrupt):
        Control(lane).run()
    lane.coordination.__class__ = alive
    Control(lane).run()

    assert len(asked(lane)) == 5
    assert remembered(Control(lane)).finished


def test_a_job_reads_the_table_of_contacts_once() -> None:
    lane = people(PORTION + 10)
    scans = 0

    class Counting(MemoryTables):
        def scan(self, table: Any) -> Any:
            nonlocal scans
            scans += 1
            return super().scan(table)

    lane.tables().__class__ = Counting
    control = Control(lane)
    control.start(job())
    control.run()
    project(lane)
    control.run()

    assert remembered(control).finished
    assert scans == 1


def test_a_job_over_nobody_is_done_at_once() -> None:
    control = Control(configured(memory_lane()))
    control.start(job())

    assert not control.run()
    assert remembered(control).finished


def test_a_job_that_is_started_twice_runs_once() -> None:
    lane = people(3)
    control = Control(lane)
    control.start(job())
    control.run()
    control.start(job())
    control.run()

    assert len(asked(lane)) == 3


def test_finished_jobs_are_forgotten_in_the_end_and_running_ones_never() -> None:
    control = Control(configured(memory_lane()))
    control.start(Job("running", "list", "me", list_id="7"))
    for each in range(REMEMBERED + 5):
        control.start(Job(f"job{each}", "all", "me"))
        control.run()

    names = [each.id for each in control.jobs()]
    assert names[0] == "running"
    assert names[-1] == f"job{REMEMBERED + 4}"
    assert len(names) <= REMEMBERED + 2
    assert control.lane.coordination.cursor("job/job0") is None


# -- jobs over a list


def listed(lane: Lane, lists: Lists) -> Control:
    control = Control(lane, lists)
    control.start(job("list", list_id="7", object="contacts"))
    return control


def test_a_list_is_asked_for_page_by_page() -> None:
    lane = people(3)
    control = listed(lane, Lists(["00000", "00001"], ["00002"]))

    assert control.advance_lists()
    assert remembered(control).done == 2
    assert not control.advance_lists()
    assert asked(lane) == [f"hubspot/contacts/0000{each}" for each in range(3)]
    assert remembered(control).finished


def test_a_member_whom_nobody_knows_is_read() -> None:
    lane = people(1)
    listed(lane, Lists(["00000", "77"])).advance_lists()

    assert [each.id for each in told(lane, e.RecordTouched)] == ["77"]


def test_who_can_call_no_crm_leaves_lists_to_who_can() -> None:
    lane = people(1)
    listed(lane, Lists(["00000"]))
    control = Control(lane)

    assert not control.run()
    assert control.has_lists()
    assert not remembered(control).finished
    Control(lane, Lists(["00000"])).advance_lists()
    assert not control.has_lists()


def test_a_bad_moment_leaves_a_list_where_it_was_and_the_crm_alone_for_a_while() -> None:
    clock = ManualClock()
    lane, lists = people(2, clock), Lists(["00000"], ["00001"])
    control = listed(lane, lists)
    control.advance_lists()
    lists.error = Throttled("LIMIT")
    assert not control.advance_lists()
    lists.error = None
    control.advance_lists()
    assert len(asked(lane)) == 1
    clock.advance(BAD_MOMENT_MS / 1000)
    control.advance_lists()
    assert len(asked(lane)) == 2


def test_a_list_that_cannot_be_read_ends_its_own_job_alone() -> None:
    lane, lists = people(2), Lists(["00000"])
    lists.error = Misconfigured("list_absent")
    control = listed(lane, lists)
    control.start(Job("j2", "all", "me"))
    control.run()

    failed, done = control.jobs()
    assert (failed.finished, failed.failed) == (True, "list_absent")
    assert (done.finished, done.failed) == (True, "")
    assert len(asked(lane)) == 2


# -- the census


STAGE = {
    "listId": "7",
    "name": "Sync",
    "processingType": "DYNAMIC",
    "filterBranch": {
        "filterBranchType": "OR",
        "filters": [],
        "filterBranches": [
            {
                "filterBranchType": "AND",
                "filterBranches": [],
                "filters": [
                    {
                        "filterType": "PROPERTY",
                        "property": "city",
                        "operation": {"operationType": "STRING", "operator": "IS_EQUAL_TO", "value": "Wien"},
                    }
                ],
            }
        ],
    },
}


def choose(lane: Lane, value: str) -> Lane:
    """The inclusion list is that of all who live in a city."""
    filters = msgspec.json.decode(msgspec.json.encode(STAGE).replace(b"Wien", value.encode()))
    lane.append([e.ListObserved(list_id="7", name="Sync", digest=e.digest(filters))], [filters])
    return configured(lane, msgspec.structs.replace(SECTION, inclusion_list="7"))


def in_cities(*cities: str) -> Lane:
    """Somebody in each city, and everybody may sync."""
    lane = configured(memory_lane())
    looks = (
        shown(HS, "contacts", str(number), source="baseline", city=city) for number, city in enumerate(cities)
    )
    return append(lane, *looks)


def counted(lane: Lane) -> Lane:
    """Let the census come to its end."""
    for _ in range(3):
        lane.clock.sleep(1)
        Control(lane).run()
        project(lane)
    return lane


def members(lane: Lane) -> list[bool | None]:
    return [decode(Table.CONTACTS, raw).member for _, raw in sorted(lane.tables().scan(Table.CONTACTS))]


@pytest.mark.rule(17)
def test_choosing_a_list_counts_everybody_and_syncs_nobody() -> None:
    lane = counted(choose(in_cities("Wien", "Graz"), "Wien"))

    assert members(lane) == [True, False]
    assert lane.tables().size(OPEN) == 0


@pytest.mark.rule(17)
def test_other_filters_are_counted_anew_and_the_same_ones_are_not() -> None:
    lane = counted(choose(in_cities("Wien", "Graz"), "Wien"))
    before = len(told(lane, e.TimerDue))
    counted(choose(lane, "Graz"))

    assert members(lane) == [False, True]
    assert len(told(lane, e.TimerDue)) == before + 2
    counted(lane)
    assert len(told(lane, e.TimerDue)) == before + 2


def test_whom_the_baseline_has_counted_already_is_not_looked_at_again() -> None:
    lane = choose(memory_lane(), "Wien")
    append(lane, shown(HS, "contacts", "1", source="baseline", city="Wien"))

    assert told(counted(lane), e.TimerDue) == []


# -- validation rules

RULE = RuleText("03d1", "No_Atlantis", 'City = "Atlantis"', "No.")


def judged(agreed: int, disagreed: int = 0) -> Lane:
    """A lane under a rule for which so many answers were counted."""
    lane = configured(memory_lane())
    rules = msgspec.to_builtins((RULE,))
    lane.append([e.RulesObserved(object="Lead", digest=e.digest(rules))], [rules])
    return answered(project(lane), agreed=agreed, disagreed=disagreed)


def answered(lane: Lane, **counts: int) -> Lane:
    at, tables = lane.tables().checkpoint(), lane.tables()
    named = {counter(RULE.key, what): number for what, number in counts.items()}
    assert tables.commit(at, at, Changes({}, {}, {}, {}, {}, named))
    return lane


def trusted(lane: Lane) -> list[bool]:
    return [rule.trusted for rule in project(lane).policy().rules["Lead"]]


def test_a_rule_is_trusted_once_enough_answers_agreed() -> None:
    lane = judged(agreed=2)
    control = Control(lane, trust_after=3)
    assert not control.run()
    assert trusted(lane) == [False]

    answered(lane, agreed=1)
    assert control.run()
    assert trusted(lane) == [True]
    assert not control.run()


def test_a_trusted_rule_is_doubted_after_one_answer_that_disagrees() -> None:
    lane = judged(agreed=3)
    control = Control(lane, trust_after=3)
    control.run()
    project(lane)

    answered(lane, disagreed=1)
    assert control.run()
    assert trusted(lane) == [False]
    answered(lane, agreed=3)
    assert control.run()
    assert trusted(lane) == [True]


def test_a_rule_is_never_trusted_where_the_configuration_says_never() -> None:
    lane = judged(agreed=1_000)

    assert not Control(lane, trust_after=None).run()


# -- contacts in error


def in_error() -> Lane:
    lane = configured(memory_lane(ManualClock()))
    return queued(lane, RETRIES, **{"hubspot/contacts/1": lane.clock.now_ms() + AGAIN_MS})


@pytest.mark.rule(126)
def test_contacts_in_error_are_tried_again_when_their_time_has_come() -> None:
    lane = in_error()
    control = Control(lane)
    assert not control.run()

    lane.clock.sleep(AGAIN_MS / 1000)
    assert control.run()
    [event] = told(lane, e.TimerDue)
    assert (event.entity, event.cause) == ("hubspot/contacts/1", "retry")


@pytest.mark.rule(126)
def test_nothing_is_tried_again_while_too_many_calls_are_used() -> None:
    lane = in_error()
    lane.clock.sleep(AGAIN_MS / 1000)

    assert not Control(lane, may_retry=lambda: False).run()
    assert told(lane, e.TimerDue) == []
    assert Control(lane, may_retry=lambda: True).run()
