"""Those who share a long piece of work: this process alone, or several."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from workers.archive.snapshots import Beginning, Past
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
    past: Past | Beginning = field(default_factory=Beginning)  #: the state that folding begins with
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
        self._counters = _Counters(context.Lock(), context.RawValue("Q"), context.RawValue("Q"))
        self._pool = ProcessPoolExecutor(self.size - 1, context, _begin, (self._open_place, self._counters))
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def share(self, task: Task[Job, Result], jobs: Sequence[Job], tell: Tell) -> list[Result]:
        counters, told = self._counters, 0
        counters.folded.value = counters.taken.value = 0

        def look() -> None:
            """Raise what ended somebody's work early."""
            for each in others:
                if each.done():
                    each.result()

        def report() -> None:
            nonlocal told
            now = counters.folded.value
            tell(now - told)
            told = now

        def count(events: int) -> None:
            add(counters.folded, events)
            report()

        add = partial(counters.add, look)
        with _all_alive():
            others = [self._pool.submit(_share, task, jobs) for _ in range(self.size - 1)]
            mine, waiting = task(self.place, _taking(jobs, counters.taken, add), count), {*others}
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


class _Counters(NamedTuple):
    """What processes count together."""

    lock: Any
    folded: Any
    taken: Any

    def add(self, look: Callable[[], object], counter: Any, number: int) -> int:
        """Add to one of them; returns what it was.

        ``look`` is called before, and again and again while somebody else counts, who may have been killed.
        """
        look()
        while not self.lock.acquire(timeout=TOLD_S):
            look()
        try:
            before: int = counter.value
            counter.value = before + number
        finally:
            self.lock.release()
        return before


Add = Callable[[Any, int], int]
"""Adds to a counter; returns what it was."""


def _taking(jobs: Sequence[Job], taken: Any, add: Add) -> Iterator[Job]:
    """The jobs that nobody else has taken."""
    while (number := add(taken, 1)) < len(jobs):
        yield jobs[number]


# -- what another process does

_equipment: dict[str, Any] = {}
"""What it works with, from its beginning on. Its first task opens its place, and tells what fails."""


def _begin(open_place: Callable[[], Place], counters: _Counters) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    _equipment.update(open_place=cache(open_place), counters=counters)


def _end_with_parent() -> None:
    """If whoever asked is killed, nobody would ever tell the others to end."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _share(task: Task[Job, Result], jobs: Sequence[Job]) -> Result:
    counters: _Counters = _equipment["counters"]
    add = partial(counters.add, bool)

    def count(events: int) -> None:
        add(counters.folded, events)

    return task(_equipment["open_place"](), _taking(jobs, counters.taken, add), count)


def _beside(task: Callable[[Place, Job], Result], job: Job) -> Result:
    return task(_equipment["open_place"](), job)
