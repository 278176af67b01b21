"""Metadata: what the CRMs say about themselves becomes an event when it changes, and only then."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.errors import Misconfigured, SyncError, Throttled, Transient
from domain.identity import Crm
from domain.owners import Owner
from domain.rules import RuleText, Runner
from tests.workers.crm import FakeCrm
from tests.workers.lanes import memory_lane, project
from tests.world import HS, SF
from workers.metadata import Metadata
from workers.ports import Particulars

OBJECTS = {HS: ("contacts",), SF: ("Lead", "Contact")}


def referring(list_id: str) -> dict[str, Any]:
    return {"filterBranches": [], "filters": [{"filterType": "IN_LIST", "listId": list_id}]}


class Lists:
    """Lists by id: 7 refers to 8, which refers to 7."""

    def __init__(self) -> None:
        self.branches = {"7": {"filterBranches": [referring("8")], "filters": []}, "8": referring("7")}
        self.error: SyncError | None = None

    def lists(self) -> list[dict[str, Any]]:
        return []

    def list_definition(self, name_or_id: str) -> dict[str, Any]:
        if self.error:
            raise self.error
        branch = self.branches[name_or_id]
        return {"listId": name_or_id, "name": f"list {name_or_id}", "filterBranch": branch, "size": 3}

    def members(self, list_id: str, *, after: str | None) -> tuple[list[str], str | None]:  # noqa: ARG002 - the port's
        return [], None

    def memberships(self, record_ids: Any) -> dict[str, set[str]]:
        return {each: set() for each in record_ids}


class Rules:
    """The validation rules of an org, by object."""

    def __init__(self) -> None:
        self.by_object: dict[str, tuple[RuleText, ...]] = {}
        self.asked: set[str] = set()
        self.known: dict[str, RuleText] = {}
        self.error: SyncError | None = None

    def rules(self, object_name: str, known: Mapping[str, RuleText]) -> tuple[RuleText, ...]:
        if self.error:
            raise self.error
        self.known |= known
        return self.by_object.get(object_name, ())

    def runner(self, names: Collection[str]) -> Runner:
        self.asked = set(names)
        return Runner(user={"Title": "Robot"}, zone="Europe/Vienna")


NO_ATLANTIS = RuleText(
    "03d1", "No_Atlantis", 'AND(City = "Atlantis", $User.Title <> "King")', "No.", changed="1"
)


class Side:
    """A lane with both CRMs."""

    def __init__(self) -> None:
        self.lane = memory_lane()
        self.crms = {
            HS: FakeCrm(HS, particulars=Particulars("44512002", "Europe/Vienna")),
            SF: FakeCrm(SF, particulars=Particulars("00D1", "UTC", "005")),
        }
        self.lists = Lists()
        self.rules = Rules()
        self.metadata = Metadata(self.lane, self.crms, self.lists, self.rules)

    def observe(self, *lists: str) -> int:
        new = self.metadata.observe(OBJECTS, lists)
        project(self.lane)
        return new

    def refresh(self, *lists: str) -> int:
        new = self.metadata.refresh(OBJECTS, lists)
        project(self.lane)
        return new

    def refuse(self, crm: Crm, error: SyncError) -> None:
        def fail() -> None:
            raise error

        self.crms[crm].before = fail


def test_everything_is_observed_once() -> None:
    side = Side()

    assert side.observe() == 7
    assert side.observe() == 0
    state = side.lane.state()
    assert state.accounts == {HS: ("44512002", "Europe/Vienna", ""), SF: ("00D1", "UTC", "005")}
    assert sorted(state.schemas) == ["hubspot/contacts", "salesforce/Contact", "salesforce/Lead"]


def test_a_document_can_be_read_back_by_the_name_in_its_event() -> None:
    side = Side()
    side.observe()

    schema = side.lane.document(side.lane.state().schemas["salesforce/Lead"])
    assert schema["fields"]["LastName"]["required"]


def test_what_changes_is_observed_again_also_when_it_changes_back() -> None:
    side = Side()
    side.observe()
    before = side.crms[HS].people
    for people in ([Owner("1", "Ada")], before, [Owner("1", "Ada")]):
        side.crms[HS].people = people
        assert side.observe() == 1


def test_a_changed_field_is_a_change_of_its_object_alone() -> None:
    side = Side()
    side.observe()
    lead = side.crms[SF].schemas["Lead"]
    side.crms[SF].schemas["Lead"] = msgspec.structs.replace(
        lead, fields={**lead.fields, "City": lead.fields["Company"]}
    )

    assert side.observe() == 1


def test_the_lists_that_an_inclusion_list_refers_to_are_observed_with_it() -> None:
    side = Side()
    side.observe("7")

    assert sorted(side.lane.state().lists) == ["7", "8"]
    assert side.observe("7") == 0


def test_the_size_of_a_list_is_no_change_of_its_definition() -> None:
    side = Side()
    side.observe("7")
    kept = side.lane.document(side.lane.state().lists["7"][1])

    assert sorted(kept) == ["filterBranch", "listId", "name", "processingType"]


def test_applying_a_configuration_fails_with_what_the_crm_says() -> None:
    side = Side()
    side.refuse(SF, Misconfigured("INVALID_SESSION_ID"))

    with pytest.raises(Misconfigured):
        side.observe()
    assert side.lane.log.appended() == 0


@pytest.mark.parametrize("away", list(Crm))
@pytest.mark.parametrize(
    "error",
    [Transient("timeout"), Throttled("LIMIT"), Misconfigured("NO")],
    ids=["transient", "throttled", "no"],
)
def test_a_crm_that_does_not_answer_stops_nothing_of_the_other(away: Crm, error: SyncError) -> None:
    side = Side()
    side.refuse(away, error)

    side.refresh()
    assert list(side.lane.state().accounts) == [away.other]
    assert not side.lane.state().suspended


def test_a_list_that_is_gone_stops_nothing_else() -> None:
    side = Side()
    side.lists.error = Misconfigured("list_absent")

    assert side.refresh("7") == 7


def test_a_suspended_crm_is_left_alone() -> None:
    side = Side()
    side.lane.append([e.TargetRefused(crm=SF, code="NO", message="")])
    project(side.lane)
    side.refresh()

    assert side.crms[SF].calls == []
    assert list(side.lane.state().accounts) == [HS]


# -- validation rules


def test_rules_are_observed_with_the_user_whom_they_see() -> None:
    side = Side()
    side.observe()
    side.rules.by_object = {"Lead": (NO_ATLANTIS,)}

    assert side.observe() == 2
    assert side.observe() == 0
    assert side.rules.asked == {"$User.Title"}
    assert side.lane.document(side.lane.state().runner)["user"] == {"Title": "Robot"}


def test_what_is_known_of_a_rule_need_not_be_read_again() -> None:
    side = Side()
    side.rules.by_object = {"Lead": (NO_ATLANTIS,)}
    side.observe()
    side.observe()

    assert side.rules.known == {"03d1": NO_ATLANTIS}


def test_the_last_rule_of_an_object_can_go() -> None:
    side = Side()
    side.rules.by_object = {"Lead": (NO_ATLANTIS,)}
    side.observe()
    side.rules.by_object = {}

    assert side.observe() == 1
    assert side.lane.document(side.lane.state().rules["Lead"]) == []


def test_rules_that_the_user_may_not_read_stop_nothing() -> None:
    side = Side()
    side.rules.error = Misconfigured("INVALID_TYPE")

    assert side.observe() == 7
    assert not side.lane.state().rules
