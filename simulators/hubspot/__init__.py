"""A simulated HubSpot account: CRM objects, search, lists, properties, owners and webhooks."""

from simulators.hubspot.settings import HubSpotSettings
from simulators.hubspot.simulator import HubSpot, create

__all__ = ["HubSpot", "HubSpotSettings", "create"]
