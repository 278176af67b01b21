"""Validation rules through Salesforce's Tooling API, and the user whom they see behind our writes.

A rule's formula is part of its ``Metadata``, which one query yields for one rule only; so it is read again
only after somebody changed the rule. Source: Tooling API guide, "ValidationRule".
"""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from simple_salesforce.api import Salesforce

from domain.errors import Misconfigured, Rejected
from domain.identity import Crm
from domain.rules import RuleText, Runner
from domain.schema import FieldKind
from domain.state import Priority
from domain.wire import soql_text, to18
from workers.gateways.http import shaped
from workers.gateways.salesforce_client import Org
from workers.gateways.salesforce_shapes import Columns, Described, QueryPage, Shape, object_schema

T = TypeVar("T")

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


class Head(Columns):
    """A rule without its formula."""

    id: str
    validation_name: str | None = None
    error_message: str | None = None
    error_display_field: str | None = None
    last_modified_date: str | None = None


class Metadata(Shape):
    error_condition_formula: str | None = None


class Body(Columns):
    metadata: Metadata | None = None


class Named(Columns):
    """A profile or a role."""

    name: str | None = None


class User(Columns):
    time_zone_sid_key: str | None = None
    profile_id: str | None = None
    profile: Named | None = None
    user_role_id: str | None = None
    user_role: Named | None = None


class Grant(Columns):
    setup_entity_id: str


class Permission(Columns):
    """A custom permission; as formulas call it."""

    developer_name: str
    namespace_prefix: str | None = None

    def __str__(self) -> str:
        space = self.namespace_prefix
        return f"{space}__{self.developer_name}" if space else self.developer_name


class SalesforceRules:
    """Plays ``RuleGateway``."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def rules(self, object_name: str, known: Mapping[str, RuleText]) -> tuple[RuleText, ...]:
        heads = self._query("tooling/query", _RULES + soql_text(object_name), Head)
        return tuple(self._rule(head, known) for head in sorted(heads, key=lambda head: head.id))

    def _rule(self, head: Head, known: Mapping[str, RuleText]) -> RuleText:
        rule_id, changed = to18(head.id), head.last_modified_date or ""
        before = known.get(rule_id)
        if before is not None and before.changed == changed:
            return before
        return RuleText(
            id=rule_id,
            name=head.validation_name or "",
            formula=self._formula(rule_id),
            message=head.error_message or "",
            field=head.error_display_field or "",
            changed=changed,
        )

    def _formula(self, rule_id: str) -> str:
        soql = f"SELECT Id, Metadata FROM ValidationRule WHERE Id = {soql_text(rule_id)}"  # noqa: S608 - SOQL
        found = self._query("tooling/query", soql, Body)
        body = found[0].metadata if found else None
        return (body.error_condition_formula if body else None) or ""

    def runner(self, names: Collection[str]) -> Runner:
        fields = self._fields(names)
        columns = ", ".join((*_OF_USER, *fields))
        user_id = self._org.user_id(Priority.LIVE)
        soql = f"SELECT {columns} FROM User WHERE Id = {soql_text(user_id)}"  # noqa: S608 - SOQL
        users = self._query("query", soql, dict[str, Any])
        values = users[0] if users else {}
        user = shaped(values, User, Crm.SALESFORCE, soql)
        asked = {name: values.get(name) for name in fields}
        return Runner(
            user=shaped(asked, dict[str, str | bool | None], Crm.SALESFORCE, soql),
            profile={"Id": user.profile_id, "Name": user.profile.name if user.profile else None},
            role={"Id": user.user_role_id, "Name": user.user_role.name if user.user_role else None},
            zone=user.time_zone_sid_key or "UTC",
            permissions=self._permissions(user_id) if any(map(_is_permission, names)) else None,
        )

    def _permissions(self, user_id: str) -> tuple[str, ...] | None:
        """The custom permissions that a user holds by permission sets or profile; None if he may not see."""
        try:
            granted = self._query("query", _GRANTED.format(soql_text(user_id)), Grant)
            ids = ",".join(soql_text(each.setup_entity_id) for each in granted)
            found = self._query("query", _NAMES.format(ids), Permission) if ids else []
        except (Misconfigured, Rejected):
            return None
        return tuple(sorted(str(each) for each in found))

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

    def _query(self, path: str, soql: str, shape: type[T]) -> list[T]:
        def request(client: Salesforce) -> object:
            return client.restful(path, params={"q": soql})

        records = self._org.account.ask(request, QueryPage, Priority.LIVE).records
        return [shaped(each, shape, Crm.SALESFORCE, soql) for each in records]


def _is_permission(name: str) -> bool:
    return name.lower().startswith("$permission.")
