"""Rows and their indexes; a row is never changed in place, so whoever holds one holds a version."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

from simulators.salesforce.schema import SObject

Record = dict[str, Any]
"""A row by field name; a null, and a boolean that is false, is absent."""


def index_key(value: Any) -> Any:
    """Text is found without regard to letter case."""
    return value.lower() if isinstance(value, str) else value


class Rows:
    """The newest version of each row, found by id, by indexed value, and in order of change."""

    def __init__(self, indexed: list[str]) -> None:
        self.by_id: dict[str, Record] = {}
        self.lookups: dict[str, dict[object, tuple[str, ...]]] = {name: {} for name in indexed}
        self._order: list[tuple[str, str]] = []
        self._ids: list[str] = []

    def put(self, row: Record) -> None:
        before = self.by_id.get(row["Id"])
        self.by_id[row["Id"]] = row
        if before is None:
            self._place_id(row["Id"])
        for name, lookup in self.lookups.items():
            _reindex(lookup, row["Id"], before.get(name) if before else None, row.get(name))
        self._place(row, before)

    def drop(self, record_id: str) -> None:
        row = self.by_id.pop(record_id)
        del self._ids[bisect_left(self._ids, record_id)]
        for name, lookup in self.lookups.items():
            _reindex(lookup, record_id, row.get(name), None)

    def add_index(self, name: str) -> None:
        if name in self.lookups:
            return
        lookup = self.lookups[name] = {}
        for record_id, row in self.by_id.items():
            _reindex(lookup, record_id, None, row.get(name))

    def find(self, name: str, value: object) -> tuple[str, ...]:
        """Ids of the rows with this value of an indexed field."""
        return self.lookups[name].get(index_key(value), ())

    def changed_since(self, stamp: str) -> Iterator[Record]:
        """Rows with this SystemModstamp or a later one, in order of it and of Id."""
        last = None
        for at in range(bisect_left(self._order, (stamp, "")), len(self._order)):
            entry = self._order[at]
            row = self.by_id.get(entry[1])
            if row is not None and row["SystemModstamp"] == entry[0] and entry != last:
                last = entry
                yield row

    def ids_from(self, first: str) -> Iterator[Record]:
        """Rows with this Id or a later one, in order of it."""
        for at in range(bisect_left(self._ids, first), len(self._ids)):
            row = self.by_id.get(self._ids[at])
            if row is not None:
                yield row

    def copy(self) -> "Rows":
        twin = Rows([])
        twin.by_id = dict(self.by_id)
        twin.lookups = {name: dict(lookup) for name, lookup in self.lookups.items()}
        twin._ids = list(self._ids)
        twin._order = list(self._order)
        return twin

    def _place_id(self, record_id: str) -> None:
        if not self._ids or record_id > self._ids[-1]:
            self._ids.append(record_id)
        else:
            insort(self._ids, record_id)

    def _place(self, row: Record, before: Record | None) -> None:
        """Enter the row into the order; entries of older versions stay until they are half of it."""
        if before is not None and before["SystemModstamp"] == row["SystemModstamp"]:
            return
        entry = (row["SystemModstamp"], row["Id"])
        if not self._order or entry > self._order[-1]:
            self._order.append(entry)
        else:
            insort(self._order, entry)
        if len(self._order) > 2 * len(self.by_id) + 1000:
            self._order = sorted((held["SystemModstamp"], held["Id"]) for held in self.by_id.values())


def _reindex(lookup: dict[object, tuple[str, ...]], record_id: str, before: object, after: object) -> None:
    if before == after:
        return
    if before is not None:
        rest = tuple(other for other in lookup[index_key(before)] if other != record_id)
        if rest:
            lookup[index_key(before)] = rest
        else:
            del lookup[index_key(before)]
    if after is not None:
        key = index_key(after)
        lookup[key] = (*lookup.get(key, ()), record_id)


class Table:
    """An object's rows: `live` as transactions see them, `visible` as queries do.

    The two differ only while commits are delayed: then a version reaches `visible` when its time has come.
    """

    def __init__(self, described: SObject) -> None:
        self.described = described
        self.live = Rows([entry.name for entry in described.fields.values() if entry.indexed])
        self.visible = self.live
        self._pending: list[tuple[float, int, Record]] = []
        self._published: dict[str, int] = {}
        self._number = 0

    def publish(self, row: Record, due: float) -> None:
        """Let queries see a committed version from the moment `due` on."""
        if self.visible is not self.live:
            self._number += 1
            heappush(self._pending, (due, self._number, row))

    def settle(self, now: float, *, delaying: bool) -> None:
        """Publish what is due; `delaying` says whether commits to come may be delayed."""
        if self.visible is self.live:
            if delaying:
                self.visible = self.live.copy()
            return
        while self._pending and self._pending[0][0] <= now:
            _, number, row = heappop(self._pending)
            if self._published.get(row["Id"], 0) < number:
                self._published[row["Id"]] = number
                self.visible.put(row)
        if not self._pending and not delaying:
            self.visible = self.live
            self._published.clear()

    def add_index(self, name: str) -> None:
        self.live.add_index(name)
        self.visible.add_index(name)
