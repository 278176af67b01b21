"""Points in time that date filters compare with: fixed, relative to now, or another property.

A point that moves with the clock never moves backwards, except for an offset
of months from now, whose ``crossing`` therefore looks no further than a day.
"""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.inclusion.nodes import NEVER, Facts, Values

BLANK = -NEVER
"""The moment of a property without a value: before every other, and never a bound."""

DAY = 86_400_000
_FURTHEST = 1000  # years
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def epoch_ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def instant(value: str, zone: ZoneInfo) -> int | None:
    """Read a date (its first moment in ``zone``) or a datetime; None if the value is neither."""
    try:
        return day_start(date.fromisoformat(value), zone) if len(value) == _DATE else _datetime_ms(value)
    except ValueError:
        return None


_DATE = len("YYYY-MM-DD")


def _datetime_ms(value: str) -> int:
    moment = datetime.fromisoformat(value)
    return epoch_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@lru_cache(maxsize=4096)
def day_start(day: date, zone: ZoneInfo) -> int:
    return epoch_ms(datetime.combine(day, time.min, zone))


def local_day(moment: int, zone: ZoneInfo) -> date:
    return (_EPOCH + moment * _MILLISECOND).astimezone(zone).date()


def add_months(day: date, months: int) -> date:
    """Move by calendar months; a day that the month lacks becomes its last."""
    if not months:
        return day
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return on_day(date(year, month + 1, 1), day.day)


def on_day(first: date, day: int) -> date:
    """Return a day of the month that begins at ``first``, at most its last."""
    return first.replace(day=min(day, monthrange(first.year, first.month)[1]))


@dataclass(frozen=True, slots=True)
class Offset:
    """How far from its reference a point lies; each part may be negative.

    Raises ValueError for more than a thousand years, which could leave the calendar.
    """

    months: int = 0
    days: int = 0
    ms: int = 0

    def __post_init__(self) -> None:
        if max(abs(self.months) / 12, abs(self.days) / 366, abs(self.ms) / DAY / 366) > _FURTHEST:
            raise ValueError("An offset reaches a thousand years at most.")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A wall-clock time, without zone in itself; ``zone`` None: the portal's."""

    wall: datetime
    zone: ZoneInfo | None = None
    reads: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    moves: bool = False

    def at(self, values: Values, facts: Facts) -> int | None:  # noqa: ARG002 - a Point
        return epoch_ms(self.wall.replace(tzinfo=self.zone or facts.zone))

    def crossing(self, threshold: int, facts: Facts) -> int:  # noqa: ARG002 - a Point
        return NEVER


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of the question, shifted; days are 24 hours."""

    offset: Offset = Offset()
    zone: ZoneInfo | None = None
    reads: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    moves: bool = True

    def at(self, values: Values, facts: Facts) -> int | None:  # noqa: ARG002 - a Point
        return self._at(facts)

    def _at(self, facts: Facts) -> int:
        shift = self.offset.days * DAY + self.offset.ms
        if not self.offset.months:
            return facts.now + shift
        zone = self.zone or facts.zone
        today = local_day(facts.now, zone)
        moved = day_start(add_months(today, self.offset.months), zone)
        return facts.now - day_start(today, zone) + moved + shift

    def crossing(self, threshold: int, facts: Facts) -> int:
        missing = threshold - self._at(facts)
        reached = facts.now + missing if missing > 0 else NEVER
        if not self.offset.months:
            return reached
        zone = self.zone or facts.zone
        return min(reached, day_start(local_day(facts.now, zone) + timedelta(days=1), zone))


@dataclass(frozen=True, slots=True)
class Indexed:
    """A time on a day that is found from today: its week's Monday, its month's first."""

    reference: Callable[[date], date]  #: from today; never falls while today rises
    offset: Offset = Offset()
    clock: time = time.min
    zone: ZoneInfo | None = None
    reads: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    moves: bool = True

    def at(self, values: Values, facts: Facts) -> int | None:  # noqa: ARG002 - a Point
        zone = self.zone or facts.zone
        return self._on(local_day(facts.now, zone), zone)

    def _on(self, today: date, zone: ZoneInfo) -> int:
        day = add_months(self.reference(today), self.offset.months) + timedelta(days=self.offset.days)
        start = (
            day_start(day, zone)
            if self.clock == time.min
            else epoch_ms(datetime.combine(day, self.clock, zone))
        )
        return start + self.offset.ms

    def crossing(self, threshold: int, facts: Facts) -> int:
        """Return the start of the first day on which the point has reached ``threshold``."""
        zone = self.zone or facts.zone
        today = local_day(facts.now, zone)
        if self._on(today, zone) >= threshold:
            return NEVER
        try:
            return day_start(_first_day(today, lambda day: self._on(day, zone) >= threshold), zone)
        except (OverflowError, ValueError):  # beyond the last day of the calendar
            return NEVER


def _first_day(after: date, reached: Callable[[date], bool]) -> date:
    """Return the first day later than ``after`` that ``reached`` accepts, as it does all that follow."""
    step = 1
    while not reached(after + timedelta(days=step)):
        step *= 2
    low, high = step // 2, step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(after + timedelta(days=middle)) else (middle, high)
    return after + timedelta(days=high)


@dataclass(frozen=True, slots=True)
class OtherProperty:
    """The value of another property, or the time of its last change."""

    name: str
    changed: bool = False
    default: str | None = None  #: stands in for a blank value
    zone: ZoneInfo | None = None
    moves: bool = False

    @property
    def reads(self) -> frozenset[str]:
        return frozenset() if self.changed else frozenset({self.name})

    @property
    def dates(self) -> frozenset[str]:
        return frozenset({self.name}) if self.changed else frozenset()

    def at(self, values: Values, facts: Facts) -> int | None:
        if self.changed:
            return facts.changed_at.get(self.name)
        if self.name not in values:
            return None
        value = values[self.name] or self.default
        moment = instant(value, self.zone or facts.zone) if value else None
        return BLANK if moment is None else moment

    def crossing(self, threshold: int, facts: Facts) -> int:  # noqa: ARG002 - a Point
        return NEVER


Point = Fixed | Now | Indexed | OtherProperty
