"""Epochs: each is folded by one release alone, from a state that is kept."""

from collections.abc import Iterator

import fakeredis
import pytest
from obstore.store import MemoryStore

from domain import events as e
from domain.book import Changes, Table
from domain.upcasting import decode
from tests.workers.archives import everything, replaying
from tests.workers.crm import FakeCrm
from tests.workers.lanes import ADA, configured, project, shown, with_ada
from tests.world import HS, SF
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver, Bounds, Discontinued
from workers.archive.files import Bucket
from workers.archive.snapshots import Past
from workers.archive.whole import WholeLog
from workers.clock import ManualClock, SystemClock
from workers.connection import Lane
from workers.deliver import Deliverer
from workers.epochs import ALIVE_MS, Epochs, Release
from workers.project import Projector
from workers.replay import Replay
from workers.storage.redis_store import RedisStores

OLD, NEW = "0.1.0/1/2026.1", "0.2.0/1/2026.1"


class House:
    """One connection that several releases work on, each with a view of its own."""

    def __init__(self) -> None:
        self.server = fakeredis.FakeRedis(version=(7, 2))
        self.files = Bucket(MemoryStore())
        self.clock = ManualClock(SystemClock().now_ms() + 10_000)
        self.looks = 0

    def worker(self, release: str) -> "Worker":
        return Worker(self, release)

    def look(self) -> None:
        """News of Ada."""
        self.looks += 1
        lane = self.worker(OLD).lane
        lane.append(
            [shown(HS, "contacts", "1", ticket=50 + self.looks, email="ada@example.com", lastname="L")]
        )

    def wait(self) -> None:
        """Long enough that whoever is gone counts as gone."""
        self.server.delete(*self.server.keys("{acme}:lease:release/*"))
        self.clock.advance(ALIVE_MS / 1000)

    def told(self) -> list[str]:
        """The releases that said that they began an epoch, in order."""
        events = [decode(entry.raw) for entry in everything(self.worker(OLD).lane.log)]
        return [event.code for event in events if isinstance(event, e.EpochStarted)]


class Worker:
    """A worker of one release."""

    def __init__(self, house: House, release: str) -> None:
        self.stores = RedisStores(house.server, "acme", release)
        archive = Archive(house.files)
        self.lane = Lane(
            "acme",
            WholeLog(self.stores.log, archive),
            self.stores.tables,
            self.stores.coordination,
            house.clock,
            release,
        )
        self.archiver = Archiver(self.lane, self.stores.log, archive, Bounds(1_000, 1_000))
        self.epochs = Epochs(self.lane, self.stores.generations, self.archiver)
        self.projector = Projector(self.lane)

    def past(self) -> Past:
        return Past(self.archiver.archive.files, self.archiver.archive.newest().snapshots[-1])

    def differing(self) -> list[str]:
        """What a replay of the epoch makes otherwise than what runs."""
        return replaying(self.lane, self.stores.generations, self.past()).verify().differing


@pytest.fixture
def house() -> House:
    """Ada's connection, run by the old release."""
    house = House()
    old = house.worker(OLD)
    assert old.epochs.enter()
    with_ada(configured(old.lane))
    project(old.lane)
    return house


def test_the_first_release_begins_an_epoch(house: House) -> None:
    assert house.told() == ["0.1.0"]
    assert house.worker(OLD).lane.state().epoch == OLD


def test_a_newer_release_takes_over_at_once_and_the_older_one_may_not_commit(house: House) -> None:
    old, new = house.worker(OLD), house.worker(NEW)
    house.look()
    assert new.epochs.enter()

    assert not old.projector.step()
    assert new.projector.step()
    assert not old.epochs.enter()


def test_an_older_worker_that_was_frozen_in_mid_batch_commits_nothing_afterwards(house: House) -> None:
    old, new = house.worker(OLD), house.worker(NEW)
    house.look()
    tables = old.lane.tables()
    place = tables.checkpoint()
    assert new.epochs.enter()

    assert not tables.commit(
        place, old.lane.log.tail(), Changes({Table.META: {"x": b""}}, {}, {}, {}, {}, {})
    )


def test_an_epoch_replays_exactly_from_its_snapshot(house: House) -> None:
    new = house.worker(NEW)
    house.look()
    assert new.epochs.enter()
    project(new.lane)
    house.look()
    project(new.lane)

    assert new.differing() == []
    assert new.past().position != "0-0"
    assert house.told() == ["0.1.0", "0.2.0"]


def test_a_claim_whose_event_waits_is_not_in_the_snapshot(house: House) -> None:
    old, new = house.worker(OLD), house.worker(NEW)
    crm = FakeCrm(SF)
    Deliverer(old.lane, SF, crm).run()
    assert crm.written
    assert new.epochs.enter()
    project(new.lane)

    assert new.differing() == []


def test_a_snapshot_that_somebody_commits_under_is_not_taken(house: House) -> None:
    old = house.worker(OLD)
    house.look()

    class Busily(Archiver):
        def _behind(self, position: str) -> Iterator[object]:  # type: ignore[override]
            assert old.projector.step()
            return super()._behind(position)

    archiver = Busily(old.lane, old.stores.log, old.archiver.archive, Bounds(1, 1))
    before = archiver.archive.newest()

    assert not archiver.snapshot(OLD)
    assert archiver.archive.newest() == before


def test_a_take_over_that_was_cut_short_is_finished_before_anything_is_folded(house: House) -> None:
    new = house.worker(NEW)
    house.look()
    assert new.stores.generations.take_over(OLD)
    later = house.worker(NEW)
    assert later.epochs.enter()
    project(later.lane)

    assert later.differing() == []
    assert house.told() == ["0.1.0", "0.2.0"]


def test_an_older_release_gets_its_turn_back_once_the_newer_one_is_gone(house: House) -> None:
    old, new = house.worker(OLD), house.worker(NEW)
    assert new.epochs.enter()
    assert not old.epochs.enter()
    house.wait()
    assert old.epochs.enter()
    house.look()

    assert old.projector.step()
    assert old.differing() == []
    assert not new.projector.step()


def test_beginning_again_changes_nothing(house: House) -> None:
    before = house.worker(OLD).archiver.archive.newest()
    for _ in range(3):
        assert house.worker(OLD).epochs.enter()

    assert house.worker(OLD).archiver.archive.newest() == before
    assert house.told() == ["0.1.0"]


def test_a_rebuild_is_followed_by_an_epoch_of_its_own(house: House) -> None:
    old = house.worker(OLD)
    before = old.past().position
    Replay(old.lane, old.stores.generations).rebuild()
    assert old.epochs.enter()

    assert old.past().position != before
    assert old.differing() == []


def test_an_epoch_is_renewed_when_it_is_old_and_something_happened(house: House) -> None:
    old = house.worker(OLD)
    house.look()
    project(old.lane)
    assert not old.epochs.renew(after_ms=60_000)
    house.clock.advance(61)
    assert old.epochs.renew(after_ms=60_000)

    assert old.past().position == old.lane.tables().checkpoint()
    project(old.lane)
    assert old.differing() == []


def test_a_snapshot_has_every_row_of_the_tables(house: House) -> None:
    old = house.worker(OLD)
    house.look()
    project(old.lane)
    assert old.archiver.snapshot(OLD)
    tables, past = old.lane.tables(), old.past()

    for table in Table:
        for key, value in tables.scan(table):
            assert past.fetch(table, key) == value
    assert past.decisions(ADA) == tables.decisions(ADA, 100)
    assert past.fetch(Table.REFS, "nobody") is None
    assert past.decisions("nobody") == []


def test_an_empty_server_beside_an_archive_is_not_folded_before_it_is_restored(house: House) -> None:
    old = house.worker(OLD)
    house.clock.advance(60)
    old.archiver.run()
    house.server.flushall()
    with pytest.raises(Discontinued):
        house.worker(OLD).epochs.enter()

    assert house.worker(OLD).lane.tables().checkpoint() == "0-0"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("", OLD),
        ("0.9.0/1/2026.1", "0.10.0/1/2026.1"),
        ("9.9.9/1/2026.1", "0.1.0/2/2026.1"),
        ("0.1.0/1/2026.1", "0.1.0/1/2026.2"),
    ],
)
def test_releases_are_in_order(older: str, newer: str) -> None:
    assert Release.parse(older) < Release.parse(newer)
