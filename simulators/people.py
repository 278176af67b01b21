"""The people both simulators are seeded with: deterministic, so that the same seed overlaps by e-mail.

Names, streets and companies are invented, every e-mail ends in `example.com`. A longer list starts with the
shorter one, so that a larger count only adds people.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar

Row = dict[str, str]
T = TypeVar("T")

_VOCABULARY = json.loads(Path(__file__).with_name("vocabulary.json").read_text("utf-8"))
_WORDS: dict[str, list[str]] = {kind: words for kind, words in _VOCABULARY.items() if kind != "places"}
_PLACES: list[list[str]] = _VOCABULARY["places"]
_SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_STATUSES = ("Open - Not Contacted", "Working - Contacted")
_STAGES = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
_LEAD_STATUSES = ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED")
_PLAIN = str.maketrans(
    "ÅÄÁÀÖÓØÜŁŚŻÉÈåäáàãâçéèëêğíìïîıłñńôöóòøřşšúùüýžżźõ", "AAAAOOOULSZEEaaaaaaceeeegiiiiilnnooooorssuuuyzzzo"
)

_BLANK_SHARE = 0.1
_NO_EMAIL_SHARE = 0.02
_HUBSPOT_SHARE = 0.5
_LEAD_SHARE = 0.6
_DIFFERING_SHARE = 0.3
_DUPLICATE_SHARE = 0.02
_NEVER_BLANK = frozenset({"email", "LastName", "Company", "Status", "Account.Name", "Email"})


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person; `email` is unique, in lower case, or empty; every other field is filled."""

    number: int
    salutation: str
    first_name: str
    last_name: str
    email: str
    title: str
    company: str
    website: str
    industry: str
    phone: str
    mobile: str
    street: str
    city: str
    state: str
    postal_code: str
    country: str
    lead_source: str
    lead_status: str
    stage: str
    hubspot_status: str


@dataclass(frozen=True, slots=True)
class Roster:
    """The same people as rows of each CRM: field names are the CRM's own, blanks are left out.

    A contact row names its account under `Account.Name`.
    """

    hubspot: list[Row] = field(default_factory=list)
    leads: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)


def people(count: int, *, seed: int) -> list[Person]:
    """Return `count` people; the same seed gives the same people, in the same order."""
    rng = Random(f"people/{seed}")
    return [_person(number, rng) for number in range(count)]


def roster(everyone: Iterable[Person], *, overlap: float, seed: int) -> Roster:
    """Split people into rows: the share `overlap` (0..1) lives in both CRMs, the rest in one of them.

    Of those in both, three in ten differ somewhere; one in fifty of Salesforce's people is there twice.
    """
    rng = Random(f"roster/{seed}")
    rows = Roster()
    for person in everyone:
        _place(person, rows, overlap, rng)
    return rows


def _person(number: int, rng: Random) -> Person:
    first, last, head, tail = (
        _pick(_WORDS["first_names"], rng),
        _pick(_WORDS["last_names"], rng),
        _pick(_WORDS["company_heads"], rng),
        _pick(_WORDS["company_tails"], rng),
    )
    domain = f"{head}-{tail}.example.com".lower()
    city, state, postal_code, country, dial = _pick(_PLACES, rng)
    digits = rng.getrandbits(40)
    email = f"{_mailbox(first)}.{_mailbox(last)}{number}@{domain}"
    return Person(
        number=number,
        salutation=_pick(_SALUTATIONS, rng),
        first_name=first,
        last_name=last,
        email="" if rng.random() < _NO_EMAIL_SHARE else email,
        title=_pick(_WORDS["titles"], rng),
        company=f"{head} {tail} {_pick(_WORDS['company_forms'], rng)}",
        website=f"https://www.{domain}",
        industry=_pick(_WORDS["industries"], rng),
        phone=f"{dial}{100 + digits % 100}",
        mobile=f"{dial}{200 + digits // 100 % 100}",
        street=f"{1 + digits // 10_000 % 300} {_pick(_WORDS['streets'], rng)}",
        city=city,
        state=state,
        postal_code=postal_code,
        country=country,
        lead_source=_pick(_SOURCES, rng),
        lead_status=_pick(_STATUSES, rng),
        stage=_pick(_STAGES, rng),
        hubspot_status=_pick(_LEAD_STATUSES, rng),
    )


def _place(person: Person, rows: Roster, overlap: float, rng: Random) -> None:
    both = rng.random() < overlap
    in_hubspot = both or rng.random() < _HUBSPOT_SHARE
    if in_hubspot:
        rows.hubspot.append(_with_blanks(_hubspot_row(person), rng))
    if both or not in_hubspot:
        _place_in_salesforce(person, rows, rng, differing=both and rng.random() < _DIFFERING_SHARE)


def _place_in_salesforce(person: Person, rows: Roster, rng: Random, *, differing: bool) -> None:
    is_lead = rng.random() < _LEAD_SHARE
    row = _with_blanks(_lead_row(person) if is_lead else _contact_row(person), rng)
    if differing:
        _alter(row, rng)
    (rows.leads if is_lead else rows.contacts).append(row)
    if rng.random() < _DUPLICATE_SHARE:
        rows.leads.append(
            _lead_row(person) | {"LeadSource": "Purchased List", "FirstName": person.first_name[0] + "."}
        )


def _hubspot_row(person: Person) -> Row:
    return {
        "email": person.email,
        "salutation": person.salutation,
        "firstname": person.first_name,
        "lastname": person.last_name,
        "jobtitle": person.title,
        "company": person.company,
        "website": person.website,
        "industry": person.industry,
        "phone": person.phone,
        "mobilephone": person.mobile,
        "address": person.street,
        "city": person.city,
        "state": person.state,
        "zip": person.postal_code,
        "country": person.country,
        "lifecyclestage": person.stage,
        "hs_lead_status": person.hubspot_status,
    }


def _salesforce_row(person: Person) -> Row:
    return {
        "Salutation": person.salutation,
        "FirstName": person.first_name,
        "LastName": person.last_name,
        "Email": person.email,
        "Title": person.title,
        "Phone": person.phone,
        "MobilePhone": person.mobile,
        "LeadSource": person.lead_source,
    }


def _lead_row(person: Person) -> Row:
    return _salesforce_row(person) | {
        "Company": person.company,
        "Website": person.website,
        "Industry": person.industry,
        "Street": person.street,
        "City": person.city,
        "State": person.state,
        "PostalCode": person.postal_code,
        "Country": person.country,
        "Status": person.lead_status,
    }


def _contact_row(person: Person) -> Row:
    return _salesforce_row(person) | {
        "Account.Name": person.company,
        "MailingStreet": person.street,
        "MailingCity": person.city,
        "MailingState": person.state,
        "MailingPostalCode": person.postal_code,
        "MailingCountry": person.country,
    }


def _with_blanks(row: Row, rng: Random) -> Row:
    return {
        name: value
        for name, value in row.items()
        if value and (name in _NEVER_BLANK or rng.random() >= _BLANK_SHARE)
    }


def _alter(row: Row, rng: Random) -> None:
    """Make a Salesforce row differ from HubSpot's: title, number, place, the e-mail's letter case."""
    row["Title"] = _pick(_WORDS["titles"], rng)
    row["Phone"] = f"(415) 555-{1000 + rng.getrandbits(12) % 1000:04d}"
    if rng.random() < _DIFFERING_SHARE:
        row["MailingCity" if "Account.Name" in row else "City"] = _pick(_PLACES, rng)[0]
    if "Email" in row and rng.random() < _DIFFERING_SHARE:
        row["Email"] = row["Email"].title()


def _mailbox(name: str) -> str:
    return "".join(c for c in name.translate(_PLAIN).lower() if c.isascii() and c.isalpha())


def _pick(options: Sequence[T], rng: Random) -> T:
    return options[int(rng.random() * len(options))]
