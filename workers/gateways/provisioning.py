"""Set up an account: create the fields that crmsync keys records by, and ask what the credential may do.

Sources: HubSpot's "Properties" guide and its private apps' token information; Salesforce's Tooling API
guide, "CustomField".
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from hubspot.crm.properties import GroupsApi
from simple_salesforce.api import Salesforce

from domain.errors import Rejected
from domain.state import Priority
from workers.gateways.hubspot_client import Portal
from workers.gateways.hubspot_shapes import Shape
from workers.gateways.salesforce_client import Org
from workers.gateways.salesforce_shapes import Shape as SalesforceShape
from workers.ports import KeyField

GROUP = {"name": "crmsync", "label": "crmsync"}
"""The property group that our property goes to."""

KEY_LENGTH = 64


def hubspot_property(field: KeyField) -> dict[str, Any]:
    """The body that creates the property."""
    return {
        "name": field.name,
        "label": field.label,
        "description": field.description,
        "groupName": GROUP["name"],
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
        "formField": False,
    }


def salesforce_field(field: KeyField) -> dict[str, Any]:
    """The field in the words of Salesforce's Metadata API."""
    return {
        "type": "Text",
        "label": field.label,
        "description": field.description,
        "length": KEY_LENGTH,
        "externalId": True,
        "unique": True,
        "caseSensitive": False,
        "required": False,
    }


STANDARD = frozenset({"contacts", "companies", "deals"})
"""Objects with scopes of their own; all others share those of custom objects."""


UNSUBSCRIBING = "communication_preferences.write"
_WIDER = {UNSUBSCRIBING: "communication_preferences.read_write"}
"""Scopes that include another one."""


def scopes_needed(objects: Sequence[str], *, opt_outs: bool) -> list[str]:
    """HubSpot's scopes for syncing these objects, and opt-outs with them."""
    names = [name if name in STANDARD else "custom" for name in objects]
    per_object = [
        f"crm.{family}.{name}.{right}"
        for name in names
        for family, right in (("objects", "read"), ("objects", "write"), ("schemas", "read"))
    ]
    return [*per_object, "crm.lists.read", "crm.objects.owners.read", *([UNSUBSCRIBING] if opt_outs else [])]


class _Group(Shape):
    name: str


class _Groups(Shape):
    results: list[_Group]


class _TokenInfo(Shape):
    scopes: list[str]


class _Rights(SalesforceShape):
    queryable: bool
    createable: bool
    updateable: bool


class HubSpotProvisioning:
    """Sets up one portal. ``access_token``: the one that the portal's calls carry."""

    def __init__(self, portal: Portal, access_token: str) -> None:
        self._portal = portal
        self._groups = GroupsApi(portal.api)
        self._access_token = access_token

    def create_key_field(self, field: KeyField) -> None:
        groups = self._ask(partial(self._groups.get_all, field.object), _Groups).results
        if GROUP["name"] not in {group.name for group in groups}:
            self._ask(partial(self._groups.create, field.object, GROUP), dict)
        self._ask(partial(self._portal.properties.create, field.object, hubspot_property(field)), dict)

    def lacking(self, objects: Sequence[str], *, opt_outs: bool) -> list[str]:
        path = "/oauth/v2/private-apps/get/access-token-info"
        request = self._portal.raw("POST", path, {"tokenKey": self._access_token})
        try:
            granted = self._ask(request, _TokenInfo).scopes
        except Rejected:  # known for private apps only
            return []
        needed = scopes_needed(objects, opt_outs=opt_outs)
        return [f"the scope {scope}" for scope in needed if {scope, _WIDER.get(scope)}.isdisjoint(granted)]

    def _ask(self, request: Any, shape: type[Any]) -> Any:
        return self._portal.account.ask(request, shape, Priority.LIVE)


class SalesforceProvisioning:
    """Sets up one org. Creating a field takes the permission "Customize Application"."""

    def __init__(self, org: Org) -> None:
        self._account = org.account

    def create_key_field(self, field: KeyField) -> None:
        body = {"FullName": f"{field.object}.{field.name}", "Metadata": salesforce_field(field)}

        def request(client: Salesforce) -> object:
            return client.restful("tooling/sobjects/CustomField", method="POST", json=body)

        self._account.ask(request, dict[str, Any], Priority.LIVE)

    def lacking(self, objects: Sequence[str], *, opt_outs: bool) -> list[str]:  # noqa: ARG002 - HubSpot's alone
        return [f"{right} on {name}" for name in objects for right in self._lacking(name)]

    def _lacking(self, name: str) -> list[str]:
        try:
            rights = self._account.ask(
                lambda client: client.restful(f"sobjects/{name}/describe"), _Rights, Priority.LIVE
            )
        except Rejected:
            return ["Read"]
        held = {"Read": rights.queryable, "Create": rights.createable, "Edit": rights.updateable}
        return [right for right, given in held.items() if not given]
