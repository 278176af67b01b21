"""What a list's filters compile to: checks in three-valued logic, and what explains them.

A check answers True, False or None; None says that a fact it needs is unknown.
Unknown AND false is false, unknown OR true is true.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.identity import FieldValue

Values = Mapping[str, FieldValue]
NEVER = 1 << 62
"""The moment, in epoch ms, that does not come."""


class Facts(msgspec.Struct, frozen=True):
    """All that a check may look at besides the property values."""

    now: int  #: epoch ms
    zone: ZoneInfo  #: the portal's time zone
    memberships: Mapping[str, bool]  #: what HubSpot says of lists, by list id
    changed_at: Mapping[str, int]  #: when a property last changed in HubSpot, epoch ms


Check = Callable[[Values, Facts], bool | None]
Timer = Callable[[Values, Facts], int]
"""The earliest epoch ms behind ``now`` at which the check could answer differently; NEVER if none."""


class Unanswerable(ValueError):  # noqa: N818 - a property of the filter, which compiling turns into a remote leaf
    """A filter that property values, memberships and time cannot answer; the message says why."""


class Finding(NamedTuple):
    """The leaf that decides a node's answer, and all that would have to change for another."""

    leaf: "Leaf"
    path: tuple[str, ...]
    remedies: tuple[str, ...]


class Gaps(NamedTuple):
    """What must be learnt before a node can answer: properties to read, lists to ask HubSpot about."""

    properties: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()

    def plus(self, other: "Gaps") -> "Gaps":
        return Gaps(self.properties | other.properties, self.lists | other.lists)


def never(values: Values, facts: Facts) -> int:  # noqa: ARG001 - a Timer
    """Time what the clock does not touch."""
    return NEVER


def unanswered(values: Values, facts: Facts) -> None:
    """Answer for a filter that only HubSpot can answer."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One filter."""

    check: Check
    text: str  #: the filter in HubSpot's words
    remedy: str  #: what would make it pass
    property: str | None = None  #: the property it is about, if it is about one
    reads: frozenset[str] = frozenset()  #: properties whose values it needs
    dates: frozenset[str] = frozenset()  #: properties whose last change it needs
    timer: Timer = never
    remote: str | None = None  #: why only HubSpot can answer it

    def leaves(self) -> tuple["Leaf", ...]:
        return (self,)

    def asks(self) -> frozenset[str]:
        return frozenset()

    def lists(self) -> frozenset[str]:
        return frozenset()

    def find(self, values: Values, facts: Facts, path: tuple[str, ...], *, answer: bool | None) -> Finding:  # noqa: ARG002 - a node's
        return Finding(self, path, (self.remedy,))

    def gaps(self, values: Values, facts: Facts) -> Gaps:
        """Nothing where only HubSpot can answer: the list around the filter is asked about."""
        missing = (self.reads - values.keys()) | (self.dates - facts.changed_at.keys())
        return Gaps() if self.remote else Gaps(missing)


@dataclass(frozen=True, slots=True)
class Group:
    """A branch: all of its children must pass, or any of them."""

    conjunction: bool
    children: tuple[tuple[str, "Node"], ...]  #: with their names in a path, ``filter 2``
    check: Check

    def leaves(self) -> tuple[Leaf, ...]:
        return tuple(leaf for _, child in self.children for leaf in child.leaves())

    def asks(self) -> frozenset[str]:
        return frozenset().union(*(child.asks() for _, child in self.children))

    def lists(self) -> frozenset[str]:
        return frozenset().union(*(child.lists() for _, child in self.children))

    def find(self, values: Values, facts: Facts, path: tuple[str, ...], *, answer: bool | None) -> Finding:
        if len(self.children) == 1:
            ((name, child),) = self.children
            return child.find(values, facts, (*path, name), answer=answer)
        findings = [
            child.find(values, facts, (*path, name), answer=answer)
            for name, child in self.children
            if child.check(values, facts) is answer
        ]
        if answer is not False or len(findings) == 1:
            return findings[0]
        if self.conjunction:
            return findings[0]._replace(remedies=tuple(text for each in findings for text in each.remedies))
        return min(findings, key=lambda each: len(each.remedies))

    def gaps(self, values: Values, facts: Facts) -> Gaps:
        gaps = Gaps()
        for _, child in self.children:
            if child.check(values, facts) is None:
                gaps = gaps.plus(child.gaps(values, facts))
        return gaps

    def timer(self, values: Values, facts: Facts) -> int:
        """A decisive child holds the answer, so the last decisive one to change sets the moment."""
        decisive = not self.conjunction
        timers = [
            (child.check(values, facts) is decisive, child.timer(values, facts)) for _, child in self.children
        ]
        holding = [moment for holds, moment in timers if holds]
        return max(holding) if holding else min(moment for _, moment in timers)


@dataclass(frozen=True, slots=True)
class ListNode:
    """Membership of a list: by its filters, else as HubSpot says."""

    list_id: str
    leaf: Leaf  #: the membership itself as one filter, for where the list's own filters do not explain it
    root: "Node | None"  #: None: a list without filters of its own, or one that cannot be looked into
    negated: bool
    asked: bool  #: some of its own filters can only be answered by HubSpot
    open: bool  #: HubSpot's word counts: its filters may leave the question open however much is read
    check: Check

    def leaves(self) -> tuple[Leaf, ...]:
        return (self.leaf, *(self.root.leaves() if self.root else ()))

    def asks(self) -> frozenset[str]:
        """The innermost lists that only HubSpot knows the members of."""
        inner = self.root.asks() if self.root else frozenset()
        return inner | {self.list_id} if self.asked else inner

    def lists(self) -> frozenset[str]:
        """This list, and those that its filters refer to."""
        return (self.root.lists() if self.root else frozenset()) | {self.list_id}

    def find(self, values: Values, facts: Facts, path: tuple[str, ...], *, answer: bool | None) -> Finding:
        if self.root is None or self.negated or self._heard(values, facts) is not None:
            return self.leaf.find(values, facts, path, answer=answer)
        return self.root.find(values, facts, (*path, f"list {self.list_id}") if path else (), answer=answer)

    def gaps(self, values: Values, facts: Facts) -> Gaps:
        inner = self.root.gaps(values, facts) if self.root else Gaps()
        return inner.plus(Gaps(lists=frozenset({self.list_id}))) if self.asked else inner

    def timer(self, values: Values, facts: Facts) -> int:
        return self.root.timer(values, facts) if self.root else NEVER

    def _heard(self, values: Values, facts: Facts) -> bool | None:
        """Return HubSpot's word where it decides, not the filters."""
        undecided = self.open and self.root is not None and self.root.check(values, facts) is None
        return facts.memberships.get(self.list_id) if undecided else None


Node = Leaf | Group | ListNode


def list_node(list_id: str, title: str, root: Node | None, *, negated: bool, remote: str | None) -> ListNode:
    """Build the membership of a list; ``remote`` says why it cannot be looked into, if so."""
    asked = root is None or any(leaf.remote for leaf in _own_leaves(root))
    is_open = root is None or any(leaf.remote or leaf.dates for leaf in root.leaves())
    check = _membership(list_id, root.check if root else unanswered, negated=negated, is_open=is_open)
    text = f"is {'not ' if negated else ''}a member of list {title}"
    remedy = f"{'leave' if negated else 'join'} list {title}"
    leaf = Leaf(check, text, remedy, remote=remote)
    return ListNode(list_id, leaf, root, negated=negated, asked=asked, open=is_open, check=check)


def _membership(list_id: str, inner: Check, *, negated: bool, is_open: bool) -> Check:
    if not is_open and not negated:
        return inner

    def check(values: Values, facts: Facts) -> bool | None:
        member = inner(values, facts)
        if member is None and is_open:
            member = facts.memberships.get(list_id)
        return member if member is None else member is not negated

    return check


def remote_leaf(text: str, reason: str) -> Leaf:
    """Build a filter that only HubSpot can answer."""
    return Leaf(unanswered, text, f"see to it in HubSpot that {text}", remote=reason)


def _own_leaves(node: Node) -> tuple[Leaf, ...]:
    """Return the leaves of a list's own filters, without those of lists it refers to."""
    if isinstance(node, Group):
        return tuple(leaf for _, child in node.children for leaf in _own_leaves(child))
    return (node,) if isinstance(node, Leaf) else ()


def group(children: tuple[tuple[str, Node], ...], *, conjunction: bool) -> Group:
    """Build a branch with at least one child."""
    checks = tuple(child.check for _, child in children)
    joined = _all_of if conjunction else _any_of
    return Group(conjunction, children, joined(checks) if len(checks) > 1 else checks[0])


def _all_of(checks: tuple[Check, ...]) -> Check:
    def check(values: Values, facts: Facts) -> bool | None:
        answer: bool | None = True
        for each in checks:
            passed = each(values, facts)
            if passed is None:
                answer = None
            elif not passed:
                return False
        return answer

    return check


def _any_of(checks: tuple[Check, ...]) -> Check:
    def check(values: Values, facts: Facts) -> bool | None:
        answer: bool | None = False
        for each in checks:
            passed = each(values, facts)
            if passed:
                return True
            if passed is None:
                answer = None
        return answer

    return check
