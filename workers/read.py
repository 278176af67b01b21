"""Reading: answer the looks at a CRM that contacts are waiting for, in batches, and append what they show.

A ticket is drawn before each call leaves, so that folding can tell a look that began before our write
from one that began after it. An answer names the asking it answers; whoever asked again meanwhile is
served by another look.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.book import Table, decode, reads_queue
from domain.errors import Misconfigured, Rejected, SyncError
from domain.events import AnyEvent, LookedUp, MembershipObserved, RecordGone
from domain.identity import Crm, RecordRef
from domain.policy import Policy
from domain.state import Priority, ReadRequest
from workers.batching import Gathering, shared
from workers.connection import Lane, Lease, told
from workers.ports import CrmGateway, ListGateway, ReadRecord, Search
from workers.telemetry import get_logger

BATCH = 200
LEASE_MS = 15_000
BACKLOG = 5_000
"""Unprojected events beyond which all reading waits: the answers would only queue behind them."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and the key it stands under."""

    key: str
    request: ReadRequest


class Progress(NamedTuple):
    """What one run of a reader did."""

    answered: int  #: requests
    news: bool  #: something waits to be projected
    more: bool


@dataclass
class Reader:
    """Answers the read requests of one CRM."""

    lane: Lane
    crm: Crm
    gateway: CrmGateway
    lists: ListGateway | None = None  #: HubSpot's, for memberships
    batch: int = BATCH
    _answered: dict[str, str] = field(default_factory=dict, repr=False)  #: key -> asking, not projected yet

    def __post_init__(self) -> None:
        self._gathering = Gathering(self.lane.clock, lambda: self.lane.backlog() > 0)

    def run(self, *, budget_ms: int = 5_000) -> Progress:
        """Answer until none is due or the time is used up.

        What was answered and is not projected yet is not asked again; while much is unprojected, nothing is.
        """
        with self.lane.lease(f"read/{self.crm}", LEASE_MS) as lease:
            if lease is None or self.lane.rewound() or self.lane.backlog() > BACKLOG:
                return Progress(0, news=False, more=False)
            progress = self._drain(lease, budget_ms)
        return progress._replace(more=progress.more or lease.asked)

    def _drain(self, lease: Lease, budget_ms: int) -> Progress:
        end, answered = self.lane.clock.monotonic() + budget_ms / 1000, 0
        while self.lane.clock.monotonic() < end and lease.renew():
            asked = self._due()
            if not asked:
                return Progress(answered, news=answered > 0, more=False)
            if seconds := self._gathering.wait(len(asked), full=len(asked) >= self.batch):
                self.lane.clock.sleep(seconds)
                continue
            try:
                self._answer(asked)
            except Misconfigured as error:
                self.lane.suspend(self.crm, error)
                return Progress(answered, news=True, more=False)
            except SyncError as error:
                log.warning("target_throttled", connection=self.lane.name, crm=self.crm, code=error.code)
                return Progress(answered, news=answered > 0, more=False)
            self._answered.update({each.key: each.request.asked for each in asked})
            answered += len(asked)
        return Progress(answered, news=answered > 0, more=True)

    def _due(self) -> list[Asked]:
        tables = self.lane.tables()
        now = self.lane.moment(tables)
        if self.crm in self.lane.state().suspended:
            return []
        limit = self.batch + len(self._answered)
        queued = {
            priority: [key for key, _ in tables.due(reads_queue(self.crm, priority), now, limit)]
            for priority in self.lane.admitted()
        }
        keys = [key for waiting in queued.values() for key in waiting]
        values = tables.fetch(Table.READS, keys)
        due = {key: decode(Table.READS, raw) for key, raw in zip(keys, values, strict=True) if raw}
        self._answered = {
            key: asking for key, asking in self._answered.items() if key in due and due[key].asked == asking
        }
        fresh = {
            priority: [key for key in waiting if key in due and key not in self._answered]
            for priority, waiting in queued.items()
        }
        return [Asked(key, due[key]) for key in shared(fresh, self.batch)]

    def _answer(self, asked: Sequence[Asked]) -> None:
        """Answer requests together; where the CRM refuses one of them, the others without it.

        A request that is refused by itself stays unanswered, and is not tried again by this process.
        """
        try:
            events = self._events(asked)
        except Rejected as error:
            middle = len(asked) // 2
            if not middle:
                log.warning("read_refused", connection=self.lane.name, key=asked[0].key, code=error.code)
                return
            self._answer(asked[:middle])
            self._answer(asked[middle:])
        else:
            self.lane.append(events)
            log.info(
                "read_answered",
                connection=self.lane.name,
                crm=self.crm,
                asked=len(asked),
                events=len(events),
            )

    def _events(self, asked: Sequence[Asked]) -> list[AnyEvent]:
        policy = self.lane.policy()
        return [
            *self._records([each for each in asked if each.request.kind == "record"], policy),
            *self._look_ups([each for each in asked if each.request.kind == "look_up"], policy),
            *self._memberships([each for each in asked if each.request.kind == "membership"]),
        ]

    # -- records by id

    def _records(self, asked: Sequence[Asked], policy: Policy) -> Iterator[AnyEvent]:
        for name, group in _by_object(asked).items():
            by_id = {each.request.id: each.request for each in group}
            ticket = self.lane.coordination.tickets()
            gateway = self.gateway.at(_priority(group))
            answer = gateway.read(name, list(by_id), self._fields(name, policy))
            for record in answer.records:
                request = by_id[record.asked_id or record.id]
                yield from told(self.crm, record, ticket=ticket, source="read", request=request.asked)
                if record.asked_id:
                    yield self._gone(name, record.asked_id, answer.server_time, ticket, request.asked)
            for record_id in answer.missing:
                yield self._gone(name, record_id, answer.server_time, ticket, by_id[record_id].asked)

    def _fields(self, name: str, policy: Policy) -> list[str]:
        """What is needed of an object; nothing of one that is not synced any more, whose request yet ends."""
        kind = policy.by_object.get((self.crm, name))
        return sorted(kind.needed[self.crm, name]) if kind else []

    def _gone(self, name: str, record_id: str, at: int, ticket: int, request: str) -> RecordGone:
        return RecordGone(
            crm=self.crm,
            object=name,
            id=record_id,
            cause="missing",
            at=at or self.lane.clock.now_ms(),
            ticket=ticket,
            request=request,
        )

    # -- look-ups by key and e-mail

    def _look_ups(self, asked: Sequence[Asked], policy: Policy) -> Iterator[AnyEvent]:
        if not asked:
            return
        ticket = self.lane.coordination.tickets()
        wanted: dict[tuple[str, str], dict[str, None]] = {}
        for each in asked:
            for name, by, value in each.request.keys:
                wanted.setdefault((name, by), {})[value] = None
        searches = [
            Search(name, by, list(values), self._fields(name, policy))
            for (name, by), values in wanted.items()
        ]
        found: dict[tuple[str, str, str], list[ReadRecord]] = {}
        answers = self.gateway.at(_priority(asked)).look_up(searches)
        for search, answer in zip(searches, answers, strict=True):
            for record in answer.records:
                value = (record.asked_id or "").lower()
                found.setdefault((search.object, search.field, value), []).append(record)
        for each in asked:
            yield from self._look_up(each.request, found, ticket)

    def _look_up(
        self, request: ReadRequest, found: dict[tuple[str, str, str], list[ReadRecord]], ticket: int
    ) -> Iterator[AnyEvent]:
        records: dict[str, ReadRecord] = {}
        for name, by, value in request.keys:
            for record in found.get((name, by, value.lower()), []):
                records.setdefault(RecordRef(self.crm, record.object, record.id).key, record)
        for record in records.values():
            yield from told(self.crm, record, ticket=ticket, source="look_up", request=request.asked)
        yield LookedUp(
            entity=request.entity,
            crm=self.crm,
            value=request.id,
            found=tuple(records),
            ticket=ticket,
            request=request.asked,
        )

    # -- list memberships

    def _memberships(self, asked: Sequence[Asked]) -> Iterator[AnyEvent]:
        if not asked or self.lists is None:
            return
        ticket = self.lane.coordination.tickets()
        members = self.lists.memberships([each.request.id for each in asked])
        for each in asked:
            yield MembershipObserved(
                entity=each.request.entity,
                list_id=each.request.object,
                member=each.request.object in members.get(each.request.id, set()),
                ticket=ticket,
                request=each.request.asked,
            )


def _by_object(asked: Iterable[Asked]) -> dict[str, list[Asked]]:
    groups: dict[str, list[Asked]] = {}
    for each in asked:
        groups.setdefault(each.request.object, []).append(each)
    return groups


def _priority(asked: Iterable[Asked]) -> Priority:
    """The most urgent of a group: it travels in one call."""
    present = {each.request.priority for each in asked}
    return next(priority for priority in Priority if priority in present)
