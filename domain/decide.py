"""Opening and closing decisions, and turning a plan into intents, read requests and reasons.

A trigger opens a decision; exactly one entry closes it. A contact has at most one decision that still
asks for something; a newer trigger takes it over, unless a write already carries it.
"""

from domain import links
from domain.agreeing import agree
from domain.answer import Broken, Draft, Plan, linked
from domain.asking import ask, look_first
from domain.book import OPEN, TIMERS, held_queue
from domain.holding import held_reason, in_error
from domain.identity import CRMS, HUBSPOT, Crm, Fields, FieldValue, RecordRef
from domain.membership import note_member
from domain.outbox import allowed, discount, intend, refused
from domain.outcomes import Outcome, OutcomeClass
from domain.plan import plan
from domain.reasons import ABSENT, Reason, Wait
from domain.records import version_of
from domain.state import Closed, Contact, Flight, Letter, Once, Opened, Priority, content, intent_key
from domain.step import Step, replace


def open_decision(
    step: Step,
    contact: Contact,
    trigger: str,
    detail: str = "",
    priority: Priority = Priority.LIVE,
    *,
    once: Once = Once.NO,
) -> Contact:
    """Begin a decision; it takes over an older one that no write carries yet, with its urgency and its leave.

    One event opens at most one decision of a contact: the first trigger names it.
    """
    before = contact.opened
    if before is not None and before.id == step.position:
        return contact
    flying = contact.flying
    if before is not None and _carried(contact, before.id):
        flying = (*flying, before)
    elif before is not None:
        _close(step, contact, before, Reason.SUPERSEDED, superseded_by=step.position)
        priority = priority.or_sooner(before.priority)
    step.book.count(f"triggers/{trigger}")
    step.book.queue(OPEN, contact.id, step.at)
    return replace(
        contact,
        opened=Opened(step.position, trigger, detail, step.at, priority, once=once or contact.once),
        flying=flying,
        memberships={},
        leave=Once.NO,
    )


def settle(step: Step, contact: Contact) -> Contact:
    """Decide the contact again, if a decision is open: what happens next, or how it ends."""
    if contact.opened is None:
        return contact
    if contact.orphaned:
        contact = replace(contact, into=_aim(step, contact))
    answer = plan(contact, step.policy, step.at)
    if contact.holds and (shown_again := _shown_again(contact, answer)):
        contact = _look_at_shown(step, contact, shown_again)
        answer = plan(contact, step.policy, step.at)
    contact = _learn(step, contact, answer)
    if answer.wait is not None:
        return _wait(step, contact, answer)
    withdrawn = bool(contact.intents)
    drafts: dict[Crm, Draft] = {}
    if answer.drafts and answer.stop is None:
        contact, drafts = allowed(step, contact, answer)
    if drafts or withdrawn:
        contact = intend(step, contact, drafts)
    if contact.intents or contact.flights:
        return replace(contact, wait=Wait.DELIVERY)
    return _conclude(step, contact, answer, withdrawn=withdrawn)


def record_written(contact: Contact, decision: str, crm: Crm, fields: Fields) -> Contact:
    """Note with a decision what was delivered for it; what it was allowed once is used up by that.

    What was counted of earlier attempts is over, and so is what put them off.
    """
    flying, opened = contact.flying, contact.opened
    if flying:
        used = crm is HUBSPOT and any(each.once and each.id == decision for each in flying)
        opened = replace(opened, once=Once.NO) if opened is not None and used else opened
        flying = tuple(_with_written(each, crm, fields) if each.id == decision else each for each in flying)
    if opened is not None and opened.id == decision:
        opened = _with_written(opened, crm, fields)
    if contact.attempts or contact.resolutions or contact.due:
        contact = _unhindered(contact, crm)
    if crm in contact.counted:
        contact = discount(contact, crm, fields)
    return replace(contact, opened=opened, flying=flying)


def _unhindered(contact: Contact, crm: Crm) -> Contact:
    return replace(
        contact,
        attempts=links.without(contact.attempts, crm),
        resolutions=links.without(contact.resolutions, crm),
        due=links.without(contact.due, crm),
    )


def _with_written(opened: Opened, crm: Crm, fields: Fields) -> Opened:
    wrote = tuple(sorted({*opened.wrote.get(crm, ()), *fields}))
    return replace(opened, wrote={**opened.wrote, crm: wrote})


def land(step: Step, contact: Contact) -> Contact:
    """Close older decisions that no write carries any more: as delivered, or taken over by the newer one."""
    landed = [each for each in contact.flying if not _carried(contact, each.id)]
    newer = contact.opened.id if contact.opened else ""
    for each in landed:
        if each.wrote:
            _close(step, contact, each, Reason.DELIVERED)
        else:
            _close(step, contact, each, Reason.SUPERSEDED, superseded_by=newer)
    return replace(contact, flying=tuple(each for each in contact.flying if each not in landed))


def _carried(contact: Contact, decision: str) -> bool:
    return any(flight.decision == decision for flight in contact.flights.values())


def close_all(
    step: Step, contact: Contact, reason: Reason, explanation: str = "", *, superseded_by: str = ""
) -> Contact:
    """End everything that is open of a contact."""
    for each in (*contact.flying, *([contact.opened] if contact.opened else [])):
        _close(step, contact, each, reason, explanation=explanation, superseded_by=superseded_by)
    for intent in contact.intents.values():
        step.book.drop_intent(intent)
    step.book.queue(OPEN, contact.id, None)
    return replace(contact, opened=None, flying=(), intents={}, wait=None, counted={}, tried={})


# -- the parts of settling


def _aim(step: Step, contact: Contact) -> str:
    """Into which HubSpot record the contact's own may be merged: the partner of its lost record's heir."""
    kind, lost = step.policy.kinds.get(contact.kind), linked(contact, Crm.SALESFORCE)
    if kind is None:
        return contact.into
    heir = links.heir(kind.kind, *lost) if lost else None
    entity = step.book.entity_of(heir.key) if heir else None
    other = step.book.contact(entity) if entity and entity != contact.id else None
    if other is None or other.erased or not links.taken(other, Crm.HUBSPOT):
        return ""
    reached = other.member is not False or kind.section.delete_outside_list
    return RecordRef.parse(other.pair[Crm.HUBSPOT]).id if reached else ""


def _shown_again(contact: Contact, answer: Plan) -> list[Crm]:
    """The targets that would get a field which they did not show; what it holds by now nobody has seen."""
    return [crm for crm, draft in answer.drafts.items() if draft.record_id and _unseen(contact, crm, draft)]


def _unseen(contact: Contact, crm: Crm, draft: Draft) -> bool:
    """Whether the newest look at a record did not show a field that is to be written again."""
    holds, record = contact.holds.get(crm, {}), contact.records[contact.pair[crm]]
    return any(
        holds[name].code == ABSENT and version_of(record, name) < record.seen
        for name in draft.fields
        if name in holds
    )


def _look_at_shown(step: Step, contact: Contact, crms: list[Crm]) -> Contact:
    """Have the records looked at before fields are written that are shown again."""
    for crm in crms:
        holds = {name: hold for name, hold in contact.holds[crm].items() if hold.code != ABSENT}
        contact = replace(contact, holds={**contact.holds, crm: holds})
        contact = look_first(step, contact, RecordRef.parse(contact.pair[crm]), "a field is shown again")
    return contact


def _learn(step: Step, contact: Contact, answer: Plan) -> Contact:
    """Keep what the plan found out: agreed values, held fields, losing values, and when to look again."""
    if answer.look_again is not None:
        step.book.queue(TIMERS, f"{contact.id}|look", answer.look_again)
    if answer.member is not None:
        contact = note_member(contact, step.policy.kinds[contact.kind], step.at, member=answer.member)
    if not answer.drafted:
        return _lose(step, contact, answer) if answer.stop is Reason.RECORD_DELETED else contact
    if answer.agreed:
        contact = agree(contact, step.policy.kinds[contact.kind], answer.agreed)
    if answer.held or contact.holds:
        contact = replace(contact, holds=answer.held)
    for crm, broken in answer.broken.items():
        contact = _stop(step, contact, crm, broken)
    if answer.lost and contact.opened is not None:
        lost = {name: (each.crm.value, each.value) for name, each in answer.lost.items()}
        contact = replace(contact, opened=replace(contact.opened, lost={**contact.opened.lost, **lost}))
    return _forgive(step, contact, answer) if contact.refused else contact


def _lose(step: Step, contact: Contact, answer: Plan) -> Contact:
    """Nothing is left to follow, and nothing to be mended: the record is gone."""
    if contact.orphaned:
        contact = replace(contact, orphaned=False, into="")
    return _forgive(step, replace(contact, holds={}), answer) if in_error(contact) else contact


def _stop(step: Step, contact: Contact, crm: Crm, broken: Broken) -> Contact:
    """Keep a write that a validation rule stops as a dead letter; it is judged anew at each decision."""
    text, draft = broken.rule.text, broken.draft
    outcome = Outcome(
        OutcomeClass.REJECTED,
        code=Reason.VALIDATION_RULE,
        message=text.message,
        fields=(text.field,) if text.field else (),
    )
    decision = contact.opened.id if contact.opened else ""
    _keep(step, Letter(contact.id, crm, Reason.VALIDATION_RULE, decision, step.at, 0, draft.fields, outcome))
    return replace(contact, refused={**contact.refused, crm: {}})


def _forgive(step: Step, contact: Contact, answer: Plan) -> Contact:
    """Close the dead letters of targets that have nothing more to be told."""
    busy = {*answer.drafts, *answer.broken, *answer.held, *contact.flights}
    moot = [crm for crm in contact.refused if crm not in busy]
    for crm in moot:
        step.book.put_letter(intent_key(contact.id, crm), None)
    return replace(contact, refused={c: kept for c, kept in contact.refused.items() if c not in moot})


def _wait(step: Step, contact: Contact, answer: Plan) -> Contact:
    """Leave the decision open until what it needs is known; nothing is sent meanwhile."""
    for need in answer.needs:
        ask(step, contact, need)
    if answer.wait is Wait.BASELINE:
        step.book.queue(held_queue("baseline"), contact.id, step.at)
    if contact.intents:
        contact = intend(step, contact, {})
    return replace(contact, wait=answer.wait)


def _conclude(step: Step, contact: Contact, answer: Plan, *, withdrawn: bool) -> Contact:
    """Close the decision: nothing is left to be sent."""
    opened = contact.opened
    assert opened is not None
    stopped = _stopped(contact, answer) if answer.broken or contact.refused else []
    letters = _letters(step, contact, stopped) if stopped else []
    reason, explanation = _ending(opened, answer, letters, withdrawn=withdrawn)
    held = _messages(answer) if answer.held else {}
    kept = intent_key(contact.id, stopped[0]) if letters else ""
    _close(step, contact, opened, reason, explanation=explanation, held=held, letter=kept)
    step.book.queue(OPEN, contact.id, None)
    leave = opened.once
    if leave and (HUBSPOT in opened.wrote or not (answer.stop in _FOR_LATER or HUBSPOT in stopped)):
        leave = Once.NO
    return replace(contact, opened=None, wait=None, looked_up={}, leave=leave, counted={}, tried={})


_FOR_LATER = frozenset({Reason.GUARD, Reason.SHADOW})
"""Why a decision ends without writing what is to be written once somebody lets it."""


def _stopped(contact: Contact, answer: Plan) -> list[Crm]:
    """The targets whose write a validation rule or a dead letter keeps from being sent."""
    return [crm for crm in CRMS if crm in answer.broken or refused(contact, crm, answer)]


def _letters(step: Step, contact: Contact, crms: list[Crm]) -> list[Letter]:
    """The dead letters of some targets."""
    kept = (step.book.letter(intent_key(contact.id, crm)) for crm in crms)
    return [letter for letter in kept if letter is not None]


def _messages(answer: Plan) -> dict[str, str]:
    """Why each held field is."""
    return {name: hold.message for holds in answer.held.values() for name, hold in holds.items()}


def _ending(opened: Opened, answer: Plan, letters: list[Letter], *, withdrawn: bool) -> tuple[Reason, str]:
    if answer.stop is not None and not opened.wrote:
        return answer.stop, answer.explanation
    holds = [hold for each in answer.held.values() for hold in each.values()] if answer.held else []
    why = ", ".join(sorted({hold.message for hold in holds})) if holds else ""
    if opened.wrote:
        stopped = answer.stop is Reason.GUARD or (answer.stop is not None and withdrawn)
        kept_back = stopped or letters or holds
        return (Reason.PARTLY_DELIVERED, answer.explanation or why) if kept_back else (Reason.DELIVERED, "")
    if letters:
        return letters[0].reason, letters[0].outcome.message
    if holds:
        return held_reason({hold.code for hold in holds}), why
    return (Reason.WITHDRAWN if withdrawn else Reason.ALREADY_IN_SYNC), ""


def _close(
    step: Step,
    contact: Contact,
    opened: Opened,
    reason: Reason,
    *,
    explanation: str = "",
    superseded_by: str = "",
    held: dict[str, str] | None = None,
    letter: str = "",
) -> None:
    closed = Closed(
        opened.id,
        opened.trigger,
        opened.detail,
        opened.at,
        step.at,
        reason,
        explanation,
        opened.wrote,
        held or {},
        _overwritten(opened) if opened.lost else {},
        superseded_by,
        letter,
    )
    step.book.close(contact.id, closed)


def _overwritten(opened: Opened) -> dict[str, tuple[str, FieldValue]]:
    """The losing values whose targets were really written to."""
    return {name: (crm, value) for name, (crm, value) in opened.lost.items() if crm in opened.wrote}


def send_letter(
    step: Step, contact: Contact, crm: Crm, reason: Reason, flight: Flight, outcome: Outcome
) -> Contact:
    """Give up on a write: keep it as a dead letter, and do not send the same content again by itself."""
    opened = contact.opened
    letter = Letter(
        contact.id,
        crm,
        reason,
        opened.id if opened else "",
        step.at,
        contact.serial.get(crm, 0),
        flight.fields,
        outcome,
        flight.delete,
        flight.into,
    )
    _keep(step, letter)
    return replace(
        contact,
        refused={**contact.refused, crm: content(flight.fields, delete=flight.delete, into=flight.into)},
        attempts={each: count for each, count in contact.attempts.items() if each is not crm},
    )


def _keep(step: Step, letter: Letter) -> None:
    """Keep a dead letter; an error that is there already goes on being one since it began."""
    key = intent_key(letter.entity, letter.crm)
    standing = step.book.letter(key)
    if standing is None or (standing.reason, standing.outcome.code) != (letter.reason, letter.outcome.code):
        step.book.count(f"letters/{letter.crm}")
    else:
        letter = replace(letter, at=standing.at)
    step.book.put_letter(key, letter)
