"""Those who share a long piece of work: this process alone, or several."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Protocol, Self, TypeVar

from workers.store import Entry, EventLog, Tables

TOLD_S = 0.2
"""How often processes at work are asked how far they are."""


class Lost(Exception):  # noqa: N818 - says what happened
    """A process of the crew ended before its work was done."""


@dataclass
class Place:
    """What one process works with."""

    log: EventLog
    tables: Callable[[int], Tables]  #: those of a generation
    kept: dict[tuple[str, str], list[list[Entry]]] = field(default_factory=dict)
    #: stretches of the log that were read: behind the first position, up to the last


Tell = Callable[[int], None]
"""Told how many more events were folded."""

Job = TypeVar("Job")
Result = TypeVar("Result")

Task = Callable[[Place, Iterator[Job], Tell], Result]
"""Does jobs until none is left. Tasks and jobs can be pickled, and so can what opens a place."""


class Crew(Protocol):
    """Those who share the work; they do only inside a ``with`` block."""

    @property
    def size(self) -> int:
        """How many work at the same time."""

    @property
    def place(self) -> Place:
        """What this process works with."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def share(self, task: Task[Job, Result], jobs: Sequence[Job], tell: Tell) -> list[Result]:
        """Let each take the next of the jobs when it is done with one; each has one result, in no order.

        Raises Lost, and so may ``beside`` and what it returns.
        """

    def beside(self, task: Callable[[Place, Job], Result], job: Job) -> Callable[[], Result]:
        """Let somebody else do a job, if there is anybody; what is returned waits for the result."""


@dataclass
class Alone:
    """This process."""

    place: Place
    size: int = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def share(self, task: Task[Job, Result], jobs: Sequence[Job], tell: Tell) -> list[Result]:
        return [task(self.place, iter(jobs), tell)]

    def beside(self, task: Callable[[Place, Job], Result], job: Job) -> Callable[[], Result]:
        result = task(self.place, job)
        return lambda: result


class Processes:
    """This process and others, which it starts when there is something to do.

    Args:
        open_place: each opens its place by itself with it.
        size: how many they are, this one counted; at least two.
    """

    place: Place

    def __init__(self, open_place: Callable[[], Place], size: int) -> None:
        self.size = size
        self._open_place = open_place

    def __enter__(self) -> Self:
        self.place = self._open_place()
        context = get_context("spawn")
        self._folded, self._taken = context.Value("Q", 0), context.Value("Q", 0)
        equipment = (self._open_place, self._folded, self._taken)
        self._pool = ProcessPoolExecutor(self.size - 1, context, _begin, equipment)
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def share(self, task: Task[Job, Result], jobs: Sequence[Job], tell: Tell) -> list[Result]:
        self._folded.value = self._taken.value = told = 0

        def report() -> None:
            nonlocal told
            now = self._folded.value
            tell(now - told)
            told = now

        def count(events: int) -> None:
            _add(self._folded, events)
            report()

        with _all_alive():
            others = [self._pool.submit(_share, task, jobs) for _ in range(self.size - 1)]
            mine, waiting = task(self.place, _taking(jobs, self._taken), count), {*others}
            while waiting:
                done, waiting = wait(waiting, TOLD_S, FIRST_COMPLETED)
                for each in done:
                    each.result()
                report()
            return [mine, *(each.result() for each in others)]

    def beside(self, task: Callable[[Place, Job], Result], job: Job) -> Callable[[], Result]:
        with _all_alive():
            future = self._pool.submit(_beside, task, job)

        def result() -> Result:
            with _all_alive():
                return future.result()

        return result


@contextmanager
def _all_alive() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise Lost("one ended before its work was done") from None


def _add(counter: Any, number: int) -> int:
    """Add to a counter that processes share; returns what it was."""
    with counter.get_lock():
        before: int = counter.value
        counter.value = before + number
    return before


def _taking(jobs: Sequence[Job], taken: Any) -> Iterator[Job]:
    """The jobs that nobody else has taken."""
    while (number := _add(taken, 1)) < len(jobs):
        yield jobs[number]


# -- what another process does

_equipment: dict[str, Any] = {}
"""What it works with, from its beginning on."""


def _begin(open_place: Callable[[], Place], folded: Any, taken: Any) -> None:
    _equipment.update(place=open_place(), folded=folded, taken=taken)


def _share(task: Task[Job, Result], jobs: Sequence[Job]) -> Result:
    def count(events: int) -> None:
        _add(_equipment["folded"], events)

    return task(_equipment["place"], _taking(jobs, _equipment["taken"]), count)


def _beside(task: Callable[[Place, Job], Result], job: Job) -> Result:
    return task(_equipment["place"], job)
