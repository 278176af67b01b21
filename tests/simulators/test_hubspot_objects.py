"""HubSpot's records, one at a time and in batches, through the official client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulators.hubspot_client import Crm, ok, refused, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Crm]:
    with serving() as crm:
        yield crm


@pytest.fixture
def crm(server: Crm) -> Iterator[Crm]:
    yield server.fresh()
    assert server.simulator.violations == []


def batch(crm: Crm, name: str, *rows: dict[str, Any]) -> Any:
    return ok(crm.client.crm.contacts.batch_api, name, {"inputs": list(rows)})


OBJECTS = [
    ("contacts", {"email": "ada@example.com"}, {"lastname": "Okafor"}),
    ("companies", {"name": "Acme", "domain": "acme.example.com"}, {"city": "Graz"}),
    ("deals", {"dealname": "Big", "dealstage": "contractsent"}, {"amount": "12"}),
]


@pytest.mark.parametrize(("kind", "properties", "change"), OBJECTS, ids=[row[0] for row in OBJECTS])
def test_every_method_of_a_namespace_answers_as_mapped(
    crm: Crm, kind: str, properties: dict[str, str], change: dict[str, str]
) -> None:
    api = getattr(crm.client.crm, kind)
    made = ok(api.basic_api, "create", {"properties": properties})
    row = {"id": made.id}
    assert ok(api.basic_api, "update", made.id, {"properties": change}).properties.items() >= change.items()
    asked = [*properties, *change]
    assert ok(api.basic_api, "get_by_id", made.id, properties=asked).properties.items() >= change.items()
    assert [entry.id for entry in ok(api.basic_api, "get_page", limit=10).results] == [made.id]
    assert ok(api.batch_api, "read", {"inputs": [row], "properties": [], "propertiesWithHistory": []}).results
    assert ok(api.batch_api, "update", {"inputs": [{**row, "properties": change}]}).results
    assert ok(api.search_api, "do_search", {"limit": 5}).total == 1
    ok(api.batch_api, "archive", {"inputs": [row]})
    ok(api.basic_api, "archive", made.id)
    assert [entry.id for entry in ok(api.basic_api, "get_page", archived=True).results] == [made.id]


def test_generic_objects_take_names_and_type_ids(crm: Crm) -> None:
    api = crm.client.crm.objects.basic_api
    made = ok(api, "create", "0-1", {"properties": {"email": "ada@example.com"}})
    assert ok(api, "get_by_id", "contacts", made.id).id == made.id


def test_an_email_is_lower_case_unique_and_an_address_of_the_record(crm: Crm) -> None:
    api = crm.client.crm.contacts.basic_api
    record_id = crm.contact("Ada@Example.COM")
    found = ok(api, "get_by_id", "ada@EXAMPLE.com", id_property="email")
    assert (found.id, found.properties["email"]) == (record_id, "ada@example.com")
    error = refused(api, "create", {"properties": {"email": "ADA@example.com"}})
    body = json.loads(error.body)
    assert (error.status, body["category"]) == (409, "CONFLICT")
    assert body["message"] == f"Contact already exists. Existing ID: {record_id}"


def test_asked_but_blank_is_null_and_asked_but_unknown_is_left_out(crm: Crm) -> None:
    record_id = crm.contact("ada@example.com")
    shown = ok(crm.client.crm.contacts.basic_api, "get_by_id", record_id, properties=["phone", "nonsense"])
    assert shown.properties["phone"] is None
    assert set(shown.properties) == {"phone", "createdate", "hs_object_id", "lastmodifieddate"}


def test_properties_may_come_comma_joined(crm: Crm) -> None:
    record_id = crm.contact("ada@example.com", phone="1", city="Graz")
    shown = crm.http("GET", f"/crm/v3/objects/contacts/{record_id}?properties=phone,city").json()
    assert (shown["properties"]["phone"], shown["properties"]["city"]) == ("1", "Graz")


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_dated_paths_answer_like_v3(crm: Crm, version: str) -> None:
    record_id = crm.contact("ada@example.com")
    path = "/crm/v3/objects/contacts" if version == "v3" else f"/crm/objects/{version}/contacts"
    assert crm.http("GET", f"{path}/{record_id}").json()["id"] == record_id


def test_only_the_newest_dated_path_enforces_validation_rules(server: Crm) -> None:
    crm = server.fresh(property_rules={"contacts": {"jobtitle": {"max_length": 4}}})
    record_id, body = crm.contact("ada@example.com"), {"properties": {"jobtitle": "Engineer"}}
    assert crm.http("PATCH", f"/crm/v3/objects/contacts/{record_id}", body).status_code == 200
    assert crm.http("PATCH", f"/crm/objects/2026-09/contacts/{record_id}", body).status_code == 400


VALUES = [
    ("nonsense", "x", "PROPERTY_DOESNT_EXIST"),
    ("email", "not-an-address", "INVALID_EMAIL"),
    ("lifecyclestage", "boss", "INVALID_OPTION"),
    ("closedate", "tomorrow", "INVALID_DATE"),
    ("createdate", "2026-01-01", "READ_ONLY_VALUE"),
    ("hs_email_domain", "example.com", "READ_ONLY_VALUE"),
]


@pytest.mark.parametrize(("name", "value", "code"), VALUES, ids=[f"{row[0]}-{row[2]}" for row in VALUES])
def test_a_value_that_is_not_valid_is_refused_with_its_code(
    crm: Crm, name: str, value: str, code: str
) -> None:
    record_id = crm.contact("ada@example.com")
    error = refused(crm.client.crm.contacts.basic_api, "update", record_id, {"properties": {name: value}})
    body = json.loads(error.body)
    assert (error.status, body["category"]) == (400, "VALIDATION_ERROR")
    assert body["errors"][0]["code"] == code
    embedded = json.loads(body["message"].removeprefix("Property values were not valid: "))
    assert (embedded[0]["name"], embedded[0]["error"]) == (name, code)


def test_history_names_each_value_with_its_source(crm: Crm) -> None:
    record_id = crm.contact("ada@example.com", lastname="Okafo")
    crm.person_edits(record_id, lastname="Okafor")
    shown = ok(
        crm.client.crm.contacts.basic_api, "get_by_id", record_id, properties_with_history=["lastname"]
    )
    versions = [(v.value, v.source_type, v.source_id) for v in shown.properties_with_history["lastname"]]
    assert versions == [("Okafor", "CRM_UI", "userId:7012345"), ("Okafo", "INTEGRATION", "1160452")]


def test_a_lifecycle_stage_only_moves_forward_unless_cleared(crm: Crm) -> None:
    api, record_id = (
        crm.client.crm.contacts.basic_api,
        crm.contact("ada@example.com", lifecyclestage="customer"),
    )
    assert (
        api.update(record_id, {"properties": {"lifecyclestage": "lead"}}).properties["lifecyclestage"]
        == "customer"
    )
    api.update(record_id, {"properties": {"lifecyclestage": ""}})
    assert (
        api.update(record_id, {"properties": {"lifecyclestage": "lead"}}).properties["lifecyclestage"]
        == "lead"
    )


def test_a_leading_semicolon_appends_to_a_multiple_choice(crm: Crm) -> None:
    choices = ["Not applicable", "Freely given consent from contact"]
    record_id = crm.contact("ada@example.com", hs_legal_basis=choices[0])
    api = crm.client.crm.contacts.basic_api
    shown = api.update(record_id, {"properties": {"hs_legal_basis": f";{choices[1]}"}})
    assert shown.properties["hs_legal_basis"] == ";".join(choices)


def test_paging_goes_by_id_to_the_last_page(crm: Crm) -> None:
    ids = [crm.contact(f"p{n}@example.com") for n in range(5)]
    api = crm.client.crm.contacts.basic_api
    first = ok(api, "get_page", limit=3)
    last = ok(api, "get_page", limit=3, after=first.paging.next.after)
    assert [entry.id for entry in first.results + last.results] == ids
    assert last.paging is None


def test_a_merge_makes_a_new_id_to_which_the_old_ones_lead(crm: Crm) -> None:
    kept, gone = crm.contact("a@example.com", city="Graz"), crm.contact("b@example.com", phone="1")
    api = crm.client.crm.contacts.basic_api
    merged = ok(api, "merge", {"primaryObjectId": kept, "objectIdToMerge": gone})
    assert merged.id not in {kept, gone}
    for key in (kept, gone, merged.id):
        shown = api.get_by_id(
            key, properties=["city", "phone", "hs_additional_emails", "hs_merged_object_ids"]
        )
        assert (shown.id, shown.properties["city"], shown.properties["phone"]) == (merged.id, "Graz", "1")
    assert shown.properties["hs_additional_emails"] == "b@example.com"
    assert set(shown.properties["hs_merged_object_ids"].split(";")) == {kept, gone}
    assert api.get_by_id("b@example.com", id_property="email").id == merged.id
    assert api.update(gone, {"properties": {"city": "Wien"}}).id == merged.id
    assert batch(crm, "update", {"id": gone, "properties": {"city": "Linz"}}).results == []


def test_a_merge_may_keep_the_primary_id(server: Crm) -> None:
    crm = server.fresh(merge_keeps_primary_id=True)
    kept, gone = crm.contact("a@example.com"), crm.contact("b@example.com")
    merged = crm.client.crm.contacts.basic_api.merge({"primaryObjectId": kept, "objectIdToMerge": gone})
    assert merged.id == kept


def test_gdpr_deletion_leaves_nothing_and_blocks_the_address(crm: Crm) -> None:
    record_id, api = crm.contact("ada@example.com"), crm.client.crm.contacts.basic_api
    ok(api, "purge", {"objectId": "ada@example.com", "idProperty": "email"})
    assert refused(api, "get_by_id", record_id).status == 404
    assert refused(api, "get_by_id", record_id, archived=True).status == 404
    assert refused(api, "create", {"properties": {"email": "ada@example.com"}}).status == 400


def test_a_path_id_that_is_no_number_says_so(crm: Crm) -> None:
    error = refused(crm.client.crm.contacts.basic_api, "get_by_id", "abc")
    assert (error.status, json.loads(error.body)["category"]) == (404, "OBJECT_NOT_FOUND")


def test_an_upsert_says_which_rows_are_new_and_keeps_no_order(crm: Crm) -> None:
    crm.contact("p3@example.com")
    rows = [
        {
            "id": f"p{n}@example.com",
            "idProperty": "email",
            "properties": {"city": "x"},
            "objectWriteTraceId": str(n),
        }
        for n in range(20)
    ]
    results = batch(crm, "upsert", *rows).results
    assert {entry.object_write_trace_id for entry in results if not entry.new} == {"3"}
    assert [entry.object_write_trace_id for entry in results] != [str(n) for n in range(20)]


def test_without_trace_ids_one_bad_row_spoils_the_batch(crm: Crm) -> None:
    rows: list[dict[str, Any]] = [
        {"properties": {"email": "a@example.com"}},
        {"properties": {"email": "bad"}},
    ]
    assert refused(crm.client.crm.contacts.batch_api, "create", {"inputs": rows}).status == 400
    assert crm.simulator.record_counts()["contacts"] == 0


def test_with_trace_ids_a_bad_row_fails_alone(crm: Crm) -> None:
    existing = crm.contact("taken@example.com")
    answer = batch(
        crm,
        "create",
        {"properties": {"email": "a@example.com"}, "objectWriteTraceId": "good"},
        {"properties": {"email": "taken@example.com"}, "objectWriteTraceId": "taken"},
        {"properties": {"nonsense": "1"}, "objectWriteTraceId": "bad"},
    )
    assert [entry.object_write_trace_id for entry in answer.results] == ["good"]
    by_trace = {error.context["objectWriteTraceId"][0]: error for error in answer.errors}
    assert by_trace["taken"].category == "CONFLICT"
    assert by_trace["taken"].context["existingId"] == [existing]
    assert by_trace["bad"].errors[0].code == "PROPERTY_DOESNT_EXIST"
    assert answer.num_errors == 2


def test_the_same_key_twice_is_refused_even_with_trace_ids(crm: Crm) -> None:
    rows: list[dict[str, Any]] = [
        {"id": email, "idProperty": "email", "properties": {}, "objectWriteTraceId": email}
        for email in ("ada@example.com", "Ada@Example.com")
    ]
    error = refused(crm.client.crm.contacts.batch_api, "upsert", {"inputs": rows})
    body = json.loads(error.body)
    assert (error.status, body["context"]) == (400, {"ids": ["ada@example.com"]})
    assert body["message"].startswith("Duplicate IDs found in batch input: [ada@example.com]")


def test_more_than_a_hundred_inputs_are_refused(crm: Crm) -> None:
    rows = [{"properties": {"email": f"p{n}@example.com"}} for n in range(101)]
    assert refused(crm.client.crm.contacts.batch_api, "create", {"inputs": rows}).status == 400


def test_a_batch_read_names_the_ids_it_did_not_find(crm: Crm) -> None:
    record_id = crm.contact("ada@example.com")
    body = {"inputs": [{"id": record_id}, {"id": "999"}], "properties": [], "propertiesWithHistory": []}
    answer = ok(crm.client.crm.contacts.batch_api, "read", body)
    assert [entry.id for entry in answer.results] == [record_id]
    assert (answer.num_errors, answer.errors[0].context) == (1, {"ids": ["999"]})


def test_a_custom_unique_property_addresses_records_and_cannot_repeat(crm: Crm) -> None:
    definition = {
        "name": "sf_id",
        "label": "Salesforce id",
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
        "hasUniqueValue": True,
    }
    ok(crm.client.crm.properties.core_api, "create", "contacts", definition)
    crm.contact("a@example.com", sf_id="003A")
    row = {"id": "003A", "idProperty": "sf_id", "properties": {"city": "Graz"}}
    assert not batch(crm, "upsert", row).results[0].new
    other = crm.contact("b@example.com")
    error = refused(crm.client.crm.contacts.basic_api, "update", other, {"properties": {"sf_id": "003A"}})
    assert json.loads(error.body)["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


def test_upsert_by_a_property_that_is_not_unique_is_refused(crm: Crm) -> None:
    row: dict[str, Any] = {"id": "x", "idProperty": "city", "properties": {}}
    error = refused(crm.client.crm.contacts.batch_api, "upsert", {"inputs": [row]})
    assert "Unable to perform update/upsert by non-unique 0-1 property city" in error.body


UNVERIFIED = [
    ({"email_conflict_on_update_status": 409}, 409),
    ({"email_conflict_on_update_status": 400}, 400),
]


@pytest.mark.parametrize(("settings", "status"), UNVERIFIED, ids=["409", "400"])
def test_an_email_taken_by_another_is_refused_as_switched(
    server: Crm, settings: dict[str, Any], status: int
) -> None:
    crm = server.fresh(**settings)
    crm.contact("a@example.com")
    other = crm.contact("b@example.com")
    change = {"properties": {"email": "a@example.com"}}
    assert refused(crm.client.crm.contacts.basic_api, "update", other, change).status == status


@pytest.mark.parametrize("bumps", [True, False])
def test_an_unchanged_write_moves_the_stamp_as_switched(server: Crm, bumps: bool) -> None:  # noqa: FBT001 - a table
    crm = server.fresh(noop_patch_bumps_stamp=bumps)
    record_id, api = crm.contact("a@example.com", city="Graz"), crm.client.crm.contacts.basic_api
    before = api.get_by_id(record_id).updated_at
    crm.simulator.clock.advance(60)
    api.update(record_id, {"properties": {"city": "Graz"}})
    assert (api.get_by_id(record_id).updated_at > before) is bumps
    assert crm.simulator.counters.no_op_writes == 1


def test_a_contact_needs_a_name_or_an_address(crm: Crm) -> None:
    error = refused(crm.client.crm.contacts.basic_api, "create", {"properties": {"city": "Graz"}})
    assert error.status == 400


def test_a_conflict_does_not_say_with_whom_on_demand(server: Crm) -> None:
    crm = server.fresh(conflict_names_id=False)
    crm.contact("ada@example.com")
    answer = crm.http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "ada@example.com"}})
    assert (answer.status_code, answer.json()["message"]) == (409, "Contact already exists.")
