"""A connection as a whole: how far it is, what waits, what stops it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from domain.book import (
    CLAIMS,
    DUPLICATES,
    OPEN,
    ORPHANS,
    TIMERS,
    Table,
    held_queue,
    outbox_queue,
    reads_queue,
)
from domain.identity import Crm
from domain.outbox import SHADOW
from domain.policy import Policy
from domain.state import Connection, Priority
from domain.upcasting import NewerEvent, event_in
from workers.connection import Lane
from workers.jobs import Job, Jobs
from workers.limits import Usage
from workers.store import Entry, Tables
from workers.views.budgets import BudgetView, budget
from workers.views.letters import diagnosis, letter_counts
from workers.views.rules import RuleView, rules
from workers.views.shadow import is_shadow

FAR = 2**62


@dataclass(frozen=True, slots=True)
class SuspensionView:
    """A target that gets nothing until somebody has mended the cause."""

    crm: Crm
    since: int
    code: str
    message: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class GuardView:
    """What a guard counted in its hour."""

    name: str
    count: int
    limit: int | None  #: per hour; None if no section sets one any more
    tripped: bool
    held: int  #: contacts that wait for its release


@dataclass(frozen=True, slots=True)
class JobView:
    """A bulk request."""

    id: str
    kind: str
    by: str
    list_id: str
    done: int
    finished: bool
    where: str  #: the condition of an import
    waits: str  #: what it waits for, in words; empty if for nothing
    failed: str  #: the code of what ended it early


@dataclass(frozen=True, slots=True)
class RetentionView:
    """What is kept of what follows from the log. None: all, or for ever."""

    decisions: int | None  #: of each contact, the newest
    decision_days: int | None  #: without a decision, after which those of a contact go
    sync_error_days: int | None  #: after which a sync error is closed

    @property
    def text(self) -> str:
        """The same in words."""
        number, days, age = self.decisions, self.decision_days, self.sync_error_days
        decisions = "all decisions" if number is None else f"the newest {number:,} decisions of a contact"
        until = "" if days is None else f" until none was closed for {days:,} days"
        errors = "until they are mended" if age is None else f"for {age:,} days"
        return f"{decisions}{until}; sync errors {errors}"


@dataclass(frozen=True, slots=True)
class StatusView:
    """How a connection is doing."""

    connection: str
    configuration: str  #: digest of the one in force; empty before the first
    ready: bool  #: every object was read once in full
    baselines: list[str]
    paused: str  #: who paused it; empty if nobody did
    suspended: list[SuspensionView]
    throttled: dict[str, int]  #: CRM -> no call before this moment
    guards: list[GuardView]
    shadow: bool  #: whether everything is decided and nothing is written
    shadowed: int  #: contacts for whom shadow mode kept something from being written
    events: int  #: ever appended
    kept: int  #: still in the live log
    lag: int  #: appended and not projected
    lag_ms: int  #: age of the oldest event not projected
    newer: str  #: why that waits for a newer release, which wrote it; empty if it does not
    contacts: int
    queues: dict[str, int]  #: by the names that ``queues`` gives
    cases: dict[str, int]  #: ``duplicates`` and ``orphans``: what a person must see to
    oldest_open_ms: int  #: age of the oldest open decision
    letters: dict[str, int]  #: CRM -> dead letters
    held: dict[str, int]  #: CRM -> fields held back from it
    faults: dict[str, int]  #: events that could not be handled, by error
    jobs: list[JobView]
    budgets: list[BudgetView]
    rules: list[RuleView]
    retention: RetentionView


def status(lane: Lane, budgets: Mapping[Crm, Usage] | None = None) -> StatusView:
    """How the lane is doing; ``budgets`` are what its limiters say."""
    tables, state, policy, now = lane.tables(), lane.state(), lane.policy(), lane.clock.now_ms()
    counters, (dead, held) = tables.counters(), letter_counts(tables)
    return StatusView(
        connection=lane.name,
        configuration=state.config,
        ready=policy.ready,
        baselines=list(state.baselines),
        paused=state.paused,
        suspended=[_suspension(crm, state) for crm in state.suspended],
        throttled={str(crm): until for crm, until in state.throttled.items() if until > now},
        guards=list(_guards(tables, state, policy)),
        shadow=is_shadow(policy),
        shadowed=tables.size(held_queue(SHADOW)),
        events=lane.log.appended(),
        kept=lane.log.length(),
        lag=lane.backlog(),
        lag_ms=lag_ms(lane),
        newer=_newer(lane),
        contacts=tables.count(Table.CONTACTS),
        queues={name: tables.size(name) for name in queues()},
        cases={name: tables.size(name) for name in (DUPLICATES, ORPHANS)},
        oldest_open_ms=_age(tables.due(OPEN, FAR, 1), now),
        letters=dead,
        held=held,
        faults=faults(counters),
        jobs=[_job(each) for each in Jobs(lane).all()],
        budgets=[budget(crm, usage) for crm, usage in (budgets or {}).items()],
        rules=rules(policy, counters),
        retention=RetentionView(policy.kept, policy.decision_days, policy.letter_days),
    )


def stopped(lane: Lane) -> list[str]:
    """The suspended CRMs and the guards that tripped, by the names that clear them."""
    state = lane.state()
    tripped = [name for name, bucket in state.guards.items() if bucket.tripped]
    return [*map(str, state.suspended), *tripped]


def queues() -> list[str]:
    """The queues that tell how busy a lane is."""
    outbox = [outbox_queue(crm, priority) for crm in Crm for priority in Priority]
    reads = [reads_queue(crm, priority) for crm in Crm for priority in Priority]
    return [*outbox, *reads, CLAIMS, OPEN, TIMERS]


def lag_ms(lane: Lane) -> int:
    """Age of the oldest event that is not projected; 0 if all are."""
    waiting = _waiting(lane)
    return max(0, lane.clock.now_ms() - int(waiting[0].position.partition("-")[0])) if waiting else 0


def _newer(lane: Lane) -> str:
    try:
        for entry in _waiting(lane):
            event_in(entry.raw)
    except NewerEvent as error:
        return str(error)
    return ""


def _waiting(lane: Lane) -> list[Entry]:
    """The oldest event that is not projected, if there is one."""
    return lane.log.read(lane.tables().checkpoint(), 1)


def faults(counters: Mapping[str, int]) -> dict[str, int]:
    """Events that could not be handled, by the name of the error."""
    return {
        name.removeprefix("faults/"): count for name, count in counters.items() if name.startswith("faults/")
    }


def _age(oldest: list[tuple[str, int]], now: int) -> int:
    return max(0, now - oldest[0][1]) if oldest else 0


def _suspension(crm: Crm, state: Connection) -> SuspensionView:
    kept = state.suspended[crm]
    meaning = diagnosis(crm, kept.code, kept.message)
    return SuspensionView(crm, kept.since, kept.code, kept.message, meaning.cause, meaning.remedy)


def _guards(tables: Tables, state: Connection, policy: Policy) -> Iterator[GuardView]:
    limits = _limits(policy)
    for name in sorted(limits.keys() | state.guards.keys()):
        bucket = state.guards.get(name)
        yield GuardView(
            name,
            bucket.count if bucket else 0,
            limits.get(name),
            tripped=bucket is not None and bucket.tripped,
            held=tables.size(f"held/{name}"),
        )


def _limits(policy: Policy) -> dict[str, int]:
    sections: Iterable[dict[str, int]] = (kind.section.guards for kind in policy.kinds.values())
    return {name: limit for guards in sections for name, limit in guards.items()}


def _job(job: Job) -> JobView:
    return JobView(
        job.id, job.kind, job.by, job.list_id, job.done, job.finished, job.where, job.waits, job.failed
    )
