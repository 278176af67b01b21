"""What a contact needs, given everything known: the question that every decision answers.

``plan`` is a pure look at one contact. It asks its questions in a fixed order, and the first one that
stops the contact gives the reason; if none does, every mapped field is merged and what is left are the
writes. Nothing is remembered here: the same contact, policy and moment give the same plan, whether live,
in a replay or in ``explain``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from domain.convert import Unconvertible
from domain.identity import CRMS, Crm, Fields, FieldValue, RecordRef
from domain.inclusion import Verdict
from domain.links import left_alone, match_values
from domain.mapping import (
    ALWAYS,
    Agree,
    Leave,
    MappedField,
    Merged,
    Pair,
    Refuse,
    Send,
    SyncRule,
    merge,
)
from domain.pairs import unsettled
from domain.policy import KindPolicy, Policy
from domain.reasons import REQUIRED, TEXT, UNCONVERTIBLE, Reason, Wait
from domain.records import Record
from domain.state import Contact, Hold, content
from domain.validation import missing_required, objection

PING_PONG_LIMIT = 2
"""How often one value may be sent to a target before only a new human value sends it again."""


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
    key_field: str | None = None
    key_value: str | None = None
    delete: bool = False  #: there are no fields then

    @property
    def content(self) -> Fields:
        return content(self.fields, delete=self.delete)


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
    agreed: list[tuple[MappedField, Pair]] = []  #: fields that turn out to agree
    held: dict[Crm, dict[str, Hold]] = {}  #: fields that are not sent, and why
    lost: dict[str, Lost] = {}  #: property -> what gave way
    drafted: bool = False  #: whether fields were compared at all, so that ``held`` says all there is to say
    member: bool | None = None
    look_again: int | None = None  #: when time alone may change the answer, epoch ms


def plan(contact: Contact, policy: Policy, now: int) -> Plan:
    """Work out what the contact needs at a moment (epoch ms)."""
    kind = policy.kinds.get(contact.kind)
    if kind is None:
        return Plan(stop=Reason.NOT_CONFIGURED, explanation=contact.kind)
    stop = _parked(contact) or _unready(policy)
    if stop is None and _orphaned(contact, kind):
        return _deletion(contact, kind, now)
    stop = stop or _lost(contact) or _unread(contact, kind) or _unmatched(contact, kind)
    if stop is not None:
        return stop
    inclusion = _inclusion(contact, kind, now)
    if inclusion.stop or inclusion.wait:
        return inclusion
    missing = next((crm for crm in CRMS if crm not in contact.pair), None)
    answer = _update(contact, kind) if missing is None else _create(contact, kind, missing)
    answer.member, answer.look_again = inclusion.member, inclusion.look_again
    return answer


def linked(contact: Contact, crm: Crm) -> tuple[RecordRef, Record] | None:
    """The contact's record in a CRM, if it has one there."""
    key = contact.pair.get(crm)
    return None if key is None else (RecordRef.parse(key), contact.records[key])


# -- what may stop a contact, in order


def _parked(contact: Contact) -> Plan | None:
    if contact.erased:
        return Plan(stop=Reason.ERASED)
    if contact.parked:
        return Plan(stop=Reason.ENGINE_FAULT, explanation=f"event {contact.parked}")
    return None


def _unready(policy: Policy) -> Plan | None:
    return None if policy.ready else Plan(wait=Wait.BASELINE)


def _lost(contact: Contact) -> Plan | None:
    """Stop for a contact whose record is not there any more, or that never had one."""
    for ref, record in _linked(contact):
        if record.gone:
            return Plan(stop=Reason.RECORD_DELETED, explanation=f"{ref.crm} {ref.object} is {record.gone}")
    return None if contact.pair else Plan(stop=Reason.RECORD_DELETED, explanation="no record is left")


def _linked(contact: Contact) -> Iterator[tuple[RecordRef, Record]]:
    return (found for crm in CRMS if (found := linked(contact, crm)) is not None)


def _unread(contact: Contact, kind: KindPolicy) -> Plan | None:
    """Wait for records that were never read in full, or must be looked at after an unclear answer."""
    needs = [
        Need("record", ref.crm, ref.object, ref.id)
        for ref, record in _linked(contact)
        if ref.crm in contact.unsure
        or not (record.gone or ref.crm in contact.created_by_us or read_in_full(contact, kind, ref, record))
    ]
    return Plan(wait=Wait.READ, needs=needs) if needs else None


def read_in_full(contact: Contact, kind: KindPolicy, ref: RecordRef, record: Record) -> bool:
    """Whether all fields that deciding needs were read, or a read asked for them in vain."""
    return record.values.keys() >= kind.needed[ref.crm, ref.object] or (
        contact.read_under.get(ref.crm) == kind.digest
    )


def _unmatched(contact: Contact, kind: KindPolicy) -> Plan | None:
    if not kind.kind.match_required or match_value(contact, kind):
        return None
    return Plan(stop=Reason.NO_EMAIL, explanation="neither record has an e-mail address")


def match_value(contact: Contact, kind: KindPolicy) -> str | None:
    """The address by which the contact would be found in either CRM; HubSpot's counts first."""
    for crm in CRMS:
        found = linked(contact, crm)
        values = match_values(kind.kind, found[0], found[1].values) if found else ()
        if values:
            return values[0]
    return None


def verdict(contact: Contact, kind: KindPolicy, now: int) -> Verdict | None:
    """The inclusion list's word on the contact; None if everybody is included or HubSpot has no record."""
    found = linked(contact, Crm.HUBSPOT)
    if kind.inclusion is None or found is None:
        return None
    return kind.inclusion.explain(
        found[1].values,
        now=now,
        zone=kind.zone,
        memberships=contact.memberships,
        changed_at=found[1].changed,
    )


def _inclusion(contact: Contact, kind: KindPolicy, now: int) -> Plan:
    if kind.inclusion_missing:
        return Plan(stop=Reason.NOT_IN_INCLUSION_LIST, explanation=kind.inclusion_missing)
    found = linked(contact, Crm.HUBSPOT)
    if kind.inclusion is None or found is None or _surely_member(contact, kind, found[1], now):
        return Plan(member=True)
    word = verdict(contact, kind, now)
    assert word is not None
    if word.member is None:
        return _undecided(contact, kind, found, word)
    answer = Plan(member=word.member, look_again=word.next_change)
    if not word.member:
        answer.stop, answer.explanation = Reason.NOT_IN_INCLUSION_LIST, word.leaf
    return answer


def _surely_member(contact: Contact, kind: KindPolicy, record: Record, now: int) -> bool:
    """Whether the list includes the contact whatever the time: the usual answer, and the cheapest to find."""
    inclusion = kind.inclusion
    if inclusion is None or inclusion.uses_time:
        return False
    word = inclusion.member(
        record.values, now=now, zone=kind.zone, memberships=contact.memberships, changed_at=record.changed
    )
    return word is True


def _undecided(contact: Contact, kind: KindPolicy, found: tuple[RecordRef, Record], word: Verdict) -> Plan:
    ref, record = found
    if word.unknown and not read_in_full(contact, kind, ref, record):
        return Plan(wait=Wait.READ, needs=[Need("record", ref.crm, ref.object, ref.id)])
    needs = membership_needs(ref, word)
    if needs:
        return Plan(wait=Wait.MEMBERSHIP, needs=needs)
    unreadable = ", ".join(word.unknown)
    return Plan(stop=Reason.NOT_IN_INCLUSION_LIST, explanation=f"HubSpot does not show {unreadable}")


def membership_needs(ref: RecordRef, word: Verdict) -> list[Need]:
    """What HubSpot must be asked before the inclusion list can answer."""
    return [Need("membership", Crm.HUBSPOT, list_id, ref.id) for list_id in word.asks]


def _orphaned(contact: Contact, kind: KindPolicy) -> bool:
    """Whether HubSpot's record is to be deleted after Salesforce's."""
    return contact.orphaned and kind.section.delete_in_hubspot and left_alone(contact)


def _deletion(contact: Contact, kind: KindPolicy, now: int) -> Plan:
    """Delete HubSpot's record too, if the contact may sync; otherwise it stays there for good."""
    lost = _lost(contact) or Plan()
    answer = _unread(contact, kind) or _unmatched(contact, kind) or _inclusion(contact, kind, now)
    if answer.stop is not None:
        lost.explanation += f"; kept in HubSpot: {TEXT[answer.stop]}"
        return lost
    if answer.wait is None:
        ref = RecordRef.parse(contact.pair[Crm.HUBSPOT])
        answer.drafts = {Crm.HUBSPOT: Draft(ref.object, ref.id, {}, {}, delete=True)}
    return answer


# -- writes


@dataclass(slots=True)
class _Drafting:
    """Collects what would be written to each target, and what is held back instead."""

    contact: Contact
    kind: KindPolicy
    answer: Plan
    fields: dict[Crm, Fields] = field(default_factory=lambda: {crm: {} for crm in CRMS})
    sources: dict[Crm, Fields] = field(default_factory=lambda: {crm: {} for crm in CRMS})

    def write(
        self, mapped: MappedField, target: Crm, value: FieldValue, source: FieldValue, *, create: bool
    ) -> None:
        """Put a value into the target's draft, unless it is or must be held back."""
        name = mapped.name(target)
        hold = self._standing_hold(name, target, value, source) or self._new_hold(
            mapped, target, value, source, create=create
        )
        if hold is not None:
            self.answer.held.setdefault(target, {})[name] = hold
            return
        self.fields[target][name] = value
        self.sources[target][name] = source

    def refuse(self, name: str, target: Crm, source: FieldValue, code: str, why: str) -> None:
        hold = Hold(source, self.kind.digest, code, why)
        self.answer.held.setdefault(target, {})[name] = hold

    def _standing_hold(self, name: str, target: Crm, value: FieldValue, source: FieldValue) -> Hold | None:
        hold = self.contact.holds.get(target, {}).get(name)
        if hold is not None and hold.source == source and hold.config == self.kind.digest:
            return hold
        echoed = self.contact.echoes.get(target, {}).get(name)
        if echoed is None or echoed.times < PING_PONG_LIMIT or echoed.value != value:
            return None
        found = linked(self.contact, target)
        if found is not None and found[1].values.get(name) == echoed.over:
            return Hold(source, self.kind.digest, Reason.PING_PONG, "sent twice and changed back each time")
        return None

    def _new_hold(
        self, mapped: MappedField, target: Crm, value: FieldValue, source: FieldValue, *, create: bool
    ) -> Hold | None:
        why = objection(mapped.schema(target), value, create=create)
        return Hold(source, self.kind.digest, Reason.VALIDATION, why) if why else None


# -- a contact that lacks a record


def _create(contact: Contact, kind: KindPolicy, target: Crm) -> Plan:
    name = kind.kind.hubspot if target is Crm.HUBSPOT else kind.section.create_as
    if name is None or (target is Crm.HUBSPOT and not kind.section.create_in_hubspot):
        return Plan(stop=Reason.CREATION_OFF, explanation=f"{target} records are not created")
    if target in contact.flights:
        return Plan()
    address = match_value(contact, kind) or ""
    if contact.looked_up.get(target) != address:
        return Plan(wait=Wait.LOOK_UP, needs=[Need("look_up", target, name, address)])
    found = linked(contact, target.other)
    assert found is not None, "a contact without any record"
    ref, record = found
    drafting = _Drafting(contact, kind, Plan(drafted=True))
    for mapped in kind.fields[name if target is Crm.SALESFORCE else ref.object]:
        _start_with(drafting, mapped, target, record.values.get(mapped.name(target.other)))
    return _creation(drafting, target, name, ref)


def _start_with(drafting: _Drafting, mapped: MappedField, target: Crm, source: FieldValue) -> None:
    """Give a new record its first value of a field, where the rule lets one pass in this direction."""
    if source is None or mapped.rule is SyncRule.DONT_SYNC or ALWAYS.get(mapped.rule) is target:
        return
    try:
        value = mapped.carry(target, source)
    except Unconvertible as error:
        drafting.refuse(mapped.name(target), target, source, UNCONVERTIBLE, str(error))
        return
    drafting.write(mapped, target, value, source, create=True)


def _creation(drafting: _Drafting, target: Crm, name: str, ref: RecordRef) -> Plan:
    kind, answer = drafting.kind, drafting.answer
    fields = {**kind.section.defaults.get(name, {}), **drafting.fields[target]}
    schema = kind.schemas.get((target, name))
    absent = missing_required(schema, fields) if schema else ()
    if absent:
        answer.stop, answer.explanation = Reason.VALIDATION, f"{name} requires {', '.join(absent)}"
        for each in absent:
            hold = Hold(None, kind.digest, REQUIRED, f"{name} requires {each}")
            answer.held.setdefault(target, {}).setdefault(each, hold)
        return answer
    sources = {**dict.fromkeys(fields), **drafting.sources[target]}
    draft = Draft(name, None, fields, sources, kind.kind.key_field(target), ref.id)
    answer.drafts = {target: draft}
    return answer


# -- a linked pair


def _update(contact: Contact, kind: KindPolicy) -> Plan:
    ours, theirs = linked(contact, Crm.HUBSPOT), linked(contact, Crm.SALESFORCE)
    assert ours is not None
    assert theirs is not None
    unseen = _unseen(contact, kind, ours, theirs) if contact.created_by_us else []
    if unseen:
        return Plan(wait=Wait.READ, needs=unseen)
    drafting = _Drafting(contact, kind, Plan(drafted=True))
    for mapped, now, agreed in unsettled(contact, kind.fields[theirs[0].object], ours[1], theirs[1]):
        _merge_into(
            drafting, mapped, now, merge(mapped, now, agreed, _changed_at(mapped, ours[1], theirs[1]))
        )
    refs = {Crm.HUBSPOT: ours[0], Crm.SALESFORCE: theirs[0]}
    for crm, fields in drafting.fields.items():
        if fields:
            drafting.answer.drafts[crm] = Draft(refs[crm].object, refs[crm].id, fields, drafting.sources[crm])
    return drafting.answer


def _changed_at(mapped: MappedField, ours: Record, theirs: Record) -> tuple[int, int]:
    """When either side changed last; a Salesforce value nobody saw changing is as old as its record."""
    return ours.changed.get(mapped.hubspot, 0), theirs.changed.get(mapped.salesforce, theirs.seen[0])


def _unseen(
    contact: Contact, kind: KindPolicy, ours: tuple[RecordRef, Record], theirs: tuple[RecordRef, Record]
) -> list[Need]:
    """Records that we made and nobody has read since, where a value waits for a field not seen yet."""
    needs, mapped = [], kind.fields[theirs[0].object]
    for (ref, record), (_, other) in ((ours, theirs), (theirs, ours)):
        waiting = (
            other.values.get(each.name(ref.crm.other)) is not None and each.name(ref.crm) not in record.values
            for each in mapped
            if each.rule is not SyncRule.DONT_SYNC
        )
        if ref.crm in contact.created_by_us and not read_in_full(contact, kind, ref, record) and any(waiting):
            needs.append(Need("record", ref.crm, ref.object, ref.id))
    return needs


def _merge_into(drafting: _Drafting, mapped: MappedField, now: Pair, merged: Merged) -> None:
    match merged:
        case Agree():
            if not _flying(drafting.contact, mapped):
                drafting.answer.agreed.append((mapped, now))
        case Refuse(target, source, why):
            drafting.refuse(mapped.name(target), target, source, UNCONVERTIBLE, why)
        case Send(target, value, source, lost, conflict):
            drafting.write(mapped, target, value, source, create=False)
            if conflict:
                drafting.answer.lost[mapped.hubspot] = Lost(target, lost)
        case Leave():
            pass


def _flying(contact: Contact, mapped: MappedField) -> bool:
    return any(mapped.name(crm) in flight.fields for crm, flight in contact.flights.items())
