"""A log's server that is lost goes on from the archive, and nothing is written before both CRMs were read."""

import msgspec
import pytest

from tests.workers.archives import Shelf, everything
from tests.workers.crm import FakeCrm
from tests.workers.lanes import ADA, append, project, shown
from tests.world import HS, SF
from workers import views
from workers.archive.archive import Archive
from workers.archive.archiver import Bounds
from workers.archive.whole import WholeLog
from workers.connection import PROJECTED, RESTORED, Lane
from workers.control import Control
from workers.deliver import Deliverer
from workers.poll import Poller
from workers.replay import Replay
from workers.restore import NothingToRestore, Restore, Restored
from workers.storage.memory import MemoryStores
from workers.store import START


class Disaster(Shelf):
    """A lane with an archive, whose server can be lost."""

    def __init__(self) -> None:
        super().__init__(bounds=Bounds(50, 1_000))
        self.look(40)
        assert self.archiver().snapshot("this")
        self.look(40)
        self.archived()

    def lose(self) -> None:
        """Another server, on which there is nothing."""
        self.stores = stores = MemoryStores(self.clock)
        log = WholeLog(stores.log, Archive(self.files))
        self.lane = Lane("acme", log, stores.tables, stores.coordination, self.clock, "test")

    def restore(self, paused: str = "") -> Restored:
        return Restore(
            self.lane, self.stores.generations, Archive(self.files), self.archiver(), lambda _: paused
        ).run()

    def poll(self) -> None:
        """Look into both CRMs, where nothing is new."""
        self.clock.advance(1)
        for crm in (HS, SF):
            Poller(self.lane, crm, FakeCrm(crm, now_ms=self.clock.now_ms())).changes()
        project(self.lane)

    def written(self) -> int:
        self.clock.advance(1)
        crm = FakeCrm(SF)
        Deliverer(self.lane, SF, crm).run()
        project(self.lane)
        return len(crm.written)


@pytest.fixture
def lost() -> Disaster:
    disaster = Disaster()
    disaster.lose()
    return disaster


def test_a_lost_server_goes_on_where_the_archive_ends() -> None:
    disaster = Disaster()
    before, state = everything(disaster.lane.log), disaster.lane.tables().fingerprint()
    appended = disaster.lane.log.appended()
    disaster.lose()
    found = disaster.restore()

    assert (found.until, found.events, found.to_rebuild) == (before[-1].position, len(before), False)
    assert everything(disaster.lane.log)[: len(before)] == before
    assert disaster.lane.log.appended() == appended + 1  # the pause
    project(disaster.lane)
    assert {
        name for name, each in disaster.lane.tables().fingerprint().items() if each != state.get(name)
    } == {"counters", "meta"}
    assert disaster.faults() == []


def test_positions_go_on_behind_the_archive_even_if_the_new_servers_clock_is_behind(lost: Disaster) -> None:
    until = lost.archive.newest().last
    lost.stores.log._clock.__class__ = type("Late", (), {"now_ms": lambda _: 5})
    lost.restore()

    assert (
        lost.stores.log.read(until, 5)[0].position
        == f"{until.partition('-')[0]}-{int(until.partition('-')[2]) + 1}"
    )


def test_folding_goes_on_from_the_snapshot(lost: Disaster) -> None:
    lost.restore()

    assert lost.lane.tables().checkpoint() == lost.archive.newest().snapshots[-1].position
    assert lost.lane.rewound()
    project(lost.lane)
    assert not lost.lane.rewound()
    assert Replay(lost.lane, lost.stores.generations).verify().differing == []


def test_a_damaged_snapshot_is_passed_over() -> None:
    disaster = Disaster()
    older = disaster.archive.newest().snapshots[-1]
    assert disaster.archiver().snapshot("this")
    disaster.files.remove(disaster.archive.newest().snapshots[-1].file.name)
    disaster.lose()
    found = disaster.restore()

    assert (found.kept, found.to_rebuild) == (0, False)
    assert disaster.lane.tables().checkpoint() == older.position
    project(disaster.lane)
    assert Replay(disaster.lane, disaster.stores.generations).verify().differing == []


def test_without_a_snapshot_folding_begins_at_the_beginning() -> None:
    shelf = Disaster()
    known = shelf.archive.newest()
    files = shelf.files
    for each in known.snapshots:
        files.remove(each.file.name)
    files.write(files.names("manifests")[-1], _without_snapshots(shelf))
    shelf.lose()
    shelf.restore()

    assert shelf.lane.tables().checkpoint() == START
    project(shelf.lane)
    assert views.contact(shelf.lane, ADA).fields


def _without_snapshots(shelf: Shelf) -> bytes:
    body = msgspec.json.decode(shelf.files.read(shelf.files.names("manifests")[-1]))
    return msgspec.json.encode({**body, "snapshots": []})


def test_what_was_seen_lately_is_recognised_after_a_restore(lost: Disaster) -> None:
    lost.restore()

    assert lost.lane.append([lost.city(80)]) == 0
    assert lost.lane.append([lost.city(81)]) == 1


def test_documents_are_on_the_server_again(lost: Disaster) -> None:
    damaged, *names = lost.archive.newest().documents
    lost.files.write(f"documents/{damaged}.json", b"{")
    assert names
    assert [name for name in names if lost.stores.log.document(name)] == []
    lost.restore()

    assert [lost.stores.log.document(name) for name in names] == [
        lost.archive.document(name) for name in names
    ]


def test_tickets_and_cursors_go_on() -> None:
    disaster = Disaster()
    disaster.lane.coordination.tickets(500)
    disaster.lane.coordination.set_cursor("poll/hubspot/contacts", '{"since":7,"started":9,"after":"x"}')
    disaster.lane.coordination.set_cursor("jobs", "a b")
    disaster.look()
    disaster.archived()
    disaster.lose()
    disaster.restore()
    coordination = disaster.lane.coordination

    assert coordination.tickets() == 501
    assert coordination.cursor("jobs") == "a b"
    assert '"since":7,"started":0' in (coordination.cursor("poll/hubspot/contacts") or "")
    assert coordination.cursor(PROJECTED) == disaster.archive.newest().last


def test_nothing_is_written_until_both_crms_were_read(lost: Disaster) -> None:
    lost.restore()
    project(lost.lane)
    assert lost.lane.state().paused == RESTORED
    assert lost.written() == 0
    assert not Control(lost.lane).healed()

    lost.poll()
    assert Control(lost.lane).healed()
    project(lost.lane)
    assert lost.lane.state().paused == ""
    assert lost.written() == 1


def test_what_was_written_already_and_has_changed_since_is_not_written_again(lost: Disaster) -> None:
    lost.restore()
    project(lost.lane)
    lead = {"Email": "ada@example.com", "LastName": "Lovelace", "Company": "Analytical"}
    person = {"email": "ada@example.com", "lastname": "Lovelace", "company": "Analytical"}
    append(lost.lane, shown(HS, "contacts", "1", ticket=900, city="Paris", **person))
    append(lost.lane, shown(SF, "Lead", "00Q000000000001EAA", ticket=901, City="Paris", **lead))
    lost.poll()
    Control(lost.lane).healed()
    project(lost.lane)

    assert lost.written() == 0
    assert (
        next(each for each in views.contact(lost.lane, ADA).fields if each.hubspot == "city").mark == "agreed"
    )


def test_a_poll_that_was_begun_before_does_not_count(lost: Disaster) -> None:
    for crm in (HS, SF):
        lost.lane.coordination.set_cursor(f"polled/{crm}", str(lost.clock.now_ms()))
    lost.restore()
    project(lost.lane)

    assert not Control(lost.lane).healed()


def test_a_poll_of_a_state_that_is_not_back_yet_does_not_count(lost: Disaster) -> None:
    lost.restore()
    for crm in (HS, SF):
        Poller(lost.lane, crm, FakeCrm(crm)).changes()
    project(lost.lane)

    assert not Control(lost.lane).healed()


def test_what_a_person_had_paused_stays_paused(lost: Disaster) -> None:
    assert lost.restore(paused="eve").paused == "eve"
    project(lost.lane)
    lost.poll()

    assert not Control(lost.lane).healed()


def test_an_older_copy_of_the_server_goes_on_too() -> None:
    disaster = Disaster()
    older = Disaster()
    older.files = disaster.files
    disaster.look(30)
    disaster.archived()
    lane = Lane(
        "acme",
        WholeLog(older.stores.log, Archive(disaster.files)),
        older.stores.tables,
        older.stores.coordination,
        older.clock,
        "test",
    )
    older.lane = lane
    found = older.restore()

    assert not found.to_rebuild
    project(older.lane)
    assert older.lane.log.appended() == disaster.lane.log.appended() + 1
    assert Replay(older.lane, older.stores.generations).verify().differing == []


def test_a_new_server_that_was_used_before_it_was_restored_keeps_what_came_in(lost: Disaster) -> None:
    append(lost.lane, shown(HS, "contacts", "9", ticket=1, email="new@example.com"))
    found = lost.restore()

    assert (found.kept, found.to_rebuild) == (1, True)
    Replay(lost.lane, lost.stores.generations).rebuild()
    assert views.find(lost.lane, "new@example.com") == views.find(lost.lane, "9")
    assert views.find(lost.lane, "ada@example.com") == [ADA]
    assert Replay(lost.lane, lost.stores.generations).verify().differing == []


def test_a_restore_that_was_cut_short_is_begun_again(lost: Disaster) -> None:
    class CutShort(Exception):  # noqa: N818 - what a killed process does
        pass

    def die(_: str) -> str:
        raise CutShort

    restore = Restore(lost.lane, lost.stores.generations, Archive(lost.files), lost.archiver(), die)
    with pytest.raises(CutShort):
        restore.run()
    lost.restore()
    project(lost.lane)

    paused = [each for each in everything(lost.lane.log) if b"paused/" in each.raw]
    assert len(paused) == 1
    assert Replay(lost.lane, lost.stores.generations).verify().differing == []


def test_a_server_can_be_lost_again(lost: Disaster) -> None:
    for _ in range(2):
        lost.restore()
        project(lost.lane)
        assert not Control(lost.lane).healed()
        lost.poll()
        assert Control(lost.lane).healed()
        project(lost.lane)
        lost.look(3)
        lost.archived()
        lost.lose()


def test_a_server_that_goes_on_is_left_alone() -> None:
    disaster = Disaster()
    with pytest.raises(NothingToRestore, match="goes on"):
        disaster.restore()


def test_without_an_archive_there_is_nothing_to_restore() -> None:
    with pytest.raises(NothingToRestore, match="no archive"):
        Restore(
            (shelf := Shelf()).lane, shelf.stores.generations, Archive(shelf.files), shelf.archiver(), str
        ).run()


def test_what_is_restored_is_archived_on(lost: Disaster) -> None:
    lost.restore()
    project(lost.lane)
    lost.look(60)
    lost.archived()

    assert lost.faults() == []
    assert len(everything(lost.lane.log)) == lost.lane.log.appended()
