"""Writing bundles, which reproduce anywhere what was decided about one contact, and replaying them.

A bundle that exists reproduces: before it is put in its place it is read back, replayed and compared.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from domain.book import Table, decode, decode_closed
from domain.bundling import Departure, Told, departures, fold, masked_departures, told
from domain.commons import Suspended, Throttled
from domain.erasing import names_of
from domain.events import DeliveryAnswered, Event
from domain.masking import Masker
from domain.masks import Mask
from domain.policy import Policy
from domain.slices import Guarded, Happening, Slice
from domain.state import Bucket, Contact
from domain.unmasked import unmasked
from workers.bundle_files import FORMAT, Header, left, read, write
from workers.clock import ManualClock, new_key
from workers.connection import Lane, position_of
from workers.explain import Explanation, explain, gather
from workers.project import projection_of
from workers.storage.memory import MemoryStores, MemoryTables
from workers.store import START
from workers.travel import Traveller, shared_by

KEYS = 150
"""How many masks are tried. By chance one may make two values equal, or move a contact in or out of the
sample of writes that are sent although a validation rule would stop them."""

LOOKS = 100
"""How often a contact is looked at until nothing was projected meanwhile."""

_ALL = 1_000_000


class Unfaithful(Exception):  # noqa: N818 - says what the bundle would be
    """Folding what would be written does not give what the running state holds."""

    def __init__(self, why: str, found: list[Departure]) -> None:
        super().__init__(why)
        self.departures = found


class NoDecision(Exception):  # noqa: N818 - says what is not there
    """The contact has no such decision, or it is too old to be kept."""


class Erased(Exception):  # noqa: N818 - says what has become of him
    """The contact was erased for privacy."""


OTHERWISE = (
    "Folded anew, the log does not give what the running state holds of the contact. An earlier release may "
    "have decided otherwise, or somebody whom it met was erased"
)
UNMASKABLE = "With its values masked, the contact would be decided otherwise"


# -- replaying


@dataclass(frozen=True)
class Replayed:
    """What came of a bundle."""

    header: Header
    told: Told
    explanation: Explanation | None  #: None: there is no such contact

    @property
    def departures(self) -> list[Departure]:
        """Where it is not what the bundle says it must be; empty: the same was decided."""
        return departures(self.header.told, self.told)


def replayed(path: Path) -> Replayed:
    """Fold a bundle in memory, with nothing but the file.

    Raises:
        BadBundle: it is none, was cut off or changed, or is of a newer format.
        NewerEvent: it holds an event of a newer release.
    """
    header, content = read(path)
    lane = _folded(content, header.connection, header.until, header.now).lane
    found = told_of(lane, header.contact)
    if contact_of(lane, header.contact) is None:
        return Replayed(header, found, None)
    known = header.decision in {*found.decisions, *found.pending}
    return Replayed(header, found, explain(gather(lane, header.contact), header.decision if known else ""))


class _Folded(NamedTuple):
    lane: Lane
    policies: list[Policy]  #: that were in force, one after the other


def _folded(content: Slice, name: str, until: str, now: int) -> _Folded:
    """A lane of nothing but a slice, as it is after all of it."""
    clock = ManualClock(now)
    stores, tables = MemoryStores(clock), MemoryTables()
    stores.log.append([], {each: msgspec.json.encode(value) for each, value in content.documents.items()})
    projection = projection_of(stores.log, tables)
    policies = fold(projection, content)
    tables.commit(START, until, projection.take_changes())
    return _Folded(Lane(name, stores.log, lambda: tables, stores.coordination, clock, "bundle"), policies)


def told_of(lane: Lane, entity: str) -> Told:
    """What is told of a contact of a lane; nothing if there is none."""
    contact = contact_of(lane, entity)
    if contact is None:
        return Told()
    return told(contact, [*map(decode_closed, lane.tables().decisions(entity, _ALL))])


def contact_of(lane: Lane, entity: str) -> Contact | None:
    """A contact of a lane, if there is one of that id."""
    raw = lane.tables().fetch(Table.CONTACTS, [entity])[0]
    return None if raw is None else decode(Table.CONTACTS, raw)


# -- writing


@dataclass(frozen=True)
class Bundler:
    """Writes bundles of a connection's contacts."""

    travel: Callable[[str], Traveller]  #: to a position
    release: str

    def bundle(self, path: Path, lane: Lane, entity: str, decision: str = "") -> Header:
        """Write what reproduces a contact as it is in a lane, be it the running one or that of the past.

        ``decision``: the one that it is about; empty: the newest.

        Raises:
            Erased: the contact was erased for privacy, or is gone.
            NoDecision: it has no such decision.
            Unfaithful: what would be written does not reproduce; nothing is.
            Damaged: the archive does not give what the log's server holds no more.
        """
        contact, until, expected = _standing(lane, entity)
        if contact is None or contact.erased:
            raise Erased
        known = [*expected.decisions, *expected.pending]
        if decision and decision not in known:
            raise NoDecision
        content = collected(replace(self.travel(until), past=None), contact)
        header = Header(
            FORMAT,
            self.release,
            lane.name,
            entity,
            until,
            lane.clock.now_ms(),
            decision or next(reversed(known), ""),
        )
        header, masked = _masked(header, content, expected)
        _put(path, header, masked)
        return header


def _standing(lane: Lane, entity: str) -> tuple[Contact | None, str, Told]:
    """A contact, the position as of which it is, and what is told of it."""
    tables, before = lane.tables(), ""
    for _ in range(LOOKS):
        before, contact, found = tables.checkpoint(), contact_of(lane, entity), told_of(lane, entity)
        if tables.checkpoint() == before:
            break
    return contact, before, found


def _masked(header: Header, content: Slice, expected: Told) -> tuple[Header, Slice]:
    """The slice under the first of some masks that changes nothing, and its header."""
    fold_it = (header.connection, header.until, header.now)
    plain = _folded(content, *fold_it)
    if found := departures(expected, told_of(plain.lane, header.contact)):
        raise Unfaithful(OTHERWISE, found)
    stays = unmasked(plain.policies)
    for _ in range(KEYS):
        masker = Masker(Mask(new_key()), stays)
        masked = masker.masked(content)
        story = told_of(_folded(masked, *fold_it).lane, header.contact)
        found = masked_departures(expected, story)
        if not found:
            return header.of(story, left(masker.left)), masked
    raise Unfaithful(UNMASKABLE, found)


def _put(path: Path, header: Header, content: Slice) -> None:
    """Put a bundle in its place, once it reproduces when it is read back."""
    draft = path.with_name(f".{path.name}")
    try:
        write(draft, header, content)
        if found := replayed(draft).departures:
            raise Unfaithful(UNMASKABLE, found)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


# -- the slice


def collected(traveller: Traveller, contact: Contact) -> Slice:
    """What reproduces a contact, from the log's beginning up to where a traveller goes."""
    events = {each.entry.position: each.event for each in traveller.events_of(names_of(contact))}
    for each in traveller.of_connection:
        if not isinstance(each.event, DeliveryAnswered):
            events[each.entry.position] = each.event
    entries: list[tuple[str, Happening]] = [*_guarded(traveller), *_shared(traveller, events)]
    entries += events.items()
    entries.sort(
        key=lambda each: position_of(each[0])
    )  # of one position, what others brought about comes first
    return Slice(entries, dict(_documents(traveller, entries)))


def _shared(traveller: Traveller, own: Container[str]) -> Iterator[tuple[str, Throttled | Suspended]]:
    """What answers to others changed of the connection."""
    for each in traveller.of_connection:
        position = each.entry.position
        if isinstance(each.event, DeliveryAnswered) and position not in own:
            yield position, shared_by(each.event, position_of(position)[0])


def _guarded(traveller: Traveller) -> Iterator[tuple[str, Guarded]]:
    """The guards that tripped by then."""
    for trip in traveller.lane.state().trips:
        if position_of(trip.since) <= position_of(traveller.until):
            yield trip.since, Guarded(trip.guard, Bucket(trip.hour, trip.count, tripped=True))


def _documents(traveller: Traveller, entries: list[tuple[str, Happening]]) -> Iterator[tuple[str, Any]]:
    """What the events name, as far as it is there."""
    names = {getattr(what, "digest", "") for _, what in entries if isinstance(what, Event)} - {""}
    for name in sorted(names):
        raw = traveller.log.document(name)
        if raw is not None:
            yield name, msgspec.json.decode(raw)
