"""Validation rules through Salesforce's Tooling API, and the user whom they see behind our writes.

A rule's formula is part of its ``Metadata``, which one query yields for one rule only; so it is read again
only after somebody changed the rule. Source: Tooling API guide, "ValidationRule".
"""

from collections.abc import Collection, Mapping
from typing import Any

from simple_salesforce.api import Salesforce

from domain.errors import Misconfigured, Rejected
from domain.rules import RuleText, Runner
from domain.schema import FieldKind
from domain.state import Priority
from domain.wire import soql_text, to18
from workers.gateways.salesforce_client import Org
from workers.gateways.salesforce_shapes import Described, QueryPage, object_schema

_RULES = (
    "SELECT Id, ValidationName, ErrorMessage, ErrorDisplayField, LastModifiedDate FROM ValidationRule "
    "WHERE Active = true AND EntityDefinition.QualifiedApiName = "
)
_OF_USER = "TimeZoneSidKey", "ProfileId", "Profile.Name", "UserRoleId", "UserRole.Name"
_PLAIN = frozenset(
    {
        FieldKind.TEXT,
        FieldKind.EMAIL,
        FieldKind.PHONE,
        FieldKind.URL,
        FieldKind.BOOLEAN,
        FieldKind.REFERENCE,
        FieldKind.ID,
    }
)
"""Kinds whose values mean to a formula what JSON says; a picklist, a date or a number would need its type."""


_GRANTED = (
    "SELECT SetupEntityId FROM SetupEntityAccess WHERE SetupEntityType = 'CustomPermission' "
    "AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = {})"
)
_NAMES = "SELECT DeveloperName, NamespacePrefix FROM CustomPermission WHERE Id IN ({})"


class SalesforceRules:
    """Plays ``RuleGateway``."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def rules(self, object_name: str, known: Mapping[str, RuleText]) -> tuple[RuleText, ...]:
        heads = self._query("tooling/query", _RULES + soql_text(object_name))
        return tuple(self._rule(head, known) for head in sorted(heads, key=lambda head: str(head["Id"])))

    def _rule(self, head: Mapping[str, Any], known: Mapping[str, RuleText]) -> RuleText:
        rule_id, changed = to18(str(head["Id"])), str(head.get("LastModifiedDate") or "")
        before = known.get(rule_id)
        if before is not None and before.changed == changed:
            return before
        return RuleText(
            id=rule_id,
            name=str(head.get("ValidationName") or ""),
            formula=self._formula(rule_id),
            message=str(head.get("ErrorMessage") or ""),
            field=str(head.get("ErrorDisplayField") or ""),
            changed=changed,
        )

    def _formula(self, rule_id: str) -> str:
        soql = f"SELECT Id, Metadata FROM ValidationRule WHERE Id = {soql_text(rule_id)}"  # noqa: S608 - SOQL
        found = self._query("tooling/query", soql)
        return str((found[0].get("Metadata") or {}).get("errorConditionFormula") or "") if found else ""

    def runner(self, names: Collection[str]) -> Runner:
        fields = self._fields(names)
        columns = ", ".join((*_OF_USER, *fields))
        user_id = self._org.user_id(Priority.LIVE)
        users = self._query("query", f"SELECT {columns} FROM User WHERE Id = {soql_text(user_id)}")  # noqa: S608 - SOQL
        user = users[0] if users else {}
        profile, role = user.get("Profile") or {}, user.get("UserRole") or {}
        return Runner(
            user={name: user.get(name) for name in fields},
            profile={"Id": user.get("ProfileId"), "Name": profile.get("Name")},
            role={"Id": user.get("UserRoleId"), "Name": role.get("Name")},
            zone=str(user.get("TimeZoneSidKey") or "UTC"),
            permissions=self._permissions(user_id) if any(map(_is_permission, names)) else None,
        )

    def _permissions(self, user_id: str) -> tuple[str, ...] | None:
        """The custom permissions that a user holds by permission sets or profile; None if he may not see."""
        try:
            granted = self._query("query", _GRANTED.format(soql_text(user_id)))
            ids = ",".join(soql_text(str(each["SetupEntityId"])) for each in granted)
            found = self._query("query", _NAMES.format(ids)) if ids else []
        except (Misconfigured, Rejected):
            return None
        return tuple(sorted(map(_permission, found)))

    def _fields(self, names: Collection[str]) -> list[str]:
        """Those of the asked fields of ``$User`` that we may read and whose values speak for themselves."""
        asked = {name.partition(".")[2].lower() for name in names if name.lower().startswith("$user.")}
        if not asked:
            return []

        def request(client: Salesforce) -> object:
            return client.restful("sobjects/User/describe")

        schema = object_schema("User", self._org.account.ask(request, Described, Priority.LIVE))
        return sorted(
            each.name for each in schema.fields.values() if each.name.lower() in asked and each.kind in _PLAIN
        )

    def _query(self, path: str, soql: str) -> list[dict[str, Any]]:
        def request(client: Salesforce) -> object:
            return client.restful(path, params={"q": soql})

        return self._org.account.ask(request, QueryPage, Priority.LIVE).records


def _is_permission(name: str) -> bool:
    return name.lower().startswith("$permission.")


def _permission(row: Mapping[str, Any]) -> str:
    space = row.get("NamespacePrefix")
    return f"{space}__{row['DeveloperName']}" if space else str(row["DeveloperName"])
