"""What a CRM shows of a record: folding it, and telling news from echoes.

Echoes and no-ops open no decision, because what they show is what was sent or known already.
"""

from collections.abc import Set as AbstractSet

import msgspec

from domain import events as e
from domain import links
from domain.agreeing import (
    close_doubt,
    close_expected,
    count_echoes,
    keep_agreed,
    own_doubted,
    own_form,
    shown,
)
from domain.answer import read_in_full
from domain.apart import renamed
from domain.convert import Fold
from domain.decide import open_decision, record_written, settle
from domain.following import (
    confirm_deletion,
    converted,
    deleted_by_us,
    follow,
    note_loss,
    replaced,
    unite_by_match,
)
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Fields, FieldValue, RecordRef, record_key
from domain.inclusion import InclusionFilter
from domain.membership import evaluate
from domain.policy import KindPolicy
from domain.records import EMPTY, Folded, Record, observe
from domain.sent import overlay
from domain.state import Contact, Expected, Once, Priority, ReadRequest
from domain.step import Step, replace

CREATED = "created"

ASKED_FOR = frozenset({"look_up", "import"})
"""Where a record comes from that is new to us only because somebody looked for it."""


class Written(msgspec.Struct, frozen=True, gc=False):
    """What a look shows of our own writes to its record."""

    sent: Fields = {}  #: values that were sent to it and not seen since
    shown: dict[str, Expected] = {}  #: those of which the look shows what became
    settled: frozenset[str] = frozenset()  #: fields in which it shows what became of our write
    foreign: frozenset[str] = frozenset()  #: fields in which it shows something else than what we wrote
    confirmed: frozenset[str] = frozenset()  #: fields in which a write without an answer did happen


_NOTHING = Written()


class Look(msgspec.Struct, frozen=True, gc=False):
    """One look at a record, beside what was known of it before."""

    event: e.RecordObserved
    kind: KindPolicy
    ref: RecordRef
    before: Record
    after: Record
    changes: Fields  #: fields whose known value became another, as they were
    learned: frozenset[str]  #: fields known for the first time
    written: Written
    known: bool  #: the contact had the record already
    linked: bool  #: it was the contact's linked one
    made: bool  #: we made it, and nobody has read it in full since
    turned: bool  #: it was there and is gone, or was gone and is back


def observed(step: Step, event: e.RecordObserved) -> None:
    """Fold a look at a record, and decide if it shows news."""
    request = _take_request(step, event) if event.request is not None else None
    kind = step.policy.by_object.get((event.crm, event.object))
    if kind is None:
        step.book.count("ignored/object")
        return
    ref = event.ref
    contact = links.locate(step.book, kind.kind, ref, event)
    if contact.erased:
        return
    look = _look(step, contact, kind, ref, event)
    contact = _place(step, contact, look)
    contact = _account(contact, look, request)
    contact = _identify(step, contact, look)
    joined = False
    if kind.inclusion is not None and (look.changes or look.learned) and ref.crm is HUBSPOT:
        joined, contact = _membership(step, contact, look, kind.inclusion)
    if contact.pair.get(ref.crm) == ref.key:
        contact = _react(step, contact, look, joined=joined)
    step.book.put_contact(settle(step, contact))


def touched(step: Step, event: e.RecordTouched) -> None:
    """Ask for a look at a record that changed without showing how."""
    if (event.crm, event.object) not in step.policy.by_object:
        step.book.count("ignored/object")
        return
    key = record_key(event.crm, event.object, event.id)
    entity = step.book.entity_of(key)
    contact = step.book.contact(entity) if entity else None
    if contact is None or not contact.erased:
        urgency = Priority.BACKFILL if event.cause == "differs" else Priority.LIVE
        request = ReadRequest(
            event.crm, event.object, event.id, step.position, priority=urgency, config=step.policy.digest
        )
        step.book.put_request(key, request, step.at)


# -- folding


def _take_request(step: Step, event: e.RecordObserved) -> ReadRequest | None:
    """Take the read request off the list that a look answers, if it is the latest asking."""
    for record_id in filter(None, (event.id, event.asked_id)):
        key = record_key(event.crm, event.object, record_id)
        standing = step.book.request(key)
        if standing is not None and standing.asked == event.request:
            step.book.drop_request(key)
            return standing
    return None


def _look(step: Step, contact: Contact, kind: KindPolicy, ref: RecordRef, event: e.RecordObserved) -> Look:
    crm, known = ref.crm, contact.records.get(ref.key)
    before = EMPTY if known is None else known
    folded = observe(before, event)
    after = converted(kind, ref, folded.record) if crm is SALESFORCE else folded.record
    ours = crm in contact.expected or crm in contact.flights or crm in contact.doubted
    return Look(
        event,
        kind,
        ref,
        before,
        after,
        folded.changes,
        folded.learned,
        _written(step, contact, ref, event, before, folded) if ours else _NOTHING,
        known=known is not None,
        linked=contact.pair.get(crm) == ref.key,
        made=crm in contact.created_by_us,
        turned=(not before.gone) is not (not after.gone),
    )


_NONE: frozenset[str] = frozenset()


def _written(
    step: Step, contact: Contact, ref: RecordRef, event: e.RecordObserved, before: Record, folded: Folded
) -> Written:
    crm, sent, expected = ref.crm, overlay(contact, ref.crm), shown(contact, ref, event)
    us = step.book.connection.accounts.get(crm, ("", "", ""))[2]
    settled = own_form(event, before, sent, expected, us)
    return Written(
        sent,
        expected,
        settled,
        frozenset(expected.keys() - settled) if expected else _NONE,
        own_doubted(contact, event, folded.record, us) if crm in contact.doubted else _NONE,
    )


def _place(step: Step, contact: Contact, look: Look) -> Contact:
    """Put the record into its contact, as the linked one where that place is free."""
    ref = look.ref
    if look.changes or look.learned:
        links.index(step.book, look.kind.kind, ref, look.before.values, look.after.values)
    if not look.linked:
        return _join(step, contact, look)
    agreed = keep_agreed(contact, look.kind, ref.crm, look.changes) if look.changes else contact.agreed
    return replace(contact, agreed=agreed, records={**contact.records, ref.key: look.after})


def _join(step: Step, contact: Contact, look: Look) -> Contact:
    """Put a record into its contact that is not the linked one so far."""
    event, ref = look.event, look.ref
    if step.book.entity_of(ref.key) != contact.id:
        step.book.bind(ref.key, contact.id)
    if event.asked_id and contact.pair.get(ref.crm) == record_key(ref.crm, ref.object, event.asked_id):
        old = RecordRef(ref.crm, ref.object, event.asked_id)
        contact = replaced(step, contact, look.kind, old, event.id)
    contact = links.join(contact, ref, look.after)
    latest = look.kind.section.follow_latest and links.overtakes(contact, ref)
    return links.relink(contact, ref) if latest else contact


def _account(contact: Contact, look: Look, request: ReadRequest | None) -> Contact:
    """Note what became of our writes, and of the request that the look answers."""
    if look.written.shown:
        contact = close_expected(contact, look.kind, look.ref.crm, look.written.shown, look.written.settled)
    if contact.doubted:
        contact = _confirm(contact, look, over=request is not None)
    if look.made or request is not None:
        contact = _satisfy(contact, look, request)
    return contact


def _identify(step: Step, contact: Contact, look: Look) -> Contact:
    """See to it that the contact has the records of one person, and all of them.

    A contact that begins with this record does because no other was found for it just now.
    """
    event, kind, ref = look.event, look.kind, look.ref
    if look.changes and kind.apart.get((ref.crm, ref.object)):
        contact = renamed(step, contact, kind, ref, look.changes, event)
    if look.after.gone:
        contact = follow(step, contact, kind, ref, quiet=event.source == "baseline")
    if len(contact.pair) < len(CRMS) and (look.known or len(contact.records) > 1):
        contact = unite_by_match(step, contact, kind, ref, searched=event.source == links.SEARCHED)
    return contact


def _confirm(contact: Contact, look: Look, *, over: bool) -> Contact:
    """Take what a write without an answer turns out to have done as written."""
    crm, confirmed = look.ref.crm, look.written.confirmed
    doubt = contact.doubted.get(crm)
    if doubt is None or contact.pair.get(crm) != look.ref.key:
        return contact
    new = confirmed.difference(doubt.confirmed)
    if new:
        written = {name: doubt.flight.fields[name] for name in new}
        contact = record_written(contact, doubt.flight.decision, crm, written)
        contact = count_echoes(contact, crm, doubt.flight, new)
        doubt = replace(doubt, confirmed=(*doubt.confirmed, *sorted(new)))
        contact = replace(contact, doubted={**contact.doubted, crm: doubt})
    return close_doubt(contact, look.kind, crm, confirmed, over=over)


def _satisfy(contact: Contact, look: Look, request: ReadRequest | None) -> Contact:
    """Note that a record was looked at on request, and whether it is known in full from now on."""
    crm, record = look.ref.crm, look.after
    if contact.pair.get(crm) != look.ref.key:
        return contact
    complete = look.made and read_in_full(contact, look.kind, look.ref, record)
    if request is not None:
        contact = replace(contact, unsure=links.without(contact.unsure, crm))
        if not read_in_full(contact, look.kind, look.ref, record):
            contact = replace(contact, read_under={**contact.read_under, crm: request.config})
            complete = look.made
    if complete:
        contact = replace(contact, created_by_us=links.unmade(contact, crm))
    return contact


# -- what starts a sync


def _react(step: Step, contact: Contact, look: Look, *, joined: bool) -> Contact:
    """Do what a look at the linked record calls for: note its loss, and decide if it shows news."""
    trigger = None if look.event.source == "baseline" else _trigger(contact, look, joined=joined)
    if look.linked and look.turned:
        contact = _loss(step, contact, look)
    if trigger is not None:
        contact = _open(step, contact, look, trigger)
    heir = links.successor(contact, look.ref.crm) if look.linked and look.after.gone else None
    return links.relink(contact, heir) if heir else contact


def _loss(step: Step, contact: Contact, look: Look) -> Contact:
    """Note that the linked record was deleted or restored; a baseline tells nothing of when."""
    if look.after.gone and deleted_by_us(contact, look.ref.crm):
        return confirm_deletion(contact, look.ref.crm)
    return contact if look.event.source == "baseline" else note_loss(step, contact, look.kind, look.ref)


def _open(step: Step, contact: Contact, look: Look, cause: tuple[str, str]) -> Contact:
    trigger, names = cause
    detail = f"{look.ref.key} {names}".strip()
    if trigger == CREATED and look.ref.crm is SALESFORCE:
        return open_decision(step, contact, trigger, detail, once=Once.ARRIVAL)
    return open_decision(step, contact, trigger, detail)


def _trigger(contact: Contact, look: Look, *, joined: bool) -> tuple[str, str] | None:
    """Whether an observation starts a sync: (trigger, field names), or None."""
    if not look.linked:
        return None if look.event.source in ASKED_FOR else ("linked" if look.known else CREATED, "")
    if look.turned:
        gone = look.after.gone
        ours = gone and deleted_by_us(contact, look.ref.crm)
        return None if ours else ("deleted", "") if gone else ("restored", "")
    if joined:
        return "joined_list", ""
    if not look.changes and not look.learned and not look.written.foreign:
        return None
    news = _news(look)
    return (_cause(look, news), ",".join(sorted(news))) if news else None


def _cause(look: Look, news: list[str]) -> str:
    """What the news mean: a change of mapped values, or one of the other triggers."""
    prompts = look.kind.prompts[look.event.crm, look.event.object]
    return prompts[news[0]] if news[0] in prompts and prompts.keys() >= set(news) else "changed"


def _news(look: Look) -> list[str]:
    """The watched fields that somebody changed."""
    watched, foreign = look.kind.watched[look.event.crm, look.event.object], look.written.foreign
    news = [
        name
        for name, before in look.changes.items()
        if name in watched and _is_news(look, watched[name], name, before)
    ]
    if look.learned:
        news += _first_news(look, watched.keys())
    if foreign:
        news += sorted((foreign & watched.keys()).difference(news))
    return news


def _first_news(look: Look, watched: AbstractSet[str]) -> list[str]:
    """The watched fields that somebody changed and nobody had read.

    A webhook tells of changes only; and in a record that we made its CRM's automation put the values there.
    """
    if look.event.source == "webhook":
        return sorted(look.learned & watched)
    if not look.made:
        return []
    prompts, fields = look.kind.prompts[look.event.crm, look.event.object], look.event.fields
    mapped = (look.learned & watched) - prompts.keys()
    return [name for name in mapped if fields[name] is not None]


def _is_news(look: Look, fold: Fold, name: str, before: FieldValue) -> bool:
    """Whether a changed value is somebody's, not the echo of our own write or another spelling."""
    written = look.written
    if name in written.settled or name in written.confirmed:
        return False
    return fold(written.sent.get(name, before)) != fold(look.event.fields[name])


# -- the inclusion list


def _membership(step: Step, contact: Contact, look: Look, inclusion: InclusionFilter) -> tuple[bool, Contact]:
    """Evaluate the inclusion list where its answer may have changed; tells whether the contact joined it."""
    if not inclusion.properties.isdisjoint(look.changes):
        contact = replace(contact, memberships={}) if contact.memberships else contact
        ask_again = look.event.source != "baseline"
        return evaluate(step, contact, look.kind, before=look.before, ask_again=ask_again)
    if inclusion.properties.isdisjoint(look.learned):
        return False, contact
    return evaluate(step, contact, look.kind, before=look.before)
