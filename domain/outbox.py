"""What is to be written, kept exactly as the drafts say: at most one intent per contact and target."""

from collections.abc import Collection, Iterator

from domain.answer import Draft, Plan
from domain.book import CLAIMS, TIMERS, held_queue
from domain.commons import Asked, Counted
from domain.identity import Crm
from domain.links import without
from domain.reasons import Reason
from domain.state import Contact, Flight, Intent, Priority, intent_key
from domain.step import Step, replace, share

HOUR_MS = 3_600_000

RECORD = "record"
"""What guards count of a write that makes or deletes one; of others, the names of fields."""

SHADOW = "shadow"
"""Why contacts are held for whom something would have been written in shadow mode."""


def allowed(step: Step, contact: Contact, answer: Plan) -> tuple[Contact, dict[Crm, Draft]]:
    """The drafts without those that a dead letter, a guard or shadow mode holds back.

    A guard and shadow mode say so in the answer, and their contacts wait to be released.
    """
    drafts, section = answer.drafts, step.policy.kinds[contact.kind].section
    if contact.refused:
        drafts = {crm: draft for crm in drafts if (draft := _unrefused(contact, crm, answer))}
    if drafts and section.shadow:
        worded = [_worded(*each) for each in (*drafts.items(), *answer.following.items())]
        _hold(step, contact, answer, SHADOW, Reason.SHADOW, "; ".join(dict.fromkeys(worded)))
        return contact, {}
    return _granted(step, contact, answer, drafts) if section.guards else (contact, drafts)


def _granted(
    step: Step, contact: Contact, answer: Plan, drafts: dict[Crm, Draft]
) -> tuple[Contact, dict[Crm, Draft]]:
    """The drafts that no guard holds back."""
    passed: dict[Crm, Draft] = {}
    for crm, draft in drafts.items():
        guard, contact = _count(step, contact, crm, draft)
        if guard:
            _hold(step, contact, answer, guard, Reason.GUARD, f"more than the allowed {guard} in one hour")
            passed |= _unhindered(answer, crm)
        else:
            passed[crm] = draft
    return contact, passed


def _unrefused(contact: Contact, crm: Crm, answer: Plan) -> Draft | None:
    """The target's draft; while a dead letter holds it, what goes without it."""
    return _unhindered(answer, crm).get(crm) if refused(contact, crm, answer) else answer.drafts[crm]


def _unhindered(answer: Plan, crm: Crm) -> dict[Crm, Draft]:
    """What follows a draft that is held back, and need not wait for it: there is a record already."""
    later = answer.following.get(crm) if answer.drafts[crm].record_id else None
    return {crm: later} if later else {}


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


def _count(step: Step, contact: Contact, crm: Crm, draft: Draft) -> tuple[str, Contact]:
    """Count a write against the guards, once however often it is decided; names the guard that refuses it."""
    limits = step.policy.kinds[contact.kind].section.guards
    before = contact.intents.get(crm)
    if before is not None and before.content == draft.content:
        return "", contact
    counted = contact.counted.get(crm, {})
    hour = step.at // HOUR_MS
    for guard, wanted in _guarded(draft, limits):
        had = counted.get(guard, ())
        new = [each for each in wanted if each not in had]
        if new and not share(step, Counted(guard, hour, len(new), limits[guard], step.position)):
            return guard, contact
        counted = {**counted, guard: (*had, *new)}
    return "", replace(contact, counted={**contact.counted, crm: counted}) if counted else contact


def discount(contact: Contact, crm: Crm, fields: Collection[str]) -> Contact:
    """Count what was written no more, for writing it again is another write; the rest stays counted."""
    done = {RECORD, *fields}
    kept = {guard: names for guard, had in contact.counted[crm].items() if (names := _but(had, done))}
    counted = {**contact.counted, crm: kept} if kept else without(contact.counted, crm)
    return replace(contact, counted=counted)


def _but(names: tuple[str, ...], done: Collection[str]) -> tuple[str, ...]:
    return tuple(each for each in names if each not in done)


def _guarded(draft: Draft, limits: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """What those guards that have a limit count of a write, each thing by a name."""
    wanted = {
        "creates": [RECORD] if draft.record_id is None else [],
        "deletes": [RECORD] if draft.delete else [],
        "blanked": [name for name, value in draft.fields.items() if value is None],
    }
    return ((guard, names) for guard, names in wanted.items() if names and guard in limits)


def held_by_guard(step: Step, contact: Contact, draft: Draft) -> bool:
    """Whether a guard that has tripped would hold back a write."""
    limits = step.policy.kinds[contact.kind].section.guards
    return any(not share(step, Asked(guard)) for guard, _ in _guarded(draft, limits))


def give_up(step: Step, flight: Flight, crm: Crm) -> None:
    """Follow a write on its way no longer; a look at its record shows what became of it."""
    step.book.queue(CLAIMS, intent_key(flight.entity, crm), None)
    step.book.queue(TIMERS, f"{flight.entity}|claim:{crm}", None)


def intend(step: Step, contact: Contact, drafts: dict[Crm, Draft]) -> Contact:
    """Make the outbox say exactly what the drafts say."""
    for crm, standing in contact.intents.items():
        if crm not in drafts:
            step.book.drop_intent(standing)
    intents: dict[Crm, Intent] = {}
    revision = contact.revision
    for crm, draft in drafts.items():
        before, waiting = contact.intents.get(crm), crm not in contact.flights
        intents[crm] = intent = _intent(step, contact, before, crm, draft, revision + 1)
        revision = max(revision, intent.revision)
        if waiting or intent != before:
            step.book.put_intent(intent, waiting=waiting, before=before)
    return replace(contact, intents=intents, revision=revision)


def _intent(
    step: Step, contact: Contact, before: Intent | None, crm: Crm, draft: Draft, revision: int
) -> Intent:
    """The intent of a draft: as new as the one before, if that says the same already."""
    opened, config = contact.opened, step.policy.digest
    assert opened is not None
    priority, due = opened.priority, contact.due.get(crm, 0)
    if crm in contact.attempts and priority is Priority.LIVE:
        priority = Priority.RETRY
    if before is not None and before.config == config and _same_write(before, draft):
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
        max(due, before.due if before else step.at),
        config,
        priority,
        opened.id,
        draft.key_field,
        draft.key_value,
        draft.delete,
        draft.verdicts,
        draft.into,
    )


def _same_write(intent: Intent, draft: Draft) -> bool:
    return (
        intent.fields == draft.fields
        and intent.record_id == draft.record_id
        and intent.object == draft.object
        and intent.key_value == draft.key_value
        and intent.delete is draft.delete
        and intent.into == draft.into
    )
