"""Writes that take effect together, and what the org remembers of them."""

from collections import deque
from dataclasses import dataclass, field

from simulators.salesforce.org import Actor, Later, Org
from simulators.salesforce.store import Record, Table

_HISTORY = 50
_SYSTEM = frozenset({"LastModifiedDate", "LastModifiedById", "SystemModstamp"})


@dataclass(slots=True)
class _Write:
    table: Table
    before: Record | None
    row: Record


@dataclass(slots=True)
class Transaction:
    """Writes that become visible together, or not at all."""

    org: Org
    actor: Actor
    stamp: str = ""
    _writes: list[_Write] = field(default_factory=list)
    _later: list[Later] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stamp = self.org.stamp()

    def put(self, table: Table, row: Record) -> None:
        self._writes.append(_Write(table, table.live.by_id.get(row["Id"]), row))
        table.live.put(row)

    def after_commit(self, later: Later) -> None:
        self._later.append(later)

    def mark(self) -> int:
        """A point to roll back to."""
        return len(self._writes)

    def rollback(self, mark: int = 0) -> None:
        while len(self._writes) > mark:
            write = self._writes.pop()
            if write.before is None:
                write.table.live.drop(write.row["Id"])
            else:
                write.table.live.put(write.before)

    def commit(self) -> None:
        org, settings = self.org, self.org.settings
        for write in self._writes:
            delayed = (
                settings.visibility_delay_s > 0 and org.rng.uniform(0, 1) < settings.visibility_delay_share
            )
            write.table.publish(write.row, org.now() + settings.visibility_delay_s if delayed else 0.0)
            self._remember(write)
        for later in self._later:
            org.schedule(later)
        self._writes.clear()
        self._later.clear()

    def _remember(self, write: _Write) -> None:
        """Count the write and keep what it changed."""
        before, row = write.before, write.row
        if before is None:
            self.org.counters.created(str(row.get("Email", row["Id"])).lower())
            return
        changes = {
            name: before.get(name)
            for name in before.keys() | row.keys()
            if before.get(name) != row.get(name) and name not in _SYSTEM
        }
        past = self.org.history.setdefault(row["Id"], deque(maxlen=_HISTORY))
        again = any(
            name in old["before"] and old["before"][name] == row.get(name) for name in changes for old in past
        )
        self.org.counters.wrote(row["Id"], changed=bool(changes), out_of_order=again)
        past.append({"at": self.stamp, "by": self.actor.user_id, "before": changes})
