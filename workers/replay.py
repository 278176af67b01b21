"""Replaying: fold the log again without side effects, to prove the running state or to replace it.

Neither way can send, read or ring: it sees the log and the tables, and nothing else. A *verification* folds
into memory and compares hashes at the same position; a *rebuild* fills a new generation beside the running
one while traffic goes on, compares, and switches in one atomic step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domain.identity import Crm
from workers.connection import Lane, position_of
from workers.project import Projector
from workers.store import Generations, Tables

LEASE_MS = 120_000
HELD = ("project", *(f"deliver/{crm}" for crm in Crm))
"""The leases of whoever commits or claims: held while two states are compared."""

Progress = Callable[[int, int], None]
"""Told (events folded, events in the log) now and then."""


class Busy(Exception):  # noqa: N818 - says why nothing was compared
    """The lane's workers did not pause for the comparison in time."""


@dataclass(frozen=True)
class Comparison:
    """Two states at one position of the log."""

    position: str
    events: int
    running: dict[str, str]  #: part of the state -> hash
    replayed: dict[str, str]

    @property
    def differing(self) -> list[str]:
        """The parts whose hashes differ; empty if the running state is what the log says."""
        names = self.running.keys() | self.replayed.keys()
        return sorted(name for name in names if self.running.get(name) != self.replayed.get(name))


@dataclass
class Replay:
    """Replays one lane."""

    lane: Lane
    generations: Generations
    batch: int = 1_000

    def verify(self, into: Tables, progress: Progress | None = None) -> Comparison:
        """Fold the log into empty tables and compare them with the running ones. Raises Busy."""
        projector = self._projector(into)
        self._fold(projector, self.lane.tables().checkpoint(), progress)
        with self._quiet():
            running = self.lane.tables()
            self._fold(projector, running.checkpoint(), progress)
            return self._compare(running, into)

    def rebuild(self, progress: Progress | None = None) -> Comparison:
        """Make the state anew from the log and put it in the running one's place. Raises Busy.

        The running tables may be damaged or gone; the comparison says what differed.
        """
        number = self.generations.begin()
        built = self.generations.tables(number)
        projector = self._projector(built)
        self._fold(projector, self.lane.log.tail(), progress)
        with self._quiet():
            before = self.lane.tables()
            running = self._projector(before)
            for _ in range(100):
                self._fold(projector, self.lane.log.tail(), progress)
                self._fold(running, self.lane.log.tail(), None)
                comparison = self._compare(before, built)
                if self.generations.switch(number, before.generation):
                    break
            else:
                raise Busy("the log kept growing; try again when it is calmer")
        self.generations.drop(before.generation)
        return comparison

    def _projector(self, tables: Tables) -> Projector:
        lane = self.lane
        return Projector(
            Lane(lane.name, lane.log, lambda: tables, lane.coordination, lane.clock, lane.owner),
            batch=self.batch,
        )

    def _fold(self, projector: Projector, until: str, progress: Progress | None) -> None:
        total = self.lane.log.appended() if progress else 0
        tables = projector.lane.tables()
        while position_of(tables.checkpoint()) < position_of(until):
            if not projector.step(until=until):
                break
            if progress:
                progress(tables.counters().get("events", 0), total)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep projectors and deliverers out for a moment; what they would do waits."""
        held: list[str] = []
        try:
            for name in HELD:
                self._hold(name)
                held.append(name)
            yield
        finally:
            for name in held:
                self.lane.coordination.release(name, self._name)

    @property
    def _name(self) -> str:
        return f"{self.lane.owner}/replay"

    def _hold(self, lease: str) -> None:
        for _ in range(600):
            if self.lane.coordination.acquire(lease, self._name, LEASE_MS):
                return
            self.lane.clock.sleep(0.05)
        raise Busy(f"{lease} is busy; try again when it is calmer")

    def _compare(self, running: Tables, replayed: Tables) -> Comparison:
        return Comparison(
            replayed.checkpoint(),
            replayed.counters().get("events", 0),
            running.fingerprint(),
            replayed.fingerprint(),
        )
