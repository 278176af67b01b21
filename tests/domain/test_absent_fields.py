"""A field that a CRM does not have any more, or hides from us, costs that field and nothing else."""

import msgspec

from domain import events as e
from domain.healing import RETRY
from domain.outcomes import Outcome, OutcomeClass
from domain.retry import AGAIN_MS
from domain.state import letter_key
from tests.domain.test_flow import ADA, linked
from tests.world import HS, SCHEMAS, SECTION, SF, World, ready

LEADS = next(each for each in SCHEMAS if each.object == "Lead")
NO_CITY = msgspec.structs.replace(LEADS, fields={n: f for n, f in LEADS.fields.items() if n != "City"})


def misfit(world: World, entity: str, code: str = "INVALID_FIELD", *fields: str) -> None:
    """Salesforce refuses a write for what a person must mend."""
    world.claim(entity, SF)
    outcome = Outcome(
        OutcomeClass.MISCONFIGURED,
        code=code,
        message="No such column 'City' on sobject of type Lead",
        fields=fields,
    )
    world.answer(entity, SF, outcome)


def test_the_field_that_is_to_blame_is_held_back_and_the_rest_goes() -> None:
    world, entity = linked()
    world.hubspot("1", city="London", firstname="Augusta")
    misfit(world, entity, "INVALID_FIELD", "City")
    assert world.projection.book.connection.suspended == {}
    assert world.deliver(entity, SF).fields == {"FirstName": "Augusta"}
    letter = world.letters[letter_key(entity, SF, "City")]
    assert (letter.reason, letter.outcome.code) == ("field_held", "INVALID_FIELD")
    assert world.reasons(entity)[-1] == "partly_delivered"


def test_a_write_of_nothing_but_that_field_is_an_error_like_any_other() -> None:
    world, entity = linked()
    world.hubspot("1", city="London")
    misfit(world, entity, "INVALID_FIELD_FOR_INSERT_UPDATE", "City")
    assert world.projection.book.connection.suspended == {}
    assert (world.outbox, world.reasons(entity)[-1]) == ({}, "rejected")
    world.hubspot("1", firstname="Augusta")
    misfit(world, entity, "INVALID_FIELD_FOR_INSERT_UPDATE", "City")
    assert world.deliver(entity, SF).fields == {"FirstName": "Augusta"}


def test_it_is_tried_again_by_itself_for_it_may_have_come_back() -> None:
    world, entity = linked()
    world.hubspot("1", city="London")
    misfit(world, entity, "INVALID_FIELD", "City")
    world.append(e.TimerDue(entity=entity, cause=RETRY, due=world.now), after=AGAIN_MS)
    assert not world.outbox
    world.read(SF)
    assert world.deliver(entity, SF).fields == {"City": "London"}
    assert world.letters == {}


def test_what_a_refused_field_got_meanwhile_is_seen_before_it_is_tried_again() -> None:
    world, entity = linked()
    world.hubspot("1", city="London", firstname="Augusta")
    misfit(world, entity, "INVALID_FIELD", "City")
    world.deliver(entity, SF)
    world.append(e.TimerDue(entity=entity, cause=RETRY, due=world.now), after=AGAIN_MS)
    world.stamps["salesforce/Lead/00Q1"] = world.now + 3_600_000
    world.read(SF, City="Graz", FirstName="Augusta")
    assert world.intent(entity, SF) is None
    assert world.deliver(entity, HS).fields == {"city": "Graz"}


def test_whatever_blames_no_field_suspends_the_target() -> None:
    world, entity = linked()
    world.hubspot("1", city="London")
    misfit(world, entity, "INVALID_SESSION_ID")
    assert world.projection.book.connection.suspended.keys() == {SF}
    assert world.intent(entity, SF) is not None


def test_a_record_is_not_made_without_the_address_that_finds_it() -> None:
    world = ready()
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    misfit(world, entity, "INVALID_FIELD_FOR_INSERT_UPDATE", "Email")
    assert (world.outbox, world.reasons(entity)) == ({}, ["rejected"])


def test_a_field_that_the_schema_lacks_is_not_sent_and_named_with_its_cause() -> None:
    world, entity = linked()
    world.append_schema(NO_CITY)
    world.hubspot("1", city="London", firstname="Augusta")
    assert world.deliver(entity, SF).fields == {"FirstName": "Augusta"}
    letter = world.letters[letter_key(entity, SF, "City")]
    assert letter.outcome.code == "field_absent"
    assert letter.outcome.message == "the field does not exist, or the integration user may not see it"


def test_a_field_that_is_there_again_gets_its_value_without_anybody_asking() -> None:
    world, entity = linked()
    world.append_schema(NO_CITY)
    world.hubspot("1", city="London")
    world.append_schema(LEADS)
    world.append(e.TimerDue(entity=entity, cause=RETRY, due=world.now), after=AGAIN_MS)
    assert world.deliver(entity, SF).fields == {"City": "London"}
    assert world.letters == {}


def unseen_city() -> tuple[World, str]:
    """A pair whose Salesforce record was never seen with a city."""
    world = ready()
    world.append_schema(NO_CITY)
    entity = world.hubspot("1", **{**ADA, "city": "Wien"})
    seen = {"Email": ADA["email"], "FirstName": "Ada", "LastName": "Byron", "Company": "Engines"}
    key = {"HubSpot_Contact_Id__c": "1", "IsConverted": "false", "ConvertedContactId": None}
    world.lead("00Q1", full=False, **seen, **key)
    return world, entity


def test_a_record_that_never_showed_the_field_gets_its_value_once_it_does() -> None:
    world, entity = unseen_city()
    world.deliver(entity, HS)
    assert list(world.letters) == [letter_key(entity, SF, "City")]
    world.append_schema(LEADS)
    world.append(e.TimerDue(entity=entity, cause=RETRY, due=world.now), after=AGAIN_MS)
    world.read(SF)
    assert world.deliver(entity, SF).fields == {"City": "Wien"}
    assert world.letters == {}


def test_what_a_field_got_while_nobody_saw_it_is_seen_before_it_is_written() -> None:
    world, entity = linked()
    world.append_schema(NO_CITY)
    world.hubspot("1", city="London")
    world.lead("00Q1", full=False, Company="Unknown", at=world.now + 3_600_000)
    world.append_schema(LEADS)
    world.hubspot("1", firstname="Augusta")
    assert not world.outbox
    world.read(SF, City="Graz")
    assert world.deliver(entity, SF).fields == {"FirstName": "Augusta"}
    assert world.deliver(entity, HS).fields == {"city": "Graz"}


def test_a_record_is_read_in_full_without_a_field_that_is_not_there() -> None:
    world, entity = unseen_city()
    assert "record" not in {each.kind for each in world.reads.values()}
    assert world.contact(entity).wait == "awaiting_delivery"


def test_a_default_that_is_refused_is_not_sent_again_and_again() -> None:
    world = ready()
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.claim(entity, SF)
    world.answer(
        entity, SF, Outcome(OutcomeClass.REJECTED, code="STRING_TOO_LONG", message="no", fields=("Company",))
    )
    assert (world.outbox, world.reasons(entity)[-1]) == ({}, "validation")


def test_a_default_that_nothing_requires_is_left_out_once_it_was_refused() -> None:
    defaults = {"Lead": {"Company": "Unknown", "City": "Nowhere"}}
    world = ready(msgspec.structs.replace(SECTION, defaults=defaults))
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    misfit(world, entity, "INVALID_FIELD", "City")
    intent = world.intent(entity, SF)
    assert intent is not None
    assert "City" not in intent.fields
