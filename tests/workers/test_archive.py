"""The archive: all of the log, once, whatever happens, and nothing in memory that need not be."""

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from msgspec.structs import replace

from domain.book import Table
from domain.events import Paused, encode
from tests.workers.archives import SOON, Shelf, everything, shelf_in
from tests.workers.lanes import ADA, memory_lane
from tests.workers.s3 import bucket
from workers.archive import manifest
from workers.archive.archive import Archive
from workers.archive.archiver import Archived, Bounds, Discontinued
from workers.archive.blocks import ROWS
from workers.archive.files import Files
from workers.archive.moving import copy
from workers.archive.places import NoPlace, Room, open_files
from workers.archive.segments import Damaged
from workers.archive.snapshots import Past
from workers.archive.whole import WholeLog
from workers.replay import Replay
from workers.storage.memory import MemoryStores
from workers.store import Entry


def test_what_is_folded_and_settled_is_archived() -> None:
    shelf = Shelf()
    shelf.look(10)
    events, tail = shelf.lane.log.appended(), shelf.lane.log.tail()

    assert shelf.archived() == Archived(events, 0, tail)
    assert shelf.archive.newest().events == events
    assert shelf.faults() == []


def test_what_may_still_be_lost_with_the_servers_last_second_is_not_archived() -> None:
    shelf = Shelf()
    shelf.archived()
    shelf.look()

    assert shelf.archiver().run().events == 0
    assert shelf.archived().events == 1


def test_what_is_not_folded_yet_is_not_archived() -> None:
    shelf = Shelf()
    shelf.archived()
    shelf.lane.append([shelf.city(1)])

    assert shelf.archived().events == 0


def test_a_segment_is_json_that_common_tools_read() -> None:
    shelf = Shelf()
    shelf.look(ROWS)
    shelf.archived()
    (segment,) = shelf.archive.newest().segments
    reader = zstandard.ZstdDecompressor().stream_reader(
        shelf.files.read(segment.file.name), read_across_frames=True
    )
    lines = [json.loads(line) for line in reader.read().splitlines()]

    assert [line["position"] for line in lines] == [each.position for each in everything(shelf.stores.log)]
    assert lines[-1]["event"]["fields"]["city"] == f"City {ROWS}"


def test_a_segment_grows_until_it_is_full() -> None:
    shelf = Shelf()
    shelf.archived()
    for number in (10, ROWS, 2 * ROWS, 5):
        shelf.look(number)
        shelf.archived()

    full, rest = shelf.archive.newest().segments
    assert full.events == shelf.full
    assert full.events + rest.events == shelf.lane.log.appended()
    assert shelf.faults() == []


def test_a_trimmed_log_reads_as_it_did() -> None:
    shelf = Shelf(bounds=Bounds(100, 1_000))
    shelf.look(1_500)
    before = everything(shelf.stores.log)
    done = shelf.archived()

    assert done.trimmed == len(before) - 100
    assert shelf.stores.log.length() == 100
    assert everything(shelf.lane.log) == before
    assert everything(shelf.lane.log, page=7) == before
    assert shelf.faults() == []


def test_the_server_keeps_no_more_than_the_bounds_say() -> None:
    hours = Shelf(bounds=Bounds(1_000, 1))
    hours.look(10)
    hours.clock.advance(3_000)
    hours.look(10)
    hours.clock.advance(700)
    hours.archived()

    assert hours.stores.log.length() == 10


def test_what_is_not_folded_is_not_trimmed() -> None:
    shelf = Shelf(bounds=Bounds(5, 1_000))
    shelf.archived()
    for number in range(50):
        shelf.lane.append([shelf.city(number)])
    shelf.archived()

    assert shelf.stores.log.length() == 50


def test_replay_reads_on_from_the_archive_into_the_log() -> None:
    shelf = Shelf(bounds=Bounds(50, 1_000))
    shelf.look(300)
    shelf.archived()
    found = Replay(shelf.lane, shelf.stores.generations).verify()

    assert found.differing == []
    assert found.events == shelf.lane.log.appended()


def test_a_rebuild_reads_on_from_the_archive_into_the_log() -> None:
    shelf = Shelf(bounds=Bounds(50, 1_000))
    shelf.look(300)
    shelf.archived()
    before = shelf.lane.tables().fingerprint()
    shelf.stores.generations._tables.clear()
    Replay(shelf.lane, shelf.stores.generations).rebuild()

    assert shelf.lane.tables().fingerprint() == before


def test_an_event_is_recognised_after_it_was_trimmed() -> None:
    shelf = Shelf(bounds=Bounds(0, 1_000))
    shelf.look(10)
    shelf.archived()

    assert shelf.stores.log.length() == 0
    assert shelf.lane.append([shelf.city(3)]) == 0


def test_bytes_that_are_no_event_are_kept_as_they_came() -> None:
    shelf = Shelf(bounds=Bounds(0, 1_000))
    for number, raw in enumerate((b"\xff\x00", b"{}", b'{"kind":"paused/1",\n"by":"x"}', b"{}\n", b"")):
        shelf.lane.log.append([(number.to_bytes(16), raw)])
    shelf.look()
    before = everything(shelf.stores.log)
    shelf.archived()

    assert everything(shelf.lane.log) == before


def test_documents_are_archived_with_the_events_that_name_them() -> None:
    shelf = Shelf()
    digest = shelf.lane.state().config
    shelf.archived()

    assert digest in shelf.archive.newest().documents
    empty = WholeLog(MemoryStores(shelf.clock).log, shelf.archive)
    assert empty.document(digest) == shelf.stores.log.document(digest)
    assert empty.document("unheard-of") is None


# -- what is wrong is found, and named


def damaged(shelf: Shelf, how: str) -> str:
    """Do something to the second segment; returns its name."""
    files, segment = shelf.files, shelf.archive.newest().segments[1]
    data = files.read(segment.file.name)
    if how == "missing":
        files.remove(segment.file.name)
    elif how == "cut short":
        files.write(segment.file.name, data[:-1])
    else:
        files.write(segment.file.name, data[:100] + bytes([data[100] ^ 1]) + data[101:])
    return segment.file.name


def long_shelf() -> Shelf:
    shelf = Shelf(bounds=Bounds(10, 1_000))
    shelf.full = ROWS
    shelf.look(3 * ROWS)
    shelf.archived()
    return shelf


@pytest.mark.parametrize("how", ["missing", "cut short", "a bit turned"])
def test_a_damaged_segment_is_named_and_never_passed_over(how: str) -> None:
    shelf = long_shelf()
    name = damaged(shelf, how)

    assert len([fault for fault in shelf.archive.faults() if name in fault]) == 1
    with pytest.raises(Damaged, match=name):
        everything(WholeLog(shelf.stores.log, shelf.archive))


def test_a_missing_document_is_named() -> None:
    shelf = long_shelf()
    name = shelf.archive.newest().documents[0]
    shelf.files.remove(f"documents/{name}.json")

    assert shelf.faults() == [f"documents/{name}.json is missing"]


def test_another_document_in_its_place_is_found() -> None:
    shelf = long_shelf()
    name = shelf.archive.newest().documents[0]
    shelf.files.write(f"documents/{name}.json", b"{}")

    assert shelf.faults() == [f"documents/{name}.json is not what was written"]


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"\xff":1}'])
def test_a_document_that_is_none_is_named_and_not_taken(data: bytes) -> None:
    shelf = long_shelf()
    name = shelf.archive.newest().documents[0]
    shelf.files.write(f"documents/{name}.json", data)

    assert shelf.faults() == [f"documents/{name}.json is not what was written"]
    with pytest.raises(Damaged, match=name):
        shelf.archive.document(name)
    with pytest.raises(Damaged, match=name):
        copy(shelf.files, shelf.archive.newest(), Shelf().files)


@pytest.mark.parametrize("how", ["missing", "cut short", "index missing"])
def test_a_damaged_snapshot_is_named(how: str) -> None:
    shelf = long_shelf()
    assert shelf.archiver().snapshot("this")
    file = shelf.archive.newest().snapshots[-1].file
    assert shelf.faults() == []
    if how == "cut short":
        shelf.files.write(file.name, shelf.files.read(file.name)[:-1])
    else:
        shelf.files.remove(file.index if "index" in how else file.name)

    assert [file.name in fault for fault in shelf.faults()] == [True]


def test_files_that_are_not_ours_are_passed_over() -> None:
    shelf = Shelf()
    shelf.look()
    shelf.archived()
    foreign = ["manifests/.DS_Store", "manifests/000000001.json~", "segments/.nfs01", "snapshots/old copy"]
    for name in foreign:
        shelf.files.write(name, b"")
    shelf.look()

    assert shelf.archived().events == 1
    assert shelf.faults() == []
    assert set(foreign) - {"manifests/000000001.json~"} <= {
        name for folder in ("manifests", "segments", "snapshots") for name in shelf.files.names(folder)
    }


@pytest.mark.parametrize("data", [b"{", b'{"key":"\xff"}'])
def test_a_manifest_that_cannot_be_read_is_named(data: bytes) -> None:
    shelf = long_shelf()
    newest = shelf.files.names(manifest.FOLDER)[-1]
    shelf.files.write(newest, data)

    assert [newest in fault for fault in shelf.faults()] == [True, True]


def test_a_segment_that_the_manifest_lost_is_a_gap() -> None:
    shelf = long_shelf()
    known = shelf.archive.newest()
    one, _, *rest = known.segments
    manifest.publish(shelf.files, replace(known, number=known.number + 1, segments=(one, *rest)))

    assert len([fault for fault in shelf.archive.faults() if rest[0].file.name in fault]) == 1


def test_an_archive_that_holds_something_else_than_the_log_is_found() -> None:
    shelf = Shelf()
    shelf.look(5)
    shelf.archived()
    entry = shelf.stores.log._entries[-2]
    shelf.stores.log._entries[-2] = Entry(entry.position, encode(Paused(by="somebody else")))

    assert len(shelf.faults()) == 1


# -- what does not go together


def test_an_archive_is_not_continued_by_a_log_that_never_had_its_end() -> None:
    shelf, other = long_shelf(), Shelf()
    other.files = shelf.files
    with pytest.raises(Discontinued, match="never had"):
        other.archived()


def test_a_log_whose_archive_is_lost_is_not_archived_with_a_gap() -> None:
    shelf = long_shelf()
    for folder in (manifest.FOLDER, "segments"):
        for name in shelf.files.names(folder):
            shelf.files.remove(name)
    shelf.look(5)
    with pytest.raises(Discontinued, match="only what follows"):
        shelf.archived()


def test_an_older_copy_of_the_archive_is_not_continued_with_a_gap() -> None:
    shelf = long_shelf()
    newest = shelf.archive.newest()
    shelf.files.remove(shelf.files.names(manifest.FOLDER)[-1])
    shelf.look(5)

    assert shelf.archive.newest().last < newest.last
    with pytest.raises(Discontinued, match="only what follows"):
        shelf.archived()


# -- several archivers


def test_of_two_archivers_at_once_one_has_its_way() -> None:
    shelf = Shelf()
    shelf.look(20)
    shelf.clock.advance(SOON)
    known = shelf.archive.newest()
    ours, theirs = (shelf.archiver()._following(known, shelf.clock.now_ms()) for _ in range(2))
    assert ours is not None
    assert theirs is not None

    assert [manifest.publish(shelf.files, each) for each in (ours, theirs)] == [True, False]
    assert shelf.faults() == []


def test_an_archiver_leaves_alone_what_another_one_is_about_to_name() -> None:
    shelf = Shelf()
    shelf.look(20)
    shelf.clock.advance(SOON)
    slow = shelf.archiver()._following(shelf.archive.newest(), shelf.clock.now_ms())
    assert slow is not None
    shelf.archiver().sweep()

    assert manifest.publish(shelf.files, slow)
    assert shelf.faults() == []


def test_a_reader_goes_on_when_a_segment_is_replaced_under_it() -> None:
    shelf = Shelf(bounds=Bounds(0, 1_000))
    shelf.look(100)
    shelf.archived()
    reader = WholeLog(shelf.stores.log, shelf.archive)
    first = reader.read("0-0", 10)
    shelf.look(100)
    shelf.archived()
    shelf.archived()

    assert everything(reader)[:10] == first
    assert everything(reader) == everything(shelf.lane.log)


def test_little_is_left_lying() -> None:
    shelf = Shelf()
    for _ in range(30):
        shelf.look()
        shelf.archived()

    assert len(shelf.files.names("segments")) <= 4
    assert len(shelf.files.names(manifest.FOLDER)) <= manifest.KEPT + 2


def test_the_newest_snapshots_stay_and_of_the_others_one_for_every_twelve_weeks() -> None:
    shelf, week = Shelf(), 7 * 86_400
    for _ in range(60):
        shelf.clock.advance(week)
        shelf.look()
        assert shelf.archiver().snapshot("release")
    first, *rest = (each.at // 1000 // week for each in shelf.archive.newest().snapshots)

    assert [each - first for each in rest] == [12, 24, 36, *range(48, 60)]
    assert len(shelf.files.names("snapshots")) > 2 * len(rest)
    shelf.archiver().sweep()
    assert len(shelf.files.names("snapshots")) == 2 * (len(rest) + 1)


# -- places


@pytest.fixture(params=["directory", "memory", "s3", "s3 with copies"])
def files(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    if request.param == "directory":
        yield open_files(str(tmp_path / "a" / "b"), "acme")
    elif request.param == "memory":
        yield Shelf().files
    else:
        with bucket() as address:
            for name, value in {
                "AWS_ENDPOINT_URL": address,
                "AWS_ALLOW_HTTP": "true",
                "AWS_ACCESS_KEY_ID": "x",
                "AWS_SECRET_ACCESS_KEY": "y",
                "AWS_REGION": "eu-central-1",
            }.items():
                monkeypatch.setenv(name, value)
            room = Room(tmp_path / "copies", 10_000_000) if "copies" in request.param else None
            yield open_files("s3://archive/crmsync", "acme", room)


def test_a_log_is_archived_and_read_wherever_the_files_lie(files: Files) -> None:
    shelf = Shelf(files, bounds=Bounds(5, 1_000))
    shelf.look(600)
    before = everything(shelf.stores.log)
    shelf.archived()
    assert shelf.archiver().snapshot("this")

    assert everything(shelf.lane.log) == before
    assert shelf.faults() == []
    assert Past(files, shelf.archive.newest().snapshots[-1]).fetch(Table.REFS, ADA)


def test_files_are_kept_whole(files: Files) -> None:
    with pytest.raises(FileNotFoundError):
        files.read("segments/x")
    assert files.names("segments") == []
    files.write("segments/x", b"one")
    files.write("segments/x", b"another")
    files.remove("segments/never")

    assert files.read("segments/x") == b"another"
    assert files.read_part("segments/x", 2, 3) == b"oth"
    assert files.names("segments") == ["segments/x"]
    files.remove("segments/x")
    assert files.names("segments") == []


def test_a_file_is_created_once(files: Files) -> None:
    assert files.create("manifests/1", b"one")
    assert not files.create("manifests/1", b"two")
    assert files.read("manifests/1") == b"one"
    assert files.names("manifests") == ["manifests/1"]


def test_an_archive_in_a_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path / "acme")
    shelf.archived()
    kept = [path for path in (tmp_path / "acme").rglob("*") if path.is_file()]

    assert kept
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
    assert shelf.faults() == []


def test_a_file_for_which_there_is_no_room_leaves_nothing(tmp_path: Path) -> None:
    ours = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, ours[1]))
    try:
        with pytest.raises(OSError, match="File too large") as failure:
            open_files(str(tmp_path), "acme").write("segments/x", bytes(1_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, ours)

    assert failure.value.filename == str(tmp_path / "acme" / "segments" / "x")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_directory_may_be_named_by_its_url(tmp_path: Path) -> None:
    open_files(f"file://{tmp_path}/a%20b", "acme").write("segments/x", b"one")
    assert open_files(f"{tmp_path}/a b", "acme").read("segments/x") == b"one"


@pytest.mark.parametrize("url", ["", " ", "://", "s3://", "ftp://host/folder", "memory://", "az://folder"])
def test_an_address_that_is_no_place_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(NoPlace):
        open_files(url, "acme", Room(tmp_path, 1_000))


def test_an_empty_log_leaves_no_archive() -> None:
    lane = memory_lane()
    shelf = Shelf()
    shelf.lane = lane
    shelf.stores = MemoryStores(shelf.clock)

    assert shelf.archiver().run() == Archived(0, 0, "0-0")
    assert Archive(shelf.files).newest().number == 0
