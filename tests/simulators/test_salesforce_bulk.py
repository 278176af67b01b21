"""Both bulk APIs through the real client."""

from typing import Any

import pytest
from simple_salesforce.bulk2 import Operation

from tests.simulators.salesforce_client import EXTERNAL_ID, Org


def test_bulk_2_upserts_and_tells_failures_row_by_row(org: Org) -> None:
    known = org.contact(**{EXTERNAL_ID: "1"})
    records = [
        {EXTERNAL_ID: "1", "LastName": "Byron", "Email": "ada@example.com"},
        {EXTERNAL_ID: "2", "LastName": "Boole", "Email": "boole@example.com"},
        {EXTERNAL_ID: "3", "LastName": "Bad", "Email": "nonsense"},
    ]
    bulk = org.sf.bulk2.Contact
    done = bulk.upsert(records=records, external_id_field=EXTERNAL_ID, wait=0)
    assert [(job["numberRecordsProcessed"], job["numberRecordsFailed"]) for job in done] == [(3, 1)]
    failed = bulk.get_failed_records(done[0]["job_id"])
    assert "INVALID_EMAIL_ADDRESS:Email: invalid email address: nonsense:Email --" in failed
    assert f'"{known}","false"' in bulk.get_successful_records(done[0]["job_id"])
    assert bulk.get_unprocessed_records(done[0]["job_id"]).count("\n") <= 1


def test_bulk_2_query_comes_in_pages(org: Org) -> None:
    org.control("seed", {"people": 100, "seed": 1, "overlap": 1.0})
    total = org.sf.query("SELECT COUNT() FROM Lead")["totalSize"]
    pages = list(org.sf.bulk2.Lead.query("SELECT Id, Email, Owner.Name FROM Lead", max_records=30, wait=0))
    assert pages[0].splitlines()[0] == '"Id","Email","Owner.Name"'
    assert sum(len(page.splitlines()) - 1 for page in pages) == total


def test_bulk_2_distinguishes_an_empty_cell_from_a_null(org: Org) -> None:
    contact = org.contact(Title="Countess", Phone="1")
    org.sf.bulk2.Contact.update(records=[{"Id": contact, "Title": "", "Phone": "#N/A"}], wait=0)
    record = org.sf.Contact.get(contact)
    assert (record["Title"], record["Phone"]) == ("Countess", None)


def test_an_empty_cell_clears_its_field_on_demand(org: Org) -> None:
    org.set(empty_cell_is_null=True)
    contact = org.contact(Title="Countess")
    org.sf.bulk2.Contact.update(records=[{"Id": contact, "Title": ""}], wait=0)
    assert org.sf.Contact.get(contact)["Title"] is None


def test_a_bulk_2_job_takes_its_time(org: Org) -> None:
    org.set(bulk_seconds=60.0)
    body = {"operation": "query", "query": "SELECT Id FROM Contact"}
    job = org.sf.restful("jobs/query", method="POST", json=body)["id"]
    assert org.sf.restful(f"jobs/query/{job}")["state"] == "InProgress"
    org.advance(61)
    assert org.sf.restful(f"jobs/query/{job}")["state"] == "JobComplete"


def test_a_bulk_2_job_can_be_aborted_and_deleted(org: Org) -> None:
    body = {"operation": "insert", "object": "Contact"}
    job = org.sf.restful("jobs/ingest", method="POST", json=body)["id"]
    assert (
        org.sf.restful(f"jobs/ingest/{job}", method="PATCH", json={"state": "Aborted"})["state"] == "Aborted"
    )
    assert org.raw("DELETE", f"/services/data/v68.0/jobs/ingest/{job}").status_code == 204


def test_bulk_1_saves_and_queries_in_json(org: Org) -> None:
    results = org.sf.bulk.Contact.insert([{"LastName": "Byron"}, {"FirstName": "Ada"}], batch_size=200)
    assert [(result["success"], result["created"]) for result in results] == [(True, True), (False, False)]
    assert results[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    found = org.sf.bulk.Contact.query("SELECT Id, LastName FROM Contact")
    assert [row["LastName"] for row in found] == ["Byron"]


def test_bulk_1_answers_csv_jobs_in_xml_and_csv(org: Org) -> None:
    org.contact()
    base = "/services/async/68.0/job"
    body = {"operation": "queryAll", "object": "Contact", "contentType": "CSV"}
    job = org.raw("POST", base, json=body).json()["id"]
    batch = org.raw(
        "POST", f"{base}/{job}/batch", data="SELECT Id FROM Contact", headers={"Content-Type": "text/csv"}
    )
    assert batch.status_code == 201
    batch_id = batch.text.partition("<id>")[2].partition("</id>")[0]
    assert "<state>Completed</state>" in org.raw("GET", f"{base}/{job}/batch/{batch_id}").text
    result = org.raw("GET", f"{base}/{job}/batch/{batch_id}/result").text
    result_id = result.partition("<result>")[2].partition("</result>")[0]
    assert org.raw("GET", f"{base}/{job}/batch/{batch_id}/result/{result_id}").text.startswith('"Id"\n"003')


def test_bulk_1_has_a_refusal_of_its_own_for_an_expired_session(org: Org) -> None:
    org.control("sessions/expire", {})
    answer = org.raw("POST", "/services/async/68.0/job", json={})
    assert (answer.status_code, answer.json()) == (
        401,
        {"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"},
    )


@pytest.mark.parametrize("operation", [Operation.delete, Operation.hard_delete])
def test_bulk_2_deletes(org: Org, operation: Any) -> None:
    contact = org.contact()
    bulk = org.sf.bulk2.Contact
    act = bulk.delete if operation is Operation.delete else bulk.hard_delete
    act(records=[{"Id": contact}], wait=0)
    assert org.rows("SELECT Id FROM Contact") == []
