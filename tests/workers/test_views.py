"""What people see of a lane, and what they ask of it."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Computed, RoutingRule, Section
from domain.reasons import Reason
from tests.workers.lanes import ADA, append, configured, memory_lane, project, refused, shown, with_ada
from tests.world import HS, MAPPINGS, SECTION, SF
from workers import requests, views
from workers.connection import Lane
from workers.limits import Usage
from workers.views import FieldView

LEAD = "salesforce/Lead/00Q000000000001EAA"
LETTER = f"salesforce|{ADA}"
PERSON: dict[str, Any] = {
    "email": "ada@example.com",
    "lastname": "Lovelace",
    "city": "Graz",
    "company": "Analytical",
}


def ada() -> Lane:
    return with_ada(configured(memory_lane()))


def with_letter() -> Lane:
    return append(ada(), *refused(ADA))


def field(lane: Lane, name: str) -> FieldView:
    return next(each for each in views.contact(lane, ADA).fields if each.hubspot == name)


# -- finding


@pytest.mark.parametrize(
    "text",
    ["ada@example.com", " ADA@Example.com ", "1", "00Q000000000001", "00Q000000000001EAA", ADA, LEAD],
    ids=["e-mail", "e-mail in capitals", "HubSpot id", "15", "18 characters", "entity", "record key"],
)
def test_a_contact_is_found_by_whatever_names_it(text: str) -> None:
    assert views.find(ada(), text) == [ADA]


@pytest.mark.parametrize("text", ["", "nobody@example.com", "2", "///", "hubspot/contacts/"])
def test_what_names_nobody_finds_nobody(text: str) -> None:
    assert views.find(ada(), text) == []


def test_nobody_is_found_before_there_is_a_configuration() -> None:
    assert views.find(memory_lane(), "ada@example.com") == []


# -- one contact


def test_a_contact_shows_both_records_beside_each_other() -> None:
    shown_fields = field(ada(), "city")
    assert (shown_fields.hubspot_value, shown_fields.salesforce_value) == ("Graz", "Wien")
    assert (shown_fields.mark, shown_fields.agreed) == ("different", ("Wien", "Wien"))


def test_a_field_in_sync_is_marked_as_agreed() -> None:
    assert field(ada(), "lastname").mark == "agreed"


def test_a_write_on_its_way_is_marked_as_expected() -> None:
    lane = append(ada(), refused(ADA)[0])
    assert (field(lane, "city").mark, field(lane, "city").expected) == ("expected", {"salesforce": "Graz"})
    (write,) = views.contact(lane, ADA).writes
    assert (write.in_flight, write.fields) == (True, {"City": "Graz"})


def test_a_field_that_cannot_be_sent_says_why() -> None:
    blanks: dict[str, Any] = {"lastname": "Lovelace", "company": "Analytical", "city": "Wien"}
    lane = append(
        ada(), shown(HS, "contacts", "1", ticket=10, email="ada@example.com", firstname="A" * 41, **blanks)
    )
    held = field(lane, "firstname")
    assert (held.mark, "40" in held.held["salesforce"]) == ("held", True)
    assert views.contact(lane, ADA).state == "held"


def test_a_field_nobody_has_read_is_marked_as_unread() -> None:
    lane = configured(memory_lane())
    append(
        lane,
        e.RecordObserved(
            crm=HS,
            object="contacts",
            id="7",
            fields={"city": "Wien"},
            modified_at=1,
            ticket=0,
            source="webhook",
        ),
    )
    view = views.contact(lane, "hubspot/contacts/7")
    assert {each.mark for each in view.fields} == {"unread"}
    assert (view.state, view.open[0].wait) == ("waiting", "awaiting_read")


COMPUTING = msgspec.structs.replace(
    SECTION,
    mappings=MAPPINGS[:-1],
    computed=(Computed("Lead", SF, "Company", 'UPPER(lastname) & " of " & city'),),
)


def computed_field(lane: Lane, entity: str) -> FieldView:
    (found,) = (each for each in views.contact(lane, entity).fields if each.computed)
    return found


def test_a_computed_field_is_shown_as_other_fields_are() -> None:
    lane = with_ada(configured(memory_lane(), COMPUTING))
    found = computed_field(lane, ADA)
    assert (found.hubspot, found.salesforce) == ("=Company", "Company")
    assert (found.hubspot_value, found.salesforce_value) == ("LOVELACE of Graz", "Analytical")
    assert found.rule == 'computed: UPPER(lastname) & " of " & city'

    sent = {"City": "Graz", "Company": "LOVELACE of Graz"}
    append(lane, msgspec.structs.replace(refused(ADA)[0], fields=sent, sources=sent))
    found = computed_field(lane, ADA)
    assert (found.mark, found.expected) == ("expected", {"salesforce": "LOVELACE of Graz"})
    done = Outcome(OutcomeClass.DELIVERED, record_id="00Q000000000001EAA")
    append(lane, e.DeliveryAnswered(entity=ADA, crm=SF, attempt=1, outcome=done, ticket=90))
    lead = {"Email": "ada@example.com", "LastName": "Lovelace", **sent}
    append(lane, shown(SF, "Lead", "00Q000000000001EAA", ticket=99, **lead))
    assert computed_field(lane, ADA).mark == "agreed"


def test_a_computed_field_of_a_record_that_is_to_be_created_shows_what_it_will_start_with() -> None:
    lane = configured(memory_lane(), COMPUTING)
    append(lane, shown(HS, "contacts", "8", email="eve@example.com", lastname="Ohm", city="Linz"))
    found = computed_field(lane, "hubspot/contacts/8")
    assert (found.hubspot_value, found.salesforce_value, found.mark) == ("OHM of Linz", None, "unread")


@pytest.mark.rule(39)
@pytest.mark.parametrize(("city", "field_name"), [("Graz", "MailingCity"), ("Linz", "City")])
def test_a_person_without_salesforce_record_shows_the_fields_of_the_one_that_rules_choose(
    city: str, field_name: str
) -> None:
    routing = (RoutingRule('city = "Graz"', "Contact"),)
    lane = configured(memory_lane(), msgspec.structs.replace(SECTION, routing=routing))
    append(lane, shown(HS, "contacts", "8", email="eve@example.com", lastname="Ohm", city=city))
    shown_fields = views.contact(lane, "hubspot/contacts/8").fields
    assert field_name in {each.salesforce for each in shown_fields}


def test_an_open_decision_says_what_it_waits_for() -> None:
    view = views.contact(ada(), ADA)
    (waiting,) = view.open
    assert (view.state, waiting.trigger, waiting.wait) == ("waiting", "changed", "awaiting_delivery")
    assert waiting.text


def test_decisions_come_newest_first_and_no_more_than_asked_for() -> None:
    lane = ada()
    for number in range(3):
        append(lane, e.SyncRequested(entity=ADA, cause="list", by=f"test {number}"))
    decisions = views.contact(lane, ADA, decisions=2).decisions
    assert [each.detail for each in decisions] == ["test 1", "test 0"]
    assert {each.reason for each in decisions} == {Reason.SUPERSEDED}


def test_a_contact_may_be_named_by_any_of_its_records() -> None:
    assert views.contact(ada(), LEAD).entity == ADA


def test_an_unknown_contact_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        views.contact(ada(), "hubspot/contacts/99")


def test_an_erased_person_shows_no_value() -> None:
    lane = append(ada(), e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=2, ticket=0))
    view = views.contact(lane, ADA)
    assert view.state == "erased"
    assert all(not record.values for record in view.records)


def test_a_contact_of_one_crm_is_unlinked() -> None:
    lane = configured(memory_lane(), Section(SECTION.kind, MAPPINGS))
    append(lane, shown(HS, "contacts", "1", source="baseline", email="ada@example.com"))
    assert views.contact(lane, ADA).state == "unlinked"


# -- errors


def test_a_dead_letter_says_cause_and_remedy() -> None:
    letter = views.letter(with_letter(), LETTER)
    assert (letter.crm, letter.code, letter.fields) == (SF, "REQUIRED_FIELD_MISSING", {"City": "Graz"})
    assert letter.cause
    assert letter.remedy
    assert views.contact(with_letter(), ADA).state == "error"


def test_errors_of_one_cause_stand_together_the_largest_group_first() -> None:
    lane = configured(memory_lane())
    for number, code in enumerate(["A_CODE", "REQUIRED_FIELD_MISSING", "REQUIRED_FIELD_MISSING"], 1):
        who, address = f"hubspot/contacts/{number}", f"p{number}@example.com"
        append(lane, shown(HS, "contacts", str(number), source="baseline", email=address, city="Wien"))
        append(
            lane,
            shown(SF, "Lead", f"00Q00000000000{number}AAA", source="baseline", Email=address, LastName="L"),
        )
        append(lane, e.SyncRequested(entity=who, cause="list", by="test"), *refused(who, code=code))
    first, second = views.errors(lane)
    assert (first.code, first.count, second.count) == ("REQUIRED_FIELD_MISSING", 2, 1)
    assert first.messages == ["no [LastName]"]


def test_an_unknown_letter_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        views.letter(ada(), LETTER)


def with_held_field() -> Lane:
    """Ada's first name in HubSpot is longer than Salesforce takes it; her city is on its way."""
    return append(ada(), shown(HS, "contacts", "1", ticket=30, **{**PERSON, "firstname": "Ada" * 20}))


def test_a_held_field_is_a_sync_error_and_no_dead_letter() -> None:
    lane = with_held_field()
    (group,) = views.errors(lane)
    assert (group.reason, group.code, group.count) == (Reason.VALIDATION, "validation", 1)
    assert group.contacts == [ADA]
    assert group.remedy
    assert views.letters(lane) == []
    (error,) = views.sync_errors(lane)
    assert (error.key, error.field) == (f"{LETTER}|FirstName", "FirstName")
    assert views.letter(lane, error.key) == error


def test_status_and_contact_tell_held_fields_from_dead_letters() -> None:
    lane = with_held_field()
    status = views.status(lane)
    assert (status.held, status.letters) == (
        {"hubspot": 0, "salesforce": 1},
        {"hubspot": 0, "salesforce": 0},
    )
    assert [each.field for each in views.contact(lane, ADA).letters] == ["FirstName"]
    append(lane, *refused(ADA))
    status = views.status(lane)
    assert (status.held["salesforce"], status.letters["salesforce"]) == (1, 1)
    assert [each.field for each in views.contact(lane, ADA).letters] == ["", "FirstName"]


def test_a_mended_value_ends_the_sync_error() -> None:
    lane = append(with_held_field(), shown(HS, "contacts", "1", ticket=40, **PERSON, firstname="Ada"))
    assert views.errors(lane) == []


def test_a_held_field_can_be_redriven_and_discarded_by_its_key() -> None:
    lane, key = with_held_field(), f"{LETTER}|FirstName"
    assert requests.redrive(lane, key, "me") == ADA
    assert [each.key for each in views.sync_errors(project(lane))] == [key]
    requests.discard(lane, key, "me", "known")
    assert views.sync_errors(project(lane)) == []


# -- the connection


def test_the_status_of_a_quiet_lane() -> None:
    status = views.status(configured(memory_lane()))
    assert (status.ready, status.paused, status.lag, status.suspended) == (True, "", 0, [])
    assert not any(status.queues.values())


def test_the_status_before_anything_was_configured() -> None:
    status = views.status(memory_lane())
    assert (status.ready, status.configuration, status.events) == (False, "", 0)


def test_what_waits_is_counted() -> None:
    lane = ada()
    lane.clock.sleep(60)
    status = views.status(lane)
    assert status.queues["outbox/salesforce/live"] == 1
    assert (status.queues["open"], status.oldest_open_ms >= 60_000, status.contacts) == (1, True, 1)


def test_the_lag_is_the_age_of_the_oldest_event_not_projected() -> None:
    lane = ada()
    lane.append([shown(HS, "contacts", "1", ticket=20)])
    lane.clock.sleep(5)
    status = views.status(lane)
    assert (status.lag, status.lag_ms) == (1, 5_000)


def test_a_suspension_names_its_remedy_until_it_is_cleared() -> None:
    lane = append(ada(), refused(ADA)[0])
    outcome = Outcome(OutcomeClass.MISCONFIGURED, code="INVALID_SESSION_ID", message="Session expired")
    append(lane, e.DeliveryAnswered(entity=ADA, crm=SF, attempt=1, outcome=outcome, ticket=90))
    (suspension,) = views.status(lane).suspended
    assert (suspension.crm, suspension.code, views.stopped(lane)) == (
        SF,
        "INVALID_SESSION_ID",
        ["salesforce"],
    )
    assert suspension.remedy
    requests.clear(lane, "salesforce", "me")
    assert views.status(project(lane)).suspended == []


def test_a_guard_shows_its_count_and_who_waits_for_it() -> None:
    lane = with_ada(configured(memory_lane(), Section(SECTION.kind, MAPPINGS, guards={"blanked": 0})))
    kept: dict[str, Any] = {"email": "ada@example.com", "lastname": "Lovelace", "company": "Analytical"}
    blank = shown(HS, "contacts", "1", ticket=30, city=None, **kept)
    (guard,) = views.status(append(lane, blank)).guards
    assert (guard.name, guard.count, guard.limit, guard.tripped, guard.held) == ("blanked", 1, 0, True, 1)
    assert views.stopped(lane) == ["blanked"]


def test_budgets_are_shown_as_the_limiters_say() -> None:
    usage = Usage(5, 100, 200, 90, None, 0, 0)
    (budget,) = views.status(ada(), {Crm.HUBSPOT: usage}).budgets
    assert (budget.crm, budget.used_today, budget.budget_today, budget.left_today) == (HS, 5, 100, 90)


# -- requests


def test_pausing_again_after_resuming_is_no_repeat() -> None:
    lane = ada()
    for _ in range(2):
        requests.pause(lane, "me", "a look")
        assert views.status(project(lane)).paused == "me"
        requests.resume(lane, "me")
        assert views.status(project(lane)).paused == ""


def test_each_manual_sync_is_a_trigger_of_its_own() -> None:
    lane = ada()
    for _ in range(2):
        requests.sync(lane, ADA, "me")
        project(lane)
    assert [each.trigger for each in views.contact(lane, ADA).decisions[:2]] == ["manual", "changed"]


def test_a_redrive_decides_anew() -> None:
    lane = with_letter()
    assert requests.redrive(lane, LETTER, "me") == ADA
    assert views.contact(project(lane), ADA).open[0].trigger == "redrive"


def test_a_discarded_letter_is_gone() -> None:
    lane = with_letter()
    requests.discard(lane, LETTER, "me", "not worth it")
    assert views.letters(project(lane)) == []


@pytest.mark.parametrize("ask", [requests.redrive, lambda lane, key, by: requests.discard(lane, key, by, "")])
def test_a_letter_that_is_not_there_can_be_neither_redriven_nor_discarded(ask: object) -> None:
    lane = ada()
    with pytest.raises(KeyError):
        ask(lane, LETTER, "me")  # type: ignore[operator]  # two functions of one shape
    assert lane.backlog() == 0


def test_a_job_is_listed_with_its_progress() -> None:
    lane = ada()
    begun = requests.start_job(lane, "list", "me", list_id="17", object_name="contacts")
    (job,) = views.status(lane).jobs
    assert (job.id, job.kind, job.list_id, job.done, job.finished) == (begun, "list", "17", 0, False)
