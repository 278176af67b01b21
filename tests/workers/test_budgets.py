"""How long the calls of a CRM last, and whether any are left for what failed before."""

import pytest

from tests.world import SF
from workers.limits import HALF_HOUR_MS, Usage, leaves_room_for_retries
from workers.views import ForecastView, forecast

NOW = 1_767_268_800_000  # 2026-01-01T12:00Z
SLOT = NOW // HALF_HOUR_MS
MIDNIGHT = NOW + 12 * 3_600_000


def usage(used: int, budget: int | None, *, limit: int | None = None, left: int | None = None) -> Usage:
    return Usage(used, budget, limit, left, None, 0, 0)


def foreseen(used: Usage, history: dict[int, int], *, resets_at: int | None = None) -> ForecastView:
    return forecast(SF, used, history, NOW, resets_at=resets_at)


def steady(per_half_hour: int, slots: int) -> dict[int, int]:
    return {SLOT - back: per_half_hour for back in range(1, slots + 1)}


def test_calls_are_used_up_when_the_present_rate_has_eaten_the_budget() -> None:
    found = foreseen(usage(600, 1_000), steady(100, 6), resets_at=MIDNIGHT)

    assert found.per_hour == 200
    assert found.used_up_at is not None
    assert abs(found.used_up_at - (NOW + 4 * HALF_HOUR_MS)) < 1_000
    assert found.again_at == MIDNIGHT


def test_what_resets_before_it_is_used_up_lasts() -> None:
    found = foreseen(usage(600, 10_000), steady(100, 6), resets_at=MIDNIGHT)

    assert (found.used_up_at, found.again_at) == (None, None)


def test_calls_of_the_day_before_come_back_one_by_one() -> None:
    """As much leaves the last 24 hours as comes in: the budget never ends."""
    assert foreseen(usage(4_800, 5_000), steady(100, 48)).used_up_at is None


def test_a_budget_of_24_hours_comes_back_with_the_oldest_calls() -> None:
    history = {SLOT - 40: 500, **steady(100, 6)}
    found = foreseen(usage(1_100, 1_200), history)

    assert found.used_up_at == NOW + HALF_HOUR_MS
    assert found.again_at == (SLOT + 8) * HALF_HOUR_MS


def test_what_other_programs_have_left_bounds_us_too() -> None:
    found = foreseen(usage(600, 10_000, limit=100_000, left=100), steady(100, 6), resets_at=MIDNIGHT)

    assert found.used_up_at is not None
    assert abs(found.used_up_at - (NOW + HALF_HOUR_MS)) < 1_000


@pytest.mark.parametrize("history", [{}, {SLOT: 5}], ids=["no calls", "some"])
def test_without_a_known_bound_nothing_is_used_up(history: dict[int, int]) -> None:
    assert foreseen(usage(5, None), history).used_up_at is None


@pytest.mark.rule(126)
@pytest.mark.parametrize(("last", "budget"), [(749, 1_000), (4_999, None)])
def test_retries_stop_at_three_quarters_of_the_budget_or_at_5000_calls(last: int, budget: int | None) -> None:
    assert leaves_room_for_retries(usage(last, budget))
    assert not leaves_room_for_retries(usage(last + 1, budget))
