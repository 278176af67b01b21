"""What folding an event will read, so that a store can fetch it for many events at once.

It only saves time: what nobody foresaw is fetched one by one when it is asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from domain import events as e
from domain.asking import look_up_key, membership_key
from domain.book import Book, Table
from domain.identity import CRMS, Crm, Fields, RecordRef
from domain.kinds import ObjectKind
from domain.links import findable, match_key, native_keys
from domain.policy import Policy
from domain.state import Contact

Slot = tuple[Table, str]

_CONTACTS, _REFS, _MATCHES, _READS = Table.CONTACTS, Table.REFS, Table.MATCHES, Table.READS


def foresee(event: e.AnyEvent, policy: Policy, book: Book) -> list[Slot]:
    """What the event will read and the book does not know yet.

    What is found there may lead to more, so ask again once it was fetched, until nothing is left.
    """
    look = _LOOKS.get(type(event))
    return [slot for slot in look(event, policy, book) if not book.knows(*slot)] if look else []


def _observed(event: e.RecordObserved, policy: Policy, book: Book) -> Iterator[Slot]:
    ref, key = event.ref, event.ref.key
    if event.request is not None:
        yield _READS, key
    if not book.knows(_REFS, key):
        yield _REFS, key
        return
    kind = policy.by_object.get((event.crm, event.object))
    if kind is None:
        return
    entity = book.entity_of(key)
    if entity is None:
        yield from _stranger(event, kind.kind, book)
    elif not book.knows(_CONTACTS, entity):
        yield _CONTACTS, entity
    elif (contact := book.contact(entity)) is not None:
        yield from _acquaintance(contact, kind.kind, ref, event.fields, book)


def _stranger(event: e.RecordObserved, kind: ObjectKind, book: Book) -> Iterator[Slot]:
    """Who a record nobody has seen may belong to; if to nobody, it is looked for in the other CRM."""
    key, other = event.ref.key, event.crm.other
    yield _READS, key
    yield _READS, look_up_key(other, key)
    if event.asked_id:
        yield from _contact_of(RecordRef(event.crm, event.object, event.asked_id).key, book)
    if other_id := event.fields.get(kind.key_field(event.crm)):
        for name in kind.objects(other):
            yield from _contact_of(RecordRef(other, name, other_id).key, book)
    yield from _sharing(kind, event.ref, event.fields, book)


def _acquaintance(
    contact: Contact, kind: ObjectKind, ref: RecordRef, shown: Fields, book: Book
) -> Iterator[Slot]:
    """Who shares the address of a known record, if it has a new one or no partner."""
    record = contact.records.get(ref.key)
    known = record.values if record else {}
    changes = any(
        field in shown and shown[field] != known.get(field) for field in kind.match.get(ref.object, ())
    )
    if changes or len(contact.pair) < len(CRMS):
        yield _READS, look_up_key(ref.crm.other, contact.id)
        yield from _sharing(kind, ref, known, book)
        yield from _sharing(kind, ref, shown, book)


def _sharing(kind: ObjectKind, ref: RecordRef, values: Fields, book: Book) -> Iterator[Slot]:
    """The contacts whose records carry one of the addresses, or are named as partners."""
    own = (ref.key,) if kind.native_ids and ref.crm is Crm.SALESFORCE else ()
    for key in native_keys(kind, values) if ref.crm is Crm.HUBSPOT else ():
        yield from _contact_of(key, book)
    for value in (*findable(kind, ref, values), *own):
        slot = match_key(kind, value)
        yield _MATCHES, slot
        if book.knows(_MATCHES, slot):
            for key in book.matches(slot):
                yield from _contact_of(key, book)


def _contact_of(key: str, book: Book) -> Iterator[Slot]:
    """The contact that a record, or a contact that became part of another, belongs to."""
    yield _REFS, key
    if book.knows(_REFS, key) and (entity := book.entity_of(key)):
        yield _CONTACTS, entity


def _touched(event: e.RecordTouched | e.RecordGone, _: Policy, book: Book) -> Iterator[Slot]:
    key = RecordRef(event.crm, event.object, event.id).key
    yield _READS, key
    yield from _contact_of(key, book)


def _merged(event: e.RecordsMerged, _: Policy, book: Book) -> Iterator[Slot]:
    for record_id in (event.winner, *event.losers):
        yield from _contact_of(RecordRef(event.crm, event.object, record_id).key, book)


def _named(event: Any, _: Policy, book: Book) -> Iterator[Slot]:
    """The contact that an event names, or the one that it became part of."""
    yield _CONTACTS, event.entity
    if book.knows(_CONTACTS, event.entity) and book.contact(event.entity) is None:
        yield from _contact_of(event.entity, book)


def _looked_up(event: e.LookedUp, policy: Policy, book: Book) -> Iterator[Slot]:
    yield _READS, look_up_key(event.crm, event.entity)
    yield from _named(event, policy, book)


def _membership(event: e.MembershipObserved, policy: Policy, book: Book) -> Iterator[Slot]:
    yield _READS, membership_key(event.list_id, event.entity)
    yield from _named(event, policy, book)


def _answered(event: e.DeliveryAnswered, policy: Policy, book: Book) -> Iterator[Slot]:
    yield from _named(event, policy, book)
    if book.knows(_CONTACTS, event.entity) and (contact := book.contact(event.entity)) is not None:
        yield from _made(contact, event.crm, event.outcome.record_id, policy, book)


def _made(contact: Contact, crm: Crm, record_id: str | None, policy: Policy, book: Book) -> Iterator[Slot]:
    """Who has the record that an answer names, where it is not the linked one; and who shares its address.

    The claim may stand just before its answer: then it is not folded yet, and the intent says the same.
    """
    written, kind = contact.flights.get(crm) or contact.intents.get(crm), policy.kinds.get(contact.kind)
    if written is None or kind is None or not record_id:
        return
    ref = RecordRef(crm, written.object, record_id)
    if contact.pair.get(crm) != ref.key:
        yield from _contact_of(ref.key, book)
        yield from _sharing(kind.kind, ref, written.fields, book)


_LOOKS: dict[type[e.Event], Callable[[Any, Policy, Book], Iterable[Slot]]] = {
    e.RecordObserved: _observed,
    e.RecordTouched: _touched,
    e.RecordGone: _touched,
    e.RecordsMerged: _merged,
    e.LookedUp: _looked_up,
    e.MembershipObserved: _membership,
    e.DeliveryClaimed: _named,
    e.DeliveryAnswered: _answered,
    e.IntentStale: _named,
    e.SyncRequested: _named,
    e.TimerDue: _named,
}
