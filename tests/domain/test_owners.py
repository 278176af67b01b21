"""Owners across the CRMs: who stands for whom, and what becomes of those for whom nobody does."""

import msgspec
import pytest

from domain import events as e
from domain.identity import Crm, Fields
from domain.mapping import SyncRule
from domain.owners import MatchBy, Owner, OwnerOptions, match_owners
from domain.policy import FieldMapping
from domain.schema import FieldKind
from tests.world import HS, MAPPINGS, SCHEMAS, SECTION, SF, World, text

OURS = (
    Owner("1", "Ann Lee", "ann@acme.com"),
    Owner("2", "Bob Ray", "Bob@acme.com"),
    Owner("3", "Cy Poe", "cy@acme.com"),
    Owner("4", "Inbound", "inbound@acme.com"),
    Owner("5", "Gone", "gone@acme.com", active=False),
)
ANN, BOB, CY, QUEUE = "005000000000001AAA", "005000000000002AAA", "005000000000003AAA", "00G000000000001AAA"
THEIRS = (
    Owner(ANN, "Ann Lee", "ann@acme.com"),
    Owner(BOB, "Robert Ray", "bob@acme.com"),
    Owner(CY, "Cy Poe", "cy@acme.com", active=False),
    Owner("005000000000005AAA", "Gone", "gone@acme.com"),
    Owner(QUEUE, "Inbound Leads", queue=True),
)
TABLE = {"inbound@acme.com": "inbound leads"}


# -- who stands for whom


@pytest.mark.rule(91)
def test_owners_are_matched_by_their_e_mail_address_with_active_users() -> None:
    owners = match_owners(OURS, THEIRS, OwnerOptions())
    assert owners.to_salesforce == {"1": ANN, "2": BOB, "5": "005000000000005AAA"}
    assert owners.to_hubspot == {ANN: "1", BOB: "2", CY: "3"}
    assert owners.why["3"] == "the Salesforce user with the owner's e-mail address is inactive"
    assert owners.why["4"] == "no active Salesforce user has the owner's e-mail address"
    assert owners.why[QUEUE] == "owners.table names no HubSpot owner for the queue"


@pytest.mark.rule(91)
def test_names_may_have_to_be_equal_too() -> None:
    owners = match_owners(OURS, THEIRS, OwnerOptions(match_by=MatchBy.EMAIL_AND_NAME))
    assert owners.to_salesforce["1"] == ANN
    assert "2" not in owners.to_salesforce


def test_two_users_with_one_address_are_nobody() -> None:
    twin = Owner("005000000000009AAA", "Ann Lee", "ANN@acme.com")
    owners = match_owners(OURS, (*THEIRS, twin), OwnerOptions())
    assert owners.why["1"] == "several active Salesforce users have the owner's e-mail address"
    owners = match_owners(OURS, (*THEIRS, twin), OwnerOptions(table={"1": twin.id[:15]}))
    assert owners.to_salesforce["1"] == twin.id


def test_the_table_names_a_queue_and_says_who_it_is_in_hubspot() -> None:
    owners = match_owners(OURS, THEIRS, OwnerOptions(table=TABLE))
    assert owners.to_salesforce["4"] == QUEUE
    assert owners.to_hubspot[QUEUE] == "4"


def test_the_table_may_name_somebody_who_cannot_be_an_owner() -> None:
    owners = match_owners(OURS, THEIRS, OwnerOptions(table={"1": "cy@acme.com", "2": "nobody@acme.com"}))
    assert owners.why["1"] == "the Salesforce user whom owners.table names is inactive"
    assert owners.why["2"] == "Salesforce does not have the user whom owners.table names"


# -- what becomes of a contact's owner


def world_of(rule: SyncRule = SyncRule.TWO_WAY, options: OwnerOptions | None = None) -> World:
    world = World()
    fields = {
        HS: text("hubspot_owner_id", FieldKind.REFERENCE, references=("owners",)),
        SF: text("OwnerId", FieldKind.REFERENCE, references=("Group", "User")),
    }
    for known in SCHEMAS:
        added = fields[known.crm]
        world.append_schema(msgspec.structs.replace(known, fields={**known.fields, added.name: added}))
    for crm, people in ((HS, OURS), (SF, THEIRS)):
        world.append(e.DirectoryObserved(crm=crm, digest=world.document(people)))
    mapping = FieldMapping("hubspot_owner_id", {"Lead": "OwnerId", "Contact": "OwnerId"}, rule)
    section = msgspec.structs.replace(
        SECTION, mappings=(*MAPPINGS, mapping), owners=options or OwnerOptions(table=TABLE)
    )
    return world.apply(section).baseline()


def person(world: World, owner: str | None) -> str:
    return world.hubspot(
        "1", email="ada@example.com", lastname="Byron", company="Engines", hubspot_owner_id=owner
    )


def pair(world: World, owner: str | None, user: str) -> str:
    entity = person(world, owner)
    lead: Fields = {"Email": "ada@example.com", "LastName": "Byron", "Company": "Engines", "OwnerId": user}
    world.look_up(SF, ("Lead", "00Q7", lead))
    return entity


def written(world: World, entity: str, crm: Crm) -> Fields:
    intent = world.intent(entity, crm)
    return intent.fields if intent else {}


def held(world: World, entity: str) -> dict[str, str]:
    return {
        name: hold.message for holds in world.contact(entity).holds.values() for name, hold in holds.items()
    }


@pytest.mark.rule(93)
def test_a_new_lead_gets_the_owner_who_is_set_in_hubspot() -> None:
    world = world_of()
    entity = person(world, "1")
    world.look_up(SF)
    assert written(world, entity, SF)["OwnerId"] == ANN


@pytest.mark.rule(93, 96)
@pytest.mark.parametrize("owner", [None, "3", "99"])
def test_without_a_matched_owner_a_new_lead_is_left_to_the_assignment_rules(owner: str | None) -> None:
    world = world_of()
    entity = person(world, owner)
    world.look_up(SF)
    assert "OwnerId" not in written(world, entity, SF)
    assert written(world, entity, SF)["LastName"] == "Byron"


@pytest.mark.rule(94)
@pytest.mark.parametrize(
    ("user", "goes"),
    [(BOB, (HS, "2")), (CY, (SF, ANN)), (QUEUE, (HS, "4"))],
    ids=["active", "inactive", "queue"],
)
def test_on_the_first_link_an_active_owner_in_salesforce_counts(user: str, goes: tuple[Crm, str]) -> None:
    world = world_of()
    entity = pair(world, "1", user)
    crm, owner = goes
    assert written(world, entity, crm) == {"OwnerId" if crm is SF else "hubspot_owner_id": owner}
    assert not written(world, entity, crm.other)


@pytest.mark.rule(90, 94)
def test_afterwards_the_latest_change_counts() -> None:
    world = world_of()
    entity = pair(world, "1", ANN)
    world.hubspot("1", hubspot_owner_id="2")
    assert written(world, entity, SF) == {"OwnerId": BOB}
    world.deliver(entity, SF)
    world.lead("00Q7", OwnerId=BOB)
    world.lead("00Q7", OwnerId=ANN)
    assert written(world, entity, HS) == {"hubspot_owner_id": "1"}


@pytest.mark.rule(95)
def test_a_contact_without_owner_gets_salesforces() -> None:
    world = world_of()
    entity = pair(world, None, BOB)
    assert written(world, entity, HS) == {"hubspot_owner_id": "2"}


@pytest.mark.rule(97)
def test_clearing_the_owner_in_hubspot_brings_salesforces_back() -> None:
    world = world_of()
    entity = pair(world, "1", ANN)
    world.hubspot("1", hubspot_owner_id=None)
    assert not written(world, entity, SF)
    assert written(world, entity, HS) == {"hubspot_owner_id": "1"}


@pytest.mark.rule(97)
def test_where_hubspot_always_wins_a_cleared_owner_is_held_back() -> None:
    world = world_of(SyncRule.ALWAYS_HUBSPOT)
    entity = pair(world, "1", ANN)
    world.hubspot("1", hubspot_owner_id=None)
    assert not world.outbox
    assert held(world, entity) == {"OwnerId": "Salesforce demands an owner"}


@pytest.mark.rule(92)
def test_an_owner_whom_salesforce_does_not_have_is_set_back_if_so_wished() -> None:
    world = world_of(options=OwnerOptions(restore=True))
    entity = pair(world, "1", ANN)
    world.hubspot("1", hubspot_owner_id="4")
    assert written(world, entity, HS) == {"hubspot_owner_id": "1"}


def test_else_he_is_held_back_with_the_reason_and_the_rest_goes() -> None:
    world = world_of()
    entity = pair(world, "1", ANN)
    world.hubspot("1", hubspot_owner_id="3", firstname="Ada")
    assert written(world, entity, SF) == {"FirstName": "Ada"}
    assert held(world, entity) == {
        "OwnerId": "the Salesforce user with the owner's e-mail address is inactive"
    }


def test_he_goes_once_his_user_is_active() -> None:
    world = world_of()
    entity = pair(world, "1", ANN)
    world.hubspot("1", hubspot_owner_id="3")
    people = [msgspec.structs.replace(each, active=True) for each in THEIRS]
    world.append(e.DirectoryObserved(crm=SF, digest=world.document(people)))
    world.hubspot("1", firstname="Ada")
    assert written(world, entity, SF) == {"FirstName": "Ada", "OwnerId": CY}
    assert not held(world, entity)


@pytest.mark.rule(67)
def test_the_owner_may_have_a_rule_of_its_own() -> None:
    world = world_of(SyncRule.ALWAYS_SALESFORCE)
    entity = pair(world, "1", ANN)
    world.hubspot("1", hubspot_owner_id="2")
    assert not written(world, entity, SF)
    assert written(world, entity, HS) == {"hubspot_owner_id": "1"}


def test_a_queue_without_counterpart_changes_nobody_in_hubspot() -> None:
    world = world_of(options=OwnerOptions())
    entity = pair(world, "1", ANN)
    world.lead("00Q7", OwnerId=QUEUE)
    assert not world.outbox
    assert held(world, entity) == {"hubspot_owner_id": "owners.table names no HubSpot owner for the queue"}
