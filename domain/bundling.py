"""Bundles: what is told of a contact after folding a slice of the log, and where two such stories depart.

It is compared with the running state before a bundle is written, and with what the bundle says it must be
when it is replayed. No value of a field is told.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.commons import Suspended, Throttled, take
from domain.events import Event
from domain.masking import MASKED
from domain.policy import Policy
from domain.projection import Projection
from domain.slices import Guarded, Slice
from domain.state import Closed, Connection, Contact, Flight, Intent, Opened

replace = msgspec.structs.replace


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """A closed decision."""

    trigger: str
    detail: str
    opened_at: int
    closed_at: int
    reason: str
    explanation: str = ""
    wrote: dict[str, tuple[str, ...]] = {}  #: CRM -> fields delivered; none: the record was deleted
    held: dict[str, str] = {}  #: field -> why it was held back
    lost: dict[str, str] = {}  #: property -> the CRM whose value gave way
    superseded_by: str = ""
    letter: str = ""


class Pending(msgspec.Struct, frozen=True):
    """An open decision."""

    trigger: str
    detail: str
    at: int


class Write(msgspec.Struct, frozen=True, omit_defaults=True):
    """A write that is to be made, or on its way."""

    object: str
    record_id: str | None
    fields: tuple[str, ...]
    delete: bool = False
    into: str = ""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that was decided of a contact, and how it stands."""

    decisions: dict[str, Ended] = {}  #: by id
    pending: dict[str, Pending] = {}  #: by id
    waits_for: str = ""
    writes: dict[str, Write] = {}  #: by CRM
    in_flight: dict[str, Write] = {}  #: by CRM
    held: dict[str, dict[str, str]] = {}  #: CRM -> field -> code
    refused: dict[str, tuple[str, ...]] = {}  #: CRM -> fields of what is not sent again by itself
    pair: dict[str, str] = {}  #: CRM -> key of the linked record
    member: bool | None = None
    parked: str = ""


class Departure(NamedTuple):
    """Something in which one story is not the other; None: it is not told there."""

    what: str
    expected: Any
    found: Any


def fold(projection: Projection, given: Slice) -> list[Policy]:
    """Fold a slice; returns the policies that were in force, one after the other."""
    policies = [projection.policy()]
    for position, what in given.entries:
        if isinstance(what, Event):
            projection.fold(position, what)
        else:
            projection.book.put_connection(_brought(projection.book.connection, what))
            projection.book.accept()
        if projection.policy() is not policies[-1]:
            policies.append(projection.policy())
    return policies


def _brought(connection: Connection, what: Throttled | Suspended | Guarded) -> Connection:
    """The connection with what others brought about."""
    if isinstance(what, Guarded):
        return replace(connection, guards={**connection.guards, what.guard: what.bucket})
    return take(connection, what)[0]


def told(contact: Contact, closed: Sequence[Closed]) -> Told:
    """What is told of a contact, with its closed decisions."""
    pending = [*contact.flying, *([contact.opened] if contact.opened else [])]
    return Told(
        decisions={each.id: _ended(each) for each in closed},
        pending={each.id: _pending(each) for each in pending},
        waits_for=contact.wait or "",
        writes={str(crm): _write(each) for crm, each in contact.intents.items()},
        in_flight={str(crm): _write(each) for crm, each in contact.flights.items()},
        held={
            str(crm): {name: hold.code for name, hold in holds.items()}
            for crm, holds in contact.holds.items()
            if holds
        },
        refused={str(crm): tuple(sorted(fields)) for crm, fields in contact.refused.items()},
        pair={str(crm): key for crm, key in contact.pair.items()},
        member=contact.member,
        parked=contact.parked,
    )


def _ended(closed: Closed) -> Ended:
    return Ended(
        closed.trigger,
        closed.detail,
        closed.opened_at,
        closed.closed_at,
        closed.reason,
        closed.explanation,
        closed.wrote,
        closed.held,
        {name: crm for name, (crm, _) in closed.lost.items()},
        closed.superseded_by,
        closed.letter,
    )


def _pending(opened: Opened) -> Pending:
    return Pending(opened.trigger, opened.detail, opened.at)


def _write(write: Intent | Flight) -> Write:
    return Write(write.object, write.record_id, tuple(sorted(write.fields)), write.delete, write.into)


def departures(expected: Told, found: Told) -> list[Departure]:
    """Where what was found is not what was expected."""
    one, other = dict(_flat(msgspec.to_builtins(expected))), dict(_flat(msgspec.to_builtins(found)))
    names = [*one, *(name for name in other if name not in one)]
    rows = (Departure(" ".join(name), one.get(name), other.get(name)) for name in names)
    return [row for row in rows if row.expected != row.found]


def _flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _flat(each, (*path, name))
    else:
        yield path, value


def masked_departures(plain: Told, masked: Told) -> list[Departure]:
    """Where masking changed more than words: the names of who asked, and what CRMs say, count for nothing."""
    return [
        row
        for row in departures(plain, masked)
        if not (isinstance(row.found, str) and MASKED in row.found and row.expected is not None)
    ]
