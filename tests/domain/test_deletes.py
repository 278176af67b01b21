"""A deleted Salesforce record takes its HubSpot contact along, where that is configured."""

import msgspec
import pytest

from domain import events as e
from domain.outcomes import Outcome, OutcomeClass
from domain.retry import ATTEMPTS
from tests.domain.inclusion.builders import a_list, all_of, prop
from tests.world import HS, SCHEMAS, SECTION, SF, World, ready, text

replace = msgspec.structs.replace

DELETING = replace(SECTION, delete_in_hubspot=("Lead", "Contact"))
LIMITED = replace(DELETING, inclusion_list="Sync")
CUSTOMERS = a_list(
    all_of(
        prop("stage", "ENUMERATION", "IS_ANY_OF", values=["customer"], includeObjectsWithNoValueSet=False)
    ),
    list_id="7",
    name="Sync",
)
ADA = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron"}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
GONE = {"crm": SF, "object": "Lead", "id": "00Q1"}


def linked(world: World, number: int = 1, **more: str) -> str:
    """A pair that agrees on everything."""
    address = {"email": f"ada{number}@example.com"}
    entity = world.hubspot(str(number), **{**ADA, **address, **more})
    world.look_up(SF)
    world.deliver(entity, SF, new_id=f"00Q{number}")
    world.lead(f"00Q{number}", **{**LEAD, "Email": address["email"]}, HubSpot_Contact_Id__c=str(number))
    return entity


def limited() -> World:
    """A connection on whose inclusion list are customers."""
    world = World()
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(CUSTOMERS)))
    world.configure(LIMITED).baseline()
    contacts = next(each for each in SCHEMAS if each.crm is HS)
    known = replace(contacts, fields={**contacts.fields, "stage": text("stage")})
    world.append(e.SchemaObserved(crm=HS, object="contacts", digest=world.document(known)))
    return world


def lose(world: World, number: int = 1, cause: str = "deleted") -> None:
    """Salesforce's record is found to be gone."""
    world.now += 1_000
    world.append(
        e.RecordGone(crm=SF, object="Lead", id=f"00Q{number}", cause=cause, at=world.now, ticket=world.draw())
    )
    world.read(HS)


def orphaned() -> tuple[World, str]:
    world = ready(DELETING)
    entity = linked(world)
    lose(world)
    return world, entity


def hubspot_gone(world: World, cause: str = "missing", request: str | None = None) -> None:
    world.append(
        e.RecordGone(
            crm=HS,
            object="contacts",
            id="1",
            cause=cause,
            at=world.now,
            ticket=world.draw(),
            request=request,
        )
    )


@pytest.mark.parametrize("cause", ["deleted", "missing"])
def test_the_contact_of_a_deleted_record_is_deleted(cause: str) -> None:
    world = ready(DELETING)
    entity = linked(world)
    lose(world, cause=cause)
    intent = world.deliver(entity, HS)
    assert (intent.delete, intent.record_id, intent.fields) == (True, "1", {})
    assert world.contact(entity).records["hubspot/contacts/1"].gone == "deleted"
    assert world.reasons(entity)[-1] == "delivered"
    assert world.closed[entity][-1].wrote == {"hubspot": ()}


def test_a_poll_that_shows_the_deletion_counts_as_well() -> None:
    world = ready(DELETING)
    entity = linked(world)
    world.lead("00Q1", deleted=True)
    world.read(HS)
    assert world.deliver(entity, HS).delete


def test_by_default_nothing_is_deleted() -> None:
    world = ready()
    entity = linked(world)
    lose(world)
    assert world.outbox == {}
    assert world.reasons(entity)[-1] == "record_deleted"


def test_a_deletion_in_hubspot_deletes_nothing_in_salesforce() -> None:
    world = ready(DELETING)
    entity = linked(world)
    world.now += 60_000
    hubspot_gone(world, "deleted")
    assert world.outbox == {}
    assert world.reasons(entity)[-1] == "record_deleted"


@pytest.mark.rule(119)
def test_a_merged_record_deletes_nothing() -> None:
    world = ready(DELETING)
    linked(world)
    world.append(e.RecordsMerged(crm=SF, object="Lead", winner="00Q9", losers=("00Q1",), at=world.now))
    world.lead("00Q9", **LEAD)
    assert not any(intent.delete for intent in world.outbox.values())


def test_a_converted_lead_deletes_nothing() -> None:
    world = ready(DELETING)
    linked(world)
    world.lead("00Q1", IsConverted="true", ConvertedContactId="0031")
    assert not any(intent.delete for intent in world.outbox.values())


def test_another_record_of_the_person_in_salesforce_keeps_the_contact() -> None:
    world = ready(DELETING)
    entity = linked(world)
    world.lead("00Q9", **{**LEAD, "Email": "ada1@example.com"})
    world.lead("00Q1", deleted=True)
    world.read(HS)
    assert not world.deliver(entity, HS).delete
    assert world.contact(entity).pair[SF] == "salesforce/Lead/00Q9"


# -- who may sync


@pytest.mark.rule(28)
def test_outside_the_list_the_contact_is_kept() -> None:
    world = limited()
    entity = linked(world, stage="customer")
    world.hubspot("1", stage="subscriber")
    lose(world)
    assert world.outbox == {}
    closed = world.closed[entity][-1]
    assert closed.reason == "record_deleted"
    assert closed.explanation == (
        "salesforce Lead is deleted; kept in HubSpot: The contact is not on the inclusion list."
    )


def test_joining_the_list_later_does_not_delete_the_orphan() -> None:
    world = limited()
    entity = linked(world, stage="customer")
    world.hubspot("1", stage="subscriber")
    lose(world)
    world.hubspot("1", stage="customer")
    assert world.outbox == {}
    assert world.reasons(entity)[-1] == "record_deleted"


def test_a_member_of_the_list_is_deleted() -> None:
    world = limited()
    entity = linked(world, stage="customer")
    lose(world)
    assert world.deliver(entity, HS).delete


def test_orphans_from_before_the_setting_are_kept() -> None:
    world = ready()
    entity = linked(world)
    lose(world)
    world.configure(DELETING)
    world.append(e.SyncRequested(entity=entity, cause="all", by="test"))
    assert world.outbox == {}


def test_the_contact_is_looked_at_before_it_is_deleted() -> None:
    world = limited()
    entity = linked(world, stage="customer")
    world.lead("00Q1", deleted=True)
    assert (list(world.reads), world.outbox) == (["hubspot/contacts/1"], {})
    world.stamps["hubspot/contacts/1"] += 60_000
    world.read(HS, stage="subscriber")
    assert world.outbox == {}
    assert world.reasons(entity)[-1] == "record_deleted"


def test_the_winner_of_a_merge_in_hubspot_is_kept() -> None:
    world, _ = orphaned()
    world.append(e.RecordsMerged(crm=HS, object="contacts", winner="9", losers=("1",), at=world.now))
    world.hubspot("9", **ADA)
    assert world.outbox == {}


# -- restored


def test_a_restore_before_the_claim_withdraws_the_deletion() -> None:
    world, entity = orphaned()
    world.lead("00Q1", at=world.now + 5_000)
    assert world.outbox == {}
    assert world.reasons(entity)[-2:] == ["superseded", "withdrawn"]
    assert not world.contact(entity).orphaned


def test_a_restored_contact_is_not_deleted_again() -> None:
    world, entity = orphaned()
    world.deliver(entity, HS)
    world.hubspot("1", at=world.now + 60_000)
    assert world.contact(entity).records["hubspot/contacts/1"].gone == ""
    assert world.outbox == {}


def test_an_older_look_does_not_bring_a_deleted_contact_back() -> None:
    world, entity = orphaned()
    before = world.draw()
    world.deliver(entity, HS)
    world.hubspot("1", at=world.now - 5, ticket=before)
    assert world.contact(entity).records["hubspot/contacts/1"].gone == "deleted"


def test_setting_it_off_withdraws_what_was_not_sent() -> None:
    world, entity = orphaned()
    revision = world.contact(entity).intents[HS].revision
    world.configure(SECTION)
    world.append(e.IntentStale(entity=entity, crm=HS, revision=revision))
    assert world.outbox == {}
    assert world.reasons(entity)[-1] == "record_deleted"


# -- answers


def test_the_echo_of_a_deletion_ends_where_it_arrives() -> None:
    world, entity = orphaned()
    before = len(world.reasons(entity))
    world.claim(entity, HS)
    hubspot_gone(world, "deleted")
    world.answer(entity, HS, Outcome(OutcomeClass.DELIVERED, record_id="1"))
    assert world.reasons(entity)[before:] == ["delivered"]


def test_a_deletion_without_an_answer_is_done_if_the_contact_is_gone() -> None:
    world, entity = orphaned()
    before = len(world.reasons(entity))
    world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    assert world.outbox == {}
    hubspot_gone(world, request=world.reads["hubspot/contacts/1"].asked)
    assert world.reasons(entity)[before:] == ["delivered"]
    assert (world.outbox, world.reads) == ({}, {})


def test_a_deletion_without_an_answer_is_sent_again_if_the_contact_is_there() -> None:
    world, entity = orphaned()
    world.claim(entity, HS)
    world.answer(entity, HS, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    world.read(HS)
    assert world.deliver(entity, HS).delete
    assert world.reasons(entity)[-1] == "delivered"


def test_a_deletion_that_failed_too_often_is_a_dead_letter_that_can_be_redriven() -> None:
    world, entity = orphaned()
    for _ in range(ATTEMPTS):
        world.claim(entity, HS)
        world.answer(entity, HS, Outcome(OutcomeClass.TRANSIENT, code="http_503"))
    [letter] = world.letters.values()
    assert (letter.delete, letter.fields, world.outbox) == (True, {}, {})
    world.append(e.SyncRequested(entity=entity, cause="all", by="test"))
    assert world.deliver(entity, HS).delete
    assert world.letters == {}


# -- the guard


def test_more_deletions_than_the_guard_allows_are_held_until_somebody_releases_them() -> None:
    world = ready(replace(DELETING, guards={"deletes": 1}))
    first, second = linked(world, 1), linked(world, 2)
    lose(world, 1)
    lose(world, 2)
    assert world.intent(first, HS) is not None
    assert world.intent(second, HS) is None
    assert world.reasons(second)[-1] == "guard"
    assert list(world.queues["held/deletes"]) == [second]
    world.append(e.SuspensionCleared(name="deletes", by="ann"))
    world.append(e.TimerDue(entity=second, cause="deletes", due=world.now))
    assert world.deliver(second, HS).delete


def test_one_deletion_is_counted_once_however_often_it_is_decided() -> None:
    world = ready(replace(DELETING, guards={"deletes": 5}))
    entity = linked(world)
    lose(world)
    for number in range(3):
        world.append(e.SyncRequested(entity=entity, cause="all", by=f"test {number}"))
    assert world.projection.book.connection.guards["deletes"].count == 1
