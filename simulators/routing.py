"""Which handler answers a path: a tree of path segments, where `{name}` matches any one segment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(slots=True, frozen=True)
class Route:
    """A path pattern with its handler and the query parameters it accepts (None: any)."""

    method: str
    pattern: str
    handler: Any
    query: frozenset[str] | None = frozenset()


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


class Router:
    """Routes by method and path; a trailing slash makes no difference, a literal segment beats a name."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, route: Route) -> None:
        node = self._root
        for segment in _segments(route.pattern):
            node = node.children.setdefault("{}" if segment.startswith("{") else segment, _Node())
        node.routes[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str], bool]:
        """The route, its named segments (unquoted), and whether the path is known under any method."""
        known = False
        segments = _segments(path)
        for node in self._walk(self._root, segments, 0):
            known = known or bool(node.routes)
            route = node.routes.get(method)
            if route is not None:
                return route, _names(route.pattern, segments), True
        return None, {}, known

    def _walk(self, node: _Node, segments: list[str], depth: int) -> Iterator[_Node]:
        if depth == len(segments):
            yield node
            return
        for key in (segments[depth], "{}"):
            child = node.children.get(key)
            if child is not None:
                yield from self._walk(child, segments, depth + 1)


def _names(pattern: str, segments: list[str]) -> dict[str, str]:
    pairs = zip(_segments(pattern), segments, strict=True)
    return {name[1:-1]: unquote(segment) for name, segment in pairs if name.startswith("{")}
