"""Who is who, through both CRMs' own interfaces: conversion, duplicates, merges, restores, privacy."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from domain.book import Table, decode
from domain.identity import Crm
from domain.state import Contact
from tests.scenarios.conftest import installed
from workers.cli.main import main
from workers.cli.playground import CONFIGURATION
from workers.cli.story import Story
from workers.views import DuplicateView, duplicate_cases, orphan_cases

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(240)]

SETTINGS = (
    "  create_as: lead\n"
    "  when_salesforce_record_deleted: {Lead: do_nothing, Contact: delete_in_hubspot}\n"
    "  when_salesforce_records_merged: merge_in_hubspot\n"
)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    configuration = CONFIGURATION.replace("  create_as: lead\n", SETTINGS)
    with installed(tmp_path_factory.mktemp("identity"), configuration) as playground:
        playground.set_up()
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready()
        yield Story(playground)


def enter(story: Story, email: str, **more: str) -> tuple[str, str]:
    """A person in both CRMs; gives the ids of contact and lead."""
    story.person(email, lastname="Okafor", lifecyclestage="customer", **more)
    lead = story.expect(lambda: story.salesforce.lead(email), "a lead")
    story.calm()
    contact = story.hubspot.contact(email)
    assert contact is not None
    return str(contact["id"]), str(lead["Id"])


def known(story: Story, record: str) -> Contact:
    """The contact of a record, as the tables have it."""
    raw = story.tables().fetch(Table.CONTACTS, [story.entity(record)])[0]
    assert raw is not None
    found: Contact = decode(Table.CONTACTS, raw)
    return found


def purge(story: Story, contact: str) -> None:
    """Somebody deletes a contact for privacy, by an app of his own."""
    address = f"{story.hubspot.url}/crm/v3/objects/contacts/gdpr-delete"
    response = requests.post(address, json={"objectId": contact}, headers=story.hubspot.headers, timeout=10)
    response.raise_for_status()


def crmsync(story: Story, *arguments: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(main, arguments, obj=story.playground.runtime, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return str(result.output)


def sf_contact(story: Story, record_id: str) -> dict[str, Any]:
    fields = "Id, Email, LastName, MailingCity"
    [found] = story.salesforce.query(f"SELECT {fields} FROM Contact WHERE Id = '{record_id}'")  # noqa: S608 - our id
    return found


@pytest.mark.rule(55)
def test_a_converted_lead_goes_on_as_its_contact_and_is_no_deletion(story: Story) -> None:
    email = "converted@example.com"
    contact, lead = enter(story, email)

    heir = story.salesforce.people("convert", id=lead)["contactId"]
    story.expect(
        lambda: known(story, f"hubspot/contacts/{contact}").pair[Crm.SALESFORCE].endswith(heir), "the heir"
    )
    story.calm()
    story.edit(email, city="Graz")

    story.expect(lambda: sf_contact(story, heir)["MailingCity"] == "Graz", "the edit in the contact")
    story.calm()
    assert story.hubspot.contact(email) is not None


@pytest.mark.rule(114)
def test_the_deletion_of_a_lead_and_that_of_a_contact_follow_their_own_settings(story: Story) -> None:
    kept, lost = "lead-gone@example.com", "contact-gone@example.com"
    _, lead = enter(story, kept)
    _, converted = enter(story, lost)
    heir = story.salesforce.people("convert", id=converted)["contactId"]
    story.expect(lambda: story.entity(f"salesforce/Contact/{heir}"), "the heir")
    story.calm()

    story.salesforce.people("delete", object="Lead", id=lead)
    story.salesforce.people("delete", object="Contact", id=heir)

    story.expect(lambda: story.hubspot.contact(lost) is None, "the contact is gone")
    story.expect(
        lambda: f"salesforce/Lead/{lead}" in {each.lost for each in orphan_cases(story.playground.link.lane)},
        "an orphan",
    )
    assert story.hubspot.contact(kept) is not None
    assert lead in crmsync(story, "orphans", "list", "--json")

    story.salesforce.people("undelete", object="Lead", id=lead)
    story.expect(lambda: not orphan_cases_of(story, kept), "no orphan any more")
    story.calm()
    story.edit(kept, city="Linz")
    story.expect(story.lead_has(kept, City="Linz"), "the edit in the restored lead")


def orphan_cases_of(story: Story, email: str) -> list[str]:
    contact = story.hubspot.contact(email)
    assert contact is not None
    entity = story.entity(f"hubspot/contacts/{contact['id']}")
    return [each.lost for each in orphan_cases(story.playground.link.lane) if each.entity == entity]


def duplicates_of(story: Story, contact: str) -> list[DuplicateView]:
    entity = story.entity(f"hubspot/contacts/{contact}")
    return [each for each in duplicate_cases(story.playground.link.lane) if each.entity == entity]


@pytest.mark.rule(48)
def test_a_second_lead_is_listed_until_somebody_chooses(story: Story) -> None:
    email = "twice@example.com"
    contact, lead = enter(story, email, city="Graz")
    fields = {"Email": email, "LastName": "Okafor", "Company": "Twice", "City": "Wien"}
    other = story.salesforce.people("create", object="Lead", properties=fields)["id"]

    [case] = story.expect(
        lambda: [each for each in duplicate_cases(story.playground.link.lane) if contact in each.entity],
        "a case",
    )
    assert case.records == [f"salesforce/Lead/{lead}", f"salesforce/Lead/{other}"]
    story.calm()
    assert story.contact_has(email, city="Graz")()
    assert other in crmsync(story, "duplicates", "list", "--json")

    crmsync(story, "duplicates", "link", email, other)
    story.expect(story.contact_has(email, city="Wien"), "the values of the chosen lead")
    story.salesforce.people("merge", object="Lead", ids=[other, lead])
    story.expect(lambda: not duplicates_of(story, contact), "the case is over")
    story.calm()
    assert known(story, f"hubspot/contacts/{contact}").pair[Crm.SALESFORCE] == f"salesforce/Lead/{other}"


def test_a_merge_in_salesforce_is_repeated_in_hubspot(story: Story) -> None:
    winner, loser = "winner@example.com", "loser@example.com"
    _, ada = enter(story, winner)
    contact, bob = enter(story, loser, phone="+43 1 555")

    story.salesforce.people("merge", object="Lead", ids=[ada, bob])

    def merged() -> bool:
        one, other = story.hubspot.contact(winner), story.hubspot.contact(loser)
        return one is not None and other is not None and one["id"] == other["id"]

    story.expect(merged, "one contact in HubSpot")
    story.calm()
    whole = story.hubspot.contact(winner)
    assert whole is not None
    pair = known(story, f"hubspot/contacts/{contact}").pair
    assert pair == {Crm.HUBSPOT: f"hubspot/contacts/{whole['id']}", Crm.SALESFORCE: f"salesforce/Lead/{ada}"}


@pytest.mark.rule(117)
def test_a_merge_in_hubspot_is_followed_and_leaves_the_other_lead_as_a_duplicate(story: Story) -> None:
    first, second = "first@example.com", "second@example.com"
    ada, lead = enter(story, first)
    bob, other = enter(story, second)

    whole = story.hubspot.people("merge", object="contacts", ids=[ada, bob])["id"]
    story.expect(lambda: story.entity(f"hubspot/contacts/{whole}"), "the survivor")
    story.calm()
    story.edit(first, city="Graz")

    story.expect(story.lead_has(first, City="Graz"), "the edit in the linked lead")
    story.calm()
    found = known(story, f"hubspot/contacts/{whole}")
    assert found.pair[Crm.SALESFORCE] == f"salesforce/Lead/{lead}"
    assert f"salesforce/Lead/{other}" in found.records


def test_a_privacy_deletion_forgets_a_person_and_does_not_take_him_in_again(story: Story) -> None:
    email = "forgotten@example.com"
    contact, lead = enter(story, email, city="Eisenstadt")
    entity = story.entity(f"hubspot/contacts/{contact}")

    purge(story, contact)
    story.expect(lambda: known(story, f"hubspot/contacts/{contact}").erased, "he is erased")
    story.salesforce.people("edit", object="Lead", id=lead, properties={"City": "Rust"})
    story.calm()

    assert story.hubspot.contact(email) is None
    shown = "".join(crmsync(story, "contact", what, entity, "--json") for what in ("show", "history"))
    assert not [value for value in (email, "Eisenstadt", "Rust", "Okafor") if value in shown]
