"""One connection replayed by several: the hashes are the same, however many share the work."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore

from domain import events as e
from domain.book import CONNECTION_KEY, Changes, Table
from domain.policy import Section
from domain.upcasting import NewerEvent
from tests.domain.test_laws import SETTINGS
from tests.workers.archives import ROOMY, everything
from tests.workers.crm import FakeCrm
from tests.workers.lanes import MOMENT, configured, project, shown
from tests.world import HS, SECTION, SF
from workers import embedded
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver
from workers.archive.files import Bucket
from workers.archive.places import open_files
from workers.archive.snapshots import Beginning, Past
from workers.clock import Clock, ManualClock
from workers.connection import Lane
from workers.crew import Alone, Job, Place, Processes, Result, Task, Tell
from workers.deliver import Deliverer
from workers.opening import open_place
from workers.parts import Bounds, fold, in_pieces
from workers.project import Projector
from workers.read import Reader
from workers.replay import Comparison, Replay
from workers.storage.memory import MemoryStores, MemoryTables
from workers.storage.redis_store import RedisStores, connect
from workers.store import START, Stores

PEOPLE = 12
SIZES = (1, 2, 4)


class GoingOn(ManualClock):
    """A millisecond later whenever somebody looks."""

    def now_ms(self) -> int:
        self.advance(0.001)
        return super().now_ms()


class Shares(Alone):
    """This process folds the shares of several, one after the other."""

    def __init__(self, stores: MemoryStores, size: int, past: Past | None = None) -> None:
        super().__init__(Place(stores.log, stores.generations.tables, past or Beginning()), size)
        self.rounds = 0

    def share(self, task: Task[Job, Result], jobs: Sequence[Job], tell: Tell) -> list[Result]:
        self.rounds += 1
        return super().share(task, jobs, tell)


class Slow(Shares):
    """This process surveys the log; then others have folded all shares before it takes one."""

    surveyed = False

    def share(self, task: Task[Job, Result], jobs: Sequence[Job], tell: Tell) -> list[Result]:
        place = Place(self.place.log, self.place.tables) if self.surveyed else self.place
        self.surveyed = True
        return [task(place, iter(jobs), tell)]


def inhabited(stores: Stores, clock: Clock, section: Section = SECTION) -> Lane:
    """People in one or both CRMs, looked up, created, delivered; some of them met."""
    lane = Lane("acme", stores.log, stores.tables, stores.coordination, clock, "test")
    configured(lane, section)
    for number in range(PEOPLE):
        address = f"p{number}@example.com"
        lane.append([shown(HS, "contacts", f"{number}", email=address, lastname=f"N{number}")])
        if number % 2:
            lane.append([shown(SF, "Lead", f"00Q{number}", Email=address, LastName="Other", Company="C")])
    lane.append([shown(HS, "contacts", "0", ticket=50, email="p1@example.com", lastname="Met")])
    lane.append([e.RecordsMerged(crm=SF, object="Lead", winner="00Q5", losers=("00Q3",), at=MOMENT)])
    lane.append([e.Paused(by="test", request="p"), e.Resumed(by="test", request="r")])
    stores.log.append([(b"?" * 16, b"no event")])
    work(lane)
    return lane


def work(lane: Lane) -> None:
    crms = {crm: FakeCrm(crm) for crm in (HS, SF)}
    for _ in range(4):
        project(lane)
        for crm, gateway in crms.items():
            Reader(lane, crm, gateway).run()
            Deliverer(lane, crm, gateway).run()
    project(lane)


def in_memory(section: Section = SECTION) -> tuple[MemoryStores, Lane]:
    clock = GoingOn()
    stores = MemoryStores(clock)
    return stores, inhabited(stores, clock, section)


def verified(stores: MemoryStores, lane: Lane, size: int, batch: int = 1_000) -> Comparison:
    return Replay(lane, stores.generations, Shares(stores, size), batch).verify()


@pytest.mark.parametrize("batch", [1, 7, 1_000])
def test_any_number_of_parts_and_any_batch_make_the_same_hashes(batch: int) -> None:
    stores, lane = in_memory()
    for size in SIZES:
        found = verified(stores, lane, size, batch)
        assert found.differing == []
        assert (found.processes, found.met) == (size, False)
    assert lane.tables().counters()["answers/salesforce/delivered"] > 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("log")
    yield embedded.ensure(directory)
    embedded.stop(directory)


def test_processes_make_the_hashes_that_one_makes(server: str, tmp_path: Path) -> None:
    with connect(server) as client:
        stores = RedisStores(client, "acme")
        lane = inhabited(stores, ManualClock())
        for size in (2, 4):
            crew = Processes(partial(open_place, server, str(tmp_path), "acme"), size)
            told: list[tuple[int, int]] = []
            found = Replay(lane, stores.generations, crew).verify(
                lambda done, total: told.append((done, total)),  # noqa: B023 - called at once
            )
            assert found.differing == []
            assert (found.processes, found.met) == (size, False)
            assert told[-1] == (lane.log.appended(), lane.log.appended())


# -- from a snapshot on


@cache
def somewhere() -> tuple[MemoryStores, Lane]:
    """A connection that stays as it is."""
    return in_memory()


def snapshot_at(lane: Lane, until: str, damage: Changes | None = None) -> Past:
    """The state at a position of the log, as an archive keeps it; ``damage``: what it has besides."""
    tables, files = MemoryTables(), Bucket(MemoryStore())
    then = Lane("acme", lane.log, lambda: tables, lane.coordination, lane.clock, "then")
    projector = Projector(then)
    while projector.step(until=until):
        pass
    if damage is not None:
        assert tables.commit(tables.checkpoint(), tables.checkpoint(), damage)
    archiver = Archiver(then, lane.log, Archive(files), ROOMY)
    assert archiver.snapshot("release")
    return Past(files, archiver.archive.newest().snapshots[-1])


@given(st.floats(0, 1), st.integers(1, 4), st.integers(1, 1_000))
@settings(max_examples=80, **SETTINGS)
def test_a_snapshot_taken_anywhere_and_the_log_behind_it_make_the_same_hashes_by_any_number(
    share: float, size: int, batch: int
) -> None:
    stores, lane = somewhere()
    entries = everything(lane.log)
    past = snapshot_at(lane, entries[int(share * (len(entries) - 1))].position)
    found = Replay(lane, stores.generations, Shares(stores, size, past), batch).verify()
    assert (found.differing, found.processes, found.met) == ([], size, False)
    assert found.events == lane.tables().counters()["events"]


@pytest.mark.parametrize("size", SIZES)
def test_a_row_that_no_event_touched_counts_as_the_snapshot_has_it(size: int) -> None:
    stores, lane = somewhere()
    damage = Changes({Table.REFS: {"hubspot/contacts/nobody": b"\xa1x"}}, {}, {}, {}, {}, {})
    past = snapshot_at(lane, lane.log.tail(), damage)
    found = Replay(lane, stores.generations, Shares(stores, size, past)).verify()
    assert (found.differing, found.processes) == (["refs"], size)


@pytest.mark.parametrize(
    ("damage", "differing"),
    [
        (Changes({Table.CONTACTS: {"hubspot/contacts/nobody": b"\xc1"}}, {}, {}, {}, {}, {}), ["contacts"]),
        (Changes({}, {}, {"retries": {"hubspot/contacts/nobody": 1}}, {}, {}, {}), ["queue:retries"]),
        (Changes({}, {}, {}, {}, {"hubspot/contacts/4": [b"{}"]}, {}), ["decisions"]),
        (Changes({}, {}, {}, {}, {}, {"events/observed/1": 1}), ["counters"]),
    ],
)
def test_whatever_is_damaged_in_a_snapshot_is_told(damage: Changes, differing: list[str]) -> None:
    stores, lane = somewhere()
    entries = everything(lane.log)
    past = snapshot_at(lane, entries[len(entries) * 2 // 3].position, damage)
    found = Replay(lane, stores.generations, Shares(stores, 3, past)).verify()
    assert (found.differing, found.met) == (differing, False)


def test_records_that_only_the_snapshot_says_are_one_person_are_folded_together() -> None:
    stores, lane = in_memory()
    past = snapshot_at(lane, lane.tables().checkpoint())
    for number in range(PEOPLE):
        lane.append([shown(HS, "contacts", f"{number}", ticket=100, city=f"Graz {number}")])
        lane.append([shown(SF, "Lead", f"00Q{number}", ticket=101, Phone=f"{number}")])
    lane.append([e.Paused(by="test", request="q")])
    work(lane)
    for size in SIZES:
        found = Replay(lane, stores.generations, Shares(stores, size, past)).verify()
        assert (found.differing, found.processes, found.met) == ([], size, False)


@pytest.mark.parametrize(("limit", "processes"), [(9, 4), (8, 1)])
def test_what_guards_had_counted_before_the_snapshot_counts(limit: int, processes: int) -> None:
    stores, lane = in_memory(msgspec.structs.replace(SECTION, guards={"creates": limit}))
    assert lane.state().guards["creates"].count == 6
    past = snapshot_at(lane, lane.tables().checkpoint())
    for number in range(3):
        address = f"new{number}@example.com"
        lane.append([shown(HS, "contacts", f"9{number}", ticket=100, email=address, lastname="New")])
    work(lane)
    assert bool(lane.state().trips) is (processes == 1)
    found = Replay(lane, stores.generations, Shares(stores, 4, past)).verify()
    assert (found.differing, found.processes, found.met) == ([], processes, processes == 1)


def test_a_rebuild_from_a_snapshot_by_several_takes_the_running_states_place() -> None:
    stores, lane = in_memory()
    entries, before = everything(lane.log), lane.tables().fingerprint()
    past = snapshot_at(lane, entries[len(entries) // 2].position)
    assert Replay(lane, stores.generations, Shares(stores, 3, past)).diff(MemoryTables()) == []
    found = Replay(lane, stores.generations, Shares(stores, 3, past)).rebuild()
    assert (found.processes, found.differing) == (3, [])
    assert lane.tables().fingerprint() == before


def test_processes_that_begin_with_a_snapshot_make_the_hashes_that_one_makes(
    server: str, tmp_path: Path
) -> None:
    with connect(server) as client:
        stores = RedisStores(client, "begun")
        lane = inhabited(stores, ManualClock())
        archive = Archive(open_files(str(tmp_path), "begun"))
        assert Archiver(lane, stores.log, archive, ROOMY).snapshot("release")
        taken = archive.newest().snapshots[-1]
        lane.append([shown(HS, "contacts", f"{each}", ticket=90, city="Graz") for each in range(PEOPLE)])
        work(lane)
        opening = partial(open_place, server, str(tmp_path), "begun", taken=taken)
        told: list[tuple[int, int]] = []
        found = Replay(lane, stores.generations, Processes(opening, 2)).verify(
            lambda done, total: told.append((done, total))
        )
        assert (found.differing, found.processes, found.met) == ([], 2, False)
        assert (told[0][0], told[-1]) >= (1, (lane.log.appended(), lane.log.appended()))


# -- while traffic goes on


def test_a_rebuild_by_several_takes_the_running_states_place() -> None:
    stores, lane = in_memory()
    before = lane.tables().fingerprint()
    found = Replay(lane, stores.generations, Shares(stores, 4)).rebuild()
    assert (found.processes, found.differing) == (4, [])
    assert lane.tables().generation == 2
    assert lane.tables().fingerprint() == before


def test_what_comes_in_during_a_verification_does_not_count() -> None:
    stores, lane = in_memory()
    lane.append([shown(HS, "contacts", "2", ticket=90, email="p3@example.com")])
    at = lane.tables().checkpoint()

    replay = Replay(lane, stores.generations, Shares(stores, 4))
    found = replay.verify(lambda _done, _total: work(lane))
    assert found.differing == []
    assert found.position == at != lane.tables().checkpoint()


def test_what_comes_in_during_a_rebuild_is_folded_on_top() -> None:
    stores, lane = in_memory()
    lane.append([shown(HS, "contacts", "2", ticket=90, email="p3@example.com")])

    replay = Replay(lane, stores.generations, Shares(stores, 4))
    found = replay.rebuild(lambda _done, _total: work(lane))
    assert found.differing == []
    assert found.position == lane.log.tail()


def test_contacts_that_a_guard_counts_together_are_folded_by_one() -> None:
    stores, lane = in_memory(msgspec.structs.replace(SECTION, guards={"creates": 3}))
    found = verified(stores, lane, 4)
    assert found.differing == []
    assert (found.processes, found.met) == (1, True)


def test_who_folds_all_after_others_folded_the_shares_folds_the_whole_log() -> None:
    stores, lane = in_memory(msgspec.structs.replace(SECTION, guards={"creates": 3}))
    found = Replay(lane, stores.generations, Slow(stores, 2)).verify()
    assert found.differing == []
    assert (found.processes, found.met) == (1, True)


def test_the_fields_that_connect_records_are_those_of_the_configuration() -> None:
    kind = msgspec.structs.replace(SECTION.kind, hubspot_key="sf_id", salesforce_key="Hub__c")
    stores, lane = in_memory(msgspec.structs.replace(SECTION, kind=kind))
    lane.append([shown(SF, "Lead", "00Q99", ticket=91, Hub__c="4", LastName="Four", Company="C")])
    work(lane)
    crew = Shares(stores, 4)
    found = Replay(lane, stores.generations, crew).verify()
    assert (found.differing, found.met) == ([], False)
    assert crew.rounds == 2  # one survey, which knew the fields, and the fold


def test_fields_that_only_an_earlier_configuration_had_connect_records_too() -> None:
    kind = msgspec.structs.replace(SECTION.kind, hubspot_key="sf_id", salesforce_key="Hub__c")
    stores, lane = in_memory(msgspec.structs.replace(SECTION, kind=kind))
    configured(lane, SECTION)
    work(lane)
    crew = Shares(stores, 4)
    found = Replay(lane, stores.generations, crew).verify()
    assert (found.differing, found.met) == ([], False)
    assert crew.rounds == 3


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x91\xa1\xff"])
def test_a_damaged_state_can_be_replayed_by_several(raw: bytes) -> None:
    stores, lane = in_memory()
    at = lane.tables().checkpoint()
    damage = Changes({Table.META: {CONNECTION_KEY: raw}}, {}, {}, {}, {}, {})
    assert lane.tables().commit(at, at, damage)
    assert verified(stores, lane, 4).differing == ["meta"]


@pytest.mark.parametrize(
    "bounds", [Bounds(2, values=3), Bounds(2, unfolded=0), Bounds(2, unfolded=5_000), Bounds(2, waiting=300)]
)
@pytest.mark.parametrize("size", SIZES)
def test_what_there_is_no_room_for_is_encoded_on_the_way_or_read_again(size: int, bounds: Bounds) -> None:
    stores, lane = in_memory()
    whole = fold(Shares(stores, size), lane.log.tail(), MemoryTables.contents, lambda _: None, bounds)
    assert not whole.met
    tables = MemoryTables()
    for piece in in_pieces(whole.made):
        assert tables.commit(START, START, piece)
    assert tables.fingerprint() == lane.tables().fingerprint()


@pytest.mark.parametrize("size", SIZES)
def test_a_log_that_only_a_newer_release_reads_is_not_folded(size: int) -> None:
    stores, lane = in_memory()
    stores.log.append([(b"n" * 16, b'{"kind":"observed/99"}')])
    with pytest.raises(NewerEvent):
        fold(Shares(stores, size), lane.log.tail(), MemoryTables.contents, lambda _: None, Bounds())


def test_an_empty_log_is_folded_too() -> None:
    stores = MemoryStores(ManualClock())
    lane = Lane("acme", stores.log, stores.tables, stores.coordination, ManualClock(), "test")
    found = verified(stores, lane, 4)
    assert (found.differing, found.met) == ([], False)
