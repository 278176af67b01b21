"""Points in time of date filters: read from values, moved by offsets, and reached by the clock."""

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.inclusion.moments import DAY, Indexed, Now, Offset, day_start, instant
from domain.inclusion.nodes import NEVER, Facts
from tests.domain.inclusion.builders import NOON, VIENNA, ms

TOKYO = ZoneInfo("Asia/Tokyo")
YEARS = "An offset reaches a thousand years at most."


def facts(now: int = NOON) -> Facts:
    return Facts(now, VIENNA, {}, {})


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-11T14:00:00+02:00", NOON),
        ("2026-03-11T12:00:00", NOON),
        ("2026-03-11T12:00:00.250Z", NOON + 250),
        ("2026-03-11", ms("2026-03-11T00:00+01:00")),
        ("yesterday", None),
    ],
)
def test_a_value_is_read_in_its_own_zone_or_as_utc_and_a_date_in_the_portals(
    value: str, moment: int | None
) -> None:
    found = instant(value, VIENNA)
    assert found == moment
    assert found is None or isinstance(found, int)


@pytest.mark.parametrize(
    ("most", "more"),
    [
        ({"months": 12_000}, {"months": 12_001}),
        ({"months": -12_000}, {"months": -12_001}),
        ({"days": 366_000}, {"days": 366_001}),
        ({"ms": 366_000 * DAY}, {"ms": 366_000 * DAY + 1}),
    ],
)
def test_an_offset_reaches_a_thousand_years_and_not_a_day_more(
    most: dict[str, int], more: dict[str, int]
) -> None:
    Offset(**most)
    with pytest.raises(ValueError, match=f"^{YEARS}$"):
        Offset(**more)


def test_a_month_from_now_is_counted_in_the_points_own_zone() -> None:
    evening = ms("2026-01-30T16:00")  # in Tokyo the month's last day has come
    assert Now(Offset(months=1), TOKYO).at({}, facts(evening)) == ms("2026-02-28T01:00+09:00")
    assert Now(Offset(months=1)).at({}, facts(evening)) == ms("2026-02-28T17:00+01:00")


@pytest.mark.parametrize(("zone", "of_day"), [(None, VIENNA), (TOKYO, TOKYO)])
def test_a_point_months_from_now_is_looked_at_again_at_the_next_midnight_of_its_zone(
    zone: ZoneInfo | None, of_day: ZoneInfo
) -> None:
    now = ms("2026-03-11T16:00")
    today = date(2026, 3, 11) if of_day is VIENNA else date(2026, 3, 12)
    found = Now(Offset(months=1), zone).crossing(2**50, facts(now))
    assert found == day_start(today + timedelta(days=1), of_day)


def test_a_point_months_from_now_is_reached_sooner_than_midnight_if_little_is_missing() -> None:
    point = Now(Offset(months=1))
    there = point.at({}, facts())
    assert there is not None
    assert point.crossing(there + 1, facts()) == NOON + 1
    assert point.crossing(there, facts()) == day_start(date(2026, 3, 12), VIENNA)


def test_a_point_that_the_clock_has_reached_is_never_reached_again() -> None:
    assert Now().crossing(NOON, facts()) == NEVER
    assert Now().crossing(NOON + 1, facts()) == NOON + 1
    today = Indexed(lambda day: day)
    at = today.at({}, facts())
    assert at is not None
    assert today.crossing(at, facts()) == NEVER


def test_a_day_found_from_today_is_reached_on_the_first_day_that_is_enough() -> None:
    today = Indexed(lambda day: day)
    wanted = date(2026, 3, 21)
    assert today.crossing(day_start(wanted, VIENNA), facts()) == day_start(wanted, VIENNA)
    assert today.crossing(day_start(wanted, VIENNA) + 1, facts()) == day_start(date(2026, 3, 22), VIENNA)


def test_a_clock_time_on_such_a_day_is_that_of_its_zone() -> None:
    assert Indexed(lambda day: day, clock=time(9), zone=TOKYO).at({}, facts()) == ms("2026-03-11T09:00+09:00")
