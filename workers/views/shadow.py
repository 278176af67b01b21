"""What shadow mode has kept from being written, as it would be written now."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from domain.answer import Draft
from domain.book import Table, decode, held_queue
from domain.identity import Crm, FieldValue
from domain.outbox import SHADOW
from domain.policy import Policy
from domain.state import Contact
from workers.connection import Lane
from workers.explain import foresee

FAR = 2**62
EVERYBODY = 2**31


@dataclass(frozen=True, slots=True)
class WouldWrite:
    """One write that would be made."""

    entity: str
    since: int  #: when it was decided first
    crm: Crm
    act: str  #: ``create``, ``update`` or ``delete``
    object: str
    record_id: str | None
    fields: dict[str, tuple[FieldValue, FieldValue]]  #: target field -> (value known there, value to be)


@dataclass(frozen=True, slots=True)
class ShadowView:
    """All that waits for somebody to start it."""

    shadow: bool  #: whether shadow mode is on now
    waiting: int  #: contacts
    nothing: int  #: of them, those for whom nothing would be written as things are now
    counts: dict[str, int]  #: ``<crm> <act>`` -> writes
    writes: list[WouldWrite]


def shadow(lane: Lane, limit: int) -> ShadowView:
    """What would be written to the contacts that wait; ``limit``: how many writes are told in full."""
    policy, counts, nothing, told = lane.policy(), Counter[str](), 0, list[WouldWrite]()
    waiting = lane.tables().due(held_queue(SHADOW), FAR, EVERYBODY)
    for contact, since in _contacts(lane, waiting):
        writes = list(_writes(contact, policy, since, lane.clock.now_ms()))
        nothing += not writes
        counts.update(f"{each.crm} {each.act}" for each in writes)
        told += writes[: max(0, limit - len(told))]
    return ShadowView(is_shadow(policy), len(waiting), nothing, dict(counts), told)


def is_shadow(policy: Policy) -> bool:
    """Whether everything is decided and nothing is written."""
    return any(kind.section.shadow for kind in policy.kinds.values())


def _contacts(lane: Lane, waiting: list[tuple[str, int]]) -> Iterator[tuple[Contact, int]]:
    for entity, since in waiting:
        raw = lane.tables().fetch(Table.CONTACTS, [entity])[0]
        if raw is not None:
            yield decode(Table.CONTACTS, raw), since


def _writes(contact: Contact, policy: Policy, since: int, now: int) -> Iterator[WouldWrite]:
    for crm, draft in foresee(contact, policy, now).writes:
        key = contact.pair.get(crm, "")
        known = contact.records[key].values if key else {}
        fields = {name: (known.get(name), value) for name, value in draft.fields.items()}
        yield WouldWrite(contact.id, since, crm, _act(draft), draft.object, draft.record_id, fields)


def _act(draft: Draft) -> str:
    return "delete" if draft.delete else "update" if draft.record_id else "create"
