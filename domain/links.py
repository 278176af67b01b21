"""Which contact a record belongs to: remembered ids first, ours and those of HubSpot's own sync, then e-mail.

Letter case does not count, secondary addresses do. A link never moves by itself; it ends only with one of
its records, and a second record with the same address joins the contact as a duplicate that does not sync.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from domain.book import Book
from domain.events import RecordObserved
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm, EntityId, Fields, RecordRef, email_key
from domain.kinds import ObjectKind
from domain.records import Record
from domain.sent import let_stray
from domain.state import Contact, Flight
from domain.wire import to18

T = TypeVar("T")

SEARCHED = "look_up"
"""The source of a record that a search by key and address has found."""


def match_values(kind: ObjectKind, ref: RecordRef, values: Fields) -> tuple[str, ...]:
    """The folded addresses by which a record can be found, best first."""
    found: dict[str, None] = {}
    for field in kind.match.get(ref.object, ()):
        if value := values.get(field):
            for part in value.split(";"):
                found[email_key(part)] = None
    found.pop("", None)
    return tuple(found)


def has_address(kind: ObjectKind, sides: Iterable[tuple[RecordRef, Record]]) -> bool:
    """Whether any of the records has an address by which it can be found."""
    for ref, record in sides:
        for field in kind.match.get(ref.object, ()):
            value = record.values.get(field)
            if value and value.replace(";", " ").strip():
                return True
    return False


def native_keys(kind: ObjectKind, values: Fields) -> tuple[str, ...]:
    """The Salesforce records that HubSpot's own integration has paired a HubSpot record with, best first."""
    ids = ((name, values.get(field)) for field, name in kind.native_ids.items())
    return tuple(RecordRef(SALESFORCE, name, to18(value)).key for name, value in ids if value)


def findable(kind: ObjectKind, ref: RecordRef, values: Fields) -> tuple[str, ...]:
    """The values under which the book keeps a record: its addresses, and the records it names as partners."""
    named = native_keys(kind, values) if ref.crm is HUBSPOT else ()
    return (*match_values(kind, ref, values), *named)


def match_key(kind: ObjectKind, value: str) -> str:
    """Where the book keeps the records that carry a match value."""
    return f"{kind.name}|{value}"


def named(book: Book, entity: str) -> Contact | None:
    """The contact of that name, or the one that it became part of."""
    contact = book.contact(entity)
    if contact is None and (heir := book.entity_of(entity)):
        return book.contact(heir)
    return contact


def locate(book: Book, kind: ObjectKind, ref: RecordRef, event: RecordObserved) -> Contact:
    """Find the contact of an observed record, or begin a new one."""
    entity = book.entity_of(ref.key)
    if entity is None:
        return _home(book, kind, event)
    contact = _contact(book, entity)
    if contact.pair.get(ref.crm) != ref.key and _estranged(contact, kind, event):
        return _part(book, kind, contact, event)
    return contact


def _home(book: Book, kind: ObjectKind, event: RecordObserved) -> Contact:
    found = _by_id(book, kind, event) or _by_match(book, kind, event)
    return found or Contact(id=EntityId(event.ref.key), kind=kind.name)


def _contact(book: Book, entity: str) -> Contact:
    found = book.contact(entity)
    assert found is not None, "a bound record without its contact"
    return found


def _estranged(contact: Contact, kind: ObjectKind, event: RecordObserved) -> bool:
    """Whether a duplicate turns out to be somebody else's.

    It does if it has a new address that is none of the linked pair's, or if a search for another person has
    just found it by an address that the contact does not have in HubSpot, where nobody else could have it.
    """
    ref = event.ref
    if ref.crm not in contact.pair or ref.key == contact.id or contact.records[ref.key].gone:
        return False
    shown, known = set(match_values(kind, ref, event.fields)), contact.records[ref.key]
    if not shown or event.modified_at < known.seen[0]:
        return False
    telling = list(contact.pair.values())
    if event.source == SEARCHED:
        telling = [contact.pair[Crm.HUBSPOT]] if taken(contact, Crm.HUBSPOT) else []
    elif shown & set(match_values(kind, ref, known.values)):
        return False
    return not any(_may_share(contact, kind, key, shown) for key in telling)


def _may_share(contact: Contact, kind: ObjectKind, key: str, addresses: set[str]) -> bool:
    """Whether a record has one of the addresses, or nobody has read its own."""
    ref, values = RecordRef.parse(key), contact.records[key].values
    unread = values.keys().isdisjoint(kind.match.get(ref.object, ()))
    return unread or not addresses.isdisjoint(match_values(kind, ref, values))


def _part(book: Book, kind: ObjectKind, contact: Contact, event: RecordObserved) -> Contact:
    """Take a record out of its contact, and find where it belongs by what it shows now."""
    key = event.ref.key
    left = {each: record for each, record in contact.records.items() if each != key}
    book.put_contact(msgspec.structs.replace(contact, records=left))
    home = _home(book, kind, event)
    return msgspec.structs.replace(home, records={**home.records, key: contact.records[key]})


def _by_id(book: Book, kind: ObjectKind, event: RecordObserved) -> Contact | None:
    """The contact of the id that was asked for, where a merge answers with another, or of a remembered id."""
    if event.asked_id:
        entity = book.entity_of(RecordRef(event.crm, event.object, event.asked_id).key)
        if entity:
            return _contact(book, entity)
    other_id = event.fields.get(kind.key_field(event.crm))
    for name in kind.objects(event.crm.other) if other_id else ():
        entity = book.entity_of(RecordRef(event.crm.other, name, other_id or "").key)
        if entity and not taken(_contact(book, entity), event.crm):
            return _contact(book, entity)
    paired = (_contact(book, entity) for entity in _paired(book, kind, event.ref, event.fields))
    return next((each for each in paired if not taken(each, event.crm) and not each.erased), None)


def _paired(book: Book, kind: ObjectKind, ref: RecordRef, values: Fields) -> Iterator[str]:
    """The contacts of the records that HubSpot's own integration has paired a record with."""
    if not kind.native_ids:
        return
    ours = ref.crm is HUBSPOT
    for key in native_keys(kind, values) if ours else book.matches(match_key(kind, ref.key)):
        entity = book.entity_of(key)
        if entity is not None:
            yield entity


def _is_promised(book: Book, kind: ObjectKind, values: Fields) -> bool:
    """Whether HubSpot's own integration has paired a HubSpot record with one that nobody has seen yet.

    It may still be read, so the address does not link the record to another one, unless a search finds that.
    """
    named = native_keys(kind, values)
    return bool(named) and all(book.entity_of(key) is None for key in named)


def _is_kept(book: Book, kind: ObjectKind, contact: Contact) -> bool:
    """Whether a contact's HubSpot record is promised to another one."""
    key = contact.pair.get(HUBSPOT)
    return key is not None and _is_promised(book, kind, contact.records[key].values)


def _by_match(book: Book, kind: ObjectKind, event: RecordObserved) -> Contact | None:
    """The contact with the same address, one without a partner in this CRM first.

    HubSpot holds one record per address, so a second one is somebody else; Salesforce may hold many, and
    those join as duplicates.
    """
    found = list(_sharing(book, kind, event))
    if kind.native_ids and event.source != SEARCHED:
        if event.crm is HUBSPOT and _is_promised(book, kind, event.fields):
            return None
        found = [each for each in found if not _is_kept(book, kind, each)]
    free = next((contact for contact in found if not taken(contact, event.crm)), None)
    return free or (found[0] if found and event.crm is SALESFORCE else None)


def _sharing(book: Book, kind: ObjectKind, event: RecordObserved) -> Iterable[Contact]:
    for value in match_values(kind, event.ref, event.fields):
        for record_key in book.matches(match_key(kind, value)):
            entity = book.entity_of(record_key)
            contact = book.contact(entity) if entity and record_key != event.ref.key else None
            if contact is not None and not contact.erased:
                yield contact


def taken(contact: Contact, crm: Crm) -> bool:
    """Whether the contact has a living partner in this CRM already."""
    key = contact.pair.get(crm)
    return key is not None and not contact.records[key].gone


def index(book: Book, kind: ObjectKind, ref: RecordRef, before: Fields, after: Fields) -> None:
    """Keep the match values of a record findable."""
    fields = kind.match.get(ref.object, ())
    if kind.native_ids and ref.crm is HUBSPOT:
        fields = (*fields, *kind.native_ids)
    for field in fields:
        if before.get(field) != after.get(field):
            break
    else:
        return
    old, new = findable(kind, ref, before), findable(kind, ref, after)
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
    standing = contact.pair.get(ref.crm) == ref.key or record.gone or taken(contact, ref.crm)
    return joined if standing else relink(joined, ref)


def relink(contact: Contact, ref: RecordRef) -> Contact:
    """Link a record of the contact; a new pair starts with nothing agreed, and nothing held against it.

    A create that nobody knows the outcome of stays in doubt. What was sent to the other CRM and not seen
    there since came from the earlier partner: it counts, and makes nothing agreed with this one.
    """
    crm, doubt = ref.crm, contact.doubted.get(ref.crm)
    contact = _let_stray(contact, crm) if crm in contact.pair else contact
    creating = doubt is not None and doubt.flight.record_id is None
    return msgspec.structs.replace(
        contact,
        pair={**contact.pair, crm: ref.key},
        agreed={},
        expected=without(contact.expected, crm),
        holds=without(contact.holds, crm),
        echoes=without(contact.echoes, crm),
        refused={**contact.refused, crm: {}} if crm in contact.refused else contact.refused,
        unsure=without(contact.unsure, crm),
        resolutions=without(contact.resolutions, crm),
        read_under=without(contact.read_under, crm),
        created_by_us=unmade(contact, crm),
        orphaned=False,
        into="",
        doubted=contact.doubted if creating else without(contact.doubted, crm),
    )


def _let_stray(contact: Contact, crm: Crm) -> Contact:
    """Mark as stray what came from the record of a CRM that was linked so far: sent, or about to be."""
    relinked = {**contact.relinked, crm: contact.revision}
    return msgspec.structs.replace(let_stray(contact, crm.other), relinked=relinked)


def unmade(contact: Contact, crm: Crm) -> tuple[Crm, ...]:
    """The CRMs whose record we made and nobody has read in full, less one."""
    made = contact.created_by_us
    return tuple(each for each in made if each is not crm) if crm in made else made


def without(mapping: dict[Crm, T], crm: Crm) -> dict[Crm, T]:
    """The mapping less one CRM."""
    if crm not in mapping:
        return mapping
    left = {**mapping}
    del left[crm]
    return left


def successor(contact: Contact, crm: Crm) -> RecordRef | None:
    """Another living record of the contact that may take the place of its lost one; the lowest key."""
    living = (key for key, record in contact.records.items() if key.startswith(f"{crm}/") and not record.gone)
    key = min(living, default=None)
    return None if key is None else RecordRef.parse(key)


def left_alone(contact: Contact) -> bool:
    """Whether a person lives in HubSpot, and nothing of him in Salesforce any more."""
    key = contact.pair.get(SALESFORCE)
    if key is None or not contact.records[key].gone:
        return False
    return taken(contact, HUBSPOT) and successor(contact, SALESFORCE) is None


def heir(kind: ObjectKind, ref: RecordRef, record: Record) -> RecordRef | None:
    """The record that goes on for one that was merged or converted."""
    if record.gone == "merged" and record.merged_into:
        return RecordRef(ref.crm, ref.object, record.merged_into)
    conversion = kind.conversions.get(ref.object)
    if record.gone == "converted" and conversion and (found := record.values.get(conversion.id_field)):
        return RecordRef(ref.crm, conversion.object, found)
    return None


def overtakes(contact: Contact, ref: RecordRef) -> bool:
    """Whether a duplicate was updated after the record that is linked."""
    key, record = contact.pair.get(ref.crm), contact.records[ref.key]
    if key is None or key == ref.key or record.gone:
        return False
    return record.seen[0] > contact.records[key].seen[0]


def partner(
    book: Book, kind: ObjectKind, contact: Contact, ref: RecordRef, values: Fields, *, searched: bool
) -> Contact | None:
    """Find the contact of the other CRM that turns out to be the same person; ``searched``: in a look-up.

    Only two contacts that each live in one CRM alone may become one: no link is broken for it.
    """
    if set(contact.pair) != {ref.crm}:
        return None
    for entity in _paired(book, kind, ref, values):
        other = _single(book, entity, contact, ref.crm.other)
        if other is not None:
            return other
    if not searched and _is_kept(book, kind, contact):
        return None
    for other in _others(book, kind, contact, ref, values):
        if searched or not _is_kept(book, kind, other):
            return other
    return None


def _others(
    book: Book, kind: ObjectKind, contact: Contact, ref: RecordRef, values: Fields
) -> Iterator[Contact]:
    """The contacts that have a record with the same address, and that in the other CRM alone."""
    for value in match_values(kind, ref, values):
        for record_key in book.matches(match_key(kind, value)):
            entity = book.entity_of(record_key) if record_key.startswith(f"{ref.crm.other}/") else None
            other = _single(book, entity, contact, ref.crm.other) if entity is not None else None
            if other is not None:
                yield other


def _single(book: Book, entity: str, contact: Contact, crm: Crm) -> Contact | None:
    if entity == contact.id:
        return None
    other = _contact(book, entity)
    alone = set(other.pair) == {crm} and taken(other, crm) and not other.erased
    return other if alone else None


def absorb(book: Book, contact: Contact, other: Contact) -> Contact:
    """Let one contact take over the records of another, and the writes that are on their way for it."""
    linked = [other.pair[crm] for crm in CRMS if crm in other.pair]
    for key in (*linked, *sorted(other.records.keys() - set(linked))):
        book.bind(key, contact.id)
        contact = join(contact, RecordRef.parse(key), other.records[key])
    book.drop_contact(other.id)
    ours = contact.pair.get(HUBSPOT) in linked
    return msgspec.structs.replace(
        contact,
        flights={**_brought(contact, other), **contact.flights},
        revision=max(contact.revision, other.revision),
        parked=contact.parked or other.parked,
        member=other.member if ours else contact.member,
        member_since=other.member_since if ours else contact.member_since,
        memberships=other.memberships if ours else contact.memberships,
        member_under=other.member_under if ours else contact.member_under,
    )


def _brought(contact: Contact, other: Contact) -> dict[Crm, Flight]:
    """The writes on their way for a contact that is absorbed; stray where its partner is not linked."""
    for crm in CRMS:
        if other.pair.get(crm) != contact.pair.get(crm):
            other = let_stray(other, crm.other)
    return other.flights
