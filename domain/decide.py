"""Opening and closing decisions, and turning a plan into intents, read requests and reasons.

A trigger opens a decision; exactly one entry closes it. A contact has at most one decision that still
asks for something; a newer trigger takes it over, unless a write already carries it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from domain.book import OPEN, TIMERS, Book, held_queue
from domain.identity import Crm, Fields, FieldValue
from domain.mapping import MappedField, Pair
from domain.outcomes import Outcome
from domain.plan import Draft, Need, Plan, plan
from domain.policy import Policy
from domain.reasons import Reason, Wait
from domain.state import (
    Bucket,
    Closed,
    Contact,
    Intent,
    Letter,
    Opened,
    Priority,
    ReadRequest,
    intent_key,
)

replace = msgspec.structs.replace

T = TypeVar("T")

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Step:
    """One event's place and moment, and the tables it may write."""

    book: Book
    policy: Policy
    position: str  #: of the event in the log
    at: int  #: the event's time, epoch ms


def open_decision(
    step: Step, contact: Contact, trigger: str, detail: str = "", priority: Priority = Priority.LIVE
) -> Contact:
    """Begin a decision; an older one that no write carries yet is taken over by it."""
    opened = Opened(step.position, trigger, detail, step.at, priority)
    flying = contact.flying
    if contact.opened is not None:
        if _carried(contact, contact.opened):
            flying = (*flying, contact.opened)
        else:
            _close(step, contact, contact.opened, Reason.SUPERSEDED, superseded_by=opened.id)
    step.book.count(f"triggers/{trigger}")
    step.book.queue(OPEN, contact.id, step.at)
    return replace(contact, opened=opened, flying=flying)


def settle(step: Step, contact: Contact) -> Contact:
    """Decide the contact again, if a decision is open: what happens next, or how it ends."""
    if contact.opened is None:
        return contact
    answer = plan(contact, step.policy, step.at)
    contact = _learn(step, contact, answer)
    if answer.wait is not None:
        return _wait(step, contact, answer)
    before = contact.intents
    drafts = {} if answer.stop else _allowed(step, contact, answer)
    contact = _intend(step, contact, drafts)
    if contact.intents or contact.flights:
        return replace(contact, wait=Wait.DELIVERY)
    return _conclude(step, contact, answer, withdrawn=bool(before))


def close_flying(step: Step, contact: Contact, decision: str, wrote: dict[str, tuple[str, ...]]) -> Contact:
    """Close an older decision once the write that carried it was answered.

    Delivered it ends so; otherwise the newer decision has taken its content over, or, if there is none,
    it goes on as the contact's own.
    """
    older = next((each for each in contact.flying if each.id == decision), None)
    if older is None:
        return contact
    contact = replace(contact, flying=tuple(each for each in contact.flying if each is not older))
    if wrote:
        _close(step, contact, replace(older, wrote=wrote), Reason.DELIVERED)
    elif contact.opened is not None:
        _close(step, contact, older, Reason.SUPERSEDED, superseded_by=contact.opened.id)
    else:
        step.book.queue(OPEN, contact.id, older.at)
        return replace(contact, opened=older)
    return contact


def close_all(step: Step, contact: Contact, reason: Reason, explanation: str = "") -> Contact:
    """End everything that is open of a contact."""
    for each in (*contact.flying, *([contact.opened] if contact.opened else [])):
        _close(step, contact, each, reason, explanation=explanation)
    for intent in contact.intents.values():
        step.book.drop_intent(intent)
    step.book.queue(OPEN, contact.id, None)
    return replace(contact, opened=None, flying=(), intents={}, wait=None)


def ask(step: Step, contact: Contact, need: Need, *, again: bool = False) -> None:
    """Request a look at a CRM; ``again`` even if one is on its way, because it may come too early."""
    key, request = _request(step, contact, need)
    if again or step.book.request(key) is None:
        step.book.put_request(key, request, step.at)


def _request(step: Step, contact: Contact, need: Need) -> tuple[str, ReadRequest]:
    priority = contact.opened.priority if contact.opened else Priority.LIVE
    request = ReadRequest(need.crm, need.object, need.id, step.position, need.kind, contact.id, (), priority)
    if need.kind == "record":
        return f"{need.crm}/{need.object}/{need.id}", request
    if need.kind == "membership":
        return f"membership/{need.object}/{contact.id}", request
    kind = step.policy.kinds[contact.kind].kind
    partner = contact.pair[need.crm.other].rpartition("/")[2]
    keys = [(name, kind.key_field(need.crm), partner) for name in kind.objects(need.crm)]
    if need.id:
        keys += [
            (name, kind.match[name][0], need.id) for name in kind.objects(need.crm) if name in kind.match
        ]
    return f"look_up/{need.crm}/{contact.id}", replace(request, keys=tuple(keys))


# -- the parts of settling


def _learn(step: Step, contact: Contact, answer: Plan) -> Contact:
    """Keep what the plan found out: agreed values, held fields, and when to look again."""
    contact = agree(contact, answer.agreed)
    if answer.held or contact.holds:
        contact = replace(contact, holds=answer.held)
    if answer.look_again is not None:
        step.book.queue(TIMERS, f"{contact.id}|look", answer.look_again)
    if answer.member is not None and answer.member != contact.member:
        contact = replace(contact, member=answer.member, member_since=step.at)
    return contact


def agree(contact: Contact, pairs: Iterable[tuple[MappedField, Pair]]) -> Contact:
    """Note pairs of values as in sync; those that the records hold right now are kept as a mark only."""
    pairs = list(pairs)
    if not pairs:
        return contact
    agreed = dict(contact.agreed)
    ours, theirs = (contact.records[contact.pair[crm]] for crm in Crm)
    for mapped, pair in pairs:
        held = (ours.values.get(mapped.hubspot), theirs.values.get(mapped.salesforce))
        agreed[mapped.hubspot] = None if held == pair else (pair.hubspot, pair.salesforce)
    return replace(contact, agreed=agreed)


def _wait(step: Step, contact: Contact, answer: Plan) -> Contact:
    """Leave the decision open until what it needs is known; nothing is sent meanwhile."""
    for need in answer.needs:
        ask(step, contact, need)
    if answer.wait is Wait.BASELINE:
        step.book.queue(held_queue("baseline"), contact.id, step.at)
    contact = _intend(step, contact, {})
    return replace(contact, wait=answer.wait)


def _allowed(step: Step, contact: Contact, answer: Plan) -> dict[Crm, Draft]:
    """The drafts without those that a dead letter or a guard holds back."""
    drafts = {}
    for crm, draft in answer.drafts.items():
        if contact.refused.get(crm) == draft.fields:
            continue
        guard = _tripped(step, contact, crm, draft)
        if guard:
            answer.stop = Reason.GUARD
            answer.explanation = f"more than the allowed {guard} in one hour"
            step.book.queue(held_queue(guard), contact.id, step.at)
            continue
        drafts[crm] = draft
    return drafts


def _tripped(step: Step, contact: Contact, crm: Crm, draft: Draft) -> str:
    """Count a new intent against the guards; names the guard that refuses it."""
    before = contact.intents.get(crm)
    if before is not None and before.fields == draft.fields:
        return ""
    limits = step.policy.kinds[contact.kind].section.guards
    blanked = sum(value is None for value in draft.fields.values())
    wanted = {"creates": int(draft.record_id is None), "blanked": blanked}
    for guard, number in wanted.items():
        if number and guard in limits and not _count(step, guard, number, limits[guard]):
            return guard
    return ""


def _count(step: Step, guard: str, number: int, limit: int) -> bool:
    connection = step.book.connection
    hour = step.at // HOUR_MS
    bucket = connection.guards.get(guard, Bucket(hour, 0))
    if bucket.tripped:
        return False
    count = number + (bucket.count if bucket.hour == hour else 0)
    bucket = Bucket(hour, count, tripped=count > limit)
    step.book.put_connection(replace(connection, guards={**connection.guards, guard: bucket}))
    return not bucket.tripped


def _intend(step: Step, contact: Contact, drafts: dict[Crm, Draft]) -> Contact:
    """Make the outbox say exactly what the drafts say."""
    if not drafts and not contact.intents:
        return contact
    intents: dict[Crm, Intent] = {}
    revision = contact.revision
    for crm, before in contact.intents.items():
        if crm not in drafts:
            step.book.drop_intent(before)
    for crm, draft in drafts.items():
        intent = _intent(step, contact, crm, draft, revision + 1)
        revision = max(revision, intent.revision)
        if intent != contact.intents.get(crm) or crm not in contact.flights:
            step.book.put_intent(intent, waiting=crm not in contact.flights)
        intents[crm] = intent
    return replace(contact, intents=intents, revision=revision)


def _intent(step: Step, contact: Contact, crm: Crm, draft: Draft, revision: int) -> Intent:
    """The intent of a draft: the standing one if it says the same already."""
    opened, failed = contact.opened, contact.attempts.get(crm, 0)
    assert opened is not None
    priority = Priority.RETRY if failed and opened.priority is Priority.LIVE else opened.priority
    due = max(step.at, contact.due.get(crm, 0))
    before = contact.intents.get(crm)
    if before is not None:
        due = before.due if not failed else due
        said = (before.fields, before.record_id, before.object, before.config)
        if said == (draft.fields, draft.record_id, draft.object, step.policy.digest):
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
        due,
        step.policy.digest,
        priority,
        opened.id,
        draft.key_field,
        draft.key_value,
    )


def _conclude(step: Step, contact: Contact, answer: Plan, *, withdrawn: bool) -> Contact:
    """Close the decision: nothing is left to be sent."""
    opened = contact.opened
    assert opened is not None
    held = {name: hold.message for holds in answer.held.values() for name, hold in holds.items()}
    lost = {name: (each.crm.value, each.value) for name, each in answer.lost.items()}
    reason, explanation = _ending(step, contact, opened, answer, withdrawn=withdrawn)
    _close(step, contact, opened, reason, explanation=explanation, held=held, lost=lost)
    step.book.queue(OPEN, contact.id, None)
    return replace(contact, opened=None, wait=None)


def _ending(
    step: Step, contact: Contact, opened: Opened, answer: Plan, *, withdrawn: bool
) -> tuple[Reason, str]:
    if answer.stop is not None:
        return answer.stop, answer.explanation
    letters = [step.book.letter(intent_key(contact.id, crm)) for crm in contact.refused]
    refusal = next((letter for letter in letters if letter is not None), None)
    codes = {hold.code for holds in answer.held.values() for hold in holds.values()}
    if opened.wrote:
        return (Reason.PARTLY_DELIVERED if refusal or codes else Reason.DELIVERED), ""
    if refusal is not None:
        return refusal.reason, refusal.outcome.message
    if codes:
        return _held_reason(codes), ", ".join(
            sorted({h.message for each in answer.held.values() for h in each.values()})
        )
    return (Reason.WITHDRAWN if withdrawn else Reason.ALREADY_IN_SYNC), ""


def _held_reason(codes: set[str]) -> Reason:
    if codes == {Reason.PING_PONG}:
        return Reason.PING_PONG
    return Reason.VALIDATION if codes <= {Reason.VALIDATION, "unconvertible"} else Reason.FIELD_HELD


def _close(
    step: Step,
    contact: Contact,
    opened: Opened,
    reason: Reason,
    *,
    explanation: str = "",
    superseded_by: str = "",
    held: dict[str, str] | None = None,
    lost: dict[str, tuple[str, FieldValue]] | None = None,
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
        lost or {},
        superseded_by,
    )
    step.book.close(contact.id, closed)


def _carried(contact: Contact, opened: Opened) -> bool:
    return any(flight.decision == opened.id for flight in contact.flights.values())


def send_letter(
    step: Step, contact: Contact, crm: Crm, reason: Reason, fields: Fields, outcome: Outcome
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
        fields,
        outcome,
    )
    step.book.put_letter(intent_key(contact.id, crm), letter)
    step.book.count(f"letters/{crm}")
    return replace(contact, refused={**contact.refused, crm: fields}, attempts=without(contact.attempts, crm))


def without(mapping: dict[Crm, T], crm: Crm) -> dict[Crm, T]:
    """The mapping less one CRM."""
    return {key: value for key, value in mapping.items() if key is not crm}
