"""Going back in time: one contact's events tell what folding all of them would tell."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from obstore.store import MemoryStore

from domain import events as e
from domain.book import Table
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from tests.workers.archives import Shelf, everything
from tests.workers.crm import FakeCrm, accepted
from tests.workers.lanes import ADA, configured, project, shown
from tests.world import HS, SECTION, SF
from workers import views
from workers.archive.archiver import Bounds
from workers.archive.blocks import ROWS
from workers.archive.files import Bucket
from workers.archive.segments import CONNECTION, names_of
from workers.archive.snapshots import Past
from workers.archive.whole import WholeLog
from workers.clock import ManualClock
from workers.connection import Lane, position_of
from workers.deliver import Deliverer
from workers.explain import explain, gather
from workers.project import Projector
from workers.read import Reader
from workers.storage.memory import MemoryTables
from workers.travel import Traveller, names_by

ADDRESSES = [f"p{number}@example.com" for number in range(4)]


class Town(Shelf):
    """A few people who meet a lot, with an archive that may end and a snapshot that may stand anywhere."""

    def __init__(self, seed: int) -> None:
        super().__init__(bounds=Bounds(5, 1_000))
        self.random = Random(seed)
        self.full = 1_024
        self.crms = {crm: FakeCrm(crm) for crm in Crm}
        self.tickets = 1_000

    def live(self, days: int) -> None:
        people = (self.hubspot, self.hubspot, self.lead, self.merge, self.gone, self.asked)
        others = (self.work, self.work, self.refused, self.archived, self.snapped)
        for _ in range(days):
            self.clock.advance(self.random.choice([0, 1, 60]))
            self.random.choice([*people, *others])()
        project(self.lane)

    def hubspot(self) -> None:
        number = self.random.randrange(4)
        fields = {"email": self.random.choice(ADDRESSES), "lastname": "N", "city": f"C{self._ticket()}"}
        if self.random.random() < 0.2:
            fields["salesforce_record_id"] = f"00Q{self.random.randrange(4)}"
        self.lane.append([shown(HS, "contacts", f"{number}", ticket=self.tickets, **fields)])

    def lead(self) -> None:
        number = self.random.randrange(4)
        fields = {"Email": self.random.choice(ADDRESSES), "LastName": "N", "Company": f"C{self._ticket()}"}
        if self.random.random() < 0.2:
            fields["HubSpot_Contact_Id__c"] = str(self.random.randrange(4))
        self.lane.append([shown(SF, "Lead", f"00Q{number}", ticket=self.tickets, **fields)])

    def merge(self) -> None:
        one, other = self.random.sample(range(4), 2)
        merged = e.RecordsMerged(crm=SF, object="Lead", winner=f"00Q{one}", losers=(f"00Q{other}",), at=1)
        self.lane.append([merged])

    def gone(self) -> None:
        record_id, ticket = f"00Q{self.random.randrange(4)}", self._ticket()
        event = e.RecordGone(crm=SF, object="Lead", id=record_id, cause="deleted", at=1, ticket=ticket)
        self.lane.append([event])

    def asked(self) -> None:
        entity = f"hubspot/contacts/{self.random.randrange(4)}"
        request = e.SyncRequested(entity=entity, cause="list", by="test", request=str(self._ticket()))
        self.lane.append([request])

    def refused(self) -> None:
        """A CRM answers whatever is on its way so that the connection feels it."""
        kind = self.random.choice([OutcomeClass.THROTTLED, OutcomeClass.MISCONFIGURED])
        outcome = Outcome(kind, code="X", fields=self.random.choice([(), ("City",)]))
        crm = self.crms[SF]
        crm.on_write = lambda rows: [outcome for _ in rows]
        self.work()
        crm.on_write = accepted
        self.lane.append([e.SuspensionCleared(name=SF, by="test", request=str(self._ticket()))])

    def work(self) -> None:
        project(self.lane)
        for crm, gateway in self.crms.items():
            Reader(self.lane, crm, gateway).run()
            Deliverer(self.lane, crm, gateway).run()
        project(self.lane)

    def snapped(self) -> None:
        project(self.lane)
        assert self.archiver().snapshot("this")

    def _ticket(self) -> int:
        self.tickets += 1
        return self.tickets

    # -- two ways to go back

    def traveller(self, until: str) -> Traveller:
        log = WholeLog(self.stores.log, self.archive)
        known = self.archive.newest().snapshot(until)
        return Traveller(self.lane, log, until, Past(self.files, known) if known else None)

    def folded(self, until: str) -> Lane:
        """The oracle: everything folded from the beginning."""
        tables = MemoryTables()
        clock = ManualClock(min(position_of(until)[0], self.clock.now_ms()))
        lane = Lane("acme", self.lane.log, lambda: tables, self.lane.coordination, clock, "test")
        projector = Projector(lane)
        while projector.step(until=until):
            pass
        return lane


def seen(lane: Lane, entity: str) -> tuple[Any, Any]:
    """All that is shown of a contact, and why it is so."""
    explained = explain(gather(lane, entity))
    return views.contact(lane, entity), explained


def same_at(town: Town, until: str) -> int:
    """Compare everybody at a position; returns how many there were."""
    then = town.folded(until)
    people = [entity for entity, _ in then.tables().scan(Table.CONTACTS)]
    for entity in people:
        assert seen(town.traveller(until).lane_with(names_by(entity)), entity) == seen(then, entity)
    return len(people)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(20, 80))
def test_a_contacts_own_events_tell_what_all_events_tell(seed: int, days: int) -> None:
    town = Town(seed)
    town.live(days)
    entries = everything(town.lane.log)
    for entry in town.random.sample(entries, 3):
        same_at(town, entry.position)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_no_more_decisions_are_told_of_the_past_than_were_kept_then(seed: int, kept: int) -> None:
    town = Town(seed)
    configured(town.lane, kept=kept)
    town.live(60)
    for entry in town.random.sample(everything(town.lane.log), 3):
        same_at(town, entry.position)


def guarded(town: Town) -> None:
    """A file that lets one record be created in an hour."""
    configured(town.lane, replace(SECTION, guards={"creates": 1}))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_guards_that_trip_and_are_released_are_as_they_were(seed: int, rounds: int) -> None:
    town = Town(seed)
    configured(town.lane, replace(SECTION, guards={"creates": 1, "blanked": 2}))
    for _ in range(rounds):
        town.live(20)
        names = town.random.sample(["creates", "blanked"], town.random.randrange(3))
        town.lane.append(
            [e.SuspensionCleared(name=each, by="t", request=town.lane.log.tail()) for each in names]
        )
    project(town.lane)
    for entry in town.random.sample(everything(town.lane.log), 5):
        same_at(town, entry.position)


def test_a_guard_that_others_made_trip_is_not_overlooked() -> None:
    town = Town(1)
    guarded(town)
    for number in range(4):
        town.lane.append([shown(HS, "contacts", f"9{number}", email=f"q{number}@example.com", lastname="N")])
        town.lane.append([e.SyncRequested(entity=f"hubspot/contacts/9{number}", cause="list", by="test")])
        town.work()
    tripped = town.lane.log.tail()
    assert town.lane.state().guards["creates"].tripped
    assert same_at(town, tripped) > 4

    town.lane.append([e.SuspensionCleared(name="creates", by="test")])
    project(town.lane)
    assert same_at(town, tripped) > 4
    assert [(each.guard, bool(each.until)) for each in town.lane.state().trips] == [("creates", True)]


# -- what one asks


@pytest.fixture
def shelf() -> Shelf:
    """Ada in ten cities, one a second, archived for the most part."""
    shelf = Shelf(bounds=Bounds(3, 1_000))
    shelf.look(8)
    shelf.archived()
    shelf.look(2)
    return shelf


def at(shelf: Shelf, text: str, until: str) -> Lane:
    log = WholeLog(shelf.stores.log, shelf.archive)
    return Traveller(shelf.lane, log, until, None).lane_with(names_by(text))


def cities(shelf: Shelf) -> dict[str, str]:
    """Position -> the city that Ada moved to there."""
    entries = everything(shelf.lane.log)
    return {entry.position: f"City {number}" for number, entry in enumerate(entries[-10:], 1)}


@pytest.mark.parametrize("text", ["ada@example.com", " ADA@example.com", "1", ADA, "00Q000000000001EAA"])
def test_whatever_names_a_contact_finds_it_in_the_past(shelf: Shelf, text: str) -> None:
    for position, city in cities(shelf).items():
        lane = at(shelf, text, position)
        (entity,) = views.find(lane, text)
        shown_city = next(each for each in views.contact(lane, entity).fields if each.hubspot == "city")
        assert shown_city.hubspot_value == city


def test_before_anybody_was_there_nobody_is_found(shelf: Shelf) -> None:
    assert views.find(at(shelf, "ada@example.com", "1-0"), "ada@example.com") == []


def test_the_events_of_a_contact_are_found_in_order(shelf: Shelf) -> None:
    log = WholeLog(shelf.stores.log, shelf.archive)
    found = Traveller(shelf.lane, log, shelf.lane.log.tail(), None).events_of(names_by("ada@example.com"))
    looks = [each.event for each in found if isinstance(each.event, e.RecordObserved)]

    assert [each.fields["city"] for each in looks if each.crm is HS][-10:] == [*cities(shelf).values()]


class Counted(Bucket):
    """Files that count what is read of them."""

    read_bytes = 0

    def read_part(self, name: str, start: int, length: int) -> bytes:
        self.read_bytes += length
        return super().read_part(name, start, length)


def test_a_contact_is_found_without_reading_what_others_did() -> None:
    files = Counted(MemoryStore())
    shelf = Shelf(files, bounds=Bounds(10, 1_000))
    shelf.full = 20 * ROWS
    crowd = [
        shown(HS, "contacts", f"9{number:06}", email=f"c{number}@example.com") for number in range(5_000)
    ]
    for first in range(0, len(crowd), 500):
        shelf.lane.append(crowd[first : first + 500])
    project(shelf.lane)
    shelf.archived()
    known = shelf.archive.newest()
    files.read_bytes = 0
    lane = at(shelf, "ada@example.com", shelf.lane.log.tail())

    assert views.find(lane, "ada@example.com") == [ADA]
    assert files.read_bytes < known.size / 4
    assert shelf.stores.log.length() == 10
    assert known.size / known.events < 120


def throttled(number: int) -> e.AnyEvent:
    outcome = Outcome(OutcomeClass.THROTTLED, code="RATE_LIMIT", wait_ms=30_000)
    return e.DeliveryAnswered(
        entity=f"hubspot/contacts/9{number:05}", crm=SF, attempt=1, outcome=outcome, ticket=number
    )


def test_a_year_of_requests_for_quiet_need_not_be_read() -> None:
    files = Counted(MemoryStore())
    shelf = Shelf(files, bounds=Bounds(10, 1_000))
    shelf.full = 100 * ROWS
    for day in range(30):
        shelf.lane.append([throttled(day * ROWS + number) for number in range(ROWS)])
        shelf.clock.advance(2 * 86_400)
    shelf.look(1)
    shelf.archived()
    files.read_bytes = 0
    lane = at(shelf, "ada@example.com", shelf.lane.log.tail())

    assert views.find(lane, "ada@example.com") == [ADA]
    assert lane.state().throttled == shelf.lane.state().throttled
    assert files.read_bytes < shelf.archive.newest().size / 4


@pytest.mark.parametrize(("fields", "touches"), [((), True), (("City",), False)], ids=["a login", "a field"])
def test_a_strangers_refusal_belongs_to_the_past_of_all_only_if_it_suspended(
    fields: tuple[str, ...], *, touches: bool
) -> None:
    outcome = Outcome(OutcomeClass.MISCONFIGURED, code="X", fields=fields)
    answer = e.DeliveryAnswered(entity="hubspot/contacts/1", crm=SF, attempt=1, outcome=outcome, ticket=1)
    assert (CONNECTION in names_of(answer, frozenset())) is touches
