"""Lists that change with the clock alone, and the moment that a verdict names for it."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.inclusion import compile_list
from tests.domain.inclusion.builders import NOON, Json, a_list, all_of, explain, in_list, ms, only, prop
from tests.domain.inclusion.test_dates import CHANGES, ROWS, from_, point

DAY = 86_400_000
ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("Europe/Vienna", "US/Eastern", "Pacific/Auckland", "America/Havana", "UTC")]
)
LESS_THAN_3_DAYS_AGO = prop("createdate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=3)


def test_a_contact_leaves_a_rolling_list_by_the_clock_alone() -> None:
    compiled = only(LESS_THAN_3_DAYS_AGO)
    created = {"createdate": "2026-03-10T15:00:00.000Z"}
    joined = explain(compiled, created)
    assert (joined.member, joined.next_change) == (True, ms("2026-03-14T00:00+01:00"))
    assert joined.next_change is not None
    assert explain(compiled, created, now=joined.next_change - 1).member is True
    left = explain(compiled, created, now=joined.next_change)
    assert (left.member, left.next_change) == (False, None)


def test_a_contact_joins_a_rolling_list_by_the_clock_alone() -> None:
    compiled = only(prop("createdate", "ROLLING_DATE_RANGE", "IS_MORE_THAN_X_DAYS_AGO", numberOfDays=3))
    created = {"createdate": "2026-03-10T15:00:00.000Z"}
    verdict = explain(compiled, created)
    assert (verdict.member, verdict.next_change) == (False, ms("2026-03-14T00:00+01:00"))


@pytest.mark.parametrize(
    ("unit", "moment"),
    [
        ("DAY", "2026-03-12T00:00+01:00"),
        ("WEEK", "2026-03-16T00:00+01:00"),
        ("MONTH", "2026-04-01T00:00+02:00"),
        ("QUARTER", "2026-04-01T00:00+02:00"),
        ("YEAR", "2027-01-01T00:00+01:00"),
    ],
)
def test_a_calendar_range_ends_with_its_unit_in_the_portals_zone(unit: str, moment: str) -> None:
    compiled = only(prop("createdate", "CALENDAR_DATE", "IN_THIS_TIME_UNIT", timeUnit=unit))
    verdict = explain(compiled, {"createdate": "2026-03-11"})
    assert (verdict.member, verdict.next_change) == (True, ms(moment))


def test_a_future_moment_is_passed_to_the_millisecond() -> None:
    compiled = only(prop("d", "TIME_POINT", "IS_BEFORE", **point(from_("NOW"))))
    due = NOON + 5000
    verdict = explain(compiled, {"d": "2026-03-11T12:00:05.000Z"})
    assert (verdict.member, verdict.next_change) == (False, due + 1)
    assert explain(compiled, {"d": "2026-03-11T12:00:05.000Z"}, now=due + 1).member is True


def test_a_filter_that_holds_the_answer_silences_the_clock() -> None:
    compiled = only(LESS_THAN_3_DAYS_AGO, prop("email", "ALL_PROPERTY", "IS_KNOWN"))
    assert explain(compiled, {"createdate": "2026-03-10", "email": None}).next_change is None
    assert explain(compiled, {"createdate": "2026-03-10", "email": "a@b.at"}).next_change is not None


def test_the_clock_reaches_through_other_lists() -> None:
    lists = {"2": a_list(all_of(LESS_THAN_3_DAYS_AGO), list_id="2")}
    compiled = only(in_list("2", "NOT_IN_LIST"), lists=lists)
    assert compiled.uses_time
    verdict = explain(compiled, {"createdate": "2026-03-10"})
    assert (verdict.member, verdict.next_change) == (False, ms("2026-03-14T00:00+01:00"))


@pytest.mark.parametrize("row", [*ROWS, *CHANGES], ids=lambda row: f"{row.kind}-{row.operator}")
def test_only_a_filter_that_moves_with_the_clock_uses_time(row: Any) -> None:
    text = str(row.operands)
    moving = row.kind == "CALENDAR_DATE" or "numberOfDays" in text or "INDEXED" in text
    assert only(prop("d", row.kind, row.operator, **row.operands)).uses_time is moving


FILTERS = st.sampled_from([(row.kind, row.operator, row.operands) for row in (*ROWS, *CHANGES)])
GROUPS = st.lists(st.lists(FILTERS, min_size=1, max_size=3), min_size=1, max_size=3)
MOMENTS = st.integers(ms("2025-10-20T00:00"), ms("2026-11-10T00:00"))


def near(moment: int) -> st.SearchStrategy[int]:
    return st.integers(-12 * DAY, 12 * DAY).map(lambda shift: moment + shift)


def text(moment: int) -> st.SearchStrategy[str]:
    day = date(1970, 1, 1) + timedelta(milliseconds=moment)
    clock = timedelta(milliseconds=moment % DAY)
    seconds, millis = divmod(clock // timedelta(milliseconds=1), 1000)
    stamp = f"{day}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}Z"
    return st.sampled_from([str(day), stamp])


def trees(groups: list[list[tuple[str, str, Json]]]) -> Json:
    return a_list(*(all_of(*(prop("d", kind, op, **rest) for kind, op, rest in group)) for group in groups))


@given(st.data(), GROUPS, MOMENTS, ZONES)
def test_nothing_changes_before_the_named_moment(
    data: st.DataObject, groups: list[list[tuple[str, str, Json]]], now: int, zone: ZoneInfo
) -> None:
    compiled = compile_list(trees(groups), schema=None)
    values = {"d": data.draw(near(now).flatmap(text)), "other": data.draw(near(now).flatmap(text))}
    changed_at = {"d": data.draw(near(now)), "other": data.draw(near(now))}
    verdict = explain(compiled, values, now=now, zone=zone, changed_at=changed_at)
    end = verdict.next_change or now + 800 * DAY
    assert end > now
    later = {end - 1, *data.draw(st.lists(st.integers(now, end - 1), max_size=8))}
    for moment in later:
        same = compiled.member(values, now=moment, zone=zone, changed_at=changed_at)
        assert same is verdict.member, (now, moment, end)


@given(st.data(), FILTERS, MOMENTS, ZONES)
def test_a_single_filter_changes_at_the_named_moment(
    data: st.DataObject, chosen: tuple[str, str, Json], now: int, zone: ZoneInfo
) -> None:
    """Only an offset of months from now looks ahead no further than a day."""
    kind, operator, operands = chosen
    assume("months" not in str(operands))
    compiled = only(prop("d", kind, operator, **operands))
    values = {"d": data.draw(near(now).flatmap(text)), "other": "2026-03-05"}
    changed_at = {"d": data.draw(near(now)), "other": now}
    verdict = explain(compiled, values, now=now, zone=zone, changed_at=changed_at)
    if verdict.next_change is not None:
        then = explain(compiled, values, now=verdict.next_change, zone=zone, changed_at=changed_at)
        assert then.member is not verdict.member
