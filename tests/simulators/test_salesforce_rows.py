"""Single records through the real client: shapes, codes and messages of the real API."""

from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

import pytest
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id

from tests.simulators.salesforce_client import DATA, EXTERNAL_ID, Org


def _refusal(act: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SalesforceError) as refused:
        act()
    content: Any = refused.value.content
    return refused.value.status, content[0]


def test_a_created_record_has_an_18_character_id_and_every_field(org: Org) -> None:
    created = org.sf.Contact.create({"FirstName": "Ada", "LastName": "Byron", "Email": "ada@example.com"})
    assert created == {"id": created["id"], "success": True, "errors": []}
    assert len(created["id"]) == 18
    record = org.sf.Contact.get(created["id"])
    assert record["attributes"] == {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{created['id']}"}
    assert (record["Name"], record["Phone"], record["DoNotCall"]) == ("Ada Byron", None, False)
    assert record["CreatedDate"].endswith(".000+0000")


def test_a_15_character_id_is_accepted(org: Org) -> None:
    contact = org.contact()
    assert org.sf.Contact.get(contact[:15])["Id"] == contact


def test_text_is_trimmed_and_a_blank_is_null(org: Org) -> None:
    contact = org.contact(FirstName="  Ada ", Title="   ", Phone="")
    record = org.sf.Contact.get(contact)
    assert (record["FirstName"], record["Title"], record["Phone"]) == ("Ada", None, None)


def test_null_clears_and_an_absent_field_stays(org: Org) -> None:
    contact = org.contact(Title="Countess", Phone="1")
    assert org.sf.Contact.update(contact, {"Title": None}) == 204
    record = org.sf.Contact.get(contact)
    assert (record["Title"], record["Phone"]) == (None, "1")


def test_an_update_that_changes_nothing_still_moves_the_stamp(org: Org) -> None:
    contact = org.contact(Title="Countess")
    org.advance(5)
    before = org.sf.Contact.get(contact)["SystemModstamp"]
    org.sf.Contact.update(contact, {"Title": "Countess"})
    assert org.sf.Contact.get(contact)["SystemModstamp"] > before
    assert org.seen("counters")["no_op_writes"] == 1


def test_a_deleted_record_is_gone_until_it_is_undeleted(org: Org) -> None:
    contact = org.contact()
    assert org.sf.Contact.delete(contact) == 204
    status, error = _refusal(lambda: org.sf.Contact.delete(contact))
    assert (status, error["errorCode"], error["message"]) == (404, "ENTITY_IS_DELETED", "entity is deleted")
    org.control("undelete", {"object": "Contact", "id": contact})
    assert org.sf.Contact.get(contact)["IsDeleted"] is False


def test_an_unknown_id_is_not_found(org: Org) -> None:
    status, error = _refusal(lambda: org.sf.Contact.get("0035e00000AbCdEAAV"))
    assert (status, error) == (
        404,
        {"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"},
    )


REFUSALS: list[Any] = [
    pytest.param(
        {"FirstName": "Ada"},
        "REQUIRED_FIELD_MISSING",
        "Required fields are missing: [LastName]",
        ["LastName"],
        id="required",
    ),
    pytest.param(
        {"LastName": "x" * 81},
        "STRING_TOO_LONG",
        f"Last Name: data value too large: {'x' * 81} (max length=80)",
        ["LastName"],
        id="too-long",
    ),
    pytest.param(
        {"LastName": "B", "Email": "foo@bar"},
        "INVALID_EMAIL_ADDRESS",
        "Email: invalid email address: foo@bar",
        ["Email"],
        id="e-mail",
    ),
    pytest.param(
        {"LastName": "B", "CleanStatus": "Xyz"},
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Clean Status: bad value for restricted picklist field: Xyz",
        ["CleanStatus"],
        id="picklist",
    ),
    pytest.param(
        {"LastName": "B", "Name": "Ada B"},
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "Unable to create/update fields: Name. Please check the security settings of this field and "
        "verify that it is "
        "read/write for your profile or permission set.",
        ["Name"],
        id="read-only",
    ),
    pytest.param(
        {"LastName": "B", "AccountId": "001900K0001pPuOAAU"},
        "MALFORMED_ID",
        "Account ID: id value of incorrect type: 001900K0001pPuOAAU",
        ["AccountId"],
        id="malformed-id",
    ),
    pytest.param(
        {"LastName": "B", "Foo__c": 1},
        "INVALID_FIELD",
        "No such column 'Foo__c' on sobject of type Contact",
        None,
        id="unknown-field",
    ),
    pytest.param(
        {"LastName": "B", "Birthdate": "x"},
        "JSON_PARSER_ERROR",
        "Cannot deserialize instance of date from VALUE_STRING value x or request may be missing a "
        "required field at "
        "[line:1, column:2]",
        None,
        id="date",
    ),
    pytest.param(
        {"LastName": 5},
        "JSON_PARSER_ERROR",
        "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5 or request may be missing a "
        "required "
        "field at [line:1, column:2]",
        None,
        id="number-for-text",
    ),
    pytest.param(
        {"LastName": "B", "DoNotCall": None},
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "Do Not Call: value not of required type: ",
        ["DoNotCall"],
        id="null-for-boolean",
    ),
]


@pytest.mark.parametrize(("body", "code", "message", "fields"), REFUSALS)
def test_a_bad_value_is_refused_in_the_real_words(
    org: Org, body: dict[str, Any], code: str, message: str, fields: list[str] | None
) -> None:
    expected = {"message": message, "errorCode": code}
    if fields is not None:
        expected |= {"fields": fields}  # type: ignore[dict-item]
    assert _refusal(lambda: org.sf.Contact.create(body)) == (400, expected)


def test_a_body_with_an_id_is_refused_on_update(org: Org) -> None:
    contact = org.contact()
    _, error = _refusal(lambda: org.sf.Contact.update(contact, {"Id": contact, "Title": "x"}))
    assert error == {
        "message": "The Id field should not be specified in the sobject data.",
        "errorCode": "INVALID_FIELD",
    }


def test_an_unrestricted_picklist_takes_any_value(org: Org) -> None:
    assert org.sf.Contact.get(org.contact(LeadSource="Carrier pigeon"))["LeadSource"] == "Carrier pigeon"


def test_upsert_creates_then_updates(org: Org) -> None:
    path = format_external_id(EXTERNAL_ID, "77")
    created = org.sf.Contact.upsert(path, {"LastName": "Byron"}, raw_response=True)
    assert (created.status_code, created.json()["created"]) == (201, True)
    updated = org.sf.Contact.upsert(path, {"LastName": "Lovelace"}, raw_response=True)
    assert (updated.status_code, updated.json()) == (200, {**created.json(), "created": False})
    assert org.sf.Contact.get_by_custom_id(EXTERNAL_ID, "77")["LastName"] == "Lovelace"


def test_an_old_version_answers_an_upsert_of_a_known_record_without_a_body(org: Org) -> None:
    org.contact(**{EXTERNAL_ID: "7"})
    answer = org.raw("PATCH", f"/services/data/v45.0/sobjects/Contact/{EXTERNAL_ID}/7", json={"Title": "x"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_update_only_never_creates(org: Org) -> None:
    with pytest.raises(SalesforceResourceNotFound):
        org.sf.Contact.upsert(f"{EXTERNAL_ID}/9?updateOnly=true", {"LastName": "Byron"})
    assert org.rows("SELECT Id FROM Contact") == []


def test_upsert_by_an_address_of_several_records_lists_them(org: Org) -> None:
    ids = {org.contact(Email="ada@example.com"), org.contact(Email="ADA@example.com")}
    with pytest.raises(SalesforceMoreThanOneRecord) as several:
        org.sf.Contact.upsert("Email/ada@example.com", {"LastName": "Byron"})
    urls: Any = several.value.content
    assert {url.rpartition("/")[2] for url in urls} == ids


def test_the_records_themselves_are_listed_on_demand(org: Org) -> None:
    org.set(several_matches="records")
    ids = {org.contact(Email="ada@example.com"), org.contact(Email="ada@example.com")}
    answer = org.raw("PATCH", f"{DATA}/sobjects/Contact/Email/ada@example.com", json={"Title": "Countess"})
    assert answer.status_code == 300
    assert {record["Id"] for record in answer.json()} == ids


def test_a_field_that_is_no_external_id_goes_unnamed_on_demand(org: Org) -> None:
    org.set(external_id_error_names_field=False)
    status, error = _refusal(lambda: org.sf.Contact.upsert("Title/x", {"LastName": "Byron"}))
    assert (status, error["message"]) == (404, "The requested resource does not exist")


def test_an_update_that_changes_nothing_leaves_the_stamp_on_demand(org: Org) -> None:
    org.set(noop_update_moves_dates=False)
    contact = org.contact(Title="Countess")
    before = org.sf.Contact.get(contact)
    org.advance(5)
    org.sf.Contact.update(contact, {"Title": "Countess"})
    assert org.sf.Contact.get(contact) == before
    assert org.seen("counters")["no_op_writes"] == 1


def test_upsert_by_a_field_that_is_no_external_id_is_not_found(org: Org) -> None:
    status, error = _refusal(lambda: org.sf.Contact.upsert("Title/x", {"LastName": "Byron"}))
    assert (status, error["message"]) == (
        404,
        "Provided external ID field does not exist or is not accessible: Title",
    )


def test_the_external_id_field_exists_only_once_it_is_provisioned(org: Org) -> None:
    org.control("reset", {})
    org.sf = org.client()
    with pytest.raises(SalesforceResourceNotFound):
        org.sf.Contact.upsert(f"{EXTERNAL_ID}/7", {"LastName": "Byron"})


def test_a_duplicate_external_id_names_the_other_record_by_its_short_id(org: Org) -> None:
    first = org.contact(**{EXTERNAL_ID: "7"})
    _, error = _refusal(lambda: org.contact(**{EXTERNAL_ID: "7"}))
    expected = f"duplicate value found: {EXTERNAL_ID} duplicates value on record with id: {first[:15]}"
    assert (error["errorCode"], error["message"]) == ("DUPLICATE_VALUE", expected)
    org.sf.Contact.delete(first)
    assert org.contact(**{EXTERNAL_ID: "7"})


def test_a_parent_is_named_by_its_external_id(org: Org) -> None:
    metadata = {"type": "Text", "label": "Number", "length": 20, "externalId": True}
    org.control("fields", {"FullName": "Account.Number__c", "Metadata": metadata})
    account = org.sf.Account.create({"Name": "Acme", "Number__c": "991"})["id"]
    contact = org.contact(Account={"Number__c": "991"})
    assert org.sf.Contact.get(contact)["AccountId"] == account
    _, error = _refusal(lambda: org.contact(Account={"Number__c": "0"}))
    assert error["message"] == "Foreign key external ID: 0 not found for field Number__c in entity Account"


def test_a_write_conditional_on_an_older_state_fails(org: Org) -> None:
    contact = org.contact()
    now = org.simulator.clock.now()
    earlier = {"If-Unmodified-Since": formatdate(now - 60, usegmt=True)}
    with pytest.raises(SalesforceGeneralError) as refused:
        org.sf.Contact.update(contact, {"Title": "x"}, headers=earlier)
    assert refused.value.status == 412
    later = {"If-Unmodified-Since": formatdate(now + 60, usegmt=True)}
    assert org.sf.Contact.update(contact, {"Title": "x"}, headers=later) == 204


def test_updated_and_deleted_list_ids_between_two_minutes(org: Org) -> None:
    kept, gone = org.contact(), org.contact()
    org.sf.Contact.delete(gone)
    org.advance(120)
    now = datetime.fromtimestamp(org.simulator.clock.now(), UTC)
    start, end = now - timedelta(minutes=10), now
    assert org.sf.Contact.updated(start, end)["ids"] == [kept]
    assert [row["id"] for row in org.sf.Contact.deleted(start, end)["deletedRecords"]] == [gone]
    with pytest.raises(SalesforceMalformedRequest):
        org.sf.Contact.updated(start - timedelta(days=31), end)


def test_deleting_an_account_takes_its_contacts_along(org: Org) -> None:
    account = org.sf.Account.create({"Name": "Acme"})["id"]
    contact = org.contact(AccountId=account)
    org.sf.Account.delete(account)
    assert org.rows("SELECT Id FROM Contact") == []
    org.control("undelete", {"object": "Account", "id": account})
    assert [row["Id"] for row in org.rows("SELECT Id FROM Contact")] == [contact]
