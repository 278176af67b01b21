"""Many people in both CRMs, edited from both sides, and whether the CRMs agree about them in the end."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workers.cli.playground import Playground
from workers.cli.story import ON_LIST

FIELDS = {"phone": "Phone", "city": "City", "jobtitle": "Title", "website": "Website"}
"""The fields that are edited: HubSpot's name -> a lead's."""

HUBSPOTS, SALESFORCES = ("phone", "website"), ("City",)
"""What only one side ever edits: there the last edit must win. Both edit the job title."""


@dataclass
class Crowd:
    """People of a playground, and what was last written to the fields that one side owns."""

    playground: Playground
    seed: int = 1
    people: dict[str, str] = field(default_factory=dict)  #: e-mail -> id in HubSpot
    leads: dict[str, str] = field(default_factory=dict)  #: e-mail -> id in Salesforce, of those known to us
    expected: dict[tuple[str, str], str] = field(default_factory=dict)  #: (e-mail, HubSpot's field) -> value
    edits: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._hubspot, self._salesforce = self.playground.hubspot, self.playground.salesforce

    # -- what people do

    def enter(self, count: int) -> None:
        """Enter people in HubSpot, on the list."""
        for _ in range(count):
            email = f"person{len(self.people)}@example.com"
            values = {"email": email, "lastname": f"Person {len(self.people)}", "company": "Crowd", **ON_LIST}
            made = self._hubspot.people("create", object="contacts", properties=values)
            self.people[email] = made["id"]

    def enter_in_both(self, count: int) -> None:
        """Enter people in both CRMs who agree there, as if a sync had always run."""
        first = len(self.people)
        self.enter(count)
        for number, email in list(enumerate(self.people))[first:]:
            values = {"Email": email, "LastName": f"Person {number}", "Company": "Crowd"}
            self.leads[email] = self._salesforce.people("create", object="Lead", properties=values)["id"]

    def edit(self) -> None:
        """One edit by somebody: of a contact, or of a lead."""
        self.edits += 1
        email = self._random.choice(list(self.people))
        value = f"v{self.edits}"
        if self._random.random() < 0.5 and self.lead_of(email):
            self.edit_lead(email, **{self._random.choice(["City", "Title"]): value})
        else:
            name = self._random.choice(["phone", "website", "jobtitle"])
            self.edit_contact(email, **{name: value})

    def edit_contact(self, email: str, **properties: str) -> None:
        self._hubspot.people("edit", object="contacts", id=self.people[email], properties=properties)
        for name in properties.keys() & set(HUBSPOTS):
            self.expected[email, name] = properties[name]

    def edit_lead(self, email: str, **fields: str) -> None:
        self._salesforce.people("edit", object="Lead", id=self.lead_of(email), properties=fields)
        for name in fields.keys() & set(SALESFORCES):
            self.expected[email, name.lower()] = fields[name]

    def lead_of(self, email: str) -> str:
        """The id of somebody's lead; empty if there is none yet."""
        if email not in self.leads:
            found = self._salesforce.lead(email)
            if found is None:
                return ""
            self.leads[email] = found["Id"]
        return self.leads[email]

    # -- what became of it

    def differences(self) -> list[str]:
        """What is not as it must be at rest; empty if nothing was lost and nobody is there twice."""
        return [*self._twice(), *self._differing()]

    def has_arrived(self, name: str) -> bool:
        """Whether what was last entered in a field of HubSpot's is in Salesforce."""
        leads = {str(row["Email"]).lower(): row for row in _records(self._salesforce, "Lead")}
        entered = {email: value for (email, field), value in self.expected.items() if field == name}
        return all(
            email in leads and leads[email].get(FIELDS[name]) == value for email, value in entered.items()
        )

    def _twice(self) -> Iterator[str]:
        for crm in (self._hubspot, self._salesforce):
            for identity, times in crm.panel("counters")["created_more_than_once"].items():
                yield f"{identity} was created {times} times in {crm.url}"
        mails = Counter(str(row["Email"]).lower() for row in _records(self._salesforce, "Lead"))
        yield from (f"{email} is {times} leads" for email, times in mails.items() if times > 1)

    def _differing(self) -> Iterator[str]:
        leads = {str(row["Email"]).lower(): row for row in _records(self._salesforce, "Lead")}
        for contact in _records(self._hubspot, "contacts"):
            email = contact["email"]
            lead = leads.get(email)
            if lead is None:
                yield f"{email} is no lead"
                continue
            for name, other in FIELDS.items():
                here, there = contact.get(name) or "", lead.get(other) or ""
                wanted = self.expected.get((email, name), here)
                if not here == there == wanted:
                    yield f"{email}: {name} is {here!r} and {there!r}, last entered {wanted!r}"


def _records(crm: Any, name: str) -> list[dict[str, Any]]:
    """All living records of a kind, flat."""
    found = crm.panel("records", object=name, limit=1_000_000)["records"]
    return [each["properties"] for each in found]
