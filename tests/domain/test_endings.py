"""How decisions end: with what reason, in whose words, and what is noted beside."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import OPEN, TIMERS
from domain.decide import record_written
from domain.healing import RETRY
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import FieldMapping, Section
from domain.retry import AGAIN_MS
from domain.rules import RuleText
from domain.state import Closed, intent_key
from tests.domain.inclusion.builders import a_list, all_of, ms, prop
from tests.domain.test_flow import ADA, linked
from tests.world import BLANKS, HS, SECTION, SF, World, ready

replace = msgspec.structs.replace
LIVES_IN_ROME = prop("city", "STRING", "IS_EQUAL_TO", value="Rome")


def ended(world: World, entity: str) -> Closed:
    return world.closed[entity][-1]


def refuse(world: World, entity: str, code: str = "DUPLICATES_DETECTED") -> None:
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(OutcomeClass.REJECTED, code=code, message="No."))


def both_ways(**guards: int) -> tuple[World, str]:
    """A pair whose cities agree; then one decision has a name for HubSpot and a blank city for Salesforce."""
    world, entity = linked()
    world.hubspot("1", city="Graz")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Graz")
    world.apply(replace(SECTION, guards=guards))
    world.append(e.Paused(by="ann"))
    world.hubspot("1", city=None)
    world.lead("00Q1", FirstName="Augusta")
    return world, entity


def test_a_decision_that_wrote_to_one_side_and_is_guarded_on_the_other_is_partly_delivered() -> None:
    world, entity = both_ways(blanked=0)
    assert world.deliver(entity, HS).fields == {"firstname": "Augusta"}
    closed = ended(world, entity)
    assert (closed.reason, closed.explanation) == (
        "partly_delivered",
        "more than the allowed blanked in one hour",
    )
    assert closed.wrote == {"hubspot": ("firstname",)}


def test_a_decision_that_wrote_to_one_side_and_was_refused_on_the_other_is_partly_delivered() -> None:
    world, entity = both_ways()
    world.deliver(entity, HS)
    refuse(world, entity)
    closed = ended(world, entity)
    assert (closed.reason, closed.letter) == ("partly_delivered", intent_key(entity, SF))


def test_a_decision_that_wrote_to_one_side_and_whose_contact_left_the_list_is_partly_delivered() -> None:
    world = limited(LIVES_IN_ROME)
    entity = world.hubspot("1", **{**BLANKS["contacts"], **ADA, "city": "Rome"})
    world.look_up(SF)
    world.deliver(entity, SF)
    world.lead("00Q1", Email=ADA["email"], LastName="Byron", FirstName="Ada", City="Rome", Company="Unknown")
    world.hubspot("1", firstname="Augusta")
    world.lead("00Q1", Company="Engines")
    assert {intent.split("|")[0] for intent in world.outbox} == {"hubspot", "salesforce"}
    world.deliver(entity, HS)
    world.hubspot("1", source="baseline", city="Graz")
    closed = ended(world, entity)
    assert (closed.reason, closed.explanation) == ("partly_delivered", "city is equal to Rome")


def test_what_has_come_to_agree_meanwhile_is_delivered_and_not_partly() -> None:
    world, entity = both_ways()
    world.deliver(entity, HS)
    world.lead("00Q1", source="baseline", City=None)
    assert ended(world, entity).reason == "delivered"


def test_every_field_that_is_held_back_has_its_word() -> None:
    world, entity = linked()
    world.hubspot("1", firstname="A" * 60, city="B" * 50)
    closed = ended(world, entity)
    assert closed.explanation == (
        "the text has 50 characters, the field takes 40, the text has 60 characters, the field takes 40"
    )
    assert closed.held.keys() == {"FirstName", "City"}


def test_a_decision_that_is_over_for_good_names_no_successor_and_no_error() -> None:
    world, entity = linked()
    world.hubspot("1", city="Graz")
    world.deliver(entity, SF)
    closed = ended(world, entity)
    assert (closed.reason, closed.superseded_by, closed.letter) == ("delivered", "", "")
    world.append(
        e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=world.now, ticket=world.draw())
    )
    world.hubspot("2", email="bob@example.com", lastname="Bob")
    world.append(
        e.RecordGone(crm=HS, object="contacts", id="2", cause="erased", at=world.now, ticket=world.draw())
    )
    assert ended(world, "hubspot/contacts/2").superseded_by == ""


def test_a_trigger_without_particulars_has_none() -> None:
    world, entity = linked()
    world.hubspot("1", city="Graz")
    refuse(world, entity)
    world.append(e.TimerDue(entity=entity, cause=RETRY, due=world.now), after=AGAIN_MS)
    opened = world.contact(entity).opened
    assert opened is not None
    assert (opened.trigger, opened.detail) == ("retry", "")


def test_a_contact_is_listed_as_open_from_its_trigger_to_its_end() -> None:
    world, entity = linked()
    world.hubspot("1", city="Graz")
    assert world.queues[OPEN] == {entity: world.now}
    world.deliver(entity, SF)
    assert world.queues[OPEN] == {}


def test_all_that_was_written_for_a_decision_is_noted_with_it() -> None:
    world, entity = linked()
    world.hubspot("1", city="Graz")
    contact = world.contact(entity)
    assert contact.opened is not None
    for name in ("City", "FirstName"):
        contact = record_written(contact, contact.opened.id, SF, {name: "x"})
    assert contact.opened is not None
    assert contact.opened.wrote == {"salesforce": ("City", "FirstName")}


def test_a_write_that_our_own_rule_stops_has_never_been_tried() -> None:
    world, entity = linked()
    rule = RuleText("03d1", "No_Atlantis", 'City = "Atlantis"', "No.")
    world.append(e.RulesObserved(object="Lead", digest=world.document((rule,))))
    world.append(e.RuleTrusted(rule=rule.key, agreed=5, disagreed=0))
    world.hubspot("1", city="Atlantis")
    assert world.letters[intent_key(entity, SF)].attempts == 0


def test_a_parked_contact_has_nothing_to_write_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world, entity = linked()
    world.hubspot("1", city="Graz")
    world.claim(entity, SF)
    world.hubspot("1", city="Wien")

    def poison(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("domain.observing.settle", poison)
        world.hubspot("1", city="Linz")
    contact = world.contact(entity)
    assert contact.parked
    assert (contact.intents, contact.flying, contact.wait, world.outbox) == ({}, (), None, {})


def test_a_list_that_the_clock_changes_sets_a_timer_and_notes_since_when_somebody_is_on_it() -> None:
    lately = prop("city", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=3)
    world = limited(lately)
    entity = world.hubspot("1", **ADA, city="2025-06-14T00:00:00.000Z")
    contact = world.contact(entity)
    assert (contact.member, contact.member_since) == (True, world.now)
    assert world.queues[TIMERS] == {f"{entity}|look": ms("2025-06-18T00:00")}


def limited(condition: dict[str, Any], section: Section = SECTION) -> World:
    """A connection whose inclusion list has one filter."""
    world = World()
    definition = world.document(a_list(all_of(condition), list_id="7"))
    world.append(e.ListObserved(list_id="7", name="Sync", digest=definition))
    return world.configure(replace(section, inclusion_list="Sync")).baseline()


def test_deciding_anew_asks_anew_who_is_on_a_list() -> None:
    world = limited({"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT"})
    entity = world.hubspot("1", **{**BLANKS["contacts"], **ADA})
    world.append(e.MembershipObserved(entity=entity, list_id="7", member=True, ticket=world.draw()))
    assert world.contact(entity).memberships == {"7": True}
    world.hubspot("1", firstname="Augusta")
    assert world.contact(entity).memberships == {}
    assert world.contact(entity).wait == "awaiting_membership"


def test_whoever_is_off_the_list_is_not_merged_into() -> None:
    world = limited(LIVES_IN_ROME, replace(SECTION, merge_in_hubspot=True))
    for number, (city, name) in enumerate((("Rome", "ada"), ("Rome", "bob")), 1):
        entity = world.hubspot(
            str(number), **{**BLANKS["contacts"], "email": f"{name}@x.org", "lastname": name, "city": city}
        )
        world.look_up(SF)
        world.deliver(entity, SF, new_id=f"00Q{number}")
        world.lead(f"00Q{number}", Email=f"{name}@x.org", LastName=name, City=city, Company="Unknown")
    world.hubspot("2", city="Graz")
    assert world.contact("hubspot/contacts/2").member is False
    world.lead("00Q1", deleted="merged", merged_into="00Q2", at=world.now + 9_000)
    assert world.contact("hubspot/contacts/1").into == ""
    assert world.outbox == {}


def test_a_mapping_that_never_syncs_writes_nothing_into_a_new_record() -> None:
    mappings = (*SECTION.mappings[:3], FieldMapping("city", {"Lead": "City"}, SyncRule.DONT_SYNC))
    world = ready(replace(SECTION, mappings=mappings))
    entity = world.hubspot("1", **ADA, city="Graz")
    world.look_up(SF)
    assert "City" not in world.deliver(entity, SF).fields


def test_a_person_whom_we_made_is_read_before_a_list_that_needs_more_is_asked() -> None:
    world = limited(prop("stage", "STRING", "IS_EQUAL_TO", value="lead"))
    entity = world.lead("00Q1", Email="bob@example.com", LastName="Bob", Company="Engines")
    world.look_up(HS)
    world.deliver(entity, HS, new_id="9")
    world.lead("00Q1", City="Graz")
    assert world.contact(entity).wait == "awaiting_read"
    assert (HS, "record") in {(each.crm, each.kind) for each in world.reads.values()}


def test_what_salesforce_refused_is_not_called_our_own_refusal_once_its_rule_is_trusted() -> None:
    world, entity = linked()
    rule = RuleText("03d1", "No_Atlantis", 'City = "Atlantis"', "No.")
    world.append(e.RulesObserved(object="Lead", digest=world.document((rule,))))
    world.hubspot("1", city="Atlantis")
    refuse(world, entity)
    world.append(e.RuleTrusted(rule=rule.key, agreed=5, disagreed=0))
    world.lead("00Q1", Company="Engines")
    assert world.letters[intent_key(entity, SF)].reason == "rejected"
