"""The Tooling API as far as a setup command needs it: custom fields, validation rules, entity definitions."""

import re
from typing import Any

from simulators.base import Answer
from simulators.salesforce import errors
from simulators.salesforce.calls import Call
from simulators.salesforce.errors import ApiError
from simulators.salesforce.org import Org
from simulators.salesforce.rules import ValidationRule
from simulators.salesforce.setup import create_custom_field
from simulators.salesforce.soql import parse
from simulators.salesforce.soql_tree import All, Compare, Condition, Contained, Not, Path, Some

Row = dict[str, Any]


def create_field(call: Call) -> Answer:
    """`POST tooling/sobjects/CustomField` `{"FullName": "Contact.X__c", "Metadata": {...}}`."""
    body = call.envelope("FullName", "Metadata")
    if "FullName" not in body or "Metadata" not in body:
        missing = [name for name in ("FullName", "Metadata") if name not in body]
        raise errors.required(missing)
    created = create_custom_field(call.org, str(body["FullName"]), dict(body["Metadata"]))
    return Answer(201, {"id": created, "success": True, "errors": [], "warnings": [], "infos": []})


def delete_field(call: Call) -> Answer:
    for full_name, known in call.org.tooling_ids.items():
        if known == call.params["id"]:
            entity, _, name = full_name.partition(".")
            call.org.schema.objects[entity].remove(name)
            del call.org.tooling_ids[full_name]
            return Answer(204)
    raise errors.not_found()


def query(call: Call) -> Answer:
    """`tooling/query` over ValidationRule, CustomField, FieldDefinition and EntityDefinition."""
    text = call.request.one("q")
    parsed = parse(text)
    source = next((name for name in _SOURCES if name.lower() == parsed.source.lower()), None)
    if source is None or not call.org.sees(call.actor, source):
        raise ApiError("INVALID_TYPE", f"sObject type '{parsed.source}' is not supported.")
    rows = [row for row in _SOURCES[source](call.org) if parsed.where is None or _holds(row, parsed.where)]
    names = [item.text for item in parsed.select if isinstance(item, Path)]
    _check_names(source, names, len(rows))
    shown = [_shown(call, source, row, names) for row in rows[: parsed.limit]]
    body = {
        "size": len(shown),
        "totalSize": len(rows),
        "done": True,
        "queryLocator": None,
        "entityTypeName": source,
    }
    return Answer(200, {**body, "records": shown})


def read_rule(call: Call) -> Answer:
    for row in _rules(call.org):
        if row["Id"] == call.params["id"]:
            return Answer(200, _shown(call, "ValidationRule", row, list(row)))
    raise errors.not_found()


def _check_names(source: str, names: list[str], count: int) -> None:
    if count > 1 and {"FullName", "Metadata"} & set(names):
        message = (
            "When retrieving results with Metadata or FullName fields, the query qualifications must "
            "specify no more "
            f"than one row for retrieval. Result size: {count}"
        )
        raise ApiError("MALFORMED_QUERY", message)
    known = _COLUMNS[source]
    for name in names:
        if name not in known:
            raise ApiError("INVALID_FIELD", f"No such column '{name}' on entity '{source}'.")


def _shown(call: Call, source: str, row: Row, names: list[str]) -> Row:
    url = f"{call.base}/tooling/sobjects/{source}/{row.get('Id', row.get('DurableId'))}"
    shown: Row = {"attributes": {"type": source, "url": url}}
    for name in names:
        head, _, rest = name.partition(".")
        if rest:
            shown.setdefault(head, {"attributes": {"type": head}})[rest] = row[name]
        elif "." not in name:
            shown[name] = row[name]
    return shown


def _rules(org: Org) -> list[Row]:
    return [_rule_row(rule) for rule in org.rules.validation]


def _rule_row(rule: ValidationRule) -> Row:
    metadata = {
        "active": rule.active,
        "description": rule.description,
        "errorConditionFormula": rule.formula,
        "errorDisplayField": rule.display_field,
        "errorMessage": rule.message,
        "shouldEvaluateOnClient": None,
        "urls": None,
    }
    return {
        "Id": rule.id,
        "ValidationName": rule.name,
        "FullName": f"{rule.entity}.{rule.name}",
        "Active": rule.active,
        "Description": rule.description,
        "ErrorMessage": rule.message,
        "ErrorDisplayField": rule.display_field,
        "EntityDefinitionId": rule.entity,
        "EntityDefinition.QualifiedApiName": rule.entity,
        "NamespacePrefix": None,
        "CreatedDate": rule.changed,
        "LastModifiedDate": rule.changed,
        "Metadata": metadata,
    }


def _custom_fields(org: Org) -> list[Row]:
    found = []
    for full_name, known in org.tooling_ids.items():
        entity, _, name = full_name.partition(".")
        developer_name = name.removesuffix("__c")
        found.append(
            {
                "Id": known,
                "FullName": full_name,
                "DeveloperName": developer_name,
                "TableEnumOrId": entity,
                "NamespacePrefix": None,
                "EntityDefinition.QualifiedApiName": entity,
            }
        )
    return found


def _field_definitions(org: Org) -> list[Row]:
    return [
        {
            "DurableId": f"{entity.name}.{entry.name}",
            "QualifiedApiName": entry.name,
            "DeveloperName": entry.name.removesuffix("__c"),
            "Label": entry.label,
            "DataType": entry.type,
            "EntityDefinitionId": entity.name,
            "EntityDefinition.QualifiedApiName": entity.name,
        }
        for entity in org.schema.objects.values()
        for entry in entity.fields.values()
    ]


def _entity_definitions(org: Org) -> list[Row]:
    return [
        {"DurableId": one.name, "QualifiedApiName": one.name, "Label": one.label, "KeyPrefix": one.prefix}
        for one in org.schema.objects.values()
    ]


_SOURCES = {
    "ValidationRule": _rules,
    "CustomField": _custom_fields,
    "FieldDefinition": _field_definitions,
    "EntityDefinition": _entity_definitions,
}
_COLUMNS = {
    "ValidationRule": frozenset(
        [
            "Id",
            "ValidationName",
            "FullName",
            "Active",
            "Description",
            "ErrorMessage",
            "ErrorDisplayField",
            "EntityDefinitionId",
            "EntityDefinition.QualifiedApiName",
            "NamespacePrefix",
            "CreatedDate",
            "LastModifiedDate",
            "Metadata",
        ]
    ),
    "CustomField": frozenset(
        [
            "Id",
            "FullName",
            "DeveloperName",
            "TableEnumOrId",
            "NamespacePrefix",
            "EntityDefinition.QualifiedApiName",
        ]
    ),
    "FieldDefinition": frozenset(
        [
            "DurableId",
            "QualifiedApiName",
            "DeveloperName",
            "Label",
            "DataType",
            "EntityDefinitionId",
            "EntityDefinition.QualifiedApiName",
        ]
    ),
    "EntityDefinition": frozenset(["DurableId", "QualifiedApiName", "Label", "KeyPrefix"]),
}


def _holds(row: Row, condition: Condition) -> bool:
    match condition:
        case All():
            return all(_holds(row, one) for one in condition.conditions)
        case Some():
            return any(_holds(row, one) for one in condition.conditions)
        case Not():
            return not _holds(row, condition.condition)
        case Contained():
            wanted = [literal.value for literal in condition.literals]
            return (_cell(row, condition.path) in wanted) == (condition.operator == "IN")
        case Compare(path=Path() as path):
            return _compares(_cell(row, path), condition.operator, condition.literal.value)
        case _:
            raise ApiError("MALFORMED_QUERY", "unexpected condition")


def _cell(row: Row, path: Path) -> Any:
    name = next((known for known in row if known.lower() == path.text.lower()), None)
    if name is None:
        raise ApiError("INVALID_FIELD", f"No such column '{path.text}'")
    return row[name]


def _compares(value: Any, operator: str, wanted: Any) -> bool:
    if operator == "LIKE":
        pattern = re.escape(str(wanted)).replace("%", ".*")
        return re.fullmatch(pattern, str(value), re.IGNORECASE) is not None
    if operator == "=":
        return bool(value == wanted)
    if operator == "!=":
        return bool(value != wanted)
    return bool(value > wanted) if operator.startswith(">") else bool(value < wanted)
