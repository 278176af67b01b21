"""Delivering: claim what the outbox says, send it in batches, append what became of it.

One deliverer per connection and CRM holds the lease. A claim freezes an intent and is in the log before
its request leaves; the answer follows in the log as an event. Whatever a deliverer that was lost had
claimed counts as unanswered: it is looked into, never sent again blind.
"""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from math import ceil

from domain.book import CLAIMS, Table, decode, outbox_queue
from domain.events import DeliveryAnswered, DeliveryClaimed, IntentStale, encode, event_id
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Intent, Priority
from workers.batching import Gathering, shared
from workers.connection import Lane, Lease
from workers.ports import CrmGateway, WriteRow
from workers.store import Claim, Tables
from workers.telemetry import get_logger

LEASE_MS = 15_000
IN_FLIGHT = 4
"""Requests that may be on their way to one CRM at once."""

PATIENCE = 2.0
"""Seconds a run that used up its time waits for its last requests, before it goes on beside them."""

LOOK_AGAIN = 0.05
"""Seconds after which to look for new work while requests are on their way."""

COMPANY = 0.2
"""Seconds that even a single row waits for more, while requests are on their way."""

SOON_MS = 1_000
"""A run that ends before something may be sent is followed by another, if that is not longer away."""

FAR = 2**62

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An intent as the outbox holds it."""

    intent: Intent
    raw: bytes

    @property
    def attempt(self) -> int:
        return self.intent.attempt + 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Claimed intents that travel in one call."""

    priority: Priority
    waiting: list[Waiting]


Running = dict[Future[list[Outcome]], Batch]
"""Requests that are on their way."""


@dataclass
class Counts:
    """What one drain did; shown with its task."""

    claimed: int = 0
    stale: int = 0  #: decided under an older configuration, so given back
    sent: int = 0
    delivered: int = 0
    rejected: int = 0
    misfits: int = 0  #: refused for a field that is not there, or not to be written
    batches: int = 0
    more: bool = False


@dataclass
class Deliverer:
    """Delivers the intents of one CRM."""

    lane: Lane
    crm: Crm
    gateway: CrmGateway
    in_flight: int = IN_FLIGHT
    _pool: ThreadPoolExecutor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._gathering = Gathering(self.lane.clock, lambda: self.lane.backlog() > 0)

    def run(self, *, budget_ms: int = 5_000) -> Counts:
        """Deliver until nothing is due or the time is used up.

        There is more if another one came and was kept out: what it came for may have been missed at the end.
        Raises what the store or a gateway raises, once no request is on its way any more. What was claimed
        and has no answer then is looked into by the next run.
        """
        counts = Counts()
        with self.lane.lease(f"deliver/{self.crm}", LEASE_MS) as lease:
            if lease is not None and not self.lane.rewound():
                self._recover()
                self._drain(lease, counts, budget_ms / 1000)
                if lease.renew():
                    self.lane.coordination.set_cursor(self._mark, None)
        counts.more |= lease is not None and lease.asked
        return counts

    def _drain(self, lease: Lease, counts: Counts, budget: float) -> None:
        began, running = self.lane.clock.monotonic(), Running()
        try:
            while True:
                worked = self.lane.clock.monotonic() - began
                counts.more = not lease.held() or worked % (budget + PATIENCE) >= budget
                wait_ms = 0 if counts.more else self._fill(running, lease, counts)
                if running:
                    self._collect(running, lease, counts, wait_ms / 1000)
                elif counts.more or not wait_ms:
                    return
                elif worked + wait_ms / 1000 > budget:
                    counts.more = wait_ms <= SOON_MS
                    return
                else:
                    self.lane.clock.sleep(wait_ms / 1000)
        finally:  # nobody else may look at what is still being written
            while wait(running, timeout=lease.ttl_ms / 3000).not_done:
                lease.renew()

    def _fill(self, running: Running, lease: Lease, counts: Counts) -> int:
        """Send as many batches as may be on their way at once.

        Returns the ms until another may leave, once there is allowance or more to send; 0: nothing is due.
        """
        while len(running) < self.in_flight:
            batch, wait_ms = self._next(counts, len(running))
            if batch is None:
                return wait_ms
            running[self._threads().submit(self._send, batch, lease)] = batch
        return 0

    def _collect(self, running: Running, lease: Lease, counts: Counts, seconds: float) -> None:
        """Record the answers that have come. With room for more requests, do not wait long for one.

        ``seconds``: when another may leave, 0: not known.
        """
        soon = min(seconds or LOOK_AGAIN, LOOK_AGAIN)
        timeout = lease.ttl_ms / 3000 if len(running) == self.in_flight else soon
        done, _ = wait(running, timeout=timeout, return_when=FIRST_COMPLETED)
        lease.renew()
        for future in done:
            self._record(running.pop(future), future.result(), counts)

    def _threads(self) -> ThreadPoolExecutor:
        self._pool = self._pool or ThreadPoolExecutor(
            self.in_flight, thread_name_prefix=f"deliver-{self.crm}"
        )
        return self._pool

    @property
    def _mark(self) -> str:
        """Set while requests may be on their way; found at a start, it names a deliverer that was lost."""
        return f"delivering/{self.crm}"

    def _recover(self) -> None:
        """Give up on what a lost deliverer had claimed: nobody will ever record its answers."""
        coordination = self.lane.coordination
        if coordination.cursor(self._mark) is not None:
            claims = self.lane.tables().due(CLAIMS, FAR, 10_000)
            ours = [(key.partition("|")[2], score) for key, score in claims if key.startswith(f"{self.crm}|")]
            ticket = coordination.tickets()
            outcome = Outcome(OutcomeClass.UNKNOWN, code="deliverer_lost")
            self.lane.append(
                [
                    DeliveryAnswered(
                        entity=entity, crm=self.crm, attempt=attempt, outcome=outcome, ticket=ticket
                    )
                    for entity, attempt in ours
                ]
            )
        coordination.set_cursor(self._mark, self.lane.owner)

    # -- choosing and claiming

    def _next(self, counts: Counts, running: int) -> tuple[Batch | None, int]:
        """Claim the next batch, beside so many others; if none may leave now, when to look again, in ms."""
        state, tables = self.lane.state(), self.lane.tables()
        now = self.lane.moment(tables)
        if state.paused or self.crm in state.suspended or state.throttled.get(self.crm, 0) > now:
            return None, 0
        waiting = self._due(tables, now, last=0 < running == self.in_flight - 1)
        full = len(waiting) >= self.gateway.batch_size
        while waiting:
            group = _alike(waiting, mixed=self.gateway.mixes_objects)
            wait_ms = self.gateway.at(_priority(group)).wait_ms()
            if not wait_ms:
                least = COMPANY if running else 0.0
                wait_ms = ceil(1000 * self._gathering.wait(len(group), full=full, least=least))
            if wait_ms:
                return None, wait_ms
            claimed = self._claim(group, counts)
            if claimed:
                return Batch(_priority(claimed), claimed), 0
            chosen = {each.intent.key for each in group}
            waiting = [each for each in waiting if each.intent.key not in chosen]
        return None, 0

    def _due(self, tables: Tables, now: int, *, last: bool) -> list[Waiting]:
        """What is due, the urgent first, with a share of the batch kept for the rest.

        ``last``: no other request may leave beside this one, so it is not for backfill.
        """
        size = self.gateway.batch_size
        busy = {key for key, _ in tables.due(CLAIMS, FAR, 10_000)}
        due = {
            priority: [
                key
                for key, _ in tables.due(outbox_queue(self.crm, priority), now, size + len(busy))
                if key not in busy
            ]
            for priority in self.lane.admitted()
            if not (last and priority is Priority.BACKFILL)
        }
        keys = shared(due, size)
        values = tables.fetch(Table.OUTBOX, keys)
        return [Waiting(decode(Table.OUTBOX, raw), raw) for raw in values if raw]

    def _claim(self, group: Sequence[Waiting], counts: Counts) -> list[Waiting]:
        current = self.lane.policy().digest
        fresh = [each for each in group if each.intent.config == current]
        stale = [each.intent for each in group if each.intent.config != current]
        self.lane.append([IntentStale(entity=i.entity, crm=i.crm, revision=i.revision) for i in stale])
        granted = self.lane.coordination.claim([_wish(each) for each in fresh])
        claimed = [each for each, yes in zip(fresh, granted, strict=True) if yes]
        counts.stale += len(stale)
        counts.claimed += len(claimed)
        return claimed

    # -- sending and recording

    def _send(self, batch: Batch, lease: Lease) -> list[Outcome]:
        """Send a batch, unless the lease ran out: by now its contacts may have been decided anew."""
        rows = [
            WriteRow(
                str(number),
                i.object,
                i.record_id,
                i.fields,
                key_field=i.key_field,
                key_value=i.key_value,
                delete=i.delete,
                into=i.into,
            )
            for number, i in enumerate(each.intent for each in batch.waiting)
        ]
        if not lease.held():
            return [Outcome(OutcomeClass.TRANSIENT, code="lease_lost")] * len(rows)
        return self.gateway.at(batch.priority).write(rows)

    def _record(self, batch: Batch, outcomes: Sequence[Outcome], counts: Counts) -> None:
        ticket = self.lane.coordination.tickets()
        self.lane.append(
            [
                DeliveryAnswered(
                    entity=each.intent.entity,
                    crm=self.crm,
                    attempt=each.attempt,
                    outcome=outcome,
                    ticket=ticket,
                )
                for each, outcome in zip(batch.waiting, outcomes, strict=True)
            ]
        )
        delivered = sum(outcome.outcome is OutcomeClass.DELIVERED for outcome in outcomes)
        rejected = sum(outcome.outcome is OutcomeClass.REJECTED for outcome in outcomes)
        counts.misfits += sum(
            outcome.outcome is OutcomeClass.MISCONFIGURED and not outcome.suspends for outcome in outcomes
        )
        counts.batches += 1
        counts.sent += len(outcomes)
        counts.delivered += delivered
        counts.rejected += rejected
        log.info(
            "batch_delivered",
            connection=self.lane.name,
            crm=self.crm,
            claimed=len(batch.waiting),
            sent=delivered,
            rejected=rejected,
        )


def _wish(waiting: Waiting) -> Claim:
    intent = waiting.intent
    event = DeliveryClaimed(
        entity=intent.entity,
        crm=intent.crm,
        revision=intent.revision,
        attempt=waiting.attempt,
        object=intent.object,
        record_id=intent.record_id,
        fields=intent.fields,
        sources=intent.sources,
        delete=intent.delete,
        into=intent.into,
    )
    return Claim(intent.key, waiting.raw, waiting.attempt, event_id(event), encode(event))


def _alike(waiting: Sequence[Waiting], *, mixed: bool) -> list[Waiting]:
    """Those that may share a call with the most urgent one; ``mixed`` updates may be of several objects."""

    def sort(intent: Intent) -> tuple[str, bool, bool, str | None]:
        create = intent.record_id is None
        name = "" if mixed and not create and not intent.delete else intent.object
        return name, create, intent.delete, intent.key_field

    same = sort(waiting[0].intent)
    return [each for each in waiting if sort(each.intent) == same]


def _priority(group: Sequence[Waiting]) -> Priority:
    present = {each.intent.priority for each in group}
    return next(priority for priority in Priority if priority in present)
