"""What a person must see to: several living records of one person, and a record that lost its partner."""

from operator import attrgetter

from domain.book import DUPLICATES, ORPHANS
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm
from domain.state import Contact
from domain.step import Step


def list_cases(step: Step, before: Contact | None, after: Contact | None) -> None:
    """Make the lists say whether a contact is a case after this event, and since when."""
    was, now = _cases(before), _cases(after)
    contact = after or before
    if contact is not None and was != now:
        for name in was ^ now:
            step.book.queue(name, contact.id, step.at if name in now else None)


_NONE: frozenset[str] = frozenset()


def _cases(contact: Contact | None) -> frozenset[str]:
    if contact is None or contact.erased:
        return _NONE
    several = len(contact.records) > len(contact.pair)
    if not several and not any(map(_gone, contact.records.values())):
        return _NONE
    found = []
    if several and any(duplicates(contact, crm) for crm in CRMS):
        found.append(DUPLICATES)
    if orphan(contact) is not None:
        found.append(ORPHANS)
    return frozenset(found)


_gone = attrgetter("gone")


def duplicates(contact: Contact, crm: Crm) -> list[str]:
    """The keys of the living records in a CRM, the linked one first, if there are several."""
    linked = contact.pair.get(crm)
    living = [key for key, record in contact.records.items() if key.startswith(f"{crm}/") and not record.gone]
    return sorted(living, key=lambda key: (key != linked, key)) if len(living) > 1 else []


def orphan(contact: Contact) -> Crm | None:
    """The CRM in which the linked record is gone, while its partner in the other one lives."""
    records, pair = contact.records, contact.pair
    if len(pair) < len(CRMS):
        return None
    in_hubspot, in_salesforce = records[pair[HUBSPOT]].gone, records[pair[SALESFORCE]].gone
    if in_hubspot and not in_salesforce:
        return HUBSPOT
    return SALESFORCE if in_salesforce and not in_hubspot else None
