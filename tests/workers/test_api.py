"""The API over HTTP: who may come in, what is shown, and that what is asked for is recorded."""

import base64
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from domain import events as e
from tests.workers.accounts import Accounts, accounts
from tests.workers.installed import FILE, Installation
from tests.workers.lanes import (
    ADA,
    TOKEN,
    Client,
    append,
    configured,
    connect,
    project,
    refused,
    runtime,
    with_ada,
)
from tests.world import SF
from workers.bootstrap import Runtime
from workers.jobs import Jobs
from workers.webhooks import create_app

HERE = "/api/connections/acme"
LETTER = quote(f"salesforce|{ADA}")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BODIES: dict[str, Any] = {
    "pause": {"why": "a look"},
    "discard": {"why": "not worth it"},
    "jobs": {"kind": "all"},
}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Office:
    """A web process with Ada in it, whose last write was refused."""

    def __init__(self, made: Runtime | None = None) -> None:
        self.runtime = made or runtime()
        self.runtime.register("acme")
        self.lane = append(with_ada(configured(self.runtime.link("acme").lane)), *refused(ADA))
        self.sent: list[str] = []
        self.app = create_app(self.runtime, lambda task, _: self.sent.append(task))
        self.client = Client(self.app, BEARER)

    def get(self, path: str) -> Any:
        answer = self.client.get(HERE + path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, path: str) -> Any:
        """Post, and fold what that appends."""
        answer = self.client.post(HERE + path, json=BODIES.get(path.rpartition("/")[2]))
        assert answer.status_code == 202, answer.text
        project(self.lane)
        return answer.json()


def test_the_archive_is_shown() -> None:
    found = Office().get("/archive")
    assert {"until", "events", "segments", "waiting", "snapshots", "verified", "problem"} <= found.keys()


# -- who may come in

CLOSED = ["/metrics", "/api/connections", "/api/openapi.json", f"{HERE}/status"]


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer guess"},
        basic("me", "guess"),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Digest x"},
        {"Authorization": "Bearer \xe4"},
    ],
    ids=["nothing", "a wrong token", "a wrong password", "no base64", "another scheme", "no ASCII"],
)
def test_without_the_token_nothing_is_shown(path: str, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = Client(Office().app).get(path, headers=raw)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("headers", [BEARER, basic("me", TOKEN)], ids=["bearer", "password"])
@pytest.mark.parametrize("path", CLOSED)
def test_the_token_opens_as_bearer_and_as_password(path: str, headers: dict[str, str]) -> None:
    assert Client(Office().app, headers).get(path).status_code == 200


@pytest.mark.parametrize("path", CLOSED)
def test_without_a_configured_token_all_stays_shut_and_says_why(path: str) -> None:
    answer = Client(Office(runtime(CRMSYNC_API_TOKEN="")).app, BEARER).get(path)
    assert answer.status_code == 403
    assert "CRMSYNC_API_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://test"}, 202),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://test"}, 202),
        ({}, 202),
    ],
    ids=[
        "another origin",
        "cross-site",
        "a sibling",
        "a sandbox",
        "our own",
        "our own, said twice",
        "a program",
    ],
)
def test_another_site_cannot_use_a_browsers_password(headers: dict[str, str], status: int) -> None:
    client = Client(Office().app, {**basic("me", TOKEN), **headers})
    assert client.post(f"{HERE}/resume").status_code == status


# -- reading


def test_connections_are_listed() -> None:
    assert Office().client.get("/api/connections").json() == ["acme"]


def test_an_unknown_connection_is_not_found() -> None:
    answer = Office().client.get("/api/connections/nobody/status")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no connection 'nobody'.")


def test_the_status_counts_letters_and_events() -> None:
    status = Office().get("/status")
    assert (status["letters"], status["lag"], status["ready"]) == ({"hubspot": 0, "salesforce": 1}, 0, True)


def test_budgets_are_those_of_the_file_once_it_is_applied(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    office = Office(made.runtime)
    assert office.get("/status")["budgets"][1]["budget_today"] is None
    made.write("acme", FILE.replace("acme.my", "acme.my, api_call_limit: {per_day: 7000}"))
    office.lane.append([e.ConfigurationApplied(digest=office.lane.state().config, by="me", request="again")])
    project(office.lane)

    assert office.get("/status")["budgets"][1]["budget_today"] == 7000


def test_a_contact_is_found_and_shown() -> None:
    office = Office()
    (found,) = office.get("/contacts?q=ada@example.com")
    contact = office.get(f"/contacts/{found}")
    assert (contact["entity"], contact["state"], len(contact["records"])) == (ADA, "error", 2)
    assert contact["letters"][0]["remedy"]


def test_a_contacts_decisions_are_shown_with_their_reasons() -> None:
    (last,) = Office().get(f"/contacts/{ADA}/decisions?limit=1")
    assert (last["reason"], last["trigger"]) == ("rejected", "changed")


@pytest.mark.parametrize("path", ["/contacts/hubspot/contacts/9", "/dead-letters/hubspot|x"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    assert Office().client.get(HERE + path).status_code == 404


@pytest.mark.rule(125)
def test_errors_and_letters_are_listed() -> None:
    office = Office()
    assert [each["code"] for each in office.get("/errors")] == ["REQUIRED_FIELD_MISSING"]
    assert [each["entity"] for each in office.get("/dead-letters")] == [ADA]
    assert office.get(f"/dead-letters/{LETTER}")["fields"] == {"City": "Graz"}


def test_the_metrics_are_prometheus_text() -> None:
    answer = Office().client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'crmsync_dead_letters{connection="acme",crm="salesforce"} 1.0' in answer.text


def test_webhooks_are_counted_by_how_they_were_answered() -> None:
    office = Office()
    office.client.post("/webhooks/hubspot/acme", content=b"[]")
    assert (
        'crmsync_webhooks_total{connection="acme",outcome="unsigned"} 1.0'
        in office.client.get("/metrics").text
    )


def test_the_api_describes_itself() -> None:
    described = Office().client.get("/api/openapi.json").json()
    assert "ContactView" in described["components"]["schemas"]
    assert "/api/connections/{connection}/status" in described["paths"]


# -- asking


def test_a_sync_is_recorded_under_the_users_name_and_rung_for() -> None:
    office = Office()
    office.client = Client(office.app, basic("grace", TOKEN))
    office.ask(f"/contacts/{ADA}/sync")
    (waiting,) = office.get(f"/contacts/{ADA}")["open"]
    assert (waiting["trigger"], waiting["detail"], office.sent) == ("manual", "grace", ["project"])


def test_pausing_and_resuming() -> None:
    office = Office()
    office.ask("/pause")
    assert office.get("/status")["paused"] == "api"
    office.ask("/resume")
    assert office.get("/status")["paused"] == ""


def test_a_letter_is_redriven_and_discarded() -> None:
    office = Office()
    office.ask(f"/dead-letters/{LETTER}/redrive")
    assert office.get(f"/contacts/{ADA}")["open"][0]["trigger"] == "redrive"
    office.ask(f"/dead-letters/{LETTER}/discard")
    assert office.get("/dead-letters") == []


@pytest.mark.parametrize(
    "body", ['{"kind": "import", "where": "\\ud800"}', '{"kind": "list", "list_id": "\\udcff"}']
)
def test_half_a_character_is_refused_and_nothing_recorded(body: str) -> None:
    office = Office()
    events = office.lane.log.appended()
    answer = office.client.post(f"{HERE}/jobs", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["detail"][:32]) == (422, "A text holds half a character, w")
    assert office.lane.log.appended() == events


@pytest.mark.parametrize("path", [f"{HERE}/archive", "/console/acme"])
def test_an_archive_without_a_place_is_told(path: str) -> None:
    made = runtime(CRMSYNC_ARCHIVE_URL="ftp://host/folder")
    made.register("acme")
    answer = Client(create_app(made, lambda *_: None), BEARER).get(path)

    assert answer.status_code == 503
    assert "CRMSYNC_ARCHIVE_URL: ftp://host/folder is no place for an archive" in unescape(answer.text)


def test_a_job_is_begun() -> None:
    office = Office()
    begun = office.ask("/jobs")
    assert [each["id"] for each in office.get("/status")["jobs"]] == [begun["id"]]


@pytest.mark.rule(113)
@pytest.mark.parametrize(("wanted", "objects"), [("", ("Lead", "Contact")), ("lead", ("Lead",))])
def test_an_import_is_begun(wanted: str, objects: tuple[str, ...]) -> None:
    office = Office()
    body = {"kind": "import", "where": "City = 'Wien'", "salesforce_object": wanted}
    answer = office.client.post(f"{HERE}/jobs", json=body)
    assert answer.status_code == 202
    [job] = Jobs(office.lane).all()
    assert (job.id, job.kind, job.by) == (answer.json()["id"], "import", "api")
    assert (job.objects, job.where) == (objects, "City = 'Wien'")
    assert office.get("/status")["jobs"][0]["where"] == "City = 'Wien'"


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[tuple[Accounts, Office]]:
    """Simulated accounts with one lead, and a web process that can ask them."""
    with accounts() as both:
        lead = {"LastName": "Byron", "Company": "A", "Email": "b@example.com", "City": "Wien"}
        both.control(SF, "create", object="Lead", properties=lead)
        yield both, Office(Installation(tmp_path, None, **both.environment).runtime)


def test_a_condition_is_shown_to_salesforce_before_an_import_is_begun(
    salesforce: tuple[Accounts, Office],
) -> None:
    _, office = salesforce

    def asked(where: str) -> tuple[int, str]:
        body = {"kind": "import", "salesforce_object": "Lead", "where": where}
        answer = office.client.post(f"{HERE}/jobs", json=body)
        return answer.status_code, answer.json().get("detail", "")

    status, said = asked("Ctiy = 'Wien'")
    assert status == 422
    assert said.startswith("Salesforce does not understand the condition: ")
    assert "No such column 'Ctiy' on entity 'Lead'" in said
    assert asked("City = ")[0] == 422
    assert asked("City = 'Nowhere'") == (422, "No record with an e-mail address meets that.")
    assert Jobs(office.lane).all() == []
    assert asked("City = 'Wien'")[0] == 202
    assert len(Jobs(office.lane).all()) == 1


def test_an_import_is_begun_while_salesforce_cannot_be_asked(salesforce: tuple[Accounts, Office]) -> None:
    both, office = salesforce
    both.shut(SF, 503)

    assert office.client.post(f"{HERE}/jobs", json={"kind": "import"}).status_code == 202


def test_nothing_is_imported_before_both_crms_were_read() -> None:
    made = runtime()
    made.register("acme")
    client = Client(create_app(made, lambda _task, _arguments: None), BEARER)
    answer = client.post(f"{HERE}/jobs", json={"kind": "import"})
    assert (answer.status_code, Jobs(made.link("acme").lane).all()) == (409, [])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/jobs", {"kind": "import", "salesforce_object": "Account"}, 422),
        (f"/contacts/{ADA}x/sync", None, 404),
        ("/dead-letters/x/redrive", None, 404),
        ("/dead-letters/x/discard", {}, 404),
        ("/clear/hubspot", None, 404),
        ("/jobs", {"kind": "list"}, 422),
        ("/jobs", {"kind": "everything"}, 422),
        ("/pause", {"why": "x" * 501}, 422),
    ],
)
def test_what_cannot_be_done_is_said_and_not_recorded(path: str, body: Any, status: int) -> None:
    office = Office()
    answer = office.client.post(HERE + path, json=body)
    assert (answer.status_code, office.lane.backlog(), office.sent) == (status, 0, [])


def test_while_the_logs_server_is_away_the_answer_says_so() -> None:
    office = Office()
    connect(office.runtime, connected=False)
    answer = office.client.get(f"{HERE}/status")
    assert (answer.status_code, "does not answer" in answer.json()["detail"]) == (503, True)
