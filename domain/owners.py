"""Owners across the CRMs: which HubSpot owner and which Salesforce user or queue stand for each other.

Source: HubSpot's "Assignment of Salesforce owners" page: an owner is written to Salesforce only if he
is an active user there; Salesforce demands one; its own wins when two records are linked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain.convert import Unconvertible
from domain.identity import Crm, FieldValue
from domain.mapping import MappedField, Pair, SyncRule
from domain.reasons import OWNER_UNMATCHED
from domain.schema import FieldSchema
from domain.wire import to18


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody whom a record can belong to: a HubSpot owner, a Salesforce user or queue."""

    id: str
    name: str
    email: str | None = None
    active: bool = True
    queue: bool = False


class MatchBy(StrEnum):
    """What must be equal for two of them to be the same person."""

    EMAIL = "email"
    EMAIL_AND_NAME = "email_and_name"


class OwnerOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """How owners are matched."""

    match_by: MatchBy = MatchBy.EMAIL
    restore: bool = False  #: an owner whom Salesforce does not have is set back; else he is held back
    table: dict[str, str] = {}  #: HubSpot owner (id, e-mail) -> Salesforce user or queue (id, e-mail, name)


class UnmatchedOwner(Unconvertible):
    """Nobody on the other side stands for the owner."""

    code = OWNER_UNMATCHED


class Owners(NamedTuple):
    """Everybody, by id."""

    to_salesforce: Mapping[str, str]
    to_hubspot: Mapping[str, str]
    why: Mapping[str, str]  #: why somebody stands for nobody
    active: frozenset[str]  #: Salesforce users and queues that may own records


NOBODY = Owners({}, {}, {}, frozenset())


def match_owners(hubspot: Sequence[Owner], salesforce: Sequence[Owner], options: OwnerOptions) -> Owners:
    """Find out who stands for whom: first by the table, then by e-mail address."""
    listed = dict(_listed(hubspot, salesforce, options.table))
    owners, users = _by_address(hubspot), _by_address(salesforce)
    to_salesforce, to_hubspot, why = {}, {}, {}
    for owner in hubspot:
        found = listed[owner.id] if owner.id in listed else _user(owner, users, options.match_by)
        if isinstance(found, Owner):
            to_salesforce[owner.id] = found.id
        else:
            why[owner.id] = found
    by_table = {other.id: owner for owner, other in reversed(listed.items()) if isinstance(other, Owner)}
    for user in salesforce:
        if user.id in by_table:
            to_hubspot[user.id] = by_table[user.id]
            continue
        match = _owner(user, owners, options.match_by)
        if isinstance(match, Owner):
            to_hubspot[user.id] = match.id
        else:
            why[user.id] = match
    return Owners(to_salesforce, to_hubspot, why, frozenset(user.id for user in salesforce if user.active))


def named(wanted: str, people: Iterable[Owner]) -> Owner | None:
    """Who is called so: by id, by e-mail address, or, for a queue, by name."""
    folded = wanted.strip().casefold()
    for each in people:
        if wanted in {each.id, each.id[:15]} or folded == (each.email or "").casefold():
            return each
    return next((each for each in people if each.queue and each.name.casefold() == folded), None)


def _listed(
    hubspot: Sequence[Owner], salesforce: Sequence[Owner], table: Mapping[str, str]
) -> Iterator[tuple[str, Owner | str]]:
    """HubSpot id -> whom the table names, or why he cannot be an owner."""
    for ours, theirs in table.items():
        owner, user = named(ours, hubspot), named(theirs, salesforce)
        if owner is None:
            continue
        if user is None:
            yield owner.id, "Salesforce does not have the user whom owners.table names"
        elif not user.active:
            yield owner.id, "the Salesforce user whom owners.table names is inactive"
        else:
            yield owner.id, user


People = Mapping[str, Sequence[Owner]]
"""Owners by their address, in small letters."""


def _by_address(people: Iterable[Owner]) -> People:
    found: dict[str, list[Owner]] = {}
    for each in people:
        if each.email:
            found.setdefault(each.email.casefold(), []).append(each)
    return found


def _alike(one: Owner, people: People, match_by: MatchBy) -> list[Owner]:
    """Who has the same address, and the same name if that is asked for."""
    found = people.get((one.email or "").casefold(), ())
    by_name = match_by is MatchBy.EMAIL_AND_NAME
    return [each for each in found if not by_name or each.name.casefold() == one.name.casefold()]


def _user(owner: Owner, people: People, match_by: MatchBy) -> Owner | str:
    alike = [each for each in _alike(owner, people, match_by) if not each.queue]
    active = [each for each in alike if each.active]
    if len(active) == 1:
        return active[0]
    if active:
        return "several active Salesforce users have the owner's e-mail address"
    if alike:
        return "the Salesforce user with the owner's e-mail address is inactive"
    also = " and name" if match_by is MatchBy.EMAIL_AND_NAME else ""
    return f"no active Salesforce user has the owner's e-mail address{also}"


def _owner(user: Owner, people: People, match_by: MatchBy) -> Owner | str:
    if user.queue:
        return "owners.table names no HubSpot owner for the queue"
    alike = [each for each in _alike(user, people, match_by) if each.active]
    return alike[0] if alike else "no active HubSpot owner has the Salesforce user's e-mail address"


# -- the mapping of the owner


def is_owner(hubspot: FieldSchema, salesforce: FieldSchema) -> bool:
    """Whether a mapping pairs HubSpot owners with Salesforce users."""
    return "owners" in hubspot.references and "User" in salesforce.references


def owner_field(mapped: MappedField, owners: Owners, *, restore: bool) -> MappedField:
    """Have a mapping carry owners.

    What HubSpot cannot give to Salesforce comes back from there, unless HubSpot always wins: a blank in any
    case, an owner without user if he is to be restored.
    """

    def gives_way(value: FieldValue) -> bool:
        return restore or value is None

    def first(now: Pair) -> Crm:
        """Salesforce's owner counts on the first link, if he is active."""
        return Crm.SALESFORCE if _id(now[1]) in owners.active else Crm.HUBSPOT

    return msgspec.structs.replace(
        mapped,
        to_salesforce=_carrier(owners.to_salesforce, owners.why, "Salesforce demands an owner"),
        to_hubspot=_carrier(owners.to_hubspot, owners.why, ""),
        first=first,
        gives_way=None if mapped.rule is SyncRule.ALWAYS_HUBSPOT else gives_way,
        verbatim=False,
        plain=False,
    )


def _id(value: FieldValue) -> str:
    return to18(value or "")


def _carrier(
    known: Mapping[str, str], why: Mapping[str, str], blank: str
) -> Callable[[FieldValue], FieldValue]:
    """``blank``: why no owner is no value; empty if it is one."""

    def carry(value: FieldValue) -> FieldValue:
        if value is None and not blank:
            return None
        found = known.get(_id(value))
        if found is None:
            raise UnmatchedOwner(blank if value is None else why.get(_id(value), "the owner is not known"))
        return found

    return carry
