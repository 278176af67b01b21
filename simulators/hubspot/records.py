"""Records: values with their history."""

from collections.abc import Callable
from typing import NamedTuple

from simulators.clock import iso_ms

Values = dict[str, str]


class Origin(NamedTuple):
    """Who made a change: `sourceType`, `sourceId`, the user's id and the app's name, where there is one."""

    source: str
    source_id: str
    user_id: int | None = None
    label: str = ""


class Version(NamedTuple):
    """One value a property had, from `at_ms` on."""

    value: str
    at_ms: int
    origin: Origin


class Record:
    """One record. `values` is replaced, never changed in place, so that the index may keep an older one.

    `versions` holds, oldest first, the properties that changed after the creation.
    """

    __slots__ = (
        "archived_ms",
        "created_ms",
        "id",
        "indexed",
        "indexed_ms",
        "origin",
        "updated_ms",
        "values",
        "versions",
    )

    def __init__(self, record_id: int, values: Values, now_ms: int, origin: Origin) -> None:
        self.id = record_id
        self.values = values
        self.created_ms = now_ms
        self.updated_ms = now_ms
        self.origin = origin
        self.versions: dict[str, list[Version]] = {}
        self.archived_ms: int | None = None
        self.indexed: Values | None = None
        self.indexed_ms = 0

    def history(self, name: str) -> list[Version]:
        """All versions of a property, newest first."""
        if name in self.versions:
            return self.versions[name][::-1]
        value = self.values.get(name)
        return [] if value is None else [Version(value, self.created_ms, self.origin)]

    def read(self, name: str, stamp: str) -> str | None:
        """The value of any property, the built-in ones included; `stamp` is the modified date's name."""
        value = self.values.get(name)
        if value is None:
            if name == "hs_object_id":
                return str(self.id)
            if name == "createdate":
                return iso_ms(self.created_ms)
            if name == stamp:
                return iso_ms(self.updated_ms)
        return value

    def had_before(self, name: str, value: str) -> bool:
        """Whether the property had this value before its present one."""
        return any(version.value == value for version in self.versions.get(name, ())[:-1])

    def put(self, changes: Values, now_ms: int, origin: Origin) -> list[str]:
        """Store changed values ("" clears); returns the names that really changed."""
        changed = [name for name, value in changes.items() if self.values.get(name, "") != value]
        if not changed:
            return changed
        values = dict(self.values)
        for name in changed:
            self._keep_version(name, changes[name], now_ms, origin)
            if changes[name]:
                values[name] = changes[name]
            else:
                values.pop(name, None)
        self.values = values
        return changed

    def _keep_version(self, name: str, value: str, now_ms: int, origin: Origin) -> None:
        versions = self.versions.get(name)
        if versions is None:
            first = self.values.get(name)
            versions = [] if first is None else [Version(first, self.created_ms, self.origin)]
            self.versions[name] = versions
        versions.append(Version(value, now_ms, origin))


def lag(bounds: list[float], draw: Callable[[float, float], float]) -> int:
    """A random delay in milliseconds within `[low, high]` seconds."""
    low, high = bounds
    return int(1000 * (low if low == high else draw(low, high)))
