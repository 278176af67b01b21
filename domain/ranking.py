"""Fields that only move forward: which write would move its target back."""

from collections.abc import Callable, Collection, Sequence

from domain.convert import Unconvertible
from domain.identity import Crm, FieldValue
from domain.mapping import Pair, value_of
from domain.translating import Carry

MovesBack = Callable[[Crm, Pair], bool]
"""Whether writing the other side's value to a target would move it back."""


def forward_only(targets: Collection[Crm], order: Sequence[str], to_hubspot: Carry) -> MovesBack:
    """Guard the targets. ``order``: HubSpot's values, the first stage first.

    Clearing is a step back. Values that the order does not name may come and go.
    """
    ranks = {value: rank for rank, value in enumerate(order)}

    def rank(crm: Crm, value: FieldValue) -> int | None:
        if value is None or crm is Crm.HUBSPOT:
            return ranks.get(value or "")
        try:
            return ranks.get(to_hubspot(value) or "")
        except Unconvertible:
            return None

    def moves_back(target: Crm, now: Pair) -> bool:
        if target not in targets:
            return False
        value = value_of(now, target.other)
        held, new = rank(target, value_of(now, target)), rank(target.other, value)
        if held is None:
            return False
        return value is None or (new is not None and new < held)

    return moves_back
