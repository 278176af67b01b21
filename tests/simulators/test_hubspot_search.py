"""HubSpot's search: operators, limits, and an index that lags behind."""

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


def found(crm: Crm, *filters: dict[str, Any], **more: Any) -> list[str]:
    body = {"filterGroups": [{"filters": list(filters)}] if filters else [], **more}
    return [entry.id for entry in ok(crm.client.crm.contacts.search_api, "do_search", body).results]


def condition(name: str, operator: str, *values: str) -> dict[str, Any]:
    body: dict[str, Any] = {"propertyName": name, "operator": operator}
    if operator in {"IN", "NOT_IN"}:
        return {**body, "values": list(values)}
    if operator == "BETWEEN":
        return {**body, "value": values[0], "highValue": values[1]}
    return {**body, "value": values[0]} if values else body


# Three contacts: Ada in Graz with stage lead, Bob in Wien with stage customer, Cy without city or stage.
CONDITIONS = [
    (condition("city", "EQ", "graz"), "Ada"),
    (condition("city", "NEQ", "Graz"), "Bob Cy"),
    (condition("city", "IN", "graz", "wien"), "Ada Bob"),
    (condition("city", "NOT_IN", "graz"), "Bob Cy"),
    (condition("city", "HAS_PROPERTY"), "Ada Bob"),
    (condition("city", "NOT_HAS_PROPERTY"), "Cy"),
    (condition("email", "CONTAINS_TOKEN", "ada*"), "Ada"),
    (condition("email", "NOT_CONTAINS_TOKEN", "*@example.com"), ""),
    (condition("email", "EQ", "BOB@example.com"), "Bob"),
    (condition("closedate", "GT", "2026-01-15"), "Bob"),
    (condition("closedate", "LTE", "1768435200000"), "Ada"),
    (condition("closedate", "BETWEEN", "2026-01-01", "2026-12-31"), "Ada Bob"),
    (condition("closedate", "GTE", "2026-01-15T00:00:00Z"), "Ada Bob"),
    (condition("closedate", "LT", "2026-01-15"), ""),
]


@pytest.mark.parametrize(
    ("asked", "names"),
    CONDITIONS,
    ids=[f"{row[0]['propertyName']}-{row[0]['operator']}" for row in CONDITIONS],
)
def test_an_operator_finds(crm: Crm, asked: dict[str, Any], names: str) -> None:
    ids = {
        "Ada": crm.contact("ada@example.com", city="Graz", lifecyclestage="lead", closedate="2026-01-15"),
        "Bob": crm.contact("bob@example.com", city="Wien", lifecyclestage="customer", closedate="2026-06-01"),
        "Cy": crm.contact("cy@example.com"),
    }
    assert found(crm, asked) == [ids[name] for name in names.split()]


def test_groups_are_alternatives_of_conditions_that_hold_together(crm: Crm) -> None:
    ada = crm.contact("a@example.com", city="Graz", country="AT")
    crm.contact("b@example.com", city="Graz", country="US")
    bob = crm.contact("c@example.com", city="Wien")
    groups = [
        {"filters": [condition("city", "EQ", "Graz"), condition("country", "EQ", "AT")]},
        {"filters": [condition("city", "EQ", "Wien")]},
    ]
    answer = ok(crm.client.crm.contacts.search_api, "do_search", {"filterGroups": groups})
    assert [entry.id for entry in answer.results] == [ada, bob]


def test_free_text_looks_at_names_and_addresses(crm: Crm) -> None:
    ada = crm.contact("a@example.com", firstname="Ada", lastname="Okafor")
    crm.contact("b@example.com", jobtitle="Okafor's boss")
    assert found(crm, query="ada okaf") == [ada]


def test_sorting_and_keyset_paging(crm: Crm) -> None:
    ids = [crm.contact(f"p{n}@example.com") for n in range(4)]
    crm.simulator.clock.advance(1)
    crm.person_edits(ids[0], city="Graz")
    newest = {"propertyName": "lastmodifieddate", "direction": "DESCENDING"}
    assert found(crm, sorts=[newest])[0] == ids[0]
    rest = condition("hs_object_id", "GT", ids[1])
    ascending = {"propertyName": "hs_object_id", "direction": "ASCENDING"}
    assert found(crm, rest, sorts=[ascending], limit=1) == [ids[2]]
    since = crm.client.crm.contacts.basic_api.get_by_id(ids[0]).properties["lastmodifieddate"]
    assert found(crm, condition("lastmodifieddate", "GTE", since)) == [ids[0]]


def test_a_change_is_found_late_and_the_old_state_until_then(server: Crm) -> None:
    crm = server.fresh(search_index_lag=[10.0, 10.0])
    record_id = crm.contact("a@example.com", city="Graz")
    assert found(crm) == []
    crm.simulator.clock.advance(11)
    assert found(crm) == [record_id]
    crm.person_edits(record_id, city="Wien")
    assert found(crm, condition("city", "EQ", "Graz")) == [record_id]
    crm.simulator.clock.advance(11)
    assert found(crm, condition("city", "EQ", "Wien")) == [record_id]


def test_what_two_changes_in_one_moment_have_made_is_found_in_the_end(server: Crm) -> None:
    crm = server.fresh(search_index_lag=[0.0, 10.0])
    path = "/submissions/v3/integration/submit/44512002/form-1"  # stores the answers, then counts them
    emails = [f"p{n}@example.com" for n in range(20)]
    for email in emails:
        crm.http("POST", path, {"fields": [{"name": "email", "value": email}]}, token="")
    crm.simulator.clock.advance(11)
    assert len(found(crm, condition("num_conversion_events", "EQ", "1"), limit=100)) == len(emails)


def test_archived_records_are_not_found(crm: Crm) -> None:
    record_id = crm.contact("a@example.com")
    crm.client.crm.contacts.basic_api.archive(record_id)
    assert found(crm) == []


def test_an_offset_leads_through_the_pages(crm: Crm) -> None:
    for n in range(3):
        crm.contact(f"p{n}@example.com")
    api = crm.client.crm.contacts.search_api
    first = ok(api, "do_search", {"limit": 2})
    last = ok(api, "do_search", {"limit": 2, "after": first.paging.next.after})
    assert (first.total, first.paging.next.after, len(last.results), last.paging) == (3, "2", 1, None)


def test_filters_may_stand_without_a_group(crm: Crm) -> None:
    ada = crm.contact("ada@example.com", city="Graz")
    crm.contact("bob@example.com", city="Wien")
    asked = {"filters": [condition("city", "EQ", "graz")]}
    assert [entry["id"] for entry in _search(crm, asked).json()["results"]] == [ada]


def test_the_limit_of_length_is_not_for_the_list_of_properties_unless_set(crm: Crm) -> None:
    asked = {"properties": [f"some_property_{number}" for number in range(200)]}
    assert _search(crm, asked).status_code == 200
    crm.simulator.settings.search_limit_counts_properties = True
    assert _search(crm, asked).status_code == 400


def _search(crm: Crm, body: dict[str, Any]) -> Any:
    return crm.http("POST", "/crm/v3/objects/contacts/search", body)


LIMITS = [
    ({"limit": 201}, "page size"),
    ({"limit": 100, "after": "9950"}, "ten thousand results"),
    ({"filterGroups": [{"filters": [condition("city", "EQ", "x")]}] * 6}, "groups"),
    ({"filterGroups": [{"filters": [condition("city", "EQ", "x")] * 7}]}, "filters in a group"),
    ({"filterGroups": [{"filters": [condition("city", "EQ", "x")] * 5}] * 4}, "filters in all"),
    ({"query": "x" * 3000}, "length"),
    ({"sorts": [{"propertyName": "city"}, {"propertyName": "zip"}]}, "sorts"),
    ({"filterGroups": [{"filters": [condition("nonsense", "EQ", "x")]}]}, "unknown property"),
    ({"filterGroups": [{"filters": [condition("city", "LIKE", "x")]}]}, "unknown operator"),
    ({"filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ"}]}]}, "no value"),
]


@pytest.mark.parametrize(("body", "what"), LIMITS, ids=[row[1] for row in LIMITS])
def test_a_search_beyond_a_limit_is_refused(crm: Crm, body: dict[str, Any], what: str) -> None:
    assert refused(crm.client.crm.contacts.search_api, "do_search", body).status == 400, what


def test_records_are_found_by_their_association(crm: Crm) -> None:
    company = crm.client.crm.companies.basic_api.create({"properties": {"name": "Acme"}}).id
    ada, _ = crm.contact("a@example.com"), crm.contact("b@example.com")
    crm.client.crm.associations.v4.basic_api.create_default("contacts", ada, "companies", company)
    assert found(crm, condition("associations.company", "EQ", company)) == [ada]
