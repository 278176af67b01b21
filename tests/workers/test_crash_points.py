"""Dying before and after each named step of archiving, trimming, snapshots, switching and erasing.

Each step is died at twenty times, in lanes with different pasts. What there is then must be one log without
gap or overlap; whoever comes next finishes the work, and no value of an erased person is left in any byte.
``test_archive_crashes`` does the same to real processes, with SIGKILL.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from domain import events as e
from domain.book import Table
from tests.workers.archives import SOON, Shelf, everything, replaying, unpacked
from tests.workers.lanes import append, project, shown
from tests.world import HS
from workers.archive.archive import Archive
from workers.archive.archiver import Bounds
from workers.archive.files import Directory
from workers.archive.marks import Marks
from workers.archive.snapshots import Past
from workers.archive.whole import WholeLog
from workers.epochs import Epochs
from workers.replay import Replay

HITS = 20
PASTS = 40
"""So many different pasts there are at most to find the hits in."""

OLD, NEW = "0.1.0/1/2026.1", "0.2.0/1/2026.1"
SECRETS = [b"ada@example.com", b"Lovelace", b"countess@example.com", b"City "]
BOB = {"email": "bob@example.com", "lastname": "Babbage"}
GONE = e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=2**42, ticket=9_999)


class Dies(Exception):  # noqa: N818 - says what happens
    """The process ends here."""


class Points:
    """Counts the steps of each name, once before and once after it; dies at one of them."""

    def __init__(self) -> None:
        self.seen = Counter[str]()
        self.fatal: tuple[str, int] | None = None

    def arm(self, step: str, number: int) -> None:
        self.seen, self.fatal = Counter(), (step, number)

    def disarm(self) -> None:
        self.seen, self.fatal = Counter(), None

    def pass_by(self, step: str) -> None:
        self.seen[step] += 1
        if self.fatal == (step, self.seen[step]):
            raise Dies


class Counted:
    """Files, a log or generations whose changes are named steps."""

    def __init__(self, inner: Any, points: Points, steps: Sequence[str]) -> None:
        self._inner, self._points, self._steps = inner, points, steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._steps:
            return found

        def counted(*arguments: Any) -> Any:
            step = _step(name, *arguments)
            self._points.pass_by(step)
            result = found(*arguments)
            self._points.pass_by(step)
            return result

        return counted


def _step(name: str, *arguments: Any) -> str:
    """A file's change is named by its folder."""
    return f"{name} {arguments[0].partition('/')[0]}" if name in {"write", "create"} else name


class House(Shelf):
    """Ada with a past of her own: archived, folded and unfolded parts, snapshots; Bob beside her."""

    def __init__(self, root: Path, past: int) -> None:
        self.points, self.root = Points(), root
        files: Any = Counted(Directory(root), self.points, ("write", "create", "remove"))
        super().__init__(files, bounds=Bounds(3 + past % 5, 1_000))
        stores: Any = self.stores
        stores.log = Counted(stores.log, self.points, ("append", "trim"))
        steps = ("take_over", "begin", "switch", "drop")
        stores.generations = Counted(stores.generations, self.points, steps)
        self.release_as(OLD)
        assert stores.generations.take_over("")
        self.lane.log = WholeLog(stores.log, Archive(files))
        self.full = 6 + past % 3
        self._live(past)
        self.before = everything(self.lane.log)
        self.points.disarm()

    def _live(self, past: int) -> None:
        self.look(2 + past % 4)
        append(self.lane, shown(HS, "contacts", "7", ticket=300, **BOB))
        append(
            self.lane, shown(HS, "contacts", "1", ticket=301, email="countess@example.com", lastname="King")
        )
        self.archived()
        assert self.archiver().snapshot(OLD)
        self.look(5 + past % 7)
        append(self.lane, shown(HS, "contacts", "7", ticket=400, **BOB, city="Graz"))
        self.clock.advance(SOON)

    def release_as(self, release: str) -> None:
        generations: Any = self.stores.generations
        generations._inner.ours = release

    def differing(self, *, whole: bool = True) -> list[str]:
        past = None if whole else Past(self.files, self.archive.newest().snapshots[-1])
        return replaying(self.lane, self.stores.generations, past).verify().differing

    def revived(self) -> None:
        """The process is gone, its leases run out, and another one comes."""
        self.points.disarm()
        self.stores.coordination._leases.clear()

    def one_log(self) -> None:
        """All that the log held it holds, once, in its order."""
        now = everything(self.lane.log)
        places = [each.position for each in self.before]
        assert [each.position for each in now[: len(places)]] == places
        assert len(now) == self.lane.log.appended()
        bobs = [entry for entry in self.before if b'"id":"7"' in entry.raw]
        assert bobs == [entry for entry in now if b'"id":"7"' in entry.raw]
        assert self.faults() == []

    def raw(self) -> bytes:
        """All bytes that are kept: of all files, whether a manifest names them or not, and of the stores."""
        kept = [entry.raw for entry in self.stores.log.read(self.stores.log.begins(), 10_000)]
        kept += [unpacked(path) for path in self.root.rglob("*") if path.is_file()]
        tables = self.stores.tables()
        kept += [key.encode() + value for table in Table for key, value in tables.scan(table)]
        kept += [entry for _, closed in tables.all_decisions() for entry in closed]
        return b"\n".join(kept)


# -- what is died at


def archive(house: House) -> None:
    house.archiver().run()
    house.archiver().run()


def snapshot(house: House) -> None:
    assert house.archiver().snapshot(OLD)


def rebuild(house: House) -> None:
    assert Replay(house.lane, house.stores.generations).rebuild().differing == []


def upgrade(house: House) -> None:
    house.release_as(NEW)
    assert Epochs(house.lane, house.stores.generations, house.archiver()).enter()


def erase(house: House) -> None:
    house.lane.refuse = Marks(house.files).refuse
    append(house.lane, GONE)
    for _ in range(9):
        if not house.eraser(OLD).run():
            return
        project(house.lane)
        house.clock.advance(SOON)
    raise AssertionError("not erased")


def same_state(house: House) -> None:
    project(house.lane)
    assert house.differing() == []
    assert b"Lovelace" in house.raw()


def trimmed(house: House) -> None:
    same_state(house)
    assert house.stores.log.length() == house.bounds.events
    assert house.archive.newest().last == house.before[-1].position


def of_the_new_release(house: House) -> None:
    same_state(house)
    assert house.archive.newest().snapshots[-1].release == NEW
    assert len([each for each in everything(house.lane.log) if b'"epoch/' in each.raw]) == 1


def nothing_left(house: House) -> None:
    raw = house.raw()
    assert [secret for secret in SECRETS if secret in raw] == []
    assert b"Graz" in raw
    project(house.lane)
    assert house.differing(whole=False) == []


Work = Callable[[House], None]

CASES: dict[str, tuple[Work, Work, tuple[str, ...]]] = {
    "archive": (archive, trimmed, ("write segments", "create manifests", "remove", "trim")),
    "snapshot": (snapshot, same_state, ("write snapshots", "create manifests")),
    "rebuild": (rebuild, same_state, ("begin", "switch", "drop")),
    "upgrade": (upgrade, of_the_new_release, ("take_over", "write snapshots", "create manifests", "append")),
    "erase": (
        erase,
        nothing_left,
        ("write segments", "write snapshots", "create manifests", "remove", "append", "trim"),
    ),
}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The death of a process, unlike a power cut, takes nothing from the system."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.mark.parametrize("case", CASES)
def test_each_step_is_died_at_twenty_times_and_nothing_is_lost_doubled_or_left(
    case: str, tmp_path: Path
) -> None:
    work, check, steps = CASES[case]
    hits = Counter[str]()
    for past in range(PASTS):
        house = House(tmp_path / f"{past}", past)
        work(house)
        for step in steps:
            for number in range(1, house.points.seen[step] + 1):
                if hits[step] < HITS:
                    _die(House(tmp_path / f"{past}-{step}-{number}", past), (step, number), work, check)
                    hits[step] += 1
        if all(hits[step] >= HITS for step in steps):
            break
    assert hits == dict.fromkeys(steps, HITS)


def _die(house: House, at: tuple[str, int], work: Work, check: Work) -> None:
    house.points.arm(*at)
    with pytest.raises(Dies):
        work(house)
    house.revived()
    house.one_log()
    work(house)
    house.one_log()
    check(house)
