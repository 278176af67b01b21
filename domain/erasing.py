"""Taking a person's values out of the log: which events are his, and what is left of each.

Ids stay, so that everything else in the log still refers to what it did; values, addresses and the words of a
CRM that may quote them go.
"""

from collections.abc import Iterable

import msgspec

from domain.events import (
    AnyEvent,
    DeliveryAnswered,
    DeliveryClaimed,
    LetterDiscarded,
    LookedUp,
    RecordObserved,
)
from domain.groups import Pointers, about, contact_name, is_address
from domain.identity import Crm, Fields
from domain.outcomes import Outcome
from domain.state import Contact

replace = msgspec.structs.replace


TELLING = (RecordObserved, LookedUp, DeliveryClaimed, DeliveryAnswered, LetterDiscarded)
"""The kinds of events that may hold a person's values."""


def names_of(contact: Contact) -> frozenset[str]:
    """What the events of a person begin with: all records that were ever seen of him, and his own name."""
    return frozenset(contact_name(key) for key in (contact.id, *contact.records))


def is_his(event: AnyEvent, names: frozenset[str], known: Pointers) -> bool:
    """Whether an event is about a person of these names, and does not only point to him."""
    return next(iter(about(event, known)), "") in names


def addresses_in(event: AnyEvent, known: Pointers) -> set[str]:
    return {name for name in about(event, known) if is_address(name)}


def blank(event: AnyEvent, known: Pointers) -> AnyEvent:
    """What is left of an event of his; an event without any values stays what it is."""
    match event:
        case RecordObserved():
            return replace(event, fields=_ids_alone(event.crm, event.fields, known))
        case LookedUp():
            return replace(event, value="")
        case DeliveryClaimed():
            return replace(event, fields=_blanks(event.fields), sources=_blanks(event.sources))
        case DeliveryAnswered():
            return replace(event, outcome=_silent(event.outcome))
        case LetterDiscarded():
            return replace(event, why="")
        case _:
            return event


def _ids_alone(crm: Crm, fields: Fields, known: Pointers) -> Fields:
    ids = {each.field for each in known if each.crm is crm and each.other is not None}
    return {name: value if name in ids else None for name, value in fields.items()}


def _blanks(names: Iterable[str]) -> Fields:
    return dict.fromkeys(names)


def _silent(outcome: Outcome) -> Outcome:
    stored = None if outcome.stored is None else _blanks(outcome.stored)
    return replace(outcome, stored=stored, message="")
