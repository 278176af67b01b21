"""What HubSpot's help pages say of lists, triggers and records that do not sync, through both interfaces.

Further rules of theirs are steps of the story: a new lead that is not on the list, choosing a list,
resyncing one, and importing. The fifteen-minute check stands in ``test_late_input``.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from domain.reasons import Reason
from tests.scenarios.conftest import installed
from workers.cli.main import main
from workers.cli.playground import CONFIGURATION, Playground
from workers.cli.story import ON_LIST, Story

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

OFF_LIST = {"lifecyclestage": "subscriber"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed(tmp_path_factory.mktemp("help")) as playground:
        playground.set_up()
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready()
        yield Story(playground)


def type_in(playground: Playground, *arguments: str, code: int = 0) -> str:
    """Type a command beside the running fleet."""
    result = CliRunner().invoke(main, arguments, obj=playground.runtime)
    assert result.exit_code == code, result.output
    return str(result.output)


def explained(story: Story, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(type_in(story.playground, "contact", "explain", name, "--json"))
    return told


def triggers(story: Story, email: str) -> set[str]:
    """What has started decisions about a contact."""
    return {each.trigger for each in story.decisions(email)}


def synced(story: Story, email: str) -> None:
    """Somebody on the list, in both CRMs and in agreement."""
    story.person(email, lastname="Lovelace", city="London", **ON_LIST)
    story.expect(story.lead_has(email, City="London"), "the lead")
    story.calm()


@pytest.mark.rule(22)
@pytest.mark.rule(27)
@pytest.mark.rule(29)
def test_who_leaves_the_list_is_frozen_on_both_sides_and_goes_on_when_he_comes_back(story: Story) -> None:
    email = "leaver@example.com"
    synced(story, email)

    story.edit(email, lifecyclestage="")
    story.expect(lambda: explained(story, email)["inclusion"]["member"] is False, "him to have left")
    story.edit(email, city="Paris")
    story.expect(story.decided(email, Reason.NOT_IN_INCLUSION_LIST), "the decision about HubSpot's edit")
    before = len(story.decisions(email))
    story.edit_lead(email, Phone="123")
    story.expect(lambda: len(story.decisions(email)) > before, "the decision about Salesforce's edit")
    story.calm()
    assert story.lead_has(email, City="London")()
    assert not story.contact_has(email, phone="123")()

    story.edit(email, **ON_LIST)
    story.expect(story.lead_has(email, City="Paris"), "HubSpot's edit in Salesforce")
    story.expect(story.contact_has(email, phone="123"), "Salesforce's edit in HubSpot")


@pytest.mark.rule(9)
def test_joining_the_list_is_what_syncs_a_new_contact(story: Story) -> None:
    email = "joiner@example.com"
    story.person(email, lastname="Joiner", **OFF_LIST)
    story.expect(story.decided(email, Reason.NOT_IN_INCLUSION_LIST), "the decision")
    story.edit(email, **ON_LIST)
    story.expect(lambda: story.salesforce.lead(email), "the lead")
    story.calm()
    assert "joined_list" in triggers(story, email)


@pytest.mark.rule(10)
def test_a_form_submission_syncs_though_no_mapped_value_changed(story: Story) -> None:
    email = "form@example.com"
    synced(story, email)
    form = f"{story.hubspot.url}/submissions/v3/integration/submit/44512002/newsletter"
    fields = [{"name": "email", "value": email}, {"name": "zip", "value": "1010"}]
    requests.post(form, json={"fields": fields}, timeout=10).raise_for_status()
    story.expect(
        lambda: "form_submission" in {each.trigger for each in story.decisions(email)}, "the decision"
    )


@pytest.mark.rule(31)
@pytest.mark.rule(32)
@pytest.mark.rule(122)
def test_the_three_reasons_for_not_syncing_are_shown_with_what_to_do(story: Story) -> None:
    story.person("listed@example.com", lastname="Listed", **OFF_LIST)
    nobody = story.hubspot.people("create", object="contacts", properties={"lastname": "N", **ON_LIST})
    rule = {"entity": "Lead", "name": "No_Atlantis", "formula": 'City = "Atlantis"', "display_field": "City"}
    story.salesforce.people("validation_rules", **rule, message="We do not deliver to Atlantis.")
    story.person("refused@example.com", lastname="Refused", city="Atlantis", **ON_LIST)

    shown = {
        "no_email": nobody["id"],
        "not_in_inclusion_list": "listed@example.com",
        "rejected": "refused@example.com",
    }
    for reason, name in shown.items():
        found = story.expect(partial(_ended, story, name, reason), reason)
        assert found["remedies"], found
    assert "We do not deliver to Atlantis." in explained(story, "refused@example.com")["why"]
    story.salesforce.forget_rules()


def _ended(story: Story, name: str, reason: str) -> dict[str, Any] | None:
    """What is said of a contact, once it has ended as expected."""
    result = CliRunner().invoke(main, ["contact", "explain", name, "--json"], obj=story.playground.runtime)
    found: dict[str, Any] = json.loads(result.output) if result.exit_code == 0 else {}
    return found if found.get("code") == reason else None


@pytest.mark.rule(18)
def test_a_contact_is_synced_by_hand_from_what_both_crms_hold_now(story: Story) -> None:
    email = "byhand@example.com"
    synced(story, email)
    said = json.loads(type_in(story.playground, "sync", "contact", email, "--json"))
    assert said["decision"]["reason"] == "already_in_sync"
    assert said["decision"]["trigger"] == "manual"


@pytest.mark.rule(18)
def test_the_members_of_a_list_are_synced_by_hand(story: Story) -> None:
    email = "inlist@example.com"
    synced(story, email)

    def by_list() -> dict[str, Any] | None:
        said: dict[str, Any] = json.loads(
            type_in(story.playground, "sync", "list", "Sync to Salesforce", "--json")
        )
        return said if "list" in triggers(story, email) else None

    said = story.expect(by_list, "him to be synced once HubSpot counts him, which is late")
    assert said["finished"]
    assert said["done"] >= 1


@pytest.mark.rule(23)
def test_a_list_that_is_not_active_cannot_be_chosen(story: Story) -> None:
    playground = story.playground
    body = {"name": "By hand", "objectTypeId": "0-1", "processingType": "MANUAL"}
    story.hubspot.make_list(body)
    path = playground.runtime.file("acme")
    path.write_text(CONFIGURATION.replace("Sync to Salesforce", "By hand"))
    said = type_in(playground, "config", "apply", code=1)
    path.write_text(CONFIGURATION)
    assert "is static, and nobody ever joins it by himself. Choose an active list." in said
    assert "By hand" not in type_in(playground, "inclusion", "lists")
