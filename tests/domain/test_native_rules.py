"""Rules of HubSpot's own integration that no other test of the domain shows by itself."""

import msgspec
import pytest

from domain.mapping import SyncRule
from domain.policy import FieldMapping
from tests.world import BLANKS, HS, SCHEMAS, SECTION, SF, World, schema, text

ADA = {
    **BLANKS["contacts"],
    "email": "ada@example.com",
    "firstname": "Ada",
    "lastname": "Byron",
    "company": "Unknown",
}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
SCORE = FieldMapping("stage", {"Lead": "Score__c"}, SyncRule.ALWAYS_SALESFORCE)


def in_agreement(world: World) -> str:
    """Ada in both CRMs, and nothing to be done."""
    entity = world.baseline().hubspot("1", **ADA, stage=None)
    world.lead("00Q1", **LEAD, Score__c=None, HubSpot_Contact_Id__c="1")
    world.look_up(SF)
    assert world.contact(entity).opened is None
    return entity


def with_a_formula() -> World:
    """A lead's formula field is mapped to a property."""
    section = msgspec.structs.replace(SECTION, mappings=(*SECTION.mappings, SCORE))
    world = World().configure(section)
    world.append_schema(schema(SF, "Lead", *SCHEMAS[1].fields.values(), text("Score__c", calculated=True)))
    return world


@pytest.mark.rule(2, 3)
def test_a_mapped_field_that_changed_on_either_side_starts_a_sync() -> None:
    world = World().configure()
    entity = in_agreement(world)
    world.hubspot("1", city="Bonn")
    assert world.deliver(entity, SF).fields == {"City": "Bonn"}
    world.lead("00Q1", City="Bonn")
    world.lead("00Q1", City="Graz")
    assert world.deliver(entity, HS).fields == {"city": "Graz"}


@pytest.mark.rule(5, 7)
def test_a_formula_that_changed_alone_starts_nothing() -> None:
    world = with_a_formula()
    entity = in_agreement(world)
    before = len(world.closed[entity])
    world.lead("00Q1", Score__c="7")
    assert (world.contact(entity).opened, len(world.closed[entity])) == (None, before)


@pytest.mark.rule(6, 7)
def test_a_formulas_value_goes_along_with_the_next_sync_of_its_record() -> None:
    world = with_a_formula()
    entity = in_agreement(world)
    world.lead("00Q1", Score__c="7")
    world.lead("00Q1", City="Graz")
    assert world.deliver(entity, HS).fields == {"city": "Graz", "stage": "7"}


@pytest.mark.rule(8)
def test_a_new_lead_becomes_a_hubspot_contact_where_creating_is_on() -> None:
    world = World().configure().baseline()
    entity = world.lead("00Q1", **LEAD)
    world.look_up(HS)
    assert world.deliver(entity, HS, new_id="1").record_id is None

    world = World().configure(msgspec.structs.replace(SECTION, create_in_hubspot=())).baseline()
    entity = world.lead("00Q1", **LEAD)
    world.look_up(HS)
    assert (world.intent(entity, HS), world.reasons(entity)) == (None, ["creation_off"])


@pytest.mark.rule(21, 33)
@pytest.mark.parametrize("stage", ["subscriber", "lead", "customer", None])
def test_without_an_inclusion_list_everybody_may_sync_subscribers_too(stage: str | None) -> None:
    world = World().configure().baseline()
    entity = world.hubspot("1", **ADA, stage=stage)
    world.look_up(SF)
    assert world.intent(entity, SF) is not None


@pytest.mark.rule(36)
def test_hubspots_own_leads_take_no_part() -> None:
    world = World().configure().baseline()
    world.show(HS, "leads", "9", email="ada@example.com")
    assert (world.reads, world.outbox, world.counts["ignored/object"]) == ({}, {}, 1)


@pytest.mark.rule(37)
def test_the_first_full_look_at_both_crms_creates_and_writes_nothing() -> None:
    world = World().configure()
    world.hubspot("1", source="baseline", **ADA)
    world.lead("00Q2", source="baseline", **{**LEAD, "Email": "bob@example.com"})
    world.baseline()
    assert (world.outbox, world.reads, world.closed) == ({}, {}, {})


@pytest.mark.rule(41)
def test_a_known_person_who_submits_another_form_makes_no_new_lead() -> None:
    world = World().configure(msgspec.structs.replace(SECTION, triggers=("form_submission",)))
    entity = in_agreement(world)
    world.hubspot("1", num_conversion_events="2")
    assert (world.intent(entity, SF), world.reads) == (None, {})
