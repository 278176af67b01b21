"""What an operation of a list filter looks at, and how operators pair with their negations."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.hubspot.records import Record


@dataclass(slots=True)
class Subject:
    """A property of a record at a time, in the account's zone."""

    record: Record
    name: str
    stamp: str
    now_ms: int
    zone: str

    def value(self, name: str | None = None) -> str:
        """The property's value, "" where it has none."""
        return self.record.read(name or self.name, self.stamp) or ""

    def moment(self, name: str | None = None) -> int | None:
        """The value as a moment in epoch milliseconds."""
        return as_ms(self.value(name))

    def updated(self, name: str | None = None) -> int | None:
        """When the property last changed, in epoch milliseconds."""
        versions = self.record.history(name or self.name)
        return versions[0].at_ms if versions else None

    def ever(self) -> list[str]:
        """All values it ever had."""
        return [version.value for version in self.record.history(self.name) if version.value]


Test = Callable[[Subject], bool]


def as_ms(text: str) -> int | None:
    """A stored date or datetime (or digits) in epoch milliseconds."""
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _negated(operator: str) -> tuple[str, bool]:
    """The positive operator behind a negative one, and whether it was negative."""
    for negative, positive in (
        ("HAS_NEVER_", "HAS_EVER_"),
        ("DOES_NOT_CONTAIN", "CONTAINS"),
        ("IS_NOT_", "IS_"),
        ("IS_NONE_OF", "IS_ANY_OF"),
        ("NOT_UPDATED_", "UPDATED_"),
    ):
        if operator.startswith(negative):
            return operator.replace(negative, positive, 1), True
    return operator, False


def pick(table: dict[str, Test], operator: str) -> Test:
    positive, negative = _negated(operator)
    test = table.get(positive)
    if test is None:
        raise ValueError(f"operator {operator}")
    return (lambda subject: not test(subject)) if negative else test
