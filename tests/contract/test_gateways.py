"""Both gateways against the simulated CRMs, over HTTP, through the real clients."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.errors import Misconfigured, Rejected, Throttled, Transient
from domain.identity import Crm, Fields
from domain.outcomes import OutcomeClass
from domain.schema import FieldKind
from domain.state import Priority
from tests.contract.sides import (
    APP,
    LOGIN,
    SIDES,
    Allowance,
    Side,
    classes,
    hubspot_side,
    lists,
    org,
    portal,
    salesforce_side,
)
from workers.gateways.http import Fault
from workers.gateways.hubspot import HubSpotGateway
from workers.gateways.hubspot_client import OAuthApp, PrivateApp
from workers.gateways.salesforce import SalesforceGateway
from workers.gateways.salesforce_client import ClientCredentials, JwtBearer
from workers.gateways.tokens import MemoryTokenStore
from workers.ports import ChangesPage, ReadAnswer, ReadRecord, Search, WriteRow

FAR = 4_000_000_000_000


@pytest.fixture(params=list(Crm), ids=str)
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    with SIDES[request.param]() as made:
        yield made


@pytest.fixture
def hubspot() -> Iterator[Side]:
    with hubspot_side() as made:
        yield made


@pytest.fixture
def salesforce() -> Iterator[Side]:
    with salesforce_side() as made:
        yield made


def pages(side: Side, *, since: int = 0) -> Iterator[ChangesPage]:
    after = None
    while True:
        page = side.gateway.changes(
            side.object_name, since=since, until=FAR, after=after, fields=[side.email]
        )
        yield page
        if page.last is None:
            return
        after = page.last


class TestWriting:
    def test_a_create_makes_a_record_and_its_repeat_finds_it(self, side: Side) -> None:
        row = side.row("ada", first="Ada")

        [made], [again] = side.gateway.write([row]), side.gateway.write([row])

        assert (made.outcome, made.created) == (OutcomeClass.DELIVERED, True)
        assert (again.outcome, again.created) == (OutcomeClass.DELIVERED, False)
        assert made.record_id == again.record_id
        assert side.read(str(made.record_id))[side.first] == "Ada"

    def test_an_update_sets_and_clears(self, side: Side) -> None:
        [record] = side.create("ada")

        [outcome] = side.gateway.write([side.update("1", record, first="Ada", email=None)])

        assert (outcome.outcome, outcome.record_id) == (OutcomeClass.DELIVERED, record)
        assert side.read(record) == {side.email: None, side.first: "Ada", side.last: "Okafor"}

    def test_outcomes_stand_in_the_order_of_the_rows(self, side: Side) -> None:
        records = side.create(*(f"n{number}" for number in range(40)))
        assert len(set(records)) == 40

        rows = [side.update(f"r{index}", record, first=record) for index, record in enumerate(records)]
        outcomes = side.gateway.write(rows)

        assert [outcome.record_id for outcome in outcomes] == records
        assert all(side.read(record)[side.first] == record for record in records[::13])

    def test_creates_and_updates_may_come_in_one_write(self, side: Side) -> None:
        [record] = side.create("ada")

        outcomes = side.gateway.write([side.row("eve"), side.update("2", record, first="Ada")])

        assert classes(outcomes) == ["delivered"] * 2
        assert [outcome.created for outcome in outcomes] == [True, False]

    def test_two_rows_for_one_record_both_arrive_in_their_order(self, side: Side) -> None:
        [record] = side.create("ada")

        rows = [side.update("1", record, first="one"), side.update("2", record, first="two")]
        outcomes = side.gateway.write([*rows, side.row("eve"), side.row("eve", first="Eve")])

        assert classes(outcomes) == ["delivered"] * 4
        assert side.read(record)[side.first] == "two"
        assert outcomes[2].record_id == outcomes[3].record_id

    def test_one_bad_row_does_not_hold_up_the_others(self, side: Side) -> None:
        good, bad, other = side.row("ada"), side.row("bad", email="no address"), side.row("eve")

        outcomes = side.gateway.write([good, bad, other])

        assert classes(outcomes) == ["delivered", "rejected", "delivered"]
        assert outcomes[1].fields == (side.email,)
        assert outcomes[1].code

    def test_a_field_that_is_gone_is_blamed_in_the_rows_that_have_it_only(self, side: Side) -> None:
        rows = [side.row("ada"), side.row("bad", absent_field__c="x"), side.row("eve")]

        outcomes = side.gateway.write(rows)

        assert classes(outcomes) == ["delivered", "misconfigured", "delivered"]
        assert outcomes[1].fields == ("absent_field__c",)

    def test_a_deleted_record_is_to_be_resolved(self, side: Side) -> None:
        gone, kept = side.create("ada", "eve")
        side.sim("delete", {"object": side.object_name, "id": gone})

        outcomes = side.gateway.write([side.update("1", gone, first="x"), side.update("2", kept, first="x")])

        assert classes(outcomes) == ["resolve", "delivered"]

    def test_a_record_that_never_was_is_to_be_resolved(self, side: Side) -> None:
        absent = "999999" if side.crm is Crm.HUBSPOT else "003000000000001AAA"

        assert classes(side.gateway.write([side.update("1", absent, first="x")])) == ["resolve"]

    def test_a_create_without_a_key_is_a_mistake_of_the_caller(self, side: Side) -> None:
        with pytest.raises(ValueError, match="unique key"):
            side.gateway.write([WriteRow("1", side.object_name, None, {side.first: "x"})])


class TestFaults:
    def test_an_answer_lost_after_the_commit_leaves_the_outcome_unknown(self, side: Side) -> None:
        side.gateway.describe(side.object_name)
        side.fault("answer_lost_after_commit", side.write_path, times=1)

        [lost] = side.gateway.write([side.row("ada")])
        [again] = side.gateway.write([side.row("ada")])

        assert (lost.outcome, lost.code) == (OutcomeClass.UNKNOWN, "connection_lost")
        assert again.created is False

    @pytest.mark.parametrize("kind", ["refuse_before_commit", "reset"])
    def test_a_connection_that_closes_unanswered_leaves_it_unknown_too(self, side: Side, kind: str) -> None:
        side.gateway.describe(side.object_name)
        side.fault(kind, side.write_path, times=1)

        [outcome] = side.gateway.write([side.row("ada")])

        assert outcome.outcome is OutcomeClass.UNKNOWN

    def test_a_time_out_leaves_it_unknown(self, side: Side) -> None:
        gateway = impatient(side)
        gateway.describe(side.object_name)
        side.fault("slow", side.write_path, ms=600, times=1)

        [outcome] = gateway.write([side.row("ada")])

        assert (outcome.outcome, outcome.code) == (OutcomeClass.UNKNOWN, "timeout")

    def test_a_body_that_stops_half_way_leaves_it_unknown(self, side: Side) -> None:
        gateway = impatient(side)
        gateway.describe(side.object_name)
        side.fault("slow_body", side.write_path, ms=600, times=1)

        [outcome] = gateway.write([side.row("ada")])

        assert outcome.outcome is OutcomeClass.UNKNOWN

    def test_where_nobody_listens_nothing_was_sent(self, side: Side) -> None:
        gateway = elsewhere(side, "http://127.0.0.1:9")

        [outcome] = gateway.write([side.row("ada")])

        assert outcome.outcome is OutcomeClass.TRANSIENT
        with pytest.raises(Transient):
            gateway.read(side.object_name, ["1"], [])

    @pytest.mark.parametrize(
        ("status", "expected"),
        [(500, "unknown"), (502, "unknown"), (503, "transient"), (504, "unknown")],
    )
    def test_server_errors_are_unknown_unless_they_say_that_nothing_was_tried(
        self, side: Side, status: int, expected: str
    ) -> None:
        side.gateway.describe(side.object_name)
        side.fault("status", side.write_path, status=status, times=1)

        [outcome] = side.gateway.write([side.row("ada")])

        assert outcome.outcome.value == expected
        assert outcome.code in {f"http_{status}", "SERVER_UNAVAILABLE"}

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_read_may_be_tried_again_after_any_server_error(self, side: Side, status: int) -> None:
        [record] = side.create("ada")
        side.fault("status", side.read_path, status=status, times=1)

        with pytest.raises(Transient):
            side.gateway.read(side.object_name, [record], [side.email])
        assert side.read(record)[side.email] == "ada@example.com"

    def test_rows_that_fail_by_chance_fail_alone_and_pass_later(self, side: Side) -> None:
        side.fault("row_error", side.write_path, share=0.5, times=1)
        rows = [side.row(f"n{number}") for number in range(20)]

        outcomes = side.gateway.write(rows)
        later = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome.code]

        assert set(classes(outcomes)) == {"delivered", "transient"}
        assert set(classes(side.gateway.write(later))) == {"delivered"}

    def test_a_refused_login_suspends_and_names_the_crms_code(self, side: Side) -> None:
        gateway = with_wrong_secret(side)

        [outcome] = gateway.write([side.row("ada")])

        assert outcome.outcome is OutcomeClass.MISCONFIGURED
        with pytest.raises(Misconfigured):
            gateway.read(side.object_name, ["1"], [])

    def test_without_allowance_nothing_is_sent(self, side: Side) -> None:
        side.gateway.describe(side.object_name)
        side.allowance.pause_ms = 700
        before = side.ask("counters")["calls"]
        assert side.gateway.wait_ms() == 700

        [outcome] = side.gateway.write([side.row("ada")])

        assert (outcome.outcome, outcome.wait_ms) == (OutcomeClass.THROTTLED, 700)
        with pytest.raises(Throttled) as throttled:
            side.gateway.read(side.object_name, ["1"], [])
        assert throttled.value.wait_ms == 700
        assert side.ask("counters")["calls"] == before

    def test_an_expired_session_is_renewed_once_and_the_call_repeated(self, side: Side) -> None:
        store = MemoryTokenStore()
        gateway, another = renewable(side, store), renewable(side, store)
        [outcome] = gateway.write([side.row("ada")])
        another.read(side.object_name, [str(outcome.record_id)], [])
        end_sessions(side)

        assert classes(gateway.write([side.row("eve")])) == ["delivered"]
        assert another.read(side.object_name, [str(outcome.record_id)], []).records
        assert side.calls("POST /oauth/v1/token") + side.calls("POST /services/oauth2/token") == 2

    def test_priorities_reach_the_limiter(self, side: Side) -> None:
        side.gateway.at(Priority.BACKFILL).describe(side.object_name)
        side.gateway.describe(side.object_name)

        assert side.allowance.priorities == [(Priority.BACKFILL, False), (Priority.LIVE, False)]


class TestReading:
    def test_missing_ids_are_named(self, side: Side) -> None:
        [record] = side.create("ada")
        absent = "999999" if side.crm is Crm.HUBSPOT else "003000000000001AAA"

        answer = side.gateway.read(side.object_name, [absent, record], [side.email])

        assert [found.id for found in answer.records] == [record]
        assert answer.missing == [absent]
        assert answer.records[0].modified_at <= answer.server_time + 1_000

    def test_any_number_of_ids_may_be_read(self, side: Side) -> None:
        records = [side.create(*(f"n{part}x{number}" for number in range(100))) for part in range(5)]
        asked = [record for part in records for record in part]

        answer = side.gateway.read(side.object_name, asked, [side.email])

        assert sorted(found.id for found in answer.records) == sorted(asked)
        assert answer.missing == []

    def test_a_look_up_by_e_mail_ignores_letter_case_and_names_what_it_did_not_find(self, side: Side) -> None:
        [record] = side.create("ada")
        values = ["ADA@example.com", "nobody@example.com"]

        [answer] = side.gateway.look_up([Search(side.object_name, side.email, values, [side.last])])

        assert [(found.id, found.asked_id) for found in answer.records] == [(record, "ADA@example.com")]
        assert answer.records[0].fields == {side.last: "Okafor"}
        assert answer.missing == ["nobody@example.com"]

    def test_a_look_up_by_key_finds_the_record_that_holds_it(self, side: Side) -> None:
        [record] = side.create("ada")

        search = Search(side.object_name, side.key, ["key-ada", "key-eve"], [side.email])
        [answer] = side.gateway.look_up([search])

        assert [(found.id, found.asked_id) for found in answer.records] == [(record, "key-ada")]
        assert answer.missing == ["key-eve"]

    def test_quotes_and_backslashes_in_a_look_up_find_nothing_but_themselves(self, side: Side) -> None:
        nasty = ["o'brien\\' OR Id != '", "\\", "a'"]

        [answer] = side.gateway.look_up([Search(side.object_name, side.key, nasty, [])])

        assert (answer.records, answer.missing) == ([], nasty)

    def test_a_field_that_is_gone_stays_unknown_and_the_others_are_read(self, side: Side) -> None:
        [record] = side.create("ada")

        answer = side.gateway.read(side.object_name, [record], [side.email, "absent_field__c"])

        assert answer.records[0].fields == {side.email: "ada@example.com"}

    def test_changes_are_paged_without_loss_or_repeat(self, side: Side) -> None:
        made = [side.create(*(f"n{part}x{number}" for number in range(100))) for part in range(3)]
        found: list[ReadRecord] = [record for page in pages(side) for record in page.records]

        assert sorted(record.id for record in found) == sorted(record for part in made for record in part)
        assert all(record.fields[side.email] for record in found)

    def test_a_window_of_changes_is_half_open(self, side: Side) -> None:
        [record] = side.create("ada")
        stamp = side.gateway.read(side.object_name, [record], []).records[0].modified_at

        def ids(since: int, until: int) -> list[str]:
            page = side.gateway.changes(side.object_name, since=since, until=until, after=None, fields=[])
            return [found.id for found in page.records]

        assert ids(stamp, stamp + 1_000) == [record]
        assert ids(stamp - 1_000, stamp) == []
        assert ids(stamp + 1_000, stamp + 2_000) == []

    def test_ids_are_listed_living_and_deleted_ones_apart(self, side: Side) -> None:
        gone, kept = side.create("ada", "eve")
        side.sim("delete", {"object": side.object_name, "id": gone})

        living, deleted = (
            side.gateway.ids(side.object_name, after=None, archived=archived).records
            for archived in (False, True)
        )

        assert ([one.id for one in living], [one.id for one in deleted]) == ([kept], [gone])
        assert [one.deleted for one in (*living, *deleted)] == [False, True]

    def test_ids_go_on_behind_a_key(self, side: Side) -> None:
        made = [*side.create(*(f"n{number}" for number in range(100))), *side.create("x", "y")]
        found: list[str] = []
        after = None
        while True:
            page = side.gateway.ids(side.object_name, after=after)
            found.extend(record.id for record in page.records)
            if page.last is None:
                break
            after = page.last

        assert sorted(found) == sorted(made)

    def test_the_description_says_what_matters_to_a_sync(self, side: Side) -> None:
        fields = side.gateway.describe(side.object_name).fields

        assert fields[side.email].kind is FieldKind.EMAIL
        assert fields[side.first].kind is FieldKind.TEXT
        assert fields[side.key].unique
        assert fields[side.last].updateable
        owner = fields["hubspot_owner_id" if side.crm is Crm.HUBSPOT else "OwnerId"]
        assert owner.kind is FieldKind.REFERENCE

    def test_owners_are_listed(self, side: Side) -> None:
        owners = side.gateway.owners()

        assert len({owner.id for owner in owners}) == len(owners) > 0
        assert all(owner.name for owner in owners)

    def test_the_servers_time_comes_from_its_own_clock(self, side: Side) -> None:
        assert abs(side.gateway.server_time() - side.ask("health")["now"]) < 5_000


class TestHubSpot:
    def test_stored_values_and_stamp_come_with_the_answer(self, hubspot: Side) -> None:
        [outcome] = hubspot.gateway.write([hubspot.row("Ada", first="Ada")])

        assert outcome.stored == {"email": "ada@example.com", "firstname": "Ada", "lastname": "Okafor"}
        [record] = hubspot.gateway.read("contacts", [outcome.record_id], []).records
        assert outcome.stamp == record.modified_at

    def test_an_address_of_somebody_else_names_him(self, hubspot: Side) -> None:
        ada, eve = hubspot.create("ada", "eve")

        [outcome] = hubspot.gateway.write([hubspot.update("1", eve, email="ada@example.com")])

        assert (outcome.outcome, outcome.other_id) == (OutcomeClass.RESOLVE, ada)

    def test_a_merged_id_leads_to_the_survivor_and_its_rows_go_missing(self, hubspot: Side) -> None:
        ada, eve = hubspot.create("ada", "eve")
        survivor = hubspot.sim("merge", {"ids": [ada, eve]})["id"]

        answer = hubspot.gateway.read("contacts", [ada, eve], ["lastname"])
        outcomes = hubspot.gateway.write([hubspot.update("1", ada, first="x")])

        assert {(found.id, found.asked_id) for found in answer.records} == {(survivor, ada), (survivor, eve)}
        assert (outcomes[0].outcome, outcomes[0].code) == (OutcomeClass.RESOLVE, "row_missing")

    def test_a_secondary_address_finds_its_contact(self, hubspot: Side) -> None:
        ada, eve = hubspot.create("ada", "eve")
        survivor = hubspot.sim("merge", {"ids": [ada, eve]})["id"]

        search = Search("contacts", "email", ["eve@example.com", "ada@example.com"], [])
        [answer] = hubspot.gateway.look_up([search])

        assert [(found.id, found.asked_id) for found in answer.records] == [
            (survivor, "eve@example.com"),
            (survivor, "ada@example.com"),
        ]

    @pytest.mark.parametrize(
        ("status", "details", "wait_ms"),
        [
            (429, {"policy": "TEN_SECONDLY_ROLLING"}, 10_000),
            (429, {"policy": "SECONDLY"}, 1_000),
            (429, {"policy": "DAILY"}, 900_000),
            (477, {"retry_after": 86_400}, 86_400_000),
        ],
    )
    def test_a_throttle_says_how_long_everybody_waits(
        self, hubspot: Side, status: int, details: dict[str, object], wait_ms: int
    ) -> None:
        hubspot.gateway.describe("contacts")
        hubspot.fault("status", "*/batch/*", status=status, times=1, **details)

        [outcome] = hubspot.gateway.write([hubspot.row("ada")])

        assert (outcome.outcome, outcome.wait_ms) == (OutcomeClass.THROTTLED, wait_ms)
        assert hubspot.allowance.waits[-1] == wait_ms

    def test_a_locked_record_is_tried_again_after_two_seconds(self, hubspot: Side) -> None:
        hubspot.gateway.describe("contacts")
        hubspot.fault("status", "*/batch/*", status=423, times=1)

        [outcome] = hubspot.gateway.write([hubspot.row("ada")])

        assert (outcome.outcome, outcome.wait_ms) == (OutcomeClass.TRANSIENT, 2_000)

    def test_a_merge_names_the_record_that_goes_on_and_every_read_of_it_says_what_it_took_in(
        self, hubspot: Side
    ) -> None:
        ada, eve, kim = hubspot.create("ada", "eve", "kim")
        rows = [WriteRow(loser, "contacts", loser, {}, delete=True, into=ada) for loser in (eve, kim)]

        first, second = hubspot.gateway.write(rows)

        assert classes([first, second]) == ["delivered", "delivered"]
        whole = second.record_id
        assert whole not in {None, ada, eve, kim}
        looks = [
            hubspot.gateway.read("contacts", [eve], ["email"]),
            hubspot.gateway.changes("contacts", since=0, until=FAR, after=None, fields=["email"]),
        ]
        for look in looks:
            [record] = look.records
            assert record.id == whole
            assert {ada, eve, kim} <= set(record.merged_ids)

    def test_a_merge_with_what_is_not_there_is_to_be_resolved(self, hubspot: Side) -> None:
        [ada] = hubspot.create("ada")
        rows = [
            WriteRow("1", "contacts", ada, {}, delete=True, into="999999"),
            WriteRow("2", "contacts", "999999", {}, delete=True, into=ada),
        ]

        assert classes(hubspot.gateway.write(rows)) == ["resolve", "resolve"]

    def test_a_merge_whose_answer_is_lost_is_unknown(self, hubspot: Side) -> None:
        ada, eve = hubspot.create("ada", "eve")
        hubspot.fault("answer_lost_after_commit", "*/merge", times=1)

        outcomes = hubspot.gateway.write([WriteRow("1", "contacts", eve, {}, delete=True, into=ada)])

        assert classes(outcomes) == ["unknown"]

    def test_a_deletion_archives_and_its_repeat_finds_nothing_to_do(self, hubspot: Side) -> None:
        ada, eve = hubspot.create("ada", "eve")
        rows = [WriteRow(record, "contacts", record, {}, delete=True) for record in (ada, "999999999")]

        outcomes = [*hubspot.gateway.write(rows), *hubspot.gateway.write(rows)]

        assert classes(outcomes) == ["delivered"] * 4
        answer = hubspot.gateway.read("contacts", [ada, eve], [])
        assert ([found.id for found in answer.records], answer.missing) == ([eve], [ada])
        archived = hubspot.gateway.ids("contacts", after=None, archived=True).records
        assert [(found.id, found.deleted) for found in archived] == [(ada, True)]

    def test_deletions_travel_apart_from_updates(self, hubspot: Side) -> None:
        ada, eve = hubspot.create("ada", "eve")
        rows = [WriteRow("1", "contacts", ada, {}, delete=True), hubspot.update("2", eve, first="Eve")]

        outcomes = hubspot.gateway.write(rows)

        assert [outcome.record_id for outcome in outcomes] == [ada, eve]
        assert hubspot.read(eve)["firstname"] == "Eve"

    def test_a_deletion_whose_answer_is_lost_is_unknown(self, hubspot: Side) -> None:
        [ada] = hubspot.create("ada")
        hubspot.fault("answer_lost_after_commit", "*/batch/archive", times=1)

        [outcome] = hubspot.gateway.write([WriteRow("1", "contacts", ada, {}, delete=True)])

        assert outcome.outcome is OutcomeClass.UNKNOWN
        assert hubspot.gateway.read("contacts", [ada], []).missing == [ada]

    def test_searches_are_counted_apart(self, hubspot: Side) -> None:
        hubspot.gateway.describe("contacts")

        list(pages(hubspot))

        assert hubspot.allowance.priorities[1:] == [(Priority.LIVE, True)]

    def test_more_fields_than_a_search_takes_are_read_by_id(self, hubspot: Side) -> None:
        [record] = hubspot.create("ada")
        many = ["email", *(f"a_property_with_quite_a_long_name_{number}" for number in range(100))]

        page = hubspot.gateway.changes("contacts", since=0, until=FAR, after=None, fields=many)

        assert [(found.id, found.fields) for found in page.records] == [
            (record, {"email": "ada@example.com"})
        ]

    def test_the_account_tells_its_zone_and_usage(self, hubspot: Side) -> None:
        account = hubspot.gateway.account()

        assert (account.id, account.zone) == ("44512002", "Europe/Vienna")
        assert (account.calls_per_day, account.calls_used > 0) == (625_000, True)

    @pytest.mark.rule(73)
    def test_a_property_of_users_refers_to_owners_whatever_its_name(self, hubspot: Side) -> None:
        definition = {"name": "manager", "label": "Manager", "groupName": "contactinformation"}
        users = {"externalOptions": True, "referencedObjectType": "OWNER"}
        answer = httpx.post(
            f"{hubspot.url}/crm/v3/properties/contacts",
            json={**definition, **users, "type": "enumeration", "fieldType": "select"},
            headers={"Authorization": "Bearer pat-sim"},
        )
        assert answer.status_code == 201
        manager = hubspot.gateway.describe("contacts").fields["manager"]
        assert (manager.kind, manager.references) == (FieldKind.REFERENCE, ("owners",))

    def test_kinds_follow_type_and_field_type(self, hubspot: Side) -> None:
        fields = hubspot.gateway.describe("contacts").fields

        assert fields["createdate"].kind is FieldKind.DATETIME
        assert not fields["createdate"].updateable
        assert fields["lifecyclestage"].kind is FieldKind.PICKLIST
        assert "lead" in {option.value for option in fields["lifecyclestage"].options}
        assert fields["phone"].kind is FieldKind.PHONE


class TestLists:
    BRANCH = {  # noqa: RUF012 - a value, in HubSpot's own words
        "filterBranchType": "OR",
        "filterBranchOperator": "OR",
        "filters": [],
        "filterBranches": [
            {
                "filterBranchType": "AND",
                "filterBranchOperator": "AND",
                "filterBranches": [],
                "filters": [
                    {
                        "filterType": "PROPERTY",
                        "property": "firstname",
                        "operation": {
                            "operationType": "MULTISTRING",
                            "operator": "IS_EQUAL_TO",
                            "values": ["Ada"],
                            "includeObjectsWithNoValueSet": False,
                        },
                    }
                ],
            }
        ],
    }

    def make(self, side: Side, name: str) -> str:
        body = {"name": name, "objectTypeId": "0-1", "processingType": "DYNAMIC", "filterBranch": self.BRANCH}
        headers = {"Authorization": "Bearer pat-sim"}
        answer = httpx.post(f"{side.url}/crm/v3/lists/", json=body, headers=headers)
        return str(answer.json()["list"]["listId"])

    def test_a_list_is_found_by_name_and_by_id_with_its_filters(self, hubspot: Side) -> None:
        made = self.make(hubspot, "Sync scope EMEA")

        found = [lists(hubspot).list_definition(name) for name in ("Sync scope EMEA", made)]

        assert [one["listId"] for one in found] == [made, made]
        assert found[0]["filterBranch"]["filterBranches"][0]["filters"][0]["property"] == "firstname"
        assert made in {one["listId"] for one in lists(hubspot).lists()}

    @pytest.mark.parametrize("name", ["no such list", "987654"])
    def test_an_absent_list_is_a_configuration_error(self, hubspot: Side, name: str) -> None:
        with pytest.raises(Misconfigured):
            lists(hubspot).list_definition(name)

    def test_members_and_memberships_agree(self, hubspot: Side) -> None:
        [eve] = hubspot.create("eve")
        [outcome] = hubspot.gateway.write([hubspot.row("ada", first="Ada")])
        made, ada = self.make(hubspot, "Adas"), str(outcome.record_id)
        hubspot.sim("clock", {"advance": 60})

        assert lists(hubspot).members(made, after=None) == ([ada], None)
        assert lists(hubspot).memberships([ada, eve]) == {ada: {made}, eve: set()}


class TestSalesforce:
    def test_values_travel_by_their_describe_types(self, salesforce: Side) -> None:
        fields: Fields = {
            "HasOptedOutOfEmail": "true",
            "Birthdate": "1985-04-12",
            "MailingLatitude": "48.208174",
            "Description": "two\r\nlines",
        }

        [record] = salesforce.create("ada")
        outcomes = salesforce.gateway.write([WriteRow("1", "Contact", record, fields)])
        answer = salesforce.gateway.read("Contact", [record], [*fields, "Phone", "CreatedDate"])

        assert classes(outcomes) == ["delivered"]
        found = answer.records[0].fields
        assert {name: found[name] for name in fields} == fields
        assert found["Phone"] is None
        assert str(found["CreatedDate"]).endswith("Z")

    def test_a_short_id_is_answered_with_the_long_one(self, salesforce: Side) -> None:
        [record] = salesforce.create("ada")

        [found] = salesforce.gateway.read("Contact", [record[:15]], []).records

        assert (found.id, found.asked_id) == (record, record[:15])

    def test_a_merged_record_names_its_survivor(self, salesforce: Side) -> None:
        ada, eve = salesforce.create("ada", "eve")
        salesforce.sim("merge", {"object": "Contact", "ids": [ada, eve]})

        [found] = salesforce.gateway.read("Contact", [eve], []).records
        [outcome] = salesforce.gateway.write([salesforce.update("1", eve, first="x")])

        assert (found.deleted, found.merged_into) == (True, ada)
        assert outcome.outcome is OutcomeClass.RESOLVE

    def test_deletions_and_merges_come_with_the_changes(self, salesforce: Side) -> None:
        ada, eve, gone = salesforce.create("ada", "eve", "gone")
        salesforce.sim("merge", {"object": "Contact", "ids": [ada, eve]})
        salesforce.sim("delete", {"object": "Contact", "id": gone})

        found = {record.id: record for page in pages(salesforce) for record in page.records}

        assert (found[eve].deleted, found[eve].merged_into) == (True, ada)
        assert (found[gone].deleted, found[gone].merged_into) == (True, None)

    def test_a_converted_lead_names_its_contact_and_refuses_writes(self, salesforce: Side) -> None:
        row = WriteRow(
            "1",
            "Lead",
            None,
            {"LastName": "Okafor", "Company": "Acme", "Email": "ada@example.com"},
            "HubSpot_Contact_Id__c",
            "1",
        )
        [made] = salesforce.gateway.write([row])
        contact = salesforce.sim("convert", {"id": made.record_id})["contactId"]

        [found] = salesforce.gateway.read("Lead", [made.record_id], []).records
        [outcome] = salesforce.gateway.write([WriteRow("1", "Lead", made.record_id, {"FirstName": "x"})])

        assert found.converted_to == contact
        assert (outcome.outcome, outcome.code) == (OutcomeClass.RESOLVE, "CANNOT_UPDATE_CONVERTED_LEAD")

    def test_a_unique_value_of_another_record_names_it(self, salesforce: Side) -> None:
        ada, eve = salesforce.create("ada", "eve")

        [outcome] = salesforce.gateway.write(
            [WriteRow("1", "Contact", eve, {"HubSpot_Contact_Id__c": "key-ada"})]
        )

        assert (outcome.outcome, outcome.other_id) == (OutcomeClass.RESOLVE, ada)

    def test_a_validation_rule_speaks_its_own_words(self, salesforce: Side) -> None:
        rule = {
            "entity": "Contact",
            "name": "Phone_Needed",
            "formula": "ISBLANK(Phone)",
            "message": "Give a phone.",
        }
        salesforce.sim("validation_rules", rule)

        [outcome] = salesforce.gateway.write([salesforce.row("ada")])

        assert (outcome.outcome, outcome.code) == (
            OutcomeClass.REJECTED,
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        )
        assert outcome.message == "Give a phone."

    @pytest.mark.parametrize(
        ("policy", "wait_ms"), [("TotalRequests", 900_000), ("ConcurrentPerOrgLongTxn", 10_000)]
    )
    def test_a_used_up_limit_throttles(self, salesforce: Side, policy: str, wait_ms: int) -> None:
        salesforce.gateway.describe("Contact")
        salesforce.fault("status", "*/composite/*", status=403, policy=policy, times=1)

        [outcome] = salesforce.gateway.write([salesforce.row("ada")])

        assert (outcome.outcome, outcome.wait_ms) == (OutcomeClass.THROTTLED, wait_ms)
        assert salesforce.allowance.waits[-1] == wait_ms

    def test_many_ids_are_asked_in_queries_that_fit_the_address(self, salesforce: Side) -> None:
        ids = [f"003{number:012d}" for number in range(1_000)]

        answer = salesforce.gateway.read("Contact", ids, ["Email"])

        assert answer.missing == ids
        assert salesforce.calls("GET /services/data/{version}/queryAll") == 3

    def test_people_are_looked_up_by_key_and_address_on_both_objects_in_one_call(
        self, salesforce: Side
    ) -> None:
        ada, eve = salesforce.create("ada", "eve")
        values: Fields = {"Email": "bo@example.com", "LastName": "Bo", "Company": "C"}
        [made] = salesforce.gateway.write([WriteRow("bo", "Lead", None, values, salesforce.key, "key-bo")])
        before = salesforce.calls("")

        answers = salesforce.gateway.look_up(
            [
                Search("Lead", salesforce.key, ["key-bo", "key-eve"], []),
                Search("Contact", salesforce.key, ["key-bo", "key-eve"], []),
                Search("Lead", "Email", ["BO@example.com"], ["LastName"]),
                Search("Contact", "Email", ["ada@example.com", "bo@example.com"], ["LastName"]),
            ]
        )

        found = [[(each.id, each.asked_id) for each in answer.records] for answer in answers]
        assert found == [
            [(made.record_id, "key-bo")],
            [(eve, "key-eve")],
            [(made.record_id, "BO@example.com")],
            [(ada, "ada@example.com")],
        ]
        assert [answer.missing for answer in answers] == [["key-eve"], ["key-bo"], [], ["bo@example.com"]]
        assert salesforce.calls("") - before == 1

    def test_no_call_looks_for_more_than_the_crm_takes_together(self, salesforce: Side) -> None:
        salesforce.gateway.describe("Contact")
        long = [f"{number}{'x' * 60}@example.com" for number in range(1_000)]

        [answer] = salesforce.gateway.look_up([Search("Contact", "Email", long, [])])

        assert answer.missing == long
        assert salesforce.calls("POST /services/data/{version}/composite ") == 2

    def test_a_look_up_of_which_a_part_is_refused_is_refused(self, salesforce: Side) -> None:
        searches = [Search("Contact", field, ["x"], []) for field in ("Email", "Absent__c")]
        with pytest.raises((Rejected, Misconfigured)):
            salesforce.gateway.look_up(searches)

    @pytest.mark.rule(93, 94)
    def test_assignment_rules_choose_the_owner_of_a_new_lead_that_has_none_and_of_no_other(
        self, salesforce: Side
    ) -> None:
        users = salesforce.ask("users")
        salesforce.sim("assignment_rules", {"entity": "Lead", "name": "All", "owner_id": users["person"]})
        fields: Fields = {"LastName": "Okafor", "Company": "Acme"}
        key = "HubSpot_Contact_Id__c"
        owned = {**fields, "OwnerId": users["integration"]}
        rows = [WriteRow("1", "Lead", None, fields, key, "1"), WriteRow("2", "Lead", None, owned, key, "2")]

        ids = [str(outcome.record_id) for outcome in salesforce.gateway.write(rows)]
        salesforce.gateway.write([WriteRow("3", "Lead", ids[1], {"Company": "Looms"})])
        found = {each.id: each for each in salesforce.gateway.read("Lead", ids, ["OwnerId"]).records}

        assert [found[each].fields["OwnerId"] for each in ids] == [users["person"], users["integration"]]
        assert found[ids[1]].modified_by == users["integration"]

    @pytest.mark.rule(98)
    def test_record_types_are_the_options_of_their_field(self, salesforce: Side) -> None:
        assert "RecordTypeId" not in salesforce.gateway.describe("Lead").fields
        values = {"Name": "Partner", "DeveloperName": "Partner", "SobjectType": "Lead", "IsActive": True}
        made = salesforce.sim("create", {"object": "RecordType", "properties": values})

        field = salesforce.gateway.describe("Lead").fields["RecordTypeId"]

        assert [(each.value, each.label) for each in field.options] == [(made["id"], "Partner")]

    @pytest.mark.parametrize("way", ["changes", "read", "look_up"])
    def test_a_field_that_is_hidden_one_day_is_left_out_of_what_is_read(
        self, salesforce: Side, way: str
    ) -> None:
        [record] = salesforce.create("ada")
        gateway, names = salesforce.gateway, ["LastName", "Phone"]
        ways: dict[str, Callable[[], ReadAnswer | ChangesPage]] = {
            "changes": lambda: gateway.changes("Contact", since=0, until=2**42, after=None, fields=names),
            "read": lambda: gateway.read("Contact", [record], names),
            "look_up": lambda: gateway.look_up([Search("Contact", "Email", ["ada@example.com"], names)])[0],
        }
        before = ways[way]().records
        salesforce.sim("permissions", {"object": "Contact", "field": "Phone", "access": "none"})

        assert [sorted(each.fields) for each in (*before, *ways[way]().records)] == [names, ["LastName"]]

    def test_the_account_tells_its_organization_and_limits(self, salesforce: Side) -> None:
        account = salesforce.gateway.account()

        assert account.id.startswith("00D")
        assert account.user_id.startswith("005")
        assert account.calls_per_day == 100_000

    def test_an_object_that_nobody_may_see_is_a_rejected_read(self, salesforce: Side) -> None:
        with pytest.raises((Rejected, Misconfigured)):
            salesforce.gateway.read("Absent__c", ["003000000000001AAA"], [])


class TestThreads:
    def test_sixteen_threads_share_a_gateway_without_mixing_answers(self, side: Side) -> None:
        records = side.create(*(f"n{number}" for number in range(16)))

        def work(index: int) -> list[str | None]:
            record, seen = records[index], []
            for turn in range(5):
                side.gateway.write([side.update("1", record, first=f"{record} {turn}")])
                seen.append(side.read(record)[side.first])
            return seen

        with ThreadPoolExecutor(16) as threads:
            seen = list(threads.map(work, range(16)))

        assert seen == [[f"{record} {turn}" for turn in range(5)] for record in records]


class TestLogins:
    def test_a_signed_assertion_logs_in(self, salesforce: Side) -> None:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        login = JwtBearer("integration@sim.example.com", LOGIN.consumer_key, pem)

        gateway = SalesforceGateway(org(salesforce.url, Allowance(), login))

        assert gateway.describe("Contact").fields
        assert "PRIVATE KEY" not in repr(login)

    def test_a_login_that_nobody_answers_may_be_tried_again(self, side: Side) -> None:
        side.fault("status", "*oauth*token*", status=503, times=1)
        gateway = renewable(side, MemoryTokenStore())

        with pytest.raises(Transient):
            gateway.describe(side.object_name)
        assert gateway.describe(side.object_name).fields


def impatient(side: Side) -> HubSpotGateway | SalesforceGateway:
    if side.crm is Crm.HUBSPOT:
        return HubSpotGateway(portal(side.url, side.allowance, read_seconds=0.2))
    return SalesforceGateway(org(side.url, side.allowance, read_seconds=0.2))


def elsewhere(side: Side, url: str) -> HubSpotGateway | SalesforceGateway:
    if side.crm is Crm.HUBSPOT:
        return HubSpotGateway(portal(url, Allowance()))
    return SalesforceGateway(org(url, Allowance()))


def with_wrong_secret(side: Side) -> HubSpotGateway | SalesforceGateway:
    if side.crm is Crm.HUBSPOT:
        wrong = OAuthApp(APP.client_id, APP.client_secret, "wrong")
        assert "wrong" not in repr(wrong)
        return HubSpotGateway(portal(side.url, Allowance(), wrong))
    return SalesforceGateway(
        org(side.url, Allowance(), ClientCredentials(LOGIN.consumer_key, "wrong", LOGIN.domain))
    )


def renewable(side: Side, store: MemoryTokenStore) -> HubSpotGateway | SalesforceGateway:
    if side.crm is Crm.HUBSPOT:
        return HubSpotGateway(portal(side.url, Allowance(), APP, store=store))
    return SalesforceGateway(org(side.url, Allowance(), store=store))


def end_sessions(side: Side) -> None:
    if side.crm is Crm.HUBSPOT:
        side.sim("clock", {"advance": 1_900})
    else:
        side.sim("sessions/expire")


@pytest.mark.parametrize(
    ("code", "message", "suspends"),
    [
        ("INVALID_FIELD", "No such column 'X__c' on sobject of type Lead", False),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: X__c.", False),
        ("INVALID_FIELD", "X__c is not an external ID field", True),
        ("INVALID_SESSION_ID", "Session expired", True),
    ],
)
def test_only_what_is_not_the_fault_of_a_field_suspends(code: str, message: str, *, suspends: bool) -> None:
    outcome = Fault(code, message, ("X__c",)).outcome(Crm.SALESFORCE)
    assert outcome.suspends is suspends
    assert outcome.fields == (() if suspends else ("X__c",))


def test_a_static_token_that_is_refused_suspends_after_one_repeat() -> None:
    with hubspot_side() as side:
        gateway = HubSpotGateway(portal(side.url, Allowance(), PrivateApp("pat-revoked")))

        with pytest.raises(Misconfigured) as refused:
            gateway.describe("contacts")

        assert refused.value.code == "INVALID_AUTHENTICATION"
        assert "pat-revoked" not in str(refused.value)
