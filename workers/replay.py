"""Replaying: fold the log again without side effects, to prove the running state or to replace it.

Neither way can send, read or ring: it sees the log and the tables, and nothing else. A *verification* hashes
the running state, folds into memory up to the same position, and compares hashes; a *rebuild* fills a new
generation beside the running one while traffic goes on, compares, and switches in one atomic step. Several
processes may share the work on what the log holds at the beginning (``workers.parts``); what comes in during
a rebuild follows batch by batch.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.book import CONNECTION_KEY, Changes, Table, decode
from domain.identity import Crm
from domain.upcasting import UNDECODABLE
from workers.connection import Lane, Lease, position_of
from workers.crew import Alone, Crew, Place
from workers.parts import Bounds, Finish, Made, Whole, fold, in_pieces
from workers.project import Projector, uncollected
from workers.storage.fingerprint import added, of_decisions, of_rows
from workers.storage.memory import MemoryTables
from workers.store import START, Generations, Tables

LEASE_MS = 120_000
HELD = (*(f"deliver/{crm}" for crm in Crm), "project")
"""The leases of whoever claims or commits, held while two states are compared; the slow ones come first."""

NOTHING = Changes({}, {}, {}, {}, {}, {})

OVERTAKEN = "another rebuild or another release began; try again when it is done"

PATIENCE = 30.0
"""Seconds to wait for each of them."""

Progress = Callable[[int, int], None]
"""Told (events folded, events in the log) now and then."""


Hashed = tuple[dict[str, str], int]
"""The hashes of tables, and how many events they say were folded."""


class Busy(Exception):  # noqa: N818 - says why nothing was compared
    """The lane's workers did not pause for the comparison in time."""


@dataclass(frozen=True)
class Comparison:
    """Two states at one position of the log."""

    position: str
    events: int
    running: dict[str, str]  #: part of the state -> hash
    replayed: dict[str, str]
    processes: int = 1  #: how many shared the folding
    met: bool = False  #: whether one had to fold all, because the parts were not independent

    @property
    def differing(self) -> list[str]:
        """The parts whose hashes differ; empty if the running state is what the log says."""
        names = self.running.keys() | self.replayed.keys()
        return sorted(name for name in names if self.running.get(name) != self.replayed.get(name))


class Decided(NamedTuple):
    """A contact that the running state and the replay have decided differently."""

    entity: str
    before: list[bytes]  #: closed decisions that only the running state has, oldest first
    after: list[bytes]  #: those that only the replay has
    writes_before: dict[str, list[str]]  #: CRM -> fields that wait to be written, where that differs
    writes_after: dict[str, list[str]]


@dataclass
class Replay:
    """Replays one lane."""

    lane: Lane
    generations: Generations
    crew: Crew | None = None  #: None: this process folds, from the log's beginning
    batch: int = 1_000
    _shared: tuple[int, bool] = field(default=(1, False), repr=False)
    _leases: list[Lease] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._crew = self.crew or Alone(Place(self.lane.log, self.generations.tables))

    def verify(self, progress: Progress | None = None) -> Comparison:
        """Fold the log up to where the running tables are, and compare hashes. Raises Busy."""
        with self._crew:
            until, running = self._hashed()
            whole = self._fold_log(until, _hash, progress)
        replayed = added(hashed for hashed, _ in whole.made)
        events = sum(events for _, events in whole.made)
        return Comparison(until, events, running, replayed, whole.size, whole.met)

    @uncollected()
    def _hashed(self) -> tuple[str, dict[str, str]]:
        """Where the running tables are, and their hashes there."""
        with self._quiet():
            running = self.lane.tables()
            beside = self._crew.beside(_hash_decisions, running.generation)
            hashes = {**of_rows(running), **beside()}
            self._stay_quiet()
            return running.checkpoint(), hashes

    def diff(self, into: MemoryTables, progress: Progress | None = None) -> list[Decided]:
        """Fold the log into empty tables and say who is decided otherwise than by what runs. Raises Busy."""
        with self._beside_running(into, progress) as running:
            found = [*_decided(running, into)]
            self._stay_quiet()
            return found

    def rebuild(self, progress: Progress | None = None) -> Comparison:
        """Make the state anew from the log and put it in the running one's place. Raises Busy.

        The running tables may be damaged or gone; the comparison says what differed.
        """
        with self._crew:
            return self._rebuild(self.generations.begin(), progress)

    def _rebuild(self, number: int, progress: Progress | None) -> Comparison:
        built = self.generations.tables(number)
        self._fold_bulk(built, self.lane.log.tail(), progress)
        projector = self._projector(built)
        with self._quiet():
            before = self.lane.tables()
            both = (projector, self._projector(before))
            self._catch_up(both, progress)
            comparison = self._compare(before, built)
            for _ in range(100):
                if self.generations.switch(number, before.generation):
                    break
                self._catch_up(both, progress)
            else:
                raise Busy("the log kept growing, or another rebuild began; try again when it is calmer")
        self.generations.drop(before.generation)
        return comparison

    @contextmanager
    def _beside_running(self, into: Tables, progress: Progress | None) -> Iterator[Tables]:
        """Fold the log into empty tables up to where the running ones are, which stay there meanwhile."""
        with self._crew:
            self._fold_bulk(into, self.lane.tables().checkpoint(), progress)
            projector = self._projector(into)
            with self._quiet():
                running = self.lane.tables()
                self._fold(projector, running.checkpoint(), progress)
                yield running

    @uncollected()
    def _fold_bulk(self, empty: Tables, until: str, progress: Progress | None) -> None:
        """Fill empty tables with what the log says up to a position."""
        whole = self._fold_log(until, MemoryTables.contents, progress)
        self._shared = (whole.size, whole.met)
        for piece in in_pieces(whole.made):
            _commit(empty, START, piece)
        _commit(empty, until, NOTHING)

    def _fold_log(self, until: str, finish: Finish[Made], progress: Progress | None) -> Whole[Made]:
        done, total = self._crew.place.past.events(), self.lane.log.appended()

        def tell(events: int) -> None:
            nonlocal done
            done += events
            if progress:
                progress(done, total)

        return fold(self._crew, until, finish, tell, Bounds(self.batch), self._in_force())

    def _in_force(self) -> list[str]:
        """The configuration of the running state, if that is not damaged."""
        raw = self.lane.tables().fetch(Table.META, [CONNECTION_KEY])[0] or b""
        try:
            return [decode(Table.META, raw).config]
        except UNDECODABLE:
            return []

    def _catch_up(self, projectors: Sequence[Projector], progress: Progress | None) -> None:
        tail = self.lane.log.tail()
        for each in projectors:
            self._fold(each, tail, progress)

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
            self._stay_quiet()
            if not projector.step(until=until):
                break
            if progress:
                progress(tables.counters().get("events", 0), total)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep deliverers and projectors out for a moment; what they would do waits."""
        with ExitStack() as stack:
            self._leases = [self._hold(name, stack) for name in HELD]
            try:
                yield
            finally:
                self._leases = []

    def _hold(self, name: str, stack: ExitStack) -> Lease:
        end = self.lane.clock.monotonic() + PATIENCE
        while self.lane.clock.monotonic() < end:
            lease = stack.enter_context(self.lane.lease(name, LEASE_MS))
            if lease is not None:
                return lease
            self.lane.clock.sleep(0.05)
        raise Busy(f"{name} is busy; try again when it is calmer")

    def _stay_quiet(self) -> None:
        for lease in self._leases:
            if not lease.renew():
                raise Busy(f"{lease.name} could not be held long enough; try again when it is calmer")

    @uncollected()
    def _compare(self, running: Tables, replayed: Tables) -> Comparison:
        """Compare two states at one position; hashes mean something only if nobody came in meanwhile."""
        self._stay_quiet()
        beside = self._crew.beside(_fingerprint, running.generation)
        ours, theirs = replayed.fingerprint(), beside()
        self._stay_quiet()
        events = replayed.counters().get("events", 0)
        return Comparison(replayed.checkpoint(), events, theirs, ours, *self._shared)


@uncollected()
def _hash(tables: Tables) -> Hashed:
    return tables.fingerprint(), tables.counters().get("events", 0)


@uncollected()
def _hash_decisions(place: Place, generation: int) -> dict[str, str]:
    return of_decisions(place.tables(generation))


@uncollected()
def _fingerprint(place: Place, generation: int) -> dict[str, str]:
    return place.tables(generation).fingerprint()


def _decided(running: Tables, replayed: MemoryTables) -> Iterator[Decided]:
    """Whoever has other decisions, or other writes waiting, by name."""
    theirs, ours = dict(running.all_decisions()), dict(replayed.all_decisions())
    here, there = _waiting(running), _waiting(replayed)
    for entity in sorted({*theirs, *ours, *here, *there}):
        before, after = theirs.get(entity, []), ours.get(entity, [])
        writes = here.get(entity, {}), there.get(entity, {})
        if before != after or writes[0] != writes[1]:
            lost = [each for each in before if each not in after]
            new = [each for each in after if each not in before]
            yield Decided(entity, lost, new, *writes)


def _waiting(tables: Tables) -> dict[str, dict[str, list[str]]]:
    """Contact -> CRM -> the fields that are to be written."""
    found: dict[str, dict[str, list[str]]] = {}
    for _, raw in tables.scan(Table.OUTBOX):
        intent = decode(Table.OUTBOX, raw)
        found.setdefault(intent.entity, {})[str(intent.crm)] = sorted(intent.content)
    return found


def _commit(tables: Tables, position: str, changes: Changes) -> None:
    if not tables.commit(START, position, changes):
        raise Busy(OVERTAKEN)
