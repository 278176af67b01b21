"""What would be written to each CRM: every mapped field merged, converted and checked.

Nothing is remembered here: the same contact and policy give the same drafts.
"""

from collections.abc import Iterable

import msgspec

from domain.answer import Draft, Lost, Need, Plan, Side, linked, read_in_full
from domain.convert import Unconvertible
from domain.identity import HUBSPOT, SALESFORCE, Crm, Fields, FieldValue, RecordRef
from domain.links import match_values
from domain.mapping import (
    AGREE,
    ALWAYS,
    MappedField,
    Refuse,
    Send,
    Start,
    SyncRule,
    merge,
)
from domain.money import OTHER, is_foreign
from domain.pairs import Compared, unsettled
from domain.policy import KindPolicy
from domain.reasons import ABSENT, OWN_RULES, REQUIRED, UNCONVERTIBLE, Reason, Wait
from domain.records import Record
from domain.routing import route
from domain.schema import FieldSchema
from domain.sent import overlay
from domain.state import Contact, Hold, Once
from domain.validation import mismatched, objection

PING_PONG_LIMIT = 2
"""How often one value may be sent to a target before only a new human value sends it again."""


class _Drafting(msgspec.Struct):
    """Collects what would be written to one record, and what is held back instead."""

    contact: Contact
    kind: KindPolicy
    answer: Plan
    crm: Crm
    object: str
    id: str | None  #: None for a new record
    known: Fields  #: what the record holds
    fields: Fields = {}
    sources: Fields = {}

    def write(self, name: str, schema: FieldSchema, value: FieldValue, source: FieldValue) -> None:
        """Put a value into the draft, unless it is or must be held back."""
        contact = self.contact
        hold = self._standing_hold(name, value, source) if contact.holds or contact.echoes else None
        if hold is not None:
            self.held[name] = hold
        elif why := objection(schema, value, create=self.id is None and not schema.apart):
            self.refuse(name, source, ABSENT if schema.absent else Reason.VALIDATION, why)
        else:
            self.fields[name], self.sources[name] = value, source

    @property
    def held(self) -> dict[str, Hold]:
        """The fields of the record that are held back."""
        return self.answer.held.setdefault(self.crm, {})

    def refuse(self, name: str, source: FieldValue, code: str, why: str) -> None:
        self.held[name] = Hold(source, self.kind.digest, code, why)

    def take_back(self, name: str, why: str) -> None:
        """Hold back what was put into the draft."""
        del self.fields[name]
        self.refuse(name, self.sources.pop(name), Reason.VALIDATION, why)

    def defaults(self) -> Fields:
        """What a new record gets beside its mapped fields, without what the CRM refused before."""
        given: Fields = {}
        for name, value in self.kind.section.defaults.get(self.object, {}).items():
            hold = self._standing_hold(name, value, None)
            if hold is None:
                given[name] = value
            else:
                self.held.setdefault(name, hold)
        return given

    def check_dependent(self) -> None:
        """Hold back options that do not go with those they depend on."""
        dependent = self.kind.dependent.get((self.crm, self.object))
        if dependent:
            known = _given(self.kind, self.crm, self.object) if self.id is None else self.counting()
            for blamed, why in dict(mismatched(dependent, self.fields, known)).items():
                self.take_back(blamed, why)

    def counting(self) -> Fields:
        """What the record holds once all that was sent has arrived."""
        return {**self.known, **overlay(self.contact, self.crm)}

    def _standing_hold(self, name: str, value: FieldValue, source: FieldValue) -> Hold | None:
        """What the CRM refused before, or keeps changing back; our own refusals are judged anew each time."""
        digest, holds, echoes = self.kind.digest, self.contact.holds, self.contact.echoes
        hold = holds[self.crm].get(name) if self.crm in holds else None
        if hold and hold.source == source and hold.config == digest and hold.code not in OWN_RULES:
            return hold
        echoed = echoes[self.crm].get(name) if self.crm in echoes else None
        if echoed is None or echoed.times < PING_PONG_LIMIT or echoed.value != value or self.id is None:
            return None
        if self.known.get(name) != echoed.over:
            return None
        return Hold(source, digest, Reason.PING_PONG, "sent twice and changed back each time")


# -- a contact that lacks a record


def create(contact: Contact, kind: KindPolicy, side: Side, now: int) -> Plan:
    """What the partner of a contact's only record starts with."""
    ref, record = side
    target = ref.crm.other
    imported = target is HUBSPOT and contact.once is Once.IMPORT
    name, why = (kind.kind.hubspot, "") if imported else new_object(kind, target, side, now)
    if name is None:
        return Plan(stop=Reason.CREATION_OFF, explanation=why)
    if target in contact.flights:
        return Plan()
    address = next(iter(match_values(kind.kind, ref, record.values)), "")
    if contact.looked_up.get(target) != address:
        return Plan(wait=Wait.LOOK_UP, needs=[Need("look_up", target, name, address)])
    drafting = _Drafting(contact, kind, Plan(drafted=True), target, name, None, {})
    theirs = name if target is SALESFORCE else ref.object
    starts: Iterable[Start] = kind.starts[theirs, target]
    if imported:
        starts = [each for each in starts if each.name in kind.kind.match[name]]
    elif target is HUBSPOT and theirs in kind.amounts:
        starts = _without_foreign(drafting, starts, side)
    for each in starts:
        _start_with(drafting, each, record.values, now)
    return _creation(drafting, ref)


def new_object(kind: KindPolicy, target: Crm, source: Side, now: int) -> tuple[str | None, str]:
    """The object that is to be created, and why it is that one or none."""
    ref, record = source
    if target is SALESFORCE:
        return route(kind.routes, kind.section.create_as, record.values, now)
    if kind.section.creates_in_hubspot(ref.object):
        return kind.kind.hubspot, ""
    return None, f"{target} records are not created for a {ref.object}"


def partner_object(contact: Contact, kind: KindPolicy, now: int) -> str | None:
    """The Salesforce object whose mappings count: of the contact's record, or of the one it would get."""
    ours, theirs = linked(contact, HUBSPOT), linked(contact, SALESFORCE)
    if theirs is not None:
        return theirs[0].object
    return new_object(kind, SALESFORCE, ours, now)[0] if ours else None


def _given(kind: KindPolicy, target: Crm, name: str) -> Fields:
    """What a new record holds in the fields that are not written."""
    schema = kind.schemas.get((target, name))
    given = {each.name: each.default for each in schema.fields.values()} if schema else {}
    return {**given, **kind.section.defaults.get(name, {})}


def _without_foreign(drafting: _Drafting, starts: Iterable[Start], side: Side) -> list[Start]:
    """Hold back the amounts of a Salesforce record that are in another currency."""
    (ref, record), kind = side, drafting.kind
    foreign = _foreign(kind, ref, record)
    for each in kind.fields[ref.object]:
        if each.salesforce in foreign:
            drafting.refuse(each.hubspot, record.values.get(each.salesforce), UNCONVERTIBLE, OTHER)
    return [each for each in starts if each.source not in foreign]


def _start_with(drafting: _Drafting, start: Start, values: Fields, now: int) -> None:
    """Give a new record its first value of a field; ``values``: of the record on the other side."""
    name, schema, source_name, carry, filled, computed = start
    source = computed(values, now) if computed else values.get(source_name)
    if source is None and not filled:
        return
    try:
        value = carry(source)
    except Unconvertible as error:
        drafting.refuse(name, source, error.code, str(error))
        return
    if value is not None and (value == "true" or not schema.apart):
        drafting.write(name, schema, value, source)


def _creation(drafting: _Drafting, ref: RecordRef) -> Plan:
    """Draft what the new record gets; ``ref``: the one that it stands beside."""
    kind, answer, target = drafting.kind, drafting.answer, drafting.crm
    if kind.dependent:
        drafting.check_dependent()
    later = _set_apart(drafting) if kind.apart else None
    fields = {**drafting.defaults(), **drafting.fields}
    why = _incomplete(drafting, fields)
    if why:
        answer.stop, answer.explanation = Reason.VALIDATION, why
        return answer
    sources = {**dict.fromkeys(fields), **drafting.sources}
    draft = Draft(drafting.object, None, fields, sources, kind.kind.key_field(target), ref.id)
    answer.drafts = {target: draft}
    answer.following = {target: later} if later else {}
    return answer


def _incomplete(drafting: _Drafting, fields: Fields) -> str:
    """Why no record can be made of these fields; empty if one can. What it lacks is held back."""
    kind, name, held = drafting.kind, drafting.object, drafting.answer.held.get(drafting.crm, {})
    absent = [each for each in kind.required.get((drafting.crm, name), ()) if fields.get(each) is None]
    lacking = {
        each: Hold(None, kind.digest, REQUIRED, f"{name} requires {each}")
        for each in absent
        if each not in held
    }
    if lacking:
        drafting.answer.held[drafting.crm] = {**held, **lacking}
        return f"{name} requires {', '.join(lacking)}"
    unfit = next((each for each in (*absent, *kind.kind.match.get(name, ())) if each in held), None)
    return f"{unfit}: {held[unfit].message}" if unfit else ""


# -- a linked pair


def update(contact: Contact, kind: KindPolicy, ours: Side, theirs: Side, now: int) -> Plan:
    """What both records of a pair get, and where they turn out to agree."""
    unseen = _unseen(contact, kind, ours, theirs) if contact.created_by_us else []
    if unseen:
        return Plan(wait=Wait.READ, needs=unseen)
    answer = Plan(drafted=True)
    (our_ref, our_record), (their_ref, their_record) = ours, theirs
    differing = unsettled(contact, kind, their_ref.object, our_record, their_record, now)
    absent = kind.absent[their_ref.object]
    if not differing and not absent:
        return answer
    drafts = {
        HUBSPOT: _Drafting(contact, kind, answer, HUBSPOT, our_ref.object, our_ref.id, our_record.values),
        SALESFORCE: _Drafting(
            contact, kind, answer, SALESFORCE, their_ref.object, their_ref.id, their_record.values
        ),
    }
    foreign = _foreign(kind, *theirs) if kind.amounts else _NONE
    _merge_all(drafts, answer, differing, our_record, their_record, foreign)
    for mapped in absent:
        _miss(drafts, mapped)
    for drafting in drafts.values():
        if drafting.fields:
            _change(drafting)
    return answer


def _merge_all(
    drafts: dict[Crm, _Drafting],
    answer: Plan,
    differing: list[Compared],
    ours: Record,
    theirs: Record,
    foreign: frozenset[str],
) -> None:
    """Put what passes into the drafts, and what agrees into the answer.

    ``foreign``: amounts in another currency, which never pass.
    """

    def changed_at(mapped: MappedField) -> tuple[int, int]:
        """A Salesforce value nobody saw changing is as old as its record."""
        return ours.changed.get(mapped.hubspot, 0), theirs.changed.get(mapped.salesforce, theirs.seen[0])

    for mapped, pair, agreed in differing:
        merged = merge(mapped, pair, agreed, changed_at)
        if merged is AGREE:
            answer.agreed.append((mapped, pair))
        elif isinstance(merged, Send):
            _send(drafts[merged.target], mapped, merged, foreign)
        elif isinstance(merged, Refuse):
            drafts[merged.target].refuse(mapped.name(merged.target), merged.source, merged.code, merged.why)


def _send(drafting: _Drafting, mapped: MappedField, sent: Send, foreign: frozenset[str]) -> None:
    """Put a value into the draft, unless it is an amount in another currency."""
    name, schema = mapped.side(sent.target)
    if mapped.salesforce in foreign:
        drafting.refuse(name, sent.source, UNCONVERTIBLE, OTHER)
        return
    drafting.write(name, schema, sent.value, sent.source)
    if sent.conflict:
        drafting.answer.lost[mapped.hubspot] = Lost(sent.target, sent.lost)


def _miss(drafts: dict[Crm, _Drafting], mapped: MappedField) -> None:
    """Hold back a value for a field that is not there and was never seen: nothing can be merged."""
    for target, drafting in drafts.items():
        other = target.other
        (name, schema), source = mapped.side(target), drafts[other].known.get(mapped.name(other))
        passes = ALWAYS.get(mapped.rule) is not target and _passes(mapped, source)
        if schema.absent and name not in drafting.known and passes:
            drafting.refuse(name, source, ABSENT, objection(schema, source, create=False))


def _change(drafting: _Drafting) -> None:
    """Draft what a record gets; what takes a call of its own goes when nothing else is left to be sent."""
    kind, answer, crm, fields = drafting.kind, drafting.answer, drafting.crm, drafting.fields
    if kind.dependent:
        drafting.check_dependent()
    later = _set_apart(drafting) if kind.apart else None
    if fields:
        answer.drafts[crm] = Draft(drafting.object, drafting.id, fields, drafting.sources)
    if later is not None:
        (answer.following if fields else answer.drafts)[crm] = later


def _set_apart(drafting: _Drafting) -> Draft | None:
    """Take a field that a call of its own writes out of the record's draft, into one for itself."""
    apart, fields = drafting.kind.apart.get((drafting.crm, drafting.object), {}), drafting.fields
    name = next(filter(fields.__contains__, apart), None)
    if name is None:
        return None
    named_by = apart[name]
    address = {**drafting.counting(), **fields}.get(named_by)
    if address is None:
        drafting.take_back(name, f"it is set by {named_by}, and the record has none")
        return None
    value, source = fields.pop(name), drafting.sources.pop(name)
    return Draft(drafting.object, drafting.id, {name: value}, {name: source}, named_by, address)


def _foreign(kind: KindPolicy, ref: RecordRef, record: Record) -> frozenset[str]:
    """The amounts of a Salesforce record that are in another currency."""
    amounts = kind.amounts.get(ref.object, _NONE)
    return amounts if amounts and is_foreign(kind.section.currency, record.values) else _NONE


_NONE: frozenset[str] = frozenset()


def compared(contact: Contact, kind: KindPolicy, now: int) -> list[Compared]:
    """The mapped and computed fields of a linked pair that are not simply as agreed."""
    ours, theirs = linked(contact, HUBSPOT), linked(contact, SALESFORCE)
    if ours is None or theirs is None:
        return []
    return unsettled(contact, kind, theirs[0].object, ours[1], theirs[1], now)


def _unseen(contact: Contact, kind: KindPolicy, ours: Side, theirs: Side) -> list[Need]:
    """Records that we made and nobody has read since, where a value waits for a field not seen yet."""
    return [
        Need("record", ref.crm, ref.object, ref.id)
        for (ref, record), (_, other) in ((ours, theirs), (theirs, ours))
        if ref.crm in contact.created_by_us
        and not read_in_full(contact, kind, ref, record)
        and _waits(kind.mapped[theirs[0].object, ref.crm], ref.crm, record, other)
    ]


def _waits(mapped: dict[str, MappedField], crm: Crm, record: Record, other: Record) -> bool:
    """Whether a value waits for a field that nobody has read."""
    unread = mapped.keys() - record.values.keys()
    return any(_passes(mapped[name], other.values.get(mapped[name].name(crm.other))) for name in unread)


def _passes(mapped: MappedField, value: FieldValue) -> bool:
    """Whether a value might travel by the rule."""
    if mapped.rule is SyncRule.OPT_OUT:
        return value == "true"
    return value is not None and mapped.rule is not SyncRule.DONT_SYNC
