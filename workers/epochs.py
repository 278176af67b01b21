"""Epochs: a stretch of the log that one release folds, from a snapshot on.

A release that comes takes over between two commits: from then on the one before may not commit, so the two
never interleave. It keeps the state that it found as a snapshot and says in the log who it is; then it folds.
A replay from that snapshot is exact, because all behind it was folded by one code.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from domain.events import EpochStarted
from workers.archive.archiver import Archiver
from workers.connection import Lane
from workers.store import Generations

LEASE_MS = 120_000
ALIVE_MS = 60_000
"""So long after its last sign an older release counts as alive no more."""


class Release(NamedTuple):
    """A release of the program and of what its decisions rest on; later ones are greater."""

    schema: int
    code: tuple[int, ...]
    zone_data: str
    text: str  #: as the server and the snapshots name it

    @classmethod
    def parse(cls, text: str) -> "Release":
        """Read ``code/schema/zone data``; the empty text is before all releases."""
        code, schema, zone_data = text.split("/") if text else ("", "0", "")
        numbers = tuple(int(part) for part in code.split(".") if part.isdigit())
        return cls(int(schema), numbers, zone_data, text)


@dataclass
class Epochs:
    """Lets a lane be folded by one release at a time."""

    lane: Lane
    generations: Generations
    archiver: Archiver
    _begun: int = field(default=0, repr=False)  #: the generation whose epoch is known to have begun

    def enter(self) -> bool:
        """Whether our release may fold now; if its turn has come, its epoch is begun first.

        The latest release that is alive has the turn. An older one gets it back once all later ones have
        been gone for a minute.

        Raises:
            Discontinued: if the log's server does not go on where the archive ends; restore it first.
            Damaged: if the archive cannot be read.
        """
        theirs, ours = self.generations.release(), self.generations.ours
        if theirs != ours and not self._our_turn(theirs):
            return False
        self.say_alive()
        if theirs == ours and self._begun == self.generations.current():
            return True
        with self.lane.lease("project", LEASE_MS) as lease:
            may = lease is not None and (theirs == ours or self.generations.take_over(theirs))
            return may and self._begin()

    def _our_turn(self, theirs: str) -> bool:
        return Release.parse(self.generations.ours) > Release.parse(theirs) or not self._alive(theirs)

    def say_alive(self) -> None:
        """Tell other releases that ours is here, for a minute."""
        self._mark(self.generations.ours, self.generations.ours, ALIVE_MS)

    def _alive(self, release: str) -> bool:
        """Whether a release has said so within a minute."""
        return not self._mark(release, self.generations.ours, 1)

    def _mark(self, release: str, owner: str, ttl_ms: int) -> bool:
        return self.lane.coordination.acquire(f"release/{release}", owner, ttl_ms)

    def _begin(self) -> bool:
        """Begin the epoch where it has not begun yet: whoever tried before may have been cut short."""
        self.archiver.check()
        generation, ours = self.generations.current(), self.generations.ours
        taken = self.archiver.archive.newest().snapshots
        begun = bool(taken) and (taken[-1].release, taken[-1].generation) == (ours, generation)
        if not begun and not self.archiver.snapshot(ours):
            return False
        if not begun or self.lane.state().epoch != ours:
            self._tell()
        self._begun = generation
        return True

    def _tell(self) -> None:
        code, schema, zone_data = self.generations.ours.split("/")
        place = self.lane.tables().checkpoint()
        fact = EpochStarted(code=code, schema=int(schema), zone_data=zone_data, request=place)
        self.lane.append([fact])

    def renew(self, after_ms: int) -> bool:
        """Begin another epoch of our release if the last one is so old."""
        taken = self.archiver.archive.newest().snapshots
        if self.generations.release() != self.generations.ours or not taken:
            return False
        last, place = taken[-1], self.lane.tables().checkpoint()
        if last.position == place or self.lane.clock.now_ms() - last.at < after_ms:
            return False
        return self.begin_anew()

    def begin_anew(self) -> bool:
        """Begin another epoch of our release now; False if it is not its turn, or somebody folds."""
        if self.generations.release() != self.generations.ours:
            return False
        with self.lane.lease("project", LEASE_MS) as lease:
            if lease is None or not self.archiver.snapshot(self.generations.ours):
                return False
            self._tell()
        return True
