"""Validation rules and dependent picklists of an org, through the real client."""

from collections.abc import Iterator

import pytest

from domain.errors import Misconfigured
from tests.contract.sides import Side, org, salesforce_side
from workers.gateways.salesforce_rules import SalesforceRules


@pytest.fixture(scope="module")
def side() -> Iterator[Side]:
    with salesforce_side() as side:
        rule = {"entity": "Lead", "message": "No.", "display_field": "City"}
        side.sim("validation_rules", {**rule, "name": "No_Atlantis", "formula": 'City = "Atlantis"'})
        side.sim("validation_rules", {**rule, "name": "Resting", "formula": "FALSE", "active": False})
        second = {"name": "Second", "formula": 'LastName = "Second"', "entity": "Contact"}
        side.sim("validation_rules", {**rule, **second})
        yield side


@pytest.fixture
def rules(side: Side) -> SalesforceRules:
    return SalesforceRules(org(side.url, side.allowance))


def test_active_rules_are_read_with_their_formulas(rules: SalesforceRules) -> None:
    [found] = rules.rules("Lead", {})

    assert (found.name, found.formula) == ("No_Atlantis", 'City = "Atlantis"')
    assert (found.message, found.field) == ("No.", "City")
    assert "Second" in {each.name for each in rules.rules("Contact", {})}
    assert rules.rules("Account", {}) == ()


def test_a_rule_that_nobody_changed_is_not_read_again(side: Side, rules: SalesforceRules) -> None:
    known = {each.id: each for each in rules.rules("Lead", {})}
    before = len(side.allowance.priorities)

    assert rules.rules("Lead", known) == tuple(known.values())
    assert len(side.allowance.priorities) == before + 1


def test_the_user_is_read_as_the_rules_ask_for_him(rules: SalesforceRules) -> None:
    runner = rules.runner({"$User.lastname", "$User.IsActive", "$User.Nothing__c", "$Profile.Name"})

    assert runner.user == {"LastName": "User", "IsActive": True}
    assert runner.profile["Name"] == "System Administrator"
    assert runner.zone == "GMT"


def test_the_users_custom_permissions_are_read_where_a_rule_asks_for_one(
    side: Side, rules: SalesforceRules
) -> None:
    assert rules.runner({"$User.LastName"}).permissions is None
    assert "Bypass" not in (rules.runner({"$Permission.Bypass"}).permissions or ())

    side.sim("custom_permissions", {"name": "Bypass"})
    side.sim("custom_permissions", {"name": "Of_A_Person", "user_id": side.ask("users")["person"]})

    held = rules.runner({"$Permission.Bypass"}).permissions
    assert held is not None
    assert "Bypass" in held
    assert "Of_A_Person" not in held


def test_a_rule_spares_who_holds_its_permission(side: Side) -> None:
    side.sim(
        "validation_rules",
        {
            "entity": "Contact",
            "name": "Spared",
            "message": "No.",
            "formula": 'AND(FirstName = "Spared", NOT($Permission.Spares))',
        },
    )
    [made] = side.create("spared")
    [refused] = side.gateway.write([side.update("spared", made, first="Spared")])
    side.sim("custom_permissions", {"name": "Spares"})
    [taken] = side.gateway.write([side.update("spared", made, first="Spared")])

    assert (refused.outcome.value, taken.outcome.value) == ("rejected", "delivered")


def test_a_user_who_may_not_read_rules_is_told_so(side: Side, rules: SalesforceRules) -> None:
    side.sim("permissions", {"object": "ValidationRule", "access": "none"})
    with pytest.raises(Misconfigured, match="INVALID_TYPE"):
        rules.rules("Lead", {})
    side.sim("permissions", {"object": "ValidationRule", "access": "edit"})


def test_the_options_of_a_dependent_picklist_say_what_they_go_with(side: Side) -> None:
    countries = [{"fullName": f"C{number}"} for number in range(12)]
    plain = {"type": "Picklist", "valueSet": {"valueSetDefinition": {"value": countries}}}
    side.sim("fields", {"FullName": "Contact.Land__c", "Metadata": plain})
    states = [{"fullName": "North"}, {"fullName": "South"}]
    dependent = {
        "valueSetDefinition": {"value": states},
        "controllingField": "Land__c",
        "valueSettings": [
            {"valueName": "North", "controllingFieldValue": ["C0", "C9"]},
            {"valueName": "South", "controllingFieldValue": ["C11"]},
        ],
    }
    side.sim(
        "fields", {"FullName": "Contact.Part__c", "Metadata": {"type": "Picklist", "valueSet": dependent}}
    )
    box = {**dependent, "controllingField": "DoNotCall"}
    box["valueSettings"] = [{"valueName": "North", "controllingFieldValue": ["true"]}]
    side.sim("fields", {"FullName": "Contact.Box__c", "Metadata": {"type": "Picklist", "valueSet": box}})

    fields = side.gateway.describe("Contact").fields

    assert fields["Part__c"].controller == "Land__c"
    goes_with = {option.value: option.valid_for for option in fields["Part__c"].options}
    assert goes_with == {"North": ("C0", "C9"), "South": ("C11",)}
    assert [option.valid_for for option in fields["Box__c"].options] == [("true",), ()]
    assert fields["Land__c"].controller is None


def test_what_a_new_record_gets_by_itself_is_told_from_what_only_the_org_knows(side: Side) -> None:
    fields = side.gateway.describe("Lead").fields

    assert fields["Status"].default
    assert fields["IsConverted"].default == "false"
    assert [name for name in ("Id", "OwnerId", "Name", "CreatedDate") if not fields[name].self_filled] == []
    assert not fields["City"].self_filled
    assert fields["City"].default is None
