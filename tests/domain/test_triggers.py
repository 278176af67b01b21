"""What starts a sync beside a change of mapped values, and what does not."""

import msgspec
import pytest

from domain import events as e
from domain.kinds import CONTACTS
from domain.outcomes import Outcome, OutcomeClass
from domain.schema import FieldKind
from tests.world import BLANKS, HS, SCHEMAS, SECTION, SF, World, schema, text

ADA = {
    **BLANKS["contacts"],
    "email": "ada@example.com",
    "firstname": "Ada",
    "lastname": "Byron",
    "company": "Unknown",
}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
PROMPTS = [name for fields in CONTACTS.triggers.values() for name in fields.get("contacts", ())]


def agreeing(*triggers: str) -> tuple[World, str]:
    """Ada in both CRMs, in agreement, with some of the triggers on."""
    section = msgspec.structs.replace(SECTION, triggers=triggers)
    world = World().configure(section)
    ours = schema(HS, "contacts", *SCHEMAS[0].fields.values(), *(text(each) for each in PROMPTS))
    theirs = schema(SF, "Lead", *SCHEMAS[1].fields.values(), text("OwnerId", FieldKind.ID))
    for each in (ours, theirs):
        world.append(e.SchemaObserved(crm=each.crm, object=each.object, digest=world.document(each)))
    world.baseline()
    entity = world.hubspot("1", **ADA, **dict.fromkeys(PROMPTS))
    world.lead("00Q1", **LEAD, OwnerId="005a", HubSpot_Contact_Id__c="1")
    world.look_up(SF)
    assert world.contact(entity).opened is None
    return world, entity


def last_trigger(world: World, entity: str) -> str:
    return world.closed[entity][-1].trigger


def decisions(world: World, entity: str) -> int:
    return len(world.closed[entity])


@pytest.mark.rule(10)
@pytest.mark.parametrize("field", CONTACTS.triggers["form_submission"]["contacts"])
def test_a_form_submission_starts_a_sync_though_no_mapped_value_changed(field: str) -> None:
    world, entity = agreeing("form_submission")
    world.hubspot("1", **{field: "2"})
    assert last_trigger(world, entity) == "form_submission"


@pytest.mark.rule(11)
def test_another_owner_on_either_side_starts_a_sync() -> None:
    world, entity = agreeing("owner_change")
    world.hubspot("1", hubspot_owner_id="7")
    assert last_trigger(world, entity) == "owner_change"
    before = decisions(world, entity)
    world.lead("00Q1", OwnerId="005b")
    assert (decisions(world, entity), last_trigger(world, entity)) == (before + 1, "owner_change")


@pytest.mark.rule(12, 99)
def test_another_lifecycle_stage_starts_a_sync() -> None:
    world, entity = agreeing("lifecycle_stage")
    world.hubspot("1", lifecyclestage="customer")
    assert last_trigger(world, entity) == "lifecycle_stage"


@pytest.mark.rule(13)
def test_being_added_to_a_campaign_starts_a_sync() -> None:
    world, entity = agreeing("campaign_added")
    world.append(e.SyncRequested(entity="salesforce/Lead/00Q1", cause="campaign_added", by="00v1"))
    assert last_trigger(world, entity) == "campaign_added"


@pytest.mark.rule(15)
@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        (trigger, field)
        for trigger in ("marketing_emails", "sales_emails", "meetings", "documents", "calls_notes_tasks")
        for field in CONTACTS.triggers[trigger]["contacts"]
    ],
)
def test_an_activity_starts_a_sync_only_where_its_kind_is_switched_on(trigger: str, field: str) -> None:
    world, entity = agreeing(trigger)
    world.hubspot("1", **{field: "1750000000000"})
    assert last_trigger(world, entity) == trigger

    world, entity = agreeing("form_submission")
    before = decisions(world, entity)
    world.hubspot("1", **{field: "1750000000000"})
    assert decisions(world, entity) == before


@pytest.mark.rule(4)
def test_a_field_that_is_not_mapped_starts_nothing() -> None:
    world, entity = agreeing()
    before = decisions(world, entity)
    world.hubspot("1", lifecyclestage="customer", recent_conversion_date="1")
    world.lead("00Q1", OwnerId="005b")
    assert decisions(world, entity) == before


@pytest.mark.rule(2)
def test_a_change_of_a_mapped_value_beside_an_activity_counts_as_a_change() -> None:
    world, entity = agreeing("form_submission")
    world.hubspot("1", city="Bonn", num_conversion_events="2")
    opened = world.contact(entity).opened
    assert opened is not None
    assert opened.trigger == "changed"


@pytest.mark.rule(2)
def test_a_mapped_value_that_a_webhook_shows_first_is_a_change_and_another_is_none() -> None:
    world = World().configure(SECTION).baseline()
    known = {name: value for name, value in ADA.items() if name != "city"}
    entity = world.show(HS, "contacts", "1", full=False, source="baseline", **known)
    world.show(HS, "contacts", "1", full=False, source="webhook", note="x")
    assert world.contact(entity).opened is None
    world.show(HS, "contacts", "1", full=False, source="webhook", city="Bonn")
    opened = world.contact(entity).opened
    assert opened is not None
    assert (opened.trigger, opened.detail) == ("changed", "hubspot/contacts/1 city")


def test_of_several_triggers_that_a_webhook_shows_first_the_one_of_the_first_field_by_name_counts() -> None:
    triggers = ("owner_change", "lifecycle_stage", "documents", "calls_notes_tasks")
    world = World().configure(msgspec.structs.replace(SECTION, triggers=triggers))
    world.append_schema(
        schema(HS, "contacts", *SCHEMAS[0].fields.values(), *(text(each) for each in PROMPTS))
    )
    entity = world.baseline().hubspot("1", **ADA)
    first = {"notes_last_updated": "1", "lifecyclestage": "lead", "hubspot_owner_id": "7"}
    world.hubspot("1", source="webhook", full=False, hs_document_last_revisited="1", **first)
    opened = world.contact(entity).opened
    assert opened is not None
    assert opened.trigger == "documents"


def test_a_property_that_the_portal_lacks_is_neither_read_nor_waited_for() -> None:
    world = World().configure(msgspec.structs.replace(SECTION, triggers=("meetings",))).baseline()
    needed = world.projection.policy().kinds["contacts"].needed[HS, "contacts"]
    assert "hs_latest_meeting_activity" not in needed


def test_the_owner_that_a_new_record_of_ours_was_given_starts_nothing() -> None:
    world, _ = agreeing("owner_change")
    entity = world.hubspot("2", **{**ADA, "email": "new@example.com"}, **dict.fromkeys(PROMPTS))
    world.look_up(SF)
    world.deliver(entity, SF, new_id="00Q2")
    before = decisions(world, entity)
    world.lead("00Q2", **{**LEAD, "Email": "new@example.com"}, OwnerId="005a", HubSpot_Contact_Id__c="2")
    assert (decisions(world, entity), world.contact(entity).opened) == (before, None)


@pytest.mark.rule(10)
def test_a_form_submission_that_the_answer_to_our_write_shows_first_still_starts_a_sync() -> None:
    world, entity = agreeing("form_submission")
    world.lead("00Q1", City="Graz")
    world.claim(entity, HS)
    world.stamps[entity] += 1000
    stored = {**ADA, "city": "Graz", "num_conversion_events": "2"}
    outcome = Outcome(OutcomeClass.DELIVERED, record_id="1", stored=stored, stamp=world.stamps[entity])
    world.answer(entity, HS, outcome)
    assert world.contact(entity).opened is None
    world.hubspot("1", city="Graz", num_conversion_events="2", at=world.stamps[entity])
    assert last_trigger(world, entity) == "form_submission"
