"""Fields that take a call of their own: what they say belongs to that by which the call names the record.

An opt-out belongs to an e-mail address. A contact who has another one may not have opted out with that.
"""

from collections.abc import Collection

from domain.agreeing import expect
from domain.answer import linked
from domain.asking import look_first
from domain.events import RecordObserved
from domain.identity import SALESFORCE, Crm, RecordRef
from domain.policy import KindPolicy
from domain.records import Record, version_of
from domain.state import Contact, Flight
from domain.step import Step, replace


def renamed(
    step: Step,
    contact: Contact,
    kind: KindPolicy,
    ref: RecordRef,
    changed: Collection[str],
    look: RecordObserved | None = None,
) -> Contact:
    """Begin anew with the boxes ticked on either side, where a record goes by another name now.

    ``changed``: its fields that did, by our write or by a look. A look that shows both the box and the name
    says all; otherwise nothing is sent before another one.
    """
    names = {name for name in _ticked(contact, kind, ref) if _moved(contact, kind, ref, name, changed, look)}
    if not names:
        return contact
    waiting = {name: each for name, each in contact.expected.get(ref.crm, {}).items() if name not in names}
    agreed = {name: pair for name, pair in contact.agreed.items() if name not in names}
    contact = expect(replace(contact, agreed=agreed), ref.crm, waiting)
    if look is not None and all({name, _named_by(kind, ref, name)} <= look.fields.keys() for name in names):
        return contact
    return look_first(step, contact, ref, "it goes by another name")


def _ticked(contact: Contact, kind: KindPolicy, ref: RecordRef) -> set[str]:
    theirs = linked(contact, SALESFORCE)
    if theirs is None or contact.pair.get(ref.crm) != ref.key:
        return set()
    mapped, ours = kind.mapped[theirs[0].object, ref.crm], contact.records[ref.key].values
    boxes = {name: mapped[name].salesforce for name in kind.apart[ref.crm, ref.object] if name in mapped}
    return {name for name, other in boxes.items() if "true" in {ours.get(name), theirs[1].values.get(other)}}


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


def went_astray(contact: Contact, apart: dict[str, str], crm: Crm, flight: Flight) -> bool:
    """Whether a write named the record as it is not called any more.

    ``apart``: the fields that take a call of their own, and what names the record there.
    """
    found = linked(contact, crm)
    if found is None:
        return False
    return any(flight.named != found[1].values.get(apart[name]) for name in flight.fields if name in apart)
