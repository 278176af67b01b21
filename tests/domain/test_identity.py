"""Who is who: duplicates, links, conversions, merges, restores, and people who are to be forgotten."""

import msgspec
import pytest

from domain import events as e
from domain.book import DUPLICATES, ORPHANS
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Section
from tests.domain.test_deletes import LEAD, linked
from tests.world import HS, SECTION, SF, World, ready

replace = msgspec.structs.replace
MERGING = replace(SECTION, merge_in_hubspot=True)
ADDRESSES = {"email": "ada@example.com", "hs_additional_emails": "Countess@Example.com"}
ADA, BOB = "hubspot/contacts/1", "hubspot/contacts/2"


def two(world: World) -> World:
    """Two people, each in both CRMs."""
    linked(world, 1)
    linked(world, 2)
    return world


def hubspot_gone(world: World, cause: str = "deleted", record_id: str = "1") -> None:
    """Some time later, a contact is gone."""
    world.now += 60_000
    world.append(
        e.RecordGone(crm=HS, object="contacts", id=record_id, cause=cause, at=world.now, ticket=world.draw())
    )


def merge_leads(world: World) -> None:
    """A seller merges Bob's lead into Ada's."""
    world.lead("00Q2", deleted=True, merged_into="00Q1")
    world.read(HS)


def duplicated(section: Section = SECTION) -> tuple[World, str]:
    """Ada with her lead, and a second lead of her address that is younger."""
    world = ready(section)
    entity = linked(world)
    world.now += 5_000
    world.lead("00Q9", **{**LEAD, "Email": "ADA1@example.com", "City": "Graz"})
    return world, entity


# -- duplicates


@pytest.mark.rule(40, 47)
@pytest.mark.rule(50)
def test_a_second_record_of_an_address_joins_the_contact_and_is_listed() -> None:
    world, entity = duplicated()
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q1"
    assert list(world.queues[DUPLICATES]) == [entity]
    assert world.outbox == {}


@pytest.mark.rule(48)
def test_by_default_the_link_stays_whoever_is_updated() -> None:
    world, entity = duplicated()
    world.lead("00Q9", City="Wien", at=world.now + 60_000)
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q1"
    assert world.outbox == {}


@pytest.mark.rule(48)
def test_the_link_follows_the_last_update_where_that_is_set() -> None:
    world, entity = duplicated(replace(SECTION, follow_latest=True))
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q9"
    world.deliver(entity, HS)
    world.lead("00Q1", City="Bonn", at=world.now + 60_000)
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q1"
    assert world.deliver(entity, HS).fields["city"] == "Bonn"


@pytest.mark.rule(53)
def test_choosing_another_record_links_it_and_closes_nothing_by_itself() -> None:
    world, entity = duplicated()
    world.append(e.LinkChosen(entity=entity, record="salesforce/Lead/00Q9", by="ann"))
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q9"
    world.read(SF)
    assert world.deliver(entity, HS).fields == {"city": "Graz", "company": "Unknown"}
    assert list(world.queues[DUPLICATES]) == [entity]


@pytest.mark.parametrize("record", ["salesforce/Lead/00Q1", "salesforce/Lead/00Q7", "nonsense"])
def test_choosing_what_cannot_be_linked_changes_nothing(record: str) -> None:
    world, entity = duplicated()
    before = world.contact(entity)
    world.append(e.LinkChosen(entity=entity, record=record, by="ann"))
    assert world.contact(entity) == before


def test_a_case_is_over_when_one_of_the_records_is_gone() -> None:
    world, entity = duplicated()
    world.lead("00Q9", deleted=True)
    assert not world.queues[DUPLICATES]
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q1"


def test_a_duplicate_takes_the_place_of_a_linked_record_that_is_deleted() -> None:
    world, entity = duplicated()
    world.lead("00Q1", deleted=True, at=world.now + 60_000)
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q9"
    assert world.deliver(entity, HS).fields == {"city": "Graz", "company": "Unknown"}
    assert not world.queues[DUPLICATES]


@pytest.mark.rule(49)
def test_another_address_is_another_person() -> None:
    world = ready()
    entity = linked(world)
    world.lead("00Q9", **{**LEAD, "Email": "ada.private@example.com"})
    assert world.projection.book.entity_of("salesforce/Lead/00Q9") != entity


@pytest.mark.rule(46)
@pytest.mark.rule(54)
def test_people_find_each_other_by_address_alone_in_any_letter_case_secondary_ones_included() -> None:
    world = ready()
    entity = world.hubspot(
        "1", email="ada@example.com", hs_additional_emails="Countess@Example.com", lastname="B"
    )
    world.look_up(SF, ("Lead", "00Q5", {"Email": "COUNTESS@example.com", "LastName": "Lovelace"}))
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q5"


@pytest.mark.rule(51)
def test_an_address_that_is_another_contacts_is_held_back_and_moves_no_link() -> None:
    world = two(ready())
    world.lead("00Q1", Email="ada2@example.com", City="Graz")
    world.claim(ADA, HS)
    world.answer(ADA, HS, Outcome(OutcomeClass.RESOLVE, code="CONFLICT", other_id="2"))
    assert world.contact(ADA).pair[HS] == ADA
    assert world.contact(BOB).pair[HS] == BOB
    assert world.deliver(ADA, HS).fields == {"city": "Graz"}
    assert [letter.field for letter in world.letters.values()] == ["email"]


# -- conversion


@pytest.mark.rule(55)
@pytest.mark.rule(56)
def test_a_converted_lead_is_followed_even_where_contacts_are_not_created() -> None:
    world = ready(replace(SECTION, create_in_hubspot=("Lead",)))
    entity = linked(world)
    world.sf_contact("0031", Email="ada1@example.com", FirstName="Ada", LastName="Byron", MailingCity="Graz")
    world.lead("00Q1", IsConverted="true", ConvertedContactId="0031")
    assert world.contact(entity).pair[SF] == "salesforce/Contact/0031"
    world.read(SF)
    assert world.deliver(entity, HS).fields == {"city": "Graz"}


@pytest.mark.rule(57)
def test_an_answer_that_the_lead_is_converted_has_it_looked_at_and_followed() -> None:
    world = ready()
    entity = linked(world)
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(OutcomeClass.RESOLVE, code="CANNOT_UPDATE_CONVERTED_LEAD"))
    world.read(SF, IsConverted="true", ConvertedContactId="0031")
    assert world.contact(entity).pair[SF] == "salesforce/Contact/0031"


def test_a_lead_converted_into_the_contact_of_another_person_is_an_orphan() -> None:
    world = two(ready())
    world.sf_contact("0031", Email="ada1@example.com", LastName="Byron")
    world.lead("00Q1", IsConverted="true", ConvertedContactId="0031")
    world.lead("00Q2", IsConverted="true", ConvertedContactId="0031")
    assert world.contact(BOB).pair == {HS: BOB, SF: "salesforce/Lead/00Q2"}
    assert list(world.queues[ORPHANS]) == [BOB]


# -- merges


@pytest.mark.rule(117)
def test_a_merge_in_hubspot_leaves_one_contact_and_the_other_lead_as_its_duplicate() -> None:
    world = two(ready())
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="9", losers=("1", "2"), at=world.now))
    assert world.contact(ADA).pair == {HS: "hubspot/contacts/9", SF: "salesforce/Lead/00Q1"}
    assert world.projection.book.entity_of("salesforce/Lead/00Q2") == ADA
    assert list(world.queues[DUPLICATES]) == [ADA]


@pytest.mark.rule(118)
@pytest.mark.rule(120)
def test_a_merge_in_salesforce_leaves_an_orphan_by_default() -> None:
    world = two(ready())
    merge_leads(world)
    assert world.outbox == {}
    assert list(world.queues[ORPHANS]) == [BOB]


@pytest.mark.parametrize("winner", ["1", "9"])
def test_a_merge_in_salesforce_is_repeated_in_hubspot_where_that_is_set(winner: str) -> None:
    world = two(ready(MERGING))
    merge_leads(world)
    intent = world.claim(BOB, HS)
    assert (intent.delete, intent.record_id, intent.into) == (True, "2", "1")
    world.answer(BOB, HS, Outcome(OutcomeClass.DELIVERED, record_id=winner))
    assert world.projection.book.entity_of(BOB) == ADA
    assert world.contact(ADA).pair == {HS: f"hubspot/contacts/{winner}", SF: "salesforce/Lead/00Q1"}
    assert not world.queues[ORPHANS]
    assert world.reasons(BOB)[-1] == "delivered"


def test_a_merge_without_an_answer_is_looked_into_and_sent_again_only_if_it_did_not_happen() -> None:
    world = two(ready(MERGING))
    merge_leads(world)
    world.claim(BOB, HS)
    world.answer(BOB, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    assert world.outbox == {}
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="9", losers=("1", "2"), at=world.now))
    assert not any(intent.delete for intent in world.outbox.values())
    assert world.contact(ADA).pair[HS] == "hubspot/contacts/9"


def test_a_lead_converted_into_anothers_contact_merges_their_hubspot_contacts_where_that_is_set() -> None:
    world = two(ready(MERGING))
    world.lead("00Q1", IsConverted="true", ConvertedContactId="0031")
    world.lead("00Q2", IsConverted="true", ConvertedContactId="0031")
    world.read(HS)
    intent = world.intent(BOB, HS)
    assert intent is not None
    assert (intent.record_id, intent.into) == ("2", "1")


def test_the_guard_on_deletes_holds_merges_too() -> None:
    world = two(ready(replace(MERGING, guards={"deletes": 0})))
    merge_leads(world)
    assert world.outbox == {}
    assert world.reasons(BOB)[-1] == "guard"


def test_a_merge_is_not_sent_into_a_contact_that_is_gone_meanwhile() -> None:
    world = two(ready(MERGING))
    merge_leads(world)
    hubspot_gone(world)
    world.claim(BOB, HS)
    world.answer(BOB, HS, Outcome(OutcomeClass.RESOLVE, code="OBJECT_NOT_FOUND"))
    world.read(HS)
    assert world.outbox == {}
    assert world.reasons(BOB)[-1] == "record_deleted"


# -- deletions and restores


@pytest.mark.rule(114)
def test_deletions_are_followed_for_the_objects_that_are_named() -> None:
    world = ready(replace(SECTION, delete_in_hubspot=("Contact",)))
    linked(world)
    world.lead("00Q1", deleted=True)
    world.read(HS)
    assert world.outbox == {}


@pytest.mark.rule(115)
def test_a_contact_deleted_in_hubspot_is_not_created_again_by_a_later_edit() -> None:
    world = ready()
    entity = linked(world)
    hubspot_gone(world)
    world.lead("00Q1", City="Graz")
    assert world.outbox == {}
    assert world.reasons(entity)[-1] == "record_deleted"
    assert list(world.queues[ORPHANS]) == [entity]


@pytest.mark.rule(116)
def test_a_contact_that_is_restored_finds_its_link_and_what_changed_meanwhile() -> None:
    world = ready()
    entity = linked(world)
    hubspot_gone(world)
    world.lead("00Q1", City="Graz")
    world.append(e.RecordTouched(crm=HS, object="contacts", id="1", occurred_at=world.now, cause="restored"))
    world.stamps[ADA] = world.now + 1_000
    world.read(HS)
    assert world.deliver(entity, HS).fields == {"city": "Graz"}
    assert not world.queues[ORPHANS]


# -- people who are forgotten


def erase(world: World, record_id: str = "1") -> None:
    world.now += 60_000
    world.append(
        e.RecordGone(
            crm=HS, object="contacts", id=record_id, cause="erased", at=world.now, ticket=world.draw()
        )
    )


def kept(world: World) -> str:
    """All that the tables hold, as text."""
    values = [world.contact(each) for each in (ADA, BOB) if world.projection.book.contact(each)]
    return repr((values, world.closed, world.letters, world.reads, world.outbox))


def test_an_erased_person_leaves_no_value_in_any_table() -> None:
    world = ready()
    linked(world, 1, city="Köln")
    world.hubspot("1", city="Bonn")
    world.lead("00Q1", City="Graz", at=world.now + 90_000)
    assert "Bonn" in kept(world)
    world.deliver(ADA, HS)
    assert "Bonn" in kept(world), "the value that gave way is kept with the decision"
    world.hubspot("1", firstname="Augusta")
    erase(world)
    for value in ("ada1@example.com", "Bonn", "Graz", "Köln", "Augusta"):
        assert value not in kept(world)
    assert world.contact(ADA).erased
    assert world.reasons(ADA) == ["erased"]
    assert world.outbox == {}


def test_nothing_is_taken_in_of_an_erased_persons_records() -> None:
    world = ready()
    linked(world)
    erase(world)
    world.lead("00Q1", City="Graz")
    assert (world.outbox, world.reads) == ({}, {})
    assert "Graz" not in kept(world)


def test_a_contact_merged_into_an_erased_one_is_erased() -> None:
    world = two(ready())
    erase(world)
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="1", losers=("2",), at=world.now))
    assert world.contact(BOB).erased


def test_erasing_a_record_that_is_not_the_linked_one_spares_the_person() -> None:
    world = two(ready())
    world.append(
        e.RecordGone(
            crm=HS, object="contacts", id="2", cause="deleted", at=world.now + 9_000, ticket=world.draw()
        )
    )
    world.lead("00Q2", deleted=True, merged_into="00Q1")
    assert world.projection.book.entity_of(BOB) == ADA
    erase(world, "2")
    assert not world.contact(ADA).erased
    assert world.contact(ADA).records[BOB].values == {}
