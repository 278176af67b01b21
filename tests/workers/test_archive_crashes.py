"""Killed with SIGKILL at every step of archiving, trimming, snapshots, switching, restoring and erasing.

A child process does the work on a real server and a real directory, and kills itself at its n-th step: at a
file that is opened, renamed, linked or removed, before a command is sent to the server, or after, when the
server does it and nobody hears the answer. Then the work is done again by whoever comes next. The log must
be all there, once, in its order; the state must be what the log says.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.connection import AbstractConnection

from domain import events as e
from domain.book import Table
from tests.workers.archives import everything, replaying, unpacked
from tests.workers.lanes import configured, project, shown, with_ada
from tests.world import HS
from workers import embedded
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver, Bounds
from workers.archive.files import Directory
from workers.archive.marks import Marks
from workers.archive.snapshots import Past
from workers.archive.whole import WholeLog
from workers.clock import ManualClock, SystemClock
from workers.connection import RESTORED, Lane
from workers.epochs import Epochs
from workers.erase import Eraser
from workers.replay import Replay
from workers.restore import Restore
from workers.storage.redis_store import RedisStores, connect
from workers.store import Entry

OLD, NEW = "0.1.0/1/2026.1", "0.2.0/1/2026.1"
POINTS = 28
"""At so many steps, evenly spread over all that there are, a child is killed."""

TIGHT, ROOMY = Bounds(5, 1_000), Bounds(10_000, 1_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("log")
    yield embedded.ensure(directory)
    embedded.stop(directory)


@dataclass
class House:
    """A connection on a real server, with its archive in a real directory."""

    url: str
    directory: Path
    release: str = OLD
    bounds: Bounds = ROOMY

    def __post_init__(self) -> None:
        self.client = connect(self.url)
        self.stores = RedisStores(self.client, "acme", self.release)
        self.archive = Archive(Directory(self.directory))
        self.clock = ManualClock(SystemClock().now_ms() + 60_000)
        self.log, stores = WholeLog(self.stores.log, self.archive), self.stores
        self.lane = Lane("acme", self.log, stores.tables, stores.coordination, self.clock, self.release)
        self.archiver = Archiver(self.lane, stores.log, self.archive, self.bounds, full=24)
        self.epochs = Epochs(self.lane, stores.generations, self.archiver)

    def fill(self) -> None:
        """An archived part, a part that is folded, and a snapshot between them."""
        self.client.flushall()
        for path in sorted(self.directory.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        assert self.epochs.enter()
        with_ada(configured(self.lane))
        self.archiver.run()
        self.look(30)

    def look(self, number: int) -> None:
        first = self.lane.log.appended()
        known = {"email": "ada@example.com", "lastname": "Lovelace"}
        for each in range(first, first + number):
            self.lane.append([shown(HS, "contacts", "1", ticket=each + 50, city=f"City {each}", **known)])
        project(self.lane)

    def faults(self) -> list[str]:
        return [*self.archive.faults(), *self.archiver.faults()]

    def differing(self, *, whole: bool = True) -> list[str]:
        taken = self.archive.newest().snapshots
        past = None if whole else Past(self.archive.files, taken[-1])
        return replaying(self.lane, self.stores.generations, past).verify().differing


# -- dying


def die_at(step: int, directory: Path) -> Callable[[], int]:
    """From now on this process counts its steps, and kills itself at one of them; gives the count."""
    steps = 0

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"open", "os.rename", "os.link", "os.remove"} and str(directory) in str(arguments[0]):
            count()

    send = AbstractConnection.send_packed_command

    def sending(self: Any, *arguments: Any, **options: Any) -> Any:
        count()
        done = send(self, *arguments, **options)  # type: ignore[no-untyped-call]
        count()
        return done

    sys.addaudithook(audit)
    AbstractConnection.send_packed_command = sending  # type: ignore[method-assign]
    return lambda: steps


def forked(work: Callable[[], object], step: int, directory: Path) -> int | None:
    """Do the work in a process that dies at a step. None: it died; else how many steps it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            steps = die_at(step, directory)
            work()
            os.write(writing, str(steps()).encode())
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert text, "the work failed by itself"
    return int(text)


Work = Callable[[House], object]
Check = Callable[[House, list[Entry]], None]


def killed_everywhere(
    make: Callable[[], House], prepare: Callable[[House], None], work: Work, check: Check
) -> int:
    """Kill the work at many of its steps; after each, have it done again and look at what there is."""
    prepare(make())
    steps = forked(lambda: work(make()), -1, make().directory)
    assert steps is not None
    killed = 0
    chosen = sorted({1 + round(each * (steps - 1) / (POINTS - 1)) for each in range(POINTS)})
    for step in chosen:
        house = make()
        prepare(house)
        before = everything(house.lane.log)
        if forked(lambda: work(make()), step, house.directory) is None:
            killed += 1
        free(house.client)
        after = make()
        work(after)
        check(after, before)
    return killed


def free(client: redis.Redis) -> None:
    """The leases of the dead run out."""
    for key in client.scan_iter("{acme}:lease:*"):
        client.delete(key)


# -- what is killed


def whole(house: House, before: list[Entry]) -> None:
    """All of the log is there, once, in its order, and the state is what it says."""
    assert everything(house.lane.log)[: len(before)] == before
    assert house.lane.log.appended() == len(everything(house.lane.log))
    assert house.faults() == []
    assert house.differing() == []


def test_archiving_leaves_neither_a_gap_nor_an_overlap(server: str, tmp_path: Path) -> None:
    def check(house: House, before: list[Entry]) -> None:
        whole(house, before)
        assert house.archive.newest().last == before[-1].position
        assert len([*tmp_path.rglob("*.zst")]) <= 6

    made = lambda: House(server, tmp_path)  # noqa: E731 - a recipe
    assert killed_everywhere(made, House.fill, lambda house: house.archiver.run(), check) >= 20


def test_trimming_lets_go_of_nothing_that_is_not_archived(server: str, tmp_path: Path) -> None:
    def check(house: House, before: list[Entry]) -> None:
        whole(house, before)
        assert house.stores.log.length() == TIGHT.events

    made = lambda: House(server, tmp_path, bounds=TIGHT)  # noqa: E731 - a recipe
    assert killed_everywhere(made, House.fill, lambda house: house.archiver.run(), check) >= 20


def test_a_release_takes_over_wholly_or_not_at_all(server: str, tmp_path: Path) -> None:
    def prepare(_: House) -> None:
        House(server, tmp_path, OLD).fill()

    def check(house: House, before: list[Entry]) -> None:
        project(house.lane)
        whole(house, before)
        assert house.differing(whole=False) == []
        assert house.archive.newest().snapshots[-1].release == NEW
        assert len([each for each in everything(house.lane.log) if b'"epoch/' in each.raw]) == 2

    made = lambda: House(server, tmp_path, NEW)  # noqa: E731 - a recipe
    assert killed_everywhere(made, prepare, lambda house: house.epochs.enter(), check) >= 20


def test_a_rebuild_switches_wholly_or_not_at_all(server: str, tmp_path: Path) -> None:
    def rebuild(house: House) -> None:
        assert Replay(house.lane, house.stores.generations).rebuild().differing == []

    def check(house: House, before: list[Entry]) -> None:
        whole(house, before)
        assert house.epochs.enter()
        project(house.lane)
        assert house.differing(whole=False) == []

    made = lambda: House(server, tmp_path)  # noqa: E731 - a recipe
    assert killed_everywhere(made, House.fill, rebuild, check) >= 20


def test_a_restore_is_finished_by_the_next_one(server: str, tmp_path: Path) -> None:
    def prepare(house: House) -> None:
        house.fill()
        house.archiver.run()

    def restore(house: House) -> None:
        Restore(house.lane, house.stores.generations, house.archive, house.archiver, lambda _: "").run()

    def lose_and_restore(house: House) -> None:
        if house.lane.coordination.cursor("restoring") is None:
            house.client.flushall()
        restore(house)

    def check(house: House, before: list[Entry]) -> None:
        project(house.lane)
        whole(house, before)
        assert house.lane.state().paused == RESTORED
        assert len(everything(house.lane.log)) == len(before) + 1

    made = lambda: House(server, tmp_path)  # noqa: E731 - a recipe
    assert killed_everywhere(made, prepare, lose_and_restore, check) >= 20


def test_an_erasure_leaves_nothing_and_loses_nothing(server: str, tmp_path: Path) -> None:
    def prepare(house: House) -> None:
        house.fill()
        house.lane.append([e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=1, ticket=9)])
        project(house.lane)
        assert b"Lovelace" in raw(house)

    def erase(house: House) -> None:
        marks = Marks(house.archive.files)
        eraser = Eraser(house.lane, house.log, house.archiver, marks, house.epochs.begin_anew)
        while eraser.run():
            project(house.lane)
            house.clock.advance(60)

    def check(house: House, before: list[Entry]) -> None:
        project(house.lane)
        after = everything(house.lane.log)
        assert [each.position for each in after[: len(before)]] == [each.position for each in before]
        assert house.lane.log.appended() == len(after)
        assert house.faults() == []
        assert house.differing(whole=False) == []
        assert [secret for secret in (b"Lovelace", b"ada@example", b"City ") if secret in raw(house)] == []

    made = lambda: House(server, tmp_path)  # noqa: E731 - a recipe
    assert killed_everywhere(made, prepare, erase, check) >= 20


def raw(house: House) -> bytes:
    """All bytes of the archive's directory, those of the live log, and all tables."""
    kept = [unpacked(path) for path in house.directory.rglob("*") if path.is_file()]
    kept += [entry.raw for entry in house.stores.log.read(house.stores.log.begins(), 10_000)]
    tables = house.lane.tables()
    kept += [key.encode() + value for table in Table for key, value in tables.scan(table)]
    kept += [entry for _, closed in tables.all_decisions() for entry in closed]
    return b"\n".join(kept)
