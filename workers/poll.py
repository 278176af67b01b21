"""Polling: find out by asking what no webhook said, so that nothing stays unseen.

Four passes over an object, by how far back they look: *changes* every few seconds with an overlap that
covers late indexes and late commits; the *check* every fifteen minutes over a longer settled stretch; the
*reconcile* of all ids every night, for deletions and for whatever slipped through; and the *baseline*, once,
of everything. What was seen before is recognised when it is appended, and costs nothing more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import msgspec

from domain.book import Table, decode
from domain.errors import Misconfigured, Rejected, Throttled, Transient
from domain.events import AnyEvent, BaselineCompleted, RecordTouched, SyncRequested
from domain.identity import Crm, RecordRef
from domain.kinds import CAMPAIGN_ADDED
from domain.records import Record
from domain.state import Contact, Priority
from workers.connection import Lane, Lease, polled, told
from workers.ports import ChangesPage, CrmGateway, ReadRecord
from workers.telemetry import get_logger

OVERLAP_MS = 60_000
"""How far each poll looks back behind the last one: HubSpot's search index and Salesforce's commits lag."""

SETTLED_MS = 30 * 60_000
"""How far the fifteen-minute check looks back behind the last one."""

MEMBER = "CampaignMember"
MEMBER_FIELDS = ("CampaignId", "ContactId", "LeadId")

FOREVER = 253_402_214_400_000  # the last day of the year 9999
NEVER = UNLISTED = -1
LEASE_MS = 30_000
"""Renewed with every page: whoever dies is soon replaced."""

BACKLOG = 20_000
"""Events that may wait to be projected before reading pauses: people's edits queue behind them."""

DAY_MS = 86_400_000
LONGEST_WAIT = 20.0
"""Seconds to wait for call allowance at a time, within the lease."""

PORTION = 200
"""Events that are appended at once."""

log = get_logger(__name__)


class Cursor(msgspec.Struct):
    """How far one pass over an object has come."""

    since: int  #: where the next window starts, epoch ms by the CRM's clock
    started: int = 0  #: the CRM's clock when the running window was opened; 0: none is running
    after: str | None = None  #: the key inside the running window
    seen: int = 0
    done: bool = False  #: of a baseline: all of it was read


@dataclass
class Poller:
    """Polls one CRM."""

    lane: Lane
    crm: Crm
    gateway: CrmGateway
    cut_short: bool = False  #: whether the last pass has left something for the next one

    def changes(self, *, budget_ms: int = 10_000) -> int:
        """Look for recent changes in every object; returns how many events were new."""
        began, behind = self.lane.clock.now_ms(), self.lane.rewound()
        new = self._pass("poll", "poll", OVERLAP_MS, Priority.LIVE, budget_ms)
        if not self.cut_short and not behind:
            self.lane.coordination.set_cursor(polled(self.crm), str(began))
        return new

    def check(self, *, budget_ms: int = 20_000) -> int:
        """The fifteen-minute check: everything modified since well before the last one."""
        return self._pass("check", "check", SETTLED_MS, Priority.RETRY, budget_ms)

    def baseline(self, *, budget_ms: int = 15_000) -> bool:
        """Read every object once in full; triggers nothing. True when all of it is done."""
        with self.lane.lease(f"baseline/{self.crm}", LEASE_MS) as lease, self.lane.refusals(self.crm):
            if lease and not self._suspended() and not self.lane.rewound():
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

    def nightly(self) -> int:
        """Reconcile, if the last one is a day ago. It begins anew if it was cut short."""
        mark = f"reconciled/{self.crm}"
        now = self.lane.clock.now_ms()
        if now - int(self.lane.coordination.cursor(mark) or 0) < DAY_MS:
            return 0
        differing = self.reconcile()
        if differing is None:
            return 0
        self.lane.coordination.set_cursor(mark, str(now))
        return differing

    def reconcile(self, *, budget_ms: int = 30 * 60_000) -> int | None:
        """Compare all ids and stamps with what is known; what differs is read.

        Returns how many differ, None if it could not be done now. Waits for call allowance, in bounds.
        """
        with self.lane.lease(f"reconcile/{self.crm}", LEASE_MS) as lease, self.lane.refusals(self.crm):
            if lease and not self._suspended() and not self.lane.rewound():
                end = self._end(budget_ms)
                return sum(self._reconcile(name, lease, end) for name in self._objects())
        return None

    def campaigns(self, *, budget_ms: int = 20_000) -> int:
        """Look who was added to an active campaign of Salesforce.

        A user who may not see campaigns, or an org without them, is no reason to stop anything else.
        """
        self.cut_short = True
        with self.lane.lease(f"campaigns/{self.crm}", LEASE_MS) as lease:
            if lease is None or self._suspended():
                return 0
            try:
                return self._campaigns(lease, self._end(budget_ms))
            except (Misconfigured, Rejected) as error:
                log.warning("read_refused", connection=self.lane.name, key=MEMBER, code=error.code)
                self.cut_short = False
        return 0

    def _campaigns(self, lease: Lease, end: float) -> int:
        new, cursor = 0, self._cursor("poll", MEMBER)
        while self.lane.backlog() < BACKLOG and self.lane.clock.monotonic() < end:
            look = partial(self._changes, MEMBER, cursor, Priority.RETRY, MEMBER_FIELDS)
            page = self._patiently(look, lease, end)
            new += self.lane.append(list(self._added(page.records, cursor.since)))
            cursor = self._moved(cursor, page, SETTLED_MS)
            self._keep("poll", MEMBER, cursor)
            if page.last is None:
                self.cut_short = False
                break
        return new

    def _added(self, members: Iterable[ReadRecord], since: int) -> Iterator[AnyEvent]:
        """Those who were added lately; of others the status changed, or they are told again."""
        added = [each for each in members if not each.deleted and each.created_at >= since]
        campaigns = sorted({each.fields["CampaignId"] or "" for each in added})
        known = self.gateway.read("Campaign", campaigns, ("IsActive",)).records if added else ()
        active = {each.id for each in known if each.fields["IsActive"] == "true" and not each.deleted}
        for each in added:
            for field, name in (("LeadId", "Lead"), ("ContactId", "Contact")):
                person = each.fields[field]
                if person and each.fields["CampaignId"] in active:
                    ref = RecordRef(self.crm, name, person)
                    yield SyncRequested(entity=ref.key, cause=CAMPAIGN_ADDED, by=each.id, request=each.id)

    # -- windows

    def _objects(self) -> list[str]:
        return [name for crm, name in self.lane.policy().by_object if crm is self.crm]

    def _end(self, budget_ms: int) -> float:
        return self.lane.clock.monotonic() + budget_ms / 1000

    def _pass(self, stream: str, source: str, overlap_ms: int, priority: Priority, budget_ms: int) -> int:
        self.cut_short = True
        with self.lane.lease(f"{stream}/{self.crm}", LEASE_MS) as lease, self.lane.refusals(self.crm):
            if lease and not self._suspended():
                return self._windows(lease, stream, source, overlap_ms, priority, budget_ms)
        return 0

    def _suspended(self) -> bool:
        return self.crm in self.lane.state().suspended

    def _windows(
        self, lease: Lease, stream: str, source: str, overlap_ms: int, priority: Priority, budget_ms: int
    ) -> int:
        new, end, whole = 0, self._end(budget_ms), True
        for name in self._objects():
            cursor = self._cursor(stream, name)
            while self.lane.backlog() < BACKLOG:
                look = partial(self._page, name, cursor, priority)
                page = self._patiently(look, lease, end)
                new += self._take_gently(page.records, source, lease)
                cursor = self._moved(cursor, page, overlap_ms)
                self._keep(stream, name, cursor)
                if page.last is None:
                    break
                if self.lane.clock.monotonic() > end:
                    whole = False
                    break
            else:
                whole = False
        self.cut_short = not whole
        log.info("poll_finished", connection=self.lane.name, crm=self.crm, stream=stream, new=new)
        return new

    def _page(self, name: str, cursor: Cursor, priority: Priority, until: int | None = None) -> ChangesPage:
        """The next page of a window, with all that is needed of its object."""
        policy = self.lane.policy().by_object[self.crm, name]
        return self._changes(name, cursor, priority, sorted(policy.needed[self.crm, name]), until)

    def _changes(
        self, name: str, cursor: Cursor, priority: Priority, fields: Sequence[str], until: int | None = None
    ) -> ChangesPage:
        """The next page of a window.

        Unless told otherwise, a window ends at the moment it was opened, which its first page tells. What is
        modified while it is read belongs to the next one; or a window might run after its own tail for ever.
        """
        self._ticket = self.lane.coordination.tickets()
        page = self.gateway.at(priority).changes(
            name,
            since=cursor.since,
            until=until or cursor.started or FOREVER,
            after=cursor.after,
            fields=fields,
        )
        cursor.started = cursor.started or page.server_time
        return page

    def _patiently(self, look: Callable[[], ChangesPage], lease: Lease, end: float) -> ChangesPage:
        """Look; after a bad moment, or when the allowance is back, once more, while there is time."""
        while lease.renew():
            try:
                return look()
            except (Throttled, Transient) as error:
                seconds = (error.wait_ms or 1_000) / 1000
                if seconds > LONGEST_WAIT or self.lane.clock.monotonic() + seconds > end:
                    raise
                self.lane.clock.sleep(seconds)
        raise Transient("lease_lost")

    def _take(self, records: Iterable[ReadRecord], source: str) -> int:
        return self.lane.append(
            [
                event
                for record in records
                for event in told(self.crm, record, ticket=self._ticket, source=source)
            ]
        )

    def _take_gently(self, records: Sequence[ReadRecord], source: str, lease: Lease) -> int:
        """Take what a page shows in portions, as the log has room: others have something to say meanwhile."""
        new = 0
        for first in range(0, len(records), PORTION):
            self.lane.await_room(lease)
            new += self._take(records[first : first + PORTION], source)
        return new

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
        """Read on; True once all was read. No record may be left out, so this window has no end."""
        raw = self.lane.coordination.cursor(f"baseline/{self.crm}/{name}")
        cursor = msgspec.json.decode(raw, type=Cursor) if raw else Cursor(since=0)
        while not cursor.done and self.lane.clock.monotonic() < end and self.lane.backlog() < BACKLOG:
            look = partial(self._page, name, cursor, Priority.BACKFILL, until=FOREVER)
            page = self._patiently(look, lease, end)
            self._take((record for record in page.records if not record.deleted), "baseline")
            seen = cursor.seen + len(page.records)
            cursor = Cursor(0, cursor.started, page.last, seen, done=page.last is None)
            if cursor.done:
                for stream, overlap_ms in (("poll", OVERLAP_MS), ("check", SETTLED_MS)):
                    self._keep(stream, name, Cursor(since=max(0, cursor.started - overlap_ms)))
            self._keep("baseline", name, cursor)
        return cursor.done

    # -- ids

    def _reconcile(self, name: str, lease: Lease, end: float) -> int:
        known, listed = self._known(name), {}
        for record in self._ids(name, lease, end):
            if _differs(known.pop(record.id, NEVER), record.modified_at):
                listed[record.id] = record.modified_at
        listed |= {each: UNLISTED for each, stamp in known.items() if _differs(stamp, UNLISTED)}
        differing = sum(self._suspect(name, portion, lease) for portion in _portions(listed))
        log.info("poll_finished", connection=self.lane.name, crm=self.crm, stream="reconcile", new=differing)
        return differing

    def _ids(self, name: str, lease: Lease, end: float) -> Iterator[ReadRecord]:
        gateway, after = self.gateway.at(Priority.BACKFILL), None
        while True:
            page = self._patiently(partial(gateway.ids, name, after=after), lease, end)
            yield from page.records
            if page.last is None:
                return
            after = page.last

    def _suspect(self, name: str, listed: Mapping[str, int], lease: Lease) -> int:
        """Have those read that still differ by what has become known while the ids were listed."""
        self.lane.await_room(lease)
        now, known = self.lane.clock.now_ms(), self._known_now(name, list(listed))
        differing = [each for each, stamp in listed.items() if _differs(known[each], stamp)]
        self.lane.append(
            [
                RecordTouched(crm=self.crm, object=name, id=each, occurred_at=now, cause="differs")
                for each in differing
            ]
        )
        return len(differing)

    def _known(self, name: str) -> dict[str, int]:
        """The ids of the records that we know, with the stamp they were last seen at.

        ``NEVER`` stands for one that should not be listed, ``FOREVER`` for one that nothing new is wanted of.
        """
        known: dict[str, int] = {}
        prefix = RecordRef(self.crm, name, "").key
        for _, raw in self.lane.tables().scan(Table.CONTACTS):
            contact: Contact = decode(Table.CONTACTS, raw)
            for key, record in contact.records.items():
                if key.startswith(prefix):
                    known[key.removeprefix(prefix)] = _stamp(contact, record)
        return known

    def _known_now(self, name: str, ids: Sequence[str]) -> dict[str, int]:
        """The same of a few."""
        keys = [RecordRef(self.crm, name, each).key for each in ids]
        tables = self.lane.tables()
        owners = [decode(Table.REFS, raw) if raw else "" for raw in tables.fetch(Table.REFS, keys)]
        known = dict.fromkeys(ids, NEVER)
        for each, key, raw in zip(ids, keys, tables.fetch(Table.CONTACTS, owners), strict=True):
            contact: Contact | None = decode(Table.CONTACTS, raw) if raw else None
            if contact is not None and key in contact.records:
                known[each] = _stamp(contact, contact.records[key])
        return known


def _differs(known: int, listed: int) -> bool:
    """Whether a record is to be read, by the stamps it is known and listed with."""
    return NEVER < known < FOREVER if listed == UNLISTED else known < listed


def _portions(listed: Mapping[str, int]) -> Iterator[dict[str, int]]:
    items = iter(listed.items())
    while portion := dict(islice(items, PORTION)):
        yield portion


def _stamp(contact: Contact, record: Record) -> int:
    if contact.erased or record.gone in {"merged", "converted", "erased"}:
        return FOREVER
    return NEVER if record.gone else max(0, record.seen[0])
