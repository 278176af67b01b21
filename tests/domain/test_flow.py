"""The life of one contact, event by event."""

import pytest

from domain.outcomes import Outcome, OutcomeClass
from tests.world import HS, SF, World, ready

ADA = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron"}


def linked() -> tuple[World, str]:
    """A pair that agrees on everything."""
    world = ready()
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.deliver(entity, SF)
    lead = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
    world.lead("00Q1", **lead, HubSpot_Contact_Id__c="1")
    return world, entity


def test_a_new_hubspot_contact_is_looked_for_and_then_created() -> None:
    world = ready()
    entity = world.hubspot("1", **ADA)
    assert world.outbox == {}
    world.look_up(SF)
    intent = world.deliver(entity, SF)
    assert intent.record_id is None
    assert intent.fields == {
        "Email": "ada@example.com",
        "FirstName": "Ada",
        "LastName": "Byron",
        "Company": "Unknown",
    }
    assert (intent.key_field, intent.key_value) == ("HubSpot_Contact_Id__c", "1")
    assert world.reasons(entity) == ["delivered"]
    assert world.contact(entity).opened is None


def test_the_echo_of_a_create_ends_where_it_arrives() -> None:
    world, entity = linked()
    assert world.outbox == {}
    assert world.reads == {}
    assert world.reasons(entity) == ["delivered"]


def test_an_edit_travels_and_its_echo_does_not() -> None:
    world, entity = linked()
    before = len(world.reasons(entity))
    world.lead("00Q1", City="Bonn")
    intent = world.deliver(entity, HS)
    assert intent.fields == {"city": "Bonn"}
    world.hubspot("1", city="Bonn")
    assert world.outbox == {}
    assert world.reasons(entity)[before:] == ["delivered"]


def test_ten_edits_in_a_burst_become_one_write() -> None:
    world, entity = linked()
    before = len(world.reasons(entity))
    for number in range(10):
        world.hubspot("1", city=f"City {number}")
    intent = world.deliver(entity, SF)
    assert intent.fields == {"City": "City 9"}
    assert world.outbox == {}
    assert world.reasons(entity)[before:] == ["superseded"] * 9 + ["delivered"]


def test_people_in_both_crms_are_linked_and_not_duplicated() -> None:
    world = World().configure()
    entity = world.hubspot("1", source="baseline", **ADA)
    world.lead("00Q9", source="baseline", Email="ADA@example.com", LastName="Lovelace", Company="Engines")
    world.baseline()
    assert world.outbox == {}
    world.hubspot("1", city="London")
    assert world.contact(entity).pair == {HS: "hubspot/contacts/1", SF: "salesforce/Lead/00Q9"}
    to_salesforce, to_hubspot = world.deliver(entity, SF), world.deliver(entity, HS)
    assert to_salesforce.record_id == "00Q9"
    assert to_salesforce.fields == {"FirstName": "Ada", "City": "London"}
    assert to_hubspot.fields == {"lastname": "Lovelace", "company": "Engines"}


def test_a_lost_answer_is_looked_into_before_anything_is_sent_again() -> None:
    world = ready()
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    assert world.outbox == {}
    found: dict[str, str | None] = {
        "Email": "ada@example.com",
        "FirstName": "Ada",
        "LastName": "Byron",
        "Company": "Unknown",
        "HubSpot_Contact_Id__c": "1",
    }
    world.look_up(SF, ("Lead", "00Q7", found))
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q7"
    assert world.outbox == {}
    assert world.reasons(entity) == ["delivered"]


@pytest.mark.rule(31, 45)
def test_without_an_address_nothing_syncs() -> None:
    world = ready()
    entity = world.hubspot("1", lastname="Byron")
    assert world.reasons(entity) == ["no_email"]
