"""Rate limits, injected faults, and the control API, on the HubSpot simulator."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.simulators.hubspot_client import Crm, refused, serving

CONTACTS = "/crm/v3/objects/contacts"


@pytest.fixture(scope="module")
def server() -> Iterator[Crm]:
    with serving() as crm:
        yield crm


def fault(crm: Crm, kind: str, **more: Any) -> None:
    rule = {"kind": kind, "path": "/crm/*", "times": 1, **more}
    assert crm.http("POST", "/_sim/faults", rule).status_code == 200


def control(crm: Crm, path: str) -> Any:
    return crm.http("GET", f"/_sim/{path}").json()


POLICIES: list[tuple[dict[str, Any], str, str, str, float]] = [
    ({"rate_limit_ten_secondly": 2}, "GET", CONTACTS, "TEN_SECONDLY_ROLLING", 11),
    ({"rate_limit_search_per_second": 2}, "POST", f"{CONTACTS}/search", "SECONDLY", 1.1),
    ({"rate_limit_daily": 2}, "GET", CONTACTS, "DAILY", 86_400),
]


@pytest.mark.parametrize(
    ("settings", "method", "path", "policy", "seconds"), POLICIES, ids=[row[3] for row in POLICIES]
)
def test_a_limit_refuses_by_its_policy_and_opens_again(
    server: Crm, settings: dict[str, Any], method: str, path: str, policy: str, seconds: float
) -> None:
    crm = server.fresh(**settings)
    body: dict[str, Any] | None = {} if method == "POST" else None
    answers = [crm.http(method, path, body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    told = answers[2].json()
    assert (told["policyName"], told["errorType"]) == (policy, "RATE_LIMIT")
    assert control(crm, "counters")["too_many_requests"] == {policy: 1}
    crm.simulator.clock.advance(seconds)
    assert crm.http(method, path, body).status_code == 200


def test_headers_tell_what_is_left_but_not_on_search(server: Crm) -> None:
    crm = server.fresh(rate_limit_ten_secondly=190)
    headers = crm.http("GET", CONTACTS).headers
    assert (headers["X-HubSpot-RateLimit-Max"], headers["X-HubSpot-RateLimit-Remaining"]) == ("190", "189")
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == "624999"
    search = crm.http("POST", f"{CONTACTS}/search", {}).headers
    assert not [name for name in search if name.startswith("X-HubSpot-RateLimit")]


BODY = {"properties": {"email": "a@example.com"}}
DROPPED = [("refuse_before_commit", 0), ("reset", 0), ("answer_lost_after_commit", 1)]


@pytest.mark.parametrize(("kind", "created"), DROPPED, ids=[row[0] for row in DROPPED])
def test_a_dropped_connection_leaves_the_record_there_or_not(server: Crm, kind: str, created: int) -> None:
    crm = server.fresh()
    fault(crm, kind)
    with pytest.raises(requests.ConnectionError):
        crm.http("POST", CONTACTS, BODY)
    assert crm.simulator.record_counts()["contacts"] == created
    assert crm.http("GET", CONTACTS).status_code == 200


STATUSES: list[tuple[dict[str, Any], str]] = [
    ({"status": 401}, "EXPIRED_AUTHENTICATION"),
    ({"status": 403}, "crm.objects.contacts.write"),
    ({"status": 423}, "locked"),
    ({"status": 429, "policy": "DAILY"}, "DAILY"),
    ({"status": 429, "policy": "SECONDLY"}, "SECONDLY"),
    ({"status": 477, "retry_after": 60}, "migrated"),
    ({"status": 500}, "<html>"),
    ({"status": 502}, "Bad Gateway"),
    ({"status": 503}, "<html>"),
    ({"status": 504}, "<html>"),
]


@pytest.mark.parametrize(
    ("rule", "text"), STATUSES, ids=[f"{row[0]['status']}-{row[1].strip('<>')}" for row in STATUSES]
)
def test_a_status_fault_has_the_body_of_the_real_one(server: Crm, rule: dict[str, Any], text: str) -> None:
    crm = server.fresh()
    fault(crm, "status", **rule)
    error = refused(crm.client.crm.contacts.basic_api, "create", BODY)
    assert error.status == rule["status"]
    assert text in error.body
    assert error.headers.get("Retry-After") == (str(rule["retry_after"]) if "retry_after" in rule else None)
    assert crm.simulator.record_counts()["contacts"] == 0


def test_a_gateway_may_fail_after_the_write_was_done(server: Crm) -> None:
    crm = server.fresh()
    fault(crm, "status", status=504, after_commit=True)
    assert crm.http("POST", CONTACTS, BODY).status_code == 504
    assert crm.simulator.record_counts()["contacts"] == 1


def test_a_rule_leaves_the_first_calls_alone_and_ends(server: Crm) -> None:
    crm = server.fresh()
    fault(crm, "status", status=503, after=1, times=2, method="GET")
    assert [crm.http("GET", CONTACTS).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert [(rule["seen"], rule["fired"]) for rule in control(crm, "faults")] == [(4, 2)]
    crm.http("DELETE", "/_sim/faults")
    assert control(crm, "faults") == []


def test_a_share_of_rows_fails(server: Crm) -> None:
    crm = server.fresh()
    fault(crm, "row_error", share=0.5)
    rows = [{"properties": {"email": f"p{n}@example.com"}, "objectWriteTraceId": str(n)} for n in range(100)]
    body = crm.http("POST", f"{CONTACTS}/batch/create", {"inputs": rows}).json()
    assert 20 < body["numErrors"] < 80
    assert len(body["results"]) + body["numErrors"] == 100


def test_a_slow_answer_comes_whole(server: Crm) -> None:
    crm = server.fresh()
    fault(crm, "slow", ms=30)
    fault(crm, "slow_body", ms=30)
    answer = crm.http("POST", CONTACTS, BODY)
    assert answer.elapsed.total_seconds() >= 0.03
    assert answer.json()["properties"]["email"] == "a@example.com"


def test_counters_show_what_the_crm_saw(server: Crm) -> None:
    crm = server.fresh()
    record, api = crm.contact("a@example.com", city="Graz"), crm.client.crm.contacts.basic_api
    for city in ("Graz", "Wien", "Graz"):
        api.update(record, {"properties": {"city": city}})
    counters = control(crm, "counters")
    assert counters["creates_per_identity"] == {"a@example.com": 1}
    assert counters["writes_per_record"] == {record: 3}
    assert (counters["no_op_writes"], counters["order_violations"]) == (1, 1)
    assert counters["calls"]["PATCH /crm/v3/objects/{type}/{id} 200"] == 3
    assert control(crm, "log?limit=1")[0]["path"] == f"{CONTACTS}/{record}"


def test_a_person_creates_edits_merges_and_deletes(server: Crm) -> None:
    crm = server.fresh()
    make = [
        crm.http("POST", "/_sim/create", {"properties": {"email": f"{x}@example.com"}}).json() for x in "ab"
    ]
    crm.http("POST", "/_sim/edit", {"email": "a@example.com", "properties": {"city": "Graz"}})
    merged = crm.http("POST", "/_sim/merge", {"ids": [entry["id"] for entry in make]}).json()
    full = control(crm, f"record?id={merged['id']}")
    assert (full["properties"]["city"], full["history"]["city"][0]["source"]) == ("Graz", "CRM_UI")
    crm.http("POST", "/_sim/delete", {"id": merged["id"]})
    assert control(crm, "records") == {"total": 0, "records": []}
    assert control(crm, f"record?id={merged['id']}")["deleted"] is True


CONTROL_ERRORS = [
    ("POST", "edit", {"id": "1", "properties": {}}, 404),
    ("POST", "create", {"properties": {"email": "nobody"}}, 400),
    ("POST", "create", {"object": "Lead", "properties": {}}, 400),
    ("POST", "faults", {"kind": "nonsense"}, 400),
    ("PATCH", "settings", {"nonsense": 1}, 400),
    ("PATCH", "settings", {"rate_limit_daily": "many"}, 400),
    ("GET", "nonsense", None, 404),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    CONTROL_ERRORS,
    ids=[f"{r[1]}-{n}" for n, r in enumerate(CONTROL_ERRORS)],
)
def test_the_control_api_refuses(server: Crm, method: str, path: str, body: Any, status: int) -> None:
    answer = server.fresh().http(method, f"/_sim/{path}", body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_seeding_is_deterministic_silent_and_found_by_search(server: Crm) -> None:
    def people() -> list[dict[str, Any]]:
        crm = server.fresh()
        crm.http("POST", "/_sim/seed", {"people": 50, "seed": 7})
        shown: list[dict[str, Any]] = control(crm, "records?limit=100")["records"]
        return [entry["properties"].get("email") for entry in shown]

    first = people()
    assert first == people()
    assert len(first) > 20
    assert control(server, "counters")["creates"] == 0
    assert server.http("POST", f"{CONTACTS}/search", {}).json()["total"] == len(first)


def test_people_may_be_seeded_with_their_companies(server: Crm) -> None:
    crm = server.fresh()
    crm.http("POST", "/_sim/seed", {"people": 20, "companies": True})
    person = next(e for e in control(crm, "records")["records"] if e["properties"].get("company"))
    company = control(crm, f"record?id={person['id']}")["associations"]["companies"]
    assert company == [person["properties"]["associatedcompanyid"]]


def test_writes_outside_the_scope_are_counted(server: Crm) -> None:
    crm = server.fresh(scope_list_id="38")
    body = {"name": "scope", "objectTypeId": "0-1", "processingType": "MANUAL"}
    assert crm.http("POST", "/crm/v3/lists/", body).json()["list"]["listId"] == "38"
    inside, outside = crm.contact("a@example.com"), crm.contact("b@example.com")
    crm.http("PUT", "/crm/v3/lists/38/memberships/add", [inside])
    for record in (inside, outside):
        crm.client.crm.contacts.basic_api.update(record, {"properties": {"city": "Graz"}})
    crm.person_edits(outside, city="Wien")
    assert control(crm, "counters")["non_member_writes"] == 1


def test_a_uri_that_is_too_long_is_refused(server: Crm) -> None:
    path = f"{CONTACTS}?properties={'x,' * 9000}"
    assert server.fresh().http("GET", path).status_code == 414


def test_settings_and_clock_can_be_read_and_moved(server: Crm) -> None:
    crm = server.fresh()
    assert crm.http("PATCH", "/_sim/settings", {"rate_limit_daily": 7}).json()["rate_limit_daily"] == 7
    before = control(crm, "clock")["now"]
    assert crm.http("POST", "/_sim/clock", {"advance": 100}).json()["now"] >= before + 100


def test_latency_is_added_to_every_answer(server: Crm) -> None:
    crm = server.fresh(latency_ms=40.0, latency_distribution="uniform", latency_spread=0.25)
    assert crm.http("GET", CONTACTS).elapsed.total_seconds() >= 0.03


def test_the_page_is_served(server: Crm) -> None:
    answer = server.http("GET", "/_sim/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<dialog" in answer.text


def test_the_program_announces_itself_and_ends_on_a_signal(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"portal_id": 7}))
    command = [sys.executable, "-m", "simulators", "hubspot", "--port", "0", "--settings", str(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert (line["name"], line["pid"]) == ("hubspot", process.pid)
        assert requests.get(f"{line['url']}/_sim/settings", timeout=5).json()["portal_id"] == 7
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
