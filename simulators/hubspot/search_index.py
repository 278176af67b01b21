"""What search sees: each record as it was when the index last caught up with it."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from heapq import heappop, heappush

from simulators.hubspot.records import Record, Values


class SearchIndex:
    """What search sees: each record as it was when the index last caught up with it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Record, Values, int]] = []
        self._order: list[tuple[int, int]] = []
        self._entries = 0
        self._shown: dict[int, int] = {}  # record id -> the entry that search sees

    def write(self, record: Record, visible_ms: int) -> None:
        """Make the present state visible at that time."""
        self._entries += 1
        heappush(self._waiting, (visible_ms, self._entries, record, record.values, record.updated_ms))

    def waiting(self) -> set[int]:
        """Ids of records whose present state is not visible yet."""
        return {entry[2].id for entry in self._waiting}

    def catch_up(self, now_ms: int, records: Mapping[int, Record]) -> None:
        while self._waiting and self._waiting[0][0] <= now_ms:
            _, entry, record, values, updated_ms = heappop(self._waiting)
            if entry > self._shown.get(record.id, 0):
                self._shown[record.id] = entry
                record.indexed, record.indexed_ms = values, updated_ms
                self._place(updated_ms, record.id)
        if len(self._order) > 2 * len(records) + 1000:
            self._order = sorted((r.indexed_ms, r.id) for r in records.values() if r.indexed is not None)

    def _place(self, updated_ms: int, record_id: int) -> None:
        entry = (updated_ms, record_id)
        if not self._order or self._order[-1] < entry:
            self._order.append(entry)
        else:
            place = bisect_left(self._order, entry)
            if place == len(self._order) or self._order[place] != entry:
                self._order.insert(place, entry)

    def modified_between(self, since_ms: float, until_ms: float) -> Iterator[tuple[int, int]]:
        """(indexed time, record id) of entries in that inclusive range, some of them outdated."""
        place = bisect_left(self._order, (since_ms, -1))
        for entry in self._order[place:]:
            if entry[0] > until_ms:
                return
            yield entry
