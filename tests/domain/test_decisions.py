"""Why decisions end as they do, and what open ones wait for; each by its shortest story."""

import msgspec
import pytest

from domain import events as e
from domain.kinds import ObjectKind
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import FieldMapping, Section
from domain.reasons import Wait
from domain.retry import ATTEMPTS, CLAIM_MS
from domain.schema import FieldKind
from domain.state import Priority, intent_key
from tests.world import HS, SECTION, SF, World, ready, schema, text

ADA = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron"}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
replace = msgspec.structs.replace


def linked(world: World | None = None) -> tuple[World, str]:
    """A pair that agrees, with nothing open."""
    world = world or ready()
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.deliver(entity, SF)
    world.lead("00Q1", **LEAD, HubSpot_Contact_Id__c="1")
    return world, entity


def last(world: World, entity: str) -> str:
    return world.reasons(entity)[-1]


def fails(world: World, entity: str, kind: OutcomeClass, **more: object) -> None:
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(kind, **more))  # type: ignore[arg-type]  # the test's own words


def ask(world: World, entity: str, cause: str = "all") -> None:
    world.append(e.SyncRequested(entity=entity, cause=cause, by="ada", request=str(world.now)))


# -- how they end


def test_delivered() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    assert last(world, entity) == "delivered"


def test_already_in_sync() -> None:
    world, entity = linked()
    ask(world, entity)
    assert last(world, entity) == "already_in_sync"


def test_superseded_names_its_successor() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.hubspot("1", city="Cologne")
    closed = world.closed[entity][-1]
    opened = world.contact(entity).opened
    assert opened is not None
    assert (closed.reason, closed.superseded_by) == ("superseded", opened.id)


def test_withdrawn() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.hubspot("1", city=None)
    assert world.outbox == {}
    assert last(world, entity) == "withdrawn"


@pytest.mark.rule(31)
def test_no_email() -> None:
    world = ready()
    closed = world.closed[world.hubspot("1", lastname="Byron")]
    assert [(each.reason, each.explanation) for each in closed] == [
        ("no_email", "neither record has an e-mail address")
    ]


@pytest.mark.rule(38)
def test_creation_off() -> None:
    world = ready(replace(SECTION, create_as=None))
    assert world.reasons(world.hubspot("1", **ADA)) == ["creation_off"]


@pytest.mark.rule(44)
def test_validation_of_a_create_that_lacks_a_required_field() -> None:
    world = ready()
    entity = world.hubspot("1", email="ada@example.com")
    world.look_up(SF)
    assert world.reasons(entity) == ["validation"]


@pytest.mark.rule(86)
def test_one_long_value_is_held_back_and_the_others_go() -> None:
    world, entity = linked()
    world.hubspot("1", city="B" * 41, firstname="Augusta")
    assert world.deliver(entity, SF).fields == {"FirstName": "Augusta"}
    closed = world.closed[entity][-1]
    assert (closed.reason, list(closed.held)) == ("partly_delivered", ["City"])


def test_rejected_becomes_a_dead_letter_that_is_not_sent_again_by_itself() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.REJECTED, code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="No Bonn.")
    closed = world.closed[entity][-1]
    assert (closed.reason, closed.explanation, closed.letter) == (
        "rejected",
        "No Bonn.",
        intent_key(entity, SF),
    )
    world.lead("00Q1", FirstName="A.")
    world.deliver(entity, HS)
    assert world.outbox == {}
    assert list(world.letters) == [intent_key(entity, SF)]


def test_a_later_success_closes_the_dead_letter() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.REJECTED, code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
    world.hubspot("1", city="Cologne")
    world.deliver(entity, SF)
    assert world.letters == {}


def test_taking_the_change_back_closes_the_dead_letter_too() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.REJECTED, code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
    world.hubspot("1", city=None)
    assert (last(world, entity), world.letters) == ("already_in_sync", {})


def test_a_redrive_sends_what_is_right_now() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.REJECTED, code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
    ask(world, entity, "redrive")
    assert world.deliver(entity, SF).fields == {"City": "Bonn"}
    assert (last(world, entity), world.letters) == ("delivered", {})


def test_a_discarded_letter_is_gone_and_the_next_trigger_tries_anew() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.REJECTED, code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
    world.append(e.LetterDiscarded(letter=intent_key(entity, SF), by="ada", why="test"))
    assert (world.letters, world.outbox) == ({}, {})
    ask(world, entity)
    assert world.deliver(entity, SF).fields == {"City": "Bonn"}


def test_a_blamed_field_is_held_until_its_value_changes() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn", firstname="Augusta")
    fails(world, entity, OutcomeClass.REJECTED, code="INVALID", message="no", fields=("City",))
    assert world.deliver(entity, SF).fields == {"FirstName": "Augusta"}
    world.lead("00Q1", FirstName="Augusta")
    ask_is_held = [last(world, entity)]
    world.hubspot("1", firstname="Gusta")
    assert world.deliver(entity, SF).fields == {"FirstName": "Gusta"}
    world.hubspot("1", city="Cologne")
    assert world.deliver(entity, SF).fields == {"City": "Cologne"}
    assert ask_is_held == ["partly_delivered"]


def test_exhausted_after_the_last_attempt_and_each_one_waits() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    for _ in range(ATTEMPTS - 1):
        fails(world, entity, OutcomeClass.TRANSIENT, code="http_503")
        waiting = world.intent(entity, SF)
        assert waiting is not None
        assert waiting.due > world.now
    fails(world, entity, OutcomeClass.TRANSIENT, code="http_503")
    assert last(world, entity) == "exhausted"


def test_a_throttled_write_waits_as_long_as_it_was_asked_to() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.THROTTLED, wait_ms=60_000)
    waiting = world.intent(entity, SF)
    assert waiting is not None
    assert waiting.due == world.now + 60_000


def test_failing_twice_is_no_ping_pong() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    for _ in range(4):
        fails(world, entity, OutcomeClass.TRANSIENT, code="http_503")
    assert world.deliver(entity, SF).fields == {"City": "Bonn"}


def test_ping_pong_is_held_when_the_target_went_back_to_the_same_value_twice() -> None:
    world, entity = linked()
    for _ in range(2):
        world.now += 120_000
        world.hubspot("1", city="Bonn")
        world.deliver(entity, SF)
        world.lead("00Q1", City="Bonn")
        world.lead("00Q1", City="BONN", at=world.now + 60_000)
        world.deliver(entity, HS)
    world.now += 120_000
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Bonn")
    world.lead("00Q1", City="BONN", at=world.now + 60_000)
    assert (last(world, entity), world.outbox) == ("ping_pong", {})


def test_people_who_choose_another_value_each_time_play_no_ping_pong() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    for town in ("Kiel", "Ulm", "Jena", "Hof"):
        world.now += 120_000
        world.lead("00Q1", City=town, at=world.now)
        world.deliver(entity, HS)
        world.now += 120_000
        world.hubspot("1", city="Bonn", at=world.now)
        assert world.deliver(entity, SF).fields == {"City": "Bonn"}


@pytest.mark.rule(115)
def test_record_deleted() -> None:
    world, entity = linked()
    world.append(
        e.RecordGone(
            crm=HS, object="contacts", id="1", cause="deleted", at=world.now + 9_000, ticket=world.draw()
        )
    )
    world.lead("00Q1", City="Bonn")
    assert world.reasons(entity)[-2:] == ["record_deleted", "record_deleted"]
    assert [each.explanation for each in world.closed[entity][-2:]] == ["hubspot contacts is deleted"] * 2


@pytest.mark.rule(116)
def test_a_restored_record_finds_its_link_again() -> None:
    world, entity = linked()
    world.append(
        e.RecordGone(
            crm=HS, object="contacts", id="1", cause="deleted", at=world.now + 9_000, ticket=world.draw()
        )
    )
    world.hubspot("1", city="Bonn", at=world.now + 20_000)
    opened = world.contact(entity).opened
    assert opened is not None
    assert opened.trigger == "restored"
    assert world.deliver(entity, SF).record_id == "00Q1"


def test_a_look_that_shows_a_record_deleted_is_a_trigger_of_that_name() -> None:
    world, entity = linked()
    world.lead("00Q1", deleted="deleted", at=world.now + 9_000)
    closed = world.closed[entity][-1]
    assert (closed.trigger, closed.reason) == ("deleted", "record_deleted")


def test_guard_holds_and_a_release_lets_go() -> None:
    world = ready(replace(SECTION, guards={"creates": 1}))
    world.hubspot("1", **ADA)
    world.look_up(SF)
    other = world.hubspot("2", email="bob@example.com", lastname="Bob")
    world.look_up(SF)
    assert world.reasons(other) == ["guard"]
    world.append(e.SuspensionCleared(name="creates", by="ada"))
    world.append(e.TimerDue(entity=other, cause="creates", due=world.now))
    world.look_up(SF)
    assert world.intent(other, SF) is not None


def test_a_guard_counts_a_write_once_though_it_is_decided_anew_before_it_leaves() -> None:
    world = ready(replace(SECTION, guards={"creates": 1, "blanked": 1}))
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    for city in ("Wien", "Graz", "Linz"):
        world.hubspot("1", city=city)
    assert world.deliver(entity, SF).fields["City"] == "Linz"
    world.read(SF)
    world.hubspot("1", city=None)
    world.hubspot("1", firstname="Augusta")
    intent = world.intent(entity, SF)
    assert intent is not None
    assert intent.fields == {"City": None, "FirstName": "Augusta"}
    guards = world.projection.book.connection.guards
    assert {name: each.count for name, each in guards.items()} == {"creates": 1, "blanked": 1}


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(OutcomeClass.UNKNOWN, code="timeout"),
        Outcome(OutcomeClass.MISCONFIGURED, code="INVALID_SESSION_ID"),
        Outcome(OutcomeClass.TRANSIENT, code="SERVER_UNAVAILABLE"),
    ],
    ids=lambda each: each.outcome,
)
def test_a_guard_counts_a_create_once_though_it_is_tried_again(outcome: Outcome) -> None:
    world = ready(replace(SECTION, guards={"creates": 1}))
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.claim(entity, SF)
    world.answer(entity, SF, outcome)
    world.append(e.SuspensionCleared(name="salesforce", by="ann"))
    world.look_up(SF)
    assert world.intent(entity, SF) is not None
    assert world.projection.book.connection.guards["creates"].count == 1


def test_a_guard_counts_anew_what_is_blanked_again_after_it_was_delivered() -> None:
    world, entity = linked()
    world.apply(replace(SECTION, guards={"blanked": 9}))
    world.hubspot("1", city="Graz")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Graz")
    world.hubspot("1", city=None)
    world.deliver(entity, SF)
    world.lead("00Q1", City=None)
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Bonn")
    world.hubspot("1", city=None)
    assert world.projection.book.connection.guards["blanked"].count == 2


def test_what_a_guard_has_held_is_let_go_as_bulk_work() -> None:
    world = ready(replace(SECTION, guards={"creates": 0}))
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.append(e.SuspensionCleared(name="creates", by="ann"))
    world.apply(SECTION)
    world.append(e.TimerDue(entity=entity, cause="creates", due=world.now))
    world.look_up(SF)
    intent = world.intent(entity, SF)
    assert intent is not None
    assert intent.priority is Priority.BACKFILL


def test_erased_forgets_values_and_stays_forgotten() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    gone = e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=world.now, ticket=world.draw())
    world.append(gone)
    assert last(world, entity) == "erased"
    world.hubspot("1", **ADA)
    world.lead("00Q1", **LEAD)
    contact = world.contact(entity)
    assert [record.values for record in contact.records.values()] == [{}, {}]
    assert not any((world.outbox, world.reads, world.queues["claims"], world.queues["timers"]))


def test_engine_fault_parks_the_contact_until_somebody_asks() -> None:
    world, entity = linked()
    world.append(e.SyncRequested(entity=entity, cause="all", by="ada", priority="no such priority"))
    assert world.contact(entity).parked
    world.hubspot("1", city="Bonn")
    assert last(world, entity) == "engine_fault"
    ask(world, entity, "manual")
    world.read(HS)
    world.read(SF)
    assert world.intent(entity, SF) is not None


def test_an_older_decision_ends_with_its_own_write_while_newer_ones_go_on() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    first = world.contact(entity).opened
    world.claim(entity, SF)
    world.lead("00Q1", FirstName="A.")
    second = world.contact(entity).opened
    world.claim(entity, HS)
    world.hubspot("1", city="Cologne")
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q1"))
    assert first is not None
    assert second is not None
    closed = world.closed[entity][-1]
    assert (closed.id, closed.reason, closed.wrote) == (first.id, "delivered", {"salesforce": ("City",)})
    assert world.contact(entity).flying == (second,)


def test_an_older_decision_whose_write_failed_names_the_newer_one_that_took_it_over() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    world.hubspot("1", city="Cologne")
    newer = world.contact(entity).opened
    world.answer(entity, SF, Outcome(OutcomeClass.TRANSIENT, code="http_503"))
    assert newer is not None
    closed = world.closed[entity][-1]
    assert (closed.reason, closed.superseded_by) == ("superseded", newer.id)


def test_erasing_takes_back_what_waits_to_be_sent() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.append(
        e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=world.now, ticket=world.draw())
    )
    contact = world.contact(entity)
    assert (world.outbox, contact.intents, contact.opened, contact.wait) == ({}, {}, None, None)


def test_an_edit_that_was_refused_taken_back_and_made_again_is_sent_again() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.REJECTED, message="No Bonn.")
    world.hubspot("1", city=None)
    world.hubspot("1", city="Bonn")
    assert world.intent(entity, SF) is not None


# -- what they wait for


def test_waiting_for_the_baseline() -> None:
    world = World().configure()
    entity = world.hubspot("1", **ADA)
    assert (world.contact(entity).wait, list(world.queues["held/baseline"])) == (Wait.BASELINE, [entity])


def test_waiting_for_a_read_and_not_for_ever() -> None:
    world = ready()
    entity = world.show(HS, "contacts", "1", full=False, source="webhook", email="ada@example.com")
    assert world.contact(entity).wait is Wait.READ
    request = world.reads[entity]
    world.show(HS, "contacts", "1", full=False, source="read", request=request.asked, **ADA)
    assert entity not in world.reads
    assert world.contact(entity).wait is Wait.LOOK_UP


def test_waiting_for_delivery() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    assert world.contact(entity).wait is Wait.DELIVERY
    assert world.queues["open"] == {entity: world.now}
    world.deliver(entity, SF)
    assert world.queues["open"] == {}


def test_a_claim_without_an_answer_expires_and_the_target_is_looked_at() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    due = world.queues["timers"][f"{entity}|claim:salesforce"]
    world.append(e.TimerDue(entity=entity, cause="claim:salesforce", due=due), after=CLAIM_MS)
    assert world.contact(entity).wait is Wait.READ
    world.read(SF, City="Bonn")
    assert (last(world, entity), world.outbox) == ("delivered", {})


def test_the_timer_of_an_older_claim_leaves_the_newer_one_alone() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    fails(world, entity, OutcomeClass.TRANSIENT, code="http_503")
    world.claim(entity, SF)
    world.append(e.TimerDue(entity=entity, cause="claim:salesforce", due=world.now - 1))
    assert f"{entity}|claim:salesforce" in world.queues["timers"]
    assert SF in world.contact(entity).flights


# -- what the losing value, a stale intent and a late answer come to


def test_the_losing_value_is_kept_with_the_decision() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Bonn")
    world.show(HS, "contacts", "1", full=False, source="webhook", city="Cologne", at=world.now + 50_000)
    world.lead("00Q1", City="Paris", at=world.now + 90_000)
    world.deliver(entity, HS)
    assert world.closed[entity][-1].lost == {"city": ("hubspot", "Cologne")}


@pytest.mark.rule(16)
def test_a_new_configuration_writes_nothing_by_itself() -> None:
    world, entity = linked()
    before = len(world.log)
    world.configure(replace(SECTION, create_as="Contact"))
    assert world.outbox == {}
    assert len(world.reasons(entity)) == 1
    assert len(world.log) > before


@pytest.mark.rule(55)
def test_a_late_answer_for_a_converted_lead_does_not_move_the_link_back() -> None:
    world, entity = linked()
    world.hubspot("1", city="Bonn")
    world.claim(entity, SF)
    world.lead("00Q1", **LEAD, IsConverted="true", ConvertedContactId="0031")
    world.answer(entity, SF, Outcome(OutcomeClass.DELIVERED, record_id="00Q1"))
    assert world.contact(entity).pair[SF] == "salesforce/Contact/0031"


def test_a_value_on_its_way_from_a_lead_that_is_merged_is_not_cleared_by_the_one_that_goes_on() -> None:
    world, entity = linked()
    world.lead("00Q2", **LEAD | {"City": None})
    world.lead("00Q1", City="Graz")
    world.claim(entity, HS)
    world.append(e.RecordsMerged(crm=SF, object="Lead", winner="00Q2", losers=("00Q1",), at=world.now))
    world.read(SF)
    world.answer(entity, HS, Outcome(OutcomeClass.DELIVERED, record_id="1"))
    world.hubspot("1", city="Graz")
    ours, theirs = world.intent(entity, HS), world.intent(entity, SF)
    assert ours is None or "city" not in ours.fields
    assert theirs is not None
    assert (theirs.record_id, theirs.fields) == ("00Q2", {"City": "Graz"})


@pytest.mark.rule(46)
def test_a_hubspot_contact_never_joins_another_ones_contact() -> None:
    world, entity = linked()
    world.show(HS, "contacts", "1", full=False, source="webhook", email="new@example.com")
    other = world.hubspot("2", email="ada@example.com", lastname="Other")
    assert other != entity
    assert world.contact(entity).pair[HS] == "hubspot/contacts/1"


@pytest.mark.rule(49)
def test_a_duplicate_whose_address_changes_becomes_a_contact_of_its_own() -> None:
    world, entity = linked()
    world.lead("00Q2", Email="ada@example.com", LastName="Clone", Company="X")
    assert "salesforce/Lead/00Q2" in world.contact(entity).records
    world.lead("00Q2", Email="clone@example.com", LastName="Clone", Company="X")
    assert "salesforce/Lead/00Q2" not in world.contact(entity).records
    assert world.contact("salesforce/Lead/00Q2").pair == {SF: "salesforce/Lead/00Q2"}


def test_a_kind_of_other_names_syncs_like_any() -> None:
    kind = ObjectKind(
        name="places",
        hubspot="places",
        salesforce=("Place__c",),
        match={"places": ("code",), "Place__c": ("Code__c",)},
        hubspot_key="sf_place",
        salesforce_key="HS_Place__c",
    )
    mappings = tuple(
        FieldMapping(ours, {"Place__c": theirs}, SyncRule.TWO_WAY)
        for ours, theirs in (("code", "Code__c"), ("size", "Size__c"))
    )
    world = World()
    for each in (
        schema(HS, "places", text("code"), text("size", FieldKind.NUMBER)),
        schema(SF, "Place__c", text("Code__c"), text("Size__c", FieldKind.NUMBER)),
    ):
        world.append(e.SchemaObserved(crm=each.crm, object=each.object, digest=world.document(each)))
    world.configure(Section(kind=kind, mappings=mappings, create_as="Place__c")).baseline()
    entity = world.show(HS, "places", "7", code="HAM", size="10.0", sf_place=None)
    world.look_up(SF)
    intent = world.deliver(entity, SF, new_id="a01")
    assert (intent.object, intent.fields) == ("Place__c", {"Code__c": "HAM", "Size__c": "10"})
    world.show(SF, "Place__c", "a01", Code__c="HAM", Size__c="12", HS_Place__c="7", at=world.now + 60_000)
    assert world.deliver(entity, HS).fields == {"size": "12"}


def test_an_earlier_write_is_not_taken_for_one_that_never_left() -> None:
    """A delivered value that nobody has seen yet proves nothing about the write after it."""
    world, entity = linked()
    world.append(e.AccountObserved(crm=SF, account_id="00D", user_id="us"))
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    world.now += 60_000
    world.hubspot("1", city="Kiel")
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(OutcomeClass.UNKNOWN, code="deliverer_lost"))
    world.read(SF, City="Bonn", modified_by="us")
    assert world.deliver(entity, SF).fields == {"City": "Kiel"}


def test_an_edit_between_two_of_our_writes_is_not_taken_for_our_own_form() -> None:
    world, entity = linked()
    world.append(e.AccountObserved(crm=SF, account_id="00D", user_id="us"))
    world.now += 60_000
    world.hubspot("1", city="Bonn")
    world.deliver(entity, SF)
    world.hubspot("1", firstname="Augusta")
    world.deliver(entity, SF)
    world.lead("00Q1", City="Kiel", FirstName="Augusta", at=world.now, modified_by="us")
    assert world.deliver(entity, HS).fields == {"city": "Kiel"}
