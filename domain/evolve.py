"""What each event changes: one function per kind of event, and the triggers that open decisions.

Folding never fails for what a CRM may say; it never calls anything. Echoes and no-ops open no decision,
because what they show is what was sent or known already.
"""

from collections.abc import Callable
from typing import Any

from domain import events as e
from domain import links
from domain.book import CLAIMS, TIMERS
from domain.convert import same
from domain.decide import (
    Step,
    agree,
    ask,
    close_all,
    close_flying,
    open_decision,
    replace,
    send_letter,
    settle,
    without,
)
from domain.identity import Crm, RecordRef
from domain.mapping import MappedField, Pair
from domain.outcomes import Outcome, OutcomeClass
from domain.plan import Need, linked, overlay, verdict
from domain.policy import KindPolicy
from domain.reasons import Reason
from domain.records import EMPTY, Change, Folded, Record, lose, observe
from domain.retry import ATTEMPTS, CLAIM_MS, delay_ms
from domain.state import (
    Contact,
    Echoed,
    Expected,
    Flight,
    Hold,
    Priority,
    ReadRequest,
    Suspension,
    intent_key,
)

RESOLUTIONS = 3
"""How often in a row an answer may point elsewhere before the write becomes a dead letter."""

FRESH = frozenset({"manual", "resync"})
"""Requests that look at both records before deciding."""


def evolve(step: Step, event: e.AnyEvent) -> None:
    """Fold one event into the tables and decide what follows from it."""
    _HANDLERS[type(event)](step, event)


# -- what CRMs show


def _observed(step: Step, event: e.RecordObserved) -> None:
    kind = step.policy.by_object.get((event.crm, event.object))
    if kind is None:
        step.book.count("ignored/object")
        return
    contact = links.locate(step.book, kind.kind, event)
    if contact.erased:
        return
    ref, before = event.ref, contact.records.get(event.ref.key, EMPTY)
    folded = observe(before, event)
    first = before.seen < (0, 0)
    echoes = overlay(contact, event.crm) if folded.changes else {}
    contact = _keep_agreed(contact, kind, ref, folded)
    contact = _place(step, contact, kind, ref, folded.record, event)
    contact = _see_expected(step, contact, kind, event)
    contact = _answer_request(step, contact, ref, event.request)
    contact = _follow(step, contact, kind, ref)
    contact, partner = _unite(step, contact, kind, ref)
    joined, contact = _membership(step, contact, kind, event.crm, folded)
    made = event.crm in contact.created_by_us
    trigger = None
    if event.source != "baseline" and contact.pair.get(event.crm) == ref.key:
        trigger = _trigger(kind, event, before, folded, echoes, first=first, joined=joined, made=made)
    if trigger or partner:
        trigger = trigger or ("linked", "")
        contact = open_decision(step, contact, trigger[0], f"{ref.key} {trigger[1]}".strip())
    step.book.put_contact(settle(step, contact))


def _trigger(
    kind: KindPolicy,
    event: e.RecordObserved,
    before: Record,
    folded: Folded,
    echoes: dict[str, str | None],
    *,
    first: bool,
    joined: bool,
    made: bool,
) -> tuple[str, str] | None:
    """Whether an observation starts a sync: (trigger, field names), or None.

    Of a record that we made, values learned later are news too: its CRM's automation put them there.
    """
    if first:
        return None if event.source == "look_up" else ("created", "")
    if before.gone and not folded.record.gone:
        return "restored", ""
    if folded.record.gone and not before.gone:
        return "deleted", ""
    if joined:
        return "joined_list", ""
    watched = kind.watched[event.crm, event.object]
    news = [n for n, each in folded.changes.items() if n in watched and _news(kind, event, n, each, echoes)]
    if made:
        news += [name for name in folded.learned if name in watched and event.fields[name] is not None]
    return ("changed", ",".join(sorted(news))) if news else None


def _news(
    kind: KindPolicy, event: e.RecordObserved, name: str, change: Change, echoes: dict[str, str | None]
) -> bool:
    """Whether a changed value is somebody's, not the echo of our own write or another spelling."""
    schema = kind.schemas.get((event.crm, event.object))
    found = schema.fields.get(name) if schema else None
    if name in echoes:
        return False if found is None else not same(found.kind, echoes[name], change.after)
    return found is None or not same(found.kind, change.before, change.after)


def _keep_agreed(contact: Contact, kind: KindPolicy, ref: RecordRef, folded: Folded) -> Contact:
    """Spell out agreed pairs that stood for "what the records hold" before their record changes."""
    if not folded.changes or contact.pair.get(ref.crm) != ref.key or len(contact.pair) < len(Crm):
        return contact
    (_, ours), (theirs_ref, theirs) = (linked(contact, crm) or (ref, EMPTY) for crm in Crm)
    agreed = contact.agreed
    for mapped in kind.fields[theirs_ref.object]:
        if mapped.name(ref.crm) in folded.changes and agreed.get(mapped.hubspot, "") is None:
            pair = (ours.values.get(mapped.hubspot), theirs.values.get(mapped.salesforce))
            agreed = {**agreed, mapped.hubspot: pair}
    return contact if agreed is contact.agreed else replace(contact, agreed=agreed)


def _place(
    step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, record: Record, event: e.RecordObserved
) -> Contact:
    before = contact.records.get(ref.key, EMPTY)
    step.book.bind(ref.key, contact.id)
    links.index(step.book, kind.kind, ref, before.values, record.values)
    if event.asked_id and contact.pair.get(ref.crm, "").endswith(f"/{event.asked_id}"):
        old = RecordRef(ref.crm, ref.object, event.asked_id)
        contact = _replaced(step, contact, kind, old, event.id)
    return links.join(contact, ref, record)


def _replaced(step: Step, contact: Contact, kind: KindPolicy, old: RecordRef, winner: str) -> Contact:
    """Note that a record went on under another id."""
    record = contact.records.get(old.key, EMPTY)
    links.index(step.book, kind.kind, old, record.values, {})
    gone = replace(record, gone="merged", merged_into=winner, values={}, newer={}, changed={})
    return replace(contact, records={**contact.records, old.key: gone})


def _see_expected(step: Step, contact: Contact, kind: KindPolicy, event: e.RecordObserved) -> Contact:
    """Close expected values that this look, begun after our write's answer, shows.

    If nobody has touched the record since, what it shows is the target's own form of what we sent: it
    becomes the agreed value and does not travel back, even where the CRM's automation changed it. If
    somebody else has, what differs from what we sent is theirs.
    """
    expected = contact.expected.get(event.crm)
    if not expected or contact.pair.get(event.crm) != event.ref.key:
        return contact
    shown = {n: each for n, each in expected.items() if n in event.fields and event.ticket >= each.floor}
    if not shown:
        return contact
    left = {name: each for name, each in expected.items() if name not in shown}
    contact = replace(
        contact, expected={**without(contact.expected, event.crm), **({event.crm: left} if left else {})}
    )
    return _agree_as_shown(contact, kind, event.crm, shown) if _by_us(step, event) else contact


def _by_us(step: Step, event: e.RecordObserved) -> bool:
    """Whether the record's last change may be our own write."""
    us = step.book.connection.accounts.get(event.crm, ("", "", ""))[2]
    return not us or event.modified_by is None or event.modified_by == us


def _agree_as_shown(contact: Contact, kind: KindPolicy, crm: Crm, shown: dict[str, Expected]) -> Contact:
    target, source = linked(contact, crm), linked(contact, crm.other)
    if target is None or source is None:
        return contact
    theirs = target[0] if crm is Crm.SALESFORCE else source[0]
    pairs: list[tuple[MappedField, Pair]] = []
    for mapped in kind.fields[theirs.object]:
        name = mapped.name(crm)
        agreed = contact.agreed.get(mapped.hubspot)
        if name not in shown or agreed is None:
            continue
        stored = target[1].values.get(name)
        pairs.append((mapped, Pair(agreed[0], stored) if crm is Crm.SALESFORCE else Pair(stored, agreed[1])))
    return agree(contact, pairs)


def _answer_request(step: Step, contact: Contact, ref: RecordRef, request: str | None) -> Contact:
    """Take a read request off the list if this look answers the latest asking of it."""
    standing = step.book.request(ref.key)
    if standing is None or request != standing.asked:
        return contact
    step.book.drop_request(ref.key, ref.crm)
    if contact.pair.get(ref.crm) != ref.key or ref.crm not in contact.unsure:
        return contact
    return replace(contact, unsure=without(contact.unsure, ref.crm))


def _follow(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef) -> Contact:
    """Follow a linked record that was converted or merged to the record that goes on."""
    record = contact.records[ref.key]
    if contact.pair.get(ref.crm) != ref.key:
        return contact
    conversion = kind.kind.conversions.get(ref.object) if ref.crm is Crm.SALESFORCE else None
    if conversion and record.values.get(conversion.flag) == "true" and record.values.get(conversion.id_field):
        heir = RecordRef(ref.crm, conversion.object, record.values[conversion.id_field] or "")
        return _relink(step, contact, heir, "converted")
    if record.gone == "merged" and record.merged_into:
        return _relink(step, contact, RecordRef(ref.crm, ref.object, record.merged_into), "merged")
    return contact


def _relink(step: Step, contact: Contact, heir: RecordRef, trigger: str) -> Contact:
    """Link the record that goes on, unless it belongs to another contact already."""
    if (step.book.entity_of(heir.key) or contact.id) != contact.id:
        return contact
    step.book.bind(heir.key, contact.id)
    records = {**contact.records, heir.key: contact.records.get(heir.key, EMPTY)}
    contact = links.relink(replace(contact, records=records), heir)
    contact = open_decision(step, contact, trigger, heir.key)
    ask(step, contact, Need("record", heir.crm, heir.object, heir.id), again=True)
    return contact


def _unite(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef) -> tuple[Contact, bool]:
    other = links.partner(step.book, kind.kind, contact, ref, contact.records[ref.key].values)
    if other is None:
        return contact, False
    opened = other.opened is not None
    close_all(step, other, Reason.SUPERSEDED, f"the contact is one with {contact.id}")
    return links.absorb(step.book, contact, other), opened


def _membership(
    step: Step, contact: Contact, kind: KindPolicy, crm: Crm, folded: Folded
) -> tuple[bool, Contact]:
    """Evaluate the inclusion list where it may have changed; tells whether the contact joined it."""
    if kind.inclusion is None or crm is not Crm.HUBSPOT:
        return False, contact
    if not (folded.changes.keys() | folded.learned) & kind.inclusion.properties:
        return False, contact
    return _evaluate(step, contact, kind)


def _evaluate(step: Step, contact: Contact, kind: KindPolicy) -> tuple[bool, Contact]:
    word = verdict(contact, kind, step.at)
    if word is None:
        return False, contact
    if word.next_change is not None:
        step.book.queue(TIMERS, f"{contact.id}|look", word.next_change)
    if word.member is None or word.member == contact.member:
        return False, contact
    joined = word.member and contact.member is False
    return bool(joined), replace(contact, member=word.member, member_since=step.at)


def _touched(step: Step, event: e.RecordTouched) -> None:
    if (event.crm, event.object) not in step.policy.by_object:
        step.book.count("ignored/object")
        return
    ref = RecordRef(event.crm, event.object, event.id)
    entity = step.book.entity_of(ref.key)
    contact = step.book.contact(entity) if entity else None
    if contact is None or not contact.erased:
        step.book.put_request(ref.key, ReadRequest(ref.crm, ref.object, ref.id, step.position), step.at)


def _gone(step: Step, event: e.RecordGone) -> None:
    ref = RecordRef(event.crm, event.object, event.id)
    standing = step.book.request(ref.key)
    if standing is not None and event.request in {None, standing.asked}:
        step.book.drop_request(ref.key, ref.crm)
    entity = step.book.entity_of(ref.key)
    contact = step.book.contact(entity) if entity else None
    kind = step.policy.by_object.get((event.crm, event.object))
    if contact is None or kind is None or contact.erased:
        return
    if event.cause == "erased":
        step.book.put_contact(_erase(step, contact, kind))
        return
    record = contact.records.get(ref.key, EMPTY)
    lost = lose(record, event)
    contact = replace(
        contact,
        records={**contact.records, ref.key: lost},
        unsure=without(contact.unsure, ref.crm),
    )
    if lost.gone and not record.gone and contact.pair.get(ref.crm) == ref.key:
        contact = open_decision(step, contact, "deleted", ref.key)
    step.book.put_contact(settle(step, contact))


def _erase(step: Step, contact: Contact, kind: KindPolicy) -> Contact:
    """Stop all sync of a person and forget what was known of him, but not that he must stay unknown."""
    contact = close_all(step, contact, Reason.ERASED)
    for key, record in contact.records.items():
        links.index(step.book, kind.kind, RecordRef.parse(key), record.values, {})
    for crm in Crm:
        step.book.put_letter(intent_key(contact.id, crm), None)
    blank = {
        key: replace(record, values={}, newer={}, changed={}, gone="erased")
        for key, record in contact.records.items()
    }
    return Contact(contact.id, contact.kind, records=blank, pair=contact.pair, erased=True)


def _merged(step: Step, event: e.RecordsMerged) -> None:
    kind = step.policy.by_object.get((event.crm, event.object))
    if kind is None:
        return
    winner = RecordRef(event.crm, event.object, event.winner)
    for loser in (RecordRef(event.crm, event.object, each) for each in event.losers if each != event.winner):
        entity = step.book.entity_of(loser.key)
        contact = step.book.contact(entity) if entity else None
        if contact is None or contact.erased:
            continue
        contact = _replaced(step, contact, kind, loser, winner.id)
        if contact.pair.get(loser.crm) == loser.key:
            contact = _relink(step, contact, winner, "merged")
        step.book.put_contact(settle(step, contact))


def _looked_up(step: Step, event: e.LookedUp) -> None:
    contact = step.book.contact(event.entity)
    key = f"look_up/{event.crm}/{event.entity}"
    standing = step.book.request(key)
    if standing is not None and standing.asked == event.request:
        step.book.drop_request(key, event.crm)
    if contact is None:
        return
    contact = replace(contact, looked_up={**contact.looked_up, event.crm: event.value})
    step.book.put_contact(settle(step, contact))


def _membership_observed(step: Step, event: e.MembershipObserved) -> None:
    contact = step.book.contact(event.entity)
    key = f"membership/{event.list_id}/{event.entity}"
    standing = step.book.request(key)
    if standing is not None and event.request in {None, standing.asked}:
        step.book.drop_request(key, Crm.HUBSPOT)
    kind = step.policy.kinds.get(contact.kind) if contact else None
    if contact is None or kind is None or contact.erased:
        return
    contact = replace(contact, memberships={**contact.memberships, event.list_id: event.member})
    joined, contact = _evaluate(step, contact, kind)
    if joined:
        contact = open_decision(step, contact, "joined_list", event.list_id)
    step.book.put_contact(settle(step, contact))


# -- what became of writes


def _claimed(step: Step, event: e.DeliveryClaimed) -> None:
    contact, key = step.book.contact(event.entity), intent_key(event.entity, event.crm)
    if contact is None:
        step.book.queue(CLAIMS, key, None)
        return
    if event.attempt <= contact.serial.get(event.crm, 0):
        return
    step.book.count(f"claims/{event.crm}")
    step.book.queue(CLAIMS, key, event.attempt)
    step.book.queue(TIMERS, f"{contact.id}|claim:{event.crm}", step.at + CLAIM_MS)
    intent = contact.intents.get(event.crm)
    if intent is not None:
        step.book.put_intent(intent, waiting=False)
    decision = intent.decision if intent else contact.opened.id if contact.opened else ""
    contact = replace(
        contact,
        flights={**contact.flights, event.crm: _flight(step, event, decision)},
        serial={**contact.serial, event.crm: event.attempt},
        echoes={**contact.echoes, event.crm: _echoes(contact, event)},
    )
    step.book.put_contact(contact)


def _flight(step: Step, event: e.DeliveryClaimed, decision: str) -> Flight:
    return Flight(
        event.attempt,
        event.revision,
        event.object,
        event.record_id,
        event.fields,
        event.sources,
        decision,
        step.at,
    )


def _echoes(contact: Contact, event: e.DeliveryClaimed) -> dict[str, Echoed]:
    """Count how often the same value was sent to a field."""
    echoes = {**contact.echoes.get(event.crm, {})}
    for name, value in event.fields.items():
        sent = echoes.get(name)
        echoes[name] = Echoed(value, sent.times + 1 if sent and sent.value == value else 1)
    return echoes


def _answered(step: Step, event: e.DeliveryAnswered) -> None:
    contact, key = step.book.contact(event.entity), intent_key(event.entity, event.crm)
    if contact is None:
        step.book.queue(CLAIMS, key, None)
        return
    flight = contact.flights.get(event.crm)
    if flight is None or flight.attempt != event.attempt:
        return
    step.book.queue(CLAIMS, key, None)
    step.book.count(f"answers/{event.crm}/{event.outcome.outcome}")
    step.book.queue(TIMERS, f"{contact.id}|claim:{event.crm}", None)
    contact = replace(contact, flights=without(contact.flights, event.crm))
    contact = _OUTCOMES[event.outcome.outcome](step, contact, event.crm, flight, event)
    if event.outcome.outcome is not OutcomeClass.DELIVERED:
        contact = close_flying(step, contact, flight.decision, {})
    step.book.put_contact(settle(step, contact))


def _delivered(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """The sent values become agreed; where the answer does not show the stored ones, they are expected."""
    kind = step.policy.kinds[contact.kind]
    outcome = event.outcome
    ref = _written(kind, crm, flight, outcome)
    if ref is None:
        return contact
    contact = _created(step, contact, ref, flight) if contact.pair.get(crm) != ref.key else contact
    contact = _stored(contact, kind, ref, flight, event)
    contact = replace(
        contact,
        attempts=without(contact.attempts, crm),
        due=without(contact.due, crm),
        refused=without(contact.refused, crm),
    )
    step.book.put_letter(intent_key(contact.id, crm), None)
    wrote = {crm.value: tuple(sorted(flight.fields))}
    if contact.opened is not None and contact.opened.id == flight.decision:
        return replace(contact, opened=replace(contact.opened, wrote={**contact.opened.wrote, **wrote}))
    return close_flying(step, contact, flight.decision, wrote)


def _written(kind: KindPolicy, crm: Crm, flight: Flight, outcome: Outcome) -> RecordRef | None:
    record_id = outcome.record_id or flight.record_id
    name = flight.object or (kind.kind.hubspot if crm is Crm.HUBSPOT else kind.section.create_as)
    return RecordRef(crm, name, record_id) if record_id and name else None


def _created(step: Step, contact: Contact, ref: RecordRef, flight: Flight) -> Contact:
    """A record that we made, or that an upsert found, joins the contact."""
    step.book.bind(ref.key, contact.id)
    record = contact.records.get(ref.key, Record(values=dict(flight.fields), version=(0, 0)))
    contact = links.relink(replace(contact, records={**contact.records, ref.key: record}), ref)
    return replace(contact, created_by_us=(*(c for c in contact.created_by_us if c is not ref.crm), ref.crm))


def _stored(
    contact: Contact, kind: KindPolicy, ref: RecordRef, flight: Flight, event: e.DeliveryAnswered
) -> Contact:
    outcome, crm = event.outcome, ref.crm
    before = contact.records[ref.key]
    if outcome.stored is not None and outcome.stamp is not None:
        shown = {
            name: value
            for name, value in outcome.stored.items()
            if name in flight.fields or name in before.values
        }
        look = e.RecordObserved(
            crm=crm,
            object=ref.object,
            id=ref.id,
            fields=shown,
            modified_at=outcome.stamp,
            ticket=event.ticket,
            source="answer",
        )
        folded = observe(before, look)
        contact = _keep_agreed(contact, kind, ref, folded)
        contact = replace(contact, records={**contact.records, ref.key: folded.record})
        stored = shown
    else:
        stored = {}
        expected = {name: Expected(value, event.ticket) for name, value in flight.fields.items()}
        merged = {**contact.expected.get(crm, {}), **expected}
        contact = replace(contact, expected={**contact.expected, crm: merged})
    return _agree_as_sent(contact, kind, crm, flight, stored)


def _agree_as_sent(
    contact: Contact, kind: KindPolicy, crm: Crm, flight: Flight, stored: dict[str, str | None]
) -> Contact:
    """Agreed := (the value it came from, what the target holds now); only for the fields that were sent."""
    theirs = linked(contact, Crm.SALESFORCE)
    if theirs is None or len(contact.pair) < len(Crm):
        return contact
    pairs = []
    for mapped in kind.fields[theirs[0].object]:
        name = mapped.name(crm)
        if name not in flight.fields or name not in flight.sources:
            continue
        held, source = stored.get(name, flight.fields[name]), flight.sources[name]
        pairs.append((mapped, Pair(held, source) if crm is Crm.HUBSPOT else Pair(source, held)))
    return agree(contact, pairs)


def _failed(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """Again, later; after enough failures in a row the write becomes a dead letter."""
    failures = contact.attempts.get(crm, 0) + 1
    if failures >= ATTEMPTS:
        return send_letter(step, contact, crm, Reason.EXHAUSTED, flight.fields, event.outcome)
    wait = delay_ms(intent_key(contact.id, crm), failures, wait_ms=event.outcome.wait_ms)
    return replace(
        contact,
        attempts={**contact.attempts, crm: failures},
        due={**contact.due, crm: step.at + wait},
    )


def _throttled(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:  # noqa: ARG001 - one shape for all outcomes
    until = step.at + (event.outcome.wait_ms or 1_000)
    connection = step.book.connection
    if connection.throttled.get(crm, 0) < until:
        step.book.put_connection(replace(connection, throttled={**connection.throttled, crm: until}))
    return replace(contact, due={**contact.due, crm: until})


def _resolve(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """The answer names another record, or none: look before deciding again."""
    failures = contact.attempts.get(crm, 0) + 1
    if failures > RESOLUTIONS:
        return send_letter(step, contact, crm, Reason.REJECTED, flight.fields, event.outcome)
    contact = replace(contact, attempts={**contact.attempts, crm: failures})
    outcome = event.outcome
    name = outcome.other_object or flight.object
    if outcome.other_id and name:
        heir = RecordRef(crm, name, outcome.other_id)
        if (step.book.entity_of(heir.key) or contact.id) != contact.id:
            return send_letter(step, contact, crm, Reason.REJECTED, flight.fields, outcome)
        if contact.pair.get(crm) != heir.key:
            return _relink(step, contact, heir, "resolved")
    if flight.record_id is None:
        return replace(contact, looked_up=without(contact.looked_up, crm))
    return _look_first(step, contact, crm, "resolve")


def _look_first(step: Step, contact: Contact, crm: Crm, why: str) -> Contact:
    key = contact.pair.get(crm)
    if key is None:
        return contact
    ref = RecordRef.parse(key)
    ask(step, contact, Need("record", crm, ref.object, ref.id), again=True)
    return replace(contact, unsure={**contact.unsure, crm: why})


def _rejected(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """Hold back the fields that were blamed and let the others go; without a name, give up on the write."""
    outcome = event.outcome
    blamed = [name for name in outcome.fields if name in flight.fields and name in flight.sources]
    whole = outcome.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION" or flight.record_id is None
    if not blamed or whole or len(blamed) == len(flight.fields):
        return send_letter(step, contact, crm, Reason.REJECTED, flight.fields, outcome)
    digest = step.policy.digest
    holds = {n: Hold(flight.sources[n], digest, outcome.code, outcome.message) for n in blamed}
    merged = {**contact.holds.get(crm, {}), **holds}
    return replace(contact, holds={**contact.holds, crm: merged})


def _misconfigured(
    step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered
) -> Contact:
    connection = step.book.connection
    if crm not in connection.suspended:
        suspension = Suspension(step.at, event.outcome.code, event.outcome.message)
        step.book.put_connection(replace(connection, suspended={**connection.suspended, crm: suspension}))
    return (
        replace(contact, looked_up=without(contact.looked_up, crm)) if flight.record_id is None else contact
    )


def _unknown(step: Step, contact: Contact, crm: Crm, flight: Flight, event: e.DeliveryAnswered) -> Contact:
    """Nobody knows whether the write happened: look at the target first, never send it again blind."""
    contact = _failed(step, contact, crm, flight, event)
    if flight.record_id is None:
        return replace(contact, looked_up=without(contact.looked_up, crm))
    return _look_first(step, contact, crm, "no answer")


_OUTCOMES: dict[OutcomeClass, Callable[[Step, Contact, Crm, Flight, e.DeliveryAnswered], Contact]] = {
    OutcomeClass.DELIVERED: _delivered,
    OutcomeClass.TRANSIENT: _failed,
    OutcomeClass.THROTTLED: _throttled,
    OutcomeClass.RESOLVE: _resolve,
    OutcomeClass.REJECTED: _rejected,
    OutcomeClass.MISCONFIGURED: _misconfigured,
    OutcomeClass.UNKNOWN: _unknown,
}


def _stale(step: Step, event: e.IntentStale) -> None:
    contact = step.book.contact(event.entity)
    if contact is not None:
        step.book.put_contact(settle(step, contact))


# -- what people, jobs and the clock ask for


def _sync_requested(step: Step, event: e.SyncRequested) -> None:
    contact = step.book.contact(event.entity)
    if contact is None:
        return
    contact = replace(contact, holds={}, refused={}, echoes={}, attempts={}, due={})
    contact = open_decision(step, contact, event.cause, event.by, Priority(event.priority))
    if event.cause in FRESH:
        contact = replace(contact, unsure=dict.fromkeys(contact.pair, "asked for"))
        for key in contact.pair.values():
            ref = RecordRef.parse(key)
            ask(step, contact, Need("record", ref.crm, ref.object, ref.id), again=True)
    step.book.put_contact(settle(step, contact))


def _timer_due(step: Step, event: e.TimerDue) -> None:
    contact = step.book.contact(event.entity)
    step.book.queue(TIMERS, f"{event.entity}|{event.cause}", None)
    step.book.queue(f"held/{event.cause}", event.entity, None)
    if contact is None:
        return
    if event.cause.startswith("claim:"):
        _claim_expired(step, contact, Crm(event.cause.removeprefix("claim:")), event.due)
        return
    kind = step.policy.kinds.get(contact.kind)
    if event.cause == "look" and kind is not None:
        joined, contact = _evaluate(step, contact, kind)
        if joined:
            contact = open_decision(step, contact, "joined_list", "time")
    elif event.cause != "baseline" and contact.opened is None:
        contact = open_decision(step, contact, "released", event.cause)
    step.book.put_contact(settle(step, contact))


def _claim_expired(step: Step, contact: Contact, crm: Crm, due: int) -> None:
    flight = contact.flights.get(crm)
    if flight is None or flight.at + CLAIM_MS > due:
        return
    outcome = Outcome(OutcomeClass.UNKNOWN, code="claim_expired")
    ticket = 0
    event = e.DeliveryAnswered(
        entity=contact.id, crm=crm, attempt=flight.attempt, outcome=outcome, ticket=ticket
    )
    _answered(step, event)


# -- what is said about the connection as a whole


def _connection(step: Step, **changes: Any) -> None:
    step.book.put_connection(replace(step.book.connection, **changes))


def _configuration_applied(step: Step, event: e.ConfigurationApplied) -> None:
    _connection(step, config=event.digest)


def _schema_observed(step: Step, event: e.SchemaObserved) -> None:
    schemas = {**step.book.connection.schemas, f"{event.crm}/{event.object}": event.digest}
    _connection(step, schemas=schemas)


def _list_observed(step: Step, event: e.ListObserved) -> None:
    _connection(step, lists={**step.book.connection.lists, event.list_id: (event.name, event.digest)})


def _directory_observed(step: Step, event: e.DirectoryObserved) -> None:
    _connection(step, directories={**step.book.connection.directories, event.crm: event.digest})


def _account_observed(step: Step, event: e.AccountObserved) -> None:
    _connection(
        step,
        accounts={
            **step.book.connection.accounts,
            event.crm: (event.account_id, event.zone, event.user_id),
        },
    )


def _baseline_completed(step: Step, event: e.BaselineCompleted) -> None:
    done = {*step.book.connection.baselines, f"{event.crm}/{event.object}"}
    _connection(step, baselines=tuple(sorted(done)))


def _paused(step: Step, event: e.Paused) -> None:
    _connection(step, paused=event.by or "somebody")


def _resumed(step: Step, event: e.Resumed) -> None:  # noqa: ARG001 - one shape for all events
    _connection(step, paused="")


def _suspension_cleared(step: Step, event: e.SuspensionCleared) -> None:
    connection = step.book.connection
    suspended = {crm: each for crm, each in connection.suspended.items() if crm != event.name}
    guards = {name: each for name, each in connection.guards.items() if name != event.name}
    _connection(step, suspended=suspended, guards=guards)


def _letter_discarded(step: Step, event: e.LetterDiscarded) -> None:
    step.book.put_letter(event.letter, None)


def _epoch_started(step: Step, event: e.EpochStarted) -> None:
    _connection(step, epoch=f"{event.code}/{event.schema}/{event.zone_data}")


_HANDLERS: dict[type[e.Event], Callable[[Step, Any], None]] = {
    e.RecordObserved: _observed,
    e.RecordTouched: _touched,
    e.RecordGone: _gone,
    e.RecordsMerged: _merged,
    e.LookedUp: _looked_up,
    e.MembershipObserved: _membership_observed,
    e.DeliveryClaimed: _claimed,
    e.DeliveryAnswered: _answered,
    e.IntentStale: _stale,
    e.SyncRequested: _sync_requested,
    e.TimerDue: _timer_due,
    e.ConfigurationApplied: _configuration_applied,
    e.SchemaObserved: _schema_observed,
    e.ListObserved: _list_observed,
    e.DirectoryObserved: _directory_observed,
    e.AccountObserved: _account_observed,
    e.BaselineCompleted: _baseline_completed,
    e.Paused: _paused,
    e.Resumed: _resumed,
    e.SuspensionCleared: _suspension_cleared,
    e.LetterDiscarded: _letter_discarded,
    e.EpochStarted: _epoch_started,
}
