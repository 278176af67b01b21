"""What an administrator sets up and what describe tells of it."""

from email.utils import formatdate
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from tests.simulators.salesforce_client import DATA, EXTERNAL_ID, Json, Org

FIELD_KEYS = {
    "name", "label", "type", "length", "byteLength", "precision", "scale", "digits", "nillable",
    "createable", "updateable", "defaultedOnCreate", "calculated", "calculatedFormula",
    "restrictedPicklist", "dependentPicklist", "controllerName", "picklistValues", "unique",
    "externalId", "idLookup", "caseSensitive", "referenceTo", "relationshipName", "compoundFieldName",
    "extraTypeInfo", "soapType", "custom", "deprecatedAndHidden", "permissionable", "encrypted",
}  # fmt: skip


def _fields(org: Org, entity: str) -> dict[str, Json]:
    described = getattr(org.sf, entity).describe()
    return {entry["name"]: entry for entry in described["fields"]}


def _refusal(act: Any) -> Json:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        act()
    content: Any = refused.value.content
    first: Json = content[0]
    return first


def test_the_global_describe_names_every_object(org: Org) -> None:
    described = org.sf.describe()
    names = {entry["name"] for entry in described["sobjects"]}
    assert {
        "Lead",
        "Contact",
        "Account",
        "Opportunity",
        "Campaign",
        "CampaignMember",
        "Task",
        "User",
    } <= names
    assert (described["encoding"], described["maxBatchSize"]) == ("UTF-8", 200)
    assert org.sf.Contact.metadata()["objectDescribe"]["keyPrefix"] == "003"


@pytest.mark.parametrize(
    ("entity", "count"), [("Contact", 59), ("Lead", 54), ("Account", 55), ("Opportunity", 40)]
)
def test_an_object_is_described_in_the_real_keys(org: Org, entity: str, count: int) -> None:
    fields = _fields(org, entity)
    assert len(fields) >= count
    assert all(entry.keys() >= FIELD_KEYS for entry in fields.values())


@pytest.mark.parametrize(
    ("entity", "required"),
    [
        ("Contact", {"LastName"}),
        ("Lead", {"LastName", "Company"}),
        ("Account", {"Name"}),
        ("Opportunity", {"Name", "StageName", "CloseDate"}),
    ],
)
def test_describe_tells_what_a_create_needs(org: Org, entity: str, required: set[str]) -> None:
    fields = _fields(org, entity).values()
    needed = {
        entry["name"]
        for entry in fields
        if entry["createable"] and not entry["nillable"] and not entry["defaultedOnCreate"]
    }
    assert needed == required


def test_a_describe_that_did_not_change_is_304(org: Org) -> None:
    later = {"If-Modified-Since": formatdate(org.simulator.clock.now() + 60, usegmt=True)}
    assert org.raw("GET", f"{DATA}/sobjects/Contact/describe", headers=later).status_code == 304


def test_a_setup_command_creates_a_custom_field_through_the_tooling_api(org: Org) -> None:
    metadata = {"type": "Text", "label": "Score", "length": 5, "unique": True, "externalId": True}
    body = {"FullName": "Lead.Score__c", "Metadata": metadata}
    created = org.sf.restful("tooling/sobjects/CustomField", method="POST", json=body)
    assert created["success"] is True
    entry = _fields(org, "Lead")["Score__c"]
    assert (entry["custom"], entry["unique"], entry["externalId"], entry["length"]) == (True, True, True, 5)
    again = _refusal(lambda: org.sf.restful("tooling/sobjects/CustomField", method="POST", json=body))
    assert again["errorCode"] == "DUPLICATE_DEVELOPER_NAME"


def test_a_restricted_picklist_and_a_multi_select_keep_to_their_values(org: Org) -> None:
    values = [{"fullName": name, "default": False} for name in ("A", "B", "C")]
    value_set = {"restricted": True, "valueSetDefinition": {"value": values, "sorted": False}}
    for name, kind in (("One__c", "Picklist"), ("Many__c", "MultiselectPicklist")):
        metadata = {"type": kind, "label": name, "valueSet": value_set}
        org.control("fields", {"FullName": f"Contact.{name}", "Metadata": metadata})
    assert org.sf.Contact.get(org.contact(Many__c="C;A"))["Many__c"] == "A;C"
    error = _refusal(lambda: org.contact(One__c="D"))
    assert error["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_a_formula_field_follows_its_parent_without_moving_the_stamp(org: Org) -> None:
    metadata = {"type": "Text", "label": "Firm", "formula": 'UPPER(Account.Name) & "!"'}
    org.control("fields", {"FullName": "Contact.Firm__c", "Metadata": metadata})
    account = org.sf.Account.create({"Name": "Acme"})["id"]
    contact = org.contact(AccountId=account)
    stamp = org.sf.Contact.get(contact)["SystemModstamp"]
    org.advance(5)
    org.sf.Account.update(account, {"Name": "Zenith"})
    row = org.rows("SELECT Firm__c, SystemModstamp FROM Contact WHERE Firm__c = 'ZENITH!'")[0]
    assert (row["Firm__c"], row["SystemModstamp"]) == ("ZENITH!", stamp)
    assert _refusal(lambda: org.contact(Firm__c="x"))["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


RULE = {
    "entity": "Contact",
    "name": "Phone_Or_Email",
    "formula": "AND(ISBLANK(Phone), ISBLANK(Email))",
    "message": "Give a phone or an e-mail.",
    "display_field": "Email",
}


def test_a_validation_rule_refuses_in_its_own_words(org: Org) -> None:
    org.control("validation_rules", RULE)
    expected = {
        "message": "Give a phone or an e-mail.",
        "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "fields": ["Email"],
    }
    assert _refusal(org.contact) == expected
    assert org.contact(Phone="1")


def test_a_validation_rule_sees_what_changed(org: Org) -> None:
    rule = {**RULE, "formula": 'AND(ISCHANGED(Title), PRIORVALUE(Title) = "CEO")', "message": "Once a CEO"}
    org.control("validation_rules", rule)
    contact = org.contact(Title="CEO")
    org.sf.Contact.update(contact, {"Phone": "1"})
    assert _refusal(lambda: org.sf.Contact.update(contact, {"Title": "x"}))["message"] == "Once a CEO"


def test_validation_rules_are_read_one_formula_at_a_time(org: Org) -> None:
    org.control("validation_rules", RULE)
    org.control("validation_rules", {**RULE, "name": "Other", "active": False})
    columns = (
        "Id, ValidationName, Active, ErrorMessage, ErrorDisplayField, EntityDefinitionId, LastModifiedDate"
    )
    where = "EntityDefinition.QualifiedApiName = 'Contact' AND Active = true"
    soql = f"SELECT {columns} FROM ValidationRule WHERE {where}"  # noqa: S608 - SOQL of the test's own
    found = org.sf.toolingexecute("query/", params={"q": soql})
    rule = found["records"][0]
    assert (found["size"], rule["ValidationName"]) == (1, "Phone_Or_Email")
    metadata = "SELECT Id, FullName, Metadata FROM ValidationRule"
    one = org.sf.toolingexecute("query/", params={"q": f"{metadata} WHERE Id = '{rule['Id']}'"})
    assert one["records"][0]["Metadata"]["errorConditionFormula"] == RULE["formula"]
    assert (
        _refusal(lambda: org.sf.toolingexecute("query/", params={"q": metadata}))["errorCode"]
        == "MALFORMED_QUERY"
    )


def test_an_automation_rewrites_a_value_in_the_same_save(org: Org) -> None:
    org.control(
        "automations",
        {
            "name": "caps",
            "entity": "Contact",
            "set": {"Title": "UPPER(Title)"},
            "when": "NOT(ISBLANK(Title))",
        },
    )
    assert org.sf.Contact.get(org.contact(Title="countess"))["Title"] == "COUNTESS"


def test_an_automation_may_come_later_by_a_user_of_its_own(org: Org) -> None:
    org.control(
        "automations",
        {"name": "late", "entity": "Contact", "set": {"Title": '"late"'}, "timing": "later", "delay_s": 30},
    )
    contact = org.contact()
    assert org.sf.Contact.get(contact)["Title"] is None
    org.advance(31)
    record = org.sf.Contact.get(contact)
    assert (record["Title"], record["LastModifiedById"]) == ("late", org.seen("users")["process"])


DUPLICATES = {"name": "Standard_Contact_Duplicate_Rule", "entity": "Contact", "fields": ["Email"]}


def test_a_duplicate_is_reported_under_the_real_misspelling(org: Org) -> None:
    first = org.contact(Email="ada@example.com")
    org.control("duplicate_rules", DUPLICATES)
    error = _refusal(lambda: org.contact(Email="ADA@example.com"))
    assert (error["errorCode"], error["message"]) == ("DUPLICATES_DETECTED", "Use one of these records?")
    result = error["duplicateResut"]
    assert (result["allowSave"], result["duplicateRuleEntityType"]) == (True, "Contact")
    assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    org.set(duplicate_key="duplicateResult")
    assert "duplicateResult" in _refusal(lambda: org.contact(Email="ADA@example.com"))


def test_allow_save_passes_an_alert_but_not_a_block(org: Org) -> None:
    allowing = org.client(**{"Sforce-Duplicate-Rule-Header": "allowSave=true"})
    org.contact(Email="ada@example.com")
    org.control("duplicate_rules", DUPLICATES)
    row = {"LastName": "Byron", "Email": "ada@example.com"}
    assert allowing.Contact.create(row)["success"] is True
    org.control("rules", {}, method="DELETE")
    org.control("duplicate_rules", {**DUPLICATES, "allow_save": False})
    assert _refusal(lambda: allowing.Contact.create(row))["duplicateResut"]["allowSave"] is False


def test_a_contact_rule_may_match_leads(org: Org) -> None:
    org.lead(Email="ada@example.com")
    org.control("duplicate_rules", {**DUPLICATES, "against": ["Lead"]})
    result = _refusal(lambda: org.contact(Email="ada@example.com"))["duplicateResut"]
    assert [match["entityType"] for match in result["matchResults"]] == ["Lead"]


def test_assignment_rules_move_a_record_unless_the_header_says_no(org: Org) -> None:
    other = org.seen("users")["person"]
    org.control("assignment_rules", {"entity": "Lead", "name": "all", "owner_id": other})
    assert org.sf.Lead.get(org.lead())["OwnerId"] == other
    quiet = org.client(**{"Sforce-Auto-Assign": "FALSE"})
    kept = quiet.Lead.create({"LastName": "Byron", "Company": "Acme"})["id"]
    assert quiet.Lead.get(kept)["OwnerId"] == org.seen("users")["integration"]


@pytest.mark.parametrize(("status", "zero"), [(201, False), (400, True)], ids=["blank", "zero"])
def test_a_blank_number_is_blank_or_zero_to_a_rule(org: Org, status: int, *, zero: bool) -> None:
    org.set(blank_numbers_are_zero=zero)
    rule = {"name": "Small", "formula": "NumberOfEmployees < 10", "message": "Too small."}
    org.control("validation_rules", {"entity": "Lead", **rule})
    answer = org.raw("POST", f"{DATA}/sobjects/Lead", json={"LastName": "Byron", "Company": "Acme"})
    assert answer.status_code == status


def test_a_field_that_the_user_may_not_see_does_not_exist(org: Org) -> None:
    contact = org.contact(Phone="1")
    org.control("permissions", {"object": "Contact", "field": "Phone", "access": "none"})
    assert "Phone" not in _fields(org, "Contact")
    assert "Phone" not in org.sf.Contact.get(contact)
    assert _refusal(lambda: org.rows("SELECT Phone FROM Contact"))["errorCode"] == "INVALID_FIELD"
    assert _refusal(lambda: org.contact(Phone="2"))["errorCode"] == "INVALID_FIELD"


def test_a_field_that_the_user_may_only_read_cannot_be_written(org: Org) -> None:
    org.control("permissions", {"object": "Contact", "field": "Phone", "access": "read"})
    error = _refusal(lambda: org.contact(Phone="2"))
    assert (error["errorCode"], error["fields"]) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Phone"])
    described = _fields(org, "Contact")
    assert [described[name]["updateable"] for name in ("Phone", "Email")] == [False, True]
    assert [described[name]["createable"] for name in ("Phone", "Email")] == [False, True]


def test_an_object_that_the_user_may_only_read_is_described_so(org: Org) -> None:
    org.control("permissions", {"object": "Lead", "access": "read"})
    rights = ("createable", "updateable", "deletable")
    described = org.sf.Lead.describe()
    assert [described[right] for right in rights] == [False] * 3
    assert not any(entry["createable"] or entry["updateable"] for entry in described["fields"])
    listed = {one["name"]: one["updateable"] for one in org.sf.describe()["sobjects"]}
    assert (listed["Lead"], listed["Contact"]) == (False, True)


def test_an_object_that_the_user_may_not_see_does_not_exist(org: Org) -> None:
    org.control("permissions", {"object": "Lead", "access": "none"})
    with pytest.raises(SalesforceResourceNotFound):
        org.sf.Lead.describe()
    assert _refusal(lambda: org.rows("SELECT Id FROM Lead"))["errorCode"] == "INVALID_TYPE"
    assert org.contact(**{EXTERNAL_ID: "1"})
