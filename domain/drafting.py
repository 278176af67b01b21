"""What would be written to each CRM: every mapped field merged, converted and checked.

Nothing is remembered here: the same contact and policy give the same drafts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from domain.answer import Draft, Lost, Need, Plan, linked, match_value, read_in_full
from domain.convert import Unconvertible
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm, Fields, FieldValue, RecordRef
from domain.mapping import (
    AGREE,
    ALWAYS,
    Agree,
    Leave,
    MappedField,
    Merged,
    Refuse,
    Send,
    SyncRule,
    merge,
)
from domain.money import OTHER, is_foreign
from domain.pairs import Compared, derived, overlay, unsettled
from domain.policy import KindPolicy
from domain.reasons import ABSENT, OWN_RULES, REQUIRED, UNCONVERTIBLE, Reason, Wait
from domain.records import Record
from domain.routing import route
from domain.state import Contact, Hold, Once
from domain.validation import mismatched, missing_required, objection

PING_PONG_LIMIT = 2
"""How often one value may be sent to a target before only a new human value sends it again."""


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

    def defaults(self, target: Crm, name: str) -> Fields:
        """What a new record gets beside its mapped fields, without what the CRM refused before."""
        given: Fields = {}
        for field_name, value in self.kind.section.defaults.get(name, {}).items():
            hold = self._standing_hold(field_name, target, value, None)
            if hold is None:
                given[field_name] = value
            else:
                self.answer.held.setdefault(target, {}).setdefault(field_name, hold)
        return given

    def check_dependent(self, target: Crm, name: str, record: Record | None) -> None:
        """Hold back options that do not go with those they depend on; ``record``: None for a new one."""
        fields, dependent = self.fields[target], self.kind.dependent.get((target, name))
        if not fields or not dependent:
            return
        known = _given(self.kind, target, name)
        if record is not None:
            known = {**record.values, **overlay(self.contact, target)}
        for blamed, why in dict(mismatched(dependent, fields, known)).items():
            del fields[blamed]
            self.refuse(blamed, target, self.sources[target].pop(blamed), Reason.VALIDATION, why)

    def refuse(self, name: str, target: Crm, source: FieldValue, code: str, why: str) -> None:
        hold = Hold(source, self.kind.digest, code, why)
        self.answer.held.setdefault(target, {})[name] = hold

    def _standing_hold(self, name: str, target: Crm, value: FieldValue, source: FieldValue) -> Hold | None:
        """What the CRM refused before, or keeps changing back; our own refusals are judged anew each time."""
        hold = self.contact.holds.get(target, {}).get(name)
        stands = (source, self.kind.digest)
        if hold is not None and (hold.source, hold.config) == stands and hold.code not in OWN_RULES:
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
        schema = mapped.schema(target)
        why = objection(schema, value, create=create)
        code = ABSENT if schema.absent else Reason.VALIDATION
        return Hold(source, self.kind.digest, code, why) if why else None


# -- a contact that lacks a record


def create(contact: Contact, kind: KindPolicy, target: Crm, now: int) -> Plan:
    found = linked(contact, target.other)
    assert found is not None, "a contact without any record"
    ref, record = found
    imported = target is HUBSPOT and contact.once is Once.IMPORT
    name, why = (kind.kind.hubspot, "") if imported else new_object(kind, target, found, now)
    if name is None:
        return Plan(stop=Reason.CREATION_OFF, explanation=why)
    if target in contact.flights:
        return Plan()
    address = match_value(contact, kind) or ""
    if contact.looked_up.get(target) != address:
        return Plan(wait=Wait.LOOK_UP, needs=[Need("look_up", target, name, address)])
    drafting = _Drafting(contact, kind, Plan(drafted=True))
    theirs = name if target is SALESFORCE else ref.object
    foreign = _foreign(kind, ref, record) if target is HUBSPOT else frozenset[str]()
    for mapped in (*kind.fields[theirs], *kind.computed[theirs]):
        if imported and mapped.hubspot not in kind.kind.match[name]:
            continue
        if mapped.salesforce in foreign:
            drafting.refuse(
                mapped.hubspot, target, record.values.get(mapped.salesforce), UNCONVERTIBLE, OTHER
            )
        else:
            _start_with(drafting, mapped, target, record.values, now)
    drafting.check_dependent(target, name, None)
    return _creation(drafting, target, name, ref)


def new_object(
    kind: KindPolicy, target: Crm, source: tuple[RecordRef, Record], now: int
) -> tuple[str | None, str]:
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


def _start_with(drafting: _Drafting, mapped: MappedField, target: Crm, record: Fields, now: int) -> None:
    """Give a new record its first value of a field, where the rule lets one pass in this direction."""
    if mapped.rule is SyncRule.DONT_SYNC or ALWAYS.get(mapped.rule) is target:
        return
    source = mapped.computed(record, now) if mapped.computed else record.get(mapped.name(target.other))
    if source is None and target not in mapped.fills:
        return
    try:
        value = mapped.carry(target, source)
    except Unconvertible as error:
        drafting.refuse(mapped.name(target), target, source, error.code, str(error))
        return
    apart = bool(mapped.schema(target).apart)
    if value is not None and not (apart and value != "true"):
        drafting.write(mapped, target, value, source, create=not apart)


def _creation(drafting: _Drafting, target: Crm, name: str, ref: RecordRef) -> Plan:
    kind, answer = drafting.kind, drafting.answer
    later = _set_apart(drafting, target, name, None, {})
    fields = {**drafting.defaults(target, name), **drafting.fields[target]}
    why = _incomplete(drafting, target, name, fields)
    if why:
        answer.stop, answer.explanation = Reason.VALIDATION, why
        return answer
    sources = {**dict.fromkeys(fields), **drafting.sources[target]}
    draft = Draft(name, None, fields, sources, kind.kind.key_field(target), ref.id)
    answer.drafts = {target: draft}
    answer.following = {target: later} if later else {}
    return answer


def _incomplete(drafting: _Drafting, target: Crm, name: str, fields: Fields) -> str:
    """Why no record can be made of these fields; empty if one can. What it lacks is held back."""
    kind, answer = drafting.kind, drafting.answer
    schema, held = kind.schemas.get((target, name)), answer.held.get(target, {})
    absent = missing_required(schema, fields) if schema else ()
    lacking = {
        each: Hold(None, kind.digest, REQUIRED, f"{name} requires {each}")
        for each in absent
        if each not in held
    }
    if lacking:
        answer.held[target] = {**held, **lacking}
        return f"{name} requires {', '.join(lacking)}"
    unfit = next((each for each in (*absent, *kind.kind.match.get(name, ())) if each in held), None)
    return f"{unfit}: {held[unfit].message}" if unfit else ""


# -- a linked pair


def update(contact: Contact, kind: KindPolicy, now: int) -> Plan:
    ours, theirs = linked(contact, HUBSPOT), linked(contact, SALESFORCE)
    assert ours is not None
    assert theirs is not None
    unseen = _unseen(contact, kind, ours, theirs) if contact.created_by_us else []
    if unseen:
        return Plan(wait=Wait.READ, needs=unseen)
    drafting = _Drafting(contact, kind, Plan(drafted=True))
    changed, changed_there, seen_there = ours[1].changed, theirs[1].changed, theirs[1].seen[0]
    for mapped, pair, agreed in _compared(contact, kind, ours[1], theirs, now):
        # a Salesforce value nobody saw changing is as old as its record
        changed_at = changed.get(mapped.hubspot, 0), changed_there.get(mapped.salesforce, seen_there)
        merged = merge(mapped, pair, agreed, changed_at)
        if merged is not AGREE:
            _merge_into(drafting, mapped, merged, _foreign(kind, *theirs))
        elif not (contact.flights and _flying(contact, mapped)):
            drafting.answer.agreed.append((mapped, pair))
    for mapped in kind.absent[theirs[0].object]:
        _miss(drafting, mapped, {HUBSPOT: ours[1].values, SALESFORCE: theirs[1].values})
    for ref, record in (ours, theirs):
        drafting.check_dependent(ref.crm, ref.object, record)
        _change(drafting, ref, record)
    return drafting.answer


def _miss(drafting: _Drafting, mapped: MappedField, values: dict[Crm, Fields]) -> None:
    """Hold back a value for a field that is not there and was never seen: nothing can be merged."""
    for target in CRMS:
        name, source = mapped.name(target), values[target.other].get(mapped.name(target.other))
        schema = mapped.schema(target)
        passes = ALWAYS.get(mapped.rule) is not target and _passes(mapped, source)
        if schema.absent and name not in values[target] and passes:
            drafting.refuse(name, target, source, ABSENT, objection(schema, source, create=False))


def _change(drafting: _Drafting, ref: RecordRef, record: Record) -> None:
    """Draft what one record gets; what takes a call of its own goes when nothing else is left to be sent."""
    answer, fields = drafting.answer, drafting.fields[ref.crm]
    later = _set_apart(drafting, ref.crm, ref.object, ref.id, record.values) if fields else None
    if fields:
        answer.drafts[ref.crm] = Draft(ref.object, ref.id, fields, drafting.sources[ref.crm])
    if later is not None:
        (answer.following if fields else answer.drafts)[ref.crm] = later


def _set_apart(
    drafting: _Drafting, target: Crm, name: str, record_id: str | None, known: Fields
) -> Draft | None:
    """Take a field that a call of its own writes out of the target's draft, into one for itself.

    ``known``: what the record holds.
    """
    apart, fields = drafting.kind.apart.get((target, name), {}), drafting.fields[target]
    field_name = next((each for each in apart if each in fields), None)
    if field_name is None:
        return None
    value, source = fields.pop(field_name), drafting.sources[target].pop(field_name)
    named_by = apart[field_name]
    address = {**known, **overlay(drafting.contact, target), **fields}.get(named_by)
    if address is None:
        why = f"it is set by {named_by}, and the record has none"
        drafting.refuse(field_name, target, source, Reason.VALIDATION, why)
        return None
    return Draft(name, record_id, {field_name: value}, {field_name: source}, named_by, address)


def _foreign(kind: KindPolicy, ref: RecordRef, record: Record) -> frozenset[str]:
    """The amounts of a Salesforce record that are in another currency."""
    amounts = kind.amounts[ref.object]
    return amounts if amounts and is_foreign(kind.section.currency, record.values) else frozenset()


def compared(contact: Contact, kind: KindPolicy, now: int) -> Iterator[Compared]:
    """The mapped and computed fields of a linked pair that are not simply as agreed."""
    ours, theirs = linked(contact, HUBSPOT), linked(contact, SALESFORCE)
    return _compared(contact, kind, ours[1], theirs, now) if ours and theirs else iter(())


def _compared(
    contact: Contact, kind: KindPolicy, ours: Record, theirs: tuple[RecordRef, Record], now: int
) -> Iterator[Compared]:
    ref, record = theirs
    mapped = unsettled(contact, kind.fields[ref.object], ours, record)
    computed = kind.computed[ref.object]
    return chain(mapped, derived(contact, computed, ours, record, now)) if computed else mapped


def _unseen(
    contact: Contact, kind: KindPolicy, ours: tuple[RecordRef, Record], theirs: tuple[RecordRef, Record]
) -> list[Need]:
    """Records that we made and nobody has read since, where a value waits for a field not seen yet."""
    needs, mapped = [], kind.fields[theirs[0].object]
    for (ref, record), (_, other) in ((ours, theirs), (theirs, ours)):
        waiting = (
            each.name(ref.crm) not in record.values
            and _passes(each, other.values.get(each.name(ref.crm.other)))
            for each in mapped
        )
        if ref.crm in contact.created_by_us and not read_in_full(contact, kind, ref, record) and any(waiting):
            needs.append(Need("record", ref.crm, ref.object, ref.id))
    return needs


def _passes(mapped: MappedField, value: FieldValue) -> bool:
    """Whether a value might travel by the rule."""
    if mapped.rule is SyncRule.OPT_OUT:
        return value == "true"
    return value is not None and mapped.rule is not SyncRule.DONT_SYNC


def _merge_into(drafting: _Drafting, mapped: MappedField, merged: Merged, foreign: frozenset[str]) -> None:
    """Put what passes into the drafts; ``foreign``: amounts in another currency, which never do."""
    match merged:
        case Refuse(target, source, why, code):
            drafting.refuse(mapped.name(target), target, source, code, why)
        case Send(target, _, source) if mapped.salesforce in foreign:
            drafting.refuse(mapped.name(target), target, source, UNCONVERTIBLE, OTHER)
        case Send(target, value, source, lost, conflict):
            drafting.write(mapped, target, value, source, create=False)
            if conflict:
                drafting.answer.lost[mapped.hubspot] = Lost(target, lost)
        case Leave() | Agree():
            pass


def _flying(contact: Contact, mapped: MappedField) -> bool:
    return any(mapped.name(crm) in flight.fields for crm, flight in contact.flights.items())
