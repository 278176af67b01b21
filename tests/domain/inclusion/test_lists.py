"""Lists that refer to lists, lists that only HubSpot can answer, and lists that are refused."""

from typing import Any

import pytest

from domain.inclusion import ListError, compile_list
from tests.domain.inclusion.builders import (
    FORM,
    Json,
    a_list,
    all_of,
    any_of,
    constant,
    contact_schema,
    explain,
    in_list,
    only,
    prop,
)

RED = prop("colour", "ENUMERATION", "IS_ANY_OF", values=["red"])


@pytest.mark.parametrize("processing", ["MANUAL", "SNAPSHOT"])
@pytest.mark.rule(23)
def test_only_an_active_list_is_accepted(processing: str) -> None:
    with pytest.raises(ListError, match=rf"VIPs.*not active.*{processing}"):
        compile_list(a_list(all_of(RED), name="VIPs", processing=processing), schema=None)


@pytest.mark.parametrize(
    "tree",
    [
        None,
        {},
        {"filterBranchType": "OR", "filterBranches": ["x"]},
        {"filterBranchType": "AND", "filters": [{}]},
    ],
    ids=["no tree", "empty", "no branch", "no filter type"],
)
def test_what_is_no_filter_tree_is_refused(tree: Any) -> None:
    with pytest.raises(ListError, match="Odd"):
        compile_list({"listId": "1", "name": "Odd", "filterBranch": tree}, schema=None)


def test_a_list_refers_to_another_by_its_filters() -> None:
    """List filters: IN_LIST."""
    lists = {"2": a_list(all_of(RED), list_id="2", name="Reds")}
    inside, outside = only(in_list("2"), lists=lists), only(in_list("2", "NOT_IN_LIST"), lists=lists)
    assert inside.remote is outside.remote is None
    assert inside.properties == {"colour"}
    for value, member in (("red", True), ("blue", False)):
        assert explain(inside, {"colour": value}).member is member
        assert explain(outside, {"colour": value}).member is not member
    assert explain(outside, {}).member is None
    assert explain(inside, {}).unknown == ("colour",)


@pytest.mark.parametrize("processing", ["MANUAL", "SNAPSHOT", None])
def test_a_list_without_own_filters_is_asked_about(processing: str | None) -> None:
    lists = {"2": a_list(all_of(RED), list_id="2", name="Fair", processing=processing)} if processing else {}
    compiled = only(RED, in_list("2"), lists=lists)
    assert compiled.remote == (
        "is a member of list Fair: is not an active list"
        if processing
        else "is a member of list 2: has no definition here"
    )
    assert compiled.asks == {"2"}
    assert explain(compiled, {"colour": "red"}).asks == ("2",)
    assert explain(compiled, {"colour": "red"}, memberships={"2": True}).member is True
    assert explain(compiled, {"colour": "red"}, memberships={"2": False}).member is False
    assert explain(compiled, {"colour": "blue"}).member is False


def test_not_being_in_a_list_turns_its_membership_around() -> None:
    compiled = only(in_list("2", "NOT_IN_LIST"))
    assert explain(compiled, memberships={"2": False}).member is True
    assert explain(compiled, memberships={"2": True}).member is False


def test_a_list_that_refers_back_to_itself_is_remote() -> None:
    lists = {
        "2": a_list(all_of(in_list("3")), list_id="2", name="Two"),
        "3": a_list(all_of(in_list("1"), RED), list_id="3", name="Three"),
    }
    compiled = compile_list(a_list(all_of(in_list("2"))), schema=None, lists=lists)
    assert compiled.remote == "is a member of list 1: refers back to itself: 1 → 2 → 3 → 1"
    assert explain(compiled, {"colour": "blue"}).member is False
    assert explain(compiled, {"colour": "red"}, memberships={"1": True}).member is True


def test_two_branches_may_refer_to_the_same_list() -> None:
    lists = {"2": a_list(all_of(RED), list_id="2")}
    compiled = compile_list(a_list(all_of(in_list("2")), all_of(in_list("2"))), schema=None, lists=lists)
    assert compiled.remote is None


HISTORY = [
    ("STRING", "HAS_EVER_BEEN_EQUAL_TO", {"value": "x"}),
    ("STRING", "HAS_NEVER_BEEN_EQUAL_TO", {"value": "x"}),
    ("STRING", "HAS_EVER_CONTAINED", {"value": "x"}),
    ("STRING", "HAS_NEVER_CONTAINED", {"value": "x"}),
    ("NUMBER", "HAS_EVER_BEEN_EQUAL_TO", {"value": 1}),
    ("NUMBER", "HAS_NEVER_BEEN_EQUAL_TO", {"value": 1}),
    ("BOOL", "HAS_EVER_BEEN_EQUAL_TO", {"value": True}),
    ("BOOL", "HAS_NEVER_BEEN_EQUAL_TO", {"value": True}),
    ("ENUMERATION", "HAS_EVER_BEEN_ANY_OF", {"values": ["x"]}),
    ("ENUMERATION", "HAS_NEVER_BEEN_ANY_OF", {"values": ["x"]}),
    ("ENUMERATION", "HAS_EVER_BEEN_EXACTLY", {"values": ["x"]}),
    ("ENUMERATION", "HAS_NEVER_BEEN_EXACTLY", {"values": ["x"]}),
    ("ENUMERATION", "HAS_EVER_CONTAINED_ALL", {"values": ["x"]}),
    ("ENUMERATION", "HAS_NEVER_CONTAINED_ALL", {"values": ["x"]}),
]


@pytest.mark.parametrize(("kind", "operator", "operands"), HISTORY, ids=str)
def test_past_values_make_a_list_remote(kind: str, operator: str, operands: Json) -> None:
    """List filters: Property filter operations, the historical operators."""
    compiled = only(prop("field", kind, operator, **operands))
    assert compiled.remote is not None
    assert compiled.remote.endswith("asks for past values")


FISCAL_POINT = {
    "timeType": "INDEXED",
    "indexReference": {"referenceType": "FISCAL_YEAR", "month": 1, "day": 1},
}
REMOTE = [
    (FORM, "form submission filter: asks for more than the record"),
    ({"filterType": "UNIFIED_EVENTS"}, "unified events filter: asks for more than the record"),
    (
        {**in_list("2"), "metadata": {"id": "5", "inListType": "WORKFLOWS_ACTIVE"}},
        "in workflow or import: asks for a workflow or an import",
    ),
    (prop("shoe_size", "NUMBER", "IS_EQUAL_TO", value=4), "the property shoe_size cannot be read"),
    (
        prop("createdate", "COMPARATIVE_DATE", "IS_AFTER", comparisonPropertyName="shoe_size"),
        "the property shoe_size cannot be read",
    ),
    (
        prop("email", "string-comparative", "IS_EQUAL_TO", comparisonPropertyName="shoe_size"),
        "the property shoe_size cannot be read",
    ),
    (prop("email", "STRING", "SOUNDS_LIKE", value="x"), "the operator SOUNDS_LIKE is not known"),
    (prop("email", "ALL_PROPERTY", "IS_RIPE"), "the operator IS_RIPE is not known"),
    (prop("email", "SMELL", "IS_EQUAL_TO", value="x"), "the operation type SMELL is not known"),
    (prop("email", "STRING", "CONTAINS"), "its operands are not understood"),
    (prop("email", "NUMBER", "IS_EQUAL_TO", value="many"), "many is not a number"),
    (
        prop("createdate", "DATE", "IS_EQUAL_TO", year=2026, month="MAR", day=40),
        "its operands are not understood",
    ),
    (
        prop("createdate", "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_AGO", numberOfDays=10**9),
        "its operands are not understood",
    ),
    (prop("createdate", "TIME_POINT", "IS_AFTER", timePoint=FISCAL_POINT), "fiscal year is not known"),
    (
        prop("createdate", "TIME_POINT", "IS_AFTER", timePoint={"timeType": "SIDEREAL"}),
        "the time type SIDEREAL is not known",
    ),
    (
        prop(
            "createdate",
            "TIME_POINT",
            "IS_AFTER",
            timePoint={"timeType": "INDEXED", "indexReference": {"referenceType": "EASTER"}},
        ),
        "the reference EASTER is not known",
    ),
    (
        prop(
            "createdate",
            "TIME_POINT",
            "IS_AFTER",
            timePoint={
                "timeType": "INDEXED",
                "zoneId": "Mars/Olympus",
                "indexReference": {"referenceType": "NOW"},
            },
        ),
        "its operands are not understood",
    ),
]


@pytest.mark.parametrize(("each", "reason"), REMOTE, ids=[reason for _, reason in REMOTE])
def test_what_cannot_be_answered_makes_the_list_remote_and_says_why(each: Json, reason: str) -> None:
    compiled = compile_list(a_list(all_of(each)), schema=contact_schema())
    assert compiled.remote is not None
    assert compiled.remote.endswith(reason)
    assert explain(compiled).asks == ("1",)
    assert explain(compiled, memberships={"1": True}).member is True
    assert explain(compiled, memberships={"1": False}).member is False


@pytest.mark.parametrize("kind", ["ASSOCIATION", "UNIFIED_EVENTS", "NOT_ALL", "NOT_ANY", "RESTRICTED"])
def test_special_branches_make_the_list_remote(kind: str) -> None:
    """List filters: UNIFIED_EVENTS and ASSOCIATION filter branches."""
    branch = {"filterBranchType": kind, "filters": [RED], "filterBranches": []}
    compiled = compile_list(a_list(all_of(RED, branches=(branch,))), schema=None)
    assert compiled.remote is not None
    assert explain(compiled, {"colour": "blue"}).member is False
    assert explain(compiled, {"colour": "red"}).member is None


def test_hubspots_word_does_not_overrule_what_the_values_decide() -> None:
    """The values may be newer than HubSpot's last computation of the list."""
    compiled = only(RED, FORM)
    assert explain(compiled, {"colour": "blue"}, memberships={"1": True}).member is False


def test_hubspots_word_does_not_stand_in_for_a_property_that_can_be_read() -> None:
    assert explain(only(RED), {}, memberships={"1": True}).member is None


def test_a_remote_list_inside_another_is_the_one_to_ask_about() -> None:
    lists = {"2": a_list(all_of(FORM), list_id="2", name="Guests")}
    compiled = only(RED, in_list("2"), lists=lists)
    assert compiled.asks == {"2"}
    assert explain(compiled, {"colour": "red"}).asks == ("2",)
    assert explain(compiled, {"colour": "red"}, memberships={"2": True}).member is True


def test_a_membership_stands_in_for_an_unknown_time_of_change() -> None:
    compiled = only(prop("colour", "ROLLING_PROPERTY_UPDATED", "UPDATED_IN_LAST_X_DAYS", numberOfDays=1))
    assert compiled.remote is None
    assert explain(compiled, {"colour": "red"}, memberships={"1": True}).member is True


def test_a_group_without_filters_accepts_all_and_a_list_without_groups_none() -> None:
    """List filters: AND filter branch may have zero filters."""
    assert explain(compile_list(a_list(all_of()), schema=None)).member is True
    assert explain(compile_list(a_list(), schema=None)).member is False


def test_a_constant_needs_nothing() -> None:
    assert explain(only(constant(accept=True))).member is True
    assert explain(only(constant(accept=False))).member is False


def test_branches_nest() -> None:
    nested = all_of(branches=(any_of(all_of(RED), all_of(constant(accept=False))),))
    assert explain(compile_list(a_list(nested), schema=None), {"colour": "red"}).member is True
