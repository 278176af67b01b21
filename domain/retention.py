"""What goes by age: the decisions of a contact about whom nothing is decided, and sync errors nobody mends.

The clock comes in as an event, when a timer is due; so a replay forgets at the same place.
"""

from domain import links
from domain.book import TIMERS
from domain.events import TimerDue
from domain.identity import CRMS, Crm
from domain.state import Contact, Once, letter_key
from domain.step import Step, replace

DECISIONS = "decisions"
LETTERS = "letters"
"""Causes of timers."""

DAY_MS = 86_400_000


def set_timers(step: Step) -> None:
    """Have the decisions of whoever was decided now forgotten, unless another one comes in time."""
    days = step.policy.decision_days
    if days is not None:
        for entity in step.book.decided():
            step.book.queue(TIMERS, f"{entity}|{DECISIONS}", step.at + days * DAY_MS)


def forget_decisions(step: Step, event: TimerDue) -> None:
    """Nothing was decided for so long; if that is still to count, what was decided before is forgotten."""
    if step.policy.decision_days is not None:
        step.book.forget_decisions(event.entity)


def discard_old_letters(step: Step, contact: Contact | None, due: int) -> None:
    """Close the sync errors that are too old, and come again for the others."""
    days, now = step.policy.letter_days, max(step.at, due)
    if days is None or contact is None:
        return
    age, left = days * DAY_MS, list[int]()
    for key in _letters(contact):
        letter = step.book.letter(key)
        if letter is not None and letter.at + age <= now:
            discard(step, key)
        elif letter is not None:
            left.append(letter.at + age)
    if left:
        step.book.queue(TIMERS, f"{contact.id}|{LETTERS}", min(left))


def _letters(contact: Contact) -> list[str]:
    """The keys that its sync errors may have."""
    return [letter_key(contact.id, crm, name) for crm in CRMS for name in ("", *contact.holds.get(crm, {}))]


def discard(step: Step, letter: str) -> None:
    """Close a sync error; the next trigger sends what is right by then."""
    step.book.put_letter(letter, None)
    name, _, rest = letter.partition("|")
    entity, _, field = rest.partition("|")
    contact = links.named(step.book, entity)
    if contact is None:
        return
    crm = Crm(name)
    if field:
        holds = {each: hold for each, hold in contact.holds.get(crm, {}).items() if each != field}
        step.book.put_contact(replace(contact, holds={**contact.holds, crm: holds}))
    elif crm in contact.refused:
        leave = Once.NO if crm is Crm.HUBSPOT else contact.leave
        step.book.put_contact(replace(contact, refused=links.without(contact.refused, crm), leave=leave))
