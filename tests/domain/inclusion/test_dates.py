"""Every operator on dates and times of change, asked at noon UTC of Wednesday, 11 March 2026, in Vienna."""

from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tests.domain.inclusion.builders import Json, explain, ms, only, prop

TIME = "List filters: TIME_POINT and TIME_RANGED"
DATETIME = "List filters: Datetime operations"
DEFINITIONS = "List filter definitions"
MODELS = "Lists API reference: property operations"


class Row(NamedTuple):
    """An operator with dates that pass and dates that fail, and the page that says so."""

    page: str
    kind: str
    operator: str
    operands: dict[str, Any]
    passes: tuple[str, ...]
    fails: tuple[str, ...]


def on(year: int, month: int, day: int, zone: str = "Europe/Vienna", **clock: Any) -> Json:
    point = {"timeType": "DATE", "timezoneSource": "CUSTOM", "zoneId": zone}
    return point | {"year": year, "month": month, "day": day, **clock}


def from_(
    reference: str, zone: str = "Europe/Vienna", *, offset: Json | None = None, **parts: object
) -> Json:
    point = {"timeType": "INDEXED", "timezoneSource": "CUSTOM", "zoneId": zone}
    return point | {"indexReference": {"referenceType": reference, **parts}, "offset": offset or {}}


def referenced(name: str, reference: str = "VALUE", zone: str = "Europe/Vienna") -> Json:
    point = {"timeType": "PROPERTY_REFERENCED", "timezoneSource": "CUSTOM", "zoneId": zone}
    return point | {"property": name, "referenceType": reference}


def point(time_point: Json, endpoint: str = "EXCLUSIVE", parser: str = "VALUE") -> dict[str, Any]:
    return {"timePoint": time_point, "endpointBehavior": endpoint, "propertyParser": parser}


def span(lower: Json, upper: Json, endpoints: str = "INCLUSIVE", parser: str = "VALUE") -> dict[str, Any]:
    return {
        "lowerBoundTimePoint": lower,
        "upperBoundTimePoint": upper,
        "lowerBoundEndpointBehavior": endpoints,
        "upperBoundEndpointBehavior": endpoints,
        "propertyParser": parser,
    }


END: Json = {"hour": 23, "minute": 59, "second": 59, "millisecond": 999}
MARCH_4 = ms("2026-03-04T00:00")
MARCH_6 = ms("2026-03-06T00:00")
FISCAL = {"useFiscalYear": True, "fiscalYearStart": "FEBRUARY"}
ROWS = [
    # Fixed points; midnight of a day in Vienna is 23:00 UTC of the day before.
    Row(TIME, "TIME_POINT", "IS_AFTER", point(on(2026, 3, 4, **END)),
        ("2026-03-05", "2026-03-04T23:00:00.000Z"), ("2026-03-04", "2026-03-04T22:59:59.999Z")),
    Row(TIME, "TIME_POINT", "IS_BEFORE", point(on(2026, 3, 4)),
        ("2026-03-03", "2026-03-03T22:59:59.999Z"), ("2026-03-04", "2026-03-03T23:00:00.000Z")),
    Row(TIME, "TIME_POINT", "IS_BEFORE", point(on(2026, 3, 4), "INCLUSIVE"),
        ("2026-03-04", "2026-03-03T23:00:00.000Z"), ("2026-03-05", "2026-03-03T23:00:00.001Z")),
    Row(TIME, "TIME_POINT", "IS_AFTER", point(on(2026, 3, 4, "US/Eastern", hour=9, minute=30)),
        ("2026-03-04T14:30:00.001Z", "2026-03-05"), ("2026-03-04T14:30:00.000Z", "2026-03-04")),
    Row(TIME, "TIME_RANGED", "IS_BETWEEN", span(on(2026, 3, 4), on(2026, 3, 4, **END)),
        ("2026-03-04", "2026-03-03T23:00:00.000Z", "2026-03-04T22:59:59.999Z"),
        ("2026-03-03", "2026-03-05", "2026-03-04T23:00:00.000Z")),
    Row(TIME, "TIME_RANGED", "IS_NOT_BETWEEN", span(on(2026, 3, 4), on(2026, 3, 4, **END)),
        ("2026-03-03", "2026-03-05"), ("2026-03-04", "2026-03-04T12:00:00.000Z")),
    Row(DEFINITIONS, "TIME_RANGED", "IS_BETWEEN", span(on(2026, 3, 4), on(2026, 3, 6), "EXCLUSIVE"),
        ("2026-03-05",), ("2026-03-04", "2026-03-06")),
    Row(MODELS, "TIME_RANGED", "IS_BETWEEN",
        {"lowerBoundTimePoint": on(2026, 3, 4), "upperBoundTimePoint": on(2026, 3, 6)},
        ("2026-03-04", "2026-03-06"), ("2026-03-03", "2026-03-07")),
    # Points that move with the clock.
    Row(TIME, "TIME_RANGED", "IS_BETWEEN", span(from_("TODAY", offset={"days": -3}), from_("NOW")),
        ("2026-03-08", "2026-03-11", "2026-03-11T12:00:00.000Z"),
        ("2026-03-07", "2026-03-12", "2026-03-11T12:00:00.001Z")),
    Row(TIME, "TIME_RANGED", "IS_BETWEEN", span(from_("NOW"), from_("TODAY", offset={"days": 5})),
        ("2026-03-12", "2026-03-16", "2026-03-11T12:00:00.000Z"), ("2026-03-11", "2026-03-17")),
    Row(TIME, "TIME_POINT", "IS_AFTER", point(from_("TODAY", offset={"days": 2})),
        ("2026-03-14", "2026-03-13T00:00:00.000Z"), ("2026-03-13", "2026-03-12")),
    Row(TIME, "TIME_POINT", "IS_BEFORE", point(from_("TODAY", offset={"days": -2})),
        ("2026-03-08", "2026-03-08T22:59:59.999Z"), ("2026-03-09", "2026-03-10")),
    Row(MODELS, "TIME_POINT", "IS_AFTER", point(from_("NOW", offset={"hours": -2, "minutes": -30})),
        ("2026-03-11T09:30:00.001Z",), ("2026-03-11T09:30:00.000Z",)),
    Row(MODELS, "TIME_POINT", "IS_AFTER", point(from_("NOW", offset={"weeks": -1, "days": -1})),
        ("2026-03-03T12:00:00.001Z",), ("2026-03-03T12:00:00.000Z",)),
    Row(MODELS, "TIME_POINT", "IS_AFTER", point(from_("NOW", offset={"quarters": -1, "months": 1})),
        ("2026-01-11T12:00:00.001Z",), ("2026-01-11T12:00:00.000Z",)),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("TODAY", hour=9)),
        ("2026-03-11T07:59:59.999Z", "2026-03-11"), ("2026-03-11T08:00:00.000Z", "2026-03-12")),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("WEEK", dayOfWeek="MONDAY")),
        ("2026-03-08",), ("2026-03-09",)),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("WEEK", dayOfWeek="SUNDAY")),
        ("2026-03-14",), ("2026-03-15",)),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("MONTH", day=31, offset={"months": -1})),
        ("2026-02-27",), ("2026-02-28",)),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("QUARTER", month=2, day=1)),
        ("2026-01-31",), ("2026-02-01",)),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("YEAR", month=7, day=15, offset={"years": -1})),
        ("2025-07-14",), ("2025-07-15",)),
    Row(TIME, "TIME_POINT", "IS_BEFORE", point(referenced("other")),
        ("2026-03-04",), ("2026-03-05", "2026-03-06")),
    Row(TIME, "TIME_POINT", "IS_AFTER", point(referenced("other")),
        ("2026-03-06",), ("2026-03-05", "2026-03-04")),
    # What a point leaves out: the first day, the first month, Monday.
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("WEEK")), ("2026-03-08",), ("2026-03-09",)),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("MONTH")), ("2026-02-28",), ("2026-03-01",)),
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("YEAR")), ("2025-12-31",), ("2026-01-01",)),
    # Points in another zone than the portal's; clocks in the US went forward on 8 March.
    Row(MODELS, "TIME_POINT", "IS_BEFORE", point(from_("TODAY", "US/Eastern", offset={"hours": 1})),
        ("2026-03-11T04:59:59.999Z",), ("2026-03-11T05:00:00.000Z",)),
    Row(MODELS, "TIME_POINT", "IS_AFTER", point(from_("NOW", "Pacific/Auckland")),
        ("2026-03-13",), ("2026-03-12",)),
    Row(MODELS, "TIME_POINT", "IS_AFTER",
        point(from_("NOW", "US/Eastern", offset={"months": -1, "seconds": 90, "milliseconds": 5})),
        ("2026-02-11T13:01:30.006Z",), ("2026-02-11T13:01:30.005Z",)),
    Row(TIME, "TIME_POINT", "IS_BEFORE", point(referenced("other", zone="US/Eastern")),
        ("2026-03-05T04:59:59.999Z",), ("2026-03-05T05:00:00.000Z",)),
    # The older operations.
    Row(DATETIME, "DATETIME", "IS_BEFORE", {"timestamp": MARCH_4},
        ("2026-03-03", "2026-03-03T23:59:59.999Z"), ("2026-03-04", "2026-03-04T00:00:00.000Z")),
    Row(DATETIME, "DATETIME", "IS_AFTER", {"timestamp": MARCH_4},
        ("2026-03-05", "2026-03-04T00:00:00.001Z"), ("2026-03-04", "2026-03-04T00:00:00.000Z")),
    Row(DATETIME, "DATETIME", "IS_BEFORE", {"timestamp": MARCH_4, "requiresTimeZoneConversion": True},
        ("2026-03-03", "2026-03-03T22:59:59.999Z"), ("2026-03-04", "2026-03-03T23:00:00.000Z")),
    Row(DATETIME, "RANGED_DATE", "IS_BETWEEN", {"lowerBound": MARCH_4, "upperBound": MARCH_6},
        ("2026-03-04", "2026-03-06"), ("2026-03-03", "2026-03-06T00:00:00.001Z")),
    Row(DATETIME, "RANGED_DATE", "IS_NOT_BETWEEN", {"lowerBound": MARCH_4, "upperBound": MARCH_6},
        ("2026-03-03", "2026-03-07"), ("2026-03-04", "2026-03-06")),
    Row(DATETIME, "datetime-ranged", "IS_BETWEEN",
        {"lowerBoundTimestamp": MARCH_4, "upperBoundTimestamp": MARCH_6},
        ("2026-03-05",), ("2026-03-07",)),
    Row(DATETIME, "RANGED_DATE", "IS_BETWEEN",
        {"lowerBound": MARCH_4, "upperBound": MARCH_6, "requiresTimeZoneConversion": True},
        ("2026-03-03T23:00:00.000Z", "2026-03-05T23:00:00.000Z"),
        ("2026-03-03T22:59:59.999Z", "2026-03-05T23:00:00.001Z")),
    Row(MODELS, "DATE", "IS_EQUAL_TO", {"year": 2026, "month": "MARCH", "day": 4},
        ("2026-03-04", "2026-03-03T23:00:00.000Z"), ("2026-03-05", "2026-03-04T23:00:00.000Z")),
    Row(MODELS, "DATE", "IS_BEFORE", {"year": 2026, "month": "MAR", "day": 4},
        ("2026-03-03",), ("2026-03-04",)),
    Row(MODELS, "DATE", "IS_AFTER", {"year": 2026, "month": "MAR", "day": 4},
        ("2026-03-05", "2026-03-04T23:00:00.000Z"), ("2026-03-04", "2026-03-04T22:59:59.999Z")),
    Row(DATETIME, "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", {"numberOfDays": 3},
        ("2026-03-08", "2026-03-11"), ("2026-03-07", "2026-03-12")),
    Row(DATETIME, "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_AGO", {"numberOfDays": 3},
        ("2026-03-07",), ("2026-03-08", "2026-03-12")),
    Row(DATETIME, "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_FROM_NOW", {"numberOfDays": 3},
        ("2026-03-12", "2026-03-14"), ("2026-03-11", "2026-03-15")),
    Row(DATETIME, "datetime-rolling", "IS_MORE_THAN_X_DAYS_FROM_NOW", {"numberOfDays": 3},
        ("2026-03-15",), ("2026-03-14", "2026-03-01")),
    Row(DATETIME, "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_AGO",
        {"numberOfDays": 0, "requiresTimeZoneConversion": False},
        ("2026-03-10T23:59:59.999Z",), ("2026-03-11T00:00:00.000Z",)),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT", {"timeUnit": "DAY"},
        ("2026-03-11", "2026-03-11T22:59:59.999Z"), ("2026-03-10", "2026-03-11T23:00:00.000Z")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT", {"timeUnit": "WEEK"},
        ("2026-03-09", "2026-03-15"), ("2026-03-08", "2026-03-16")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT", {"timeUnit": "MONTH"},
        ("2026-03-01", "2026-03-31"), ("2026-02-28", "2026-04-01")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT", {"timeUnit": "QUARTER"},
        ("2026-01-01", "2026-03-31"), ("2025-12-31", "2026-04-01")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT", {"timeUnit": "YEAR"},
        ("2026-01-01", "2026-12-31"), ("2025-12-31", "2027-01-01")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT", {"timeUnit": "QUARTER", **FISCAL},
        ("2026-02-01", "2026-04-30"), ("2026-01-31", "2026-05-01")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT", {"timeUnit": "YEAR", **FISCAL},
        ("2026-02-01", "2027-01-31"), ("2026-01-31", "2027-02-01")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT",
        {"timeUnit": "YEAR", "useFiscalYear": True, "fiscalYearStart": "APRIL"},
        ("2025-04-01", "2026-03-31"), ("2025-03-31", "2026-04-01")),
    Row(MODELS, "CALENDAR_DATE", "IN_THIS_TIME_UNIT_SO_FAR", {"timeUnit": "MONTH"},
        ("2026-03-01", "2026-03-11T12:00:00.000Z"), ("2026-02-28", "2026-03-12", "2026-03-11T12:00:00.001Z")),
    Row(MODELS, "CALENDAR_DATE", "IN_NEXT_TIME_UNIT", {"timeUnit": "MONTH", "timeUnitCount": 2},
        ("2026-04-01", "2026-05-31"), ("2026-03-31", "2026-06-01")),
    Row(MODELS, "CALENDAR_DATE", "IN_LAST_TIME_UNIT", {"timeUnit": "WEEK", "timeUnitCount": 1},
        ("2026-03-02", "2026-03-08"), ("2026-03-01", "2026-03-09")),
    Row(MODELS, "CALENDAR_DATE", "IN_LAST_TIME_UNIT", {"timeUnit": "WEEK"},
        ("2026-03-02", "2026-03-08"), ("2026-03-01", "2026-03-09")),
    Row(DATETIME, "COMPARATIVE_DATE", "IS_BEFORE", {"comparisonPropertyName": "other"},
        ("2026-03-04",), ("2026-03-05", "2026-03-06")),
    Row(DATETIME, "datetime-comparative", "IS_AFTER", {"comparisonPropertyName": "other"},
        ("2026-03-06",), ("2026-03-05", "2026-03-04")),
]  # fmt: skip
CASES = [
    pytest.param(row, value, passed, id=f"{row.kind}-{row.operator}-{value}-{passed} [{row.page}]")
    for row in ROWS
    for passed, values in ((True, row.passes), (False, row.fails))
    for value in values
]


@pytest.mark.parametrize(("row", "value", "passed"), CASES)
def test_an_operator_judges_the_date(row: Row, value: str, passed: bool) -> None:  # noqa: FBT001 - from a table
    compiled = only(prop("date", row.kind, row.operator, **row.operands))
    assert compiled.remote is None
    assert explain(compiled, {"date": value, "other": "2026-03-05"}).member is passed


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("blank", [None, "soon"], ids=["blank", "no date"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}-{row.operator} [{DEFINITIONS}]")
def test_a_blank_date_passes_only_where_the_filter_includes_it(
    row: Row,
    blank: str | None,
    include: bool,  # noqa: FBT001 - from a table
) -> None:
    operands = {**row.operands, "includeObjectsWithNoValueSet": include}
    compiled = only(prop("date", row.kind, row.operator, **operands))
    assert explain(compiled, {"date": blank, "other": "2026-03-05"}).member is include


CHANGES = [
    Row(TIME, "TIME_RANGED", "IS_BETWEEN",
        span(from_("TODAY", offset={"days": -7}), from_("NOW"), parser="UPDATED_AT"),
        ("2026-03-04T00:00:00+01:00", "2026-03-11T12:00"), ("2026-03-03T23:59:59+01:00",)),
    Row(TIME, "TIME_RANGED", "IS_NOT_BETWEEN",
        span(from_("TODAY", offset={"days": -7}), from_("NOW"), parser="UPDATED_AT"),
        ("2026-03-03T23:59:59+01:00",), ("2026-03-04T00:00:00+01:00", "2026-03-11T12:00")),
    Row(DEFINITIONS, "TIME_POINT", "IS_AFTER", point(referenced("other", "UPDATED_AT"), parser="UPDATED_AT"),
        ("2026-03-05T08:00:01",), ("2026-03-05T08:00",)),
    Row(DATETIME, "ROLLING_PROPERTY_UPDATED", "UPDATED_IN_LAST_X_DAYS", {"numberOfDays": 2},
        ("2026-03-09T00:00:00+01:00",), ("2026-03-08T23:59:59+01:00",)),
    Row(DATETIME, "rolling-property-updated", "NOT_UPDATED_IN_LAST_X_DAYS", {"numberOfDays": 2},
        ("2026-03-08T23:59:59+01:00",), ("2026-03-09T00:00:00+01:00",)),
    Row(DATETIME, "COMPARATIVE_PROPERTY_UPDATED", "IS_BEFORE", {"comparisonPropertyName": "other"},
        ("2026-03-05T07:59:59",), ("2026-03-05T08:00", "2026-03-06T00:00")),
    Row(DATETIME, "property-updated-comparative", "IS_AFTER", {"comparisonPropertyName": "other"},
        ("2026-03-06T00:00",), ("2026-03-05T08:00", "2026-03-05T07:59:59")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "changed", "passed"),
    [
        pytest.param(row, moment, passed, id=f"{row.kind}-{row.operator}-{moment}-{passed} [{row.page}]")
        for row in CHANGES
        for passed, moments in ((True, row.passes), (False, row.fails))
        for moment in moments
    ],
)
def test_an_operator_judges_when_the_property_changed(row: Row, changed: str, passed: bool) -> None:  # noqa: FBT001
    compiled = only(prop("field", row.kind, row.operator, **row.operands))
    changed_at = {"field": ms(changed), "other": ms("2026-03-05T08:00")}
    assert explain(compiled, {"field": "x"}, changed_at=changed_at).member is passed


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: f"{row.kind}-{row.operator} [{DEFINITIONS}]")
def test_a_blank_property_fails_a_filter_on_its_change(row: Row) -> None:
    compiled = only(prop("field", row.kind, row.operator, **row.operands))
    assert explain(compiled, {"field": None}, changed_at={"field": 0, "other": 0}).member is False


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: f"{row.kind}-{row.operator}")
def test_an_unknown_change_leaves_the_question_open(row: Row) -> None:
    compiled = only(prop("field", row.kind, row.operator, **row.operands))
    verdict = explain(compiled, {"field": "x"})
    assert "field" in compiled.changes
    assert verdict.member is None
    assert "field" in verdict.unknown


def test_a_blank_other_date_never_passes_unless_it_has_a_default() -> None:
    plain = only(prop("date", "COMPARATIVE_DATE", "IS_AFTER", comparisonPropertyName="other"))
    default = only(
        prop(
            "date",
            "COMPARATIVE_DATE",
            "IS_AFTER",
            comparisonPropertyName="other",
            defaultComparisonValue="2026-01-01",
        )
    )
    values = {"date": "2026-03-01", "other": None}
    assert explain(plain, values).member is False
    assert explain(default, values).member is True


def test_an_unread_other_date_leaves_the_question_open() -> None:
    compiled = only(prop("date", "TIME_POINT", "IS_AFTER", **point(referenced("other"))))
    assert compiled.properties == {"date", "other"}
    assert explain(compiled, {"date": "2026-03-01"}).unknown == ("other",)


def test_a_point_without_a_zone_of_its_own_is_in_the_portals() -> None:
    """At noon UTC it is already the 12th in Auckland."""
    today = from_("TODAY", "US/Eastern") | {"timezoneSource": "PORTAL"}
    compiled = only(prop("date", "TIME_POINT", "IS_BEFORE", **point(today)))
    assert explain(compiled, {"date": "2026-03-11"}, zone=ZoneInfo("Pacific/Auckland")).member is True
    assert explain(compiled, {"date": "2026-03-11"}, zone=ZoneInfo("Europe/Vienna")).member is False
