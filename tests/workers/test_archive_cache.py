"""Copies of files from afar: fetched once, checked, bounded, and gone when the archive drops them."""

import os
import sys
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from obstore.store import MemoryStore

from tests.workers.archives import ADA, Shelf, everything
from tests.workers.lanes import append
from tests.workers.test_crash_points import GONE
from workers.archive.archive import Archive
from workers.archive.archiver import Bounds
from workers.archive.blocks import ROWS
from workers.archive.cache import Cached
from workers.archive.files import Bucket
from workers.archive.marks import Marks
from workers.archive.segments import Damaged, Reading
from workers.store import START

ROOM = 10_000_000


class Far(Bucket):
    """A bucket that counts what is read of it."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.fetched = Counter[str]()
        self.meanwhile: Callable[[], object] = lambda: None  #: happens while the next segment is on its way

    def read(self, name: str) -> bytes:
        self.fetched[name] += 1
        data = super().read(name)
        if name.startswith("segments/"):
            happens, self.meanwhile = self.meanwhile, lambda: None
            happens()
        return data

    def read_part(self, name: str, start: int, length: int) -> bytes:
        self.fetched[f"{name}, in part"] += 1
        return super().read_part(name, start, length)

    def lasting(self) -> dict[str, int]:
        """How often each file was read that never changes."""
        return {name: times for name, times in self.fetched.items() if name.startswith("segments/")}


def filled(far: Far) -> Shelf:
    """Ada's log in several segments, of which the server keeps nearly nothing."""
    shelf = Shelf(far, bounds=Bounds(2, 1_000))
    shelf.full = 10
    shelf.look(35)
    shelf.archived()
    shelf.archived()
    far.fetched.clear()
    return shelf


def reader(far: Far, root: Path, room: int = ROOM) -> Archive:
    """The archive as another machine's process sees it."""
    return Archive(Cached(far, root, room))


def read_all(archive: Archive) -> int:
    archive.newest()
    return sum(len(archive.read(each.after, 100)) for each in archive.known.segments)


def copies(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_file_is_fetched_once_by_all_processes_of_a_machine(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    known = shelf.archive.newest()
    far.fetched.clear()
    for _ in range(3):
        assert read_all(reader(far, tmp_path)) == known.events

    assert far.lasting() == dict.fromkeys(known.names(), 1)
    assert {path.stat().st_mode & 0o077 for path in copies(tmp_path)} == {0}


def test_what_a_process_wrote_it_need_not_fetch(tmp_path: Path) -> None:
    far = Far()
    shelf = Shelf(Cached(far, tmp_path, ROOM), bounds=Bounds(2, 1_000))
    shelf.full = 10
    shelf.look(35)
    shelf.archived()
    shelf.look(1)
    shelf.archived()

    assert len(everything(shelf.lane.log)) == shelf.lane.log.appended()
    assert far.lasting() == {}


def test_a_copy_that_rotted_is_fetched_again(tmp_path: Path) -> None:
    far = Far()
    filled(far)
    events = read_all(reader(far, tmp_path))
    rot(tmp_path)

    assert read_all(reader(far, tmp_path)) == events
    assert set(far.lasting().values()) == {2}


def rot(root: Path) -> None:
    for path in copies(root):
        path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("rotten", ["first", "later"])
def test_a_copy_that_rots_while_a_process_uses_it_is_fetched_again(tmp_path: Path, rotten: str) -> None:
    far = Far()
    filled(far)
    archive = reader(far, tmp_path)
    segment = archive.newest().segments[1]
    reading = Reading(archive.files, segment.file)
    lines, blocks = reading.lines(0), reading.holding([ADA])
    if rotten == "first":
        reading = Reading(archive.files, segment.file)
    rot(tmp_path)

    assert (reading.lines(0), reading.holding([ADA])) == (lines, blocks)
    assert [entry.position for entry in archive.read(segment.after, 1)] == [segment.first]
    assert far.lasting()[segment.file.name] == 2


def test_what_has_rotted_afar_is_damage_and_told_as_such(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    blocks = shelf.archive.newest().segments[1].file
    for name in (blocks.name, blocks.index):
        far.write(name, far.read(name)[:-1] + b"?")

    reading = Reading(reader(far, tmp_path).files, blocks)
    with pytest.raises(Damaged, match=f"{blocks.index} is not what was written"):
        reading.lines(0)


def test_a_copy_is_hashed_once_when_it_is_read(tmp_path: Path) -> None:
    far = Far()
    filled(far)
    read_all(reader(far, tmp_path))
    archive = reader(far, tmp_path)
    segment = archive.newest().segments[1]
    hashed = 0

    def note(_frame: object, event: str, called: object) -> None:
        nonlocal hashed
        hashed += event == "c_call" and called is sha256

    sys.setprofile(note)
    try:
        archive.read(segment.after, 1)
    finally:
        sys.setprofile(None)

    assert hashed == 2  # the segment and its index


def test_threads_that_read_different_parts_do_not_disturb_each_other() -> None:
    shelf = Shelf(Far(), bounds=Bounds(2, 10_000))
    shelf.look(2 * ROWS + 100)
    shelf.archived()
    shelf.look(10)
    shelf.full = 10
    shelf.archived()
    archive = shelf.archive
    segments = archive.newest().segments
    places = [START, archive.read(START, 2 * ROWS)[-1].position, segments[-1].after]
    assert len(segments) > 1
    right = {place: archive.read(place, 5) for place in places}

    def between(_frame: object, _event: str, _given: object) -> Any:
        """What another thread does, whatever line this one is at."""
        for place in places:
            archive.read(place, 1)
        return between

    def enter(frame: FrameType, _event: str, _given: object) -> Callable[..., Any] | None:
        return between if frame.f_code.co_filename.endswith(("archive/archive.py", "segments.py")) else None

    sys.settrace(enter)
    try:
        found = {place: archive.read(place, 5) for place in places}
    finally:
        sys.settrace(None)

    assert found == right


def test_a_file_that_is_not_what_was_written_is_not_taken(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    name = shelf.archive.newest().segments[1].file.name
    far.write(name, far.read(name)[:-1] + b"?")

    with pytest.raises(Damaged, match=name):
        read_all(reader(far, tmp_path))
    assert name.rpartition("/")[2] not in {path.name for path in copies(tmp_path)}


def test_the_longest_unused_copies_go_when_there_is_no_room(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    known = shelf.archive.newest()
    sizes = [each.file.size + each.file.index_size for each in known.segments]
    room = sizes[0] + max(sizes)
    archive = reader(far, tmp_path, room)
    archive.newest()
    for number, each in enumerate(known.segments):
        archive.read(each.after, 100)
        for path in copies(tmp_path):
            if known.segments[0].file.name.rpartition("/")[2] in path.name:
                os.utime(path, (2**31, 2**31))  # used all the time
            else:
                os.utime(path, (number, number))
        assert sum(path.stat().st_size for path in copies(tmp_path)) <= room

    kept = {path.relative_to(tmp_path).as_posix() for path in copies(tmp_path)}
    assert known.segments[0].file.name in kept
    assert known.segments[-1].file.name in kept
    assert known.segments[1].file.name not in kept


def test_a_file_for_which_there_is_no_room_at_all_is_read_from_afar(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    assert read_all(reader(far, tmp_path, 10)) == shelf.archive.newest().events
    assert copies(tmp_path) == []


def test_a_disk_that_is_full_or_closed_costs_nothing_but_fetching(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert read_all(reader(far, blocked)) == shelf.archive.newest().events


def test_an_erased_person_goes_from_copies_elsewhere_with_the_next_look(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    elsewhere = reader(far, tmp_path)
    read_all(elsewhere)
    before = {path.name for path in copies(tmp_path)}
    erase_ada(shelf)
    elsewhere.newest()

    assert before.isdisjoint(path.name for path in copies(tmp_path))


def test_so_does_a_copy_that_was_on_its_way_when_the_machine_looked(tmp_path: Path) -> None:
    far = Far()
    shelf = filled(far)
    elsewhere, beside = reader(far, tmp_path), reader(far, tmp_path)
    old = elsewhere.newest().names()

    def erased() -> None:
        erase_ada(shelf)
        beside.newest()

    far.meanwhile = erased
    with pytest.raises(Damaged, match="is missing"):  # the index, by now
        Reading(elsewhere.files, elsewhere.known.segments[1].file).whole()
    beside.newest()

    assert old.isdisjoint(path.relative_to(tmp_path).as_posix() for path in copies(tmp_path))


def erase_ada(shelf: Shelf) -> None:
    shelf.lane.refuse = Marks(shelf.files).refuse
    append(shelf.lane, GONE)
    while shelf.eraser("release").run():
        shelf.clock.advance(60)
        append(shelf.lane)
