"""Lists ("segments"): members, and the recomputation of DYNAMIC lists, which lags behind the records."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from simulators.clock import Clock, iso_ms
from simulators.hubspot.errors import invalid
from simulators.hubspot.filters import Filter, Surroundings, compile_filter
from simulators.hubspot.records import lag
from simulators.hubspot.settings import HubSpotSettings
from simulators.hubspot.table import Table

_FIRST_LIST_ID = 38


@dataclass(slots=True)
class CrmList:
    """One list; `members` maps record ids to join times, in join order; `due_ms` is the next recompute."""

    id: str
    name: str
    type_id: str
    processing_type: str
    branch: dict[str, Any] | None
    filter: Filter | None
    created_ms: int
    updated_ms: int
    filters_ms: int
    folder_id: str = "0"
    version: int = 1
    user_id: str = ""
    due_ms: int | None = None
    refreshed_ms: int = 0
    deleted_ms: int | None = None
    members: dict[int, int] = field(default_factory=dict)
    first_joined: dict[int, int] = field(default_factory=dict)
    conversion: dict[str, Any] | None = None
    convert_ms: int | None = None
    _sorted: list[int] | None = None

    @property
    def dynamic(self) -> bool:
        return self.processing_type == "DYNAMIC"

    @property
    def status(self) -> str:
        return "COMPLETE" if self.due_ms is None else "PROCESSING"

    def by_id(self) -> list[int]:
        """Member ids in ascending order."""
        if self._sorted is None:
            self._sorted = sorted(self.members)
        return self._sorted

    def join(self, record_id: int, now_ms: int) -> bool:
        if record_id in self.members:
            return False
        self.members[record_id] = now_ms
        self.first_joined.setdefault(record_id, now_ms)
        self._sorted = None
        return True

    def leave(self, record_id: int) -> bool:
        if self.members.pop(record_id, None) is None:
            return False
        self._sorted = None
        return True


class Lists:
    """All lists of the account."""

    def __init__(
        self, tables: Mapping[str, Table], settings: HubSpotSettings, clock: Clock, rng: random.Random
    ) -> None:
        self._tables = {table.type.id: table for table in tables.values()}
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self.lists: dict[str, CrmList] = {}
        self.folders: dict[str, dict[str, Any]] = {}
        self.linked: Callable[[str, int, str, int], Iterable[int]] = lambda *_: ()
        self._touched: list[tuple[int, str, int]] = []
        self._queued: set[tuple[str, int]] = set()

    def table(self, type_id: str) -> Table | None:
        return self._tables.get(type_id)

    def compile(self, branch: Any, type_id: str) -> Filter:
        around = Surroundings(
            now_ms=self._clock.now_ms,
            zone=lambda: self._settings.time_zone,
            in_list=self.is_member,
            linked=self.linked,
            table=self.table,
        )
        return compile_filter(branch, self._tables[type_id], around)

    def is_member(self, list_id: str, record_id: int) -> bool:
        found = self.lists.get(list_id)
        return found is not None and record_id in found.members

    def create(
        self, name: str, type_id: str, processing_type: str, branch: dict[str, Any] | None, user_id: str
    ) -> CrmList:
        now_ms = self._clock.now_ms()
        compiled = None if branch is None else self.compile(branch, type_id)
        list_id = str(_FIRST_LIST_ID + len(self.lists))
        created = CrmList(
            list_id, name, type_id, processing_type, branch, compiled, now_ms, now_ms, now_ms, user_id=user_id
        )
        self.lists[list_id] = created
        if compiled is not None:
            created.due_ms = self._due()
        return created

    def change_filter(self, target: CrmList, branch: dict[str, Any]) -> None:
        compiled = self.compile(branch, target.type_id)
        if target.id in self._reachable(compiled.lists):
            raise invalid(f"List {target.id} may not ask for its own members")
        target.filter = compiled
        target.branch = branch
        target.filters_ms = target.updated_ms = self._clock.now_ms()
        target.version += 1
        target.due_ms = self._due()

    def _reachable(self, list_ids: set[str]) -> set[str]:
        """These lists and all that they ask about."""
        reached: set[str] = set()
        waiting = list(list_ids)
        while waiting:
            list_id = waiting.pop()
            known = self.lists.get(list_id)
            if list_id not in reached and known is not None and known.filter is not None:
                waiting += known.filter.lists
            reached.add(list_id)
        return reached

    def _due(self) -> int:
        return self._clock.now_ms() + lag(self._settings.list_recompute_delay, self._rng.uniform)

    def touched(self, table: Table, record_id: int) -> None:
        """A record changed: DYNAMIC lists will look at it again."""
        key = (table.type.id, record_id)
        if key not in self._queued and any(entry.dynamic for entry in self.lists.values()):
            self._queued.add(key)
            heappush(self._touched, (self._due(), *key))

    def left(self, table: Table, record_id: int) -> None:
        """A record is gone: it leaves all lists at once."""
        for entry in self.lists.values():
            if entry.type_id == table.type.id and entry.leave(record_id):
                self.members_changed(entry, [record_id])

    def renamed(self, table: Table, old_id: int, new_id: int) -> None:
        """A record has a new id: it stays in its manual lists."""
        for entry in self.lists.values():
            if entry.type_id == table.type.id and old_id in entry.members:
                joined = entry.members[old_id]
                entry.leave(old_id)
                entry.join(new_id, joined)

    def recompute_all(self) -> None:
        """Let every DYNAMIC list look at all records again, in its own time."""
        for entry in self.lists.values():
            if entry.dynamic:
                entry.due_ms = self._due()

    def catch_up(self) -> None:
        """Do the recomputations that are due by now."""
        now_ms = self._clock.now_ms()
        for entry in self.lists.values():
            _convert(entry, now_ms)
            if entry.due_ms is not None and entry.due_ms <= now_ms:
                self._recompute(entry, entry.due_ms)
            elif self._is_stale(entry, now_ms):
                self._recompute(entry, now_ms)
        while self._touched and self._touched[0][0] <= now_ms:
            due_ms, type_id, record_id = heappop(self._touched)
            self._queued.discard((type_id, record_id))
            self._review(type_id, record_id, due_ms)

    def _is_stale(self, entry: CrmList, now_ms: int) -> bool:
        timed = entry.dynamic and entry.filter is not None and entry.filter.timed
        return timed and entry.refreshed_ms + 1000 * self._settings.list_time_refresh <= now_ms

    def _recompute(self, entry: CrmList, now_ms: int) -> None:
        assert entry.filter is not None
        entry.due_ms, entry.refreshed_ms = None, now_ms
        test = entry.filter.test
        wanted = {record.id for record in self._tables[entry.type_id].live.values() if test(record)}
        changed = entry.members.keys() ^ wanted
        for record_id in sorted(changed):
            self._settle(entry, record_id, now_ms, member=record_id in wanted)
        self.members_changed(entry, changed)

    def _review(self, type_id: str, record_id: int, now_ms: int) -> None:
        """Look at one record again, in every list it may be in, itself or through an association."""
        record = self._tables[type_id].live.get(record_id)
        for entry in self.lists.values():
            if not entry.dynamic or entry.due_ms is not None or entry.filter is None:
                continue
            if entry.type_id != type_id:
                entry.due_ms = self._due() if "ASSOCIATION" in str(entry.branch) else None
            elif record is not None:
                member = entry.filter.test(record)
                if self._settle(entry, record_id, now_ms, member=member):
                    self.members_changed(entry, {record_id})

    def _settle(self, entry: CrmList, record_id: int, now_ms: int, *, member: bool) -> bool:
        """Make a record a member or not; returns whether that was a change."""
        return entry.join(record_id, now_ms) if member else entry.leave(record_id)

    def members_changed(self, entry: CrmList, record_ids: Iterable[int]) -> None:
        """Let the lists that ask about members of this one look at these records again."""
        if any(entry.id in other.filter.lists for other in self.lists.values() if other.filter is not None):
            table = self._tables[entry.type_id]
            for record_id in record_ids:
                self.touched(table, record_id)


def _convert(entry: CrmList, now_ms: int) -> None:
    """Turn a DYNAMIC list into a MANUAL one when its day has come."""
    if entry.convert_ms is None or entry.convert_ms > now_ms:
        return
    entry.processing_type, entry.convert_ms, entry.due_ms = "MANUAL", None, None
    entry.conversion = {**(entry.conversion or {}), "convertedAt": iso_ms(now_ms)}
