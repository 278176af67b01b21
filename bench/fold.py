"""How fast one process folds a log, alone: state, decisions, outbox and their encoding, without a server.

``python -m bench.fold`` prints the processor time of an event, and a hash of all that was folded. The log is
made anew by the same people each time, so two versions of the program can be compared, in turns on a busy
machine: where the hashes are the same, they folded the same log into the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from time import process_time
from typing import Any

import click
import msgspec

from bench.scene import Scene
from bench.setup import LARGE, USUAL, WIDE, Setup
from domain.events import AnyEvent, RecordObserved
from domain.upcasting import decode
from workers.clock import ManualClock
from workers.connection import Lane
from workers.project import BATCH, prefetch, projection_of, uncollected
from workers.storage.memory import MemoryLog, MemoryStores, MemoryTables
from workers.store import START, Entry
from workers.telemetry import set_up_logging

CHUNK = 500
ENDLESS = 1 << 40

SETUPS = {"usual": USUAL, "wide": Setup(WIDE), "large": LARGE}


@dataclass(frozen=True)
class Recording:
    """A log: the first read of both CRMs, then some changes for each of the people."""

    log: MemoryLog
    first: int  #: events before the first change

    @property
    def later(self) -> Sequence[Entry]:
        """What followed the first read."""
        return self.log.read(START, ENDLESS)[self.first :]


@dataclass(frozen=True)
class Folded:
    """What folding a log came to."""

    first_us: float  #: processor time of an event of the first read, in microseconds
    later_us: float  #: of one that followed
    hash: str  #: of the tables

    @property
    def per_second(self) -> float:
        return 1e6 / self.later_us


def recorded(setup: Setup, people: int, changes: int = 2) -> Recording:
    clock = ManualClock()
    stores = MemoryStores(clock)
    lane = Lane("bench", stores.log, stores.tables, stores.coordination, clock, "bench")
    scene = Scene(lane, setup)
    scene.fill(people)
    first = stores.log.appended()
    for _ in range(0, changes * people, CHUNK):
        clock.advance(1)
        scene.change(CHUNK)
    return Recording(stores.log, first)


def fold(recording: Recording) -> Folded:
    """Fold a log in the batches of a projector, each encoded for its commit, into tables in memory."""
    tables, at, number = MemoryTables(), START, 0
    projection, spent = projection_of(recording.log, tables), [0.0, 0.0]
    with uncollected():
        while entries := recording.log.read(at, BATCH):
            began = process_time()
            events = [(entry.position, decode(entry.raw)) for entry in entries]
            prefetch(projection, tables, [event for _, event in events])
            for position, event in events:
                projection.fold(position, event)
            changes = projection.take_changes()
            spent[number >= recording.first] += process_time() - began
            tables.commit(at, entries[-1].position, changes)
            at, number = entries[-1].position, number + len(entries)
    content = msgspec.json.encode(sorted(tables.fingerprint().items()))
    first, later = recording.first, number - recording.first
    return Folded(spent[0] * 1e6 / first, spent[1] * 1e6 / later, blake2b(content, digest_size=8).hexdigest())


def remember_newest(events: Sequence[AnyEvent]) -> None:
    """The least that a fold can do: the newest value of every field, in dictionaries."""
    seen: dict[tuple[str, str], tuple[tuple[int, int], Any]] = {}
    for event in events:
        if isinstance(event, RecordObserved):
            version, key = (event.modified_at, event.ticket), event.id
            for name, value in event.fields.items():
                known = seen.get((key, name))
                if known is None or known[0] < version:
                    seen[key, name] = (version, value)


@click.command()
@click.option("--people", default=4_000, show_default=True, help="In both CRMs.")
@click.option("--changes", default=2, show_default=True, help="For each of them.")
@click.option("--setup", type=click.Choice(list(SETUPS)), default="usual", show_default=True)
@click.option("--rounds", default=3, show_default=True, help="How often the log is folded.")
def main(*, people: int, changes: int, setup: str, rounds: int) -> None:
    """Print the processor time of an event of the first read, and of one that followed."""
    set_up_logging("error", "console")
    recording = recorded(SETUPS[setup], people, changes)
    print(f"{recording.log.appended():,} events, {recording.first:,} of them of the first read")
    for _ in range(rounds):
        folded = fold(recording)
        print(f"first {folded.first_us:.1f} us  later {folded.later_us:.1f} us  hash {folded.hash}")


if __name__ == "__main__":
    main()
