"""Setting up a connection: the two key fields, created in the CRMs or written out for an admin to deploy.

The key fields make a create safe to repeat: each side's record holds the id of the other side's, and no
two records may hold the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from domain.errors import SyncError
from domain.identity import Crm
from domain.kinds import ObjectKind
from workers.configuration import Configuration, Schemas
from workers.gateways.provisioning import GROUP, hubspot_property, salesforce_field
from workers.gateways.salesforce_client import API_VERSION
from workers.ports import CrmGateway, KeyField, ProvisioningGateway

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
PERMISSION_SET = "crmsync"

EXISTS = frozenset({"DUPLICATE_DEVELOPER_NAME", "OBJECT_ALREADY_EXISTS", "CONFLICT"})
"""The answers of both CRMs to a second field of one name."""

GRANT = (
    "Give the integration user read and edit access to it, by a permission set in Salesforce; "
    "the package that `crmsync setup --export` writes holds one."
)


class Provision(NamedTuple):
    """One field that is missing."""

    crm: Crm
    field: KeyField

    def __str__(self) -> str:
        return f"{self.crm} {self.field.object}.{self.field.name}"


class Provisioned(NamedTuple):
    """What became of one."""

    provision: Provision
    done: bool
    remedy: str = ""  #: if it is not done


def missing(configuration: Configuration, schemas: Schemas) -> list[Provision]:
    """The key fields that the accounts do not show. Raises KeyError if an object's schema is missing."""
    wanted = [
        Provision(crm, key_field(kind, crm, name))
        for kind in configuration.kinds.values()
        for crm in Crm
        for name in kind.objects(crm)
    ]
    return [each for each in wanted if each.field.name not in schemas[each.crm, each.field.object].fields]


def key_field(kind: ObjectKind, crm: Crm, name: str) -> KeyField:
    """The key field of one object."""
    api_name = kind.key_field(crm)
    label = api_name.removesuffix("__c").replace("_", " ")
    other = "Salesforce" if crm is Crm.HUBSPOT else "HubSpot"
    return KeyField(
        object=name,
        name=api_name,
        label=label if crm is Crm.SALESFORCE else label.capitalize(),
        description=f"The id of the {other} record that crmsync keeps in sync with this one.",
    )


def provision(
    wanted: Sequence[Provision],
    provisioning: Mapping[Crm, ProvisioningGateway],
    gateways: Mapping[Crm, CrmGateway],
) -> list[Provisioned]:
    """Create the fields one by one, then look whether our own user sees them. Raises nothing of the CRMs."""
    return [_provision(each, provisioning[each.crm], gateways[each.crm]) for each in wanted]


def _provision(wanted: Provision, provisioning: ProvisioningGateway, gateway: CrmGateway) -> Provisioned:
    try:
        provisioning.create_key_field(wanted.field)
    except SyncError as error:
        if error.code not in EXISTS:
            return Provisioned(wanted, done=False, remedy=_refused(error))
    try:
        visible = wanted.field.name in gateway.describe(wanted.field.object).fields
    except SyncError as error:
        return Provisioned(wanted, done=False, remedy=_refused(error))
    hidden = f"{wanted} exists, but our user cannot see it. {GRANT}"
    return Provisioned(wanted, done=visible, remedy="" if visible else hidden)


def _refused(error: SyncError) -> str:
    why = f"{error.code}: {error.message}" if error.message else error.code
    return f"The CRM refused ({why}). Give the credential the right to create fields, or use --export."


def export(wanted: Sequence[Provision], directory: Path) -> list[Path]:
    """Write what an admin deploys by the CRMs' own tools; returns the files written.

    ``salesforce`` is a package of the Metadata API, ``hubspot`` holds bodies for the properties API.
    """
    written = []
    for name, text in files(wanted).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def files(wanted: Sequence[Provision]) -> dict[str, str]:
    """The files of an export: path -> text. None for a CRM that lacks nothing."""
    ours = [each.field for each in wanted if each.crm is Crm.HUBSPOT]
    theirs = [each.field for each in wanted if each.crm is Crm.SALESFORCE]
    return {**dict(_hubspot_files(ours)), **(dict(_salesforce_files(theirs)) if theirs else {})}


def _hubspot_files(fields: Sequence[KeyField]) -> Iterator[tuple[str, str]]:
    for field in fields:
        yield f"hubspot/{field.object}/group.json", _json(GROUP)
        yield f"hubspot/{field.object}/property.json", _json(hubspot_property(field))


def _json(body: object) -> str:
    return json.dumps(body, indent=2) + "\n"


def _salesforce_files(fields: Sequence[KeyField]) -> Iterator[tuple[str, str]]:
    yield "salesforce/package.xml", _package(fields)
    yield f"salesforce/permissionsets/{PERMISSION_SET}.permissionset", _permission_set(fields)
    for name in dict.fromkeys(field.object for field in fields):
        of_object = [field for field in fields if field.object == name]
        yield f"salesforce/objects/{name}.object", _object(of_object)


def _package(fields: Sequence[KeyField]) -> str:
    root = ET.Element("Package", xmlns=NAMESPACE)
    custom = ET.SubElement(root, "types")
    for field in fields:
        ET.SubElement(custom, "members").text = f"{field.object}.{field.name}"
    ET.SubElement(custom, "name").text = "CustomField"
    _add(ET.SubElement(root, "types"), {"members": PERMISSION_SET, "name": "PermissionSet"})
    ET.SubElement(root, "version").text = API_VERSION
    return _xml(root)


def _object(fields: Sequence[KeyField]) -> str:
    root = ET.Element("CustomObject", xmlns=NAMESPACE)
    for field in fields:
        _add(ET.SubElement(root, "fields"), {"fullName": field.name, **_sorted(salesforce_field(field))})
    return _xml(root)


def _permission_set(fields: Sequence[KeyField]) -> str:
    """Access to our fields, and to the API.

    Rights on the objects are left to the org: what each depends on differs from one to the next, and a
    package that names too few is refused whole.
    """
    root = ET.Element("PermissionSet", xmlns=NAMESPACE)
    ET.SubElement(root, "description").text = "What crmsync needs to keep records in sync with HubSpot."
    for field in fields:
        name = f"{field.object}.{field.name}"
        _add(ET.SubElement(root, "fieldPermissions"), {"editable": True, "field": name, "readable": True})
    _add(root, {"hasActivationRequired": False, "label": PERMISSION_SET})
    _add(ET.SubElement(root, "userPermissions"), {"enabled": True, "name": "ApiEnabled"})
    return _xml(root)


def _sorted(values: Mapping[str, object]) -> dict[str, object]:
    """In the order that Salesforce itself writes."""
    return dict(sorted(values.items()))


def _add(parent: ET.Element, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        ET.SubElement(parent, name).text = text


def _xml(root: ET.Element) -> str:
    ET.indent(root, space="    ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
