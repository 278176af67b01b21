"""What is to be written, kept exactly as the drafts say: at most one intent per contact and target."""

from domain.answer import Draft, Plan
from domain.book import CLAIMS, TIMERS, held_queue
from domain.commons import Counted
from domain.identity import Crm
from domain.reasons import Reason
from domain.state import Contact, Flight, Intent, Priority, intent_key
from domain.step import Step, replace, share

HOUR_MS = 3_600_000

SHADOW = "shadow"
"""Why contacts are held for whom something would have been written in shadow mode."""


def allowed(step: Step, contact: Contact, answer: Plan) -> dict[Crm, Draft]:
    """The drafts without those that a dead letter, a guard or shadow mode holds back.

    A guard and shadow mode say so in the answer, and their contacts wait to be released.
    """
    drafts = {crm: draft for crm, draft in answer.drafts.items() if not refused(contact, crm, answer)}
    if drafts and step.policy.kinds[contact.kind].section.shadow:
        _hold(step, contact, answer, SHADOW, Reason.SHADOW, "; ".join(map(_worded, drafts, drafts.values())))
        return {}
    return {crm: draft for crm, draft in drafts.items() if _passes(step, contact, answer, crm, draft)}


def _passes(step: Step, contact: Contact, answer: Plan, crm: Crm, draft: Draft) -> bool:
    guard = _tripped(step, contact, crm, draft)
    if guard:
        _hold(step, contact, answer, guard, Reason.GUARD, f"more than the allowed {guard} in one hour")
    return not guard


def _hold(step: Step, contact: Contact, answer: Plan, cause: str, reason: Reason, why: str) -> None:
    answer.stop, answer.explanation = reason, why
    step.book.queue(held_queue(cause), contact.id, step.at)


def _worded(crm: Crm, draft: Draft) -> str:
    """What a write would do, without the values."""
    if draft.delete:
        return f"{crm} {draft.object} would be {'merged' if draft.into else 'deleted'}"
    act = "get" if draft.record_id else "be created with"
    return f"{crm} {draft.object} would {act} {', '.join(sorted(draft.fields))}"


def refused(contact: Contact, crm: Crm, answer: Plan) -> bool:
    """Whether what would be sent is what a dead letter holds."""
    draft = answer.drafts.get(crm)
    return draft is not None and contact.refused.get(crm) == draft.content


def _tripped(step: Step, contact: Contact, crm: Crm, draft: Draft) -> str:
    """Count a new intent against the guards; names the guard that refuses it."""
    limits = step.policy.kinds[contact.kind].section.guards
    before = contact.intents.get(crm)
    if not limits or (before is not None and before.content == draft.content):
        return ""
    counted = _guarded(before) if before is not None else {}
    hour = step.at // HOUR_MS
    for guard, wanted in _guarded(draft).items():
        number = len(wanted - counted.get(guard, _NOTHING))
        if not number or guard not in limits:
            continue
        if not share(step, Counted(guard, hour, number, limits[guard], step.position)):
            return guard
    return ""


_NOTHING: frozenset[str] = frozenset()


def _guarded(write: Draft | Intent) -> dict[str, frozenset[str]]:
    """What guards count of a write, each thing by a name; what an intent had counted is not counted again."""
    return {
        "creates": frozenset({"record"} if write.record_id is None else ()),
        "deletes": frozenset({"record"} if write.delete else ()),
        "blanked": frozenset(name for name, value in write.fields.items() if value is None),
    }


def give_up(step: Step, flight: Flight, crm: Crm) -> None:
    """Follow a write on its way no longer; a look at its record shows what became of it."""
    step.book.queue(CLAIMS, intent_key(flight.entity, crm), None)
    step.book.queue(TIMERS, f"{flight.entity}|claim:{crm}", None)


def intend(step: Step, contact: Contact, drafts: dict[Crm, Draft]) -> Contact:
    """Make the outbox say exactly what the drafts say."""
    if not drafts and not contact.intents:
        return contact
    for crm, standing in contact.intents.items():
        if crm not in drafts:
            step.book.drop_intent(standing)
    intents: dict[Crm, Intent] = {}
    revision = contact.revision
    for crm, draft in drafts.items():
        intent = _intent(step, contact, crm, draft, revision + 1)
        revision = max(revision, intent.revision)
        before = contact.intents.get(crm)
        if intent != before or crm not in contact.flights:
            step.book.put_intent(intent, waiting=crm not in contact.flights, before=before)
        intents[crm] = intent
    return replace(contact, intents=intents, revision=revision)


def _intent(step: Step, contact: Contact, crm: Crm, draft: Draft, revision: int) -> Intent:
    """The intent of a draft: the standing one if it says the same already."""
    opened, failed = contact.opened, contact.attempts.get(crm, 0)
    assert opened is not None
    priority = Priority.RETRY if failed and opened.priority is Priority.LIVE else opened.priority
    before = contact.intents.get(crm)
    if before is not None and before.config == step.policy.digest and _same_write(before, draft):
        revision = before.revision
    return Intent(
        contact.id,
        crm,
        draft.object,
        draft.record_id,
        draft.fields,
        draft.sources,
        revision,
        contact.serial.get(crm, 0),
        max(contact.due.get(crm, 0), before.due if before else step.at),
        step.policy.digest,
        priority,
        opened.id,
        draft.key_field,
        draft.key_value,
        draft.delete,
        draft.verdicts,
        draft.into,
    )


def _same_write(intent: Intent, draft: Draft) -> bool:
    one = (intent.content, intent.record_id, intent.object)
    return one == (draft.content, draft.record_id, draft.object)
