"""Trying again by itself what may have healed: a contact in error is looked at anew every half hour.

What would not be sent, because our own checks still stop it, is not decided again: nothing has changed.
"""

from collections.abc import Iterator

from domain.answer import match_value
from domain.book import RETRIES
from domain.decide import open_decision, settle
from domain.errors import classify
from domain.holding import in_error
from domain.identity import CRMS, Crm, Fields
from domain.outbox import held_by_guard, refused
from domain.outcomes import OutcomeClass
from domain.plan import plan
from domain.reasons import OWN_RULES, Reason
from domain.retention import set_letter_timer
from domain.retry import AGAIN_MS
from domain.state import Contact, Hold, Priority, intent_key, letter_key
from domain.step import Step, replace

RETRY = "retry"
"""The cause of timers for contacts in error, and the trigger of what they decide."""


def heal(step: Step, contact: Contact | None) -> None:
    """Decide a contact in error again, if anything would be sent by what is known now."""
    if contact is None or not in_error(contact):
        return
    step.book.queue(RETRIES, contact.id, step.at + AGAIN_MS)
    set_letter_timer(step, contact)
    if contact.opened is None:
        holds = _holds(contact)
        again = replace(
            contact,
            holds=holds,
            refused=_refused(step, contact),
            tried=_tried(step, contact, holds),
            unsure={**contact.unsure, **_hidden(step, contact)},
        )
        if _would_send(step, again):
            again = open_decision(step, again, RETRY, priority=Priority.RETRY)
            step.book.put_contact(settle(step, again))


def _would_send(step: Step, contact: Contact) -> bool:
    """Whether deciding now would write or read something, if a search before a create finds nobody."""
    kind = step.policy.kinds.get(contact.kind)
    if kind is None or kind.section.shadow:
        return False
    searched = replace(contact, looked_up=dict.fromkeys(CRMS, match_value(contact, kind) or ""))
    answer = plan(searched, step.policy, step.at)
    return answer.wait is not None or any(
        not refused(contact, crm, answer) and not held_by_guard(step, contact, draft)
        for crm, draft in answer.drafts.items()
    )


def _refused(step: Step, contact: Contact) -> dict[Crm, Fields]:
    """The dead letters that hold their content back as before; those that may have healed hold nothing."""
    return {crm: {} if _letter_heals(step, contact, crm) else kept for crm, kept in contact.refused.items()}


def _letter_heals(step: Step, contact: Contact, crm: Crm) -> bool:
    letter = step.book.letter(intent_key(contact.id, crm))
    if letter is None or letter.reason is Reason.EXHAUSTED:
        return True
    return classify(crm, None, letter.outcome.code, letter.outcome.message).heals


def _holds(contact: Contact) -> dict[Crm, dict[str, Hold]]:
    return {
        crm: {name: hold for name, hold in holds.items() if not _hold_heals(crm, hold)}
        for crm, holds in contact.holds.items()
    }


def _hidden(step: Step, contact: Contact) -> dict[Crm, str]:
    """The records of which a field was refused as not there: nobody has seen what it holds by now."""
    return {
        crm: "a field may be shown again"
        for crm in contact.pair
        for code, message in _refusals(step, contact, crm)
        if classify(crm, None, code, message).outcome is OutcomeClass.MISCONFIGURED
    }


def _refusals(step: Step, contact: Contact, crm: Crm) -> Iterator[tuple[str, str]]:
    """The CRM's codes and words for what it did not take."""
    holds = contact.holds.get(crm, {}).values()
    yield from ((hold.code, hold.message) for hold in holds if hold.code not in OWN_RULES)
    letter = step.book.letter(intent_key(contact.id, crm)) if crm in contact.refused else None
    if letter is not None:
        yield letter.outcome.code, letter.outcome.message


def _tried(step: Step, contact: Contact, left: dict[Crm, dict[str, Hold]]) -> dict[Crm, dict[str, int]]:
    """Since when the fields that have another chance were held; ``left``: those that have none."""
    return {
        crm: {
            name: letter.at
            for name in holds
            if name not in left[crm] and (letter := step.book.letter(letter_key(contact.id, crm, name)))
        }
        for crm, holds in contact.holds.items()
    }


def _hold_heals(crm: Crm, hold: Hold) -> bool:
    """Whether a field must be let go to be tried again; our own rules judge anew each time."""
    return hold.code not in OWN_RULES and classify(crm, None, hold.code, hold.message).heals
