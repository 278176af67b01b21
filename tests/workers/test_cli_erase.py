"""``crmsync erase`` on a real server: not a byte of the person is left in the installation's directory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.book import ERASING, Changes, Table, decode
from domain.events import RecordGone, RecordsMerged
from tests.workers.archives import unpacked
from tests.workers.installed import ADA, Installation
from tests.workers.lanes import append, configured, refused, shown
from tests.world import HS, SF
from workers.archive.files import Directory
from workers.clock import SystemClock
from workers.embedded import ensure, stop
from workers.storage.redis_log import RedisLog
from workers.storage.redis_store import connect
from workers.store import START, Entry

VALUES = [b"ada@example.com", b"Lovelace", b"Countess of Graz"]


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Installation]:
    """Ada, whose write was refused with her values in the answer, and Bob, archived and live."""
    made = Installation(tmp_path)
    made.clock.advance(SystemClock().now_ms() / 1000 - made.clock.monotonic())
    made.runtime.redis = connect(ensure(tmp_path / "var"))
    made.runtime.register("acme")
    made.link.epochs.enter()
    lane = configured(made.lane)
    ada: dict[str, Any] = {"lastname": "Lovelace", "city": "Countess of Graz", "email": "ada@example.com"}
    append(lane, shown(HS, "contacts", "1", **ada), shown(HS, "contacts", "2", ticket=5, lastname="Babbage"))
    append(lane, shown(SF, "Lead", "00Q000000000001EAA", Email="ada@example.com", LastName="Lovelace"))
    append(lane, *refused("hubspot/contacts/1", message="Countess of Graz is no city"))
    made.clock.advance(10)
    made.says("log", "archive")
    append(lane, shown(HS, "contacts", "1", ticket=9, **{**ada, "firstname": "Ada"}))
    yield made
    made.runtime.redis.close()
    stop(tmp_path / "var")


def everything(directory: Path) -> bytes:
    """All bytes of all files, the compressed ones unpacked."""
    return b"\n".join(map(unpacked, (path for path in directory.rglob("*") if path.is_file())))


def log_of(acme: Installation) -> list[Entry]:
    """All events; the server keeps them packed."""
    return acme.lane.log.read(acme.lane.log.begins(), 1_000) + acme.link.archive.read(START, 1_000)


def rewritten(acme: Installation) -> None:
    """The server has written its append-only file anew."""
    clock = SystemClock()
    while acme.runtime.redis.info("persistence")["aof_rewrite_in_progress"]:
        clock.sleep(0.02)


def test_not_a_byte_of_her_is_left(acme: Installation, tmp_path: Path) -> None:
    assert all(value in everything(tmp_path / "var") for value in VALUES)
    found = acme.json("erase", "ada@example.com", "--yes")
    rewritten(acme)

    left = everything(tmp_path / "var") + b"".join(entry.raw for entry in log_of(acme))
    assert [value for value in VALUES if value in left] == []
    assert b"Babbage" in left
    assert found["contact"] == "hubspot/contacts/1"
    assert any(name.startswith("segments/") for name in found["files"])
    assert any("both CRMs" in each for each in found["remains"])
    assert "Nothing is missing" in acme.says("log", "verify")
    assert acme.json("replay", "verify")["differing"] == []
    assert "erased" in acme.says("contact", "explain", "hubspot/contacts/1")


def test_a_privacy_deletion_does_the_same_when_workers_archive(acme: Installation, tmp_path: Path) -> None:
    append(
        acme.lane,
        RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=acme.clock.now_ms(), ticket=99),
    )
    while acme.link.eraser.run():
        acme.clock.advance(6)
        acme.project()
    acme.link.stores.compact()
    rewritten(acme)
    assert [value for value in VALUES if value in everything(tmp_path / "var")] == []


def test_an_erasure_that_is_held_up_says_so_and_goes_on(acme: Installation, tmp_path: Path) -> None:
    name = acme.link.archive.newest().segments[-1].file.name
    path = tmp_path / "var/archive/acme" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    message = acme.fails("erase", "ada@example.com", "--yes")

    assert f"The erasure of {ADA} is begun, and the log and its archive still hold values: {name}" in message
    assert "workers go on with it by themselves" in message
    path.write_bytes(whole)
    assert "is erased" in acme.says("erase", ADA, "--yes")


def test_it_is_asked_before_and_who_is_unknown_is_said(acme: Installation) -> None:
    assert "cannot be undone" in acme.run("erase", "ada@example.com").output
    assert acme.lane.log.tail() == acme.lane.tables().checkpoint()
    assert "No contact" in acme.fails("erase", "eve@example.com", "--yes", code=2)


def test_she_is_erased_though_the_record_that_she_was_first_seen_by_was_merged(acme: Installation) -> None:
    append(
        acme.lane,
        RecordsMerged(crm=HS, object="contacts", winner="3", losers=("1",), at=acme.clock.now_ms()),
        shown(HS, "contacts", "3", ticket=20, lastname="Lovelace", email="ada@example.com"),
    )
    assert acme.json("erase", "ada@example.com", "--yes")["contact"] == "hubspot/contacts/1"
    (raw,) = acme.lane.tables().fetch(Table.CONTACTS, ["hubspot/contacts/1"])
    assert raw is not None
    contact = decode(Table.CONTACTS, raw)
    assert contact.erased
    assert {each.gone for each in contact.records.values()} == {"erased"}


# -- while somebody replays


def step(acme: Installation) -> int:
    """The erasure goes one step further; how many are still to be erased."""
    left = acme.link.eraser.run()
    acme.clock.advance(6)
    acme.project()
    return left


def finish(acme: Installation) -> None:
    while step(acme):
        pass


def rewrite(acme: Installation) -> None:
    """The log has blanks in her place, and she is not done with yet."""
    while acme.link.archive.newest().blanked == START:
        assert step(acme)


def to_be_erased(acme: Installation) -> None:
    gone = RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=acme.clock.now_ms(), ticket=99)
    append(acme.lane, gone)


def before(method: str, of: type, happens: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Something happens before a method is called for the first time."""
    left, inner = [happens], getattr(of, method)

    def outer(*arguments: Any) -> Any:
        if left:
            left.pop()()
        return inner(*arguments)

    patch.setattr(of, method, outer)


@pytest.mark.parametrize("command", ["verify", "diff"])
@pytest.mark.parametrize(("of", "method"), [(RedisLog, "read"), (Directory, "read_part")])
def test_what_is_erased_while_log_or_snapshot_is_read_is_folded_anew_and_differs_in_nothing(
    acme: Installation, monkeypatch: pytest.MonkeyPatch, command: str, of: type, method: str
) -> None:
    acme.link.epochs.begin_anew()
    acme.project()
    append(acme.lane, shown(HS, "contacts", "1", ticket=20, lastname="Lovelace", email="ada@example.com"))
    to_be_erased(acme)
    before(method, of, lambda: finish(acme), monkeypatch)
    found = acme.json("replay", command)
    assert found == [] if command == "diff" else found["differing"] == []
    assert acme.lane.tables().size(ERASING) == 0


@pytest.mark.parametrize("command", ["verify", "diff"])
def test_as_long_as_no_epoch_has_begun_without_her_a_replay_is_to_be_run_again(
    acme: Installation, command: str
) -> None:
    to_be_erased(acme)
    rewrite(acme)
    said = acme.fails("replay", command)
    assert "run the command again" in " ".join(said.split())
    assert "differ" not in said

    finish(acme)
    acme.says("replay", command)


def test_what_is_damaged_is_told_also_after_somebody_was_erased(acme: Installation) -> None:
    to_be_erased(acme)
    finish(acme)
    tables = acme.lane.tables()
    place = tables.checkpoint()
    damage = Changes({Table.REFS: {"hubspot/contacts/9": b"\xa1x"}}, {}, {}, {}, {}, {})
    assert tables.commit(place, place, damage)
    found = acme.run("replay", "verify")
    assert (found.exit_code, "differs in: refs." in found.stdout) == (2, True)


def test_what_was_before_is_told_to_have_blanks_and_is_verified_from_the_epoch_on(acme: Installation) -> None:
    before = acme.lane.log.tail()
    assert acme.json("replay", "verify", "--whole")["blanks"] is None
    acme.says("erase", "ada@example.com", "--yes")

    assert acme.json("replay", "verify") == {**acme.json("replay", "verify"), "differing": [], "blanks": None}
    whole = acme.run("replay", "verify", "--whole")
    assert whole.exit_code == 2
    assert "1 person was erased: up to" in " ".join(whole.output.split())
    assert "replay rebuild" not in whole.output

    shown_then = " ".join(acme.says("contact", "show", "hubspot/contacts/1", "--at", before).split())
    assert "Erased since then" in shown_then
    assert "Lovelace" not in shown_then
    rebuilt = acme.says("replay", "rebuild", "--at", before, "--into", "then")
    assert "1 person was erased since" in rebuilt
    assert "hubspot/contacts/2" in acme.says("contact", "show", "-c", "then", "hubspot/contacts/2")
    later = acme.json("replay", "rebuild", "--at", acme.lane.log.tail(), "--into", "later")
    assert later["blanks"] is None
