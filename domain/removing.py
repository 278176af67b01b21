"""Records that are gone, and people who are to be forgotten."""

from domain import events as e
from domain import links
from domain.book import ERASING
from domain.decide import open_decision, settle
from domain.following import confirm_deletion, deleted_by_us, follow, note_loss
from domain.forgetting import forget
from domain.identity import EntityId, RecordRef
from domain.policy import KindPolicy
from domain.records import EMPTY, lose
from domain.state import Contact
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
        step.book.put_contact(forget(step, contact, kind, ref))
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


def person_erased(step: Step, event: e.PersonErased) -> None:
    """Remember by keyed hashes who must not come back, and that the log is rid of him once it is."""
    for mark in event.marks:
        step.book.mark_erased(mark, event.entity)
    if event.done:
        step.book.queue(ERASING, event.entity, None)
