"""What people and time do to an org behind the API's back, and how the control API shows it."""

from typing import Any

import pytest
import requests
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceMalformedRequest

from simulators.people import people, roster
from tests.simulators.salesforce_client import DATA, EXTERNAL_ID, Json, Org


def test_an_edit_in_the_screen_is_by_another_user(org: Org) -> None:
    contact = org.contact(Email="ada@example.com")
    edited = {"object": "Contact", "email": "ada@example.com", "properties": {"Title": "Countess"}}
    org.control("edit", edited)
    record = org.sf.Contact.get(contact)
    assert (record["Title"], record["LastModifiedById"]) == ("Countess", org.seen("users")["person"])
    assert record["CreatedById"] == org.seen("users")["integration"]
    history = org.seen(f"record?object=Contact&id={contact}")["history"]
    assert [change["before"] for change in history] == [{"Title": None}]


def test_a_merge_keeps_the_survivors_values_and_fills_its_blanks(org: Org) -> None:
    survivor = org.contact(Title="Countess")
    loser = org.contact(Title="Lady", Phone="1")
    campaign = org.sf.Campaign.create({"Name": "Spring"})["id"]
    org.sf.CampaignMember.create({"CampaignId": campaign, "ContactId": loser})
    org.control("merge", {"object": "Contact", "ids": [survivor, loser]})
    record = org.sf.Contact.get(survivor)
    assert (record["Title"], record["Phone"]) == ("Countess", "1")
    assert [row["ContactId"] for row in org.rows("SELECT ContactId FROM CampaignMember")] == [survivor]


def test_conversion_makes_an_account_a_contact_and_an_opportunity(org: Org) -> None:
    lead = org.lead(FirstName="Ada", Email="ada@example.com", City="London", **{EXTERNAL_ID: "7"})
    done = org.control("convert", {"id": lead, "opportunity": "Engine"})
    record = org.sf.Lead.get(lead)
    assert (record["IsConverted"], record["Status"]) == (True, "Closed - Converted")
    converted = [record[f"Converted{name}Id"] for name in ("Account", "Contact", "Opportunity")]
    assert converted == [done["accountId"], done["contactId"], done["opportunityId"]]
    contact = org.sf.Contact.get(done["contactId"])
    assert (contact["Email"], contact["MailingCity"]) == ("ada@example.com", "London")
    assert (contact["AccountId"], contact[EXTERNAL_ID]) == (done["accountId"], "7")


def test_a_converted_lead_cannot_be_written(org: Org) -> None:
    lead = org.lead()
    org.control("convert", {"id": lead})
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.sf.Lead.update(lead, {"Title": "x"})
    content: Any = refused.value.content
    assert (content[0]["errorCode"], content[0]["message"]) == (
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "cannot reference converted lead",
    )


def test_a_delayed_commit_becomes_visible_with_its_older_stamp(org: Org) -> None:
    org.set(visibility_delay_s=60.0)
    contact = org.contact(Title="old")
    stamp = org.sf.Contact.get(contact)["SystemModstamp"]
    assert org.rows("SELECT Id FROM Contact") == []
    org.advance(61)
    assert [row["SystemModstamp"] for row in org.rows("SELECT SystemModstamp FROM Contact")] == [stamp]
    org.sf.Contact.update(contact, {"Title": "new"})
    assert [row["Title"] for row in org.rows("SELECT Title FROM Contact")] == ["old"]
    org.advance(61)
    assert [row["Title"] for row in org.rows("SELECT Title FROM Contact")] == ["new"]


def test_only_a_share_of_commits_may_be_delayed(org: Org) -> None:
    org.set(visibility_delay_s=60.0, visibility_delay_share=0.5)
    for number in range(40):
        org.contact(LastName=f"Byron {number}")
    assert 5 < len(org.rows("SELECT Id FROM Contact")) < 35
    org.advance(61)
    assert len(org.rows("SELECT Id FROM Contact")) == 40


def test_a_unique_value_counts_before_queries_see_it(org: Org) -> None:
    org.set(visibility_delay_s=60.0)
    org.contact(**{EXTERNAL_ID: "7"})
    updated = org.sf.Contact.upsert(f"{EXTERNAL_ID}/7", {"LastName": "Boole"}, raw_response=True)
    assert updated.json()["created"] is False


def test_stamps_have_whole_seconds_and_follow_the_clock(org: Org) -> None:
    first = org.contact()
    org.advance(3600)
    second = org.contact()
    rows = org.rows("SELECT Id, SystemModstamp FROM Contact ORDER BY SystemModstamp DESC")
    assert [row["Id"] for row in rows] == [second, first]
    assert all(row["SystemModstamp"].endswith(".000+0000") for row in rows)


def test_seeding_is_the_same_each_time(org: Org) -> None:
    counts = org.control("seed", {"people": 200, "seed": 5, "overlap": 0.5})
    emails = [row["Email"] for row in org.rows("SELECT Email FROM Lead ORDER BY Id")]
    org.fresh()
    assert org.control("seed", {"people": 200, "seed": 5, "overlap": 0.5}) == counts
    assert [row["Email"] for row in org.rows("SELECT Email FROM Lead ORDER BY Id")] == emails


def test_the_same_people_overlap_by_e_mail_at_the_share_asked_for() -> None:
    rows = roster(people(2000, seed=4), overlap=0.6, seed=4)
    hubspot = {row["email"] for row in rows.hubspot if "email" in row}
    salesforce = {row["Email"].lower() for row in rows.leads + rows.contacts if "Email" in row}
    share = len(hubspot & salesforce) / len(hubspot | salesforce)
    assert 0.55 < share < 0.65
    assert hubspot - salesforce
    assert salesforce - hubspot


def test_a_longer_list_of_people_starts_with_the_shorter_one() -> None:
    assert people(50, seed=9)[:10] == people(10, seed=9)
    assert people(10, seed=9) != people(10, seed=8)


def test_salesforce_holds_some_people_twice_and_some_with_other_values() -> None:
    rows = roster(people(2000, seed=4), overlap=1.0, seed=4)
    emails = [row["Email"].lower() for row in rows.leads + rows.contacts if "Email" in row]
    assert len(emails) > len(set(emails))
    titles = {row["email"]: row.get("jobtitle") for row in rows.hubspot if "email" in row}
    assert any(titles.get(row.get("Email", "")) not in (None, row.get("Title")) for row in rows.leads)


FAULTS: list[Any] = [
    pytest.param({"status": 401}, 401, "INVALID_SESSION_ID", id="401"),
    pytest.param({"status": 403}, 403, "REQUEST_LIMIT_EXCEEDED", id="403"),
    pytest.param({"status": 500}, 500, "UNKNOWN_EXCEPTION", id="500"),
    pytest.param({"status": 503, "policy": "json"}, 503, "SERVER_UNAVAILABLE", id="503-json"),
    pytest.param({"status": 400, "policy": "QUERY_TIMEOUT"}, 400, "QUERY_TIMEOUT", id="400"),
]


@pytest.mark.parametrize(("fault", "status", "code"), FAULTS)
def test_a_fault_has_the_body_of_its_status(org: Org, fault: Json, status: int, code: str) -> None:
    org.control("faults", {"kind": "status", "times": 1, **fault})
    answer = org.raw("GET", f"{DATA}/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)
    assert org.raw("GET", f"{DATA}/limits").status_code == 200


def test_a_503_of_the_edge_is_a_page(org: Org) -> None:
    org.control("faults", {"kind": "status", "status": 503, "times": 1})
    with pytest.raises(SalesforceGeneralError) as refused:
        org.sf.query("SELECT Id FROM Contact")
    assert (refused.value.status, "<html>" in str(refused.value.content)) == (503, True)


def test_an_answer_lost_after_the_commit_leaves_the_record(org: Org) -> None:
    fault = {"kind": "answer_lost_after_commit", "method": "POST", "path": "*/sobjects/*", "times": 1}
    org.control("faults", fault)
    with pytest.raises(requests.ConnectionError):
        org.contact(Email="ada@example.com")
    assert len(org.rows("SELECT Id FROM Contact")) == 1
    org.contact(Email="ada@example.com")
    assert org.seen("counters")["created_more_than_once"] == {"ada@example.com": 2}


def test_a_call_refused_before_its_commit_leaves_nothing(org: Org) -> None:
    org.control(
        "faults", {"kind": "refuse_before_commit", "method": "POST", "path": "*/sobjects/*", "times": 1}
    )
    with pytest.raises(requests.ConnectionError):
        org.contact()
    assert org.rows("SELECT Id FROM Contact") == []


def test_the_counters_and_the_log_tell_what_the_org_saw(org: Org) -> None:
    contact = org.contact(Title="a")
    org.sf.Contact.update(contact, {"Title": "b"})
    org.sf.Contact.update(contact, {"Title": "a"})
    counters = org.seen("counters")
    assert counters["writes_per_record"] == {contact: 2}
    assert counters["calls"]["POST /services/data/{version}/sobjects/{object} 201"] == 1
    assert counters["order_violations"] == 1
    last = org.seen("log?limit=1")[0]
    assert (last["method"], last["outcome"], last["rows"]) == ("PATCH", "204", 1)


def test_a_person_is_told_what_the_org_refuses(org: Org) -> None:
    answer = requests.post(f"{org.url}/_sim/create", json={"object": "Lead", "properties": {}}, timeout=10)
    assert answer.status_code == 400
    assert "Required fields are missing: [LastName, Company]" in answer.json()["error"]


def test_the_page_lists_records(org: Org) -> None:
    org.lead(Email="ada@example.com")
    assert "text/html" in requests.get(f"{org.url}/_sim/", timeout=10).headers["content-type"]
    found = org.seen("records?object=Lead&limit=5")
    assert (found["total"], found["records"][0]["properties"]["Email"]) == (1, "ada@example.com")
