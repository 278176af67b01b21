"""What `describe` tells: the key sets of the real answers (REST API developer guide, "sObject Describe")."""

from base64 import b64encode
from typing import Any

from simulators.salesforce.schema import Choice, Field, Schema, SObject

MASTER_RECORD_TYPE = "012000000000000AAA"
_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}
_BYTES_PER_CHARACTER = 3
_UNSORTABLE = frozenset({"textarea", "address", "multipicklist"})


def field_describe(entry: Field, controller: Field | None, *, writable: bool) -> dict[str, Any]:
    """One entry of `fields`; `writable`: the caller may edit the field where anyone can."""
    whole = entry.type == "int"
    return {
        "aggregatable": entry.type not in ("boolean", "textarea", "address"),
        "aiPredictionField": False,
        "autoNumber": False,
        "byteLength": entry.length
        if entry.type in ("id", "reference")
        else entry.length * _BYTES_PER_CHARACTER,
        "calculated": entry.formula is not None,
        "calculatedFormula": entry.formula,
        "cascadeDelete": False,
        "caseSensitive": entry.case_sensitive,
        "compoundFieldName": entry.compound,
        "controllerName": entry.controller,
        "createable": entry.createable and writable,
        "custom": entry.custom,
        "defaultValue": entry.default_value(),
        "defaultValueFormula": None,
        "defaultedOnCreate": entry.defaulted or entry.type == "boolean" or entry.never_null,
        "dependentPicklist": entry.controller is not None,
        "deprecatedAndHidden": False,
        "digits": entry.precision or 8 if whole else 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": entry.external_id,
        "extraTypeInfo": entry.info or ("plaintextarea" if entry.type == "textarea" else None),
        "filterable": entry.type != "address" and entry.length <= 255,  # noqa: PLR2004 - long text has no filter
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": entry.type not in (*_UNSORTABLE, "double", "currency", "percent", "datetime"),
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": entry.id_lookup or entry.external_id,
        "inlineHelpText": entry.help,
        "label": entry.label,
        "length": entry.length,
        "mask": None,
        "maskType": None,
        "name": entry.name,
        "nameField": entry.name_field,
        "namePointing": len(entry.targets) > 1,
        "nillable": entry.nillable,
        "permissionable": entry.nillable
        and (entry.createable or entry.custom)
        and entry.info != "personname",
        "picklistValues": [
            {
                "active": choice.active,
                "defaultValue": choice.default,
                "label": choice.label,
                "validFor": _valid_for(choice, controller) if controller else None,
                "value": choice.value,
            }
            for choice in entry.choices
        ],
        "polymorphicForeignKey": len(entry.targets) > 1,
        "precision": 0 if whole else entry.precision,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(entry.targets),
        "relationshipName": entry.relationship,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": entry.restricted,
        "scale": entry.scale,
        "searchPrefilterable": entry.type == "reference",
        "soapType": _SOAP.get(entry.type, "xsd:string"),
        "sortable": entry.type not in _UNSORTABLE,
        "type": entry.type,
        "unique": entry.unique,
        "updateable": entry.updateable and writable,
        "writeRequiresMasterRead": False,
    }


def _valid_for(choice: Choice, controller: Field) -> str:
    """A bit for each controlling value, the first one leftmost, in base 64; a checkbox has false and true."""
    values = [each.value for each in controller.choices] or ["false", "true"]
    bits = bytearray((len(values) + 7) // 8)
    for place, value in enumerate(values):
        if value in choice.valid_for:
            bits[place // 8] |= 0x80 >> place % 8
    return b64encode(bytes(bits)).decode()


def _common(described: SObject, base: str, *, writable: bool) -> dict[str, Any]:
    own = f"{base}/sobjects/{described.name}"
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": writable,
        "custom": described.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": writable and described.name not in ("User", "RecordType"),
        "deprecatedAndHidden": False,
        "feedEnabled": writable,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": described.prefix,
        "label": described.label,
        "labelPlural": described.plural,
        "layoutable": writable,
        "mergeable": described.mergeable,
        "mruEnabled": writable,
        "name": described.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": writable,
        "triggerable": writable,
        "undeletable": described.undeletable,
        "updateable": writable,
        "urls": {
            "rowTemplate": f"{own}/{{ID}}",
            "describe": f"{own}/describe",
            "sobject": own,
        },
    }


def _writable(described: SObject, locked: frozenset[str]) -> bool:
    return described.name not in locked and any(entry.createable for entry in described.fields.values())


def global_entry(described: SObject, base: str, locked: frozenset[str]) -> dict[str, Any]:
    """One entry of `sobjects` in the global describe."""
    return _common(described, base, writable=_writable(described, locked))


def object_describe(
    described: SObject,
    schema: Schema,
    base: str,
    host: str,
    *,
    visible: list[Field],
    locked: frozenset[str],
    record_types: list[dict[str, Any]],
) -> dict[str, Any]:
    """The answer of `sobjects/X/describe`.

    Only `visible` fields exist for the caller, who may only read the objects and `Object.Field`s of `locked`.
    """
    writable = _writable(described, locked)
    body = _common(described, base, writable=writable)
    body["urls"] |= {
        "compactLayouts": f"{base}/sobjects/{described.name}/describe/compactLayouts",
        "approvalLayouts": f"{base}/sobjects/{described.name}/describe/approvalLayouts",
        "uiDetailTemplate": f"{host}/{{ID}}",
        "uiEditTemplate": f"{host}/{{ID}}/e",
        "listviews": f"{base}/sobjects/{described.name}/listviews",
        "uiNewRecord": f"{host}/{described.prefix}/e",
        "quickActions": f"{base}/sobjects/{described.name}/quickActions",
        "layouts": f"{base}/sobjects/{described.name}/describe/layouts",
    }
    return body | {
        "actionOverrides": [],
        "childRelationships": _child_relationships(described, schema),
        "compactLayoutable": True,
        "dataTranslationEnabled": None,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [
            field_describe(
                entry,
                described.fields.get(entry.controller or ""),
                writable=writable and f"{described.name}.{entry.name}" not in locked,
            )
            for entry in visible
        ],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [_master_record_type(described, base, default=not record_types), *record_types],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [
            {"label": f"All {described.plural.lower()}", "name": "everything"},
            {"label": f"My {described.plural.lower()}", "name": "mine"},
        ],
    }


def _child_relationships(described: SObject, schema: Schema) -> list[dict[str, Any]]:
    return [
        {
            "cascadeDelete": False,
            "childSObject": child.name,
            "deprecatedAndHidden": False,
            "field": entry.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": entry.children,
            "restrictedDelete": False,
        }
        for child, entry in schema.children_of(described)
    ]


def _master_record_type(described: SObject, base: str, *, default: bool) -> dict[str, Any]:
    return record_type_info(
        described.name, base, MASTER_RECORD_TYPE, "Master", "Master", master=True, default=default
    )


def record_type_info(
    entity: str, base: str, record_id: str, name: str, developer_name: str, *, master: bool, default: bool
) -> dict[str, Any]:
    """One entry of `recordTypeInfos`."""
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": default,
        "developerName": developer_name,
        "master": master,
        "name": name,
        "recordTypeId": record_id,
        "urls": {"layout": f"{base}/sobjects/{entity}/describe/layouts/{record_id}"},
    }
