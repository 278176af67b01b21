"""People who were erased for privacy: nothing stays in the tables of what was known or decided of them."""

from domain import links
from domain.asking import look_up_key, membership_key
from domain.book import ERASING, TIMERS
from domain.decide import close_all
from domain.identity import CRMS, RecordRef
from domain.outbox import give_up
from domain.policy import KindPolicy
from domain.reasons import Reason
from domain.records import EMPTY
from domain.state import Contact, intent_key
from domain.step import Step, replace


def forget(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef) -> Contact:
    """Forget an erased record, and with it the person, unless he goes on with another one in that CRM."""
    linked = contact.pair.get(ref.crm)
    if linked in {None, ref.key} or not links.taken(contact, ref.crm):
        return erase(step, contact, kind)
    _forget_record(step, contact, kind, ref.key)
    return replace(contact, records={**contact.records, ref.key: replace(EMPTY, gone="erased")})


def erase(step: Step, contact: Contact, kind: KindPolicy) -> Contact:
    """Stop all sync of a person and forget what was known of him, but not that he must stay unknown."""
    for key in contact.records:
        _forget_record(step, contact, kind, key)
    step.book.queue(ERASING, contact.id, step.at)
    contact = close_all(step, _without_lost_values(contact), Reason.ERASED)
    for crm in CRMS:
        step.book.put_letter(intent_key(contact.id, crm), None)
        step.book.drop_request(look_up_key(crm, contact.id))
        if crm in contact.flights:
            give_up(step, contact.flights[crm], crm)
    for list_id in kind.inclusion.asks if kind.inclusion else ():
        step.book.drop_request(membership_key(list_id, contact.id))
    step.book.queue(TIMERS, f"{contact.id}|look", None)
    return forgotten(contact)


def _forget_record(step: Step, contact: Contact, kind: KindPolicy, key: str) -> None:
    """Forget what is kept of a record outside its contact, and of a contact that it once gave its name."""
    step.book.forget_decisions(key)
    links.index(step.book, kind.kind, RecordRef.parse(key), contact.records[key].values, {})
    step.book.drop_request(key)


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
