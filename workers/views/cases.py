"""What a person must see to: duplicates, and records that lost their partner in the other CRM."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.book import DUPLICATES, ORPHANS, Table, decode
from domain.cases import duplicates, orphan
from domain.identity import Crm, RecordRef
from domain.links import heir
from domain.policy import Policy
from domain.records import DELETED, Record
from domain.state import Contact
from workers.connection import Lane
from workers.store import Tables

NAMES = {Crm.HUBSPOT: "HubSpot", Crm.SALESFORCE: "Salesforce"}
FAR = 2**62
MOST = 100_000
"""The most cases that are listed."""


@dataclass(frozen=True, slots=True)
class DuplicateView:
    """One person with several living records in one CRM."""

    entity: str
    crm: Crm
    records: list[str]  #: their keys, the linked one first
    partner: str  #: the linked record in the other CRM; empty if there is none
    since: int
    remedy: str


@dataclass(frozen=True, slots=True)
class OrphanView:
    """A record whose linked partner in the other CRM is gone."""

    entity: str
    crm: Crm  #: where the partner was
    lost: str  #: its key
    left: str  #: the key of the record that lives
    cause: str
    since: int
    remedy: str


def duplicate_cases(lane: Lane) -> list[DuplicateView]:
    """All duplicates, the oldest case first."""
    return [
        _duplicate(contact, since, crm, keys)
        for contact, since in _listed(lane.tables(), DUPLICATES)
        for crm in Crm
        if (keys := duplicates(contact, crm))
    ]


def orphan_cases(lane: Lane) -> list[OrphanView]:
    """All orphans, the oldest case first."""
    policy = lane.policy()
    found = ((contact, since, orphan(contact)) for contact, since in _listed(lane.tables(), ORPHANS))
    return [_orphan(contact, since, crm, policy) for contact, since, crm in found if crm is not None]


def _listed(tables: Tables, queue: str) -> Iterator[tuple[Contact, int]]:
    listed = tables.due(queue, FAR, MOST)
    found = tables.fetch(Table.CONTACTS, [entity for entity, _ in listed])
    for (_, since), raw in zip(listed, found, strict=True):
        if raw is not None:
            yield decode(Table.CONTACTS, raw), since


def _duplicate(contact: Contact, since: int, crm: Crm, keys: list[str]) -> DuplicateView:
    partner = contact.pair.get(crm.other, "")
    return DuplicateView(contact.id, crm, keys, partner, since, _remedy(contact, crm, keys))


def _remedy(contact: Contact, crm: Crm, keys: list[str]) -> str:
    return (
        f"Merge them in {NAMES[crm]}, delete one, or give one another address. "
        f"Or link another one: crmsync duplicates link {contact.id} {keys[1]}"
    )


def _orphan(contact: Contact, since: int, crm: Crm, policy: Policy) -> OrphanView:
    lost, left = contact.pair[crm], contact.pair[crm.other]
    record = contact.records[lost]
    return OrphanView(contact.id, crm, lost, left, record.gone, since, _mend(contact, crm, record, policy))


def _mend(contact: Contact, crm: Crm, record: Record, policy: Policy) -> str:
    here, there = NAMES[crm], NAMES[crm.other]
    if record.gone in DELETED:
        return f"Restore it in {here}, or delete its partner in {there}."
    kind, ref = policy.kinds.get(contact.kind), RecordRef.parse(contact.pair[crm])
    goes_on = heir(kind.kind, ref, record) if kind else None
    if goes_on is None:
        return f"See what became of it in {here}."
    return (
        f"It goes on as {goes_on.object} {goes_on.id}, which has another {there} record. Merge the two in "
        f"{there}; when_salesforce_records_merged: merge_in_hubspot does that from now on."
    )
