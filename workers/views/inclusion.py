"""The inclusion list as people look at it: its filters, who is on it, and whom another list would take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from domain.answer import linked
from domain.book import Table, decode
from domain.identity import CRMS, Crm
from domain.inclusion import Definition, InclusionFilter, Line, compile_list
from domain.plan import verdict
from domain.policy import KindPolicy
from domain.state import Contact
from workers.connection import Lane

LEAVERS = 10
"""How many of those who left last are named."""


@dataclass(frozen=True, slots=True)
class FrozenView:
    """A linked contact that is not on the list: both records are left as they are."""

    entity: str
    since: int


@dataclass(frozen=True, slots=True)
class InclusionView:
    """The inclusion list of one section, and whom it lets sync by what the log says."""

    section: str
    list_id: str  #: empty where everybody may sync
    name: str
    problem: str  #: why the list lets nobody sync; empty if it works
    filters: list[Line]
    remote: bool  #: whether HubSpot must be asked about some of its filters
    members: int
    others: int
    uncounted: int  #: contacts of whom it is not known yet
    frozen: int  #: contacts in both CRMs that are not on the list
    frozen_last: list[FrozenView]  #: the latest of them


@dataclass(frozen=True, slots=True)
class WhatIfView:
    """Whom another list would take in and leave out."""

    section: str
    list_id: str
    name: str
    filters: list[Line]
    enters: list[str]  #: contacts
    leaves: list[str]
    stays_on: int
    stays_off: int
    unknown: int  #: contacts of whom something must be read, or HubSpot asked
    reads: list[str]  #: properties that would have to be read first
    remote: str  #: the first filter that only HubSpot can answer; empty if there is none


def inclusion(lane: Lane) -> list[InclusionView]:
    """Every section's inclusion list; counting reads all contacts."""
    policy, state = lane.policy(), lane.state()
    return [_inclusion(lane, kind, state.lists) for kind in policy.kinds.values()]


def _inclusion(lane: Lane, kind: KindPolicy, lists: Mapping[str, tuple[str, str]]) -> InclusionView:
    wanted = kind.section.inclusion_list or ""
    counts, frozen = {True: 0, False: 0, None: 0}, list[FrozenView]()
    for contact in _with_hubspot(lane, kind):
        member = contact.member if contact.member_under == kind.inclusion_key else None
        counts[True if not wanted else member] += 1
        if member is False and all(crm in contact.pair for crm in CRMS):
            frozen.append(FrozenView(contact.id, contact.member_since))
    compiled = kind.inclusion
    return InclusionView(
        section=kind.kind.name,
        list_id=compiled.list_id if compiled else wanted,
        name=lists.get(wanted, (wanted, ""))[0],
        problem=kind.inclusion_missing,
        filters=list(compiled.outline) if compiled else [],
        remote=compiled is not None and compiled.remote is not None,
        members=counts[True],
        others=counts[False],
        uncounted=counts[None],
        frozen=len(frozen),
        frozen_last=nlargest(LEAVERS, frozen, key=lambda each: each.since),
    )


def what_if(lane: Lane, section: str, definitions: Sequence[Definition]) -> WhatIfView:
    """Whom a list would take in and leave out, by what the log says; nothing is asked or written.

    ``definitions``: the list, and those that its filters refer to.

    Raises:
        ListError: if the list cannot decide who syncs.
    """
    kind = lane.policy().kinds[section]
    schema = kind.schemas.get((Crm.HUBSPOT, kind.kind.hubspot))
    known = {str(each["listId"]): each for each in definitions}
    other = compile_list(definitions[0], schema=schema, lists=known)
    now, moves = lane.clock.now_ms(), dict[tuple[bool | None, bool | None], list[str]]()
    for contact in _with_hubspot(lane, kind):
        move = (_member(contact, kind, now), _would(contact, kind, other, now))
        moves.setdefault(move, []).append(contact.id)
    return WhatIfView(
        section=section,
        list_id=other.list_id,
        name=str(definitions[0]["name"]),
        filters=list(other.outline),
        enters=sorted(moves.get((False, True), [])),
        leaves=sorted(moves.get((True, False), [])),
        stays_on=len(moves.get((True, True), [])),
        stays_off=len(moves.get((False, False), [])),
        unknown=sum(len(found) for move, found in moves.items() if None in move),
        reads=sorted(other.properties - kind.needed[Crm.HUBSPOT, kind.kind.hubspot]),
        remote=other.remote or "",
    )


def _with_hubspot(lane: Lane, kind: KindPolicy) -> Iterator[Contact]:
    """The contacts of a kind that HubSpot holds."""
    for _, raw in lane.tables().scan(Table.CONTACTS):
        contact: Contact = decode(Table.CONTACTS, raw)
        found = linked(contact, Crm.HUBSPOT)
        if contact.kind == kind.kind.name and not contact.erased and found and not found[1].gone:
            yield contact


def _member(contact: Contact, kind: KindPolicy, now: int) -> bool | None:
    if kind.inclusion is None:
        return not kind.inclusion_missing
    word = verdict(contact, kind, now)
    member = word.member if word else None
    return contact.member if member is None and contact.member_under == kind.inclusion_key else member


def _would(contact: Contact, kind: KindPolicy, other: InclusionFilter, now: int) -> bool | None:
    found = linked(contact, Crm.HUBSPOT)
    assert found is not None
    return other.member(
        found[1].values,
        now=now,
        zone=kind.zone,
        memberships=contact.memberships,
        changed_at=found[1].changed,
    )
