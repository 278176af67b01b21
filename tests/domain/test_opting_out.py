"""An opt-out made in Salesforce reaches HubSpot by a call of its own, and nobody is ever opted in."""

import msgspec
import pytest

from domain import events as e
from domain.fielding import Options
from domain.identity import Fields
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import FieldMapping
from domain.preview import Act, Preview
from domain.reasons import Reason
from domain.schema import FieldKind
from domain.state import Intent, intent_key, letter_key
from tests.world import HS, MAPPINGS, SCHEMAS, SECTION, SF, World, claim_of, text

replace = msgspec.structs.replace
pytestmark = pytest.mark.rule(68)

OPT_OUT = FieldMapping("hs_email_optout", {"Lead": "HasOptedOutOfEmail"}, SyncRule.OPT_OUT, Options())
OURS = text("hs_email_optout", FieldKind.BOOLEAN, createable=False, apart="email")
THEIRS = text("HasOptedOutOfEmail", FieldKind.BOOLEAN)
ADA: Fields = {"Email": "ada@example.com", "LastName": "Byron", "Company": "Engines"}
NO_SCOPE = Outcome(
    OutcomeClass.REJECTED, code="opt_out_scope", message="no scope", fields=("hs_email_optout",)
)


def world_of() -> World:
    world = World()
    for known, more in zip(SCHEMAS, (OURS, THEIRS, None), strict=True):
        fields = {**known.fields, **({more.name: more} if more else {})}
        world.append_schema(replace(known, fields=fields))
    return world.apply(replace(SECTION, mappings=(*MAPPINGS, OPT_OUT))).baseline()


def linked(**ours: str | None) -> tuple[World, str]:
    """A person on both sides who has not opted out."""
    world = world_of()
    known = {"email": "ada@example.com", "lastname": "Byron", "company": "Engines", "hs_email_optout": None}
    entity = world.hubspot("1", **{**known, **ours})
    world.look_up(
        SF, ("Lead", "00Q7", ADA | {"HasOptedOutOfEmail": "false", "Email": ours.get("email", ADA["Email"])})
    )
    assert not world.outbox
    return world, entity


def waiting(world: World, entity: str) -> Intent:
    intent = world.intent(entity, HS)
    assert intent is not None
    return intent


def opted_out(world: World, entity: str) -> Intent:
    """Deliver the opt-out, whose answer shows nothing of the record."""
    intent = world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.DELIVERED, record_id=intent.record_id))
    return intent


def test_an_opt_out_is_sent_with_the_address_that_hubspot_knows() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    intent = opted_out(world, entity)
    assert (intent.fields, intent.record_id) == ({"hs_email_optout": "true"}, "1")
    assert (intent.key_field, intent.key_value) == ("email", "ada@example.com")
    assert world.reasons(entity)[-1] == "delivered"
    assert not world.outbox


def test_its_echo_changes_nothing_and_taking_the_tick_away_opts_nobody_in() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    opted_out(world, entity)
    world.hubspot("1", hs_email_optout="true")
    world.lead("00Q7", HasOptedOutOfEmail="false")
    world.hubspot("1", hs_email_optout="false")
    assert not world.outbox


def test_other_fields_go_first_and_the_opt_out_follows_in_the_same_decision() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true", City="Graz")
    assert world.deliver(entity, HS).fields == {"city": "Graz"}
    assert opted_out(world, entity).fields == {"hs_email_optout": "true"}
    [*_, closed] = world.closed[entity]
    assert (closed.reason, closed.wrote) == (Reason.DELIVERED, {"hubspot": ("city", "hs_email_optout")})


def test_who_has_a_new_address_as_well_opts_out_with_the_new_one() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true", Email="byron@example.com")
    assert world.deliver(entity, HS).fields == {"email": "byron@example.com"}
    world.read(HS)
    assert waiting(world, entity).key_value == "byron@example.com"


def test_an_address_that_changes_while_the_opt_out_waits_makes_it_another_write() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    before = waiting(world, entity)
    world.hubspot("1", email="byron@example.com")
    after = waiting(world, entity)
    assert (after.key_value, after.revision > before.revision) == ("byron@example.com", True)


def test_an_answer_for_an_address_that_is_another_one_by_now_opts_nobody_out() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.claim(entity, HS)
    world.hubspot("1", email="byron@example.com")
    world.answer(entity, HS, Outcome(OutcomeClass.DELIVERED, record_id="1"))
    assert waiting(world, entity).key_value == "byron@example.com"
    opted_out(world, entity)
    assert world.intent(entity, HS) is None


def test_whoever_gets_another_address_opts_out_again_with_that() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    opted_out(world, entity)
    world.hubspot("1", hs_email_optout="true")
    world.hubspot("1", email="byron@example.com", full=False, source="webhook")
    assert not world.contact(entity).expected
    world.read(HS, hs_email_optout=None)
    assert opted_out(world, entity).key_value == "byron@example.com"


def unsubscribed() -> tuple[World, str]:
    """A person who has opted out in HubSpot, which Salesforce is about to be told."""
    world, entity = linked()
    world.hubspot("1", hs_email_optout="true")
    return world, entity


BYRON: Fields = {"email": "byron@example.com", "hs_email_optout": None}
"""What HubSpot shows of the person under another address, who has not opted out with that one."""


def test_an_opt_out_that_salesforce_has_not_shown_yet_counts_for_another_address() -> None:
    world, entity = unsubscribed()
    world.deliver(entity, SF)
    world.hubspot("1", **BYRON)
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.deliver(entity, SF)
    assert opted_out(world, entity).key_value == "byron@example.com"


def test_an_opt_out_on_its_way_to_salesforce_counts_for_another_address() -> None:
    world, entity = unsubscribed()
    world.claim(entity, SF)
    world.hubspot("1", **BYRON)
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q7"))
    world.deliver(entity, SF)
    world.lead("00Q7", HasOptedOutOfEmail="true", Email="byron@example.com")
    assert opted_out(world, entity).key_value == "byron@example.com"


def test_an_opt_out_that_salesforce_gave_no_answer_to_counts_for_another_address() -> None:
    world, entity = unsubscribed()
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    world.hubspot("1", **BYRON)
    world.read(SF, HasOptedOutOfEmail="true")
    assert waiting(world, entity).key_value == "byron@example.com"


def left_for_the_older_address() -> tuple[World, str]:
    """The opt-out leaves for Salesforce, then the address changes, then the claim is folded."""
    world, entity = unsubscribed()
    intent = world.intent(entity, SF)
    assert intent is not None
    world.hubspot("1", **BYRON)
    world.append(claim_of(intent))
    return world, entity


def test_an_opt_out_that_had_left_for_salesforce_before_it_was_withdrawn_counts_for_another_address() -> None:
    world, entity = left_for_the_older_address()
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q7"))
    world.lead("00Q7", HasOptedOutOfEmail="true")
    assert waiting(world, entity).key_value == "byron@example.com"


def test_an_answer_that_shows_an_opt_out_of_an_older_address_counts_for_another_one() -> None:
    world, entity = left_for_the_older_address()
    shown: Fields = {"HasOptedOutOfEmail": "true"}
    outcome = Outcome(OutcomeClass.DELIVERED, record_id="00Q7", stored=shown, stamp=world.now + 5_000)
    world.answer(entity, SF, outcome)
    assert waiting(world, entity).key_value == "byron@example.com"


def test_a_tick_that_came_back_before_the_address_was_seen_to_change_opts_out_the_new_one() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    opted_out(world, entity)
    world.lead("00Q7", HasOptedOutOfEmail="false")
    world.hubspot("1", email="byron@example.com", full=False, source="webhook")
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.read(HS, hs_email_optout=None)
    assert waiting(world, entity).key_value == "byron@example.com"


def test_what_was_agreed_for_an_address_is_over_with_it_though_no_tick_is_left() -> None:
    world, entity = unsubscribed()
    world.deliver(entity, SF)
    world.lead("00Q7", HasOptedOutOfEmail="true", City="Graz")
    world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    world.lead("00Q7", HasOptedOutOfEmail="false")
    world.hubspot("1", hs_email_optout=None, full=False, source="webhook")
    world.hubspot("1", email="byron@example.com", full=False, source="webhook")
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.read(HS)
    world.deliver(entity, HS)
    assert opted_out(world, entity).key_value == "byron@example.com"


def test_whoever_gets_address_after_address_opts_out_with_each() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    opted_out(world, entity)
    for address in ("a@example.com", "b@example.com", "c@example.com"):
        world.hubspot("1", hs_email_optout="true")
        world.hubspot("1", email=address, hs_email_optout=None)
        assert opted_out(world, entity).key_value == address


def test_an_address_that_is_not_mapped_is_looked_at_all_the_same() -> None:
    world, entity = linked()
    world.apply(replace(SECTION, mappings=(*MAPPINGS[1:], OPT_OUT)))
    world.lead("00Q7", HasOptedOutOfEmail="true")
    opted_out(world, entity)
    world.hubspot("1", hs_email_optout="true")
    world.hubspot("1", hs_email_optout=None, full=False, source="webhook")
    world.hubspot("1", email="byron@example.com", full=False, source="webhook")
    world.read(HS)
    assert opted_out(world, entity).key_value == "byron@example.com"


def opting_out() -> tuple[World, str]:
    """A person whose opt-out in Salesforce is on its way to HubSpot, and has not reached a second lead."""
    world, entity = linked()
    world.lead("00Q8", **ADA, HasOptedOutOfEmail="false")
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.claim(entity, HS)
    return world, entity


def merge_leads(world: World) -> None:
    world.append(e.RecordsMerged(crm=SF, object="Lead", winner="00Q8", losers=("00Q7",), at=world.now))
    world.read(SF, HasOptedOutOfEmail="false")


def ticked(world: World, entity: str) -> bool:
    """Whether the lead that goes on is about to be told."""
    intent = world.intent(entity, SF)
    return intent is not None and (intent.record_id, intent.fields) == (
        "00Q8",
        {"HasOptedOutOfEmail": "true"},
    )


def test_an_opt_out_on_its_way_while_its_lead_is_merged_is_told_to_the_lead_that_goes_on() -> None:
    world, entity = opting_out()
    merge_leads(world)
    world.answer(entity, HS, Outcome(OutcomeClass.DELIVERED, record_id="1"))
    world.hubspot("1", hs_email_optout="true")
    assert ticked(world, entity)


def test_an_opt_out_that_hubspot_has_not_shown_yet_is_told_to_the_lead_that_goes_on() -> None:
    world, entity = opting_out()
    world.answer(entity, HS, Outcome(OutcomeClass.DELIVERED, record_id="1"))
    merge_leads(world)
    world.hubspot("1", hs_email_optout="true")
    assert ticked(world, entity)


def test_an_opt_out_that_hubspot_gave_no_answer_to_is_told_to_the_lead_that_goes_on() -> None:
    world, entity = opting_out()
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    merge_leads(world)
    world.read(HS, hs_email_optout="true")
    assert ticked(world, entity)


def test_an_opt_out_by_the_lead_that_goes_on_is_agreed_on_with_that() -> None:
    world, entity = opting_out()
    merge_leads(world)
    world.answer(entity, HS, Outcome(OutcomeClass.TRANSIENT, code="timeout"))
    assert not world.outbox
    world.lead("00Q8", HasOptedOutOfEmail="true")
    opted_out(world, entity)
    world.lead("00Q8", HasOptedOutOfEmail="false")
    world.hubspot("1", hs_email_optout="true")
    assert not world.outbox


def test_an_opt_out_of_somebody_who_is_merged_into_another_person_is_told_to_the_lead_of_that() -> None:
    world, entity = linked()
    other = world.hubspot("2", **BYRON, lastname="Byron", company="Engines")
    world.look_up(SF, ("Lead", "00Q8", ADA | {"HasOptedOutOfEmail": "false", "Email": "byron@example.com"}))
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.claim(entity, HS)
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="2", losers=("1",), at=world.now))
    outcome = Outcome(OutcomeClass.UNKNOWN, code="timeout")
    world.append(e.DeliveryAnswered(entity=entity, crm=HS, attempt=1, outcome=outcome, ticket=world.draw()))
    world.read(HS, hs_email_optout="true")
    assert ticked(world, other)


def test_a_new_lead_is_not_told_of_an_opt_out_with_an_older_address() -> None:
    world = world_of()
    entity = world.hubspot("1", email="ada@example.com", lastname="Byron", hs_email_optout="true")
    world.hubspot("1", email="byron@example.com", full=False, source="webhook")
    world.read(HS, hs_email_optout=None)
    world.look_up(SF)
    assert "HasOptedOutOfEmail" not in world.deliver(entity, SF, new_id="00Q7").fields


def test_a_lead_that_is_told_of_an_opt_out_with_an_older_address_opts_out_the_new_one() -> None:
    world = world_of()
    entity = world.hubspot("1", email="ada@example.com", lastname="Byron", hs_email_optout="true")
    world.look_up(SF)
    world.claim(entity, SF)
    world.hubspot("1", email="byron@example.com", full=False, source="webhook")
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q7", created=True))
    world.read(HS, hs_email_optout=None)
    world.deliver(entity, SF)
    world.lead("00Q7", **ADA | {"Email": "byron@example.com"}, HasOptedOutOfEmail="true")
    assert world.deliver(entity, HS).fields == {"company": "Engines"}
    assert opted_out(world, entity).key_value == "byron@example.com"


def test_a_new_person_is_created_and_opted_out_then() -> None:
    world = world_of()
    entity = world.lead("00Q7", **ADA, HasOptedOutOfEmail="true")
    world.look_up(HS)
    plan = world.plan(entity)
    assert plan.following[HS].fields == {"hs_email_optout": "true"}
    made = world.deliver(entity, HS, new_id="1")
    assert made.record_id is None
    assert "hs_email_optout" not in made.fields
    world.read(HS, hs_email_optout=None)
    assert opted_out(world, entity).key_value == "ada@example.com"


def test_a_new_person_who_has_not_opted_out_takes_neither_a_read_nor_a_second_call() -> None:
    world = world_of()
    entity = world.lead("00Q7", **ADA, HasOptedOutOfEmail="false")
    world.look_up(HS)
    world.deliver(entity, HS, new_id="1")
    assert not world.outbox
    assert not world.reads
    assert world.reasons(entity) == ["delivered"]
    assert not world.letters


def test_without_an_address_it_is_held_back_with_the_reason() -> None:
    world, entity = linked()
    world.apply(replace(SECTION, mappings=(*MAPPINGS[1:], OPT_OUT)))
    world.hubspot("1", email=None)
    world.lead("00Q7", HasOptedOutOfEmail="true")
    letter = world.letters[letter_key(entity, HS, "hs_email_optout")]
    assert letter.outcome.message == "it is set by email, and the record has none"
    world.hubspot("1", email="ada@example.com")
    world.append(e.TimerDue(entity=entity, cause="retry", due=world.now))
    assert opted_out(world, entity).key_value == "ada@example.com"
    assert not world.letters


def test_without_the_scope_the_field_alone_is_held_back_until_it_is_tried_again() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true", City="Graz")
    world.deliver(entity, HS)
    world.claim(entity, HS)
    world.answer(entity, HS, NO_SCOPE)
    assert list(world.letters) == [letter_key(entity, HS, "hs_email_optout")]
    assert world.reasons(entity)[-1] == "partly_delivered"
    assert HS not in world.projection.book.connection.suspended

    world.lead("00Q7", City="Wien")
    assert world.deliver(entity, HS).fields == {"city": "Wien"}
    assert not world.outbox

    world.append(e.SyncRequested(entity=entity, cause="contact", by="test"))
    world.append(e.TimerDue(entity=entity, cause="retry", due=world.now))
    assert opted_out(world, entity).fields == {"hs_email_optout": "true"}
    assert not world.letters


def test_a_dead_letter_of_the_other_fields_does_not_keep_anybody_subscribed() -> None:
    world, entity = linked()
    world.lead("00Q7", City="Graz")
    world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.REJECTED, code="VALIDATION_ERROR", message="no"))
    assert intent_key(entity, HS) in world.letters
    world.lead("00Q7", HasOptedOutOfEmail="true")
    assert opted_out(world, entity).fields == {"hs_email_optout": "true"}
    assert intent_key(entity, HS) in world.letters
    assert not world.outbox


def test_a_guard_that_holds_other_fields_does_not_keep_anybody_subscribed() -> None:
    world, entity = linked()
    world.lead("00Q7", City="Wien")
    world.deliver(entity, HS)
    world.apply(replace(SECTION, mappings=(*MAPPINGS, OPT_OUT), guards={"blanked": 0}))
    world.lead("00Q7", City=None, HasOptedOutOfEmail="true")
    assert opted_out(world, entity).fields == {"hs_email_optout": "true"}
    assert world.reasons(entity)[-1] == "partly_delivered"
    assert entity in world.queues["held/blanked"]


def test_no_answer_is_looked_into_and_nothing_is_sent_twice_if_it_happened() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    assert not world.outbox
    world.read(HS, hs_email_optout="true")
    assert not world.outbox
    assert world.contact(entity).opened is None


def test_no_answer_is_sent_again_if_it_did_not_happen() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    world.read(HS)
    assert waiting(world, entity).fields == {"hs_email_optout": "true"}


def test_what_a_sync_would_do_includes_the_opt_out_that_follows() -> None:
    world, entity = linked()
    world.lead("00Q7", HasOptedOutOfEmail="true", City="Graz")
    connection = world.projection.book.connection
    preview = Preview(connection, lambda digest: world.documents[digest], world.now)
    outlook = preview.sync(entity, msgspec.msgpack.encode(world.contact(entity)))
    fields = {line.act: fields for line, fields in outlook.items()}
    assert fields[Act.UPDATE] == {"city": "Graz", "hs_email_optout": "true"}


def test_shadow_mode_says_it_as_well() -> None:
    world, entity = linked()
    world.apply(replace(SECTION, mappings=(*MAPPINGS, OPT_OUT), shadow=True))
    world.lead("00Q7", HasOptedOutOfEmail="true", City="Graz")
    assert world.closed[entity][-1].explanation == (
        "hubspot contacts would get city; hubspot contacts would get hs_email_optout"
    )
