"""Dates and times as Salesforce writes them: UTC, whole seconds, a fixed width that sorts as text."""

from datetime import UTC, date, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def _at(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.000+0000"


def stamp(seconds: float) -> str:
    """A moment as `2026-11-22T10:20:57.000+0000`; parts of a second are cut off."""
    return _at(int(seconds))


def seconds(text: str) -> float:
    """The inverse of `stamp`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


def parse_datetime(text: str) -> str | None:
    """Any ISO 8601 date and time with an offset or Z, as a stamp; None if it is not one."""
    if "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return stamp(moment.timestamp()) if moment.tzinfo else None


def parse_date(text: str) -> str | None:
    """`YYYY-MM-DD`; None if it is not one."""
    try:
        return text if date.fromisoformat(text).isoformat() == text else None
    except ValueError:
        return None
