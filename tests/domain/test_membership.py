"""The inclusion list in the same step as the write: who joins, who leaves, and who is left alone."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.outcomes import Outcome, OutcomeClass
from domain.reasons import Wait
from tests.domain.crms import LIST
from tests.domain.inclusion.builders import a_list, all_of, prop
from tests.world import BLANKS, HS, SECTION, SF, World

ADA = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron"}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
LIMITED = msgspec.structs.replace(SECTION, inclusion_list="Sync")


def listed(definition: dict[str, Any] = LIST) -> World:
    """A connection that syncs the members of a list only."""
    world = World()
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(definition)))
    return world.configure(LIMITED).baseline()


def person(world: World, stage: str | None = None, **fields: str | None) -> str:
    return world.hubspot("1", stage=stage, **{**BLANKS["contacts"], **ADA, **fields})


def member() -> tuple[World, str]:
    """A member in agreement with his lead."""
    world = listed()
    entity = person(world, "lead")
    world.look_up(SF)
    world.deliver(entity, SF)
    world.lead("00Q1", **LEAD, HubSpot_Contact_Id__c="1")
    return world, entity


@pytest.mark.rule(22)
def test_nobody_else_is_synced_and_the_reason_names_the_filter() -> None:
    world = listed()
    entity = person(world, "other")
    closed = world.closed[entity][-1]
    assert (closed.reason, closed.explanation) == ("not_in_inclusion_list", "stage is any of lead")
    assert (world.outbox, world.reads) == ({}, {})


@pytest.mark.rule(9)
def test_joining_the_list_is_a_trigger_though_no_mapped_value_changed() -> None:
    world = listed()
    entity = person(world, "other")
    world.hubspot("1", stage="lead")
    assert world.contact(entity).wait is Wait.LOOK_UP
    opened = world.contact(entity).opened
    assert opened is not None
    assert opened.trigger == "joined_list"


@pytest.mark.rule(27)
def test_leaving_freezes_both_records_and_remembers_since_when() -> None:
    world, entity = member()
    world.hubspot("1", stage="other", city="Bonn")
    left = world.now
    world.lead("00Q1", FirstName="A.")
    contact = world.contact(entity)
    assert (contact.member, contact.member_since) == (False, left)
    assert set(contact.pair) == {HS, SF}
    assert world.outbox == {}


@pytest.mark.rule(29)
def test_coming_back_syncs_what_happened_meanwhile_with_the_same_record() -> None:
    world, entity = member()
    world.hubspot("1", stage="other", city="Bonn")
    world.lead("00Q1", FirstName="A.")
    world.hubspot("1", stage="lead")
    assert world.deliver(entity, SF).fields == {"City": "Bonn"}
    assert world.deliver(entity, HS).fields == {"firstname": "A."}


@pytest.mark.rule(30)
def test_the_edit_that_takes_a_contact_off_the_list_is_not_written() -> None:
    world, entity = member()
    world.hubspot("1", city="Bonn")
    assert world.intent(entity, SF) is not None
    world.hubspot("1", stage="other")
    assert world.outbox == {}


@pytest.mark.rule(25)
def test_a_new_lead_without_a_contact_gets_one_and_then_waits_for_the_list() -> None:
    world = listed()
    entity = world.lead("00Q1", **LEAD)
    world.look_up(HS)
    world.deliver(entity, HS, new_id="5")
    world.read(HS, stage=None)
    assert world.reasons(entity) == ["delivered"]
    world.lead("00Q1", City="Bonn")
    assert (world.reasons(entity)[-1], world.outbox) == ("not_in_inclusion_list", {})


@pytest.mark.rule(23)
def test_a_list_that_is_not_active_lets_nobody_sync_and_stops_no_log() -> None:
    world = listed({**LIST, "processingType": "MANUAL"})
    entity = person(world, "lead")
    closed = world.closed[entity][-1]
    assert closed.reason == "not_in_inclusion_list"
    assert "not active" in closed.explanation


@pytest.mark.rule(17)
def test_another_definition_of_the_list_syncs_nobody_by_itself() -> None:
    world, entity = member()
    before = world.reasons(entity)
    other = {**LIST, "filterBranch": {"filterBranchType": "OR", "filterBranches": [], "filters": []}}
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(other)))
    assert (world.reasons(entity), world.outbox) == (before, {})


OTHER = a_list(all_of(prop("city", "STRING", "IS_NOT_EQUAL_TO", value="Rome")), list_id="7")
"""Everybody who does not live in Rome."""

ROLLING = a_list(
    all_of(prop("city", "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_AGO", numberOfDays=3)), list_id="7"
)
"""Everybody whose city, which is a date here, is more than three days ago."""


def redefined(world: World, definition: dict[str, Any]) -> None:
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(definition)))


@pytest.mark.rule(17)
def test_who_became_a_member_by_a_redefinition_does_not_join_by_a_later_edit() -> None:
    world = listed()
    entity = person(world, "other", city="Bonn")
    before = world.reasons(entity)
    redefined(world, {**OTHER, "name": "still the same"})
    world.hubspot("1", full=False, city="Bonn", lastmodified="2")
    assert (world.reasons(entity), world.contact(entity).opened) == (before, None)


@pytest.mark.rule(17)
@pytest.mark.parametrize(
    ("definition", "before", "after"),
    [(OTHER, "Rome", "Bonn"), (ROLLING, "2025-06-14T00:00:00.000Z", "2025-06-10T00:00:00.000Z")],
    ids=["of values", "of dates"],
)
def test_who_joins_a_redefined_list_by_his_own_edit_is_synced(
    definition: dict[str, Any], before: str, after: str
) -> None:
    world = listed()
    entity = person(world, "other", city=before)
    redefined(world, definition)
    world.hubspot("1", city=after)
    opened = world.contact(entity).opened
    assert opened is not None
    assert opened.trigger == "joined_list"


@pytest.mark.rule(17)
def test_looking_at_everybody_after_a_list_was_chosen_syncs_nobody() -> None:
    world = listed()
    entity = person(world, "other", city="Bonn")
    before = world.reasons(entity)
    redefined(world, OTHER)
    world.append(e.TimerDue(entity=entity, cause="look", due=world.now))
    assert world.contact(entity).member is True
    assert (world.reasons(entity), world.contact(entity).opened) == (before, None)


@pytest.mark.rule(25)
@pytest.mark.rule(26)
def test_a_new_lead_reaches_a_contact_outside_the_list_once() -> None:
    world = listed()
    entity = person(world, "other", phone=None)
    world.lead("00Q1", **LEAD, City="Bonn")
    assert world.deliver(entity, HS).fields == {"city": "Bonn", "company": "Unknown"}
    assert (world.reasons(entity)[-1], world.outbox) == ("delivered", {})
    world.lead("00Q1", City="Graz")
    assert (world.reasons(entity)[-1], world.outbox) == ("not_in_inclusion_list", {})


@pytest.mark.rule(25, 26)
def test_a_new_lead_that_changes_while_it_is_written_reaches_him_no_second_time() -> None:
    world = listed()
    entity = person(world, "other", phone=None)
    world.lead("00Q1", **LEAD, City="Bonn")
    sent = world.claim(entity, HS).fields
    world.lead("00Q1", City="Graz")
    stored = Outcome(OutcomeClass.DELIVERED, record_id="1", stored=sent, stamp=world.now)
    world.answer(entity, HS, stored)
    assert (world.reasons(entity)[-2:], world.outbox) == (["delivered", "not_in_inclusion_list"], {})


def test_a_new_lead_that_changes_while_its_write_fails_reaches_him_after_all() -> None:
    world = listed()
    entity = person(world, "other", phone=None)
    world.lead("00Q1", **LEAD, City="Bonn")
    world.claim(entity, HS)
    world.lead("00Q1", City="Graz")
    world.answer(entity, HS, Outcome(OutcomeClass.TRANSIENT, code="http_503"))
    intent = world.intent(entity, HS)
    assert intent is not None
    assert intent.fields["city"] == "Graz"


def test_a_new_lead_reaches_a_contact_whom_only_a_search_finds() -> None:
    world = listed()
    entity = person(world, "other", phone=None, email="ada@home.example")
    world.lead("00Q1", **LEAD, City="Bonn")
    known = world.record(entity) or {}
    world.look_up(HS, ("contacts", "1", {**known, "hs_additional_emails": "ada@example.com"}))
    intent = world.intent(entity, HS)
    assert intent is not None
    assert intent.fields["city"] == "Bonn"
    assert world.intent(entity, SF) is None


@pytest.mark.rule(25)
def test_nothing_of_a_contact_outside_the_list_reaches_his_new_lead() -> None:
    world = listed()
    entity = person(world, "other", city="Bonn")
    world.lead("00Q1", **{**LEAD, "FirstName": None})
    assert world.intent(entity, SF) is None


@pytest.mark.rule(25)
def test_a_new_lead_reaches_nobody_outside_the_list_where_creating_is_off() -> None:
    world = World()
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(LIST)))
    world.configure(msgspec.structs.replace(LIMITED, create_in_hubspot=())).baseline()
    entity = person(world, "other")
    world.lead("00Q1", **LEAD, City="Bonn")
    assert (world.reasons(entity)[-1], world.outbox) == ("not_in_inclusion_list", {})


@pytest.mark.rule(9)
def test_who_joins_by_the_clock_alone_is_synced() -> None:
    world = listed(ROLLING)
    entity = person(world, city="2025-06-14T00:00:00.000Z")
    assert world.reasons(entity) == ["not_in_inclusion_list"]
    due = world.queues["timers"][f"{entity}|look"]
    world.append(e.TimerDue(entity=entity, cause="look", due=due), after=due - world.now)
    opened = world.contact(entity).opened
    assert opened is not None
    assert (opened.trigger, opened.detail) == ("joined_list", "time")


def test_whom_the_clock_will_let_join_is_looked_at_in_time_though_nothing_is_decided() -> None:
    world = listed(ROLLING)
    entity = person(world, city="2025-06-14T00:00:00.000Z", source="baseline")
    assert world.contact(entity).opened is None
    due = world.queues["timers"][f"{entity}|look"]
    world.append(e.TimerDue(entity=entity, cause="look", due=due), after=due - world.now)
    assert world.contact(entity).member is True


def test_a_redefinition_that_leaves_a_member_in_does_not_change_since_when_he_is_one() -> None:
    world = listed(OTHER)
    entity = person(world, city="Bonn")
    since = world.contact(entity).member_since
    redefined(world, {**OTHER, "name": "still the same"})
    world.hubspot("1", city="Graz")
    contact = world.contact(entity)
    assert (contact.member, contact.member_since) == (True, since)


@pytest.mark.rule(25)
def test_a_new_lead_reaches_a_contact_outside_the_list_where_leads_are_created_in_hubspot() -> None:
    world = World()
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(LIST)))
    world.configure(msgspec.structs.replace(LIMITED, create_in_hubspot=("Lead",))).baseline()
    entity = person(world, "other")
    world.lead("00Q1", **LEAD, City="Bonn")
    assert world.deliver(entity, HS).fields == {"city": "Bonn", "company": "Unknown"}


def test_a_list_of_fixed_dates_lets_its_members_sync() -> None:
    fixed = b'{"operationType":"DATE","operator":"IS_EQUAL_TO","year":2025,"month":"JUNE","day":14}'
    rolling = b'{"operationType":"ROLLING_DATE_RANGE","operator":"IS_MORE_THAN_X_DAYS_AGO","numberOfDays":3}'
    world = listed(msgspec.json.decode(msgspec.json.encode(ROLLING).replace(rolling, fixed)))
    entity = person(world, city="2025-06-14T10:00:00.000Z")
    assert world.contact(entity).member is True
    assert world.contact(entity).wait is Wait.LOOK_UP
