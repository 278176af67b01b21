"""What people, jobs and the clock ask for, and the answers to what contacts had asked."""

from domain import events as e
from domain import links
from domain.agreeing import agree
from domain.answer import linked
from domain.asking import ask_record, look_up_key, membership_key
from domain.book import RETRIES, TIMERS, held_queue
from domain.decide import open_decision, settle
from domain.delivering import claim_expired
from domain.drafting import update
from domain.following import unite
from domain.healing import RETRY, heal
from domain.identity import CRMS, Crm, RecordRef
from domain.kinds import CAMPAIGN_ADDED
from domain.membership import evaluate
from domain.retention import DECISIONS, LETTERS, discard, discard_old_letters, forget_decisions
from domain.state import Contact, Once, Priority
from domain.step import Step, replace

IMPORT = "import"
ADOPT = "adopt"

FRESH = frozenset({"manual", "resync"})
"""Requests that look at both records before deciding."""


def looked_up(step: Step, event: e.LookedUp) -> None:
    """The search before a create is done; the records it found stand before it in the log."""
    key = look_up_key(event.crm, event.entity)
    _drop_request(step, key, event.request)
    contact = links.named(step.book, event.entity)
    if contact is None or contact.erased:
        return
    holder = _holder(step, contact, event)
    if holder is not None:
        step.book.put_contact(settle(step, _join(step, holder, contact)))
        return
    contact = replace(
        contact,
        looked_up={**contact.looked_up, event.crm: event.value},
        doubted=links.without(contact.doubted, event.crm),
    )
    step.book.put_contact(settle(step, contact))


def _join(step: Step, holder: Contact, contact: Contact) -> Contact:
    """Make a contact part of the one that has the person, and decide if a pair comes of it."""
    whole = unite(step, holder, contact)
    partner = whole.pair.get(Crm.SALESFORCE)
    if partner == holder.pair.get(Crm.SALESFORCE):
        return whole
    return open_decision(step, whole, "linked", partner or "")


def _holder(step: Step, contact: Contact, event: e.LookedUp) -> Contact | None:
    """The contact that has the person in HubSpot, found for a Salesforce record that is a duplicate then."""
    if event.crm is not Crm.HUBSPOT or Crm.HUBSPOT in contact.pair:
        return None
    for key in event.found:
        entity = step.book.entity_of(key)
        other = step.book.contact(entity) if entity else None
        if other is not None and other.pair.get(Crm.HUBSPOT) == key and not other.erased:
            return other
    return None


def membership_observed(step: Step, event: e.MembershipObserved) -> None:
    """HubSpot's word on a list that is not evaluated here."""
    key = membership_key(event.list_id, event.entity)
    _drop_request(step, key, event.request)
    contact = links.named(step.book, event.entity)
    kind = step.policy.kinds.get(contact.kind) if contact else None
    if contact is None or kind is None or contact.erased:
        return
    memberships = {**contact.memberships, event.list_id: event.member}
    joined, contact = evaluate(step, replace(contact, memberships=memberships), kind)
    if joined:
        contact = open_decision(step, contact, "joined_list", event.list_id)
        contact = replace(contact, memberships=memberships)
    step.book.put_contact(settle(step, contact))


def _drop_request(step: Step, key: str, request: str | None) -> None:
    standing = step.book.request(key)
    if standing is not None and request in {None, standing.asked}:
        step.book.drop_request(key)


def sync_requested(step: Step, event: e.SyncRequested) -> None:
    """Bring a contact into agreement; if people want it, whatever was held against it."""
    contact = links.named(step.book, event.entity)
    if contact is None:
        return
    if event.cause == ADOPT:
        step.book.put_contact(_adopt(step, contact))
        return
    once = Once.IMPORT if event.cause == IMPORT else Once.NO
    contact = open_decision(step, contact, event.cause, event.by, Priority(event.priority), once=once)
    if event.cause != CAMPAIGN_ADDED:
        contact = _clean(contact)
    if event.cause in FRESH and not contact.erased:
        contact = replace(contact, unsure=dict.fromkeys(contact.pair, "asked for"))
        for key in contact.pair.values():
            ask_record(step, contact, RecordRef.parse(key))
    step.book.put_contact(settle(step, contact))


def _adopt(step: Step, contact: Contact) -> Contact:
    """Take what both records of a pair hold alike as in sync, so that clearing it later is a change.

    Nothing is decided: what differs waits for a trigger.
    """
    kind = step.policy.kinds.get(contact.kind)
    ours, theirs = (linked(contact, crm) for crm in CRMS)
    if kind is None or contact.erased or not ours or not theirs or ours[1].gone or theirs[1].gone:
        return contact
    alike = update(contact, kind, ours, theirs, step.at).agreed
    return agree(contact, kind, alike) if alike else contact


def link_chosen(step: Step, event: e.LinkChosen) -> None:
    """Link the record that somebody chose among several of a person; any other wish changes nothing."""
    contact = links.named(step.book, event.entity)
    record = contact.records.get(event.record) if contact else None
    if contact is None or contact.erased or record is None or record.gone:
        return
    ref = RecordRef.parse(event.record)
    if contact.pair.get(ref.crm) != ref.key:
        contact = open_decision(step, links.relink(contact, ref), "linked", f"{ref.key} by {event.by}")
        ask_record(step, contact, ref)
        step.book.put_contact(settle(step, contact))


def _clean(contact: Contact) -> Contact:
    """Give everything another chance; dead letters stay listed until they are delivered or pointless."""
    return replace(
        contact,
        holds={},
        refused={crm: {} for crm in contact.refused},
        echoes={},
        attempts={},
        resolutions={},
        due={},
        read_under={},
        parked="",
    )


def letter_discarded(step: Step, event: e.LetterDiscarded) -> None:
    """Close a sync error on purpose."""
    discard(step, event.letter)


def timer_due(step: Step, event: e.TimerDue) -> None:
    """A moment has passed that a contact's state was waiting for, or what held it is over."""
    step.book.queue(TIMERS, f"{event.entity}|{event.cause}", None)
    contact = links.named(step.book, event.entity)
    if event.cause.startswith("claim:"):
        if contact is not None:
            crm = Crm(event.cause.removeprefix("claim:"))
            claim_expired(step, contact, event.entity, crm, event.due)
    elif event.cause == RETRY:
        step.book.queue(RETRIES, event.entity, None)
        heal(step, contact)
    elif event.cause == DECISIONS:
        forget_decisions(step, event)
    elif event.cause == LETTERS:
        discard_old_letters(step, contact, event.due)
    elif event.cause == "look":
        _look_again(Step(step.book, step.policy, step.position, max(step.at, event.due)), contact)
    else:
        _release(step, contact, event)


def _look_again(step: Step, contact: Contact | None) -> None:
    kind = step.policy.kinds.get(contact.kind) if contact else None
    if contact is None or kind is None or contact.erased:
        return
    joined, contact = evaluate(step, contact, kind)
    if joined:
        contact = open_decision(step, contact, "joined_list", "time")
    step.book.put_contact(settle(step, contact))


def _release(step: Step, contact: Contact | None, event: e.TimerDue) -> None:
    """What kept the contact from being decided is over."""
    step.book.queue(held_queue(event.cause), event.entity, None)
    if contact is None:
        return
    if event.cause != "baseline" and contact.opened is None:
        contact = open_decision(step, contact, "released", event.cause, Priority.BACKFILL)
    step.book.put_contact(settle(step, contact))
