"""What a verdict says to people."""

import pytest

from domain.inclusion import InclusionFilter, compile_list
from tests.domain.inclusion.builders import (
    FORM,
    Json,
    a_list,
    all_of,
    constant,
    contact_schema,
    explain,
    in_list,
    prop,
)
from tests.domain.inclusion.test_dates import from_, on, point, referenced, span

EMAIL = prop("email", "ALL_PROPERTY", "IS_KNOWN")
COUNTRY = prop("country", "ENUMERATION", "IS_ANY_OF", values=["AT", "DE"])
NO_BOTS = prop("email", "MULTISTRING", "DOES_NOT_CONTAIN", values=["bot", "test"])
REDS = a_list(all_of(prop("interests", "ENUMERATION", "IS_ANY_OF", values=["red"])), list_id="2", name="Reds")


def with_labels(*groups: Json) -> InclusionFilter:
    return compile_list(a_list(*groups), schema=contact_schema(), lists={"2": REDS})


def test_the_failing_filter_is_named_with_labels_value_and_place() -> None:
    verdict = explain(with_labels(all_of(EMAIL, COUNTRY)), {"email": "a@b.at", "country": "FR"})
    assert verdict.member is False
    assert verdict.leaf == "Country is any of Austria, Germany"
    assert (verdict.property, verdict.actual) == ("country", "FR")
    assert verdict.path == ("group 1", "filter 2")
    assert verdict.remedy == "set Country to one of Austria, Germany"


def test_all_failing_filters_of_a_group_belong_to_the_remedy() -> None:
    verdict = explain(with_labels(all_of(EMAIL, COUNTRY)), {"email": None, "country": "FR"})
    assert verdict.remedy == "set Email and set Country to one of Austria, Germany"


def test_the_group_that_lacks_least_is_explained() -> None:
    groups = (all_of(EMAIL, COUNTRY), all_of(prop("country", "ALL_PROPERTY", "IS_KNOWN"), COUNTRY))
    verdict = explain(with_labels(*groups), {"email": None, "country": "FR"})
    assert verdict.path == ("group 2", "filter 2")


def test_a_member_has_no_remedy_and_the_filter_that_decided() -> None:
    verdict = explain(with_labels(all_of(COUNTRY), all_of(EMAIL)), {"email": "a@b.at", "country": "FR"})
    assert (verdict.member, verdict.leaf, verdict.remedy) == (True, "Email is known", "")
    assert verdict.path == ("group 2", "filter 1")


def test_only_what_could_still_decide_must_be_read() -> None:
    compiled = with_labels(all_of(EMAIL, COUNTRY), all_of(in_list("2")))
    assert explain(compiled, {"email": None}).unknown == ("interests",)
    assert explain(compiled, {"email": "a@b.at"}).unknown == ("country", "interests")


def test_the_path_leads_through_other_lists() -> None:
    verdict = explain(with_labels(all_of(EMAIL, in_list("2"))), {"email": "a@b.at", "interests": "blue"})
    assert verdict.path == ("group 1", "filter 2", "list 2", "group 1", "filter 1")
    assert verdict.leaf == "Interests is any of red"


def test_a_list_to_stay_out_of_is_named_itself() -> None:
    verdict = explain(with_labels(all_of(in_list("2", "NOT_IN_LIST"))), {"interests": "red;blue"})
    assert (verdict.leaf, verdict.remedy) == ("is not a member of list Reds", "leave list Reds")
    assert (verdict.property, verdict.actual) == (None, None)


def test_a_list_to_stay_out_of_is_named_with_its_place() -> None:
    compiled = with_labels(all_of(EMAIL, in_list("2", "NOT_IN_LIST")))
    verdict = explain(compiled, {"email": "a@b.at", "interests": "red"})
    assert (verdict.member, verdict.path) == (False, ("group 1", "filter 2"))


@pytest.mark.parametrize(
    ("each", "words"),
    [
        (
            prop("email", "STRING", "SOUNDS_LIKE", value="x"),
            "Email sounds like: the operator SOUNDS_LIKE is not known",
        ),
        (
            prop("shoe_size", "NUMBER", "IS_EQUAL_TO", value=4),
            "shoe_size is equal to: the property shoe_size cannot be read",
        ),
        (prop("email", "STRING", "CONTAINS"), "Email contains: its operands are not understood"),
    ],
)
def test_a_filter_that_only_hubspot_can_answer_reads_as_in_its_editor(each: Json, words: str) -> None:
    assert with_labels(all_of(each)).remote == words


def test_hubspots_word_is_named_as_the_list_itself() -> None:
    verdict = explain(with_labels(all_of(FORM)), memberships={"1": False})
    assert (verdict.leaf, verdict.remedy) == ("is a member of list Sync", "join list Sync")


MAY = {"useFiscalYear": True, "fiscalYearStart": "MAY"}
TODAY_3 = from_("TODAY", offset={"days": -3})
WORDS = [
    (EMAIL, "Email is known", "set Email"),
    (prop("email", "ALL_PROPERTY", "IS_UNKNOWN"), "Email is unknown", "clear Email"),
    (
        prop("email", "STRING", "IS_EQUAL_TO", value="a@b.at"),
        "Email is equal to a@b.at",
        "set Email to a@b.at",
    ),
    (
        prop("email", "STRING", "IS_NOT_EQUAL_TO", value="a@b.at"),
        "Email is not equal to a@b.at",
        "set Email to something other than a@b.at",
    ),
    (
        NO_BOTS,
        "Email does not contain any of bot, test",
        "set Email so that it does not contain any of bot, test",
    ),
    (
        prop("country", "ENUMERATION", "IS_NONE_OF", values=["FR"]),
        "Country is none of France",
        "set Country to something other than France",
    ),
    (
        prop("interests", "ENUMERATION", "CONTAINS_ALL", values=["a", "b"]),
        "Interests contains all of a, b",
        "set Interests so that it contains all of a, b",
    ),
    (
        prop("size", "NUMBER", "IS_GREATER_THAN", value=1.5),
        "size is greater than 1.5",
        "set size so that it is greater than 1.5",
    ),
    (
        prop("size", "NUMBER_RANGED", "IS_BETWEEN", lowerBound=1, upperBound=2),
        "size is between 1 and 2",
        "set size so that it is between 1 and 2",
    ),
    (
        prop("a", "string-comparative", "IS_EQUAL_TO", comparisonPropertyName="b"),
        "a is equal to b",
        "set a so that it is equal to b",
    ),
]
DATE_WORDS = [
    (
        prop("d", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=3),
        "d is less than 3 days ago",
    ),
    (
        prop("d", "ROLLING_PROPERTY_UPDATED", "NOT_UPDATED_IN_LAST_X_DAYS", numberOfDays=3),
        "d was not updated in last 3 days",
    ),
    (prop("d", "CALENDAR_DATE", "IN_THIS_TIME_UNIT_SO_FAR", timeUnit="WEEK"), "d is in this week so far"),
    (
        prop("d", "CALENDAR_DATE", "IN_LAST_TIME_UNIT", timeUnit="MONTH", timeUnitCount=3),
        "d is in last 3 months",
    ),
    (
        prop("d", "CALENDAR_DATE", "IN_NEXT_TIME_UNIT", timeUnit="YEAR", **MAY),
        "d is in next fiscal year",
    ),
    (
        prop("d", "CALENDAR_DATE", "IN_NEXT_TIME_UNIT", timeUnit="QUARTER", timeUnitCount=2),
        "d is in next 2 quarters",
    ),
    (
        prop("d", "CALENDAR_DATE", "IN_THIS_TIME_UNIT", timeUnit="QUARTER", **MAY),
        "d is in this fiscal quarter",
    ),
    (prop("d", "COMPARATIVE_DATE", "IS_BEFORE", comparisonPropertyName="e"), "d is before e"),
    (
        prop("d", "COMPARATIVE_PROPERTY_UPDATED", "IS_AFTER", comparisonPropertyName="e"),
        "d was last updated after e",
    ),
    (prop("d", "DATETIME", "IS_AFTER", timestamp=0), "d is after 1970-01-01 00:00 UTC"),
    (
        prop("d", "RANGED_DATE", "IS_BETWEEN", lowerBound=0, upperBound=86_400_000),
        "d is between 1970-01-01 00:00 UTC and 1970-01-02 00:00 UTC",
    ),
    (
        prop("d", "datetime-ranged", "IS_BETWEEN", lowerBoundTimestamp=0, upperBoundTimestamp=60_000),
        "d is between 1970-01-01 00:00 UTC and 1970-01-01 00:01 UTC",
    ),
    (prop("d", "DATE", "IS_BEFORE", year=2026, month="MARCH", day=4), "d is before 4 March 2026"),
    (
        prop("d", "TIME_POINT", "IS_AFTER", **point(on(2026, 3, 4, hour=23, minute=59))),
        "d is after 2026-03-04",
    ),
    (prop("d", "TIME_POINT", "IS_AFTER", **point(on(2026, 3, 4))), "d is after 2026-03-04"),
    (prop("d", "TIME_POINT", "IS_AFTER", **point(on(2026, 3, 4, hour=9))), "d is after 2026-03-04 09:00"),
    (prop("d", "TIME_POINT", "IS_AFTER", **point(on(2026, 3, 4, minute=1))), "d is after 2026-03-04 00:01"),
    (prop("d", "TIME_POINT", "IS_AFTER", **point(referenced("e"))), "d is after e"),
    (
        prop("d", "TIME_POINT", "IS_AFTER", **point(referenced("e", "UPDATED_AT"))),
        "d is after last update of e",
    ),
    (
        prop("d", "TIME_RANGED", "IS_BETWEEN", **span(TODAY_3, from_("NOW"), parser="UPDATED_AT")),
        "d last update is between today - 3 days and now",
    ),
    (
        prop("d", "TIME_POINT", "IS_BEFORE", **point(from_("WEEK", dayOfWeek="MONDAY", offset={"weeks": 1}))),
        "d is before this week Monday + 1 weeks",
    ),
    (
        prop("d", "TIME_POINT", "IS_BEFORE", **point(from_("YEAR", month=7, day=15))),
        "d is before this year 7 15",
    ),
]


@pytest.mark.parametrize(("each", "leaf", "remedy"), WORDS, ids=[leaf for _, leaf, _ in WORDS])
def test_a_filter_reads_as_in_hubspots_editor(each: Json, leaf: str, remedy: str) -> None:
    schema = contact_schema()
    known = each["property"] in schema.fields
    compiled = compile_list(a_list(all_of(each)), schema=schema if known else None)
    assert compiled.remote is None
    assert explain(compiled).leaf == leaf
    blank_or_set = {"email": "x"} if leaf.endswith("unknown") else {each["property"]: None, "b": None}
    assert explain(compiled, blank_or_set).remedy == remedy


@pytest.mark.parametrize(("each", "leaf"), DATE_WORDS, ids=[leaf for _, leaf in DATE_WORDS])
def test_a_date_filter_reads_as_in_hubspots_editor(each: Json, leaf: str) -> None:
    compiled = compile_list(a_list(all_of(each)), schema=None)
    assert compiled.remote is None
    assert explain(compiled).leaf == leaf
    assert explain(compiled, {"d": None}).remedy == f"see to it that {leaf}"


@pytest.mark.parametrize(
    ("accept", "leaf", "remedy"),
    [(True, "all records", ""), (False, "no records", "change the list's filters")],
)
def test_a_constant_says_whom_it_takes(accept: bool, leaf: str, remedy: str) -> None:  # noqa: FBT001 - from a table
    verdict = explain(compile_list(a_list(all_of(constant(accept=accept))), schema=None))
    assert (verdict.leaf, verdict.remedy) == (leaf, remedy)
