"""``crmsync log``: what is archived, and whether all of it is there, as an operator sees it."""

import errno
import os
from pathlib import Path

import pytest

from tests.workers.installed import Installation
from workers.clock import SystemClock


@pytest.fixture
def acme(tmp_path: Path) -> Installation:
    """Ada's log, settled and not archived yet; its positions are of the server's clock."""
    made = Installation(tmp_path, CRMSYNC_LOG_EVENTS="1000").with_ada()
    made.clock.advance((SystemClock().now_ms() - made.clock.now_ms()) / 1000 + 60)
    return made


def segment(directory: Path) -> Path:
    (found,) = directory.glob("var/archive/acme/segments/*.zst")
    return found


def test_the_log_is_archived_and_found_whole(acme: Installation) -> None:
    events = acme.lane.log.appended()
    assert acme.json("log", "archive")["events"] == events
    found = acme.json("log", "verify")

    assert (found["segments"], found["events"], found["faults"]) == (1, events, [])
    assert found["until"] == acme.lane.log.tail()
    assert "Nothing is missing" in acme.says("log", "verify")


def test_a_damaged_segment_is_named(acme: Installation, tmp_path: Path) -> None:
    acme.says("log", "archive")
    path = segment(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])

    assert f"segments/{path.name} is not what was written" in acme.fails("log", "verify")
    assert acme.json("status")["archive"]["verified"]["faults"] == 1
    assert "faults: 1" in " ".join(acme.says("status").split())


def test_status_tells_how_the_archive_stands(acme: Installation) -> None:
    events = acme.lane.log.appended()
    assert acme.json("status")["archive"]["waiting"] == events
    acme.says("log", "archive")
    acme.says("log", "verify")
    acme.link.archiver.snapshot("this")
    found = acme.json("status")["archive"]

    assert (found["waiting"], found["waiting_ms"], found["events"]) == (0, 0, events)
    assert (found["snapshots"], found["snapshot_ms"], found["written_ms"]) == (1, 0, 0)
    assert found["verified"] == {"at": acme.clock.now_ms(), "until": found["until"], "faults": 0}


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    acme = Installation(tmp_path, CRMSYNC_ARCHIVE_URL=str(blocked)).with_ada()
    assert f"{blocked} is no directory" in acme.json("status")["archive"]["problem"]


def test_a_bucket_that_is_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    acme = Installation(tmp_path, CRMSYNC_ARCHIVE_URL="s3://archive").with_ada()
    assert "The archive's place cannot be read" in acme.json("status")["archive"]["problem"]


def test_an_archive_that_is_lost_is_told_and_nothing_is_trimmed_behind_it(
    acme: Installation, tmp_path: Path
) -> None:
    acme.says("log", "archive")
    acme.lane.log.trim(acme.lane.log.tail())
    for path in tmp_path.glob("var/archive/acme/manifests/*"):
        path.unlink()

    message = acme.fails("log", "archive")
    assert "holds only what follows" in message
    assert "See docs/runbook.md" in message
    assert "holds only what follows" in acme.fails("log", "verify")


@pytest.mark.parametrize("how", ["snapshot", "document", "manifest"])
def test_whatever_is_damaged_is_named_and_remembered(how: str, acme: Installation, tmp_path: Path) -> None:
    acme.says("log", "archive")
    acme.link.archiver.snapshot("this")
    acme.says("log", "verify")
    *_, path = sorted(tmp_path.glob(f"var/archive/acme/{how}s/*"))
    path.write_bytes(b"{")

    assert path.name in acme.fails("log", "verify")
    assert acme.json("status")["archive"]["verified"]["faults"] == 1


@pytest.mark.parametrize(
    ("place", "why"),
    [("", "none is given"), ("ftp://host", "no place"), ("memory://", "ends with the process")],
)
def test_a_place_that_is_none_is_refused(place: str, why: str, acme: Installation) -> None:
    assert why in acme.fails("log", "export", place)
    assert why in acme.fails("log", "import", place)


def test_a_bucket_that_refuses_is_told(acme: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    message = acme.fails("log", "export", "s3://archive")

    assert "A bucket cannot be used" in message
    assert "Correct its URL" in message


def test_a_full_disk_is_told_with_its_remedy(
    acme: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    message = acme.fails("log", "archive")

    assert f"{tmp_path}/var/archive/acme/" in message
    assert "No space left on device. Make room there." in message
    assert [*tmp_path.rglob("*.tmp")] == []


def test_whoever_archives_beside_another_is_told(acme: Installation, tmp_path: Path) -> None:
    assert acme.lane.coordination.acquire("archive", "another", 60_000)

    assert "Another process archives now" in acme.says("log", "archive")
    assert acme.json("log", "archive")["busy"]
    assert "export again in a minute" in acme.fails("log", "export", str(tmp_path / "moved"))
    assert not (tmp_path / "moved").exists()
