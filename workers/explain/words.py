"""The parts of an explanation. Moments are epoch ms; values of a person's fields stand in some of them."""

from dataclasses import dataclass

from domain.identity import Crm, FieldValue


@dataclass(frozen=True, slots=True)
class Decided:
    """The event that a decision answers."""

    id: str  #: the event's position in the log
    at: int
    trigger: str
    detail: str  #: the record and fields it happened to, names only
    closed_at: int | None  #: None while the decision is open
    wrote: dict[str, tuple[str, ...]]  #: CRM -> fields delivered; none: the record was deleted
    superseded_by: str  #: the decision that took this one along


@dataclass(frozen=True, slots=True)
class ListWord:
    """What the inclusion list says of the contact now."""

    name: str
    member: bool | None  #: None: HubSpot must be asked first
    since: int | None  #: since when that verdict stands; None: it was never given before
    leaf: str  #: the filter that decides
    path: tuple[str, ...]  #: where it stands in the list
    property: str | None
    actual: FieldValue


@dataclass(frozen=True, slots=True)
class FieldWord:
    """A mapped field that is not simply in sync."""

    hubspot: str
    salesforce: str
    rule: str
    hubspot_value: FieldValue  #: what counts now: a value on its way counts instead of the last one seen
    salesforce_value: FieldValue
    agreed: tuple[FieldValue, FieldValue] | None  #: (HubSpot, Salesforce) last in sync; None: never
    fate: str
    cause: str  #: of a field held back
    remedy: str


@dataclass(frozen=True, slots=True)
class LetterWord:
    """A dead letter with its diagnosis."""

    key: str
    crm: Crm
    at: int
    attempts: int
    fields: tuple[str, ...]
    code: str
    message: str
    category: str
    cause: str
    remedy: str
    delete: bool  #: the record was to be deleted


@dataclass(frozen=True, slots=True)
class Loss:
    """The value that gave way in a conflict."""

    property: str
    crm: str  #: where it stood
    value: FieldValue
    rule: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that holds writes or reads up for more than this contact."""

    what: str
    since: int | None
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why did this contact (not) sync?"."""

    entity: str
    kind: str
    now: int
    code: str  #: of ``domain.reasons``: how the decision ended or what it waits for; empty: there was none
    text: str
    why: str  #: the rule, the filter or the fields; of a refusal, the CRM's own words
    decided: Decided | None
    again: str  #: what deciding now would bring, where that differs from what was decided
    inclusion: ListWord | None
    fields: list[FieldWord]
    letters: list[LetterWord]
    lost: list[Loss]
    obstacles: list[Obstacle]
    remedies: list[str]  #: what would make it sync
