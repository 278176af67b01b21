"""The tree of a pattern of java.util.regex."""

from dataclasses import dataclass
from enum import Enum

from domain.formula.regex_classes import CharSet


class Greed(Enum):
    GREEDY = ""
    LAZY = "?"
    POSSESSIVE = "+"


class Edge(Enum):
    START = "start of the text"
    END = "end of the text"
    LAST = "end of the text or before its last line break"
    WORD = "between a word and something else"
    INSIDE = "not so"


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Group:
    index: int
    body: "Part"


@dataclass(frozen=True, slots=True)
class Repeat:
    body: "Part"
    least: int
    most: int | None
    greed: Greed


@dataclass(frozen=True, slots=True)
class Atomic:
    body: "Part"


@dataclass(frozen=True, slots=True)
class Look:
    body: "Part"
    ahead: bool
    wanted: bool


@dataclass(frozen=True, slots=True)
class Reference:
    index: int
    ignore_case: bool


Part = CharSet | Sequence | Choice | Group | Repeat | Atomic | Look | Reference | Edge
