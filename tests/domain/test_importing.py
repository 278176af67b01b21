"""Importing from Salesforce: the address first, everything else for those who may sync."""

import msgspec
import pytest

from domain import events as e
from domain.state import Priority
from tests.domain.crms import LIST
from tests.world import HS, SECTION, SF, World, ready

LEAD = {
    "Email": "ada@example.com",
    "FirstName": "Ada",
    "LastName": "Byron",
    "Company": "Unknown",
    "City": "Wien",
}
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
