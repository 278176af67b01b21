"""What counts of a linked pair now: the values seen last, or those written and not seen since."""

from collections.abc import Iterable, Iterator
from itertools import compress, repeat
from typing import Any

from domain.identity import HUBSPOT, SALESFORCE, Fields
from domain.mapping import ALWAYS, MappedField, Pair
from domain.policy import KindPolicy
from domain.records import Record
from domain.sent import overlay
from domain.state import Contact, Expected

Compared = tuple[MappedField, Pair, Pair | None]
"""A field, its values that count now, and those agreed on; None: none ever were."""


def unsettled(
    contact: Contact, kind: KindPolicy, name: str, ours: Record, theirs: Record, now: int
) -> list[Compared]:
    """The mapped and computed fields that are not simply as agreed.

    Values written but not seen since count instead of the last ones seen. A field in a write on its way
    counts as settled until that is answered.

    Args:
        contact: both of whose records are linked.
        kind: its policy.
        name: of the Salesforce object.
        ours: HubSpot's record.
        theirs: Salesforce's.
        now: epoch ms.
    """
    hubspot, salesforce, agreed = ours.values, theirs.values, contact.agreed
    if contact.flights or contact.expected:
        differing = [*_as_sent(contact, kind, name, hubspot, salesforce)]
    else:
        differing = [
            (each, (hubspot[each.hubspot], salesforce[each.salesforce]), agreed.get(each.hubspot))
            for each in _unmarked(kind, name, agreed)
            if each.hubspot in hubspot and each.salesforce in salesforce
        ]
    computed = kind.computed[name]
    return [*differing, *_derived(contact, computed, ours, theirs, now)] if computed else differing


def _unmarked(kind: KindPolicy, name: str, marks: dict[str, Any]) -> Iterable[MappedField]:
    """The mapped fields that are not marked as agreed on by a None, in their order."""
    if not any(marks.values()) and marks == kind.marks[name]:
        return ()
    return compress(kind.fields[name], map(marks.get, kind.marks[name], repeat(_NEVER)))


_NEVER: Any = object()


def _as_sent(
    contact: Contact, kind: KindPolicy, name: str, hubspot: Fields, salesforce: Fields
) -> Iterator[Compared]:
    ours_sent, theirs_sent = overlay(contact, HUBSPOT), overlay(contact, SALESFORCE)
    mapped = kind.mapped[name, SALESFORCE]
    there = [mapped[field].hubspot for field in theirs_sent if field in mapped]
    marks = {**contact.agreed, **dict.fromkeys((*ours_sent, *there), _NEVER)}
    for each in _unmarked(kind, name, marks):
        property_name, field_name = each.hubspot, each.salesforce
        if property_name not in hubspot or field_name not in salesforce:
            continue
        if contact.flights and _flies(contact, each):
            continue
        seen = hubspot[property_name], salesforce[field_name]
        now = ours_sent.get(property_name, seen[0]), theirs_sent.get(field_name, seen[1])
        agreed = contact.agreed.get(property_name, _NEVER)
        known = _on_arrival(contact, each) or (None if agreed is _NEVER else agreed or seen)
        if now != known or (agreed is not None and now == seen):
            yield each, now, known


def _derived(
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
        if each.computed is None or name not in target or _flies(contact, each):
            continue
        value, held = each.computed(counts[source], now), target[name]
        pair = (value, held) if source is HUBSPOT else (held, value)
        yield each, pair, contact.agreed.get(each.hubspot)


def _flies(contact: Contact, mapped: MappedField) -> bool:
    """Whether a field is in a write on its way: it waits for what becomes of that."""
    return any(mapped.name(crm) in flight.fields for crm, flight in contact.flights.items())


def _on_arrival(contact: Contact, mapped: MappedField) -> Pair | None:
    """The pair that the last write of a field has made of it, as long as nobody has seen what came of it.

    Another write may have arrived on the other side since. Then that is the side which has left the pair.
    A stray value makes none.
    """
    ours = contact.expected.get(HUBSPOT, _NOTHING).get(mapped.hubspot)
    theirs = contact.expected.get(SALESFORCE, _NOTHING).get(mapped.salesforce)
    ours = None if ours is None or ours.stray else ours
    theirs = None if theirs is None or theirs.stray else theirs
    if ours is not None and (theirs is None or ours.floor >= theirs.floor):
        return ours.value, ours.source
    return None if theirs is None else (theirs.source, theirs.value)


_NOTHING: dict[str, Expected] = {}
