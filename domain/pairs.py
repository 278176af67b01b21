"""What counts of a linked pair now: the values seen last, or those written and not seen since."""

from collections.abc import Iterator
from itertools import compress, repeat
from typing import Any

from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm, Fields
from domain.mapping import ALWAYS, MappedField, Pair
from domain.policy import KindPolicy
from domain.records import Record
from domain.state import Contact

Compared = tuple[MappedField, Pair, Pair | None]
"""A field, its values that count now, and the pair agreed on; None: none ever was."""


def unsettled(
    contact: Contact, kind: KindPolicy, name: str, ours: Record, theirs: Record
) -> Iterator[Compared]:
    """The mapped fields that are not simply as agreed. ``name``: of the Salesforce object.

    Values on their way, and values written but not seen since, count instead of the last ones seen; what
    is on its way counts as agreed on with the value it came from.
    """
    hubspot, salesforce, agreed_pairs = ours.values, theirs.values, contact.agreed
    sent = bool(contact.flights or contact.expected)
    ours_sent, theirs_sent = (overlay(contact, HUBSPOT), overlay(contact, SALESFORCE)) if sent else _NOTHING
    for each in _open(contact, kind, name, ours_sent, theirs_sent):
        property_name, field_name = each.hubspot, each.salesforce
        if property_name not in hubspot or field_name not in salesforce:
            continue
        seen = hubspot[property_name], salesforce[field_name]
        agreed = agreed_pairs.get(property_name, _NEVER)
        now, known = seen, None if agreed is _NEVER else agreed or seen
        if sent:
            now = ours_sent.get(property_name, seen[0]), theirs_sent.get(field_name, seen[1])
            known = _in_flight(contact, each) or _on_arrival(contact, each) or known
            if now == known and (agreed is None or now != seen):
                continue
        yield each, Pair(*now), None if known is None else Pair(*known)


def _open(
    contact: Contact, kind: KindPolicy, name: str, ours_sent: Fields, theirs_sent: Fields
) -> Iterator[MappedField]:
    """The mapped fields that are not marked as agreed, or were sent and not seen since, in their order."""
    marks: dict[str, Any] = contact.agreed
    if ours_sent or theirs_sent:
        mapped = kind.mapped[name, SALESFORCE]
        there = (mapped[field].hubspot for field in theirs_sent if field in mapped)
        marks = {**marks, **dict.fromkeys((*ours_sent, *there), _NEVER)}
    return compress(kind.fields[name], map(marks.get, kind.properties[name], repeat(_NEVER)))


def derived(
    contact: Contact, mapped: tuple[MappedField, ...], ours: Record, theirs: Record, now: int
) -> Iterator[Compared]:
    """The fields that one side's record is computed from the other's; ``now``: epoch ms."""
    counts = {
        HUBSPOT: {**ours.values, **overlay(contact, HUBSPOT)},
        SALESFORCE: {**theirs.values, **overlay(contact, SALESFORCE)},
    }
    for each in mapped:
        source = ALWAYS[each.rule]
        target = counts[source.other]
        name = each.name(source.other)
        if each.computed is None or name not in target:
            continue
        value, held = each.computed(counts[source], now), target[name]
        pair = Pair(value, held) if source is HUBSPOT else Pair(held, value)
        agreed = contact.agreed.get(each.hubspot)
        yield each, pair, _in_flight(contact, each) or (Pair(*agreed) if agreed else None)


def _in_flight(contact: Contact, mapped: MappedField) -> Pair | None:
    """The pair that a write on its way will have made of a field."""
    for crm in CRMS:
        flight, name = contact.flights.get(crm), mapped.name(crm)
        if flight is not None and name in flight.fields:
            sent, source = flight.fields[name], flight.sources.get(name)
            return Pair(sent, source) if crm is HUBSPOT else Pair(source, sent)
    return None


def _on_arrival(contact: Contact, mapped: MappedField) -> Pair | None:
    """The pair that the last write of a field has made of it, as long as nobody has seen what came of it.

    Another write may have arrived on the other side since. Then that is the side which has left the pair.
    """
    waiting = ((crm, contact.expected[crm].get(mapped.name(crm))) for crm in CRMS if crm in contact.expected)
    found = max(
        ((each.floor, crm, each) for crm, each in waiting if each), default=None, key=lambda one: one[0]
    )
    if found is None:
        return None
    _, crm, each = found
    return Pair(each.value, each.source) if crm is Crm.HUBSPOT else Pair(each.source, each.value)


_NEVER: Any = object()
_NOTHING: tuple[Fields, Fields] = {}, {}


def overlay(contact: Contact, crm: Crm) -> Fields:
    """Values that were sent to a CRM and not seen there since."""
    waiting, flight = contact.expected.get(crm), contact.flights.get(crm)
    expected = {name: each.value for name, each in waiting.items()} if waiting else {}
    return {**expected, **flight.fields} if flight else expected
