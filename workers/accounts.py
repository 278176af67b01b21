"""The two CRM accounts of a connection: how they are reached, and how much they may be called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import redis

from domain.identity import Crm
from domain.state import Connection
from workers.configuration.document import ConnectionOptions
from workers.configuration.problems import Schemas
from workers.connection import Lane
from workers.gateways.hubspot import HubSpotGateway
from workers.gateways.hubspot_client import BASE_URL, Portal, PrivateApp
from workers.gateways.hubspot_lists import HubSpotLists
from workers.gateways.salesforce import SalesforceGateway
from workers.gateways.salesforce_client import ClientCredentials, JwtBearer, Org
from workers.gateways.salesforce_rules import SalesforceRules
from workers.gateways.tokens import RedisTokenStore
from workers.limits import DAY_MS, RedisLimiter, hubspot, salesforce
from workers.ports import CrmGateway
from workers.settings import ConnectionSettings


@dataclass
class Accounts:
    """Clients, gateways and call allowances, each made when it is asked for."""

    lane: Lane
    redis: redis.Redis
    options: ConnectionOptions
    secrets: ConnectionSettings

    def limiter(self, crm: Crm) -> RedisLimiter:
        """The call allowance of one account."""
        budget = self.options.budgets[crm]
        share, per_day = budget.share, -1 if budget.per_day is None else budget.per_day
        if crm is Crm.HUBSPOT:
            bounds = hubspot(day_share=share, per_day=per_day, utc_offset_ms=self._portal_offset_ms())
        else:
            bounds = salesforce(day_share=share, per_day=per_day)
        return RedisLimiter(self.redis, f"{{{self.lane.name}}}:limit:{crm}", bounds)

    def resets_at(self, crm: Crm, now: int) -> int | None:
        """When a CRM begins to count the day's calls anew; None: it counts the last 24 hours."""
        if crm is Crm.SALESFORCE:
            return None
        return now + DAY_MS - (now + self._portal_offset_ms()) % DAY_MS

    def _portal_offset_ms(self) -> int:
        return portal_offset_ms(self.lane.state(), self.lane.clock.now_ms())

    def _tokens(self, crm: Crm) -> RedisTokenStore:
        return RedisTokenStore(self.redis, f"{{{self.lane.name}}}:token:{crm}")

    @cached_property
    def portal(self) -> Portal:
        return Portal(
            PrivateApp(self.secrets.secret("hubspot_token")),
            limiter=self.limiter(Crm.HUBSPOT),
            base_url=self.secrets.hubspot_base_url or BASE_URL,
        )

    @cached_property
    def org(self) -> Org:
        return Org(
            self._login(),
            limiter=self.limiter(Crm.SALESFORCE),
            base_url=self.secrets.salesforce_base_url,
            store=self._tokens(Crm.SALESFORCE),
        )

    def _login(self) -> ClientCredentials | JwtBearer:
        options, secrets = self.options, self.secrets
        key = secrets.secret("salesforce_consumer_key")
        if options.salesforce_login == "jwt":
            return JwtBearer(
                options.salesforce_username or "", key, secrets.private_key(), options.salesforce_domain
            )
        return ClientCredentials(key, secrets.secret("salesforce_consumer_secret"), options.salesforce_domain)

    @cached_property
    def lists(self) -> HubSpotLists:
        return HubSpotLists(self.portal)

    @cached_property
    def rules(self) -> SalesforceRules:
        return SalesforceRules(self.org)

    @cached_property
    def gateways(self) -> Mapping[Crm, CrmGateway]:
        schemas = {crm: {n: s for (c, n), s in self.schemas().items() if c is crm} for crm in Crm}
        return {
            Crm.HUBSPOT: HubSpotGateway(self.portal, schemas=schemas[Crm.HUBSPOT]),
            Crm.SALESFORCE: SalesforceGateway(self.org, schemas=schemas[Crm.SALESFORCE]),
        }

    def schemas(self) -> Schemas:
        """The schemas that the log knows."""
        kinds = self.lane.policy().kinds.values()
        return {place: schema for kind in kinds for place, schema in kind.schemas.items()}


def portal_offset_ms(state: Connection, now_ms: int) -> int:
    """How far the portal's clock is ahead of UTC at a moment; 0 until the portal was seen."""
    zone = state.accounts.get(Crm.HUBSPOT, ("", "UTC", ""))[1]
    moment = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone))
    return (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)
