"""The demo's last chapter: who may sync at all, as HubSpot's own help pages tell it."""

from domain.reasons import Reason
from workers import requests, views
from workers.cli.playground import CHOSEN, CONFIGURATION, list_of
from workers.cli.story import Step, Story
from workers.jobs import Jobs

MEMBERS = 3
CHOICE = CONFIGURATION.replace("Sync to Salesforce", CHOSEN)
NOTHING_NEW = CHOICE.replace(
    "  create_as: lead\n", "  create_as: lead\n  when_salesforce_record_created: do_nothing\n"
)


def new_lead(story: Story) -> str:
    lead = {"LastName": "Noether", "Company": "Göttingen", "Email": "emmy@example.com"}
    created = story.salesforce.people("create", object="Lead", properties=lead)
    story.expect(story.contact_has("emmy@example.com", lastname="Noether"), "the contact")
    story.calm()
    story.salesforce.people("edit", object="Lead", id=created["id"], properties={"City": "Erlangen"})
    story.expect(story.decided("emmy@example.com", Reason.NOT_IN_INCLUSION_LIST), "the decision")
    contact = story.hubspot.contact("emmy@example.com")
    assert contact is not None
    assert contact["city"] is None, "an edit of somebody who is not on the list arrived"
    return "created once; her next edit waits for the list"


def choose_a_list(story: Story) -> str:
    people = [f"friend{number}@house.example" for number in range(MEMBERS)]
    for email in people:
        story.person(email, lastname="Friend", company="House", lifecyclestage="subscriber")
    for email in people:
        story.expect(story.decided(email, Reason.NOT_IN_INCLUSION_LIST), "the decision")
    filters = (
        {"property": "company", "operator": "IS_EQUAL_TO", "value": "House"},
        {"property": "email", "operator": "ENDS_WITH", "value": "@import.example"},
    )
    story.hubspot.make_list(list_of(CHOSEN, *filters))
    story.calm()
    before = story.writes()
    story.playground.configure(CHOICE)
    story.expect(lambda: _members(story) == MEMBERS, "the members to be counted", 60)
    story.calm()
    assert story.writes() == before, "choosing a list has written"
    assert story.salesforce.lead(people[0]) is None
    return f"{MEMBERS} members counted, 0 writes"


def _members(story: Story) -> int:
    [found] = views.inclusion(story.playground.link.lane)
    return -1 if found.uncounted else found.members


def resync_a_list(story: Story) -> str:
    lane, definition = (
        story.playground.link.lane,
        story.playground.link.accounts.lists.list_definition(CHOSEN),
    )
    job = requests.start_job(lane, "list", "demo", list_id=str(definition["listId"]), object_name="contacts")
    _finished(story, job)
    for number in range(MEMBERS):
        story.expect(story.lead_has(f"friend{number}@house.example", Company="House"), "a lead")
    return f"{MEMBERS} members, {MEMBERS} leads"


def import_leads(story: Story) -> str:
    story.playground.configure(NOTHING_NEW)
    people = {"ida@import.example": "Rhodes", "joan@example.com": "Clarke", "IDA@import.example": "Twin"}
    for email, name in people.items():
        lead = {"LastName": name, "Company": "Old", "Email": email, "City": "Bletchley"}
        story.salesforce.people("create", object="Lead", properties=lead)
    lane = story.playground.link.lane
    story.expect(lambda: len(views.find(lane, "joan@example.com")) == 1, "the leads", 60)
    story.calm()
    assert story.hubspot.contact("joan@example.com") is None
    _finished(story, requests.start_import(lane, "demo", ["Lead"], "Company = 'Old'"))
    story.expect(story.contact_has("ida@import.example", city="Bletchley"), "the full contact", 60)
    story.expect(lambda: story.hubspot.contact("joan@example.com"), "the contact", 60)
    story.calm()
    stranger = story.hubspot.contact("joan@example.com")
    assert stranger is not None
    assert (stranger["lastname"], stranger["city"]) == (None, None), "more than the address arrived"
    story.playground.configure(CONFIGURATION)
    return "one address, one contact; on the list: all fields; not on it: the address alone"


def _finished(story: Story, job_id: str) -> None:
    """Wait until a job has asked for everybody, and nothing is left to do."""

    def is_finished() -> bool:
        [job] = [each for each in Jobs(story.playground.link.lane).all() if each.id == job_id]
        assert not job.failed, f"the job failed: {job.failed}"
        return job.finished

    story.expect(is_finished, "the job", 60)
    story.calm()


LIST_STEPS = (
    Step("A new Salesforce lead comes to HubSpot though not on the list, then waits", new_lead),
    Step("Another list is chosen, and nobody is synced by that", choose_a_list),
    Step("The list is resynced: its members come to Salesforce", resync_a_list),
    Step("Leads are imported: the address first, the rest for who is on the list", import_leads),
)
