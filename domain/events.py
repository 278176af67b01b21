"""Every fact that the log may hold: past tense, frozen, versioned.

The log is the only input of every decision, so whatever a decision reads stands here first. An event's
time is the milliseconds of its position in the log; it carries no clock of its own. The tag names kind
and version (``observed/1``); a change of shape adds a version here and a step to ``domain.upcasting``.

Ids are deterministic, so that the same fact reported twice is appended once. Requested answers carry
the request in their id, because a second look at an unchanged record is news to whoever asked.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from domain.identity import Crm, Fields, RecordRef, record_key, record_ref
from domain.outcomes import Outcome


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="kind", omit_defaults=True, kw_only=True):
    """The base of all events."""


class RecordObserved(Event, tag="observed/1", frozen=True, kw_only=True):
    """A CRM showed values of a record: in a read, a poll, a webhook or the answer to a write."""

    crm: Crm
    object: str
    id: str
    fields: Fields  #: what was asked for and answered; absent fields stay unknown
    modified_at: int  #: the CRM's stamp of these values, epoch ms
    ticket: int  #: drawn before the read left; later reads have larger tickets
    source: str  #: ``baseline``, ``poll``, ``webhook``, ``read``, ``look_up``, ``import`` or ``check``
    created_at: int = 0
    deleted: bool = False
    merged_into: str | None = None
    asked_id: str | None = None  #: the id that was asked for, if the record answers to another one now
    request: str | None = None  #: the read request that this answers
    modified_by: str | None = None  #: the user who changed the record last, where the CRM says so

    @property
    def ref(self) -> RecordRef:
        return record_ref(record_key(self.crm, self.object, self.id))


class RecordTouched(Event, tag="touched/1", frozen=True, kw_only=True):
    """A CRM said that a record changed without a value that can be taken: it must be read."""

    crm: Crm
    object: str
    id: str
    occurred_at: int
    cause: str  #: ``created``, ``changed``, ``restored``, or ``differs`` (found by comparing: no hurry)
    field: str | None = None


class RecordGone(Event, tag="gone/1", frozen=True, kw_only=True):
    """A record was deleted, erased, or not found by a read."""

    crm: Crm
    object: str
    id: str
    cause: str  #: ``deleted``, ``erased`` (for privacy) or ``missing`` (a read did not find it)
    at: int  #: the CRM's time, epoch ms
    ticket: int
    request: str | None = None


class RecordsMerged(Event, tag="merged/1", frozen=True, kw_only=True):
    """Records were merged inside one CRM; ``winner`` is the id that goes on."""

    crm: Crm
    object: str
    winner: str
    losers: tuple[str, ...]
    at: int


class LookedUp(Event, tag="looked_up/1", frozen=True, kw_only=True):
    """A CRM was searched for a contact by key and e-mail; what was found was observed just before."""

    entity: str
    crm: Crm
    value: str  #: the e-mail address that was searched for, folded
    found: tuple[str, ...]  #: record keys
    ticket: int
    request: str


class MembershipObserved(Event, tag="membership/1", frozen=True, kw_only=True):
    """HubSpot said whether a contact is on a list."""

    entity: str
    list_id: str
    member: bool
    ticket: int
    request: str | None = None


class DeliveryClaimed(Event, tag="claimed/1", frozen=True, kw_only=True):
    """A deliverer is about to send an intent; recorded before the request leaves."""

    entity: str
    crm: Crm
    revision: int
    attempt: int
    object: str
    record_id: str | None  #: None for a create
    fields: Fields  #: target field -> value sent
    sources: Fields  #: target field -> value it came from
    delete: bool = False  #: the record is deleted, or merged; there are no fields then
    into: str = ""  #: the id of the record that it is merged into; empty: it is deleted


class DeliveryAnswered(Event, tag="answered/1", frozen=True, kw_only=True):
    """What became of a claimed write. A repeat for the same attempt changes nothing."""

    entity: str
    crm: Crm
    attempt: int
    outcome: Outcome
    ticket: int  #: drawn after the answer came; reads with larger tickets saw the write


class LinkChosen(Event, tag="link_chosen/1", frozen=True, kw_only=True):
    """Somebody said which of several records of a person is the one to be linked."""

    entity: str
    record: str  #: its key
    by: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class IntentStale(Event, tag="stale/1", frozen=True, kw_only=True):
    """A deliverer found an intent made under an older configuration; it must be decided again."""

    entity: str
    crm: Crm
    revision: int


class SyncRequested(Event, tag="sync_requested/1", frozen=True, kw_only=True):
    """Somebody or some job asked for a contact to be brought into agreement."""

    entity: str
    cause: str  #: ``manual``, ``list``, ``all``, ``import``, ``redrive``, ``resync``, ``adopt`` or
    #: ``campaign_added``
    by: str  #: who asked; of a campaign, its member's id
    priority: str = "live"
    request: str = ""


class TimerDue(Event, tag="timer/1", frozen=True, kw_only=True):
    """The moment that a contact's state was waiting for has passed, or what held it is over."""

    entity: str
    cause: str
    due: int  #: the moment, epoch ms


class ConfigurationApplied(Event, tag="configuration/1", frozen=True, kw_only=True):
    """A configuration came into force; the document lies under its digest."""

    digest: str
    by: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class SchemaObserved(Event, tag="schema/1", frozen=True, kw_only=True):
    """The fields of an object; the document lies under its digest."""

    crm: Crm
    object: str
    digest: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class ListObserved(Event, tag="list/1", frozen=True, kw_only=True):
    """The definition of a HubSpot list; the document lies under its digest."""

    list_id: str
    name: str
    digest: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class RulesObserved(Event, tag="rules/1", frozen=True, kw_only=True):
    """The active validation rules of a Salesforce object; the document lies under its digest."""

    object: str
    digest: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class RuleTrusted(Event, tag="rule_trusted/1", frozen=True, kw_only=True):
    """Salesforce agreed often enough with what we said of a validation rule: from now on it stops writes."""

    rule: str  #: the rule's key
    agreed: int  #: answers so far that agreed with us
    disagreed: int


class RuleDoubted(Event, tag="rule_doubted/1", frozen=True, kw_only=True):
    """A validation rule stops nothing until it is trusted anew.

    Salesforce disagreed with what we said of it, or nobody wants rules enforced any more.
    """

    rule: str  #: the rule's key
    agreed: int
    disagreed: int  #: answers so far that did not agree with us


class RunnerObserved(Event, tag="runner/1", frozen=True, kw_only=True):
    """What formulas may know of the Salesforce user that writes for us lies under the digest."""

    digest: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class DirectoryObserved(Event, tag="directory/1", frozen=True, kw_only=True):
    """The people who may own records in a CRM; the document lies under its digest."""

    crm: Crm
    digest: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class AccountObserved(Event, tag="account/1", frozen=True, kw_only=True):
    """Particulars of a CRM account that decisions read."""

    crm: Crm
    account_id: str
    zone: str = "UTC"  #: the HubSpot portal's time zone
    user_id: str = ""  #: the user that our own writes are made by, where the CRM says so
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class BaselineCompleted(Event, tag="baseline/1", frozen=True, kw_only=True):
    """One object of one CRM was read once in full."""

    crm: Crm
    object: str


class Paused(Event, tag="paused/1", frozen=True, kw_only=True):
    """Somebody stopped all writing."""

    by: str
    why: str = ""
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class Resumed(Event, tag="resumed/1", frozen=True, kw_only=True):
    """Somebody let writing go on."""

    by: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class SuspensionCleared(Event, tag="suspension_cleared/1", frozen=True, kw_only=True):
    """An operator mended what had suspended a target, or released a guard."""

    name: str  #: ``hubspot``, ``salesforce``, or a guard: ``creates``, ``deletes``, ``blanked``
    by: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class TargetRefused(Event, tag="target_refused/1", frozen=True, kw_only=True):
    """A CRM refused to be read for a reason that an operator must mend."""

    crm: Crm
    code: str
    message: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class LetterDiscarded(Event, tag="letter_discarded/1", frozen=True, kw_only=True):
    """A dead letter was closed on purpose."""

    letter: str
    by: str
    why: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


class PersonErased(Event, tag="erased/1", frozen=True, kw_only=True):
    """What would bring an erased person back is refused from here on; then his values leave the log."""

    entity: str
    marks: tuple[str, ...]  #: keyed hashes of his records and addresses
    done: bool = False  #: whether his values are out of the log
    files: tuple[str, ...] = ()  #: of the archive, that were written anew for it


SCHEMA = 1
"""The version of what the log folds into. A release that folds anything differently raises it."""


class EpochStarted(Event, tag="epoch/1", frozen=True, kw_only=True):
    """From here on the log is folded by this code; replay is exact inside an epoch.

    A worker whose ``SCHEMA`` is older stops here and leaves the log to the newer ones.
    """

    code: str
    schema: int
    zone_data: str
    request: str = ""  #: makes the same fact, said again later, a fact of its own


AnyEvent = (
    RecordObserved
    | RecordTouched
    | RecordGone
    | RecordsMerged
    | LookedUp
    | MembershipObserved
    | DeliveryClaimed
    | DeliveryAnswered
    | LinkChosen
    | IntentStale
    | SyncRequested
    | TimerDue
    | ConfigurationApplied
    | SchemaObserved
    | ListObserved
    | RulesObserved
    | RuleTrusted
    | RuleDoubted
    | RunnerObserved
    | DirectoryObserved
    | AccountObserved
    | BaselineCompleted
    | Paused
    | Resumed
    | SuspensionCleared
    | TargetRefused
    | LetterDiscarded
    | PersonErased
    | EpochStarted
)

KINDS: tuple[type[Event], ...] = AnyEvent.__args__

_encode = msgspec.json.Encoder(order="deterministic").encode


def encode(event: AnyEvent) -> bytes:
    """Write an event as the log keeps it."""
    return _encode(event)


def digest(document: Any) -> str:
    """Name a document by its content: 32 hex digits over its canonical JSON."""
    return blake2b(_encode(document), digest_size=16).hexdigest()


def event_id(event: AnyEvent) -> bytes:
    """Name an event by what it says: 16 bytes, equal for equal facts.

    The ticket of a look does not count: two looks that show the same report the same fact, and so do two
    answers to one request.
    """
    if isinstance(event, RecordObserved | RecordGone | LookedUp | MembershipObserved):
        event = msgspec.structs.replace(event, ticket=0)
    return blake2b(_encode(event), digest_size=16).digest()
