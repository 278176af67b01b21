"""Both CRMs for the gateway suite: a simulator over HTTP, and gateways to it through the real clients."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from domain.identity import Crm, Fields
from domain.state import Priority
from simulators import hubspot, salesforce
from simulators.server import running
from workers.gateways.hubspot import HubSpotGateway
from workers.gateways.hubspot_client import OAuthApp, Portal, PrivateApp
from workers.gateways.hubspot_lists import HubSpotLists
from workers.gateways.salesforce import SalesforceGateway
from workers.gateways.salesforce_client import ClientCredentials, Org
from workers.ports import Grant, WriteRow

SETTINGS: dict[Crm, dict[str, Any]] = {
    Crm.HUBSPOT: {
        "search_index_lag": [0.0, 0.0],
        "list_recompute_delay": [0.0, 0.0],
        "webhook_enabled": False,
        "rate_limit_ten_secondly": 0,
        "rate_limit_search_per_second": 0,
    },
    Crm.SALESFORCE: {},
}
APP = OAuthApp("simulator-client", "simulator-client-secret", "simulator-refresh")
LOGIN = ClientCredentials("sim-consumer-key", "sim-consumer-secret", "sim.my")


@dataclass
class Allowance:
    """A limiter that grants everything until ``pause_ms`` is set, and remembers what it was told."""

    pause_ms: int = 0
    priorities: list[tuple[Priority, bool]] = field(default_factory=list)
    waits: list[int | None] = field(default_factory=list)

    def acquire(self, calls: int, *, priority: Priority, search: bool = False) -> Grant:
        self.priorities.extend([(priority, search)] * calls)
        return Grant(self.pause_ms)

    def wait_ms(self, *, priority: Priority) -> int:
        del priority
        return self.pause_ms

    def observe(
        self, grant: Grant, *, headers: Mapping[str, str], wait_ms: int | None, search: bool = False
    ) -> None:
        del grant, headers, search
        self.waits.append(wait_ms)


@dataclass
class Side:
    """One CRM with the names that the suite needs of it."""

    crm: Crm
    url: str
    control: httpx.Client
    allowance: Allowance
    gateway: Any
    object_name: str
    key: str
    email: str
    first: str
    last: str
    required: Fields

    def sim(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self.control.post(f"/_sim/{path}", json=dict(body or {}))
        assert answer.is_success, answer.text
        return answer.json()

    def ask(self, path: str, **query: str) -> Any:
        return self.control.get(f"/_sim/{path}", params=query).json()

    def calls(self, verb: str) -> int:
        """How many calls of the CRM's own API began with these words, whatever came of them."""
        made: dict[str, int] = self.ask("counters")["calls"]
        return sum(count for name, count in made.items() if name.startswith(verb))

    def fault(self, kind: str, path: str = "*", **details: Any) -> None:
        self.sim("faults", {"kind": kind, "path": path, **details})

    def row(self, name: str, **fields: str | None) -> WriteRow:
        """A create; ``fields`` by their names here, ``email`` and so on."""
        values = {**self.required, self.email: f"{name}@example.com", **self.named(fields)}
        return WriteRow(name, self.object_name, None, values, self.key, f"key-{name}")

    def update(self, name: str, record_id: str, **fields: str | None) -> WriteRow:
        return WriteRow(name, self.object_name, record_id, self.named(fields))

    def named(self, fields: Mapping[str, str | None]) -> Fields:
        known = {"email": self.email, "first": self.first, "last": self.last}
        return {known.get(name, name): value for name, value in fields.items()}

    def create(self, *names: str) -> list[str]:
        """Records, made by our own write."""
        outcomes = self.gateway.write([self.row(name) for name in names])
        return [str(outcome.record_id) for outcome in outcomes]

    def read(self, record_id: str) -> Fields:
        answer = self.gateway.read(self.object_name, [record_id], [self.email, self.first, self.last])
        return dict(answer.records[0].fields)

    @property
    def write_path(self) -> str:
        return "*/batch/up*" if self.crm is Crm.HUBSPOT else "*/composite/*"

    @property
    def read_path(self) -> str:
        return "*/batch/read" if self.crm is Crm.HUBSPOT else "*/queryAll*"


def portal(url: str, allowance: Allowance, credential: Any = None, **options: Any) -> Portal:
    credential = credential or PrivateApp("pat-sim")
    return Portal(credential, limiter=allowance, base_url=url, **options)


def org(url: str, allowance: Allowance, login: Any = LOGIN, **options: Any) -> Org:
    return Org(login, limiter=allowance, base_url=url, **options)


def lists(side: Side) -> HubSpotLists:
    return HubSpotLists(portal(side.url, side.allowance))


@contextmanager
def hubspot_side(**settings: Any) -> Iterator[Side]:
    with _simulated(Crm.HUBSPOT, settings) as (url, control):
        allowance = Allowance()
        gateway = HubSpotGateway(portal(url, allowance))
        names = ("contacts", "salesforce_record_id", "email", "firstname", "lastname")
        _provision_property(url, names[1])
        yield Side(Crm.HUBSPOT, url, control, allowance, gateway, *names, {"lastname": "Okafor"})


@contextmanager
def salesforce_side(**settings: Any) -> Iterator[Side]:
    with _simulated(Crm.SALESFORCE, settings) as (url, control):
        allowance = Allowance()
        gateway = SalesforceGateway(org(url, allowance))
        control.post("/_sim/provision").raise_for_status()
        names = ("Contact", "HubSpot_Contact_Id__c", "Email", "FirstName", "LastName")
        yield Side(Crm.SALESFORCE, url, control, allowance, gateway, *names, {"LastName": "Okafor"})


SIDES = {Crm.HUBSPOT: hubspot_side, Crm.SALESFORCE: salesforce_side}


@contextmanager
def _simulated(crm: Crm, settings: Mapping[str, Any]) -> Iterator[tuple[str, httpx.Client]]:
    """A simulator that fails the test if it was asked what the real CRM would not understand."""
    package = hubspot if crm is Crm.HUBSPOT else salesforce
    simulator = package.create({**SETTINGS[crm], **settings})
    with running(simulator) as listener, httpx.Client(base_url=listener.url, timeout=30) as control:
        yield listener.url, control
        assert control.get("/_sim/violations").json() == []


def _provision_property(url: str, name: str) -> None:
    body = {
        "name": name,
        "label": name,
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
        "hasUniqueValue": True,
    }
    headers = {"Authorization": "Bearer pat-sim"}
    httpx.post(f"{url}/crm/v3/properties/contacts", json=body, headers=headers).raise_for_status()


def classes(outcomes: Sequence[Any]) -> list[str]:
    return [outcome.outcome.value for outcome in outcomes]
