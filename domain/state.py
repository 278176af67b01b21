"""What the log says about one contact, and about the connection as a whole.

Every value here is a fold of events and nothing else. Shapes are frozen; keeping them small matters,
because each contact is held in memory by the log's server. None can be part of a cycle, so the garbage
collector need not walk them (``gc=False``): a projector remembers tens of thousands.
"""

from enum import StrEnum

import msgspec

from domain.formula import Verdict
from domain.identity import Crm, EntityId, Fields, FieldValue
from domain.outcomes import Outcome
from domain.reasons import Reason, Wait
from domain.records import Record


class Priority(StrEnum):
    """Who goes first when calls are scarce."""

    LIVE = "live"
    RETRY = "retry"
    BACKFILL = "backfill"

    def or_sooner(self, other: "Priority") -> "Priority":
        """The more urgent of the two."""
        return min(self, other, key=_URGENT_FIRST.index)


_URGENT_FIRST = tuple(Priority)


class Once(StrEnum):
    """Why HubSpot's side of a contact is written to once, though he may not be on the inclusion list."""

    NO = ""
    ARRIVAL = "arrival"  #: a Salesforce record is new, and HubSpot is to hold the person
    IMPORT = "import"  #: somebody imports him: HubSpot gets the address alone, whatever it is set to create


class Opened(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A decision that a trigger opened and nothing has closed yet."""

    id: str  #: the position of the trigger in the log
    trigger: str  #: what happened, as a code: ``changed``, ``created``, ``manual`` …
    detail: str  #: the record and fields it happened to, names only
    at: int  #: epoch ms
    priority: Priority = Priority.LIVE
    wrote: dict[str, tuple[str, ...]] = {}  #: CRM -> fields delivered so far; none: a deletion
    lost: dict[str, tuple[str, FieldValue]] = {}  #: property -> (losing CRM, the value that gives way there)
    once: Once = Once.NO


class Intent(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A write that is to be made: at most one per contact and target. The outbox holds it."""

    entity: str
    crm: Crm
    object: str
    record_id: str | None  #: None for a create
    fields: Fields  #: target field -> value
    sources: Fields  #: target field -> the value on the other side that it came from
    revision: int
    attempt: int  #: attempts claimed so far for this content
    due: int  #: not before this moment, epoch ms
    config: str  #: digest of the configuration it was decided under
    priority: Priority
    decision: str
    key_field: str | None = None  #: with ``record_id``: what a call of its own names the record by
    key_value: str | None = None
    delete: bool = False  #: the record is to be deleted, or merged; there are no fields then
    verdicts: dict[str, Verdict] = {}  #: key of a validation rule -> what we say of it; absent: PASS
    into: str = ""  #: the id of the record that it is to be merged into; empty: it is to be deleted

    @property
    def content(self) -> Fields:
        return content(self.fields, delete=self.delete, into=self.into)

    @property
    def key(self) -> str:
        return intent_key(self.entity, self.crm)


def intent_key(entity: str, crm: Crm) -> str:
    """Name an intent: there is one per contact and target."""
    return "|".join((crm, entity))  # noqa: FLY002 - formatting an enum takes long


def content(fields: Fields, *, delete: bool, into: str) -> Fields:
    """What a write says, to tell one from another. No field has the name that deletions and merges go by."""
    return {"": into or None} if delete else fields


class Flight(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A claimed write whose answer has not come."""

    attempt: int
    revision: int
    object: str
    record_id: str | None  #: None for a create
    fields: Fields
    sources: Fields
    decision: str
    at: int
    before: Fields = {}  #: what the target was known to hold in these fields when they were claimed
    delete: bool = False
    into: str = ""
    entity: str = ""  #: the contact that it was claimed for, which may be part of another one since
    verdicts: dict[str, Verdict] | None = None  #: as the intent had them; None if it was rewritten meanwhile
    disowned: tuple[str, ...] = ()  #: fields that were written for another name of the record
    stray: bool = False  #: its values came from a record that is not linked any more

    @property
    def owned(self) -> Fields:
        """What was sent for the name that the record goes by now."""
        if not self.disowned:
            return self.fields
        return {name: value for name, value in self.fields.items() if name not in self.disowned}

    @property
    def agreeing(self) -> Fields:
        """What was sent and makes something agreed."""
        return {} if self.stray else self.owned


class Expected(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A value we wrote and have not seen since. A look that began after the answer closes it."""

    value: FieldValue
    floor: int  #: looks with this ticket or a later one began after the answer
    until: int = 0  #: values stamped later than this, epoch ms, are somebody else's and not our write's form
    masked: bool = False  #: we wrote the record again since: who changed it last tells nothing any more
    source: FieldValue = None  #: the value on the other side that it came from
    stray: bool = False  #: it came from a record that is not linked any more
    since: int = 0  #: what changed before this moment, epoch ms, was there before the write left


class Doubt(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A write that got no answer: it may have happened. A look that began later tells."""

    flight: Flight
    until: int  #: values stamped later than this, epoch ms, are somebody else's
    confirmed: tuple[str, ...] = ()  #: fields that a look has shown to be written


class Hold(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A field that is not sent because its value was, or would be, refused."""

    source: FieldValue  #: the refused value, before conversion; another value lifts the hold
    config: str
    code: str
    message: str


class Echoed(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How often in a row one value was delivered to a field of a target in place of one other value."""

    value: FieldValue
    times: int
    over: FieldValue = None  #: what it replaced; the target going elsewhere is somebody's new value


def letter_key(entity: str, crm: Crm, field: str = "") -> str:
    """Name a sync error: that of a whole write has the intent's name."""
    key = intent_key(entity, crm)
    return f"{key}|{field}" if field else key


class Letter(msgspec.Struct, frozen=True, gc=False):
    """A sync error: a write that will not be tried again by itself (a dead letter), or a field held back."""

    entity: str
    crm: Crm
    reason: Reason
    decision: str
    at: int  #: since when it has been one, epoch ms
    attempts: int
    fields: Fields  #: what was to be sent
    outcome: Outcome
    delete: bool = False  #: the record was to be deleted, or merged
    into: str = ""  #: the id of the record that it was to be merged into
    field: str = ""  #: the one that is held back, with its value before conversion; empty: a whole write


Agreed = dict[str, tuple[FieldValue, FieldValue] | None]
"""Property -> the pair of values last known in sync; a property that is absent never agreed.

None stands for "what both records hold now", which is what nearly all pairs are.
"""


class Contact(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """One person (or any other kind of entity) in both CRMs."""

    id: EntityId
    kind: str
    records: dict[str, Record] = {}  #: record key -> what is known of it
    pair: dict[Crm, str] = {}  #: the linked records' keys; one alone while the other does not exist
    agreed: Agreed = {}
    expected: dict[Crm, dict[str, Expected]] = {}
    intents: dict[Crm, Intent] = {}
    flights: dict[Crm, Flight] = {}
    opened: Opened | None = None
    flying: tuple[Opened, ...] = ()  #: older decisions that a flight still carries
    wait: Wait | None = None
    looked_up: dict[Crm, str] = {}  #: the e-mail address a search for duplicates was last answered for
    attempts: dict[Crm, int] = {}  #: failed attempts in a row
    due: dict[Crm, int] = {}  #: no attempt before this moment, epoch ms
    serial: dict[Crm, int] = {}  #: attempts ever claimed; numbers the next one
    revision: int = 0
    holds: dict[Crm, dict[str, Hold]] = {}
    echoes: dict[Crm, dict[str, Echoed]] = {}
    refused: dict[Crm, Fields] = {}  #: the content of an open dead letter; empty: it may be sent again
    unsure: dict[Crm, str] = {}  #: targets to be looked at before anything is sent, and why
    member_since: int = 0  #: since when the inclusion verdict stands, epoch ms
    member: bool | None = None
    memberships: dict[str, bool] = {}  #: lists HubSpot was asked about
    erased: bool = False
    created_by_us: tuple[Crm, ...] = ()  #: CRMs whose record we made and nobody has read in full since
    parked: str = ""  #: the position of an event that could not be handled
    resolutions: dict[Crm, int] = {}  #: answers in a row that pointed elsewhere
    doubted: dict[Crm, Doubt] = {}
    read_under: dict[Crm, str] = {}  #: configuration under which a read left needed fields unanswered
    orphaned: bool = False  #: the Salesforce record is gone, and HubSpot's is to follow it
    member_under: str = ""  #: the list and its filters that the inclusion verdict is of
    into: str = (
        ""  #: the id of the HubSpot record that its own is to be merged into then; empty: it is deleted
    )
    leave: Once = Once.NO  #: what the last decision was allowed and could not use, for the one that comes
    counted: dict[Crm, dict[str, tuple[str, ...]]] = {}  #: what guards counted of writes not yet delivered
    tried: dict[Crm, dict[str, int]] = {}  #: held fields that have another chance, and since when they are
    decided: int = 0  #: when a decision was closed last, epoch ms; kept only where decisions go by age
    relinked: dict[Crm, int] = {}  #: CRM -> up to which revision intents came from an earlier linked record

    @property
    def once(self) -> Once:
        """What the open decision is allowed, or the next one would be."""
        return self.opened.once if self.opened is not None else self.leave


class ReadRequest(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A look at a CRM that some contact is waiting for."""

    crm: Crm
    object: str
    id: str  #: the record's id; for a look-up the e-mail address
    asked: str  #: the position of the event that asked last; answers name it
    kind: str = "record"  #: ``record``, ``look_up`` or ``membership``
    entity: str = ""
    keys: tuple[tuple[str, str, str], ...] = ()  #: look-ups only: (object, field, value) to search by
    priority: Priority = Priority.LIVE
    config: str = ""  #: digest of the configuration it was asked under


class Suspension(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A target that gets nothing until an operator has mended the cause."""

    since: int
    code: str
    message: str


class Bucket(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a guard counted in one hour."""

    hour: int
    count: int
    tripped: bool = False


class Trip(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A time in which a guard granted nothing."""

    guard: str
    since: str  #: position of the event that made it trip
    hour: int
    count: int  #: what it had counted before in that hour
    until: str = ""  #: position of its release; empty: nobody has released it


class Standing(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How a validation rule stands since it was last trusted or doubted, and the counts at that moment."""

    agreed: int = 0
    disagreed: int = 0
    trusted: bool = False  #: it stops writes; otherwise it is learning


class Connection(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The state of the connection as a whole."""

    config: str = ""
    schemas: dict[str, str] = {}  #: ``crm/object`` -> digest
    lists: dict[str, tuple[str, str]] = {}  #: list id -> (name, digest)
    directories: dict[Crm, str] = {}
    accounts: dict[Crm, tuple[str, str, str]] = {}  #: CRM -> (account id, time zone, our user's id)
    baselines: tuple[str, ...] = ()  #: ``crm/object`` read in full
    paused: str = ""  #: who paused, empty if not paused
    suspended: dict[Crm, Suspension] = {}
    throttled: dict[Crm, int] = {}  #: CRM -> no call before this moment, epoch ms
    guards: dict[str, Bucket] = {}
    epoch: str = ""
    rules: dict[str, str] = {}  #: Salesforce object -> digest of its validation rules
    standings: dict[str, Standing] = {}  #: key of a validation rule -> how it stands; absent: learning
    runner: str = ""  #: digest of what formulas may know of the user that writes for us
    applied: str = ""  #: the position at which the configuration was applied last
    trips: tuple[Trip, ...] = ()  #: of the guards, all there ever were, oldest first


class Closed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A closed decision: the answer to "why did this contact (not) sync?"."""

    id: str
    trigger: str
    detail: str
    opened_at: int
    closed_at: int
    reason: Reason
    explanation: str = ""  #: the rule, the filter or the fields; of a refusal, the CRM's own words
    wrote: dict[str, tuple[str, ...]] = {}  #: CRM -> fields delivered; none: the record was deleted
    held: dict[str, str] = {}  #: field -> why it was held back
    lost: dict[str, tuple[str, FieldValue]] = {}  #: field -> (losing CRM, its value), kept for restoring
    superseded_by: str = ""
    letter: str = ""  #: key of the dead letter that keeps the change from being written
