"""What time and people set going: due timers, released holds, and bulk jobs, as events in small portions.

One event decides for one contact. A job keeps few of its requests unprojected at a time, so that a
person's edit is not queued behind thousands of them.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from domain.book import RETRIES, TIMERS, Table, decode, held_queue, reads_queue
from domain.errors import SyncError, Throttled, Transient
from domain.events import AnyEvent, RecordTouched, Resumed, RuleDoubted, RuleTrusted, SyncRequested, TimerDue
from domain.healing import RETRY
from domain.identity import Crm, RecordRef
from domain.learning import AGREED, DISAGREED, counter, verdict_on
from domain.outbox import SHADOW
from domain.requesting import ADOPT
from domain.state import Bucket, Contact, Priority, Standing
from workers.clock import new_id
from workers.connection import BULK, RESTORED, Lane, polled
from workers.ports import ListGateway
from workers.telemetry import get_logger

PORTION = 200
"""Events of one kind that are appended at once; as many as one look-up answers."""

BAD_MOMENT_MS = 2_000
"""How long a CRM that failed is left alone."""

REMEMBERED = 20
"""How many finished jobs are kept to be shown."""

FAR = 2**62

HOUR_MS = 3_600_000

ASKING = frozenset({"list", "import"})
"""Kinds of jobs that ask a CRM for their contacts."""

SHARE = 0.8
"""The part of the hourly guard on creates that an import may use up."""

PACED = "the next hour: guards.creates_per_hour"
WORKING = "Salesforce, which is looking for the records"

CENSUS = "census"
"""The kind of job that looks at everybody once the inclusion list is another one; it syncs nobody."""

log = get_logger(__name__)


class Job(msgspec.Struct, frozen=True):
    """A bulk request and how far it has come."""

    id: str
    kind: str  #: ``all``, ``list``, ``import``, ``shadow``, ``adopt`` or ``census``
    by: str
    list_id: str = ""  #: of a ``list`` job
    object: str = ""  #: HubSpot object of its members
    after: str = ""  #: the last contact, or the page key, that was requested
    done: int = 0
    finished: bool = False
    failed: str = ""  #: the code of what ended it early
    objects: tuple[str, ...] = ()  #: of Salesforce, that an ``import`` job takes
    where: str = ""  #: the condition that its records meet, in the words of SOQL
    hour: int = 0  #: the hour, since 1970, in which it asked for records last
    creates: int = 0  #: records of that hour that HubSpot lacked
    waits: str = ""  #: what it waits for, in words


class Portion(Protocol):
    """The next records of an import; see ``workers.import_salesforce``."""

    @property
    def events(self) -> list[AnyEvent]: ...

    @property
    def place(self) -> str | None:
        """Where to go on; None: that was all."""

    @property
    def records(self) -> int: ...

    @property
    def creates(self) -> int:
        """How many of them HubSpot lacks."""


class Imports(Protocol):
    """Who reads what is to be imported."""

    def portion(self, name: str, objects: Sequence[str], where: str, place: str, limit: int) -> Portion:
        """The next records of the import of that name; none while Salesforce works on it."""


@dataclass
class Control:
    """Turns due moments, ended holds and jobs of one lane into events.

    Without ``lists`` and ``imports`` it calls no CRM, and leaves jobs that would to whoever has them.
    """

    lane: Lane
    lists: ListGateway | None = None
    imports: Imports | None = None
    may_retry: Callable[[], bool] = lambda: True  #: whether calls may be spent on what failed before
    trust_after: int | None = None  #: agreeing answers that make a validation rule stop writes; None: never
    _contacts: dict[str, list[str]] = field(default_factory=dict, repr=False)  #: job -> contacts, in order
    _again: dict[str, float] = field(
        default_factory=dict, repr=False
    )  #: job -> when its CRM may be asked again

    def run(self) -> bool:
        """Do one portion of everything; tells whether there is news.

        Leaves a mark while bulk work waits: a projector that has made room for it rings again.
        """
        if self.lane.rewound():
            return False
        self.take_census()
        jobs = [job for job in self._unfinished() if self.lists is not None or job.kind not in ASKING]
        news = any(
            [
                self.timers(),
                self.holds(),
                self.rules(),
                self.healed(),
                self.retries(),
                *map(self.advance, jobs),
            ]
        )
        left = self._unfinished() or any(self._held(cause, 1) for cause in self._released())
        self.lane.coordination.set_cursor(BULK, "waits" if left else None)
        return news

    def advance_lists(self) -> bool:
        """Do one portion of every job that asks a CRM for its contacts; tells as ``run`` does."""
        return any([*map(self.advance, self._list_jobs())])

    def has_lists(self) -> bool:
        """Whether such jobs are waiting."""
        return bool(self._list_jobs())

    def _list_jobs(self) -> list[Job]:
        return [job for job in self._unfinished() if job.kind in ASKING]

    def _unfinished(self) -> list[Job]:
        return [job for job in self.jobs() if not job.finished]

    def healed(self) -> bool:
        """Let writing go on after a restore, once both CRMs were read and all that was found is folded."""
        coordination = self.lane.coordination
        if self.lane.state().paused != RESTORED or self.lane.backlog():
            return False
        since = int(coordination.cursor(RESTORED) or 0)
        if any(int(coordination.cursor(polled(crm)) or 0) <= since for crm in Crm):
            return False
        if any(self.lane.tables().size(reads_queue(crm, each)) for crm in Crm for each in Priority):
            return False
        return self.lane.append([Resumed(by=RESTORED, request=str(since))]) > 0

    def timers(self) -> bool:
        """Record the moments that have passed."""
        due = self.lane.tables().due(TIMERS, self.lane.clock.now_ms(), PORTION)
        events = [TimerDue(entity=each, cause=cause, due=moment) for each, cause, moment in _split(due)]
        return self.lane.append(events) > 0

    def retries(self) -> bool:
        """Have contacts in error tried again whose time has come, while there are calls for that."""
        due = self.lane.tables().due(RETRIES, self.lane.clock.now_ms(), PORTION)
        if not due or not self.lane.has_room() or not self.may_retry():
            return False
        return self.lane.append([TimerDue(entity=each, cause=RETRY, due=moment) for each, moment in due]) > 0

    def holds(self) -> bool:
        """Let go of contacts whose hold is over, while there is room."""
        released = [self._release(cause) for cause in self._released() if self.lane.has_room()]
        return any(released)

    def _released(self) -> list[str]:
        """What holds nobody any more: the baseline is complete, a guard has not tripped or was released."""
        state, ready = self.lane.state(), self.lane.policy().ready
        guards = [guard for guard in ("creates", "blanked", "deletes") if not _tripped(state.guards, guard)]
        return ["baseline", *guards] if ready else guards

    def _release(self, cause: str) -> bool:
        held = self._held(cause, PORTION)
        return self.lane.append([TimerDue(entity=each, cause=cause, due=since) for each, since in held]) > 0

    def _held(self, cause: str, limit: int) -> list[tuple[str, int]]:
        return self.lane.tables().due(held_queue(cause), FAR, limit)

    def take_census(self) -> None:
        """Have everybody looked at anew once the inclusion list is another one, or has other filters.

        Nobody is synced by that; it tells who is a member from now on, and when the clock may change it.
        """
        policy = self.lane.policy()
        for kind in policy.kinds.values() if policy.ready else ():
            mark, key = f"{CENSUS}/{kind.kind.name}", kind.inclusion_key
            if key and self.lane.coordination.cursor(mark) != key:
                self.start(Job(new_id(), CENSUS, "the inclusion list"))
                self.lane.coordination.set_cursor(mark, key)

    def rules(self) -> bool:
        """Record which validation rules are trusted or doubted from now on, by what was counted for them."""
        rules = [each for rules in self.lane.policy().rules.values() for each in rules]
        if not rules:
            return False
        counters, standings = self.lane.tables().counters(), self.lane.state().standings
        events = [
            event
            for rule in rules
            if (event := _judged(rule.key, standings.get(rule.key, Standing()), counters, self.trust_after))
        ]
        return self.lane.append(events) > 0

    # -- jobs

    def start(self, job: Job) -> None:
        """Take a job on; one of the same id goes on where it was. The oldest finished ones are forgotten."""
        if self._job(job.id) is not None:
            return
        self._keep(job)
        finished = [each.id for each in self.jobs() if each.finished]
        forgotten = finished[: max(0, len(finished) - REMEMBERED)]
        ids = [each for each in self._ids() if each not in forgotten]
        self.lane.coordination.set_cursor("jobs", " ".join([*ids, job.id]))
        for each in forgotten:
            self.lane.coordination.set_cursor(f"job/{each}", None)

    def jobs(self) -> list[Job]:
        """All jobs that are remembered, oldest first."""
        return [job for each in self._ids() if (job := self._job(each)) is not None]

    def _ids(self) -> list[str]:
        return (self.lane.coordination.cursor("jobs") or "").split()

    def _job(self, job_id: str) -> Job | None:
        raw = self.lane.coordination.cursor(f"job/{job_id}")
        return msgspec.json.decode(raw, type=Job) if raw else None

    def _keep(self, job: Job) -> None:
        self.lane.coordination.set_cursor(f"job/{job.id}", msgspec.json.encode(job).decode())

    def advance(self, job: Job) -> bool:
        """Append the next portion of a job's requests, if there is room for them.

        Tells whether there is news and more is left. A bad moment of the CRM leaves the job where it was.
        """
        if not self.lane.has_room() or self.lane.clock.monotonic() < self._again.get(job.id, 0):
            return False
        try:
            job = self._advanced(job)
        except (Throttled, Transient) as error:
            self._again[job.id] = self.lane.clock.monotonic() + (error.wait_ms or BAD_MOMENT_MS) / 1000
            crm = Crm.SALESFORCE if job.kind == "import" else Crm.HUBSPOT
            log.warning("target_throttled", connection=self.lane.name, crm=crm, code=error.code)
            return False
        except SyncError as error:
            job = msgspec.structs.replace(job, finished=True, failed=error.code)
        self._keep(job)
        return not job.finished and not job.waits

    def _advanced(self, job: Job) -> Job:
        match job.kind:
            case "list":
                return self._list(job)
            case "import":
                return self._import(job)
            case "shadow":
                return self._shadow(job)
            case _:
                return self._all(job)

    def _shadow(self, job: Job) -> Job:
        """Let go of contacts for whom shadow mode kept something from being written."""
        held = self.lane.tables().due(held_queue(SHADOW), FAR, PORTION)
        new = self.lane.append([TimerDue(entity=each, cause=SHADOW, due=since) for each, since in held])
        waits = "the projection" if held and not new else ""
        return msgspec.structs.replace(job, done=job.done + new, finished=not held, waits=waits)

    def _import(self, job: Job) -> Job:
        """Ask for the next records, as many as the guard on creates leaves room for."""
        assert self.imports is not None
        hour = self.lane.clock.now_ms() // HOUR_MS
        creates = job.creates if job.hour == hour else 0
        room = self._room(hour, creates)
        if room <= 0:
            return msgspec.structs.replace(job, hour=hour, creates=creates, waits=PACED)
        portion = self.imports.portion(job.id, job.objects, job.where, job.after, min(PORTION, room))
        self.lane.append(portion.events)
        return msgspec.structs.replace(
            job,
            after=portion.place or "",
            done=job.done + portion.records,
            finished=portion.place is None,
            hour=hour,
            creates=creates + portion.creates,
            waits="" if portion.records or portion.place is None else WORKING,
        )

    def _room(self, hour: int, creates: int) -> int:
        """How many records an import may have created in what is left of the hour.

        It leaves a part of the guard's limit to everybody else, so that it never is what trips the guard.
        """
        limits = [kind.section.guards.get("creates") for kind in self.lane.policy().kinds.values()]
        limit = min((each for each in limits if each is not None), default=None)
        if limit is None:
            return PORTION
        bucket = self.lane.state().guards.get("creates", Bucket(hour, 0))
        counted = bucket.count if bucket.hour == hour else 0
        return 0 if bucket.tripped else int(limit * SHARE) - max(counted, creates)

    def _all(self, job: Job) -> Job:
        contacts = self._contacts_of(job)
        first = bisect_right(contacts, job.after)
        chosen = contacts[first : first + PORTION]
        now = self.lane.clock.now_ms()
        looks = [TimerDue(entity=each, cause="look", due=now) for each in chosen if job.kind == CENSUS]
        self.lane.append(looks or [self._request(job, entity) for entity in chosen])
        finished = first + len(chosen) == len(contacts)
        if finished:
            del self._contacts[job.id]
        after, done = chosen[-1] if chosen else job.after, job.done + len(chosen)
        return msgspec.structs.replace(job, after=after, done=done, finished=finished)

    def _contacts_of(self, job: Job) -> list[str]:
        """Who was known when this process first worked on the job; finding them reads a whole table."""
        if job.id not in self._contacts:
            running = {each.id for each in self._unfinished()}
            self._contacts = {key: kept for key, kept in self._contacts.items() if key in running}
            contacts = self.lane.tables().scan(Table.CONTACTS)
            if wanted := {CENSUS: self._is_uncounted, ADOPT: _is_paired}.get(job.kind):
                contacts = ((entity, raw) for entity, raw in contacts if wanted(raw))
            self._contacts[job.id] = sorted({entity for entity, _ in contacts})
        return self._contacts[job.id]

    def _is_uncounted(self, raw: bytes) -> bool:
        """Whether nothing is known of a contact and the inclusion list as it is now."""
        contact: Contact = decode(Table.CONTACTS, raw)
        kind = self.lane.policy().kinds.get(contact.kind)
        counted = kind is None or contact.member_under == kind.inclusion_key
        return not counted and Crm.HUBSPOT in contact.pair

    def _list(self, job: Job) -> Job:
        assert self.lists is not None
        members, after = self.lists.members(job.list_id, after=job.after or None)
        keys = [RecordRef(Crm.HUBSPOT, job.object, each).key for each in members]
        entities = self.lane.tables().fetch(Table.REFS, keys)
        self.lane.append(list(self._member_events(job, members, entities)))
        done = job.done + len(members)
        return msgspec.structs.replace(job, after=after or "", done=done, finished=after is None)

    def _member_events(
        self, job: Job, members: list[str], entities: list[bytes | None]
    ) -> Iterator[AnyEvent]:
        now = self.lane.clock.now_ms()
        for record_id, raw in zip(members, entities, strict=True):
            if raw is None:
                yield RecordTouched(
                    crm=Crm.HUBSPOT, object=job.object, id=record_id, occurred_at=now, cause="differs"
                )
            else:
                yield self._request(job, msgspec.msgpack.decode(raw, type=str))

    @staticmethod
    def _request(job: Job, entity: str) -> SyncRequested:
        return SyncRequested(
            entity=entity, cause=job.kind, by=job.by, priority=Priority.BACKFILL, request=job.id
        )


def _is_paired(raw: bytes) -> bool:
    contact: Contact = decode(Table.CONTACTS, raw)
    return len(contact.pair) == len(Crm)


def _split(due: list[tuple[str, int]]) -> Iterator[tuple[str, str, int]]:
    for member, moment in due:
        entity, _, cause = member.rpartition("|")
        yield entity, cause, moment


def _judged(
    rule: str, standing: Standing, counters: Mapping[str, int], enough: int | None
) -> RuleTrusted | RuleDoubted | None:
    agreed, disagreed = (counters.get(counter(rule, what), 0) for what in (AGREED, DISAGREED))
    found = verdict_on(standing, agreed, disagreed, enough)
    if found is None:
        return None
    kind = RuleTrusted if found.trusted else RuleDoubted
    return kind(rule=rule, agreed=agreed, disagreed=disagreed)


def _tripped(guards: Mapping[str, Bucket], guard: str) -> bool:
    return guard in guards and guards[guard].tripped
