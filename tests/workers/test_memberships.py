"""The sweep of lists whose members only HubSpot knows."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.book import Table, decode
from domain.state import Contact
from domain.upcasting import decode as event_of
from tests.workers.lanes import Projecting, append, configured, crowded, memory_lane, project, shown
from tests.world import HS, SECTION
from workers.clock import ManualClock
from workers.connection import ROOM_LOOK, Lane
from workers.memberships import Memberships

FORM = {"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT"}
REMOTE = {
    "listId": "7",
    "name": "Sync",
    "processingType": "DYNAMIC",
    "filterBranch": {
        "filterBranchType": "OR",
        "filters": [],
        "filterBranches": [{"filterBranchType": "AND", "filterBranches": [], "filters": [FORM]}],
    },
}


class Lists:
    """HubSpot's lists: one, with these members."""

    def __init__(self, *members: str) -> None:
        self.on_list = list(members)
        self.status = "COMPLETE"

    def lists(self) -> list[dict[str, Any]]:
        return [REMOTE]

    def list_definition(self, name_or_id: str) -> dict[str, Any]:
        return {**REMOTE, "listId": name_or_id, "processingStatus": self.status}

    def members(self, list_id: str, *, after: str | None) -> tuple[list[str], str | None]:  # noqa: ARG002 - the port's
        first = int(after or 0)
        following = str(first + 1) if first + 1 < len(self.on_list) else None
        return self.on_list[first : first + 1], following

    def memberships(self, record_ids: Any) -> dict[str, set[str]]:
        return {each: {"7"} if each in self.on_list else set() for each in record_ids}


def people(*ids: str, clock: ManualClock | None = None) -> Lane:
    lane = memory_lane(clock)
    lane.append([e.ListObserved(list_id="7", name="Sync", digest=e.digest(REMOTE))], [REMOTE])
    configured(lane, msgspec.structs.replace(SECTION, inclusion_list="7"))
    looks = [shown(HS, "contacts", each, source="baseline", email=f"p{each}@example.com") for each in ids]
    return append(lane, *looks)


def known(lane: Lane, record_id: str) -> Contact:
    raw = lane.tables().fetch(Table.CONTACTS, [f"hubspot/contacts/{record_id}"])[0]
    contact: Contact = decode(Table.CONTACTS, raw or b"")
    return contact


def told(lane: Lane) -> int:
    events = (event_of(each.raw) for each in lane.log.read("0-0", 1_000))
    return sum(isinstance(each, e.MembershipObserved) for each in events)


@pytest.mark.rule(17)
def test_the_first_sweep_counts_the_members_and_syncs_nobody() -> None:
    lane, lists = people("1", "2", "3"), Lists("1", "3")
    assert Memberships(lane, lists).sweep() == 3
    project(lane)
    assert [known(lane, each).member for each in "123"] == [True, False, True]
    assert [known(lane, each).opened for each in "123"] == [None, None, None]


@pytest.mark.rule(9)
def test_who_joined_meanwhile_is_synced_and_the_others_cost_nothing() -> None:
    lane, lists = people("1", "2"), Lists("1")
    Memberships(lane, lists).sweep()
    before = told(project(lane))
    lists.on_list.append("2")
    assert Memberships(lane, lists).sweep() == 1
    project(lane)
    opened = known(lane, "2").opened
    assert opened is not None
    assert (opened.trigger, told(lane) - before) == ("joined_list", 1)


@pytest.mark.rule(27)
def test_who_left_meanwhile_is_known_to_be_off_the_list_and_may_come_back() -> None:
    lane, lists = people("1", "2"), Lists("1", "2")
    for members in (["1", "2"], ["1"], ["1", "2"]):
        lists.on_list = members
        Memberships(lane, lists).sweep()
        project(lane)
        assert known(lane, "2").member is ("2" in members)


def test_a_list_that_hubspot_is_filling_is_not_believed() -> None:
    lane, lists = people("1"), Lists()
    lists.status = "PROCESSING"
    assert Memberships(lane, lists).sweep() is None
    assert told(lane) == 0


def test_what_a_sweep_found_waits_until_the_log_has_room() -> None:
    clock = Projecting()
    lane = clock.lane = crowded(people("1", clock=clock))
    began = clock.monotonic()

    assert Memberships(lane, Lists("1")).sweep() == 1
    assert clock.monotonic() - began == pytest.approx(ROOM_LOOK)
    assert lane.backlog() == 1
