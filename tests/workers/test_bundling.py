"""A bundle reproduces what was decided of a contact, wherever in the log that was, or there is none."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import events as e
from domain.book import Table
from domain.outcomes import Outcome, OutcomeClass
from domain.reasons import Reason
from domain.rules import RuleText, sampled
from tests.workers.archives import Shelf, everything
from tests.workers.lanes import ADA, append, configured, project, shown
from tests.workers.test_travel import ADDRESSES, Town, guarded
from tests.world import HS, SECTION, SF
from workers.archive.whole import WholeLog
from workers.bundle_files import Header, read, write
from workers.bundling import Bundler, Erased, NoDecision, Unfaithful, replayed, told_of
from workers.connection import Lane
from workers.explain import explain, gather
from workers.storage.memory import MemoryTables
from workers.travel import Traveller


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bundle.jsonl"


def bundler(shelf: Shelf) -> Bundler:
    log = WholeLog(shelf.stores.log, shelf.archive)
    return Bundler(lambda until: Traveller(shelf.lane, log, until, None), "test")


def bundled(town: Town, path: Path, lane: Lane, entity: str, decision: str = "") -> Header:
    return Bundler(town.traveller, "test").bundle(path, lane, entity, decision)


GUARDS: tuple[dict[str, int], ...] = ({}, {"creates": 1, "blanked": 2})


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.sampled_from(GUARDS))
def test_whoever_and_whenever_it_was_the_bundle_tells_the_same(
    seed: int, rounds: int, guards: dict[str, int]
) -> None:
    town = Town(seed)
    configured(town.lane, replace(SECTION, guards=guards))
    for _ in range(rounds):
        town.live(20)
        released = [name for name in guards if town.random.random() < 0.5]
        town.lane.append(
            [e.SuspensionCleared(name=each, by="t", request=town.lane.log.tail()) for each in released]
        )
    project(town.lane)
    for entry in town.random.sample(everything(town.lane.log), 2):
        then = town.folded(entry.position)
        for entity, _ in then.tables().scan(Table.CONTACTS):
            with TemporaryDirectory() as directory:
                reproduces(town, Path(directory) / "bundle.jsonl", then, entity)


def reproduces(town: Town, path: Path, then: Lane, entity: str) -> None:
    header = bundled(town, path, then, entity)
    found, real = replayed(path), told_of(then, entity)

    assert found.departures == []
    assert [*found.told.decisions] == [*real.decisions]
    for name, ended in real.decisions.items():
        masked = found.told.decisions[name]
        assert (masked.reason, masked.wrote, masked.lost) == (ended.reason, ended.wrote, ended.lost)
        assert masked.held.keys() == ended.held.keys()
    assert found.told.writes == real.writes
    assert found.explanation is not None
    assert [each.what for each in found.explanation.obstacles] == [
        each.what for each in explain(gather(then, entity)).obstacles
    ]
    assert header.until == then.tables().checkpoint()
    assert not [address for address in ADDRESSES if address.encode() in path.read_bytes()]


def names_in(path: Path) -> Iterator[str]:
    """The records whose values are in a file."""
    yield from (event.id for _, event in read(path)[1].entries if isinstance(event, e.RecordObserved))


def test_nobody_else_is_in_it(path: Path) -> None:
    shelf = Shelf()
    append(shelf.lane, shown(HS, "contacts", "2", email="bob@example.com", lastname="Ray"))
    bundler(shelf).bundle(path, shelf.lane, ADA)
    assert {*names_in(path)} == {"1", "00Q000000000001EAA"}


def crowded() -> Town:
    """A guard that lets one record be created in an hour, and four people."""
    town = Town(1)
    guarded(town)
    for number in range(4):
        person = shown(HS, "contacts", f"9{number}", email=f"q{number}@example.com", lastname="N")
        town.lane.append([person])
        town.lane.append([e.SyncRequested(entity=f"hubspot/contacts/9{number}", cause="list", by="test")])
        town.work()
    return town


def test_a_guard_that_others_made_trip_trips_in_the_bundle_too_and_nobody_elses_record_is_in_it(
    path: Path,
) -> None:
    town = crowded()
    last = "hubspot/contacts/93"
    assert Reason.GUARD in {each.reason for each in told_of(town.lane, last).decisions.values()}
    reproduces(town, path, town.lane, last)
    assert {*names_in(path)} == {"93"}

    town.lane.append([e.SuspensionCleared(name="creates", by="test")])
    project(town.lane)
    reproduces(town, path, town.lane, last)


def test_what_others_were_answered_is_felt_by_the_connection_and_not_told(path: Path) -> None:
    town = Town(3)
    refusal = Outcome(OutcomeClass.MISCONFIGURED, code="X", message="no rights, Lovelace")
    town.crms[SF].on_write = lambda rows: [refusal for _ in rows]
    for _ in range(10):
        town.hubspot()
        town.asked()
        town.work()
    assert town.lane.state().suspended
    append(town.lane, shown(HS, "contacts", "77", email="new@example.com", lastname="N"))

    reproduces(town, path, town.lane, "hubspot/contacts/77")
    explained = replayed(path).explanation
    assert explained is not None
    assert explained.obstacles
    assert {*names_in(path)} == {"77"}
    assert b"Lovelace" not in path.read_bytes()


def test_a_write_of_the_sample_that_is_sent_against_a_rule_is_of_the_sample_under_the_mask(
    path: Path,
) -> None:
    shelf = Shelf()
    rules = msgspec.to_builtins([RuleText("03d1", "No_Atlantis", 'BEGINS(City, "Atlantis")', "No.")])
    key = msgspec.convert(rules[0], RuleText).key
    shelf.lane.append([e.RulesObserved(object="Lead", digest=e.digest(rules))], [rules])
    append(shelf.lane, e.RuleTrusted(rule=key, agreed=5, disagreed=0))
    cities = (f"Atlantis {number}" for number in count())
    city = next(each for each in cities if sampled(ADA, {"City": each, "Company": "Reef & Sons"}))
    person = {"email": "ada@example.com", "lastname": "Lovelace", "company": "Reef & Sons"}
    append(shelf.lane, shown(HS, "contacts", "1", ticket=90, city=city, **person))

    assert told_of(shelf.lane, ADA).writes["salesforce"].fields == ("City", "Company")
    bundler(shelf).bundle(path, shelf.lane, ADA)
    assert b"Reef" not in path.read_bytes()
    assert replayed(path).told.writes["salesforce"].fields == ("City", "Company")


def test_an_older_decision_is_what_the_bundle_is_about_if_that_is_asked_for(path: Path) -> None:
    shelf = Shelf()
    first, *_ = told_of(shelf.lane, ADA).decisions
    header = bundler(shelf).bundle(path, shelf.lane, ADA, first)
    assert (header.decision, header.reason) == (first, "already_in_sync")
    explained = replayed(path).explanation
    assert explained is not None
    assert explained.code == "already_in_sync"
    with pytest.raises(NoDecision):
        bundler(shelf).bundle(path, shelf.lane, ADA, "1-0")


def test_a_contact_that_nothing_was_decided_about_can_be_bundled(path: Path) -> None:
    shelf = Shelf()
    append(shelf.lane, shown(HS, "contacts", "2", source="baseline", email="bob@example.com", lastname="Ray"))
    header = bundler(shelf).bundle(path, shelf.lane, "hubspot/contacts/2")
    assert (header.decision, header.reason) == ("", "")
    assert replayed(path).departures == []


def test_of_an_erased_person_there_is_no_bundle(path: Path) -> None:
    shelf = Shelf()
    append(shelf.lane, e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=1, ticket=99))
    with pytest.raises(Erased):
        bundler(shelf).bundle(path, shelf.lane, ADA)
    assert not path.exists()


def test_a_state_that_the_log_does_not_give_is_not_bundled_and_what_is_there_stays(path: Path) -> None:
    shelf = Shelf()
    other, strange = Shelf(), MemoryTables()
    other.look(3)
    tables = other.stores.tables()
    strange.commit("0-0", shelf.stores.tables().checkpoint(), tables.contents())
    lane = Lane("acme", shelf.lane.log, lambda: strange, shelf.lane.coordination, shelf.clock, "test")
    path.write_text("before")

    with pytest.raises(Unfaithful, match="does not give") as error:
        bundler(shelf).bundle(path, lane, ADA)
    assert any(each.what.startswith("decisions") for each in error.value.departures)
    assert path.read_text() == "before"
    assert [*path.parent.iterdir()] == [path]


def test_a_bundle_that_is_about_somebody_else_than_it_holds_tells_nothing(path: Path) -> None:
    shelf = Shelf()
    bundler(shelf).bundle(path, shelf.lane, ADA)
    header, content = read(path)
    write(path, replace(header, contact="hubspot/contacts/7"), content)
    found = replayed(path)
    assert found.explanation is None
    assert found.departures != []
