"""What an administrator does: custom fields and objects, rules, permissions, record types."""

import dataclasses
from typing import Any

from simulators.salesforce.errors import ApiError
from simulators.salesforce.org import Org
from simulators.salesforce.rules import AssignmentRule, Automation, DuplicateRule, ValidationRule
from simulators.salesforce.schema import Choice, Field, SObject

_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Phone": "phone",
    "Email": "email",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Checkbox": "boolean",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Lookup": "reference",
}
_LENGTHS = {
    "TextArea": 255,
    "Phone": 40,
    "Email": 80,
    "Url": 255,
    "Picklist": 255,
    "MultiselectPicklist": 4099,
}
_KNOWN = frozenset(
    [
        "type",
        "label",
        "length",
        "precision",
        "scale",
        "required",
        "unique",
        "externalId",
        "caseSensitive",
        "defaultValue",
        "description",
        "inlineHelpText",
        "formula",
        "formulaTreatBlanksAs",
        "valueSet",
        "visibleLines",
        "trackHistory",
        "trackFeedHistory",
        "trackTrending",
        "referenceTo",
        "relationshipName",
        "relationshipLabel",
        "deleteConstraint",
    ]
)


def create_custom_field(org: Org, full_name: str, metadata: dict[str, Any]) -> str:
    """Add a field from its Metadata API form; returns the id of its definition.

    Raises:
        ApiError: what the Tooling API refuses it with.
    """
    entity, _, name = full_name.partition(".")
    described = org.schema.find(entity)
    if described is None:
        raise ApiError(
            "INVALID_CROSS_REFERENCE_KEY", f"In field: fullName - no CustomObject named {entity} found"
        )
    if not name.endswith("__c"):
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION", "The custom field name must end with __c", fields=["FullName"]
        )
    if name.lower() in described.by_lower:
        message = f"There is already a field named {name} on {described.name}."
        raise ApiError("DUPLICATE_DEVELOPER_NAME", message, fields=["DeveloperName"])
    unknown = sorted(metadata.keys() - _KNOWN)
    if unknown:
        raise ApiError("JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" at [line:1, column:2]')
    return org.add_field(described, custom_field(name, metadata))


def custom_field(name: str, metadata: dict[str, Any]) -> Field:
    """A field from its Metadata API form."""
    kind = str(metadata.get("type", ""))
    if kind not in _TYPES:
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", f"Unknown field type: {kind}", fields=["Metadata"])
    if kind == "Text" and "length" not in metadata and "formula" not in metadata:
        message = "Field Length: must specify 'length' for a CustomField of type Text"
        raise ApiError("REQUIRED_FIELD_MISSING", message, fields=["Metadata"])
    value_set = metadata.get("valueSet") or {}
    formula = metadata.get("formula")
    return Field(
        name=name,
        type=_TYPES[kind],
        label=str(metadata.get("label") or name.removesuffix("__c").replace("_", " ")),
        length=18 if kind == "Lookup" else int(metadata.get("length") or _LENGTHS.get(kind, 0)),
        precision=int(metadata.get("precision") or 0),
        scale=int(metadata.get("scale") or 0),
        createable=formula is None,
        updateable=formula is None,
        required=bool(metadata.get("required")),
        external_id=bool(metadata.get("externalId")),
        unique=bool(metadata.get("unique")),
        case_sensitive=bool(metadata.get("caseSensitive")),
        restricted=bool(value_set.get("restricted")),
        choices=tuple(_choices(value_set)),
        controller=value_set.get("controllingField"),
        targets=(str(metadata["referenceTo"]),) if kind == "Lookup" else (),
        relationship=name.removesuffix("__c") + "__r" if kind == "Lookup" else None,
        children=f"{metadata['relationshipName']}__r" if metadata.get("relationshipName") else None,
        formula=formula,
        custom=True,
        help=metadata.get("inlineHelpText"),
    )


def _choices(value_set: dict[str, Any]) -> list[Choice]:
    values = (value_set.get("valueSetDefinition") or {}).get("value") or []
    settings = value_set.get("valueSettings") or []
    goes_with = {each["valueName"]: tuple(each["controllingFieldValue"]) for each in settings}
    return [
        Choice(
            str(value.get("fullName") or value["valueName"]),
            str(value.get("label") or value.get("fullName") or value["valueName"]),
            default=bool(value.get("default")),
            active=value.get("isActive") is not False,
            valid_for=goes_with.get(str(value.get("fullName") or value.get("valueName")), ()),
        )
        for value in values
    ]


def create_object(org: Org, spec: dict[str, Any]) -> dict[str, Any]:
    """Add a custom object: `{"name": "Badge__c", "label": "Badge"}`."""
    name = str(spec["name"])
    if not name.endswith("__c") or org.schema.find(name):
        raise ValueError("name is new and ends with __c")
    label = str(spec.get("label") or name.removesuffix("__c"))
    prefix = f"a{len(org.schema.objects):02d}"
    described = SObject(name, label, label + "s", prefix, undeletable=True, custom=True)
    standard = org.schema.objects["Campaign"].fields
    for kept in ("Id", "IsDeleted", "Name", "OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate"):
        described.add(standard[kept])
    for kept in ("LastModifiedById", "SystemModstamp"):
        described.add(standard[kept])
    org.add_object(described)
    return {"name": name, "prefix": prefix}


def change_field(org: Org, spec: dict[str, Any]) -> dict[str, Any]:
    """Change a field's properties by their names in `Field`: `{"object", "name", "required": true, ...}`."""
    changes = dict(spec)
    described = org.schema.objects[str(changes.pop("object"))]
    entry = described.fields[str(changes.pop("name"))]
    if "choices" in changes:
        changes["choices"] = tuple(Choice(str(value), str(value)) for value in changes["choices"])
    org.add_field(described, dataclasses.replace(entry, **changes))
    return {"object": described.name, "name": entry.name, **spec}


def add_validation_rule(org: Org, spec: dict[str, Any]) -> ValidationRule:
    rule = ValidationRule(id=org.ids.next("03d"), changed=org.stamp(), **spec)
    org.rules.validation.append(rule)
    return rule


def add_duplicate_rule(org: Org, spec: dict[str, Any]) -> DuplicateRule:
    rule = DuplicateRule(**spec)
    org.rules.duplicates.append(rule)
    return rule


def add_automation(org: Org, spec: dict[str, Any]) -> Automation:
    rule = Automation(**spec)
    org.rules.automations.append(rule)
    return rule


def add_assignment_rule(org: Org, spec: dict[str, Any]) -> AssignmentRule:
    rule = AssignmentRule(id=org.ids.next("01Q"), **spec)
    org.rules.assignments.append(rule)
    return rule


def permit(org: Org, spec: dict[str, Any]) -> dict[str, Any]:
    """Set what the API user may do: `{"object", "field"?, "access": "none" | "read" | "edit"}`."""
    access = spec["access"]
    if access not in ("none", "read", "edit"):
        raise ValueError("access is none, read or edit")
    name = f"{spec['object']}.{spec['field']}" if spec.get("field") else str(spec["object"])
    for names, holds in ((org.rules.hidden, access == "none"), (org.rules.locked, access == "read")):
        (names.add if holds else names.discard)(name)
    org.schema_stamp = org.stamp()
    return {"hidden": sorted(org.rules.hidden), "locked": sorted(org.rules.locked)}
