"""What folding an event will read, so that a store can fetch it for many events at once.

It only saves time: what nobody foresaw is fetched one by one when it is asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from domain import events as e
from domain.asking import look_up_key, membership_key
from domain.book import Book, Table
from domain.identity import CRMS, Crm, Fields, RecordRef, record_key, record_ref
from domain.kinds import ObjectKind
from domain.links import findable, match_key, native_keys
from domain.policy import Policy
from domain.records import EMPTY
from domain.state import Contact

Slot = tuple[Table, str]

_CONTACTS, _REFS, _MATCHES, _READS = Table.CONTACTS, Table.REFS, Table.MATCHES, Table.READS


def foresee(event: e.AnyEvent, policy: Policy, book: Book) -> list[Slot]:
    """What the event will read and the book does not know yet.

    What is found there may lead to more, so ask again once it was fetched, until nothing is left.
    """
    look = _LOOKS.get(type(event))
    slots = look(event, policy, book) if look else ()
    return [slot for slot in slots if not book.knows(*slot)] if slots else []


def _observed(event: e.RecordObserved, policy: Policy, book: Book) -> Iterable[Slot]:
    ref = event.ref
    asked = () if event.request is None else ((_READS, ref.key),)
    kind = policy.by_object.get((event.crm, event.object))
    if kind is None or not book.knows(_REFS, ref.key):
        return ((_REFS, ref.key), *asked)
    entity = book.entity_of(ref.key)
    if entity is None:
        return _stranger(event, kind.kind, book)
    contact = book.contact(entity) if book.knows(_CONTACTS, entity) else None
    if contact is None:
        return ((_CONTACTS, entity), *asked)
    known = contact.records.get(ref.key, EMPTY).values
    if len(contact.pair) == len(CRMS) and not _moves(kind.kind, ref, known, event.fields):
        return asked
    return (*asked, *_acquaintance(contact, kind.kind, ref, (known, event.fields), book))


def _stranger(event: e.RecordObserved, kind: ObjectKind, book: Book) -> Iterator[Slot]:
    """Who a record nobody has seen may belong to; if to nobody, it is looked for in the other CRM."""
    key, other = event.ref.key, event.crm.other
    yield _READS, key
    yield _READS, look_up_key(other, key)
    if event.asked_id:
        yield from _contact_of(record_key(event.crm, event.object, event.asked_id), book)
    if other_id := event.fields.get(kind.key_field(event.crm)):
        for name in kind.objects(other):
            yield from _contact_of(record_key(other, name, other_id), book)
    yield from _sharing(kind, event.ref, event.fields, book)


def _moves(kind: ObjectKind, ref: RecordRef, known: Fields, shown: Fields) -> bool:
    """Whether a record is shown with another address than it was known by."""
    for field in kind.match.get(ref.object, ()):
        if field in shown and shown[field] != known.get(field):
            return True
    return False


def _acquaintance(
    contact: Contact, kind: ObjectKind, ref: RecordRef, values: Iterable[Fields], book: Book
) -> Iterator[Slot]:
    """Who shares the address of a known record that has a new one or no partner."""
    yield _READS, look_up_key(ref.crm.other, contact.id)
    for each in values:
        yield from _sharing(kind, ref, each, book)


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
    key = record_key(event.crm, event.object, event.id)
    yield _READS, key
    yield from _contact_of(key, book)


def _merged(event: e.RecordsMerged, _: Policy, book: Book) -> Iterator[Slot]:
    for record_id in (event.winner, *event.losers):
        yield from _contact_of(record_key(event.crm, event.object, record_id), book)


def _named(event: Any, _: Policy, book: Book) -> Iterable[Slot]:
    """The contact that an event names, or the one that it became part of."""
    if not book.knows(_CONTACTS, event.entity):
        return ((_CONTACTS, event.entity),)
    return _contact_of(event.entity, book) if book.contact(event.entity) is None else ()


def _looked_up(event: e.LookedUp, policy: Policy, book: Book) -> Iterable[Slot]:
    return ((_READS, look_up_key(event.crm, event.entity)), *_named(event, policy, book))


def _membership(event: e.MembershipObserved, policy: Policy, book: Book) -> Iterable[Slot]:
    return ((_READS, membership_key(event.list_id, event.entity)), *_named(event, policy, book))


def _answered(event: e.DeliveryAnswered, policy: Policy, book: Book) -> Iterable[Slot]:
    """Who has the record that an answer names, where it is not the linked one; and who shares its address.

    The claim may stand just before its answer: then it is not folded yet, and the intent says the same.
    """
    contact = book.contact(event.entity) if book.knows(_CONTACTS, event.entity) else None
    if contact is None:
        return _named(event, policy, book)
    crm, record_id = event.crm, event.outcome.record_id
    written, kind = contact.flights.get(crm) or contact.intents.get(crm), policy.kinds.get(contact.kind)
    if written is None or kind is None or not record_id:
        return ()
    key = record_key(crm, written.object, record_id)
    if contact.pair.get(crm) == key:
        return ()
    return (*_contact_of(key, book), *_sharing(kind.kind, record_ref(key), written.fields, book))


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
