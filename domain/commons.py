"""What contacts change of the connection as a whole: guards, suspensions, throttling.

Contacts are independent of one another but for these. Each change is a note, and the connection's part is
the fold of the notes in the log's order; so contacts may be folded apart from one another, their notes put
together afterwards, and it can be told whether any of them would have been answered otherwise.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from domain.identity import Crm
from domain.outcomes import Outcome
from domain.state import Bucket, Connection, Suspension, Trip

replace = msgspec.structs.replace

LONGEST_MS = 86_400_000
"""A CRM counts its calls by the day at most: it is asked again after so long, whatever it said."""


class Throttled(NamedTuple):
    """A CRM asked for quiet until a moment, epoch ms."""

    crm: Crm
    until: int


class Suspended(NamedTuple):
    """A CRM refused in a way that an operator must mend; the first refusal stands."""

    crm: Crm
    suspension: Suspension


def throttled(crm: Crm, outcome: Outcome, at: int) -> Throttled:
    """What a CRM's answer at a moment asks for."""
    return Throttled(crm, at + min(outcome.wait_ms or 1_000, LONGEST_MS))


def suspended(crm: Crm, outcome: Outcome, at: int) -> Suspended:
    """What a CRM's refusal at a moment brings about."""
    return Suspended(crm, Suspension(at, outcome.code, outcome.message))


class Cleared(NamedTuple):
    """An operator mended a target, or released a guard."""

    name: str
    position: str  #: of the event that says so


class Counted(NamedTuple):
    """Something that a guard counts is about to be sent."""

    guard: str
    hour: int
    number: int
    limit: int
    position: str  #: of the event that it follows from


class Asked(NamedTuple):
    """Whether a guard lets anything pass; nothing is counted."""

    guard: str


Change = Throttled | Suspended | Cleared | Counted | Asked


class Note(NamedTuple):
    """A change, and whether it was granted: a guard that has tripped grants nothing."""

    position: tuple[int, int]  #: of the event in the log
    change: Change
    granted: bool


def take(connection: Connection, change: Change) -> tuple[Connection, bool]:
    """Apply a change; tells whether it is granted."""
    match change:
        case Throttled(crm, until):
            if connection.throttled.get(crm, 0) < until:
                connection = replace(connection, throttled={**connection.throttled, crm: until})
        case Suspended(crm, suspension):
            if crm not in connection.suspended:
                connection = replace(connection, suspended={**connection.suspended, crm: suspension})
        case Cleared():
            connection = _clear(connection, change)
        case Counted():
            return _count(connection, change)
        case Asked(guard):
            return connection, guard not in connection.guards or not connection.guards[guard].tripped
    return connection, True


def _count(connection: Connection, change: Counted) -> tuple[Connection, bool]:
    bucket = connection.guards.get(change.guard, Bucket(change.hour, 0))
    if bucket.tripped:
        return connection, False
    before = bucket.count if bucket.hour == change.hour else 0
    count = before + change.number
    bucket = Bucket(change.hour, count, tripped=count > change.limit)
    connection = replace(connection, guards={**connection.guards, change.guard: bucket})
    if not bucket.tripped:
        return connection, True
    trip = Trip(change.guard, change.position, change.hour, before)
    return replace(connection, trips=(*connection.trips, trip)), False


def _clear(connection: Connection, change: Cleared) -> Connection:
    name = change.name
    return replace(
        connection,
        suspended={crm: each for crm, each in connection.suspended.items() if crm != name},
        guards={guard: each for guard, each in connection.guards.items() if guard != name},
        trips=tuple(
            replace(each, until=change.position) if each.guard == name and not each.until else each
            for each in connection.trips
        ),
    )


def together(begun: Connection, said: Connection, notes: Iterable[Note]) -> Connection | None:
    """The connection with the notes of contacts that were folded apart.

    None if one of them would have been answered otherwise among the others: then what follows from the
    answer is not what the log says.

    Args:
        begun: as it was before the first note.
        said: as it is by what is said of the connection as a whole.
        notes: in any order.
    """
    common = begun
    for note in sorted(notes, key=lambda each: each.position):
        common, granted = take(common, note.change)
        if granted != note.granted:
            return None
    return replace(
        said,
        guards=common.guards,
        trips=common.trips,
        suspended=common.suspended,
        throttled=common.throttled,
    )
