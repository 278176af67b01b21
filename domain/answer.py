"""What a plan answers: what must be read, what is to be written, what is held back, and why not more."""

from typing import NamedTuple

import msgspec

from domain.formula import Verdict
from domain.identity import CRMS, Crm, Fields, FieldValue, RecordRef, record_ref
from domain.links import match_values
from domain.mapping import MappedField, Pair
from domain.policy import KindPolicy
from domain.reasons import Reason, Wait
from domain.records import Record
from domain.rules import Rule
from domain.state import Contact, Hold, content


class Need(NamedTuple):
    """Something to be read before the contact can be decided."""

    kind: str  #: ``record``, ``look_up`` or ``membership``
    crm: Crm
    object: str
    id: str  #: record id, or the folded e-mail address of a look-up


class Draft(msgspec.Struct, frozen=True):
    """What is to be written to one target, or that its record is to be deleted."""

    object: str
    record_id: str | None  #: None: create
    fields: Fields
    sources: Fields
    key_field: str | None = None  #: with ``record_id``: what a call of its own names the record by
    key_value: str | None = None
    delete: bool = False  #: there are no fields then
    verdicts: dict[str, Verdict] = {}  #: key of a validation rule -> what we say of it; absent: PASS
    into: str = ""  #: the record that it is to be merged into; empty: it is to be deleted

    @property
    def content(self) -> Fields:
        return content(self.fields, delete=self.delete, into=self.into)


class Broken(NamedTuple):
    """A write that a trusted validation rule of Salesforce would refuse: it is not sent."""

    draft: Draft
    rule: Rule


class Lost(NamedTuple):
    """The value that gave way in a conflict."""

    crm: Crm
    value: FieldValue


class Plan(msgspec.Struct):
    """The answer. Exactly one of ``stop``, ``wait`` and "the rest" is the case."""

    stop: Reason | None = None
    explanation: str = ""
    wait: Wait | None = None
    needs: list[Need] = []
    drafts: dict[Crm, Draft] = {}
    following: dict[Crm, Draft] = {}  #: what takes a call of its own, once the target's draft is written
    agreed: list[tuple[MappedField, Pair]] = []  #: fields that turn out to agree
    broken: dict[Crm, Broken] = {}  #: writes that a validation rule stops
    held: dict[Crm, dict[str, Hold]] = {}  #: fields that are not sent, and why
    lost: dict[str, Lost] = {}  #: property -> what gave way
    drafted: bool = False  #: whether fields were compared at all, so that ``held`` says all there is to say
    member: bool | None = None
    look_again: int | None = None  #: when time alone may change the answer, epoch ms

    @property
    def writes(self) -> list[tuple[Crm, Draft]]:
        """All that is to be written, in its order."""
        return [*self.drafts.items(), *self.following.items()]


# -- what every question about a contact starts from


Side = tuple[RecordRef, Record]
"""A linked record."""


def linked(contact: Contact, crm: Crm) -> Side | None:
    """The contact's record in a CRM, if it has one there."""
    key = contact.pair.get(crm)
    return None if key is None else (record_ref(key), contact.records[key])


def read_in_full(contact: Contact, kind: KindPolicy, ref: RecordRef, record: Record) -> bool:
    """Whether all fields that deciding needs were read, or a read asked for them in vain."""
    unread = kind.needed[ref.crm, ref.object].difference(record.values)
    return not unread or contact.read_under.get(ref.crm) == kind.digest


def match_value(contact: Contact, kind: KindPolicy) -> str | None:
    """The address by which the contact would be found in either CRM; HubSpot's counts first."""
    for crm in CRMS:
        found = linked(contact, crm)
        if found and (values := match_values(kind.kind, found[0], found[1].values)):
            return values[0]
    return None
