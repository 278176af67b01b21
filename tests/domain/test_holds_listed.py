"""A field that is held back is a sync error for as long as it is held, and no longer."""

import msgspec
import pytest

from domain import events as e
from domain.errors import classify
from domain.healing import RETRY
from domain.outcomes import Outcome, OutcomeClass
from domain.reasons import Reason
from domain.retry import AGAIN_MS
from domain.state import letter_key
from tests.domain.test_flow import ADA, linked
from tests.workers.explain.cases import HUBSPOT_WINS, LONG, field_held, ping_pong
from tests.world import HS, SECTION, SF, World, ready

replace = msgspec.structs.replace


def held(world: World) -> dict[str, str]:
    """Letter key -> reason."""
    return {key: str(each.reason) for key, each in world.letters.items()}


def too_long() -> tuple[World, str, str]:
    """A pair of which HubSpot's first name does not fit, and the letter's key."""
    world, entity = linked()
    world.hubspot("1", firstname=LONG)
    return world, entity, letter_key(entity, SF, "FirstName")


def lacking() -> tuple[World, str, str]:
    """A person who cannot be created, because a lead requires a company."""
    world = ready(replace(SECTION, defaults={}))
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    return world, entity, letter_key(entity, SF, "Company")


def test_a_value_that_would_be_refused_is_listed_with_its_field() -> None:
    world, entity, key = too_long()
    letter = world.letters[key]
    assert (letter.reason, letter.field, letter.fields) == (
        Reason.VALIDATION,
        "FirstName",
        {"FirstName": LONG},
    )
    assert (letter.decision, letter.attempts) == (world.closed[entity][-1].id, 0)
    assert letter.outcome.message == "the text has 60 characters, the field takes 40"


def test_a_mended_value_closes_the_error() -> None:
    world, entity, _ = too_long()
    world.hubspot("1", firstname="Augusta")
    assert world.letters == {}
    assert world.deliver(entity, SF).fields == {"FirstName": "Augusta"}


def test_an_error_keeps_its_time_while_nothing_changes() -> None:
    world, _, key = too_long()
    before = world.letters[key]
    world.hubspot("1", city="London")
    assert world.letters[key] == before


def test_a_create_that_lacks_a_field_is_listed_and_closes_with_the_value() -> None:
    world, entity, key = lacking()
    assert held(world) == {key: "validation"}
    assert world.letters[key].outcome.message == "Lead requires Company"
    world.hubspot("1", company="Engines")
    world.look_up(SF)
    world.deliver(entity, SF)
    assert world.letters == {}


def test_a_create_whose_required_field_does_not_fit_says_what_is_wrong_with_it() -> None:
    world = ready()
    entity = world.hubspot("1", **{**ADA, "lastname": LONG * 2})
    world.look_up(SF)
    [closed] = world.closed[entity]
    assert closed.explanation == "LastName: the text has 120 characters, the field takes 80"
    assert world.letters[letter_key(entity, SF, "LastName")].outcome.message in closed.explanation


@pytest.mark.parametrize(
    ("made", "reason"), [(ping_pong, "ping_pong"), (field_held, "field_held")], ids=["ping_pong", "refused"]
)
def test_the_reason_says_why_the_field_is_held(made: object, reason: str) -> None:
    world, entity = made()  # type: ignore[operator]  # two functions of one shape
    assert held(world) == {letter_key(entity, SF, "City"): reason}


def test_a_redrive_lifts_the_hold_and_sends_again_what_a_crm_had_refused() -> None:
    world, entity = linked()
    world.configure(HUBSPOT_WINS)
    world.hubspot("1", city="London", firstname="Augusta")
    world.claim(entity, SF)
    world.answer(
        entity,
        SF,
        Outcome(OutcomeClass.REJECTED, code="STRING_TOO_LONG", message="too long", fields=("City",)),
    )
    assert list(world.letters) == [letter_key(entity, SF, "City")]
    world.append(e.SyncRequested(entity=entity, cause="redrive", by="ann"))
    assert world.letters == {}
    assert set(world.deliver(entity, SF).fields) == {"City", "FirstName"}


def test_a_redrive_of_what_still_does_not_fit_leaves_the_error_as_it_was() -> None:
    world, entity, key = too_long()
    before = world.letters[key]
    world.append(e.SyncRequested(entity=entity, cause="redrive", by="ann"))
    assert world.letters == {key: before}


def test_a_discarded_error_comes_back_only_if_the_field_is_tried_again() -> None:
    world, _, key = too_long()
    world.append(e.LetterDiscarded(letter=key, by="ann", why="known"))
    assert world.letters == {}
    world.hubspot("1", city="London")
    assert list(world.letters) == [key]


def test_an_erased_person_leaves_no_error() -> None:
    world, _, _ = too_long()
    gone = e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=world.now, ticket=world.draw())
    world.append(gone)
    assert world.letters == {}


def test_a_person_who_becomes_part_of_another_contact_leaves_no_error_behind() -> None:
    world, entity, _ = lacking()
    world.lead("00Q5", Email="other@example.com", LastName="Byron", Company="Engines")
    world.lead("00Q5", Email=ADA["email"])
    assert world.projection.book.contact(entity) is None
    assert world.letters == {}


def swapped() -> tuple[World, str, str]:
    """Two people have swapped addresses in Salesforce, and Ada moved; HubSpot refuses both addresses."""
    world, ada = linked()
    bob = world.hubspot("2", email="bob@example.com", lastname="Bob")
    world.look_up(SF)
    world.deliver(bob, SF, new_id="00Q2")
    lead = {"LastName": "Bob", "Company": "Unknown", "HubSpot_Contact_Id__c": "2"}
    world.lead("00Q2", Email="bob@example.com", **lead)
    world.lead("00Q1", Email="bob@example.com", City="Graz")
    world.lead("00Q2", Email="ada@example.com")
    for entity, holder in ((ada, "2"), (bob, "1")):
        occupied(world, entity, holder)
    return world, ada, bob


def occupied(world: World, entity: str, holder: str) -> None:
    """HubSpot refuses the address, as often as it is asked after a look at the record."""
    while world.intent(entity, HS) is not None and "email" in world.claim(entity, HS).fields:
        world.answer(
            entity,
            HS,
            Outcome(OutcomeClass.RESOLVE, code="CONFLICT", message="Contact already exists", other_id=holder),
        )
        world.read(HS)


def test_two_people_who_swapped_addresses_are_listed_with_what_to_do_and_the_rest_goes() -> None:
    world, ada, bob = swapped()
    assert held(world) == {letter_key(ada, HS, "email"): "field_held", letter_key(bob, HS): "rejected"}
    assert world.contact(ada).flights[HS].fields == {"city": "Graz"}
    remedies = {classify(HS, None, each.outcome.code, "").remedy for each in world.letters.values()}
    assert all("swapped addresses" in each for each in remedies)


def test_a_swap_of_addresses_is_made_good_once_one_of_the_two_is_out_of_the_way() -> None:
    world, ada, bob = swapped()
    world.answer(ada, HS, Outcome(OutcomeClass.DELIVERED, stored={"city": "Graz"}, stamp=2**42))
    world.lead("00Q2", Email="elsewhere@example.com")
    assert world.deliver(bob, HS).fields == {"email": "elsewhere@example.com"}
    world.append(e.TimerDue(entity=ada, cause=RETRY, due=world.now), after=AGAIN_MS)
    assert world.deliver(ada, HS).fields == {"email": "bob@example.com"}
    world.lead("00Q2", Email="ada@example.com")
    assert world.deliver(bob, HS).fields == {"email": "ada@example.com"}
    assert world.letters == {}
