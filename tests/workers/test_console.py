"""The console over HTTP: what pages show, what buttons record, and that no value becomes markup."""

import base64
import re
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from domain import events as e
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Computed, Section
from tests.workers.lanes import (
    ADA,
    TOKEN,
    Client,
    append,
    configured,
    project,
    refused,
    runtime,
    shown,
    with_ada,
)
from tests.world import HS, MAPPINGS, SECTION, SF
from workers.console.rendering import number, span
from workers.jobs import Jobs
from workers.webhooks import create_app

HERE = "/console/acme"
LETTER = quote(f"salesforce|{ADA}")
GRACE = {"Authorization": "Basic " + base64.b64encode(f"grace:{TOKEN}".encode()).decode()}
SPITEFUL = '<script>alert("x")</script>'


class Desk:
    """A web process with Ada in it, seen through a browser that Grace uses."""

    def __init__(self, section: Section = SECTION) -> None:
        self.runtime = runtime()
        self.runtime.register("acme")
        self.lane = with_ada(configured(self.runtime.link("acme").lane, section))
        self.client = Client(create_app(self.runtime, lambda _task, _arguments: None), GRACE)

    def append(self, *events: e.AnyEvent) -> "Desk":
        append(self.lane, *events)
        return self

    def see(self, path: str = "") -> str:
        answer = self.client.get(HERE + path)
        assert answer.status_code == 200, answer.text
        return " ".join(re.sub(r"<style>.*</style>", "", answer.text, flags=re.DOTALL).split())

    def press(self, path: str, **fields: str) -> httpx.Response:
        answer = self.client.post(HERE + path, data=fields)
        project(self.lane)
        return answer


def suspended() -> list[e.AnyEvent]:
    outcome = Outcome(OutcomeClass.MISCONFIGURED, code="INVALID_SESSION_ID", message="Session expired")
    return [refused(ADA)[0], e.DeliveryAnswered(entity=ADA, crm=SF, attempt=1, outcome=outcome, ticket=90)]


# -- pages


def test_one_connection_is_shown_at_once() -> None:
    assert Desk().client.get("/console").headers["location"] == HERE


def test_several_connections_are_listed() -> None:
    desk = Desk()
    desk.runtime.register("other")
    assert '<a href="/console/other">other</a>' in desk.client.get("/console").text


def test_the_status_shows_what_runs_and_what_waits() -> None:
    page = Desk().see()
    assert '<span class="tag good">running</span>' in page
    assert "<b>1</b>contacts" in page
    assert "<h2>Archive</h2>" in page
    assert "Kept: the newest 200 decisions of a contact; sync errors until they are mended." in page


def test_a_suspension_shows_its_remedy_and_a_button() -> None:
    page = Desk().append(*suspended()).see()
    assert "salesforce gets nothing since" in page
    assert f'action="{HERE}/clear/salesforce"' in page


def test_a_tripped_guard_shows_what_it_holds() -> None:
    desk = Desk(Section(SECTION.kind, MAPPINGS, guards={"blanked": 0}))
    kept: dict[str, Any] = {"email": "ada@example.com", "lastname": "Lovelace", "company": "Analytical"}
    page = desk.append(shown(HS, "contacts", "1", ticket=30, city=None, **kept)).see()
    assert "The guard “blanked” has tripped; contacts held: 1" in page


def test_a_search_that_finds_one_leads_to_it() -> None:
    answer = Desk().client.get(f"{HERE}/contacts?q=ada@example.com")
    assert answer.headers["location"] == f"{HERE}/contacts/{ADA}"


def test_a_search_that_finds_nobody_says_so() -> None:
    assert "Nobody is known by “nobody@example.com”." in Desk().see("/contacts?q=nobody@example.com")


def test_a_contact_shows_both_sides_and_why() -> None:
    page = Desk().append(*refused(ADA)).see(f"/contacts/{ADA}")
    assert '<td class="value"><div>Graz</div></td>' in page
    assert '<td class="value"><div>Wien</div></td>' in page
    assert "agreed before: Wien | Wien" in page
    assert "The target CRM refused the write." in page
    assert "Both CRMs already hold what the sync rules ask for." in page


def test_a_contact_is_headed_by_its_address() -> None:
    assert "<h1>ada@example.com " in Desk().see(f"/contacts/{ADA}")


def test_a_contact_that_waits_shows_for_what() -> None:
    page = Desk().see(f"/contacts/{ADA}")
    assert "A write is queued or on its way." in page


def test_an_unknown_contact_is_not_found() -> None:
    answer = Desk().client.get(f"{HERE}/contacts/nobody")
    assert (answer.status_code, "Nobody is known as nobody." in answer.text) == (404, True)


def test_errors_show_cause_remedy_and_letters() -> None:
    page = Desk().append(*refused(ADA)).see("/errors")
    assert "Between" in page
    assert "no [LastName]" in page
    assert f'action="{HERE}/letters/{LETTER}/redrive"' in page


def test_without_errors_the_page_says_so() -> None:
    assert "No write was given up." in Desk().see("/errors")


# -- safety


@pytest.mark.parametrize("path", ["", "/contacts", f"/contacts/{ADA}", "/errors"])
def test_pages_are_not_kept_and_run_no_script(path: str) -> None:
    answer = Desk().client.get(HERE + path)
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script" not in answer.text


def test_what_people_typed_is_never_markup() -> None:
    desk = Desk()
    kept: dict[str, Any] = {"email": "ada@example.com", "lastname": SPITEFUL}
    desk.append(*refused(ADA, message=SPITEFUL), shown(HS, "contacts", "1", ticket=30, city=SPITEFUL, **kept))
    desk.append(e.Paused(by=SPITEFUL))
    for path in (
        "",
        f"/contacts/{ADA}",
        "/errors",
        f"/contacts?q={quote(SPITEFUL)}",
        f"?done={quote(SPITEFUL)}",
    ):
        assert "<script" not in desk.see(path)


def test_a_record_id_with_odd_characters_makes_a_link_that_works() -> None:
    odd = "a b?#%&\"'<é"
    desk = Desk().append(shown(HS, "contacts", odd, email="odd@example.com"))
    location = desk.client.get(f"{HERE}/contacts?q=odd@example.com").headers["location"]
    assert desk.client.get(location).status_code == 200


def test_another_sites_form_presses_no_button() -> None:
    desk = Desk()
    desk.client = Client(create_app(desk.runtime), {**GRACE, "Origin": "https://evil.example"})
    assert desk.press("/pause").status_code == 403
    assert not desk.lane.state().paused


# -- buttons


def test_sync_now_is_recorded_under_the_users_name() -> None:
    desk = Desk()
    answer = desk.press(f"/contacts/{ADA}/sync")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}/contacts/{ADA}?done=sync")
    page = desk.see(f"/contacts/{ADA}?done=sync")
    assert "The sync is recorded" in page
    assert "manual grace" in page


def test_pausing_and_resuming() -> None:
    desk = Desk()
    desk.press("/pause", why="a look")
    assert "paused by grace" in desk.see()
    desk.press("/resume")
    assert "paused by" not in desk.see()


def test_a_suspension_is_cleared() -> None:
    desk = Desk().append(*suspended())
    desk.press("/clear/salesforce")
    assert "gets nothing since" not in desk.see()


def test_a_letter_is_tried_again() -> None:
    desk = Desk().append(*refused(ADA))
    desk.press(f"/letters/{LETTER}/redrive")
    assert "redrive grace" in desk.see(f"/contacts/{ADA}")


@pytest.mark.rule(123)
def test_the_ticked_contacts_of_an_error_are_synced_again() -> None:
    desk = Desk().append(*refused(ADA))
    assert f'name="contact" value="{ADA}" form="resync-1"' in desk.see("/errors")

    assert desk.press("/errors/resync", contact=ADA).status_code == 303
    assert desk.see(f"/contacts/{quote(ADA)}").count("manual")


@pytest.mark.rule(123)
def test_errors_are_exported_for_a_spreadsheet() -> None:
    answer = Desk().append(*refused(ADA)).client.get(f"{HERE}/errors.csv")

    assert answer.headers["content-type"].startswith("text/csv")
    heading, line = answer.text.splitlines()
    assert heading.startswith("\ufeffcontact,crm,reason")
    assert line.startswith(f"{ADA},salesforce,rejected,REQUIRED_FIELD_MISSING")


def test_a_letter_is_discarded() -> None:
    desk = Desk().append(*refused(ADA))
    desk.press(f"/letters/{LETTER}/discard", why="left the company")
    assert "No write was given up." in desk.see("/errors")


@pytest.mark.parametrize("path", ["/contacts/nobody/sync", "/letters/none/redrive", "/clear/hubspot"])
def test_a_button_for_what_is_not_there_records_nothing(path: str) -> None:
    desk = Desk()
    assert (desk.press(path).status_code, desk.lane.backlog()) == (404, 0)


# -- how things look


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (61_000, "1 min"), (7_200_000, "2 h"), (200_000_000, "2 d")],
)
def test_a_span_is_said_in_its_largest_unit(ms: int, text: str) -> None:
    assert span(ms) == text


def test_an_unknown_number_is_a_dash() -> None:
    assert (number(None), number(1_234_567)) == ("-", "1,234,567")


# -- imports and computed fields


def test_an_import_is_begun_by_a_form_and_listed_with_what_became_of_it() -> None:
    desk = Desk()
    assert "Import from Salesforce" in desk.see()
    answer = desk.press("/import", object="Lead", where="City = 'Wien'")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}?done=import")
    [job] = Jobs(desk.lane).all()
    assert (job.objects, job.where, job.by) == (("Lead",), "City = 'Wien'", "grace")
    page = desk.see("?done=import")
    assert "The import is begun" in page
    assert "City = &#39;Wien&#39;" in page


def test_what_a_button_cannot_do_is_told_on_a_page() -> None:
    answer = Desk().press("/import", object=SPITEFUL, where="")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert "is not synced: give one of Lead" in answer.text
    assert SPITEFUL not in answer.text


def test_a_computed_field_stands_among_the_others_with_its_formula() -> None:
    computed = (Computed("Lead", SF, "Company", "first_name__c & lastname"),)
    page = Desk(msgspec.structs.replace(SECTION, mappings=MAPPINGS[:-1], computed=computed)).see(
        f"/contacts/{ADA}"
    )
    assert "computed: first_name__c &amp; lastname" in page
