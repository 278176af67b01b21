"""Both simulated accounts over HTTP, with all that the product has to speak to them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from domain.identity import Crm
from simulators import hubspot, salesforce
from simulators.server import running
from tests.contract.sides import SETTINGS, Allowance, org, portal
from workers.configuration import Schemas
from workers.gateways.hubspot import HubSpotGateway
from workers.gateways.hubspot_client import Portal, PrivateApp
from workers.gateways.hubspot_lists import HubSpotLists
from workers.gateways.provisioning import HubSpotProvisioning, SalesforceProvisioning
from workers.gateways.salesforce import SalesforceGateway
from workers.gateways.salesforce_client import Org
from workers.gateways.salesforce_rules import SalesforceRules
from workers.ports import CrmGateway, ProvisioningGateway

TOKEN = "pat-sim"
OBJECTS = ((Crm.HUBSPOT, "contacts"), (Crm.SALESFORCE, "Lead"), (Crm.SALESFORCE, "Contact"))


@dataclass
class Accounts:
    """A portal and an org."""

    urls: Mapping[Crm, str]
    portal: Portal
    org: Org

    @property
    def environment(self) -> dict[str, str]:
        """What an installation's connection ``acme`` reaches them by."""
        return {
            "CRMSYNC_ACME_HUBSPOT_TOKEN": TOKEN,
            "CRMSYNC_ACME_HUBSPOT_BASE_URL": self.urls[Crm.HUBSPOT],
            "CRMSYNC_ACME_SALESFORCE_CONSUMER_KEY": "sim-consumer-key",
            "CRMSYNC_ACME_SALESFORCE_CONSUMER_SECRET": "sim-consumer-secret",
            "CRMSYNC_ACME_SALESFORCE_BASE_URL": self.urls[Crm.SALESFORCE],
        }

    @property
    def gateways(self) -> dict[Crm, CrmGateway]:
        """New ones each time: a gateway remembers schemas."""
        return {Crm.HUBSPOT: HubSpotGateway(self.portal), Crm.SALESFORCE: SalesforceGateway(self.org)}

    @property
    def provisioning(self) -> dict[Crm, ProvisioningGateway]:
        return {
            Crm.HUBSPOT: HubSpotProvisioning(self.portal, TOKEN),
            Crm.SALESFORCE: SalesforceProvisioning(self.org),
        }

    @property
    def lists(self) -> HubSpotLists:
        return HubSpotLists(self.portal)

    @property
    def rules(self) -> SalesforceRules:
        return SalesforceRules(self.org)

    @property
    def schemas(self) -> Schemas:
        return {(crm, name): self.gateways[crm].describe(name) for crm, name in OBJECTS}

    def control(self, crm: Crm, path: str, **body: Any) -> None:
        """Change a simulator from behind."""
        httpx.post(f"{self.urls[crm]}/_sim/{path}", json=body, timeout=30).raise_for_status()

    def shut(self, crm: Crm, status: int = 401) -> None:
        """A CRM answers every call with an error; 401: it accepts our login no more."""
        rule = {"kind": "status", "status": status, "path": "*"}
        httpx.post(f"{self.urls[crm]}/_sim/faults", json=rule).raise_for_status()

    def asked(self, crm: Crm) -> int:
        """How many calls of its own API an account has seen."""
        made: dict[str, int] = httpx.get(f"{self.urls[crm]}/_sim/counters").json()["calls"]
        return sum(made.values())

    def add_list(self, name: str, processing: str) -> None:
        """A list of everybody with an e-mail address."""
        known = {
            "operationType": "ALL_PROPERTY",
            "operator": "IS_KNOWN",
            "includeObjectsWithNoValueSet": False,
        }
        condition = {"filterType": "PROPERTY", "property": "email", "operation": known}
        every = {"filterBranchType": "AND", "filterBranches": [], "filters": [condition]}
        some = {"filterBranchType": "OR", "filterBranches": [every], "filters": []}
        body = {"name": name, "objectTypeId": "0-1", "processingType": processing, "filterBranch": some}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{self.urls[Crm.HUBSPOT]}/crm/v3/lists"
        httpx.post(url, json=body, headers=headers, timeout=30).raise_for_status()


@contextmanager
def accounts(
    *, credential: str = TOKEN, scopes: Sequence[str] | None = None, daily_calls: int = 100_000
) -> Iterator[Accounts]:
    """``scopes``: those of the portal's token if not all; ``daily_calls``: the org's limit."""
    settings = SETTINGS[Crm.HUBSPOT]
    if scopes is not None:
        settings = {**settings, "tokens": {TOKEN: {"app_id": 1, "user_id": 1, "scopes": list(scopes)}}}
    ours, theirs = hubspot.create(settings), salesforce.create({"daily_limit": daily_calls})
    with running(ours) as one, running(theirs) as other:
        urls = {Crm.HUBSPOT: one.url, Crm.SALESFORCE: other.url}
        yield Accounts(
            urls, portal(one.url, Allowance(), PrivateApp(credential)), org(other.url, Allowance())
        )
