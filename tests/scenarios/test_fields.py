"""Owners, value maps, record types, opt-outs, routing and filters, through both CRMs' own interfaces."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from domain.reasons import Reason
from tests.scenarios.conftest import installed
from tests.scenarios.incidents import reproduced
from workers.cli.playground import Playground
from workers.cli.story import Story

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

REY, SAM = "41629779", "41629780"
"""Owners of the simulated portal: Rey Palmer is a user in Salesforce, Sam Okoye stands for a queue."""

CONFIGURATION = """\
connection: acme
salesforce: {login: client_credentials, domain: sim.my, api_call_limit: {per_day: 1000000}}
polling: {interval: 5s}
webhooks: {enabled: true}
contacts:
  create_as:
    - {when: 'CONTAINS(email, "@acme.com")', create: do_nothing}
    - {when: 'ISPICKVAL(lifecyclestage, "customer")', create: contact}
    - lead
  limit_sync:
    salesforce_filter: {Lead: 'City <> "Atlantis"'}
  defaults:
    Lead: {Company: "[not provided]", RecordTypeId: Partner}
  owners:
    table: {sam.okoye@example.com: Inbound}
  standard_mappings: true
  field_mappings:
    - {hubspot: jobtitle, salesforce: Title, sync_rule: two_way, too_long: cut}
    - hubspot: hs_lead_status
      salesforce: {Lead: Status}
      sync_rule: two_way
      values: {NEW: Open - Not Contacted, OPEN: Working - Contacted}
    - {hubspot: do_not_call, salesforce: DoNotCall, sync_rule: opt_out}
  computed_fields:
    - {salesforce: {Lead: Description}, formula: 'lastname & " of " & city'}
"""

LEAD = "Id, OwnerId, RecordTypeId, Status, Title, Description, Phone, City, DoNotCall"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed(tmp_path_factory.mktemp("fields"), CONFIGURATION) as playground:
        prepare(playground)
        playground.set_up()
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready()
        yield Story(playground)


def prepare(playground: Playground) -> None:
    """What administrators had set up: a user, a queue for leads, a record type, and a checkbox in HubSpot."""
    create = playground.salesforce.people
    user = {"LastName": "Palmer", "FirstName": "Rey", "Email": "rey.palmer@example.com", "IsActive": True}
    login = {"Username": "rey@acme.com", "Alias": "rey", "TimeZoneSidKey": "Europe/Berlin"}
    [known, *_] = playground.salesforce.query("SELECT ProfileId FROM User")
    login["ProfileId"] = known["ProfileId"]
    locale = {"LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US"}
    create("create", object="User", properties={**user, **login, **locale})
    queue = create("create", object="Group", properties={"Name": "Inbound", "Type": "Queue"})
    create("assignment_rules", entity="Lead", name="Inbound", owner_id=queue["id"])
    kind = {"Name": "Partner", "DeveloperName": "Partner", "SobjectType": "Lead", "IsActive": True}
    create("create", object="RecordType", properties=kind)

    box = {"name": "do_not_call", "label": "Do not call", "groupName": "contactinformation"}
    options = [
        {"label": text, "value": text, "displayOrder": at} for at, text in enumerate(("true", "false"))
    ]
    answer = requests.post(
        f"{playground.hubspot.url}/crm/v3/properties/contacts",
        json={**box, "type": "bool", "fieldType": "booleancheckbox", "options": options},
        headers=playground.hubspot.headers,
        timeout=10,
    )
    answer.raise_for_status()


def rows(story: Story, entity: str, email: str, fields: str) -> list[dict[str, Any]]:
    return story.salesforce.query(f"SELECT {fields} FROM {entity} WHERE Email = '{email}'")  # noqa: S608 - ours


def lead(story: Story, email: str) -> dict[str, Any]:
    """The one lead with an address, as soon as it is there."""
    story.expect(lambda: rows(story, "Lead", email, "Id"), "a lead")
    story.calm()
    [found] = rows(story, "Lead", email, LEAD)
    return found


def owner(story: Story, name: str, entity: str) -> str:
    return str(story.salesforce.query(f"SELECT Id FROM {entity} WHERE Name = '{name}'")[0]["Id"])  # noqa: S608 - ours


@pytest.mark.rule(93, 98)
def test_a_new_lead_has_its_owner_its_record_type_and_translated_values(story: Story) -> None:
    story.person(
        "ada@example.com",
        lastname="Byron",
        city="London",
        hubspot_owner_id=REY,
        hs_lead_status="OPEN",
        jobtitle="x" * 200,
        phone="1" * 60,
    )
    made = lead(story, "ada@example.com")

    assert made["OwnerId"] == owner(story, "Rey Palmer", "User")
    assert made["RecordTypeId"] == story.salesforce.query("SELECT Id FROM RecordType")[0]["Id"]
    assert made["Status"] == "Working - Contacted"
    assert made["Title"] == "x" * 128
    assert made["Description"] == "Byron of London"
    assert made["Phone"] is None
    [closed] = [each for each in story.decisions("ada@example.com") if "Phone" in each.held]
    assert "40" in closed.held["Phone"]


def test_what_was_translated_does_not_come_back_and_edits_do(story: Story) -> None:
    email = "ann@example.com"
    story.person(email, lastname="Lee", city="London", hs_lead_status="OPEN", jobtitle="x" * 200)
    lead(story, email)
    status = {"Status": "Open - Not Contacted", "City": "Bonn"}
    story.salesforce.people("edit", object="Lead", email=email, properties=status)

    def arrived() -> bool:
        found = story.hubspot.contact(email, "hs_lead_status")
        return found is not None and found["hs_lead_status"] == "NEW"

    story.expect(arrived, "the status in HubSpot's words")
    story.expect(lambda: lead(story, email)["Description"] == "Lee of Bonn", "the computed description")
    assert story.contact_has(email, jobtitle="x" * 200, city="Bonn")()
    assert lead(story, email)["Title"] == "x" * 128


@pytest.mark.rule(93, 95)
def test_without_an_owner_the_assignment_rules_choose_and_hubspot_is_told(story: Story) -> None:
    story.person("bob@example.com", lastname="Ray")
    assert lead(story, "bob@example.com")["OwnerId"] == owner(story, "Inbound", "Group")

    def told() -> bool:
        found = story.hubspot.contact("bob@example.com", "hubspot_owner_id")
        return found is not None and found["hubspot_owner_id"] == SAM

    story.expect(told, "the owner that stands for the queue")


@pytest.mark.rule(39)
def test_rules_say_who_becomes_what(story: Story) -> None:
    story.person("cy@example.com", lastname="Poe", lifecyclestage="customer")
    story.person("me@acme.com", lastname="Me", lifecyclestage="customer")
    story.expect(lambda: rows(story, "Contact", "cy@example.com", "Id"), "a contact")
    closed = story.expect(story.decided("me@acme.com", Reason.CREATION_OFF), "a decision")
    assert "CONTAINS" in closed.explanation
    assert not rows(story, "Lead", "cy@example.com", "Id")
    assert not rows(story, "Contact", "me@acme.com", "Id")


@pytest.mark.rule(35)
def test_a_lead_that_fails_the_filter_does_not_come_to_hubspot_until_it_passes(story: Story) -> None:
    fields = {"LastName": "Deep", "Company": "Reef", "Email": "deep@example.com", "City": "Atlantis"}
    made = story.salesforce.people("create", object="Lead", properties=fields)
    record = f"salesforce/Lead/{made['id']}"
    story.expect(
        lambda: any(each.reason is Reason.SALESFORCE_FILTER for each in story.decisions_of(record)),
        "a decision",
    )
    assert story.hubspot.contact("deep@example.com") is None

    story.salesforce.people("edit", object="Lead", id=made["id"], properties={"City": "Athens"})
    story.expect(story.contact_has("deep@example.com", city="Athens"), "the contact")


@pytest.mark.rule(68)
def test_an_opt_out_stands(story: Story) -> None:
    story.person("eve@example.com", lastname="Ohm")
    lead(story, "eve@example.com")
    story.edit("eve@example.com", do_not_call="true")
    story.expect(lambda: lead(story, "eve@example.com")["DoNotCall"], "the opt-out in Salesforce")

    story.edit_lead("eve@example.com", DoNotCall="false", City="Graz")
    story.expect(story.contact_has("eve@example.com", city="Graz"), "the edit that came with it")
    story.calm()
    contact = story.hubspot.contact("eve@example.com", "do_not_call")
    assert contact is not None
    assert contact["do_not_call"] == "true"


@pytest.mark.rule(68)
def test_whoever_opts_out_in_salesforce_is_unsubscribed_in_hubspot_and_never_subscribed_again(
    story: Story,
) -> None:
    story.person("ivy@example.com", lastname="Sea")
    lead(story, "ivy@example.com")
    story.edit_lead("ivy@example.com", HasOptedOutOfEmail="true", City="Linz")
    story.expect(story.contact_has("ivy@example.com", city="Linz", hs_email_optout="true"), "the opt-out")

    fields = {"LastName": "Fox", "Company": "Den", "Email": "fox@example.com", "HasOptedOutOfEmail": "true"}
    story.salesforce.people("create", object="Lead", properties=fields)
    story.expect(story.contact_has("fox@example.com", hs_email_optout="true"), "the new person's opt-out")

    story.edit_lead("ivy@example.com", HasOptedOutOfEmail="false", City="Wels")
    story.expect(story.contact_has("ivy@example.com", city="Wels", hs_email_optout="true"), "the edit")
    story.calm()
    assert "hs_email_optout" in story.decisions("fox@example.com")[-1].wrote["hubspot"]


def test_owners_values_formulas_and_cut_texts_are_reproduced_elsewhere(story: Story, tmp_path: Path) -> None:
    email = "zora@example.com"
    story.person(
        email,
        lastname="Zeta",
        firstname="Zoraida",
        city="London",
        hubspot_owner_id=REY,
        hs_lead_status="OPEN",
        jobtitle="surveyor " * 20,
        phone="1" * 60,
    )
    lead(story, email)
    status = {"Status": "Open - Not Contacted", "City": "Bonn"}
    story.salesforce.people("edit", object="Lead", email=email, properties=status)
    story.expect(story.contact_has(email, city="Bonn"), "the edit in HubSpot")
    story.calm()

    incident = reproduced(story.playground, email, tmp_path)
    assert incident.replayed["same"]
    stays = {(each["object"], each["field"]) for each in incident.written["unmasked"]}
    assert {
        ("contacts", "email"),
        ("contacts", "lastname"),
        ("Lead", "City"),
        ("Lead", "Description"),
    } <= stays
    assert not {("contacts", "firstname"), ("contacts", "phone"), ("contacts", "jobtitle")} & stays
    assert incident.tells("zoraida", "surveyor", "1" * 12, "rey.palmer", "okoye") == []
