"""HubSpot's lists: definitions, members, folders, and DYNAMIC lists that follow the records after a while."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulators.hubspot_client import Crm, ok, refused, serving

DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000  # 2026-11-18 in UTC, the simulated present of these tests


@pytest.fixture(scope="module")
def server() -> Iterator[Crm]:
    with serving() as crm:
        yield crm


@pytest.fixture
def crm(server: Crm) -> Iterator[Crm]:
    yield server.fresh()
    assert server.simulator.violations == []


def branch(*filters: dict[str, Any], nested: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    inner = {
        "filterBranchType": "AND",
        "filterBranchOperator": "AND",
        "filters": list(filters),
        "filterBranches": list(nested),
    }
    return {"filterBranchType": "OR", "filterBranchOperator": "OR", "filters": [], "filterBranches": [inner]}


def prop(name: str, kind: str, operator: str, **operands: Any) -> dict[str, Any]:
    operation = {"operationType": kind, "operator": operator, **operands}
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


def make_list(crm: Crm, name: str, kind: str = "MANUAL", **more: Any) -> str:
    body = {"name": name, "objectTypeId": "0-1", "processingType": kind, **more}
    return str(ok(crm.client.crm.lists.lists_api, "create", body).list.list_id)


def members(crm: Crm, list_id: str) -> list[str]:
    page = crm.http("GET", f"/crm/v3/lists/{list_id}/memberships").json()
    return [entry["recordId"] for entry in page["results"]]


def test_every_method_answers_as_mapped(crm: Crm) -> None:
    lists, folders = crm.client.crm.lists.lists_api, crm.client.crm.lists.folders_api
    memberships, mapping = crm.client.crm.lists.memberships_api, crm.client.crm.lists.mapping_api
    first, second = make_list(crm, "first"), make_list(crm, "second")
    record = crm.contact("a@example.com")
    assert [entry.list_id for entry in ok(lists, "get_all", list_ids=[first, second]).lists] == [
        first,
        second,
    ]
    assert ok(lists, "get_by_name", "first", "0-1").list.list_id == first
    assert ok(lists, "do_search", {"query": "SEC", "count": 10}).lists[0].list_id == second
    assert ok(lists, "update_name", first, list_name="renamed").updated_list.name == "renamed"
    assert ok(memberships, "add", first, [record]).records_ids_added == [record]
    ok(memberships, "add_all_from_list", second, first)
    assert ok(memberships, "get_page", second).total == 1
    assert ok(memberships, "get_page_ordered_by_added_to_list_date", second).results[0].record_id == record
    assert [entry.list_id for entry in ok(memberships, "get_lists", "0-1", record).results] == [first, second]
    ok(memberships, "remove_all", second)
    both = {"recordIdsToAdd": [], "recordIdsToRemove": [record]}
    assert ok(memberships, "add_and_remove", first, both).record_ids_removed == [record]
    assert ok(memberships, "remove", first, [record]).record_ids_removed == []
    folder = ok(folders, "create", {"name": "sync"}).folder.id
    ok(folders, "rename", folder, new_folder_name="synced")
    ok(folders, "move", folder, "0")
    ok(folders, "move_list", {"listId": first, "newFolderId": folder})
    assert ok(folders, "get_all", folder_id=folder).folder.child_lists == [int(first)]
    ok(folders, "move_list", {"listId": first, "newFolderId": "0"})
    ok(folders, "remove", folder)
    legacy = str(int(first) + 1000)
    assert ok(mapping, "translate_legacy_list_id_to_list_id", legacy_list_id=legacy).list_id == first
    assert ok(mapping, "translate_legacy_list_id_to_list_id_batch", ["1"]).missing_legacy_list_ids == ["1"]
    ok(lists, "remove", first)
    assert refused(lists, "get_by_id", first).status == 404
    ok(lists, "restore", first)
    assert ok(lists, "get_by_id", first).list.name == "renamed"


def test_adding_says_whom_it_added_and_whom_it_does_not_know(crm: Crm) -> None:
    list_id, record = make_list(crm, "manual"), crm.contact("a@example.com")
    body = crm.http("PUT", f"/crm/v3/lists/{list_id}/memberships/add", [record, "999"]).json()
    assert body == {"recordsIdsAdded": [record], "recordIdsRemoved": [], "recordIdsMissing": ["999"]}


def test_members_page_by_id_and_by_time_of_joining(crm: Crm) -> None:
    list_id = make_list(crm, "manual")
    ids = [crm.contact(f"p{n}@example.com") for n in range(3)]
    crm.http("PUT", f"/crm/v3/lists/{list_id}/memberships/add", ids[::-1])
    path = f"/crm/v3/lists/{list_id}/memberships"
    first = crm.http("GET", f"{path}?limit=2").json()
    last = crm.http("GET", f"{path}?limit=2&after={first['paging']['next']['after']}").json()
    assert [entry["recordId"] for entry in first["results"] + last["results"]] == ids
    joined = crm.http("GET", f"{path}/join-order").json()
    assert [entry["recordId"] for entry in joined["results"]] == ids[::-1]


def test_a_dynamic_list_is_processing_until_it_has_been_recomputed(server: Crm) -> None:
    crm = server.fresh(list_recompute_delay=[5.0, 5.0])
    record = crm.contact("a@example.com", city="Graz")
    in_graz = branch(prop("city", "STRING", "IS_EQUAL_TO", value="graz"))
    list_id = make_list(crm, "graz", "DYNAMIC", filterBranch=in_graz)
    lists = crm.client.crm.lists.lists_api
    assert (lists.get_by_id(list_id).list.processing_status, members(crm, list_id)) == ("PROCESSING", [])
    crm.simulator.clock.advance(6)
    assert (lists.get_by_id(list_id).list.processing_status, members(crm, list_id)) == ("COMPLETE", [record])
    crm.person_edits(record, city="Wien")
    assert members(crm, list_id) == [record]
    crm.simulator.clock.advance(6)
    assert members(crm, list_id) == []


def test_new_filters_recompute_a_dynamic_list(crm: Crm) -> None:
    crm.contact("a@example.com", city="Graz")
    bob = crm.contact("b@example.com", city="Wien")
    graz = branch(prop("city", "STRING", "IS_EQUAL_TO", value="graz"))
    list_id = make_list(crm, "town", "DYNAMIC", filterBranch=graz)
    wien = {"filterBranch": branch(prop("city", "STRING", "IS_EQUAL_TO", value="wien"))}
    ok(crm.client.crm.lists.lists_api, "update_list_filters", list_id, wien)
    assert members(crm, list_id) == [bob]
    assert (
        crm.http("GET", f"/crm/v3/lists/{list_id}?includeFilters=true").json()["list"]["filterBranch"]
        == wien["filterBranch"]
    )


def test_members_of_a_dynamic_list_cannot_be_written(crm: Crm) -> None:
    list_id = make_list(crm, "all", "DYNAMIC", filterBranch=branch(prop("email", "ALL_PROPERTY", "IS_KNOWN")))
    error = refused(crm.client.crm.lists.memberships_api, "add", list_id, [crm.contact("a@example.com")])
    assert (error.status, json.loads(error.body)["category"]) == (400, "VALIDATION_ERROR")


def test_a_snapshot_is_taken_once(crm: Crm) -> None:
    record = crm.contact("a@example.com")
    known = branch(prop("email", "ALL_PROPERTY", "IS_KNOWN"))
    list_id = make_list(crm, "then", "SNAPSHOT", filterBranch=known)
    crm.contact("b@example.com")
    assert members(crm, list_id) == [record]


def test_a_list_may_ask_for_members_of_another(crm: Crm) -> None:
    chosen = make_list(crm, "chosen")
    ada, bob = crm.contact("a@example.com"), crm.contact("b@example.com")
    others = branch({"filterType": "IN_LIST", "listId": chosen, "operator": "NOT_IN_LIST"})
    list_id = make_list(crm, "others", "DYNAMIC", filterBranch=others)
    assert members(crm, list_id) == [ada, bob]
    crm.http("PUT", f"/crm/v3/lists/{chosen}/memberships/add", [ada])
    assert members(crm, list_id) == [bob]


def test_a_list_may_ask_for_associated_records(crm: Crm) -> None:
    company = crm.client.crm.companies.basic_api.create({"properties": {"name": "Acme"}}).id
    ada, _ = crm.contact("a@example.com"), crm.contact("b@example.com")
    acme = {
        "filterBranchType": "ASSOCIATION",
        "filterBranchOperator": "AND",
        "objectTypeId": "0-2",
        "operator": "IN_LIST",
        "associationTypeId": 279,
        "associationCategory": "HUBSPOT_DEFINED",
        "filters": [prop("name", "STRING", "CONTAINS", value="acm")],
        "filterBranches": [],
    }
    list_id = make_list(crm, "acme", "DYNAMIC", filterBranch=branch(nested=(acme,)))
    crm.client.crm.associations.v4.basic_api.create_default("contacts", ada, "companies", company)
    assert members(crm, list_id) == [ada]


def test_a_merged_record_leaves_and_the_survivor_stays(crm: Crm) -> None:
    list_id = make_list(crm, "manual")
    kept, gone = crm.contact("a@example.com"), crm.contact("b@example.com")
    crm.http("PUT", f"/crm/v3/lists/{list_id}/memberships/add", [kept, gone])
    merged = crm.client.crm.contacts.basic_api.merge({"primaryObjectId": kept, "objectIdToMerge": gone})
    assert members(crm, list_id) == [merged.id]


def test_lists_of_many_records_in_one_call(crm: Crm) -> None:
    list_id, record = make_list(crm, "manual"), crm.contact("a@example.com")
    crm.http("PUT", f"/crm/v3/lists/{list_id}/memberships/add", [record])
    body = {"inputs": [{"objectTypeId": "0-1", "recordId": record}]}
    answer = crm.http("POST", "/crm/v3/lists/records/memberships/batch/read", body).json()
    assert [entry["listId"] for entry in answer["results"][0]["recordListMemberships"]] == [list_id]


def test_the_newest_lists_search_wants_ids_and_types(crm: Crm) -> None:
    assert crm.http("POST", "/crm/lists/2026-09/search", {"query": "x"}).status_code == 400
    assert crm.http("POST", "/crm/lists/2026-03/search", {"query": "x"}).status_code == 200
    make_list(crm, "one")
    assert len(crm.http("POST", "/crm/lists/2026-09/all", {}).json()["results"]) == 1


SORTS = [("HS_LIST_NAME", "a B c"), ("-HS_LIST_NAME", "c B a"), ("-HS_LIST_ID", "a c B"), (None, "B c a")]


@pytest.mark.parametrize(("key", "names"), SORTS, ids=[str(row[0]) for row in SORTS])
def test_a_lists_search_is_sorted(crm: Crm, key: str | None, names: str) -> None:
    for name in "Bca":
        make_list(crm, name)
    found = crm.http("POST", "/crm/v3/lists/search", {"sort": key} if key else {}).json()["lists"]
    assert [entry["name"] for entry in found] == names.split()


def test_a_dynamic_list_becomes_manual_on_its_day(crm: Crm) -> None:
    list_id = make_list(crm, "all", "DYNAMIC", filterBranch=branch(prop("email", "ALL_PROPERTY", "IS_KNOWN")))
    day = {"conversionType": "CONVERSION_DATE", "year": 2020, "month": 1, "day": 1}
    assert crm.http("PUT", f"/crm/v3/lists/{list_id}/schedule-conversion", day).status_code == 200
    assert crm.client.crm.lists.lists_api.get_by_id(list_id).list.processing_type == "MANUAL"


REFUSED = [
    ({"filterBranchType": "AND", "filters": [], "filterBranches": []}, "root is not OR"),
    ({"filterBranchType": "OR", "filters": [], "filterBranches": []}, "no AND branch"),
    ({**branch(), "filters": [prop("email", "ALL_PROPERTY", "IS_KNOWN")]}, "root has filters"),
    (branch(prop("nonsense", "ALL_PROPERTY", "IS_KNOWN")), "unknown property"),
    (branch(prop("city", "STRING", "SOUNDS_LIKE", value="x")), "unknown operator"),
    (branch(prop("city", "STRING", "IS_EQUAL_TO")), "no value"),
    (branch({"filterType": "EMAIL_EVENT"}), "filter that is not simulated"),
]


@pytest.mark.parametrize(("root", "what"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_filter_of_the_wrong_shape_is_refused(crm: Crm, root: dict[str, Any], what: str) -> None:
    body = {"name": "x", "objectTypeId": "0-1", "processingType": "DYNAMIC", "filterBranch": root}
    assert refused(crm.client.crm.lists.lists_api, "create", body).status == 400, what


def point(**fields: Any) -> dict[str, Any]:
    return {"timezoneSource": "CUSTOM", "zoneId": "UTC", **fields}


TODAY = point(timeType="INDEXED", indexReference={"referenceType": "TODAY"})
TOMORROW = {**TODAY, "offset": {"days": 1}}
CREATED = point(timeType="PROPERTY_REFERENCED", property="createdate", referenceType="VALUE")
FIXED = point(timeType="DATE", year=2026, month=11, day=1)
IN_LEGAL = ["Not applicable"]

# Ada: city was Graz, is "Upper Graz"; stage was lead, is customer; closes tomorrow; employs 7.
# Every row: the filter, whether Ada passes it, and whether a contact without any of these values does.
OPERATIONS = [
    (prop("city", "STRING", "IS_EQUAL_TO", value="UPPER GRAZ"), True, False),
    (prop("city", "STRING", "IS_NOT_EQUAL_TO", value="Graz"), True, False),
    (prop("city", "STRING", "IS_NOT_EQUAL_TO", value="Graz", includeObjectsWithNoValueSet=True), True, True),
    (prop("city", "STRING", "CONTAINS", value="graz"), True, False),
    (prop("city", "STRING", "DOES_NOT_CONTAIN", value="graz"), False, False),
    (prop("city", "STRING", "STARTS_WITH", value="upp"), True, False),
    (prop("city", "STRING", "ENDS_WITH", value="upp"), False, False),
    (prop("city", "STRING", "HAS_EVER_BEEN_EQUAL_TO", value="graz"), True, False),
    (prop("city", "STRING", "HAS_NEVER_BEEN_EQUAL_TO", value="wien"), True, False),
    (prop("city", "STRING", "HAS_EVER_CONTAINED", value="upper"), True, False),
    (prop("city", "STRING", "HAS_NEVER_CONTAINED", value="raz"), False, False),
    (prop("city", "MULTISTRING", "IS_EQUAL_TO", values=["wien", "upper graz"]), True, False),
    (prop("city", "MULTISTRING", "CONTAINS_EXACTLY", values=["graz"]), True, False),
    (prop("city", "MULTISTRING", "DOES_NOT_CONTAIN_EXACTLY", values=["gra"]), True, False),
    (prop("city", "ALL_PROPERTY", "IS_UNKNOWN"), False, True),
    (prop("num_employees", "NUMBER", "IS_EQUAL_TO", value=7), True, False),
    (prop("num_employees", "NUMBER", "IS_GREATER_THAN", value=7), False, False),
    (prop("num_employees", "NUMBER", "IS_GREATER_THAN_OR_EQUAL_TO", value=7), True, False),
    (prop("num_employees", "NUMBER", "IS_LESS_THAN", value=8.5), True, False),
    (prop("num_employees", "NUMBER", "HAS_EVER_BEEN_EQUAL_TO", value=6), False, False),
    (prop("num_employees", "NUMBER_RANGED", "IS_BETWEEN", lowerBound=7, upperBound=9), True, False),
    (prop("num_employees", "NUMBER_RANGED", "IS_NOT_BETWEEN", lowerBound=7, upperBound=9), False, False),
    (prop("is_vip", "BOOL", "IS_EQUAL_TO", value=True), True, False),
    (prop("is_vip", "BOOL", "IS_NOT_EQUAL_TO", value=True), False, False),
    (prop("is_vip", "BOOL", "HAS_NEVER_BEEN_EQUAL_TO", value=False), True, False),
    (prop("lifecyclestage", "ENUMERATION", "IS_ANY_OF", values=["customer", "other"]), True, False),
    (prop("lifecyclestage", "ENUMERATION", "IS_NONE_OF", values=["lead"]), True, False),
    (prop("lifecyclestage", "ENUMERATION", "HAS_EVER_BEEN_ANY_OF", values=["lead"]), True, False),
    (prop("lifecyclestage", "ENUMERATION", "HAS_NEVER_BEEN_ANY_OF", values=["other"]), True, False),
    (prop("hs_legal_basis", "ENUMERATION", "IS_EXACTLY", values=IN_LEGAL), True, False),
    (prop("hs_legal_basis", "ENUMERATION", "IS_NOT_EXACTLY", values=IN_LEGAL), False, False),
    (prop("hs_legal_basis", "ENUMERATION", "CONTAINS_ALL", values=[*IN_LEGAL, "x"]), False, False),
    (prop("hs_legal_basis", "ENUMERATION", "DOES_NOT_CONTAIN_ALL", values=[*IN_LEGAL, "x"]), True, False),
    (prop("hs_legal_basis", "ENUMERATION", "HAS_EVER_CONTAINED_ALL", values=IN_LEGAL), True, False),
    (prop("closedate", "DATETIME", "IS_AFTER", timestamp=NOW_MS), True, False),
    (prop("closedate", "DATETIME", "IS_BEFORE", timestamp=NOW_MS), False, False),
    (
        prop("closedate", "RANGED_DATE", "IS_BETWEEN", lowerBound=NOW_MS, upperBound=NOW_MS + 2 * DAY_MS),
        True,
        False,
    ),
    (prop("closedate", "DATE", "IS_EQUAL_TO", year=2026, month="NOVEMBER", day=19), True, False),
    (prop("closedate", "DATE", "IS_BEFORE", year=2026, month="11", day=19), False, False),
    (prop("closedate", "CALENDAR_DATE", "IN_THIS_TIME_UNIT", timeUnit="MONTH"), True, False),
    (prop("closedate", "CALENDAR_DATE", "IN_THIS_TIME_UNIT_SO_FAR", timeUnit="MONTH"), False, False),
    (prop("closedate", "CALENDAR_DATE", "IN_NEXT_TIME_UNIT", timeUnit="DAY", timeUnitCount=1), True, False),
    (prop("closedate", "CALENDAR_DATE", "IN_LAST_TIME_UNIT", timeUnit="YEAR", timeUnitCount=1), False, False),
    (prop("closedate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_FROM_NOW", numberOfDays=2), True, False),
    (prop("closedate", "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_FROM_NOW", numberOfDays=2), False, False),
    (prop("closedate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=2), False, False),
    (prop("city", "ROLLING_PROPERTY_UPDATED", "UPDATED_IN_LAST_X_DAYS", numberOfDays=1), True, False),
    (prop("city", "ROLLING_PROPERTY_UPDATED", "NOT_UPDATED_IN_LAST_X_DAYS", numberOfDays=1), False, False),
    (prop("closedate", "COMPARATIVE_DATE", "IS_AFTER", comparisonPropertyName="createdate"), True, False),
    (prop("city", "COMPARATIVE_PROPERTY_UPDATED", "IS_AFTER", comparisonPropertyName="is_vip"), True, False),
    (
        prop("closedate", "TIME_POINT", "IS_AFTER", timePoint=CREATED, endpointBehavior="EXCLUSIVE"),
        True,
        False,
    ),
    (
        prop("closedate", "TIME_POINT", "IS_BEFORE", timePoint=FIXED, endpointBehavior="INCLUSIVE"),
        False,
        False,
    ),
    (
        prop(
            "city",
            "TIME_POINT",
            "IS_AFTER",
            timePoint=TODAY,
            endpointBehavior="INCLUSIVE",
            propertyParser="UPDATED_AT",
        ),
        True,
        False,
    ),
    (
        prop(
            "closedate", "TIME_RANGED", "IS_BETWEEN", lowerBoundTimePoint=TODAY, upperBoundTimePoint=TOMORROW
        ),
        True,
        False,
    ),
]


@pytest.mark.parametrize(
    ("asked", "ada_passes", "blank_passes"),
    OPERATIONS,
    ids=[f"{n}-{row[0]['property']}-{row[0]['operation']['operator']}" for n, row in enumerate(OPERATIONS)],
)
def test_an_operation_of_a_property_filter(
    crm: Crm,
    asked: dict[str, Any],
    ada_passes: bool,  # noqa: FBT001 - a column of the table
    blank_passes: bool,  # noqa: FBT001 - as above
) -> None:
    crm.simulator.clock.advance(NOW_MS / 1000 - crm.simulator.clock.now())
    for name, kind, field in (("num_employees", "number", "number"), ("is_vip", "bool", "booleancheckbox")):
        definition = {"name": name, "label": name, "type": kind, "fieldType": field}
        body = {**definition, "groupName": "contactinformation"}
        crm.client.crm.properties.core_api.create("contacts", body)
    ada = crm.contact(
        "ada@example.com",
        city="Graz",
        lifecyclestage="lead",
        closedate="2026-11-19",
        num_employees="7",
        is_vip="true",
        hs_legal_basis="Not applicable",
    )
    crm.simulator.clock.advance(1)
    crm.person_edits(ada, city="Upper Graz", lifecyclestage="customer")
    blank = crm.contact("blank@example.com")
    list_id = make_list(crm, "x", "DYNAMIC", filterBranch=branch(asked))
    assert members(crm, list_id) == [ada] * ada_passes + [blank] * blank_passes
