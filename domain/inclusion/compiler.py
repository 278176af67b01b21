"""From a list definition of HubSpot's lists API to a filter that itself decides who belongs to the list."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from domain.identity import FieldValue
from domain.inclusion.dates import date_leaf
from domain.inclusion.nodes import (
    NEVER,
    Facts,
    Leaf,
    ListNode,
    Node,
    Unanswerable,
    Values,
    group,
    list_node,
    never,
    remote_leaf,
)
from domain.inclusion.operations import comparison_leaf, known_leaf, operation_type, value_leaf
from domain.inclusion.outline import outline
from domain.inclusion.windows import WINDOW_TYPES
from domain.inclusion.wording import Labels
from domain.schema import ObjectSchema

Definition = Mapping[str, Any]
"""A list as the lists API returns it: ``listId``, ``name``, ``processingType``, ``filterBranch``."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class ListError(ValueError):
    """A list that cannot decide who may sync; the message says why."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether a record belongs to the list, and why."""

    member: bool | None  #: None: something must be read or asked first, see ``unknown`` and ``asks``
    leaf: str  #: the filter that decides, in HubSpot's words: ``Country is any of Austria, Germany``
    path: tuple[str, ...]  #: where it stands: ``("group 1", "filter 2")``, through other lists: ``"list 12"``
    property: str | None  #: the property it is about; None if it is about none
    actual: FieldValue  #: that property's value; None: blank, unknown, or no property
    remedy: str  #: what would bring the record into the list; empty unless ``member`` is False
    unknown: tuple[str, ...]  #: properties to read before the list can answer
    asks: tuple[str, ...]  #: ids of lists whose membership HubSpot must be asked for
    next_change: (
        int | None
    )  #: epoch ms before which time alone does not change ``member``; None: it never does


class InclusionFilter:
    """A compiled list. Cheap to ask, safe to share, says nothing about a record it was not shown."""

    def __init__(self, root: ListNode) -> None:
        leaves = root.leaves()
        self._root = root
        self.check = root.check
        """Tells whether values belong to a member, under given facts; None: something is unknown."""
        self.list_id = root.list_id
        self.properties = frozenset(name for leaf in leaves for name in leaf.reads)
        """Properties whose values the list needs."""
        self.changes = frozenset(name for leaf in leaves for name in leaf.dates)
        """Properties whose time of last change the list needs."""
        self.uses_time = any(leaf.timer is not never for leaf in leaves)
        """Whether the clock alone can move a record in or out."""
        self.remote = next((f"{leaf.text}: {leaf.remote}" for leaf in leaves if leaf.remote), None)
        """The first filter that only HubSpot can answer, and why; None: the list is answered here."""
        self.lists = root.lists()
        """Ids of the lists that the answer rests on: this one, and those that its filters refer to."""
        self.outline = tuple(outline(root))
        """The filters in HubSpot's words, from the list itself inwards."""
        self.asks = root.asks()
        """Ids of lists whose membership only HubSpot knows; with these answered, the rest is decided here."""

    def member(
        self,
        values: Values,
        *,
        now: int,
        zone: ZoneInfo,
        memberships: Mapping[str, bool] = _NOTHING,
        changed_at: Mapping[str, int] = _NOTHING,
    ) -> bool | None:
        """Decide membership; see ``explain`` for the arguments and for the reasons."""
        return self.check(values, Facts(now, zone, memberships, changed_at))

    def explain(
        self,
        values: Values,
        *,
        now: int,
        zone: ZoneInfo,
        memberships: Mapping[str, bool] = _NOTHING,
        changed_at: Mapping[str, int] = _NOTHING,
    ) -> Verdict:
        """Decide membership and say why.

        Args:
            values: property values; a property that is absent is unknown.
            now: epoch ms.
            zone: the portal's time zone.
            memberships: HubSpot's own word by list id, as new as the values; consulted only for
                lists that ``asks`` names or whose filters need an unknown time of change.
            changed_at: when properties last changed in HubSpot, epoch ms; absent is unknown.
        """
        facts = Facts(now, zone, memberships, changed_at)
        return self.reason(values, facts, member=self.check(values, facts))

    def reason(self, values: Values, facts: Facts, *, member: bool | None) -> Verdict:
        """Say why the list answers as it does; ``member``: what it answers."""
        leaf, path, remedies = self._root.find(values, facts, (), answer=member)
        gaps = self._root.gaps(values, facts) if member is None else None
        moment = self._root.timer(values, facts) if self.uses_time else NEVER
        return Verdict(
            member=member,
            leaf=leaf.text,
            path=path,
            property=leaf.property,
            actual=values.get(leaf.property) if leaf.property else None,
            remedy=" and ".join(remedies) if member is False else "",
            unknown=tuple(sorted(gaps.properties)) if gaps else (),
            asks=tuple(sorted(gaps.lists)) if gaps else (),
            next_change=None if moment >= NEVER else moment,
        )


def compile_list(
    definition: Definition,
    *,
    schema: ObjectSchema | None,
    lists: Mapping[str, Definition] = _NOTHING,
) -> InclusionFilter:
    """Compile an active list.

    Args:
        definition: the list, with its ``filterBranch``.
        schema: HubSpot's properties, for labels and readability; None: every property can be read.
        lists: definitions by list id, for lists that the filters refer to; a missing one is asked about.

    Raises:
        ListError: the list is not active, or its filters are not a filter tree.
    """
    if definition.get("processingType", "DYNAMIC") != "DYNAMIC":
        raise ListError(
            f"The list {_title(definition)} is not active ({definition['processingType']}): "
            "only active lists can decide who syncs."
        )
    try:
        return InclusionFilter(_Compiler(schema, lists).active(definition, ()))
    except (KeyError, TypeError, AttributeError) as error:
        raise ListError(f"The filters of the list {_title(definition)} are not a filter tree.") from error


def _title(definition: Definition) -> str:
    return str(definition.get("name") or definition.get("listId"))


class _Compiler:
    def __init__(self, schema: ObjectSchema | None, lists: Mapping[str, Definition]) -> None:
        self._labels = Labels(schema)
        self._lists = lists

    def active(self, definition: Definition, above: tuple[str, ...], *, negated: bool = False) -> ListNode:
        """Compile a list by its filters; ``above`` are the ids of the lists that led here."""
        list_id = str(definition.get("listId", ""))
        root = self._branch(definition["filterBranch"], (*above, list_id))
        title = _title(definition)
        return list_node(list_id, title, root, negated=negated, remote=None)

    def _branch(self, branch: Mapping[str, Any], above: tuple[str, ...]) -> Node:
        kind = branch["filterBranchType"]
        if kind not in {"AND", "OR"}:
            return remote_leaf(
                f"{kind.lower().replace('_', ' ')} filters", "asks for other records or events"
            )
        filters = [self._filter(each, above) for each in branch.get("filters") or ()]
        branches = [self._branch(each, above) for each in branch.get("filterBranches") or ()]
        children = (
            *((f"filter {place}", child) for place, child in enumerate(filters, 1)),
            *((f"group {place}", child) for place, child in enumerate(branches, 1)),
        )
        return group(children or (("no filter", _constant(accept=kind == "AND")),), conjunction=kind == "AND")

    def _filter(self, each: Mapping[str, Any], above: tuple[str, ...]) -> Node:
        match each["filterType"]:
            case "PROPERTY":
                return self._property(each["property"], each["operation"])
            case "IN_LIST":
                return self._in_list(each, above)
            case "CONSTANT":
                return _constant(accept=each["shouldAccept"] is True)
            case other:
                return remote_leaf(
                    f"{other.lower().replace('_', ' ')} filter", "asks for more than the record"
                )

    def _property(self, name: str, operation: Mapping[str, Any]) -> Leaf:
        text = f"{self._labels.of(name)} {str(operation.get('operator', '')).lower().replace('_', ' ')}"
        if not self._labels.knows(name):
            return remote_leaf(text, f"the property {name} cannot be read")
        try:
            return self._answerable(name, operation)
        except Unanswerable as reason:
            return remote_leaf(text, str(reason))
        except (KeyError, TypeError, ValueError):
            return remote_leaf(text, "its operands are not understood")

    def _answerable(self, name: str, operation: Mapping[str, Any]) -> Leaf:
        kind = operation_type(operation)
        if kind == "ALL_PROPERTY":
            return known_leaf(name, operation, self._labels)
        if kind in {"STRING_COMPARATIVE", "NUMBER_COMPARATIVE", "BOOL_COMPARATIVE"}:
            return comparison_leaf(name, operation, self._labels)
        if kind in WINDOW_TYPES:
            return date_leaf(name, operation, self._labels)
        return value_leaf(name, operation, self._labels)

    def _in_list(self, each: Mapping[str, Any], above: tuple[str, ...]) -> Node:
        if each.get("metadata"):
            return remote_leaf("in workflow or import", "asks for a workflow or an import")
        list_id, negated = str(each["listId"]), each["operator"] == "NOT_IN_LIST"
        definition = self._lists.get(list_id)
        if list_id not in above and definition and definition.get("processingType") == "DYNAMIC":
            return self.active(definition, above, negated=negated)
        title = _title(definition) if definition else list_id
        reason = _closed_because(list_id, definition, above)
        return list_node(list_id, title, None, negated=negated, remote=reason)


def _constant(*, accept: bool) -> Leaf:
    text = "all records" if accept else "no records"
    return Leaf(lambda values, facts: accept, text, "change the list's filters")  # noqa: ARG005 - a Check


def _closed_because(list_id: str, definition: Definition | None, above: tuple[str, ...]) -> str:
    """Say why a list's own filters cannot be followed."""
    if list_id in above:
        return f"refers back to itself: {' → '.join((*above[above.index(list_id) :], list_id))}"
    return "is not an active list" if definition else "has no definition here"
