"""A record in a request: the fields it names and their values, before any rule looks at them."""

from typing import Any

from simulators.salesforce import values
from simulators.salesforce.errors import ApiError, RowErrors, no_column, not_found
from simulators.salesforce.ids import normalise
from simulators.salesforce.org import Actor, Org
from simulators.salesforce.schema import Field, SObject

Values = dict[str, Any]
"""Values by field name; None clears."""


def find_object(org: Org, actor: Actor, name: str) -> SObject:
    """The object of this name; one the caller may not see does not exist.

    Raises:
        ApiError: NOT_FOUND.
    """
    found = org.schema.find(name)
    if found is None or not org.sees(actor, found.name):
        raise not_found()
    return found


def find_field(org: Org, actor: Actor, described: SObject, name: str) -> Field | None:
    entry = described.by_lower.get(name.lower())
    return entry if entry and org.sees(actor, described.name, entry.name) else None


def parse(org: Org, actor: Actor, described: SObject, body: dict[str, Any]) -> Values:
    """Read a record of a request; keys `attributes` and `Id` are left to the caller.

    Raises:
        ApiError: an unknown field (INVALID_FIELD) or a value of the wrong JSON type (JSON_PARSER_ERROR).
        RowErrors: a parent's external id that is not found.
    """
    parsed: Values = {}
    for name, value in body.items():
        entry = described.by_lower.get(name.lower())
        if entry is not None and (not org.rules.hidden or org.sees(actor, described.name, entry.name)):
            if entry.type != "id":
                if value == "" and not org.settings.empty_text_is_null:
                    continue
                parsed[entry.name] = values.read(entry, value)
        elif name != "attributes":
            entry = described.by_relationship.get(name.lower())
            if entry is None:
                raise no_column(name, described.name)
            parsed[entry.name] = _parent_id(org, entry, value)
    return parsed


def record_id(body: dict[str, Any]) -> object:
    return next((value for name, value in body.items() if name.lower() == "id"), None)


def _parent_id(org: Org, entry: Field, value: object) -> str | None:
    """The id of a parent named by an external id: `{"Account": {"Number__c": "7"}}`."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ApiError("JSON_PARSER_ERROR", f"Cannot deserialize instance of reference {entry.relationship}")
    keys = {name: key for name, key in value.items() if name != "attributes"}
    target = org.schema.objects.get(entry.targets[0])
    if len(keys) != 1 or target is None:
        raise ApiError("INVALID_FIELD", f"{entry.relationship} must name one external id field")
    ((name, key),) = keys.items()
    by = target.by_lower.get(name.lower())
    if by is None or not (by.id_lookup or by.external_id):
        raise no_column(name, target.name)
    return _match_parent(org, target, by, key)


def _match_parent(org: Org, target: SObject, by: Field, key: object) -> str:
    live = org.tables[target.name].live
    found = (normalise(key),) if by.type == "id" else live.find(by.name, key)
    alive = [one for one in found if one in live.by_id and not live.by_id[one].get("IsDeleted")]
    if len(alive) == 1 and alive[0]:
        return alive[0]
    message = f"Foreign key external ID: {key} not found for field {by.name} in entity {target.name}"
    raise RowErrors([ApiError("INVALID_FIELD", message, fields=[])])
