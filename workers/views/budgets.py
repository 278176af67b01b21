"""What is left of a CRM's calls, and when they will be used up at the present rate."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.identity import Crm
from workers.limits import HALF_HOUR_MS, Usage, leaves_room_for_retries

DAY = 48
"""Half hours."""

RECENT = 6
"""Half hours over which the present rate is taken, the running one included."""


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A CRM's allowance of calls. None: unknown, or no such bound."""

    crm: Crm
    used_today: int  #: ours; in the last 24 hours where the CRM counts those
    budget_today: int | None
    limit_today: int | None
    left_today: int | None
    paused_ms: int
    retries: bool  #: whether what failed is still tried again by itself


@dataclass(frozen=True, slots=True)
class ForecastView:
    """How long a CRM's calls will last."""

    crm: Crm
    per_hour: int  #: our calls at the present rate
    used_up_at: int | None  #: when we may make none any more, epoch ms; None: not within the next day
    again_at: int | None  #: when calls come back after that


def budget(crm: Crm, usage: Usage) -> BudgetView:
    """A limiter's word for people."""
    return BudgetView(
        crm,
        usage.used_today,
        usage.budget_today,
        usage.limit_today,
        usage.left_today,
        usage.paused_ms,
        leaves_room_for_retries(usage),
    )


def forecast(
    crm: Crm, usage: Usage, history: Mapping[int, int], now: int, *, resets_at: int | None
) -> ForecastView:
    """Say when our calls will be used up if they go on as in the last hours.

    Args:
        crm: whose calls they are.
        usage: what the limiter says now.
        history: our calls by half hour, numbered from the epoch.
        now: epoch ms.
        resets_at: when the count begins anew; None if it covers the last 24 hours.
    """
    current = now // HALF_HOUR_MS
    elapsed = now - max(min(history, default=current), current - RECENT + 1) * HALF_HOUR_MS
    recent = sum(count for slot, count in history.items() if current - RECENT < slot <= current)
    rate = recent * HALF_HOUR_MS / max(elapsed, HALF_HOUR_MS)
    room = _room(usage)
    if room is None:
        return ForecastView(crm, round(rate * 2), None, None)
    expected = dict(history)
    for slot in range(current, current + DAY):
        begins = slot * HALF_HOUR_MS
        if resets_at is not None and begins >= resets_at:
            break
        part = 1 - (now % HALF_HOUR_MS) / HALF_HOUR_MS if slot == current else 1
        leaving = expected.get(slot - DAY, 0) if resets_at is None and slot != current else 0
        room += leaving
        coming = rate * part
        if coming > room:
            at = max(now, begins) + int(HALF_HOUR_MS * part * max(room, 0) / coming)
            return ForecastView(crm, round(rate * 2), at, resets_at or _oldest(expected, current))
        room -= coming
    return ForecastView(crm, round(rate * 2), None, None)


def _room(usage: Usage) -> float | None:
    """How many calls we may still make: by our budget, and by what others have left of the account's."""
    ours = None if usage.budget_today is None else usage.budget_today - usage.used_today
    bounds = [bound for bound in (ours, usage.left_today) if bound is not None]
    return min(bounds, default=None)


def _oldest(history: Mapping[int, int], current: int) -> int | None:
    """When the first calls are a day old."""
    slots = [slot for slot, count in history.items() if count and slot > current - DAY]
    return (min(slots) + DAY) * HALF_HOUR_MS if slots else None
