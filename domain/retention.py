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


def set_timers(step: Step, days: int) -> None:
    """Have the decisions of whoever was decided now forgotten then, unless another one comes in time."""
    for entity in step.book.decided():
        contact = step.book.contact(entity)
        if contact is not None:
            step.book.put_contact(replace(contact, decided=step.at))
        _forget_later(step, entity, step.at, days)


def _forget_later(step: Step, entity: str, decided: int, days: int) -> None:
    step.book.queue(TIMERS, f"{entity}|{DECISIONS}", decided + days * DAY_MS)


def forget_decisions(step: Step, event: TimerDue) -> None:
    """If nothing was decided for so long, and that is still to count, forget what was decided before.

    Something may have been decided since the timer was seen to be due.
    """
    days, contact = step.policy.decision_days, step.book.contact(event.entity)
    if days is None:
        return
    if contact is not None and contact.decided + days * DAY_MS > event.due:
        _forget_later(step, event.entity, contact.decided, days)
    else:
        step.book.forget_decisions(event.entity)


def discard_old_letters(step: Step, contact: Contact | None, due: int) -> None:
    """Close the sync errors that are too old, and come again for the others."""
    now = max(step.at, due)
    if contact is None:
        return
    for key, end in _ends(step, contact).items():
        if end <= now:
            discard(step, key)
    set_letter_timer(step, contact)


def set_letter_timer(step: Step, contact: Contact) -> None:
    """Come when the oldest of its sync errors is too old, if they go by age."""
    if step.policy.letter_days is not None:
        end = min(_ends(step, contact).values(), default=None)
        step.book.queue(TIMERS, f"{contact.id}|{LETTERS}", end)


def _ends(step: Step, contact: Contact) -> dict[str, int]:
    """When each of its sync errors is too old; none is where they do not go by age."""
    days = step.policy.letter_days
    if days is None:
        return {}
    keys = (letter_key(contact.id, crm, name) for crm in CRMS for name in ("", *contact.holds.get(crm, {})))
    letters = ((key, step.book.letter(key)) for key in keys)
    return {key: letter.at + days * DAY_MS for key, letter in letters if letter is not None}


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
