"""What setting up a connection creates, and what it writes for an admin."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from domain.identity import Crm
from tests.workers.accounts import Accounts, accounts
from tests.workers.configurations import configuration, field, schemas, unfit
from workers.setup import export, files, missing, provision

LEAD_KEY = "Lead.HubSpot_Contact_Id__c"


@pytest.fixture
def both() -> Iterator[Accounts]:
    with accounts() as found:
        yield found


def names(wanted: Sequence[object]) -> list[str]:
    return [str(each) for each in wanted]


def test_fresh_accounts_lack_all_key_fields(both: Accounts) -> None:
    assert names(missing(configuration(), both.schemas)) == [
        "hubspot contacts.salesforce_record_id",
        f"salesforce {LEAD_KEY}",
        "salesforce Contact.HubSpot_Contact_Id__c",
    ]


def test_what_is_missing_is_created_and_serves_as_key(both: Accounts) -> None:
    wanted = missing(configuration(), both.schemas)
    done = provision(wanted, both.provisioning, both.gateways)
    assert [(each.done, each.remedy) for each in done] == [(True, "")] * 3
    assert missing(configuration(), both.schemas) == []
    assert unfit(configuration(), both.schemas) == []


def test_setting_up_twice_changes_nothing(both: Accounts) -> None:
    wanted = missing(configuration(), both.schemas)
    provision(wanted, both.provisioning, both.gateways)
    again = provision(wanted, both.provisioning, both.gateways)
    assert [each.done for each in again] == [True] * 3


def test_only_what_is_missing_is_created(both: Accounts) -> None:
    both.control(Crm.SALESFORCE, "provision")
    assert names(missing(configuration(), both.schemas)) == ["hubspot contacts.salesforce_record_id"]


def test_a_field_that_our_user_cannot_see_is_told(both: Accounts) -> None:
    wanted = missing(configuration(), both.schemas)
    provision(wanted, both.provisioning, both.gateways)
    both.control(Crm.SALESFORCE, "permissions", object="Lead", field="HubSpot_Contact_Id__c", access="none")
    again = provision(wanted, both.provisioning, both.gateways)
    assert [each.done for each in again] == [True, False, True]
    assert again[1].remedy == (
        f"salesforce {LEAD_KEY} exists, but our user cannot see it. Give the integration user read and edit "
        "access to it, by a permission set in Salesforce; the package that `crmsync setup --export` writes "
        "holds one."
    )


def test_a_refusal_is_told_and_the_others_are_created() -> None:
    with accounts(scopes=["crm.objects.contacts.read", "crm.schemas.contacts.read"]) as both:
        done = provision(missing(configuration(), both.schemas), both.provisioning, both.gateways)
    assert [each.done for each in done] == [False, True, True]
    assert done[0].remedy == (
        "The CRM refused (MISSING_SCOPES: One or more of the following scopes are required.). "
        "Give the credential the right to create fields, or use --export."
    )


def test_other_names_may_be_configured() -> None:
    read = configuration(section="  hubspot_key: sf_id\n  salesforce_key: Hs__c\n")
    known = schemas(contact=(field("Hs__c", unique=True),))
    assert names(missing(read, known)) == ["hubspot contacts.sf_id", "salesforce Lead.Hs__c"]


# -- for an admin


def test_the_export_is_a_package_and_bodies(tmp_path: Path) -> None:
    read = configuration(section="  hubspot_key: sf_id\n  salesforce_key: Hs__c\n")
    written = export(missing(read, schemas()), tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in written) == [
        "hubspot/contacts/group.json",
        "hubspot/contacts/property.json",
        "salesforce/objects/Contact.object",
        "salesforce/objects/Lead.object",
        "salesforce/package.xml",
        "salesforce/permissionsets/crmsync.permissionset",
    ]
    assert all(path.stat().st_size for path in written)


def exported() -> dict[str, str]:
    read = configuration(section="  hubspot_key: sf_id\n  salesforce_key: Hs__c\n")
    return files(missing(read, schemas()))


def texts(document: str, path: str) -> list[str | None]:
    root = ET.fromstring(document.encode())  # noqa: S314 - our own text
    return [each.text for each in root.iterfind(path.replace("/", "/{*}"))]


def test_the_package_names_its_parts() -> None:
    package = exported()["salesforce/package.xml"]
    assert texts(package, "./types/members") == ["Lead.Hs__c", "Contact.Hs__c", "crmsync"]
    assert texts(package, "./types/name") == ["CustomField", "PermissionSet"]


def test_the_field_is_a_unique_external_id() -> None:
    described = exported()["salesforce/objects/Lead.object"]
    told = {name: texts(described, f"./fields/{name}") for name in ("fullName", "type", "length", "unique")}
    assert told == {"fullName": ["Hs__c"], "type": ["Text"], "length": ["64"], "unique": ["true"]}
    assert texts(described, "./fields/externalId") == ["true"]


def test_the_permission_set_opens_the_fields() -> None:
    granted = exported()["salesforce/permissionsets/crmsync.permissionset"]
    assert texts(granted, "./fieldPermissions/field") == ["Lead.Hs__c", "Contact.Hs__c"]
    assert texts(granted, "./fieldPermissions/editable") == ["true", "true"]
    assert texts(granted, "./userPermissions/name") == ["ApiEnabled"]


def test_the_property_is_unique_text_in_our_group() -> None:
    told = exported()
    body = json.loads(told["hubspot/contacts/property.json"])
    assert (body["name"], body["type"], body["hasUniqueValue"]) == ("sf_id", "string", True)
    assert body["groupName"] == json.loads(told["hubspot/contacts/group.json"])["name"]


def test_nothing_missing_is_nothing_to_export() -> None:
    assert files(missing(configuration(), schemas())) == {}
