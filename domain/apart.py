"""Fields that take a call of their own: what they say belongs to that by which the call names the record.

An opt-out belongs to an e-mail address. A contact who has another one may not have opted out with that.
"""

from collections.abc import Collection

from domain.answer import linked
from domain.asking import look_first
from domain.events import RecordObserved
from domain.identity import Crm, FieldValue, RecordRef
from domain.policy import KindPolicy
from domain.records import Record, version_of
from domain.sent import disown, overlay, unanswered
from domain.state import Contact
from domain.step import Step, replace


def renamed(
    step: Step,
    contact: Contact,
    kind: KindPolicy,
    ref: RecordRef,
    changed: Collection[str],
    look: RecordObserved | None = None,
) -> Contact:
    """Begin anew with the boxes that ever were ticked, where a record goes by another name now.

    What was written to them on either side was for the older name, and makes nothing agreed any more.

    ``changed``: its fields that did, by our write or by a look. A look that shows both the box and the name
    says all; otherwise nothing is sent before another one.
    """
    moved = [
        name for name in kind.apart[ref.crm, ref.object] if _moved(contact, kind, ref, name, changed, look)
    ]
    ticked = _ticked(contact, kind, ref, moved) if moved else {}
    if not ticked:
        return contact
    agreed = {name: pair for name, pair in contact.agreed.items() if name not in ticked}
    contact = disown(replace(contact, agreed=agreed), ref.crm, ticked.keys())
    contact = disown(contact, ref.crm.other, set().union(*ticked.values()))
    if look is not None and all({name, _named_by(kind, ref, name)} <= look.fields.keys() for name in ticked):
        return contact
    return look_first(step, contact, ref, "it goes by another name")


def _ticked(contact: Contact, kind: KindPolicy, ref: RecordRef, boxes: list[str]) -> dict[str, set[str]]:
    """Those that are, were or may be ticked on either side, and their names in the other CRM's objects."""
    if contact.pair.get(ref.crm) != ref.key:
        return {}
    named = {name: _names(kind, ref.crm, name) for name in boxes}
    return {
        name: others
        for name, others in named.items()
        if "true" in _held(contact, ref.crm, {name}) | _held(contact, ref.crm.other, others)
        or "true" in (contact.agreed.get(name) or ())
    }


def _names(kind: KindPolicy, crm: Crm, name: str) -> set[str]:
    """The fields of the other CRM's objects that a field is mapped to."""
    mapped = (fields.get(name) for (_, each), fields in kind.mapped.items() if each is crm)
    return {each.name(crm.other) for each in mapped if each is not None}


def _held(contact: Contact, crm: Crm, names: set[str]) -> set[FieldValue]:
    """What a record may hold in some fields: as it was seen, and as it was sent, answered or not."""
    found = linked(contact, crm)
    doubtful = [flight.fields for flight in unanswered(contact, crm)]
    held = (found[1].values if found else {}, overlay(contact, crm), *doubtful)
    return {each.get(name) for each in held for name in names}


def _moved(
    contact: Contact,
    kind: KindPolicy,
    ref: RecordRef,
    name: str,
    changed: Collection[str],
    look: RecordObserved | None,
) -> bool:
    named_by = _named_by(kind, ref, name)
    late = look is not None and name in changed and _is_older(look, contact.records[ref.key], named_by)
    return named_by in changed or late


def _named_by(kind: KindPolicy, ref: RecordRef, name: str) -> str:
    return kind.apart[ref.crm, ref.object][name]


def _is_older(look: RecordObserved, record: Record, field: str) -> bool:
    """Whether a look that does not show a field was stamped before the value that is known of it."""
    return field not in look.fields and look.modified_at < version_of(record, field)[0]


def boxes(kind: KindPolicy, crm: Crm, name: str) -> set[str]:
    """The fields of an object that take a call of their own, or are mapped to one that does."""
    mapped = kind.mapped.get((name, crm), {})
    return {*kind.apart.get((crm, name), ()), *(each for each in mapped if mapped[each].hubspot_schema.apart)}
