"""HubSpot's properties, groups, owners, associations, account and pipelines through the official client."""

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


def definition(name: str, **more: Any) -> dict[str, Any]:
    plain = {"label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    return {"name": name, **plain, **more}


def test_every_method_of_properties_answers_as_mapped(crm: Crm) -> None:
    api, batches = crm.client.crm.properties.core_api, crm.client.crm.properties.batch_api
    assert ok(api, "create", "contacts", definition("colour")).name == "colour"
    assert ok(api, "update", "contacts", "colour", {"label": "Colour"}).label == "Colour"
    assert ok(api, "get_by_name", "contacts", "colour").label == "Colour"
    assert {"email", "colour"} <= {entry.name for entry in ok(api, "get_all", "contacts").results}
    assert ok(batches, "create", "contacts", {"inputs": [definition("size")]}).results[0].name == "size"
    both = {"archived": False, "inputs": [{"name": "size"}, {"name": "nonsense"}]}
    assert ok(batches, "read", "contacts", both).num_errors == 1
    ok(batches, "archive", "contacts", {"inputs": [{"name": "size"}]})
    ok(api, "archive", "contacts", "colour")
    assert refused(api, "get_by_name", "contacts", "colour").status == 404
    assert (
        refused(crm.client.crm.contacts.basic_api, "create", {"properties": {"colour": "red"}}).status == 400
    )


def test_every_method_of_property_groups_answers_as_mapped(crm: Crm) -> None:
    api = crm.client.crm.properties.groups_api
    ok(api, "create", "contacts", {"name": "sync", "label": "Sync"})
    assert ok(api, "update", "contacts", "sync", {"label": "Synced"}).label == "Synced"
    assert ok(api, "get_by_name", "contacts", "sync").display_order == -1
    assert [entry.name for entry in ok(api, "get_all", "contacts").results] == ["contactinformation", "sync"]
    ok(api, "archive", "contacts", "sync")


def test_a_definition_tells_what_may_be_written(crm: Crm) -> None:
    def writable(name: str) -> bool:
        shown = crm.http("GET", f"/crm/v3/properties/contacts/{name}").json()
        return not (shown["modificationMetadata"]["readOnlyValue"] or shown["calculated"])

    assert writable("city")
    assert not writable("createdate")
    assert not writable("hs_email_domain")


DEFINITIONS = [
    (definition("email"), 409, "a name that is taken"),
    (definition("Colour"), 400, "a name with capitals"),
    (definition("colour", fieldType="number"), 400, "a field type that does not fit"),
    (definition("colour", type="enumeration", fieldType="select"), 400, "no options"),
    (definition("colour", groupName="nonsense"), 400, "an unknown group"),
]


@pytest.mark.parametrize(("body", "status", "what"), DEFINITIONS, ids=[row[2] for row in DEFINITIONS])
def test_a_definition_is_refused_for(crm: Crm, body: dict[str, Any], status: int, what: str) -> None:
    assert refused(crm.client.crm.properties.core_api, "create", "contacts", body).status == status, what


def test_at_most_ten_properties_of_a_type_are_unique(crm: Crm) -> None:
    api = crm.client.crm.properties.core_api
    for n in range(10):
        api.create("contacts", definition(f"key_{n}", hasUniqueValue=True))
    assert refused(api, "create", "contacts", definition("key_10", hasUniqueValue=True)).status == 400


def test_new_options_are_accepted_as_values(crm: Crm) -> None:
    option = {"label": "Red", "value": "red", "displayOrder": 0, "hidden": False}
    body = definition("colour", type="enumeration", fieldType="select", options=[option])
    api = crm.client.crm.properties.core_api
    api.create("contacts", body)
    record = crm.contact("a@example.com", colour="red")
    contacts = crm.client.crm.contacts.basic_api
    assert refused(contacts, "update", record, {"properties": {"colour": "blue"}}).status == 400
    api.update("contacts", "colour", {"options": [option, {**option, "label": "Blue", "value": "blue"}]})
    assert contacts.update(record, {"properties": {"colour": "blue"}}).properties["colour"] == "blue"


FORMULAS = [
    ("amount * 2 - 1", "19"),
    ("max(amount, 12) / 8", "1.5"),
    ('concatenate(uppercase(city), ", ", country)', "GRAZ, AT"),
    ("amount > 9", "true"),
    ("amount + missing", ""),
    ("amount / 0", ""),
]


@pytest.mark.parametrize(("formula", "expected"), FORMULAS, ids=[row[0] for row in FORMULAS])
def test_a_calculated_property_follows_the_others(crm: Crm, formula: str, expected: str) -> None:
    api = crm.client.crm.properties.core_api
    for name in ("amount", "missing"):
        api.create("contacts", definition(name, type="number", fieldType="number"))
    derived = definition("derived", fieldType="calculation_equation", calculationFormula=formula)
    assert ok(api, "create", "contacts", derived).calculated
    record = crm.contact("a@example.com", city="Graz", country="AT")
    contacts = crm.client.crm.contacts.basic_api
    contacts.update(record, {"properties": {"amount": "10"}})
    assert (contacts.get_by_id(record, properties=["derived"]).properties["derived"] or "") == expected
    assert refused(contacts, "update", record, {"properties": {"derived": "1"}}).status == 400


def test_a_formula_that_is_not_understood_is_refused(crm: Crm) -> None:
    derived = definition("derived", fieldType="calculation_equation", calculationFormula="import os")
    assert refused(crm.client.crm.properties.core_api, "create", "contacts", derived).status == 400


def test_an_owner_must_exist(crm: Crm) -> None:
    api, record = crm.client.crm.contacts.basic_api, crm.contact("a@example.com")
    owner = crm.client.crm.owners.owners_api.get_page().results[0].id
    assert (
        api.update(record, {"properties": {"hubspot_owner_id": owner}}).properties["hubspot_owner_id"]
        == owner
    )
    assert refused(api, "update", record, {"properties": {"hubspot_owner_id": "7"}}).status == 400


def test_owners_by_page_address_and_user(crm: Crm) -> None:
    api = crm.client.crm.owners.owners_api
    first = ok(api, "get_page", limit=2)
    rest = ok(api, "get_page", limit=2, after=first.paging.next.after)
    assert len(first.results + rest.results) == 3
    one = first.results[0]
    assert ok(api, "get_page", email=one.email).results[0].id == one.id
    assert ok(api, "get_by_id", one.user_id, id_property="userId").id == one.id
    assert ok(api, "get_page", archived=True).results == []


def test_account_details_and_usage(crm: Crm) -> None:
    details = crm.client.api_request({"path": "/account-info/v3/details"}).json()
    assert (details["portalId"], details["timeZone"]) == (44512002, "Europe/Vienna")
    usage = crm.http("GET", "/account-info/2026-03/api-usage/daily/private-apps").json()["results"][0]
    assert (usage["currentUsage"], usage["usageLimit"]) == (2, 625000)


def test_every_method_of_associations_answers_as_mapped(crm: Crm) -> None:
    v4 = crm.client.crm.associations.v4
    company = crm.client.crm.companies.basic_api.create({"properties": {"name": "Acme"}}).id
    ada, bob = crm.contact("a@example.com"), crm.contact("b@example.com")
    primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    assert ok(v4.basic_api, "create", "contacts", ada, "companies", company, primary).labels == ["Primary"]
    page = ok(v4.basic_api, "get_page", "contacts", ada, "companies")
    assert [(kind.type_id, kind.label) for kind in page.results[0].association_types] == [
        (1, "Primary"),
        (279, None),
    ]
    ok(v4.basic_api, "create_default", "contacts", bob, "companies", company)
    ends = {"from": {"id": bob}, "to": {"id": company}}
    ok(v4.batch_api, "create", "contacts", "companies", {"inputs": [{**ends, "types": primary}]})
    ok(v4.batch_api, "create_default", "contacts", "companies", {"inputs": [ends]})
    asked = {"inputs": [{"id": ada}, {"id": bob}]}
    assert len(ok(v4.batch_api, "get_page", "contacts", "companies", asked).results) == 2
    ok(v4.batch_api, "archive_labels", "contacts", "companies", {"inputs": [{**ends, "types": primary}]})
    assert len(ok(v4.basic_api, "get_page", "contacts", bob, "companies").results[0].association_types) == 1
    ok(
        v4.batch_api,
        "archive",
        "contacts",
        "companies",
        {"inputs": [{"from": {"id": bob}, "to": [{"id": company}]}]},
    )
    assert ok(v4.batch_api, "get_page", "contacts", "companies", asked).num_errors == 1
    ok(v4.basic_api, "archive", "contacts", ada, "companies", company)
    assert ok(v4.basic_api, "get_page", "companies", company, "contacts").results == []
    assert ok(v4.schema.definitions_api, "get_all", "contacts", "companies").results[0].type_id == 279


def test_a_record_shows_its_associations_and_takes_them_at_creation(crm: Crm) -> None:
    company = crm.client.crm.companies.basic_api.create({"properties": {"name": "Acme"}}).id
    kinds = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    links = [{"to": {"id": company}, "types": kinds}]
    api = crm.client.crm.contacts.basic_api
    made = ok(api, "create", {"properties": {"email": "a@example.com"}, "associations": links})
    shown = ok(api, "get_by_id", made.id, associations=["companies"]).associations["companies"].results
    assert [(entry.id, entry.type) for entry in shown] == [
        (company, "contact_to_company"),
        (company, "contact_to_company_unlabeled"),
    ]


def test_a_primary_company_takes_the_place_of_another(crm: Crm) -> None:
    make = crm.client.crm.companies.basic_api.create
    old, new = (make({"properties": {"name": name}}).id for name in ("Old", "New"))
    ada, api = crm.contact("a@example.com"), crm.client.crm.associations.v4.basic_api
    primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    for company in (old, new):
        api.create("contacts", ada, "companies", company, primary)
    shown = api.get_page("contacts", ada, "companies").results
    labels = {str(entry.to_object_id): {kind.label for kind in entry.association_types} for entry in shown}
    assert labels == {old: {None}, new: {"Primary", None}}
    contact = crm.client.crm.contacts.basic_api.get_by_id(ada, properties=["associatedcompanyid"])
    assert contact.properties["associatedcompanyid"] == new
    company = crm.client.crm.companies.basic_api.get_by_id(old, properties=["num_associated_contacts"])
    assert company.properties["num_associated_contacts"] == "1"


def test_pipelines_and_schemas(crm: Crm) -> None:
    assert ok(crm.client.crm.pipelines.pipelines_api, "get_all", "deals").results[0].id == "default"
    assert len(ok(crm.client.crm.pipelines.pipeline_stages_api, "get_all", "deals", "default").results) == 7
    assert ok(crm.client.crm.schemas.core_api, "get_all").results == []


MISSING = [
    ("GET", "/crm/v3/nothing", None, "route"),
    ("PUT", "/crm/v3/objects/contacts", None, "method"),
    ("POST", "/crm/v3/objects/contacts", {"properties": {"city": "x"}, "nonsense": 1}, "body field"),
    ("POST", "/crm/v3/objects/contacts/search", {"filterGroups": ["x"]}, "malformed body"),
]


@pytest.mark.parametrize(("method", "path", "body", "what"), MISSING, ids=[row[3] for row in MISSING])
def test_what_the_api_does_not_know_is_refused_and_recorded(
    server: Crm, method: str, path: str, body: Any, what: str
) -> None:
    crm = server.fresh()
    assert crm.http(method, path, body).status_code in {400, 404, 405}
    assert [entry["what"] for entry in crm.http("GET", "/_sim/violations").json()] == [what]


def test_an_unknown_parameter_is_recorded_and_refused_on_demand(server: Crm) -> None:
    crm, path = server.fresh(), "/crm/v3/objects/contacts?colour=red"
    assert crm.http("GET", path).status_code == 200
    crm.simulator.settings.refuse_unknown_parameters = True
    assert crm.http("GET", path).status_code == 400
    assert [entry["detail"] for entry in crm.http("GET", "/_sim/violations").json()] == ["colour"] * 2


@pytest.mark.parametrize("name", ["calls", "line_item", "0-7", "leads"])
def test_further_types_are_served_empty(crm: Crm, name: str) -> None:
    assert crm.http("GET", f"/crm/v3/objects/{name}").json() == {"results": []}
    names = {entry["name"] for entry in crm.http("GET", f"/crm/v3/properties/{name}").json()["results"]}
    assert names > {"hs_object_id", "hs_lastmodifieddate", "hubspot_owner_id"}


def test_the_wrong_scope_is_named(server: Crm) -> None:
    token = {"pat-narrow": {"app_id": 7, "scopes": ["crm.lists.read"]}}
    crm = server.fresh(tokens=token)
    answer = crm.http("GET", "/crm/v3/objects/contacts", token="pat-narrow")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.contacts.read"]}
    assert (
        crm.http("GET", "/crm/v3/objects/contacts", token="nobody").json()["category"]
        == "INVALID_AUTHENTICATION"
    )
    assert json.loads(crm.http("GET", "/crm/v3/lists/", token="pat-narrow").text) == {"lists": []}
