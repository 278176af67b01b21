"""Importing from Salesforce: who is asked for, in which portions, and what a crash leaves to be done."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest

from domain import events as e
from domain.upcasting import decode
from tests.workers.accounts import Accounts, accounts
from tests.workers.configurations import configuration
from tests.workers.lanes import append, configured, memory_lane, project, shown
from tests.world import HS, SECTION, SF
from workers.connection import Lane
from workers.gateways.salesforce_export import SalesforceExport
from workers.import_salesforce import Importer, Survey
from workers.jobs import Job, Jobs
from workers.setup import missing, provision

WIEN = "Title = 'Wien'"
LEADS = [
    {"LastName": f"L{n}", "Company": "A", "Email": f"p{n}@example.com", "Title": "Wien"} for n in range(7)
]
OTHERS = [
    {"LastName": "Nobody", "Company": "A", "Title": "Wien"},
    {"LastName": "Twin", "Company": "A", "Title": "Wien", "Email": "P1@example.com"},
    {"LastName": "Elsewhere", "Company": "A", "Title": "Graz", "Email": "graz@example.com"},
]


@pytest.fixture(scope="module")
def both() -> Iterator[Accounts]:
    with accounts() as made:
        provision(missing(configuration(), made.schemas), made.provisioning, made.gateways)
        for fields in (*LEADS, *OTHERS):
            body = {"object": "Lead", "properties": fields}
            httpx.post(f"{made.urls[SF]}/_sim/create", json=body, timeout=30).raise_for_status()
        yield made


@dataclass
class Side:
    """A lane, and how its imports read: by pages, or by a bulk query."""

    both: Accounts
    lane: Lane
    bulk_above: int

    def importer(self) -> Importer:
        """A new one each time, as after a crash."""
        return Importer(self.lane, SalesforceExport(self.both.org), self.bulk_above)

    def told(self, kind: type[e.Event]) -> list[Any]:
        events = (decode(each.raw) for each in self.lane.log.read("0-0", 10_000))
        return [each for each in events if isinstance(each, kind)]

    def asked(self) -> list[str]:
        return [each.entity for each in self.told(e.SyncRequested)]

    def run(self, limit: int = 3) -> list[int]:
        """An import to its end, a new process for each portion; gives the sizes of the portions."""
        place: str | None = ""
        sizes = []
        while place is not None:
            portion = self.importer().portion("j1", ["Lead", "Contact"], WIEN, place, limit)
            self.lane.append(portion.events)
            sizes.append(portion.records)
            place = portion.place
        return [each for each in sizes if each]

    def work(self, where: str = "") -> Job:
        """Have a job go on for a while."""
        if not Jobs(self.lane).all():
            Jobs(self.lane).start(Job("j1", "import", "me", objects=("Lead",), where=where))
        for _ in range(4):
            Jobs(self.lane, imports=self.importer()).ask()
            project(self.lane)
        [job] = Jobs(self.lane).all()
        return job


@pytest.fixture(params=[1_000, 0], ids=["pages", "bulk"])
def side(both: Accounts, request: pytest.FixtureRequest) -> Side:
    section = msgspec.structs.replace(SECTION, guards={"creates": 5})
    return Side(both, configured(memory_lane(), section), request.param)


@pytest.mark.rule(111)
@pytest.mark.rule(113)
def test_all_that_meet_the_condition_and_have_an_address_are_asked_for_once(side: Side) -> None:
    assert side.run() == [3, 3, 2]
    assert len(side.asked()) == len(set(side.asked())) == len(LEADS) + 1


def test_a_portion_that_was_not_remembered_is_asked_for_again_and_costs_nothing(side: Side) -> None:
    start = side.importer().portion("j1", ["Lead"], WIEN, "", 0).place or ""
    for _ in range(2):
        side.lane.append(side.importer().portion("j1", ["Lead"], WIEN, start, 5).events)
    assert len(side.asked()) == 5


def test_a_record_that_is_known_as_it_is_costs_only_its_request(side: Side) -> None:
    side.run()
    looks = len(side.told(e.RecordObserved))
    project(side.lane)
    again = side.importer().portion("j2", ["Lead"], WIEN, "", 10)
    assert looks == len(LEADS) + 1
    assert {type(each) for each in again.events} <= {e.SyncRequested}


def test_a_preview_tells_them_apart_and_asks_for_nobody(side: Side) -> None:
    append(side.lane, shown(HS, "contacts", "1", source="baseline", email="p3@example.com"))
    before = side.lane.log.tail()
    *_, found = side.importer().survey(["Lead", "Contact"], WIEN)
    assert found == Survey(creates=6, exist=1, no_email=1, same_email=1, converted=0)
    assert side.lane.log.tail() == before


# -- as a job


def test_an_import_stays_below_the_guard_on_creates_and_goes_on_in_the_next_hour(side: Side) -> None:
    assert side.work(WIEN).waits == "the next hour: guards.creates_per_hour"
    assert len(side.asked()) == 4

    side.lane.clock.sleep(3_600)
    assert side.work().finished
    assert len(side.asked()) == len(LEADS) + 1


def test_two_imports_at_once_stay_below_the_guard_together(side: Side) -> None:
    for name in ("j1", "j2"):
        Jobs(side.lane).start(Job(name, "import", "me", objects=("Lead",), where=WIEN))
    importer = side.importer()
    for _ in range(4):
        Jobs(side.lane, imports=importer).ask()
        project(side.lane)
    assert len(side.asked()) == 4
    assert all(each.waits.startswith("the next hour") for each in Jobs(side.lane).all())


def test_a_condition_that_salesforce_does_not_understand_ends_the_import(side: Side) -> None:
    job = side.work("Tilte = 'Wien'")
    assert (job.finished, job.failed) == (True, "INVALID_FIELD")
