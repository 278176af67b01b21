"""What would be refused is known before it is sent: Salesforce's validation rules, learned and enforced."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from domain.reasons import Reason
from domain.retry import AGAIN_MS
from domain.rules import sampled
from tests.scenarios.conftest import installed
from tests.scenarios.incidents import reproduced
from workers.cli.playground import CONFIGURATION
from workers.cli.story import Story
from workers.clock import ManualClock
from workers.control import Control

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(120)]

RULED = (
    CONFIGURATION.replace("domain: sim.my,", "domain: sim.my, validation_rules: {trust_after: 2},")
    .replace('  limit_sync: {inclusion_list: "Sync to Salesforce"}\n', "")
    .replace(
        "  field_mappings:\n",
        "  field_mappings:\n"
        "    - {hubspot: country, salesforce: {Lead: Land__c}, sync_rule: two_way}\n"
        "    - {hubspot: state, salesforce: {Lead: Part__c}, sync_rule: two_way}\n",
    )
)
MESSAGE = "We do not deliver to Atlantis."


def picklist(*values: str, **more: Any) -> dict[str, Any]:
    definition = {"value": [{"fullName": value} for value in values]}
    return {"type": "Picklist", "valueSet": {"valueSetDefinition": definition, **more}}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed(tmp_path_factory.mktemp("rules"), RULED) as playground:
        org = playground.salesforce
        rule = {"entity": "Lead", "message": MESSAGE, "display_field": "City"}
        org.people("validation_rules", **rule, name="No_Atlantis", formula='BEGINS(City, "Atlantis")')
        org.people(
            "validation_rules", **rule, name="Owners", formula='AND(City = "Lemuria", Owner.City = "Mu")'
        )
        org.people("fields", FullName="Lead.Land__c", Metadata=picklist("Austria", "USA"))
        goes_with = [
            {"valueName": "Tirol", "controllingFieldValue": ["Austria"]},
            {"valueName": "Texas", "controllingFieldValue": ["USA"]},
        ]
        dependent = picklist("Tirol", "Texas", controllingField="Land__c", valueSettings=goes_with)
        org.people("fields", FullName="Lead.Part__c", Metadata=dependent)
        playground.set_up()
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready()
        yield Story(playground)


def rules(story: Story) -> dict[str, dict[str, Any]]:
    """The rules as the API shows them, by name."""
    playground = story.playground
    answer = requests.get(
        f"{playground.urls['web']}/api/connections/acme/status",
        headers={"Authorization": f"Bearer {playground.token}"},
        timeout=10,
    )
    answer.raise_for_status()
    return {each["name"]: each for each in answer.json()["rules"]}


def test_a_rule_is_learned_from_refusals_and_then_stops_writes_by_itself(story: Story) -> None:
    for name in ("one", "two"):
        story.person(f"{name}@example.com", lastname="Learning", city="Atlantis")
        refused = story.expect(story.decided(f"{name}@example.com", Reason.REJECTED), "Salesforce's refusal")
        assert MESSAGE in refused.explanation
    story.expect(lambda: rules(story)["No_Atlantis"]["status"] == "enforced", "trust in the rule")

    email = "three@example.com"
    story.person(email, lastname="Enforced", city="Wien")
    story.expect(story.lead_has(email, City="Wien"), "the lead")
    story.calm()
    before, contact = story.writes(), story.hubspot.contact(email)
    assert contact is not None
    entity = story.entity(f"hubspot/contacts/{contact['id']}")
    cities = (f"Atlantis {number}" for number in range(100))
    story.edit(email, city=next(each for each in cities if not sampled(entity, {"City": each})))

    stopped = story.expect(story.decided(email, Reason.VALIDATION_RULE), "the rule's word")
    assert stopped.explanation == MESSAGE
    story.calm()
    assert story.writes() == before
    story.edit(email, city="Graz")
    story.expect(story.lead_has(email, City="Graz"), "the mended city")
    assert rules(story)["No_Atlantis"]["agreed"] == 2


def test_what_a_rule_makes_of_a_record_that_we_do_not_know_is_left_to_salesforce(story: Story) -> None:
    email = "four@example.com"
    story.person(email, lastname="Unknown", city="Lemuria")

    story.expect(story.lead_has(email, City="Lemuria"), "the lead")
    story.calm()
    found = rules(story)["Owners"]
    assert (found["status"], found["needs"]) == ("learning", ["Owner.City"])
    assert found["unknown"] >= 1


@pytest.mark.rule(126)
def test_an_error_that_has_healed_is_tried_again_by_itself(story: Story) -> None:
    email = "six@example.com"
    formula = 'AND(City = "Frozen", NOT($Permission.Thaw))'
    story.salesforce.people(
        "validation_rules", entity="Lead", name="Frozen", message="Frozen.", formula=formula
    )
    story.person(email, lastname="Healed", city="Frozen")
    story.expect(story.decided(email, Reason.REJECTED), "the refusal")
    story.calm()
    story.salesforce.people("custom_permissions", name="Thaw")
    lane = story.playground.link.lane

    later = replace(lane, clock=ManualClock(lane.clock.now_ms() + AGAIN_MS))
    assert Control(later).retries()

    story.expect(story.lead_has(email, City="Frozen"), "the lead")
    story.expect(lambda: story.decisions(email)[-1].trigger == "retry", "its decision")


def test_an_option_that_does_not_go_with_the_one_it_depends_on_is_held_and_the_rest_goes(
    story: Story,
) -> None:
    email = "five@example.com"
    story.person(email, lastname="Held", city="Linz", country="Austria", state="Texas")

    story.expect(story.lead_has(email, City="Linz"), "the lead")
    held = story.expect(lambda: [each.held for each in story.decisions(email) if each.held], "the decision")
    assert list(held[-1]) == ["Part__c"]
    assert "Land__c" in held[-1]["Part__c"]
    [lead] = story.salesforce.query("SELECT Land__c, Part__c FROM Lead WHERE LastName = 'Held'")
    assert (lead["Land__c"], lead["Part__c"]) == ("Austria", None)
    story.edit(email, state="Tirol")
    where = "SELECT Id FROM Lead WHERE LastName = 'Held' AND Part__c = 'Tirol'"
    story.expect(lambda: story.salesforce.query(where), "the option that goes with it")


def test_an_incident_is_reproduced_elsewhere_without_the_persons_name_and_address(
    story: Story, tmp_path: Path
) -> None:
    email = "ottokar@firma.example.com"
    story.person(email, firstname="Ottokar", lastname="Przemysl", phone="+43 1 58858", country="Austria")
    story.expect(story.lead_has(email, LastName="Przemysl"), "the lead")
    story.edit(email, state="Texas")
    story.expect(lambda: [each for each in story.decisions(email) if each.held], "the held option")
    story.calm()
    *_, decided = story.decisions(email)

    incident = reproduced(story.playground, email, tmp_path)
    found = incident.replayed["found"]["decisions"]
    assert incident.replayed["same"]
    assert incident.written["reason"] == incident.replayed["explanation"]["code"] == decided.reason
    assert list(found[decided.id]["held"]) == ["Part__c"]
    assert [*found] == [each.id for each in story.decisions(email)]
    assert incident.tells(email, "ottokar", "przemysl", "firma.example", "58858", "Landes") == []
    own = {each.lower() for each in story.playground.environment.values() if len(each) > 12}
    assert incident.tells(*(each for each in own if "/" not in each)) == []
