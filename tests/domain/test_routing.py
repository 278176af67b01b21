"""What new HubSpot records become in Salesforce, and which Salesforce records may sync at all."""

import msgspec
import pytest

from domain.identity import Fields
from domain.policy import RoutingRule, Section
from domain.reasons import Reason
from tests.world import HS, SECTION, SF, World, ready

CUSTOMERS = RoutingRule('company = "Engines"', "Contact")
OURSELVES = RoutingRule('CONTAINS(email, "@acme.com")', None)


def routed(*rules: RoutingRule, otherwise: str | None = "Lead") -> World:
    return ready(msgspec.structs.replace(SECTION, routing=rules, create_as=otherwise))


def person(world: World, email: str = "ada@example.com", **fields: str) -> str:
    entity = world.hubspot("1", email=email, lastname="Byron", **fields)
    world.look_up(SF)
    return entity


def created(world: World, entity: str) -> str | None:
    intent = world.intent(entity, SF)
    return intent.object if intent else None


@pytest.mark.rule(39)
def test_the_first_rule_that_a_contact_meets_says_what_it_becomes() -> None:
    world = routed(OURSELVES, CUSTOMERS)
    assert created(world, person(world, company="Engines")) == "Contact"
    world = routed(OURSELVES, CUSTOMERS)
    assert created(world, person(world, company="Looms")) == "Lead"


def test_a_rule_may_create_nothing() -> None:
    world = routed(OURSELVES, CUSTOMERS)
    entity = person(world, email="me@acme.com", company="Engines")
    assert created(world, entity) is None
    assert world.closed[entity][-1].reason is Reason.CREATION_OFF
    assert world.closed[entity][-1].explanation == 'rule 1 of create_as: CONTAINS(email, "@acme.com")'


def test_without_a_rule_that_is_met_and_without_another_choice_nothing_is_created() -> None:
    world = routed(CUSTOMERS, otherwise=None)
    entity = person(world)
    assert world.closed[entity][-1].explanation == "no rule of create_as is met"


def test_a_contact_that_comes_to_meet_a_rule_is_created_then() -> None:
    world = routed(CUSTOMERS, otherwise=None)
    entity = person(world)
    world.hubspot("1", company="Engines")
    world.look_up(SF)
    assert created(world, entity) == "Contact"


def test_a_rule_that_gives_no_answer_counts_as_not_met_and_is_named() -> None:
    world = routed(RoutingRule("VALUE(city) > 1", "Contact"), otherwise=None)
    entity = person(world, city="London")
    assert world.closed[entity][-1].explanation == (
        "no rule of create_as is met; rule 1 gives no answer: VALUE of a text that is not a number"
    )


@pytest.mark.rule(40)
def test_whoever_exists_already_is_linked_whatever_the_rules_say() -> None:
    world = routed(CUSTOMERS)
    entity = world.hubspot("1", email="ada@example.com", lastname="Byron", company="Engines")
    world.look_up(
        SF, ("Lead", "00Q7", {"Email": "ada@example.com", "LastName": "Byron", "Company": "Engines"})
    )
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q7"
    assert created(world, entity) is None


# -- the filter


FILTERED = msgspec.structs.replace(SECTION, salesforce_filter={"Lead": 'City <> "Vienna"'})
LEAD: Fields = {"Email": "ada@example.com", "LastName": "Byron", "Company": "Engines"}


def filtered(section: Section = FILTERED) -> World:
    return ready(section)


@pytest.mark.rule(35)
def test_a_salesforce_record_that_fails_the_filter_does_not_come_to_hubspot() -> None:
    world = filtered()
    entity = world.lead("00Q1", **LEAD, City="Vienna")
    assert not world.reads
    assert world.closed[entity][-1].reason is Reason.SALESFORCE_FILTER
    assert world.closed[entity][-1].explanation == 'Lead does not meet City <> "Vienna"'


def test_it_comes_as_soon_as_a_change_lets_it_pass() -> None:
    world = filtered()
    entity = world.lead("00Q1", **LEAD, City="Vienna")
    world.lead("00Q1", City="Graz")
    world.look_up(HS)
    intent = world.intent(entity, HS)
    assert intent is not None
    assert intent.record_id is None


def test_the_field_of_a_filter_need_not_be_mapped() -> None:
    section = msgspec.structs.replace(
        FILTERED, mappings=tuple(m for m in SECTION.mappings if m.hubspot != "city")
    )
    world = filtered(section)
    entity = world.lead("00Q1", **LEAD, City="Vienna")
    world.lead("00Q1", City="Graz")
    world.look_up(HS)
    assert world.intent(entity, HS) is not None


@pytest.mark.rule(35)
def test_a_linked_record_that_fails_the_filter_syncs_in_neither_direction() -> None:
    world = filtered()
    entity = world.hubspot("1", email="ada@example.com", lastname="Byron", company="Engines")
    world.look_up(SF, ("Lead", "00Q7", LEAD | {"City": "Graz"}))
    world.deliver(entity, HS)
    world.lead("00Q7", City="Vienna")
    world.hubspot("1", firstname="Ada")
    assert not world.outbox
    assert world.reasons(entity)[-2:] == [Reason.SALESFORCE_FILTER, Reason.SALESFORCE_FILTER]


def test_another_object_has_no_filter() -> None:
    world = filtered()
    entity = world.sf_contact("003A", Email="ada@example.com", LastName="Byron", MailingCity="Vienna")
    world.look_up(HS)
    assert world.intent(entity, HS) is not None


def test_a_record_for_which_the_filter_gives_no_answer_does_not_pass() -> None:
    world = filtered(msgspec.structs.replace(SECTION, salesforce_filter={"Lead": "VALUE(City) > 1"}))
    entity = world.lead("00Q1", **LEAD, City="Vienna")
    assert world.closed[entity][-1].explanation == (
        "for this Lead, VALUE(City) > 1 gives no answer: VALUE of a text that is not a number"
    )


def test_a_record_that_lacks_the_filters_fields_is_read_first() -> None:
    world = filtered()
    world.show(SF, "Lead", "00Q1", full=False, Email="ada@example.com", LastName="Byron")
    assert [request.kind for request in world.reads.values()] == ["record"]
