"""What a look at a record means: news, an echo, another spelling, an answer to a question."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.agreeing import SETTLING_MS
from domain.drafting import PING_PONG_LIMIT
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import FieldMapping
from domain.retry import ATTEMPTS
from domain.schema import FieldKind
from tests.domain.inclusion.builders import a_list, all_of, prop
from tests.domain.test_flow import ADA, linked
from tests.workers.explain.cases import HUBSPOT_WINS, edited
from tests.world import BLANKS, HS, SCHEMAS, SECTION, SF, World, ready, text

replace = msgspec.structs.replace
US = "005us"
BLANKED = {"city": "City", "firstname": "FirstName"}


def unanswered() -> tuple[World, str]:
    """Salesforce was told of Graz and said nothing."""
    world, entity = linked()
    world.hubspot("1", city="Graz")
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(OutcomeClass.UNKNOWN, code="timeout"))
    return world, entity


def test_a_write_without_an_answer_is_doubted_until_the_look_that_was_asked_for() -> None:
    world, entity = unanswered()
    world.lead("00Q1", source="poll")
    assert SF in world.contact(entity).doubted
    world.read(SF)
    assert SF not in world.contact(entity).doubted
    assert world.deliver(entity, SF).fields == {"City": "Graz"}


def test_a_write_without_an_answer_that_is_found_to_have_happened_is_not_made_again() -> None:
    world, entity = unanswered()
    world.read(SF, City="Graz")
    assert (world.outbox, world.reasons(entity)[-1]) == ({}, "delivered")
    assert world.closed[entity][-1].wrote == {"salesforce": ("City",)}


def test_a_write_that_is_found_to_have_happened_is_no_failed_attempt() -> None:
    """However often a deliverer dies after the call, the next change goes at once, and none is given up."""
    world, entity = linked()
    for number in range(ATTEMPTS + 1):
        world.hubspot("1", city=f"Graz {number}")
        assert world.claim(entity, SF).due <= world.now
        world.answer(entity, SF, Outcome(OutcomeClass.UNKNOWN, code="deliverer_lost"))
        world.read(SF, City=f"Graz {number}")
    assert (world.outbox, world.letters) == ({}, {})
    assert world.contact(entity).attempts == {}


def lost(world: World, entity: str) -> None:
    """A deliverer dies after the call."""
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(OutcomeClass.UNKNOWN, code="deliverer_lost"))


def changed_back(world: World, **fields: str) -> None:
    """An automation in Salesforce puts another value there again."""
    world.now += SETTLING_MS + 1_000
    world.lead("00Q1", **fields, at=world.now)


def test_a_write_whose_answer_is_always_lost_and_that_is_changed_back_each_time_is_ping_pong() -> None:
    world, entity = edited(HUBSPOT_WINS, city="London")
    for _ in range(1 + PING_PONG_LIMIT):
        lost(world, entity)
        world.read(SF, City="London")
        changed_back(world, City="LONDON (GB)")
    assert (world.reasons(entity)[-1], world.outbox) == ("ping_pong", {})


def test_however_many_looks_show_a_write_without_an_answer_it_was_sent_once() -> None:
    world, entity = edited(HUBSPOT_WINS, city="London")
    for _ in range(PING_PONG_LIMIT):
        lost(world, entity)
        world.lead("00Q1", City="London", source="poll")
        world.read(SF, City="London")
        changed_back(world, City="LONDON (GB)")
    assert world.deliver(entity, SF).fields == {"City": "London"}


def test_a_write_of_which_a_part_never_happens_is_given_up_though_the_rest_does() -> None:
    world, entity = edited(HUBSPOT_WINS, city="London", firstname="Gusta")
    for _ in range(ATTEMPTS + 1):
        lost(world, entity)
        world.read(SF, City="London")
    assert world.outbox == {}
    assert [letter.reason for letter in world.letters.values()] == ["exhausted"]


def test_what_is_left_of_a_write_without_an_answer_is_counted_by_no_guard_again() -> None:
    rules = [FieldMapping(each, {"Lead": crm}, SyncRule.ALWAYS_HUBSPOT) for each, crm in BLANKED.items()]
    others = [each for each in SECTION.mappings if each.hubspot not in BLANKED]
    world, entity = edited(replace(SECTION, guards={"blanked": 2}, mappings=(*others, *rules)))
    world.hubspot("1", city="Graz")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Graz")
    world.hubspot("1", **dict.fromkeys(BLANKED))
    lost(world, entity)
    world.read(SF, City=None)
    assert world.deliver(entity, SF).fields == {"FirstName": None}


def test_a_write_that_is_found_not_to_have_happened_is_a_failed_attempt() -> None:
    world, entity = unanswered()
    world.read(SF)
    assert world.contact(entity).attempts == {SF: 1}
    assert world.claim(entity, SF).due > world.now


def test_an_erased_person_is_not_read_though_his_record_is_said_to_have_changed() -> None:
    world, _ = linked()
    world.append(e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=1, ticket=world.draw()))
    for crm, name, record_id in ((HS, "contacts", "1"), (SF, "Lead", "00Q1")):
        world.append(
            e.RecordTouched(crm=crm, object=name, id=record_id, occurred_at=world.now, cause="changed")
        )
    assert world.reads == {}


@pytest.mark.parametrize(
    ("crm", "name", "record_id"), [(HS, "contacts", "1"), (SF, "Lead", "00Q1")], ids=["HubSpot", "Salesforce"]
)
def test_the_record_that_is_said_to_have_changed_is_the_one_that_is_read(
    crm: object, name: str, record_id: str
) -> None:
    world, _ = linked()
    world.append(
        e.RecordTouched(crm=crm, object=name, id=record_id, occurred_at=world.now, cause="changed")  # type: ignore[arg-type]  # a CRM
    )
    [(key, request)] = world.reads.items()
    assert (key, request.id) == (f"{crm}/{name}/{record_id}", record_id)


def in_our_name(by: str, *, known: bool = True) -> tuple[World, str]:
    """The city that we wrote stands in Salesforce in another form, left there by a user."""
    world, entity = linked()
    if known:
        world.append(e.AccountObserved(crm=SF, account_id="00D", user_id=US))
    world.hubspot("1", city="Graz")
    world.deliver(entity, SF)
    world.lead("00Q1", City="GRAZ", modified_by=by)
    return world, entity


def test_the_form_that_our_own_user_leaves_is_the_targets_own_and_does_not_travel_back() -> None:
    world, entity = in_our_name(US)
    assert world.outbox == {}
    assert world.contact(entity).agreed["city"] in {None, ("Graz", "GRAZ")}


def test_where_salesforce_does_not_say_who_we_are_anybody_may_have_been_us() -> None:
    world, _ = in_our_name("005person", known=False)
    assert world.outbox == {}


def test_the_same_value_by_somebody_else_is_an_edit() -> None:
    world, entity = in_our_name("005person")
    opened = world.contact(entity).opened
    assert opened is not None
    assert opened.detail == "salesforce/Lead/00Q1 City"
    assert world.deliver(entity, HS).fields == {"city": "GRAZ"}


def test_a_first_look_at_what_was_known_already_is_called_a_link_and_a_new_record_created() -> None:
    world = ready()
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    opened = world.contact(entity).opened
    assert opened is not None
    assert (opened.trigger, opened.detail) == ("created", "hubspot/contacts/1")


def test_a_record_that_answers_to_another_id_takes_the_place_of_the_one_asked_for() -> None:
    world, entity = linked()
    world.hubspot("9", source="read", asked_id="1", **ADA)
    assert world.contact(entity).pair[HS] == "hubspot/contacts/9"


def test_a_record_that_was_deleted_before_we_came_is_no_deletion() -> None:
    world, entity = linked()
    before = world.reasons(entity)
    world.lead("00Q1", source="baseline", deleted="deleted")
    assert world.reasons(entity) == before
    assert world.contact(entity).orphaned is False


def owners() -> tuple[World, str]:
    """A change of owner starts a sync, though no mapping names the owner."""
    section = replace(SECTION, triggers=("owner_change",))
    contacts = next(each for each in SCHEMAS if each.object == "contacts")
    owned = replace(contacts, fields={**contacts.fields, "hubspot_owner_id": text("hubspot_owner_id")})
    world, entity = linked()
    world.append_schema(owned)
    world.apply(section)
    world.hubspot("1", source="baseline", hubspot_owner_id="1")
    return world, entity


@pytest.mark.parametrize(
    ("fields", "trigger"),
    [
        ({"hubspot_owner_id": "2"}, "owner_change"),
        ({"hubspot_owner_id": "2", "city": "Graz"}, "changed"),
        ({"city": "Graz"}, "changed"),
    ],
    ids=["the owner", "both", "a mapped value"],
)
def test_a_trigger_is_named_by_what_changed_and_a_mapped_value_counts_most(
    fields: dict[str, Any], trigger: str
) -> None:
    world, entity = owners()
    world.hubspot("1", full=False, **fields)
    last = world.contact(entity).opened or world.closed[entity][-1]
    assert last.trigger == trigger


def numbered() -> tuple[World, str]:
    """A pair with a number that both hold; three is on its way to Salesforce."""
    contacts, lead, contact = SCHEMAS
    section = replace(
        SECTION, mappings=(*SECTION.mappings, FieldMapping("size", {"Lead": "Size__c"}, SyncRule.TWO_WAY))
    )
    world, entity = linked()
    for known, name in ((contacts, "size"), (lead, "Size__c")):
        world.append_schema(
            replace(known, fields={**known.fields, name: text(name, FieldKind.NUMBER, precision=9, scale=2)})
        )
    world.append_schema(contact)
    world.apply(section)
    world.hubspot("1", source="baseline", size="1")
    world.lead("00Q1", source="baseline", Size__c="1")
    world.hubspot("1", size="3")
    world.claim(entity, SF)
    return world, entity


@pytest.mark.parametrize(
    ("shown", "news"), [("3.0", False), ("3", False), ("4", True)], ids=["another spelling", "it", "an edit"]
)
def test_the_echo_of_a_write_on_its_way_is_no_news_in_any_spelling(shown: str, news: bool) -> None:  # noqa: FBT001 - a case
    world, entity = numbered()
    opened = world.contact(entity).opened
    world.lead("00Q1", Size__c=shown)
    assert (world.contact(entity).opened != opened) is news


def limited() -> tuple[World, str]:
    """A member of a list by his city."""
    world = World()
    romans = a_list(all_of(prop("city", "STRING", "IS_EQUAL_TO", value="Rome")), list_id="7")
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(romans)))
    world.configure(replace(SECTION, inclusion_list="Sync")).baseline()
    entity = world.hubspot("1", **{**BLANKS["contacts"], **ADA, "city": "Graz"})
    return world, entity


def test_a_property_that_the_list_reads_and_nobody_had_read_makes_a_member() -> None:
    world = World()
    romans = a_list(all_of(prop("stage", "STRING", "IS_EQUAL_TO", value="lead")), list_id="7")
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(romans)))
    world.configure(replace(SECTION, inclusion_list="Sync")).baseline()
    entity = world.hubspot("1", source="baseline", **{**BLANKS["contacts"], **ADA})
    assert world.contact(entity).member is None
    world.hubspot("1", source="poll", stage="lead")
    assert world.contact(entity).member is True


def test_who_joins_by_a_look_of_the_baseline_is_a_member_and_not_synced() -> None:
    world, entity = limited()
    before = world.reasons(entity)
    world.hubspot("1", source="baseline", city="Rome")
    assert world.contact(entity).member is True
    assert (world.reasons(entity), world.outbox, world.reads) == (before, {}, {})


def remote() -> tuple[World, str]:
    """Somebody with a stage of whom HubSpot said that he has filled in a form; his lead is there."""
    world = World()
    form = {"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT"}
    both = a_list(all_of(form, prop("stage", "ALL_PROPERTY", "IS_KNOWN")), list_id="7")
    world.append(e.ListObserved(list_id="7", name="Sync", digest=world.document(both)))
    world.configure(replace(SECTION, inclusion_list="Sync")).baseline()
    entity = world.hubspot("1", **{**BLANKS["contacts"], **ADA, "stage": "lead"})
    world.append(e.MembershipObserved(entity=entity, list_id="7", member=True, ticket=world.draw()))
    world.look_up(SF)
    world.deliver(entity, SF)
    world.reads.clear()
    assert world.contact(entity).memberships == {"7": True}
    return world, entity


@pytest.mark.parametrize(
    ("source", "asked"), [("baseline", []), ("poll", ["membership"])], ids=["baseline", "poll"]
)
def test_another_value_that_the_list_reads_asks_hubspot_anew_but_not_in_the_baseline(
    source: str, asked: list[str]
) -> None:
    world, entity = remote()
    world.hubspot("1", source=source, stage="customer")
    assert [each.kind for each in world.reads.values()] == asked
    assert world.contact(entity).memberships == {}


def test_a_record_that_we_made_counts_as_ours_until_it_was_read_in_full() -> None:
    world = ready()
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.deliver(entity, SF)
    world.show(SF, "Lead", "00Q1", full=False, City="Graz")
    contact = world.contact(entity)
    assert (contact.created_by_us, contact.parked) == ((SF,), "")
    world.lead("00Q1", Email=ADA["email"], FirstName="Ada", LastName="Byron", City="Graz", Company="Unknown")
    assert world.contact(entity).created_by_us == ()


def test_a_lead_that_was_converted_before_we_came_starts_nothing() -> None:
    world, entity = linked()
    before = world.reasons(entity)
    world.lead("00Q1", source="baseline", IsConverted="true", ConvertedContactId="003A")
    assert (world.reasons(entity), world.contact(entity).opened) == (before, None)
