"""Records that went on as others: converted, merged, or found to be the same person's.

A link moves only here, and only because its record is not there any more. Two contacts become one where
that breaks no link: where at most one of them has a partner in the other CRM.
"""

from domain import events as e
from domain import links
from domain.answer import linked
from domain.asking import ask_record, look_first
from domain.decide import close_all, open_decision, record_written, settle
from domain.forgetting import erase
from domain.identity import HUBSPOT, SALESFORCE, Crm, RecordRef
from domain.outbox import give_up
from domain.policy import KindPolicy
from domain.reasons import Reason
from domain.records import DELETED, EMPTY, Record
from domain.sent import unanswered
from domain.state import Contact, Once, intent_key
from domain.step import Step, replace


def note_loss(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef) -> Contact:
    """Note when Salesforce's record is lost whether HubSpot's is to follow; that is looked at first."""
    if ref.crm is HUBSPOT:
        return contact
    contact = replace(contact, orphaned=_is_followed(kind, ref, contact.records[ref.key]))
    partner = linked(contact, HUBSPOT)
    if not contact.orphaned or partner is None or partner[1].gone:
        return contact
    return look_first(step, contact, partner[0], "before it is deleted")


def _is_followed(kind: KindPolicy, ref: RecordRef, record: Record) -> bool:
    """Whether the settings have HubSpot follow what became of a Salesforce record."""
    if record.gone in DELETED:
        return ref.object in kind.section.delete_in_hubspot
    return bool(record.gone) and kind.section.merge_in_hubspot


def deleted_by_us(contact: Contact, crm: Crm) -> bool:
    """Whether a deletion of ours is on its way or unanswered: then it is no news that a record is gone."""
    return any(flight.delete for flight in unanswered(contact, crm))


def confirm_deletion(contact: Contact, crm: Crm) -> Contact:
    """Take a deletion without an answer as done: the record is gone. One on its way awaits its answer."""
    doubt = contact.doubted.get(crm)
    if doubt is None or not doubt.flight.delete:
        return contact
    contact = record_written(contact, doubt.flight.decision, crm, {})
    return replace(contact, orphaned=False, into="", doubted=links.without(contact.doubted, crm))


def merged(step: Step, event: e.RecordsMerged) -> None:
    """Let the contacts of the records that lost a merge follow the one that goes on."""
    kind = step.policy.by_object.get((event.crm, event.object))
    if kind is None:
        return
    winner = RecordRef(event.crm, event.object, event.winner)
    losers = [RecordRef(event.crm, event.object, each) for each in event.losers if each != event.winner]
    for loser in losers:
        entity = step.book.entity_of(loser.key)
        contact = step.book.contact(entity) if entity else None
        if contact is not None and not contact.erased:
            contact = replaced(step, contact, kind, loser, winner.id)
            if contact.pair.get(loser.crm) == loser.key:
                contact = move_link(step, contact, winner, "merged")
            step.book.put_contact(contact)
    for entity in sorted({found for loser in losers if (found := step.book.entity_of(loser.key))}):
        contact = step.book.contact(entity)
        if contact is not None:
            step.book.put_contact(settle(step, contact))


def replaced(step: Step, contact: Contact, kind: KindPolicy, old: RecordRef, winner: str) -> Contact:
    """Note that a record went on under another id."""
    record = contact.records.get(old.key, EMPTY)
    links.index(step.book, kind.kind, old, record.values, {})
    gone = replace(record, gone="merged", merged_into=winner, values={}, newer={}, changed={})
    return replace(contact, records={**contact.records, old.key: gone})


def converted(kind: KindPolicy, ref: RecordRef, record: Record) -> Record:
    """Mark a Salesforce record that calls itself converted: nothing can be written to it any more."""
    conversion = kind.kind.conversions.get(ref.object)
    if conversion is None or record.gone or record.values.get(conversion.flag) != "true":
        return record
    return replace(record, gone="converted")


def follow(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, *, quiet: bool) -> Contact:
    """Follow a linked record that was converted or merged; ``quiet``: without a decision."""
    record = contact.records[ref.key]
    if not record.gone or contact.pair.get(ref.crm) != ref.key:
        return contact
    heir = links.heir(kind.kind, ref, record)
    return contact if heir is None else move_link(step, contact, heir, record.gone, quiet=quiet)


def move_link(step: Step, contact: Contact, heir: RecordRef, trigger: str, *, quiet: bool = False) -> Contact:
    """Link the record that goes on, unless it belongs to another person already."""
    entity = step.book.entity_of(heir.key)
    other = step.book.contact(entity) if entity and entity != contact.id else None
    if other is not None and other.erased and heir.crm is Crm.HUBSPOT:
        return erase(step, contact, step.policy.kinds[contact.kind])
    if other is not None:
        if not _may_unite(contact, other, heir.crm):
            return contact
        keeper, given = (other, contact) if links.taken(other, heir.crm.other) else (contact, other)
        contact = unite(step, keeper, given)
    if contact.pair.get(heir.crm) != heir.key:
        step.book.bind(heir.key, contact.id)
        records = {**contact.records, heir.key: contact.records.get(heir.key, EMPTY)}
        contact = links.relink(replace(contact, records=records), heir)
    if quiet:
        return contact
    contact = open_decision(step, contact, trigger, heir.key)
    ask_record(step, contact, heir)
    return contact


def _may_unite(contact: Contact, other: Contact, crm: Crm) -> bool:
    """Whether two contacts may become one because a record of this CRM went on as another.

    Two records in HubSpot cannot stand for one person. In Salesforce they can: one of them is a duplicate.
    """
    apart = crm is SALESFORCE and links.taken(contact, HUBSPOT) and links.taken(other, HUBSPOT)
    return not (apart or contact.erased or other.erased)


def unite(step: Step, contact: Contact, other: Contact) -> Contact:
    """Make two contacts one, under the first one's name."""
    why, once = f"the contact is one with {contact.id}", contact.once or other.once
    other = close_all(step, other, Reason.SUPERSEDED, why, superseded_by=step.position)
    for crm in other.refused:
        step.book.put_letter(intent_key(other.id, crm), None)
    for crm in other.flights.keys() & contact.flights.keys():
        give_up(step, other.flights[crm], crm)
    return _allowed(links.absorb(step.book, contact, other), once)


def _allowed(contact: Contact, once: Once) -> Contact:
    """Let a contact's decision, the open one or the next, do what either of two was allowed."""
    if contact.opened is None:
        return replace(contact, leave=once)
    return replace(contact, opened=replace(contact.opened, once=once))


def unite_by_match(
    step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, *, searched: bool
) -> Contact:
    """Join a contact of the other CRM that turns out to be the same person, and decide if it waited."""
    values = contact.records[ref.key].values
    other = links.partner(step.book, kind.kind, contact, ref, values, searched=searched)
    if other is None:
        return contact
    contact = unite(step, contact, other)
    return open_decision(step, contact, "linked", ref.key) if other.opened is not None else contact
