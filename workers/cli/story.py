"""The demo's story: what a sync must bear, step by step, each checked through the CRMs' own APIs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from domain.book import Table, decode, decode_closed
from domain.identity import Crm
from domain.reasons import Reason
from domain.state import Closed, Contact
from workers import requests
from workers.cli.playground import Playground

ON_LIST = {"lifecyclestage": "marketingqualifiedlead"}
BURST = 10
MANY = 2_000


class Step(NamedTuple):
    """One step of the story."""

    title: str
    play: Callable[["Story"], str]  #: returns what was seen, for the table


@dataclass
class Story:
    """Plays the steps on a running playground."""

    playground: Playground
    many: int = MANY  #: people in a crowd

    def __post_init__(self) -> None:
        self.hubspot, self.salesforce = self.playground.hubspot, self.playground.salesforce
        self.tables = self.playground.link.lane.tables

    # -- words of the story

    def person(self, email: str, **properties: str) -> None:
        """A marketer enters somebody in HubSpot."""
        self.hubspot.people("create", object="contacts", properties={"email": email, **properties})

    def edit(self, email: str, **properties: str) -> None:
        """A marketer edits a contact in HubSpot."""
        self.hubspot.people("edit", object="contacts", email=email, properties=properties)

    def edit_lead(self, email: str, **fields: str) -> None:
        """A seller edits a lead in Salesforce."""
        lead = self.expect(lambda: self.salesforce.lead(email), "a lead")
        self.salesforce.people("edit", object="Lead", id=lead["Id"], properties=fields)

    def expect(self, what: Callable[[], Any], name: str, seconds: float = 30) -> Any:
        """Wait until something is so; fail in words if it does not come about."""
        try:
            return self.playground.wait_for(what, seconds)
        except TimeoutError:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {name}") from None

    def lead_has(self, email: str, **fields: str) -> Callable[[], bool]:
        def look() -> bool:
            lead = self.salesforce.lead(email)
            return lead is not None and all(lead[name] == value for name, value in fields.items())

        return look

    def contact_has(self, email: str, **properties: str) -> Callable[[], bool]:
        def look() -> bool:
            contact = self.hubspot.contact(email, *properties)
            return contact is not None and all(contact[name] == value for name, value in properties.items())

        return look

    def calm(self, seconds: float = 60) -> None:
        """Wait until the engine has nothing left to do."""
        self.expect(self.playground.quiet, "quiet", seconds)

    def writes(self) -> tuple[int, int]:
        """Calls that wrote, as each CRM counted them: (HubSpot, Salesforce)."""
        return _writes(self.hubspot.panel("counters")), _writes(self.salesforce.panel("counters"))

    def decisions(self, email: str) -> list[Closed]:
        """What was decided about a HubSpot contact."""
        contact = self.hubspot.contact(email)
        assert contact is not None
        return self.decisions_of(f"hubspot/contacts/{contact['id']}")

    def decisions_of(self, record: str) -> list[Closed]:
        """What was decided about the contact of a record."""
        return [decode_closed(each) for each in self.tables().decisions(self.entity(record), 50)]

    def entity(self, record: str) -> str:
        """The contact of a record; empty if the engine does not know it."""
        raw = self.tables().fetch(Table.REFS, [record])[0]
        return decode(Table.REFS, raw) if raw else ""

    def knows(self, email: str, crm: Crm, **values: str) -> Callable[[], bool]:
        """Whether the engine has seen these values of a HubSpot contact or its partner."""

        def look() -> bool:
            contact = self.hubspot.contact(email)
            entity = self.entity(f"hubspot/contacts/{contact['id']}") if contact else ""
            raw = self.tables().fetch(Table.CONTACTS, [entity])[0]
            if raw is None:
                return False
            known: Contact = decode(Table.CONTACTS, raw)
            return crm in known.pair and values.items() <= known.records[known.pair[crm]].values.items()

        return look

    def decided(self, email: str, reason: Reason) -> Callable[[], Closed | None]:
        """Looks for a decision that ended for a reason."""
        return lambda: next((each for each in reversed(self.decisions(email)) if each.reason is reason), None)

    @contextmanager
    def fault(self, crm: Any, **rule: Any) -> Iterator[None]:
        """A CRM misbehaves for a while."""
        crm.fault(**rule)
        try:
            yield
        finally:
            crm.heal()


def _writes(counters: dict[str, Any]) -> int:
    return sum(
        number
        for route, statuses in counters["calls"].items()
        if any(word in route for word in ("batch/update", "batch/upsert", "PATCH", "composite/sobjects"))
        for number in ([statuses] if isinstance(statuses, int) else statuses.values())
    )


# -- the steps


def new_contact(story: Story) -> str:
    story.person("ada@example.com", firstname="Ada", lastname="Byron", city="London", **ON_LIST)
    lead = story.expect(lambda: story.salesforce.lead("ada@example.com"), "the lead")
    assert (lead["LastName"], lead["City"]) == ("Byron", "London")
    return "one lead, all fields"


def edit_and_echo(story: Story) -> str:
    story.calm()
    story.edit_lead("ada@example.com", City="Bonn")
    story.expect(story.contact_has("ada@example.com", city="Bonn"), "the new city in HubSpot")
    story.calm()
    before = story.writes()
    story.playground.clock.sleep(2)
    story.calm()
    assert story.writes() == before, "an echo was answered"
    return "arrived; no write answered the echo"


def burst(story: Story) -> str:
    story.calm()
    before = story.writes()[1]
    with paused(story):
        for number in range(BURST):
            story.edit("ada@example.com", phone=f"+49 30 10{number}")
        story.expect(story.knows("ada@example.com", Crm.HUBSPOT, phone=f"+49 30 10{BURST - 1}"), "the edits")
    story.expect(story.lead_has("ada@example.com", Phone=f"+49 30 10{BURST - 1}"), "the last phone number")
    story.calm()
    calls = story.writes()[1] - before
    assert calls == 1, f"{calls} calls"
    return f"{BURST} edits, {calls} write"


@contextmanager
def paused(story: Story) -> Iterator[None]:
    """Writing is paused, as by an operator."""
    lane = story.playground.link.lane
    requests.pause(lane, "demo", "")
    story.expect(lambda: lane.state().paused, "the pause")
    try:
        yield
    finally:
        requests.resume(lane, "demo")


def in_both_before(story: Story) -> str:
    story.edit("grace@example.com", city="Arlington")
    story.expect(story.lead_has("grace@example.com", City="Arlington"), "the city in Salesforce")
    story.calm()
    assert story.salesforce.lead("grace@example.com") is not None
    return "linked, no duplicate"


def outside_the_list(story: Story) -> str:
    story.person("alan@example.com", firstname="Alan", lastname="Turing", lifecyclestage="subscriber")
    skipped = story.expect(story.decided("alan@example.com", Reason.NOT_IN_INCLUSION_LIST), "the decision")
    assert story.salesforce.lead("alan@example.com") is None
    story.edit("alan@example.com", **ON_LIST)
    story.expect(lambda: story.salesforce.lead("alan@example.com"), "the lead")
    return f"skipped: {skipped.explanation}; joined, then synced"


def conflict(story: Story) -> str:
    story.calm()
    with paused(story):
        story.edit("ada@example.com", jobtitle="Countess")
        story.edit_lead("ada@example.com", Title="Programmer")
        story.expect(story.knows("ada@example.com", Crm.HUBSPOT, jobtitle="Countess"), "HubSpot's edit")
        story.expect(story.knows("ada@example.com", Crm.SALESFORCE, Title="Programmer"), "Salesforce's edit")
    story.expect(story.contact_has("ada@example.com", jobtitle="Programmer"), "the winner in HubSpot")
    story.calm()
    lost = [each.lost["jobtitle"] for each in story.decisions("ada@example.com") if "jobtitle" in each.lost]
    assert lost, "the losing value was not kept"
    assert lost[-1] == (Crm.HUBSPOT, "Countess")
    return f"Salesforce preferred; kept the losing {lost[-1][1]!r}"


def no_address(story: Story) -> str:
    created = story.hubspot.people("create", object="contacts", properties={"firstname": "Nobody", **ON_LIST})
    record = f"hubspot/contacts/{created['id']}"
    story.expect(
        lambda: any(each.reason is Reason.NO_EMAIL for each in story.decisions_of(record)), "the decision"
    )
    return "skipped: no e-mail address"


def validation_rule(story: Story) -> str:
    story.salesforce.people(
        "validation_rules",
        entity="Lead",
        name="No_Atlantis",
        formula='City = "Atlantis"',
        message="We do not deliver to Atlantis.",
        display_field="City",
    )
    story.edit("ada@example.com", city="Atlantis")
    refused = story.expect(story.decided("ada@example.com", Reason.REJECTED), "the sync error")
    assert "Atlantis" in refused.explanation
    story.edit("ada@example.com", city="Athens")
    story.expect(story.lead_has("ada@example.com", City="Athens"), "the mended city")
    return f"sync error: {refused.explanation} Mended, then synced"


def bad_weather(story: Story) -> str:
    people = [f"weather{number}@example.com" for number in range(20)]
    writes = {"method": "PATCH", "path": "*/composite/sobjects/*"}
    story.salesforce.fault(kind="answer_lost_after_commit", times=1, **writes)
    story.salesforce.fault(kind="status", status=503, times=2, **writes)
    story.salesforce.fault(kind="row_error", share=0.5, times=2, **writes)
    for email in people:
        story.person(email, lastname="Weather", **ON_LIST)
    for email in people:
        story.expect(partial(story.salesforce.lead, email), email, 60)
    story.salesforce.heal()
    story.calm()
    count = len(story.salesforce.query("SELECT Id FROM Lead WHERE LastName = 'Weather'"))
    assert count == len(people), f"{count} leads for {len(people)} people"
    return f"{count} people, none twice"


def dead_letter(story: Story) -> str:
    story.calm()
    story.salesforce.people(
        "validation_rules",
        entity="Lead",
        name="Frozen",
        formula='Website = "http://frozen.example"',
        message="Frozen.",
    )
    story.edit("alan@example.com", website="http://frozen.example")
    story.expect(story.decided("alan@example.com", Reason.REJECTED), "the dead letter")
    story.salesforce.forget_rules()
    lane = story.playground.link.lane
    letter = story.expect(
        lambda: next((key for key, _ in story.tables().scan(Table.LETTERS)), None), "the letter"
    )
    requests.redrive(lane, letter, "demo")
    story.expect(story.lead_has("alan@example.com", Website="http://frozen.example"), "the website")
    story.expect(lambda: not story.tables().count(Table.LETTERS), "an empty letter box")
    return "redriven, arrived, letter closed"


def killed_worker(story: Story) -> str:
    playground = story.playground
    _crowd(story)
    story.expect(lambda: _crowd_size(story) > story.many // 10, "the first of them", 60)
    for name in ("worker", "io"):
        playground.fleet.kill(name)
        playground.fleet.start(name, playground.commands[name])
    story.expect(lambda: _crowd_size(story) == story.many, f"all {story.many}", 150)
    story.calm(120)
    counts = {
        row["Email"] for row in story.salesforce.query("SELECT Email FROM Lead WHERE Company = 'Crowd'")
    }
    assert len(counts) == story.many
    return f"{story.many} people, none lost, none twice"


def _crowd(story: Story) -> None:
    for number in range(story.many):
        story.person(f"crowd{number}@example.com", lastname=f"Crowd {number}", company="Crowd", **ON_LIST)


def _crowd_size(story: Story) -> int:
    return len(story.salesforce.query("SELECT Id FROM Lead WHERE Company = 'Crowd'"))


def rebuild(story: Story) -> str:
    story.playground.fleet.kill("io")  # nothing new comes in, so that both states are of one position
    story.calm()
    link = story.playground.link
    before = link.lane.tables().fingerprint()
    calls = _calls(story)
    _lose_everything_derived(story)
    comparison = link.replay().rebuild()
    after = link.lane.tables().fingerprint()
    story.playground.fleet.start("io", story.playground.commands["io"])
    assert after == before, f"different: {[name for name in before if before[name] != after.get(name)]}"
    return f"{comparison.events} events, same hash, {_calls(story) - calls} writes"


def _lose_everything_derived(story: Story) -> None:
    """Delete every key that the log can make again."""
    redis = story.playground.runtime.redis
    derived = list(redis.scan_iter(match="{acme}:g*", count=1000))
    for start in range(0, len(derived), 1000):
        redis.unlink(*derived[start : start + 1000])


def _calls(story: Story) -> int:
    return sum(story.writes())


STEPS = (
    Step("A new HubSpot contact on the list appears in Salesforce", new_contact),
    Step("An edit in Salesforce arrives in HubSpot, its echo ends there", edit_and_echo),
    Step("Ten edits in a burst become one write", burst),
    Step("Somebody who was in both CRMs before is linked, not duplicated", in_both_before),
    Step("A contact outside the list is skipped, then joins it", outside_the_list),
    Step("Both sides edit one field: the rule decides, nothing is lost", conflict),
    Step("A contact without an e-mail address is skipped", no_address),
    Step("A write breaks a validation rule, is mended, then syncs", validation_rule),
    Step("Salesforce has a bad day: 503, locks, a lost answer", bad_weather),
    Step("An undeliverable write is a dead letter, redriven it arrives", dead_letter),
    Step("Workers are killed in the middle of many changes", killed_worker),
    Step("All derived state is lost and rebuilt from the log", rebuild),
)
