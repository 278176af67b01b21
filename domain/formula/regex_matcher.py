"""Matches a pattern's tree by backtracking, within a budget.

Each part becomes a step: a function that tries to match from a position on and, if it can, calls the step
after it. A step that fails leaves the state as it found it.
"""

from collections.abc import Callable
from functools import reduce

from domain.formula.errors import ErrorKind, Fault
from domain.formula.regex_classes import CharSet
from domain.formula.regex_syntax import (
    Atomic,
    BackReference,
    Choice,
    Edge,
    Greed,
    Group,
    Look,
    Part,
    Repeat,
    Sequence,
)

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


def compile_pattern(part: Part) -> tuple[Step, int, int]:
    """Compile to the first step, the number of loops and the highest group number."""
    compiler = _Compiler()
    start = compiler.step(part, _at_end)
    return start, compiler.loops, compiler.groups


def _at_end(state: State, at: int) -> bool:
    return at == state.end


def _accept(state: State, at: int) -> bool:
    state.mark = at
    return True


def _at_mark(state: State, at: int) -> bool:
    return at == state.mark


class _Compiler:
    def __init__(self) -> None:
        self.loops = 0
        self.groups = 0

    def step(self, part: Part, after: Step) -> Step:  # noqa: PLR0911  (one for each sort of part)
        match part:
            case CharSet():
                return _characters((part,), after)
            case Sequence():
                return self._sequence(part, after)
            case Choice():
                return _choice([self.step(option, after) for option in part.options])
            case Group():
                return self._group(part, after)
            case Repeat():
                return self._repeat(part, after)
            case Atomic():
                return _atomic(self.step(part.body, _accept), after)
            case Look():
                return self._look(part, after)
            case BackReference():
                self.groups = max(self.groups, part.index)
                return _back_reference(part, after)
            case Edge():
                return _edge(part, after)

    def _sequence(self, part: Sequence, after: Step) -> Step:
        chunks: list[list[Part]] = []
        for item in part.items:
            if chunks and isinstance(item, CharSet) and isinstance(chunks[-1][0], CharSet):
                chunks[-1].append(item)
            else:
                chunks.append([item])
        return reduce(lambda step, chunk: self._chunk(chunk, step), reversed(chunks), after)

    def _chunk(self, chunk: list[Part], after: Step) -> Step:
        sets = tuple(item for item in chunk if isinstance(item, CharSet))
        return _characters(sets, after) if sets else self.step(chunk[0], after)

    def _group(self, part: Group, after: Step) -> Step:
        index = part.index
        self.groups = max(self.groups, index)

        def close(state: State, at: int) -> bool:
            before = state.groups[index]
            state.groups[index] = (state.starts[index], at)
            if after(state, at):
                return True
            state.groups[index] = before
            return False

        body = self.step(part.body, close)

        def open_(state: State, at: int) -> bool:
            before = state.starts[index]
            state.starts[index] = at
            if body(state, at):
                return True
            state.starts[index] = before
            return False

        return open_

    def _repeat(self, part: Repeat, after: Step) -> Step:
        if part.greed is Greed.POSSESSIVE:
            greedy = Repeat(part.body, part.least, part.most, Greed.GREEDY)
            return _atomic(self.step(greedy, _accept), after)
        if isinstance(part.body, CharSet):
            run = _lazy_run if part.greed is Greed.LAZY else _greedy_run
            return run(part.body, part.least, part.most, after)
        return self._loop(part, after)

    def _loop(self, part: Repeat, after: Step) -> Step:
        """Go round a body of more than one character; a round that reads nothing is the last."""
        loop, least, most = self.loops, part.least, part.most
        self.loops += 1

        def round_(state: State, at: int) -> bool:
            rounds, began = state.loops[loop]
            if rounds >= least and (at == began or (most is not None and rounds >= most)):
                return False
            state.spend(1)
            state.loops[loop] = (rounds + 1, at)
            if body(state, at):
                return True
            state.loops[loop] = (rounds, began)
            return False

        def greedy(state: State, at: int) -> bool:
            return round_(state, at) or (state.loops[loop][0] >= least and after(state, at))

        def lazy(state: State, at: int) -> bool:
            return (state.loops[loop][0] >= least and after(state, at)) or round_(state, at)

        again = lazy if part.greed is Greed.LAZY else greedy
        body = self.step(part.body, again)

        def enter(state: State, at: int) -> bool:
            before = state.loops[loop]
            state.loops[loop] = (0, -1)
            if again(state, at):
                return True
            state.loops[loop] = before
            return False

        return enter

    def _look(self, part: Look, after: Step) -> Step:
        if part.ahead:
            inside = self.step(part.body, _accept)
            return lambda state, at: inside(state, at) is part.wanted and after(state, at)
        least, most = _width(part.body)
        if most is None:
            raise Fault("REGEX: a look behind has no greatest length")
        inside = self.step(part.body, _at_mark)

        def behind(state: State, at: int) -> bool:
            state.mark = at
            starts = range(at - least, max(at - most, 0) - 1, -1)
            return any(inside(state, start) for start in starts) is part.wanted and after(state, at)

        return behind


def _characters(sets: tuple[CharSet, ...], after: Step) -> Step:
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


def _greedy_run(wanted: CharSet, least: int, most: int | None, after: Step) -> Step:
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


def _lazy_run(wanted: CharSet, least: int, most: int | None, after: Step) -> Step:
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


def _choice(options: list[Step]) -> Step:
    def run(state: State, at: int) -> bool:
        state.spend(1)
        for option in options:  # noqa: SIM110  (as above)
            if option(state, at):
                return True
        return False

    return run


def _atomic(inside: Step, after: Step) -> Step:
    return lambda state, at: inside(state, at) and after(state, state.mark)


def _back_reference(part: BackReference, after: Step) -> Step:
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


def _edge(edge: Edge, after: Step) -> Step:
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
    Edge.END: _at_end,
    Edge.LAST: _at_last,
    Edge.WORD: _at_word_edge,
    Edge.INSIDE: lambda state, at: not _at_word_edge(state, at),
}


def _width(part: Part) -> tuple[int, int | None]:  # noqa: PLR0911  (one for each sort of part)
    """Tell how few and how many characters a part can read; None without limit."""
    match part:
        case CharSet():
            return 1, 1
        case Sequence():
            widths = [_width(item) for item in part.items]
            return sum(least for least, _ in widths), _total([most for _, most in widths])
        case Choice():
            widths = [_width(option) for option in part.options]
            mosts = [most for _, most in widths if most is not None]
            return min(least for least, _ in widths), max(mosts) if len(mosts) == len(widths) else None
        case Group() | Atomic():
            return _width(part.body)
        case Repeat():
            least, most = _width(part.body)
            return least * part.least, None if most is None or part.most is None else most * part.most
        case Look() | Edge():
            return 0, 0
        case BackReference():
            return 0, None


def _total(mosts: list[int | None]) -> int | None:
    return None if None in mosts else sum(most for most in mosts if most is not None)
