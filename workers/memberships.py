"""The sweep of lists whose members only HubSpot knows: who joined or left without any change of his own.

Lists of filters on properties and time are evaluated in the fold and need no sweep. The others are paged
through; only contacts of whom the list now says something else become events.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from domain.book import Table, decode
from domain.errors import Transient
from domain.events import MembershipObserved
from domain.identity import Crm, RecordRef
from domain.plan import verdict
from domain.policy import KindPolicy
from workers.connection import Lane, Lease
from workers.ports import ListGateway
from workers.telemetry import get_logger

LEASE_MS = 30_000
PORTION = 200
"""Contacts whose membership is told at once, as the log has room."""

COMPLETE = "COMPLETE"

log = get_logger(__name__)


@dataclass
class Memberships:
    """Compares the members of the inclusion lists with what is known."""

    lane: Lane
    lists: ListGateway

    def sweep(self) -> int | None:
        """Compare everybody; returns how many contacts differed, None if it could not be done now."""
        kinds = [each for each in self.lane.policy().kinds.values() if each.inclusion and each.inclusion.asks]
        with self.lane.lease("memberships", LEASE_MS) as lease, self.lane.refusals(Crm.HUBSPOT):
            if lease is not None and Crm.HUBSPOT not in self.lane.state().suspended:
                found = [self._kind(kind, lease) for kind in kinds]
                return None if None in found else sum(each or 0 for each in found)
        return None

    def _kind(self, kind: KindPolicy, lease: Lease) -> int | None:
        asks = sorted(kind.inclusion.asks) if kind.inclusion else []
        if any(self.lists.list_definition(each).get("processingStatus") != COMPLETE for each in asks):
            return None
        ticket = self.lane.coordination.tickets()
        members = {list_id: frozenset(self._members(list_id, lease)) for list_id in asks}
        differing = list(self._differing(kind, members))
        for first in range(0, len(differing), PORTION):
            self.lane.await_room(lease)
            self.lane.append(
                [
                    MembershipObserved(
                        entity=entity,
                        list_id=list_id,
                        member=record_id in ids,
                        ticket=ticket,
                        request=f"sweep/{ticket}",
                    )
                    for entity, record_id in differing[first : first + PORTION]
                    for list_id, ids in members.items()
                ]
            )
        log.info(
            "poll_finished",
            connection=self.lane.name,
            crm=Crm.HUBSPOT,
            stream="memberships",
            new=len(differing),
        )
        return len(differing)

    def _members(self, list_id: str, lease: Lease) -> Iterator[str]:
        after: str | None = None
        while lease.renew():
            page, after = self.lists.members(list_id, after=after)
            yield from page
            if after is None:
                return
        raise Transient("lease_lost")

    def _differing(
        self, kind: KindPolicy, members: Mapping[str, frozenset[str]]
    ) -> Iterator[tuple[str, str]]:
        """The contacts, with their HubSpot ids, whose membership is not what is known of it."""
        now = self.lane.clock.now_ms()
        for entity, raw in self.lane.tables().scan(Table.CONTACTS):
            contact = decode(Table.CONTACTS, raw)
            if contact.kind != kind.kind.name or contact.erased or Crm.HUBSPOT not in contact.pair:
                continue
            record_id = RecordRef.parse(contact.pair[Crm.HUBSPOT]).id
            told = {list_id: record_id in ids for list_id, ids in members.items()}
            word = verdict(msgspec.structs.replace(contact, memberships=told), kind, now)
            known = (contact.member, contact.member_under)
            if word is not None and word.member is not None and known != (word.member, kind.inclusion_key):
                yield entity, record_id
