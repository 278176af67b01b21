"""What Prometheus reads: every metric that is documented, exact, and no person in it."""

import re

import pytest
from obstore.store import MemoryStore

from domain import events as e
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.reasons import Reason
from tests.workers.lanes import ADA, append, configured, memory_lane, project, refused, shown, with_ada
from tests.world import HS, SF
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver, Bounds
from workers.archive.files import Bucket
from workers.connection import Lane
from workers.limits import Usage
from workers.metrics import OUTCOMES, Sample, Tallies, samples, text
from workers.telemetry import METRICS
from workers.views import ArchiveView, archive

BUDGETS = {crm: Usage(10, 100, 500, 60, None, 0, 0) for crm in Crm}
TALLIES = Tallies({"taken": 3}, {"repeated": 2})


def busy() -> Lane:
    """A lane on which everything that is measured has happened."""
    lane = append(with_ada(configured(memory_lane())), *refused(ADA))
    lane.coordination.set_cursor("poll/hubspot/contacts", '{"since": 1767225500000}')
    lane.clock.sleep(3)
    return lane


def archived(lane: Lane) -> ArchiveView:
    """How its archive stands: all that is settled lies in memory, with a snapshot."""
    made = Archiver(lane, lane.log, Archive(Bucket(MemoryStore())), Bounds(100, 48))
    made.run(settled_ms=2_000)
    made.snapshot("this")
    return archive(made)


def measured(lane: Lane) -> list[Sample]:
    return list(samples(lane, BUDGETS, archived(lane), TALLIES))


def value(lane: Lane, name: str, *labels: str) -> float:
    (found,) = [each.value for each in measured(lane) if (each.name, each.labels) == (name, labels)]
    return found


def test_every_documented_metric_is_produced() -> None:
    assert {each.name for each in measured(busy())} == set(METRICS)


def test_every_sample_has_a_value_for_each_label() -> None:
    for sample in measured(busy()):
        assert len(sample.labels) + 1 == len(METRICS[sample.name].labels), sample.name


def test_the_archive_is_measured() -> None:
    lane = busy()
    events = lane.log.appended()
    lane.clock.sleep(60)
    append(lane, shown(HS, "contacts", "9", email="x@example.com"))
    assert value(lane, "crmsync_events_archived_total") == events
    assert value(lane, "crmsync_archive_waiting_entries") == 1
    assert value(lane, "crmsync_archive_waiting_seconds") == 0
    assert value(lane, "crmsync_archive_snapshots") == 1
    assert value(lane, "crmsync_archive_broken") == 0


def test_prometheus_reads_names_helps_and_labels() -> None:
    lines = text({"acme": measured(busy())}).decode().splitlines()
    assert "# HELP crmsync_dead_letters Writes that are not tried again by themselves." in lines
    assert "# TYPE crmsync_events_appended_total counter" in lines
    assert 'crmsync_dead_letters{connection="acme",crm="salesforce"} 1.0' in lines
    assert 'crmsync_webhooks_total{connection="acme",outcome="taken"} 3.0' in lines


@pytest.mark.rule(43)
def test_two_connections_stand_beside_each_other() -> None:
    lines = text({name: measured(busy()) for name in ("acme", "other")}).decode()
    assert len(re.findall(r"^crmsync_log_entries\{", lines, re.MULTILINE)) == 2


def test_no_label_names_a_contact_or_holds_a_value() -> None:
    shown = text({"acme": measured(busy())}).decode()
    for word in (ADA, "contacts/", "00Q", "ada@", "Lovelace", "Graz"):
        assert word not in shown


def test_a_held_field_is_a_sync_error_and_no_dead_letter() -> None:
    lane, long = with_ada(configured(memory_lane())), "Ada" * 20
    append(lane, shown(HS, "contacts", "1", ticket=30, email="ada@example.com", lastname="L", firstname=long))
    assert value(lane, "crmsync_sync_errors", "salesforce", "validation") == 1
    assert value(lane, "crmsync_dead_letters", "salesforce") == 0


def test_decisions_are_counted_where_they_are_committed() -> None:
    lane = busy()
    counted = {each.labels: each.value for each in measured(lane) if each.name == "crmsync_decisions_total"}
    assert counted == {("in_sync", "already_in_sync"): 1, ("failed", "rejected"): 1}


def test_writes_are_counted_by_outcome() -> None:
    assert value(busy(), "crmsync_writes_total", "salesforce", "rejected") == 1


def test_an_event_that_is_not_projected_is_the_lag() -> None:
    lane = busy()
    lane.append([e.Paused(by="me")])
    lane.clock.sleep(7)
    assert value(lane, "crmsync_projection_lag_entries") == 1
    assert value(lane, "crmsync_projection_lag_seconds") == 7


def test_a_waiting_write_ages() -> None:
    lane = with_ada(configured(memory_lane()))
    lane.clock.sleep(30)
    assert value(lane, "crmsync_intents_open", "salesforce", "live") == 1
    assert value(lane, "crmsync_intents_oldest_seconds", "salesforce") >= 30
    assert value(lane, "crmsync_intents_oldest_seconds", "hubspot") == 0


def test_the_smaller_of_our_budget_and_the_accounts_rest_is_what_is_left() -> None:
    assert value(busy(), "crmsync_budget_remaining_calls", "hubspot") == 60


def test_an_unknown_budget_is_no_number() -> None:
    lane = busy()
    unknown = {Crm.HUBSPOT: Usage(10, None, None, None, None, 0, 0)}
    names = {each.name for each in samples(lane, unknown, archived(lane), Tallies())}
    assert "crmsync_budget_remaining_calls" not in names


def test_a_suspended_crm_shows_as_one() -> None:
    lane = append(with_ada(configured(memory_lane())), refused(ADA)[0])
    outcome = Outcome(OutcomeClass.MISCONFIGURED, code="INVALID_SESSION_ID")
    append(lane, e.DeliveryAnswered(entity=ADA, crm=SF, attempt=1, outcome=outcome, ticket=90))
    assert value(lane, "crmsync_targets_suspended", "salesforce") == 1
    assert value(lane, "crmsync_targets_suspended", "hubspot") == 0


def test_a_parked_contact_is_counted() -> None:
    lane = busy()
    lane.append([e.SyncRequested(entity=ADA, cause="manual", by="me", priority="at once")])
    assert value(project(lane), "crmsync_contacts_parked") == 1


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_comes_to_something(reason: Reason) -> None:
    assert reason in OUTCOMES
