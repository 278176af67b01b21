"""What people ask for, as events.

Each asking is a fact of its own: somebody who pauses, resumes and pauses again means it, so an id of its
own goes with every event, and nothing here is taken for a repeat.
"""

from collections.abc import Sequence

from domain.events import (
    AnyEvent,
    LetterDiscarded,
    LinkChosen,
    Paused,
    Resumed,
    SuspensionCleared,
    SyncRequested,
    encode,
)
from workers import views
from workers.clock import new_id
from workers.connection import Lane
from workers.jobs import Job, Jobs


def sync(lane: Lane, entity: str, by: str) -> None:
    """Have a contact's records read and brought into agreement."""
    _append(lane, SyncRequested(entity=entity, cause="manual", by=by, request=new_id()))


def choose_link(lane: Lane, entity: str, record: str, by: str) -> None:
    """Link one of a contact's living records, by its key, in place of the one of the same CRM."""
    _append(lane, LinkChosen(entity=entity, record=record, by=by))


def pause(lane: Lane, by: str, why: str = "") -> None:
    """Stop all writing; changes are still taken in and decided."""
    _append(lane, Paused(by=by, why=why))


def resume(lane: Lane, by: str) -> None:
    """Let writing go on."""
    _append(lane, Resumed(by=by))


def redrive(lane: Lane, letter: str, by: str) -> str:
    """Decide the contact of a dead letter anew, by what is known now; returns the contact.

    Raises:
        KeyError: if there is no such letter.
    """
    entity = views.letter(lane, letter).entity
    _append(lane, SyncRequested(entity=entity, cause="redrive", by=by, request=new_id()))
    return entity


def discard(lane: Lane, letter: str, by: str, why: str) -> None:
    """Close a dead letter on purpose.

    Raises:
        KeyError: if there is no such letter.
    """
    views.letter(lane, letter)
    _append(lane, LetterDiscarded(letter=letter, by=by, why=why))


def clear(lane: Lane, name: str, by: str) -> None:
    """Let a suspended target (``hubspot``, ``salesforce``) or a guard that tripped go on."""
    _append(lane, SuspensionCleared(name=name, by=by))


def start_job(lane: Lane, kind: str, by: str, *, list_id: str = "", object_name: str = "") -> str:
    """Begin a bulk sync, ``all`` or ``list``; it goes on in portions. Returns its id."""
    return _start(lane, Job(new_id(), kind, by, list_id=list_id, object=object_name))


def importable(lane: Lane, only: str = "") -> list[str]:
    """The Salesforce objects that an import takes: all that sync, or the one called so in any letters.

    Empty if there is none of that name.
    """
    known = (name for kind in lane.policy().kinds.values() for name in kind.kind.salesforce)
    return [name for name in known if only.lower() in {"", name.lower()}]


def start_import(lane: Lane, by: str, objects: Sequence[str], where: str = "") -> str:
    """Begin an import of Salesforce's records that meet a condition; it goes on in portions."""
    return _start(lane, Job(new_id(), "import", by, objects=tuple(objects), where=where))


def _start(lane: Lane, job: Job) -> str:
    Jobs(lane).start(job)
    return job.id


def _append(lane: Lane, event: AnyEvent) -> None:
    lane.log.append([(bytes.fromhex(new_id()), encode(event))])
