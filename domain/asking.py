"""Requests for a look at a CRM: a record, a search before a create, a membership."""

from domain.answer import Need
from domain.identity import Crm, RecordRef
from domain.links import match_values
from domain.state import Contact, Priority, ReadRequest
from domain.step import Step, replace


def ask(step: Step, contact: Contact, need: Need, *, again: bool = False) -> None:
    """Request a look at a CRM; ``again`` even if one is on its way, because it may come too early.

    One that is asked for already may become more urgent.
    """
    key, request = _request(step, contact, need)
    standing = None if again else step.book.request(key)
    if standing is None or (standing.id, standing.config) != (request.id, request.config):
        step.book.put_request(key, request, step.at)
    elif standing.priority.or_sooner(request.priority) is not standing.priority:
        step.book.put_request(key, replace(standing, priority=request.priority), step.at)


def ask_record(step: Step, contact: Contact, ref: RecordRef) -> None:
    """Request a look at a record that begins after this event."""
    ask(step, contact, Need("record", ref.crm, ref.object, ref.id), again=True)


def look_first(step: Step, contact: Contact, ref: RecordRef, why: str) -> Contact:
    """Have a record looked at, and send nothing to its CRM before; ``why``: for people."""
    ask_record(step, contact, ref)
    return replace(contact, unsure={**contact.unsure, ref.crm: why})


def look_up_key(crm: Crm, entity: str) -> str:
    return f"look_up/{crm}/{entity}"


def membership_key(list_id: str, entity: str) -> str:
    return f"membership/{list_id}/{entity}"


def _request(step: Step, contact: Contact, need: Need) -> tuple[str, ReadRequest]:
    priority = contact.opened.priority if contact.opened else Priority.LIVE
    keys = _search_keys(step, contact, need) if need.kind == "look_up" else ()
    request = ReadRequest(
        need.crm,
        need.object,
        need.id,
        step.position,
        need.kind,
        contact.id,
        keys,
        priority,
        step.policy.digest,
    )
    return _key(contact, need), request


def _key(contact: Contact, need: Need) -> str:
    if need.kind == "look_up":
        return look_up_key(need.crm, contact.id)
    if need.kind == "membership":
        return membership_key(need.object, contact.id)
    return RecordRef(need.crm, need.object, need.id).key


def _search_keys(step: Step, contact: Contact, need: Need) -> tuple[tuple[str, str, str], ...]:
    """Where a person may be found: under the other CRM's id, and under any of his addresses."""
    kind = step.policy.kinds[contact.kind].kind
    key = contact.pair[need.crm.other]
    partner = RecordRef.parse(key)
    addresses = match_values(kind, partner, contact.records[key].values)
    objects = kind.objects(need.crm)
    keys = [(name, kind.key_field(need.crm), partner.id) for name in objects]
    keys += [
        (name, kind.match[name][0], each) for name in objects if name in kind.match for each in addresses
    ]
    return tuple(keys)
