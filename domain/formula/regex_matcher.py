"""Compiles a pattern's tree into the steps that match it, by backtracking and within a budget."""

from functools import reduce

from domain.formula.errors import Fault
from domain.formula.regex_classes import CharSet
from domain.formula.regex_nodes import (
    Atomic,
    Choice,
    Edge,
    Greed,
    Group,
    Look,
    Part,
    Reference,
    Repeat,
    Sequence,
)
from domain.formula.regex_steps import (
    State,
    Step,
    accept,
    at_end,
    at_mark,
    atomic,
    back_reference,
    characters,
    choice,
    edge,
    greedy_run,
    lazy_run,
)


def compile_pattern(part: Part) -> tuple[Step, int, int]:
    """Compile to the first step, the number of loops and the highest group number."""
    compiler = _Compiler()
    start = compiler.step(part, at_end)
    return start, compiler.loops, compiler.groups


class _Compiler:
    def __init__(self) -> None:
        self.loops = 0
        self.groups = 0

    def step(self, part: Part, after: Step) -> Step:  # noqa: PLR0911  (one for each sort of part)
        match part:
            case CharSet():
                return characters((part,), after)
            case Sequence():
                return self._sequence(part, after)
            case Choice():
                return choice([self.step(option, after) for option in part.options])
            case Group():
                return self._group(part, after)
            case Repeat():
                return self._repeat(part, after)
            case Atomic():
                return atomic(self.step(part.body, accept), after)
            case Look():
                return self._look(part, after)
            case Reference():
                self.groups = max(self.groups, part.index)
                return back_reference(part, after)
            case Edge():
                return edge(part, after)

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
        return characters(sets, after) if sets else self.step(chunk[0], after)

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
            return atomic(self.step(greedy, accept), after)
        if isinstance(part.body, CharSet):
            run = lazy_run if part.greed is Greed.LAZY else greedy_run
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
            inside = self.step(part.body, accept)
            return lambda state, at: inside(state, at) is part.wanted and after(state, at)
        least, most = _width(part.body)
        if most is None:
            raise Fault("REGEX: a look behind has no greatest length")
        inside = self.step(part.body, at_mark)

        def behind(state: State, at: int) -> bool:
            state.mark = at
            starts = range(at - least, max(at - most, 0) - 1, -1)
            state.spend(len(starts))
            return any(inside(state, start) for start in starts) is part.wanted and after(state, at)

        return behind


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
        case Reference():
            return 0, None


def _total(mosts: list[int | None]) -> int | None:
    return None if None in mosts else sum(most for most in mosts if most is not None)
