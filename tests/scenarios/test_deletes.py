"""A lead that is deleted in Salesforce takes its HubSpot contact along, through both CRMs' own interfaces."""

from collections.abc import Iterator

import pytest

from domain.events import DeliveryClaimed
from domain.reasons import Reason
from domain.upcasting import decode
from tests.scenarios.conftest import installed
from workers.cli.playground import CONFIGURATION, Playground
from workers.cli.story import Story
from workers.store import START

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(120)]

DELETING = CONFIGURATION.replace(
    "  create_as: lead\n", "  create_as: lead\n  when_salesforce_record_deleted: delete_in_hubspot\n"
)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed(tmp_path_factory.mktemp("deleting"), DELETING) as playground:
        playground.set_up()
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready()
        yield Story(playground)


def linked(story: Story, email: str) -> str:
    """A person in both CRMs; gives the lead's id."""
    story.person(email, lastname="Okafor", lifecyclestage="customer")
    lead = story.expect(lambda: story.salesforce.lead(email), "a lead")
    story.calm()
    return str(lead["Id"])


def deletions(playground: Playground) -> list[str | None]:
    """The records whose deletion was claimed, in order."""
    events = (decode(entry.raw) for entry in playground.link.lane.log.read(START, 10_000))
    return [each.record_id for each in events if isinstance(each, DeliveryClaimed) and each.delete]


def test_the_contact_goes_with_its_lead_once(story: Story) -> None:
    email = "gone@example.com"
    lead = linked(story, email)
    contact = story.hubspot.contact(email)
    assert contact is not None

    story.salesforce.people("delete", object="Lead", id=lead)

    story.expect(lambda: story.hubspot.contact(email) is None, "the contact is gone")
    story.calm()
    assert story.decisions_of(f"hubspot/contacts/{contact['id']}")[-1].reason is Reason.DELIVERED
    assert deletions(story.playground).count(contact["id"]) == 1


def test_a_contact_outside_the_list_stays(story: Story) -> None:
    email = "stays@example.com"
    lead = linked(story, email)
    story.edit(email, lifecyclestage="")
    contact = story.hubspot.contact(email)
    assert contact is not None
    record = f"hubspot/contacts/{contact['id']}"

    story.salesforce.people("delete", object="Lead", id=lead)

    closed = story.expect(
        lambda: [each for each in story.decisions_of(record) if each.reason is Reason.RECORD_DELETED],
        "a decision",
    )
    assert "kept in HubSpot" in closed[-1].explanation
    assert story.hubspot.contact(email) is not None
