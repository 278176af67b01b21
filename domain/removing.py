"""Records that are gone, and people who are to be forgotten."""

from domain import events as e
from domain import links
from domain.asking import look_up_key, membership_key
from domain.book import ERASING, TIMERS
from domain.decide import close_all, open_decision, settle
from domain.following import confirm_deletion, deleted_by_us, follow, give_up, note_loss
from domain.identity import CRMS, EntityId, RecordRef
from domain.policy import KindPolicy
from domain.reasons import Reason
from domain.records import EMPTY, lose
from domain.state import Contact, intent_key
from domain.step import Step, replace


def gone(step: Step, event: e.RecordGone) -> None:
    """Fold the news that a record is not there; one nobody has seen yet is remembered too."""
    ref = RecordRef(event.crm, event.object, event.id)
    kind = step.policy.by_object.get((event.crm, event.object))
    entity = step.book.entity_of(ref.key)
    contact = step.book.contact(entity) if entity else None
    _drop_request(step, ref, event.request)
    if kind is None or (contact is not None and contact.erased):
        return
    if contact is None:
        contact = Contact(id=EntityId(ref.key), kind=kind.kind.name)
        step.book.bind(ref.key, contact.id)
    if event.cause == "erased":
        contact = replace(contact, records={ref.key: EMPTY, **contact.records})
        step.book.put_contact(_erase(step, contact, kind))
        return
    step.book.put_contact(settle(step, _lose(step, contact, kind, ref, event)))


def _drop_request(step: Step, ref: RecordRef, request: str | None) -> None:
    standing = step.book.request(ref.key)
    if standing is not None and standing.asked == request:
        step.book.drop_request(ref.key)


def _lose(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, event: e.RecordGone) -> Contact:
    record = contact.records.get(ref.key, EMPTY)
    lost = lose(record, event)
    contact = replace(contact, records={**contact.records, ref.key: lost})
    if contact.pair.get(ref.crm) != ref.key:
        return contact
    contact = replace(contact, unsure=links.without(contact.unsure, ref.crm))
    if not lost.gone or record.gone:
        return contact
    contact = note_loss(step, contact, kind, ref)
    if deleted_by_us(contact, ref.crm):
        return confirm_deletion(contact, ref.crm)
    contact = open_decision(step, contact, "deleted", ref.key)
    heir = links.successor(contact, ref.crm)
    return links.relink(contact, heir) if heir else follow(step, contact, kind, ref, quiet=False)


def _erase(step: Step, contact: Contact, kind: KindPolicy) -> Contact:
    """Stop all sync of a person and forget what was known of him, but not that he must stay unknown."""
    step.book.forget_decisions(contact.id)
    step.book.queue(ERASING, contact.id, step.at)
    contact = close_all(step, _without_lost_values(contact), Reason.ERASED)
    for key, record in contact.records.items():
        ref = RecordRef.parse(key)
        links.index(step.book, kind.kind, ref, record.values, {})
        step.book.drop_request(key)
    for crm in CRMS:
        step.book.put_letter(intent_key(contact.id, crm), None)
        step.book.drop_request(look_up_key(crm, contact.id))
        if crm in contact.flights:
            give_up(step, contact.flights[crm], crm)
    for list_id in kind.inclusion.asks if kind.inclusion else ():
        step.book.drop_request(membership_key(list_id, contact.id))
    step.book.queue(TIMERS, f"{contact.id}|look", None)
    return forgotten(contact)


def _without_lost_values(contact: Contact) -> Contact:
    opened = contact.opened and replace(contact.opened, lost={})
    return replace(contact, opened=opened, flying=tuple(replace(each, lost={}) for each in contact.flying))


def forgotten(contact: Contact) -> Contact:
    """What is left of a contact who is erased: the ids of his records, so that he stays unknown."""
    blank = {
        key: replace(record, values={}, newer={}, changed={}, gone="erased")
        for key, record in contact.records.items()
    }
    return Contact(contact.id, contact.kind, records=blank, pair=contact.pair, erased=True)


def person_erased(step: Step, event: e.PersonErased) -> None:
    """Remember by keyed hashes who must not come back, and that the log is rid of him once it is."""
    for mark in event.marks:
        step.book.mark_erased(mark, event.entity)
    if event.done:
        step.book.queue(ERASING, event.entity, None)
