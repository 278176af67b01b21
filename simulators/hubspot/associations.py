"""Associations between records, with the labelled types of the v4 API (typeIds are HubSpot's own)."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

Node = tuple[str, int]  # object type id, record id
Link = tuple[str, int]  # association category, association type id


class Kind(NamedTuple):
    """One type of association between two object types; `inverse` is the type id seen from the other side."""

    type_id: int
    inverse: int
    label: str | None
    name: str


PRIMARY = "Primary"
KINDS: dict[tuple[str, str], tuple[Kind, ...]] = {
    ("0-1", "0-2"): (
        Kind(279, 280, None, "contact_to_company_unlabeled"),
        Kind(1, 2, PRIMARY, "contact_to_company"),
    ),
    ("0-2", "0-1"): (
        Kind(280, 279, None, "company_to_contact_unlabeled"),
        Kind(2, 1, PRIMARY, "company_to_contact"),
    ),
    ("0-3", "0-1"): (Kind(3, 4, None, "deal_to_contact"),),
    ("0-1", "0-3"): (Kind(4, 3, None, "contact_to_deal"),),
    ("0-3", "0-2"): (
        Kind(341, 342, None, "deal_to_company_unlabeled"),
        Kind(5, 6, PRIMARY, "deal_to_company"),
    ),
    ("0-2", "0-3"): (
        Kind(342, 341, None, "company_to_deal_unlabeled"),
        Kind(6, 5, PRIMARY, "company_to_deal"),
    ),
    ("0-1", "0-1"): (Kind(449, 449, None, "contact_to_contact"),),
    ("0-27", "0-1"): (Kind(204, 203, None, "task_to_contact"),),
    ("0-1", "0-27"): (Kind(203, 204, None, "contact_to_task"),),
    ("0-46", "0-1"): (Kind(202, 201, None, "note_to_contact"),),
    ("0-1", "0-46"): (Kind(201, 202, None, "contact_to_note"),),
    ("0-5", "0-1"): (Kind(16, 15, None, "ticket_to_contact"),),
    ("0-1", "0-5"): (Kind(15, 16, None, "contact_to_ticket"),),
}
DEFINED = "HUBSPOT_DEFINED"


def kinds(from_type: str, to_type: str) -> tuple[Kind, ...]:
    """The association types of a pair of object types, the unlabelled one first."""
    return KINDS.get((from_type, to_type), ())


class Associations:
    """All links of the account, stored from both ends."""

    def __init__(self) -> None:
        self._links: dict[Node, dict[Node, set[int]]] = defaultdict(dict)

    def of(self, node: Node, to_type: str) -> Iterator[tuple[int, list[Kind]]]:
        """(other record, types) of the links of a record to one object type, by record id."""
        for other in sorted(self._links.get(node, ())):
            if other[0] == to_type:
                numbers = self._links[node][other]
                yield other[1], [kind for kind in kinds(node[0], to_type) if kind.type_id in numbers]

    def linked(self, node: Node, to_type: str, type_id: int) -> Iterator[int]:
        for other, numbers in self._links.get(node, {}).items():
            if other[0] == to_type and type_id in numbers:
                yield other[1]

    def add(self, node: Node, other: Node, kind: Kind) -> list[tuple[int, Kind]]:
        """Link two records; a primary link takes the place of another and includes the unlabelled one.

        Returns what was new: (other record, kind).
        """
        wanted = [kind]
        if kind.label == PRIMARY:
            wanted.append(kinds(node[0], other[0])[0])
            for previous in list(self.linked(node, other[0], kind.type_id)):
                if previous != other[1]:
                    self._drop(node, (other[0], previous), kind)
        new = []
        for each in wanted:
            numbers = self._links[node].setdefault(other, set())
            if each.type_id not in numbers:
                new.append((other[1], each))
            numbers.add(each.type_id)
            self._links[other].setdefault(node, set()).add(each.inverse)
        return new

    def remove(self, node: Node, other: Node, type_ids: set[int] | None = None) -> list[Kind]:
        """Unlink two records, wholly with None; returns the types that went."""
        numbers = self._links.get(node, {}).get(other, set())
        gone = [
            kind
            for kind in kinds(node[0], other[0])
            if kind.type_id in numbers and (type_ids is None or kind.type_id in type_ids)
        ]
        for kind in gone:
            self._drop(node, other, kind)
        return gone

    def _drop(self, node: Node, other: Node, kind: Kind) -> None:
        for end, far, number in ((node, other, kind.type_id), (other, node, kind.inverse)):
            numbers = self._links[end].get(far, set())
            numbers.discard(number)
            if not numbers:
                self._links[end].pop(far, None)

    def forget(self, type_id: str, record_id: int) -> None:
        """Remove all links of a record."""
        for other in self._links.pop((type_id, record_id), {}):
            self._links[other].pop((type_id, record_id), None)

    def move(self, type_id: str, old_id: int, new_id: int) -> None:
        """Give the links of one record to another."""
        old, new = (type_id, old_id), (type_id, new_id)
        for other, numbers in self._links.pop(old, {}).items():
            if other == new:
                self._links[new].pop(old, None)
                continue
            self._links[new].setdefault(other, set()).update(numbers)
            inverse = self._links[other].pop(old, set())
            self._links[other].setdefault(new, set()).update(inverse)
