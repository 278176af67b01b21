"""What an explanation rests on: one contact's state, the policy, and what was decided before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec.structs import replace

from domain.answer import Plan, linked, match_value
from domain.book import Table, decode, decode_closed
from domain.identity import Crm, RecordRef
from domain.plan import plan
from domain.policy import KindPolicy, Policy
from domain.records import Record
from domain.state import Closed, Connection, Contact, Letter, intent_key
from workers.connection import Lane

REMEMBERED = 200
"""How many of a contact's decisions are looked through for the one that is asked about."""


@dataclass(frozen=True)
class Evidence:
    """All that is known when the question is asked."""

    contact: Contact
    connection: Connection
    policy: Policy
    decisions: Sequence[Closed]  #: oldest first
    letters: Mapping[Crm, Letter]
    now: int  #: epoch ms

    @property
    def kind(self) -> KindPolicy | None:
        return self.policy.kinds.get(self.contact.kind)

    @cached_property
    def answer(self) -> Plan:
        """What deciding now would bring."""
        if self.contact.opened is not None:
            return plan(self.contact, self.policy, self.now)
        return foresee(self.contact, self.policy, self.now)

    def linked(self, crm: Crm) -> tuple[RecordRef, Record] | None:
        return linked(self.contact, crm)


def foresee(contact: Contact, policy: Policy, now: int) -> Plan:
    """What deciding anew would bring, if the search before a create finds nobody."""
    kind = policy.kinds.get(contact.kind)
    address = match_value(contact, kind) if kind else None
    searched = replace(contact, looked_up=dict.fromkeys(Crm, address or ""))
    return plan(searched, policy, now)


def gather(lane: Lane, entity: str) -> Evidence:
    """Read the evidence about a contact.

    Raises:
        KeyError: if there is no such contact.
    """
    tables = lane.tables()
    raw = tables.fetch(Table.CONTACTS, [entity])[0]
    if raw is None:
        raise KeyError(entity)
    letters = tables.fetch(Table.LETTERS, [intent_key(entity, crm) for crm in Crm])
    return Evidence(
        decode(Table.CONTACTS, raw),
        lane.state(),
        lane.policy(),
        [decode_closed(each) for each in tables.decisions(entity, REMEMBERED)],
        {crm: decode(Table.LETTERS, kept) for crm, kept in zip(Crm, letters, strict=True) if kept},
        lane.clock.now_ms(),
    )
