"""What is drafted for a target, what is held back of it, and what is kept of that."""

import msgspec
import pytest

from domain import events as e
from domain.drafting import compared, partner_object
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import FieldMapping, Section
from domain.schema import FieldKind, FieldSchema, Option
from domain.state import letter_key
from tests.domain.test_flow import ADA, linked
from tests.world import HS, MAPPINGS, SCHEMAS, SECTION, SF, World, ready, text

replace = msgspec.structs.replace
LEAD = next(each for each in SCHEMAS if each.object == "Lead")
OPTIONS = (Option("Tirol", "Tirol", valid_for=("Austria",)), Option("Texas", "Texas", valid_for=("USA",)))
REGION = text("Region__c", FieldKind.PICKLIST, controller="Country", options=OPTIONS)
STATE = FieldMapping("state", {"Lead": "Region__c"}, SyncRule.TWO_WAY)
COUNTRY = FieldMapping("country", {"Lead": "Country"}, SyncRule.TWO_WAY)


def world_with(*fields: FieldSchema, section: Section) -> World:
    """A connection whose leads have some fields more."""
    world = ready(section)
    world.append_schema(replace(LEAD, fields={**LEAD.fields, **{each.name: each for each in fields}}))
    return world


def drafted(world: World, **properties: str) -> tuple[set[str], dict[str, str | None]]:
    """Names and values of the lead that is made of a person: (held back, written)."""
    entity = world.hubspot("1", **ADA, **properties)
    world.look_up(SF)
    intent = world.intent(entity, SF)
    assert intent is not None
    return {*world.plan(entity).held.get(SF, {})}, intent.fields


@pytest.mark.parametrize(
    ("default", "constant", "held"),
    [("Austria", None, False), ("USA", None, True), (None, "Austria", False), ("Austria", "USA", True)],
)
def test_an_option_goes_with_what_a_new_record_gets_by_itself(
    default: str | None,
    constant: str | None,
    held: bool,  # noqa: FBT001 - a case
) -> None:
    defaults = {"Lead": {"Company": "Unknown", **({"Country": constant} if constant else {})}}
    section = replace(SECTION, mappings=(*MAPPINGS, STATE), defaults=defaults)
    world = world_with(text("Country", default=default), REGION, section=section)
    kept, written = drafted(world, state="Tirol")
    assert (kept == {"Region__c"}) is held
    assert ("Region__c" in written) is not held


def test_where_a_new_record_gets_nothing_by_itself_the_option_goes_with_nothing() -> None:
    section = replace(SECTION, mappings=(*MAPPINGS, STATE))
    world = world_with(text("Country"), REGION, section=section)
    assert drafted(world, state="Tirol")[0] == {"Region__c"}


def test_a_default_of_another_object_does_not_count() -> None:
    defaults = {"Contact": {"Country": "Austria"}, "Lead": {"Company": "Unknown"}}
    section = replace(SECTION, mappings=(*MAPPINGS, STATE), defaults=defaults)
    world = world_with(text("Country", default="USA"), REGION, section=section)
    assert drafted(world, state="Tirol")[0] == {"Region__c"}


def placed() -> tuple[World, str]:
    """A pair that agrees on Tirol in Austria."""
    section = replace(SECTION, mappings=(*MAPPINGS, COUNTRY, STATE))
    world = world_with(text("Country"), REGION, section=section)
    place = {"country": "Austria", "state": "Tirol"}
    entity = world.hubspot("1", source="baseline", **ADA, company="A", **place)
    lead = {"LastName": "Byron", "FirstName": "Ada", "Company": "A", "Country": "Austria"}
    world.lead("00Q1", source="baseline", Email=ADA["email"], Region__c="Tirol", **lead)
    world.append(e.SyncRequested(entity=entity, cause="all", by="test"))
    return world, entity


def test_an_option_goes_with_a_country_that_is_on_its_way() -> None:
    world, entity = placed()
    world.hubspot("1", state=None)
    world.deliver(entity, SF)
    world.hubspot("1", country="USA")
    world.claim(entity, SF)
    world.hubspot("1", state="Texas")
    intent = world.intent(entity, SF)
    assert intent is not None
    assert intent.fields["Region__c"] == "Texas"


def test_what_is_held_back_is_kept_with_the_value_that_it_came_from() -> None:
    world, entity = placed()
    world.hubspot("1", state="Texas")
    assert world.letters[letter_key(entity, SF, "Region__c")].fields == {"Region__c": "Texas"}
    assert world.contact(entity).holds[SF]["Region__c"].source == "Texas"


def test_what_cannot_be_converted_is_kept_with_the_value_that_it_came_from() -> None:
    mapping = FieldMapping("size", {"Lead": "Size__c"}, SyncRule.TWO_WAY)
    section = replace(SECTION, mappings=(*MAPPINGS, mapping))
    world = world_with(text("Size__c", FieldKind.NUMBER, precision=9, scale=2), section=section)
    entity = world.hubspot("1", source="baseline", **ADA, company="A", size="1")
    lead = {"LastName": "Byron", "FirstName": "Ada", "Company": "A", "Size__c": "1"}
    world.lead("00Q1", source="baseline", Email=ADA["email"], **lead)
    world.append(e.SyncRequested(entity=entity, cause="all", by="test"))
    world.hubspot("1", size="many")
    assert world.letters[letter_key(entity, SF, "Size__c")].fields == {"Size__c": "many"}


@pytest.mark.parametrize(("createable", "updateable"), [(True, False), (False, True)])
def test_a_field_may_be_written_once_or_only_later(
    createable: bool,  # noqa: FBT001 - a case
    updateable: bool,  # noqa: FBT001 - a case
) -> None:
    city = text("City", length=40, createable=createable, updateable=updateable)
    world = world_with(city, section=SECTION)
    entity = world.hubspot("1", **ADA, city="Graz")
    world.look_up(SF)
    assert ("City" in world.deliver(entity, SF).fields) is createable
    world.lead("00Q1", Email=ADA["email"], LastName="Byron", FirstName="Ada", Company="Unknown", City="Rome")
    world.hubspot("1", city="Linz")
    intent = world.intent(entity, SF)
    assert (intent is not None and "City" in intent.fields) is updateable


def fought_over(times: int) -> tuple[World, str]:
    """Salesforce has changed the city back to Rome so many times."""
    world, entity = linked()
    rules = {"city": SyncRule.ALWAYS_HUBSPOT}
    mappings = tuple(replace(each, rule=rules.get(each.hubspot, each.rule)) for each in MAPPINGS)
    world.apply(replace(SECTION, mappings=mappings))
    world.hubspot("1", city="Graz")
    for _ in range(times):
        world.deliver(entity, SF)
        world.lead("00Q1", City="Graz")
        world.lead("00Q1", City="Rome")
    return world, entity


def test_a_value_that_is_changed_back_again_and_again_is_held_under_the_configuration_in_force() -> None:
    world, entity = fought_over(3)
    hold = world.contact(entity).holds[SF]["City"]
    assert (hold.code, hold.source) == ("ping_pong", "Graz")
    assert hold.config == world.projection.book.connection.config


def test_a_value_that_fought_over_is_sent_to_a_record_made_anew() -> None:
    world, entity = fought_over(3)
    world.append(
        e.RecordGone(crm=SF, object="Lead", id="00Q1", cause="deleted", at=2**41, ticket=world.draw())
    )
    assert world.contact(entity).parked == ""


def test_a_record_that_is_made_in_hubspot_is_found_by_the_id_of_its_salesforce_record() -> None:
    world = ready()
    entity = world.lead("00Q1", Email="bob@example.com", LastName="Bob", Company="Engines")
    world.look_up(HS)
    intent = world.intent(entity, HS)
    assert intent is not None
    assert (intent.key_field, intent.key_value) == ("salesforce_record_id", "00Q1")


def test_of_two_edits_the_later_one_stays_and_a_value_nobody_saw_changing_is_as_old_as_its_record() -> None:
    for later in (HS, SF):
        world = ready()
        entity = world.hubspot("1", source="baseline", **ADA, company="A", city="Wien")
        lead = {"LastName": "Byron", "FirstName": "Ada", "Company": "A", "City": "Wien"}
        world.lead("00Q1", source="baseline", Email=ADA["email"], **lead)
        world.append(e.SyncRequested(entity=entity, cause="all", by="test"))
        world.append(e.Paused(by="ann"))
        now = world.now + 60_000
        world.hubspot("1", city="Graz", at=now + (5_000 if later is HS else 0))
        world.lead("00Q1", City="Rome", at=now + (0 if later is HS else 5_000))
        world.append(e.Resumed(by="ann"))
        [intent] = world.outbox.values()
        assert (intent.crm, *intent.fields.values()) == (later.other, "Graz" if later is HS else "Rome")


def test_what_agrees_while_a_write_is_on_its_way_is_agreed_once_that_is_answered() -> None:
    world, entity = linked()
    world.hubspot("1", city="Graz", firstname="Augusta")
    world.claim(entity, SF)
    world.lead("00Q1", City="Graz")
    assert world.contact(entity).agreed.get("city") is None
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q1"))
    world.lead("00Q1", City="Graz", FirstName="Augusta")
    world.hubspot("1", city=None)
    assert world.deliver(entity, SF).fields == {"City": None}


def test_what_always_comes_from_salesforce_is_not_given_to_a_new_lead() -> None:
    rules = {"city": SyncRule.ALWAYS_SALESFORCE, "firstname": SyncRule.ALWAYS_HUBSPOT}
    mappings = tuple(replace(each, rule=rules.get(each.hubspot, each.rule)) for each in MAPPINGS)
    world = ready(replace(SECTION, mappings=mappings))
    written = drafted(world, city="Graz")[1]
    assert ("City" in written, "FirstName" in written) == (False, True)


def test_the_fields_in_which_a_pair_differs_are_told_and_of_one_record_alone_none() -> None:
    world, entity = linked()
    kind = world.projection.policy().kinds["contacts"]
    world.append(e.Paused(by="ann"))
    world.hubspot("1", city="Graz")
    told = [(mapped.hubspot, *pair) for mapped, pair, _ in compared(world.contact(entity), kind, world.now)]
    assert told == [("city", "Graz", None)]
    alone = world.hubspot("2", email="bob@example.com", lastname="Bob")
    assert list(compared(world.contact(alone), kind, world.now)) == []


def test_the_partner_is_of_the_object_that_is_linked_or_would_be_created() -> None:
    world, entity = linked()
    kind = world.projection.policy().kinds["contacts"]
    assert partner_object(world.contact(entity), kind, world.now) == "Lead"
    alone = world.hubspot("2", email="bob@example.com", lastname="Bob")
    assert partner_object(world.contact(alone), kind, world.now) == "Lead"
    theirs = world.sf_contact("003A", Email="eve@example.com", LastName="Eve")
    assert partner_object(world.contact(theirs), kind, world.now) == "Contact"
