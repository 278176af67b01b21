"""The pairs of values last known in sync, and the values that were written and not seen since.

A pair is kept as a mark alone while both records hold it, which is what nearly all of them do. It is
spelled out before one of its records changes, and becomes a mark again when they agree anew.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from domain.events import DeliveryAnswered, RecordObserved
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm, Fields, FieldValue, RecordRef, record_ref
from domain.links import without
from domain.mapping import MappedField, value_of
from domain.policy import KindPolicy
from domain.records import Record, Version, observe, version_of
from domain.state import Agreed, Contact, Echoed, Expected, Flight
from domain.step import replace

SETTLING_MS = 2_000
"""How long after our write's answer a stamp may still be our write's: clocks differ, stamps are coarse."""


def agree(
    contact: Contact, kind: KindPolicy, pairs: Sequence[tuple[MappedField, tuple[FieldValue, FieldValue]]]
) -> Contact:
    """Note pairs of values as in sync."""
    ours, theirs = contact.records[contact.pair[HUBSPOT]], contact.records[contact.pair[SALESFORCE]]
    agreed, held = {**contact.agreed}, []
    for mapped, pair in pairs:
        in_salesforce = theirs.values.get(mapped.salesforce) == pair[1]
        if in_salesforce and ours.values.get(mapped.hubspot) == pair[0] and mapped.computed is None:
            agreed[mapped.hubspot] = None
            held.append(mapped)
        else:
            agreed[mapped.hubspot] = pair
    records = contact.records
    if held and (ours.changed or theirs.changed):
        records = _at_rest(contact, kind, held)
    return replace(contact, agreed=agreed, records=records)


def _at_rest(contact: Contact, kind: KindPolicy, held: list[MappedField]) -> dict[str, Record]:
    """The records without the moments at which these fields changed, which both of them hold as agreed.

    Nobody asks for those any more: there is no conflict, and the inclusion list asks of few fields.
    """
    our_key, their_key = contact.pair[HUBSPOT], contact.pair[SALESFORCE]
    ours, theirs = contact.records[our_key], contact.records[their_key]
    our_changed, their_changed = {**ours.changed}, {**theirs.changed}
    listed = kind.inclusion.changes if kind.inclusion else ()
    for mapped in held:
        their_changed.pop(mapped.salesforce, None)
        if mapped.hubspot not in listed:
            our_changed.pop(mapped.hubspot, None)
    return {
        **contact.records,
        our_key: replace(ours, changed=our_changed),
        their_key: replace(theirs, changed=their_changed),
    }


def keep_agreed(contact: Contact, kind: KindPolicy, crm: Crm, changing: Iterable[str]) -> Agreed:
    """What is agreed, with the pairs spelled out that stand for "what the records hold" and are changing."""
    mapped, kept = _mapped(contact, kind, crm), {}
    for name in changing:
        each = mapped.get(name)
        if each is not None and contact.agreed.get(each.hubspot, _NEVER) is None:
            ours, theirs = contact.records[contact.pair[HUBSPOT]], contact.records[contact.pair[SALESFORCE]]
            kept[each.hubspot] = (ours.values.get(each.hubspot), theirs.values.get(each.salesforce))
    return {**contact.agreed, **kept} if kept else contact.agreed


def _mapped(contact: Contact, kind: KindPolicy, crm: Crm) -> dict[str, MappedField]:
    """The mappings of a linked pair, by the field in one CRM; none while there is no pair."""
    if len(contact.pair) < len(CRMS):
        return {}
    return kind.mapped[record_ref(contact.pair[SALESFORCE]).object, crm]


_NEVER: Any = object()


# -- values written and not seen since


def own_form(
    event: RecordObserved, before: Record, sent: Fields, expected: dict[str, Expected], us: str
) -> frozenset[str]:
    """Fields in which a look shows what became of our write, and nobody's later change.

    That is the target's own form of what was sent. It does not travel back, even where the CRM's
    automation changed it. ``sent``: what was not seen so far; ``expected``: what the look shows of it;
    ``us``: the user that our writes are made by; empty if the CRM does not say.
    """
    somebody = bool(us) and event.modified_by not in {None, us}
    own = {
        name
        for name, each in expected.items()
        if event.fields[name] == each.value or _is_own(before, event, name, each, somebody=somebody)
    }
    if us and event.modified_by == us:
        own |= sent.keys() - expected.keys()
    return frozenset(own)


def own_doubted(contact: Contact, event: RecordObserved, after: Record, us: str) -> frozenset[str]:
    """Fields in which a look shows that a write without an answer did happen; ``after``: with that look.

    Another value than the sent one counts as its own form only if our user left it there since the claim,
    and it is not what an earlier write of ours had put there.
    """
    doubt = contact.doubted[event.crm]
    if event.source == "webhook":
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
    flight = contact.doubted[crm].flight
    sources = {name: flight.sources.get(name) for name in flight.agreeing if name in names}
    contact = _agree_as_shown(contact, kind, crm, sources)
    return replace(contact, doubted=without(contact.doubted, crm)) if over else contact


def count_echoes(contact: Contact, crm: Crm, flight: Flight, names: AbstractSet[str]) -> Contact:
    """Count how often in a row one value was delivered to each of these fields in place of the same other."""
    echoes = {**contact.echoes.get(crm, {})}
    for name, value in flight.owned.items():
        if name in names:
            last, over = echoes.get(name), flight.before.get(name)
            times = last.times if last and last.value == value and last.over == over else 0
            echoes[name] = Echoed(value, times + 1, over)
    return replace(contact, echoes={**contact.echoes, crm: echoes})


def _is_own(before: Record, event: RecordObserved, name: str, each: Expected, *, somebody: bool) -> bool:
    """Whether a value other than the sent one is as old as our write, and nobody's edit.

    One that was there before the write left stays the target's own form, whoever has saved the record since.
    """
    known = before.values.get(name, _UNKNOWN) == event.fields[name]
    stamp = version_of(before, name)[0] if known else event.modified_at
    older = known and before.changed.get(name, 0) < each.since
    return stamp <= each.until and (older or not (somebody or each.masked))


def shown(contact: Contact, ref: RecordRef, event: RecordObserved) -> dict[str, Expected]:
    """Expected values of which a look shows what became: one that began after the write's answer."""
    waiting = contact.expected.get(ref.crm)
    if not waiting or event.source == "webhook" or contact.pair.get(ref.crm) != ref.key:
        return {}
    return {
        name: each for name, each in waiting.items() if name in event.fields and event.ticket >= each.floor
    }


def close_expected(
    contact: Contact, kind: KindPolicy, crm: Crm, closed: dict[str, Expected], ours: frozenset[str]
) -> Contact:
    """Stop expecting what a look shows; ``ours``: where it is our write's own form, that is agreed on."""
    left = {name: each for name, each in contact.expected[crm].items() if name not in closed}
    contact = expect(contact, crm, left)
    sources = {name: each.source for name, each in closed.items() if name in ours and not each.stray}
    strays = {name: each for name, each in closed.items() if name in ours and each.stray}
    if strays:
        sources |= _agreed_as_sent(contact, kind, crm, strays)
    return _agree_as_shown(contact, kind, crm, sources)


def _agreed_as_sent(contact: Contact, kind: KindPolicy, crm: Crm, strays: dict[str, Expected]) -> Fields:
    """The other side's values of stray fields that were agreed on with the value sent, before it was seen."""
    mapped, pairs = _mapped(contact, kind, crm), {}
    for name, each in strays.items():
        pair = contact.agreed.get(mapped[name].hubspot) if name in mapped else None
        if pair is not None and value_of(pair, crm) == each.value:
            pairs[name] = value_of(pair, crm.other)
    return pairs


def expect(contact: Contact, crm: Crm, unseen: dict[str, Expected]) -> Contact:
    """Expect a CRM to show these values, and no others."""
    expected = contact.expected
    return replace(contact, expected={**expected, crm: unseen} if unseen else without(expected, crm))


def _agree_as_shown(contact: Contact, kind: KindPolicy, crm: Crm, sources: Fields) -> Contact:
    """Agree on the target's own form of what was written, come what may."""
    return _agree_on(contact, kind, crm, sources, sources, contact.records[contact.pair[crm]].values)


def _agree_on(
    contact: Contact, kind: KindPolicy, crm: Crm, sent: Fields, sources: Fields, stored: Fields
) -> Contact:
    """Agreed := (the value that a write came from, what the target made of it).

    ``stored``: what the target holds, as far as that is known; of the rest, what was sent is agreed on.
    """
    mapped, pairs = _mapped(contact, kind, crm), []
    for name, value in sent.items():
        each = mapped.get(name)
        if each is not None:
            source, target = sources.get(name), stored.get(name, value)
            pairs.append((each, (target, source) if crm is HUBSPOT else (source, target)))
    return agree(contact, kind, pairs) if pairs else contact


def take_delivery(
    contact: Contact, kind: KindPolicy, ref: RecordRef, flight: Flight, event: DeliveryAnswered, at: int
) -> Contact:
    """Fold a delivered write into its record: what the answer shows is stored, the rest is expected."""
    crm, sent, outcome, stored = ref.crm, flight.owned, event.outcome, _NO_FIELDS
    if outcome.stored is not None and outcome.stamp is not None:
        stored = _told(kind, ref, flight, outcome.stored)
        contact = _see_stored(contact, kind, ref, flight, stored, (outcome.stamp, event.ticket))
    waiting = contact.expected.get(crm, _NONE_EXPECTED)
    if waiting or not sent.keys() <= stored.keys():
        values = contact.records[ref.key].values
        unseen = {
            name: Expected(
                value,
                event.ticket,
                at + SETTLING_MS,
                source=flight.sources.get(name),
                stray=flight.stray,
                since=flight.at - SETTLING_MS,
            )
            for name, value in sent.items()
            if name not in stored and (name in waiting or values.get(name, _UNKNOWN) != value)
        }
        contact = expect(contact, crm, {**_overwritten(waiting, flight), **unseen} if waiting else unseen)
    return _agree_on(contact, kind, crm, flight.agreeing, flight.sources, stored)


_NO_FIELDS: Fields = {}
_NONE_EXPECTED: dict[str, Expected] = {}
_UNKNOWN = "\0"


def _told(kind: KindPolicy, ref: RecordRef, flight: Flight, stored: Fields) -> Fields:
    """What is taken of an answer: what was sent, and whatever no look is needed for."""
    place = ref.crm, ref.object
    told = kind.needed[place] if flight.record_id is None else kind.told[place]
    if told.issuperset(stored):
        return stored
    return {name: value for name, value in stored.items() if name in told or name in flight.fields}


def _see_stored(
    contact: Contact, kind: KindPolicy, ref: RecordRef, flight: Flight, stored: Fields, version: Version
) -> Contact:
    """Fold what an answer shows like a look; of what makes something agreed another pair is agreed on now."""
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
    beside = folded.changes.keys() - flight.agreeing.keys()
    agreed = keep_agreed(contact, kind, ref.crm, beside) if beside else contact.agreed
    return replace(contact, agreed=agreed, records={**contact.records, ref.key: folded.record})


def _overwritten(waiting: dict[str, Expected], flight: Flight) -> dict[str, Expected]:
    """What earlier writes have left to be seen: from now on we are the record's last writer in any case.

    So nothing tells any more whether another value is our write's own form or somebody's edit between the
    two writes. An edit must not be lost: it counts as somebody's.
    """
    return {name: replace(each, masked=True) for name, each in waiting.items() if name not in flight.fields}
