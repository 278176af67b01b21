"""Importing from Salesforce: the address first, everything else for those who may sync."""

import msgspec
import pytest

from domain import events as e
from domain.book import RETRIES, held_queue
from domain.healing import RETRY
from domain.outbox import SHADOW
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Section
from domain.state import Priority, intent_key
from tests.domain.crms import LIST
from tests.world import HS, SECTION, SF, World, ready

LEAD = {
    "Email": "ada@example.com",
    "FirstName": "Ada",
    "LastName": "Byron",
    "Company": "Unknown",
    "City": "Wien",
}
UNASKED = msgspec.structs.replace(SECTION, create_in_hubspot=())  # nothing is created but by an import
LIMITED = msgspec.structs.replace(SECTION, inclusion_list="Sync")


def known(world: World) -> str:
    """A lead that was there before the sync."""
    return world.lead("00Q1", source="baseline", **LEAD)


def asked(world: World, entity: str) -> None:
    """An import reaches the contact."""
    world.append(
        e.SyncRequested(entity=entity, cause="import", by="me", priority=Priority.BACKFILL, request="j1")
    )


def listed() -> World:
    world = World()
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(LIST)))
    return world.configure(LIMITED).baseline()


@pytest.mark.rule(112)
def test_hubspot_gets_the_address_first_and_the_rest_by_itself() -> None:
    world = ready()
    entity = known(world)
    asked(world, entity)
    world.look_up(HS)
    first = world.deliver(entity, HS, new_id="5")
    assert (first.fields, first.priority) == ({"email": "ada@example.com"}, Priority.BACKFILL)
    world.read(HS)
    second = world.deliver(entity, HS)
    assert second.fields == {"firstname": "Ada", "lastname": "Byron", "city": "Wien", "company": "Unknown"}
    assert world.reasons(entity) == ["delivered"]


@pytest.mark.rule(112)
def test_who_is_not_on_the_list_keeps_nothing_but_the_address() -> None:
    world = listed()
    entity = known(world)
    asked(world, entity)
    world.look_up(HS)
    world.deliver(entity, HS, new_id="5")
    world.read(HS, stage="other")
    assert (world.reasons(entity), world.outbox) == (["delivered"], {})


@pytest.mark.rule(113)
def test_a_lead_without_an_address_is_skipped() -> None:
    world = ready()
    entity = world.lead("00Q1", source="baseline", **{**LEAD, "Email": None})
    asked(world, entity)
    assert (world.reasons(entity), world.outbox) == (["no_email"], {})


@pytest.mark.rule(113)
def test_two_records_with_one_address_become_one_contact() -> None:
    world = ready()
    entity = known(world)
    world.lead("00Q2", source="baseline", **LEAD)
    for key in ("salesforce/Lead/00Q1", "salesforce/Lead/00Q2"):
        asked(world, key)
        world.look_up(HS)
    assert [each.entity for each in world.outbox.values()] == [entity]


@pytest.mark.rule(112)
def test_an_import_creates_even_where_new_leads_are_not_created_by_themselves() -> None:
    world = ready(msgspec.structs.replace(SECTION, create_in_hubspot=()))
    entity = known(world)
    asked(world, entity)
    world.look_up(HS)
    assert world.claim(entity, HS).fields == {"email": "ada@example.com"}


def test_an_edit_in_the_middle_of_an_import_does_not_lose_it() -> None:
    world = ready(msgspec.structs.replace(SECTION, create_in_hubspot=()))
    entity = known(world)
    asked(world, entity)
    world.lead("00Q1", City="Graz")
    world.look_up(HS)
    assert world.claim(entity, HS).fields == {"email": "ada@example.com"}


def test_a_lead_that_only_the_import_has_seen_waits_for_its_request() -> None:
    world = ready()
    entity = world.lead("00Q1", source="import", **LEAD)
    assert (world.contact(entity).opened, world.reads) == (None, {})
    asked(world, entity)
    opened = world.contact(entity).opened
    assert opened is not None
    assert opened.trigger == "import"


@pytest.mark.rule(112)
def test_somebody_who_is_in_hubspot_already_is_linked_and_synced() -> None:
    world = ready()
    world.hubspot("1", source="baseline", email="ada@example.com", firstname="Ada", lastname="Byron")
    entity = known(world)
    asked(world, entity)
    assert world.intent(world.contact("hubspot/contacts/1").id, HS) is not None
    assert world.contact("hubspot/contacts/1").pair[SF] == entity


# -- an import whose create was kept back


def kept_back(section: Section) -> tuple[World, str]:
    world = ready(section)
    entity = known(world)
    asked(world, entity)
    world.look_up(HS)
    assert world.outbox == {}
    return world, entity


def refused() -> tuple[World, str]:
    world = ready(UNASKED)
    entity = known(world)
    asked(world, entity)
    world.look_up(HS)
    world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.REJECTED, code="DUPLICATES_DETECTED", message="No."))
    assert intent_key(entity, HS) in world.letters
    return world, entity


def released(world: World, entity: str, cause: str) -> None:
    world.apply(UNASKED)
    since = world.queues[held_queue(cause)][entity]
    world.append(e.TimerDue(entity=entity, cause=cause, due=since))
    world.look_up(HS)


def imports(world: World, entity: str) -> bool:
    world.look_up(HS)
    intent = world.intent(entity, HS)
    return intent is not None and intent.fields == {"email": "ada@example.com"}


def test_an_import_that_a_guard_held_goes_on_once_the_guard_is_released() -> None:
    world, entity = kept_back(msgspec.structs.replace(UNASKED, guards={"creates": 0}))
    world.append(e.SuspensionCleared(name="creates", by="me", request="q1"))
    released(world, entity, "creates")
    assert imports(world, entity)


def test_an_import_in_shadow_mode_is_made_once_somebody_starts_it() -> None:
    world, entity = kept_back(msgspec.structs.replace(UNASKED, shadow=True))
    released(world, entity, SHADOW)
    assert imports(world, entity)


def test_an_import_that_hubspot_refused_can_be_redriven() -> None:
    world, entity = refused()
    world.append(e.SyncRequested(entity=entity, cause="redrive", by="me", request="r1"))
    assert imports(world, entity)


def test_an_import_that_failed_is_tried_again_by_itself() -> None:
    world, entity = refused()
    moment = world.queues[RETRIES][entity]
    world.append(e.TimerDue(entity=entity, cause=RETRY, due=moment), after=moment - world.now)
    assert imports(world, entity)


def test_an_import_whose_error_is_discarded_is_over() -> None:
    world, entity = refused()
    world.append(e.LetterDiscarded(letter=intent_key(entity, HS), by="me", why=""))
    world.lead("00Q1", City="Graz")
    assert (world.reasons(entity), world.outbox) == (["rejected", "creation_off"], {})


def test_an_import_that_was_made_allows_nothing_later() -> None:
    world = ready(UNASKED)
    entity = known(world)
    asked(world, entity)
    world.look_up(HS)
    world.deliver(entity, HS, new_id="5")
    world.read(HS)
    world.deliver(entity, HS)
    assert (world.contact(entity).opened, world.contact(entity).once) == (None, "")
