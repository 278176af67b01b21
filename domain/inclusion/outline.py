"""A filter tree as people read it: one line a filter, indented by where it stands."""

from collections.abc import Iterator
from typing import NamedTuple

from domain.inclusion.nodes import Group, Leaf, ListNode, Node


class Line(NamedTuple):
    """One line of a filter tree."""

    depth: int
    text: str  #: a filter, or what holds the deeper lines below it together
    remote: str = ""  #: why HubSpot must be asked; empty where the answer is found here


def outline(node: Node, depth: int = 0) -> Iterator[Line]:
    """The lines of a node; a group of one is that one."""
    match node:
        case Leaf():
            yield Line(depth, node.text, node.remote or "")
        case ListNode(root=root, leaf=leaf):
            yield Line(depth, leaf.text, leaf.remote or "")
            if root is not None:
                yield from outline(root, depth + 1)
        case Group(children=((_, only),)):
            yield from outline(only, depth)
        case Group(conjunction=conjunction, children=children):
            yield Line(depth, "all of these" if conjunction else "any of these")
            for _, child in children:
                yield from outline(child, depth + 1)
