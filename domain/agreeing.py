"""The pairs of values last known in sync, and the values that were written and not seen since.

A pair is kept as a mark alone while both records hold it, which is what nearly all of them do. It is
spelled out before one of its records changes, and becomes a mark again when they agree anew.
"""

from collections.abc import Iterable, Iterator, Sequence

from domain.answer import linked
from domain.events import DeliveryAnswered, RecordObserved
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm, Fields, RecordRef
from domain.links import without
from domain.mapping import MappedField, Pair
from domain.pairs import overlay
from domain.policy import KindPolicy
from domain.records import Folded, Record, observe, version_of
from domain.state import Contact, Expected, Flight
from domain.step import replace

SETTLING_MS = 2_000
"""How long after our write's answer a stamp may still be our write's: clocks differ, stamps are coarse."""


def agree(contact: Contact, kind: KindPolicy, pairs: Sequence[tuple[MappedField, Pair]]) -> Contact:
    """Note pairs of values as in sync."""
    if not pairs:
        return contact
    agreed = dict(contact.agreed)
    ours, theirs = (contact.records[contact.pair[crm]].values for crm in CRMS)
    settled = []
    for mapped, (hubspot, salesforce) in pairs:
        name = mapped.hubspot
        held = ours.get(name) == hubspot and theirs.get(mapped.salesforce) == salesforce
        if held and mapped.computed is None:
            agreed[name] = None
            settled.append(mapped)
        else:
            agreed[name] = (hubspot, salesforce)
    return replace(contact, agreed=agreed, records=_forget_changes(contact, kind, settled))


def _forget_changes(contact: Contact, kind: KindPolicy, settled: Sequence[MappedField]) -> dict[str, Record]:
    """Drop the times of change that nothing will ask for: neither a conflict nor the inclusion list."""
    records = contact.records
    for crm in CRMS:
        key = contact.pair[crm]
        record = records[key]
        if not record.changed:
            continue
        done = {each.hubspot if crm is HUBSPOT else each.salesforce for each in settled}
        if crm is HUBSPOT and kind.inclusion:
            done -= kind.inclusion.changes
        if not done.isdisjoint(record.changed):
            changed = {name: at for name, at in record.changed.items() if name not in done}
            records = {**records, key: replace(record, changed=changed)}
    return records


def keep_agreed(contact: Contact, kind: KindPolicy, ref: RecordRef, folded: Folded) -> Contact:
    """Spell out agreed pairs that stood for "what the records hold" before their record changes."""
    if not folded.changes or contact.pair.get(ref.crm) != ref.key:
        return contact
    ours, theirs = linked(contact, HUBSPOT), linked(contact, SALESFORCE)
    if ours is None or theirs is None:
        return contact
    agreed = contact.agreed
    for mapped in _mapped(kind, theirs[0].object, ref.crm, folded.changes):
        if agreed.get(mapped.hubspot, "") is None:
            pair = (ours[1].values.get(mapped.hubspot), theirs[1].values.get(mapped.salesforce))
            agreed = {**agreed, mapped.hubspot: pair}
    return contact if agreed is contact.agreed else replace(contact, agreed=agreed)


# -- values written and not seen since


def own_form(
    contact: Contact, event: RecordObserved, before: Record, expected: dict[str, Expected], us: str
) -> frozenset[str]:
    """Fields in which a look shows what became of our write, and nobody's later change.

    That is the target's own form of what was sent. It does not travel back, even where the CRM's
    automation changed it. ``expected``: what the look shows of it; ``us``: the user that our writes are
    made by; empty if the CRM does not say.
    """
    somebody = bool(us) and event.modified_by not in {None, us}
    own = {
        name
        for name, each in expected.items()
        if event.fields[name] == each.value or _is_own(before, event, name, each, somebody=somebody)
    }
    if us and event.modified_by == us:
        own |= overlay(contact, event.crm).keys() - expected.keys()
    return frozenset(own)


def own_doubted(contact: Contact, event: RecordObserved, after: Record, us: str) -> frozenset[str]:
    """Fields in which a look shows that a write without an answer did happen; ``after``: with that look.

    Another value than the sent one counts as its own form only if our user left it there since the claim,
    and it is not what an earlier write of ours had put there.
    """
    doubt = contact.doubted.get(event.crm)
    if doubt is None or event.source == "webhook":
        return frozenset()
    flight, fields = doubt.flight, event.fields
    sent_at = flight.at - SETTLING_MS
    maybe_ours = bool(us) and event.modified_by == us and sent_at <= event.modified_at <= doubt.until
    return frozenset(
        name
        for name, value in flight.fields.items()
        if name in fields
        and after.values[name] == fields[name]
        and (fields[name] == value or (maybe_ours and fields[name] != flight.before.get(name, fields[name])))
    )


def close_doubt(
    contact: Contact, kind: KindPolicy, crm: Crm, names: frozenset[str], *, over: bool
) -> Contact:
    """Agree on what a write without an answer turns out to have done; ``over``: the rest never happened."""
    doubt = contact.doubted.get(crm)
    if doubt is None:
        return contact
    fields = {name: value for name, value in doubt.flight.fields.items() if name in names}
    if fields and len(contact.pair) == len(CRMS):
        target = contact.records[contact.pair[crm]].values
        stored = {name: target.get(name) for name in fields}
        contact = _agree_as_sent(contact, kind, crm, fields, doubt.flight.sources, stored)
    return replace(contact, doubted=without(contact.doubted, crm)) if over else contact


def _is_own(before: Record, event: RecordObserved, name: str, each: Expected, *, somebody: bool) -> bool:
    """Whether a value other than the sent one is as old as our write; one known already is no news."""
    if before.values.get(name, _UNKNOWN) == event.fields[name]:
        return version_of(before, name)[0] <= each.until
    return not (somebody or each.masked) and event.modified_at <= each.until


def shown(contact: Contact, event: RecordObserved) -> dict[str, Expected]:
    """Expected values of which a look shows what became: one that began after the write's answer."""
    waiting = contact.expected.get(event.crm)
    if not waiting or event.source == "webhook" or contact.pair.get(event.crm) != event.ref.key:
        return {}
    return {
        name: each for name, each in waiting.items() if name in event.fields and event.ticket >= each.floor
    }


def close_expected(
    contact: Contact, kind: KindPolicy, crm: Crm, closed: dict[str, Expected], ours: frozenset[str]
) -> Contact:
    """Stop expecting what a look shows; ``ours``: where it is our write's own form, that is agreed on."""
    if not closed:
        return contact
    sources = {name: each.source for name, each in closed.items() if name in ours}
    contact = _expect(contact, crm, drop=closed)
    return _agree_as_shown(contact, kind, crm, sources)


def _overwritten(contact: Contact, crm: Crm, flight: Flight) -> dict[str, Expected]:
    """What earlier writes have left to be seen: from now on we are the record's last writer in any case.

    So nothing tells any more whether another value is our write's own form or somebody's edit between the
    two writes. An edit must not be lost: it counts as somebody's.
    """
    waiting = contact.expected.get(crm, {})
    return {name: replace(each, masked=True) for name, each in waiting.items() if name not in flight.fields}


def _expect(
    contact: Contact, crm: Crm, *, drop: Iterable[str], add: dict[str, Expected] | None = None
) -> Contact:
    left = {name: each for name, each in contact.expected.get(crm, {}).items() if name not in drop}
    left |= add or {}
    expected = without(contact.expected, crm)
    return replace(contact, expected={**expected, crm: left} if left else expected)


def _agree_as_shown(contact: Contact, kind: KindPolicy, crm: Crm, sources: Fields) -> Contact:
    """Agreed := (the value that a write came from, the target's own form of it), come what may."""
    theirs = linked(contact, Crm.SALESFORCE)
    if theirs is None or len(contact.pair) < len(CRMS) or not sources:
        return contact
    target = contact.records[contact.pair[crm]].values
    pairs: list[tuple[MappedField, Pair]] = []
    for mapped in _mapped(kind, theirs[0].object, crm, sources):
        name = mapped.name(crm)
        stored, source = target.get(name), sources[name]
        pairs.append((mapped, Pair(source, stored) if crm is Crm.SALESFORCE else Pair(stored, source)))
    return agree(contact, kind, pairs)


def take_delivery(
    contact: Contact, kind: KindPolicy, ref: RecordRef, flight: Flight, event: DeliveryAnswered, at: int
) -> Contact:
    """Fold a delivered write into its record: what the answer shows is stored, the rest is expected."""
    outcome, crm = event.outcome, ref.crm
    stored: Fields = {}
    if outcome.stored is not None and outcome.stamp is not None:
        place, sent = (crm, ref.object), flight.fields
        told = kind.needed[place] if flight.record_id is None else kind.told[place]
        stored = {name: each for name, each in outcome.stored.items() if name in told or name in sent}
        contact = _see_stored(contact, kind, ref, stored, (outcome.stamp, event.ticket))
    values, waiting = contact.records[ref.key].values, contact.expected.get(crm, {})
    expected = {
        name: Expected(value, event.ticket, at + SETTLING_MS, source=flight.sources.get(name))
        for name, value in flight.fields.items()
        if name not in stored and (name in waiting or values.get(name, _UNKNOWN) != value)
    }
    contact = _expect(
        contact, crm, drop=flight.fields, add={**_overwritten(contact, crm, flight), **expected}
    )
    return _agree_as_sent(contact, kind, crm, flight.fields, flight.sources, stored)


_UNKNOWN = "\0"


def _see_stored(
    contact: Contact, kind: KindPolicy, ref: RecordRef, stored: Fields, version: tuple[int, int]
) -> Contact:
    look = RecordObserved(
        crm=ref.crm,
        object=ref.object,
        id=ref.id,
        fields=stored,
        modified_at=version[0],
        ticket=version[1],
        source="answer",
    )
    folded = observe(contact.records[ref.key], look)
    contact = keep_agreed(contact, kind, ref, folded)
    return replace(contact, records={**contact.records, ref.key: folded.record})


def _agree_as_sent(
    contact: Contact, kind: KindPolicy, crm: Crm, fields: Fields, sources: Fields, stored: Fields
) -> Contact:
    """Agreed := (the value it came from, what the target holds now); only for the fields that were sent."""
    theirs = linked(contact, SALESFORCE)
    if theirs is None or len(contact.pair) < len(CRMS):
        return contact
    pairs = []
    for mapped in _mapped(kind, theirs[0].object, crm, fields):
        name = mapped.name(crm)
        held, source = stored.get(name, fields[name]), sources.get(name)
        pairs.append((mapped, Pair(held, source) if crm is HUBSPOT else Pair(source, held)))
    return agree(contact, kind, pairs)


def _mapped(kind: KindPolicy, name: str, crm: Crm, fields: Iterable[str]) -> Iterator[MappedField]:
    """The mappings of some fields of one side."""
    known = kind.mapped[name, crm]
    return (known[field] for field in fields if field in known)
