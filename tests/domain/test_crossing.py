"""Writes that are on their way while something else happens: nothing is lost, nothing is done twice."""

from domain import events as e
from domain.book import CLAIMS, TIMERS
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Intent
from tests.domain.test_flow import ADA, linked
from tests.world import HS, SF, World, claim_of, ready

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
