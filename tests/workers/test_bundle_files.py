"""Bundles as files: whole, packed, cut off, changed, of a newer release, and something else altogether."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from domain import events as e
from domain.bundling import Ended, Told
from domain.commons import Suspended, Throttled
from domain.identity import SALESFORCE
from domain.slices import Guarded, Slice
from domain.state import Bucket, Suspension
from domain.upcasting import NewerEvent
from workers.bundle_files import FORMAT, BadBundle, Header, Left, left, read, write

HEADER = Header(FORMAT, "1.0", "acme", "hubspot/contacts/1", "9-0", 9, "1-0").of(
    Told(decisions={"1-0": Ended("manual", "", 1, 2, "delivered", wrote={"salesforce": ("City",)})}),
    left({(SALESFORCE, "Lead", "City"): "a rule reads it"}),
)
DOCUMENT = {"any": ["thing", 1, None]}
CONTENT = Slice(
    [
        ("1-0", e.ConfigurationApplied(digest=e.digest(DOCUMENT), by="test")),
        ("1-1", Guarded("creates", Bucket(5, 10, tripped=True))),
        ("1-2", Throttled(SALESFORCE, 77)),
        ("2-0", Suspended(SALESFORCE, Suspension(1, "X", "words\nof two lines"))),
        ("3-0", e.SyncRequested(entity="hubspot/contacts/1", cause="manual", by="test")),
    ],
    {e.digest(DOCUMENT): DOCUMENT},
)


@pytest.fixture(params=["bundle.jsonl", "bundle.jsonl.zst"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / str(request.param)
    write(made, HEADER, CONTENT)
    return made


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    made = tmp_path / "plain.jsonl"
    write(made, HEADER, CONTENT)
    return made


def test_what_was_written_is_read(path: Path) -> None:
    assert read(path) == (HEADER, CONTENT)
    assert HEADER.reason == "delivered"
    assert HEADER.unmasked == (Left("salesforce", "Lead", "City", "a rule reads it"),)


def test_only_its_owner_may_read_it(path: Path) -> None:
    path.chmod(0o644)
    write(path, HEADER, CONTENT)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_plain_one_is_lines_of_json(plain: Path) -> None:
    lines = [msgspec.json.decode(line) for line in plain.read_bytes().splitlines()]
    assert lines[4] == {"position": "1-2", "shared": "throttled", "values": ["salesforce", 77]}


def without_the_end(raw: bytes) -> bytes:
    return b"".join(raw.splitlines(keepends=True)[:-1])


def in_line(number: int, old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        lines = raw.splitlines(keepends=True)
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new)
        return b"".join(lines)

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda raw: raw[:0], "line 1: this is no bundle"),
        (lambda raw: b"Dear support,\n" + raw, "line 1: this is no bundle"),
        (in_line(1, b'"connection"', b'"x"'), "line 1: the header is not whole"),
        (in_line(1, b'"bundle":1', b'"bundle":2'), "line 1: format 2 is of a newer release"),
        (without_the_end, "line 8: the file ends before the bundle does"),
        (lambda raw: raw[:-1], "line 8: the file ends before the bundle does"),
        (lambda raw: raw[: raw.index(b"thing")], "line 2: the file ends before the bundle does"),
        (in_line(7, b"manual", b"import"), "line 8: the checksum is that of another text"),
        (in_line(5, b'"position"', b'position"'), "line 5: this is not JSON of a bundle"),
        (in_line(4, b"guarded", b"dreamed"), "line 4: nothing that happens in a log"),
        (in_line(5, b"77", b"[]"), "line 5: nothing that happens in a log"),
        (in_line(7, b'"cause"', b'"clause"'), "line 7: nothing that happens in a log"),
        (in_line(7, b'"event":{', b'"evnt":{'), "line 7: nothing that happens in a log"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(
    plain: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    plain.write_bytes(damage(plain.read_bytes()))
    with pytest.raises(BadBundle, match=said):
        read(plain)


def test_a_packed_file_that_was_cut_off_is_told(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadBundle, match="cut off"):
        read(path)


def test_an_event_of_a_newer_release_asks_for_an_upgrade(plain: Path) -> None:
    plain.write_bytes(in_line(7, b"sync_requested/1", b"sync_requested/9")(plain.read_bytes()))
    with pytest.raises(NewerEvent):
        read(plain)
