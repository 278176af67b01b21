"""Times of day as milliseconds, which is how the formula language reckons with them."""

from datetime import time

DAY_MS = 86_400_000


def milliseconds(clock: time) -> int:
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    return seconds * 1000 + clock.microsecond // 1000


def clock_time(count: int) -> time:
    """Make a time of day; beyond midnight, either way, it wraps."""
    seconds, thousandths = divmod(count % DAY_MS, 1000)
    minutes, second = divmod(seconds, 60)
    return time(minutes // 60, minutes % 60, second, thousandths * 1000)
