"""Held-back fields as sync errors: a letter each, open exactly as long as the field is held."""

from domain.identity import CRMS, Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.reasons import OWN_RULES, Reason
from domain.state import Contact, Hold, Letter, letter_key
from domain.step import Step


def list_holds(step: Step) -> None:
    """Make the letters say what the contacts hold back after this event."""
    for before, after in step.book.rewritten():
        was, now = before.holds if before else {}, after.holds if after else {}
        contact = after or before
        if contact is not None and was != now:
            for crm in CRMS:
                _relist(step, contact, crm, was.get(crm, {}), now.get(crm, {}))


def _relist(step: Step, contact: Contact, crm: Crm, was: dict[str, Hold], now: dict[str, Hold]) -> None:
    for name in was.keys() - now.keys():
        step.book.put_letter(letter_key(contact.id, crm, name), None)
    for name, hold in now.items():
        if was.get(name) != hold:
            key = letter_key(contact.id, crm, name)
            step.book.put_letter(key, _letter(step, contact, crm, name, hold))


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
