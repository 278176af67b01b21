"""sObject collections, composite, batch and graph through the client's `restful`."""

from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from tests.simulators.salesforce_client import DATA, EXTERNAL_ID, Json, Org, of

ROLLED_BACK = (
    "Record rolled back because not all records were valid and the request was using AllOrNone header"
)


def _collection(
    org: Org, method: str, records: list[Json], path: str = "", *, all_or_none: bool = False
) -> Any:
    body = {"allOrNone": all_or_none, "records": records}
    return org.sf.restful(f"composite/sobjects{path}", method=method, json=body)


def _upsert(org: Org, records: list[Json], **options: bool) -> Any:
    return _collection(org, "PATCH", records, f"/Contact/{EXTERNAL_ID}", **options)


def _count(org: Org, entity: str = "Contact") -> int:
    return int(org.sf.query(f"SELECT COUNT() FROM {entity}")["totalSize"])  # noqa: S608 - SOQL of the test's own


def test_each_row_succeeds_or_fails_on_its_own_and_in_order(org: Org) -> None:
    results = _collection(
        org, "POST", [of("Contact", LastName="Byron"), of("Contact"), of("Contact", LastName="Boole")]
    )
    assert [result["success"] for result in results] == [True, False, True]
    error = {
        "statusCode": "REQUIRED_FIELD_MISSING",
        "message": "Required fields are missing: [LastName]",
        "fields": ["LastName"],
    }
    assert results[1] == {"success": False, "errors": [error]}
    assert _count(org) == 2


def test_all_or_none_rolls_the_good_rows_back(org: Org) -> None:
    results = _collection(org, "POST", [of("Contact", LastName="Byron"), of("Contact")], all_or_none=True)
    assert [result["errors"][0]["statusCode"] for result in results] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert results[0]["errors"][0]["message"] == ROLLED_BACK
    assert _count(org) == 0


def test_update_names_records_by_id(org: Org) -> None:
    contact = org.contact()
    results = _collection(
        org,
        "PATCH",
        [of("Contact", id=contact, Title="x"), of("Contact", Id="0035e00000AbCdEAAV"), of("Contact")],
    )
    assert results[0] == {"id": contact, "success": True, "errors": []}
    assert [result["errors"][0]["statusCode"] for result in results[1:]] == [
        "INVALID_CROSS_REFERENCE_KEY",
        "MISSING_ARGUMENT",
    ]


def test_upsert_says_what_was_created(org: Org) -> None:
    known = org.contact(**{EXTERNAL_ID: "1"})
    results = _upsert(org, [of("Contact", **{EXTERNAL_ID: key, "LastName": "Boole"}) for key in ("1", "2")])
    assert [(result["success"], result["created"]) for result in results] == [(True, False), (True, True)]
    assert results[0]["id"] == known


def test_an_external_id_that_comes_twice_in_a_call_is_refused(org: Org) -> None:
    rows = [of("Contact", **{EXTERNAL_ID: "1", "LastName": name}) for name in ("Byron", "Boole")]
    codes = {result["errors"][0]["statusCode"] for result in _upsert(org, rows)}
    assert codes == {"DUPLICATE_VALUE"}
    org.set(repeated_external_id="DUPLICATE_EXTERNAL_ID")
    codes = {result["errors"][0]["statusCode"] for result in _upsert(org, rows)}
    assert codes == {"DUPLICATE_EXTERNAL_ID"}


def test_more_than_200_records_are_refused(org: Org) -> None:
    with pytest.raises(SalesforceMalformedRequest):
        _collection(org, "POST", [of("Contact", LastName="x")] * 201)


def test_more_than_ten_changes_of_type_are_refused(org: Org) -> None:
    pair = [of("Contact", LastName="x"), of("Account", Name="x")]
    assert all(result["success"] for result in _collection(org, "POST", pair * 5))
    with pytest.raises(SalesforceMalformedRequest):
        _collection(org, "POST", pair * 6)


def test_an_unknown_field_fails_the_call_or_its_row(org: Org) -> None:
    rows = [of("Contact", LastName="Byron"), of("Contact", LastName="Boole", Nope__c=1)]
    with pytest.raises(SalesforceMalformedRequest):
        _collection(org, "POST", rows)
    org.set(collections_parse_error="row")
    assert [result["success"] for result in _collection(org, "POST", rows)] == [True, False]


def test_an_unknown_key_of_the_envelope_is_refused_and_recorded(org: Org) -> None:
    body = {"allOrNone": False, "records": [of("Contact", LastName="x")], "dryRun": True}
    with pytest.raises(SalesforceMalformedRequest):
        org.sf.restful("composite/sobjects", method="POST", json=body)
    assert org.seen("violations")[0]["detail"] == "dryRun"


def test_delete_and_retrieve_take_ids(org: Org) -> None:
    first, second = org.contact(LastName="Byron"), org.contact(LastName="Boole")
    path = f"composite/sobjects?ids={first},{first}&allOrNone=false"
    results = org.sf.restful(path, method="DELETE")
    assert [result["success"] for result in results] == [True, False]
    body = {"ids": [first, second], "fields": ["LastName"]}
    found = org.sf.restful("composite/sobjects/Contact", method="POST", json=body)
    assert (found[0], found[1]["LastName"]) == (None, "Boole")
    same = org.sf.restful(f"composite/sobjects/Contact?ids={first},{second}&fields=LastName")
    assert same == found


def test_upsert_by_an_unknown_external_id_field_is_not_found(org: Org) -> None:
    with pytest.raises(SalesforceResourceNotFound):
        _collection(org, "PATCH", [of("Contact", LastName="x")], "/Contact/Nope__c")


def test_a_share_of_rows_cannot_be_locked(org: Org) -> None:
    org.control("faults", {"kind": "row_error", "share": 0.5, "times": 1})
    results = _collection(org, "POST", [of("Contact", LastName="x")] * 100)
    locked = [result for result in results if not result["success"]]
    assert 20 < len(locked) < 80
    assert {result["errors"][0]["statusCode"] for result in locked} == {"UNABLE_TO_LOCK_ROW"}
    assert _count(org) == 100 - len(locked)


def _composite(org: Org, parts: list[Json], *, all_or_none: bool = True) -> list[Json]:
    body = {"allOrNone": all_or_none, "compositeRequest": parts}
    found: list[Json] = org.sf.restful("composite", method="POST", json=body)["compositeResponse"]
    return found


def _part(reference: str, method: str, path: str, body: Json | None = None) -> Json:
    part = {"referenceId": reference, "method": method, "url": f"{DATA}/{path}"}
    return part | ({"body": body} if body is not None else {})


def test_a_later_call_refers_to_an_earlier_one(org: Org) -> None:
    parts = [
        _part("a", "POST", "sobjects/Account", {"Name": "Acme"}),
        _part("c", "POST", "sobjects/Contact", {"LastName": "Byron", "AccountId": "@{a.id}"}),
        _part("q", "GET", "query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{c.id}'"),
    ]
    answers = _composite(org, parts)
    assert [answer["httpStatusCode"] for answer in answers] == [201, 201, 200]
    assert answers[2]["body"]["records"][0]["Account"]["Name"] == "Acme"
    assert answers[0]["httpHeaders"] == {"Location": f"{DATA}/sobjects/Account/{answers[0]['body']['id']}"}


def test_a_composite_that_fails_is_rolled_back_whole(org: Org) -> None:
    parts = [
        _part("a", "POST", "sobjects/Account", {"Name": "Acme"}),
        _part("c", "POST", "sobjects/Contact", {"FirstName": "Ada"}),
    ]
    answers = _composite(org, parts)
    assert [answer["body"][0]["errorCode"] for answer in answers] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
    ]
    assert _count(org, "Account") == 0


def test_a_rolled_back_collection_still_says_that_its_rows_succeeded(org: Org) -> None:
    rows = {"allOrNone": False, "records": [of("Contact", LastName="x")]}
    parts = [_part("r", "POST", "composite/sobjects", rows), _part("c", "POST", "sobjects/Contact", {})]
    answers = _composite(org, parts)
    assert answers[0]["body"][0]["success"] is True
    assert _count(org) == 0


def test_a_composite_without_all_or_none_keeps_what_succeeded(org: Org) -> None:
    parts = [_part("a", "POST", "sobjects/Account", {"Name": "Acme"}), _part("b", "GET", "sobjects/Nope")]
    answers = _composite(org, parts, all_or_none=False)
    assert [answer["httpStatusCode"] for answer in answers] == [201, 404]
    assert _count(org, "Account") == 1


def test_a_composite_takes_25_calls_five_of_them_queries(org: Org) -> None:
    query = "query?q=SELECT+Id+FROM+Contact"
    with pytest.raises(SalesforceMalformedRequest):
        _composite(org, [_part(f"r{at}", "GET", "limits") for at in range(26)])
    with pytest.raises(SalesforceMalformedRequest):
        _composite(org, [_part(f"r{at}", "GET", query) for at in range(6)])


def test_batch_calls_are_independent(org: Org) -> None:
    requests = [
        {"method": "POST", "url": "v68.0/sobjects/Contact", "richInput": {"LastName": "Byron"}},
        {"method": "GET", "url": "v68.0/sobjects/Nope"},
    ]
    body = {"batchRequests": requests, "haltOnError": False}
    answer = org.sf.restful("composite/batch", method="POST", json=body)
    assert (answer["hasErrors"], [result["statusCode"] for result in answer["results"]]) == (True, [201, 404])


def test_each_graph_takes_effect_whole_or_not_at_all(org: Org) -> None:
    graphs = [
        {
            "graphId": "good",
            "compositeRequest": [_part("c", "POST", "sobjects/Contact", {"LastName": "Byron"})],
        },
        {
            "graphId": "bad",
            "compositeRequest": [
                _part("c", "POST", "sobjects/Contact", {"LastName": "Boole"}),
                _part("d", "POST", "sobjects/Contact", {}),
            ],
        },
    ]
    answer = org.sf.restful("composite/graph", method="POST", json={"graphs": graphs})
    assert [(one["graphId"], one["isSuccessful"]) for one in answer["graphs"]] == [
        ("good", True),
        ("bad", False),
    ]
    assert [row["LastName"] for row in org.rows("SELECT LastName FROM Contact")] == ["Byron"]
