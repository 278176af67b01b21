"""Kinds of values, further objects, and the parts of the schema that few callers use."""

from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from simulators.salesforce.ids import normalise, to18
from tests.simulators.salesforce_client import Org


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("0035e00000AbCdE", "0035e00000AbCdEAAV"),
        ("001U000001c83gK", "001U000001c83gKIAQ"),
        ("00D5e000001abcd", "00D5e000001abcdEAA"),
    ],
)
def test_check_characters_tell_the_letter_case(short: str, full: str) -> None:
    assert to18(short) == full
    assert normalise(short) == normalise(full) == full
    assert normalise(full[:-1] + "5") is None


@pytest.mark.parametrize("text", ["", "003", "0035e00000AbCd!", None, 5])
def test_what_is_no_id_is_told_apart(text: object) -> None:
    assert normalise(text) is None


@pytest.mark.parametrize(
    ("entity", "name", "given", "stored"),
    [
        pytest.param("Lead", "AnnualRevenue", 1234.5, 1235.0, id="currency-is-rounded"),
        pytest.param("Lead", "AnnualRevenue", "99", 99.0, id="quoted-number"),
        pytest.param("Lead", "NumberOfEmployees", 7, 7, id="int"),
        pytest.param("Contact", "Birthdate", "1990-05-17", "1990-05-17", id="date"),
        pytest.param(
            "Contact",
            "EmailBouncedDate",
            "2026-01-01T12:00:00.9+02:00",
            "2026-01-01T10:00:00.000+0000",
            id="datetime-in-utc-without-parts-of-a-second",
        ),
        pytest.param("Contact", "DoNotCall", "true", True, id="quoted-boolean"),
        pytest.param("Contact", "Description", "a\r\nb", "a\r\nb", id="lines"),
    ],
)
def test_a_value_is_stored_as(org: Org, entity: str, name: str, given: Any, stored: Any) -> None:
    created = org.contact(**{name: given}) if entity == "Contact" else org.lead(**{name: given})
    assert getattr(org.sf, entity).get(created)[name] == stored


def test_a_number_beyond_its_precision_is_refused(org: Org) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.lead(AnnualRevenue=1e18)
    content: Any = refused.value.content
    assert content[0]["errorCode"] == "NUMBER_OUTSIDE_VALID_RANGE"


def test_an_opportunitys_stage_decides_whether_it_is_won(org: Org) -> None:
    values = {"Name": "Engine", "StageName": "Closed Won", "CloseDate": "2026-12-01", "Amount": 100}
    record = org.sf.Opportunity.get(org.sf.Opportunity.create(values)["id"])
    assert (record["IsWon"], record["IsClosed"], record["Probability"]) == (True, True, 100.0)
    assert (record["ForecastCategory"], record["ExpectedRevenue"]) == ("Closed", 100.0)


def test_a_campaign_member_shows_the_person_behind_it(org: Org) -> None:
    campaign = org.sf.Campaign.create({"Name": "Spring"})["id"]
    lead = org.lead(FirstName="Ada", Email="ada@example.com")
    created = org.sf.CampaignMember.create({"CampaignId": campaign, "LeadId": lead, "Status": "Responded"})
    member = org.sf.CampaignMember.get(created["id"])
    assert (member["Name"], member["Email"], member["Type"]) == ("Ada Byron", "ada@example.com", "Lead")
    assert (member["HasResponded"], member["CompanyOrAccount"], member["LeadOrContactId"]) == (
        True,
        "Acme",
        lead,
    )


def test_a_task_belongs_to_a_person_of_either_kind(org: Org) -> None:
    contact, lead = org.contact(), org.lead()
    for person in (contact, lead):
        org.sf.Task.create({"WhoId": person, "Subject": "Call", "Status": "Completed"})
    rows = org.rows("SELECT Who.Name, IsClosed FROM Task ORDER BY Id")
    assert [(row["Who"]["Name"], row["IsClosed"]) for row in rows] == [("Byron", True), ("Byron", True)]
    assert rows[1]["Who"]["attributes"]["type"] == "Lead"


def test_record_types_appear_in_describe(org: Org) -> None:
    values = {"Name": "Partner", "DeveloperName": "Partner", "SobjectType": "Contact", "IsActive": True}
    created = org.sf.RecordType.create(values)["id"]
    infos = org.sf.Contact.describe()["recordTypeInfos"]
    assert [(info["name"], info["master"]) for info in infos] == [("Master", True), ("Partner", False)]
    assert infos[1]["recordTypeId"] == created


def test_an_object_without_record_types_has_no_field_for_them(org: Org) -> None:
    def fields() -> set[str]:
        return {field["name"] for field in org.sf.Contact.describe()["fields"]}

    assert "RecordTypeId" not in fields()
    values = {"Name": "Partner", "DeveloperName": "Partner", "SobjectType": "Contact", "IsActive": True}
    created = org.sf.RecordType.create(values)["id"]
    assert "RecordTypeId" in fields()
    assert org.sf.Contact.get(org.contact(RecordTypeId=created))["RecordTypeId"] == created


def test_multi_select_filters(org: Org) -> None:
    values = {"valueSetDefinition": {"value": [{"fullName": name} for name in "ABC"]}}
    metadata = {"type": "MultiselectPicklist", "label": "Topics", "valueSet": values}
    org.control("fields", {"FullName": "Contact.Topics__c", "Metadata": metadata})
    both, one = org.contact(Topics__c="B;A"), org.contact(Topics__c="C")
    found = org.rows("SELECT Id FROM Contact WHERE Topics__c INCLUDES ('A;B', 'D')")
    assert [row["Id"] for row in found] == [both]
    rest = org.rows("SELECT Id FROM Contact WHERE Topics__c EXCLUDES ('A;B')")
    assert [row["Id"] for row in rest] == [one]


def test_a_custom_object_is_an_object_like_any_other(org: Org) -> None:
    org.control("objects", {"name": "Badge__c", "label": "Badge"})
    lookup = {"type": "Lookup", "label": "Holder", "referenceTo": "Contact", "relationshipName": "Badges"}
    org.control("fields", {"FullName": "Badge__c.Holder__c", "Metadata": lookup})
    contact = org.contact()
    org.sf.Badge__c.create({"Name": "Gold", "Holder__c": contact})
    assert org.rows("SELECT Holder__r.LastName FROM Badge__c")[0]["Holder__r"]["LastName"] == "Byron"
    assert org.rows("SELECT (SELECT Name FROM Badges__r) FROM Contact")[0]["Badges__r"]["totalSize"] == 1


def test_a_field_may_become_required(org: Org) -> None:
    org.control("fields", {"object": "Contact", "name": "Title", "required": True}, method="PATCH")
    with pytest.raises(SalesforceMalformedRequest, match="Title"):
        org.contact()


def test_a_custom_field_is_found_and_deleted_by_the_tooling_api(org: Org) -> None:
    soql = "SELECT Id, DeveloperName FROM CustomField WHERE TableEnumOrId = 'Lead'"
    found = org.sf.toolingexecute("query/", params={"q": soql})["records"]
    assert [row["DeveloperName"] for row in found] == ["HubSpot_Contact_Id"]
    path = f"/services/data/v68.0/tooling/sobjects/CustomField/{found[0]['Id']}"
    assert org.raw("DELETE", path).status_code == 204
    assert "HubSpot_Contact_Id__c" not in {entry["name"] for entry in org.sf.Lead.describe()["fields"]}


def test_definitions_are_read_by_the_tooling_api(org: Org) -> None:
    soql = (
        "SELECT QualifiedApiName, DataType FROM FieldDefinition WHERE EntityDefinitionId = 'Lead' LIMIT 500"
    )
    fields = org.sf.toolingexecute("query/", params={"q": soql})["records"]
    assert {"Email", "Company"} <= {row["QualifiedApiName"] for row in fields}
    entities = org.sf.toolingexecute("query/", params={"q": "SELECT QualifiedApiName FROM EntityDefinition"})
    assert "Contact" in {row["QualifiedApiName"] for row in entities["records"]}


def test_record_counts_are_told_per_object(org: Org) -> None:
    org.contact()
    counts = org.sf.restful("limits/recordCount", params={"sObjects": "Contact"})
    assert counts == {"sObjects": [{"count": 1, "name": "Contact"}]}
