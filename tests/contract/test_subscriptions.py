"""Unsubscribing people: the gateway against the simulated account, through the real client."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from domain.errors import classify
from domain.identity import Crm
from domain.outcomes import OutcomeClass
from simulators.hubspot.settings import ALL_SCOPES, APP_ID
from tests.contract.sides import Side, classes, hubspot_side
from workers.ports import WriteRow

SINGLE = "communication_preferences.write"
BATCH = "communication_preferences.statuses.batch.write"


@pytest.fixture
def hubspot() -> Iterator[Side]:
    with hubspot_side() as made:
        yield made


def opt_out(record: str, address: str) -> WriteRow:
    return WriteRow(record, "contacts", record, {"hs_email_optout": "true"}, "email", address)


def people(side: Side, *names: str) -> list[WriteRow]:
    """One row for each of them; they are contacts by then."""
    records = side.create(*names)
    return [opt_out(record, f"{name}@example.com") for record, name in zip(records, names, strict=True)]


def opted_out(side: Side, rows: list[WriteRow]) -> list[str | None]:
    answer = side.gateway.read("contacts", [str(row.id) for row in rows], ["hs_email_optout"])
    found = {record.id: record.fields["hs_email_optout"] for record in answer.records}
    return [found[str(row.id)] for row in rows]


def grant(side: Side, *scopes: str) -> None:
    """Let the token have these scopes for subscriptions, and all others."""
    others = [scope for scope in ALL_SCOPES if not scope.startswith("communication_preferences")]
    token = {"app_id": APP_ID, "user_id": 7012345, "scopes": [*others, *scopes]}
    side.control.patch("/_sim/settings", json={"tokens": {"pat-sim": token}}).raise_for_status()


@pytest.mark.rule(68)
def test_an_opt_out_shows_on_the_contact(hubspot: Side) -> None:
    rows = people(hubspot, "ada")
    [outcome] = hubspot.gateway.write(rows)
    assert (outcome.outcome, outcome.record_id) == (OutcomeClass.DELIVERED, rows[0].id)
    assert opted_out(hubspot, rows) == ["true"]


def test_many_opt_out_in_one_call(hubspot: Side) -> None:
    rows = people(hubspot, *(f"n{number}" for number in range(20)))
    assert classes(hubspot.gateway.write(rows)) == ["delivered"] * 20
    assert opted_out(hubspot, rows) == ["true"] * 20
    assert hubspot.calls("POST /communication-preferences") == 1


@pytest.mark.parametrize(
    "settings", [{"unsubscribe_twice": "refuse"}, {"unsubscribe_answer": "empty"}], ids=str
)
def test_a_second_opt_out_counts_as_done(hubspot: Side, settings: dict[str, Any]) -> None:
    hubspot.control.patch("/_sim/settings", json=settings).raise_for_status()
    rows = people(hubspot, "ada", "eve")
    assert classes(hubspot.gateway.write(rows)) == ["delivered"] * 2
    assert classes([*hubspot.gateway.write(rows[:1]), *hubspot.gateway.write(rows)]) == ["delivered"] * 3


def test_without_the_batch_scope_they_opt_out_one_by_one(hubspot: Side) -> None:
    grant(hubspot, SINGLE)
    rows = people(hubspot, "ada", "eve")
    assert classes(hubspot.gateway.write(rows)) == ["delivered"] * 2
    assert opted_out(hubspot, rows) == ["true"] * 2


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("answer_lost_after_commit", {}, ["unknown", "transient", "transient"]),
        ("status", {"status": 503}, ["transient"] * 3),
        ("status", {"status": 429}, ["throttled"] * 3),
    ],
    ids=["no answer", "a bad moment", "too many calls"],
)
def test_one_by_one_nobody_is_tried_once_hubspot_is_away(
    hubspot: Side, kind: str, more: dict[str, Any], expected: list[str]
) -> None:
    rows = people(hubspot, "ada", "eve", "joan")
    grant(hubspot, SINGLE)
    hubspot.fault(kind, "*example.com/unsubscribe-all", times=3, **more)
    assert classes(hubspot.gateway.write(rows)) == expected
    assert hubspot.calls("POST /communication-preferences") == 2


def test_without_any_scope_the_field_is_blamed_and_nobody_else_is_asked_about(hubspot: Side) -> None:
    grant(hubspot)
    rows = people(hubspot, *(f"n{number}" for number in range(9)))
    outcomes = hubspot.gateway.write(rows)
    assert classes(outcomes) == ["rejected"] * 9
    assert {outcome.fields for outcome in outcomes} == {("hs_email_optout",)}
    assert hubspot.calls("POST /communication-preferences") == 2
    assert SINGLE in classify(Crm.HUBSPOT, None, outcomes[0].code, outcomes[0].message).remedy


def test_one_bad_address_does_not_hold_up_the_others(hubspot: Side) -> None:
    rows = [*people(hubspot, "ada", "eve"), opt_out("3", "no address")]
    outcomes = hubspot.gateway.write(rows)
    assert classes(outcomes) == ["delivered", "delivered", "rejected"]
    assert outcomes[2].fields == ("hs_email_optout",)


def test_an_opt_out_and_other_fields_take_a_call_each(hubspot: Side) -> None:
    [row] = people(hubspot, "ada")
    other = hubspot.update("more", str(row.id), first="Ada")
    assert classes(hubspot.gateway.write([other, row])) == ["delivered"] * 2
    assert hubspot.read(str(row.id))["firstname"] == "Ada"


def test_a_lost_answer_leaves_it_unknown_and_a_full_account_waits(hubspot: Side) -> None:
    rows = people(hubspot, "ada", "eve")
    path = "*/unsubscribe-all"
    hubspot.fault("answer_lost_after_commit", path, times=1)
    assert classes(hubspot.gateway.write(rows)) == ["unknown"] * 2
    hubspot.fault("status", path, status=429, times=1)
    assert classes(hubspot.gateway.write(rows)) == ["throttled"] * 2
    hubspot.fault("status", path, status=429, times=1)
    assert classes(hubspot.gateway.write(rows[:1])) == ["throttled"]


def test_the_property_is_written_apart_and_by_nothing_else(hubspot: Side) -> None:
    field = hubspot.gateway.describe("contacts").fields["hs_email_optout"]
    assert (field.apart, field.updateable, field.createable) == ("email", True, False)
    [row] = people(hubspot, "ada")
    plain = WriteRow("1", "contacts", row.id, row.fields)
    assert classes(hubspot.gateway.write([plain])) != ["delivered"]


# -- what the simulator itself answers

TOKEN = {"Authorization": "Bearer pat-sim"}
STATUSES = "/communication-preferences/v4/statuses"


def ask(side: Side, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
    return httpx.request(method, f"{side.url}{path}", json=body, params=query, headers=TOKEN)


def test_statuses_follow_the_opt_out_of_an_address(hubspot: Side) -> None:
    path = f"{STATUSES}/ada@example.com"
    assert ask(hubspot, "GET", f"{path}/unsubscribe-all", channel="EMAIL").json()["results"] == []
    [kind, _] = ask(hubspot, "GET", "/communication-preferences/v4/definitions").json()["results"]
    wanted = {"subscriptionId": int(kind["id"]), "statusState": "SUBSCRIBED", "channel": "EMAIL"}
    [shown] = ask(hubspot, "POST", path, wanted).json()["results"]
    assert (shown["status"], shown["setStatusSuccessReason"]) == ("SUBSCRIBED", "REQUESTED_CHANGE_OCCURRED")
    told = ask(hubspot, "POST", f"{path}/unsubscribe-all", channel="EMAIL", verbose="true").json()["results"]
    assert {each["setStatusSuccessReason"] for each in told} == {"UNSUBSCRIBE_FROM_ALL_OCCURRED"}
    assert {each["status"] for each in ask(hubspot, "GET", path, channel="EMAIL").json()["results"]} == {
        "UNSUBSCRIBED"
    }
    body = {"inputs": ["ada@example.com"]}
    [wide] = ask(hubspot, "POST", f"{STATUSES}/batch/unsubscribe-all/read", body, channel="EMAIL").json()[
        "results"
    ]
    assert wide["wideStatuses"][0]["wideStatusType"] == "PORTAL_WIDE"
    [back] = ask(hubspot, "POST", path, wanted).json()["results"]
    assert back["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"
    [one] = ask(hubspot, "POST", f"{STATUSES}/batch/read", body, channel="EMAIL").json()["results"]
    assert {each["status"] for each in one["statuses"]} == {"SUBSCRIBED", "NOT_SPECIFIED"}


def test_an_address_that_opted_out_makes_a_contact_that_has(hubspot: Side) -> None:
    hubspot.sim("unsubscribe", {"email": "ada@example.com"})
    [ada] = people(hubspot, "ada")
    [eve] = people(hubspot, "eve")
    assert opted_out(hubspot, [ada, eve]) == ["true", None]
    hubspot.sim("resubscribe", {"email": "ada@example.com"})
    assert opted_out(hubspot, [ada]) == ["false"]


@pytest.mark.parametrize(
    ("path", "body", "query"),
    [
        ("/ada@example.com/unsubscribe-all", None, {}),
        ("/ada@example.com/unsubscribe-all", None, {"channel": "SMS"}),
        ("/nobody/unsubscribe-all", None, {"channel": "EMAIL"}),
        ("/batch/unsubscribe-all", {"inputs": ["a@example.com"] * 101}, {"channel": "EMAIL"}),
        ("/batch/unsubscribe-all", {"emails": []}, {"channel": "EMAIL"}),
        ("/ada@example.com", {"subscriptionId": 1, "statusState": "SUBSCRIBED", "channel": "EMAIL"}, {}),
        ("/ada@example.com", {"subscriptionId": 33583163, "statusState": "YES", "channel": "EMAIL"}, {}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_right_is_refused(hubspot: Side, path: str, body: Any, query: dict[str, str]) -> None:
    answer = ask(hubspot, "POST", f"{STATUSES}{path}", body, **query)
    hubspot.control.delete("/_sim/violations")
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
