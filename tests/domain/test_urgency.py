"""What a person did is never made to wait by bulk work on the same contact, whichever came first."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from domain import events as e
from domain.book import reads_queue
from domain.state import Priority
from tests.domain.test_decisions import ADA, linked
from tests.world import HS, SF, World, ready


def bulk(world: World, entity: str) -> None:
    world.append(
        e.SyncRequested(entity=entity, cause="all", by="job", priority=Priority.BACKFILL, request="j")
    )


def edit(world: World, _: str) -> None:
    world.hubspot("1", city="Bonn")


@pytest.mark.parametrize(
    "steps", [(bulk, edit), (edit, bulk), (edit,)], ids=["edit last", "bulk last", "edit"]
)
def test_a_write_that_a_person_waits_for_is_live(steps: Sequence[Callable[[World, str], None]]) -> None:
    world, entity = linked()
    for step in steps:
        step(world, entity)
    intent = world.intent(entity, SF)
    assert intent is not None
    assert intent.priority is Priority.LIVE


def waiting(world: World, priority: Priority) -> int:
    return len(world.queues.get(reads_queue(SF, priority), {}))


def test_a_look_up_becomes_urgent_once_a_person_waits_for_it_and_stays_so() -> None:
    world, person = ready(), dict[str, Any](ADA)
    world.show(HS, "contacts", "1", source="baseline", **person)
    entity = "hubspot/contacts/1"
    bulk(world, entity)
    assert (waiting(world, Priority.LIVE), waiting(world, Priority.BACKFILL)) == (0, 1)
    asked = world.reads[f"look_up/{SF}/{entity}"]

    edit(world, entity)
    assert (waiting(world, Priority.LIVE), waiting(world, Priority.BACKFILL)) == (1, 0)
    assert world.reads[f"look_up/{SF}/{entity}"].asked == asked.asked
    bulk(world, entity)
    assert (waiting(world, Priority.LIVE), waiting(world, Priority.BACKFILL)) == (1, 0)

    world.look_up(SF)
    assert (waiting(world, Priority.LIVE), waiting(world, Priority.BACKFILL)) == (0, 0)


def test_a_record_that_the_reconcile_suspects_is_read_sooner_if_a_webhook_names_it() -> None:
    world = ready()
    for cause, queue in (
        ("differs", Priority.BACKFILL),
        ("changed", Priority.LIVE),
        ("differs", Priority.LIVE),
    ):
        world.append(e.RecordTouched(crm=SF, object="Lead", id="00Q1", occurred_at=world.now, cause=cause))
        assert waiting(world, queue) == 1
        assert sum(waiting(world, each) for each in Priority) == 1
