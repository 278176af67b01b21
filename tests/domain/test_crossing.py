"""Writes that are on their way while something else happens: nothing is lost, nothing is done twice."""

import msgspec

from domain import events as e
from domain.book import CLAIMS, TIMERS
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import FieldMapping
from domain.state import Intent
from tests.domain.test_decisions import ADA, LEAD, linked
from tests.world import HS, MAPPINGS, SECTION, SF, World, claim_of, ready

DONE = Outcome(OutcomeClass.DELIVERED, record_id="00Q1")


def pending(world: World, entity: str) -> Intent:
    intent = world.intent(entity, SF)
    assert intent is not None
    return intent


def test_a_write_that_left_although_it_was_withdrawn_is_made_good() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    withdrawn = pending(world, entity)
    world.hubspot("1", city=None)
    assert world.outbox == {}
    world.append(claim_of(withdrawn))
    world.answer(entity, SF, DONE)
    assert world.deliver(entity, SF).fields == {"City": None}
    assert world.reasons(entity)[-1] == "delivered"


def test_what_stood_there_between_two_of_our_writes_is_no_news() -> None:
    world, entity = linked()
    second = world.stamps["salesforce/Lead/00Q1"] + 1_000
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Bonn", at=second)
    world.hubspot("1", city="Köln")
    world.deliver(entity, SF)
    between = world.draw()
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Köln", at=second, ticket=between)
    assert world.outbox == {}
    world.lead("00Q1", City="Bonn", at=second)
    assert world.outbox == {}
    assert world.contact(entity).expected.get(SF, {}) == {}


def test_writes_that_crossed_are_not_taken_for_an_agreement() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    withdrawn = pending(world, entity)
    world.lead("00Q1", City="Graz", at=world.now + 5_000)
    world.append(claim_of(withdrawn))
    world.claim(entity, HS)
    world.answer(entity, SF, DONE)
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    world.read(HS, city="Graz")
    world.lead("00Q1", City="Bonn", at=world.now + 9_000)
    assert world.deliver(entity, SF).fields == {"City": "Graz"}


def test_the_claims_of_two_contacts_that_become_one_both_end() -> None:
    world = ready()
    for number in ("1", "2"):
        entity = world.hubspot(number, **{**ADA, "email": f"a{number}@example.com"})
        world.look_up(SF)
        world.deliver(entity, SF, new_id=f"00Q{number}")
        world.lead(
            f"00Q{number}",
            Email=f"a{number}@example.com",
            FirstName="Ada",
            LastName="Byron",
            Company="Unknown",
        )
        world.hubspot(number, city="Bonn")
    first, second = "hubspot/contacts/1", "hubspot/contacts/2"
    mine, other = pending(world, first), pending(world, second)
    world.append(claim_of(mine))
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="9", losers=("1", "2"), at=world.now))
    world.append(claim_of(other))
    assert list(world.queues[CLAIMS]) == [f"salesforce|{first}"]
    world.append(e.DeliveryAnswered(entity=second, crm=SF, attempt=2, outcome=DONE, ticket=world.draw()))
    assert world.contact(first).flights[SF].entity == first, "the answer to another's write is not its own"
    world.answer(first, SF, DONE)
    assert not world.queues[CLAIMS]
    assert not world.queues[TIMERS]


def left_before_its_lead_was_merged() -> tuple[World, str]:
    """A lead's city leaves for HubSpot; before that is noted, the lead becomes part of one without a city."""
    world, entity = linked()
    world.lead("00Q2", **LEAD | {"Company": None})
    world.lead("00Q1", City="Graz")
    left = world.intent(entity, HS)
    assert left is not None
    world.append(e.RecordsMerged(crm=SF, object="Lead", winner="00Q2", losers=("00Q1",), at=world.now))
    world.append(claim_of(left))
    world.read(SF)
    return world, entity


def test_what_had_left_before_its_lead_was_merged_waits_for_its_answer() -> None:
    world, _ = left_before_its_lead_was_merged()
    assert world.outbox == {}


def test_what_had_left_before_its_lead_was_merged_is_not_cleared_by_the_one_that_goes_on() -> None:
    world, entity = left_before_its_lead_was_merged()
    shown = Outcome(OutcomeClass.DELIVERED, record_id="1", stored={"city": "Graz"}, stamp=world.now + 5_000)
    world.answer(entity, HS, shown)
    assert (pending(world, entity).record_id, pending(world, entity).fields) == ("00Q2", {"City": "Graz"})
    assert world.intent(entity, HS) is None


def test_it_is_not_cleared_either_if_nobody_answers() -> None:
    world, entity = left_before_its_lead_was_merged()
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    world.read(HS, city="Graz")
    assert (pending(world, entity).record_id, pending(world, entity).fields) == ("00Q2", {"City": "Graz"})
    assert world.intent(entity, HS) is None


def test_what_had_left_before_its_contact_was_merged_is_not_cleared_by_the_one_that_goes_on() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    left = pending(world, entity)
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="2", losers=("1",), at=world.now))
    world.append(claim_of(left))
    world.read(HS, **ADA)
    world.answer(entity, SF, DONE)
    world.lead("00Q1", City="Bonn")
    assert world.intent(entity, SF) is None
    waiting = world.intent(entity, HS)
    assert waiting is not None
    assert (waiting.record_id, waiting.fields["city"]) == ("2", "Bonn")


def test_what_salesforce_makes_of_a_value_of_an_earlier_contact_does_not_win_over_a_newer_edit() -> None:
    world, entity = linked()
    world.hubspot("1", city="bonn")
    world.deliver(entity, SF)
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="2", losers=("1",), at=world.now))
    world.read(HS, **ADA)
    assert world.deliver(entity, HS).fields["city"] == "bonn"
    world.lead("00Q1", City="BONN")
    assert world.outbox == {}
    world.hubspot("2", city="Graz")
    assert pending(world, entity).fields == {"City": "Graz"}
    assert world.intent(entity, HS) is None


def test_what_had_left_for_a_contact_that_is_part_of_another_one_since_is_not_cleared_by_that() -> None:
    world, entity = linked()
    other = world.hubspot("2", email="lovelace@example.com", lastname="Lovelace")
    world.look_up(SF)
    left = pending(world, other)
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="1", losers=("2",), at=world.now))
    world.append(claim_of(left))
    assert world.contact(entity).flights[SF].stray


def preferring_salesforce() -> World:
    city = FieldMapping("city", {"Lead": "City"}, SyncRule.PREFER_SALESFORCE)
    return ready(msgspec.structs.replace(SECTION, mappings=(*MAPPINGS[:3], city)))


def test_what_salesforce_may_refuse_is_not_sent_back_over_a_newer_value() -> None:
    world, entity = linked(preferring_salesforce())
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    world.hubspot("1", city="Köln")
    assert world.outbox == {}
    world.answer(entity, SF, Outcome(OutcomeClass.REJECTED, code="NO", message="no", fields=("City",)))
    assert pending(world, entity).fields == {"City": "Köln"}


def test_what_is_on_its_way_to_a_lead_that_was_merged_is_not_taken_for_the_word_of_the_other_one() -> None:
    world, entity = linked(preferring_salesforce())
    world.lead("00Q2", **LEAD)
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    world.append(e.RecordsMerged(crm=SF, object="Lead", winner="00Q2", losers=("00Q1",), at=world.now))
    world.read(SF)
    world.hubspot("1", city="Köln")
    assert world.outbox == {}
    world.answer(entity, SF, Outcome(OutcomeClass.RESOLVE, code="ENTITY_IS_DELETED"))
    world.read(SF)
    assert (pending(world, entity).record_id, pending(world, entity).fields) == ("00Q2", {"City": "Köln"})


def test_what_a_lead_is_being_created_with_is_not_taken_for_the_word_of_one_that_was_found_meanwhile() -> (
    None
):
    world = preferring_salesforce()
    entity = world.hubspot("1", **ADA, city="Bonn")
    world.look_up(SF)
    world.claim(entity, SF)
    world.lead("00Q2", **LEAD)
    world.hubspot("1", city="Köln")
    assert world.outbox == {}
    world.answer(entity, SF, DONE)
    assert (pending(world, entity).record_id, pending(world, entity).fields) == ("00Q2", {"City": "Köln"})


def test_a_persons_edit_that_is_seen_before_the_answer_to_our_write_reaches_hubspot() -> None:
    world, entity = linked()
    world.append(e.AccountObserved(crm=SF, account_id="00D", user_id="005us"))
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    edited = world.now = world.now + 1_500
    world.lead("00Q1", City="Wien", modified_by="005person", at=edited)
    world.now += 300
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q1"))
    world.lead("00Q1", City="Wien", modified_by="005person", at=edited)
    assert world.deliver(entity, HS).fields == {"city": "Wien"}


def test_what_a_crm_made_of_a_value_before_it_answered_stays_though_somebody_saves_the_record() -> None:
    """An automation of Salesforce kept the city as it was; then somebody changed the name."""
    world, entity = linked()
    world.append(e.AccountObserved(crm=SF, account_id="00D", user_id="005us"))
    world.now += 60_000
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    world.now += 300
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q1"))
    world.now += 60_000
    world.lead("00Q1", FirstName="Augusta", modified_by="005person")
    assert world.deliver(entity, HS).fields == {"firstname": "Augusta"}
