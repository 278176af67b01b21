"""What became of writes: claims, answers, and what each class of answer means for the contact."""

from collections.abc import Callable, Collection

from domain import events as e
from domain import links
from domain.agreeing import SETTLING_MS, count_echoes, take_delivery
from domain.answer import read_in_full
from domain.apart import boxes, renamed
from domain.asking import look_first
from domain.book import CLAIMS, TIMERS
from domain.commons import suspended, throttled
from domain.decide import land, open_decision, record_written, send_letter, settle
from domain.following import merged, move_link
from domain.identity import SALESFORCE, Crm, Fields, RecordRef, record_key, record_ref
from domain.learning import RECORD_RULE, compare
from domain.outbox import give_up
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import KindPolicy
from domain.reasons import Reason
from domain.records import Record, Version
from domain.retry import ATTEMPTS, CLAIM_MS, delay_ms
from domain.sent import overlay
from domain.state import Contact, Doubt, Flight, Hold, Intent, intent_key
from domain.step import Step, replace, share

RESOLUTIONS = 3
"""How often in a row an answer may point elsewhere before the write becomes a dead letter."""


_CLAIMS = {crm: f"claims/{crm}" for crm in Crm}
_ANSWERS = {(crm, each): f"answers/{crm}/{each}" for crm in Crm for each in OutcomeClass}
"""The counters of claims and of answers."""


def claimed(step: Step, event: e.DeliveryClaimed) -> None:
    """Note that a write is on its way; what it carries counts from now on.

    It may have been claimed for a contact that is part of another one by now. One write at a time is followed
    to each CRM, the contact's own first.
    """
    book, crm = step.book, event.crm
    contact, key = links.named(book, event.entity), intent_key(event.entity, crm)
    if contact is None or contact.erased:
        book.queue(CLAIMS, key, None)
        return
    own = contact.id == event.entity
    if own and event.attempt <= contact.serial.get(crm, 0):
        return
    other = contact.flights.get(crm)
    if other is not None and other.entity != event.entity:
        if not own:
            book.queue(CLAIMS, key, None)
            return
        give_up(step, other, crm)
    book.count(_CLAIMS[crm])
    book.queue(CLAIMS, key, event.attempt)
    book.queue(TIMERS, f"{event.entity}|claim:{crm}", step.at + CLAIM_MS)
    intent = contact.intents.get(crm)
    if intent is not None:
        book.withhold_intent(intent)
    contact = replace(
        contact,
        flights={**contact.flights, crm: _flight(step, contact, event, intent)},
        serial={**contact.serial, crm: event.attempt} if own else contact.serial,
    )
    if contact.opened is None:
        contact = open_decision(step, contact, "overtaken", event.record_id or "")
    book.put_contact(contact)


def _flight(step: Step, contact: Contact, event: e.DeliveryClaimed, intent: Intent | None) -> Flight:
    """The write that was claimed; ``intent``: what the outbox holds, which may have been rewritten since."""
    decision = intent.decision if intent else contact.opened.id if contact.opened else ""
    same = intent is not None and intent.revision == event.revision and intent.entity == event.entity
    kind = None if same else step.policy.kinds.get(contact.kind)
    disowned = boxes(kind, event.crm, event.object) if kind is not None else set()
    stray = not same and _is_stray(contact, event)
    return Flight(
        event.attempt,
        event.revision,
        event.object,
        event.record_id,
        event.fields,
        event.sources,
        decision,
        step.at,
        _known(contact, event.crm, event.fields),
        event.delete,
        event.into,
        event.entity,
        intent.verdicts if intent and same else None,
        tuple(sorted(disowned & event.fields.keys())),
        stray,
    )


def _is_stray(contact: Contact, event: e.DeliveryClaimed) -> bool:
    """Whether a write had left with values of a record before another one was linked in its place."""
    return event.entity != contact.id or event.revision <= contact.relinked.get(event.crm.other, 0)


def _known(contact: Contact, crm: Crm, names: Collection[str]) -> Fields:
    """What the contact's record holds in some fields, or was sent to it, as far as that is known."""
    key = contact.pair.get(crm)
    if key is None:
        return {}
    values, sent = contact.records[key].values, overlay(contact, crm)
    known = {**values, **sent} if sent else values
    return {name: known[name] for name in names if name in known}


def answered(step: Step, event: e.DeliveryAnswered) -> None:
    """Fold an answer; a repeat, and one to a write that was given up meanwhile, change nothing."""
    book, crm, outcome = step.book, event.crm, event.outcome
    contact, key = links.named(book, event.entity), intent_key(event.entity, crm)
    if contact is None or contact.erased:
        book.queue(CLAIMS, key, None)
        return
    flight = contact.flights.get(crm)
    if flight is None or flight.attempt != event.attempt or flight.entity != event.entity:
        return
    book.queue(CLAIMS, key, None)
    book.count(_ANSWERS[crm, outcome.outcome])
    book.queue(TIMERS, f"{event.entity}|claim:{crm}", None)
    if crm is SALESFORCE and flight.verdicts is not None:
        compare(step, contact, flight, flight.verdicts, outcome)
    contact = replace(contact, flights=links.without(contact.flights, crm))
    contact = _OUTCOMES[outcome.outcome](step, contact, crm, flight, event)
    if contact.flying:
        contact = land(step, contact)
    book.put_contact(settle(step, contact))
    if flight.into and outcome.outcome is OutcomeClass.DELIVERED:
        _merged(step, flight, event)


def _merged(step: Step, flight: Flight, event: e.DeliveryAnswered) -> None:
    """Both records go on as the one that HubSpot's answer names."""
    merged(
        step,
        e.RecordsMerged(
            crm=event.crm,
            object=flight.object,
            winner=event.outcome.record_id or flight.into,
            losers=(flight.into, flight.record_id or ""),
            at=step.at,
        ),
    )


def claim_expired(step: Step, contact: Contact, entity: str, crm: Crm, due: int) -> None:
    """Count a write without an answer as unknown; one that was claimed later keeps its own time."""
    flight = contact.flights.get(crm)
    if flight is None or flight.entity != entity:
        return
    if flight.at + CLAIM_MS > due:
        step.book.queue(TIMERS, f"{entity}|claim:{crm}", flight.at + CLAIM_MS)
        return
    outcome = Outcome(OutcomeClass.UNKNOWN, code="claim_expired")
    answered(
        step,
        e.DeliveryAnswered(entity=entity, crm=crm, attempt=flight.attempt, outcome=outcome, ticket=0),
    )


def stale(step: Step, event: e.IntentStale) -> None:
    """Decide again what was decided under an older configuration."""
    contact = links.named(step.book, event.entity)
    if contact is not None:
        step.book.put_contact(settle(step, contact))


# -- delivered


def _delivered(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """The sent values become agreed; where the answer does not show the stored ones, they are expected."""
    kind = step.policy.kinds[contact.kind]
    apart = kind.apart.get((crm, flight.object))
    contact = record_written(contact, flight.decision, crm, flight.fields)
    contact = _close_intent(step, contact, crm, flight)
    ref = _written(crm, flight, event.outcome)
    if flight.delete:
        contact = _deleted(contact, crm, flight, (step.at, event.ticket))
    elif ref is not None:
        contact = _kept(step, contact, kind, ref, flight, event)
        if apart and flight.record_id is not None:
            contact = renamed(step, contact, kind, ref, flight.fields.keys())
    if crm in contact.refused and _mends(kind, contact, crm, flight):
        step.book.put_letter(intent_key(contact.id, crm), None)
        contact = replace(contact, refused=links.without(contact.refused, crm))
    if crm in contact.doubted:
        contact = replace(contact, doubted=links.without(contact.doubted, crm))
    return count_echoes(contact, crm, flight, flight.fields.keys())


def _mends(kind: KindPolicy, contact: Contact, crm: Crm, flight: Flight) -> bool:
    """Whether a dead letter is over by this write: one of other fields outlives a field's own call."""
    apart = kind.apart.get((crm, flight.object), {}).keys()
    own = bool(flight.fields) and flight.fields.keys() <= apart
    return not own or contact.refused[crm].keys() <= apart


def _kept(
    step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, flight: Flight, event: e.DeliveryAnswered
) -> Contact:
    if contact.pair.get(ref.crm) != ref.key:
        contact = _attach(step, contact, kind, ref, flight)
        if contact.pair.get(ref.crm) != ref.key:
            return contact
    before = contact.records[ref.key].values
    contact = take_delivery(contact, kind, ref, flight, event, step.at)
    after = contact.records[ref.key].values
    if after is not before:
        links.index(step.book, kind.kind, ref, before, after)
    return contact


def _deleted(contact: Contact, crm: Crm, flight: Flight, version: Version) -> Contact:
    """The record is gone from this moment on; only a later look can bring it back."""
    key = RecordRef(crm, flight.object, flight.record_id or "").key
    record = contact.records[key]
    cause = "merged" if flight.into else "deleted"
    gone = replace(record, gone=record.gone or cause, seen=max(version, record.seen))
    return replace(contact, records={**contact.records, key: gone}, orphaned=False, into="")


def _close_intent(step: Step, contact: Contact, crm: Crm, flight: Flight) -> Contact:
    """An intent is done if nothing newer has rewritten it since it was claimed."""
    intent = contact.intents.get(crm)
    if intent is None or intent.revision != flight.revision:
        return contact
    step.book.drop_intent(intent)
    return replace(contact, intents=links.without(contact.intents, crm))


def _written(crm: Crm, flight: Flight, outcome: Outcome) -> RecordRef | None:
    record_id = outcome.record_id or flight.record_id
    return record_ref(record_key(crm, flight.object, record_id)) if record_id else None


def _attach(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, flight: Flight) -> Contact:
    """Link the record that was written, where it is a new one or goes on for the one that was meant."""
    if flight.record_id is not None:
        meant = RecordRef(ref.crm, ref.object, flight.record_id).key
        return move_link(step, contact, ref, "merged") if contact.pair.get(ref.crm) == meant else contact
    if (step.book.entity_of(ref.key) or contact.id) != contact.id:
        return contact if links.taken(contact, ref.crm) else move_link(step, contact, ref, "linked")
    return _made(step, contact, kind, ref, flight)


def _made(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, flight: Flight) -> Contact:
    """A record that we made, or that an upsert found, joins the contact."""
    known = contact.records.get(ref.key)
    record = known or Record(values=dict(flight.fields), version=(0, 0))
    step.book.bind(ref.key, contact.id)
    links.index(step.book, kind.kind, ref, known.values if known else {}, record.values)
    contact = links.join(contact, ref, record)
    if contact.pair.get(ref.crm) != ref.key or read_in_full(contact, kind, ref, record):
        return contact
    return replace(contact, created_by_us=(*contact.created_by_us, ref.crm))


# -- not delivered


def _failed(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """Again, later; after enough failures in a row the write becomes a dead letter."""
    failures = contact.attempts.get(crm, 0) + 1
    if failures >= ATTEMPTS:
        return send_letter(step, contact, crm, Reason.EXHAUSTED, flight, event.outcome)
    wait = delay_ms(intent_key(contact.id, crm), failures, wait_ms=event.outcome.wait_ms)
    return replace(
        contact,
        attempts={**contact.attempts, crm: failures},
        due={**contact.due, crm: step.at + wait},
    )


def _throttled(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:  # noqa: ARG001 - one shape for all outcomes
    change = throttled(crm, event.outcome, step.at)
    share(step, change)
    return replace(contact, due={**contact.due, crm: change.until})


def _resolve(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """The answer names another record, or none: look before deciding again."""
    outcome, rounds = event.outcome, contact.resolutions.get(crm, 0) + 1
    if rounds > RESOLUTIONS:
        return send_letter(step, contact, crm, Reason.REJECTED, flight, outcome)
    contact = replace(contact, resolutions={**contact.resolutions, crm: rounds})
    heir = RecordRef(crm, outcome.other_object or flight.object, outcome.other_id or "")
    if heir.id and contact.pair.get(crm) != heir.key:
        if flight.record_id is not None:
            return _occupied(step, contact, crm, flight, event)
        moved = move_link(step, contact, heir, "resolved")
        if not moved.erased and moved.pair.get(crm) != heir.key:
            return _occupied(step, contact, crm, flight, event)
        return moved
    return _look_at_target(step, contact, crm, flight, "resolve")


def _occupied(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """Somebody else's record holds what must be unique: the address is held back, the rest may go."""
    unique = step.policy.kinds[contact.kind].kind.match.get(flight.object, ())
    blamed = tuple(name for name in unique if name in flight.fields)
    outcome = replace(event.outcome, fields=event.outcome.fields or blamed)
    return _rejected(step, contact, crm, flight, replace(event, outcome=outcome))


def _look_at_target(step: Step, contact: Contact, crm: Crm, flight: Flight, why: str) -> Contact:
    """Look at the target before anything is sent again: at the record, or for the one that was to be made."""
    key = contact.pair.get(crm)
    if flight.record_id is None:
        contact = replace(contact, looked_up=links.without(contact.looked_up, crm))
    return contact if key is None else look_first(step, contact, RecordRef.parse(key), why)


def _rejected(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """Hold back the fields that were blamed and let the others go; without a name, give up on the write."""
    outcome = event.outcome
    blamed = {name for name in outcome.fields if name in flight.fields and name in flight.sources}
    if not blamed or _whole(step, contact, crm, flight, outcome):
        return send_letter(step, contact, crm, Reason.REJECTED, flight, outcome)
    digest = step.policy.digest
    holds = {
        name: Hold(flight.sources[name], digest, outcome.code, outcome.message) for name in sorted(blamed)
    }
    return replace(contact, holds={**contact.holds, crm: {**contact.holds.get(crm, {}), **holds}})


def _whole(step: Step, contact: Contact, crm: Crm, flight: Flight, outcome: Outcome) -> bool:
    """Whether the write makes no sense without the blamed fields; a field's own call is part of a write."""
    kind, blamed = step.policy.kinds[contact.kind], set(outcome.fields)
    if flight.fields.keys() <= kind.apart.get((crm, flight.object), {}).keys():
        return False
    new = flight.record_id is None and not blamed.isdisjoint(kind.kind.match.get(flight.object, ()))
    return new or outcome.code == RECORD_RULE or flight.fields.keys() <= blamed


def _misconfigured(
    step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered
) -> Contact:
    """A field that cannot be written costs that field; any other cause stops the whole target."""
    if not event.outcome.suspends:
        return _rejected(step, contact, crm, flight, event)
    share(step, suspended(crm, event.outcome, step.at))
    if flight.record_id is None:
        return replace(contact, looked_up=links.without(contact.looked_up, crm))
    return contact


def _unknown(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """Nobody knows whether the write happened: look at the target first, never send it again blind."""
    contact = _failed(step, contact, crm, flight, event)
    doubt = Doubt(flight, step.at + SETTLING_MS)
    contact = replace(contact, doubted={**contact.doubted, crm: doubt})
    return _look_at_target(step, contact, crm, flight, "no answer")


_OUTCOMES: dict[OutcomeClass, Callable[[Step, Contact, Crm, Flight, e.DeliveryAnswered], Contact]] = {
    OutcomeClass.DELIVERED: _delivered,
    OutcomeClass.TRANSIENT: _failed,
    OutcomeClass.THROTTLED: _throttled,
    OutcomeClass.RESOLVE: _resolve,
    OutcomeClass.REJECTED: _rejected,
    OutcomeClass.MISCONFIGURED: _misconfigured,
    OutcomeClass.UNKNOWN: _unknown,
}
