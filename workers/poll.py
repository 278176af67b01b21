"""Polling: find out by asking what no webhook said, so that nothing stays unseen.

Four passes over an object, by how far back they look: *changes* every few seconds with an overlap that
covers late indexes and late commits; the *check* every fifteen minutes over a longer settled stretch; the
*reconcile* of all ids every night, for deletions and for whatever slipped through; and the *baseline*, once,
of everything. What was seen before is recognised when it is appended, and costs nothing more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from domain.book import Table, decode
from domain.events import AnyEvent, BaselineCompleted, RecordTouched
from domain.identity import Crm, RecordRef
from domain.records import Record
from domain.state import Contact, Priority
from workers.connection import Lane, Lease, observed
from workers.ports import ChangesPage, CrmGateway, ReadRecord
from workers.telemetry import get_logger

OVERLAP_MS = 60_000
"""How far each poll looks back behind the last one: HubSpot's search index and Salesforce's commits lag."""

CHECK_MS = 15 * 60_000
SETTLED_MS = 30 * 60_000
"""How far the fifteen-minute check looks back behind the last one."""

FOREVER = 253_402_214_400_000  # the last day of the year 9999
LEASE_MS = 30_000
"""Renewed with every page: whoever dies is soon replaced."""

BACKLOG = 20_000
"""Events that may wait to be projected before a baseline pauses: people's edits queue behind them."""

log = get_logger(__name__)


class Cursor(msgspec.Struct):
    """How far one pass over an object has come."""

    since: int  #: where the next window starts, epoch ms by the CRM's clock
    started: int = 0  #: the CRM's clock when the running window was opened; 0: none is running
    after: str | None = None  #: the key inside the running window
    seen: int = 0


@dataclass
class Poller:
    """Polls one CRM."""

    lane: Lane
    crm: Crm
    gateway: CrmGateway

    def changes(self, *, budget_ms: int = 10_000) -> int:
        """Look for recent changes in every object; returns how many events were new."""
        return self._pass("poll", "poll", OVERLAP_MS, Priority.LIVE, budget_ms)

    def check(self, *, budget_ms: int = 20_000) -> int:
        """The fifteen-minute check: everything modified since well before the last one."""
        return self._pass("check", "check", SETTLED_MS, Priority.RETRY, budget_ms)

    def baseline(self, *, budget_ms: int = 15_000) -> bool:
        """Read every object once in full; triggers nothing. True when all of it is done."""
        with self.lane.lease(f"baseline/{self.crm}", LEASE_MS) as lease, self.lane.refusals(self.crm):
            if lease and not self._suspended():
                return self._baseline(lease, budget_ms)
        return False

    def _baseline(self, lease: Lease, budget_ms: int) -> bool:
        for name in self._objects():
            if f"{self.crm}/{name}" in self.lane.state().baselines:
                continue
            if not self._whole(name, lease, self._end(budget_ms)):
                return False
            self.lane.append([BaselineCompleted(crm=self.crm, object=name)])
        return True

    def reconcile(self) -> int:
        """Compare all ids and stamps with what is known; what differs is read. Returns how many differ."""
        with self.lane.lease(f"reconcile/{self.crm}", LEASE_MS) as lease, self.lane.refusals(self.crm):
            if lease and not self._suspended():
                return sum(self._reconcile(name, lease) for name in self._objects())
        return 0

    # -- windows

    def _objects(self) -> list[str]:
        return [name for crm, name in self.lane.policy().by_object if crm is self.crm]

    def _end(self, budget_ms: int) -> float:
        return self.lane.clock.monotonic() + budget_ms / 1000

    def _pass(self, stream: str, source: str, overlap_ms: int, priority: Priority, budget_ms: int) -> int:
        with self.lane.lease(f"{stream}/{self.crm}", LEASE_MS) as lease, self.lane.refusals(self.crm):
            if lease and not self._suspended():
                return self._windows(lease, stream, source, overlap_ms, priority, budget_ms)
        return 0

    def _suspended(self) -> bool:
        return self.crm in self.lane.state().suspended

    def _windows(
        self, lease: Lease, stream: str, source: str, overlap_ms: int, priority: Priority, budget_ms: int
    ) -> int:
        new, end = 0, self._end(budget_ms)
        for name in self._objects():
            cursor = self._cursor(stream, name)
            while True:
                page = self._page(name, cursor, priority)
                new += self._take(page.records, source)
                cursor = self._moved(cursor, page, overlap_ms)
                self._keep(stream, name, cursor)
                if page.last is None or self.lane.clock.monotonic() > end or not lease.renew():
                    break
        log.info("poll_finished", connection=self.lane.name, crm=self.crm, stream=stream, new=new)
        return new

    def _page(self, name: str, cursor: Cursor, priority: Priority) -> ChangesPage:
        policy = self.lane.policy().by_object[self.crm, name]
        fields = sorted(policy.needed[self.crm, name])
        self._ticket = self.lane.coordination.tickets()
        gateway = self.gateway.at(priority)
        page = gateway.changes(name, since=cursor.since, until=FOREVER, after=cursor.after, fields=fields)
        cursor.started = cursor.started or page.server_time
        return page

    def _take(self, records: Iterable[ReadRecord], source: str) -> int:
        return self.lane.append(
            [observed(self.crm, record, ticket=self._ticket, source=source) for record in records]
        )

    @staticmethod
    def _moved(cursor: Cursor, page: ChangesPage, overlap_ms: int) -> Cursor:
        """Stay in the window while it has pages, then open the next one.

        It starts where this one was opened, less the overlap: what changed while paging is seen then.
        """
        seen = cursor.seen + len(page.records)
        if page.last is not None:
            return Cursor(cursor.since, cursor.started, page.last, seen)
        return Cursor(max(cursor.since, cursor.started - overlap_ms))

    def _cursor(self, stream: str, name: str) -> Cursor:
        raw = self.lane.coordination.cursor(f"{stream}/{self.crm}/{name}")
        if raw is not None:
            return msgspec.json.decode(raw, type=Cursor)
        return Cursor(since=max(0, self.gateway.server_time() - SETTLED_MS))

    def _keep(self, stream: str, name: str, cursor: Cursor) -> None:
        key = f"{stream}/{self.crm}/{name}"
        self.lane.coordination.set_cursor(key, msgspec.json.encode(cursor).decode())

    # -- everything, once

    def _whole(self, name: str, lease: Lease, end: float) -> bool:
        raw = self.lane.coordination.cursor(f"baseline/{self.crm}/{name}")
        cursor = msgspec.json.decode(raw, type=Cursor) if raw else Cursor(since=0)
        while self.lane.clock.monotonic() < end and self.lane.backlog() < BACKLOG and lease.renew():
            page = self._page(name, cursor, Priority.BACKFILL)
            self._take((record for record in page.records if not record.deleted), "baseline")
            started = cursor.started
            cursor = Cursor(0, started, page.last, cursor.seen + len(page.records))
            self._keep("baseline", name, cursor)
            if page.last is None:
                for stream, overlap_ms in (("poll", OVERLAP_MS), ("check", SETTLED_MS)):
                    self._keep(stream, name, Cursor(since=max(0, started - overlap_ms)))
                return True
        return False

    # -- ids

    def _reconcile(self, name: str, lease: Lease) -> int:
        known = self._known(name)
        suspects: list[str] = []
        after: str | None = None
        while True:
            page = self.gateway.at(Priority.BACKFILL).ids(name, after=after)
            for record in page.records:
                stamp = known.pop(record.id, None)
                if stamp is None or stamp < record.modified_at:
                    suspects.append(record.id)
            if page.last is None or not lease.renew():
                break
            after = page.last
        suspects += known if page.last is None else ()
        self.lane.append([self._suspect(name, each) for each in suspects])
        log.info(
            "poll_finished", connection=self.lane.name, crm=self.crm, stream="reconcile", new=len(suspects)
        )
        return len(suspects)

    def _suspect(self, name: str, record_id: str) -> AnyEvent:
        now = self.lane.clock.now_ms()
        return RecordTouched(crm=self.crm, object=name, id=record_id, occurred_at=now, cause="changed")

    def _known(self, name: str) -> dict[str, int]:
        """The ids of living records that we know, with the stamp they were last seen at."""
        known: dict[str, int] = {}
        prefix = RecordRef(self.crm, name, "").key
        for _, raw in self.lane.tables().scan(Table.CONTACTS):
            contact: Contact = decode(Table.CONTACTS, raw)
            for key, record in contact.records.items():
                if key.startswith(prefix) and not record.gone and not contact.erased:
                    known[key.removeprefix(prefix)] = _stamp(record)
        return known


def _stamp(record: Record) -> int:
    return record.seen[0]
