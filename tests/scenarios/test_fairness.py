"""A person's edit does not wait for thousands of rows of backfill."""

from collections.abc import Callable
from pathlib import Path

import pytest

from domain.book import OPEN, outbox_queue
from domain.identity import Crm
from domain.state import Priority
from tests.scenarios.conftest import installed
from tests.scenarios.crowd import Crowd
from workers import requests
from workers.cli.playground import CONFIGURATION, Playground
from workers.cli.story import Story

pytestmark = pytest.mark.scenario

UNGUARDED = CONFIGURATION.replace('  limit_sync: {inclusion_list: "Sync to Salesforce"}\n', "").replace(
    "  create_as: lead\n", "  create_as: lead\n  guards: {creates_per_hour: unlimited}\n"
)


@pytest.mark.timeout(300)
def test_edits_overtake_a_backfill(tmp_path: Path) -> None:
    with installed(tmp_path, UNGUARDED) as playground:
        crowd, story = begin(playground, editors=20, rows=3_000)
        requests.pause(playground.link.lane, "test")
        requests.start_job(playground.link.lane, "all", "test")
        story.expect(lambda: queued(playground) >= 3_000, "the backfill in the outbox", 120)
        editors = list(crowd.people)[:20]
        for number, email in enumerate(editors):
            crowd.edit_contact(email, phone=f"+43 1 {number}")
        story.expect(lambda: queued(playground, Priority.LIVE) >= 20, "the edits in the outbox", 60)
        playground.salesforce.fault(kind="slow", ms=300, method="PATCH")
        requests.resume(playground.link.lane, "test")
        story.expect(lambda: crowd.has_arrived("phone"), "the edits in Salesforce", 60)
        left = queued(playground)
        playground.salesforce.heal()
        assert left > 1_500
        story.expect(lambda: queued(playground) == 0, "the end of the backfill", 120)
        assert playground.hubspot.panel("counters")["too_many_requests"] == {}


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_100_edits_arrive_quickly_while_50000_rows_are_queued(tmp_path: Path) -> None:
    """Once while a job looks the rows up and writes them, once with all that are left in the outbox."""
    with installed(tmp_path, UNGUARDED) as playground:
        crowd, story = begin(playground, editors=100, rows=80_000)
        requests.start_job(playground.link.lane, "all", "test")
        story.expect(lambda: written(playground) >= 1_000, "the first rows of the backfill", 120)
        edit_all(crowd, "while a job goes on")
        requests.pause(playground.link.lane, "test")
        story.expect(lambda: queued(playground) >= 50_000, "the backfill in the outbox", 1_200)
        requests.resume(playground.link.lane, "test")
        edit_all(crowd, "with all rows in the outbox")


def edit_all(crowd: Crowd, when: str) -> None:
    """Edit everybody who is in both CRMs, one after the other, and see each edit arrive in time."""
    playground, seconds = crowd.playground, []
    story, before = Story(playground), written(playground)
    for number, email in enumerate(crowd.leads):
        phone = f"+43 1 {number} {len(when)}"
        crowd.edit_contact(email, phone=phone)
        seconds.append(timed(playground, story.lead_has(email, Phone=phone)))
    left, done = playground.link.lane.tables().size(OPEN), written(playground) - before
    seconds.sort()
    figures = ", ".join(f"p{each} {seconds[len(seconds) * each // 100 - 1]:.2f} s" for each in (50, 95, 99))
    print(f"{when}: {figures}; {done} others were written meanwhile, {left} are open")  # noqa: T201 - the result
    assert left > 0
    assert seconds[len(seconds) * 99 // 100 - 1] < 2.0


def written(playground: Playground) -> int:
    """Writes that Salesforce has taken."""
    return playground.link.lane.tables().counters().get("answers/salesforce/delivered", 0)


def begin(playground: Playground, *, editors: int, rows: int) -> tuple[Crowd, Story]:
    """Editors are in both CRMs and linked; thousands of others are in HubSpot only, and were never asked for.

    Somewhat more than are asked for: some lack what a lead needs.
    """
    crowd, story = Crowd(playground), Story(playground)
    crowd.enter_in_both(editors)
    playground.hubspot.people("seed", people=5 * rows // 2, seed=3, overlap=0.0)
    playground.set_up()
    playground.start_fleet("web", "worker", "io")
    playground.wait_until_ready(900)
    for email in crowd.people:
        crowd.edit_contact(email, phone="+43 1 000")
    story.expect(lambda: crowd.has_arrived("phone"), "the editors in both CRMs", 60)
    return crowd, story


def queued(playground: Playground, priority: Priority = Priority.BACKFILL) -> int:
    """Writes to Salesforce that wait."""
    return playground.link.lane.tables().size(outbox_queue(Crm.SALESFORCE, priority))


def timed(playground: Playground, arrived: Callable[[], bool]) -> float:
    began = playground.clock.monotonic()
    playground.wait_for(arrived, 60)
    return playground.clock.monotonic() - began
