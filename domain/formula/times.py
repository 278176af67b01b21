"""Reckoning with dates by whole days, with datetimes by seconds, with times of day by milliseconds."""

from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from domain.formula.decimals import EXACT, WIDE

DAY_MS = 86_400_000


def milliseconds(clock: time) -> int:
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    return seconds * 1000 + clock.microsecond // 1000


def clock_time(count: int) -> time:
    """Make a time of day; beyond midnight, either way, it wraps."""
    seconds, thousandths = divmod(count % DAY_MS, 1000)
    minutes, second = divmod(seconds, 60)
    return time(minutes // 60, minutes % 60, second, thousandths * 1000)


def days_later(day: date, days: Decimal) -> date:
    return day + timedelta(days=int(days))


def days_earlier(day: date, days: Decimal) -> date:
    return day - timedelta(days=int(days))


def days_between(later: date, earlier: date) -> Decimal:
    return Decimal((later - earlier).days)


def moved(moment: datetime, days: Decimal) -> datetime:
    seconds = WIDE.multiply(days, 86_400).to_integral_value(ROUND_HALF_UP)
    return moment + timedelta(seconds=int(seconds))


def moved_back(moment: datetime, days: Decimal) -> datetime:
    return moved(moment, days.copy_negate())


def elapsed(later: datetime, earlier: datetime) -> Decimal:
    return EXACT.divide(Decimal((later - earlier) // timedelta(microseconds=1)), Decimal(86_400_000_000))


def clock_forward(clock: time, amount: Decimal) -> time:
    return clock_time(milliseconds(clock) + int(amount))


def clock_back(clock: time, amount: Decimal) -> time:
    return clock_time(milliseconds(clock) - int(amount))


def clock_between(later: time, earlier: time) -> Decimal:
    return Decimal((milliseconds(later) - milliseconds(earlier)) % DAY_MS)
