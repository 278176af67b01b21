"""One mapped field of one linked pair: a three-way merge on the values last known to agree.

What changed is what differs from the agreed pair. That tells a cleared value from one that never was,
lets echoes and no-ops vanish, and shows a real conflict: both sides left what they had agreed on. The
sync rule then names the winner, and the value that lost is kept with the decision.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain.convert import Unconvertible, same
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm, Fields, FieldValue
from domain.schema import FieldSchema


class SyncRule(StrEnum):
    """Who wins, in the words of HubSpot's own screens. Two rules more than the native ones."""

    TWO_WAY = "two_way"
    PREFER_SALESFORCE = "prefer_salesforce_unless_blank"
    PREFER_HUBSPOT = "prefer_hubspot_unless_blank"
    ALWAYS_SALESFORCE = "always_use_salesforce"
    ALWAYS_HUBSPOT = "always_use_hubspot"
    OPT_OUT = "opt_out"  #: a tick travels both ways, taking it away never does
    DONT_SYNC = "dont_sync"


PREFERRED = {SyncRule.PREFER_SALESFORCE: SALESFORCE, SyncRule.PREFER_HUBSPOT: HUBSPOT}
ALWAYS = {SyncRule.ALWAYS_SALESFORCE: SALESFORCE, SyncRule.ALWAYS_HUBSPOT: HUBSPOT}
OPT_OUT, DONT_SYNC = SyncRule.OPT_OUT, SyncRule.DONT_SYNC

Pair = tuple[FieldValue, FieldValue]
"""The two values of a mapped field, HubSpot's first."""


def value_of(pair: Pair, crm: Crm) -> FieldValue:
    return pair[0] if crm is HUBSPOT else pair[1]


class MappedField(msgspec.Struct, frozen=True):
    """A mapping between one property and one field of one Salesforce object, ready for use."""

    hubspot: str
    salesforce: str
    rule: SyncRule
    hubspot_schema: FieldSchema
    salesforce_schema: FieldSchema
    to_hubspot: Callable[[FieldValue], FieldValue]
    to_salesforce: Callable[[FieldValue], FieldValue]
    moves_back: Callable[[Crm, Pair], bool] | None = None  #: whether a write would; None: it may
    first: Callable[[Pair], Crm] | None = None  #: two-way: who wins on a new pair; None: who was later
    gives_way: Callable[[FieldValue], bool] | None = None
    #: whether a HubSpot value that Salesforce cannot take is replaced by Salesforce's; None: never
    fills: tuple[Crm, ...] = ()  #: targets that get a default instead of a blank
    computed: Callable[[Fields, int], FieldValue] | None = None
    #: the value of the side that always wins, by its record and the moment; None: it is a field there
    note: str = ""  #: what happens to its values beside the rule, for people
    verbatim: bool = False  #: nothing is done to values on their way: equal texts mean the same on both sides
    plain: bool = False  #: text on both sides, and nothing but line ends changes on its way

    def name(self, crm: Crm) -> str:
        return self.hubspot if crm is HUBSPOT else self.salesforce

    @property
    def words(self) -> str:
        """The rule and whatever else happens to the values, for people."""
        if self.computed is not None:
            return self.note
        return f"{self.rule} ({self.note})" if self.note else self.rule

    def side(self, crm: Crm) -> tuple[str, FieldSchema]:
        """The field's name and schema in a CRM."""
        if crm is HUBSPOT:
            return self.hubspot, self.hubspot_schema
        return self.salesforce, self.salesforce_schema

    def carrier(self, target: Crm) -> Callable[[FieldValue], FieldValue]:
        """What puts a value into the target's words. It raises ``Unconvertible``."""
        return self.to_hubspot if target is HUBSPOT else self.to_salesforce


class Start(NamedTuple):
    """How a new record gets its first value of a field."""

    name: str  #: of the field in the new record
    schema: FieldSchema
    source: str  #: the field on the other side that the value comes from
    carry: Callable[[FieldValue], FieldValue]
    filled: bool  #: a blank gives a value too
    computed: Callable[[Fields, int], FieldValue] | None  #: as in the mapping


def starts(fields: Iterable[MappedField], target: Crm) -> tuple[Start, ...]:
    """What a new record of a CRM starts with, as far as the rules let values pass in this direction."""
    return tuple(
        Start(
            *each.side(target),
            each.name(target.other),
            each.carrier(target),
            target in each.fills,
            each.computed,
        )
        for each in fields
        if each.rule is not DONT_SYNC and ALWAYS.get(each.rule) is not target
    )


class Agree(NamedTuple):
    """Both sides hold the same: nothing to send, and a new agreed pair."""


class Send(msgspec.Struct, frozen=True):
    """One side's value goes to the other."""

    target: Crm
    value: FieldValue
    source: FieldValue
    lost: FieldValue = None  #: the value that gives way
    conflict: bool = False  #: what gives way is somebody's value, not the one that was agreed on


class Refuse(msgspec.Struct, frozen=True):
    """The winner's value has no counterpart in the target field."""

    target: Crm
    source: FieldValue
    why: str
    code: str


class Leave(NamedTuple):
    """The rule lets nothing pass, and the sides may differ."""


Merged = Agree | Send | Refuse | Leave

AGREE = Agree()
LEAVE = Leave()


Changed = Callable[[MappedField], tuple[int, int]]
"""When the two values of a field last changed, epoch ms; 0 if unknown."""


def merge(field: MappedField, now: Pair, agreed: Pair | None, changed_at: Changed) -> Merged:
    """Decide one field.

    Args:
        field: the mapping and its rule.
        now: the values that count at present, writes under way included.
        agreed: the values last known in sync; None for a new pair.
        changed_at: is asked where both sides may have changed, and the rule names neither.

    Both sides count as changed on a new pair, so where both have a value the two-way rule takes the later.
    """
    if field.rule is DONT_SYNC:
        return LEAVE
    if field.verbatim and now[0] == now[1]:
        return AGREE
    left = CRMS if agreed is None else _left(field, now, agreed)
    if not left or _alike(field, now):
        return AGREE
    winner = _first(field, now, changed_at) if agreed is None else _winner(field, now, left, changed_at)
    if winner is None:
        return LEAVE
    target = winner.other
    if field.moves_back and field.moves_back(target, now):
        return LEAVE
    overwrites = target in left and (agreed is not None or value_of(now, target) is not None)
    return _send(field, now, target, conflict=overwrites)


def _left(field: MappedField, now: Pair, agreed: Pair) -> tuple[Crm, ...]:
    """The sides that have left the agreed pair."""
    ours = same(field.hubspot_schema.kind, now[0], agreed[0])
    theirs = same(field.salesforce_schema.kind, now[1], agreed[1])
    if ours:
        return () if theirs else (SALESFORCE,)
    return (HUBSPOT,) if theirs else CRMS


def _alike(field: MappedField, now: Pair) -> bool:
    """Whether either value is what the other becomes on the far side."""
    hubspot, salesforce = now
    if field.plain:
        return same(field.salesforce_schema.kind, hubspot, salesforce)
    try:
        if same(field.salesforce_schema.kind, field.to_salesforce(hubspot), salesforce):
            return True
    except Unconvertible:
        pass
    try:
        return same(field.hubspot_schema.kind, field.to_hubspot(salesforce), hubspot)
    except Unconvertible:
        return False


def _first(field: MappedField, now: Pair, changed_at: Changed) -> Crm | None:
    """Who wins on a new pair: a blank never clears, and where both have a value the rule decides."""
    if field.rule is OPT_OUT:
        return _ticked(now, CRMS)
    blanks = [crm for crm in CRMS if value_of(now, crm) is None]
    if field.rule in ALWAYS:
        winner = ALWAYS[field.rule]
        return None if winner in blanks else winner
    if blanks:
        return blanks[0].other
    preferred = PREFERRED.get(field.rule)
    return preferred or (field.first(now) if field.first else _latest(changed_at(field)))


def _ticked(now: Pair, left: tuple[Crm, ...]) -> Crm | None:
    """The side on which the box was ticked."""
    return next((crm for crm in left if value_of(now, crm) == "true"), None)


def _winner(field: MappedField, now: Pair, left: tuple[Crm, ...], changed_at: Changed) -> Crm | None:
    if field.rule is OPT_OUT:
        return _ticked(now, left)
    if field.rule in ALWAYS:
        return ALWAYS[field.rule]
    if field.rule in PREFERRED:
        return _preferred(field, now, left, changed_at)
    return left[0] if len(left) == 1 else _latest(changed_at(field))


def _preferred(field: MappedField, now: Pair, left: tuple[Crm, ...], changed_at: Changed) -> Crm:
    """The preferred side wins, with its value or by being cleared; while empty, the other side fills it."""
    crm = PREFERRED[field.rule]
    if value_of(now, crm) is not None:
        return crm
    if crm not in left:
        return crm.other
    return crm if len(left) == 1 else _latest(changed_at(field))


def _latest(changed_at: tuple[int, int]) -> Crm:
    """The side changed last; Salesforce, whose stamps are rounded down to seconds, wins a tie."""
    hubspot, salesforce = changed_at
    return HUBSPOT if hubspot // 1000 > salesforce // 1000 else SALESFORCE


def _send(field: MappedField, now: Pair, target: Crm, *, conflict: bool) -> Merged:
    """Send the winner's value, which the target does not hold already.

    ``conflict``: somebody's value is overwritten, and not just what was agreed on or an empty field.
    """
    if target is SALESFORCE:
        schema, carry, source, held = field.salesforce_schema, field.to_salesforce, *now
    else:
        schema, carry, held, source = field.hubspot_schema, field.to_hubspot, *now
    if schema.calculated or not schema.updateable:
        return LEAVE
    try:
        value = carry(source)
    except Unconvertible as error:
        if target is SALESFORCE and field.gives_way and field.gives_way(source):
            return _send(field, now, HUBSPOT, conflict=source is not None)
        return Refuse(target, source, str(error), error.code)
    return Send(target, value, source, held if conflict else None, conflict)
