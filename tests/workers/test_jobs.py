"""Jobs: what is asked for many contacts comes in small portions, and once each."""

from typing import Any

import pytest

from domain import events as e
from domain.errors import Misconfigured, SyncError, Throttled
from tests.workers.lanes import append, configured, dying_at_its_cursor, memory_lane, project, shown, told
from tests.world import HS
from workers.clock import ManualClock
from workers.connection import BULK, ROOM, Lane
from workers.control import Control
from workers.jobs import BAD_MOMENT_MS, PORTION, REMEMBERED, Job, Jobs
from workers.storage.memory import MemoryTables


def people(number: int, clock: ManualClock | None = None) -> Lane:
    lane = configured(memory_lane(clock))
    looks = [shown(HS, "contacts", f"{each:05}", source="baseline") for each in range(number)]
    return append(lane, *looks)


def asked(lane: Lane) -> list[str]:
    return [each.entity for each in told(lane, e.SyncRequested)]


def job(kind: str = "all", **more: Any) -> Job:
    return Job("j1", kind, "me", **more)


def remembered(lane: Lane) -> Job:
    [found] = Jobs(lane).all()
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


# -- jobs over everybody


def test_a_job_asks_for_everybody_once() -> None:
    lane = people(7)
    control = Control(lane)
    control.jobs.start(job())

    assert not control.run()
    assert asked(lane) == [f"hubspot/contacts/{each:05}" for each in range(7)]
    done = remembered(lane)
    assert (done.finished, done.done, done.failed) == (True, 7, "")


def test_a_job_is_worked_off_behind_everything_urgent() -> None:
    lane = people(1)
    control = Control(lane)
    control.jobs.start(job())
    control.run()

    [request] = told(lane, e.SyncRequested)
    assert (request.priority, request.cause, request.by) == ("backfill", "all", "me")


MANY = ROOM + PORTION + 10
"""More than the log has room for at once."""


@pytest.mark.rule(77)
def test_a_job_over_many_goes_in_portions_and_waits_until_the_log_has_room() -> None:
    lane = people(MANY)
    control = Control(lane)
    control.jobs.start(job())

    assert control.run()
    assert len(asked(lane)) == PORTION
    while control.run():
        pass
    assert ROOM <= len(asked(lane)) < ROOM + PORTION
    assert lane.coordination.cursor(BULK)
    work(lane, control)
    assert len(set(asked(lane))) == len(asked(lane)) == MANY
    assert remembered(lane).finished
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
    first.jobs.start(job())
    first.run()
    Control(project(lane)).run()

    assert len(set(asked(lane))) == len(asked(lane)) == PORTION + 10


def test_a_job_that_died_between_its_requests_and_its_mark_asks_nobody_twice() -> None:
    lane = people(5)
    Jobs(lane).start(job())
    with dying_at_its_cursor(lane):
        Control(lane).run()
    Control(lane).run()

    assert len(asked(lane)) == 5
    assert remembered(lane).finished


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
    control.jobs.start(job())
    control.run()
    project(lane)
    control.run()

    assert remembered(lane).finished
    assert scans == 1


def test_a_job_over_nobody_is_done_at_once() -> None:
    lane = configured(memory_lane())
    control = Control(lane)
    control.jobs.start(job())

    assert not control.run()
    assert remembered(lane).finished


def test_a_job_that_is_started_twice_runs_once() -> None:
    lane = people(3)
    control = Control(lane)
    control.jobs.start(job())
    control.run()
    control.jobs.start(job())
    control.run()

    assert len(asked(lane)) == 3


def test_finished_jobs_are_forgotten_in_the_end_and_running_ones_never() -> None:
    control = Control(configured(memory_lane()))
    control.jobs.start(Job("running", "list", "me", list_id="7"))
    for each in range(REMEMBERED + 5):
        control.jobs.start(Job(f"job{each}", "all", "me"))
        control.run()

    names = [each.id for each in control.jobs.all()]
    assert names[0] == "running"
    assert names[-1] == f"job{REMEMBERED + 4}"
    assert len(names) <= REMEMBERED + 2
    assert control.lane.coordination.cursor("job/job0") is None


# -- jobs over a list


def listed(lane: Lane, lists: Lists) -> Jobs:
    jobs = Jobs(lane, lists)
    jobs.start(job("list", list_id="7", object="contacts"))
    return jobs


def test_a_list_is_asked_for_page_by_page() -> None:
    lane = people(3)
    jobs = listed(lane, Lists(["00000", "00001"], ["00002"]))

    assert jobs.ask()
    assert remembered(lane).done == 2
    assert not jobs.ask()
    assert asked(lane) == [f"hubspot/contacts/0000{each}" for each in range(3)]
    assert remembered(lane).finished


def test_a_member_whom_nobody_knows_is_read() -> None:
    lane = people(1)
    listed(lane, Lists(["00000", "77"])).ask()

    assert [each.id for each in told(lane, e.RecordTouched)] == ["77"]


def test_who_can_call_no_crm_leaves_lists_to_who_can() -> None:
    lane = people(1)
    listed(lane, Lists(["00000"]))
    control = Control(lane)

    assert not control.run()
    assert control.jobs.asking()
    assert not remembered(lane).finished
    Jobs(lane, Lists(["00000"])).ask()
    assert not control.jobs.asking()


def test_a_bad_moment_leaves_a_list_where_it_was_and_the_crm_alone_for_a_while() -> None:
    clock = ManualClock()
    lane, lists = people(2, clock), Lists(["00000"], ["00001"])
    jobs = listed(lane, lists)
    jobs.ask()
    lists.error = Throttled("LIMIT")
    assert not jobs.ask()
    lists.error = None
    jobs.ask()
    assert len(asked(lane)) == 1
    clock.advance(BAD_MOMENT_MS / 1000)
    jobs.ask()
    assert len(asked(lane)) == 2


def test_a_list_that_cannot_be_read_ends_its_own_job_alone() -> None:
    lane, lists = people(2), Lists(["00000"])
    lists.error = Misconfigured("list_absent")
    jobs = listed(lane, lists)
    jobs.start(Job("j2", "all", "me"))
    jobs.ask()
    jobs.advance()

    failed, done = jobs.all()
    assert (failed.finished, failed.failed) == (True, "list_absent")
    assert (done.finished, done.failed) == (True, "")
    assert len(asked(lane)) == 2
