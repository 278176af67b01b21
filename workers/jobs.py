"""Bulk jobs: what is asked for many contacts at once becomes events in small portions.

One event decides for one contact. A job keeps few of its requests unprojected at a time, so that a
person's edit is not queued behind thousands of them.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from domain.book import Table, decode, held_queue
from domain.errors import SyncError, Throttled, Transient
from domain.events import AnyEvent, RecordTouched, SyncRequested, TimerDue
from domain.identity import Crm, RecordRef
from domain.outbox import SHADOW
from domain.requesting import ADOPT
from domain.state import Bucket, Contact, Priority
from workers.connection import Lane
from workers.ports import ListGateway
from workers.telemetry import get_logger

PORTION = 200
"""Events of one kind that are appended at once; as many as one look-up answers."""

BAD_MOMENT_MS = 2_000
"""How long a CRM that failed is left alone."""

REMEMBERED = 20
"""How many finished jobs are kept to be shown."""

FAR = 2**62
"""Later than anything is due."""

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
class Jobs:
    """The jobs of one lane. Without ``lists`` and ``imports`` those that need them cannot go on."""

    lane: Lane
    lists: ListGateway | None = None
    imports: Imports | None = None
    _contacts: dict[str, list[str]] = field(default_factory=dict, repr=False)  #: job -> contacts, in order
    _again: dict[str, float] = field(
        default_factory=dict, repr=False
    )  #: job -> when its CRM may be asked again

    def start(self, job: Job) -> None:
        """Take a job on; one of the same id goes on where it was. The oldest finished ones are forgotten."""
        if self._job(job.id) is not None:
            return
        self._keep(job)
        finished = [each.id for each in self.all() if each.finished]
        forgotten = finished[: max(0, len(finished) - REMEMBERED)]
        ids = [each for each in self._ids() if each not in forgotten]
        self.lane.coordination.set_cursor("jobs", " ".join([*ids, job.id]))
        for each in forgotten:
            self.lane.coordination.set_cursor(f"job/{each}", None)

    def all(self) -> list[Job]:
        """All jobs that are remembered, oldest first."""
        kept = self.lane.coordination.cursors()
        jobs = (kept.get(f"job/{each}") for each in kept.get("jobs", "").split())
        return [msgspec.json.decode(raw, type=Job) for raw in jobs if raw]

    def _ids(self) -> list[str]:
        return (self.lane.coordination.cursor("jobs") or "").split()

    def _job(self, job_id: str) -> Job | None:
        raw = self.lane.coordination.cursor(f"job/{job_id}")
        return msgspec.json.decode(raw, type=Job) if raw else None

    def _keep(self, job: Job) -> None:
        self.lane.coordination.set_cursor(f"job/{job.id}", msgspec.json.encode(job).decode())

    def unfinished(self) -> list[Job]:
        return [job for job in self.all() if not job.finished]

    def asking(self) -> list[Job]:
        """The unfinished ones that ask a CRM for their contacts."""
        return [job for job in self.unfinished() if job.kind in ASKING]

    def advance(self) -> bool:
        """Append the next portion of every job that asks nobody; tells whether more is left."""
        return any([*map(self._advance, (job for job in self.unfinished() if job.kind not in ASKING))])

    def ask(self) -> bool:
        """Append the next portion of every job that asks a CRM; tells as ``advance`` does."""
        return any([*map(self._advance, self.asking())])

    def _advance(self, job: Job) -> bool:
        """Append a job's next requests, if there is room; a bad moment of the CRM leaves it where it was."""
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
        others = sum(each.creates for each in self.all() if each.id != job.id and each.hour == hour)
        room = self._room(hour, creates + others)
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
        ``creates``: records of that hour that HubSpot lacked, of all imports.
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
            running = {each.id for each in self.unfinished()}
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
