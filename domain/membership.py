"""Whether a contact is on the inclusion list, since when, and whether it has just joined.

A verdict is of one list with its filters as they were. Once another one is chosen, or its filters are
redefined, the old verdict says nothing of who joins: only a contact's own change, or the clock, is a trigger.
"""

from domain.answer import linked
from domain.asking import ask
from domain.book import TIMERS
from domain.identity import HUBSPOT, RecordRef
from domain.plan import membership_needs, timeless_word, verdict
from domain.policy import KindPolicy
from domain.records import Record
from domain.state import Contact
from domain.step import Step, replace


def note_member(contact: Contact, kind: KindPolicy, at: int, *, member: bool) -> Contact:
    """Keep the inclusion list's word on a contact."""
    if (member, kind.inclusion_key) == (contact.member, contact.member_under):
        return contact
    since = contact.member_since if member == contact.member else at
    return replace(contact, member=member, member_since=since, member_under=kind.inclusion_key)


def evaluate(
    step: Step, contact: Contact, kind: KindPolicy, *, before: Record | None = None, ask_again: bool = False
) -> tuple[bool, Contact]:
    """Ask the inclusion list; tells whether the contact joined it by this event.

    ``before``: HubSpot's record as it was, for the case that no verdict of this list is known.
    ``ask_again``: ask HubSpot if need be.
    """
    found = linked(contact, HUBSPOT)
    if found is None:
        return False, contact
    member = timeless_word(contact, kind, found[1], step.at)
    if member is None:
        member = _word(step, contact, kind, found[0], ask_again=ask_again)
    if member is None:
        return False, contact
    joined = member and _was_member(contact, kind, before, step.at) is False
    return joined, note_member(contact, kind, step.at, member=member)


def _word(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, *, ask_again: bool) -> bool | None:
    """The list's word; has the contact looked at again when time or HubSpot's answer counts."""
    word = verdict(contact, kind, step.at)
    if word is None:
        return None
    if word.next_change is not None:
        step.book.queue(TIMERS, f"{contact.id}|look", word.next_change)
    if word.member is None and ask_again:
        for need in membership_needs(ref, word):
            ask(step, contact, need)
    return word.member


def _was_member(contact: Contact, kind: KindPolicy, before: Record | None, now: int) -> bool | None:
    if contact.member_under == kind.inclusion_key:
        return contact.member
    if kind.inclusion is None or before is None:
        return None
    return kind.inclusion.member(before.values, now=now, zone=kind.zone, changed_at=before.changed)
