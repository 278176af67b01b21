"""What was sent to a CRM and not seen there since: it is on its way, got no answer, or was not shown yet."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import TypeVar

import msgspec

from domain.identity import Crm, Fields
from domain.state import Contact, Expected, Flight

T = TypeVar("T")
Unseen = dict[str, Expected]

replace = msgspec.structs.replace


def overlay(contact: Contact, crm: Crm) -> Fields:
    """Values that were sent to a CRM and not seen there since, but for those that got no answer."""
    waiting, flight = contact.expected.get(crm), contact.flights.get(crm)
    expected = {name: each.value for name, each in waiting.items()} if waiting else {}
    return {**expected, **flight.fields} if flight else expected


def unanswered(contact: Contact, crm: Crm) -> Iterator[Flight]:
    """The writes to a CRM without an answer: the one that waits for it, and the one that got none."""
    if crm in contact.flights:
        yield contact.flights[crm]
    if crm in contact.doubted:
        yield contact.doubted[crm].flight


def let_stray(contact: Contact, crm: Crm) -> Contact:
    """Let what was sent to a CRM make nothing agreed: it came from a record that is not linked any more."""

    def unseen(waiting: Unseen) -> Unseen:
        return {name: replace(each, stray=True) for name, each in waiting.items()}

    return _altered(contact, crm, lambda flight: replace(flight, stray=True), unseen)


def disown(contact: Contact, crm: Crm, names: AbstractSet[str]) -> Contact:
    """Let nothing follow from what was sent to these fields so far, whatever becomes of it."""

    def disowned(flight: Flight) -> Flight:
        return replace(flight, disowned=tuple(sorted({*flight.disowned, *(names & flight.fields.keys())})))

    contact = _altered(contact, crm, disowned, lambda waiting: _but(waiting, names))
    if crm not in contact.echoes:
        return contact
    return replace(contact, echoes={**contact.echoes, crm: _but(contact.echoes[crm], names)})


def _altered(
    contact: Contact, crm: Crm, write: Callable[[Flight], Flight], unseen: Callable[[Unseen], Unseen]
) -> Contact:
    """Have something else noted of all that was sent: of writes without an answer, and of unseen values."""
    flights, doubted, expected = contact.flights, contact.doubted, contact.expected
    if crm in flights:
        flights = {**flights, crm: write(flights[crm])}
    if crm in doubted:
        doubted = {**doubted, crm: replace(doubted[crm], flight=write(doubted[crm].flight))}
    if crm in expected:
        waiting = {**expected, crm: unseen(expected[crm])}
        expected = {each: values for each, values in waiting.items() if values}
    return replace(contact, flights=flights, doubted=doubted, expected=expected)


def _but(values: dict[str, T], names: AbstractSet[str]) -> dict[str, T]:
    return {name: value for name, value in values.items() if name not in names}
