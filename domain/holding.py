"""Held-back fields as sync errors: a letter each, open exactly as long as the field is held.

Whoever is in error, by a held field or a dead letter, is tried again by itself.
"""

from domain.book import RETRIES
from domain.identity import CRMS, Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.reasons import OWN_RULES, Reason
from domain.retention import set_letter_timer
from domain.retry import AGAIN_MS
from domain.state import Contact, Hold, Letter, letter_key
from domain.step import Step, replace


def list_holds(step: Step, before: Contact | None, after: Contact | None) -> None:
    """Make the letters say what a contact holds back after this event."""
    was, now = before.holds if before else {}, after.holds if after else {}
    contact = after or before
    if contact is None:
        return
    if was != now:
        for crm in CRMS:
            since = before.tried.get(crm, {}) if before else {}
            _relist(step, contact, crm, was.get(crm, {}), now.get(crm, {}), since)
    _schedule(step, contact, was=in_error(before), now=in_error(after))


def in_error(contact: Contact | None) -> bool:
    """Whether something is kept from a contact: a write in a dead letter, or a field."""
    return contact is not None and (bool(contact.refused) or any(contact.holds.values()))


def _schedule(step: Step, contact: Contact, *, was: bool, now: bool) -> None:
    """Have a contact that came to be in error tried again, later given up, and one that is not left alone."""
    if was != now:
        step.book.queue(RETRIES, contact.id, step.at + AGAIN_MS if now else None)
        set_letter_timer(step, contact)


def _relist(
    step: Step,
    contact: Contact,
    crm: Crm,
    was: dict[str, Hold],
    now: dict[str, Hold],
    since: dict[str, int],
) -> None:
    """``since``: when fields that had another chance were held first."""
    for name in was.keys() - now.keys():
        step.book.put_letter(letter_key(contact.id, crm, name), None)
    for name, hold in now.items():
        if was.get(name) != hold:
            key = letter_key(contact.id, crm, name)
            letter = _letter(step, contact, crm, name, hold)
            step.book.put_letter(key, replace(letter, at=since.get(name, step.at)))


def _letter(step: Step, contact: Contact, crm: Crm, name: str, hold: Hold) -> Letter:
    outcome = Outcome(OutcomeClass.REJECTED, code=hold.code, message=hold.message, fields=(name,))
    decision = contact.opened.id if contact.opened else step.position
    return Letter(
        contact.id,
        crm,
        held_reason({hold.code}),
        decision,
        step.at,
        0,
        {name: hold.source},
        outcome,
        field=name,
    )


def held_reason(codes: set[str]) -> Reason:
    """The reason that the codes of held fields amount to."""
    if codes == {Reason.PING_PONG}:
        return Reason.PING_PONG
    return Reason.VALIDATION if codes <= OWN_RULES else Reason.FIELD_HELD
