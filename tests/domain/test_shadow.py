"""Shadow mode: everything is decided, nothing is written, and nothing of what piled up starts by itself."""

import msgspec

from domain import events as e
from domain.book import RETRIES, held_queue
from domain.healing import RETRY
from domain.outbox import SHADOW
from domain.policy import Document, Section
from domain.state import Priority
from tests.world import HS, SECTION, SF, World, ready

SHADOWED = msgspec.structs.replace(SECTION, shadow=True)
ADA = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron", "company": "Unknown"}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}


def configured(world: World, section: Section) -> None:
    world.append(e.ConfigurationApplied(digest=world.document(Document("acme", (section,))), by="me"))


def released(world: World, entity: str) -> None:
    since = world.queues[held_queue(SHADOW)][entity]
    world.append(e.TimerDue(entity=entity, cause=SHADOW, due=since))


def pair(world: World) -> str:
    world.hubspot("1", source="baseline", **ADA)
    world.lead("00Q1", source="baseline", **LEAD)
    return world.hubspot("1", **ADA, city="Bonn")


def test_an_edit_is_decided_and_named_but_not_written() -> None:
    world = ready(SHADOWED)
    entity = pair(world)
    closed = world.closed[entity][-1]
    assert (closed.reason, closed.explanation) == ("shadow", "salesforce Lead would get City")
    assert world.outbox == {}


def test_a_create_is_looked_for_first_and_then_not_made() -> None:
    world = ready(SHADOWED)
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    closed = world.closed[entity][-1]
    assert closed.reason == "shadow"
    assert closed.explanation.startswith("salesforce Lead would be created with Company, Email")
    assert world.outbox == {}


def test_a_deletion_is_not_made() -> None:
    world = ready(msgspec.structs.replace(SHADOWED, delete_in_hubspot=("Lead",)))
    entity = pair(world)
    world.lead("00Q1", deleted=True)
    world.read(HS)
    assert world.closed[entity][-1].explanation == "hubspot contacts would be deleted"
    assert world.outbox == {}


def test_what_agrees_is_agreed_on_so_that_nothing_is_taken_for_a_change_later() -> None:
    world = ready(SHADOWED)
    entity = pair(world)
    assert {"email", "firstname", "lastname", "company"} <= world.contact(entity).agreed.keys()


def test_going_live_writes_nothing_until_somebody_releases_it() -> None:
    world = ready(SHADOWED)
    entity = pair(world)
    configured(world, SECTION)
    assert world.outbox == {}

    released(world, entity)
    intent = world.deliver(entity, SF)
    assert (intent.fields, intent.priority) == ({"City": "Bonn"}, Priority.BACKFILL)
    assert (world.reasons(entity)[-1], world.queues[held_queue(SHADOW)]) == ("delivered", {})


def test_what_is_released_is_what_is_right_by_then() -> None:
    world = ready(SHADOWED)
    entity = pair(world)
    configured(world, SECTION)
    world.hubspot("1", city=None)
    released(world, entity)
    assert (world.reasons(entity)[-1], world.outbox) == ("already_in_sync", {})


def test_a_release_in_shadow_mode_writes_nothing_and_waits_again() -> None:
    world = ready(SHADOWED)
    entity = pair(world)
    released(world, entity)
    assert (world.reasons(entity)[-1], world.outbox) == ("shadow", {})
    assert entity in world.queues[held_queue(SHADOW)]


def test_a_write_that_was_waiting_when_shadow_mode_came_is_not_made() -> None:
    world = ready()
    entity = pair(world)
    intent = world.intent(entity, SF)
    assert intent is not None
    configured(world, SHADOWED)
    world.append(e.IntentStale(entity=entity, crm=SF, revision=intent.revision))
    assert (world.reasons(entity)[-1], world.outbox) == ("shadow", {})


def test_the_guards_count_nothing_that_is_not_written() -> None:
    world = ready(msgspec.structs.replace(SHADOWED, guards={"creates": 1}))
    for each in ("1", "2", "3"):
        world.hubspot(each, **{**ADA, "email": f"p{each}@example.com"})
    world.look_up(SF)
    assert world.projection.book.connection.guards == {}


def test_a_field_that_is_held_back_has_nobody_decided_again_and_again() -> None:
    world = ready(SHADOWED)
    entity = pair(world)
    world.hubspot("1", **{**ADA, "firstname": "A" * 60})
    before = world.reasons(entity)
    moment = world.queues[RETRIES][entity]
    world.append(e.TimerDue(entity=entity, cause=RETRY, due=moment), after=moment - world.now)
    assert world.reasons(entity) == before
