"""The archive of a connection: how far it goes, what it takes, and whether the log goes on where it ends."""

from dataclasses import dataclass

import msgspec

from domain.book import Table
from workers.archive.archiver import Archiver, Discontinued
from workers.archive.files import FAILURES
from workers.archive.manifest import Manifest
from workers.archive.segments import Damaged
from workers.connection import VERIFIED, Lane, position_of


@dataclass(frozen=True, slots=True)
class Verified:
    """The last time that the whole archive was compared with its manifest and the log."""

    at: int  #: epoch ms
    until: str  #: the position up to which it went
    faults: int


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """How the archive stands."""

    until: str  #: position of the last event in it; ``0-0``: there is none
    age_ms: int | None  #: how old that event is; None: there is none
    written_ms: int | None  #: how long ago the newest segment was written; None: there is none
    events: int
    segments: int
    bytes: int
    documents: int
    waiting: int  #: events that are not in it yet
    waiting_ms: int  #: how old the oldest of them is; 0: there is none
    snapshots: int
    snapshot: str  #: position of the newest snapshot; empty: there is none
    snapshot_ms: int | None  #: how long ago that was taken; None: there is none
    verified: Verified | None  #: None: never, as far as is remembered
    keeps_events: int  #: so many the server keeps in memory, at most
    keeps_hours: int  #: and not longer
    problem: str  #: why nothing is archived or trimmed; empty: it is


@dataclass(frozen=True, slots=True)
class BlanksView:
    """What a fold of the log lacks of people who were erased."""

    people: int  #: ever erased
    until: str  #: up to this position the log has blanks in place of their values


def blanks(lane: Lane, known: Manifest, position: str) -> BlanksView | None:
    """What is lacking in a fold that begins, or ends, at a position; None: nothing is."""
    if position_of(position) >= position_of(known.blanked):
        return None
    people = {entity for _, entity in lane.tables().scan(Table.ERASED)}
    return BlanksView(len(people), known.blanked)


def archive(archiver: Archiver) -> ArchiveView:
    """How the archive stands; an unreadable one, or a place that cannot be used, is told as a problem."""
    problem = _problem(archiver)
    bounds, lane, known = archiver.bounds, archiver.lane, archiver.archive.known
    now = lane.clock.now_ms()

    def since(moment: int) -> int:
        return max(0, now - moment)

    newest = known.snapshots[-1] if known.snapshots else None
    return ArchiveView(
        until=known.last,
        age_ms=since(position_of(known.last)[0]) if known.segments else None,
        written_ms=since(known.written_at) if known.segments else None,
        events=known.events,
        segments=len(known.segments),
        bytes=known.size,
        documents=len(known.documents),
        waiting=max(0, lane.log.appended() - known.events),
        waiting_ms=since(_oldest(archiver, known) or now),
        snapshots=len(known.snapshots),
        snapshot=newest.position if newest else "",
        snapshot_ms=since(newest.at) if newest else None,
        verified=_verified(lane),
        keeps_events=bounds.events,
        keeps_hours=bounds.hours,
        problem=problem,
    )


def _problem(archiver: Archiver) -> str:
    if problem := archiver.archive.files.problem():
        return problem
    try:
        archiver.check()
    except (Damaged, Discontinued) as error:
        return str(error)
    except FAILURES as error:
        return f"The archive's place cannot be read ({type(error).__name__})."
    return ""


def _oldest(archiver: Archiver, known: Manifest) -> int | None:
    """The moment of the oldest event that is not archived."""
    behind = max(known.last, archiver.live.begins(), key=position_of)
    waiting = archiver.live.read(behind, 1)
    return position_of(waiting[0].position)[0] if waiting else None


def _verified(lane: Lane) -> Verified | None:
    raw = lane.coordination.cursor(VERIFIED)
    return msgspec.json.decode(raw, type=Verified) if raw else None


def remember_verified(lane: Lane, until: str, faults: int) -> None:
    """Keep what came of comparing the whole archive, for whoever asks how it stands."""
    found = Verified(lane.clock.now_ms(), until, faults)
    lane.coordination.set_cursor(VERIFIED, msgspec.json.encode(found).decode())
