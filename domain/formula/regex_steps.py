"""The steps of a match that need no compiling: characters, runs of them, edges, references.

A step tries to match from a position on and, if it can, calls the step after it. One that fails leaves the
state as it found it.
"""

from collections.abc import Callable

from domain.formula.errors import ErrorKind, Fault
from domain.formula.regex_classes import CharSet
from domain.formula.regex_nodes import Edge, Reference

READ_LIMIT = 1_000_000
"""Reads of characters after which the platform gives a pattern up. Our count only resembles its count."""


class State:
    """One match under way."""

    __slots__ = ("end", "groups", "loops", "mark", "reads", "starts", "text")

    def __init__(self, text: str, loops: int, groups: int) -> None:
        self.text = text
        self.end = len(text)
        self.reads = 0
        self.mark = 0  #: where an atomic part ended, or a look behind must end
        self.loops = [(0, -1)] * loops  #: by loop: rounds begun, and where the last one began
        self.starts = [-1] * (groups + 1)
        self.groups: list[tuple[int, int] | None] = [None] * (groups + 1)

    def spend(self, reads: int) -> None:
        self.reads += reads
        if self.reads > READ_LIMIT:
            raise Fault("REGEX: the pattern is too complicated for this text", ErrorKind.UNKNOWN)


Step = Callable[[State, int], bool]


def at_end(state: State, at: int) -> bool:
    return at == state.end


def accept(state: State, at: int) -> bool:
    state.mark = at
    return True


def at_mark(state: State, at: int) -> bool:
    return at == state.mark


def characters(sets: tuple[CharSet, ...], after: Step) -> Step:
    if len(sets) == 1:
        only = sets[0]
        return lambda state, at: at < state.end and only[state.text[at]] and after(state, at + 1)
    count = len(sets)

    def run(state: State, at: int) -> bool:
        stop = at + count
        if stop > state.end:
            return False
        for wanted, character in zip(sets, state.text[at:stop], strict=True):
            if not wanted[character]:
                return False
        return after(state, stop)

    return run


def greedy_run(wanted: CharSet, least: int, most: int | None, after: Step) -> Step:
    def run(state: State, at: int) -> bool:
        text = state.text
        limit = state.end if most is None else min(state.end, at + most)
        stop = at
        while stop < limit and wanted[text[stop]]:
            stop += 1
        state.spend(stop - at + 1)
        for tried in range(stop, at + least - 1, -1):  # noqa: SIM110  (a loop nests less deeply than any())
            if after(state, tried):
                return True
        return False

    return run


def lazy_run(wanted: CharSet, least: int, most: int | None, after: Step) -> Step:
    def run(state: State, at: int) -> bool:
        limit = state.end if most is None else min(state.end, at + most)
        stop = at
        while True:
            state.spend(1)
            if stop >= at + least and after(state, stop):
                return True
            if stop >= limit or not wanted[state.text[stop]]:
                return False
            stop += 1

    return run


def choice(options: list[Step]) -> Step:
    def run(state: State, at: int) -> bool:
        state.spend(1)
        for option in options:  # noqa: SIM110  (as above)
            if option(state, at):
                return True
        return False

    return run


def atomic(inside: Step, after: Step) -> Step:
    return lambda state, at: inside(state, at) and after(state, state.mark)


def back_reference(part: Reference, after: Step) -> Step:
    def run(state: State, at: int) -> bool:
        found = state.groups[part.index]
        if found is None:
            return False
        wanted = state.text[found[0] : found[1]]
        stop = at + len(wanted)
        actual = state.text[at:stop]
        state.spend(len(wanted))
        same = _folded(actual) == _folded(wanted) if part.ignore_case else actual == wanted
        return same and after(state, stop)

    return run


def _folded(text: str) -> str:
    return "".join(character.lower() if character.isascii() else character for character in text)


def edge(edge: Edge, after: Step) -> Step:
    holds = _HOLDS[edge]
    return lambda state, at: holds(state, at) and after(state, at)


def _at_last(state: State, at: int) -> bool:
    rest = state.text[at : at + 3]
    if rest == "\n" and at and state.text[at - 1] == "\r":
        return False
    return rest in {"", "\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029"}


def _at_word_edge(state: State, at: int) -> bool:
    return _is_word(state.text[at - 1 : at] if at else "") != _is_word(state.text[at : at + 1])


def _is_word(character: str) -> bool:
    if not character.isascii():
        raise Fault("REGEX: a word's edge beside a letter beyond ASCII", ErrorKind.UNKNOWN)
    return character.isalnum() or character == "_"


_HOLDS: dict[Edge, Step] = {
    Edge.START: lambda _, at: at == 0,
    Edge.END: at_end,
    Edge.LAST: _at_last,
    Edge.WORD: _at_word_edge,
    Edge.INSIDE: lambda state, at: not _at_word_edge(state, at),
}
