"""The archive of a connection: how far it goes, what it takes, and whether the log goes on where it ends."""

from dataclasses import dataclass

from workers.archive.archiver import Archiver, Discontinued
from workers.archive.segments import Damaged
from workers.connection import position_of


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """How the archive stands."""

    until: str  #: position of the last event in it; ``0-0``: there is none
    age_ms: int | None  #: how old that event is; None: there is none
    events: int
    segments: int
    bytes: int
    documents: int
    snapshot: str  #: position of the newest snapshot; empty: there is none
    keeps_events: int  #: so many the server keeps in memory, at most
    keeps_hours: int  #: and not longer
    problem: str  #: why nothing is archived or trimmed; empty: it is


def archive(archiver: Archiver) -> ArchiveView:
    """How the archive stands; an unreadable one is told as a problem."""
    bounds, problem = archiver.bounds, ""
    try:
        archiver.check()
    except (Damaged, Discontinued) as error:
        problem = str(error)
    known, now = archiver.archive.known, archiver.lane.clock.now_ms()
    return ArchiveView(
        until=known.last,
        age_ms=max(0, now - position_of(known.last)[0]) if known.segments else None,
        events=known.events,
        segments=len(known.segments),
        bytes=known.size,
        documents=len(known.documents),
        snapshot=known.snapshots[-1].position if known.snapshots else "",
        keeps_events=bounds.events,
        keeps_hours=bounds.hours,
        problem=problem,
    )
