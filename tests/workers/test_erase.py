"""A person who is erased leaves nothing but ids, whatever dies in between; all others keep everything."""

import msgspec
import zstandard
from obstore.store import MemoryStore

from domain import events as e
from domain.book import ERASING, Table
from domain.events import encode
from domain.outcomes import Outcome, OutcomeClass
from tests.workers.archives import SOON, Shelf, everything, replaying
from tests.workers.lanes import ADA, append, project, shown
from tests.world import HS, SF, leaving
from workers.archive.files import Bucket
from workers.archive.marks import Marks
from workers.archive.snapshots import Past, load
from workers.connection import position_of
from workers.storage.memory import MemoryTables
from workers.store import START, Entry

SECRETS = [b"ada@example.com", b"Lovelace", b"City 3", b"countess@example.com"]
GONE = e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=2**42, ticket=999)


def house() -> Shelf:
    """Ada with a past in several segments, a snapshot and the live log; Bob beside her."""
    shelf = Shelf(Bucket(MemoryStore()))
    shelf.full = 6
    shelf.look(3)
    bob = {"email": "bob@example.com", "lastname": "Babbage"}
    append(shelf.lane, shown(HS, "contacts", "7", ticket=300, **bob))
    append(shelf.lane, shown(HS, "contacts", "1", ticket=301, email="countess@example.com", lastname="King"))
    shelf.archived()
    assert shelf.archiver().snapshot("release")
    shelf.look(8)
    append(shelf.lane, shown(HS, "contacts", "7", ticket=400, **bob, city="Graz"))
    shelf.archived()
    shelf.look(2)
    shelf.lane.refuse = Marks(shelf.files).refuse
    append(shelf.lane, GONE)
    return shelf


def erase(shelf: Shelf) -> None:
    for _ in range(9):
        if not shelf.eraser("release").run():
            return
        project(shelf.lane)
        shelf.clock.advance(SOON)
    raise AssertionError("not erased")


def raw(shelf: Shelf) -> bytes:
    """All bytes that are kept, the compressed ones unpacked."""
    kept = [entry.raw for entry in shelf.stores.log.read(shelf.stores.log.begins(), 10_000)]
    for folder in ("segments", "snapshots", "manifests"):
        for name in shelf.files.names(folder):
            data = shelf.files.read(name)
            if name.endswith(".zst"):
                reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
                data = reader.read()
            kept.append(data)
    tables = shelf.stores.tables()
    kept += [key.encode() + value for table in Table for key, value in tables.scan(table)]
    kept += [entry for _, closed in tables.all_decisions() for entry in closed]
    return b"\n".join(kept)


def of_bob(entries: list[Entry]) -> list[Entry]:
    return [each for each in entries if b'"id":"7"' in each.raw or b"hubspot/contacts/7" in each.raw]


def test_a_damaged_snapshot_is_given_up_and_holds_no_erasure_back() -> None:
    shelf = house()
    assert shelf.archiver().snapshot("this")
    name = shelf.archive.newest().snapshots[-1].file.name
    shelf.files.write(name, shelf.files.read(name)[:-1])
    erase(shelf)

    assert [secret for secret in SECRETS if secret in raw(shelf)] == []
    assert name not in shelf.files.names("snapshots")
    assert shelf.faults() == []


def test_nothing_of_her_is_left_and_everything_of_others_is() -> None:
    shelf = house()
    before = everything(shelf.lane.log)
    assert all(secret in raw(shelf) for secret in SECRETS)
    erase(shelf)

    assert [secret for secret in SECRETS if secret in raw(shelf)] == []
    after = everything(shelf.lane.log)
    assert [each.position for each in after[: len(before)]] == [each.position for each in before]
    assert of_bob(after) == of_bob(before)
    assert b"Graz" in raw(shelf)
    assert shelf.faults() == []


def test_the_state_goes_on_from_a_snapshot_and_a_replay_from_there_is_exact() -> None:
    shelf = house()
    erase(shelf)
    taken = shelf.archive.newest().snapshots[-1]
    into = MemoryTables()
    assert load(Past(shelf.files, taken), into)
    replay = replaying(shelf.lane, shelf.stores.generations, Past(shelf.files, taken))
    assert replay.verify().differing == []


def test_a_snapshot_that_is_younger_than_the_archives_last_event_is_known_to_have_blanks() -> None:
    shelf = house()
    project(shelf.lane)
    assert shelf.archiver().snapshot("release")
    shelf.clock.advance(1)
    append(shelf.lane, msgspec.structs.replace(GONE, ticket=1_000))
    while shelf.archive.newest().blanked == START:
        shelf.eraser("release").run()
        project(shelf.lane)
    known = shelf.archive.newest()
    assert position_of(known.last) < position_of(known.snapshots[-1].position) < position_of(known.blanked)


def test_the_report_names_the_files_that_were_written_anew() -> None:
    shelf = house()
    erase(shelf)
    told = [each.raw for each in everything(shelf.lane.log) if b'"erased/1"' in each.raw]
    assert any(b"segments/" in each and b"snapshots/" in each for each in told)


def test_she_does_not_come_back_by_her_record_nor_by_her_address() -> None:
    shelf = house()
    erase(shelf)
    shelf.look(1)
    again = {"email": "Ada@Example.com ", "lastname": "Lovelace"}
    append(shelf.lane, shown(HS, "contacts", "99", ticket=600, **again))
    append(shelf.lane, shown(SF, "Lead", "00Q99", ticket=601, Email="countess@example.com", LastName="King"))
    erase(shelf)

    assert [
        secret for secret in SECRETS if secret in raw(shelf).replace(b"Ada@Example", b"ada@example")
    ] == []
    assert shelf.lane.tables().size(ERASING) == 0


def test_a_write_to_her_that_ends_after_she_is_erased_leaves_no_value_in_the_log() -> None:
    shelf = house()
    erase(shelf)
    fields: dict[str, str | None] = {"LastName": "Lovelace", "Email": "ada@example.com"}
    claim = leaving(ADA, "00Q1", fields, attempt=9)
    outcome = Outcome(OutcomeClass.DELIVERED, record_id="00Q1", stored=fields)
    found = e.LookedUp(entity=ADA, crm=SF, value="ada@example.com", found=(), ticket=900, request="1-0")
    answer = e.DeliveryAnswered(entity=ADA, crm=SF, attempt=9, outcome=outcome, ticket=901)
    append(shelf.lane, claim, found, answer)

    assert [secret for secret in SECRETS if secret in raw(shelf)] == []
    assert b'"attempt":9' in raw(shelf)


def test_an_address_that_is_somebody_elses_now_is_not_refused() -> None:
    shelf = house()
    append(shelf.lane, shown(HS, "contacts", "8", ticket=500, email="countess@example.com", lastname="New"))
    erase(shelf)
    append(shelf.lane, shown(HS, "contacts", "8", ticket=501, email="countess@example.com", lastname="Newer"))

    assert b"Newer" in raw(shelf)
    assert b"ada@example.com" not in raw(shelf)


def test_nobody_learns_from_the_hashes_who_it_was() -> None:
    shelf = house()
    erase(shelf)
    key = bytes.fromhex(shelf.archive.newest().key)
    marks = {mark for mark, _ in shelf.lane.tables().scan(Table.ERASED)}
    assert len(key) == 32
    assert {*Marks(shelf.files).of(["hubspot/1", "ada@example.com"])} <= marks


def test_blanking_keeps_ids() -> None:
    shelf = house()
    erase(shelf)
    assert encode(GONE) in {each.raw for each in everything(shelf.lane.log)}
    assert ADA.encode() in raw(shelf)


def test_a_snapshot_in_which_a_record_of_his_was_still_another_ones_holds_nothing_of_him() -> None:
    shelf = Shelf(Bucket(MemoryStore()))
    shelf.look(1)
    append(shelf.lane, shown(SF, "Lead", "00Q9", ticket=50, Email="ada@example.com", LastName="Churchill"))
    assert shelf.archiver().snapshot("release")
    append(shelf.lane, shown(SF, "Lead", "00Q9", ticket=90, Email="eve@example.com", LastName="Churchill"))
    shelf.lane.refuse = Marks(shelf.files).refuse
    append(shelf.lane, msgspec.structs.replace(GONE, crm=SF, object="Lead", id="00Q9"))
    erase(shelf)
    assert b"Churchill" not in raw(shelf)
    assert b"Lovelace" in raw(shelf)
