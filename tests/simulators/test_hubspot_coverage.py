"""Every route that the official client calls for a contact sync is served, on all its paths."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

from simulators.hubspot import HubSpot
from simulators.hubspot.gate import Gate
from tests.simulators.hubspot_client import Crm, ok, serving

NAMESPACES = (
    "crm.contacts",
    "crm.companies",
    "crm.deals",
    "crm.objects",
    "crm.associations",
    "crm.associations.v4",
    "crm.properties",
    "crm.owners",
    "crm.lists",
    "crm.imports",
    "oauth",
    "webhooks",
)
NOT_SERVED = {("POST", "/crm/v4/associations/usage/high-usage-report/{userId}")}
CALL = re.compile(r'call_api\(\s*"([^"]+)",\s*"(\w+)"')


def routes_of_the_client() -> Iterator[tuple[str, str]]:
    for namespace in NAMESPACES:
        package = importlib.import_module(f"hubspot.{namespace}.api")
        for module in pkgutil.iter_modules(package.__path__):
            source = inspect.getsource(importlib.import_module(f"{package.__name__}.{module.name}"))
            for path, method in CALL.findall(source):
                yield method, path


ROUTES = sorted(set(routes_of_the_client()))
GATE = Gate(HubSpot())


@pytest.fixture(scope="module")
def server() -> Iterator[Crm]:
    with serving() as crm:
        yield crm


@pytest.fixture
def crm(server: Crm) -> Iterator[Crm]:
    yield server.fresh()
    assert server.simulator.violations == []


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method}-{path}" for method, path in ROUTES])
def test_a_route_of_the_client_is_served(method: str, path: str) -> None:
    assert GATE.serves(method, path) is ((method, path) not in NOT_SERVED)


def test_generic_objects_answer_as_mapped(crm: Crm) -> None:
    api, ada = crm.client.crm.objects, crm.contact("ada@example.com")
    assert ok(api.basic_api, "update", "contacts", ada, {"properties": {"city": "Graz"}}).id == ada
    assert len(ok(api.basic_api, "get_page", "0-1").results) == 1
    made = ok(api.batch_api, "create", "deals", {"inputs": [{"properties": {"dealname": "Big"}}]}).results[0]
    row = {"id": made.id}
    assert ok(api.batch_api, "read", "deals", {"inputs": [row], "properties": []}).results[0].id == made.id
    change = {"inputs": [{**row, "properties": {"amount": "3"}}]}
    assert ok(api.batch_api, "update", "deals", change).results[0].properties["amount"] == "3"
    by_email = {"id": "b@example.com", "idProperty": "email", "properties": {}}
    assert ok(api.batch_api, "upsert", "contacts", {"inputs": [by_email]}).results[0].new
    assert ok(api.search_api, "do_search", "deals", {}).total == 1
    ok(api.batch_api, "archive", "deals", {"inputs": [row]})
    ok(api.basic_api, "archive", "contacts", ada)


def test_companies_and_deals_merge_as_mapped(crm: Crm) -> None:
    for kind, name in (("companies", "name"), ("deals", "dealname")):
        api = getattr(crm.client.crm, kind).basic_api
        kept, gone = (api.create({"properties": {name: word}}).id for word in ("One", "Two"))
        merged = ok(api, "merge", {"primaryObjectId": kept, "objectIdToMerge": gone})
        assert api.get_by_id(gone).id == merged.id


@pytest.mark.parametrize(("kind", "name"), [("companies", "name"), ("deals", "dealname")], ids=str)
def test_batches_create_and_upsert_as_mapped(crm: Crm, kind: str, name: str) -> None:
    group = {"companies": "companyinformation", "deals": "dealinformation"}[kind]
    key = {"name": "number", "label": "Number", "type": "string", "fieldType": "text", "groupName": group}
    crm.client.crm.properties.core_api.create(kind, {**key, "hasUniqueValue": True})
    api = getattr(crm.client.crm, kind).batch_api
    made = ok(api, "create", {"inputs": [{"properties": {name: "One", "number": "1"}}]}).results[0]
    again = {"id": "1", "idProperty": "number", "properties": {name: "Uno"}}
    changed = ok(api, "upsert", {"inputs": [again]}).results[0]
    assert (changed.id, changed.new, changed.properties[name]) == (made.id, False, "Uno")


def test_associations_v3_answer_as_mapped(crm: Crm) -> None:
    company = crm.client.crm.companies.basic_api.create({"properties": {"name": "Acme"}}).id
    ada, api = crm.contact("ada@example.com"), crm.client.crm.associations.batch_api
    ends = {"from": {"id": ada}, "to": {"id": company}, "type": "contact_to_company"}
    ok(api, "create", "contacts", "companies", {"inputs": [ends]})
    found = ok(api, "read", "contacts", "companies", {"inputs": [{"id": ada}]}).results[0].to
    assert [(entry.id, entry.type) for entry in found] == [
        (company, "contact_to_company"),
        (company, "contact_to_company_unlabeled"),
    ]
    unlabelled = {**ends, "type": "contact_to_company_unlabeled"}
    ok(api, "archive", "contacts", "companies", {"inputs": [ends, unlabelled]})
    assert ok(api, "read", "contacts", "companies", {"inputs": [{"id": ada}]}).num_errors == 1


OLD = [
    "/properties/v1/deals/properties",
    "/properties/v2/company/properties",
    "/companies/v2/properties",
]


@pytest.mark.parametrize("path", OLD)
def test_old_property_lists_are_bare_arrays(crm: Crm, path: str) -> None:
    names = {entry["name"] for entry in crm.http("GET", path).json()}
    assert "hs_lastmodifieddate" in names


def test_companies_of_v2_come_with_the_sources_of_their_values(crm: Crm) -> None:
    api = crm.client.crm.companies.basic_api
    first, second = (api.create({"properties": {"name": word}}).id for word in ("One", "Two"))
    asked = "limit=1&properties=name&properties=hs_lastmodifieddate"
    page = crm.http("GET", f"/companies/v2/companies/paged?{asked}").json()
    assert ([row["companyId"] for row in page["companies"]], page["has-more"]) == ([int(first)], True)
    assert page["companies"][0]["properties"]["hs_lastmodifieddate"]["timestamp"] > 0
    rest = crm.http("GET", f"/companies/v2/companies/paged?{asked}&offset={page['offset']}").json()
    assert ([row["companyId"] for row in rest["companies"]], rest["has-more"]) == ([int(second)], False)
    name = crm.http("GET", f"/companies/v2/companies/{second}").json()["properties"]["name"]
    assert (name["value"], name["source"]) == ("Two", "INTEGRATION")
    assert crm.http("GET", "/companies/v2/companies/1").status_code == 404


def test_deals_of_v1_name_their_associates(crm: Crm) -> None:
    deal = crm.client.crm.deals.basic_api.create({"properties": {"dealname": "Big", "amount": "3"}}).id
    ada = crm.contact("ada@example.com")
    crm.client.crm.associations.v4.basic_api.create_default("deals", deal, "contacts", ada)
    asked = "includeAssociations=true&includeAllProperties=true"
    page = crm.http("GET", f"/deals/v1/deal/paged?{asked}").json()
    (row,) = page["deals"]
    assert (row["dealId"], row["associations"]["associatedVids"]) == (int(deal), [int(ada)])
    assert (row["properties"]["amount"]["value"], page["hasMore"]) == ("3", False)


DATED = [
    "/crm/objects/{v}/contacts",
    "/crm/objects/{v}/0-1/{id}/associations/companies",
    "/crm/lists/{v}/records/0-1/{id}/memberships",
    "/crm/properties/{v}/contacts",
    "/crm/properties/{v}/contacts/groups",
    "/crm/owners/{v}",
    "/crm/imports/{v}",
    "/crm/associations/{v}/contacts/companies/labels",
    "/account-info/{v}/details",
    "/crm/pipelines/{v}/deals",
]


@pytest.mark.parametrize("version", ["2026-03", "2026-09"])
@pytest.mark.parametrize("path", DATED)
def test_a_dated_path_is_served(crm: Crm, path: str, version: str) -> None:
    record = crm.contact("ada@example.com")
    assert crm.http("GET", path.format(v=version, id=record)).status_code == 200
