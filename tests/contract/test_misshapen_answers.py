"""JSON of another shape than documented, at every place of every answer: an error of ours, and no other."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import httpx
import pytest

from domain.errors import SyncError
from domain.identity import Crm
from domain.inclusion import ListError, compile_list
from tests.contract.sides import SIDES, Allowance, Side, org, portal
from tests.contract.staged import Stage, staged
from workers.configuration import with_referred
from workers.gateways.hubspot import HubSpotGateway
from workers.gateways.hubspot_client import Portal
from workers.gateways.hubspot_lists import HubSpotLists
from workers.gateways.provisioning import HubSpotProvisioning, SalesforceProvisioning
from workers.gateways.salesforce_client import Org
from workers.gateways.salesforce_export import SalesforceExport
from workers.gateways.salesforce_rules import SalesforceRules
from workers.ports import KeyField, Search

GONE = object()
OTHERS: tuple[Any, ...] = (None, [], {"a": 1}, 7, "x", GONE)
"""What stands at a place instead."""

READ = ({"DailyApiRequests"}, {"fields", "recordTypeInfos"})
"""All that is read of long answers: Salesforce's limits, and its describe."""

KEYS = {
    Crm.HUBSPOT: KeyField("contacts", "another_key", "Another key", "A key."),
    Crm.SALESFORCE: KeyField("Contact", "Another_Key__c", "Another key", "A key."),
}
LIST = {
    "name": "Everybody",
    "objectTypeId": "0-1",
    "processingType": "DYNAMIC",
    "filterBranch": {
        "filterBranchType": "OR",
        "filters": [],
        "filterBranches": [
            {
                "filterBranchType": "AND",
                "filterBranches": [],
                "filters": [
                    {
                        "filterType": "PROPERTY",
                        "property": "email",
                        "operation": {
                            "operationType": "ALL_PROPERTY",
                            "operator": "IS_KNOWN",
                            "includeObjectsWithNoValueSet": False,
                        },
                    }
                ],
            }
        ],
    },
}


def examined(lists: HubSpotLists, list_id: str) -> None:
    for definition in with_referred(lists, [list_id]):
        with suppress(ListError):
            compile_list(definition, schema=None)


def of_hubspot(side: Side, account: Portal) -> dict[str, Callable[[], Any]]:
    [ada] = side.create("ada")
    made = httpx.post(f"{side.url}/crm/v3/lists", json=LIST, headers={"Authorization": "Bearer pat-sim"})
    list_id = str(made.json()["list"]["listId"])
    crm, lists = (
        HubSpotGateway(account, schemas={"contacts": side.gateway.describe("contacts")}),
        HubSpotLists(account),
    )
    keys = HubSpotProvisioning(account, "pat-sim")
    return {
        "read": lambda: crm.read("contacts", [ada], ["email"]),
        "look_up": lambda: crm.look_up([Search("contacts", "email", ["ada@example.com"], ["email"])]),
        "changes": lambda: crm.changes("contacts", since=0, until=2**42, after=None, fields=["email"]),
        "ids": lambda: crm.ids("contacts", after=None),
        "describe": lambda: crm.describe("contacts"),
        "owners": crm.owners,
        "account": crm.account,
        "lists": lists.lists,
        "definition": lambda: examined(lists, list_id),
        "members": lambda: lists.members(list_id, after=None),
        "memberships": lambda: lists.memberships([ada]),
        "lacking": lambda: keys.lacking(["contacts"], opt_outs=True),
        "create_key_field": lambda: keys.create_key_field(KEYS[side.crm]),
    }


def of_salesforce(side: Side, account: Org) -> dict[str, Callable[[], Any]]:
    [ada] = side.create("ada")
    rule = {"entity": "Contact", "name": "No_Nobody", "formula": "ISBLANK(Email)", "message": "No."}
    side.sim("validation_rules", rule)
    crm = SalesforceExport(account, schemas={"Contact": side.gateway.describe("Contact")})
    rules, keys = SalesforceRules(account), SalesforceProvisioning(account)
    job = crm.begin("Contact", "Email != null", ["Email"])
    return {
        "read": lambda: crm.read("Contact", [ada], ["Email"]),
        "look_up": lambda: crm.look_up([Search("Contact", "Email", ["ada@example.com"], ["Email"])]),
        "changes": lambda: crm.changes("Contact", since=0, until=2**42, after=None, fields=["Email"]),
        "ids": lambda: crm.ids("Contact", after=None),
        "describe": lambda: crm.describe("Contact"),
        "owners": crm.owners,
        "account": crm.account,
        "rules": lambda: rules.rules("Contact", {}),
        "runner": lambda: rules.runner(["$User.Title", "$Permission.X"]),
        "create_key_field": lambda: keys.create_key_field(KEYS[side.crm]),
        "count": lambda: crm.count("Contact", "Email != null"),
        "page": lambda: crm.page("Contact", "Email != null", after=None, fields=["Email"]),
        "begin": lambda: crm.begin("Contact", "Email != null", ["Email"]),
        "is_done": lambda: crm.is_done(job),
    }


def short(value: Any) -> Any:
    """With but one member of each list, the one that says most, and without what nobody reads."""
    if isinstance(value, dict):
        read = next((names for names in READ if names <= value.keys()), value.keys())
        return {name: short(value[name]) for name in read}
    if isinstance(value, list) and value:
        return [short(max(value, key=lambda each: len(json.dumps(each))))]
    return value


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield from places(each, (*above, step))


def misshapen(answer: Any) -> Iterator[tuple[str, Any]]:
    """What is told instead of an answer, and how it differs."""
    for path in places(answer):
        for other in OTHERS:
            holder = {"": deepcopy(answer)}
            inner: Any = holder
            for step in ("", *path)[:-1]:
                inner = inner[step]
            if other is GONE:
                del inner[("", *path)[-1]]
            else:
                inner[("", *path)[-1]] = other
            if "" in holder:
                yield f"{'gone' if other is GONE else other} at {path}", holder[""]


@pytest.mark.parametrize("crm", list(Crm), ids=str)
def test_an_answer_of_another_shape_is_one_clear_error(crm: Crm) -> None:
    stage = Stage()
    with SIDES[crm]() as side, staged(stage) as url:
        stage.crm = side.url
        account = portal(url, Allowance()) if crm is Crm.HUBSPOT else org(url, Allowance())
        calls = of_hubspot(side, account) if isinstance(account, Portal) else of_salesforce(side, account)
        answers = {name: recorded(stage, call) for name, call in calls.items()}
        stage.crm = None
        for name, said in answers.items():
            for number, answer in enumerate(said):
                for how, told in misshapen(answer):
                    script = [*said[:number], told, *said[number + 1 :]]
                    stage.script = [json.dumps(each).encode() for each in script]
                    complaint = complaint_of(calls[name])
                    assert complaint is None or complaint.crm is crm, f"{name}, {how}"


def recorded(stage: Stage, call: Callable[[], Any]) -> list[Any]:
    """What the CRM answers to a call."""
    stage.said.clear()
    call()
    return [short(json.loads(each)) for each in stage.said]


def complaint_of(call: Callable[[], Any]) -> SyncError | None:
    try:
        call()
    except SyncError as error:
        return error
    return None
