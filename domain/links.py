"""Which contact a record belongs to: remembered ids first, then e-mail.

Letter case does not count, secondary addresses do. A link never moves by itself; it ends only with one of
its records, and a second record with the same address joins the contact as a duplicate that does not sync.
"""

from collections.abc import Iterable

import msgspec

from domain.book import Book
from domain.events import RecordObserved
from domain.identity import Crm, EntityId, Fields, RecordRef, email_key
from domain.kinds import ObjectKind
from domain.records import Record
from domain.state import Contact


def match_values(kind: ObjectKind, ref: RecordRef, values: Fields) -> tuple[str, ...]:
    """The folded addresses by which a record can be found, best first."""
    found = (values.get(field) for field in kind.match.get(ref.object, ()))
    folded = (email_key(part) for value in found if value for part in value.split(";"))
    return tuple(dict.fromkeys(part for part in folded if part))


def match_key(kind: ObjectKind, value: str) -> str:
    """Where the book keeps the records that carry a match value."""
    return f"{kind.name}|{value}"


def locate(book: Book, kind: ObjectKind, event: RecordObserved) -> Contact:
    """Find the contact of an observed record, or begin a new one."""
    known = book.entity_of(event.ref.key)
    if known is not None:
        return _contact(book, known)
    if event.asked_id and (moved := _moved(book, event)):
        return moved
    for candidate in _candidates(book, kind, event):
        return candidate
    return Contact(id=EntityId(event.ref.key), kind=kind.name)


def _contact(book: Book, entity: str) -> Contact:
    found = book.contact(entity)
    assert found is not None, "a bound record without its contact"
    return found


def _moved(book: Book, event: RecordObserved) -> Contact | None:
    """The contact of the id that was asked for, where the CRM answered with another (a merge)."""
    entity = book.entity_of(RecordRef(event.crm, event.object, event.asked_id or "").key)
    return _contact(book, entity) if entity else None


def _candidates(book: Book, kind: ObjectKind, event: RecordObserved) -> Iterable[Contact]:
    yield from _by_remembered_id(book, kind, event)
    for value in match_values(kind, event.ref, event.fields):
        for record_key in book.matches(match_key(kind, value)):
            entity = book.entity_of(record_key)
            contact = book.contact(entity) if entity else None
            if contact is not None and not contact.erased:
                yield contact


def _by_remembered_id(book: Book, kind: ObjectKind, event: RecordObserved) -> Iterable[Contact]:
    other_id = event.fields.get(kind.key_field(event.crm))
    if not other_id:
        return
    for name in kind.objects(event.crm.other):
        entity = book.entity_of(RecordRef(event.crm.other, name, other_id).key)
        if entity and not _taken(_contact(book, entity), event.crm):
            yield _contact(book, entity)


def _taken(contact: Contact, crm: Crm) -> bool:
    """Whether the contact has a living partner in this CRM already."""
    key = contact.pair.get(crm)
    return key is not None and not contact.records[key].gone


def index(book: Book, kind: ObjectKind, ref: RecordRef, before: Fields, after: Fields) -> None:
    """Keep the match values of a record findable."""
    old, new = match_values(kind, ref, before), match_values(kind, ref, after)
    if old == new:
        return
    for value in set(old) - set(new):
        slot = match_key(kind, value)
        book.set_matches(slot, tuple(key for key in book.matches(slot) if key != ref.key))
    for value in new:
        slot = match_key(kind, value)
        if ref.key not in book.matches(slot):
            book.set_matches(slot, (*book.matches(slot), ref.key))


def join(contact: Contact, ref: RecordRef, record: Record) -> Contact:
    """Put a record into its contact, as the linked one where that place is free."""
    records = {**contact.records, ref.key: record}
    joined = msgspec.structs.replace(contact, records=records)
    standing = contact.pair.get(ref.crm) == ref.key or _taken(contact, ref.crm) or record.gone
    return joined if standing else relink(joined, ref)


def relink(contact: Contact, ref: RecordRef) -> Contact:
    """Link a record of the contact; a new pair starts with nothing agreed."""
    return msgspec.structs.replace(
        contact,
        pair={**contact.pair, ref.crm: ref.key},
        agreed={},
        expected={crm: kept for crm, kept in contact.expected.items() if crm is not ref.crm},
    )


def partner(book: Book, kind: ObjectKind, contact: Contact, ref: RecordRef, values: Fields) -> Contact | None:
    """Find the contact of the other CRM that turns out to be the same person.

    Only two contacts that each live in one CRM alone may become one: no link is broken for it.
    """
    if set(contact.pair) != {ref.crm}:
        return None
    for value in match_values(kind, ref, values):
        for record_key in book.matches(match_key(kind, value)):
            other = _single(book, record_key, contact, ref.crm.other)
            if other is not None:
                return other
    return None


def _single(book: Book, record_key: str, contact: Contact, crm: Crm) -> Contact | None:
    entity = book.entity_of(record_key)
    if entity is None or entity == contact.id or not record_key.startswith(f"{crm}/"):
        return None
    other = _contact(book, entity)
    alone = set(other.pair) == {crm} and not other.flights and not other.erased
    return other if alone else None


def absorb(book: Book, contact: Contact, other: Contact) -> Contact:
    """Let one contact take over the records of another."""
    for key, record in other.records.items():
        book.bind(key, contact.id)
        contact = join(contact, RecordRef.parse(key), record)
    book.drop_contact(other.id)
    return contact
