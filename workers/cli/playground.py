"""A whole installation for trying things out: both simulated CRMs, an embedded server and a fleet.

Everything lies in one directory and listens to this machine only. The CRMs are separate servers that
behave as the real ones; the product reaches them as it would reach those.
"""

import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import requests

from domain.book import TIMERS
from domain.identity import Crm
from workers import embedded, views
from workers.bootstrap import Link, Runtime
from workers.cli.fleet import Fleet, procfile
from workers.clock import Clock, SystemClock
from workers.gateways.provisioning import HubSpotProvisioning, SalesforceProvisioning
from workers.settings import Settings, child_environment
from workers.setup import missing, provision

NAME = "acme"
TIMEOUT = 10
WEBHOOK_SECRET = "simulator-client-secret"  # noqa: S105 - the simulator's own well-known secret

CONFIGURATION = """\
connection: acme
salesforce: {login: client_credentials, domain: sim.my, api_call_limit: {per_day: 1000000}}
polling: {interval: 5s}
webhooks: {enabled: true}
contacts:
  create_as: lead
  limit_sync: {inclusion_list: "Sync to Salesforce"}
  defaults:
    Lead: {Company: "[not provided]"}
  field_mappings:
    - {hubspot: email, salesforce: Email, sync_rule: two_way}
    - {hubspot: firstname, salesforce: FirstName}
    - {hubspot: lastname, salesforce: LastName, sync_rule: two_way}
    - {hubspot: jobtitle, salesforce: Title, sync_rule: prefer_salesforce_unless_blank}
    - {hubspot: company, salesforce: {Lead: Company}, sync_rule: two_way}
    - {hubspot: phone, salesforce: Phone, sync_rule: two_way}
    - {hubspot: city, salesforce: {Lead: City, Contact: MailingCity}, sync_rule: two_way}
    - {hubspot: website, salesforce: {Lead: Website}, sync_rule: two_way}
"""

LIST = {
    "name": "Sync to Salesforce",
    "objectTypeId": "0-1",
    "processingType": "DYNAMIC",
    "filterBranch": {
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
                        "property": "lifecyclestage",
                        "operation": {
                            "operationType": "ENUMERATION",
                            "operator": "IS_ANY_OF",
                            "values": ["marketingqualifiedlead", "salesqualifiedlead", "customer"],
                            "includeObjectsWithNoValueSet": False,
                        },
                    }
                ],
            }
        ],
    },
}

CHOSEN = "Friends of the house"
"""A list that the story chooses later."""


def list_of(name: str, *groups: dict[str, Any]) -> dict[str, Any]:
    """An active list of contacts; a group has one filter on a property of text."""
    branches = [
        {
            "filterBranchType": "AND",
            "filterBranchOperator": "AND",
            "filterBranches": [],
            "filters": [
                {
                    "filterType": "PROPERTY",
                    "property": group.pop("property"),
                    "operation": {"operationType": "STRING", "includeObjectsWithNoValueSet": False, **group},
                }
            ],
        }
        for group in map(dict, groups)
    ]
    root = {"filterBranchType": "OR", "filterBranchOperator": "OR", "filters": [], "filterBranches": branches}
    return {"name": name, "objectTypeId": "0-1", "processingType": "DYNAMIC", "filterBranch": root}


T = TypeVar("T")


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Simulator:
    """One simulated CRM, as a person at its screen (``people``) and as its public API."""

    url: str

    def people(self, action: str, **body: Any) -> Any:
        """Act as a person in the CRM, or on its control panel."""
        return _json(requests.post(f"{self.url}/_sim/{action}", json=body, timeout=60))

    def panel(self, path: str, **query: Any) -> Any:
        return _json(requests.get(f"{self.url}/_sim/{path}", params=query, timeout=TIMEOUT))

    def settings(self, **changes: Any) -> Any:
        return _json(requests.patch(f"{self.url}/_sim/settings", json=changes, timeout=TIMEOUT))

    def fault(self, **rule: Any) -> None:
        self.people("faults", **rule)

    def heal(self) -> None:
        requests.delete(f"{self.url}/_sim/faults", timeout=TIMEOUT).raise_for_status()

    def forget_rules(self) -> None:
        requests.delete(f"{self.url}/_sim/rules", timeout=TIMEOUT).raise_for_status()


def _json(response: requests.Response) -> Any:
    response.raise_for_status()
    return response.json()


class HubSpot(Simulator):
    """The simulated HubSpot by its own API."""

    headers = {"Authorization": "Bearer pat-watcher"}  # noqa: RUF012 - never changed

    def contact(self, email: str, *properties: str) -> dict[str, Any] | None:
        """A contact's properties by e-mail, None if there is none."""
        query = {
            "idProperty": "email",
            "properties": ",".join(
                ("email", "city", "phone", "lastname", "firstname", "jobtitle", *properties)
            ),
        }
        address = f"{self.url}/crm/v3/objects/contacts/{email}"
        response = requests.get(address, params=query, headers=self.headers, timeout=TIMEOUT)
        return (
            None
            if response.status_code == requests.codes.not_found
            else {**_json(response)["properties"], "id": response.json()["id"]}
        )

    def make_list(self, body: dict[str, Any]) -> str:
        response = requests.post(
            f"{self.url}/crm/v3/lists/", json=body, headers=self.headers, timeout=TIMEOUT
        )
        return str(_json(response)["list"]["listId"])


class Salesforce(Simulator):
    """The simulated Salesforce by its own API."""

    def query(self, soql: str) -> list[dict[str, Any]]:
        """All records of a query, in one page."""
        address = f"{self.url}/services/data/v68.0/query/"
        response = requests.get(address, params={"q": soql}, headers=self._headers(), timeout=TIMEOUT)
        records: list[dict[str, Any]] = _json(response)["records"]
        return records

    def lead(self, email: str) -> dict[str, Any] | None:
        """The one lead with an address; fails if there are two."""
        fields = "Id, Email, FirstName, LastName, Company, City, Phone, Title, Website"
        found = self.query(f"SELECT {fields} FROM Lead WHERE Email = '{email}'")  # noqa: S608 - our own addresses
        if len(found) > 1:
            raise AssertionError(f"{len(found)} leads with one address")
        return found[0] if found else None

    def _headers(self) -> dict[str, str]:
        response = requests.post(
            f"{self.url}/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=("sim-consumer-key", "sim-consumer-secret"),
            timeout=TIMEOUT,
        )
        return {"Authorization": f"Bearer {_json(response)['access_token']}"}


@dataclass
class Playground:
    """The installation. Parts are started one by one, in the order of the methods."""

    directory: Path
    configuration: str = CONFIGURATION
    clock: Clock = field(default_factory=SystemClock)
    variables: Mapping[str, str] = field(default_factory=dict)  #: more of the environment
    connections: Sequence[str] = (NAME,)  #: those that may reach the CRMs

    def __post_init__(self) -> None:
        ports = {name: free_port() for name in ("hubspot", "salesforce", "web", "flower")}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.hubspot, self.salesforce = HubSpot(self.urls["hubspot"]), Salesforce(self.urls["salesforce"])
        self.token = secrets.token_urlsafe(12)
        own = {
            "CRMSYNC_DATA_DIR": str(self.directory / "var"),
            "CRMSYNC_CONFIG_DIR": str(self.directory / "config"),
            "CRMSYNC_PUBLIC_URL": self.urls["web"],
            "CRMSYNC_API_TOKEN": self.token,
            "CRMSYNC_FLOWER_PORT": str(ports["flower"]),
            **self.variables,
            **{key: value for name in self.connections for key, value in self._accounts(name)},
        }
        self.environment = {**own, "UVICORN_PORT": str(ports["web"]), "UVICORN_HOST": "127.0.0.1"}
        self.settings = Settings.load(own)
        self.runtime = Runtime(self.settings, self.clock)
        self.fleet = Fleet(child_environment(self.environment), self.directory / "logs")
        self.commands = procfile()

    def _accounts(self, name: str) -> Iterator[tuple[str, str]]:
        """The variables by which a connection reaches both CRMs."""
        prefix = f"CRMSYNC_{name.upper()}_"
        yield f"{prefix}HUBSPOT_TOKEN", "pat-sim"
        yield f"{prefix}HUBSPOT_CLIENT_SECRET", WEBHOOK_SECRET
        yield f"{prefix}HUBSPOT_BASE_URL", self.urls["hubspot"]
        yield f"{prefix}SALESFORCE_CONSUMER_KEY", "sim-consumer-key"
        yield f"{prefix}SALESFORCE_CONSUMER_SECRET", "sim-consumer-secret"
        yield f"{prefix}SALESFORCE_BASE_URL", self.urls["salesforce"]

    @property
    def link(self) -> Link:
        return self.runtime.link(NAME)

    # -- starting

    def start_crms(self) -> None:
        """Start both simulated CRMs, with everything in them that an admin would have prepared."""
        for name, url in list(self.urls.items())[:2]:
            port = url.rpartition(":")[2]
            self.fleet.start(name, [sys.executable, "-m", "simulators", name, "--port", port])
        for crm in (self.hubspot, self.salesforce):
            self.wait_for(partial(_answers, f"{crm.url}/_sim/health"), 20)
        tokens = self.hubspot.panel("settings")["tokens"]
        watcher = {**tokens["pat-sim"], "app_id": 1}  # an app of its own has an allowance of its own
        self.hubspot.settings(
            tokens={**tokens, "pat-watcher": watcher},
            search_index_lag=[0.5, 2.0],
            webhook_target_url=f"{self.urls['web']}/webhooks/hubspot/{NAME}",
            webhook_secret=WEBHOOK_SECRET,
            webhook_delay=[0.0, 0.05],
            list_recompute_delay=[0.2, 0.5],
        )

    def set_up(self) -> None:
        """Do what the operator does once: write the file, provision the key fields, apply."""
        path = self.runtime.file(NAME)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.configuration)
        if "limit_sync" in self.configuration:
            self.hubspot.make_list(LIST)
        link = self.link
        described = {
            (crm, name): link.accounts.gateways[crm].describe(name)
            for crm, names in link.objects().items()
            for name in names
        }
        provision(
            missing(link.configuration, described),
            {
                Crm.HUBSPOT: HubSpotProvisioning(link.accounts.portal, "pat-sim"),
                Crm.SALESFORCE: SalesforceProvisioning(link.accounts.org),
            },
            link.accounts.gateways,
        )
        link.apply("playground")

    def configure(self, text: str) -> None:
        """Put another configuration in force, as the operator would, and wait until it is."""
        self.runtime.file(NAME).write_text(text)
        digest = Link(self.runtime, NAME).apply("playground")
        self.wait_for(lambda: self.link.lane.state().config == digest)

    def start_fleet(self, *names: str) -> None:
        """Start processes of the Procfile; all of them if none is named."""
        for name in names or self.commands:
            self.fleet.start(name, self.commands[name])

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Wait until both CRMs were read once and the web process answers."""
        self.wait_for(lambda: self.link.lane.policy().ready, seconds)
        if "web" in self.fleet.running:
            self.wait_for(lambda: _answers(f"{self.urls['web']}/healthz"), seconds)

    def stop(self) -> None:
        """End everything that was started here."""
        self.fleet.stop()
        embedded.stop(self.settings.data_dir)

    # -- watching

    def wait_for(self, what: Callable[[], T], seconds: float = 30) -> T:
        """Wait until something is so, and give it back. Raises TimeoutError."""
        end = self.clock.monotonic() + seconds
        while not (found := what()):
            if self.clock.monotonic() > end:
                raise TimeoutError(f"not so within {seconds:.0f} s")
            self.clock.sleep(0.1)
        return found

    def quiet(self) -> bool:
        """Whether nothing is left to project, read or send."""
        lane = self.link.lane
        tables = lane.tables()
        waiting = sum(map(tables.size, set(views.queues()) - {TIMERS}))
        return not waiting and tables.checkpoint() == lane.log.tail()

    def violations(self) -> list[dict[str, str]]:
        """Calls that the real CRMs would not have understood."""
        return [*self.hubspot.panel("violations"), *self.salesforce.panel("violations")]

    def log_of(self, name: str) -> str:
        return (self.directory / "logs" / f"{name}.log").read_text(errors="replace")


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def pages(playground: Playground) -> dict[str, str]:
    """What a person may open in a browser, by its title, and what the console asks for."""
    urls = playground.urls
    return {
        "HubSpot, simulated": f"{urls['hubspot']}/_sim/",
        "Salesforce, simulated": f"{urls['salesforce']}/_sim/",
        "Console": f"{urls['web']}/console",
        "  its password (any user name)": playground.token,
        "Flower": urls["flower"],
    }
