"""What a CRM shows of a record: folding it, and telling news from echoes.

Echoes and no-ops open no decision, because what they show is what was sent or known already.
"""

import msgspec

from domain import events as e
from domain import links
from domain.agreeing import close_doubt, close_expected, keep_agreed, own_doubted, own_form, shown
from domain.answer import read_in_full
from domain.apart import renamed
from domain.convert import same
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
from domain.identity import HUBSPOT, SALESFORCE, Crm, Fields, RecordRef
from domain.membership import evaluate
from domain.pairs import overlay
from domain.policy import KindPolicy
from domain.records import EMPTY, Change, Folded, Record, observe
from domain.state import Contact, Expected, Once, Priority, ReadRequest
from domain.step import Step, replace

CREATED = "created"

ASKED_FOR = frozenset({"look_up", "import"})
"""Where a record comes from that is new to us only because somebody looked for it."""


class Look(msgspec.Struct, frozen=True, gc=False):
    """One look at a record, beside what was known of it before."""

    event: e.RecordObserved
    kind: KindPolicy
    ref: RecordRef
    before: Record
    folded: Folded
    known: bool  #: the contact had the record already
    linked: bool  #: it was the contact's linked one
    made: bool  #: we made it, and nobody has read it in full since
    overlay: Fields  #: values sent to it and not seen since
    shown: dict[str, Expected]  #: those of which the look shows what became
    settled: frozenset[str]  #: fields in which the look shows what became of our write
    foreign: frozenset[str]  #: fields in which it shows something else than what we wrote
    confirmed: frozenset[str]  #: fields in which it shows that a write without an answer did happen


def observed(step: Step, event: e.RecordObserved) -> None:
    """Fold a look at a record, and decide if it shows news."""
    request = _take_request(step, event)
    kind = step.policy.by_object.get((event.crm, event.object))
    if kind is None:
        step.book.count("ignored/object")
        return
    contact = links.locate(step.book, kind.kind, event)
    if contact.erased:
        return
    look = _look(contact, kind, event, _us(step, event.crm))
    contact = keep_agreed(contact, kind, look.ref, look.folded)
    contact = _place(step, contact, look)
    contact = close_expected(contact, kind, look.ref.crm, look.shown, look.settled)
    contact = _confirm(contact, look, over=request is not None)
    contact = _satisfy(contact, look, request)
    if look.folded.changes and look.known:
        contact = renamed(step, contact, kind, look.ref, look.folded.changes, event)
    contact = follow(step, contact, kind, look.ref, quiet=event.source == "baseline")
    contact = unite_by_match(step, contact, kind, look.ref, searched=event.source == links.SEARCHED)
    joined, contact = _membership(step, contact, look)
    trigger = _trigger(contact, look, joined=joined)
    contact = _loss(step, contact, look)
    if trigger:
        detail = f"{look.ref.key} {trigger[1]}".strip()
        arrives = trigger[0] == CREATED and look.ref.crm is SALESFORCE
        once = Once.ARRIVAL if arrives else Once.NO
        contact = open_decision(step, contact, trigger[0], detail, once=once)
    step.book.put_contact(settle(step, _succeed(contact, look)))


def touched(step: Step, event: e.RecordTouched) -> None:
    """Ask for a look at a record that changed without showing how."""
    if (event.crm, event.object) not in step.policy.by_object:
        step.book.count("ignored/object")
        return
    ref = RecordRef(event.crm, event.object, event.id)
    entity = step.book.entity_of(ref.key)
    contact = step.book.contact(entity) if entity else None
    if contact is None or not contact.erased:
        urgency = Priority.BACKFILL if event.cause == "differs" else Priority.LIVE
        request = ReadRequest(
            ref.crm, ref.object, ref.id, step.position, priority=urgency, config=step.policy.digest
        )
        step.book.put_request(ref.key, request, step.at)


# -- folding


def _take_request(step: Step, event: e.RecordObserved) -> ReadRequest | None:
    """Take the read request off the list that this look answers, if it is the latest asking."""
    if event.request is None:
        return None
    for record_id in (event.id, event.asked_id):
        key = RecordRef(event.crm, event.object, record_id or "").key
        standing = step.book.request(key)
        if standing is not None and standing.asked == event.request:
            step.book.drop_request(key)
            return standing
    return None


_NOTHING: frozenset[str] = frozenset()


def _us(step: Step, crm: Crm) -> str:
    """The user that our writes are made by, where the CRM says so."""
    return step.book.connection.accounts.get(crm, ("", "", ""))[2]


def _look(contact: Contact, kind: KindPolicy, event: e.RecordObserved, us: str) -> Look:
    ref = event.ref
    known = contact.records.get(ref.key)
    before = known or EMPTY
    folded = observe(before, event)
    after = converted(kind, ref, folded.record)
    if after is not folded.record:
        folded = folded._replace(record=after)
    expected = shown(contact, event)
    written = event.crm in contact.expected or event.crm in contact.flights
    settled = own_form(contact, event, before, expected, us) if written else _NOTHING
    return Look(
        event,
        kind,
        ref,
        before,
        folded,
        known=known is not None,
        linked=contact.pair.get(ref.crm) == ref.key,
        made=event.crm in contact.created_by_us,
        overlay=overlay(contact, event.crm) if folded.changes else {},
        shown=expected,
        settled=settled,
        foreign=frozenset(expected.keys() - settled) if expected else _NOTHING,
        confirmed=own_doubted(contact, event, folded.record, us),
    )


def _place(step: Step, contact: Contact, look: Look) -> Contact:
    """Put the record into its contact, as the linked one where that place is free."""
    event, ref = look.event, look.ref
    if step.book.entity_of(ref.key) != contact.id:
        step.book.bind(ref.key, contact.id)
    links.index(step.book, look.kind.kind, ref, look.before.values, look.folded.record.values)
    if event.asked_id and contact.pair.get(ref.crm) == RecordRef(ref.crm, ref.object, event.asked_id).key:
        old = RecordRef(ref.crm, ref.object, event.asked_id)
        contact = replaced(step, contact, look.kind, old, event.id)
    contact = links.join(contact, ref, look.folded.record)
    latest = look.kind.section.follow_latest and links.overtakes(contact, ref)
    return links.relink(contact, ref) if latest else contact


def _confirm(contact: Contact, look: Look, *, over: bool) -> Contact:
    """Take what a write without an answer turns out to have done as written."""
    crm = look.ref.crm
    doubt = contact.doubted.get(crm)
    if doubt is None or contact.pair.get(crm) != look.ref.key:
        return contact
    if look.confirmed:
        written = {name: doubt.flight.fields[name] for name in look.confirmed}
        contact = record_written(contact, doubt.flight.decision, crm, written)
    return close_doubt(contact, look.kind, crm, look.confirmed, over=over)


def _satisfy(contact: Contact, look: Look, request: ReadRequest | None) -> Contact:
    """Note that a record was looked at on request, and whether it is known in full from now on."""
    crm, record = look.ref.crm, look.folded.record
    if contact.pair.get(crm) != look.ref.key:
        return contact
    complete = look.made and read_in_full(contact, look.kind, look.ref, record)
    if request is not None:
        contact = replace(contact, unsure=links.without(contact.unsure, crm))
        if not read_in_full(contact, look.kind, look.ref, record):
            contact = replace(contact, read_under={**contact.read_under, crm: request.config})
            complete = look.made
    if complete:
        made = tuple(each for each in contact.created_by_us if each is not crm)
        contact = replace(contact, created_by_us=made)
    return contact


def _loss(step: Step, contact: Contact, look: Look) -> Contact:
    """Note that the linked record was deleted or restored; a baseline tells nothing of when."""
    same = bool(look.before.gone) == bool(look.folded.record.gone)
    if same or not look.linked or contact.pair.get(look.ref.crm) != look.ref.key:
        return contact
    if look.folded.record.gone and deleted_by_us(contact, look.ref.crm):
        return confirm_deletion(contact, look.ref.crm)
    return contact if look.event.source == "baseline" else note_loss(step, contact, look.kind, look.ref)


def _succeed(contact: Contact, look: Look) -> Contact:
    """Let another record of the person take the place of one that is gone for good."""
    crm = look.ref.crm
    gone = look.linked and look.folded.record.gone and contact.pair.get(crm) == look.ref.key
    heir = links.successor(contact, crm) if gone else None
    return links.relink(contact, heir) if heir else contact


# -- what starts a sync


def _trigger(contact: Contact, look: Look, *, joined: bool) -> tuple[str, str] | None:
    """Whether an observation starts a sync: (trigger, field names), or None."""
    event, folded, before = look.event, look.folded, look.before
    if event.source == "baseline" or contact.pair.get(event.crm) != look.ref.key:
        return None
    if not look.linked:
        return None if event.source in ASKED_FOR else ("linked" if look.known else CREATED, "")
    if bool(before.gone) != bool(folded.record.gone):
        ours = folded.record.gone and deleted_by_us(contact, event.crm)
        return None if ours else ("deleted", "") if folded.record.gone else ("restored", "")
    if joined:
        return "joined_list", ""
    news = _news(look)
    return (_cause(look, news), ",".join(sorted(news))) if news else None


def _cause(look: Look, news: list[str]) -> str:
    """What the news mean: a change of mapped values, or one of the other triggers."""
    prompts = look.kind.prompts[look.event.crm, look.event.object]
    return prompts.get(news[0], "changed") if prompts.keys() >= set(news) else "changed"


def _news(look: Look) -> list[str]:
    """The watched fields that somebody changed.

    Values known for the first time are news in a webhook, which tells of changes only, and in a record
    that we made: its CRM's automation put them there.
    """
    folded, fields = look.folded, look.event.fields
    if not folded.changes and not folded.learned and not look.foreign:
        return []
    watched = look.kind.watched[look.event.crm, look.event.object]
    news = [name for name, each in folded.changes.items() if name in watched and _is_news(look, name, each)]
    if look.event.source == "webhook":
        news += [name for name in folded.learned if name in watched]
    elif look.made:
        mapped = watched - look.kind.prompts[look.event.crm, look.event.object].keys()
        news += [name for name in folded.learned if name in mapped and fields[name] is not None]
    return news + [name for name in look.foreign if name in watched and name not in news]


def _is_news(look: Look, name: str, change: Change) -> bool:
    """Whether a changed value is somebody's, not the echo of our own write or another spelling."""
    if name in look.settled or name in look.confirmed:
        return False
    schema = look.kind.schemas.get((look.event.crm, look.event.object))
    found = schema.fields.get(name) if schema else None
    if name in look.overlay:
        echo = look.overlay[name]
        return echo != change.after if found is None else not same(found.kind, echo, change.after)
    return found is None or not same(found.kind, change.before, change.after)


# -- the inclusion list


def _membership(step: Step, contact: Contact, look: Look) -> tuple[bool, Contact]:
    """Evaluate the inclusion list where it may have changed; tells whether the contact joined it."""
    inclusion, folded = look.kind.inclusion, look.folded
    if inclusion is None or look.ref.crm is not HUBSPOT:
        return False, contact
    if not inclusion.properties.isdisjoint(folded.changes):
        contact = replace(contact, memberships={}) if contact.memberships else contact
        ask_again = look.event.source != "baseline"
        return evaluate(step, contact, look.kind, before=look.before, ask_again=ask_again)
    if inclusion.properties.isdisjoint(folded.learned):
        return False, contact
    return evaluate(step, contact, look.kind, before=look.before)
